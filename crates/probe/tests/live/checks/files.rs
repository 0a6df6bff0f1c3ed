//! Files, descriptors and what stands for them.

use super::{check_whole, directory, name, sum};
use crate::watch::{Seen, watch};

pub(super) fn files() {
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

pub(super) fn descriptors() {
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

pub(super) fn chroot() {
    let directory = directory();
    let root = name(&directory);
    let watched = watch("chroot", &[&root]);
    check_whole(&watched);
    assert_eq!(watched.one("chroot", "path", &root).result, Some(0));
    watched.one("chdir", "path", "/inside");
    let open = watched.one("openat", "name", "file");
    assert_eq!(open.argument("(path)"), "/inside/file");
}

pub(super) fn mounts() {
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

pub(super) fn special() {
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

/// Where the kernel keeps a name, changing it in memory deceives nobody.
pub(super) fn raced() {
    let directory = directory();
    let root = name(&directory);
    let watched = watch("raced", &[&root]);
    check_whole(&watched);
    let real = watched.output.trim().strip_prefix("real ").unwrap();
    let prefix = format!("{root}/one-");
    let told: String = watched
        .named("chdir")
        .into_iter()
        .filter_map(|event| event.argument("(path)").strip_prefix(&prefix))
        .collect();
    assert_eq!(told, real);
    assert!(
        real.contains('a') && real.contains('b'),
        "nothing was changed"
    );
}
