//! A process as it is kept.

use std::mem::size_of;

use bstr::{BStr, ByteSlice};

use super::kept::MAP_OVERHEAD;
use super::texts::Texts;
use crate::Oid;
use crate::avro::Array;
use crate::model::{ObjectState, Process};

/// A process.
#[derive(Clone, Debug)]
pub struct KeptProcess {
    /// A number that no other entity of the stream has had.
    pub(super) stamp: u64,
    /// Why it was last written.
    pub state: ObjectState,
    /// Its identity.
    pub oid: Oid,
    /// The identity of its parent.
    pub poid: Option<Oid>,
    /// When it was created or changed, ns since the epoch.
    pub ts: i64,
    /// The effective user id; -1 when unknown.
    pub uid: i32,
    /// The effective group id; -1 when unknown.
    pub gid: i32,
    /// Whether it has a controlling terminal.
    pub tty: bool,
    /// Whether it is process 1 of its pid namespace.
    pub entry: bool,
    /// Whether it runs in a container.
    in_container: bool,
    /// The process id inside its namespace; 0 when unknown.
    pub vpid: i64,
    /// The process group; 0 when unknown.
    pub pgid: i64,
    /// The session; 0 when unknown.
    pub sid: i64,
    /// The number of the terminal; 0 when there is none or it is not known.
    pub tty_number: i32,
    /// The audit login user; -1 when unset or unknown.
    pub login_uid: i32,
    /// The permitted, effective and inheritable capabilities.
    pub capabilities: [i64; 3],
    /// Facts about the executable; see [`Process::exe_flags`].
    pub exe_flags: i32,
    /// Inode, change time and modification time of the executable.
    pub exe_inode: [i64; 3],
    name_start: u32,
    texts: Texts<12>,
}

// Command lines are asked for so often that executable, blank and arguments lie side by side.
const EXE: usize = 0;
const ARGS: usize = 2;
const USER: usize = 3;
const GROUP: usize = 4;
const CONTAINER: usize = 5;
const CWD: usize = 6;
const COMM: usize = 7;
const EXE_PATH: usize = 8;
const ENV: usize = 9;
const ARGV: usize = 10;
/// Short name and arguments, where they are not the end of the command line.
const SHORT_CMDLINE: usize = 11;

/// The kernel's short names have at most so many bytes.
const LONGEST_COMM: usize = 15;

impl KeptProcess {
    pub(super) fn new(process: &Process<'_>, stamp: u64) -> Self {
        let blank: &[u8] = if process.exe_args.is_empty() {
            b""
        } else {
            b" "
        };
        let (env, argv) = (process.env.encoding(), process.argv.encoding());
        let name_start = process
            .exe
            .rfind_byte(b'/')
            .map_or(0, |slash| slash as u32 + 1);
        let container = process.container_id.unwrap_or_default();
        let name = &process.exe[name_start as usize..];
        let short_name = short_name(process.comm, name);
        // Of classic recordings this is the end of the command line, unless the name is too long.
        let short_cmdline = if short_name.len() == name.len() && process.comm.is_empty() {
            Vec::new()
        } else {
            [short_name.as_bytes(), blank, process.exe_args.as_bytes()].concat()
        };
        let texts: [&[u8]; 12] = [
            process.exe,
            blank,
            process.exe_args,
            process.user_name,
            process.group_name,
            container,
            process.cwd,
            process.comm,
            process.exe_path,
            &env,
            &argv,
            &short_cmdline,
        ];
        Self {
            stamp,
            state: process.state,
            oid: process.oid,
            poid: process.poid,
            ts: process.ts,
            uid: process.uid,
            gid: process.gid,
            tty: process.tty,
            entry: process.entry,
            in_container: process.container_id.is_some(),
            vpid: process.vpid,
            pgid: process.pgid,
            sid: process.sid,
            tty_number: process.tty_number,
            login_uid: process.login_uid,
            capabilities: [
                process.cap_permitted,
                process.cap_effective,
                process.cap_inheritable,
            ],
            exe_flags: process.exe_flags,
            exe_inode: [process.exe_inode, process.exe_ctime, process.exe_mtime],
            name_start,
            texts: Texts::new(texts),
        }
    }

