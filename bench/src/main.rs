//! Measures how fast recordings are read, joined, judged and written, on one core, from memory.
//!
//! ```text
//! cargo run --release -p sysflow-bench -- [--rules PATH]… [--filler N] [--only TASK] RECORDING…
//! cargo run --release -p sysflow-bench -- --rules PATH… CAPTURE.scap
//! ```
//!
//! Each task runs over all recordings again and again; the fastest pass counts, as every disturbance only
//! makes a pass slower. The result is one JSON object, for `bench/compare.py` and for people with `jq`.
//!
//! `--only` leaves out the other tasks of recordings, for a profiler. `--filler` adds so many rules that never match.
//! Captures of system calls are read from the disk, turned into records, and judged; all of their rules are asked of
//! single operations where these can answer them.

mod captures;

use std::fmt::Write as _;
use std::fs;
use std::hint::black_box;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use flate2::{Decompress, FlushDecompress};
use serde_json::json;
use sysflow_export::{columns, json as json_output};
use sysflow_pipeline::policies::{self, RecordRules};
use sysflow_policy::{Evaluator, LoadOptions, SourceFile};
use sysflow_record::Record;
use sysflow_record::container::{Codec, ReadOptions, Reader};
use sysflow_record::entity::{Joined, Tables};

/// Passes of each task, and the least time that they take together.
const PASSES: usize = 10;
const LEAST: Duration = Duration::from_millis(1500);

fn main() -> Result<()> {
    let (mut rules, mut paths, mut filler, mut only) = (Vec::new(), Vec::new(), 0, None);
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        if argument == "--rules" {
            rules.push(PathBuf::from(
                arguments.next().context("--rules needs a path")?,
            ));
        } else if argument == "--only" {
            only = Some(arguments.next().context("--only needs a task")?);
        } else if argument == "--filler" {
            filler = arguments
                .next()
                .context("--filler needs a number")?
                .parse()?;
        } else {
            paths.push(PathBuf::from(argument));
        }
    }
    if paths
        .iter()
        .any(|path| path.extension().is_some_and(|end| end == "scap"))
    {
        return captures::measure(&paths, &rules, filler);
    }
    let read = |path: &PathBuf| fs::read(path).with_context(|| path.display().to_string());
    let recordings: Vec<Vec<u8>> = paths.iter().map(read).collect::<Result<_>>()?;
    anyhow::ensure!(!recordings.is_empty(), "name at least one recording");

    let is_wanted = |task: &str| only.as_deref().is_none_or(|only| only == task);
    let counts = count(&recordings)?;
    let blocks = compressed_blocks(&recordings)?;
    let mut tasks = Vec::new();
    let mut measure = |name, pass: &mut dyn FnMut() -> Result<()>| -> Result<()> {
        if is_wanted(name) {
            tasks.push((name, fastest(pass)?));
        }
        Ok(())
    };
    measure("inflate", &mut || inflate(&blocks))?;
    measure("decode", &mut || decode(&recordings))?;
    measure("join", &mut || join(&recordings, |_| ()))?;
    for (name, layout) in [
        ("flat_json", json_output::Layout::Flat),
        ("nested_json", json_output::Layout::Nested),
    ] {
        let mut encoder = json_output::Encoder::new(&columns::classic(), layout);
        let mut out = Vec::new();
        measure(name, &mut || {
            join(&recordings, |joined| {
                encoder.write(joined, &mut out);
                if out.len() > 1 << 18 {
                    black_box(&out);
                    out.clear();
                }
            })
        })?;
    }
    if !rules.is_empty() {
        for (task, filler) in [("rules", 0), ("rules_with_filler", filler)] {
            let files = with_filler(&rules, filler)?;
            let (set, problems) = RecordRules::load(files, &LoadOptions::default());
            eprintln!("{} rules, {} errors", set.rules().len(), problems.errors());
            measure(task, &mut || judge(&recordings, &set))?;
        }
    }
    let tasks: serde_json::Map<String, serde_json::Value> = tasks
        .into_iter()
        .map(|(name, time)| (name.to_owned(), time.as_secs_f64().into()))
        .collect();
    let (records, events, decoded) = counts;
    let bytes: usize = recordings.iter().map(Vec::len).sum();
    let report = json!({
        "records": records,
        "events": events,
        "file_bytes": bytes,
        "decoded_bytes": decoded,
        "seconds": tasks,
    });
    println!("{report}");
    Ok(())
}

