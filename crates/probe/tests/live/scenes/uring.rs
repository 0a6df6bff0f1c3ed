//! Requests of `io_uring`.

use std::fs;
use std::io::Write;
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::fd::AsRawFd;

use super::{c, call};

/// A request, as far as the scenes need it.
#[derive(Clone, Copy, Default)]
struct Request {
    opcode: u8,
    /// Flags that all requests have.
    flags: u8,
    /// Further flags of sockets.
    more_flags: u16,
    /// The group of buffers from which one is taken.
    group: u16,
    fd: i32,
    address: i64,
    length: u32,
    own_flags: u32,
    /// An offset, or a second address.
    offset: u64,
    /// A second descriptor, or a place in the ring's own table, counted from 1.
    other: u32,
}

/// A ring of four entries that acts within the calls.
struct Ring {
    fd: i32,
    rings: *mut u8,
    entries: *mut u8,
    parameters: [u32; 30],
    count: u32,
}

impl Ring {
    /// `None` where the kernel refuses.
    fn new() -> Option<Self> {
        const SUBMISSIONS: i64 = 0;
        const ENTRIES: i64 = 0x1000_0000;
        let mut parameters = [0_u32; 30];
        let ring = call(
            libc::SYS_io_uring_setup,
            [4, parameters.as_mut_ptr() as i64, 0, 0],
        );
        let fd = i32::try_from(ring).ok().filter(|fd| *fd >= 0)?;
        let map = |offset: i64| -> *mut u8 {
            // SAFETY: a mapping of the ring, as its interface says.
            unsafe {
                libc::mmap(
                    std::ptr::null_mut(),
                    4096,
                    libc::PROT_READ | libc::PROT_WRITE,
                    libc::MAP_SHARED,
                    fd,
                    offset,
                )
                .cast()
            }
        };
        // Submissions and completions share a mapping.
        Some(Self {
            fd,
            rings: map(SUBMISSIONS),
            entries: map(ENTRIES),
            parameters,
            count: 0,
        })
    }

    /// Submits a request and returns its result.
    fn submit(&mut self, request: Request) -> i32 {
        self.begin(request);
        self.next()
    }

    /// Submits a request.
    fn begin(&mut self, request: Request) {
        // Offsets in the mapping stand at 10 and 20 of the parameters.
        let (tail, array) = (self.parameters[11] as usize, self.parameters[16] as usize);
        let slot = self.count & 3;
        self.count += 1;
        // SAFETY: within the mappings; nobody else uses them, since the kernel acts within the call.
        unsafe {
            let entry = self.entries.add(slot as usize * 64);
            entry.write_bytes(0, 64);
            entry.write(request.opcode);
            entry.add(1).write(request.flags);
            entry.add(2).cast::<u16>().write(request.more_flags);
            entry.add(4).cast::<i32>().write(request.fd);
            entry.add(8).cast::<u64>().write(request.offset);
            entry.add(16).cast::<i64>().write(request.address);
            entry.add(24).cast::<u32>().write(request.length);
            entry.add(28).cast::<u32>().write(request.own_flags);
            entry.add(32).cast::<u64>().write(u64::from(self.count));
            entry.add(40).cast::<u16>().write(request.group);
            entry.add(44).cast::<u32>().write(request.other);
            let place = self.rings.add(array + 4 * slot as usize);
            place.cast::<u32>().write(slot);
            let last = self.rings.add(tail).cast::<u32>();
            last.write_volatile(self.count);
            let entered = libc::syscall(libc::SYS_io_uring_enter, self.fd, 1, 0, 0, 0, 0);
            assert_eq!(entered, 1);
        }
    }

    /// Waits for the next result and returns it.
    fn next(&mut self) -> i32 {
        let (head, tail) = (self.parameters[20] as usize, self.parameters[21] as usize);
        let done = self.parameters[25] as usize;
        // SAFETY: as above.
        unsafe {
            let first = self.rings.add(head).cast::<u32>();
            let number = first.read_volatile();
            while self.rings.add(tail).cast::<u32>().read_volatile() == number {
                let entered = libc::syscall(libc::SYS_io_uring_enter, self.fd, 0, 1, 1, 0, 0);
                assert_eq!(entered, 0);
            }
            let entry = self.rings.add(done + 16 * (number as usize & 7));
            let result = entry.add(8).cast::<i32>().read();
            first.write_volatile(number + 1);
            result
        }
    }

    /// The same of one that cannot fail.
    #[track_caller]
    fn done(&mut self, request: Request) -> i32 {
        let result = self.submit(request);
        assert!(result >= 0, "request {}: {result}", request.opcode);
        result
    }
}

