//! What the targets share: looking at everything that a record holds, and records to look at.

mod samples;

use std::hint::black_box;
use std::ops::ControlFlow;

use sysflow_field::{Arg, FieldId, View};
use sysflow_record::avro::{Array, Cursor, Datum, Map, Plan};
use sysflow_record::catalogue::CATALOGUE;
use sysflow_record::entity::{Limits, Tables};
use sysflow_record::{NATIVE_VERSION, Record};

pub use samples::each_record;

/// Records of one input that are looked at in full: the rest would only take time.
const RECORDS_IN_FULL: usize = 512;

/// Memory for each table of entities, in bytes.
const TABLE_BYTES: usize = 1 << 20;

/// Looks at the records of one input.
pub struct Walk {
    tables: Tables,
    native: Plan,
    arguments: [Arg; 4],
    encoded: Vec<u8>,
    records: usize,
}

impl Default for Walk {
    fn default() -> Self {
        let limits = Limits {
            processes: TABLE_BYTES,
            files: TABLE_BYTES,
            containers: TABLE_BYTES,
        };
        Self {
            tables: Tables::new(limits),
            native: Plan::for_version(NATIVE_VERSION),
            arguments: [
                Arg::None,
                Arg::Index(1),
                Arg::Index(u32::MAX),
                Arg::Key("PATH".into()),
            ],
            encoded: Vec::new(),
            records: 0,
        }
    }
}

impl Walk {
    /// Iterates the lists of a record, encodes it and reads it again, joins it with its entities and asks it
    /// for every field of the catalogue.
    ///
    /// # Panics
    ///
    /// If the record does not survive being encoded and read.
    pub fn record(&mut self, record: &Record<'_>) {
        self.records += 1;
        if self.records > RECORDS_IN_FULL {
            return;
        }
        lists(record);
        self.encode_again(record);
        let joined = self.tables.join_all(record);
        black_box(joined.lineage().count());
        black_box((joined.kind(), joined.operations()));
        for index in 0..CATALOGUE.fields.len() {
            let field = FieldId(u16::try_from(index).expect("the catalogue is small"));
            for argument in &self.arguments {
                joined.visit(field, argument, |value| {
                    black_box(&value);
                    ControlFlow::Continue(())
                });
                joined.answer(field, argument, |value| {
                    black_box(&value);
                    ControlFlow::Break(())
                });
            }
        }
    }

    fn encode_again(&mut self, record: &Record<'_>) {
        self.encoded.clear();
        assert!(record.write(NATIVE_VERSION, &mut self.encoded));
        let mut cursor = Cursor::new(&self.encoded);
        let again = self.native.read(&mut cursor);
        assert_eq!(again.as_ref(), Ok(&Some(*record)));
        assert!(cursor.is_empty());
    }
}

fn lists(record: &Record<'_>) {
    match record {
        Record::Container(container) => list(container.mounts),
        Record::Process(process) => {
            list(process.env);
            list(process.argv);
        }
        Record::ProcessEvent(event) => list(event.args),
        Record::FileEvent(event) => list(event.args),
        Record::Pod(pod) => {
            list(pod.host_ip);
            list(pod.internal_ip);
            map(&pod.labels);
            map(&pod.selectors);
            list(pod.services);
            for service in &pod.services {
                list(service.ports);
                list(service.cluster_ip);
            }
        }
        _ => {}
    }
}

fn list<'a, T: Datum<'a> + Copy>(list: Array<'a, T>) {
    assert_eq!(list.iter().map(black_box).count(), list.len());
}

fn map(map: &Map<'_>) {
    assert_eq!(map.iter().map(black_box).count() == 0, map.is_empty());
}
