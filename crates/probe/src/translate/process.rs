//! Operations on processes and what they are.

use sysflow_event::descriptor::Bpf;
use sysflow_event::flags::executable;
use sysflow_event::identity::{Capabilities, IdCall, UserIds};
use sysflow_event::process::{
    Clone, Control, Exec, Exit, Image, LoadModule, MemoryAccess, Namespace, ProcessGroup, Signal,
    Trace,
};
use sysflow_event::raw::{Base, RawValue};
use sysflow_event::{Operation, flags};
use sysflow_scap::Code;

use crate::interface::{File, Identity, Number, fact, item};
use crate::raw::{self, Arguments, bytes, fd, hexadecimal, number, path, symbol, text};
use crate::record::Record;
use crate::values;

/// Kilobytes of a page. All kernels that are supported here have pages of this size.
const PAGE: u64 = 4;

/// What a thread is, as far as the record tells it.
pub(super) fn image<'a>(
    record: &Record<'a>,
    identity: Option<&Identity>,
    comm: &'a [u8],
    cgroups: &'a [u8],
) -> Image<'a> {
    let arguments = record.bytes(item::ARGUMENTS).map(split_first);
    let id = |get: fn(&Identity) -> u32| identity.map(get);
    Image {
        exe: arguments.map(|(exe, _)| exe),
        arguments: arguments.map(|(_, rest)| rest),
        comm: identity.map(|_| comm),
        directory: record.bytes(item::DIRECTORY),
        cgroups: (!cgroups.is_empty()).then_some(cgroups),
        tid: id(|own| own.tid).map(i64::from),
        pid: id(|own| own.pid).map(i64::from),
        parent: id(|own| own.parent).map(i64::from),
        uid: id(|own| own.uid),
        gid: id(|own| own.gid),
        namespace_tid: id(|own| own.namespace_tid).map(i64::from),
        namespace_pid: id(|own| own.namespace_pid).map(i64::from),
    }
}

/// The first text of a list, and the others with a NUL after each.
pub(crate) fn split_first(list: &[u8]) -> (&[u8], &[u8]) {
    match list.iter().position(|byte| *byte == 0) {
        Some(end) => (&list[..end], &list[end + 1..]),
        None => (list, b""),
    }
}

/// A short name without what follows its NUL.
pub(crate) fn short_name(comm: &[u8]) -> &[u8] {
    split_first(comm).0
}

/// The arguments that clones and executions begin with. `tid` and so on stand at 3 to 5.
fn set_image<'a>(
    out: &mut Arguments<'a>,
    result: RawValue<'a>,
    image: &Image<'a>,
    identity: Option<&Identity>,
    limit: fn(u64) -> RawValue<'static>,
) {
    let process = |id: Option<i64>| id.map_or(RawValue::Unknown, RawValue::Process);
    let count =
        |get: fn(&Identity) -> u64| identity.map_or(RawValue::Unknown, |own| number(get(own)));
    out.set([
        result,
        text(image.exe),
        bytes(image.arguments),
        process(image.tid),
        process(image.pid),
        process(image.parent),
        text(image.directory),
        identity.map_or(RawValue::Unknown, |own| limit(own.descriptor_limit)),
        count(|own| own.faults_major),
        count(|own| own.faults_minor),
        count(|own| own.memory_pages * PAGE),
        RawValue::Unknown,
        RawValue::Unknown,
        text(image.comm),
        bytes(image.cgroups),
    ]);
}

/// A clone, told by the child before it runs or by the caller where the call ends.
pub(super) fn clone<'a>(
    image: Image<'a>,
    identity: Option<&Identity>,
    clone_flags: u32,
    namespace_start: Option<u64>,
    code: Code,
    result: i64,
    out: &mut Arguments<'a>,
) -> Operation<'a> {
    let is_child = result == 0;
    set_image(out, RawValue::Process(result), &image, identity, |limit| {
        raw::signed(limit as i64)
    });
    out.set_at(15, raw::flags(clone_flags));
    if let Some(own) = identity {
        out.set_at(16, number(u64::from(own.uid)));
        out.set_at(17, number(u64::from(own.gid)));
        out.set_at(18, RawValue::Process(i64::from(own.namespace_tid)));
        out.set_at(19, RawValue::Process(i64::from(own.namespace_pid)));
    }
    if let Some(start) = namespace_start {
        out.set_at(20, number(start));
    }
    Operation::Clone(Clone {
        image,
        // The child was told before it ran, by its true number; what its parent got may be another
        // namespace's, and the child may be gone by now.
        flags: Some(if is_child {
            clone_flags
        } else {
            clone_flags | flags::clone::IN_PID_NAMESPACE
        }),
        namespace_start,
        is_clone3: code == Code::SYSCALL_CLONE3_X,
    })
}

