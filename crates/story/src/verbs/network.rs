//! Sockets.

use std::net::{IpAddr, SocketAddr};

use sysflow_event::network::{
    Accept, Address, Bind, Connect, Listen, Shutdown, Socket as MakeSocket, Tuple,
};
use sysflow_event::{Fd, Observer, Operation};

use super::{call, fd_of, new_fd};
use crate::stage::{Descriptor, OWN_IPV4, OWN_IPV6, Socket, Stage};
use crate::step::{self, Act, Family, Kind};
use crate::teller::{Teller, Who};
use crate::value::{End, Text};

/// Families and types of sockets, as the kernel numbers them.
const UNIX: u32 = 1;
const IPV4: u32 = 2;
const IPV6: u32 = 10;
const NETLINK: u32 = 16;
const PACKET: u32 = 17;
const STREAM: u32 = 1;
const DATAGRAM: u32 = 2;
const RAW: u32 = 3;
const ICMP: u32 = 1;

/// Addresses of the kernel for both ends of a unix socket: any will do.
const UNIX_ENDS: (u64, u64) = (0xffff_8880_0000_1000, 0xffff_8880_0000_2000);

/// The port of servers of which nothing is told.
const SERVER_PORT: u16 = 80;

/// The ends of a unix socket.
pub(super) fn unix_tuple(socket: &Socket) -> Option<Tuple<'_>> {
    let (source, peer) = UNIX_ENDS;
    let path = socket.path.as_deref()?;
    Some(Tuple::Unix { source, peer, path })
}

fn address(end: &End) -> Address<'_> {
    match end {
        End::Internet(address) => Address::Internet(*address),
        End::Unix(path) => Address::Unix(path),
    }
}

const fn family(end: &End) -> Family {
    match end {
        End::Internet(SocketAddr::V4(_)) => Family::Ipv4,
        End::Internet(SocketAddr::V6(_)) => Family::Ipv6,
        End::Unix(_) => Family::Unix,
    }
}

/// Tells of a new socket.
fn tell_socket<O: Observer>(
    stage: &mut Stage,
    teller: &mut Teller<'_, O>,
    who: Who,
    result: i64,
    family: Family,
    kind: Kind,
) {
    let domain = match family {
        Family::Ipv4 => IPV4,
        Family::Ipv6 => IPV6,
        Family::Unix => UNIX,
        Family::Netlink => NETLINK,
        Family::Packet => PACKET,
    };
    let (ty, number) = match kind {
        Kind::Tcp => (STREAM, 0),
        Kind::Udp => (DATAGRAM, 0),
        Kind::Icmp => (DATAGRAM, ICMP),
        Kind::Raw => (RAW, ICMP),
    };
    let arguments = [
        ("domain", domain.into()),
        ("type", ty.into()),
        ("proto", number.into()),
    ];
    let operation = Operation::Socket(MakeSocket {
        domain: Some(domain),
        kind: Some(ty),
        protocol: Some(number),
    });
    teller.call(who, "socket", result, operation, &arguments);
    if result >= 0 {
        stage.open(who.pid, result as Fd, Descriptor::Socket(Socket::default()));
    }
}

/// Makes the socket that a step is about.
pub(super) fn make<O: Observer>(
    stage: &mut Stage,
    teller: &mut Teller<'_, O>,
    who: Who,
    fd: Option<Fd>,
    end: &End,
    kind: Option<Kind>,
) -> Result<Fd, String> {
    let maker = Who {
        result: None,
        ..who
    };
    let made = new_fd(stage, maker, fd)?;
    tell_socket(
        stage,
        teller,
        maker,
        made,
        family(end),
        kind.unwrap_or(Kind::Tcp),
    );
    Ok(made as Fd)
}

