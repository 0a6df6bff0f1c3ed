//! The processes and descriptors that there are at a point of a story.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use sysflow_event::Fd;
use sysflow_event::process::Image;

/// The address of the machine.
pub(crate) const OWN_IPV4: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 5);
/// The same in the sixth version.
pub(crate) const OWN_IPV6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 5);

/// The kernel keeps so much of a thread's name.
const NAME_LENGTH: usize = 15;

/// What a thread is.
#[derive(Clone, Debug, Default)]
pub(crate) struct Thread {
    pub(crate) tid: i64,
    pub(crate) pid: i64,
    pub(crate) parent: i64,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    pub(crate) login_uid: u32,
    pub(crate) terminal: u32,
    /// The kernel's short name.
    pub(crate) name: Vec<u8>,
    /// `argv[0]`.
    pub(crate) exe: Vec<u8>,
    /// The path of the executable.
    pub(crate) path: Vec<u8>,
    /// `argv[1..]` with a NUL after each.
    pub(crate) arguments: Vec<u8>,
    /// `NAME=value` with a NUL after each.
    pub(crate) environment: Vec<u8>,
    pub(crate) directory: Vec<u8>,
    /// Control groups with a NUL after each.
    pub(crate) cgroups: Vec<u8>,
    /// The process as its own namespace numbers it.
    pub(crate) namespace_pid: i64,
    /// Facts about the executable.
    pub(crate) exe_flags: u32,
}

impl Thread {
    /// What clones and executions tell of it.
    pub(crate) fn image(&self) -> Image<'_> {
        let in_namespace = self.namespace_pid != self.pid;
        Image {
            exe: Some(&self.exe),
            arguments: Some(&self.arguments),
            comm: Some(&self.name),
            directory: Some(&self.directory),
            cgroups: Some(&self.cgroups),
            tid: Some(self.tid),
            pid: Some(self.pid),
            parent: Some(self.parent),
            uid: Some(self.uid),
            gid: Some(self.gid),
            namespace_tid: Some(if in_namespace && self.tid == self.pid {
                self.namespace_pid
            } else {
                self.tid
            }),
            namespace_pid: Some(self.namespace_pid),
        }
    }
}

/// What the kernel calls a program with this path.
pub(crate) fn short_name(path: &[u8]) -> Vec<u8> {
    let name = path.rsplit(|byte| *byte == b'/').next().unwrap_or(path);
    name[..name.len().min(NAME_LENGTH)].to_vec()
}

/// A socket.
#[derive(Clone, Debug, Default)]
pub(crate) struct Socket {
    pub(crate) local: Option<SocketAddr>,
    pub(crate) remote: Option<SocketAddr>,
    /// The path of a unix socket.
    pub(crate) path: Option<Vec<u8>>,
}

/// What a descriptor stands for, as far as later steps need it.
#[derive(Clone, Debug)]
pub(crate) enum Descriptor {
    Socket(Socket),
    Other,
}

/// A container.
#[derive(Clone, Debug)]
pub(crate) struct Container {
    pub(crate) id: String,
}

impl Container {
    /// The short id.
    pub(crate) fn short_id(&self) -> &str {
        &self.id[..12]
    }
}

/// All of them.
#[derive(Debug, Default)]
pub(crate) struct Stage {
    threads: BTreeMap<i64, Thread>,
    descriptors: BTreeMap<i64, BTreeMap<Fd, Descriptor>>,
    containers: BTreeMap<String, Container>,
    ports: u16,
}

/// The first descriptor that is given out: those before it are the standard ones.
const FIRST_FD: Fd = 3;
/// Ports of clients are from here on.
const FIRST_PORT: u16 = 40_000;

impl Stage {
    pub(crate) fn add(&mut self, thread: Thread) {
        self.threads.insert(thread.tid, thread);
    }

    pub(crate) fn get(&self, tid: i64) -> Option<&Thread> {
        self.threads.get(&tid)
    }

    /// A thread, or why there is none.
    pub(crate) fn thread(&self, tid: i64) -> Result<&Thread, String> {
        self.threads.get(&tid).ok_or_else(|| {
            let known: Vec<String> = self.threads.keys().map(ToString::to_string).collect();
            format!(
                "there is no process or thread {tid} at this point, only {}: tell of it with `process`, `fork` \
                 or `thread` first",
                known.join(", ")
            )
        })
    }

    pub(crate) fn thread_mut(&mut self, tid: i64) -> Option<&mut Thread> {
        self.threads.get_mut(&tid)
    }

    /// All threads of a process.
    pub(crate) fn threads_of(&self, pid: i64) -> Vec<i64> {
        let threads = self.threads.values();
        let own = threads.filter(|thread| thread.pid == pid);
        own.map(|thread| thread.tid).collect()
    }

    /// A thread has ended; its children go to another process.
    pub(crate) fn remove(&mut self, tid: i64, reaper: i64) {
        let Some(thread) = self.threads.remove(&tid) else {
            return;
        };
        if thread.tid == thread.pid {
            self.descriptors.remove(&thread.pid);
            for child in self.threads.values_mut() {
                if child.parent == thread.pid {
                    child.parent = reaper;
                }
            }
        }
    }