/// Opens, writes and removes a file.
pub(super) fn uring(directory: &str) {
    let Some(mut ring) = Ring::new() else {
        println!("refused");
        return;
    };
    let path = c(&format!("{directory}/by-ring"));
    let fd = ring.done(Request {
        opcode: 18,
        fd: libc::AT_FDCWD,
        address: path.as_ptr() as i64,
        length: 0o600,
        own_flags: (libc::O_CREAT | libc::O_WRONLY) as u32,
        ..Request::default()
    });
    println!("opened {fd}");
    let data = b"twelve bytes";
    for _ in 0..3 {
        let written = ring.done(Request {
            opcode: 23,
            fd,
            address: data.as_ptr() as i64,
            length: 12,
            offset: u64::MAX,
            ..Request::default()
        });
        assert_eq!(written, 12);
    }
    let close = Request {
        opcode: 19,
        fd,
        ..Request::default()
    };
    assert_eq!(ring.done(close), 0);
    let remove = Request {
        opcode: 36,
        fd: libc::AT_FDCWD,
        address: path.as_ptr() as i64,
        ..Request::default()
    };
    assert_eq!(ring.done(remove), 0);
}

/// Names in the file system, and what moves data between files.
pub(super) fn uring_files(directory: &str) {
    let Some(mut ring) = Ring::new() else {
        println!("refused");
        return;
    };
    let path = |name: &str| c(&format!("{directory}/{name}"));
    let (sub, file, renamed, linked, symbolic) = (
        path("sub"),
        path("file"),
        path("renamed"),
        path("linked"),
        path("symbolic"),
    );
    let names = |opcode: u8, old: &std::ffi::CStr, new: &std::ffi::CStr| Request {
        opcode,
        fd: libc::AT_FDCWD,
        address: old.as_ptr() as i64,
        offset: new.as_ptr() as u64,
        length: libc::AT_FDCWD as u32,
        ..Request::default()
    };
    ring.done(Request {
        opcode: 37,
        offset: 0,
        length: 0o750,
        ..names(37, &sub, c"")
    });
    let how = [(libc::O_CREAT | libc::O_RDWR) as u64, 0o640, 0];
    let open = |how: &[u64; 3]| Request {
        opcode: 28,
        fd: libc::AT_FDCWD,
        address: file.as_ptr() as i64,
        length: 24,
        offset: how.as_ptr() as u64,
        ..Request::default()
    };
    let fd = ring.done(open(&how));
    println!("file {fd}");
    let data = *b"0123456789";
    let vector = [
        libc::iovec {
            iov_base: data.as_ptr() as *mut _,
            iov_len: 10,
        },
        libc::iovec {
            iov_base: data.as_ptr() as *mut _,
            iov_len: 5,
        },
    ];
    let move_vector = |opcode: u8| Request {
        opcode,
        fd,
        address: vector.as_ptr() as i64,
        length: 2,
        ..Request::default()
    };
    for _ in 0..2 {
        assert_eq!(ring.done(move_vector(2)), 15);
    }
    assert_eq!(ring.done(move_vector(1)), 15);
    // What a ring splices into a pipe.
    let (reader, writer) = std::io::pipe().unwrap();
    println!("pipe {}", writer.as_raw_fd());
    for _ in 0..3 {
        let spliced = ring.done(Request {
            opcode: 30,
            fd: writer.as_raw_fd(),
            offset: u64::MAX,
            length: 4,
            other: fd as u32,
            ..Request::default()
        });
        assert_eq!(spliced, 4);
    }
    drop((reader, writer));
    ring.done(names(35, &file, &renamed));
    ring.done(names(39, &renamed, &linked));
    ring.done(Request {
        length: 0,
        ..names(38, &renamed, &symbolic)
    });
    let mut remove = names(36, &sub, c"");
    (remove.offset, remove.length) = (0, 0);
    remove.own_flags = libc::AT_REMOVEDIR as u32;
    ring.done(remove);
    let truncated = ring.submit(Request {
        opcode: 55,
        fd,
        offset: 7,
        ..Request::default()
    });
    println!("truncated {truncated}");
    let mut ends = [0_i32; 2];
    let piped = ring.submit(Request {
        opcode: 62,
        address: ends.as_mut_ptr() as i64,
        own_flags: libc::O_CLOEXEC as u32,
        ..Request::default()
    });
    println!("piped {piped} {} {}", ends[0], ends[1]);
    // A place in the ring's own table, which is then given out as a descriptor.
    let none = [-1_i32; 2];
    let registered = call(
        libc::SYS_io_uring_register,
        [i64::from(ring.fd), 2, none.as_ptr() as i64, 2],
    );
    assert_eq!(registered, 0);
    let direct = Request {
        opcode: 18,
        fd: libc::AT_FDCWD,
        address: linked.as_ptr() as i64,
        other: 1,
        ..Request::default()
    };
    assert_eq!(ring.done(direct), 0);
    let installed = ring.submit(Request {
        opcode: 54,
        flags: 1,
        fd: 0,
        ..Request::default()
    });
    println!("installed {installed}");
    let mut bytes = [0_u8; 3];
    if installed >= 0 {
        // SAFETY: the room is large enough.
        let got = unsafe { libc::read(installed, bytes.as_mut_ptr().cast(), 3) };
        assert_eq!(got, 3);
    }
    fs::remove_file(format!("{directory}/symbolic")).unwrap();
}

