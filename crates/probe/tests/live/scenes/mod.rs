//! The scenes. Each runs in a process of its own.
#![allow(unsafe_code, clippy::unwrap_used)]
#![allow(clippy::cast_ptr_alignment, reason = "mappings begin at pages")]

mod capture;
mod files;
mod names;
mod network;
mod passed;
mod processes;
mod uring;

use std::ffi::CString;

use capture::{flood, flood_open, old_entry, older, pings};
use files::{chroot, descriptors, files, mounts, raced, special};
use names::names;
use network::{messages, tcp, udp, unix};
use passed::{moved, passed};
use processes::{executions, identity, killed, threads, vfork};
use uring::{uring, uring_files, uring_repeated, uring_sockets};

/// A part of the number of the container that a scene makes; four of them are the whole.
pub const CONTAINER: &str = "0123456789abcdef";

/// Plays a scene.
pub fn play(scene: &str, rest: &[String]) {
    match scene {
        "files" => files(&rest[0]),
        "executions" => executions(&rest[0]),
        "threads" => threads(),
        "vfork" => vfork(),
        "tcp" => tcp(&rest[0]),
        "udp" => udp(),
        "names" => names(),
        "passed" => passed(&rest[0]),
        "moved" => moved(&rest[0]),
        "messages" => messages(),
        "unix" => unix(&rest[0]),
        "descriptors" => descriptors(&rest[0]),
        "chroot" => chroot(&rest[0]),
        "raced" => raced(&rest[0]),
        "mounts" => mounts(&rest[0]),
        "identity" => identity(),
        "special" => special(),
        "older" => older(&rest[0]),
        "flood" => flood(rest[0].parse().unwrap()),
        "killed" => killed(),
        "uring" => uring(&rest[0]),
        "uring_files" => uring_files(&rest[0]),
        "uring_sockets" => uring_sockets(),
        "uring_repeated" => uring_repeated(),
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
