//! Fields of the paths that calls take.

use sysflow_event::raw::RawValue;
use sysflow_field::{Arg, Argument, Value};

use super::EventView;
use super::render::number;

event_fields! {
    FS_PATH_NAME = "fs.path.name": Path, "Path that the call works on, resolved."
        => text |v, out| v.write_path_of(PathRole::Name, out);
    FS_PATH_NAMERAW = "fs.path.nameraw": Path, "Path that the call works on, as given."
        => value |v| v.raw_path_of(PathRole::Name).map(Value::Text);
    FS_PATH_SOURCE = "fs.path.source": Path, "What is renamed or mounted; the link that is made. Resolved."
        => text |v, out| v.write_path_of(PathRole::Source, out);
    FS_PATH_SOURCERAW = "fs.path.sourceraw": Path, "What is renamed or mounted; the link that is made. As given."
        => value |v| v.raw_path_of(PathRole::Source).map(Value::Text);
    FS_PATH_TARGET = "fs.path.target": Path, "The new name; what a link leads to; where is mounted. Resolved."
        => text |v, out| v.write_path_of(PathRole::Target, out);
    FS_PATH_TARGETRAW = "fs.path.targetraw": Path, "The new name; what a link leads to; where is mounted. As given."
        => value |v| v.raw_path_of(PathRole::Target).map(Value::Text);
    EVT_ABSPATH = "evt.abspath": Path { argument: Argument::Key },
        "Path of a call that takes directories, resolved: src is the first, dst the last."
        => each |v, arg, emit| { emit.text(|out| v.write_absolute(arg, out)); };
}

/// Which path of a call is meant.
#[derive(Clone, Copy, PartialEq, Eq)]
enum PathRole {
    Name,
    Source,
    Target,
}

/// The argument of a call that has a role; `None` where no path has it.
fn argument_with(call: &str, role: PathRole) -> Option<&'static str> {
    Some(match (call, role) {
        (
            "open" | "openat" | "openat2" | "creat" | "unlinkat" | "umount" | "umount2",
            PathRole::Name,
        ) => "name",
        ("unlink" | "rmdir" | "mkdir" | "mkdirat" | "chown" | "lchown", PathRole::Name) => "path",
        ("chmod" | "fchmodat", PathRole::Name) => "filename",
        ("fchownat", PathRole::Name) => "pathname",
        ("quotactl", PathRole::Name) => "special",
        ("rename" | "renameat" | "renameat2", PathRole::Source)
        | ("link" | "linkat", PathRole::Target) => "oldpath",
        ("rename" | "renameat" | "renameat2", PathRole::Target)
        | ("link" | "linkat", PathRole::Source) => "newpath",
        ("symlink" | "symlinkat", PathRole::Source) => "linkpath",
        ("symlink" | "symlinkat", PathRole::Target) => "target",
        ("mount", PathRole::Source) => "dev",
        ("mount", PathRole::Target) => "dir",
        _ => return None,
    })
}

/// Whether a call opens the file whose path it takes.
fn is_open(call: &str) -> bool {
    matches!(call, "open" | "openat" | "openat2" | "creat")
}

/// Whether a call takes the path from its descriptor.
fn is_on_descriptor(call: &str) -> bool {
    matches!(call, "fchmod" | "fchown")
}

/// Calls of which some field of paths can tell something.
pub(super) fn has_path(call: &str) -> bool {
    let roles = [PathRole::Name, PathRole::Source, PathRole::Target];
    is_on_descriptor(call)
        || roles
            .into_iter()
            .any(|role| argument_with(call, role).is_some())
}

/// The arguments that `evt.abspath` shows of a call.
pub(super) fn absolute_arguments(call: &str) -> Option<[&'static str; 2]> {
    Some(match call {
        "renameat" | "renameat2" | "linkat" => ["oldpath", "newpath"],
        "symlinkat" => ["linkpath"; 2],
        "openat" | "openat2" | "unlinkat" => ["name"; 2],
        "open_by_handle_at" | "mkdirat" => ["path"; 2],
        "fchmodat" => ["filename"; 2],
        "fchownat" => ["pathname"; 2],
        _ => return None,
    })
}

impl<'a> EventView<'a> {
    /// The path with a role, and where the directory is that it starts from, if not the working directory.
    fn path_with(&self, role: PathRole) -> Option<(&'a [u8], Option<usize>)> {
        let index = self
            .arguments
            .position(argument_with(self.event.name, role)?)?;
        let path = match self.arguments.value(index) {
            RawValue::Path(path) | RawValue::Text(path) => (path, None),
            RawValue::PathAt(path, at) => (path, Some(at)),
            _ => return None,
        };
        // Failed opens have a path, all other failed calls none.
        (is_open(self.event.name) || self.result() == Some(0)).then_some(path)
    }

    fn raw_path_of(&self, role: PathRole) -> Option<&'a [u8]> {
        if is_on_descriptor(self.event.name) && role == PathRole::Name {
            return self
                .descriptor()
                .filter(|_| self.result() == Some(0))
                .map(|on| &*on.path);
        }
        Some(self.path_with(role)?.0)
    }

    /// The path with a role, resolved as Falco does it: of files that are opened it is their name; other calls
    /// that work on a directory's descriptor start there, and all else starts from the working directory.
    fn write_path_of(&self, role: PathRole, out: &mut Vec<u8>) -> Option<()> {
        if is_on_descriptor(self.event.name) {
            out.extend_from_slice(self.raw_path_of(role)?);
            return Some(());
        }
        let (path, at) = self.path_with(role)?;
        if is_open(self.event.name) {
            return self.write_descriptor_name(out);
        }
        match at.filter(|_| self.arguments.class().uses_descriptor) {
            Some(at) if self.starts_nowhere(at) => {
                self.write_joined_path(b"<UNKNOWN>", path, out);
            }
            at => self.write_path(at, path, out),
        }
        Some(())
    }

    /// Whether an argument names a directory that is not known.
    fn starts_nowhere(&self, at: usize) -> bool {
        match number(self.arguments.value(at)) {
            Some(fd) if fd != i64::from(sysflow_event::WORKING_DIRECTORY) => {
                self.descriptor_at(fd).is_none()
            }
            Some(_) => self.threads.directory_of(self.event.tid).is_empty(),
            None => true,
        }
    }

    fn write_absolute(&self, arg: &Arg, out: &mut Vec<u8>) -> Option<()> {
        let Arg::Key(which) = arg else { return None };
        let [first, last] = absolute_arguments(self.event.name)?;
        let name = if **which == *"dst" { last } else { first };
        match self.arguments.value(self.arguments.position(name)?) {
            RawValue::PathAt(path, at) => {
                let directory = number(self.arguments.value(at))?;
                let is_known = directory == i64::from(sysflow_event::WORKING_DIRECTORY)
                    || self.descriptor_at(directory).is_some();
                if is_known || path.first() == Some(&b'/') {
                    self.write_path(Some(at), path, out);
                } else {
                    self.write_joined_path(b"<UNKNOWN>/", path, out);
                }
            }
            RawValue::Path(path) if self.result().is_some_and(|fd| fd > 0) => {
                self.write_joined_path(b"", path, out);
            }
            _ => return None,
        }
        Some(())
    }
}
