//! The scenes. Each runs in a process of its own.
#![allow(unsafe_code, clippy::unwrap_used)]
#![allow(clippy::cast_ptr_alignment, reason = "mappings begin at pages")]

use std::ffi::CString;
use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::fd::{AsRawFd, FromRawFd};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};
use std::process::Command;

/// Plays a scene.
pub fn play(scene: &str, rest: &[String]) {
    match scene {
        "files" => files(&rest[0]),
        "executions" => executions(&rest[0]),
        "threads" => threads(),
        "vfork" => vfork(),
        "tcp" => tcp(&rest[0]),
        "udp" => udp(),
        "unix" => unix(&rest[0]),
        "descriptors" => descriptors(&rest[0]),
        "chroot" => chroot(&rest[0]),
        "mounts" => mounts(&rest[0]),
        "identity" => identity(),
        "special" => special(),
        "older" => older(&rest[0]),
        "flood" => flood(rest[0].parse().unwrap()),
        "killed" => killed(),
        "uring" => super::scenes::uring(&rest[0]),
        "nothing" => {}
        "pings" => pings(),
        "old_entry" => old_entry(&rest[0]),
        "flood_open" => flood_open(&rest[0]),
        _ => panic!("no scene {scene}"),
    }
}

fn c(text: &str) -> CString {
    CString::new(text).unwrap()
}

/// A call without a function of its own.
fn call(number: i64, arguments: [i64; 4]) -> i64 {
    // SAFETY: the scenes pass numbers, or pointers to what lives until the call returns.
    unsafe {
        libc::syscall(
            number,
            arguments[0],
            arguments[1],
            arguments[2],
            arguments[3],
        )
    }
}

fn files(directory: &str) {
    let path = |name: &str| format!("{directory}/{name}");
    let mut written = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o640)
        .open(path("a"))
        .unwrap();
    for _ in 0..5 {
        written.write_all(b"0123456789").unwrap();
    }
    drop(written);
    // The name of a directory changes meanwhile: what was opened is told, not what was asked for.
    std::os::unix::fs::symlink(path("a"), path("link")).unwrap();
    let mut text = String::new();
    let mut read = File::open(path("link")).unwrap();
    read.read_to_string(&mut text).unwrap();
    assert_eq!(text.len(), 50);
    drop(read);
    assert!(File::open(path("missing")).is_err());
    let directory_file = File::open(directory).unwrap();
    let name = c("b");
    let at = call(
        libc::SYS_openat,
        [
            i64::from(directory_file.as_raw_fd()),
            name.as_ptr() as i64,
            i64::from(libc::O_CREAT | libc::O_RDWR),
            0o600,
        ],
    );
    assert!(at >= 0);
    // SAFETY: just opened.
    let mut at = unsafe { File::from_raw_fd(at as i32) };
    at.write_all(b"xyz").unwrap();
    drop(at);
    let path_only = OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_PATH)
        .open(path("b"))
        .unwrap();
    drop(path_only);
    // Neither a pipe nor a namespace lies at a path, though both can be opened by one.
    let (reader, writer) = std::io::pipe().unwrap();
    let by_number = format!("/proc/self/fd/{}", writer.as_raw_fd());
    drop(OpenOptions::new().write(true).open(by_number).unwrap());
    drop((reader, writer));
    drop(File::open("/proc/self/ns/uts").unwrap());
    fs::rename(path("b"), path("c")).unwrap();
    fs::hard_link(path("c"), path("d")).unwrap();
    fs::set_permissions(path("c"), fs::Permissions::from_mode(0o4755)).unwrap();
    fs::remove_file(path("d")).unwrap();
    fs::create_dir(path("sub")).unwrap();
    fs::remove_dir(path("sub")).unwrap();
    fs::copy(path("a"), path("e")).unwrap();
}

