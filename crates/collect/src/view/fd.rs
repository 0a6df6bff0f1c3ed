//! Fields of the descriptor that an operation makes or works on.

use std::io::Write as _;
use std::net::{IpAddr, SocketAddr};

use sysflow_event::Operation;
use sysflow_event::descriptor::SpecialKind;
use sysflow_event::network::Protocol;
use sysflow_field::{Limits, Value};

use super::EventView;
use crate::state::descriptor::{Descriptor, Ends, Kind, NOWHERE, Role};
use crate::text::resolve_into;

const UPPER_LAYER: u32 = 0x8000;
const LOWER_LAYER: u32 = 0x1_0000;

event_fields! {
    FD_NUM = "fd.num": Int, "Number of the descriptor; negative where there is none."
        => value |v| Some(Value::Int(i64::from(v.fd?)));
    FD_NAME = "fd.name": Text,
        "Path of a file; client:port->server:port of a connection; path of a unix socket."
        => text |v, out| v.write_descriptor_name(out);
    FD_NAMERAW = "fd.nameraw": Text, "Path as the program gave it."
        => text |v, out| v.write_raw_name(out);
    FD_TYPECHAR = "fd.typechar": Text, "One letter for the type; o where there is no descriptor."
        => value |v| { v.fd?; Some(Value::Text(v.descriptor().map_or("o", |d| words(d).0).as_bytes())) };
    FD_TYPE = "fd.type": Text, "file, directory, ipv4, ipv6, unix, pipe …"
        => value |v| Some(Value::Text(words(v.descriptor()?).1.as_bytes()));
    FD_UID = "fd.uid": Text, "Thread and number of the descriptor, together."
        => text |v, out| { let _ = write!(out, "{}{}", v.main()?.pid, v.fd?); Some(()) };
    FD_DIRECTORY = "fd.directory": Path, "Directory of a file's path."
        => text |v, out| {
            if v.descriptor().is_some_and(|d| !matches!(d.kind, Kind::File | Kind::Directory)) {
                return None;
            }
            v.write_descriptor_name(out)?;
            if !v.descriptor().is_some_and(|d| d.kind == Kind::Directory) {
                let slash = out.iter().rposition(|byte| *byte == b'/');
                out.truncate(slash.unwrap_or_default());
            }
            if out.is_empty() { out.push(b'/'); }
            Some(())
        };
    FD_FILENAME = "fd.filename": Text, "Last part of a file's path."
        => value |v| {
            let descriptor = v.descriptor().filter(|d| d.kind == Kind::File)?;
            let path = &*descriptor.path;
            let start = path.iter().rposition(|byte| *byte == b'/').map_or(0, |slash| slash + 1);
            Some(Value::Text(if start == path.len() { b"/" } else { &path[start..] }))
        };
    FD_CONTAINERNAME = "fd.containername": Text, "Container id and name of the descriptor."
        => text |v, out| { v.write_container(out); out.push(b':'); v.write_descriptor_name(out) };
    FD_INO = "fd.ino": Int, "Inode; 0 when unknown."
        => value |v| Some(Value::Int(v.descriptor()?.inode as i64));
    FD_DEV = "fd.dev": Text, "Device in sixteens; 0 when unknown."
        => text |v, out| { let _ = write!(out, "{:X}", v.descriptor()?.device); Some(()) };
    FD_DEV_MAJOR = "fd.dev.major": Int, "Class of the device."
        => value |v| Some(Value::Int((v.descriptor()?.device >> 8 & 0xfff) as i64));
    FD_DEV_MINOR = "fd.dev.minor": Int, "Number of the device in its class."
        => value |v| {
            let device = v.descriptor()?.device;
            Some(Value::Int((device & 0xff | device >> 12 & 0xf_ff00) as i64))
        };
    FD_IS_UPPER = "fd.is_upper_layer": Bool, "Whether the file lies in the upper layer of an overlay."
        => value |v| Some(Value::Bool(v.descriptor()?.flags & UPPER_LAYER != 0));
    FD_IS_LOWER = "fd.is_lower_layer": Bool, "Whether the file lies in a lower layer of an overlay."
        => value |v| Some(Value::Bool(v.descriptor()?.flags & LOWER_LAYER != 0));
    FD_NAME_CHANGED = "fd.name_changed": Bool, "Whether this event changed the name."
        => value |v| { v.descriptor()?; Some(Value::Bool(v.is_name_changed)) };
    FD_CONNECTED = "fd.connected": Bool, "Whether a socket is connected."
        => value |v| Some(Value::Bool(is_connected(v.descriptor()?)));
    FD_IS_SERVER = "fd.is_server": Bool, "Whether the socket is that of the server."
        => value |v| Some(Value::Bool(v.descriptor()?.role == Role::Server));
    FD_SOCKFAMILY = "fd.sockfamily": Text, "ip or unix."
        => value |v| match v.descriptor()?.kind {
            Kind::Internet | Kind::Listener => Some(Value::Text(b"ip")),
            Kind::Unix => Some(Value::Text(b"unix")),
            _ => None,
        };
    FD_L4PROTO = "fd.l4proto": Text, "tcp, udp, icmp or raw; <NA> for what is no IP socket."
        => value |v| Some(Value::Text(protocol(v.descriptor()?)));
    FD_CIP = "fd.cip": Ip, "Address of the client."
        => value |v| v.client().map(|end| Value::Ip(end.ip()));
    FD_SIP = "fd.sip": Ip, "Address of the server."
        => value |v| v.server().map(|end| Value::Ip(end.ip()));
    FD_LIP = "fd.lip": Ip, "Address of this machine."
        => value |v| v.local_and_remote().map(|(local, _)| Value::Ip(local.ip()));
    FD_RIP = "fd.rip": Ip, "Address of the other machine."
        => value |v| v.local_and_remote().map(|(_, remote)| Value::Ip(remote.ip()));
    FD_IP = "fd.ip": Ip { list: true, limits: Limits::FILTER }, "Addresses of client and server."
        => each |v, _, emit| {
            for end in [v.client(), v.server()].into_iter().flatten() {
                emit.value(Value::Ip(end.ip()));
            }
        };
    FD_CNET = "fd.cnet": Net { limits: Limits::FILTER }, "Address of the client, to be compared with networks."
        => value |v| v.client().map(|end| Value::Ip(end.ip()));
    FD_SNET = "fd.snet": Net { limits: Limits::FILTER }, "Address of the server, to be compared with networks."
        => value |v| v.server().map(|end| Value::Ip(end.ip()));
    FD_LNET = "fd.lnet": Net { limits: Limits::FILTER }, "Address of this machine, to be compared with networks."
        => value |v| v.local_and_remote().map(|(local, _)| Value::Ip(local.ip()));
    FD_RNET = "fd.rnet": Net { limits: Limits::FILTER }, "Address of the other machine, to be compared with networks."
        => value |v| v.local_and_remote().map(|(_, remote)| Value::Ip(remote.ip()));
    FD_NET = "fd.net": Net { list: true, limits: Limits::FILTER },
        "Addresses of client and server, to be compared with networks."
        => each |v, _, emit| {
            for end in [v.client(), v.server()].into_iter().flatten() {
                emit.value(Value::Ip(end.ip()));
            }
        };
    FD_CPORT = "fd.cport": Port, "Port of the client."
        => value |v| v.client().map(|end| Value::Int(end.port().into()));
    FD_SPORT = "fd.sport": Port, "Port of the server."
        => value |v| v.server().map(|end| Value::Int(end.port().into()));
    FD_LPORT = "fd.lport": Port, "Port of this machine."
        => value |v| v.local_and_remote().map(|(local, _)| Value::Int(local.port().into()));
    FD_RPORT = "fd.rport": Port, "Port of the other machine."
        => value |v| v.local_and_remote().map(|(_, remote)| Value::Int(remote.port().into()));
    FD_PORT = "fd.port": Port { list: true, limits: Limits::FILTER }, "Ports of client and server."
        => each |v, _, emit| {
            for end in [v.client(), v.server()].into_iter().flatten() {
                emit.value(Value::Int(end.port().into()));
            }
        };
}

