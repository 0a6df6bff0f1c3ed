//! Operations on descriptors.

use sysflow_event::descriptor::{
    CloseRange, CopyRange, Duplicate, IoUring, Map, MemoryFile, Pipe, Special, SpecialKind,
    TakeDescriptor,
};
use sysflow_event::file::OpenCall;
use sysflow_event::raw::RawValue;
use sysflow_event::{Operation, flags};

use super::open::{Asked, open};
use crate::interface::{File, Number, item};
use crate::raw::{self, Arguments, fd, hexadecimal, number, symbol, text};
use crate::record::Record;
use crate::values;

fn special<'a>(kind: SpecialKind, flags: Option<u32>, pid: Option<i64>) -> Operation<'a> {
    Operation::Special(Special { kind, flags, pid })
}

/// What has been done, of the calls of this family.
pub(super) fn call<'a>(
    record: &Record<'a>,
    number_of_call: i64,
    out: &mut Arguments<'a>,
) -> Option<Operation<'a>> {
    let result = record.header.result;
    let descriptor = fd(result as i32);
    out.set_at(0, RawValue::Result(result));
    Some(match number_of_call {
        libc::SYS_openat => {
            let asked = Asked {
                call: OpenCall::OpenAt,
                directory: Some(0),
                flags: record.argument(2),
                mode: u64::from(record.u32(3)),
                resolve: None,
            };
            open(record, &asked, out)
        }
        libc::SYS_openat2 => {
            let how: [u64; 3] = record.structure(item::NUMBERS).unwrap_or_default();
            let asked = Asked {
                call: OpenCall::OpenAt2,
                directory: Some(0),
                flags: how[0],
                mode: how[1],
                resolve: Some(how[2]),
            };
            open(record, &asked, out)
        }
        libc::SYS_open_by_handle_at => {
            let asked = Asked {
                call: OpenCall::OpenByHandle,
                directory: None,
                flags: record.argument(2),
                mode: 0,
                resolve: None,
            };
            open(record, &asked, out)
        }
        libc::SYS_close => {
            out.set_at(1, fd(record.fd(0)));
            if record.header.is_reused != 0 {
                // The number stands for something that another thread has opened since: that open, when it is
                // told, ends what was there before.
                return Some(Operation::Other);
            }
            Operation::Close(Some(record.fd(0)))
        }
        libc::SYS_close_range => {
            // The kernel's numbers are those of the format.
            let range = [record.u32(0), record.u32(1), record.u32(2)];
            out.set_at(1, number(u64::from(range[0])));
            out.set_at(2, number(u64::from(range[1])));
            out.set_at(3, raw::flags(range[2]));
            Operation::CloseRange(CloseRange {
                first: Some(range[0]),
                last: Some(range[1]),
                flags: Some(range[2]),
            })
        }
        libc::SYS_dup => {
            out.set([descriptor, fd(record.fd(0))]);
            duplicate(record, None, None)
        }
        libc::SYS_dup3 => {
            let own = values::descriptor_flags(record.u32(2));
            out.set([
                descriptor,
                fd(record.fd(0)),
                fd(record.fd(1)),
                raw::flags(own),
            ]);
            let closes = own & flags::DESCRIPTOR_CLOSE_ON_EXEC != 0;
            duplicate(record, Some(record.fd(1)), Some(closes))
        }
        libc::SYS_fcntl => {
            let command = values::descriptor_command(record.u32(1));
            out.set([
                descriptor,
                fd(record.fd(0)),
                symbol(command),
                hexadecimal(record.argument(2)),
            ]);
            let closes = record.u32(1) == libc::F_DUPFD_CLOEXEC as u32;
            duplicate(record, None, Some(closes))
        }
        libc::SYS_pipe2 => {
            out.set_at(4, raw::flags(values::descriptor_flags(record.u32(1))));
            pipe(record, Some(record.u32(1)), out)
        }
        libc::SYS_memfd_create => {
            let name = record.bytes(item::STRING0);
            out.set([descriptor, text(name), raw::flags(record.u32(1))]);
            Operation::MemoryFile(MemoryFile {
                name,
                flags: Some(record.u32(1)),
            })
        }
        libc::SYS_pidfd_open => {
            let pid = i64::from(record.u32(0) as i32);
            let nonblocking = u32::from(record.u32(1) & libc::O_NONBLOCK as u32 != 0);
            out.set([descriptor, RawValue::Process(pid), raw::flags(nonblocking)]);
            special(SpecialKind::Process, Some(nonblocking), Some(pid))
        }
        libc::SYS_pidfd_getfd => {
            out.set([
                descriptor,
                fd(record.fd(0)),
                fd(record.fd(1)),
                hexadecimal(u64::from(record.u32(2))),
            ]);
            Operation::TakeDescriptor(TakeDescriptor {
                process: Some(record.fd(0)),
                target: Some(record.fd(1)),
            })
        }
        libc::SYS_eventfd2 => {
            let own = values::descriptor_flags(record.u32(1));
            out.set([descriptor, raw::flags(own), number(record.argument(0))]);
            special(SpecialKind::Event, Some(own), None)
        }
        libc::SYS_timerfd_create => {
            let own = record.u32(1);
            out.set([
                descriptor,
                number(u64::from(record.u32(0))),
                hexadecimal(u64::from(own)),
            ]);
            special(
                SpecialKind::Timer,
                Some(values::descriptor_flags(own)),
                None,
            )
        }
        libc::SYS_signalfd4 => {
            let own = values::descriptor_flags(record.u32(3));
            out.set([descriptor, raw::flags(own), fd(record.fd(0))]);
            special(SpecialKind::Signal, Some(own), None)
        }
        libc::SYS_inotify_init1 => {
            let own = values::descriptor_flags(record.u32(0));
            out.set([descriptor, raw::flags(own)]);
            special(SpecialKind::Inotify, Some(own), None)
        }
        libc::SYS_epoll_create1 => {
            let own = values::descriptor_flags(record.u32(0));
            let closes = u32::from(own & flags::DESCRIPTOR_CLOSE_ON_EXEC != 0);
            out.set_at(1, raw::flags(closes));
            special(SpecialKind::Epoll, Some(own), None)
        }
        libc::SYS_userfaultfd => {
            let own = values::descriptor_flags(record.u32(0));
            out.set_at(1, raw::flags(own));
            special(SpecialKind::UserFault, Some(own), None)
        }
        libc::SYS_perf_event_open | libc::SYS_fanotify_init | libc::SYS_fsmount => {
            super::process::generic(record, out);
            special(SpecialKind::Other, None, None)
        }
        libc::SYS_io_uring_setup => {
            let parameters: [u32; 6] = record.structure(item::NUMBERS).unwrap_or_default();
            let [submissions, completions, own, processor, idle, features] = parameters;
            out.set([
                RawValue::Result(result),
                number(record.argument(0)),
                number(u64::from(submissions)),
                number(u64::from(completions)),
                raw::flags(own),
                number(u64::from(processor)),
                number(u64::from(idle)),
                raw::flags(features),
            ]);
            special(SpecialKind::IoUring, Some(own), None)
        }
        libc::SYS_io_uring_enter => {
            out.set_at(1, fd(record.fd(0)));
            out.set_at(2, number(u64::from(record.u32(1))));
            out.set_at(3, number(u64::from(record.u32(2))));
            out.set_at(4, raw::flags(record.u32(3)));
            Operation::IoUring(IoUring {
                fd: Some(record.fd(0)),
                count: Some(record.u32(1)),
                opcode: None,
                flags: Some(record.u32(3)),
            })
        }
        libc::SYS_io_uring_register => {
            out.set_at(1, fd(record.fd(0)));
            out.set_at(2, symbol(record.u32(1)));
            out.set_at(3, hexadecimal(record.argument(2)));
            out.set_at(4, number(u64::from(record.u32(3))));
            Operation::IoUring(IoUring {
                fd: Some(record.fd(0)),
                count: Some(record.u32(3)),
                opcode: Some(record.u32(1)),
                flags: None,
            })
        }
        libc::SYS_mmap => map(record, out),
        libc::SYS_sendfile => {
            out.set([
                RawValue::Result(result),
                RawValue::Unknown,
                fd(record.fd(0)),
                fd(record.fd(1)),
                number(record.argument(3)),
            ]);
            copy(record, 1, 0, 3)
        }
        libc::SYS_splice => {
            out.set([
                RawValue::Result(result),
                fd(record.fd(0)),
                fd(record.fd(2)),
                number(record.argument(4)),
                raw::flags(record.u32(5)),
            ]);
            copy(record, 0, 2, 4)
        }
        libc::SYS_tee => {
            super::process::generic(record, out);
            copy(record, 0, 1, 2)
        }
        libc::SYS_copy_file_range => {
            out.set([
                RawValue::Result(result),
                fd(record.fd(2)),
                RawValue::Unknown,
                fd(record.fd(0)),
                RawValue::Unknown,
                number(record.argument(4)),
            ]);
            copy(record, 0, 2, 4)
        }
        _ => return old(record, number_of_call, out),
    })
}

