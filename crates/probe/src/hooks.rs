//! The places in the kernel where programs are attached: one table.

use libbpf_rs::btf::types::{FuncProto, Ptr, Typedef};
use libbpf_rs::btf::{Btf, ReferencesType};

use crate::options::Mode;

/// A place and the program for it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Hook {
    /// The tracepoint.
    pub(crate) place: &'static str,
    /// The program.
    pub(crate) program: &'static str,
    /// The program that does nothing, on the same place; empty where there is none.
    pub(crate) floor: &'static str,
    /// What is missed without it.
    pub(crate) missed: &'static str,
    /// Whether nothing goes without it.
    pub(crate) is_needed: bool,
}

const fn hook(
    place: &'static str,
    program: &'static str,
    floor: &'static str,
    missed: &'static str,
    is_needed: bool,
) -> Hook {
    Hook {
        place,
        program,
        floor,
        missed,
        is_needed,
    }
}

/// The place from which on all that threads do is seen. Threads are listed just before, when their beginnings and
/// ends are seen already: so each thread of which something is seen is known.
pub(crate) const LAST: &str = "sys_exit";

/// All places, in the order in which programs are attached.
pub(crate) const HOOKS: &[Hook] = &[
    hook(
        "sched_process_fork",
        "thread_made",
        "floor_thread_made",
        "new processes are not seen before they act",
        true,
    ),
    hook(
        "sched_process_exec",
        "program_executed",
        "floor_program_executed",
        "executed programs are not seen",
        true,
    ),
    hook(
        "sched_process_exit",
        "thread_ended",
        "floor_thread_ended",
        "ends of processes are not seen",
        true,
    ),
    hook(
        "signal_generate",
        "signal_sent",
        "floor_signal_sent",
        "fatal signals that the kernel sends are not seen",
        false,
    ),
    hook(
        "cgroup_attach_task",
        "thread_moved",
        "",
        "processes that are moved to another control group are seen there at their next execution only",
        false,
    ),
    hook(
        "inet_sock_set_state",
        "socket_state",
        "floor_socket_state",
        "of failed connections the address is read from the program's memory, where it may be changed",
        false,
    ),
    hook(
        "io_uring_submit_req",
        "request_submitted",
        "floor_request_submitted",
        "requests of io_uring are not seen, only their queues",
        false,
    ),
    hook(
        "io_uring_complete",
        "request_ended",
        "floor_request_ended",
        "requests of io_uring are not seen, only their queues",
        false,
    ),
    hook(
        "sys_exit",
        "call_end",
        "floor_call_end",
        "no system call is seen",
        true,
    ),
];

impl Hook {
    /// The program that a mode puts there, if any.
    pub(crate) const fn program_for(&self, mode: Mode) -> Option<&'static str> {
        match mode {
            Mode::Normal | Mode::PerCall | Mode::EveryCall => Some(self.program),
            Mode::Floor if self.floor.is_empty() => None,
            Mode::Floor => Some(self.floor),
        }
    }
}

/// Which tracepoints a kernel has that programs can be attached to, by the names in its types.
pub(crate) fn is_offered(types: &[u8], place: &str) -> bool {
    let name = format!("\0btf_trace_{place}\0");
    memchr::memmem::find(types, name.as_bytes()).is_some()
}

/// How many parameters a tracepoint of the running kernel has; `None` where it has no such.
pub(crate) fn parameters_of(place: &str) -> Option<usize> {
    let types = Btf::from_vmlinux().ok()?;
    let named: Typedef<'_> = types.type_by_name(&format!("btf_trace_{place}"))?;
    let pointer = Ptr::try_from(named.referenced_type()).ok()?;
    let function = FuncProto::try_from(pointer.referenced_type()).ok()?;
    // The first is the own one of those who listen.
    function.iter().count().checked_sub(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_whole() {
        let types = b"\0btf_trace_sys_exit\0btf_trace_sys_enter_more\0";
        assert!(is_offered(types, "sys_exit"));
        assert!(!is_offered(types, "sys_enter"));
        assert!(!is_offered(types, "exit"));
    }
}
