//! Damaged captures give partial results with the loss stated, never a crash, in every profile.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use common::captures;
use common::checker::Checker;
use common::name_of;
use sysflow_collect::source::scap::ScapSource;
use sysflow_collect::{Collector, Config, Context, Generation};
use sysflow_record::Record;
use sysflow_scap::{Capture, Statistics};

/// How often each capture is damaged in each way.
const TRIES: usize = 200;

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

/// What came of a capture.
struct Outcome {
    read: Statistics,
    /// Errors of the reader.
    errors: u64,
    checker: Checker,
}

impl Outcome {
    /// Whether somebody says that something is missing.
    const fn states_a_loss(&self) -> bool {
        self.errors > 0
            || self.read.damaged > 0
            || self.read.skipped_unknown_blocks > 0
            || self.read.skipped_unknown_events > 0
            || self.read.truncated
    }
}

/// Replays a capture once for all profiles.
fn replay(input: &[u8]) -> Outcome {
    let nowhere = |_: &Record<'_>, _: &Context<'_>| {};
    let mut strict = [Generation::Libs010, Generation::Libs017]
        .map(|rules| Collector::new(Config::strict(rules), nowhere));
    let mut clean = Collector::new(Config::default(), Checker::default());
    let mut sources: [ScapSource; 3] = Default::default();
    let Ok(mut capture) = Capture::open(input) else {
        return Outcome {
            read: Statistics::default(),
            errors: 1,
            checker: Checker::default(),
        };
    };
    let mut errors = 0;
    loop {
        match capture.next() {
            Ok(Some(item)) => {
                let [first, second, third] = &mut sources;
                first.translate(&item, &mut strict[0]);
                second.translate(&item, &mut strict[1]);
                third.translate(&item, &mut clean);
            }
            Ok(None) => break,
            Err(error) => {
                errors += 1;
                for collector in &mut strict {
                    collector.lost("block", &error.to_string(), 1);
                }
                clean.lost("block", &error.to_string(), 1);
            }
        }
    }
    for collector in strict {
        let _ = collector.finish();
    }
    let outcome = Outcome {
        read: *capture.statistics(),
        errors,
        checker: clean.finish(),
    };
    let problems: Vec<&String> = outcome.checker.problems.iter().collect();
    // Times may go back when they are damaged.
    assert!(
        problems
            .iter()
            .all(|problem| problem.starts_with("it ends before")),
        "{problems:#?}"
    );
    // What the reader says is in the records too.
    assert!(outcome.checker.losses >= errors, "{errors} errors");
    outcome
}

/// Where the blocks of a capture begin, with the events up to there.
fn blocks(input: &[u8]) -> Vec<(usize, u64)> {
    let mut blocks = Vec::new();
    let (mut start, mut events) = (0, 0);
    while let Some(length) = input.get(start + 4..start + 8) {
        blocks.push((start, events));
        events += u64::from(matches!(input[start..start + 2], [0x16 | 0x21, 2]));
        start += u32::from_le_bytes(length.try_into().unwrap()) as usize;
    }
    blocks.push((start, events));
    blocks
}

#[test]
fn truncated_captures() {
    let mut numbers = Numbers(0x9e37_79b9_7f4a_7c15);
    for capture in captures() {
        let name = name_of(&capture);
        let input = std::fs::read(&capture).expect("readable");
        let blocks = blocks(&input);
        assert_eq!(blocks.last().map(|block| block.0), Some(input.len()));
        let mut ends_of_blocks = 0;
        for attempt in 0..TRIES {
            // Some cuts fall between two blocks, where nothing is missing.
            let cut = if attempt % 20 == 0 {
                blocks[numbers.below(blocks.len())].0
            } else {
                numbers.below(input.len())
            };
            let whole = blocks.partition_point(|(start, _)| *start <= cut) - 1;
            let (start, events) = blocks[whole];
            let outcome = replay(&input[..cut]);
            let is_cut = start != cut || cut == 0;
            assert_eq!(outcome.states_a_loss(), is_cut, "{name} at {cut}");
            ends_of_blocks += usize::from(!is_cut);
            // All that is whole was read.
            assert_eq!(outcome.read.events, events, "{name} at {cut}");
        }
        assert!(ends_of_blocks > 0);
    }
}

#[test]
fn captures_with_a_wrong_byte() {
    let mut numbers = Numbers(0x2545_f491_4f6c_dd1d);
    for capture in captures() {
        let name = name_of(&capture);
        let mut input = std::fs::read(&capture).expect("readable");
        let blocks = blocks(&input);
        let whole = replay(&input);
        assert!(!whole.states_a_loss(), "{name}");
        let mut stated = 0;
        for _ in 0..TRIES {
            let place = numbers.below(input.len());
            let difference = 1 + numbers.below(255) as u8;
            input[place] ^= difference;
            let outcome = replay(&input);
            input[place] ^= difference;
            let block = blocks.partition_point(|(start, _)| *start <= place) - 1;
            let (start, end) = (blocks[block].0, blocks[block + 1].0);
            let is_length = (start + 4..start + 8).contains(&place) || end - 4 <= place;
            let what = format!("{name}: byte {place}, {} of block {block}", place - start);
            if outcome.states_a_loss() {
                stated += 1;
                continue;
            }
            // Otherwise nothing is missing: what is wrong was told by the writer as it is.
            assert!(!is_length, "{what}");
            let items = |read: &Statistics| (read.blocks, read.sections, read.events, read.entries);
            assert_eq!(items(&outcome.read), items(&whole.read), "{what}");
        }
        assert!(stated > 0, "{name}");
    }
}

#[test]
fn captures_with_many_wrong_bits() {
    let mut numbers = Numbers(0x1234_5678_9abc_def1);
    for capture in captures() {
        let input = std::fs::read(&capture).expect("readable");
        for _ in 0..TRIES / 50 {
            let mut damaged = input.clone();
            for _ in 0..200 {
                let place = numbers.below(input.len());
                damaged[place] ^= 1 << numbers.below(8);
            }
            assert!(replay(&damaged).states_a_loss());
        }
    }
}
