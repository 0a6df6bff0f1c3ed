//! Names in the file system.

use sysflow_event::file::{
    ChangeMode, ChangeOwner, Mount, Open, OpenCall, Path, Symlink, TwoPaths, Unmount,
};
use sysflow_event::{Fd, Observer, Operation, WORKING_DIRECTORY};

use super::{call, new_fd};
use crate::arguments::Given;
use crate::flags;
use crate::stage::{Descriptor, Stage};
use crate::step::{self, Act};
use crate::teller::{Teller, Who};
use crate::value::Mode;

/// What files and directories get when a story does not say.
const FILE_MODE: u32 = 0o644;
const DIRECTORY_MODE: u32 = 0o755;

/// Bits of flags of opens.
const READ: u32 = 1;
const WRITE: u32 = 2;
const CREATE_TRUNCATE: u32 = 0x104;

/// A device and an inode for files, which have the same each time.
const DEVICE: u32 = 0x801;

/// A path in a call; `at` is the directory of calls that take one.
fn path(text: &str, at: Option<Fd>) -> Path<'_> {
    Path {
        directory: at,
        is_at: at.is_some(),
        path: Some(text.as_bytes()),
        ..Path::default()
    }
}

/// The directory of a call: given, or the working directory where the call takes one.
fn directory(name: &str, at: Option<Fd>) -> Option<Fd> {
    let takes = name.ends_with("at") || name.ends_with("at2");
    takes.then(|| at.unwrap_or(WORKING_DIRECTORY))
}

fn directory_argument(directory: Option<Fd>) -> Given<'static> {
    Given::from(directory.unwrap_or(WORKING_DIRECTORY))
}

fn inode(path: &str) -> u64 {
    let folded = path.bytes().fold(7_u32, |sum, byte| {
        sum.wrapping_mul(31).wrapping_add(u32::from(byte))
    });
    u64::from(folded) + 2
}

impl Act for step::Open {
    fn act<O: Observer>(
        &self,
        stage: &mut Stage,
        teller: &mut Teller<'_, O>,
        who: Who,
    ) -> Result<(), String> {
        let name = call(
            self.call.as_deref(),
            &["openat", "open", "openat2", "creat"],
        )?;
        let mut flags = match &self.flags {
            Some(words) => flags::open(words)?,
            None => READ,
        };
        if name == "creat" {
            flags |= WRITE | CREATE_TRUNCATE;
        }
        if flags & (READ | WRITE) == 0 {
            flags |= READ;
        }
        let result = new_fd(stage, who, self.fd)?;
        let mode = self.mode.unwrap_or(Mode(FILE_MODE)).0;
        let text = self.path.at(who.number);
        let at = directory(name, self.at);
        let inode = if result < 0 { 0 } else { inode(&text) };
        let device = if result < 0 { 0 } else { DEVICE };
        let arguments = [
            ("dirfd", directory_argument(at)),
            ("name", (&*text).into()),
            ("flags", flags.into()),
            ("mode", mode.into()),
            ("resolve", 0.into()),
            ("dev", device.into()),
            ("ino", inode.into()),
        ];
        let operation = Operation::Open(Open {
            call: match name {
                "open" => OpenCall::Open,
                "openat2" => OpenCall::OpenAt2,
                "creat" => OpenCall::Create,
                _ => OpenCall::OpenAt,
            },
            path: Path {
                flags: Some(flags),
                mode: Some(mode),
                ..path(&text, at)
            },
            device: Some(device),
            inode: Some(inode),
            resolve: None,
            announced: None,
        });
        teller.call(who, name, result, operation, &arguments);
        if result >= 0 {
            stage.open(who.pid, result as Fd, Descriptor::Other);
        }
        Ok(())
    }
}

impl Act for step::Unlink {
    fn act<O: Observer>(
        &self,
        _: &mut Stage,
        teller: &mut Teller<'_, O>,
        who: Who,
    ) -> Result<(), String> {
        let name = call(self.call.as_deref(), &["unlinkat", "unlink"])?;
        let text = self.path.at(who.number);
        let at = directory(name, self.at);
        let arguments = [
            ("dirfd", directory_argument(at)),
            ("name", (&*text).into()),
            ("path", (&*text).into()),
            ("flags", 0.into()),
        ];
        let operation = Operation::Unlink(Path {
            flags: Some(0),
            ..path(&text, at)
        });
        teller.call(
            who,
            name,
            who.result.unwrap_or_default(),
            operation,
            &arguments,
        );
        Ok(())
    }
}

