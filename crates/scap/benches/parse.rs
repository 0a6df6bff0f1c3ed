//! How fast events are found and read: `cargo bench -p sysflow-scap`.
//!
//! The capture is made up: the mix of events of a web server, over and over, in memory.

#![allow(clippy::expect_used, reason = "what is written here can be read here")]

use divan::counter::{BytesCount, ItemsCount};
use divan::{AllocProfiler, Bencher};
use sysflow_scap::{Arguments, Capture, Code, Item, Name};

/// Shows that the number of allocations does not grow with that of events.
#[global_allocator]
static ALLOCATIONS: AllocProfiler = AllocProfiler::system();

/// Events in the capture.
const EVENTS: usize = 1_000_000;

fn main() {
    divan::main();
}

/// Writes a block of an event with these parameters.
fn write_event(capture: &mut Vec<u8>, code: Code, number: u64, parameters: &[&[u8]]) {
    let values: usize = parameters.iter().map(|bytes| bytes.len()).sum();
    let event = 26 + 2 * parameters.len() + values;
    let block = (2 + event).next_multiple_of(4) + 12;
    let start = capture.len();
    capture.extend(0x216_u32.to_le_bytes());
    capture.extend((block as u32).to_le_bytes());
    capture.extend(0_u16.to_le_bytes());
    capture.extend((1_600_000_000_000_000_000 + number).to_le_bytes());
    capture.extend(4711_i64.to_le_bytes());
    capture.extend((event as u32).to_le_bytes());
    capture.extend(code.0.to_le_bytes());
    capture.extend((parameters.len() as u32).to_le_bytes());
    for bytes in parameters {
        capture.extend((bytes.len() as u16).to_le_bytes());
    }
    capture.extend(parameters.concat());
    capture.resize(start + block - 4, 0);
    capture.extend((block as u32).to_le_bytes());
}

fn capture() -> Vec<u8> {
    let mut capture = Vec::new();
    capture.extend(
        [0x0A0D_0D0A_u32, 28, 0x1A2B_3C4D, 0x0002_0001]
            .map(u32::to_le_bytes)
            .concat(),
    );
    capture.extend((-1_i64).to_le_bytes());
    capture.extend(28_u32.to_le_bytes());
    let (fd, result, size) = (
        5_i64.to_le_bytes(),
        80_i64.to_le_bytes(),
        80_u32.to_le_bytes(),
    );
    let flags = 0x1001_u32.to_le_bytes();
    let data = [b'x'; 80];
    for number in 0..EVENTS as u64 / 8 {
        let mut write = |code, parameters: &[&[u8]]| {
            write_event(&mut capture, code, number, parameters);
        };
        write(Code::SYSCALL_OPEN_E, &[]);
        write(
            Code::SYSCALL_OPEN_X,
            &[&fd, b"/srv/www/index.html\0", &flags, &flags, &size, &fd],
        );
        write(Code::SYSCALL_READ_E, &[&fd, &size]);
        write(Code::SYSCALL_READ_X, &[&result, &data]);
        write(Code::SYSCALL_WRITE_E, &[&fd, &size]);
        write(Code::SYSCALL_WRITE_X, &[&result, &data]);
        write(Code::SYSCALL_CLOSE_E, &[&fd]);
        write(Code::SYSCALL_CLOSE_X, &[&result]);
    }
    capture
}

#[divan::bench]
fn find_events(bencher: Bencher<'_, '_>) {
    let bytes = capture();
    bencher
        .counter(BytesCount::new(bytes.len()))
        .counter(ItemsCount::new(EVENTS))
        .bench(|| {
            let mut capture = Capture::open(&bytes[..]).expect("a capture");
            let mut sum = 0;
            while let Some(item) = capture.next().expect("an undamaged capture") {
                if let Item::Event(event) = item {
                    sum += event.timestamp();
                }
            }
            assert_eq!(capture.statistics().events, EVENTS as u64);
            sum
        });
}

#[divan::bench]
fn read_arguments(bencher: Bencher<'_, '_>) {
    let bytes = capture();
    bencher
        .counter(BytesCount::new(bytes.len()))
        .counter(ItemsCount::new(EVENTS))
        .bench(|| {
            let mut capture = Capture::open(&bytes[..]).expect("a capture");
            let mut sum = 0;
            while let Some(item) = capture.next().expect("an undamaged capture") {
                if let Item::Event(event) = item {
                    let upgraded = event.upgraded(None);
                    sum += upgraded
                        .named(Name::FD)
                        .and_then(|fd| fd.i64())
                        .unwrap_or(0);
                    sum += upgraded
                        .named(Name::NAME)
                        .map_or(0, |name| name.bytes.len() as i64);
                    sum += upgraded.i64(0).unwrap_or(0);
                }
            }
            sum
        });
}
