//! Processes: made, given a program, changed, ended.

use super::{check_whole, directory, name};
use crate::watch::{Seen, watch};

pub(super) fn executions() {
    let directory = directory();
    let root = name(&directory);
    let watched = watch("executions", &[&root]);
    check_whole(&watched);
    let executed: Vec<&Seen> = watched
        .named("execve")
        .into_iter()
        .filter(|exec| exec.result == Some(0))
        .collect();
    assert_eq!(executed.len(), 5, "{executed:#?}");

    let shell = executed[0];
    assert_eq!(shell.argument("exe"), "/bin/sh");
    assert_eq!(shell.argument("args"), "-c\0exit 7\0name with blanks\0\0");
    assert_eq!(shell.argument("env"), "KEY=value\0");
    assert_eq!(shell.argument("cwd"), root);
    assert_eq!(shell.argument("filename"), "/bin/sh");
    let real = std::fs::canonicalize("/bin/sh").unwrap();
    assert_eq!(shell.argument("trusted_exepath"), real.to_string_lossy());
    let file = std::fs::metadata(&real).unwrap();
    assert_eq!(
        shell.argument("exe_ino"),
        std::os::unix::fs::MetadataExt::ino(&file).to_string()
    );
    let modified = std::os::unix::fs::MetadataExt::mtime(&file);
    assert!(
        shell
            .argument("exe_ino_mtime")
            .starts_with(&modified.to_string())
    );
    assert_eq!(shell.argument("comm"), "sh");
    assert_eq!(shell.argument("ptid"), watched.root.to_string());
    assert_eq!(shell.argument("pid"), shell.tid.to_string());
    assert_eq!(shell.argument("uid"), "0");
    let end = watched
        .named("procexit")
        .into_iter()
        .find(|exit| exit.tid == shell.tid)
        .unwrap();
    assert_eq!(end.argument("ret"), "7");
    assert_eq!(end.result, Some(7 << 8));

    let failed = watched.one("execve", "filename", &format!("{root}/none"));
    assert_eq!(failed.result, Some(-2));
    assert_eq!(failed.argument("exe"), format!("{root}/none"));

    let script = executed[1];
    assert_eq!(script.argument("filename"), format!("{root}/script"));
    assert_eq!(script.argument("args"), format!("{root}/script\0x\0"));
    assert_eq!(script.argument("trusted_exepath"), real.to_string_lossy());

    let deleted = executed[2];
    assert_eq!(deleted.argument("trusted_exepath"), format!("{root}/copy"));
    let memory = executed[3];
    assert_eq!(memory.argument("trusted_exepath"), "memfd:ghost");
    assert!(memory.argument("flags").contains("EXE_FROM_MEMFD"));
    assert!(!deleted.argument("flags").contains("EXE_FROM_MEMFD"));

    let from_thread = executed[4];
    assert_eq!(from_thread.argument("args"), "from a thread\0");
    assert_eq!(from_thread.argument("tid"), from_thread.argument("pid"));
}

pub(super) fn threads() {
    let watched = watch("threads", &[]);
    check_whole(&watched);
    let made: Vec<&Seen> = watched
        .events
        .iter()
        .filter(|event| event.name == "clone" && event.result == Some(0))
        .collect();
    assert_eq!(made.len(), 3);
    for child in &made {
        assert_eq!(child.argument("pid"), watched.root.to_string());
        for flag in ["CLONE_THREAD", "CLONE_FILES", "CLONE_VM", "CLONE_FS"] {
            assert!(child.argument("flags").contains(flag));
        }
    }
    // The same thread in the answer of the call, with the flags that it was given.
    for call in watched.named("clone3") {
        assert!(made.iter().any(|child| Some(child.tid) == call.result));
        assert!(call.argument("flags").contains("CLONE_SIGHAND"));
    }
    for number in 0..3 {
        let open = watched.one(
            "openat",
            "name",
            &format!("/tmp/no-such-file-of-thread-{number}"),
        );
        assert!(made.iter().any(|child| child.tid == open.tid));
    }
    assert_eq!(watched.named("procexit").len(), 4);
}

pub(super) fn vfork() {
    let watched = watch("vfork", &[]);
    check_whole(&watched);
    let names: Vec<(&str, Option<i64>)> = watched
        .events
        .iter()
        .filter(|event| matches!(event.name, "clone" | "vfork" | "execve" | "procexit"))
        .map(|event| (event.name, event.result.map(|result| result.min(1))))
        .collect();
    // The parent sleeps until the child has left its memory, which it does shortly before the execution is told.
    let positions = |wanted: &str| names.iter().position(|(name, _)| *name == wanted).unwrap();
    assert!(positions("clone") < positions("execve"));
    assert!(positions("clone") < positions("vfork"));
    let child = watched.named("clone")[0];
    assert!(child.argument("flags").contains("CLONE_VM"));
    assert_eq!(watched.named("vfork")[0].result, Some(child.tid));
}

pub(super) fn identity() {
    let watched = watch("identity", &[]);
    check_whole(&watched);
    let name = watched.one("prctl", "option", "PR_SET_NAME");
    assert_eq!(name.argument("arg2_str"), "renamed");
    assert_eq!(watched.named("setpgid").len(), 1);
    assert!(watched.named("setsid")[0].result.is_some());
    assert_eq!(
        watched.named("kill")[0].argument("pid"),
        watched.root.to_string()
    );
    let entered = watched.named("setns")[0];
    assert_eq!(entered.result, Some(-9));
    assert_eq!(entered.argument("nstype"), "CLONE_NEWNET");
    let user = watched.named("setresuid")[0];
    assert_eq!(user.result, Some(0));
    let ids = ["ruid", "euid", "suid"].map(|id| user.argument(id).to_owned());
    assert_eq!(ids, ["1000", "1001", "1002"]);
    let group = watched.named("setresgid")[0];
    assert_eq!(group.argument("egid"), "1004");
    let refused = watched.named("setuid")[0];
    assert_eq!((refused.result, refused.argument("uid")), (Some(-1), "0"));
    assert_eq!(
        watched.named("ptrace")[0].argument("request"),
        "PTRACE_TRACEME"
    );
}

pub(super) fn killed() {
    let watched = watch("killed", &[]);
    check_whole(&watched);
    let child: i64 = watched.output.trim().parse().unwrap();
    let end = watched
        .named("procexit")
        .into_iter()
        .find(|exit| exit.tid == child)
        .unwrap();
    assert_eq!(end.argument("sig"), "9");
    assert_eq!(end.result, Some(9));
    let sent = watched.one("kill", "pid", &child.to_string());
    assert_eq!(sent.argument("sig"), "9");
}