/// A connection from its sockets to its end.
pub(super) fn uring_sockets() {
    let Some(mut ring) = Ring::new() else {
        println!("refused");
        return;
    };
    let socket = Request {
        opcode: 45,
        fd: libc::AF_INET,
        offset: (libc::SOCK_STREAM | libc::SOCK_CLOEXEC) as u64,
        length: libc::IPPROTO_TCP as u32,
        ..Request::default()
    };
    let (server, client) = (ring.done(socket), ring.done(socket));
    println!("server {server}");
    println!("client {client}");
    // SAFETY: all zeros is an address; calls get what lives.
    let mut address: libc::sockaddr_in = unsafe { std::mem::zeroed() };
    address.sin_family = libc::AF_INET as u16;
    address.sin_addr.s_addr = u32::from(std::net::Ipv4Addr::LOCALHOST).to_be();
    let mut size = size_of::<libc::sockaddr_in>() as u32;
    let at = &raw mut address;
    let with_address = |opcode: u8, fd: i32| Request {
        opcode,
        fd,
        address: at as i64,
        offset: 16,
        ..Request::default()
    };
    let bound = ring.submit(with_address(56, server));
    let listens = ring.submit(Request {
        opcode: 57,
        fd: server,
        length: 9,
        ..Request::default()
    });
    println!("bound {bound} {listens}");
    // SAFETY: as above.
    unsafe {
        if bound < 0 {
            assert_eq!(libc::bind(server, at.cast(), size), 0);
            assert_eq!(libc::listen(server, 9), 0);
        }
        assert_eq!(libc::getsockname(server, at.cast(), &raw mut size), 0);
        println!("port {}", u16::from_be((*at).sin_port));
    }
    ring.done(with_address(16, client));
    let accepted = ring.done(Request {
        opcode: 13,
        fd: server,
        own_flags: libc::SOCK_CLOEXEC as u32,
        ..Request::default()
    });
    println!("accepted {accepted}");
    let mut bytes = *b"0123456789";
    let buffer = bytes.as_mut_ptr() as i64;
    let mut vector = libc::iovec {
        iov_base: bytes.as_mut_ptr().cast(),
        iov_len: 6,
    };
    // SAFETY: all zeros is a message without anything.
    let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
    message.msg_iov = &raw mut vector;
    message.msg_iovlen = 1;
    let message = &raw mut message as i64;
    let mut moved = |opcode: u8, fd: i32, address: i64, length: u32| {
        ring.done(Request {
            opcode,
            fd,
            address,
            length,
            ..Request::default()
        })
    };
    for _ in 0..3 {
        assert_eq!(moved(26, client, buffer, 10), 10);
        assert_eq!(moved(27, accepted, buffer, 10), 10);
        assert_eq!(moved(9, client, message, 1), 6);
        assert_eq!(moved(10, accepted, message, 1), 6);
    }
    // Shut down for writing.
    moved(34, client, 0, libc::SHUT_WR as u32);
    assert_eq!(moved(27, accepted, buffer, 10), 0);
    for fd in [accepted, client, server] {
        moved(19, fd, 0, 0);
    }
}

/// Accepts and receives by requests that go on.
pub(super) fn uring_repeated() {
    const PROVIDE_BUFFERS: u8 = 31;
    const SELECT_BUFFER: u8 = 1 << 5;
    let Some(mut ring) = Ring::new() else {
        println!("refused");
        return;
    };
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    println!("port {}", address.port());
    ring.begin(Request {
        opcode: 13,
        more_flags: 1,
        fd: listener.as_raw_fd(),
        own_flags: libc::SOCK_CLOEXEC as u32,
        ..Request::default()
    });
    let mut clients = Vec::new();
    let mut accepted = Vec::new();
    for _ in 0..3 {
        clients.push(TcpStream::connect(address).unwrap());
        let got = ring.next();
        if got < 0 {
            println!("refused: {got}");
            return;
        }
        accepted.push(got);
    }
    let words = |numbers: &[i32]| {
        let words: Vec<String> = numbers.iter().map(i32::to_string).collect();
        words.join(" ")
    };
    println!("accepted {}", words(&accepted));
    let ports: Vec<i32> = clients
        .iter()
        .map(|client| client.local_addr().unwrap().port().into())
        .collect();
    println!("clients {}", words(&ports));
    let mut buffers = vec![0_u8; 8 * 64];
    ring.done(Request {
        opcode: PROVIDE_BUFFERS,
        fd: 8,
        address: buffers.as_mut_ptr() as i64,
        length: 64,
        group: 7,
        ..Request::default()
    });
    ring.begin(Request {
        opcode: 27,
        flags: SELECT_BUFFER,
        more_flags: 2,
        group: 7,
        fd: accepted[1],
        ..Request::default()
    });
    for _ in 0..4 {
        clients[1].write_all(b"0123456789").unwrap();
        assert_eq!(ring.next(), 10);
    }
    clients[1].shutdown(Shutdown::Write).unwrap();
    assert_eq!(ring.next(), 0, "the end, which is the last time");
    for fd in accepted {
        // SAFETY: it is ours, and nobody else knows it.
        assert_eq!(unsafe { libc::close(fd) }, 0);
    }
}
