//! What must hold for container files, whole, joined and damaged.

#![allow(clippy::unwrap_used)]

mod arbitrary;

use std::io::Read;

use arbitrary::{Parts, VERSIONS, cases, parts, restricted};
use proptest::collection::vec;
use proptest::prelude::*;
use sysflow_record::container::{Codec, ReadOptions, Reader, WriteOptions, Writer};
use sysflow_record::{Kind, ReadError, Record};

const CODECS: [Codec; 4] = [Codec::Null, Codec::CLASSIC, Codec::Snappy, Codec::Zstandard];

fn options() -> impl Strategy<Value = WriteOptions> {
    let version = prop::sample::select(VERSIONS.to_vec());
    let codec = prop::sample::select(CODECS.to_vec());
    let block_size = prop_oneof![Just(0_usize), 1_usize..2000, Just(80_000_usize)];
    (version, codec, block_size).prop_map(|(version, codec, block_size)| WriteOptions {
        version,
        codec,
        block_size,
        sync: None,
    })
}

/// Writes what the schema version can carry.
fn written(all: &[Parts], options: WriteOptions) -> Vec<u8> {
    let mut writer = Writer::new(Vec::new(), options).unwrap();
    for parts in kept(all, options.version) {
        parts.with_record(|record| writer.write(record)).unwrap();
    }
    writer.finish().unwrap()
}

fn kept(all: &[Parts], version: u32) -> impl Iterator<Item = &Parts> {
    all.iter()
        .filter(move |parts| parts.kind().since() <= version)
}

/// Native encodings of all records that can be read, and the faults.
struct Outcome {
    records: Vec<Vec<u8>>,
    faults: Vec<ReadError>,
}

fn read(source: impl Read, salvage: bool) -> Outcome {
    let options = ReadOptions {
        salvage,
        largest_block: 1 << 20,
    };
    let (mut records, mut faults) = (Vec::new(), Vec::new());
    let mut reader = match Reader::new(source, options) {
        Ok(reader) => reader,
        Err(fault) => {
            let faults = vec![fault];
            return Outcome { records, faults };
        }
    };
    loop {
        assert!(faults.len() < 10_000, "the reader does not advance");
        match reader.next_block() {
            Ok(None) => return Outcome { records, faults },
            Err(fault) => faults.push(fault),
            Ok(Some(block)) => {
                for record in block {
                    match record {
                        Ok(record) => records.push(native(&record)),
                        Err(fault) => faults.push(fault),
                    }
                }
            }
        }
    }
}

fn native(record: &Record<'_>) -> Vec<u8> {
    let mut encoded = Vec::new();
    assert!(record.write(100, &mut encoded));
    encoded
}

/// What reading a file of these records must yield.
fn expected(all: &[Parts], version: u32) -> Vec<Vec<u8>> {
    let native_of = |parts: &Parts| {
        parts.with_record(|record| {
            let mut record = restricted(record, version);
            if let Record::Header(header) = &mut record {
                // Writers put the version of the file there; the first schema called itself 1000.
                header.version = i64::from(if version == 1 { 1000 } else { version });
            }
            native(&record)
        })
    };
    kept(all, version).map(native_of).collect()
}

/// Gives one to seven bytes at a time.
struct Drops<'a>(&'a [u8]);

impl Read for Drops<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let length = (1 + self.0.len() % 7).min(buffer.len()).min(self.0.len());
        let (now, later) = self.0.split_at(length);
        buffer[..length].copy_from_slice(now);
        self.0 = later;
        Ok(length)
    }
}

