//! Where output goes.

use std::fs::File;
use std::io::{self, IsTerminal, Write};
use std::path::Path;

use crate::arguments::ColourChoice;

/// Output is handed on in pieces of about this many bytes.
const PIECE: usize = 256 * 1024;

/// Why a command ends early.
#[derive(Debug)]
pub enum Failure {
    /// Nobody reads the output any more.
    Closed,
    /// Anything else.
    Other(anyhow::Error),
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self::Other(error)
    }
}

/// Output that is collected and handed on in large pieces.
pub struct Output {
    destination: Box<dyn Write + Send>,
    /// What has not been handed on.
    pub buffer: Vec<u8>,
}

impl Output {
    /// Standard output, or a file.
    pub fn to(path: Option<&Path>) -> anyhow::Result<Self> {
        let destination: Box<dyn Write + Send> = match path {
            None => Box::new(io::stdout()),
            Some(path) if path == Path::new("-") => Box::new(io::stdout()),
            Some(path) => Box::new(create(path)?),
        };
        Ok(Self {
            destination,
            buffer: Vec::with_capacity(PIECE + PIECE / 4),
        })
    }

    /// Hands the buffer on if it is full.
    pub fn flush_if_full(&mut self) -> io::Result<()> {
        if self.buffer.len() >= PIECE {
            self.flush()
        } else {
            Ok(())
        }
    }

    /// Hands the buffer on.
    pub fn flush(&mut self) -> io::Result<()> {
        self.destination.write_all(&self.buffer)?;
        self.buffer.clear();
        self.destination.flush()
    }
}

/// Creates a file, saying which one failed.
pub fn create(path: &Path) -> anyhow::Result<File> {
    let failed = |error| anyhow::anyhow!("cannot create {}: {error}", path.display());
    File::create(path).map_err(failed)
}

/// Tells of an error.
pub fn error(message: &str, colour: ColourChoice) {
    tell("error", "1;31", message, colour);
}

/// Tells of something that is worth knowing.
pub fn warning(message: &str, colour: ColourChoice) {
    tell("warning", "1;33", message, colour);
}

/// Tells of something that is no fault.
pub fn note(message: &str, colour: ColourChoice) {
    tell("note", "1;36", message, colour);
}

fn tell(word: &str, code: &str, message: &str, colour: ColourChoice) {
    if colour.wanted(io::stderr().is_terminal()) {
        eprintln!("\x1b[{code}m{word}\x1b[0m: {message}");
    } else {
        eprintln!("{word}: {message}");
    }
}

/// The width of the terminal on standard output; `None` when it is none.
pub fn width() -> Option<usize> {
    if !io::stdout().is_terminal() {
        return None;
    }
    Some(terminal_size::terminal_size().map_or(80, |(width, _)| usize::from(width.0)))
}

/// The name of this machine.
pub fn host_name() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    name.trim().to_owned()
}

/// The time, ns since the epoch.
pub fn now() -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    now.map_or(0, |now| u64::try_from(now.as_nanos()).unwrap_or(u64::MAX))
}
