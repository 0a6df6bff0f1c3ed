//! Where records go.

use sysflow_record::Record;
use sysflow_record::model::{Container, File, Process};

use crate::tables::Tables;
use crate::tables::files::FileRef;
use crate::tables::processes::ProcessRef;
use crate::view::EventView;

/// Takes records one by one, in their order. A sink that can fail keeps its error until it is asked.
pub trait RecordSink {
    /// Whether [`event`](Self::event) is wanted. What only views need is kept for those sinks alone.
    const WANTS_EVENTS: bool = false;

    /// Whether the sink may forget entities: then it is asked before each operation.
    const FORGETS: bool = false;

    /// Whether the sink has forgotten entities since it was asked last. What is used from then on is written to
    /// it again.
    fn has_forgotten(&mut self) -> bool {
        false
    }

    /// Takes a record. Whatever it refers to has been taken before in the same file.
    fn record(&mut self, record: &Record<'_>, context: &Context<'_>);

    /// Whether events of these [operations](sysflow_field::View::operations) are wanted. Others count, but are not
    /// shown.
    fn wants(&self, operations: u64) -> bool {
        let _ = operations;
        true
    }

    /// Sees an operation when it has ended, in its place among the records. The state is that after the
    /// operation, but for a descriptor that was closed and a thread that has ended: they are still there.
    fn event(&mut self, view: &EventView<'_>) {
        let _ = view;
    }
}

/// A sink for who wants operations and no records.
#[derive(Clone, Debug)]
pub struct EventsOnly<F>(pub F);

impl<F: FnMut(&EventView<'_>)> RecordSink for EventsOnly<F> {
    const WANTS_EVENTS: bool = true;

    fn record(&mut self, _: &Record<'_>, _: &Context<'_>) {}

    fn event(&mut self, view: &EventView<'_>) {
        (self.0)(view);
    }
}

impl<F: FnMut(&Record<'_>, &Context<'_>)> RecordSink for F {
    fn record(&mut self, record: &Record<'_>, context: &Context<'_>) {
        self(record, context);
    }
}

/// The entities that a record refers to.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    pub(crate) tables: &'a Tables,
    pub(crate) process: Option<ProcessRef>,
    pub(crate) file: Option<FileRef>,
    pub(crate) new_file: Option<FileRef>,
}

impl<'a> Context<'a> {
    /// The process of an event or flow.
    pub fn process(&self) -> Option<Process<'a>> {
        let process = self.tables.processes.get(self.process?)?;
        Some(process.record(&self.tables.containers))
    }

    /// The parent of that process.
    pub fn parent(&self) -> Option<Process<'a>> {
        let parent = self.tables.processes.get(self.process?)?.parent?;
        let parent = self.tables.processes.find(parent)?;
        Some(
            self.tables
                .processes
                .get(parent)?
                .record(&self.tables.containers),
        )
    }

    /// The file of a file event or file flow.
    pub fn file(&self) -> Option<File<'a>> {
        let file = self.tables.files.get(self.file?)?;
        Some(file.record(&self.tables.containers))
    }

    /// The new name of a link, symbolic link or rename.
    pub fn new_file(&self) -> Option<File<'a>> {
        let file = self.tables.files.get(self.new_file?)?;
        Some(file.record(&self.tables.containers))
    }

    /// The container that the process runs in.
    pub fn container(&self) -> Option<Container<'a>> {
        let container = self.tables.processes.get(self.process?)?.container?;
        Some(self.tables.containers.get(container)?.record(false))
    }
}