/// The socket that a step names; a new one where it names none, or one that is not open.
fn socket_for<O: Observer>(
    stage: &mut Stage,
    teller: &mut Teller<'_, O>,
    who: Who,
    fd: Option<Fd>,
    end: &End,
    kind: Option<Kind>,
) -> Result<Fd, String> {
    match fd.and_then(|fd| Some((fd, stage.descriptor(who.pid, fd)?))) {
        Some((fd, Descriptor::Socket(_))) => Ok(fd),
        Some((fd, Descriptor::Other)) => Err(format!(
            "descriptor {fd} is open and no socket: name another, or none for a new one"
        )),
        None => make(stage, teller, who, fd, end, kind),
    }
}

impl Act for step::Socket {
    fn act<O: Observer>(
        &self,
        stage: &mut Stage,
        teller: &mut Teller<'_, O>,
        who: Who,
    ) -> Result<(), String> {
        let result = new_fd(stage, who, self.fd)?;
        let family = self.family.unwrap_or(Family::Ipv4);
        tell_socket(
            stage,
            teller,
            who,
            result,
            family,
            self.protocol.unwrap_or(Kind::Tcp),
        );
        Ok(())
    }
}

/// An end that must be one of the internet.
fn internet(text: &Text, number: u32) -> Result<SocketAddr, String> {
    match End::parse(&text.at(number))? {
        End::Internet(address) => Ok(address),
        End::Unix(_) => Err("write ADDRESS:PORT here, as the other end has one".into()),
    }
}

impl Act for step::Connect {
    fn act<O: Observer>(
        &self,
        stage: &mut Stage,
        teller: &mut Teller<'_, O>,
        who: Who,
    ) -> Result<(), String> {
        let end = End::parse(&self.to.at(who.number))?;
        let fd = socket_for(stage, teller, who, self.fd, &end, self.protocol)?;
        let mut known = stage.socket(who.pid, fd).cloned().unwrap_or_default();
        match &end {
            End::Unix(path) => known.path = Some(path.clone()),
            End::Internet(remote) => {
                let local = match &self.from {
                    Some(from) => internet(from, who.number)?,
                    None => known.local.unwrap_or_else(|| stage.own_end(*remote)),
                };
                if local.is_ipv4() != remote.is_ipv4() {
                    return Err("both ends of a connection have addresses of one kind".into());
                }
                known.local = Some(local);
                known.remote = Some(*remote);
            }
        }
        let result = who.result.unwrap_or_default();
        let tuple = match (known.local, known.remote) {
            (Some(source), Some(destination)) if matches!(end, End::Internet(_)) => {
                Some(Tuple::Internet {
                    source,
                    destination,
                })
            }
            _ => unix_tuple(&known),
        };
        let address = address(&end);
        let mut arguments = vec![("fd", fd.into()), ("addr", address.into())];
        arguments.extend(tuple.map(|tuple| ("tuple", tuple.into())));
        let operation = Operation::Connect(Connect {
            fd: Some(fd),
            address: Some(address),
            tuple,
        });
        teller.call(who, "connect", result, operation, &arguments);
        if let Some(socket) = stage.socket_mut(who.pid, fd) {
            *socket = known;
        }
        Ok(())
    }
}

