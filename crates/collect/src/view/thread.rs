//! Fields of the thread.

use sysflow_field::{Arg, Argument, FalcoType, Value};

use super::EventView;
use crate::text::split;

/// Bytes of a KiB.
const KIB: u64 = 1024;

event_fields! {
    THREAD_TID = "thread.tid": Int, "Thread id on the host."
        => value |v| Some(Value::Int(v.event.tid));
    THREAD_VTID = "thread.vtid": Int, "Thread id inside its namespace, if that is known."
        => value |v| Some(Value::Int(v.thread?.namespace_tid)).filter(|tid| *tid != Value::Int(-1));
    THREAD_ISMAIN = "thread.ismain": Bool, "Whether it is the main thread."
        => value |v| Some(Value::Bool(v.thread?.is_main()));
    THREAD_NAMETID = "thread.nametid": Text, "Short name and thread id, together."
        => text |v, out| {
            out.extend_from_slice(&v.thread?.comm);
            Value::Int(v.event.tid).with_text(|tid| out.extend_from_slice(tid));
            Some(())
        };
    THREAD_VMSIZE = "thread.vmsize": Int { falco: Some(FalcoType::Uint64) }, "Virtual memory of the process, KiB; 0 for other threads than the main one."
        => value |v| v.memory(v.usage().memory_virtual, 1);
    THREAD_VMRSS = "thread.vmrss": Int { falco: Some(FalcoType::Uint64) }, "Memory of the process in use, KiB; 0 for other threads than the main one."
        => value |v| v.memory(v.usage().memory_resident, 1);
    THREAD_VMSIZE_B = "thread.vmsize.b": Int { falco: Some(FalcoType::Uint64) }, "Virtual memory of the process, bytes; 0 for other threads than the main one."
        => value |v| v.memory(v.usage().memory_virtual, KIB);
    THREAD_VMRSS_B = "thread.vmrss.b": Int { falco: Some(FalcoType::Uint64) }, "Memory of the process in use, bytes; 0 for other threads than the main one."
        => value |v| v.memory(v.usage().memory_resident, KIB);
    THREAD_PFMAJOR = "thread.pfmajor": Int { falco: Some(FalcoType::Uint64) }, "Page faults that needed the disk."
        => value |v| { v.thread?; Some(Value::Int(v.usage().faults_major.unwrap_or_default() as i64)) };
    THREAD_PFMINOR = "thread.pfminor": Int { falco: Some(FalcoType::Uint64) }, "Page faults that did not."
        => value |v| { v.thread?; Some(Value::Int(v.usage().faults_minor.unwrap_or_default() as i64)) };
    THREAD_CGROUPS = "thread.cgroups": Text, "Control groups, joined with blanks."
        => text |v, out| { write_cgroups(&v.details()?.cgroups, out); Some(()) };
    THREAD_CGROUP = "thread.cgroup": Text { argument: Argument::Key }, "Path of one control group."
        => each |v, arg, emit| if let (Arg::Key(name), Some(details)) = (arg, v.details()) {
            let found = split(&details.cgroups, false).find_map(|entry| {
                let (own, path) = cgroup(entry);
                (own == name.as_bytes()).then_some(path)
            });
            if let Some(path) = found {
                emit.value(Value::Text(path));
            }
        };
    THREAD_CAP_E = "thread.cap_effective": Text, "Capabilities in use, joined with blanks."
        => text |v, out| { write_capabilities(v.thread?.capabilities.effective, out); Some(()) };
    THREAD_CAP_P = "thread.cap_permitted": Text, "Capabilities that may be used, joined with blanks."
        => text |v, out| { write_capabilities(v.thread?.capabilities.permitted, out); Some(()) };
    THREAD_CAP_I = "thread.cap_inheritable": Text, "Capabilities that programs may get, joined with blanks."
        => text |v, out| { write_capabilities(v.thread?.capabilities.inheritable, out); Some(()) };
}

/// Names of control groups that the kernel spells otherwise.
const CGROUPS: [(&[u8], &[u8]); 4] = [
    (b"cpu_cgroup", b"cpu"),
    (b"mem_cgroup", b"memory"),
    (b"io", b"blkio"),
    (b"perf", b"perf_event"),
];

/// A control group as name and path.
fn cgroup(entry: &[u8]) -> (&[u8], &[u8]) {
    let equals = entry
        .iter()
        .position(|byte| *byte == b'=')
        .unwrap_or(entry.len());
    let name = &entry[..equals];
    let usual = CGROUPS
        .iter()
        .find(|(kernel, _)| *kernel == name)
        .map_or(name, |(_, usual)| usual);
    (usual, entry.get(equals + 1..).unwrap_or_default())
}

fn write_cgroups(list: &[u8], out: &mut Vec<u8>) {
    for (index, entry) in split(list, false).enumerate() {
        if index > 0 {
            out.push(b' ');
        }
        let (name, path) = cgroup(entry);
        out.extend_from_slice(name);
        out.push(b'=');
        out.extend_from_slice(path);
    }
}

fn write_capabilities(set: Option<u64>, out: &mut Vec<u8>) {
    sysflow_record::catalogue::with_capability_names(set.unwrap_or_default() as i64, |names| {
        out.extend_from_slice(names);
    });
}

impl EventView<'_> {
    fn memory(&self, kib: Option<u64>, unit: u64) -> Option<Value<'static>> {
        let of_process = if self.thread?.is_main() { kib } else { None };
        let amount = of_process.unwrap_or_default().saturating_mul(unit);
        Some(Value::Int(i64::try_from(amount).unwrap_or(i64::MAX)))
    }
}
