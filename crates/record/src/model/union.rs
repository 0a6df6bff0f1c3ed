//! The union of all records.

use super::{
    Container, File, FileEvent, FileFlow, Header, K8sEvent, Loss, Model, NetworkEvent, NetworkFlow,
    Pod, Process, ProcessEvent, ProcessFlow,
};
use crate::avro::SchemaWriter;
use crate::avro::{Cursor, DatumError, RecordShape, Shape, write_long};

/// The kind of a record. The number is the index of its branch in the union of the schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Kind {
    /// [`Header`].
    Header,
    /// [`Container`].
    Container,
    /// [`Process`].
    Process,
    /// [`File`].
    File,
    /// [`ProcessEvent`].
    ProcessEvent,
    /// [`NetworkFlow`].
    NetworkFlow,
    /// [`FileFlow`].
    FileFlow,
    /// [`FileEvent`].
    FileEvent,
    /// [`NetworkEvent`].
    NetworkEvent,
    /// [`ProcessFlow`].
    ProcessFlow,
    /// [`Pod`].
    Pod,
    /// [`K8sEvent`].
    K8sEvent,
    /// [`Loss`].
    Loss,
}

impl Kind {
    /// All kinds, in the order of the union.
    pub const ALL: [Self; 13] = [
        Self::Header,
        Self::Container,
        Self::Process,
        Self::File,
        Self::ProcessEvent,
        Self::NetworkFlow,
        Self::FileFlow,
        Self::FileEvent,
        Self::NetworkEvent,
        Self::ProcessFlow,
        Self::Pod,
        Self::K8sEvent,
        Self::Loss,
    ];

    /// The short codes, by kind.
    pub const CODES: [&'static str; 13] = [
        "H", "C", "P", "F", "PE", "NF", "FF", "FE", "NE", "PF", "POD", "KE", "LOSS",
    ];

    /// The short code that tools show: `PE`, `FF`, …
    pub const fn code(self) -> &'static str {
        Self::CODES[self as usize]
    }

    /// Whether this is a header or an entity: context for the other records.
    pub const fn is_context(self) -> bool {
        matches!(
            self,
            Self::Header | Self::Container | Self::Process | Self::File | Self::Pod
        )
    }

    /// The schema version in which the kind appeared.
    pub const fn since(self) -> u32 {
        match self {
            Self::ProcessFlow => 2,
            Self::Pod | Self::K8sEvent => 4,
            Self::Loss => 100,
            _ => 1,
        }
    }

    /// The shape of records of this kind.
    pub fn shape(self) -> &'static RecordShape {
        match self {
            Self::Header => Header::RECORD,
            Self::Container => Container::RECORD,
            Self::Process => Process::RECORD,
            Self::File => File::RECORD,
            Self::ProcessEvent => ProcessEvent::RECORD,
            Self::NetworkFlow => NetworkFlow::RECORD,
            Self::FileFlow => FileFlow::RECORD,
            Self::FileEvent => FileEvent::RECORD,
            Self::NetworkEvent => NetworkEvent::RECORD,
            Self::ProcessFlow => ProcessFlow::RECORD,
            Self::Pod => Pod::RECORD,
            Self::K8sEvent => K8sEvent::RECORD,
            Self::Loss => Loss::RECORD,
        }
    }
}

