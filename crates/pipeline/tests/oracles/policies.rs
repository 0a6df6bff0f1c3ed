//! The original's policies over its recordings.

use sysflow_pipeline::policies;
use sysflow_policy::LoadOptions;

use crate::judged::{Difference, Original, check, original};
use crate::{TRACES, data};

const NO_SUCH_FIELD: &str =
    "a rule that needs a field that does not exist is left out: here sf.net.mask";

const DIFFERENCES: &[Difference] = &[
    Difference {
        policy: "runtimeintegrity/ttps.yaml",
        trace: "traces/samples/shellshock.sf",
        passed: 3,
        by_rule: &[("Command and Scripting Interpreter", 0)],
        why: NO_SUCH_FIELD,
    },
    Difference {
        policy: "runtimeintegrity",
        trace: "traces/samples/shellshock.sf",
        passed: 4,
        by_rule: &[("Command and Scripting Interpreter", 0)],
        why: NO_SUCH_FIELD,
    },
];

/// ttps.yaml alone.
const TTPS: [Original; 8] = [
    original(10, 10, &[("Interactive shell", 10)]),
    original(0, 0, &[]),
    original(
        5,
        5,
        &[
            ("Command and Scripting Interpreter", 2),
            ("Suspicious process spawned", 1),
            ("Account Discovery: Local Account", 1),
            ("Untrusted read sensitive file", 1),
        ],
    ),
    original(
        80,
        83,
        &[
            ("System Network Configuration Discovery", 43),
            ("Non sudo setuid", 19),
            ("Suspicious process spawned", 12),
            ("File and Directory Discovery", 6),
            ("Shell started by container entry point", 3),
        ],
    ),
    original(
        30,
        32,
        &[
            ("Interactive shell", 14),
            ("File and Directory Discovery", 8),
            ("Unauthorized installer detected", 5),
            ("Create files below dev", 2),
            ("Privilege escalation", 2),
            ("System Network Configuration Discovery", 1),
        ],
    ),
    original(
        38,
        57,
        &[
            ("Suspicious process spawned", 19),
            ("Shell started by container entry point", 19),
            ("System Information Discovery", 19),
        ],
    ),
    original(
        475,
        483,
        &[
            ("Privilege escalation", 454),
            ("Suspicious process spawned", 8),
            ("Shell started by container entry point", 8),
            ("Unauthorized installer detected", 6),
            ("System Information Discovery", 4),
            ("Webserver writing unusual file", 2),
            ("Write Below RPM/DPKG Database", 1),
        ],
    ),
    original(
        59,
        79,
        &[
            ("Suspicious process spawned", 21),
            ("Privilege escalation", 19),
            ("Shell started by container entry point", 17),
            ("System Information Discovery", 17),
            ("Write below binary dir", 2),
            ("Write below system dirs", 2),
            ("Unauthorized installer detected", 1),
        ],
    ),
];

/// The directory runtimeintegrity: globals.yaml with its drop, path.yaml, runtimeintegrity.yaml, ttps.yaml.
const RUNTIMEINTEGRITY: [Original; 8] = [
    original(
        10,
        14,
        &[("Interactive shell", 10), ("Interactive login detected", 4)],
    ),
    original(0, 0, &[]),
    original(
        6,
        8,
        &[
            ("Suspicious process spawned", 3),
            ("Command and Scripting Interpreter", 2),
            ("Untrusted read sensitive file", 2),
            ("Account Discovery: Local Account", 1),
        ],
    ),
    original(
        81,
        96,
        &[
            ("System Network Configuration Discovery", 43),
            ("Suspicious process spawned", 24),
            ("Non sudo setuid", 19),
            ("File and Directory Discovery", 6),
            ("Shell started by container entry point", 3),
            ("New pod in namespace robot-shop", 1),
        ],
    ),
    original(
        29,
        33,
        &[
            ("Interactive shell", 14),
            ("File and Directory Discovery", 8),
            ("Suspicious process spawned", 4),
            ("Interactive login detected", 2),
            ("Create files below dev", 2),
            ("Privilege escalation", 2),
            ("System Network Configuration Discovery", 1),
        ],
    ),
    original(
        38,
        76,
        &[
            ("Suspicious process spawned", 38),
            ("Shell started by container entry point", 19),
            ("System Information Discovery", 19),
        ],
    ),
    original(
        466,
        485,
        &[
            ("Privilege escalation", 448),
            ("Suspicious process spawned", 16),
            ("Shell started by container entry point", 8),
            ("Unauthorized installer detected", 6),
            ("System Information Discovery", 4),
            ("Webserver writing unusual file", 2),
            ("Write Below RPM/DPKG Database", 1),
        ],
    ),
    original(
        43,
        80,
        &[
            ("Suspicious process spawned", 34),
            ("Shell started by container entry point", 17),
            ("System Information Discovery", 17),
            ("Privilege escalation", 8),
            ("Write below binary dir", 2),
            ("Write below system dirs", 2),
        ],
    ),
];

