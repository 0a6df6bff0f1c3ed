//! Recordings of a live system: one file after the other in a directory, each whole by itself.
//!
//! A file is written as `NAME.partial` and gets its name when it is complete and on the disk. What a crash
//! leaves behind is found at the next start: blocks that were written can be read, so it gets its name too.

use std::fs::{self, File};
use std::io::{self, BufWriter};
use std::path::{Path, PathBuf};
use std::time::Duration;

use sysflow_collect::{Context, RecordSink};
use sysflow_record::Record;
use sysflow_record::container::{WriteError, WriteOptions, Writer};
use thiserror::Error;

/// What a file is called while it is written.
const PARTIAL: &str = "partial";
/// How recordings end.
const EXTENSION: &str = "sf";
/// Nanoseconds of a second.
const SECOND: u64 = 1_000_000_000;
/// How long after a failure a new file is tried, in ns.
const RETRY: u64 = 10 * SECOND;

/// A file cannot be written.
#[derive(Debug, Error)]
#[error("cannot write {}: {source}", .path.display())]
pub struct RecorderError {
    /// The file or directory.
    pub path: PathBuf,
    /// What the system said.
    pub source: io::Error,
}

/// How a system is recorded.
#[derive(Clone, Debug)]
pub struct RecorderOptions {
    /// Where the files go; made if it does not exist.
    pub directory: PathBuf,
    /// What their names begin with; the time of their beginning follows, in seconds since the epoch.
    pub prefix: String,
    /// A file holds no longer time than this, by the clock of the events.
    pub every: Option<Duration>,
    /// A file is not much longer than this, in bytes.
    pub largest: Option<u64>,
    /// So many files are kept; older ones with the same prefix are removed.
    pub keep: Option<usize>,
    /// Schema, codec and block size.
    pub write: WriteOptions,
}

/// What was recorded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RecorderCounts {
    /// Records that were written.
    pub records: u64,
    /// Records that could not be written.
    pub lost: u64,
    /// Records that the schema cannot carry.
    pub not_in_schema: u64,
    /// Bytes of all files.
    pub bytes: u64,
    /// Files that were begun.
    pub files: u64,
}

/// Writes what a collector yields. Every header begins a file of the name that stands in it.
#[derive(Debug)]
pub struct Recorder {
    options: RecorderOptions,
    file: Option<Open>,
    counts: RecorderCounts,
    failed: Option<RecorderError>,
    /// The time of the first record of the file, ns since the epoch.
    began: u64,
    /// Since when there is no file, ns since the epoch.
    idle_since: Option<u64>,
}

#[derive(Debug)]
struct Open {
    writer: Writer<Counting<BufWriter<File>>>,
    path: PathBuf,
}

impl Recorder {
    /// Makes the directory and names what an earlier run left there unfinished.
    pub fn new(options: RecorderOptions) -> Result<Self, RecorderError> {
        let at = |path: &Path| {
            let path = path.to_owned();
            move |source| RecorderError { path, source }
        };
        fs::create_dir_all(&options.directory).map_err(at(&options.directory))?;
        for path in files(&options).map_err(at(&options.directory))? {
            if path
                .extension()
                .is_some_and(|extension| extension == PARTIAL)
            {
                fs::rename(&path, path.with_extension("")).map_err(at(&path))?;
            }
        }
        Ok(Self {
            options,
            file: None,
            counts: RecorderCounts::default(),
            failed: None,
            began: 0,
            idle_since: None,
        })
    }

    /// The name of a file that begins at this time (ns since the epoch).
    pub fn name_at(&self, now: u64) -> String {
        let (prefix, seconds) = (&self.options.prefix, now / SECOND);
        let exists = |name: &str| {
            let path = self.options.directory.join(name);
            path.exists() || partial(&path).exists()
        };
        let name = format!("{prefix}.{seconds}.{EXTENSION}");
        if !exists(&name) {
            return name;
        }
        // Sorted behind the first of the second and in their order, as recordings are read.
        let numbered = |number: u64| format!("{prefix}.{seconds}_{number:03}.{EXTENSION}");
        (1..u64::MAX)
            .map(numbered)
            .find(|name| !exists(name))
            .unwrap_or(name)
    }

