//! Reading arguments of recorded events, and the operations that have many.

use sysflow_event::identity::Capabilities;
use sysflow_event::network::{Address, Tuple};
use sysflow_event::process::{Clone, Exec, Exit, Image};
use sysflow_event::{Fd, file};
use sysflow_scap::{
    Arguments, Code, Event as Recorded, Name, SocketAddress, SocketTuple, Upgraded,
};

/// Shorthand for reading arguments by name.
#[derive(Clone, Copy)]
pub(super) struct Named<'e, 'a>(pub(super) &'e Upgraded<'a>);

impl<'a> Named<'_, 'a> {
    pub(super) fn i64(self, name: Name) -> Option<i64> {
        self.0.named(name)?.i64()
    }

    pub(super) fn u64(self, name: Name) -> Option<u64> {
        self.0.named(name)?.u64()
    }

    pub(super) fn u32(self, name: Name) -> Option<u32> {
        self.0.named(name)?.u32()
    }

    pub(super) fn fd(self, name: Name) -> Option<Fd> {
        self.i64(name).map(|fd| fd as Fd)
    }

    pub(super) fn text(self, name: Name) -> Option<&'a [u8]> {
        self.0.named(name)?.text()
    }

    /// Bytes that need not be text; `None` where there are none.
    pub(super) fn bytes(self, name: Name) -> Option<&'a [u8]> {
        let argument = self.0.named(name)?;
        (!argument.bytes.is_empty()).then_some(argument.bytes)
    }

    /// A list of texts; an empty one is a list too.
    pub(super) fn list(self, name: Name) -> Option<&'a [u8]> {
        Some(self.0.named(name)?.bytes)
    }

    pub(super) fn path(self, path: Name) -> file::Path<'a> {
        file::Path {
            path: self.text(path),
            ..file::Path::default()
        }
    }

    pub(super) fn path_at(self, directory: Name, path: Name) -> file::Path<'a> {
        file::Path {
            directory: self.fd(directory),
            is_at: true,
            path: self.text(path),
            ..file::Path::default()
        }
    }

    pub(super) fn tuple(self) -> Option<Tuple<'a>> {
        self.0.named(Name::TUPLE)?.socket_tuple().map(tuple)
    }

    pub(super) fn address(self) -> Option<Address<'a>> {
        self.0.named(Name::ADDR)?.socket_address().map(address)
    }
}

pub(super) fn tuple(tuple: SocketTuple<'_>) -> Tuple<'_> {
    match tuple {
        SocketTuple::Internet {
            source,
            destination,
        } => Tuple::Internet {
            source,
            destination,
        },
        SocketTuple::Unix { source, peer, path } => Tuple::Unix { source, peer, path },
        SocketTuple::Other { family } => Tuple::Other(family),
    }
}

pub(super) fn address(address: SocketAddress<'_>) -> Address<'_> {
    match address {
        SocketAddress::Internet(address) => Address::Internet(address),
        SocketAddress::Unix(path) => Address::Unix(path),
        SocketAddress::Other { family } => Address::Other(family),
    }
}

pub(super) fn exit(event: &Recorded<'_>) -> Exit {
    Exit {
        code: event.i64(1),
        signal: event.u32(2).map(|signal| signal as u8),
        core_dumped: event.u32(3).map(|core| core != 0),
        reaper: event.i64(4),
    }
}

fn image<'a>(event: Named<'_, 'a>) -> Image<'a> {
    Image {
        exe: event.text(Name::EXE),
        arguments: event.list(Name::ARGS),
        comm: event.text(Name::COMM),
        directory: event.text(Name::CWD),
        cgroups: event.list(Name::CGROUPS),
        tid: event.i64(Name::TID),
        pid: event.i64(Name::PID),
        parent: event.i64(Name::PTID),
        uid: event.u32(Name::UID),
        gid: event.u32(Name::GID),
        namespace_tid: event.i64(Name::VTID),
        namespace_pid: event.i64(Name::VPID),
    }
}

pub(super) fn clone<'a>(event: &Upgraded<'a>) -> Clone<'a> {
    let named = Named(event);
    Clone {
        image: image(named),
        flags: named.u32(Name::FLAGS),
        namespace_start: named.u64(Name::PIDNS_INIT_START_TS),
        is_clone3: event.code() == Code::SYSCALL_CLONE3_X,
    }
}

pub(super) fn exec<'a>(event: &Upgraded<'a>, enter: Option<&Recorded<'a>>) -> Exec<'a> {
    let named = Named(event);
    let begins_as_at = enter.filter(|enter| enter.code() == Code::SYSCALL_EXECVEAT_E);
    let path = match enter {
        Some(enter) if begins_as_at.is_some() => enter.text(1),
        Some(enter) => enter.text(0),
        None => named.text(Name::FILENAME),
    };
    let ends_as_at = event.code() == Code::SYSCALL_EXECVEAT_X;
    Exec {
        image: image(named),
        environment: named.list(Name::ENV),
        terminal: named.u32(Name::TTY),
        group: named.i64(Name::PGID),
        namespace_group: named.i64(Name::VPGID),
        login_uid: named.u32(Name::LOGINUID),
        flags: named.u32(Name::FLAGS),
        capabilities: Capabilities {
            inheritable: named.u64(Name::CAP_INHERITABLE),
            permitted: named.u64(Name::CAP_PERMITTED),
            effective: named.u64(Name::CAP_EFFECTIVE),
        },
        inode: named.u64(Name::EXE_INO),
        changed: named.u64(Name::EXE_INO_CTIME),
        modified: named.u64(Name::EXE_INO_MTIME),
        // Told, and not known, is not the same as not told.
        resolved_path: event
            .named(Name::TRUSTED_EXEPATH)
            .map(|path| path.text().unwrap_or_default()),
        path,
        directory: begins_as_at
            .and_then(|enter| enter.i64(0))
            .map(|fd| fd as Fd),
        at_flags: begins_as_at.and_then(|enter| enter.u32(2)),
        is_at: ends_as_at || begins_as_at.is_some(),
        ends_as_at,
    }
}