    /// A process has the descriptors of its parent.
    pub(crate) fn inherit(&mut self, parent: i64, child: i64) {
        if let Some(table) = self.descriptors.get(&parent).cloned() {
            self.descriptors.insert(child, table);
        }
    }

    /// The lowest descriptor that a process has free.
    pub(crate) fn free_fd(&self, pid: i64) -> Fd {
        let Some(table) = self.descriptors.get(&pid) else {
            return FIRST_FD;
        };
        let mut free = FIRST_FD;
        for fd in table.range(FIRST_FD..).map(|(fd, _)| *fd) {
            if fd != free {
                break;
            }
            free += 1;
        }
        free
    }

    pub(crate) fn open(&mut self, pid: i64, fd: Fd, descriptor: Descriptor) {
        self.descriptors
            .entry(pid)
            .or_default()
            .insert(fd, descriptor);
    }

    pub(crate) fn close(&mut self, pid: i64, fd: Fd) {
        if let Some(table) = self.descriptors.get_mut(&pid) {
            table.remove(&fd);
        }
    }

    pub(crate) fn descriptor(&self, pid: i64, fd: Fd) -> Option<&Descriptor> {
        self.descriptors.get(&pid)?.get(&fd)
    }

    /// Fails where a process has no such descriptor. Those of standard input and output are always there.
    pub(crate) fn expect_fd(&self, pid: i64, fd: Fd) -> Result<(), String> {
        if (0..FIRST_FD).contains(&fd) || self.descriptor(pid, fd).is_some() {
            return Ok(());
        }
        let table = self.descriptors.get(&pid);
        let known: Vec<String> = table
            .into_iter()
            .flatten()
            .map(|(fd, _)| fd.to_string())
            .collect();
        let known = if known.is_empty() {
            "none".to_owned()
        } else {
            format!("only {}", known.join(", "))
        };
        Err(format!(
            "process {pid} has no descriptor {fd} open at this point ({known}): open it first, or say \
             `result: -EBADF`"
        ))
    }

    pub(crate) fn socket_mut(&mut self, pid: i64, fd: Fd) -> Option<&mut Socket> {
        match self.descriptors.get_mut(&pid)?.get_mut(&fd)? {
            Descriptor::Socket(socket) => Some(socket),
            Descriptor::Other => None,
        }
    }

    pub(crate) fn socket(&self, pid: i64, fd: Fd) -> Option<&Socket> {
        match self.descriptor(pid, fd)? {
            Descriptor::Socket(socket) => Some(socket),
            Descriptor::Other => None,
        }
    }

    /// The last descriptor that a process has opened, where a step names none.
    pub(crate) fn last_fd(&self, pid: i64, sockets_only: bool) -> Option<Fd> {
        let table = self.descriptors.get(&pid)?;
        let mut open = table.iter().rev();
        let found = open.find(|(_, open)| !sockets_only || matches!(open, Descriptor::Socket(_)));
        found.map(|(fd, _)| *fd)
    }

    /// An address of this machine with a port that nobody has.
    pub(crate) fn own_end(&mut self, like: SocketAddr) -> SocketAddr {
        let port = FIRST_PORT + self.ports % 20_000;
        self.ports = self.ports.wrapping_add(1);
        let ip: IpAddr = match like.ip() {
            ip if ip.is_loopback() => ip,
            IpAddr::V4(_) => OWN_IPV4.into(),
            IpAddr::V6(_) => OWN_IPV6.into(),
        };
        SocketAddr::new(ip, port)
    }

    pub(crate) fn container(&self, name: &str) -> Option<&Container> {
        self.containers.get(name)
    }

    pub(crate) fn add_container(&mut self, name: &str, container: Container) {
        self.containers.insert(name.to_owned(), container);
    }
}

/// An id for a container of which nothing but the name is told: the same each time.
pub(crate) fn container_id(name: &str) -> String {
    // FNV-1a, carried on for as many digits as an id has.
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    let mut id = String::with_capacity(64);
    for round in 0..4_u8 {
        for byte in name.bytes().chain([round]) {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
        // Writing into memory does not fail.
        let _ = write!(id, "{hash:016x}");
    }
    id
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descriptors_are_given_out_from_the_lowest() {
        let mut stage = Stage::default();
        assert_eq!(stage.free_fd(1), 3);
        for fd in [3, 4, 6] {
            stage.open(1, fd, Descriptor::Other);
        }
        assert_eq!(stage.free_fd(1), 5);
        stage.close(1, 3);
        assert_eq!(stage.free_fd(1), 3);
        assert!(stage.expect_fd(1, 9).unwrap_err().contains("only 4, 6"));
        assert_eq!(stage.expect_fd(1, 0), Ok(()));
    }

    #[test]
    fn names_are_as_short_as_the_kernels() {
        assert_eq!(
            short_name(b"/usr/lib/systemd/systemd-journald"),
            b"systemd-journal"
        );
        assert_eq!(container_id("web").len(), 64);
        assert_ne!(container_id("web")[..12], container_id("db")[..12]);
    }
}
