//! Descriptors that go from process to process, and processes that go from group to group.

use super::{directory, name};
use crate::asked::ask;
use crate::scenes::CONTAINER;

/// What was received or taken stands for the same as before: each read and write tells the file or the connection.
pub(super) fn passed() {
    let directory = directory();
    let root = name(&directory);
    let fields = ["proc.pid", "evt.type", "fd.num", "fd.name"];
    let (rows, output) = ask("passed", &[&root], fields);
    let said = |word: &str| {
        let line = output.lines().find_map(|line| line.strip_prefix(word));
        line.unwrap_or_else(|| panic!("no {word} in {output}"))
            .trim()
    };
    let numbers: Vec<&str> = said("child").trim_matches(['[', ']']).split(", ").collect();
    let child = rows
        .iter()
        .find(|row| row[1] == "pidfd_getfd")
        .map(|row| row[0].clone())
        .unwrap();
    let connection = format!("{}->{}", said("client"), said("server"));
    let path = |name: &str| format!("{root}/{name}");
    let expected = [
        ("read", numbers[0], path("first")),
        ("write", numbers[1], connection),
        ("read", numbers[2], path("second")),
        ("read", numbers[3], path("third")),
    ];
    for (call, number, target) in &expected {
        let own: Vec<(&str, &str)> = rows
            .iter()
            .filter(|row| row[0] == child && row[2] == *number && row[3] == *target)
            .map(|row| (row[1].as_str(), row[3].as_str()))
            .collect();
        assert!(
            own.iter().any(|(name, _)| name == call),
            "{call} {target}: {rows:#?}"
        );
        let strange = rows.iter().find(|row| {
            row[0] == child && row[1] == *call && row[2] == *number && row[3] != *target
        });
        assert!(strange.is_none(), "{strange:?}");
    }
    let received = rows
        .iter()
        .filter(|row| row[0] == child && row[1] == "received");
    let received: Vec<&str> = received.map(|row| row[3].as_str()).collect();
    assert_eq!(received.len(), 4, "{received:?}");
}

/// Who is moved into a container's group after it was made is in the container.
pub(super) fn moved() {
    let mounts = std::fs::read_to_string("/proc/self/mounts").unwrap();
    let groups = mounts.lines().find_map(|line| {
        let words: Vec<&str> = line.split(' ').collect();
        (words[2] == "cgroup2").then_some(words[1])
    });
    let Some(groups) = groups else {
        println!("skipped: control groups (version 2) are not mounted");
        return;
    };
    let fields = ["evt.type", "fs.path.name", "container.id"];
    let (rows, _) = ask("moved", &[groups], fields);
    let of = |name: &str| {
        let path = format!("/no/such/{name}");
        let own: Vec<&str> = rows
            .iter()
            .filter(|row| row[0] == "openat" && row[1] == path)
            .map(|row| row[2].as_str())
            .collect();
        assert_eq!(own.len(), 1, "{name}: {rows:#?}");
        own[0].to_owned()
    };
    let container = &CONTAINER[..12];
    assert_eq!(of("before"), "host");
    assert_eq!(of("older"), container, "all threads");
    assert_eq!(of("inside"), container);
    assert_eq!(of("after"), "host");
}