/// Letter and word for a kind of descriptor.
const fn words(descriptor: &Descriptor) -> (&'static str, &'static str) {
    match descriptor.kind {
        Kind::File => ("f", "file"),
        Kind::Directory => ("d", "directory"),
        Kind::Pipe => ("p", "pipe"),
        Kind::Unix => ("u", "unix"),
        Kind::Internet | Kind::Listener if descriptor.is_ipv6 => ("6", "ipv6"),
        Kind::Internet | Kind::Listener => ("4", "ipv4"),
        Kind::Special(SpecialKind::Event) => ("e", "event"),
        Kind::Special(SpecialKind::Signal) => ("s", "signalfd"),
        Kind::Special(SpecialKind::Epoll) => ("l", "eventpoll"),
        Kind::Special(SpecialKind::Inotify) => ("i", "inotify"),
        Kind::Special(SpecialKind::Timer) => ("t", "timerfd"),
        Kind::Special(SpecialKind::Bpf) => ("b", "bpf"),
        Kind::Special(SpecialKind::UserFault) => ("u", "userfaultfd"),
        Kind::Special(SpecialKind::IoUring) => ("r", "io_uring"),
        Kind::Special(SpecialKind::MemoryFile) => ("m", "memfd"),
        Kind::Special(SpecialKind::Process) => ("P", "pidfd"),
        Kind::Special(SpecialKind::Netlink) => ("n", "netlink"),
        Kind::Special(SpecialKind::Other) => ("o", "other"),
    }
}