    /// Whether the file is long or old enough at this time (ns since the epoch), or could not be written.
    pub fn is_due(&mut self, now: u64) -> bool {
        let Some(file) = &self.file else {
            let since = *self.idle_since.get_or_insert(now);
            return self.counts.files > 0 && now.saturating_sub(since) >= RETRY;
        };
        let age = Duration::from_nanos(now.saturating_sub(self.began));
        let is_old = self.options.every.is_some_and(|every| age >= every);
        let length = file.writer.get_ref().written;
        is_old || self.options.largest.is_some_and(|most| length >= most)
    }

    /// Hands what is there to the system, so that a crash of this program loses none of it.
    pub fn flush(&mut self) {
        if let Some(file) = &mut self.file
            && let Err(source) = file.writer.flush_block()
        {
            self.fail(source);
        }
    }

    /// Ends the file that is being written.
    pub fn finish(&mut self) {
        let Some(file) = self.file.take() else {
            return;
        };
        let path = file.path.clone();
        match file.close() {
            Ok(bytes) => self.counts.bytes += bytes,
            Err(source) => self.failed = Some(RecorderError { path, source }),
        }
        if let Some(keep) = self.options.keep
            && let Err(source) = remove_oldest(&self.options, keep)
        {
            let path = self.options.directory.clone();
            self.failed = Some(RecorderError { path, source });
        }
    }

    /// What was recorded so far.
    pub fn counts(&self) -> RecorderCounts {
        let open = self.file.as_ref();
        RecorderCounts {
            bytes: self.counts.bytes + open.map_or(0, |file| file.writer.get_ref().written),
            ..self.counts
        }
    }

    /// What went wrong since this was last asked.
    pub const fn take_failure(&mut self) -> Option<RecorderError> {
        self.failed.take()
    }

    fn begin(&mut self, name: &str) {
        self.finish();
        let path = self.options.directory.join(name);
        let create = || {
            let file = File::create(partial(&path))?;
            let destination = Counting {
                inner: BufWriter::new(file),
                written: 0,
            };
            Writer::new(destination, self.options.write)
        };
        self.counts.files += 1;
        self.idle_since = None;
        match create() {
            Ok(writer) => self.file = Some(Open { writer, path }),
            Err(source) => self.failed = Some(RecorderError { path, source }),
        }
    }

    /// Gives the file up; the next one may go better.
    fn fail(&mut self, source: io::Error) {
        if let Some(file) = self.file.take() {
            let path = file.path;
            self.failed = Some(RecorderError { path, source });
        }
    }

    fn write(&mut self, record: &Record<'_>) {
        let Some(file) = &mut self.file else {
            self.counts.lost += 1;
            return;
        };
        match file.writer.write(record) {
            Ok(()) => self.counts.records += 1,
            Err(WriteError::Io(source)) => {
                self.counts.lost += 1;
                self.fail(source);
            }
            Err(_) => self.counts.not_in_schema += 1,
        }
    }
}

impl RecordSink for Recorder {
    fn record(&mut self, record: &Record<'_>, _: &Context<'_>) {
        self.take(record);
    }
}

impl Recorder {
    /// Takes a record.
    pub fn take(&mut self, record: &Record<'_>) {
        if let Record::Header(header) = record {
            self.begin(&header.filename.to_string());
            self.began = 0;
        } else if self.began == 0 {
            self.began = u64::try_from(record.ts()).unwrap_or(0);
        }
        self.write(record);
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.finish();
    }
}

impl Open {
    /// Completes the file and gives it its name. Returns its length.
    fn close(self) -> io::Result<u64> {
        let Counting { inner, written } = self.writer.finish()?;
        let file = inner.into_inner().map_err(io::IntoInnerError::into_error)?;
        file.sync_all()?;
        fs::rename(partial(&self.path), &self.path)?;
        Ok(written)
    }
}

fn partial(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(PARTIAL);
    name.into()
}

