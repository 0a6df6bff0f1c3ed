//! Requests of `io_uring`.

use super::{check_whole, directory, lines, name, sum};
use crate::watch::{Seen, Watched, watch};

pub(super) fn uring() {
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

/// What a scene says behind a word, as numbers.
fn numbers(watched: &Watched, word: &str) -> Vec<i64> {
    let said = lines(watched);
    let (_, rest) = said.iter().find(|(own, _)| *own == word).unwrap();
    rest.split(' ')
        .map(|number| number.parse().unwrap())
        .collect()
}

pub(super) fn uring_files() {
    let directory = directory();
    let root = name(&directory);
    let watched = watch("uring_files", &[&root]);
    if watched.output.starts_with("refused") {
        println!("skipped: this kernel has no io_uring for us");
        return;
    }
    check_whole(&watched);
    let path = |name: &str| format!("{root}/{name}");
    let made = watched.one("mkdirat", "path", &path("sub"));
    assert_eq!(made.argument("mode"), (0o750).to_string());
    let open = watched.one("openat2", "name", &path("file"));
    assert!(open.argument("flags").contains("O_CREAT"));
    assert_eq!(open.argument("mode"), (0o640).to_string());
    assert_eq!(open.argument("(path)"), path("file"));
    let fd = numbers(&watched, "file")[0] as i32;
    assert_eq!(open.result, Some(i64::from(fd)));
    // 15 bytes by a vector and three splices of 4; two writes by a vector.
    assert_eq!(
        watched.moved(fd, open.ts, u64::MAX),
        sum((4, 27), (2, 30), fd)
    );
    let pipe = numbers(&watched, "pipe")[0] as i32;
    let renamed = watched.one("renameat2", "oldpath", &path("file"));
    assert_eq!(renamed.argument("newpath"), path("renamed"));
    assert_eq!(
        watched.moved(pipe, open.ts, renamed.ts),
        sum((0, 0), (3, 12), pipe)
    );
    let linked = watched.one("linkat", "oldpath", &path("renamed"));
    assert_eq!(linked.argument("newpath"), path("linked"));
    let symbolic = watched.one("symlinkat", "target", &path("renamed"));
    assert_eq!(symbolic.argument("linkpath"), path("symbolic"));
    let removed = watched.one("unlinkat", "name", &path("sub"));
    assert_eq!(removed.argument("flags"), "AT_REMOVEDIR");
    // These came to the kernel later.
    let truncated = watched.named("ftruncate");
    assert_eq!(truncated.len(), 1);
    assert_eq!(truncated[0].result, Some(numbers(&watched, "truncated")[0]));
    let piped = numbers(&watched, "piped");
    if piped[0] == 0 {
        let made = watched.named("pipe2");
        let [_, own] = made[..] else {
            panic!("{made:#?}")
        };
        assert_eq!(own.argument("fd1"), piped[1].to_string());
        assert_eq!(own.argument("fd2"), piped[2].to_string());
        assert!(own.argument("ino").parse::<u64>().unwrap() > 0);
    }
    // What is opened into the ring's own table has no number, but a path.
    let direct = watched.one("openat", "name", &path("linked"));
    assert_eq!(direct.argument("(path)"), path("linked"));
    assert_eq!(direct.result, Some(i64::from(i32::MAX)));
    let installed = numbers(&watched, "installed")[0];
    if installed >= 0 {
        let got: Vec<&str> = watched
            .named("received")
            .iter()
            .map(|event| event.operation.as_str())
            .map(|words| {
                if words.contains(&format!("fd: {installed},")) {
                    "it"
                } else {
                    "another"
                }
            })
            .collect();
        assert_eq!(got, ["it"]);
    }
}

pub(super) fn uring_sockets() {
    let watched = watch("uring_sockets", &[]);
    if watched.output.starts_with("refused") {
        println!("skipped: this kernel has no io_uring for us");
        return;
    }
    check_whole(&watched);
    let of = |word: &str| numbers(&watched, word)[0];
    let made: Vec<&Seen> = watched.named("socket");
    assert_eq!(made.len(), 2);
    for socket in &made {
        assert!(socket.argument("domain").contains("AF_INET"));
        assert_eq!(socket.argument("proto"), libc::IPPROTO_TCP.to_string());
    }
    assert_eq!(made[0].result, Some(of("server")));
    let address = format!("127.0.0.1:{}", of("port"));
    assert_eq!(watched.named("bind").len(), watched.named("listen").len());
    if numbers(&watched, "bound") == [0, 0] {
        let bound = watched.one("bind", "addr", &address);
        assert_eq!(bound.result, Some(0));
        assert_eq!(watched.one("listen", "backlog", "9").result, Some(0));
    }
    let connected = watched.one("connect", "addr", &address);
    assert!(
        connected
            .argument("tuple")
            .ends_with(&format!("->{address}"))
    );
    let accepted = watched.named("accept4");
    assert_eq!(accepted.len(), 1);
    assert_eq!(accepted[0].result, Some(of("accepted")));
    assert_eq!(accepted[0].argument("tuple"), connected.argument("tuple"));
    let (client, server) = (of("client") as i32, of("accepted") as i32);
    let from = connected.ts;
    assert_eq!(
        watched.moved(client, from, u64::MAX),
        sum((0, 0), (6, 48), client)
    );
    assert_eq!(
        watched.moved(server, from, u64::MAX),
        sum((7, 48), (0, 0), server)
    );
    assert_eq!(watched.named("shutdown")[0].argument("how"), "SHUT_WR");
    let closed: Vec<&str> = watched
        .named("close")
        .into_iter()
        .filter(|close| close.ts > from)
        .map(|close| close.argument("fd"))
        .collect();
    for fd in [client, server, of("server") as i32] {
        assert!(
            closed.contains(&fd.to_string().as_str()),
            "{fd} in {closed:?}"
        );
    }
}

pub(super) fn uring_repeated() {
    let watched = watch("uring_repeated", &[]);
    if watched.output.contains("refused") {
        println!("skipped: this kernel has no requests that go on");
        return;
    }
    check_whole(&watched);
    let accepted = numbers(&watched, "accepted");
    let (port, clients) = (numbers(&watched, "port")[0], numbers(&watched, "clients"));
    let seen = watched.named("accept4");
    let results: Vec<i64> = seen.iter().filter_map(|seen| seen.result).collect();
    assert_eq!(results, accepted, "each of them");
    for (seen, client) in seen.iter().zip(clients) {
        let tuple = format!("127.0.0.1:{client}->127.0.0.1:{port}");
        assert_eq!(seen.argument("tuple"), tuple);
    }
    // Four times ten bytes, and that there is no more.
    let fd = accepted[1] as i32;
    assert_eq!(
        watched.moved(fd, seen[1].ts, u64::MAX),
        sum((5, 40), (0, 0), fd)
    );
}