const fn is_internet(descriptor: &Descriptor) -> bool {
    matches!(descriptor.kind, Kind::Internet | Kind::Listener)
}

/// The name of the protocol. Of a socket without a name nothing is said.
fn protocol(descriptor: &Descriptor) -> &'static [u8] {
    if !is_internet(descriptor) || descriptor.ends == Ends::NOWHERE {
        return b"<NA>";
    }
    match descriptor.protocol {
        Protocol::Tcp => b"tcp",
        Protocol::Udp => b"udp",
        Protocol::Icmp => b"icmp",
        Protocol::Raw => b"raw",
        Protocol::Unknown => b"<NA>",
    }
}

fn is_connected(descriptor: &Descriptor) -> bool {
    match descriptor.kind {
        Kind::Internet => {
            descriptor.ends.source != NOWHERE && descriptor.ends.destination != NOWHERE
        }
        Kind::Unix => descriptor.path.windows(2).any(|pair| pair == b"->"),
        _ => false,
    }
}

/// `<4t>` and the like, before the name in arguments.
pub(super) fn write_kind(descriptor: &Descriptor, out: &mut Vec<u8>) {
    out.push(b'<');
    out.extend_from_slice(words(descriptor).0.as_bytes());
    match protocol(descriptor) {
        b"tcp" => out.push(b't'),
        b"udp" => out.push(b'u'),
        b"icmp" => out.push(b'i'),
        b"raw" => out.push(b'r'),
        _ => {}
    }
    out.push(b'>');
}

pub(super) fn write_name(descriptor: &Descriptor, out: &mut Vec<u8>) {
    let Ends {
        source,
        destination,
    } = descriptor.ends;
    // Writing into memory does not fail.
    let _ = match descriptor.kind {
        Kind::Listener => write!(out, "{source}"),
        Kind::Internet if source == NOWHERE && destination == NOWHERE => Ok(()),
        Kind::Internet if source == NOWHERE => write!(out, "{destination}"),
        Kind::Internet => write!(out, "{source}->{destination}"),
        _ => {
            out.extend_from_slice(&descriptor.path);
            Ok(())
        }
    };
}

impl EventView<'_> {
    fn write_descriptor_name(&self, out: &mut Vec<u8>) -> Option<()> {
        self.fd?;
        if let Some(descriptor) = self.descriptor() {
            write_name(descriptor, out);
        } else if let Operation::Open(open) = &self.event.operation {
            // A failed open is still asked for what it meant.
            let path = open.path.path.unwrap_or_default();
            let at = self.arguments.position("dirfd").filter(|_| open.path.is_at);
            if path.starts_with(b"/") {
                resolve_into(out, b"", path, false);
            } else {
                self.write_path(at, path, out);
            }
        }
        Some(())
    }

    fn write_raw_name(&self, out: &mut Vec<u8>) -> Option<()> {
        self.fd?;
        let raw = match (self.descriptor(), &self.event.operation) {
            (Some(descriptor), _) if !matches!(descriptor.kind, Kind::File | Kind::Directory) => {
                b""
            }
            (Some(descriptor), _) => descriptor.raw_path.as_deref().unwrap_or(&descriptor.path),
            (None, Operation::Open(open)) => open.path.path.unwrap_or_default(),
            (None, _) => b"",
        };
        for byte in raw {
            if *byte != b'/' || out.last() != Some(&b'/') {
                out.push(*byte);
            }
        }
        Some(())
    }

    fn ends(&self) -> Option<&Descriptor> {
        self.descriptor()
            .filter(|descriptor| is_internet(descriptor) && descriptor.ends != Ends::NOWHERE)
    }

    fn client(&self) -> Option<SocketAddr> {
        let descriptor = self
            .ends()
            .filter(|descriptor| descriptor.kind == Kind::Internet)?;
        (descriptor.role != Role::None).then_some(descriptor.ends.source)
    }

    fn server(&self) -> Option<SocketAddr> {
        let descriptor = self.ends()?;
        match descriptor.kind {
            Kind::Listener => Some(descriptor.ends.source),
            _ => (descriptor.role != Role::None).then_some(descriptor.ends.destination),
        }
    }

    /// The ends of a connection by where they are: what has an address of this machine, else by role.
    fn local_and_remote(&self) -> Option<(SocketAddr, SocketAddr)> {
        let (client, server) = (self.client()?, self.server()?);
        let is_own = |ip: IpAddr| ip.is_loopback() || self.interfaces.has(ip);
        let client_is_local = match (is_own(client.ip()), is_own(server.ip())) {
            (true, _) => true,
            (false, true) => false,
            (false, false) => self.descriptor()?.role == Role::Client,
        };
        Some(if client_is_local {
            (client, server)
        } else {
            (server, client)
        })
    }
}
