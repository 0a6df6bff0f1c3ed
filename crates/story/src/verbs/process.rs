//! Processes and what they are.

use sysflow_event::identity::{Capabilities, IdCall, UserIds};
use sysflow_event::process::{Clone, Exec, Exit, Image, Namespace};
use sysflow_event::{Observer, Operation, flags as event_flags};
use sysflow_scap::Code;

use super::call;
use crate::arguments::Given;
use crate::flags;
use crate::stage::{Stage, Thread, short_name};
use crate::step::{self, Act, Capset, Chdir, Chroot, Fork, Setgid, Setns, Setsid, Setuid, Unshare};
use crate::teller::{Teller, Told, Who};
use crate::value::Words;

/// How many descriptors a process may have.
const DESCRIPTOR_LIMIT: i64 = 1024;

/// The arguments that clones and executions have in common.
fn image_arguments<'a>(image: &Image<'a>) -> Vec<(&'static str, Given<'a>)> {
    let texts = [
        ("exe", image.exe),
        ("args", image.arguments),
        ("cwd", image.directory),
        ("comm", image.comm),
        ("cgroups", image.cgroups),
    ];
    let numbers = [
        ("tid", image.tid),
        ("pid", image.pid),
        ("ptid", image.parent),
        ("vtid", image.namespace_tid),
        ("vpid", image.namespace_pid),
        ("uid", image.uid.map(i64::from)),
        ("gid", image.gid.map(i64::from)),
        ("fdlimit", Some(DESCRIPTOR_LIMIT)),
    ];
    let texts = texts
        .into_iter()
        .filter_map(|(name, text)| Some((name, text?.into())));
    let numbers = numbers
        .into_iter()
        .filter_map(|(name, number)| Some((name, number?.into())));
    texts.chain(numbers).collect()
}

fn tell_clone<O: Observer>(
    teller: &mut Teller<'_, O>,
    code: Code,
    thread: &Thread,
    flags: u32,
    result: i64,
) {
    let image = thread.image();
    let mut arguments = image_arguments(&image);
    arguments.push(("flags", flags.into()));
    teller.tell(&Told {
        tid: thread.tid,
        code,
        name: None,
        result: Some(result),
        operation: Operation::Clone(Clone {
            image,
            flags: Some(flags),
            namespace_start: None,
            is_clone3: code == Code::SYSCALL_CLONE3_X,
        }),
        arguments: &arguments,
    });
}

/// A clone, told by the caller and by the child.
fn clone<O: Observer>(
    stage: &mut Stage,
    teller: &mut Teller<'_, O>,
    who: Who,
    code: Code,
    mut flags: u32,
    child: Thread,
) -> Result<(), String> {
    let caller = stage.thread(who.tid)?;
    if caller.namespace_pid != caller.pid {
        flags |= event_flags::clone::IN_PID_NAMESPACE;
    }
    if let Some(error) = who.result.filter(|result| *result < 0) {
        tell_clone(teller, code, caller, flags, error);
        return Ok(());
    }
    if child.tid <= 0 || stage.get(child.tid).is_some() {
        let tid = child.tid;
        return Err(format!(
            "`child: {tid}` must be above 0, and no process or thread yet"
        ));
    }
    tell_clone(teller, code, caller, flags, child.tid);
    tell_clone(teller, code, &child, flags, 0);
    if child.tid == child.pid {
        stage.inherit(who.pid, child.pid);
    }
    stage.add(child);
    Ok(())
}

/// The codes of calls that make processes.
fn clone_code(name: &str) -> Code {
    match name {
        "clone3" => Code::SYSCALL_CLONE3_X,
        "fork" => Code::SYSCALL_FORK_20_X,
        "vfork" => Code::SYSCALL_VFORK_20_X,
        _ => Code::SYSCALL_CLONE_20_X,
    }
}

