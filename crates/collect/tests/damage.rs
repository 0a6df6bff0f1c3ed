//! Damaged captures give partial results, never a crash.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use common::captures;
use common::checker::Checker;
use sysflow_collect::source::scap::ScapSource;
use sysflow_collect::{Collector, Config, Generation};
use sysflow_scap::Capture;

/// How often each capture is damaged in each way. The suite has to stay quick; more have been tried.
const TRIES: usize = 6;

/// Numbers that look random and are the same each time.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % limit as u64) as usize
    }
}

fn replay(input: &[u8], config: Config) -> Checker {
    let mut collector = Collector::new(config, Checker::default());
    let mut source = ScapSource::new();
    let Ok(mut capture) = Capture::open(input) else {
        return Checker::default();
    };
    loop {
        match capture.next() {
            Ok(Some(item)) => source.translate(&item, &mut collector),
            Ok(None) => break,
            Err(error) => collector.lost("block", &error.to_string(), 1),
        }
    }
    collector.finish()
}

fn try_all(input: &[u8]) {
    replay(input, Config::strict(Generation::Libs010));
    replay(input, Config::strict(Generation::Libs017));
    let problems: Vec<String> = replay(input, Config::default())
        .problems
        .into_iter()
        // Times may go back when they are damaged.
        .filter(|problem| !problem.starts_with("it ends before"))
        .collect();
    assert!(problems.is_empty(), "{problems:#?}");
}

#[test]
fn truncated_captures() {
    let mut numbers = Numbers(0x9e37_79b9_7f4a_7c15);
    for capture in captures() {
        let input = std::fs::read(&capture).expect("readable");
        for _ in 0..TRIES {
            try_all(&input[..numbers.below(input.len())]);
        }
    }
}

#[test]
fn captures_with_wrong_bits() {
    let mut numbers = Numbers(0x2545_f491_4f6c_dd1d);
    for capture in captures() {
        let input = std::fs::read(&capture).expect("readable");
        for _ in 0..TRIES {
            let mut damaged = input.clone();
            for _ in 0..200 {
                let place = numbers.below(input.len());
                damaged[place] ^= 1 << numbers.below(8);
            }
            try_all(&damaged);
        }
    }
}