/// The flags of a clone that ends in its caller.
pub(super) fn caller_flags(record: &Record<'_>, code: Code) -> u32 {
    match code {
        Code::SYSCALL_CLONE3_X => record
            .bytes(item::NUMBERS)
            .and_then(u64::read)
            .map_or(0, values::clone_flags),
        Code::SYSCALL_CLONE_20_X => values::clone_flags(record.argument(0)),
        Code::SYSCALL_VFORK_20_X => {
            values::clone_flags((libc::CLONE_VFORK | libc::CLONE_VM) as u64)
        }
        _ => 0,
    }
}

/// Facts about an executable, as rules have them.
pub(crate) fn executable_flags(file: &File, identity: &Identity) -> u32 {
    const OVERRIDE: u64 = 1 << 1;
    const OWNER: u64 = 1 << 3;
    // Who owns it may give itself the right.
    let may_write = file.uid == identity.uid
        || (file.gid == identity.gid && file.mode & 0o020 != 0)
        || file.mode & 0o002 != 0
        || identity.effective & (OVERRIDE | OWNER) != 0;
    let facts = [
        (may_write, executable::WRITABLE),
        (file.facts & fact::UPPER != 0, executable::UPPER_LAYER),
        (file.facts & fact::MEMORY != 0, executable::FROM_MEMORY),
        (file.facts & fact::LOWER != 0, executable::LOWER_LAYER),
    ];
    facts
        .iter()
        .filter(|(is_so, _)| *is_so)
        .fold(0, |all, (_, flag)| all | flag)
}

/// An execution, successful or not.
pub(super) fn exec<'a>(
    record: &Record<'a>,
    image: Image<'a>,
    identity: Option<&Identity>,
    is_at: bool,
    out: &mut Arguments<'a>,
) -> Operation<'a> {
    let file: Option<File> = record.structure(item::FILE);
    let given = record
        .bytes(item::GIVEN)
        .or_else(|| record.bytes(item::STRING0));
    let exe_flags = file
        .zip(identity)
        .map(|(file, identity)| executable_flags(&file, identity));
    let result = record.header.result;
    set_image(out, RawValue::Result(result), &image, identity, number);
    out.set_at(15, bytes(record.bytes(item::ENVIRONMENT)));
    if let Some(own) = identity {
        out.set_at(16, number(u64::from(own.terminal)));
        out.set_at(17, RawValue::Process(i64::from(own.namespace_group)));
        out.set_at(18, RawValue::User(own.login_uid));
        out.set_at(19, raw::flags(exe_flags.unwrap_or_default()));
        out.set_at(20, hexadecimal(own.inheritable));
        out.set_at(21, hexadecimal(own.permitted));
        out.set_at(22, hexadecimal(own.effective));
        out.set_at(26, RawValue::User(own.uid));
        out.set_at(28, RawValue::Process(i64::from(own.group)));
        out.set_at(29, RawValue::Group(own.gid));
    }
    if let Some(file) = file {
        out.set_at(23, number(file.inode));
        out.set_at(24, RawValue::Time(file.changed));
        out.set_at(25, RawValue::Time(file.modified));
    }
    out.set_at(27, path(record.bytes(item::EXECUTABLE)));
    if !is_at {
        out.set_at(30, path(given));
    }
    Operation::Exec(Exec {
        image,
        environment: record.bytes(item::ENVIRONMENT),
        terminal: identity.map(|own| own.terminal),
        group: identity.map(|own| i64::from(own.group)),
        namespace_group: identity.map(|own| i64::from(own.namespace_group)),
        login_uid: identity.map(|own| own.login_uid),
        flags: exe_flags,
        capabilities: identity.map_or_else(Capabilities::default, |own| Capabilities {
            inheritable: Some(own.inheritable),
            permitted: Some(own.permitted),
            effective: Some(own.effective),
        }),
        inode: file.map(|file| file.inode),
        changed: file.map(|file| file.changed),
        modified: file.map(|file| file.modified),
        resolved_path: record.bytes(item::EXECUTABLE),
        path: given,
        directory: is_at.then(|| record.fd(0)),
        at_flags: is_at.then(|| values::exec_flags(record.u32(4))),
        is_at,
        ends_as_at: is_at,
    })
}