impl Act for step::Rmdir {
    fn act<O: Observer>(
        &self,
        _: &mut Stage,
        teller: &mut Teller<'_, O>,
        who: Who,
    ) -> Result<(), String> {
        let text = self.path.at(who.number);
        let operation = Operation::RemoveDirectory(path(&text, None));
        let result = who.result.unwrap_or_default();
        teller.call(
            who,
            "rmdir",
            result,
            operation,
            &[("path", (&*text).into())],
        );
        Ok(())
    }
}

impl Act for step::Mkdir {
    fn act<O: Observer>(
        &self,
        _: &mut Stage,
        teller: &mut Teller<'_, O>,
        who: Who,
    ) -> Result<(), String> {
        let name = call(self.call.as_deref(), &["mkdirat", "mkdir"])?;
        let text = self.path.at(who.number);
        let at = directory(name, self.at);
        let mode = self.mode.unwrap_or(Mode(DIRECTORY_MODE)).0;
        let arguments = [
            ("dirfd", directory_argument(at)),
            ("path", (&*text).into()),
            ("mode", mode.into()),
        ];
        let operation = Operation::MakeDirectory(Path {
            mode: Some(mode),
            ..path(&text, at)
        });
        teller.call(
            who,
            name,
            who.result.unwrap_or_default(),
            operation,
            &arguments,
        );
        Ok(())
    }
}

/// The arguments of calls with two paths, which name the directories in two ways.
fn two_arguments<'a>(from: &'a str, to: &'a str) -> [(&'static str, Given<'a>); 7] {
    let directory = directory_argument(None);
    [
        ("olddirfd", directory),
        ("newdirfd", directory),
        ("olddir", directory),
        ("newdir", directory),
        ("oldpath", from.into()),
        ("newpath", to.into()),
        ("flags", 0.into()),
    ]
}

fn two_paths<'a>(name: &str, from: &'a str, to: &'a str) -> TwoPaths<'a> {
    let at = directory(name, None);
    TwoPaths {
        old: path(from, at),
        new: path(to, at),
        flags: Some(0),
    }
}

impl Act for step::Rename {
    fn act<O: Observer>(
        &self,
        _: &mut Stage,
        teller: &mut Teller<'_, O>,
        who: Who,
    ) -> Result<(), String> {
        let name = call(self.call.as_deref(), &["renameat2", "renameat", "rename"])?;
        let (from, to) = (self.from.at(who.number), self.to.at(who.number));
        let operation = Operation::Rename(two_paths(name, &from, &to));
        let result = who.result.unwrap_or_default();
        teller.call(who, name, result, operation, &two_arguments(&from, &to));
        Ok(())
    }
}

impl Act for step::Link {
    fn act<O: Observer>(
        &self,
        _: &mut Stage,
        teller: &mut Teller<'_, O>,
        who: Who,
    ) -> Result<(), String> {
        let name = call(self.call.as_deref(), &["linkat", "link"])?;
        let (from, to) = (self.from.at(who.number), self.to.at(who.number));
        let operation = Operation::Link(two_paths(name, &from, &to));
        let result = who.result.unwrap_or_default();
        teller.call(who, name, result, operation, &two_arguments(&from, &to));
        Ok(())
    }
}

impl Act for step::Symlink {
    fn act<O: Observer>(
        &self,
        _: &mut Stage,
        teller: &mut Teller<'_, O>,
        who: Who,
    ) -> Result<(), String> {
        let name = call(self.call.as_deref(), &["symlinkat", "symlink"])?;
        let (target, link) = (self.target.at(who.number), self.path.at(who.number));
        let at = directory(name, None);
        let arguments = [
            ("target", (&*target).into()),
            ("linkdirfd", directory_argument(at)),
            ("linkpath", (&*link).into()),
        ];
        let operation = Operation::Symlink(Symlink {
            target: Some(target.as_bytes()),
            link: path(&link, at),
        });
        teller.call(
            who,
            name,
            who.result.unwrap_or_default(),
            operation,
            &arguments,
        );
        Ok(())
    }
}

/// The call for what a step names: a path or a descriptor.
fn of_path_or_fd<'c>(
    given: Option<&'c str>,
    has_path: bool,
    fd: Option<Fd>,
    with_path: &[&'c str],
    with_fd: &'c str,
) -> Result<&'c str, String> {
    match (has_path, fd) {
        (true, None) => call(given, with_path),
        (false, Some(_)) => call(given, &[with_fd]),
        _ => Err("write either a `path` or an `fd`".into()),
    }
}

