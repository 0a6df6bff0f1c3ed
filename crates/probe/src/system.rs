//! The few questions to the system that only its C interface answers.
#![allow(unsafe_code)]

use std::ffi::CStr;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::fd::{FromRawFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::thread::{CapabilitySet, CapabilitySets, capabilities, set_capabilities};

use crate::error::Error;

/// Has the kernel measure how long programs run, for as long as the descriptor is open.
pub(crate) fn measure_run_times() -> Result<OwnedFd, Error> {
    // SAFETY: takes a number and returns a descriptor or an error.
    let fd = unsafe {
        libbpf_rs::libbpf_sys::bpf_enable_stats(libbpf_rs::libbpf_sys::BPF_STATS_RUN_TIME)
    };
    if fd < 0 {
        return Err(Error::Refused {
            what: "measure run times".to_owned(),
            reason: io::Error::from_raw_os_error(-fd).to_string(),
            hint: String::new(),
            log: String::new(),
        });
    }
    // SAFETY: the descriptor is new, and nobody else has it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Gives up all rights of the calling thread but those that reading needs: see [`crate::Probe::drop_privileges`].
pub(crate) fn drop_privileges(written: &[PathBuf]) -> Result<(), Error> {
    let failed = |error: rustix::io::Errno| Error::Read {
        what: "give up privileges",
        reason: error.into(),
    };
    // Who was given single capabilities may not have all of these.
    let held = capabilities(None).map_err(failed)?.permitted;
    let reading =
        held & (CapabilitySet::BPF | CapabilitySet::SYS_PTRACE | CapabilitySet::DAC_READ_SEARCH);
    let writing = held & CapabilitySet::DAC_OVERRIDE;
    let keep = |effective, permitted| {
        let sets = CapabilitySets {
            effective,
            permitted,
            inheritable: CapabilitySet::empty(),
        };
        set_capabilities(None, sets).map_err(failed)
    };
    keep(reading, reading | writing)?;
    let kept = if written.iter().all(|path| is_writable(path)) {
        reading
    } else {
        reading | writing
    };
    keep(kept, kept)?;
    // What is given up does not come back with a program that is run.
    rustix::thread::set_no_new_privs(true).map_err(failed)
}

/// Whether the calling thread may write there as it is, or there is nothing yet.
fn is_writable(path: &Path) -> bool {
    use rustix::fs::{Access, AtFlags, CWD, accessat};
    let access = accessat(CWD, path, Access::WRITE_OK, AtFlags::EACCESS);
    matches!(access, Ok(()) | Err(rustix::io::Errno::NOENT))
}

/// Whether there is a process with an id.
pub(crate) fn is_alive(pid: u32) -> bool {
    rustix::process::Pid::from_raw(pid as i32)
        .is_some_and(|pid| rustix::process::test_kill_process(pid) != Err(rustix::io::Errno::SRCH))
}

/// Addresses of this machine, with the bits that name the network.
pub(crate) fn addresses() -> Vec<(IpAddr, IpAddr)> {
    let mut all = Vec::new();
    let mut list = std::ptr::null_mut();
    // SAFETY: the list is written where the pointer leads, on success only.
    if unsafe { libc::getifaddrs(&raw mut list) } != 0 {
        return all;
    }
    let mut next = list;
    while !next.is_null() {
        // SAFETY: entries are valid until the list is freed below.
        let entry = unsafe { &*next };
        if let (Some(address), Some(mask)) = (ip(entry.ifa_addr), ip(entry.ifa_netmask)) {
            all.push((address, mask));
        }
        next = entry.ifa_next;
    }
    // SAFETY: made by getifaddrs, freed once.
    unsafe { libc::freeifaddrs(list) };
    all
}

fn ip(address: *const libc::sockaddr) -> Option<IpAddr> {
    if address.is_null() {
        return None;
    }
    // SAFETY: not null, and at least as long as its family's structure, which is told by its first member.
    unsafe {
        match i32::from((*address).sa_family) {
            libc::AF_INET => {
                let inet = address.cast::<libc::sockaddr_in>().read_unaligned();
                Some(Ipv4Addr::from(inet.sin_addr.s_addr.to_ne_bytes()).into())
            }
            libc::AF_INET6 => {
                let inet = address.cast::<libc::sockaddr_in6>().read_unaligned();
                Some(Ipv6Addr::from(inet.sin6_addr.s6_addr).into())
            }
            _ => None,
        }
    }
}

/// The name of this machine.
pub(crate) fn host_name() -> Vec<u8> {
    let uname = rustix::system::uname();
    let name: &CStr = uname.nodename();
    name.to_bytes().to_vec()
}