proptest! {
    #![proptest_config(cases(96))]

    #[test]
    fn files_are_read_as_they_were_written(all in vec(parts(), 0..40), options in options()) {
        let file = written(&all, options);
        let expected = expected(&all, options.version);
        for salvage in [false, true] {
            let outcome = read(&file[..], salvage);
            prop_assert!(outcome.faults.is_empty(), "{:?}", outcome.faults);
            prop_assert_eq!(&outcome.records, &expected);
        }
        let outcome = read(Drops(&file), false);
        prop_assert!(outcome.faults.is_empty(), "in drops: {:?}", outcome.faults);
        prop_assert_eq!(outcome.records, expected);
    }

    #[test]
    fn files_in_a_row_are_one_stream(
        files in vec((vec(parts(), 0..20), options()), 1..4),
        salvage in any::<bool>(),
    ) {
        let (mut stream, mut all) = (Vec::new(), Vec::new());
        for (parts, options) in &files {
            stream.extend(written(parts, *options));
            all.extend(expected(parts, options.version));
        }
        let outcome = read(&stream[..], salvage);
        prop_assert!(outcome.faults.is_empty(), "{:?}", outcome.faults);
        prop_assert_eq!(outcome.records, all);
    }

    #[test]
    fn a_cut_leaves_a_prefix_and_one_fault(
        all in vec(parts(), 0..40),
        options in options(),
        cut in any::<prop::sample::Index>(),
    ) {
        let file = written(&all, options);
        let cut = &file[..cut.index(file.len())];
        let expected = expected(&all, options.version);
        for salvage in [false, true] {
            let outcome = read(Drops(cut), salvage);
            prop_assert!(outcome.faults.len() <= 1, "{:?}", outcome.faults);
            prop_assert!(expected.starts_with(&outcome.records));
        }
    }

    #[test]
    fn flipped_bits_do_no_harm(
        all in vec(parts(), 0..40),
        options in options(),
        flips in vec((any::<prop::sample::Index>(), 0_u8..8), 1..8),
    ) {
        let mut file = written(&all, options);
        let length = file.len();
        for (index, bit) in flips {
            file[index.index(length)] ^= 1 << bit;
        }
        let strict = read(&file[..], false);
        let salvaged = read(&file[..], true);
        prop_assert!(strict.faults.len() <= 1, "{:?}", strict.faults);
        prop_assert!(salvaged.records.starts_with(&strict.records));
    }
}

/// A file of process events that are numbered in their pids: the blocks' byte ranges and first pids.
struct Numbered {
    file: Vec<u8>,
    blocks: Vec<std::ops::Range<usize>>,
    per_block: Vec<Vec<i64>>,
}

fn numbered(codec: Codec) -> Numbered {
    let options = WriteOptions {
        codec,
        block_size: 300,
        ..WriteOptions::CLASSIC
    };
    let mut writer = Writer::new(Vec::new(), options).unwrap();
    for pid in 0..120 {
        let mut event = sysflow_record::model::ProcessEvent::default();
        event.proc_oid.hpid = pid;
        event.ts = 1_588_262_411_367_938_935 + pid * 7_777_777_777;
        writer.write(&Record::ProcessEvent(event)).unwrap();
    }
    let file = writer.finish().unwrap();
    let mut reader = Reader::new(&file[..], ReadOptions::default()).unwrap();
    let (mut blocks, mut per_block) = (Vec::new(), Vec::new());
    let mut start = usize::try_from(reader.offset()).unwrap();
    while let Some(block) = reader.next_block().unwrap() {
        let pids = block.map(|record| pid(&record.unwrap())).collect();
        let end = usize::try_from(reader.offset()).unwrap();
        blocks.push(start..end);
        per_block.push(pids);
        start = end;
    }
    assert!(blocks.len() >= 5, "{} blocks", blocks.len());
    Numbered {
        file,
        blocks,
        per_block,
    }
}

fn pid(record: &Record<'_>) -> i64 {
    match record {
        Record::ProcessEvent(event) => event.proc_oid.hpid,
        other => panic!("{:?}", other.kind()),
    }
}

/// Damages block `bad` and checks that salvage yields every other block, and one fault for this one.
fn check_salvage(codec: Codec, name: &str, damage: impl Fn(&mut Vec<u8>, std::ops::Range<usize>)) {
    let whole = numbered(codec);
    for bad in 0..whole.blocks.len() {
        let place = format!("{codec}, {name}, block {bad}");
        let mut file = whole.file.clone();
        damage(&mut file, whole.blocks[bad].clone());
        let options = ReadOptions {
            salvage: true,
            ..ReadOptions::default()
        };
        let mut reader = Reader::new(&file[..], options).unwrap();
        let (mut pids, mut faults) = (Vec::new(), Vec::new());
        loop {
            match reader.next_block() {
                Ok(None) => break,
                Err(fault) => faults.push(fault),
                Ok(Some(block)) => {
                    for record in block {
                        match record {
                            Ok(record) => pids.push(pid(&record)),
                            Err(fault) => faults.push(fault),
                        }
                    }
                }
            }
        }
        for (number, others) in whole.per_block.iter().enumerate() {
            let found = others.iter().filter(|pid| pids.contains(pid)).count();
            assert!(
                number == bad || found == others.len(),
                "{place}: lost {number}"
            );
        }
        let expected_offset = whole.blocks[bad].start as u64;
        match &faults[..] {
            [
                ReadError::BadBlock { block, offset, .. }
                | ReadError::BadRecord { block, offset, .. },
            ] => {
                assert_eq!((*block, *offset), (bad as u64, expected_offset), "{place}");
            }
            other => panic!("{place}: {other:?}"),
        }
        let strict = read(&file[..], false);
        let before: usize = whole.per_block[..bad].iter().map(Vec::len).sum();
        assert_eq!(strict.faults.len(), 1, "{place}: strict");
        let most = before + whole.per_block[bad].len();
        assert!(
            (before..=most).contains(&strict.records.len()),
            "{place}: strict"
        );
    }
}

