//! From the kernel's numbers to those of events, which are the same on every architecture.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use sysflow_event::network::{Address, Protocol, Tuple};

use crate::interface::{File, Peer, Socket, fact};

/// A bit of the kernel and the bit that events have for it.
type Bit = (i32, u32);

const OPEN: [Bit; 8] = [
    (libc::O_CREAT, 4),
    (libc::O_APPEND, 8),
    (libc::O_EXCL, 0x20),
    (libc::O_NONBLOCK, 0x40),
    (libc::O_TRUNC, 0x100),
    (libc::O_DIRECT, 0x200),
    (libc::O_DIRECTORY, 0x400),
    (libc::O_CLOEXEC, 0x1000),
];

/// Flags of opens. What the kernel puts in by itself (large files) is left out.
pub(crate) fn open_flags(kernel: u32) -> u32 {
    let kernel = kernel as i32;
    let mut flags = match kernel & libc::O_ACCMODE {
        libc::O_RDONLY => 1,
        libc::O_WRONLY => 2,
        _ => 3,
    };
    for (bit, own) in OPEN {
        if kernel & bit != 0 {
            flags |= own;
        }
    }
    if kernel & libc::O_SYNC == libc::O_SYNC {
        flags |= 0x80;
    } else if kernel & libc::O_DSYNC != 0 {
        flags |= 0x10;
    }
    if kernel & libc::O_TMPFILE == libc::O_TMPFILE {
        flags |= 0x2000;
    }
    flags
}

/// What an opened file adds to the flags: whether it was created, and where in an overlay it lies.
pub(crate) fn file_flags(file: &File) -> u32 {
    /// `FMODE_CREATED`
    const CREATED: u32 = 1 << 20;
    let mut flags = 0;
    if file.access & CREATED != 0 {
        flags |= 0x4000;
    }
    if file.facts & fact::UPPER != 0 {
        flags |= 0x8000;
    }
    if file.facts & fact::LOWER != 0 {
        flags |= 0x1_0000;
    }
    flags
}

const CLONE: [Bit; 23] = [
    (libc::CLONE_FILES, 1),
    (libc::CLONE_FS, 2),
    (libc::CLONE_IO, 4),
    (libc::CLONE_NEWIPC, 8),
    (libc::CLONE_NEWNET, 0x10),
    (libc::CLONE_NEWNS, 0x20),
    (libc::CLONE_NEWPID, 0x40),
    (libc::CLONE_NEWUTS, 0x80),
    (libc::CLONE_PARENT, 0x100),
    (libc::CLONE_PARENT_SETTID, 0x200),
    (libc::CLONE_PTRACE, 0x400),
    (libc::CLONE_SIGHAND, 0x800),
    (libc::CLONE_SYSVSEM, 0x1000),
    (libc::CLONE_THREAD, 0x2000),
    (libc::CLONE_UNTRACED, 0x4000),
    (libc::CLONE_VM, 0x8000),
    (libc::CLONE_NEWUSER, 0x10_0000),
    (libc::CLONE_CHILD_CLEARTID, 0x80_0000),
    (libc::CLONE_CHILD_SETTID, 0x100_0000),
    (libc::CLONE_SETTLS, 0x200_0000),
    (libc::CLONE_VFORK, 0x800_0000),
    (libc::CLONE_NEWCGROUP, 0x1000_0000),
    (libc::CLONE_PIDFD, 0),
];

fn mapped(kernel: u32, bits: &[Bit]) -> u32 {
    bits.iter()
        .filter(|(bit, _)| kernel & *bit as u32 != 0)
        .fold(0, |all, (_, own)| all | own)
}

/// Flags of clones, and kinds of namespaces.
pub(crate) fn clone_flags(kernel: u64) -> u32 {
    mapped(kernel as u32, &CLONE)
}

const MAP: [Bit; 11] = [
    (libc::MAP_SHARED, 1),
    (libc::MAP_PRIVATE, 2),
    (libc::MAP_FIXED, 4),
    (libc::MAP_ANONYMOUS, 8),
    (libc::MAP_NORESERVE, 0x40),
    (libc::MAP_POPULATE, 0x80),
    (libc::MAP_NONBLOCK, 0x100),
    (libc::MAP_GROWSDOWN, 0x200),
    (libc::MAP_DENYWRITE, 0x400),
    (libc::MAP_EXECUTABLE, 0x800),
    (libc::MAP_LOCKED, 0x4000),
];