impl Act for Fork {
    fn act<O: Observer>(
        &self,
        stage: &mut Stage,
        teller: &mut Teller<'_, O>,
        who: Who,
    ) -> Result<(), String> {
        let name = call(self.call.as_deref(), &["clone", "clone3", "fork", "vfork"])?;
        let flags = match &self.flags {
            Some(words) => flags::of_set(words, "clone_flags", "CLONE_")?,
            None => 0,
        };
        let parent = stage.thread(who.pid)?;
        let child = if flags & event_flags::clone::THREAD != 0 {
            Thread {
                tid: self.child,
                ..parent.clone()
            }
        } else {
            Thread {
                tid: self.child,
                pid: self.child,
                parent: who.pid,
                namespace_pid: self.namespace_pid.unwrap_or(self.child),
                ..parent.clone()
            }
        };
        clone(stage, teller, who, clone_code(name), flags, child)
    }
}

impl Act for step::Thread {
    fn act<O: Observer>(
        &self,
        stage: &mut Stage,
        teller: &mut Teller<'_, O>,
        who: Who,
    ) -> Result<(), String> {
        // Those of a thread of the C library.
        let words = ["VM", "FS", "FILES", "SIGHAND", "THREAD", "SYSVSEM"].map(str::to_owned);
        let flags = flags::of_set(&Words(words.to_vec()), "clone_flags", "CLONE_")?;
        let child = Thread {
            tid: self.child,
            ..stage.thread(who.pid)?.clone()
        };
        clone(stage, teller, who, Code::SYSCALL_CLONE_20_X, flags, child)
    }
}

impl Act for step::Exec {
    fn act<O: Observer>(
        &self,
        stage: &mut Stage,
        teller: &mut Teller<'_, O>,
        mut who: Who,
    ) -> Result<(), String> {
        let name = call(self.call.as_deref(), &["execve", "execveat"])?;
        let exe = self.exe.at(who.number).into_owned();
        if exe.is_empty() {
            return Err("`exe` is empty: write the path of a program".into());
        }
        let before = stage.thread(who.tid)?;
        let path = if exe.starts_with('/') || exe.starts_with("memfd:") {
            exe.clone().into_bytes()
        } else {
            let directory = before
                .directory
                .strip_suffix(b"/")
                .unwrap_or(&before.directory);
            [directory, b"/", exe.as_bytes()].concat()
        };
        let given = self.given.as_ref().unwrap_or(&exe).clone();
        let mut thread = before.clone();
        if who.succeeds() {
            thread = Thread {
                tid: who.pid,
                uid: self.uid.unwrap_or(before.uid),
                gid: self.gid.unwrap_or(before.gid),
                terminal: self.tty.unwrap_or(before.terminal),
                name: short_name(self.name.as_ref().map_or(&path, |name| name.as_bytes())),
                exe: self.argv0.as_ref().unwrap_or(&exe).as_bytes().to_vec(),
                path,
                arguments: self
                    .args
                    .as_ref()
                    .map(|args| args.list(who.number))
                    .unwrap_or_default(),
                environment: match &self.env {
                    Some(env) => env.list(who.number),
                    None => before.environment.clone(),
                },
                directory: self.cwd.as_ref().map_or_else(
                    || before.directory.clone(),
                    |directory| directory.as_bytes().to_vec(),
                ),
                exe_flags: self.flags.as_ref().map_or(Ok(0), flags::executable)?,
                ..before.clone()
            };
            // The program replaces all threads, and runs in the first.
            for tid in stage.threads_of(who.pid) {
                stage.remove(tid, 1);
            }
            who.tid = who.pid;
        }
        tell_exec(teller, name, who, &thread, &given);
        stage.add(thread);
        Ok(())
    }
}

