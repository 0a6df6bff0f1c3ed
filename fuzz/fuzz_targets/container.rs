//! Container files, read strictly and with salvage.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sysflow_fuzz::Walk;
use sysflow_record::container::{ReadOptions, Reader};

/// Small, so that an input that expands does not take all the time.
const LARGEST_BLOCK: usize = 1 << 20;

fuzz_target!(|data: &[u8]| {
    let strict = read(data, false);
    let salvaged = read(data, true);
    if let (Some(strict), Some(salvaged)) = (strict, salvaged) {
        assert!(strict.records <= salvaged.records, "salvage loses records");
        assert!(strict.faults <= 1, "strict reading goes on after a fault");
    }
});

struct Outcome {
    records: usize,
    faults: usize,
}

fn read(data: &[u8], salvage: bool) -> Option<Outcome> {
    let options = ReadOptions {
        salvage,
        largest_block: LARGEST_BLOCK,
    };
    let mut reader = Reader::new(data, options).ok()?;
    let mut walk = Walk::default();
    let (mut records, mut faults, mut steps) = (0, 0, 0);
    loop {
        steps += 1;
        assert!(steps <= data.len(), "the reader does not advance");
        match reader.next_block() {
            Ok(None) => return Some(Outcome { records, faults }),
            Err(_) => faults += 1,
            Ok(Some(block)) => {
                for record in block {
                    match record {
                        Ok(record) => {
                            records += 1;
                            if salvage {
                                walk.record(&record);
                            }
                        }
                        Err(_) => faults += 1,
                    }
                }
            }
        }
    }
}
