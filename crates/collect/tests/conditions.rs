//! Conditions on fields with several values, and on sockets without ends, count what Falco counts.

#![allow(clippy::expect_used, clippy::unwrap_used)]

mod common;

use common::events::{data, each_event, matches};
use sysflow_collect::EventView;
use sysflow_policy::{Condition, Dialect, Evaluator};

/// How many events of a capture match a condition.
const COUNTS: &[(&str, &str, u64)] = &[
    // Either end is asked, also before there is one: it is zero then.
    ("client-server-tcp-client-server", "fd.port = 0", 2),
    ("client-server-tcp-client-server", "fd.ip = 0.0.0.0", 4),
    ("client-server-tcp-client-server", "fd.ip != 127.0.0.1", 4),
    (
        "client-server-tcp-client-server",
        "fd.net != 127.0.0.0/8",
        4,
    ),
    (
        "objectstore-download",
        "evt.type = socket and fd.typechar = 6 and fd.ip = 0.0.0.0",
        0,
    ),
    // One ancestor that differs is enough.
    ("files-files", "evt.type = open and proc.aname != sshd", 14),
    (
        "files-files",
        "evt.type = open and not proc.aname != sshd",
        0,
    ),
    ("files-files", "evt.type = open and proc.apid != 1", 14),
    (
        "files-files",
        "evt.type = open and proc.aname[1] != bash",
        0,
    ),
    // A whole list is in a set if each of its values is.
    ("nginx-nginx", "fd.types in (file)", 143),
    (
        "nginx-nginx",
        "evt.type = accept4 and fd.types in (file)",
        0,
    ),
    (
        "nginx-nginx",
        "evt.type = accept4 and fd.types intersects (file)",
        1,
    ),
    // Numbers without a sign: one below zero is a large one.
    ("files-files", "evt.type = open and user.uid = -1", 14),
    ("files-files", "evt.type = open and proc.vmswap > -1", 0),
    ("files-files", "evt.type = open and evt.num < -1", 14),
    // Where nothing works on a descriptor there is no list, which is not a list without values.
    ("nginx-nginx", "evt.type = brk and len(fd.types) = 0", 0),
];

#[test]
fn fields_with_several_values_match_as_in_falco() {
    let Some(data) = data() else { return };
    for (capture, condition, expected) in COUNTS {
        let parsed = Condition::<EventView<'static>>::parse_in(condition, Dialect::Falco).unwrap();
        let (mut evaluator, mut matched) = (Evaluator::new(), 0);
        each_event(
            &data.join("capture").join(format!("{capture}.scap")),
            |view| matched += u64::from(matches(&mut evaluator, &parsed, view)),
        );
        assert_eq!(matched, *expected, "{condition} on {capture}");
    }
}
