//! Reading and writing real recordings of every schema version. They are not part of this repository: the
//! tests say that they skip where `../shared/data` does not exist.

#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::{Path, PathBuf};

use sysflow_record::avro::Plan;
use sysflow_record::container::{Codec, ReadOptions, Reader, WriteOptions, Writer};
use sysflow_record::model::schema_json;
use sysflow_record::{Kind, Record};

fn recordings() -> Vec<PathBuf> {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    let folders = [
        "capture",
        "traces/bh",
        "traces/demo",
        "traces/express",
        "traces/samples",
    ];
    let mut found: Vec<PathBuf> = folders
        .iter()
        .filter_map(|folder| fs::read_dir(data.join(folder)).ok())
        .flat_map(|entries| entries.filter_map(Result::ok).map(|entry| entry.path()))
        .filter(|path| path.extension().is_none_or(|extension| extension != "scap"))
        .collect();
    found.sort();
    if found.is_empty() {
        eprintln!("skipped: there are no recordings in {}", data.display());
    }
    found
}

fn counts(data: &[u8]) -> [u64; 13] {
    let mut counts = [0; 13];
    let mut reader = Reader::new(data, ReadOptions::default()).unwrap();
    while let Some(block) = reader.next_block().unwrap() {
        for record in block {
            counts[record.unwrap().kind() as usize] += 1;
        }
    }
    counts
}

/// Counts of H, C, P, F, PE, NF, FF, FE as published with the recordings.
#[test]
fn known_recordings_have_the_known_records() {
    let known = [
        ("tcp-client-server.sf", [1, 0, 10, 2, 4, 2, 4, 0]),
        ("files-files.sf", [1, 0, 7, 12, 2, 0, 6, 13]),
        ("files-filesat.sf", [1, 0, 7, 13, 2, 0, 7, 13]),
        (
            "mpm-event-full_capture.sf",
            [1, 1, 15, 99, 195, 75, 4410, 27],
        ),
        ("objectstore-download.sf", [1, 1, 22, 47, 39, 36, 161, 0]),
        ("setuid-setuid.sf", [1, 0, 6, 2, 10, 0, 2, 0]),
        ("nginx-nginx.sf", [1, 2, 6, 32, 2, 6, 42, 5]),
    ];
    for path in recordings() {
        let name = path.file_name().unwrap().to_str().unwrap();
        let expected = known.iter().find(|(known, _)| name.ends_with(known));
        if let Some((_, expected)) = expected {
            assert_eq!(counts(&fs::read(&path).unwrap())[..8], *expected, "{name}");
        }
    }
}

/// Decoded records encode to the very bytes that they were read from, in every released schema.
#[test]
fn blocks_encode_again_to_the_same_bytes() {
    let mut compared = 0;
    for path in recordings() {
        let data = fs::read(&path).unwrap();
        let mut reader = Reader::new(&data[..], ReadOptions::default()).unwrap();
        let mut version = 0;
        while let Some(mut block) = reader.next_block().unwrap() {
            let original = block.data();
            let mut again = Vec::new();
            for record in block.by_ref() {
                let record = record.unwrap();
                if let Record::Header(header) = &record {
                    version = header.version;
                }
                // Version 1001 has a field that was retired before its release.
                let schema = if version == 1000 { 1 } else { version };
                assert!(schema == 1001 || record.write(schema as u32, &mut again));
            }
            if version != 1001 {
                assert!(
                    again == original,
                    "{}: block {}",
                    path.display(),
                    block.number()
                );
                compared += 1;
            }
        }
    }
    eprintln!("{compared} blocks compared");
}

/// What we write in schema 5 differs from the original's files in the sync marker alone: same schema, same
/// block boundaries, same payloads.
#[test]
fn schema_5_files_are_rewritten_record_for_record() {
    for path in recordings() {
        let data = fs::read(&path).unwrap();
        let text = String::from_utf8_lossy(&data[..8192.min(data.len())]);
        let first_header = schema_json(5);
        if !text.contains(&first_header) {
            continue;
        }
        let mut reader = Reader::new(&data[..], ReadOptions::default()).unwrap();
        let sync = Some(reader.header().unwrap().sync);
        let codec = reader.header().unwrap().codec;
        let options = WriteOptions {
            codec,
            sync,
            ..WriteOptions::CLASSIC
        };
        let mut writer = Writer::new(Vec::new(), options).unwrap();
        let mut counts = Vec::new();
        while let Some(block) = reader.next_block().unwrap() {
            counts.push((block.record_count(), block.data().to_vec()));
            for record in block {
                writer.write(&record.unwrap()).unwrap();
            }
        }
        let written = writer.finish().unwrap();
        let mut reader = Reader::new(&written[..], ReadOptions::default()).unwrap();
        let mut again = Vec::new();
        while let Some(block) = reader.next_block().unwrap() {
            again.push((block.record_count(), block.data().to_vec()));
        }
        assert!(counts == again, "{}", path.display());
    }
}

/// A recording cut anywhere yields a prefix of its records, then says so.
#[test]
fn cut_recordings_yield_what_stands_before_the_cut() {
    let Some(path) = recordings()
        .into_iter()
        .find(|path| path.ends_with("mpm-event-full_capture.sf"))
    else {
        return;
    };
    let data = fs::read(path).unwrap();
    let mut least = 0;
    for cut in (7000..data.len()).step_by(997) {
        let mut reader = Reader::new(&data[..cut], ReadOptions::default()).unwrap();
        let (mut records, mut faults) = (0_u64, 0);
        loop {
            match reader.next_block() {
                Ok(Some(block)) => {
                    for record in block {
                        match record {
                            Ok(_) => records += 1,
                            Err(_) => faults += 1,
                        }
                    }
                }
                Ok(None) => break,
                Err(_) => faults += 1,
            }
        }
        assert!(faults <= 1, "cut at {cut}");
        assert!(records >= least, "cut at {cut}: {records} after {least}");
        least = records;
    }
    assert!(least > 4000, "{least}");
}

#[test]
fn the_plan_of_our_own_schema_is_the_plan_for_its_version() {
    for version in [1, 2, 3, 4, 5, sysflow_record::NATIVE_VERSION] {
        let from_schema = Plan::for_schema(schema_json(version).as_bytes()).unwrap();
        let ours = Plan::for_version(version);
        // Versions that did not change a record read it alike.
        let kinds = |plan: &Plan| format!("{plan:?}").matches("Known").count();
        assert_eq!(kinds(&from_schema), kinds(&ours));
    }
    assert_eq!(Kind::ALL.len(), Kind::CODES.len());
}

#[test]
fn every_codec_is_read_and_written() {
    for codec in [
        Codec::Null,
        Codec::Deflate(9),
        Codec::Snappy,
        Codec::Zstandard,
    ] {
        let options = WriteOptions {
            codec,
            block_size: 100,
            ..WriteOptions::NATIVE
        };
        let mut writer = Writer::new(Vec::new(), options).unwrap();
        writer
            .write(&Record::Header(sysflow_record::model::Header::default()))
            .unwrap();
        for pid in 0..100 {
            let mut event = sysflow_record::model::ProcessEvent::default();
            event.proc_oid.hpid = pid;
            writer.write(&Record::ProcessEvent(event)).unwrap();
        }
        let written = writer.finish().unwrap();
        assert_eq!(
            counts(&written)[Kind::ProcessEvent as usize],
            100,
            "{codec}"
        );
    }
}
