//! Sockets.

use super::{check_whole, directory, lines, name, sum};
use crate::watch::watch;

pub(super) fn tcp(host: &str) {
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

pub(super) fn udp() {
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

pub(super) fn unix() {
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
