//! What the tests on real captures share: where they are, how they are run, how records are told.

#![allow(dead_code, unreachable_pub, reason = "each test uses a part")]
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::large_types_passed_by_value
)]

pub mod checker;
pub mod events;
pub mod machine;
pub mod recording;

use std::path::{Path, PathBuf};

use sysflow_collect::source::scap::ScapSource;
use sysflow_collect::{Collector, Config, Context, RecordSink, Statistics};
use sysflow_record::container::{ReadOptions, Reader, WriteError, WriteOptions, Writer};
use sysflow_record::{OpFlags, Record};
use sysflow_scap::Capture;

/// Captures with what the original collector wrote from them. They are not part of this repository.
pub fn captures() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/capture");
    let mut captures: Vec<PathBuf> = std::fs::read_dir(&folder)
        .into_iter()
        .flatten()
        .filter_map(Result::ok)
        .map(|entry| entry.path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "scap")
        })
        .collect();
    captures.sort();
    if captures.is_empty() {
        eprintln!("skipped: there are no captures in {}", folder.display());
    }
    captures
}

pub fn name_of(path: &Path) -> String {
    path.file_stem()
        .expect("a name")
        .to_string_lossy()
        .into_owned()
}

/// Writes records into a file in memory.
pub struct MemoryFile {
    writer: Writer<Vec<u8>>,
    pub error: Option<String>,
}

impl MemoryFile {
    pub fn new(options: WriteOptions) -> Self {
        Self {
            writer: Writer::new(Vec::new(), options).expect("a header"),
            error: None,
        }
    }

    pub fn finish(self) -> Vec<u8> {
        assert_eq!(self.error, None);
        self.writer.finish().expect("memory suffices")
    }
}

impl RecordSink for MemoryFile {
    fn record(&mut self, record: &Record<'_>, _: &Context<'_>) {
        match self.writer.write(record) {
            // Schema 5 cannot say what was lost.
            Ok(()) | Err(WriteError::NotInSchema { .. }) => {}
            Err(error) => {
                self.error.get_or_insert(error.to_string());
            }
        }
    }
}

/// Replays a capture into a sink.
pub fn replay<S: RecordSink>(capture: &[u8], config: Config, sink: S) -> (S, Statistics) {
    let mut collector = Collector::new(config, sink);
    let mut source = ScapSource::new();
    let mut capture = Capture::open(capture).expect("a capture");
    while let Some(item) = capture.next().expect("a sound capture") {
        source.translate(&item, &mut collector);
    }
    collector.finish_with_statistics()
}

/// One record in words, and what a fair comparison needs of it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Line {
    /// Of a flow that was cut off: when.
    pub cut_at: Option<i64>,
    pub text: String,
}

/// Tells the records of a file in words. A lenient comparison takes the spelling of what is not known for
/// equal, and the order inside runs of flows that were cut off at the same time, which is that of a hash
/// table in the original.
pub fn tell(file: &[u8], is_lenient: bool) -> Vec<Line> {
    let mut lines = Vec::new();
    let mut reader = Reader::new(file, ReadOptions::default()).expect("a container file");
    while let Some(block) = reader.next_block().expect("a sound block") {
        for record in block {
            lines.push(line(&record.expect("a sound record"), is_lenient));
        }
    }
    if !is_lenient {
        return lines;
    }
    for run in lines.chunk_by_mut(|a, b| a.cut_at.is_some() && a.cut_at == b.cut_at) {
        run.sort();
    }
    lines
}

fn line(record: &Record<'_>, is_lenient: bool) -> Line {
    let cut = |flags: OpFlags, end: i64| flags.contains(OpFlags::TRUNCATE).then_some(end);
    let cut_at = match record {
        Record::NetworkFlow(flow) => cut(flow.op_flags, flow.end_ts),
        Record::FileFlow(flow) => cut(flow.op_flags, flow.end_ts),
        _ => None,
    };
    let text = match record {
        // Versions and names of files are free.
        Record::Header(header) => format!("Header {} {}", header.exporter, header.ip),
        Record::Process(process) if is_lenient => {
            let mut process = *process;
            let args = process.exe_args.to_string();
            process.exe_args = args.trim_end_matches(' ').into();
            // Releases differ in how they spell what is not known.
            for name in [&mut process.user_name, &mut process.group_name] {
                if name.is_empty() {
                    *name = "<NA>".into();
                }
            }
            let env: Vec<_> = process
                .env
                .iter()
                .filter(|entry| !entry.is_empty())
                .collect();
            process.env = env[..].into();
            format!("{process:?}")
        }
        other => format!("{other:?}"),
    };
    Line { cut_at, text }
}

/// The classic schema, so that ours and theirs can be read alike.
pub const CLASSIC: WriteOptions = WriteOptions::CLASSIC;
