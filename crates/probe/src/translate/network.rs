//! Operations on sockets, and all that moves data.

use sysflow_event::Operation;
use sysflow_event::network::{
    Accept, Address, Bind, Connect, Direction, Listen, Shutdown, SocketPair, Transfer,
    TransferCall, Tuple,
};
use sysflow_event::raw::RawValue;

use crate::interface::{Number, Peer, Socket, item};
use crate::raw::{self, Arguments, bytes, fd, number, symbol};
use crate::record::Record;
use crate::values;

/// The connection is being made.
const IN_PROGRESS: i64 = -(libc::EINPROGRESS as i64);

fn shown_tuple(tuple: Option<Tuple<'_>>) -> RawValue<'_> {
    tuple.map_or(RawValue::Unknown, RawValue::Tuple)
}

fn shown_address(address: Option<Address<'_>>) -> RawValue<'_> {
    address.map_or(RawValue::Unknown, RawValue::Address)
}

fn asked_address<'a>(record: &Record<'a>) -> Option<Address<'a>> {
    values::address(record.bytes(item::ADDRESS)?)
}

fn connect<'a>(record: &Record<'a>, out: &mut Arguments<'a>) -> Operation<'a> {
    let socket: Option<Socket> = record.structure(item::SOCKET);
    let target: Option<Peer> = record.structure(item::TARGET);
    let result = record.header.result;
    let kernel = if let Some(address) = target.as_ref().and_then(Peer::address) {
        Some(address)
    } else if result == 0 || result == IN_PROGRESS {
        socket
            .filter(Socket::is_connected)
            .and_then(|socket| socket.ends())
            .map(|(_, remote)| remote)
    } else {
        None
    };
    let address = kernel
        .map(Address::Internet)
        .or_else(|| asked_address(record));
    let tuple = socket.map(|socket| match (socket.ends(), address) {
        // Where nothing came of it, the socket has no far end.
        (Some((local, _)), Some(Address::Internet(remote))) => Tuple::Internet {
            source: values::like(local, remote),
            destination: remote,
        },
        _ => values::tuple(&socket, record.bytes(item::UNIX), false),
    });
    out.set([
        RawValue::Result(result),
        shown_tuple(tuple),
        fd(record.fd(0)),
        shown_address(address),
    ]);
    Operation::Connect(Connect {
        fd: Some(record.fd(0)),
        address,
        tuple,
    })
}

fn accept<'a>(record: &Record<'a>, is_accept4: bool, out: &mut Arguments<'a>) -> Operation<'a> {
    let tuple = record
        .structure(item::SOCKET)
        .map(|socket: Socket| values::tuple(&socket, record.bytes(item::UNIX), true));
    let own = is_accept4.then(|| values::descriptor_flags(record.u32(3)));
    out.set([fd(record.header.result as i32), shown_tuple(tuple)]);
    if let Some(own) = own {
        out.set_at(
            5,
            RawValue::Signed(i64::from(own), sysflow_event::raw::Base::Hexadecimal),
        );
    }
    Operation::Accept(Accept {
        tuple,
        flags: own,
        is_accept4,
    })
}

/// What has been done, of the calls of this family.
pub(super) fn call<'a>(
    record: &Record<'a>,
    number_of_call: i64,
    out: &mut Arguments<'a>,
) -> Option<Operation<'a>> {
    let result = record.header.result;
    let own = record.fd(0);
    Some(match number_of_call {
        libc::SYS_socket => {
            let (domain, kind, protocol) = (record.u32(0), record.u32(1), record.u32(2));
            out.set([
                fd(result as i32),
                symbol(domain),
                number(u64::from(kind)),
                number(u64::from(protocol)),
                raw::flags(values::descriptor_flags(kind)),
            ]);
            Operation::Socket(sysflow_event::network::Socket {
                domain: Some(domain),
                kind: Some(kind),
                protocol: Some(protocol),
            })
        }
        libc::SYS_socketpair => {
            let pair = record
                .bytes(item::NUMBERS)
                .and_then(<[u32; 2]>::read)
                .filter(|_| result >= 0);
            let socket: Option<Socket> = record.structure(item::SOCKET);
            let ends = socket.map(|socket| (socket.socket, socket.peer));
            out.set_at(0, RawValue::Result(result));
            if let Some([first, second]) = pair {
                out.set_at(1, fd(first as i32));
                out.set_at(2, fd(second as i32));
            }
            if let Some((source, peer)) = ends {
                out.set_at(3, raw::hexadecimal(source));
                out.set_at(4, raw::hexadecimal(peer));
            }
            out.set_at(5, symbol(record.u32(0)));
            out.set_at(6, number(u64::from(record.u32(1))));
            out.set_at(7, number(u64::from(record.u32(2))));
            Operation::SocketPair(SocketPair {
                first: pair.map(|[first, _]| first as i32),
                second: pair.map(|[_, second]| second as i32),
                source: ends.map(|(source, _)| source),
                peer: ends.map(|(_, peer)| peer),
            })
        }
        libc::SYS_bind => {
            // Where it has worked, the socket knows better than the program's memory, the port above all.
            let bound = record
                .structure(item::SOCKET)
                .filter(|_| result == 0)
                .and_then(|socket: Socket| match socket.ends() {
                    Some((local, _)) => Some(Address::Internet(local)),
                    None => Some(Address::Unix(values::unix_path(record.bytes(item::UNIX)?))),
                });
            let address = bound.or_else(|| asked_address(record));
            out.set([RawValue::Result(result), shown_address(address), fd(own)]);
            Operation::Bind(Bind {
                fd: Some(own),
                address,
            })
        }
        libc::SYS_connect => connect(record, out),
        libc::SYS_listen => {
            let backlog = record.u32(1) as i32;
            out.set([
                RawValue::Result(result),
                fd(own),
                raw::signed(i64::from(backlog)),
            ]);
            Operation::Listen(Listen {
                fd: Some(own),
                backlog: Some(backlog),
            })
        }
        libc::SYS_accept => accept(record, false, out),
        libc::SYS_accept4 => accept(record, true, out),
        libc::SYS_shutdown => {
            out.set([RawValue::Result(result), fd(own), hex_symbol(record.u32(1))]);
            Operation::Shutdown(Shutdown {
                fd: Some(own),
                how: Some(record.u32(1)),
            })
        }
        _ => return transfer(record, number_of_call, out),
    })
}