/// Rule files, and one with rules that never match: about programs that nobody has.
fn with_filler(rules: &[PathBuf], filler: usize) -> Result<Vec<SourceFile>> {
    let mut files = policies::read_files(rules)?;
    let mut text = String::new();
    for number in 0..filler {
        let call = ["execve", "openat", "connect"][number % 3];
        writeln!(
            text,
            "- rule: Never {number}\n  desc: d\n  priority: DEBUG\n  output: o\n  \
             condition: evt.type = {call} and proc.name = nobody-has-{number} and user.name = nobody"
        )?;
    }
    if filler > 0 {
        files.push(SourceFile {
            name: "filler.yaml".to_owned(),
            text,
        });
    }
    Ok(files)
}

/// The time of the fastest pass.
fn fastest(mut pass: impl FnMut() -> Result<()>) -> Result<Duration> {
    let begun = Instant::now();
    let mut fastest = Duration::MAX;
    let mut passes = 0;
    while passes < PASSES || begun.elapsed() < LEAST {
        let start = Instant::now();
        pass()?;
        fastest = fastest.min(start.elapsed());
        passes += 1;
    }
    Ok(fastest)
}

/// Records, events and flows among them, and bytes when decompressed.
fn count(recordings: &[Vec<u8>]) -> Result<(u64, u64, usize)> {
    let (mut records, mut events, mut bytes) = (0, 0, 0);
    for recording in recordings {
        let mut reader = Reader::new(&recording[..], ReadOptions::default())?;
        while let Some(block) = reader.next_block()? {
            bytes += block.data().len();
            for record in block {
                records += 1;
                events += u64::from(!record?.kind().is_context());
            }
        }
    }
    Ok((records, events, bytes))
}

/// The blocks of deflated recordings as they are in the files.
fn compressed_blocks(recordings: &[Vec<u8>]) -> Result<Vec<Vec<u8>>> {
    let mut blocks = Vec::new();
    for recording in recordings {
        let reader = Reader::new(&recording[..], ReadOptions::default())?;
        let header = reader.header().context("a recording without a header")?;
        if !matches!(header.codec, Codec::Deflate(_)) {
            continue;
        }
        let mut rest = &recording[reader.offset() as usize..];
        while !rest.is_empty() {
            let (_, after_count) = varint(rest)?;
            let (size, after_size) = varint(&rest[after_count..])?;
            let start = after_count + after_size;
            let end = start + usize::try_from(size)?;
            blocks.push(rest.get(start..end).context("a cut block")?.to_vec());
            rest = rest.get(end + header.sync.len()..).unwrap_or_default();
        }
    }
    Ok(blocks)
}

/// A zig-zag encoded integer and its length.
fn varint(data: &[u8]) -> Result<(i64, usize)> {
    let mut encoded = 0_u64;
    for (index, byte) in data.iter().enumerate().take(10) {
        encoded |= u64::from(byte & 0x7f) << (7 * index);
        if *byte < 0x80 {
            return Ok(((encoded >> 1) as i64 ^ -((encoded & 1) as i64), index + 1));
        }
    }
    anyhow::bail!("not an integer")
}

fn inflate(blocks: &[Vec<u8>]) -> Result<()> {
    let mut inflate = Decompress::new(false);
    let mut out = vec![0; 1 << 20];
    for block in blocks {
        inflate.reset(false);
        inflate.decompress(block, &mut out, FlushDecompress::Finish)?;
        black_box(&out);
    }
    Ok(())
}

fn decode(recordings: &[Vec<u8>]) -> Result<()> {
    for recording in recordings {
        let mut reader = Reader::new(&recording[..], ReadOptions::default())?;
        while let Some(block) = reader.next_block()? {
            for record in block {
                let record: Record<'_> = record?;
                black_box(&record);
            }
        }
    }
    Ok(())
}

fn join(recordings: &[Vec<u8>], mut use_event: impl FnMut(&Joined<'_>)) -> Result<()> {
    for recording in recordings {
        let mut tables = Tables::default();
        let mut reader = Reader::new(&recording[..], ReadOptions::default())?;
        while let Some(block) = reader.next_block()? {
            for record in block {
                let record = record?;
                if let Some(joined) = tables.join(&record) {
                    use_event(black_box(&joined));
                }
            }
        }
    }
    Ok(())
}

fn judge(recordings: &[Vec<u8>], rules: &RecordRules) -> Result<()> {
    let mut evaluator = Evaluator::new();
    let mut matches = 0_u64;
    join(recordings, |joined| {
        evaluator.rules(rules, joined, |_, _| matches += 1);
    })?;
    black_box(matches);
    Ok(())
}
