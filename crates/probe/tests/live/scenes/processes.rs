//! Processes: made, given a program, changed, ended.

use std::fs::{self, File};
use std::io::Write;
use std::os::fd::{AsRawFd, FromRawFd};
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use super::c;

pub(super) fn executions(directory: &str) {
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

pub(super) fn threads() {
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

pub(super) fn vfork() {
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

pub(super) fn identity() {
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

pub(super) fn killed() {
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