/// The end of a thread.
pub(super) fn exit<'a>(record: &Record<'a>, out: &mut Arguments<'a>) -> Operation<'a> {
    let status = record.header.result;
    let code = status >> 8 & 0xff;
    let signal = (status & 0x7f) as u8;
    let dumped = status & 0x80 != 0;
    let reaper = Some(record.argument(2) as i64).filter(|reaper| *reaper != 0);
    out.set([
        RawValue::Result(status),
        RawValue::Result(code),
        RawValue::Signal(u32::from(signal)),
        number(u64::from(dumped)),
        reaper.map_or(RawValue::Unknown, RawValue::Process),
    ]);
    Operation::Exit(Exit {
        code: Some(code),
        signal: Some(signal),
        core_dumped: Some(dumped),
        reaper,
    })
}

fn ids<'a>(
    record: &Record<'a>,
    call: IdCall,
    count: usize,
    value: fn(u32) -> RawValue<'static>,
    out: &mut Arguments<'a>,
) -> UserIds {
    let id = |index: usize| record.u32(if count == 1 { 0 } else { index });
    for index in 0..count {
        out.set_at(index + 1, value(id(index)));
    }
    UserIds {
        call,
        real: Some(id(0)),
        effective: Some(id(1)),
        saved: (count != 2).then(|| id(2)),
    }
}

/// What has been done, of the calls of this family.
pub(super) fn call<'a>(
    record: &Record<'a>,
    number_of_call: i64,
    out: &mut Arguments<'a>,
) -> Option<Operation<'a>> {
    let result = record.header.result;
    out.set_at(0, RawValue::Result(result));
    let process = |index: usize| i64::from(record.u32(index) as i32);
    Some(match number_of_call {
        libc::SYS_setuid | libc::SYS_setfsuid => {
            let ids = ids(record, IdCall::One, 1, RawValue::User, out);
            if number_of_call == libc::SYS_setfsuid {
                generic(record, out);
                return Some(Operation::Other);
            }
            Operation::SetUser(ids)
        }
        libc::SYS_setreuid => {
            Operation::SetUser(ids(record, IdCall::RealEffective, 2, RawValue::User, out))
        }
        libc::SYS_setresuid => Operation::SetUser(ids(
            record,
            IdCall::RealEffectiveSaved,
            3,
            RawValue::User,
            out,
        )),
        libc::SYS_setgid => Operation::SetGroup(ids(record, IdCall::One, 1, RawValue::Group, out)),
        // The format calls these users.
        libc::SYS_setregid => {
            Operation::SetGroup(ids(record, IdCall::RealEffective, 2, RawValue::User, out))
        }
        libc::SYS_setresgid => Operation::SetGroup(ids(
            record,
            IdCall::RealEffectiveSaved,
            3,
            RawValue::Group,
            out,
        )),
        libc::SYS_capset => capabilities(record, out),
        libc::SYS_setns => {
            let kinds = values::clone_flags(record.argument(1));
            out.set_at(1, fd(record.fd(0)));
            out.set_at(2, raw::flags(kinds));
            Operation::EnterNamespace(Namespace {
                fd: Some(record.fd(0)),
                kinds: Some(kinds),
            })
        }
        libc::SYS_unshare => {
            let kinds = values::clone_flags(record.argument(0));
            out.set_at(1, raw::flags(kinds));
            Operation::Unshare(Some(kinds))
        }
        libc::SYS_setsid => {
            out.set_at(0, RawValue::Process(result));
            Operation::SetSession
        }
        libc::SYS_setpgid => {
            out.set_at(1, RawValue::Process(process(0)));
            out.set_at(2, RawValue::Process(process(1)));
            Operation::SetProcessGroup(ProcessGroup {
                pid: Some(process(0)),
                group: Some(process(1)),
            })
        }
        libc::SYS_chdir => {
            let path = record.bytes(item::STRING0);
            out.set_at(1, text(path));
            // Where it has worked, the kernel's own path of it.
            Operation::ChangeDirectory(record.bytes(item::DIRECTORY).or(path))
        }
        libc::SYS_fchdir => {
            out.set_at(1, fd(record.fd(0)));
            Operation::ChangeDirectoryTo(Some(record.fd(0)))
        }
        libc::SYS_chroot => {
            let path = record.bytes(item::STRING0);
            out.set_at(1, raw::path(path));
            Operation::ChangeRoot(path)
        }
        libc::SYS_prctl => control(record, out),
        libc::SYS_ptrace => {
            let request = values::trace_request(record.argument(0));
            out.set([
                RawValue::Result(result),
                RawValue::Other,
                RawValue::Other,
                symbol(request),
                RawValue::Process(process(1)),
            ]);
            Operation::Trace(Trace {
                request: Some(request),
                pid: Some(process(1)),
            })
        }
        libc::SYS_process_vm_readv | libc::SYS_process_vm_writev => {
            let data = record.bytes(item::DATA);
            out.set([
                raw::signed(result),
                RawValue::Process(process(0)),
                bytes(data),
            ]);
            Operation::MemoryAccess(MemoryAccess {
                pid: Some(process(0)),
                data,
                is_write: number_of_call == libc::SYS_process_vm_writev,
            })
        }
        libc::SYS_kill => signal(record, [Some(0), None], 1, out),
        libc::SYS_tkill => signal(record, [None, Some(0)], 1, out),
        libc::SYS_tgkill => signal(record, [Some(0), Some(1)], 2, out),
        libc::SYS_seccomp => {
            out.set_at(1, number(record.argument(0)));
            out.set_at(2, hexadecimal(record.argument(1)));
            Operation::Other
        }
        libc::SYS_bpf => {
            out.set([fd(result as i32), symbol(record.u32(0))]);
            Operation::Bpf(Bpf {
                command: Some(record.u32(0)),
            })
        }
        libc::SYS_init_module => {
            let arguments = record.bytes(item::STRING0);
            out.set_at(2, number(record.argument(1)));
            out.set_at(3, text(arguments));
            Operation::LoadModule(LoadModule {
                fd: None,
                arguments,
                length: Some(record.argument(1)),
                flags: None,
            })
        }
        libc::SYS_finit_module => {
            let arguments = record.bytes(item::STRING0);
            let module_flags = values::same(record.argument(2));
            out.set_at(1, fd(record.fd(0)));
            out.set_at(2, text(arguments));
            out.set_at(3, raw::flags(module_flags));
            Operation::LoadModule(LoadModule {
                fd: Some(record.fd(0)),
                arguments,
                length: None,
                flags: Some(module_flags),
            })
        }
        libc::SYS_delete_module => {
            let name = record.bytes(item::STRING0);
            let kernel = record.u32(1) as i32;
            let waits = u32::from(kernel & libc::O_NONBLOCK != 0) << 1;
            let forces = u32::from(kernel & libc::O_TRUNC != 0);
            out.set_at(1, text(name));
            out.set_at(2, raw::flags(waits | forces));
            Operation::UnloadModule(name)
        }
        libc::SYS_keyctl => {
            out.set_at(1, symbol(record.u32(0)));
            for index in 2..6 {
                out.set_at(index, RawValue::Other);
            }
            Operation::Other
        }
        _ => return None,
    })
}