fn tell_exec<O: Observer>(
    teller: &mut Teller<'_, O>,
    name: &str,
    who: Who,
    thread: &Thread,
    given: &str,
) {
    let image = thread.image();
    let is_at = name == "execveat";
    let mut arguments = image_arguments(&image);
    arguments.extend([
        ("env", thread.environment.as_slice().into()),
        ("tty", thread.terminal.into()),
        ("loginuid", thread.login_uid.into()),
        ("flags", thread.exe_flags.into()),
        ("vpgid", thread.namespace_pid.into()),
        ("pgid", thread.pid.into()),
        ("trusted_exepath", thread.path.as_slice().into()),
        ("filename", given.into()),
    ]);
    let operation = Operation::Exec(Exec {
        image,
        environment: Some(&thread.environment),
        terminal: Some(thread.terminal),
        group: None,
        namespace_group: None,
        login_uid: Some(thread.login_uid),
        flags: Some(thread.exe_flags),
        capabilities: Capabilities::default(),
        inode: None,
        changed: None,
        modified: None,
        resolved_path: who.succeeds().then_some(&thread.path),
        path: Some(given.as_bytes()),
        directory: is_at.then_some(sysflow_event::WORKING_DIRECTORY),
        at_flags: is_at.then_some(0),
        is_at,
        ends_as_at: is_at,
    });
    teller.tell(&Told {
        tid: who.tid,
        code: if is_at {
            Code::SYSCALL_EXECVEAT_X
        } else {
            Code::SYSCALL_EXECVE_19_X
        },
        name: None,
        result: Some(who.result.unwrap_or_default()),
        operation,
        arguments: &arguments,
    });
}

impl Act for step::Exit {
    fn act<O: Observer>(
        &self,
        stage: &mut Stage,
        teller: &mut Teller<'_, O>,
        who: Who,
    ) -> Result<(), String> {
        let code = i64::from(self.code.unwrap_or_default());
        let signal = self.signal.unwrap_or_default() & 0x7f;
        let is_dumped = self.core.unwrap_or_default();
        let status = code << 8 | i64::from(signal) | if is_dumped { 0x80 } else { 0 };
        let mut ended = vec![who.tid];
        if who.tid == who.pid {
            // The end of a process is that of all its threads; the first ends last.
            ended = stage.threads_of(who.pid);
            ended.retain(|tid| *tid != who.pid);
            ended.push(who.pid);
        }
        for tid in ended {
            let arguments = [
                ("ret", code.into()),
                ("sig", u32::from(signal).into()),
                ("core", u32::from(is_dumped).into()),
                ("reaper_tid", 1.into()),
            ];
            teller.tell(&Told {
                tid,
                code: Code::PROCEXIT_1_E,
                name: None,
                result: Some(status),
                operation: Operation::Exit(Exit {
                    code: Some(code),
                    signal: Some(signal),
                    core_dumped: Some(is_dumped),
                    reaper: Some(1),
                }),
                arguments: &arguments,
            });
            stage.remove(tid, 1);
        }
        Ok(())
    }
}

fn ids(call: IdCall, id: u32) -> UserIds {
    UserIds {
        call,
        real: Some(id),
        effective: Some(id),
        saved: (call != IdCall::RealEffective).then_some(id),
    }
}

/// Which ids a call takes.
fn id_call(name: &str) -> IdCall {
    match name {
        "setresuid" | "setresgid" => IdCall::RealEffectiveSaved,
        "setreuid" | "setregid" => IdCall::RealEffective,
        _ => IdCall::One,
    }
}

impl Act for Setuid {
    fn act<O: Observer>(
        &self,
        stage: &mut Stage,
        teller: &mut Teller<'_, O>,
        who: Who,
    ) -> Result<(), String> {
        let name = call(self.call.as_deref(), &["setuid", "setresuid", "setreuid"])?;
        let result = who.result.unwrap_or_default();
        let id = Given::from(self.uid);
        let arguments = [("uid", id), ("ruid", id), ("euid", id), ("suid", id)];
        let operation = Operation::SetUser(ids(id_call(name), self.uid));
        teller.call(who, name, result, operation, &arguments);
        if let Some(thread) = stage.thread_mut(who.tid).filter(|_| result >= 0) {
            thread.uid = self.uid;
        }
        Ok(())
    }
}

impl Act for Setgid {
    fn act<O: Observer>(
        &self,
        stage: &mut Stage,
        teller: &mut Teller<'_, O>,
        who: Who,
    ) -> Result<(), String> {
        let name = call(self.call.as_deref(), &["setgid", "setresgid", "setregid"])?;
        let result = who.result.unwrap_or_default();
        let id = Given::from(self.gid);
        let arguments = [("gid", id), ("rgid", id), ("egid", id), ("sgid", id)];
        let operation = Operation::SetGroup(ids(id_call(name), self.gid));
        teller.call(who, name, result, operation, &arguments);
        if let Some(thread) = stage.thread_mut(who.tid).filter(|_| result >= 0) {
            thread.gid = self.gid;
        }
        Ok(())
    }
}