#[test]
fn salvage_yields_all_other_blocks_whatever_is_damaged() {
    // A block begins with its count (one byte here) and its size (two).
    for codec in CODECS {
        check_salvage(codec, "payload", |file, block| {
            file[block.start + 3..block.end - 16].fill(0xff);
        });
        check_salvage(codec, "count", |file, block| file[block.start] |= 1);
        check_salvage(codec, "count too small", |file, block| {
            file[block.start] = 2;
        });
        check_salvage(codec, "size too small", |file, block| {
            file[block.start + 1..block.start + 3].copy_from_slice(&[0xa8, 0]);
        });
        check_salvage(codec, "size too large", |file, block| {
            file[block.start + 2] = 0x7f;
        });
        check_salvage(codec, "size out of all proportion", |file, block| {
            file[block.start + 1..block.start + 11].fill(0xff);
        });
        check_salvage(codec, "marker", |file, block| file[block.end - 1] ^= 1);
        check_salvage(codec, "a byte missing", |file, block| {
            file.remove(block.start + 20);
        });
        check_salvage(codec, "a byte too many", |file, block| {
            file.insert(block.start + 20, 0xff);
        });
    }
}

/// Every cut, not only some.
#[test]
fn a_cut_at_any_byte_leaves_a_prefix_and_at_most_one_fault() {
    for codec in CODECS {
        let whole = numbered(codec);
        let all = read(&whole.file[..], false).records;
        for cut in 0..whole.file.len() {
            // The header is mostly the text of the schema.
            if cut < whole.blocks[0].start - 40 && cut % 61 != 0 {
                continue;
            }
            let outcome = read(&whole.file[..cut], false);
            assert!(all.starts_with(&outcome.records), "{codec}: cut at {cut}");
            let at_end_of_block =
                cut == whole.blocks[0].start || whole.blocks.iter().any(|block| block.end == cut);
            let faults = usize::from(!at_end_of_block);
            assert_eq!(outcome.faults.len(), faults, "{codec}: cut at {cut}");
        }
    }
}

/// A stream of files of which the second cannot be read goes on with the third.
#[test]
fn salvage_passes_over_files_that_cannot_be_read() {
    let good = numbered(Codec::Null).file;
    let records = read(&good[..], false).records.len();
    let replaced = |from: &[u8], to: &[u8]| {
        // A file of its own, so with a marker of its own.
        let mut file = numbered(Codec::Null).file;
        let at = file.windows(from.len()).position(|window| window == from);
        file[at.unwrap()..][..to.len()].copy_from_slice(to);
        file
    };
    for bad in [
        replaced(b"null", b"nope"),
        replaced(b"\"fields\"", b"\"fjelds\""),
    ] {
        let outcome = read(&[&good[..], &bad, &good].concat()[..], true);
        assert_eq!(outcome.records.len(), 2 * records);
        assert_eq!(outcome.faults.len(), 1, "{:?}", outcome.faults);
        let outcome = read(&[&good[..], &bad, &good].concat()[..], false);
        assert_eq!((outcome.records.len(), outcome.faults.len()), (records, 1));
    }
}

#[test]
fn kinds_that_a_version_lacks_are_refused() {
    let mut writer = Writer::new(Vec::new(), WriteOptions::CLASSIC).unwrap();
    let refused = writer.write(&Record::Loss(sysflow_record::model::Loss::default()));
    let message = refused.unwrap_err().to_string();
    assert!(message.contains(Kind::Loss.code()), "{message}");
    assert!(
        read(&writer.finish().unwrap()[..], false)
            .records
            .is_empty()
    );
}
