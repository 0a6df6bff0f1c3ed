//! What damaged and hostile files may cost: the memory of this process is measured, so nothing else may run
//! in it.

#![allow(clippy::unwrap_used)]

use std::fs;

use sysflow_record::avro::Datum;
use sysflow_record::container::{Codec, ReadOptions, Reader, WriteOptions, Writer};
use sysflow_record::model::{Header, K8sEvent};
use sysflow_record::{BlockProblem, ReadError, Record};

/// The largest block that the reader is told to accept, in bytes.
const LIMIT: usize = 4 << 20;

/// Forgets the peak so far: making the files took more than reading them may. Returns whether it did.
fn reset_peak() -> bool {
    fs::write("/proc/self/clear_refs", "5").is_ok()
}

/// The most memory that this process had since the last reset, in bytes; `None` where the kernel does not
/// tell.
fn peak() -> Option<usize> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    let kilobytes: usize = line.split_ascii_whitespace().nth(1)?.parse().ok()?;
    Some(kilobytes * 1024)
}

/// A file header, without blocks.
fn header(codec: Codec) -> Vec<u8> {
    let options = WriteOptions {
        codec,
        ..WriteOptions::CLASSIC
    };
    Writer::new(Vec::new(), options).unwrap().finish().unwrap()
}

/// A file with one record of 64 MB in one block.
fn bomb(codec: Codec) -> Vec<u8> {
    let zeros = "0".repeat(64 << 20);
    let options = WriteOptions {
        codec,
        ..WriteOptions::CLASSIC
    };
    let mut writer = Writer::new(Vec::new(), options).unwrap();
    writer.write(&Record::Header(Header::default())).unwrap();
    let event = K8sEvent {
        message: zeros.as_str().into(),
        ..K8sEvent::default()
    };
    writer.write(&Record::K8sEvent(event)).unwrap();
    writer.finish().unwrap()
}

/// A block that claims a number of records and of bytes, but has none.
fn claim(codec: Codec, count: i64, size: i64) -> Vec<u8> {
    let mut file = header(codec);
    count.write(&mut file);
    size.write(&mut file);
    file.extend_from_slice(&[0; 100]);
    file
}

/// A block of Snappy data that claim to be a gigabyte.
fn snappy_claim() -> Vec<u8> {
    let payload = [0x80, 0x80, 0x80, 0x80, 0x04, 0, b'x', 0, 0, 0, 0];
    let mut file = header(Codec::Snappy);
    1_i64.write(&mut file);
    i64::try_from(payload.len()).unwrap().write(&mut file);
    file.extend_from_slice(&payload);
    file.extend_from_slice(&[0; 16]);
    file
}

fn faults(file: &[u8]) -> Vec<ReadError> {
    let options = ReadOptions {
        salvage: true,
        largest_block: LIMIT,
    };
    let mut faults = Vec::new();
    let mut reader = Reader::new(file, options).unwrap();
    loop {
        match reader.next_block() {
            Ok(None) => return faults,
            Ok(Some(block)) => faults.extend(block.filter_map(Result::err)),
            Err(fault) => faults.push(fault),
        }
    }
}

#[test]
fn no_file_costs_more_memory_than_the_limit_allows() {
    let bombs = [Codec::Null, Codec::CLASSIC, Codec::Snappy, Codec::Zstandard].map(bomb);
    let claims = [Codec::Null, Codec::CLASSIC, Codec::Snappy, Codec::Zstandard].map(|codec| {
        [
            claim(codec, i64::MAX, 10),
            claim(codec, 1, i64::MAX),
            claim(codec, 1, LIMIT as i64),
            claim(codec, -1, 10),
        ]
    });
    let before = if reset_peak() { peak() } else { None };
    let Some(before) = before else {
        eprintln!("skipped: the kernel does not tell the memory of this process");
        return;
    };
    for bomb in &bombs {
        let faults = faults(bomb);
        let is_size = |fault: &ReadError| {
            matches!(
                fault,
                ReadError::BadBlock {
                    problem: BlockProblem::TooLarge(_),
                    ..
                }
            )
        };
        assert!(faults.len() == 1 && is_size(&faults[0]), "{faults:?}");
    }
    for file in claims.iter().flatten().chain([&snappy_claim()]) {
        assert_eq!(faults(file).len(), 1);
    }
    let Some(after) = peak() else { return };
    // Input and output may each hold a block, grown by doubling, and the decoders have windows.
    let allowed = 4 * LIMIT + (16 << 20);
    let used = after - before;
    eprintln!("{used} bytes used");
    assert!(used <= allowed, "{used} bytes");
}
