//! Operations on processes and what they are.

use sysflow_event::Operation;
use sysflow_event::identity::{Capabilities, IdCall, UserIds};
use sysflow_event::process::{
    Control, LoadModule, MemoryAccess, Namespace, ProcessGroup, Signal, Trace,
};
use sysflow_scap::{Code, Name, Upgraded};

use super::arguments::Named;

/// What has been done where an operation ends.
pub(super) fn end<'a>(event: &Upgraded<'a>) -> Operation<'a> {
    let named = Named(event);
    match event.code() {
        Code::SYSCALL_SETUID_X => {
            let uid = named.u32(Name::UID);
            Operation::SetUser(ids(IdCall::One, [uid, uid, uid]))
        }
        Code::SYSCALL_SETRESUID_X => Operation::SetUser(ids(
            IdCall::RealEffectiveSaved,
            [
                named.u32(Name::RUID),
                named.u32(Name::EUID),
                named.u32(Name::SUID),
            ],
        )),
        Code::SYSCALL_SETREUID_X => Operation::SetUser(ids(
            IdCall::RealEffective,
            [named.u32(Name::RUID), named.u32(Name::EUID), None],
        )),
        Code::SYSCALL_SETGID_X => {
            let gid = named.u32(Name::GID);
            Operation::SetGroup(ids(IdCall::One, [gid, gid, gid]))
        }
        Code::SYSCALL_SETRESGID_X => Operation::SetGroup(ids(
            IdCall::RealEffectiveSaved,
            [
                named.u32(Name::RGID),
                named.u32(Name::EGID),
                named.u32(Name::SGID),
            ],
        )),
        Code::SYSCALL_SETREGID_X => Operation::SetGroup(ids(
            IdCall::RealEffective,
            [named.u32(Name::RGID), named.u32(Name::EGID), None],
        )),
        Code::SYSCALL_CAPSET_X => Operation::SetCapabilities(Capabilities {
            inheritable: named.u64(Name::CAP_INHERITABLE),
            permitted: named.u64(Name::CAP_PERMITTED),
            effective: named.u64(Name::CAP_EFFECTIVE),
        }),
        Code::SYSCALL_SETNS_X => Operation::EnterNamespace(Namespace {
            fd: named.fd(Name::FD),
            kinds: named.u32(Name::NSTYPE),
        }),
        Code::SYSCALL_UNSHARE_X => Operation::Unshare(named.u32(Name::FLAGS)),
        Code::SYSCALL_SETSID_X => Operation::SetSession,
        Code::SYSCALL_SETPGID_X => Operation::SetProcessGroup(ProcessGroup {
            pid: named.i64(Name::PID),
            group: named.i64(Name::PGID),
        }),
        Code::SYSCALL_CHDIR_X => Operation::ChangeDirectory(named.text(Name::PATH)),
        Code::SYSCALL_FCHDIR_X => Operation::ChangeDirectoryTo(named.fd(Name::FD)),
        Code::SYSCALL_GETCWD_X => Operation::GetDirectory(named.text(Name::PATH)),
        Code::SYSCALL_CHROOT_X => Operation::ChangeRoot(named.text(Name::PATH)),
        Code::SYSCALL_PRCTL_X => Operation::Control(Control {
            option: named.u32(Name::OPTION),
            text: named.text(Name::ARG2_STR),
            number: named.i64(Name::ARG2_INT),
        }),
        Code::SYSCALL_PTRACE_X => Operation::Trace(Trace {
            request: named.u32(Name::REQUEST),
            pid: named.i64(Name::PID),
        }),
        Code::SYSCALL_KILL_X | Code::SYSCALL_TKILL_X | Code::SYSCALL_TGKILL_X => {
            Operation::Signal(Signal {
                pid: named.i64(Name::PID),
                tid: named.i64(Name::TID),
                signal: named.u32(Name::SIG).map(|signal| signal as u8),
            })
        }
        Code::SYSCALL_PROCESS_VM_READV_X | Code::SYSCALL_PROCESS_VM_WRITEV_X => {
            Operation::MemoryAccess(MemoryAccess {
                pid: named.i64(Name::PID),
                data: named.bytes(Name::DATA),
                is_write: event.code() == Code::SYSCALL_PROCESS_VM_WRITEV_X,
            })
        }
        Code::SYSCALL_INIT_MODULE_X | Code::SYSCALL_FINIT_MODULE_X => {
            Operation::LoadModule(LoadModule {
                fd: named.fd(Name::FD),
                arguments: named.text(Name::UARGS),
                length: named.u64(Name::LENGTH),
                flags: named.u32(Name::FLAGS),
            })
        }
        Code::SYSCALL_DELETE_MODULE_X => Operation::UnloadModule(named.text(Name::NAME)),
        _ => Operation::Other,
    }
}

fn ids(call: IdCall, [real, effective, saved]: [Option<u32>; 3]) -> UserIds {
    UserIds {
        call,
        real,
        effective,
        saved,
    }
}
