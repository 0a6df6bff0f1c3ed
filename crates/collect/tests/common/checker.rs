//! Checks that a stream of records can be read: every reference resolves inside its file.

use std::collections::HashSet;

use sysflow_collect::{Context, RecordSink};
use sysflow_record::{Foid, Oid, OpFlags, Record};

/// A sink that checks and counts.
#[derive(Default)]
pub struct Checker {
    has_header: bool,
    containers: HashSet<Vec<u8>>,
    processes: HashSet<Oid>,
    files: HashSet<Foid>,
    pub problems: Vec<String>,
    pub records: u64,
    pub read_ops: i64,
    pub read_bytes: i64,
    pub write_ops: i64,
    pub write_bytes: i64,
    /// Flows with an open, and those with a close.
    pub opened: u64,
    pub closed: u64,
    /// Records of losses.
    pub losses: u64,
}

impl Checker {
    fn problem(&mut self, what: &str, record: &Record<'_>) {
        if self.problems.len() < 20 {
            self.problems.push(format!("{what}: {record:?}"));
        }
    }

    fn check(&mut self, is_there: bool, what: &str, record: &Record<'_>) {
        if !is_there {
            self.problem(what, record);
        }
    }

    fn check_process(&mut self, oid: Oid, record: &Record<'_>, context: &Context<'_>) {
        let is_there = self.processes.contains(&oid);
        self.check(is_there, "the process is missing", record);
        let agrees = context.process().is_some_and(|process| process.oid == oid);
        self.check(agrees, "the context has another process", record);
    }

    fn check_file(&mut self, foid: Foid, record: &Record<'_>) {
        let is_there = self.files.contains(&foid);
        self.check(is_there, "the file is missing", record);
    }

    fn count(&mut self, flags: OpFlags, ops: [i64; 4]) {
        self.read_ops += ops[0];
        self.read_bytes += ops[1];
        self.write_ops += ops[2];
        self.write_bytes += ops[3];
        self.opened += u64::from(flags.contains(OpFlags::OPEN));
        self.closed += u64::from(flags.contains(OpFlags::CLOSE));
    }
}

impl RecordSink for Checker {
    fn record(&mut self, record: &Record<'_>, context: &Context<'_>) {
        self.records += 1;
        let is_header = matches!(record, Record::Header(_));
        self.check(self.has_header || is_header, "before the header", record);
        match record {
            Record::Header(_) => {
                self.has_header = true;
                self.containers.clear();
                self.processes.clear();
                self.files.clear();
            }
            Record::Container(container) => {
                self.containers.insert(container.id.to_vec());
            }
            Record::Process(process) => {
                if let Some(container) = process.container_id {
                    let is_there = self.containers.contains(&**container);
                    self.check(is_there, "the container is missing", record);
                }
                if let Some(parent) = process.poid {
                    let is_there = self.processes.contains(&parent);
                    self.check(is_there, "the parent is missing", record);
                }
                self.processes.insert(process.oid);
            }
            Record::File(file) => {
                if let Some(container) = file.container_id {
                    let is_there = self.containers.contains(&**container);
                    self.check(is_there, "the container is missing", record);
                }
                self.files.insert(file.oid);
            }
            Record::ProcessEvent(event) => self.check_process(event.proc_oid, record, context),
            Record::ProcessFlow(flow) => self.check_process(flow.proc_oid, record, context),
            Record::FileEvent(event) => {
                self.check_process(event.proc_oid, record, context);
                self.check_file(event.file_oid, record);
                if let Some(file) = event.new_file_oid {
                    self.check_file(file, record);
                }
            }
            Record::FileFlow(flow) => {
                self.check_process(flow.proc_oid, record, context);
                self.check_file(flow.file_oid, record);
                self.check(flow.end_ts >= flow.ts, "it ends before it begins", record);
                let ops = [
                    flow.read_ops,
                    flow.read_bytes,
                    flow.write_ops,
                    flow.write_bytes,
                ];
                self.count(flow.op_flags, ops);
            }
            Record::NetworkFlow(flow) => {
                self.check_process(flow.proc_oid, record, context);
                self.check(flow.end_ts >= flow.ts, "it ends before it begins", record);
                let ops = [
                    flow.read_ops,
                    flow.read_bytes,
                    flow.write_ops,
                    flow.write_bytes,
                ];
                self.count(flow.op_flags, ops);
            }
            Record::Loss(_) => self.losses += 1,
            _ => {}
        }
    }
}
