//! Descriptors that go from process to process.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::{AsRawFd, FromRawFd};
use std::os::unix::net::UnixDatagram;

use super::call;

/// Room for a control message with some descriptors.
#[repr(C, align(8))]
struct Control([u8; 32]);

fn message(vector: &mut libc::iovec, control: &mut Control, length: usize) -> libc::msghdr {
    // SAFETY: all zeros is a message without anything.
    let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
    message.msg_iov = vector;
    message.msg_iovlen = 1;
    message.msg_control = control.0.as_mut_ptr().cast();
    message.msg_controllen = length;
    message
}

/// Sends descriptors with a byte.
pub(super) fn send_descriptors(socket: i32, fds: &[i32]) {
    let mut byte = [0_u8];
    let mut vector = libc::iovec {
        iov_base: byte.as_mut_ptr().cast(),
        iov_len: 1,
    };
    let size = size_of_val(fds) as u32;
    let mut control = Control([0; 32]);
    // SAFETY: arithmetic only.
    let (space, length) = unsafe { (libc::CMSG_SPACE(size), libc::CMSG_LEN(size)) };
    let message = message(&mut vector, &mut control, space as usize);
    // SAFETY: the room is large enough, as the system reckons it.
    unsafe {
        let head = libc::CMSG_FIRSTHDR(&raw const message);
        (*head).cmsg_level = libc::SOL_SOCKET;
        (*head).cmsg_type = libc::SCM_RIGHTS;
        (*head).cmsg_len = length as usize;
        let data = libc::CMSG_DATA(head);
        data.copy_from_nonoverlapping(fds.as_ptr().cast(), size as usize);
        assert_eq!(libc::sendmsg(socket, &raw const message, 0), 1);
    }
}

/// Receives them, by the call for one message or by that for several.
pub(super) fn receive_descriptors<const N: usize>(socket: i32, by_several: bool) -> [File; N] {
    let mut byte = [0_u8];
    let mut vector = libc::iovec {
        iov_base: byte.as_mut_ptr().cast(),
        iov_len: 1,
    };
    let mut control = Control([0; 32]);
    let mut entry = libc::mmsghdr {
        msg_hdr: message(&mut vector, &mut control, 32),
        msg_len: 0,
    };
    // SAFETY: the room is large enough; the descriptors are ours from now on.
    unsafe {
        if by_several {
            let none = std::ptr::null_mut();
            assert_eq!(libc::recvmmsg(socket, &raw mut entry, 1, 0, none), 1);
        } else {
            assert_eq!(libc::recvmsg(socket, &raw mut entry.msg_hdr, 0), 1);
        }
        let head = libc::CMSG_FIRSTHDR(&raw const entry.msg_hdr);
        let data = libc::CMSG_DATA(head).cast::<i32>();
        std::array::from_fn(|index| File::from_raw_fd(data.add(index).read_unaligned()))
    }
}

/// A child that gets descriptors which its parent opens after it was made.
pub(super) fn passed(directory: &str) {
    let (one, other) = UnixDatagram::pair().unwrap();
    let parent = std::process::id();
    // SAFETY: the child does nothing but use what is its own.
    let child = unsafe { libc::fork() };
    if child == 0 {
        let [mut file, mut socket] = receive_descriptors(other.as_raw_fd(), false);
        let mut text = [0; 4];
        for _ in 0..3 {
            file.read_exact(&mut text).unwrap();
            socket.write_all(b"sent").unwrap();
        }
        let [mut second] = receive_descriptors(other.as_raw_fd(), true);
        second.read_exact(&mut text).unwrap();
        let process = call(libc::SYS_pidfd_open, [i64::from(parent), 0, 0, 0]);
        other.recv(&mut text).unwrap();
        let number = i64::from(i32::from_ne_bytes(text));
        let taken = call(libc::SYS_pidfd_getfd, [process, number, 0, 0]);
        assert!(taken >= 0);
        // SAFETY: just made.
        let mut third = unsafe { File::from_raw_fd(taken as i32) };
        third.read_exact(&mut text).unwrap();
        let numbers = [&file, &socket, &second, &third].map(AsRawFd::as_raw_fd);
        println!("child {numbers:?}");
        std::process::exit(0);
    }
    let open = |name: &str| {
        let path = format!("{directory}/{name}");
        fs::write(&path, b"0123456789abcdef").unwrap();
        File::open(path).unwrap()
    };
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    println!("client {}", stream.local_addr().unwrap());
    println!("server {}", listener.local_addr().unwrap());
    let first = open("first");
    send_descriptors(one.as_raw_fd(), &[first.as_raw_fd(), stream.as_raw_fd()]);
    send_descriptors(one.as_raw_fd(), &[open("second").as_raw_fd()]);
    let third = open("third");
    one.send(&third.as_raw_fd().to_ne_bytes()).unwrap();
    let mut status = 0;
    // SAFETY: our child.
    unsafe { libc::waitpid(child, &raw mut status, 0) };
    assert_eq!(status, 0);
}

/// A process that is moved into the group of a container after it was made, and out of it again.
pub(super) fn moved(groups: &str) {
    let group = format!("{groups}/docker-{}.scope", super::CONTAINER.repeat(4));
    fs::create_dir(&group).unwrap();
    let enter = |group: &str| {
        fs::write(
            format!("{group}/cgroup.procs"),
            std::process::id().to_string(),
        )
        .unwrap();
    };
    // Each thread is in the container where the process is.
    let look = |name: &'static str| {
        std::thread::spawn(move || assert!(File::open(format!("/no/such/{name}")).is_err()))
            .join()
            .unwrap();
    };
    let (begin, wait) = std::sync::mpsc::channel();
    let older = std::thread::spawn(move || {
        wait.recv().unwrap();
        assert!(File::open("/no/such/older").is_err());
    });
    look("before");
    enter(&group);
    begin.send(()).unwrap();
    older.join().unwrap();
    assert!(File::open("/no/such/inside").is_err());
    enter(groups);
    look("after");
    fs::remove_dir(&group).unwrap();
}