/// A record of any kind, borrowed from the data that it was read from.
// The largest variant is a process with all its native fields. Records are read into place and borrowed
// from there, so a box would cost an allocation for each and save nothing.
#[allow(clippy::large_enum_variant)]
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Record<'a> {
    /// The start of a recording.
    Header(Header<'a>),
    /// A container.
    Container(Container<'a>),
    /// A process.
    Process(Process<'a>),
    /// A file.
    File(File<'a>),
    /// A process did something.
    ProcessEvent(ProcessEvent<'a>),
    /// What happened on a socket.
    NetworkFlow(NetworkFlow),
    /// What happened on an open file.
    FileFlow(FileFlow),
    /// A name in the file system changed.
    FileEvent(FileEvent<'a>),
    /// A single network operation.
    NetworkEvent(NetworkEvent),
    /// What the threads of a process did.
    ProcessFlow(ProcessFlow),
    /// A pod.
    Pod(Pod<'a>),
    /// A Kubernetes component changed.
    K8sEvent(K8sEvent<'a>),
    /// Observations are missing.
    Loss(Loss<'a>),
}

macro_rules! for_each_variant {
    ($record:expr, $inner:ident => $result:expr) => {
        match $record {
            Record::Header($inner) => $result,
            Record::Container($inner) => $result,
            Record::Process($inner) => $result,
            Record::File($inner) => $result,
            Record::ProcessEvent($inner) => $result,
            Record::NetworkFlow($inner) => $result,
            Record::FileFlow($inner) => $result,
            Record::FileEvent($inner) => $result,
            Record::NetworkEvent($inner) => $result,
            Record::ProcessFlow($inner) => $result,
            Record::Pod($inner) => $result,
            Record::K8sEvent($inner) => $result,
            Record::Loss($inner) => $result,
        }
    };
}

impl<'a> Record<'a> {
    /// The kind.
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Header(_) => Kind::Header,
            Self::Container(_) => Kind::Container,
            Self::Process(_) => Kind::Process,
            Self::File(_) => Kind::File,
            Self::ProcessEvent(_) => Kind::ProcessEvent,
            Self::NetworkFlow(_) => Kind::NetworkFlow,
            Self::FileFlow(_) => Kind::FileFlow,
            Self::FileEvent(_) => Kind::FileEvent,
            Self::NetworkEvent(_) => Kind::NetworkEvent,
            Self::ProcessFlow(_) => Kind::ProcessFlow,
            Self::Pod(_) => Kind::Pod,
            Self::K8sEvent(_) => Kind::K8sEvent,
            Self::Loss(_) => Kind::Loss,
        }
    }

    /// When the record begins, ns since the epoch; 0 for headers and containers, which have no time.
    pub const fn ts(&self) -> i64 {
        match self {
            Self::Header(_) | Self::Container(_) => 0,
            Self::Process(process) => process.ts,
            Self::File(file) => file.ts,
            Self::ProcessEvent(event) => event.ts,
            Self::NetworkFlow(flow) => flow.ts,
            Self::FileFlow(flow) => flow.ts,
            Self::FileEvent(event) => event.ts,
            Self::NetworkEvent(event) => event.ts,
            Self::ProcessFlow(flow) => flow.ts,
            Self::Pod(pod) => pod.ts,
            Self::K8sEvent(event) => event.ts,
            Self::Loss(loss) => loss.ts,
        }
    }

    /// Reads the fields of a record of this kind as schema `version` has them.
    #[inline]
    pub(crate) fn read_version(
        kind: Kind,
        version: u32,
        cursor: &mut Cursor<'a>,
    ) -> Result<Self, DatumError> {
        Ok(match kind {
            Kind::Header => Self::Header(Header::read_version(cursor, version)?),
            Kind::Container => Self::Container(Container::read_version(cursor, version)?),
            Kind::Process => Self::Process(Process::read_version(cursor, version)?),
            Kind::File => Self::File(File::read_version(cursor, version)?),
            Kind::ProcessEvent => Self::ProcessEvent(ProcessEvent::read_version(cursor, version)?),
            Kind::NetworkFlow => Self::NetworkFlow(NetworkFlow::read_version(cursor, version)?),
            Kind::FileFlow => Self::FileFlow(FileFlow::read_version(cursor, version)?),
            Kind::FileEvent => Self::FileEvent(FileEvent::read_version(cursor, version)?),
            Kind::NetworkEvent => Self::NetworkEvent(NetworkEvent::read_version(cursor, version)?),
            Kind::ProcessFlow => Self::ProcessFlow(ProcessFlow::read_version(cursor, version)?),
            Kind::Pod => Self::Pod(Pod::read_version(cursor, version)?),
            Kind::K8sEvent => Self::K8sEvent(K8sEvent::read_version(cursor, version)?),
            Kind::Loss => Self::Loss(Loss::read_version(cursor, version)?),
        })
    }

    /// A record of this kind with nothing in it.
    pub(crate) fn empty(kind: Kind) -> Self {
        match kind {
            Kind::Header => Self::Header(Header::default()),
            Kind::Container => Self::Container(Container::default()),
            Kind::Process => Self::Process(Process::default()),
            Kind::File => Self::File(File::default()),
            Kind::ProcessEvent => Self::ProcessEvent(ProcessEvent::default()),
            Kind::NetworkFlow => Self::NetworkFlow(NetworkFlow::default()),
            Kind::FileFlow => Self::FileFlow(FileFlow::default()),
            Kind::FileEvent => Self::FileEvent(FileEvent::default()),
            Kind::NetworkEvent => Self::NetworkEvent(NetworkEvent::default()),
            Kind::ProcessFlow => Self::ProcessFlow(ProcessFlow::default()),
            Kind::Pod => Self::Pod(Pod::default()),
            Kind::K8sEvent => Self::K8sEvent(K8sEvent::default()),
            Kind::Loss => Self::Loss(Loss::default()),
        }
    }

    /// Reads one field, by its index in the shape of the kind.
    pub(crate) fn read_field(
        &mut self,
        index: usize,
        cursor: &mut Cursor<'a>,
    ) -> Result<(), DatumError> {
        for_each_variant!(self, record => record.read_field(index, cursor))
    }

    /// Appends the datum as schema `version` has it: the index of the branch, then the fields.
    ///
    /// Returns `false`, and appends nothing, for kinds that the version does not have.
    pub fn write(&self, version: u32, out: &mut Vec<u8>) -> bool {
        let kind = self.kind();
        if kind.since() > version {
            return false;
        }
        write_long(kind as i64, out);
        for_each_variant!(self, record => record.write_version(version, out));
        true
    }
}

/// The schema of the format in a version, as compact JSON.
pub fn schema_json(version: u32) -> String {
    let mut writer = SchemaWriter::new(version);
    writer.raw(
        "{\"type\":\"record\",\"namespace\":\"sysflow\",\"name\":\"SysFlow\",\
         \"fields\":[{\"name\":\"rec\",\"type\":[",
    );
    for (index, kind) in Kind::ALL
        .iter()
        .filter(|kind| kind.since() <= version)
        .enumerate()
    {
        if index > 0 {
            writer.raw(",");
        }
        writer.shape(&Shape::Record(kind.shape()));
    }
    writer.raw("]}]}");
    writer.finish()
}
