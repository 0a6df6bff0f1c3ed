//! Operations on names in the file system and on descriptors.

use sysflow_event::descriptor::{
    CloseRange, CopyRange, Duplicate, IoUring, Map, MemoryFile, Pipe, Special, SpecialKind,
    TakeDescriptor,
};
use sysflow_event::file::{
    ChangeMode, ChangeOwner, MakeNode, Mount, Open, OpenCall, Path, Symlink, TwoPaths, Unmount,
};
use sysflow_event::raw::RawValue;
use sysflow_event::{Operation, WORKING_DIRECTORY, flags};

use crate::interface::{File, Number, item};
use crate::raw::{
    self, Arguments, fd, hexadecimal, mode, number, octal, path, path_at, symbol, text,
};
use crate::record::Record;
use crate::values;

const KIND: u32 = 0o170_000;
const DIRECTORY: u32 = 0o040_000;

/// A path that is relative to the working directory.
fn plain<'a>(record: &Record<'a>, kind: usize) -> Path<'a> {
    Path {
        path: record.bytes(kind),
        ..Path::default()
    }
}

/// A path that is relative to the directory in an argument.
fn at<'a>(record: &Record<'a>, directory: usize, kind: usize) -> Path<'a> {
    Path {
        directory: Some(record.fd(directory)),
        is_at: true,
        path: record.bytes(kind),
        ..Path::default()
    }
}

/// What the arguments of an open say.
struct Asked {
    call: OpenCall,
    directory: Option<usize>,
    flags: u64,
    mode: u64,
    resolve: Option<u64>,
}

fn open<'a>(record: &Record<'a>, asked: &Asked, out: &mut Arguments<'a>) -> Operation<'a> {
    let file: Option<File> = record.structure(item::FILE);
    let given = record.bytes(item::STRING0);
    let asked_flags = values::open_flags(asked.flags as u32);
    let shown = asked_flags | file.as_ref().map_or(0, values::file_flags);
    let mut known = shown;
    if file.is_some_and(|file| file.mode & KIND == DIRECTORY) {
        known |= flags::open::DIRECTORY;
    }
    // The kernel's own path of what was opened cannot be changed behind our back. Where there is none, it is
    // what the program said.
    let resolved = record
        .bytes(item::PATH)
        .filter(|path| path.starts_with(b"/"));
    let opened = match (resolved, asked.directory) {
        (Some(resolved), _) => Path {
            directory: asked.directory.map(|_| WORKING_DIRECTORY),
            is_at: asked.directory.is_some(),
            path: Some(resolved),
            ..Path::default()
        },
        (None, Some(directory)) => at(record, directory, item::STRING0),
        (None, None) => plain(record, item::STRING0),
    };
    let inode = file.map(|file| file.inode);
    let device = file.map(|file| file.device);
    let shown_device = hexadecimal(u64::from(device.unwrap_or_default()));
    let shown_inode = number(inode.unwrap_or_default());
    let descriptor = fd(record.header.result as i32);
    match asked.call {
        OpenCall::Open => out.set([
            descriptor,
            path(given),
            raw::flags(shown),
            octal(asked.mode),
            shown_device,
            shown_inode,
        ]),
        OpenCall::OpenAt => out.set([
            descriptor,
            fd(record.fd(0)),
            path_at(given, 1),
            raw::flags(shown),
            octal(asked.mode),
            shown_device,
            shown_inode,
        ]),
        OpenCall::OpenAt2 => out.set([
            descriptor,
            fd(record.fd(0)),
            path_at(given, 1),
            raw::flags(shown),
            octal(asked.mode),
            raw::flags(values::resolve_flags(asked.resolve.unwrap_or_default())),
            shown_device,
            shown_inode,
        ]),
        OpenCall::Create => out.set([
            descriptor,
            path(given),
            octal(asked.mode),
            shown_device,
            shown_inode,
            raw::flags(shown >> 15),
        ]),
        OpenCall::OpenByHandle => out.set([
            descriptor,
            fd(record.fd(0)),
            raw::flags(shown),
            path(resolved),
            shown_device,
            shown_inode,
        ]),
    }
    Operation::Open(Open {
        call: asked.call,
        path: Path {
            flags: Some(known),
            mode: Some(asked.mode as u32),
            ..opened
        },
        device,
        inode,
        resolve: asked.resolve.map(values::resolve_flags),
        announced: None,
    })
}

