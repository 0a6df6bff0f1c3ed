//! What must have been seen of each scene.

use std::io::{BufRead, BufReader, Write};
use std::time::{Duration, Instant};

use sysflow_collect::{Collector, Config, Context};
use sysflow_probe::{Lane, Mode, Options, Probe};
use sysflow_record::Record;

use crate::watch::{Keeper, Seen, Sum, Watched, finish, player, watch, watch_with};

type Check = (&'static str, fn());

/// All checks.
pub const ALL: &[Check] = &[
    ("files", files),
    ("executions", executions),
    ("threads", threads),
    ("vfork", vfork),
    ("tcp4", || tcp("127.0.0.1")),
    ("tcp6", || tcp("::1")),
    ("udp", udp),
    ("unix", unix),
    ("descriptors", descriptors),
    ("chroot", chroot),
    ("mounts", mounts),
    ("identity", identity),
    ("special", special),
    ("older", older),
    ("flood", flood),
    ("lost", lost),
    ("old_entry", old_entry),
    ("latency", latency),
    ("closes", closes),
    ("privileges", privileges),
    ("killed", killed),
    ("uring", uring),
    ("per_call", per_call),
    ("floor", floor),
    ("two_at_once", two_at_once),
    ("collector", collector),
    ("doctor", doctor),
];

fn directory() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

fn name(directory: &tempfile::TempDir) -> String {
    directory.path().to_string_lossy().into_owned()
}

/// Nothing was lost, and all was understood.
fn check_whole(watched: &Watched) {
    let statistics = watched.probe.statistics().unwrap();
    assert_eq!(statistics.lost(), 0, "{statistics:?}");
    assert_eq!(statistics.malformed, 0);
    assert_eq!(statistics.suppressed, 0);
    let strange = watched.of_unknown_threads();
    if let Some(first) = strange.first() {
        let of_it: Vec<_> = watched
            .all
            .events
            .iter()
            .filter(|event| event.tid == first.tid)
            .map(|event| (event.ts, event.name, event.result, &event.arguments))
            .take(8)
            .collect();
        panic!("events of unknown threads: {of_it:#?}");
    }
    for pair in watched.events.windows(2) {
        assert!(pair[0].ts <= pair[1].ts, "time goes back: {pair:#?}");
    }
}

fn sum(read: (u64, u64), write: (u64, u64), fd: i32) -> Sum {
    Sum {
        fd,
        read_ops: read.0,
        read_bytes: read.1,
        write_ops: write.0,
        write_bytes: write.1,
    }
}

fn files() {
    let directory = directory();
    let root = name(&directory);
    let watched = watch("files", &[&root]);
    check_whole(&watched);
    let path = |name: &str| format!("{root}/{name}");
    let opens = |name: &str| -> Vec<&Seen> {
        watched
            .named("openat")
            .into_iter()
            .filter(|open| open.argument("name") == path(name))
            .collect()
    };

    let [created, _] = opens("a")[..] else {
        panic!("{:#?}", opens("a"))
    };
    let flags = created.argument("flags");
    for flag in ["O_WRONLY", "O_CREAT", "O_EXCL", "O_CLOEXEC", "O_F_CREATED"] {
        assert!(flags.split('|').any(|own| own == flag), "{flag} in {flags}");
    }
    assert_eq!(created.argument("mode"), "416");
    let fd = created.result.unwrap() as i32;
    assert_eq!(watched.moved_on(created), sum((0, 0), (5, 50), fd));

    let link = watched.one("openat", "name", &path("link"));
    assert_eq!(link.argument("(path)"), path("a"), "resolved by the kernel");
    let inode = link.argument("ino").parse::<u64>().unwrap();
    let file = std::fs::metadata(path("a")).unwrap();
    assert_eq!(inode, std::os::unix::fs::MetadataExt::ino(&file));
    assert_eq!(
        link.argument("dev").parse::<u64>().unwrap(),
        std::os::unix::fs::MetadataExt::dev(&file)
    );
    let moved = watched.moved_on(link);
    assert_eq!((moved.read_bytes, moved.write_ops), (50, 0));
    assert!(moved.read_ops >= 2, "the data and the end");

    let missing = watched.one("openat", "name", &path("missing"));
    assert_eq!(missing.result, Some(-2));
    assert_eq!(missing.argument("(path)"), path("missing"));

    let at = watched.one("openat", "name", "b");
    assert_eq!(at.argument("(path)"), path("b"), "relative to a descriptor");
    assert_eq!(
        watched.moved_on(at),
        sum((0, 0), (1, 3), at.result.unwrap() as i32)
    );
    assert_eq!(opens("b").len(), 1, "the one for the path only");

    for asked in ["/proc/self/fd/", "/proc/self/ns/uts"] {
        let named = watched.named("openat");
        let open = named
            .iter()
            .find(|open| open.argument("name").starts_with(asked));
        let told = open.unwrap().argument("(path)");
        assert!(told.starts_with(asked), "{told} for {asked}");
    }

    watched.one("symlink", "target", &path("a"));
    let renamed = watched.one("rename", "oldpath", &path("b"));
    assert_eq!(renamed.argument("newpath"), path("c"));
    let linked = watched
        .events
        .iter()
        .find(|event| event.name.starts_with("link"))
        .unwrap();
    assert_eq!(linked.argument("oldpath"), path("c"));
    assert_eq!(linked.argument("newpath"), path("d"));
    let mode = watched.one("chmod", "filename", &path("c"));
    assert!(mode.argument("mode").contains("S_ISUID"));
    assert!(mode.argument("mode").contains("S_IXOTH"));
    assert_eq!(watched.one("unlink", "path", &path("d")).result, Some(0));
    watched.one("mkdir", "path", &path("sub"));
    watched.one("rmdir", "path", &path("sub"));

    // A copy within the kernel: read from one, written to the other.
    let copied = opens("e")[0];
    let moved = watched.moved_on(copied);
    assert_eq!(moved.write_bytes, 50);
    let from = opens("a")[1];
    assert_eq!(watched.moved_on(from).read_bytes, 50);

    let exit = watched.named("procexit");
    assert_eq!(exit.len(), 1);
    assert_eq!(exit[0].tid, watched.root);
    assert_eq!(exit[0].result, Some(0));
}

fn executions() {
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

fn threads() {
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

fn vfork() {
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

fn lines(watched: &Watched) -> Vec<(&str, &str)> {
    watched
        .output
        .lines()
        .filter_map(|line| line.split_once(' '))
        .collect()
}

fn tcp(host: &str) {
    let watched = watch("tcp", &[host]);
    check_whole(&watched);
    let said = lines(&watched);
    let find = |what: &str| said.iter().find(|(own, _)| *own == what).unwrap().1;
    let (listener, client, nobody) = (find("listener"), find("client"), find("nobody"));

    assert_eq!(watched.one("bind", "addr", listener).result, Some(0));
    assert!(
        watched
            .named("listen")
            .iter()
            .all(|listen| listen.result == Some(0))
    );
    let connected = watched.one("connect", "addr", listener);
    assert_eq!(connected.result, Some(0));
    let tuple = format!("{client}->{listener}");
    assert_eq!(connected.argument("tuple"), tuple);
    let accepted = watched.named("accept4")[0];
    assert_eq!(accepted.argument("tuple"), tuple);
    let refused = watched.one("connect", "addr", nobody);
    assert_eq!(refused.result, Some(-111));
    assert!(refused.argument("tuple").ends_with(&format!("->{nobody}")));

    let fd = accepted.result.unwrap() as i32;
    assert_eq!(watched.moved_on(accepted), sum((4, 40), (1, 4), fd));
    let fd: i32 = connected.argument("fd").parse().unwrap();
    let closed = watched
        .named("close")
        .into_iter()
        .find(|close| close.ts > connected.ts && close.argument("fd") == fd.to_string())
        .unwrap();
    let moved = watched.moved(fd, connected.ts, closed.ts);
    assert_eq!((moved.write_ops, moved.write_bytes), (4, 40));
    assert_eq!(moved.read_bytes, 4);
}

fn udp() {
    let watched = watch("udp", &[]);
    check_whole(&watched);
    let own: Vec<&str> = watched.output.lines().collect();
    let with = |tuple: &str, direction: bool| -> (u64, u64) {
        let mut all = (0, 0);
        for event in &watched.events {
            if event.arguments.get("tuple").is_none_or(|own| own != tuple) {
                continue;
            }
            if let Some(sum) = event.summary {
                if direction {
                    all.0 += sum.write_ops;
                    all.1 += sum.write_bytes;
                } else {
                    all.0 += sum.read_ops;
                    all.1 += sum.read_bytes;
                }
            }
            if event.name == if direction { "sendto" } else { "recvfrom" } {
                all.0 += 1;
                all.1 += event.result.unwrap() as u64;
            }
        }
        all
    };
    // Two peers of one socket, each with its own count.
    assert_eq!(with(&format!("{}->{}", own[0], own[1]), true), (5, 60));
    assert_eq!(with(&format!("{}->{}", own[0], own[2]), true), (5, 110));
    // Of datagrams received, the first is told from its sender, sums from the near end.
    let received = watched.one("recvfrom", "tuple", &format!("{}->{}", own[0], own[1]));
    assert_eq!(received.result, Some(10));
    let (ops, bytes) = with(&format!("{}->{}", own[1], own[0]), false);
    assert_eq!((ops, bytes), (4, 50));
    assert_eq!(with(&format!("{}->{}", own[3], own[3]), true), (3, 9));
    assert_eq!(with(&format!("{}->{}", own[4], own[1]), true).0, 1);
    let connect = watched.one("connect", "addr", own[1]);
    let fd = connect.argument("fd").parse().unwrap();
    let moved = watched.moved(fd, connect.ts, u64::MAX);
    assert_eq!((moved.write_ops, moved.write_bytes), (3, 21));
}

fn unix() {
    let directory = directory();
    let root = name(&directory);
    let watched = watch("unix", &[&root]);
    check_whole(&watched);
    let path = format!("{root}/socket");
    watched.one("bind", "addr", &path);
    let connected = watched.one("connect", "addr", &path);
    assert_eq!(connected.result, Some(0));
    assert_eq!(connected.argument("tuple"), format!("unix {path}"));
    let failed = watched.one("connect", "addr", &format!("{root}/none"));
    assert_eq!(failed.result, Some(-2));
    let accepted = watched.named("accept4")[0];
    assert_eq!(accepted.argument("tuple"), format!("unix {path}"));
    assert_eq!(watched.moved_on(accepted).read_bytes, 15);
    let pair = watched.named("socketpair")[0];
    assert!(pair.argument("domain").contains("AF_UNIX"));
    assert_ne!(pair.argument("fd1"), pair.argument("fd2"));
    // What came in a message is counted under its new number.
    let said = lines(&watched);
    let got: i32 = said
        .iter()
        .find(|(word, _)| *word == "got")
        .unwrap()
        .1
        .parse()
        .unwrap();
    let read: u64 = said
        .iter()
        .find(|(word, _)| *word == "read")
        .unwrap()
        .1
        .parse()
        .unwrap();
    let received = watched.named("recvmsg")[0];
    assert_eq!(watched.moved(got, received.ts, u64::MAX).read_bytes, read);
}

fn descriptors() {
    let directory = directory();
    let root = name(&directory);
    let watched = watch("descriptors", &[&root]);
    check_whole(&watched);
    let second = watched.one("openat", "name", &format!("{root}/second"));
    let duplicated = watched.named("dup2")[0];
    let fd = second.result.unwrap() as i32;
    assert_eq!(duplicated.result, second.result);
    assert_eq!(duplicated.argument("newfd"), fd.to_string());
    assert_eq!(
        watched.moved(fd, second.ts, duplicated.ts - 1),
        sum((0, 0), (1, 3), fd),
        "what the second file got is told before its number means the first"
    );
    let closed = watched.named("close_range")[0];
    assert_eq!(
        watched.moved(fd, duplicated.ts, closed.ts),
        sum((0, 0), (2, 9), fd)
    );
    let first = watched.one("openat", "name", &format!("{root}/first"));
    let own = first.result.unwrap() as i32;
    assert_eq!(
        watched.moved(own, first.ts, closed.ts),
        sum((0, 0), (2, 3), own)
    );
    let copied = watched.named("fcntl");
    assert_eq!(copied.len(), 1, "only those that copy a descriptor");
    assert_eq!(copied[0].result, Some(100));
    assert_eq!(copied[0].argument("cmd"), "F_DUPFD_CLOEXEC");
}

fn chroot() {
    let directory = directory();
    let root = name(&directory);
    let watched = watch("chroot", &[&root]);
    check_whole(&watched);
    assert_eq!(watched.one("chroot", "path", &root).result, Some(0));
    watched.one("chdir", "path", "/inside");
    let open = watched.one("openat", "name", "file");
    assert_eq!(open.argument("(path)"), "/inside/file");
}

fn mounts() {
    let directory = directory();
    let root = name(&directory);
    let watched = watch("mounts", &[&root]);
    check_whole(&watched);
    assert_eq!(watched.named("unshare")[0].argument("flags"), "CLONE_NEWNS");
    let mounted = watched.one("mount", "dir", &root);
    assert_eq!(mounted.argument("type"), "tmpfs");
    let file = format!("{root}/deep/file");
    let open = watched.one("openat", "name", &file);
    assert_eq!(open.argument("(path)"), file, "across the mount");
    assert_eq!(watched.moved_on(open).write_bytes, 7);
    assert_eq!(watched.one("umount2", "name", &root).result, Some(0));
    assert!(!std::path::Path::new(&file).exists());
}

fn identity() {
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

fn special() {
    let watched = watch("special", &[]);
    check_whole(&watched);
    for name in [
        "eventfd2",
        "timerfd_create",
        "epoll_create1",
        "inotify_init1",
        "pidfd_open",
        "userfaultfd",
        "io_uring_setup",
    ] {
        if name != "io_uring_setup" {
            assert_eq!(watched.named(name).len(), 1, "{name}");
        }
    }
    assert_eq!(watched.named("memfd_create")[0].argument("name"), "memory");
    let pipe = watched.named("pipe2")[0];
    assert!(pipe.argument("ino").parse::<u64>().unwrap() > 0);
    assert_eq!(watched.named("bpf")[0].result, Some(-22));
    assert!(watched.named("init_module")[0].result.unwrap() < 0);
    assert_eq!(watched.named("finit_module")[0].argument("uargs"), "a=b");
    assert_eq!(
        watched.named("delete_module")[0].argument("name"),
        "nothing"
    );
    assert_eq!(watched.named("keyctl").len(), 1);
    let mapped = watched.named("mmap");
    let own = mapped.last().unwrap();
    assert_eq!(own.argument("prot"), "PROT_READ|PROT_EXEC");
    assert_eq!(own.argument("flags"), "MAP_PRIVATE");
    for map in &mapped {
        assert!(map.argument("prot").contains("PROT_EXEC"));
        assert_ne!(map.argument("fd"), "-1");
    }
}

fn older() {
    let directory = directory();
    let root = name(&directory);
    let mut child = player("older", &[&root]).spawn().unwrap();
    let mut said = String::new();
    BufReader::new(child.stdout.as_mut().unwrap())
        .read_line(&mut said)
        .unwrap();
    let (file, socket) = said.trim().split_once(' ').unwrap();
    let mut probe = Probe::load(Options::default()).unwrap();
    let mut keeper = Keeper::default();
    probe.snapshot(&mut keeper).unwrap();
    let root_id = i64::from(child.id());
    let (_, exe, arguments) = keeper
        .threads
        .iter()
        .find(|(tid, ..)| *tid == root_id)
        .unwrap();
    assert_eq!(*exe, std::env::current_exe().unwrap().to_string_lossy());
    assert_eq!(*arguments, format!("--play\0older\0{root}\0"));
    let what = |fd: &str| {
        let fd: i32 = fd.parse().unwrap();
        let found = keeper
            .descriptors
            .iter()
            .find(|(tid, own, _)| (*tid, *own) == (root_id, fd));
        found.unwrap().2.clone()
    };
    assert_eq!(what(file), format!("{root}/older"));
    assert!(what(socket).starts_with("at 127.0.0.1:"));
    assert!(what("0").starts_with("pipe:["));
    child.stdin.as_mut().unwrap().write_all(b"x").unwrap();
    let watched = finish(probe, keeper, child);
    let file: i32 = file.parse().unwrap();
    let mut sum = (0, 0);
    for event in watched
        .all
        .events
        .iter()
        .filter(|event| event.tid == root_id)
    {
        if let Some(own) = event.summary.filter(|own| own.fd == file) {
            sum.0 += own.write_ops;
            sum.1 += own.write_bytes;
        } else if event
            .transfers
            .contains(&(sysflow_event::network::Direction::Out, file))
        {
            sum.0 += 1;
            sum.1 += event.result.unwrap() as u64;
        }
    }
    assert_eq!(sum, (10, 50));
}

fn flood() {
    let options = Options {
        rate: 100,
        burst: 50,
        ..Options::default()
    };
    let watched = watch_with(options, "flood", &["5000"]);
    let told = watched
        .named("openat")
        .into_iter()
        .filter(|open| open.argument("name") == "/no/such/file")
        .count() as u64;
    let left_out: u64 = watched
        .all
        .events
        .iter()
        .filter(|event| event.name == "openat" && event.tid == watched.root)
        .filter_map(|event| event.lost)
        .sum();
    assert!(
        told < 2000 && left_out > 2000,
        "{told} told, {left_out} left out"
    );
    // Opens of the dynamic loader count too.
    let opens = told + left_out;
    assert!((5000..5100).contains(&opens), "{opens} of 5000");
    // What must not be lost is all there.
    assert_eq!(watched.named("execve").len(), 1);
    assert_eq!(watched.named("procexit").len(), 2);
    let statistics = watched.probe.statistics().unwrap();
    assert_eq!(statistics.lost(), 0);
    assert!(statistics.suppressed >= left_out);
}

/// Who tells too much is told less of, but never so that a number stands for the wrong thing.
fn closes() {
    let directory = directory();
    let root = name(&directory);
    let options = Options {
        rate: 100,
        burst: 500,
        ..Options::default()
    };
    let watched = watch_with(options, "flood_open", &[&root]);
    let kept = watched.one("openat", "name", &format!("{root}/kept"));
    let fd = kept.result.unwrap().to_string();
    let closed = watched
        .named("close")
        .into_iter()
        .filter(|close| close.ts > kept.ts && close.argument("fd") == fd)
        .count();
    assert_eq!(closed, 1);
    let passwd = watched
        .named("openat")
        .into_iter()
        .filter(|open| open.argument("name") == "/etc/passwd")
        .count();
    assert!(passwd < 1500, "{passwd}");
    assert!(watched.named("close").len() < 1600);
}

/// The way into the kernel that 32-bit programs take is no way around us.
fn old_entry() {
    let directory = directory();
    let root = name(&directory);
    let watched = watch("old_entry", &[&root]);
    if watched.output.trim() == (-libc::ENOSYS).to_string() {
        println!("skipped: this kernel knows no 32-bit programs");
        return;
    }
    let path = format!("{root}/old");
    let open = watched.one("open", "name", &path);
    assert_eq!(open.argument("(path)"), path);
    let fd = open.result.unwrap() as i32;
    assert_eq!(watched.output.trim(), fd.to_string());
    assert_eq!(watched.moved_on(open), sum((0, 0), (3, 15), fd));
    assert_eq!(watched.one("unlink", "path", &path).result, Some(0));
    assert!(watched.probe.statistics().unwrap().foreign >= 1);
}

fn latency() {
    let watched = watch("pings", &[]);
    let mut waited: Vec<u64> = watched
        .named("openat")
        .into_iter()
        .filter(|open| open.argument("name") == "/no/such/file")
        .map(|open| open.told.saturating_sub(open.ts))
        .collect();
    assert_eq!(waited.len(), 300);
    waited.sort_unstable();
    let (middle, late) = (waited[150], waited[297]);
    println!("told after {middle} ns in the middle, {late} ns at the 99th percentile");
    // The promise is 10 ms; a machine that is busy with other things may take longer to let us run.
    assert!(late < 1_000_000_000, "{late} ns");
}

fn privileges() {
    // In a thread of its own: what it gives up is not needed by the other checks.
    let thread = std::thread::spawn(|| {
        let mut probe = Probe::load(Options::default()).unwrap();
        let mut keeper = Keeper::default();
        probe.snapshot(&mut keeper).unwrap();
        probe.drop_privileges(&[]).unwrap();
        assert!(keeper.descriptors.len() > 3);
        probe.poll(Duration::from_millis(5), &mut keeper).unwrap();
        probe.flush(&mut keeper).unwrap();
        let refused = std::fs::File::create("/sys/kernel/no-such-file");
        assert!(refused.is_err());
    });
    thread.join().unwrap();
}

fn lost() {
    let options = Options {
        normal_ring: 1 << 12,
        interval: Duration::from_millis(500),
        rate: 1_000_000_000,
        ..Options::default()
    };
    let watched = watch_with(options, "flood", &["20000"]);
    let told = watched
        .named("openat")
        .into_iter()
        .filter(|open| open.argument("name") == "/no/such/file")
        .count() as u64;
    let statistics = watched.probe.statistics().unwrap();
    assert!(statistics.lost() > 0, "the ring was large enough");
    assert!(
        statistics
            .losses
            .iter()
            .all(|loss| loss.lane == Lane::Normal)
    );
    assert_eq!(i64::from(statistics.losers[0].0), watched.root);
    assert!(told + statistics.lost() >= 20_000);
    let said: u64 = watched
        .all
        .events
        .iter()
        .filter_map(|event| event.lost)
        .sum();
    // Other processes may have lost some since.
    assert!(said > 0 && said <= statistics.lost());
    assert_eq!(watched.named("procexit").len(), 2);
}

fn killed() {
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

fn uring() {
    let directory = directory();
    let root = name(&directory);
    let watched = watch("uring", &[&root]);
    if watched.output.starts_with("refused") {
        println!("skipped: this kernel has no io_uring for us");
        return;
    }
    check_whole(&watched);
    let path = format!("{root}/by-ring");
    let open = watched.one("openat", "name", &path);
    assert_eq!(open.argument("(path)"), path);
    let fd: i32 = lines(&watched)[0].1.parse().unwrap();
    assert_eq!(open.result, Some(i64::from(fd)));
    let closed = watched
        .named("close")
        .into_iter()
        .find(|close| close.ts > open.ts && close.argument("fd") == fd.to_string())
        .unwrap();
    assert_eq!(
        watched.moved(fd, open.ts, closed.ts),
        sum((0, 0), (3, 36), fd)
    );
    assert_eq!(watched.one("unlinkat", "name", &path).result, Some(0));
    assert!(watched.named("io_uring_enter").len() >= 6);
}

fn per_call() {
    let directory = directory();
    let root = name(&directory);
    let options = Options {
        mode: Mode::PerCall,
        ..Options::default()
    };
    let watched = watch_with(options, "files", &[&root]);
    check_whole(&watched);
    assert!(watched.events.iter().all(|event| event.summary.is_none()));
    let created = watched.named("openat").into_iter();
    let created = created
        .into_iter()
        .find(|open| open.argument("name") == format!("{root}/a"))
        .unwrap();
    let fd = created.result.unwrap() as i32;
    assert_eq!(watched.moved_on(created), sum((0, 0), (5, 50), fd));
    let written = watched
        .named("write")
        .into_iter()
        .filter(|write| {
            write
                .arguments
                .get("data")
                .is_some_and(|data| data == "0123456789")
        })
        .count();
    assert_eq!(written, 5);
}

fn floor() {
    let options = Options {
        mode: Mode::Floor,
        ..Options::default()
    };
    let watched = watch_with(options, "nothing", &[]);
    assert!(watched.all.events.is_empty());
}

fn two_at_once() {
    let mut first = Probe::load(Options::default()).unwrap();
    let watched = watch("threads", &[]);
    check_whole(&watched);
    let mut keeper = Keeper::default();
    first.flush(&mut keeper).unwrap();
    let threads = keeper
        .events
        .iter()
        .filter(|event| event.name == "procexit")
        .filter(|event| {
            watched
                .named("procexit")
                .iter()
                .any(|own| own.tid == event.tid)
        })
        .count();
    assert_eq!(threads, 4);
}

/// The collector understands everything: no thread and no descriptor is unknown to it.
fn collector() {
    let directory = directory();
    let root = name(&directory);
    let mut flows = Vec::new();
    let sink = |record: &Record<'_>, _: &Context<'_>| {
        if let Record::NetworkFlow(flow) = record {
            flows.push((flow.write_ops, flow.write_bytes, flow.read_bytes));
        }
    };
    let mut collector = Collector::new(Config::default(), sink);
    let mut probe = Probe::load(Options::default()).unwrap();
    probe.snapshot(&mut collector).unwrap();
    for (scene, argument) in [
        ("files", root.as_str()),
        ("executions", &root),
        ("threads", ""),
        ("vfork", ""),
        ("tcp", "127.0.0.1"),
        ("unix", &root),
    ] {
        let mut child = player(scene, &[argument]).spawn().unwrap();
        let end = Instant::now() + Duration::from_secs(30);
        while child.try_wait().unwrap().is_none() && Instant::now() < end {
            probe
                .poll(Duration::from_millis(20), &mut collector)
                .unwrap();
        }
        child.wait().unwrap();
    }
    probe.flush(&mut collector).unwrap();
    assert_eq!(probe.statistics().unwrap().lost(), 0);
    let (_, statistics) = collector.finish_with_statistics();
    assert_eq!(statistics.unknown_threads, 0, "{statistics:?}");
    // Our own pipes to the children are not told, nor is a descriptor that comes in a message made by a call.
    assert!(statistics.unknown_descriptors <= 40, "{statistics:?}");
    assert!(
        flows.contains(&(4, 40, 4)),
        "the flow of the client: {flows:?}"
    );
    assert!(
        flows.contains(&(1, 4, 40)),
        "the flow of the server: {flows:?}"
    );
}

fn doctor() {
    let report = sysflow_probe::doctor();
    assert_eq!(report.obstacle, None);
    assert!(report.types.is_some());
    assert!(
        report
            .places
            .iter()
            .filter(|place| place.is_needed)
            .all(|place| place.is_offered)
    );
    let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
    assert_eq!(report.kernel, kernel.trim());
}