/// Flags of mappings.
pub(crate) fn map_flags(kernel: u32) -> u32 {
    mapped(kernel, &MAP)
}

/// What may be done with mapped memory: the lowest bits are alike.
pub(crate) const fn protection(kernel: u32) -> u32 {
    kernel & 0xf
}

/// Flags of `unlinkat`.
pub(crate) fn unlink_flags(kernel: u32) -> u32 {
    mapped(kernel, &[(libc::AT_REMOVEDIR, 0x200)])
}

/// Flags of `linkat`.
pub(crate) fn link_flags(kernel: u32) -> u32 {
    mapped(
        kernel,
        &[
            (libc::AT_SYMLINK_FOLLOW, 0x400),
            (libc::AT_EMPTY_PATH, 0x1000),
        ],
    )
}

/// Flags of `fchownat`.
pub(crate) fn owner_flags(kernel: u32) -> u32 {
    mapped(
        kernel,
        &[
            (libc::AT_SYMLINK_NOFOLLOW, 0x400),
            (libc::AT_EMPTY_PATH, 0x1000),
        ],
    )
}

/// Flags of `execveat`.
pub(crate) fn exec_flags(kernel: u32) -> u32 {
    mapped(
        kernel,
        &[(libc::AT_EMPTY_PATH, 1), (libc::AT_SYMLINK_NOFOLLOW, 2)],
    )
}

/// How `openat2` resolves paths.
pub(crate) const fn resolve_flags(kernel: u64) -> u32 {
    // The kernel: no crossing of mounts 1, no magic links 2, no links 4, beneath 8, in root 16, cached 32.
    let kernel = kernel as u32;
    (kernel & 1) << 4
        | (kernel & 2) << 1
        | (kernel & 4) << 1
        | (kernel & 8) >> 3
        | (kernel & 16) >> 3
        | kernel & 32
}

/// Flags of `memfd_create`, `umount2`, `renameat2`, `close_range` and such: alike in their lowest bits.
pub(crate) const fn same(kernel: u64) -> u32 {
    kernel as u32
}

/// Requests of `ptrace`.
pub(crate) const fn trace_request(kernel: u64) -> u32 {
    match kernel {
        0 => 1,
        1..=9 => kernel as u32 + 1,
        12..=15 => kernel as u32 + 0xe,
        16 => 0xb,
        17 => 0xc,
        18 => 0x1e,
        19 => 0x1f,
        21 => 0x20,
        24 => 0xd,
        25 => 0x21,
        26 => 0x22,
        30 => 0x23,
        31 => 0x24,
        32 => 0x25,
        33 => 0x26,
        0x4200 => 0xe,
        0x4201 => 0xf,
        0x4202 => 0x10,
        0x4203 => 0x11,
        0x4204 => 0x12,
        0x4205 => 0x13,
        0x4206 => 0x14,
        0x4207 => 0x15,
        0x4208 => 0x16,
        0x4209 => 0x17,
        0x420a => 0x18,
        0x420b => 0x19,
        _ => 0,
    }
}

/// Commands of `fcntl` that are told: those that copy a descriptor.
pub(crate) const fn descriptor_command(kernel: u32) -> u32 {
    if kernel == libc::F_DUPFD as u32 {
        1
    } else if kernel == libc::F_DUPFD_CLOEXEC as u32 {
        0x1a
    } else {
        0
    }
}

/// Flags that sockets and pipes have above their own: closed on execution, not blocking.
pub(crate) fn descriptor_flags(kernel: u32) -> u32 {
    mapped(
        kernel,
        &[(libc::O_CLOEXEC, 0x1000), (libc::O_NONBLOCK, 0x40)],
    )
}

/// An address of the internet in the bytes of a structure. IPv4 in IPv6 is IPv4.
fn ip(family: u16, bytes: [u8; 16]) -> Option<IpAddr> {
    match i32::from(family) {
        libc::AF_INET => {
            let [a, b, c, d, ..] = bytes;
            Some(Ipv4Addr::new(a, b, c, d).into())
        }
        libc::AF_INET6 => Some(IpAddr::V6(Ipv6Addr::from(bytes)).to_canonical()),
        _ => None,
    }
}

