//! Data that move: reading and writing, sending and receiving.

use std::net::SocketAddr;

use sysflow_event::network::{Direction, Transfer, TransferCall, Tuple};
use sysflow_event::{Fd, Observer, Operation};

use super::{call, fd_of, network};
use crate::arguments::Given;
use crate::stage::{Descriptor, Stage};
use crate::step::{Act, Kind, Read, Receive, Send, Write};
use crate::teller::{Teller, Who};
use crate::value::{End, Text};

/// How much moves when a story does not say.
const BYTES: u32 = 64;

/// What a step says about data.
struct Moved<'s> {
    name: &'s str,
    direction: Direction,
    fd: Fd,
    bytes: Option<u32>,
    data: Option<&'s str>,
}

fn tell<O: Observer>(
    teller: &mut Teller<'_, O>,
    who: Who,
    moved: &Moved<'_>,
    call: TransferCall,
    tuple: Option<Tuple<'_>>,
) {
    let length = moved.data.map(|data| data.len() as u32);
    let bytes = moved.bytes.or(length).unwrap_or(BYTES);
    let mut arguments = vec![("fd", Given::from(moved.fd)), ("size", bytes.into())];
    if who.succeeds() {
        arguments.push(("data", moved.data.unwrap_or_default().into()));
    }
    arguments.extend(tuple.map(|tuple| ("tuple", tuple.into())));
    let operation = Operation::Transfer(Transfer {
        direction: moved.direction,
        call,
        fd: Some(moved.fd),
        size: Some(bytes),
        data: moved.data.map(str::as_bytes),
        tuple,
    });
    let result = who.result.unwrap_or_else(|| i64::from(bytes));
    teller.call(who, moved.name, result, operation, &arguments);
}

impl Act for Read {
    fn act<O: Observer>(
        &self,
        stage: &mut Stage,
        teller: &mut Teller<'_, O>,
        who: Who,
    ) -> Result<(), String> {
        let moved = Moved {
            name: call(self.call.as_deref(), &["read", "pread", "readv", "preadv"])?,
            direction: Direction::In,
            fd: fd_of(stage, who, self.fd, false)?,
            bytes: self.bytes,
            data: self.data.as_deref(),
        };
        tell(teller, who, &moved, TransferCall::Plain, None);
        Ok(())
    }
}

impl Act for Write {
    fn act<O: Observer>(
        &self,
        stage: &mut Stage,
        teller: &mut Teller<'_, O>,
        who: Who,
    ) -> Result<(), String> {
        let moved = Moved {
            name: call(
                self.call.as_deref(),
                &["write", "pwrite", "writev", "pwritev"],
            )?,
            direction: Direction::Out,
            fd: fd_of(stage, who, self.fd, false)?,
            bytes: self.bytes,
            data: self.data.as_deref(),
        };
        tell(teller, who, &moved, TransferCall::Plain, None);
        Ok(())
    }
}

/// The far end of a datagram, and the socket that it goes over, which is made where there is none.
fn datagram_socket<O: Observer>(
    stage: &mut Stage,
    teller: &mut Teller<'_, O>,
    who: Who,
    fd: Option<Fd>,
    peer: &Text,
) -> Result<(Fd, SocketAddr), String> {
    let End::Internet(remote) = End::parse(&peer.at(who.number))? else {
        return Err("datagrams go to an ADDRESS:PORT: `connect` a unix socket first".into());
    };
    let fd = match fd.or_else(|| stage.last_fd(who.pid, true)) {
        Some(fd) if stage.socket(who.pid, fd).is_some() => fd,
        fd => {
            let end = End::Internet(remote);
            network::make(stage, teller, who, fd, &end, Some(Kind::Udp))?
        }
    };
    Ok((fd, remote))
}

/// Both ends of what moves over a socket, the sender first.
fn ends(
    stage: &mut Stage,
    who: Who,
    fd: Fd,
    peer: Option<SocketAddr>,
    direction: Direction,
) -> Option<(SocketAddr, SocketAddr)> {
    let known = stage.socket(who.pid, fd)?.clone();
    let remote = peer.or(known.remote)?;
    let local = match known.local {
        Some(local) => local,
        None => stage.own_end(remote),
    };
    if let Some(socket) = stage.socket_mut(who.pid, fd) {
        socket.local = Some(local);
    }
    Some(match direction {
        Direction::Out => (local, remote),
        Direction::In => (remote, local),
    })
}

fn over_socket<O: Observer>(
    stage: &mut Stage,
    teller: &mut Teller<'_, O>,
    who: Who,
    moved: &Moved<'_>,
    peer: Option<SocketAddr>,
) -> Result<(), String> {
    let call = match moved.name {
        "send" | "recv" => TransferCall::Socket,
        _ => TransferCall::SocketAddressed,
    };
    let is_socket = matches!(
        stage.descriptor(who.pid, moved.fd),
        Some(Descriptor::Socket(_))
    );
    if !is_socket && who.succeeds() {
        let fd = moved.fd;
        return Err(format!(
            "descriptor {fd} is no socket: `connect` or `accept` makes one"
        ));
    }
    let internet = ends(stage, who, moved.fd, peer, moved.direction);
    let tuple = internet.map(|(source, destination)| Tuple::Internet {
        source,
        destination,
    });
    let unix = stage
        .socket(who.pid, moved.fd)
        .and_then(network::unix_tuple);
    tell(teller, who, moved, call, tuple.or(unix));
    Ok(())
}

impl Act for Send {
    fn act<O: Observer>(
        &self,
        stage: &mut Stage,
        teller: &mut Teller<'_, O>,
        who: Who,
    ) -> Result<(), String> {
        let name = call(self.call.as_deref(), &["sendto", "send", "sendmsg"])?;
        let (fd, peer) = match &self.to {
            Some(to) => {
                let (fd, remote) = datagram_socket(stage, teller, who, self.fd, to)?;
                (fd, Some(remote))
            }
            None => (fd_of(stage, who, self.fd, true)?, None),
        };
        let moved = Moved {
            name,
            direction: Direction::Out,
            fd,
            bytes: self.bytes,
            data: self.data.as_deref(),
        };
        over_socket(stage, teller, who, &moved, peer)
    }
}

impl Act for Receive {
    fn act<O: Observer>(
        &self,
        stage: &mut Stage,
        teller: &mut Teller<'_, O>,
        who: Who,
    ) -> Result<(), String> {
        let name = call(self.call.as_deref(), &["recvfrom", "recv", "recvmsg"])?;
        let (fd, peer) = match &self.from {
            Some(from) => {
                let (fd, remote) = datagram_socket(stage, teller, who, self.fd, from)?;
                (fd, Some(remote))
            }
            None => (fd_of(stage, who, self.fd, true)?, None),
        };
        let moved = Moved {
            name,
            direction: Direction::In,
            fd,
            bytes: self.bytes,
            data: self.data.as_deref(),
        };
        over_socket(stage, teller, who, &moved, peer)
    }
}
