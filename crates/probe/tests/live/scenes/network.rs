//! Sockets.

use super::passed::{receive_descriptors, send_descriptors};
use std::fs::File;
use std::io::{Read, Write};
use std::net::{SocketAddr, SocketAddrV4, TcpListener, TcpStream, UdpSocket};
use std::os::fd::AsRawFd;
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
    send_descriptors(one.as_raw_fd(), &[file.as_raw_fd()]);
    drop(file);
    let [mut got] = receive_descriptors(other.as_raw_fd(), false);
    println!("got {}", got.as_raw_fd());
    let mut text = Vec::new();
    got.read_to_end(&mut text).unwrap();
    println!("read {}", text.len());
    assert!(UnixStream::connect(format!("{directory}/none")).is_err());
}

/// Makes a network of the scene's own, with nothing but a loopback.
pub(super) fn own_network() {
    // SAFETY: numbers; the request is as the system lays it out, and lives.
    unsafe {
        assert_eq!(libc::unshare(libc::CLONE_NEWNET), 0);
        let socket = libc::socket(libc::AF_INET, libc::SOCK_DGRAM, 0);
        let mut request: libc::ifreq = std::mem::zeroed();
        request.ifr_name[..2].copy_from_slice(&[b'l' as libc::c_char, b'o' as libc::c_char]);
        request.ifr_ifru.ifru_flags = (libc::IFF_UP | libc::IFF_RUNNING) as i16;
        assert_eq!(libc::ioctl(socket, libc::SIOCSIFFLAGS, &raw mut request), 0);
        libc::close(socket);
    }
}

/// Room for datagrams that are moved by one call.
pub(super) struct Datagrams {
    bytes: Vec<[u8; 512]>,
    vectors: Vec<libc::iovec>,
    addresses: Vec<libc::sockaddr_in>,
    heads: Vec<libc::mmsghdr>,
}

impl Datagrams {
    pub(super) fn new(count: usize) -> Self {
        // SAFETY: all zeros is an address, and a message without anything.
        let (address, head) = unsafe { (std::mem::zeroed(), std::mem::zeroed()) };
        Self {
            bytes: vec![[b'.'; 512]; count],
            vectors: Vec::with_capacity(count),
            addresses: vec![address; count],
            heads: vec![head; count],
        }
    }

    /// Points the heads to the room.
    fn point(&mut self, lengths: &[usize]) {
        self.vectors.clear();
        for (bytes, length) in self.bytes.iter_mut().zip(lengths) {
            self.vectors.push(libc::iovec {
                iov_base: bytes.as_mut_ptr().cast(),
                iov_len: *length,
            });
        }
        let parts = self.vectors.iter_mut().zip(&mut self.addresses);
        for (head, (vector, address)) in self.heads.iter_mut().zip(parts) {
            head.msg_hdr.msg_iov = vector;
            head.msg_hdr.msg_iovlen = 1;
            head.msg_hdr.msg_name = (&raw mut *address).cast();
            head.msg_hdr.msg_namelen = size_of::<libc::sockaddr_in>() as u32;
        }
    }

    /// Receives them by one call; how many there were.
    pub(super) fn receive(&mut self, socket: i32) -> usize {
        let lengths = vec![512; self.heads.len()];
        self.point(&lengths);
        let count = self.heads.len() as u32;
        let none = std::ptr::null_mut();
        // SAFETY: the heads point to room that lives.
        let got = unsafe { libc::recvmmsg(socket, self.heads.as_mut_ptr(), count, 0, none) };
        usize::try_from(got).unwrap()
    }

    /// Receives the first alone.
    pub(super) fn receive_message(&mut self, socket: i32) {
        self.point(&[512]);
        // SAFETY: as above.
        let got = unsafe { libc::recvmsg(socket, &raw mut self.heads[0].msg_hdr, 0) };
        assert!(got > 0);
    }

    /// Sends them by one call, each as long and to where it is said.
    pub(super) fn send(&mut self, socket: i32, to: &[(usize, SocketAddrV4)]) {
        for (address, (_, to)) in self.addresses.iter_mut().zip(to) {
            address.sin_family = libc::AF_INET as u16;
            address.sin_port = to.port().to_be();
            address.sin_addr.s_addr = u32::from(*to.ip()).to_be();
        }
        let lengths: Vec<usize> = to.iter().map(|(length, _)| *length).collect();
        self.point(&lengths);
        let count = self.heads.len() as u32;
        // SAFETY: as above.
        let sent = unsafe { libc::sendmmsg(socket, self.heads.as_mut_ptr(), count, 0) };
        assert_eq!(usize::try_from(sent).unwrap(), to.len());
    }
}

/// Several datagrams in one call, to and from several peers.
pub(super) fn messages() {
    let sockets: Vec<UdpSocket> = (0..3)
        .map(|_| UdpSocket::bind("127.0.0.1:0").unwrap())
        .collect();
    let mut at = Vec::new();
    for socket in &sockets {
        let SocketAddr::V4(address) = socket.local_addr().unwrap() else {
            panic!("not of the family asked for")
        };
        println!("{address}");
        at.push(address);
    }
    let mut three = Datagrams::new(3);
    for _ in 0..4 {
        three.send(
            sockets[0].as_raw_fd(),
            &[(10, at[1]), (20, at[2]), (30, at[1])],
        );
    }
    let mut eight = Datagrams::new(8);
    assert_eq!(eight.receive(sockets[1].as_raw_fd()), 8);
    let mut four = Datagrams::new(4);
    assert_eq!(four.receive(sockets[2].as_raw_fd()), 4);
    // Connected, as resolvers do it: two in one call, twice.
    sockets[0].connect(at[2]).unwrap();
    let mut two = Datagrams::new(2);
    for _ in 0..2 {
        two.send(sockets[0].as_raw_fd(), &[(7, at[2]), (8, at[2])]);
    }
    assert_eq!(four.receive(sockets[2].as_raw_fd()), 4);
}
