//! A name server and programs that ask it, in a network of their own.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddrV4, TcpListener, TcpStream, UdpSocket};
use std::os::fd::AsRawFd;

use super::network::{Datagrams, own_network};

const SERVER: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 53);

/// The address that the server gives to the name with a number.
const fn address(number: u8) -> Ipv4Addr {
    Ipv4Addr::new(127, 0, 1, number)
}

/// A query of a name (RFC 1035).
fn query(number: u8) -> Vec<u8> {
    let label = format!("host-{number}");
    let mut message = vec![0, number, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    message.push(label.len() as u8);
    message.extend(label.bytes());
    message.extend(b"\x07example\x00\x00\x01\x00\x01");
    message
}

/// The answer: a text of 100 bytes, behind it the address.
fn answer(query: &[u8]) -> Vec<u8> {
    let mut message = query.to_vec();
    let number = query[1];
    message[2] |= 0x80;
    message[7] = 2;
    message.extend(b"\xc0\x0c\x00\x10\x00\x01\x00\x00\x00\x3c\x00\x65\x64");
    message.extend([b'x'; 100]);
    message.extend(b"\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x3c\x00\x04");
    message.extend(address(number).octets());
    message
}

fn serve(socket: &UdpSocket, count: usize) {
    let mut bytes = [0; 512];
    for _ in 0..count {
        let (length, from) = socket.recv_from(&mut bytes).unwrap();
        socket.send_to(&answer(&bytes[..length]), from).unwrap();
    }
}

fn read(fd: i32, bytes: &mut [u8]) -> usize {
    // SAFETY: the room is as large as it is said to be.
    let got = unsafe { libc::read(fd, bytes.as_mut_ptr().cast(), bytes.len()) };
    usize::try_from(got).unwrap()
}

/// Asks in the ways in which programs do, then turns to what they were told.
pub(super) fn names() {
    own_network();
    let server = UdpSocket::bind(SERVER).unwrap();
    let mut bytes = [0; 512];

    // Connected, several questions on one socket: the first answer and the later ones.
    let connected = UdpSocket::bind("127.0.0.1:0").unwrap();
    connected.connect(SERVER).unwrap();
    for number in [1, 2] {
        connected.send(&query(number)).unwrap();
        serve(&server, 1);
        connected.recv(&mut bytes).unwrap();
    }
    connected.send(&query(3)).unwrap();
    serve(&server, 1);
    read(connected.as_raw_fd(), &mut bytes);

    // Not connected.
    let open = UdpSocket::bind("127.0.0.1:0").unwrap();
    for number in [4, 5] {
        open.send_to(&query(number), SERVER).unwrap();
        serve(&server, 1);
        open.recv_from(&mut bytes).unwrap();
    }
    // Messages, one and two at once.
    let mut one = Datagrams::new(1);
    open.send_to(&query(6), SERVER).unwrap();
    serve(&server, 1);
    one.receive_message(open.as_raw_fd());
    let mut two = Datagrams::new(2);
    for number in [7, 8] {
        open.send_to(&query(number), SERVER).unwrap();
    }
    serve(&server, 2);
    assert_eq!(two.receive(open.as_raw_fd()), 2);

    // A socket that has spoken with somebody else before.
    let turned = UdpSocket::bind("127.0.0.1:0").unwrap();
    turned.connect(turned.local_addr().unwrap()).unwrap();
    turned.send(b"own").unwrap();
    turned.recv(&mut bytes).unwrap();
    turned.connect(SERVER).unwrap();
    turned.send(&query(9)).unwrap();
    serve(&server, 1);
    turned.recv(&mut bytes).unwrap();

    // Over TCP the length comes first, whether it is read alone or with the message.
    let listener = TcpListener::bind(SERVER).unwrap();
    for number in [10, 11] {
        let mut stream = TcpStream::connect(SERVER).unwrap();
        let (mut peer, _) = listener.accept().unwrap();
        let message = answer(&query(number));
        let mut told = (message.len() as u16).to_be_bytes().to_vec();
        told.extend(&message);
        peer.write_all(&told).unwrap();
        if number == 10 {
            stream.read_exact(&mut bytes[..2]).unwrap();
            stream.read_exact(&mut bytes[..message.len()]).unwrap();
        } else {
            stream.read_exact(&mut bytes[..told.len()]).unwrap();
        }
    }
    for number in 1..=12 {
        let client = UdpSocket::bind("127.0.0.1:0").unwrap();
        client
            .connect(SocketAddrV4::new(address(number), 9))
            .unwrap();
        client.send(b"x").unwrap();
    }
}