impl Act for Setsid {
    fn act<O: Observer>(
        &self,
        _: &mut Stage,
        teller: &mut Teller<'_, O>,
        who: Who,
    ) -> Result<(), String> {
        let result = who.result.unwrap_or(who.pid);
        teller.call(who, "setsid", result, Operation::SetSession, &[]);
        Ok(())
    }
}

impl Act for Capset {
    fn act<O: Observer>(
        &self,
        _: &mut Stage,
        teller: &mut Teller<'_, O>,
        who: Who,
    ) -> Result<(), String> {
        let sets = Capabilities {
            inheritable: Some(self.inheritable.unwrap_or_default()),
            permitted: Some(self.permitted.or(self.effective).unwrap_or_default()),
            effective: Some(self.effective.unwrap_or_default()),
        };
        let shown = |set: Option<u64>| Given::from(set.unwrap_or_default());
        let arguments = [
            ("cap_inheritable", shown(sets.inheritable)),
            ("cap_permitted", shown(sets.permitted)),
            ("cap_effective", shown(sets.effective)),
        ];
        let result = who.result.unwrap_or_default();
        teller.call(
            who,
            "capset",
            result,
            Operation::SetCapabilities(sets),
            &arguments,
        );
        Ok(())
    }
}

impl Act for Setns {
    fn act<O: Observer>(
        &self,
        _: &mut Stage,
        teller: &mut Teller<'_, O>,
        who: Who,
    ) -> Result<(), String> {
        let kinds = match &self.kinds {
            Some(words) => flags::of_set(words, "clone_flags", "CLONE_")?,
            None => 0,
        };
        let arguments = [
            ("fd", self.fd.unwrap_or(3).into()),
            ("nstype", kinds.into()),
        ];
        let operation = Operation::EnterNamespace(Namespace {
            fd: Some(self.fd.unwrap_or(3)),
            kinds: Some(kinds),
        });
        teller.call(
            who,
            "setns",
            who.result.unwrap_or_default(),
            operation,
            &arguments,
        );
        Ok(())
    }
}

impl Act for Unshare {
    fn act<O: Observer>(
        &self,
        _: &mut Stage,
        teller: &mut Teller<'_, O>,
        who: Who,
    ) -> Result<(), String> {
        let kinds = flags::of_set(&self.kinds, "clone_flags", "CLONE_")?;
        let operation = Operation::Unshare(Some(kinds));
        let result = who.result.unwrap_or_default();
        teller.call(
            who,
            "unshare",
            result,
            operation,
            &[("flags", kinds.into())],
        );
        Ok(())
    }
}

impl Act for Chroot {
    fn act<O: Observer>(
        &self,
        _: &mut Stage,
        teller: &mut Teller<'_, O>,
        who: Who,
    ) -> Result<(), String> {
        let path = self.path.at(who.number);
        let operation = Operation::ChangeRoot(Some(path.as_bytes()));
        let result = who.result.unwrap_or_default();
        teller.call(
            who,
            "chroot",
            result,
            operation,
            &[("path", (&*path).into())],
        );
        Ok(())
    }
}

impl Act for Chdir {
    fn act<O: Observer>(
        &self,
        stage: &mut Stage,
        teller: &mut Teller<'_, O>,
        who: Who,
    ) -> Result<(), String> {
        let path = self.path.at(who.number);
        let operation = Operation::ChangeDirectory(Some(path.as_bytes()));
        let result = who.result.unwrap_or_default();
        teller.call(
            who,
            "chdir",
            result,
            operation,
            &[("path", (&*path).into())],
        );
        if let Some(thread) = stage.thread_mut(who.pid).filter(|_| result >= 0) {
            thread.directory = if path.starts_with('/') {
                path.as_bytes().to_vec()
            } else {
                [&thread.directory, b"/".as_slice(), path.as_bytes()].concat()
            };
        }
        Ok(())
    }
}
