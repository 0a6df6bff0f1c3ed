//! Names in the file system that are made, changed and removed.

use std::sync::Arc;

use bstr::BStr;
use sysflow_event::file::{Path, Symlink, TwoPaths};
use sysflow_event::{Event, Operation};
use sysflow_record::model::{FileEvent, FileFlow, ObjectState, ResourceType};
use sysflow_record::{OpFlags, OpenFlags, Record};

use super::Collector;
use super::entities::Need;
use crate::config::{Mode, Quirks};
use crate::sink::RecordSink;
use crate::tables::files::{FileRef, Sighting};
use crate::text::{Text, printable};

/// One name that an event is about.
struct Named<'a> {
    path: Text,
    kind: ResourceType,
    /// Whether the name comes into being.
    is_new: bool,
    /// As the program gave it.
    argument: Option<&'a [u8]>,
}

impl<S: RecordSink> Collector<S> {
    pub(super) fn on_file_event(&mut self, event: &Event<'_>) {
        if self.config.mode == Mode::NoFiles || !self.is_wanted(event.tid) {
            return;
        }
        match event.operation {
            Operation::MakeDirectory(ref path) => {
                self.record_one(event, OpFlags::MKDIR, path, ResourceType::DIRECTORY, true);
            }
            Operation::RemoveDirectory(ref path) => {
                self.record_one(event, OpFlags::RMDIR, path, ResourceType::DIRECTORY, false);
            }
            Operation::Unlink(ref path) => {
                self.record_one(event, OpFlags::UNLINK, path, ResourceType::UNKNOWN, false);
            }
            Operation::Link(ref paths) => self.record_two(event, OpFlags::LINK, paths),
            Operation::Rename(ref paths) => self.record_two(event, OpFlags::RENAME, paths),
            Operation::Symlink(ref link) => self.record_symlink(event, link),
            _ => {}
        }
    }

    fn record_one(
        &mut self,
        event: &Event<'_>,
        op: OpFlags,
        path: &Path<'_>,
        kind: ResourceType,
        is_new: bool,
    ) {
        let name = Named {
            path: self.event_path(event.tid, path, event.is_older_form),
            kind,
            is_new: is_new || self.has(Quirks::CREATED_WHEN_MET),
            argument: path.path,
        };
        self.record_file_event(event, op, &name, None);
    }

    fn record_two(&mut self, event: &Event<'_>, op: OpFlags, paths: &TwoPaths<'_>) {
        let mut named = |path: &Path<'_>| self.event_path(event.tid, path, event.is_older_form);
        let (old, new) = (named(&paths.old), named(&paths.new));
        let old = Named {
            path: old,
            kind: ResourceType::UNKNOWN,
            is_new: false,
            argument: paths.old.path,
        };
        let new = Named {
            path: new,
            kind: ResourceType::UNKNOWN,
            is_new: true,
            argument: paths.new.path,
        };
        self.record_file_event(event, op, &old, Some(&new));
    }

    fn record_symlink(&mut self, event: &Event<'_>, symlink: &Symlink<'_>) {
        let target = if symlink.link.is_at {
            // The original does not resolve what the link says here, but does so for the plain call.
            Arc::from(&*printable(self.text_of(symlink.target)))
        } else {
            let path = Path {
                path: symlink.target,
                ..Path::default()
            };
            self.event_path(event.tid, &path, event.is_older_form)
        };
        let target = if self.has(Quirks::EVENT_PATHS_APART) {
            target
        } else {
            self.link_target(event.tid, symlink)
        };
        let old = Named {
            path: target,
            kind: ResourceType::UNKNOWN,
            is_new: false,
            argument: symlink.target,
        };
        let new = Named {
            path: self.event_path(event.tid, &symlink.link, event.is_older_form),
            kind: ResourceType::UNKNOWN,
            is_new: true,
            argument: symlink.link.path,
        };
        self.record_file_event(event, OpFlags::SYMLINK, &old, Some(&new));
    }

    /// Where a symbolic link leads: its text counts from the directory of the link.
    fn link_target(&mut self, tid: i64, symlink: &Symlink<'_>) -> Text {
        let link = self.path_of(tid, &symlink.link);
        let slash = link
            .iter()
            .rposition(|byte| *byte == b'/')
            .map_or(0, |slash| slash + 1);
        self.resolve(tid, &link[..slash], symlink.target.unwrap_or_default())
    }

    fn record_file_event(
        &mut self,
        event: &Event<'_>,
        op_flags: OpFlags,
        name: &Named<'_>,
        new_name: Option<&Named<'_>>,
    ) {
        let Some(process) = self.process_for(event.tid, Need::Use) else {
            return;
        };
        let Some(oid) = self.tables.processes.get(process).map(|known| known.oid) else {
            return;
        };
        let file = self.sight(event, name);
        let new_file = new_name.map(|name| self.sight(event, name));
        let foid = |file: FileRef| self.tables.files.get(file).map(|known| known.oid);
        let Some(file_oid) = foid(file) else { return };
        let arguments = [
            BStr::new(name.argument.unwrap_or_default()),
            BStr::new(new_name.and_then(|name| name.argument).unwrap_or_default()),
        ];
        let record = Record::FileEvent(FileEvent {
            proc_oid: oid,
            ts: event.ts as i64,
            tid: event.tid,
            op_flags,
            file_oid,
            ret: event.result.unwrap_or(-1) as i32,
            new_file_oid: new_file.and_then(foid),
            args: arguments[..=usize::from(new_name.is_some())].into(),
        });
        self.emit(&record, Some(process), Some(file), new_file);
    }

    /// A flow of nothing but an attempt.
    pub(super) fn record_failed_open(&mut self, event: &Event<'_>, path: &Text, flags: u32) {
        let Some(process) = self.process_for(event.tid, Need::Use) else {
            return;
        };
        let Some(oid) = self.tables.processes.get(process).map(|known| known.oid) else {
            return;
        };
        let name = Named {
            path: path.clone(),
            kind: ResourceType::UNKNOWN,
            is_new: false,
            argument: None,
        };
        let file = self.sight(event, &name);
        let Some(file_oid) = self.tables.files.get(file).map(|known| known.oid) else {
            return;
        };
        let record = Record::FileFlow(FileFlow {
            proc_oid: oid,
            ts: event.ts as i64,
            tid: event.tid,
            op_flags: OpFlags::OPEN,
            open_flags: OpenFlags::from_bits_retain(flags),
            end_ts: event.ts as i64,
            file_oid,
            fd: -1,
            ret: event.result.unwrap_or(-1) as i32,
            ..FileFlow::default()
        });
        self.emit(&record, Some(process), Some(file), None);
    }

    fn sight(&mut self, event: &Event<'_>, name: &Named<'_>) -> FileRef {
        let container = self
            .threads
            .get(event.tid)
            .and_then(|thread| thread.container);
        let is_created = name.is_new && (event.is_success() || self.has(Quirks::CREATED_WHEN_MET));
        let sighting = Sighting {
            kind: name.kind,
            state: if is_created {
                ObjectState::CREATED
            } else {
                ObjectState::REUP
            },
            ts: event.ts,
            inode: 0,
            device: 0,
        };
        self.file_for(container, &name.path, sighting)
    }
}