fn executions(directory: &str) {
    let status = Command::new("/bin/sh")
        .args(["-c", "exit 7", "name with blanks", ""])
        .env_clear()
        .env("KEY", "value")
        .current_dir(directory)
        .status()
        .unwrap();
    assert_eq!(status.code(), Some(7));
    assert!(Command::new(format!("{directory}/none")).status().is_err());
    // A script: the interpreter is what runs.
    let script = format!("{directory}/script");
    fs::write(&script, "#!/bin/sh\nexit 0\n").unwrap();
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
    assert!(Command::new(&script).arg("x").status().unwrap().success());
    // A program that deletes itself.
    let copy = format!("{directory}/copy");
    fs::copy("/bin/true", &copy).unwrap();
    let opened = File::open(&copy).unwrap();
    fs::remove_file(&copy).unwrap();
    let by_number = format!("/proc/self/fd/{}", opened.as_raw_fd());
    // SAFETY: the flag of a descriptor of ours.
    unsafe { libc::fcntl(opened.as_raw_fd(), libc::F_SETFD, 0) };
    assert!(Command::new(by_number).status().unwrap().success());
    // A program in memory.
    let name = c("ghost");
    // SAFETY: a name that lives.
    let memory = unsafe { libc::memfd_create(name.as_ptr(), 0) };
    // SAFETY: just opened.
    let mut memory = unsafe { File::from_raw_fd(memory) };
    memory.write_all(&fs::read("/bin/true").unwrap()).unwrap();
    let by_number = format!("/proc/self/fd/{}", memory.as_raw_fd());
    assert!(Command::new(by_number).status().unwrap().success());
    // A thread that is not the first executes: it becomes the first.
    // SAFETY: the child does nothing but run the two functions.
    let child = unsafe { libc::fork() };
    if child == 0 {
        let _ = std::thread::spawn(|| {
            let error = std::os::unix::process::CommandExt::exec(
                Command::new("/bin/true").arg("from a thread"),
            );
            panic!("{error}");
        })
        .join();
    }
    let mut status = 0;
    // SAFETY: our child.
    unsafe { libc::waitpid(child, &raw mut status, 0) };
    assert_eq!(status, 0);
}

