//! Sockets: their ends, names and roles.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use sysflow_event::descriptor::SpecialKind;
use sysflow_event::network::{
    Accept, Address, Bind, Connect, Protocol, Shutdown, Socket, SocketPair, Tuple,
};
use sysflow_event::{Event, Fd, Phase, flags};
use sysflow_record::OpFlags;

use super::Collector;
use crate::config::{Mode, Quirks};
use crate::sink::RecordSink;
use crate::state::descriptor::{Descriptor, Ends, Kind, NOWHERE, Role, unmap};
use crate::text::{Text, empty};

/// Families and types of sockets, as the kernel numbers them.
const UNIX: u32 = 1;
const IPV4: u32 = 2;
const IPV6: u32 = 10;
const NETLINK: u32 = 16;
const STREAM: u32 = 1;
const DATAGRAM: u32 = 2;
const RAW: u32 = 3;

/// The bit in a socket's type that closes it on execution.
const TYPE_CLOSE_ON_EXEC: u32 = 0x8_0000;

/// The error "in progress": the connection will be made later.
const IN_PROGRESS: i64 = -115;

/// The name of a connected unix socket.
pub(super) fn unix_name(source: u64, peer: u64, path: &[u8]) -> Text {
    let mut name = format!("{source:x}->{peer:x} ").into_bytes();
    name.extend_from_slice(path);
    Text::from(name)
}

/// How the original shows both ends of a connection.
pub(super) fn shown(tuple: &Tuple<'_>) -> Text {
    match *tuple {
        Tuple::Internet {
            source,
            destination,
        } => Text::from(format!("{source}->{destination}").into_bytes()),
        Tuple::Unix { source, peer, path } => unix_name(source, peer, path),
        Tuple::Other(_) => empty(),
    }
}

fn protocol(kind: u32, protocol: u32) -> Protocol {
    match (kind & 0xff, protocol) {
        (RAW, _) | (_, 255) => Protocol::Raw,
        (_, 6) | (STREAM, 0) => Protocol::Tcp,
        (_, 17) | (DATAGRAM, 0) => Protocol::Udp,
        (_, 1 | 58) => Protocol::Icmp,
        _ => Protocol::Unknown,
    }
}

const fn is_nowhere(address: SocketAddr) -> bool {
    address.ip().is_unspecified() && address.port() == 0
}

/// What the original reads as the ends of a connection where it has written what a socket is bound to: the
/// address lies over that of the source, port and protocol over that of the destination.
pub(super) fn overlaid(bound: SocketAddr, descriptor: &Descriptor) -> Ends {
    // As captures number protocols.
    let protocol = match descriptor.protocol {
        Protocol::Unknown => 0,
        Protocol::Tcp => 2,
        Protocol::Udp => 3,
        Protocol::Icmp => 4,
        Protocol::Raw => 5,
    };
    let [low, high] = bound.port().to_le_bytes();
    let Ends {
        source,
        destination,
    } = descriptor.ends;
    let over = match destination.ip() {
        IpAddr::V4(ip) => ip.octets()[3],
        IpAddr::V6(_) => 0,
    };
    Ends {
        source: SocketAddr::new(bound.ip(), source.port()),
        destination: SocketAddr::new([low, high, protocol, over].into(), destination.port()),
    }
}

/// Takes the ends that a connection turned out to have, as the original does: what it knows of the destination
/// stays, unless that is stale. Tells whether that changes anything.
fn fill_ends(ends: &mut Ends, told: Ends, is_stale: bool) -> bool {
    if *ends == told || *ends == told.swapped() {
        return false;
    }
    let before = *ends;
    ends.source = told.source;
    if is_stale || ends.destination.ip().is_unspecified() {
        ends.destination.set_ip(told.destination.ip());
    }
    if is_stale || ends.destination.port() == 0 {
        ends.destination.set_port(told.destination.port());
    }
    *ends != before
}

impl<S: RecordSink> Collector<S> {
    pub(super) fn descriptor_mut(&mut self, tid: i64, fd: Option<Fd>) -> Option<&mut Descriptor> {
        self.threads.descriptors_mut(tid)?.get_mut(fd?)
    }

    /// Keeps what the original would have shown: see [`Quirks::STALE_SOCKET_NAMES`].
    pub(super) fn show(&mut self, name: impl FnOnce() -> Text) {
        if self.has(Quirks::STALE_SOCKET_NAMES) {
            self.shown_name = name();
        }
    }

    pub(super) fn on_socket(&mut self, event: &Event<'_>, socket: &Socket) {
        let (Some(fd), Some(domain)) = (Self::new_fd(event), socket.domain) else {
            return;
        };
        let kind = socket.kind.unwrap_or_default();
        let protocol = protocol(kind, socket.protocol.unwrap_or_default());
        let descriptor = match domain {
            UNIX => Descriptor::new(Kind::Unix, empty()),
            IPV4 | IPV6 => Descriptor::socket(Kind::Internet, protocol),
            NETLINK => Descriptor::new(Kind::Special(SpecialKind::Netlink), empty()),
            _ => Descriptor::new(Kind::Special(SpecialKind::Other), empty()),
        };
        let descriptor = Descriptor {
            is_ipv6: domain == IPV6,
            close_on_exec: kind & TYPE_CLOSE_ON_EXEC != 0,
            ..descriptor
        };
        self.insert_descriptor(event, fd, descriptor);
    }

