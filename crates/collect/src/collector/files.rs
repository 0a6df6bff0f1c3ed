//! Files as entities: what they are, and that they are written before anything refers to them.

use sysflow_record::Record;
use sysflow_record::model::{ObjectState, ResourceType};

use super::Collector;
use crate::config::Quirks;
use crate::sink::{Context, RecordSink};
use crate::tables::Tables;
use crate::tables::containers::ContainerRef;
use crate::tables::files::{FileRef, Sighting};
use crate::text::Text;

/// How much a type says: what is opened as a file may be anything that can be opened.
const fn certainty(kind: ResourceType) -> u8 {
    match kind {
        ResourceType::UNKNOWN => 0,
        ResourceType::FILE => 1,
        _ => 2,
    }
}

impl<S: RecordSink> Collector<S> {
    /// The file at a path, known and written.
    pub(super) fn file_for(
        &mut self,
        container: Option<ContainerRef>,
        path: &Text,
        sighting: Sighting,
    ) -> FileRef {
        let file = self.file_unwritten(container, path, sighting);
        self.ensure_file(file);
        file
    }

    /// The file at a path, known, and written once a record refers to it.
    pub(super) fn file_unwritten(
        &mut self,
        container: Option<ContainerRef>,
        path: &Text,
        sighting: Sighting,
    ) -> FileRef {
        let Tables {
            files, containers, ..
        } = &mut self.tables;
        let file = files.find(container, path, containers, sighting);
        self.improve_file(file, sighting);
        file
    }

    /// Learns what a file is from a later sighting that knows more than the first. The original never does.
    fn improve_file(&mut self, file: FileRef, sighting: Sighting) {
        if self.has(Quirks::FILE_TYPES_STICK) {
            return;
        }
        let Some(known) = self.tables.files.get_mut(file) else {
            return;
        };
        let knows_kind = certainty(sighting.kind) > certainty(known.kind);
        let knows_inode = sighting.inode != 0 && known.inode != sighting.inode;
        if !knows_kind && !knows_inode {
            return;
        }
        if knows_kind {
            known.kind = sighting.kind;
        }
        if knows_inode {
            known.inode = sighting.inode;
            known.device = sighting.device;
        }
        if known.is_written {
            known.state = ObjectState::MODIFIED;
            known.ts = sighting.ts;
            known.is_written = false;
        }
    }

    /// Writes a file if the one that is being written does not hold it.
    pub(super) fn ensure_file(&mut self, file: FileRef) {
        let Some(known) = self.tables.files.get_mut(file) else {
            return;
        };
        if std::mem::replace(&mut known.is_written, true) {
            return;
        }
        let container = known.container;
        self.write_container(container);
        let Some(known) = self.tables.files.get(file) else {
            return;
        };
        self.statistics.records += 1;
        let record = Record::File(known.record(&self.tables.containers));
        let context = Context {
            tables: &self.tables,
            process: None,
            file: Some(file),
            new_file: None,
        };
        self.sink.record(&record, &context);
    }
}