const fn hex_symbol<'a>(value: u32) -> RawValue<'a> {
    raw::flags(value)
}

/// The order in which the arguments of calls that move data are told.
enum Order {
    /// res data fd size
    DataFirst,
    /// res size data fd
    SizeFirst,
    /// res data fd size tuple
    Send,
    /// res data tuple fd size
    ReceiveFrom,
    /// res size data tuple control fd
    ReceiveMessage,
    /// res fd size data tuple
    Messages,
    /// The number of the call only.
    Generic,
}

fn transfer<'a>(
    record: &Record<'a>,
    number_of_call: i64,
    out: &mut Arguments<'a>,
) -> Option<Operation<'a>> {
    use Direction::{In, Out};
    use TransferCall::{Plain, SocketAddressed, SocketMessages};
    let (direction, call, order, size, position) = match number_of_call {
        libc::SYS_read => (In, Plain, Order::DataFirst, Some(2), None),
        libc::SYS_pread64 => (In, Plain, Order::DataFirst, Some(2), Some(3)),
        libc::SYS_readv => (In, Plain, Order::SizeFirst, None, None),
        libc::SYS_preadv => (In, Plain, Order::SizeFirst, None, Some(3)),
        libc::SYS_preadv2 => (In, Plain, Order::Generic, None, None),
        libc::SYS_write => (Out, Plain, Order::DataFirst, Some(2), None),
        libc::SYS_pwrite64 => (Out, Plain, Order::DataFirst, Some(2), Some(3)),
        libc::SYS_writev => (Out, Plain, Order::DataFirst, None, None),
        libc::SYS_pwritev => (Out, Plain, Order::DataFirst, None, Some(3)),
        libc::SYS_pwritev2 | libc::SYS_vmsplice => (Out, Plain, Order::Generic, None, None),
        libc::SYS_sendto => (Out, SocketAddressed, Order::Send, Some(2), None),
        libc::SYS_sendmsg => (Out, SocketAddressed, Order::Send, None, None),
        libc::SYS_sendmmsg => (Out, SocketMessages, Order::Messages, None, None),
        libc::SYS_recvfrom => (In, SocketAddressed, Order::ReceiveFrom, Some(2), None),
        libc::SYS_recvmsg => (In, SocketAddressed, Order::ReceiveMessage, None, None),
        libc::SYS_recvmmsg => (In, SocketMessages, Order::Messages, None, None),
        _ => return None,
    };
    let data = record.bytes(item::DATA);
    // What was asked for stands in a structure of the program where it is not an argument.
    let size = size.map(|index| record.u32(index));
    let tuple = match call {
        Plain => None,
        _ => transfer_tuple(record, direction),
    };
    let result = RawValue::Result(record.header.result);
    let shown_size = size.map_or(RawValue::Unknown, |size| number(u64::from(size)));
    let (data_value, fd_value, tuple_value) = (bytes(data), fd(record.fd(0)), shown_tuple(tuple));
    match order {
        Order::DataFirst => out.set([result, data_value, fd_value, shown_size]),
        Order::SizeFirst => out.set([result, shown_size, data_value, fd_value]),
        Order::Send => out.set([result, data_value, fd_value, shown_size, tuple_value]),
        Order::ReceiveFrom => out.set([result, data_value, tuple_value, fd_value, shown_size]),
        Order::ReceiveMessage => out.set([
            result,
            shown_size,
            data_value,
            tuple_value,
            RawValue::Unknown,
            fd_value,
        ]),
        Order::Messages => out.set([result, fd_value, shown_size, data_value, tuple_value]),
        Order::Generic => super::process::generic(record, out),
    }
    if let Some(position) = position {
        out.set_at(4, number(record.argument(position)));
    }
    Some(Operation::Transfer(Transfer {
        direction,
        call,
        fd: Some(record.fd(0)),
        size,
        data,
        tuple,
    }))
}

/// Both ends of what was sent or received: the sender first.
fn transfer_tuple<'a>(record: &Record<'a>, direction: Direction) -> Option<Tuple<'a>> {
    let socket: Socket = record.structure(item::SOCKET)?;
    let peer = record
        .structure(item::PEER)
        .and_then(|peer: Peer| peer.address());
    if let (Some(peer), Some((local, _))) = (peer, socket.ends()) {
        let local = values::like(local, peer);
        let (source, destination) = match direction {
            Direction::In => (peer, local),
            Direction::Out => (local, peer),
        };
        return Some(Tuple::Internet {
            source,
            destination,
        });
    }
    Some(values::tuple(
        &socket,
        record.bytes(item::UNIX),
        direction == Direction::In,
    ))
}
