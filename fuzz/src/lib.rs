//! What the targets share: looking at everything that a record holds, and records to look at.

mod collecting;
mod samples;

use std::hint::black_box;
use std::ops::ControlFlow;

use sysflow_collect::EventView;
use sysflow_field::{Arg, FieldId, View};
use sysflow_record::avro::{Array, Cursor, Datum, Map, Plan};
use sysflow_record::entity::{Limits, Tables};
use sysflow_record::{NATIVE_VERSION, Record};

pub use collecting::collect_by_both;
pub use samples::each_record;

/// Records, and operations, of one input that are looked at in full: the rest would only take time.
const RECORDS_IN_FULL: usize = 512;
const EVENTS_IN_FULL: usize = 64;

/// Memory for each table of entities, in bytes.
const TABLE_BYTES: usize = 1 << 20;

/// Looks at the records and the operations of one input.
pub struct Walk {
    tables: Tables,
    native: Plan,
    arguments: [Arg; 4],
    encoded: Vec<u8>,
    shown: Vec<u8>,
    records: usize,
    events: usize,
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
            shown: Vec::new(),
            records: 0,
            events: 0,
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
        ask_for_all(&joined, &self.arguments, |field, argument| {
            joined.answer(field, argument, |value| {
                black_box(&value);
                ControlFlow::Break(())
            });
        });
    }

    /// Shows an operation as a line and asks it for every field of its catalogue.
    pub fn event(&mut self, view: &EventView<'_>) {
        self.events += 1;
        if self.events > EVENTS_IN_FULL {
            return;
        }
        self.shown.clear();
        sysflow_collect::view::line(view, &mut self.shown);
        ask_for_all(view, &self.arguments, |_, _| {});
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

fn ask_for_all<V: View>(view: &V, arguments: &[Arg], mut also: impl FnMut(FieldId, &Arg)) {
    for index in 0..V::catalogue().fields.len() {
        let field = FieldId(u16::try_from(index).expect("catalogues are small"));
        for argument in arguments {
            view.visit(field, argument, |value| {
                black_box(&value);
                ControlFlow::Continue(())
            });
            also(field, argument);
        }
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