fn threads() {
    let threads: Vec<_> = (0..3)
        .map(|number| {
            std::thread::spawn(move || {
                let path = format!("/tmp/no-such-file-of-thread-{number}");
                assert!(File::open(path).is_err());
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
}

fn vfork() {
    let path = c("/bin/true");
    let arguments = [path.as_ptr(), std::ptr::null()];
    // SAFETY: the child executes at once; nothing of the parent is changed.
    #[allow(deprecated)]
    let child = unsafe { libc::vfork() };
    if child == 0 {
        // SAFETY: as above.
        unsafe {
            libc::execv(path.as_ptr(), arguments.as_ptr());
            libc::_exit(1);
        }
    }
    let mut status = 0;
    // SAFETY: our child.
    unsafe { libc::waitpid(child, &raw mut status, 0) };
    assert_eq!(status, 0);
}

fn tcp(host: &str) {
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

fn udp() {
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

fn unix(directory: &str) {
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

fn descriptors(directory: &str) {
    let mut first = File::create(format!("{directory}/first")).unwrap();
    let mut second = File::create(format!("{directory}/second")).unwrap();
    first.write_all(b"1").unwrap();
    first.write_all(b"22").unwrap();
    second.write_all(b"333").unwrap();
    println!("first {} second {}", first.as_raw_fd(), second.as_raw_fd());
    // The second now stands for the first.
    // SAFETY: descriptors of ours.
    let result = unsafe { libc::dup2(first.as_raw_fd(), second.as_raw_fd()) };
    assert_eq!(result, second.as_raw_fd());
    second.write_all(b"4444").unwrap();
    second.write_all(b"55555").unwrap();
    // SAFETY: a descriptor of ours.
    let copy = unsafe { libc::fcntl(first.as_raw_fd(), libc::F_DUPFD_CLOEXEC, 100) };
    assert_eq!(copy, 100);
    // SAFETY: just made.
    drop(unsafe { File::from_raw_fd(copy) });
    let kept = first.as_raw_fd();
    std::mem::forget((first, second));
    assert_eq!(call(libc::SYS_close_range, [i64::from(kept), 200, 0, 0]), 0);
}

fn chroot(directory: &str) {
    fs::create_dir(format!("{directory}/inside")).unwrap();
    fs::write(format!("{directory}/inside/file"), "x").unwrap();
    let path = c(directory);
    // SAFETY: a name that lives.
    assert_eq!(unsafe { libc::chroot(path.as_ptr()) }, 0);
    std::env::set_current_dir("/inside").unwrap();
    drop(File::open("file").unwrap());
}

fn mounts(directory: &str) {
    let (none, place, kind) = (c("none"), c(directory), c("tmpfs"));
    let root = c("/");
    // SAFETY: names that live; the namespace is our own.
    unsafe {
        assert_eq!(libc::unshare(libc::CLONE_NEWNS), 0);
        let private = libc::MS_REC | libc::MS_PRIVATE;
        assert_eq!(
            libc::mount(
                none.as_ptr(),
                root.as_ptr(),
                std::ptr::null(),
                private,
                std::ptr::null()
            ),
            0
        );
        assert_eq!(
            libc::mount(
                none.as_ptr(),
                place.as_ptr(),
                kind.as_ptr(),
                0,
                std::ptr::null()
            ),
            0
        );
    }
    fs::create_dir(format!("{directory}/deep")).unwrap();
    let mut file = File::create(format!("{directory}/deep/file")).unwrap();
    file.write_all(b"mounted").unwrap();
    drop(file);
    // SAFETY: as above.
    assert_eq!(unsafe { libc::umount2(place.as_ptr(), 0) }, 0);
}

fn identity() {
    let name = c("renamed");
    // SAFETY: numbers, and a name that lives.
    unsafe {
        libc::prctl(libc::PR_SET_NAME, name.as_ptr());
        libc::setpgid(0, 0);
        libc::setsid();
        libc::kill(libc::getpid(), 0);
        assert_eq!(libc::setns(-1, libc::CLONE_NEWNET), -1);
        libc::syscall(libc::SYS_setresgid, 1003, 1004, 1005);
        libc::syscall(libc::SYS_setresuid, 1000, 1001, 1002);
        assert_eq!(libc::syscall(libc::SYS_setuid, 0), -1);
        assert_eq!(libc::ptrace(libc::PTRACE_TRACEME, 0, 0, 0), 0);
    }
}

fn special() {
    let (name, module, nothing) = (c("memory"), c("a=b"), c("nothing"));
    // SAFETY: numbers, and a name that lives. Nothing is done with the descriptors.
    unsafe {
        libc::eventfd(3, libc::EFD_CLOEXEC);
        libc::timerfd_create(libc::CLOCK_MONOTONIC, 0);
        libc::epoll_create1(libc::EPOLL_CLOEXEC);
        libc::inotify_init1(0);
        libc::memfd_create(name.as_ptr(), libc::MFD_CLOEXEC);
        libc::syscall(libc::SYS_pidfd_open, libc::getpid(), 0);
        libc::syscall(libc::SYS_userfaultfd, 0);
        let mut ends = [0; 2];
        libc::pipe2(ends.as_mut_ptr(), libc::O_CLOEXEC);
        libc::socketpair(libc::AF_UNIX, libc::SOCK_STREAM, 0, ends.as_mut_ptr());
        libc::syscall(libc::SYS_bpf, 9999, 0, 0);
        libc::syscall(libc::SYS_init_module, 0, 0, c"".as_ptr());
        libc::syscall(libc::SYS_finit_module, -1, module.as_ptr(), 1);
        libc::syscall(libc::SYS_delete_module, nothing.as_ptr(), libc::O_NONBLOCK);
        libc::syscall(libc::SYS_keyctl, 0, -3, 0);
        libc::mmap(
            std::ptr::null_mut(),
            4096,
            libc::PROT_READ | libc::PROT_EXEC,
            libc::MAP_PRIVATE,
            File::open("/bin/true").unwrap().as_raw_fd(),
            0,
        );
    }
}

/// Begins before the probe: waits for a byte, then acts on what it has opened before.
fn older(directory: &str) {
    let mut file = File::create(format!("{directory}/older")).unwrap();
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    println!("{} {}", file.as_raw_fd(), socket.as_raw_fd());
    std::io::stdout().flush().unwrap();
    let mut byte = [0];
    std::io::stdin().read_exact(&mut byte).unwrap();
    for _ in 0..10 {
        file.write_all(b"later").unwrap();
    }
}

fn flood(count: u32) {
    for _ in 0..count {
        let _ = File::open("/no/such/file");
    }
    let _ = Command::new("/bin/true").status();
}

/// Calls the kernel as 32-bit programs do.
#[cfg(target_arch = "x86_64")]
fn old_entry(directory: &str) {
    // SAFETY: a page below 4 GiB, where such calls can point to.
    let page: *mut u8 = unsafe {
        libc::mmap(
            std::ptr::null_mut(),
            4096,
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_32BIT,
            -1,
            0,
        )
        .cast()
    };
    let enter = |number: i64, arguments: [i64; 3]| -> i32 {
        let result: i64;
        // SAFETY: the register that the compiler keeps for itself is given back.
        unsafe {
            std::arch::asm!(
                "xchg {first}, rbx",
                "int 0x80",
                "xchg {first}, rbx",
                first = inout(reg) arguments[0] => _,
                inout("rax") number => result,
                in("rcx") arguments[1],
                in("rdx") arguments[2],
                out("r8") _, out("r9") _, out("r10") _, out("r11") _,
            );
        }
        result as i32
    };
    let path = c(&format!("{directory}/old"));
    let bytes = path.as_bytes_with_nul();
    // SAFETY: shorter than the page.
    unsafe { page.copy_from_nonoverlapping(bytes.as_ptr(), bytes.len()) };
    let fd = enter(
        5,
        [
            page as i64,
            i64::from(libc::O_CREAT | libc::O_WRONLY),
            0o600,
        ],
    );
    println!("{fd}");
    if fd == -libc::ENOSYS {
        return;
    }
    assert!(fd >= 0);
    for _ in 0..3 {
        assert_eq!(enter(4, [i64::from(fd), page as i64, 5]), 5);
    }
    assert_eq!(enter(6, [i64::from(fd), 0, 0]), 0);
    assert_eq!(enter(10, [page as i64, 0, 0]), 0);
    // socketcall
    enter(102, [99, page as i64, 0]);
}

#[cfg(not(target_arch = "x86_64"))]
fn old_entry(_: &str) {
    println!("{}", -libc::ENOSYS);
}

fn pings() {
    for _ in 0..300 {
        let _ = File::open("/no/such/file");
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
}

/// Opens and closes until nothing is told any more, with a descriptor that was told before.
fn flood_open(directory: &str) {
    let path = format!("{directory}/kept");
    let kept = File::create(&path).unwrap();
    println!("kept {}", kept.as_raw_fd());
    for _ in 0..3000 {
        drop(File::open("/etc/passwd").unwrap());
    }
    drop(kept);
}

fn killed() {
    // SAFETY: the child only waits.
    let child = unsafe { libc::fork() };
    if child == 0 {
        loop {
            std::thread::park();
        }
    }
    let mut status = 0;
    // SAFETY: our child.
    unsafe {
        libc::kill(child, libc::SIGKILL);
        libc::waitpid(child, &raw mut status, 0);
    }
    println!("{child}");
}

/// Opens, writes and removes a file by requests of `io_uring`.
pub fn uring(directory: &str) {
    const SUBMISSIONS: i64 = 0;
    const ENTRIES: i64 = 0x1000_0000;
    let mut parameters = [0_u32; 30];
    let ring = call(
        libc::SYS_io_uring_setup,
        [4, parameters.as_mut_ptr() as i64, 0, 0],
    );
    if ring < 0 {
        println!("refused");
        return;
    }
    let map = |length: usize, offset: i64| -> *mut u8 {
        // SAFETY: a mapping of the ring, as its interface says.
        unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                length,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_SHARED,
                ring as i32,
                offset,
            )
            .cast()
        }
    };
    // Submissions and completions share a mapping: their offsets stand at 10 and 20 of the parameters.
    let rings = map(4096, SUBMISSIONS);
    let entries = map(4096, ENTRIES);
    let (tail, array) = (parameters[11] as usize, parameters[16] as usize);
    let (done_head, done_tail) = (parameters[20] as usize, parameters[21] as usize);
    let done = parameters[25] as usize;
    let mut count = 0_u32;
    let mut request =
        |opcode: u8, fd: i32, address: i64, length: u32, flags: u32, offset: u64| -> i32 {
            let slot = count & 3;
            // SAFETY: within the mappings; nobody else uses them, since the kernel acts within the call.
            unsafe {
                let entry = entries.add(slot as usize * 64);
                entry.write_bytes(0, 64);
                entry.write(opcode);
                entry.add(4).cast::<i32>().write(fd);
                entry.add(8).cast::<u64>().write(offset);
                entry.add(16).cast::<i64>().write(address);
                entry.add(24).cast::<u32>().write(length);
                entry.add(28).cast::<u32>().write(flags);
                rings
                    .add(array + 4 * slot as usize)
                    .cast::<u32>()
                    .write(slot);
                count += 1;
                rings.add(tail).cast::<u32>().write_volatile(count);
            }
            // SAFETY: numbers only.
            let entered = unsafe { libc::syscall(libc::SYS_io_uring_enter, ring, 1, 1, 1, 0, 0) };
            assert_eq!(entered, 1);
            // SAFETY: as above; the completion is there.
            unsafe {
                let last = rings.add(done_tail).cast::<u32>().read_volatile() - 1;
                let entry = rings.add(done + 16 * (last as usize & 7));
                let result = entry.add(8).cast::<i32>().read();
                rings.add(done_head).cast::<u32>().write_volatile(last + 1);
                result
            }
        };
    let path = c(&format!("{directory}/by-ring"));
    let flags = (libc::O_CREAT | libc::O_WRONLY) as u32;
    let fd = request(18, libc::AT_FDCWD, path.as_ptr() as i64, 0o600, flags, 0);
    assert!(fd >= 0, "open: {fd}");
    println!("opened {fd}");
    let data = b"twelve bytes";
    for _ in 0..3 {
        let written = request(23, fd, data.as_ptr() as i64, 12, 0, u64::MAX);
        assert_eq!(written, 12);
    }
    assert_eq!(request(19, fd, 0, 0, 0, 0), 0);
    let removed = request(36, libc::AT_FDCWD, path.as_ptr() as i64, 0, 0, 0);
    assert_eq!(removed, 0, "unlink");
}