/// Sets the two arguments of calls that have no names for theirs.
pub(super) fn generic<'a>(record: &Record<'a>, out: &mut Arguments<'a>) {
    let call = record.header.call;
    out.set([
        RawValue::Named(u32::from(call)),
        RawValue::Unsigned(u64::from(call), Base::Decimal),
    ]);
}

fn capabilities<'a>(record: &Record<'a>, out: &mut Arguments<'a>) -> Operation<'a> {
    // Two triples of 32 bits: effective, permitted, inheritable; the second has the high halves.
    let numbers: Option<[u32; 6]> = record.structure(item::NUMBERS);
    let set = |index: usize| {
        numbers.map(|numbers| u64::from(numbers[index]) | u64::from(numbers[index + 3]) << 32)
    };
    let sets = Capabilities {
        effective: set(0),
        permitted: set(1),
        inheritable: set(2),
    };
    let shown = |set: Option<u64>| set.map_or(RawValue::Unknown, hexadecimal);
    out.set_at(1, shown(sets.inheritable));
    out.set_at(2, shown(sets.permitted));
    out.set_at(3, shown(sets.effective));
    Operation::SetCapabilities(sets)
}

fn control<'a>(record: &Record<'a>, out: &mut Arguments<'a>) -> Operation<'a> {
    let option = record.u32(0);
    // A name is set: the kernel has it already.
    let name = (option == libc::PR_SET_NAME as u32)
        .then(|| record.bytes(item::STRING0))
        .flatten();
    let number = record.argument(1) as i64;
    out.set_at(1, symbol(option));
    out.set_at(2, text(name));
    if name.is_none() {
        out.set_at(3, raw::signed(number));
    }
    Operation::Control(Control {
        option: Some(option),
        text: name,
        number: name.is_none().then_some(number),
    })
}

fn signal<'a>(
    record: &Record<'a>,
    [pid, tid]: [Option<usize>; 2],
    signal: usize,
    out: &mut Arguments<'a>,
) -> Operation<'a> {
    let id = |index: usize| i64::from(record.u32(index) as i32);
    let mut place = 1;
    for index in [pid, tid].into_iter().flatten() {
        out.set_at(place, RawValue::Process(id(index)));
        place += 1;
    }
    out.set_at(place, RawValue::Signal(record.u32(signal)));
    Operation::Signal(Signal {
        pid: pid.map(id),
        tid: tid.map(id),
        signal: Some(record.u32(signal) as u8),
    })
}