fn special<'a>(kind: SpecialKind, flags: Option<u32>, pid: Option<i64>) -> Operation<'a> {
    Operation::Special(Special { kind, flags, pid })
}

/// Operations on descriptors.
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
        _ => {
            return old(record, number_of_call, out).or_else(|| names(record, number_of_call, out));
        }
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

/// Operations on names.
fn names<'a>(
    record: &Record<'a>,
    number_of_call: i64,
    out: &mut Arguments<'a>,
) -> Option<Operation<'a>> {
    let first = record.bytes(item::STRING0);
    let second = record.bytes(item::STRING1);
    Some(match number_of_call {
        libc::SYS_mkdirat => {
            out.set_at(1, fd(record.fd(0)));
            out.set_at(2, path_at(first, 1));
            out.set_at(3, hexadecimal(u64::from(record.u32(2))));
            Operation::MakeDirectory(Path {
                mode: Some(record.u32(2)),
                ..at(record, 0, item::STRING0)
            })
        }
        libc::SYS_unlinkat => {
            let own = values::unlink_flags(record.u32(2));
            out.set_at(1, fd(record.fd(0)));
            out.set_at(2, path_at(first, 1));
            out.set_at(3, raw::flags(own));
            Operation::Unlink(Path {
                flags: Some(own),
                ..at(record, 0, item::STRING0)
            })
        }
        libc::SYS_linkat => {
            let own = values::link_flags(record.u32(4));
            two_at(record, out);
            out.set_at(5, raw::flags(own));
            Operation::Link(TwoPaths {
                old: at(record, 0, item::STRING0),
                new: at(record, 2, item::STRING1),
                flags: Some(own),
            })
        }
        libc::SYS_renameat | libc::SYS_renameat2 => {
            two_at(record, out);
            let own = (number_of_call == libc::SYS_renameat2).then(|| record.u32(4));
            if let Some(own) = own {
                out.set_at(5, raw::flags(own));
            }
            Operation::Rename(TwoPaths {
                old: at(record, 0, item::STRING0),
                new: at(record, 2, item::STRING1),
                flags: own,
            })
        }
        libc::SYS_symlinkat => {
            out.set_at(1, text(first));
            out.set_at(2, fd(record.fd(1)));
            out.set_at(3, path_at(second, 2));
            Operation::Symlink(Symlink {
                target: first,
                link: at(record, 1, item::STRING1),
            })
        }
        libc::SYS_mknodat => {
            out.set_at(1, fd(record.fd(0)));
            out.set_at(2, path_at(first, 1));
            out.set_at(3, mode(record.u32(2)));
            out.set_at(4, number(u64::from(record.u32(3))));
            Operation::MakeNode(MakeNode {
                path: at(record, 0, item::STRING0),
                mode: Some(record.u32(2)),
                device: Some(record.u32(3)),
            })
        }
        libc::SYS_fchmod => {
            out.set_at(1, fd(record.fd(0)));
            out.set_at(2, mode(record.u32(1)));
            Operation::ChangeMode(ChangeMode {
                path: Path::default(),
                fd: Some(record.fd(0)),
                mode: Some(record.u32(1)),
            })
        }
        libc::SYS_fchmodat => {
            out.set_at(1, fd(record.fd(0)));
            out.set_at(2, path_at(first, 1));
            out.set_at(3, mode(record.u32(2)));
            Operation::ChangeMode(ChangeMode {
                path: at(record, 0, item::STRING0),
                fd: None,
                mode: Some(record.u32(2)),
            })
        }
        452 => {
            super::process::generic(record, out);
            Operation::ChangeMode(ChangeMode {
                path: at(record, 0, item::STRING0),
                fd: None,
                mode: Some(record.u32(2)),
            })
        }
        libc::SYS_fchown => {
            owner(record, 1, 2, out);
            out.set_at(1, fd(record.fd(0)));
            change_owner(record, Path::default(), Some(record.fd(0)), 1)
        }
        libc::SYS_fchownat => {
            let own = values::owner_flags(record.u32(4));
            owner(record, 2, 3, out);
            out.set_at(1, fd(record.fd(0)));
            out.set_at(2, path_at(first, 1));
            out.set_at(5, raw::flags(own));
            let path = Path {
                flags: Some(own),
                ..at(record, 0, item::STRING0)
            };
            change_owner(record, path, None, 2)
        }
        libc::SYS_mount => {
            let kind = record.bytes(item::STRING2);
            let own = values::same(record.argument(3));
            out.set_at(1, text(first));
            out.set_at(2, path(second));
            out.set_at(3, text(kind));
            out.set_at(4, raw::flags(own));
            Operation::Mount(Mount {
                source: first,
                target: second,
                file_system: kind,
                flags: Some(own),
            })
        }
        libc::SYS_umount2 => {
            out.set_at(1, path(first));
            out.set_at(2, raw::flags(record.u32(1)));
            Operation::Unmount(Unmount {
                target: first,
                flags: Some(record.u32(1)),
            })
        }
        libc::SYS_move_mount => {
            super::process::generic(record, out);
            Operation::Mount(Mount {
                source: first,
                target: second,
                file_system: None,
                flags: None,
            })
        }
        _ => return old_names(record, number_of_call, out),
    })
}