    pub(super) fn on_socket_pair(&mut self, event: &Event<'_>, pair: &SocketPair) {
        if !event.is_success() {
            return;
        }
        let (source, peer) = (
            pair.source.unwrap_or_default(),
            pair.peer.unwrap_or_default(),
        );
        let is_named = !self.has(Quirks::NAMELESS_PIPES) && (source, peer) != (0, 0);
        let name = if is_named {
            unix_name(source, peer, b"")
        } else {
            empty()
        };
        for fd in [pair.first, pair.second].into_iter().flatten() {
            self.insert_descriptor(event, fd, Descriptor::new(Kind::Unix, name.clone()));
        }
    }

    pub(super) fn on_bind(&mut self, event: &Event<'_>, bind: &Bind<'_>) {
        let Some(address) = bind.address.filter(|_| event.is_success()) else {
            return;
        };
        let is_original = self.has(Quirks::STALE_SOCKET_NAMES);
        let is_overlaid = self.has(Quirks::BOUND_PORT_STAYS);
        match address {
            Address::Internet(address) => {
                self.show(|| Text::from(address.to_string().into_bytes()));
                let Some(descriptor) = self.descriptor_mut(event.tid, bind.fd) else {
                    return;
                };
                let ends = unmap(Ends {
                    source: address,
                    destination: NOWHERE,
                });
                if address.port() == 0 {
                    return;
                }
                descriptor.role = Role::Server;
                if is_overlaid && !ends.source.is_ipv6() {
                    descriptor.kind = Kind::Listener;
                    descriptor.is_ipv6 = false;
                    descriptor.ends = overlaid(ends.source, descriptor);
                } else if is_original || descriptor.protocol == Protocol::Tcp {
                    descriptor.kind = Kind::Listener;
                    descriptor.ends = ends;
                } else {
                    // A socket for datagrams goes on to be one when it has an address.
                    descriptor.ends = ends.swapped();
                }
                self.listening_ports.insert(address.port());
            }
            Address::Unix(path) => {
                let path: Text = Arc::from(path);
                self.show(|| path.clone());
                if let Some(descriptor) = self.descriptor_mut(event.tid, bind.fd) {
                    descriptor.set_path(path);
                    descriptor.role = Role::Server;
                }
            }
            Address::Other(_) => {}
        }
    }

    pub(super) fn on_connect(&mut self, event: &Event<'_>, connect: &Connect<'_>) {
        if event.phase == Phase::Begin {
            if self.has(Quirks::STALE_SOCKET_NAMES) {
                self.begin_connect(event, connect);
            }
            return;
        }
        let result = event.result.unwrap_or(-1);
        let has_ends = result >= 0 || result == IN_PROGRESS;
        let before = connect
            .fd
            .and_then(|fd| self.threads.descriptors(event.tid)?.get(fd))
            .filter(|_| !self.quirks.contains(Quirks::STALE_SOCKET_NAMES))
            .cloned();
        let address = connect
            .address
            .filter(|_| !self.quirks.contains(Quirks::STALE_SOCKET_NAMES));
        if let Some(address) = address {
            self.set_destination(event.tid, connect.fd, address);
        }
        if has_ends && let Some(tuple) = connect.tuple {
            self.set_ends_of_client(event.tid, connect.fd, &tuple);
        }
        if !has_ends
            && !self.has(Quirks::STALE_SOCKET_NAMES)
            && let Some(descriptor) = self.descriptor_mut(event.tid, connect.fd)
            && descriptor.kind == Kind::Internet
            && descriptor.role == Role::None
        {
            descriptor.role = Role::Client;
        }
        if let Some((fd, before)) = connect.fd.zip(before) {
            self.end_flows_before_connect(event, fd, &before);
        }
        self.operate(event, connect.fd, OpFlags::CONNECT, None);
    }

    /// What was done on a socket before it connected elsewhere is over.
    fn end_flows_before_connect(&mut self, event: &Event<'_>, fd: Fd, before: &Descriptor) {
        let is_other = self
            .threads
            .descriptors(event.tid)
            .and_then(|table| table.get(fd))
            .is_some_and(|now| now.ends != before.ends || now.path != before.path);
        if is_other {
            self.end_flows_on(event, fd, before, OpFlags::TRUNCATE);
        }
    }

