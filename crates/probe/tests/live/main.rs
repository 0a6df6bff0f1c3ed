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
    for (name, check) in checks::ALL {
        if wanted.is_some_and(|word| !name.contains(word.as_str())) {
            continue;
        }
        let is_good = catch_unwind(check).is_ok();
        println!("scene {name} ... {}", if is_good { "ok" } else { "FAILED" });
        if !is_good {
            failed.push(name);
        }
    }
    assert!(failed.is_empty(), "failed: {failed:?}");
}