impl Act for step::Accept {
    fn act<O: Observer>(
        &self,
        stage: &mut Stage,
        teller: &mut Teller<'_, O>,
        who: Who,
    ) -> Result<(), String> {
        let name = call(self.call.as_deref(), &["accept4", "accept"])?;
        let from = End::parse(&self.from.at(who.number))?;
        let result = new_fd(stage, who, self.fd)?;
        let listening = stage
            .last_fd(who.pid, true)
            .and_then(|fd| stage.socket(who.pid, fd)?.local);
        let mut made = Socket::default();
        match &from {
            End::Unix(path) => made.path = Some(path.clone()),
            End::Internet(remote) => {
                let own: IpAddr = if remote.is_ipv4() {
                    OWN_IPV4.into()
                } else {
                    OWN_IPV6.into()
                };
                let local = match (&self.on, listening) {
                    (Some(on), _) => internet(on, who.number)?,
                    (None, Some(listening)) => SocketAddr::new(own, listening.port()),
                    (None, None) => SocketAddr::new(own, SERVER_PORT),
                };
                if local.is_ipv4() != remote.is_ipv4() {
                    return Err("both ends of a connection have addresses of one kind".into());
                }
                made.local = Some(local);
                made.remote = Some(*remote);
            }
        }
        let tuple = match (made.remote, made.local) {
            (Some(source), Some(destination)) => Some(Tuple::Internet {
                source,
                destination,
            }),
            _ => unix_tuple(&made),
        };
        let mut arguments = vec![
            ("queuepct", 0.into()),
            ("queuelen", 0.into()),
            ("queuemax", 128.into()),
            ("flags", 0.into()),
        ];
        if result >= 0 {
            arguments.extend(tuple.map(|tuple| ("tuple", tuple.into())));
        }
        let operation = Operation::Accept(Accept {
            tuple: tuple.filter(|_| result >= 0),
            flags: Some(0),
            is_accept4: name == "accept4",
        });
        teller.call(who, name, result, operation, &arguments);
        if result >= 0 {
            stage.open(who.pid, result as Fd, Descriptor::Socket(made));
        }
        Ok(())
    }
}

impl Act for step::Bind {
    fn act<O: Observer>(
        &self,
        stage: &mut Stage,
        teller: &mut Teller<'_, O>,
        who: Who,
    ) -> Result<(), String> {
        let end = End::parse(&self.on.at(who.number))?;
        let fd = socket_for(stage, teller, who, self.fd, &end, self.protocol)?;
        tell_bind(stage, teller, who, fd, &end);
        Ok(())
    }
}

fn tell_bind<O: Observer>(
    stage: &mut Stage,
    teller: &mut Teller<'_, O>,
    who: Who,
    fd: Fd,
    end: &End,
) {
    let address = address(end);
    let operation = Operation::Bind(Bind {
        fd: Some(fd),
        address: Some(address),
    });
    let arguments = [("fd", fd.into()), ("addr", address.into())];
    teller.call(
        who,
        "bind",
        who.result.unwrap_or_default(),
        operation,
        &arguments,
    );
    if let Some(socket) = stage.socket_mut(who.pid, fd).filter(|_| who.succeeds()) {
        match end {
            End::Internet(own) => socket.local = Some(*own),
            End::Unix(path) => socket.path = Some(path.clone()),
        }
    }
}

impl Act for step::Listen {
    fn act<O: Observer>(
        &self,
        stage: &mut Stage,
        teller: &mut Teller<'_, O>,
        who: Who,
    ) -> Result<(), String> {
        let fd = match &self.on {
            None => fd_of(stage, who, self.fd, true)?,
            Some(on) => {
                let end = End::parse(&on.at(who.number))?;
                let fd = socket_for(stage, teller, who, self.fd, &end, None)?;
                tell_bind(
                    stage,
                    teller,
                    Who {
                        result: None,
                        ..who
                    },
                    fd,
                    &end,
                );
                fd
            }
        };
        let backlog = self.backlog.unwrap_or(128);
        let operation = Operation::Listen(Listen {
            fd: Some(fd),
            backlog: Some(backlog),
        });
        let arguments = [("fd", fd.into()), ("backlog", backlog.into())];
        teller.call(
            who,
            "listen",
            who.result.unwrap_or_default(),
            operation,
            &arguments,
        );
        Ok(())
    }
}

impl Act for step::Shutdown {
    fn act<O: Observer>(
        &self,
        stage: &mut Stage,
        teller: &mut Teller<'_, O>,
        who: Who,
    ) -> Result<(), String> {
        /// Both directions.
        const BOTH: u32 = 2;
        let fd = fd_of(stage, who, self.fd, true)?;
        let operation = Operation::Shutdown(Shutdown {
            fd: Some(fd),
            how: Some(BOTH),
        });
        let arguments = [("fd", fd.into()), ("how", BOTH.into())];
        teller.call(
            who,
            "shutdown",
            who.result.unwrap_or_default(),
            operation,
            &arguments,
        );
        Ok(())
    }
}
