//! The recordings that a user names.

use std::cmp::Ordering;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use thiserror::Error;

/// How a capture of system calls begins.
pub(crate) const CAPTURE_MAGIC: [u8; 4] = [0x0a, 0x0d, 0x0d, 0x0a];
/// How compressed captures begin.
pub(crate) const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

/// Why an input cannot be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum InputError {
    /// It cannot be opened or listed.
    #[error("cannot open {}: {source}", .path.display())]
    Open {
        /// The file or directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The directory holds no recordings.
    #[error("{} holds no recordings", .0.display())]
    EmptyDirectory(PathBuf),
}

/// One recording.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// A file.
    File(PathBuf),
    /// Standard input.
    Stdin,
}

impl Input {
    /// The name for messages.
    pub fn name(&self) -> String {
        match self {
            Self::File(path) => path.display().to_string(),
            Self::Stdin => "standard input".to_owned(),
        }
    }

    /// Its size in bytes, where that is known.
    pub fn size(&self) -> Option<u64> {
        match self {
            Self::File(path) => fs::metadata(path)
                .ok()
                .filter(fs::Metadata::is_file)
                .map(|file| file.len()),
            Self::Stdin => None,
        }
    }

    /// Whether it is a file that holds a capture of system calls. Standard input cannot be looked at ahead.
    pub fn is_capture(&self) -> bool {
        let Self::File(path) = self else {
            return false;
        };
        let mut magic = [0; 4];
        let read = File::open(path).and_then(|mut file| file.read_exact(&mut magic));
        read.is_ok() && (magic == CAPTURE_MAGIC || magic.starts_with(&GZIP_MAGIC))
    }

    /// Opens it.
    pub fn open(&self) -> Result<Box<dyn Read + Send>, InputError> {
        match self {
            Self::File(path) => match File::open(path) {
                Ok(file) => Ok(Box::new(file)),
                Err(source) => Err(InputError::Open {
                    path: path.clone(),
                    source,
                }),
            },
            Self::Stdin => Ok(Box::new(io::stdin())),
        }
    }
}

/// The recordings that `paths` stand for: `-` is standard input, a directory stands for the recordings in it
/// (not below it), in the order of their names with numbers compared as numbers.
pub fn expand(paths: &[PathBuf]) -> Result<Vec<Input>, InputError> {
    let mut inputs = Vec::new();
    for path in paths {
        if path == Path::new("-") {
            inputs.push(Input::Stdin);
        } else if path.is_dir() {
            inputs.extend(directory(path)?);
        } else {
            inputs.push(Input::File(path.clone()));
        }
    }
    Ok(inputs)
}

fn directory(path: &Path) -> Result<Vec<Input>, InputError> {
    let failed = |source| InputError::Open {
        path: path.to_owned(),
        source,
    };
    let mut files = Vec::new();
    for entry in fs::read_dir(path).map_err(failed)? {
        let file = entry.map_err(failed)?.path();
        if file.is_file() && looks_like_recording(&file) {
            files.push(file);
        }
    }
    if files.is_empty() {
        return Err(InputError::EmptyDirectory(path.to_owned()));
    }
    files.sort_by(|a, b| compare_names(&a.to_string_lossy(), &b.to_string_lossy()));
    Ok(files.into_iter().map(Input::File).collect())
}

/// Recorders name their files as they like, often by a number alone, so the content decides.
fn looks_like_recording(path: &Path) -> bool {
    let mut magic = [0; 4];
    let read = File::open(path).and_then(|mut file| file.read_exact(&mut magic));
    read.is_ok() && (&magic == b"Obj\x01" || magic == CAPTURE_MAGIC)
}

/// Compares names with runs of digits as numbers, so that `mon.9` comes before `mon.10`.
fn compare_names(a: &str, b: &str) -> Ordering {
    let (mut a, mut b) = (a, b);
    while let (Some(first_a), Some(first_b)) = (a.chars().next(), b.chars().next()) {
        let ordering = if first_a.is_ascii_digit() && first_b.is_ascii_digit() {
            let (number_a, rest_a) = leading_number(a);
            let (number_b, rest_b) = leading_number(b);
            (a, b) = (rest_a, rest_b);
            number_a
                .len()
                .cmp(&number_b.len())
                .then_with(|| number_a.cmp(number_b))
        } else {
            (a, b) = (&a[first_a.len_utf8()..], &b[first_b.len_utf8()..]);
            first_a.cmp(&first_b)
        };
        if ordering.is_ne() {
            return ordering;
        }
    }
    a.len().cmp(&b.len())
}

/// The digits at the start of a text, without leading zeros, and what follows them.
fn leading_number(text: &str) -> (&str, &str) {
    let end = text
        .find(|char: char| !char.is_ascii_digit())
        .unwrap_or(text.len());
    (text[..end].trim_start_matches('0'), &text[end..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_ordered_as_people_expect() {
        let mut names = vec!["mon.10", "mon.9", "mon.010.b", "a", "mon.", "mon.9.sf"];
        names.sort_by(|a, b| compare_names(a, b));
        assert_eq!(
            names,
            ["a", "mon.", "mon.9", "mon.9.sf", "mon.10", "mon.010.b"]
        );
    }

    #[test]
    fn directories_stand_for_their_recordings() {
        let directory = tempfile::tempdir().unwrap();
        for (name, content) in [("10", "Obj\x01"), ("9.sf", "Obj\x01"), ("README", "no")] {
            fs::write(directory.path().join(name), content).unwrap();
        }
        let inputs = expand(&[directory.path().to_owned(), "-".into()]).unwrap();
        let expected = ["9.sf", "10"].map(|name| Input::File(directory.path().join(name)));
        assert_eq!(inputs[..2], expected);
        assert_eq!(inputs[2], Input::Stdin);
        fs::remove_file(directory.path().join("10")).unwrap();
        fs::remove_file(directory.path().join("9.sf")).unwrap();
        let empty = expand(&[directory.path().to_owned()]);
        assert!(matches!(empty, Err(InputError::EmptyDirectory(_))));
    }
}