/// Both at once are of one family: an end that has no address yet takes that of the other.
fn alike(local: IpAddr, remote: IpAddr) -> (IpAddr, IpAddr) {
    let nowhere = |like: IpAddr| match like {
        IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
    };
    match (local, remote) {
        (IpAddr::V4(_), IpAddr::V6(_)) if remote.is_unspecified() => (local, nowhere(local)),
        (IpAddr::V6(_), IpAddr::V4(_)) if local.is_unspecified() => (nowhere(remote), remote),
        ends => ends,
    }
}

impl Peer {
    pub(crate) fn address(&self) -> Option<SocketAddr> {
        let ip = ip(self.family, self.address)?;
        Some(SocketAddr::new(ip, u16::from_be(self.port)))
    }
}

impl Socket {
    /// The local and the far end.
    pub(crate) fn ends(&self) -> Option<(SocketAddr, SocketAddr)> {
        let (local, remote) = alike(ip(self.family, self.local)?, ip(self.family, self.remote)?);
        Some((
            SocketAddr::new(local, self.local_port),
            SocketAddr::new(remote, self.remote_port),
        ))
    }

    /// Whether the far end is known.
    pub(crate) fn is_connected(&self) -> bool {
        self.ends()
            .is_some_and(|(_, remote)| remote.port() != 0 || !remote.ip().is_unspecified())
    }

    pub(crate) fn protocol(&self) -> Protocol {
        match (i32::from(self.ty), i32::from(self.protocol)) {
            (libc::SOCK_STREAM, _) => Protocol::Tcp,
            (_, libc::IPPROTO_UDP) => Protocol::Udp,
            (_, libc::IPPROTO_ICMP | libc::IPPROTO_ICMPV6) => Protocol::Icmp,
            (libc::SOCK_RAW, _) => Protocol::Raw,
            (libc::SOCK_DGRAM, _) => Protocol::Udp,
            _ => Protocol::Unknown,
        }
    }
}

/// A local end that has no address yet, in the family of the far end.
pub(crate) fn like(local: SocketAddr, remote: SocketAddr) -> SocketAddr {
    if local.is_ipv4() != remote.is_ipv4() && local.ip().is_unspecified() {
        let nowhere = if remote.is_ipv4() {
            Ipv4Addr::UNSPECIFIED.into()
        } else {
            Ipv6Addr::UNSPECIFIED.into()
        };
        return SocketAddr::new(nowhere, local.port());
    }
    local
}

/// Both ends of a socket, the client first.
pub(crate) fn tuple<'a>(socket: &Socket, path: Option<&'a [u8]>, is_server: bool) -> Tuple<'a> {
    if let Some((local, remote)) = socket.ends() {
        let (source, destination) = if is_server {
            (remote, local)
        } else {
            (local, remote)
        };
        return Tuple::Internet {
            source,
            destination,
        };
    }
    if i32::from(socket.family) == libc::AF_UNIX {
        let (source, peer) = if is_server {
            (socket.peer, socket.socket)
        } else {
            (socket.socket, socket.peer)
        };
        return Tuple::Unix {
            source,
            peer,
            path: unix_path(path.unwrap_or_default()),
        };
    }
    Tuple::Other(socket.family as u8)
}

/// A path of a unix socket without what follows its NUL. Names of the abstract space begin with one.
pub(crate) fn unix_path(path: &[u8]) -> &[u8] {
    match path.split_first() {
        Some((0, _)) | None => path,
        Some(_) => path.split(|byte| *byte == 0).next().unwrap_or_default(),
    }
}