/// The files of this prefix, complete or not.
fn files(options: &RecorderOptions) -> io::Result<Vec<PathBuf>> {
    let start = format!("{}.", options.prefix);
    let is_ours = |path: &PathBuf| {
        let name = path.file_name().and_then(|name| name.to_str());
        name.and_then(|name| name.strip_prefix(&start))
            .is_some_and(|rest| {
                let rest = rest.strip_suffix(&format!(".{PARTIAL}")).unwrap_or(rest);
                rest.strip_suffix(&format!(".{EXTENSION}"))
                    .is_some_and(|time| {
                        !time.is_empty() && time.bytes().all(|b| b.is_ascii_digit() || b == b'_')
                    })
            })
    };
    let entries = fs::read_dir(&options.directory)?;
    let paths = entries.map(|entry| entry.map(|entry| entry.path()));
    paths
        .filter(|path| path.as_ref().map_or(true, is_ours))
        .collect()
}

fn remove_oldest(options: &RecorderOptions, keep: usize) -> io::Result<()> {
    let mut complete = Vec::new();
    for path in files(options)? {
        if path
            .extension()
            .is_some_and(|extension| extension == EXTENSION)
        {
            complete.push((fs::metadata(&path)?.modified()?, path));
        }
    }
    complete.sort();
    let surplus = complete.len().saturating_sub(keep);
    complete
        .into_iter()
        .take(surplus)
        .try_for_each(|(_, path)| fs::remove_file(path))
}

/// Counts the bytes that pass.
#[derive(Debug)]
struct Counting<W> {
    inner: W,
    written: u64,
}

impl<W: io::Write> io::Write for Counting<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(bytes)?;
        self.written += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sysflow_record::container::{ReadOptions, Reader};
    use sysflow_record::model::Header;

    fn options(directory: &Path) -> RecorderOptions {
        RecorderOptions {
            directory: directory.to_owned(),
            prefix: "host".to_owned(),
            every: Some(Duration::from_secs(60)),
            largest: Some(1000),
            keep: Some(2),
            write: WriteOptions::NATIVE,
        }
    }

    fn header(name: &str) -> Record<'_> {
        Record::Header(Header {
            version: 100,
            exporter: "host".into(),
            ip: "".into(),
            filename: name.into(),
        })
    }

    fn names(directory: &Path) -> Vec<String> {
        let entries = fs::read_dir(directory).unwrap();
        let mut names: Vec<String> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    fn count(path: &Path) -> u64 {
        let mut reader = Reader::new(File::open(path).unwrap(), ReadOptions::default()).unwrap();
        let mut count = 0;
        while let Some(block) = reader.next_block().unwrap() {
            count += block.map(Result::unwrap).count() as u64;
        }
        count
    }

    #[test]
    fn files_get_their_names_when_they_are_complete_and_the_oldest_go() {
        let directory = tempfile::tempdir().unwrap();
        let mut recorder = Recorder::new(options(directory.path())).unwrap();
        for second in 1..=3 {
            let name = recorder.name_at(second * SECOND);
            recorder.take(&header(&name));
            assert!(names(directory.path()).contains(&format!("{name}.partial")));
        }
        recorder.finish();
        assert!(recorder.take_failure().is_none());
        assert_eq!(names(directory.path()), ["host.2.sf", "host.3.sf"]);
        assert_eq!(recorder.counts().records, 3);
        assert_eq!(count(&directory.path().join("host.3.sf")), 1);
        assert_eq!(recorder.name_at(3 * SECOND), "host.3_001.sf");
    }

    #[test]
    fn what_a_crash_leaves_can_be_read() {
        let directory = tempfile::tempdir().unwrap();
        let mut recorder = Recorder::new(options(directory.path())).unwrap();
        recorder.take(&header("host.5.sf"));
        recorder.flush();
        std::mem::forget(recorder);
        assert_eq!(names(directory.path()), ["host.5.sf.partial"]);
        drop(Recorder::new(options(directory.path())).unwrap());
        assert_eq!(names(directory.path()), ["host.5.sf"]);
        assert_eq!(count(&directory.path().join("host.5.sf")), 1);
    }

    #[test]
    fn what_cannot_be_written_is_counted_and_told() {
        let directory = tempfile::tempdir().unwrap();
        let mut recorder = Recorder::new(options(directory.path())).unwrap();
        recorder.take(&header("no/such/place.sf"));
        recorder.take(&header("host.6.sf"));
        recorder.finish();
        let failure = recorder.take_failure().unwrap();
        assert!(failure.path.ends_with("no/such/place.sf"));
        let counts = recorder.counts();
        assert_eq!((counts.lost, counts.records), (1, 1));
    }
}