    /// What the original makes of a connection that begins. Where the address is told only at the end, it
    /// takes a name from the buffer in which names are put together: that of another socket.
    fn begin_connect(&mut self, event: &Event<'_>, connect: &Connect<'_>) {
        let shown_name = self.shown_name.clone();
        if let Some(descriptor) = self.descriptor_mut(event.tid, connect.fd) {
            descriptor.is_connecting = true;
        }
        let Some(address) = connect.address else {
            if let Some(descriptor) = self.descriptor_mut(event.tid, connect.fd) {
                match descriptor.kind {
                    Kind::Internet => descriptor.ends.destination = NOWHERE,
                    Kind::Unix => descriptor.set_path(shown_name),
                    _ => {}
                }
            }
            return;
        };
        self.shown_name = match address {
            Address::Internet(address) => Text::from(address.to_string().into_bytes()),
            Address::Unix(path) => Arc::from(path),
            Address::Other(_) => empty(),
        };
        self.set_destination(event.tid, connect.fd, address);
    }

    fn set_destination(&mut self, tid: i64, fd: Option<Fd>, address: Address<'_>) {
        let is_overlaid = self.has(Quirks::BOUND_PORT_STAYS);
        let Some(descriptor) = self.descriptor_mut(tid, fd) else {
            return;
        };
        match (address, descriptor.kind) {
            (Address::Internet(destination), kind)
                if kind == Kind::Internet || kind == Kind::Listener && is_overlaid =>
            {
                descriptor.kind = Kind::Internet;
                let plain = unmap(Ends {
                    source: destination,
                    destination,
                });
                descriptor.ends.destination = plain.destination;
                descriptor.is_ipv6 = plain.destination.is_ipv6();
            }
            (Address::Unix(path), Kind::Unix) => descriptor.set_path(Arc::from(path)),
            _ => {}
        }
    }

    fn set_ends_of_client(&mut self, tid: i64, fd: Option<Fd>, tuple: &Tuple<'_>) {
        let is_original = self.has(Quirks::STALE_SOCKET_NAMES);
        let is_overlaid = self.has(Quirks::BOUND_PORT_STAYS);
        let Some(descriptor) = self.descriptor_mut(tid, fd) else {
            return;
        };
        descriptor.is_of_datagram = false;
        match *tuple {
            Tuple::Internet {
                source,
                destination,
            } if is_overlaid
                && matches!(descriptor.kind, Kind::Internet | Kind::Listener)
                && !unmap(Ends {
                    source,
                    destination,
                })
                .is_ipv6() =>
            {
                descriptor.kind = Kind::Internet;
                descriptor.is_ipv6 = false;
                let told = unmap(Ends {
                    source,
                    destination,
                });
                let begin_was_lost = !std::mem::take(&mut descriptor.is_connecting);
                let has_changed = fill_ends(&mut descriptor.ends, told, begin_was_lost);
                let is_of_server = descriptor.role == Role::Server;
                if has_changed && is_of_server && descriptor.protocol == Protocol::Udp {
                    descriptor.ends = descriptor.ends.swapped();
                }
            }
            Tuple::Internet {
                source,
                destination,
            } if descriptor.kind == Kind::Internet => {
                let ends = unmap(Ends {
                    source,
                    destination,
                });
                descriptor.ends.source = ends.source;
                if !is_original || is_nowhere(descriptor.ends.destination) {
                    descriptor.ends.destination = ends.destination;
                }
                descriptor.is_ipv6 = descriptor.ends.is_ipv6();
            }
            Tuple::Unix { source, peer, path } if descriptor.kind == Kind::Unix => {
                descriptor.set_path(unix_name(source, peer, path));
            }
            _ => return,
        }
        if descriptor.role == Role::None {
            descriptor.role = Role::Client;
        }
        self.show(|| shown(tuple));
    }

    pub(super) fn on_accept(&mut self, event: &Event<'_>, accept: &Accept<'_>) {
        let (Some(fd), Some(tuple)) = (Self::new_fd(event), accept.tuple) else {
            return;
        };
        self.show(|| shown(&tuple));
        let descriptor = match tuple {
            Tuple::Internet {
                source,
                destination,
            } => {
                let ends = unmap(Ends {
                    source,
                    destination,
                });
                Descriptor {
                    ends,
                    is_ipv6: ends.is_ipv6(),
                    ..Descriptor::socket(Kind::Internet, Protocol::Tcp)
                }
            }
            Tuple::Unix { source, peer, path } => {
                Descriptor::new(Kind::Unix, unix_name(source, peer, path))
            }
            Tuple::Other(_) => return,
        };
        let descriptor = Descriptor {
            role: Role::Server,
            close_on_exec: accept.flags.unwrap_or_default()
                & (TYPE_CLOSE_ON_EXEC | flags::open::CLOSE_ON_EXEC)
                != 0,
            ..descriptor
        };
        self.insert_descriptor(event, fd, descriptor);
        let is_newer = accept.is_accept4 && !event.is_older_form;
        if !(is_newer && self.has(Quirks::NO_NEWER_CALLS)) {
            self.operate(event, Some(fd), OpFlags::ACCEPT, None);
        }
    }

    pub(super) fn on_shutdown(&mut self, event: &Event<'_>, shutdown: &Shutdown) {
        if self.config.mode == Mode::Flow {
            self.operate(event, shutdown.fd, OpFlags::SHUTDOWN, None);
        }
    }
}