/// Calls of descriptors that newer architectures do without.
#[cfg(target_arch = "x86_64")]
fn old<'a>(
    record: &Record<'a>,
    number_of_call: i64,
    out: &mut Arguments<'a>,
) -> Option<Operation<'a>> {
    let descriptor = fd(record.header.result as i32);
    Some(match number_of_call {
        libc::SYS_open => {
            let asked = Asked {
                call: OpenCall::Open,
                directory: None,
                flags: record.argument(1),
                mode: u64::from(record.u32(2)),
                resolve: None,
            };
            open(record, &asked, out)
        }
        libc::SYS_creat => {
            let asked = Asked {
                call: OpenCall::Create,
                directory: None,
                flags: (libc::O_CREAT | libc::O_WRONLY | libc::O_TRUNC) as u64,
                mode: u64::from(record.u32(1)),
                resolve: None,
            };
            open(record, &asked, out)
        }
        libc::SYS_dup2 => {
            out.set([descriptor, fd(record.fd(0)), fd(record.fd(1))]);
            duplicate(record, Some(record.fd(1)), None)
        }
        libc::SYS_pipe => pipe(record, None, out),
        libc::SYS_eventfd => {
            out.set([descriptor, number(record.argument(0))]);
            special(SpecialKind::Event, None, None)
        }
        libc::SYS_signalfd => {
            out.set([descriptor, fd(record.fd(0))]);
            special(SpecialKind::Signal, None, None)
        }
        libc::SYS_inotify_init => {
            out.set([descriptor]);
            special(SpecialKind::Inotify, None, None)
        }
        libc::SYS_epoll_create => {
            out.set_at(1, raw::signed(i64::from(record.u32(0) as i32)));
            special(SpecialKind::Epoll, None, None)
        }
        _ => return None,
    })
}