    pub(super) const fn size(&self) -> usize {
        size_of::<Self>() + MAP_OVERHEAD + self.texts.len()
    }

    /// The executable.
    pub fn exe(&self) -> &BStr {
        self.texts.get(EXE)
    }

    /// The last part of the executable's path.
    pub fn name(&self) -> &BStr {
        BStr::new(&self.exe()[self.name_start as usize..])
    }

    /// The arguments, joined with blanks.
    pub fn args(&self) -> &BStr {
        self.texts.get(ARGS)
    }

    /// The executable and, if there are any, a blank and the arguments.
    pub fn cmdline(&self) -> &BStr {
        self.texts.span(EXE, ARGS)
    }

    /// The user's name.
    pub fn user(&self) -> &BStr {
        self.texts.get(USER)
    }

    /// The group's name.
    pub fn group(&self) -> &BStr {
        self.texts.get(GROUP)
    }

    /// The id of the container that it runs in.
    pub fn container_id(&self) -> Option<&BStr> {
        self.in_container.then(|| self.texts.get(CONTAINER))
    }

    /// The working directory.
    pub fn cwd(&self) -> &BStr {
        self.texts.get(CWD)
    }

    /// The kernel's short name; empty when it was not recorded.
    pub fn comm(&self) -> &BStr {
        self.texts.get(COMM)
    }

    /// The kernel's short name, or what it would be by the name of the executable.
    pub fn short_name(&self) -> &BStr {
        short_name(self.comm(), self.name())
    }

    /// The short name and, if there are any, a blank and the arguments.
    pub fn short_cmdline(&self) -> &BStr {
        let kept = self.texts.get(SHORT_CMDLINE);
        if kept.is_empty() {
            BStr::new(&self.cmdline()[self.name_start as usize..])
        } else {
            kept
        }
    }

    /// The resolved path of the executable; empty when it was not recorded.
    pub fn exe_path(&self) -> &BStr {
        self.texts.get(EXE_PATH)
    }

    /// The environment as `NAME=value`.
    pub fn env(&self) -> Array<'_, &BStr> {
        Array::from_encoding(self.texts.get(ENV))
    }

    /// The arguments with their boundaries, `argv[0]` first; empty when they were not recorded.
    pub fn argv(&self) -> Array<'_, &BStr> {
        Array::from_encoding(self.texts.get(ARGV))
    }
}

fn short_name<'a>(comm: &'a BStr, name: &'a BStr) -> &'a BStr {
    if comm.is_empty() {
        BStr::new(&name[..name.len().min(LONGEST_COMM)])
    } else {
        comm
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn command_lines_end_with_their_last_argument() {
        let process = |exe: &str, args: &str| {
            KeptProcess::new(
                &Process {
                    exe: exe.into(),
                    exe_args: args.into(),
                    ..Process::default()
                },
                0,
            )
        };
        assert_eq!(process("/bin/ls", "-l /tmp").cmdline(), "/bin/ls -l /tmp");
        assert_eq!(process("/bin/ls", "").cmdline(), "/bin/ls");
        assert_eq!(process("/bin/ls", "").name(), "ls");
        assert_eq!(process("server", "").name(), "server");
        assert_eq!(process("/bin/ls", "-l /tmp").short_cmdline(), "ls -l /tmp");
        assert_eq!(process("/bin/ls", "").short_cmdline(), "ls");
        let long = process("/usr/bin/gnome-keyring-daemon", "-f");
        assert_eq!(long.short_name(), "gnome-keyring-d");
        assert_eq!(long.short_cmdline(), "gnome-keyring-d -f");
    }
}
