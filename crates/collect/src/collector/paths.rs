//! Paths: against what they are resolved.

use std::sync::Arc;

use sysflow_event::file::Path;
use sysflow_event::{Fd, WORKING_DIRECTORY};

use super::Collector;
use crate::config::Quirks;
use crate::sink::RecordSink;
use crate::text::{NOT_KNOWN, Text, clean_event_path, empty, printable, resolve_into, with_slash};

/// What stands for the path of a descriptor that is not known.
const UNKNOWN_DIRECTORY: &[u8] = b"<UNKNOWN>";

impl<S: RecordSink> Collector<S> {
    /// The directory that a relative path starts from, with a slash at its end; empty when it is not known.
    fn base_of(&self, tid: i64, path: &Path<'_>) -> Option<Text> {
        if !path.is_at {
            return Some(self.threads.directory_of(tid));
        }
        match path.directory {
            Some(WORKING_DIRECTORY) => Some(self.threads.directory_of(tid)),
            Some(fd) => self.directory_of_descriptor(tid, fd),
            None => None,
        }
    }

    /// The path of a descriptor, with a slash at its end.
    pub(super) fn directory_of_descriptor(&self, tid: i64, fd: Fd) -> Option<Text> {
        let descriptor = self.threads.descriptors(tid)?.get(fd)?;
        Some(with_slash(&descriptor.path))
    }

    /// The path of what a call opens or executes.
    pub(super) fn path_of(&mut self, tid: i64, path: &Path<'_>) -> Text {
        let text = self.text_of(path.path);
        let is_absolute = text.first() == Some(&b'/');
        let base = match self.base_of(tid, path) {
            _ if is_absolute => empty(),
            Some(base) => base,
            None if self.has(Quirks::PRINTABLE_PATHS) => Arc::from(UNKNOWN_DIRECTORY),
            None => empty(),
        };
        self.resolve(tid, &base, text)
    }

    /// A text that may be unknown.
    pub(super) fn text_of<'p>(&self, text: Option<&'p [u8]>) -> &'p [u8] {
        match text {
            Some(text) => text,
            None if self.has(Quirks::NA_TEXTS) => NOT_KNOWN,
            None => b"",
        }
    }

    /// Joins and cleans a path as seen by a thread.
    pub(super) fn resolve(&mut self, tid: i64, base: &[u8], path: &[u8]) -> Text {
        let as_original = self.has(Quirks::PRINTABLE_PATHS);
        let root = if self.has(Quirks::HOST_PATHS) {
            empty()
        } else {
            self.root_of(tid)
        };
        if path.first() == Some(&b'/') && root.len() > 1 {
            let root = with_slash(&root);
            let below = path
                .iter()
                .position(|byte| *byte != b'/')
                .unwrap_or(path.len());
            resolve_into(&mut self.path, &root, &path[below..], as_original);
        } else {
            resolve_into(&mut self.path, base, path, as_original);
        }
        Arc::from(&self.path[..])
    }

    fn root_of(&self, tid: i64) -> Text {
        self.threads
            .main_of(tid)
            .map_or_else(empty, |main| main.root.clone())
    }

    /// The path of a name that is made, changed or removed. The original cleans these by rules of their own:
    /// bytes that do not print are dropped, and where the directory is not known the path stays as it is.
    pub(super) fn event_path(&mut self, tid: i64, path: &Path<'_>, is_older_form: bool) -> Text {
        if !self.has(Quirks::EVENT_PATHS_APART) {
            return self.path_of(tid, path);
        }
        // The old forms tell their paths where the operation begins, and the original looks at its end.
        let text = if is_older_form {
            b""
        } else {
            self.text_of(path.path)
        };
        let text = printable(text);
        if text.first() == Some(&b'/') {
            return Arc::from(clean_event_path(&text));
        }
        match self.base_of(tid, path) {
            Some(base) if !base.is_empty() && base.first() == Some(&b'/') => {
                Arc::from(clean_event_path(&[&base, &*text].concat()))
            }
            _ => Arc::from(&*text),
        }
    }
}
