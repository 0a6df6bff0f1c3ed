//! What really happens is told: scenes are played by a child process, and the events of it and of its children must
//! be exactly those. Needs root; says that it skips otherwise.
//!
//! `cargo test -p sysflow-probe --test live [WORD]` plays the scenes with the word in their names.

#![allow(clippy::unwrap_used, unreachable_pub)]

mod asked;
mod checks;
mod scenes;
mod watch;

use std::panic::catch_unwind;
use std::sync::atomic::Ordering;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [word, scene, rest @ ..] = &arguments[..]
        && word == "--play"
    {
        scenes::play(scene, rest);
        return;
    }
    if !rustix::process::geteuid().is_root() {
        println!("skipped: live capture needs root");
        return;
    }
    let wanted = arguments.iter().find(|word| !word.starts_with('-'));
    let mut failed = Vec::new();
    let mut play = |name: String, check: fn()| {
        if wanted.is_some_and(|word| !name.contains(word.as_str())) {
            return;
        }
        let is_good = catch_unwind(check).is_ok();
        println!("scene {name} ... {}", if is_good { "ok" } else { "FAILED" });
        if !is_good {
            failed.push(name);
        }
    };
    for (name, check) in checks::SCENES.iter().chain(checks::CAPTURE) {
        play((*name).to_owned(), *check);
    }
    watch::COPIES.store(true, Ordering::Relaxed);
    for (name, check) in checks::SCENES {
        play(format!("{name}, as before Linux 6.2"), *check);
    }
    assert!(failed.is_empty(), "failed: {failed:?}");
}