/// distribution/filter.yaml.
const DISTRIBUTION: [Original; 8] = [
    original(
        6,
        8,
        &[
            ("Execution of a file", 2),
            ("Process Sending and Receiving Network Data", 2),
            ("Process or thread exit", 2),
            ("Process Created a Network Connection", 1),
            ("Process Accepted a Network Connection", 1),
        ],
    ),
    original(
        2,
        4,
        &[
            ("Process Accepted a Network Connection", 1),
            ("Process Sending and Receiving Network Data", 1),
            ("Network Connection Closed", 1),
            ("File Modified", 1),
        ],
    ),
    original(
        13,
        13,
        &[
            ("Process cloned", 4),
            ("Execution of a file", 3),
            ("File Modified", 3),
            ("Process or thread exit", 2),
            ("File Read", 1),
        ],
    ),
    original(
        2851,
        3397,
        &[
            ("Process Sending and Receiving Network Data", 869),
            ("File Read", 756),
            ("Network Connection Closed", 471),
            ("Process Receiving Network Data", 245),
            ("File Modified", 236),
            ("Process Accepted a Network Connection", 196),
            ("Process Sending Network Data", 145),
            ("Process Created a Network Connection", 130),
            ("Process cloned", 104),
            ("Execution of a file", 79),
            ("Process or thread exit", 72),
            ("File Opened with Read Permissions", 66),
            ("UID of process was changed", 19),
            ("File renamed", 7),
            ("File Opened with Write Permissions", 1),
            ("File deleted", 1),
        ],
    ),
    original(
        921,
        921,
        &[
            ("File Opened with Read Permissions", 372),
            ("File Read", 282),
            ("File Modified", 93),
            ("File deleted", 73),
            ("Process cloned", 32),
            ("File Opened with Write Permissions", 24),
            ("Execution of a file", 17),
            ("Process or thread exit", 17),
            ("Hard link created", 4),
            ("File renamed", 4),
            ("Process Receiving Network Data", 1),
            ("Process Sending Network Data", 1),
            ("Process Sending and Receiving Network Data", 1),
        ],
    ),
    original(
        930,
        1558,
        &[
            ("Network Connection Closed", 314),
            ("Process Created a Network Connection", 295),
            ("Process cloned", 248),
            ("Process Receiving Network Data", 236),
            ("Execution of a file", 133),
            ("Process or thread exit", 116),
            ("File Modified", 80),
            ("Process Sending and Receiving Network Data", 78),
            ("File Read", 39),
            ("Process Accepted a Network Connection", 19),
        ],
    ),
    original(
        331,
        501,
        &[
            ("Process cloned", 101),
            ("Network Connection Closed", 84),
            ("Process Created a Network Connection", 80),
            ("Execution of a file", 62),
            ("Process Receiving Network Data", 56),
            ("Process or thread exit", 36),
            ("Process Sending and Receiving Network Data", 30),
            ("File Modified", 30),
            ("File Read", 12),
            ("Process Accepted a Network Connection", 6),
            ("File Opened with Write Permissions", 3),
            ("File Opened with Read Permissions", 1),
        ],
    ),
    original(
        1710,
        2526,
        &[
            ("File Modified", 535),
            ("Process Created a Network Connection", 469),
            ("Network Connection Closed", 419),
            ("Process Receiving Network Data", 304),
            ("Process cloned", 229),
            ("Execution of a file", 120),
            ("Process or thread exit", 104),
            ("Process Sending and Receiving Network Data", 93),
            ("Directory created", 83),
            ("File renamed", 75),
            ("File Read", 62),
            ("Process Accepted a Network Connection", 17),
            ("File Opened with Write Permissions", 15),
            ("File Opened with Read Permissions", 1),
        ],
    ),
];

/// Rules that are left out, with the field that does not exist.
const LEFT_OUT: &[(&str, &[(&str, &str)])] = &[
    (
        "runtimeintegrity/ttps.yaml",
        &[
            ("Command and Scripting Interpreter", "sf.net.mask"),
            ("System procs network activity", "sf.net.mask"),
            ("Process Discovery", "sf-process.args"),
            (
                "Indicator Removal on Host: Clear Linux or Mac System Logs",
                "sf.prog.args",
            ),
            (
                "Indicator Removal on Host: Clear Linux or Mac System Logs",
                "srf.proc.name",
            ),
            ("Scheduled Task/Job At", "sf.poc.name"),
            ("Remote File Copy", "sf.prog.args"),
        ],
    ),
    (
        "runtimeintegrity/runtimeintegrity.yaml",
        &[
            ("System procs network activity", "sf.net.mask"),
            ("System procs network activity", "sf.net.sockfamily"),
        ],
    ),
    ("distribution", &[]),
];

#[test]
fn policies_over_traces() {
    let Some(data) = data() else {
        return;
    };
    for (policy, originals) in [
        ("runtimeintegrity/ttps.yaml", TTPS),
        ("runtimeintegrity", RUNTIMEINTEGRITY),
        ("distribution", DISTRIBUTION),
    ] {
        for (trace, original) in TRACES.into_iter().zip(originals) {
            check(&data, policy, trace, original, DIFFERENCES);
        }
    }
}

#[test]
fn rules_that_misspell_fields_are_left_out() {
    let Some(data) = data() else {
        return;
    };
    for (policy, left_out) in LEFT_OUT {
        let path = data.join("sysflow-policies").join(policy);
        let (rules, problems) = policies::load(&[path], &LoadOptions::default()).unwrap();
        let mut names: Vec<&str> = left_out.iter().map(|(rule, _)| *rule).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(
            rules.rules().len() + names.len(),
            rules.counts().rules,
            "{policy}"
        );
        for (rule, field) in *left_out {
            assert!(
                rules.rules().iter().all(|kept| kept.name != *rule),
                "{rule}"
            );
            let told = problems.only_errors().iter().any(|problem| {
                let names_rule = problem.notes.iter().any(|note| note.contains(rule));
                names_rule && problem.message.contains(field)
            });
            assert!(told, "{rule} is left out for {field}");
        }
    }
}
