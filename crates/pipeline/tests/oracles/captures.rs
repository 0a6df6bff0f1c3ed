//! The original's policies over recordings that its collector made from captures.

use sysflow_pipeline::policies;
use sysflow_policy::LoadOptions;
use sysflow_record::Kind;

use crate::judged::{Difference, Original, check, original};
use crate::{data, for_each_record, judge};

const USER_IS_MEANT: &str =
    "sf.proc.username is the user; to the original it was a text that differs from `root`";
const OTHER_RECORDING: &str =
    "another recording of the same capture: this one has 16 process events more";

const DIFFERENCES: &[Difference] = &[
    Difference {
        policy: "runtimeintegrity/ttps.yaml",
        trace: "capture/mpm-event-full_capture.sf",
        passed: 9,
        by_rule: &[("Non sudo setuid", 3)],
        why: USER_IS_MEANT,
    },
    Difference {
        policy: "runtimeintegrity/ttps.yaml",
        trace: "capture/mpm-event-full_capture.sf",
        passed: 9,
        by_rule: &[("Webserver writing unusual file", 2)],
        why: "both records are what the rule says: httpd, which has a parent, opens /dev/null for \
            creation and writes to /proc/self/fd/4; the list of the original's answers leaves it out",
    },
    Difference {
        policy: "runtimeintegrity/ttps.yaml",
        trace: "capture/objectstore-download.sf",
        passed: 24,
        by_rule: &[("Privilege escalation", 20)],
        why: OTHER_RECORDING,
    },
    Difference {
        policy: "distribution",
        trace: "capture/objectstore-download.sf",
        passed: 175,
        by_rule: &[],
        why: OTHER_RECORDING,
    },
];

/// Recordings that the original's collector made: records by kind, matches of ttps.yaml, records that
/// distribution passes and, where they are known, its matches.
struct Capture {
    name: &'static str,
    records: [u64; 4],
    ttps: Original,
    distribution: u64,
}

const CAPTURES: &[Capture] = &[
    Capture {
        name: "client-server-tcp-client-server",
        records: [4, 0, 4, 2],
        ttps: original(10, 10, &[("Interactive shell", 10)]),
        distribution: 6,
    },
    Capture {
        name: "files-files",
        records: [2, 13, 6, 0],
        ttps: original(21, 21, &[("Interactive shell", 21)]),
        distribution: 16,
    },
    Capture {
        name: "files-filesat",
        records: [2, 13, 7, 0],
        ttps: original(22, 22, &[("Interactive shell", 22)]),
        distribution: 18,
    },
    Capture {
        name: "mpm-event-cold_start_capture",
        records: [0, 0, 50, 75],
        ttps: original(0, 0, &[]),
        distribution: 100,
    },
    Capture {
        name: "mpm-event-full_capture",
        records: [195, 27, 4410, 75],
        ttps: original(
            9,
            9,
            &[
                ("Non sudo setuid", 5),
                ("Privilege escalation", 3),
                ("Suspicious process spawned", 1),
            ],
        ),
        distribution: 172,
    },
    Capture {
        name: "mpm-preforked-cold_start_capture",
        records: [0, 0, 40, 27],
        ttps: original(0, 0, &[]),
        distribution: 32,
    },
    Capture {
        name: "objectstore-download",
        records: [23, 0, 161, 36],
        ttps: original(
            19,
            19,
            &[
                ("Privilege escalation", 14),
                ("Downloader detected", 2),
                ("Suspicious process spawned", 1),
                ("System Network Connections Discovery", 1),
                ("System Network Configuration Discovery", 1),
            ],
        ),
        distribution: 159,
    },
    Capture {
        name: "objectstore-ls",
        records: [0, 0, 11, 3],
        ttps: original(0, 0, &[]),
        distribution: 14,
    },
    Capture {
        name: "setuid-setuid",
        records: [10, 0, 2, 0],
        ttps: original(
            5,
            6,
            &[
                ("Interactive shell", 3),
                ("Non sudo setuid", 2),
                ("Privilege escalation", 1),
            ],
        ),
        distribution: 10,
    },
];

#[test]
fn policies_over_captures() {
    let Some(data) = data() else {
        return;
    };
    for capture in CAPTURES {
        let trace = format!("capture/{}.sf", capture.name);
        let tally = for_each_record(&data.join(&trace), |_| {});
        let kinds = [
            Kind::ProcessEvent,
            Kind::FileEvent,
            Kind::FileFlow,
            Kind::NetworkFlow,
        ];
        let mut records = capture.records;
        if capture.name == "objectstore-download" {
            records[0] += 16; // See OTHER_RECORDING.
        }
        let counted = kinds.map(|kind| tally.records[kind as usize]);
        assert_eq!(counted, records, "{trace}");
        check(
            &data,
            "runtimeintegrity/ttps.yaml",
            &trace,
            capture.ttps,
            DIFFERENCES,
        );

        let path = data.join("sysflow-policies/distribution");
        let (rules, _) = policies::load(&[path], &LoadOptions::default()).unwrap();
        let difference = DIFFERENCES
            .iter()
            .find(|difference| (difference.policy, difference.trace) == ("distribution", &*trace));
        let passed = difference.map_or(capture.distribution, |difference| difference.passed);
        assert_eq!(judge(&rules, &data.join(&trace)).passed, passed, "{trace}");
    }
}

#[test]
fn distribution_over_file_events() {
    let Some(data) = data() else {
        return;
    };
    let by_rule = &[
        ("File deleted", 6),
        ("Directory created", 2),
        ("Directory removed", 2),
        ("Execution of a file", 1),
        ("File Modified", 1),
        ("Hard link created", 1),
        ("Soft link created", 1),
        ("File renamed", 1),
        ("Process or thread exit", 1),
    ];
    check(
        &data,
        "distribution",
        "capture/files-files.sf",
        original(16, 16, by_rule),
        DIFFERENCES,
    );
    let by_rule = &[
        ("File deleted", 6),
        ("Directory created", 2),
        ("Directory removed", 2),
        ("Execution of a file", 1),
        ("File Modified", 2),
        ("Hard link created", 1),
        ("Soft link created", 1),
        ("File renamed", 1),
        ("Process or thread exit", 1),
        ("File Opened with Read Permissions", 1),
    ];
    check(
        &data,
        "distribution",
        "capture/files-filesat.sf",
        original(18, 18, by_rule),
        DIFFERENCES,
    );
}