impl Act for step::Chmod {
    fn act<O: Observer>(
        &self,
        stage: &mut Stage,
        teller: &mut Teller<'_, O>,
        who: Who,
    ) -> Result<(), String> {
        let given = self.call.as_deref();
        let has_path = self.path.is_some();
        let name = of_path_or_fd(given, has_path, self.fd, &["fchmodat", "chmod"], "fchmod")?;
        if let Some(fd) = self.fd.filter(|_| who.succeeds()) {
            stage.expect_fd(who.pid, fd)?;
        }
        let text = self.path.as_ref().map(|path| path.at(who.number));
        let at = directory(name, None);
        let mut arguments = vec![
            ("mode", Given::from(self.mode.0)),
            ("dirfd", directory_argument(at)),
        ];
        let mut changed = Path::default();
        if let Some(text) = &text {
            arguments.push(("filename", (&**text).into()));
            changed = path(text, at);
        }
        arguments.extend(self.fd.map(|fd| ("fd", fd.into())));
        let operation = Operation::ChangeMode(ChangeMode {
            path: changed,
            fd: self.fd,
            mode: Some(self.mode.0),
        });
        teller.call(
            who,
            name,
            who.result.unwrap_or_default(),
            operation,
            &arguments,
        );
        Ok(())
    }
}

impl Act for step::Chown {
    fn act<O: Observer>(
        &self,
        stage: &mut Stage,
        teller: &mut Teller<'_, O>,
        who: Who,
    ) -> Result<(), String> {
        let given = self.call.as_deref();
        let has_path = self.path.is_some();
        let with_path = ["fchownat", "chown", "lchown"];
        let name = of_path_or_fd(given, has_path, self.fd, &with_path, "fchown")?;
        if let Some(fd) = self.fd.filter(|_| who.succeeds()) {
            stage.expect_fd(who.pid, fd)?;
        }
        let text = self.path.as_ref().map(|path| path.at(who.number));
        let at = directory(name, None);
        let (uid, gid) = (self.uid.unwrap_or(u32::MAX), self.gid.unwrap_or(u32::MAX));
        let mut arguments = vec![
            ("uid", Given::from(uid)),
            ("gid", gid.into()),
            ("dirfd", directory_argument(at)),
            ("flags", 0.into()),
        ];
        let mut changed = Path::default();
        if let Some(text) = &text {
            arguments.push(("path", (&**text).into()));
            arguments.push(("pathname", (&**text).into()));
            changed = path(text, at);
        }
        arguments.extend(self.fd.map(|fd| ("fd", fd.into())));
        let operation = Operation::ChangeOwner(ChangeOwner {
            path: changed,
            fd: self.fd,
            uid: Some(uid),
            gid: Some(gid),
        });
        teller.call(
            who,
            name,
            who.result.unwrap_or_default(),
            operation,
            &arguments,
        );
        Ok(())
    }
}

impl Act for step::Mount {
    fn act<O: Observer>(
        &self,
        _: &mut Stage,
        teller: &mut Teller<'_, O>,
        who: Who,
    ) -> Result<(), String> {
        let source = self.source.as_ref().map(|source| source.at(who.number));
        let source = source.as_deref().unwrap_or("none");
        let target = self.target.at(who.number);
        let file_system = self.r#type.as_deref().unwrap_or_default();
        let flags = match &self.flags {
            Some(words) => flags::of_set(words, "mount_flags", "MS_")?,
            None => 0,
        };
        let arguments = [
            ("dev", source.into()),
            ("dir", (&*target).into()),
            ("type", file_system.into()),
            ("flags", flags.into()),
        ];
        let operation = Operation::Mount(Mount {
            source: Some(source.as_bytes()),
            target: Some(target.as_bytes()),
            file_system: Some(file_system.as_bytes()),
            flags: Some(flags),
        });
        teller.call(
            who,
            "mount",
            who.result.unwrap_or_default(),
            operation,
            &arguments,
        );
        Ok(())
    }
}

impl Act for step::Umount {
    fn act<O: Observer>(
        &self,
        _: &mut Stage,
        teller: &mut Teller<'_, O>,
        who: Who,
    ) -> Result<(), String> {
        let target = self.target.at(who.number);
        let flags = match &self.flags {
            Some(words) => flags::of_set(words, "umount_flags", "MNT_")?,
            None => 0,
        };
        let arguments = [("name", (&*target).into()), ("flags", flags.into())];
        let operation = Operation::Unmount(Unmount {
            target: Some(target.as_bytes()),
            flags: Some(flags),
        });
        teller.call(
            who,
            "umount2",
            who.result.unwrap_or_default(),
            operation,
            &arguments,
        );
        Ok(())
    }
}
