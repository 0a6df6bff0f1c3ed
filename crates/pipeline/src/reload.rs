//! Rule files that change while they are in use.

use std::path::PathBuf;
use std::time::SystemTime;

use sysflow_policy::SourceFile;

use crate::policies::{self, PolicyError};

/// Rule files, and what they looked like when they were read.
#[derive(Debug)]
pub struct RuleFiles {
    paths: Vec<PathBuf>,
    read: Vec<Trace>,
    /// What they looked like at the last look, if that is something new: it is read when it stays so.
    unsettled: Option<Vec<Trace>>,
}

/// What can be seen of a file from outside.
type Trace = (PathBuf, Option<(SystemTime, u64)>);

impl RuleFiles {
    /// Files and directories as the user names them.
    pub fn new(paths: Vec<PathBuf>) -> Self {
        let mut files = Self {
            paths,
            read: Vec::new(),
            unsettled: None,
        };
        files.read = files.look();
        files
    }

    /// Whether the user names none.
    pub const fn is_empty(&self) -> bool {
        self.paths.is_empty()
    }

    /// Reads them.
    ///
    /// # Errors
    ///
    /// Fails if one cannot be read.
    pub fn read(&mut self) -> Result<Vec<SourceFile>, PolicyError> {
        self.read = self.look();
        self.unsettled = None;
        policies::read_files(&self.paths)
    }

    /// Whether they have changed since they were read, and not since the last call: who saves a file may not
    /// be done with the first write.
    pub fn have_changed(&mut self) -> bool {
        let now = self.look();
        if now == self.read {
            self.unsettled = None;
            return false;
        }
        let is_settled = self.unsettled.as_ref() == Some(&now);
        self.unsettled = Some(now);
        is_settled
    }

    fn look(&self) -> Vec<Trace> {
        let trace = |path: PathBuf| {
            let seen = std::fs::metadata(&path).ok();
            let seen = seen.and_then(|seen| Some((seen.modified().ok()?, seen.len())));
            (path, seen)
        };
        let found = policies::find_files(&self.paths);
        found
            .unwrap_or_else(|_| self.paths.clone())
            .into_iter()
            .map(trace)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_told_when_it_is_over() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.yaml");
        std::fs::write(&path, "[]").unwrap();
        let mut files = RuleFiles::new(vec![directory.path().to_owned()]);
        assert_eq!(files.read().unwrap().len(), 1);
        assert!(!files.have_changed());
        std::fs::write(&path, "[]  ").unwrap();
        assert!(!files.have_changed(), "it may still change");
        assert!(files.have_changed());
        files.read().unwrap();
        assert!(!files.have_changed());
        std::fs::write(directory.path().join("b.yaml"), "").unwrap();
        assert!(!files.have_changed());
        assert!(files.have_changed());
    }
}
