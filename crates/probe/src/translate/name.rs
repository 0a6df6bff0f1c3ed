//! Operations on names in the file system.

use sysflow_event::Operation;
use sysflow_event::file::{
    ChangeMode, ChangeOwner, MakeNode, Mount, Path, Symlink, TwoPaths, Unmount,
};

use crate::interface::item;
use crate::raw::{self, Arguments, fd, hexadecimal, mode, number, path, path_at, text};
use crate::record::Record;
use crate::values;

/// A path that is relative to the working directory.
pub(super) fn plain<'a>(record: &Record<'a>, kind: usize) -> Path<'a> {
    Path {
        path: record.bytes(kind),
        ..Path::default()
    }
}

/// A path that is relative to the directory in an argument.
pub(super) fn at<'a>(record: &Record<'a>, directory: usize, kind: usize) -> Path<'a> {
    Path {
        directory: Some(record.fd(directory)),
        is_at: true,
        path: record.bytes(kind),
        ..Path::default()
    }
}

/// What has been done, of the calls of this family.
pub(super) fn call<'a>(
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
