//! Sockets.

use super::{check_whole, directory, lines, name, sum};
use crate::asked::ask;
use crate::watch::{Watched, watch};

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

/// Operations and bytes between two ends, told one by one and summed up: sent with the first of two calls, or received
/// with the second.
fn moved_between(watched: &Watched, calls: [&str; 2], tuple: &str, sent: bool) -> (u64, u64) {
    let mut all = (0, 0);
    for event in &watched.events {
        if event.arguments.get("tuple").is_none_or(|own| own != tuple) {
            continue;
        }
        if let Some(sum) = event.summary {
            if sent {
                all.0 += sum.write_ops;
                all.1 += sum.write_bytes;
            } else {
                all.0 += sum.read_ops;
                all.1 += sum.read_bytes;
            }
        }
        if event.name == calls[usize::from(!sent)] {
            all.0 += 1;
            all.1 += event.result.unwrap() as u64;
        }
    }
    all
}

pub(super) fn udp() {
    let watched = watch("udp", &[]);
    check_whole(&watched);
    let own: Vec<&str> = watched.output.lines().collect();
    let calls = ["sendto", "recvfrom"];
    let with = |tuple: &str, direction: bool| moved_between(&watched, calls, tuple, direction);
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

pub(super) fn messages() {
    let watched = watch("messages", &[]);
    check_whole(&watched);
    let own: Vec<&str> = watched.output.lines().collect();
    let calls = ["sendmmsg", "recvmmsg"];
    let with = |tuple: &str, sent: bool| moved_between(&watched, calls, tuple, sent);
    // The near end of what is not connected has an address once something was sent.
    assert_eq!(with(&format!("{}->{}", own[0], own[1]), true), (8, 160));
    // Those sent while connected begin with the one that is told.
    let told = watched.named("sendmmsg");
    let results: Vec<i64> = told.iter().map(|event| event.result.unwrap()).collect();
    assert_eq!(results, [10, 20, 7], "the first to each peer, each alone");
    assert_eq!(told[2].argument("data"), ".......");
    let connect = watched.one("connect", "addr", own[2]);
    let fd = connect.argument("fd").parse().unwrap();
    let all = watched.moved(fd, 0, u64::MAX);
    assert_eq!((all.write_ops, all.write_bytes), (16, 270));
    // Of datagrams received, the first is told from its sender, sums from the near end.
    let to = |number: usize| format!("{}->{}", own[0], own[number]);
    let back = |number: usize| format!("{}->{}", own[number], own[0]);
    for (number, all) in [(1, (8, 160)), (2, (8, 110))] {
        let first = with(&to(number), false);
        let rest = with(&back(number), false);
        assert_eq!((first.0 + rest.0, first.1 + rest.1), all);
        assert_eq!(first.0, 1);
    }
}

/// Names of addresses are learnt from each answer, whatever call receives it.
pub(super) fn names() {
    let fields = ["evt.type", "fd.sip", "fd.sip.name", "fd.sport"];
    let (rows, _) = ask("names", &[], fields);
    for number in 1..=12 {
        let address = format!("127.0.1.{number}");
        let turned: Vec<_> = rows
            .iter()
            .filter(|row| row[0] == "connect" && row[1] == address)
            .collect();
        let [row] = turned[..] else {
            panic!("{turned:?} to {address}")
        };
        // Of the last nobody has asked.
        let name = format!("host-{number}.example");
        let expected = if number == 12 { "" } else { &name };
        assert_eq!(row[2], expected, "{address}");
        assert_eq!(row[3], "9");
    }
}
