//! What the checks of the capture itself are about.

use std::fs::File;
use std::io::{Read, Write};
use std::net::UdpSocket;
use std::os::fd::AsRawFd;
use std::process::Command;

use super::c;

/// Begins before the probe: waits for a byte, then acts on what it has opened before.
pub(super) fn older(directory: &str) {
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

pub(super) fn flood(count: u32) {
    for _ in 0..count {
        let _ = File::open("/no/such/file");
    }
    let _ = Command::new("/bin/true").status();
}

/// Calls the kernel as 32-bit programs do.
#[cfg(target_arch = "x86_64")]
pub(super) fn old_entry(directory: &str) {
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
pub(super) fn old_entry(_: &str) {
    println!("{}", -libc::ENOSYS);
}

pub(super) fn pings() {
    for _ in 0..300 {
        let _ = File::open("/no/such/file");
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
}

/// Opens and closes until nothing is told any more, with a descriptor that was told before.
pub(super) fn flood_open(directory: &str) {
    let path = format!("{directory}/kept");
    let kept = File::create(&path).unwrap();
    println!("kept {}", kept.as_raw_fd());
    for _ in 0..3000 {
        drop(File::open("/etc/passwd").unwrap());
    }
    drop(kept);
}