/// Calls of names that newer architectures do without.
#[cfg(target_arch = "x86_64")]
fn old_names<'a>(
    record: &Record<'a>,
    number_of_call: i64,
    out: &mut Arguments<'a>,
) -> Option<Operation<'a>> {
    let first = record.bytes(item::STRING0);
    let second = record.bytes(item::STRING1);
    let one = plain(record, item::STRING0);
    let two = TwoPaths {
        old: one,
        new: plain(record, item::STRING1),
        flags: None,
    };
    out.set_at(1, path(first));
    Some(match number_of_call {
        libc::SYS_mkdir => {
            out.set_at(2, hexadecimal(u64::from(record.u32(1))));
            Operation::MakeDirectory(Path {
                mode: Some(record.u32(1)),
                ..one
            })
        }
        libc::SYS_rmdir => Operation::RemoveDirectory(one),
        libc::SYS_unlink => Operation::Unlink(one),
        libc::SYS_link => {
            out.set_at(2, path(second));
            Operation::Link(two)
        }
        libc::SYS_rename => {
            out.set_at(2, path(second));
            Operation::Rename(two)
        }
        libc::SYS_symlink => {
            out.set_at(1, text(first));
            out.set_at(2, path(second));
            Operation::Symlink(Symlink {
                target: first,
                link: two.new,
            })
        }
        libc::SYS_mknod => {
            out.set_at(2, mode(record.u32(1)));
            out.set_at(3, number(u64::from(record.u32(2))));
            Operation::MakeNode(MakeNode {
                path: one,
                mode: Some(record.u32(1)),
                device: Some(record.u32(2)),
            })
        }
        libc::SYS_chmod => {
            out.set_at(2, mode(record.u32(1)));
            Operation::ChangeMode(ChangeMode {
                path: one,
                fd: None,
                mode: Some(record.u32(1)),
            })
        }
        libc::SYS_chown | libc::SYS_lchown => {
            owner(record, 1, 2, out);
            change_owner(record, one, None, 1)
        }
        _ => return None,
    })
}

#[cfg(not(target_arch = "x86_64"))]
fn old_names<'a>(_: &Record<'a>, _: i64, _: &mut Arguments<'a>) -> Option<Operation<'a>> {
    None
}

fn two_at<'a>(record: &Record<'a>, out: &mut Arguments<'a>) {
    out.set_at(1, fd(record.fd(0)));
    out.set_at(2, path_at(record.bytes(item::STRING0), 1));
    out.set_at(3, fd(record.fd(2)));
    out.set_at(4, path_at(record.bytes(item::STRING1), 3));
}

/// Shows user and group, which stand from an argument on at a place on.
fn owner<'a>(record: &Record<'a>, argument: usize, place: usize, out: &mut Arguments<'a>) {
    out.set_at(place, number(u64::from(record.u32(argument))));
    out.set_at(place + 1, number(u64::from(record.u32(argument + 1))));
}

fn change_owner<'a>(
    record: &Record<'a>,
    path: Path<'a>,
    fd: Option<i32>,
    argument: usize,
) -> Operation<'a> {
    Operation::ChangeOwner(ChangeOwner {
        path,
        fd,
        uid: Some(record.u32(argument)),
        gid: Some(record.u32(argument + 1)),
    })
}
