//! Files, descriptors and what stands for them.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::os::fd::{AsRawFd, FromRawFd};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::time::Duration;

use super::{c, call};

pub(super) fn files(directory: &str) {
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

pub(super) fn descriptors(directory: &str) {
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

pub(super) fn chroot(directory: &str) {
    fs::create_dir(format!("{directory}/inside")).unwrap();
    fs::write(format!("{directory}/inside/file"), "x").unwrap();
    let path = c(directory);
    // SAFETY: a name that lives.
    assert_eq!(unsafe { libc::chroot(path.as_ptr()) }, 0);
    std::env::set_current_dir("/inside").unwrap();
    drop(File::open("file").unwrap());
}

pub(super) fn mounts(directory: &str) {
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

pub(super) fn special() {
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

/// Changes the directory again and again by a name that another thread keeps changing.
pub(super) fn raced(directory: &str) {
    for name in ["one-a", "one-b"] {
        fs::create_dir(format!("{directory}/{name}")).unwrap();
    }
    let mut name = c(&format!("{directory}/one-a")).into_bytes_with_nul();
    let last = name.len() - 2;
    // SAFETY: it lives as long as the name, and is only used as what it is.
    let letter = unsafe { AtomicU8::from_ptr(&raw mut name[last]) };
    let path = name.as_ptr() as i64;
    let is_over = AtomicBool::new(false);
    let mut real = String::new();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !is_over.load(Ordering::Relaxed) {
                letter.fetch_xor(b'a' ^ b'b', Ordering::Relaxed);
            }
        });
        for turn in 0..12_000 {
            assert_eq!(call(libc::SYS_chdir, [path, 0, 0, 0]), 0);
            let own = std::env::current_dir().unwrap();
            real.push(own.to_string_lossy().chars().last().unwrap());
            if turn > 2000 {
                if real.contains('a') && real.contains('b') {
                    break;
                }
                // On a busy machine the other thread may not have run yet.
                std::thread::sleep(Duration::from_millis(1));
            }
        }
        is_over.store(true, Ordering::Relaxed);
    });
    println!("real {real}");
}