#[cfg(not(target_arch = "x86_64"))]
fn old<'a>(_: &Record<'a>, _: i64, _: &mut Arguments<'a>) -> Option<Operation<'a>> {
    None
}

fn duplicate<'a>(
    record: &Record<'a>,
    new: Option<i32>,
    close_on_exec: Option<bool>,
) -> Operation<'a> {
    Operation::Duplicate(Duplicate {
        old: Some(record.fd(0)),
        new,
        close_on_exec,
    })
}

fn copy<'a>(record: &Record<'a>, from: usize, to: usize, size: usize) -> Operation<'a> {
    Operation::CopyRange(CopyRange {
        from: Some(record.fd(from)),
        to: Some(record.fd(to)),
        size: Some(record.argument(size)),
    })
}

fn pipe<'a>(record: &Record<'a>, own: Option<u32>, out: &mut Arguments<'a>) -> Operation<'a> {
    let ends = record
        .bytes(item::NUMBERS)
        .and_then(<[u32; 2]>::read)
        .filter(|_| record.header.result >= 0)
        .map(|[read, write]| (read as i32, write as i32));
    let file: Option<File> = record.structure(item::FILE);
    if let Some((read, write)) = ends {
        out.set_at(1, fd(read));
        out.set_at(2, fd(write));
    }
    if let Some(file) = file {
        out.set_at(3, number(file.inode));
    }
    Operation::Pipe(Pipe {
        read: ends.map(|(read, _)| read),
        write: ends.map(|(_, write)| write),
        inode: file.map(|file| file.inode),
        flags: own.map(values::descriptor_flags),
    })
}

fn map<'a>(record: &Record<'a>, out: &mut Arguments<'a>) -> Operation<'a> {
    let protection = values::protection(record.u32(2));
    let own = values::map_flags(record.u32(3));
    out.set_at(4, hexadecimal(record.argument(0)));
    out.set_at(5, number(record.argument(1)));
    out.set_at(6, raw::flags(protection));
    out.set_at(7, raw::flags(own));
    out.set_at(8, fd(record.fd(4)));
    out.set_at(9, number(record.argument(5)));
    Operation::Map(Map {
        fd: Some(record.fd(4)),
        length: Some(record.argument(1)),
        protection: Some(protection),
        flags: Some(own),
        offset: Some(record.argument(5)),
    })
}
