//! How to read the records of a writer.

use std::sync::Arc;

use super::schema::{SchemaError, WriterType, parse_schema};
use super::{Cursor, DatumError};
use crate::model::{Kind, Record};

/// How to read the records of a writer: for each branch of its union what it is and how its fields lie.
#[derive(Clone, Debug)]
pub struct Plan {
    branches: Vec<Branch>,
}

#[derive(Clone, Debug)]
enum Branch {
    Known(Kind, Layout),
    /// A record type that we do not know: its data are skipped.
    Unknown(Arc<WriterType>),
}

/// How the fields of a record lie.
#[derive(Clone, Debug)]
enum Layout {
    /// As in one of our own schema versions: read in one go.
    Version(u32),
    /// Otherwise: field by field.
    Steps(Vec<Step>),
}

/// What to do with one field of the writer.
#[derive(Clone, Debug)]
enum Step {
    /// Read it as our field at this index.
    Read(usize),
    /// Skip it.
    Skip(Arc<WriterType>),
}

/// The versions in which fields appeared, newest first.
const VERSIONS: [u32; 6] = [crate::NATIVE_VERSION, 5, 4, 3, 2, 1];

impl Plan {
    /// The plan for data written with a schema version of our own.
    pub fn for_version(version: u32) -> Self {
        let kinds = Kind::ALL.into_iter().filter(|kind| kind.since() <= version);
        let branches = kinds
            .map(|kind| Branch::Known(kind, Layout::Version(version)))
            .collect();
        Self { branches }
    }

    /// The plan for data written with a schema, given as JSON.
    pub fn for_schema(json: &[u8]) -> Result<Self, SchemaError> {
        let schema = parse_schema(json)?;
        let not_sysflow = |what: &str| SchemaError::NotSysFlow(what.to_owned());
        let WriterType::Record(_, fields) = &*schema else {
            return Err(not_sysflow("the top is not a record"));
        };
        let [(_, union)] = &fields[..] else {
            return Err(not_sysflow(
                "the top record does not have exactly one field",
            ));
        };
        let WriterType::Union(branches) = &**union else {
            return Err(not_sysflow("the field of the top record is not a union"));
        };
        let branches: Vec<Branch> = branches.iter().map(branch).collect();
        if branches
            .iter()
            .all(|branch| matches!(branch, Branch::Unknown(_)))
        {
            return Err(not_sysflow("none of its records is known"));
        }
        Ok(Self { branches })
    }

    /// Reads one record; `None` for a record of a type that we do not know, which is skipped.
    #[inline]
    pub fn read<'a>(&self, cursor: &mut Cursor<'a>) -> Result<Option<Record<'a>>, DatumError> {
        let index = cursor.long()?;
        let branch = usize::try_from(index)
            .ok()
            .and_then(|index| self.branches.get(index));
        match branch {
            Some(Branch::Known(kind, Layout::Version(version))) => {
                Record::read_version(*kind, *version, cursor).map(Some)
            }
            Some(Branch::Known(kind, Layout::Steps(steps))) => {
                read_steps(*kind, steps, cursor).map(Some)
            }
            Some(Branch::Unknown(skipped)) => skipped.skip(cursor).map(|()| None),
            None => Err(DatumError::BadBranch(index)),
        }
    }
}

fn read_steps<'a>(
    kind: Kind,
    steps: &[Step],
    cursor: &mut Cursor<'a>,
) -> Result<Record<'a>, DatumError> {
    let mut record = Record::empty(kind);
    for step in steps {
        match step {
            Step::Read(index) => record.read_field(*index, cursor)?,
            Step::Skip(skipped) => skipped.skip(cursor)?,
        }
    }
    Ok(record)
}

fn branch(written: &Arc<WriterType>) -> Branch {
    let WriterType::Record(name, fields) = &**written else {
        return Branch::Unknown(written.without_empty_parts());
    };
    let known = Kind::ALL.into_iter().find(|kind| kind.shape().name == name);
    // Prototypes of the format moved their types from one namespace to another.
    let short = |name: &str| name.rsplit('.').next().unwrap_or_default().to_owned();
    let known = known.or_else(|| {
        Kind::ALL
            .into_iter()
            .find(|kind| short(kind.shape().name) == short(name))
    });
    match known {
        Some(kind) => Branch::Known(kind, layout(kind, fields)),
        None => Branch::Unknown(written.without_empty_parts()),
    }
}

fn layout(kind: Kind, written: &[(String, Arc<WriterType>)]) -> Layout {
    let ours = kind.shape().fields;
    let same = |(written, ours): (&(String, Arc<WriterType>), &super::FieldShape)| {
        written.0 == ours.name && written.1.reads_as(&ours.shape)
    };
    let version = VERSIONS.into_iter().find(|version| {
        let count = kind.shape().fields_in(*version);
        count == written.len() && written.iter().zip(ours).all(same)
    });
    if let Some(version) = version {
        return Layout::Version(version);
    }
    let step = |(name, field): &(String, Arc<WriterType>)| {
        let index = ours
            .iter()
            .position(|ours| ours.name == name && field.reads_as(&ours.shape));
        index.map_or_else(|| Step::Skip(field.without_empty_parts()), Step::Read)
    };
    let has_data = |step: &Step| !matches!(step, Step::Skip(skipped) if skipped.is_empty());
    Layout::Steps(written.iter().map(step).filter(has_data).collect())
}
