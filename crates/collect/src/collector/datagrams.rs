//! Datagrams: with whom a socket speaks.

use std::net::{IpAddr, SocketAddr};

use sysflow_event::network::{Direction, Protocol, Transfer, Tuple};
use sysflow_event::{Event, Fd};

use super::Collector;
use super::sockets::{shown, unix_name};
use crate::config::Quirks;
use crate::sink::RecordSink;
use crate::state::descriptor::{Descriptor, Ends, Kind, Role, unmap};
use crate::text::Text;

impl<S: RecordSink> Collector<S> {
    /// A datagram is about to be sent on a descriptor that is not known: it must be a socket.
    pub(super) fn meet_datagram_socket(&mut self, event: &Event<'_>, transfer: &Transfer<'_>) {
        let (
            Some(fd),
            Some(Tuple::Internet {
                source,
                destination,
            }),
        ) = (transfer.fd, transfer.tuple)
        else {
            return;
        };
        let is_known = self
            .threads
            .descriptors(event.tid)
            .is_none_or(|table| table.get(fd).is_some());
        if is_known {
            return;
        }
        let is_ipv6 = unmap(Ends {
            source,
            destination,
        })
        .is_ipv6();
        let descriptor = Descriptor {
            is_ipv6,
            ..Descriptor::socket(Kind::Internet, Protocol::Udp)
        };
        self.insert_descriptor(event, fd, descriptor);
    }

    /// Learns from a datagram with whom a socket speaks.
    pub(super) fn learn_peer(&mut self, event: &Event<'_>, transfer: &Transfer<'_>) {
        let Some(tuple) = transfer.tuple else { return };
        let renames = self.has(Quirks::DATAGRAMS_RENAME);
        let (tid, fd) = (event.tid, transfer.fd);
        let Some(descriptor) = fd.and_then(|fd| self.threads.descriptors(tid)?.get(fd)) else {
            return;
        };
        let is_named = if descriptor.kind == Kind::Unix {
            !descriptor.path.is_empty()
        } else {
            descriptor.ends != Ends::NOWHERE
        };
        let is_internet = matches!(descriptor.kind, Kind::Internet | Kind::Listener);
        let is_fixed = descriptor.protocol == Protocol::Tcp || !is_internet && !renames;
        if is_fixed && is_named {
            return;
        }
        match tuple {
            Tuple::Internet {
                source,
                destination,
            } if is_internet && renames => {
                let told = unmap(Ends {
                    source,
                    destination,
                });
                self.rename_by_datagram(tid, fd, told, transfer.direction);
            }
            Tuple::Internet {
                source,
                destination,
            } if is_internet => {
                let told = unmap(Ends {
                    source,
                    destination,
                });
                if descriptor.ends == told || descriptor.ends == told.swapped() {
                    return;
                }
                let told = self.fill_local(told, transfer.direction);
                let local_port = match transfer.direction {
                    Direction::In => told.destination.port(),
                    Direction::Out => told.source.port(),
                };
                let is_server = self.listening_ports.contains(&local_port);
                let source_is_client = is_server == (transfer.direction == Direction::In);
                let ends = if source_is_client {
                    told
                } else {
                    told.swapped()
                };
                let Some(descriptor) = self.descriptor_mut(tid, fd) else {
                    return;
                };
                descriptor.kind = Kind::Internet;
                descriptor.is_of_datagram = descriptor.protocol != Protocol::Tcp;
                descriptor.ends = ends;
                descriptor.is_ipv6 = ends.is_ipv6();
                descriptor.role = if is_server {
                    Role::Server
                } else {
                    Role::Client
                };
                self.show(|| shown(&tuple));
            }
            Tuple::Unix { source, peer, path } if descriptor.kind == Kind::Unix => {
                let name = unix_name(source, peer, path);
                if let Some(descriptor) = self.descriptor_mut(tid, fd) {
                    descriptor.set_path(name);
                }
                self.show(|| shown(&tuple));
            }
            _ => {}
        }
    }

    /// What the original makes of a datagram that tells both of its ends.
    fn rename_by_datagram(&mut self, tid: i64, fd: Option<Fd>, told: Ends, direction: Direction) {
        let filled = self.fill_missing(told);
        let Some(descriptor) = self.descriptor_mut(tid, fd) else {
            return;
        };
        if told.is_ipv6() {
            // It stays a listener, and is not recorded anyway.
            descriptor.is_ipv6 = true;
            return;
        }
        descriptor.is_ipv6 = false;
        descriptor.kind = Kind::Internet;
        if descriptor.ends == told || descriptor.ends == told.swapped() {
            return;
        }
        descriptor.ends = filled;
        if descriptor.protocol == Protocol::Unknown {
            descriptor.protocol = Protocol::Udp;
        }
        descriptor.is_of_datagram = descriptor.protocol != Protocol::Tcp;
        // It asks whether the process has a socket with this port, and finds the one in question.
        if descriptor.role == Role::None {
            descriptor.role = match direction {
                Direction::In => Role::Server,
                Direction::Out => Role::Client,
            };
        }
        let is_of_client = descriptor.role == Role::Client;
        if is_of_client == (direction == Direction::In) {
            descriptor.ends = descriptor.ends.swapped();
        }
        let ends = descriptor.ends;
        self.show(|| Text::from(format!("{}->{}", ends.source, ends.destination).into_bytes()));
    }

    /// Puts an address of the machine in place of none, as the original does with either end.
    fn fill_missing(&self, ends: Ends) -> Ends {
        let (IpAddr::V4(source), IpAddr::V4(destination)) =
            (ends.source.ip(), ends.destination.ip())
        else {
            return ends;
        };
        let known = if source.is_unspecified() {
            destination
        } else {
            source
        };
        if !source.is_unspecified() && !destination.is_unspecified() {
            return ends;
        }
        let own = self
            .interfaces
            .toward(known)
            .unwrap_or(std::net::Ipv4Addr::UNSPECIFIED);
        if own == known && ends.source.port() == ends.destination.port() {
            return ends;
        }
        let mut filled = ends;
        if source.is_unspecified() {
            filled.source.set_ip(own.into());
        } else {
            filled.destination.set_ip(own.into());
        }
        filled
    }

    /// Puts an address of the machine in place of none.
    fn fill_local(&self, ends: Ends, direction: Direction) -> Ends {
        let fill = |local: SocketAddr, remote: SocketAddr| match (local.ip(), remote.ip()) {
            (IpAddr::V4(own), IpAddr::V4(peer)) if own.is_unspecified() => self
                .interfaces
                .toward(peer)
                .map_or(local, |own| SocketAddr::new(own.into(), local.port())),
            _ => local,
        };
        match direction {
            Direction::In => Ends {
                destination: fill(ends.destination, ends.source),
                ..ends
            },
            Direction::Out => Ends {
                source: fill(ends.source, ends.destination),
                ..ends
            },
        }
    }
}
