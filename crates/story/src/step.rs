//! The steps of a story, as they are written.

use serde::Deserialize;
use serde_saphyr::Spanned;
use sysflow_event::{Fd, Observer};

use crate::stage::Stage;
use crate::teller::{Teller, Who};
use crate::value::{Mode, Outcome, Span, Text, Words};

/// What all steps that a thread does have in common.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Common {
    pub(crate) pid: i64,
    pub(crate) tid: Option<i64>,
    pub(crate) after: Option<Span>,
    pub(crate) result: Option<Outcome>,
    pub(crate) repeat: u32,
}

const fn once() -> u32 {
    1
}

macro_rules! steps {
    ($($(#[$meta:meta])* $name:ident $(or $alias:literal)? { $($(#[$field_meta:meta])* $field:ident: $ty:ty,)* })*) => {
        $(
            $(#[$meta])*
            #[derive(Clone, Debug, Deserialize)]
            #[serde(deny_unknown_fields)]
            pub(crate) struct $name {
                pid: i64,
                tid: Option<i64>,
                after: Option<Span>,
                result: Option<Outcome>,
                #[serde(default = "once", alias = "times")]
                repeat: u32,
                $($(#[$field_meta])* pub(crate) $field: $ty,)*
            }
        )*

        /// A step.
        #[derive(Clone, Debug, Deserialize)]
        #[serde(rename_all = "snake_case")]
        #[allow(clippy::large_enum_variant, reason = "stories are short")]
        pub(crate) enum Step {
            Process(Process),
            Container(Container),
            User(Account),
            Group(Account),
            Wait(Span),
            Repeat(Repeat),
            $(
                $(#[$meta])*
                $(#[serde(alias = $alias)])?
                $name($name),
            )*
        }

        impl Step {
            /// What a step has in common with others; `None` for those that no thread does.
            pub(crate) fn common(&self) -> Option<Common> {
                match self {
                    $(Self::$name(step) => Some(Common {
                        pid: step.pid,
                        tid: step.tid,
                        after: step.after,
                        result: step.result,
                        repeat: step.repeat,
                    }),)*
                    _ => None,
                }
            }

            /// Tells what a thread does. Other steps do nothing here.
            pub(crate) fn act<O: Observer>(
                &self,
                stage: &mut Stage,
                teller: &mut Teller<'_, O>,
                who: Who,
            ) -> Result<(), String> {
                match self {
                    $(Self::$name(step) => step.act(stage, teller, who),)*
                    _ => Ok(()),
                }
            }
        }
    };
}

/// What a verb tells.
pub(crate) trait Act {
    /// Tells it.
    fn act<O: Observer>(
        &self,
        stage: &mut Stage,
        teller: &mut Teller<'_, O>,
        who: Who,
    ) -> Result<(), String>;
}

steps! {
    /// Makes a process.
    Fork or "clone" { child: i64, call: Option<String>, flags: Option<Words>, namespace_pid: Option<i64>, }
    /// Makes a thread.
    Thread { child: i64, }
    /// Runs a program.
    Exec {
        exe: Text, args: Option<Words>, name: Option<String>, argv0: Option<String>, cwd: Option<String>,
        env: Option<Words>, flags: Option<Words>, uid: Option<u32>, gid: Option<u32>, tty: Option<u32>,
        given: Option<String>, call: Option<String>,
    }
    /// Ends a thread, or a process with all its threads.
    Exit { code: Option<u8>, signal: Option<u8>, core: Option<bool>, }
    /// Opens a file.
    Open {
        path: Text, flags: Option<Words>, fd: Option<Fd>, mode: Option<Mode>, at: Option<Fd>,
        call: Option<String>,
    }
    /// Reads from a descriptor.
    Read { fd: Option<Fd>, bytes: Option<u32>, data: Option<String>, call: Option<String>, }
    /// Writes to a descriptor.
    Write { fd: Option<Fd>, bytes: Option<u32>, data: Option<String>, call: Option<String>, }
    /// Closes a descriptor.
    Close { fd: Option<Fd>, }
    /// Removes a file.
    Unlink { path: Text, at: Option<Fd>, call: Option<String>, }
    /// Removes a directory.
    Rmdir { path: Text, }
    /// Makes a directory.
    Mkdir { path: Text, mode: Option<Mode>, at: Option<Fd>, call: Option<String>, }
    /// Gives a file another name.
    Rename { from: Text, to: Text, call: Option<String>, }
    /// Gives a file a further name.
    Link { from: Text, to: Text, call: Option<String>, }
    /// Makes a symbolic link.
    Symlink { target: Text, path: Text, call: Option<String>, }
    /// Changes permissions.
    Chmod { path: Option<Text>, fd: Option<Fd>, mode: Mode, call: Option<String>, }
    /// Changes the owner.
    Chown { path: Option<Text>, fd: Option<Fd>, uid: Option<u32>, gid: Option<u32>, call: Option<String>, }
    /// Mounts a file system.
    Mount { source: Option<Text>, target: Text, r#type: Option<String>, flags: Option<Words>, }
    /// Unmounts a file system.
    Umount { target: Text, flags: Option<Words>, }
    /// Makes a socket.
    Socket { protocol: Option<Kind>, family: Option<Family>, fd: Option<Fd>, }
    /// Connects a socket, and makes it first where there is none.
    Connect { to: Text, from: Option<Text>, fd: Option<Fd>, protocol: Option<Kind>, }
    /// Takes a connection.
    Accept { from: Text, on: Option<Text>, fd: Option<Fd>, call: Option<String>, }
    /// Gives a socket its address, and makes it first where there is none.
    Bind { on: Text, fd: Option<Fd>, protocol: Option<Kind>, }
    /// Waits for connections, and makes the socket first where there is none.
    Listen { on: Option<Text>, fd: Option<Fd>, backlog: Option<i32>, }
    /// Sends data.
    Send { fd: Option<Fd>, bytes: Option<u32>, data: Option<String>, to: Option<Text>, call: Option<String>, }
    /// Receives data.
    Receive { fd: Option<Fd>, bytes: Option<u32>, data: Option<String>, from: Option<Text>, call: Option<String>, }
    /// Shuts a socket down.
    Shutdown { fd: Option<Fd>, }
    /// Becomes another user.
    Setuid { uid: u32, call: Option<String>, }
    /// Becomes a member of another group.
    Setgid { gid: u32, call: Option<String>, }
    /// Begins a session.
    Setsid {}
    /// Changes capabilities.
    Capset { effective: Option<u64>, permitted: Option<u64>, inheritable: Option<u64>, }
    /// Enters namespaces.
    Setns { fd: Option<Fd>, kinds: Option<Words>, }
    /// Leaves namespaces for new ones.
    Unshare { kinds: Words, }
    /// Changes the root directory.
    Chroot { path: Text, }
    /// Changes the working directory.
    Chdir { path: Text, }
    /// Observes or changes another process.
    Ptrace { request: String, target: Option<i64>, }
    /// Sends a signal.
    Kill { target: i64, signal: Option<u8>, }
    /// Makes a file in memory.
    Memfd { name: Text, flags: Option<Words>, fd: Option<Fd>, }
    /// Loads a module into the kernel, from memory or from a descriptor.
    InitModule { args: Option<String>, length: Option<u64>, fd: Option<Fd>, }
    /// Removes a module from the kernel.
    DeleteModule { name: Text, }
    /// Calls the BPF subsystem.
    Bpf { command: String, fd: Option<Fd>, }
    /// Copies a descriptor.
    Dup { fd: Fd, to: Option<Fd>, call: Option<String>, }
    /// Makes a pipe.
    Pipe { read: Option<Fd>, write: Option<Fd>, }
    /// Maps memory.
    Mmap { fd: Option<Fd>, length: Option<u64>, protection: Option<Words>, flags: Option<Words>, }
    /// An operation on the process itself.
    Prctl { option: String, text: Option<String>, number: Option<i64>, }
    /// Any other call, with its arguments as the table of events names them.
    Call { name: String, args: Option<std::collections::BTreeMap<String, String>>, }
}

/// A process that there is from the start.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Process {
    pub(crate) pid: i64,
    pub(crate) tid: Option<i64>,
    pub(crate) parent: Option<i64>,
    pub(crate) name: Option<String>,
    pub(crate) exe: Option<String>,
    pub(crate) argv0: Option<String>,
    pub(crate) args: Option<Words>,
    pub(crate) env: Option<Words>,
    pub(crate) cwd: Option<String>,
    pub(crate) flags: Option<Words>,
    pub(crate) uid: Option<u32>,
    pub(crate) user: Option<String>,
    pub(crate) gid: Option<u32>,
    pub(crate) group: Option<String>,
    pub(crate) login_uid: Option<u32>,
    pub(crate) tty: Option<u32>,
    pub(crate) container: Option<String>,
    pub(crate) namespace_pid: Option<i64>,
}

/// A container.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Container {
    pub(crate) name: String,
    pub(crate) id: Option<String>,
    pub(crate) image: Option<String>,
    pub(crate) tag: Option<String>,
    #[serde(default)]
    pub(crate) privileged: bool,
}

/// A user or a group.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Account {
    pub(crate) name: String,
    pub(crate) id: u32,
    pub(crate) container: Option<String>,
}

/// Steps that happen several times, one after the other.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Repeat {
    pub(crate) times: u32,
    pub(crate) after: Option<Span>,
    pub(crate) steps: Vec<Spanned<Step>>,
}

/// The protocol of a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    Tcp,
    Udp,
    Icmp,
    Raw,
}

/// The family of a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Family {
    Ipv4,
    Ipv6,
    Unix,
    Netlink,
    Packet,
}