/// An address as programs lay it out.
pub(crate) fn address(bytes: &[u8]) -> Option<Address<'_>> {
    let family = u16::from_ne_bytes(*bytes.first_chunk()?);
    let port = || Some(u16::from_be_bytes([*bytes.get(2)?, *bytes.get(3)?]));
    Some(match i32::from(family) {
        libc::AF_INET => {
            let ip: [u8; 4] = *bytes.get(4..8)?.first_chunk()?;
            Address::Internet(SocketAddr::new(IpAddr::from(ip), port()?))
        }
        libc::AF_INET6 => {
            let ip: [u8; 16] = *bytes.get(8..24)?.first_chunk()?;
            Address::Internet(SocketAddr::new(IpAddr::from(ip).to_canonical(), port()?))
        }
        libc::AF_UNIX => Address::Unix(unix_path(&bytes[2..])),
        _ => Address::Other(family as u8),
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use sysflow_scap::FlagSet;

    use super::*;

    /// The numbers here are those of the format that has names for them.
    #[test]
    fn flags_have_the_names_that_the_kernel_has_for_them() {
        let named = |set: &str, value: u32| -> Vec<&str> {
            FlagSet::find(set).unwrap().names_in(value).collect()
        };
        let flags = libc::O_WRONLY | libc::O_CREAT | libc::O_TRUNC | libc::O_CLOEXEC;
        let mut shown = named("file_flags", open_flags(flags as u32));
        shown.sort_unstable();
        assert_eq!(shown, ["O_CLOEXEC", "O_CREAT", "O_TRUNC", "O_WRONLY"]);
        assert_eq!(named("file_flags", open_flags(0)), ["O_RDONLY"]);
        for (kernel, own) in [
            (libc::PTRACE_TRACEME, "PTRACE_TRACEME"),
            (libc::PTRACE_ATTACH, "PTRACE_ATTACH"),
            (libc::PTRACE_SEIZE, "PTRACE_SEIZE"),
            (libc::PTRACE_POKEDATA, "PTRACE_POKEDATA"),
            (libc::PTRACE_SETREGS, "PTRACE_SETREGS"),
            (libc::PTRACE_SETOPTIONS, "PTRACE_SETOPTIONS"),
            (libc::PTRACE_CONT, "PTRACE_CONT"),
        ] {
            assert_eq!(
                named("ptrace_requests", trace_request(u64::from(kernel))),
                [own]
            );
        }
        for (kernel, own) in [
            (1, "RESOLVE_NO_XDEV"),
            (2, "RESOLVE_NO_MAGICLINKS"),
            (4, "RESOLVE_NO_SYMLINKS"),
            (8, "RESOLVE_BENEATH"),
            (16, "RESOLVE_IN_ROOT"),
            (32, "RESOLVE_CACHED"),
        ] {
            assert_eq!(named("openat2_flags", resolve_flags(kernel)), [own]);
        }
        for (kernel, own) in [
            (libc::CLONE_NEWNS, "CLONE_NEWNS"),
            (libc::CLONE_NEWUSER, "CLONE_NEWUSER"),
            (libc::CLONE_THREAD, "CLONE_THREAD"),
            (libc::CLONE_VFORK, "CLONE_VFORK"),
        ] {
            assert_eq!(named("clone_flags", clone_flags(kernel as u64)), [own]);
        }
        for (kernel, own) in [
            (libc::MAP_PRIVATE, "MAP_PRIVATE"),
            (libc::MAP_FIXED, "MAP_FIXED"),
            (libc::MAP_DENYWRITE, "MAP_DENYWRITE"),
        ] {
            assert_eq!(named("mmap_flags", map_flags(kernel as u32)), [own]);
        }
    }

    #[test]
    fn addresses_are_read_at_any_length() {
        let mut inet6 = vec![10, 0, 0x1f, 0x90, 0, 0, 0, 0];
        inet6.extend("::ffff:1.2.3.4".parse::<Ipv6Addr>().unwrap().octets());
        assert_eq!(
            address(&inet6),
            Some(Address::Internet("1.2.3.4:8080".parse().unwrap()))
        );
        assert_eq!(
            address(b"\x01\0/run/x\0rest"),
            Some(Address::Unix(b"/run/x"))
        );
        assert_eq!(address(b"\x01\0\0name"), Some(Address::Unix(b"\0name")));
        assert_eq!(address(b"\x10\0"), Some(Address::Other(16)));
        for length in 0..24 {
            let _ = address(&inet6[..length]);
        }
        assert_eq!(address(b"\x02"), None);
    }
}
