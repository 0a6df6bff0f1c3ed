//! The rules that a user names.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use sysflow_policy::{Diagnostics, LoadOptions, RuleSet, SourceFile};
use sysflow_record::entity::Joined;
use thiserror::Error;

/// Rules over records.
pub type RecordRules = RuleSet<Joined<'static>>;

/// Directories nest no deeper than this; symbolic links may lead in circles.
const DEEPEST: usize = 16;

/// Why rules cannot be read.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum PolicyError {
    /// A file or directory cannot be read.
    #[error("cannot read {}: {source}", .path.display())]
    Read {
        /// The file or directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// There are no rule files.
    #[error("{} holds no rule files (*.yaml or *.yml)", .0.display())]
    Empty(PathBuf),
}

/// Reads rule files: each path is a file or a directory, of which all `.yaml` and `.yml` files are read, at
/// any depth, in the order of their paths.
pub fn read_files(paths: &[PathBuf]) -> Result<Vec<SourceFile>, PolicyError> {
    let mut files = Vec::new();
    for path in paths {
        let before = files.len();
        if path.is_dir() {
            read_directory(path, 0, &mut files)?;
            if files.len() == before {
                return Err(PolicyError::Empty(path.clone()));
            }
        } else {
            files.push(read_file(path)?);
        }
    }
    Ok(files)
}

/// How to load rules, with another mapping of the names of Sigma rules than the built-in one.
pub fn with_sigma_mapping(path: Option<&Path>) -> Result<LoadOptions, PolicyError> {
    Ok(LoadOptions {
        sigma_mapping: path.map(read_file).transpose()?,
        ..LoadOptions::default()
    })
}

/// Reads and compiles rules over records: of each file its text shows the language.
pub fn load(
    paths: &[PathBuf],
    options: &LoadOptions,
) -> Result<(RecordRules, Diagnostics), PolicyError> {
    Ok(RecordRules::load(read_files(paths)?, options))
}

fn read_file(path: &Path) -> Result<SourceFile, PolicyError> {
    let failed = |source| PolicyError::Read {
        path: path.to_owned(),
        source,
    };
    let bytes = fs::read(path).map_err(failed)?;
    let text = String::from_utf8(bytes).map_err(|error| {
        failed(io::Error::new(
            io::ErrorKind::InvalidData,
            error.utf8_error(),
        ))
    })?;
    Ok(SourceFile {
        name: path.display().to_string(),
        text,
    })
}

fn read_directory(
    path: &Path,
    depth: usize,
    files: &mut Vec<SourceFile>,
) -> Result<(), PolicyError> {
    let failed = |source| PolicyError::Read {
        path: path.to_owned(),
        source,
    };
    if depth > DEEPEST {
        return Err(failed(io::Error::other("directories nest too deep")));
    }
    let mut entries = Vec::new();
    for entry in fs::read_dir(path).map_err(failed)? {
        entries.push(entry.map_err(failed)?.path());
    }
    entries.sort();
    for entry in entries {
        let extension = entry.extension().and_then(|extension| extension.to_str());
        if entry.is_dir() {
            read_directory(&entry, depth + 1, files)?;
        } else if matches!(extension, Some("yaml" | "yml")) {
            files.push(read_file(&entry)?);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directories_are_read_in_the_order_of_their_paths() {
        let directory = tempfile::tempdir().unwrap();
        fs::create_dir(directory.path().join("b")).unwrap();
        for name in ["c.yml", "b/a.yaml", "a.yaml", "notes.txt"] {
            fs::write(directory.path().join(name), "").unwrap();
        }
        let files = read_files(&[directory.path().to_owned()]).unwrap();
        let names: Vec<_> = files
            .iter()
            .map(|file| file.name.rsplit('/').next().unwrap())
            .collect();
        assert_eq!(names, ["a.yaml", "a.yaml", "c.yml"]);
        assert!(files[1].name.ends_with("b/a.yaml"));
    }
}
