//! Sockets.

use std::fs::File;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::fd::{AsRawFd, FromRawFd};
use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};

pub(super) fn tcp(host: &str) {
    let listener = TcpListener::bind((host, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    println!("listener {address}");
    let server = std::thread::spawn(move || {
        let (mut stream, peer) = listener.accept().unwrap();
        println!("peer {peer}");
        let mut bytes = [0; 10];
        for _ in 0..4 {
            stream.read_exact(&mut bytes).unwrap();
        }
        stream.write_all(b"done").unwrap();
    });
    let mut stream = TcpStream::connect(address).unwrap();
    println!("client {}", stream.local_addr().unwrap());
    for _ in 0..4 {
        stream.write_all(b"0123456789").unwrap();
    }
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert_eq!(answer, "done");
    server.join().unwrap();
    // A port that nobody listens on.
    drop(stream);
    let free = TcpListener::bind((host, 0)).unwrap();
    let nobody = free.local_addr().unwrap();
    drop(free);
    println!("nobody {nobody}");
    assert!(TcpStream::connect(nobody).is_err());
}

pub(super) fn udp() {
    let sockets: Vec<UdpSocket> = (0..3)
        .map(|_| UdpSocket::bind("127.0.0.1:0").unwrap())
        .collect();
    for socket in &sockets {
        println!("{}", socket.local_addr().unwrap());
    }
    let address = |number: usize| sockets[number].local_addr().unwrap();
    let mut bytes = [0; 100];
    for round in 0..5 {
        for number in [1, 2] {
            sockets[0]
                .send_to(&bytes[..10 * number + round], address(number))
                .unwrap();
            let (length, from) = sockets[number].recv_from(&mut bytes).unwrap();
            assert_eq!((length, from), (10 * number + round, address(0)));
        }
    }
    let six = UdpSocket::bind("[::1]:0").unwrap();
    let own = six.local_addr().unwrap();
    println!("{own}");
    for _ in 0..3 {
        six.send_to(b"six", own).unwrap();
    }
    let connected = UdpSocket::bind("127.0.0.1:0").unwrap();
    println!("{}", connected.local_addr().unwrap());
    connected.connect(address(1)).unwrap();
    for _ in 0..3 {
        connected.send(b"1234567").unwrap();
    }
}

pub(super) fn unix(directory: &str) {
    let path = format!("{directory}/socket");
    let listener = UnixListener::bind(&path).unwrap();
    let mut client = UnixStream::connect(&path).unwrap();
    let (mut server, _) = listener.accept().unwrap();
    for _ in 0..3 {
        client.write_all(b"hello").unwrap();
    }
    let mut bytes = [0; 15];
    server.read_exact(&mut bytes).unwrap();
    // A descriptor in a message.
    let (one, other) = UnixDatagram::pair().unwrap();
    let file = File::open("/etc/passwd").unwrap();
    send_descriptor(one.as_raw_fd(), file.as_raw_fd());
    drop(file);
    let mut got = receive_descriptor(other.as_raw_fd());
    println!("got {}", got.as_raw_fd());
    let mut text = Vec::new();
    got.read_to_end(&mut text).unwrap();
    println!("read {}", text.len());
    assert!(UnixStream::connect(format!("{directory}/none")).is_err());
}

#[repr(C, align(8))]
struct Control([u8; 24]);

fn send_descriptor(socket: i32, fd: i32) {
    let mut byte = [0_u8];
    let mut vector = libc::iovec {
        iov_base: byte.as_mut_ptr().cast(),
        iov_len: 1,
    };
    let mut control = Control([0; 24]);
    // SAFETY: all zeros is a message without anything.
    let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
    message.msg_iov = &raw mut vector;
    message.msg_iovlen = 1;
    message.msg_control = control.0.as_mut_ptr().cast();
    message.msg_controllen = 24;
    // SAFETY: the room is large enough for one descriptor, as the system reckons it.
    unsafe {
        let head = libc::CMSG_FIRSTHDR(&raw const message);
        (*head).cmsg_level = libc::SOL_SOCKET;
        (*head).cmsg_type = libc::SCM_RIGHTS;
        (*head).cmsg_len = libc::CMSG_LEN(4) as usize;
        libc::CMSG_DATA(head).cast::<i32>().write_unaligned(fd);
        assert_eq!(libc::sendmsg(socket, &raw const message, 0), 1);
    }
}

fn receive_descriptor(socket: i32) -> File {
    let mut byte = [0_u8];
    let mut vector = libc::iovec {
        iov_base: byte.as_mut_ptr().cast(),
        iov_len: 1,
    };
    let mut control = Control([0; 24]);
    // SAFETY: all zeros is a message without anything.
    let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
    message.msg_iov = &raw mut vector;
    message.msg_iovlen = 1;
    message.msg_control = control.0.as_mut_ptr().cast();
    message.msg_controllen = 24;
    // SAFETY: the room is large enough; the descriptor is ours from now on.
    unsafe {
        assert_eq!(libc::recvmsg(socket, &raw mut message, 0), 1);
        let head = libc::CMSG_FIRSTHDR(&raw const message);
        File::from_raw_fd(libc::CMSG_DATA(head).cast::<i32>().read_unaligned())
    }
}
