//! The 51 Sigma rules that came with the original, over its traces, held against its numbers.

use std::collections::BTreeMap;

use sysflow_pipeline::policies;
use sysflow_policy::sigma::check_mapping;
use sysflow_policy::{LoadOptions, SourceFile};
use sysflow_record::entity::Joined;

use crate::{Found, TRACES, count, data, judge, rules_of};

const WEB_SHELL: &str = "Linux Webshell Indicators";
const ACCOUNTS: &str = "Local System Accounts Discovery";
const SYSTEM: &str = "System Information Discovery";
const NETWORK: &str = "System Network Discovery - Linux";

type Counts = &'static [(&'static str, u64)];

/// Trace, records and matches of the original, its matches by rule, and ours by rule.
const ROWS: [(&str, u64, u64, Counts, Counts); 8] = [
    (TRACES[0], 0, 0, &[], &[]),
    (TRACES[1], 0, 0, &[], &[]),
    (
        TRACES[2],
        24,
        31,
        &[(ACCOUNTS, 7), (WEB_SHELL, 24)],
        &[(ACCOUNTS, 1)],
    ),
    (
        TRACES[3],
        38,
        38,
        &[(WEB_SHELL, 38)],
        &[(WEB_SHELL, 3), (NETWORK, 43)],
    ),
    (TRACES[4], 0, 0, &[], &[(NETWORK, 1)]),
    (
        TRACES[5],
        247,
        361,
        &[(SYSTEM, 114), (WEB_SHELL, 247)],
        &[(SYSTEM, 19), (WEB_SHELL, 19)],
    ),
    (
        TRACES[6],
        72,
        96,
        &[(SYSTEM, 24), (WEB_SHELL, 72)],
        &[(SYSTEM, 4), (WEB_SHELL, 6)],
    ),
    (
        TRACES[7],
        224,
        320,
        &[(SYSTEM, 100), (WEB_SHELL, 220)],
        &[(SYSTEM, 17), (WEB_SHELL, 15)],
    ),
];

/// Why ours differ.
const REASONS: [(&str, &str); 4] = [
    (
        WEB_SHELL,
        "the original counts every record of a process, not its start alone, and takes any ancestor, and \
         the process itself, for the parent",
    ),
    (
        ACCOUNTS,
        "the original counts every record of a process, not its start alone",
    ),
    (
        SYSTEM,
        "the original counts every record of a process, not its start alone",
    ),
    (
        NETWORK,
        "the original wants all maps of a list to match, where one is enough",
    ),
];

fn by_rule(counts: Counts) -> BTreeMap<String, u64> {
    let counts = counts.iter().map(|(rule, n)| ((*rule).to_owned(), *n));
    counts.collect()
}

#[test]
fn everything_in_the_mapping_exists() {
    let problems = check_mapping::<Joined<'static>>(None);
    assert!(problems.is_empty(), "{problems}");
}

#[test]
fn rules_over_traces() {
    let Some(data) = data() else {
        return;
    };
    let path = data.join("sigma/linux");
    let (rules, problems) = policies::load(&[path], &LoadOptions::default()).unwrap();
    assert!(problems.is_empty(), "{problems}");
    assert_eq!(rules.rules().len(), 51);
    for (trace, _, _, originals, ours) in ROWS {
        let found = judge(&rules, &data.join(trace));
        assert_eq!(found.by_rule, by_rule(ours), "{trace}");
        for rule in rules.rules() {
            let of = |counts: Counts| by_rule(counts).get(&rule.name).copied();
            let has_reason = REASONS.iter().any(|(name, _)| *name == rule.name);
            assert!(of(originals) == of(ours) || has_reason, "{}", rule.name);
        }
    }
}

/// The programs that the rule for web shells asks for.
const WEB_PROGRAMS: &str = "sf.proc.exe pmatch (/whoami, /ifconfig, /usr/bin/ip, /usr/sbin/ip, /bin/uname, \
    /bin/cat, /bin/sh, /bin/bash, /bin/crontab, /hostname, /iptables, /netstat, /pwd, /route)";

/// The original's mapping says nothing of kinds of data, so rules are asked of every record, and it has
/// ancestors for parents: with it, what the original found is found again. What it did not find is the rule
/// whose list of maps it read as one map. In two traces it counts more records of web shells than these
/// have records of such programs below web servers, by the executables that they record; why is not known.
#[test]
fn rules_over_traces_with_the_mapping_of_the_original() {
    let Some(data) = data() else {
        return;
    };
    let mapping = SourceFile {
        name: "sysflow.yml".into(),
        text: std::fs::read_to_string(data.join("sigma/config/sysflow.yml")).unwrap(),
    };
    let options = LoadOptions {
        sigma_mapping: Some(mapping),
        ..LoadOptions::default()
    };
    let (rules, problems) = policies::load(&[data.join("sigma/linux")], &options).unwrap();
    // Two rules ask for LogonId, which the original takes for a field without a value.
    assert_eq!(rules.rules().len(), 49);
    let mut errors = 0;
    for problem in problems.only_errors().iter() {
        assert_eq!(problem.message, "the field `LogonId` is not mapped");
        errors += 1;
    }
    assert_eq!(errors, 2);
    for (trace, passed, matches, originals, _) in ROWS {
        let Found { by_rule: found, .. } = judge(&rules, &data.join(trace));
        let mut found_by_both = found.clone();
        found_by_both.remove(NETWORK);
        assert_eq!(by_rule(originals).values().sum::<u64>(), matches, "{trace}");
        let mut expected = by_rule(originals);
        for (in_trace, original, programs, ours) in
            [(TRACES[6], 72, 68, 63), (TRACES[7], 220, 208, 200)]
        {
            if trace == in_trace {
                let below = count(WEB_PROGRAMS, &data.join(trace)).unwrap();
                assert_eq!((below, expected[WEB_SHELL]), (programs, original));
                expected.insert(WEB_SHELL.to_owned(), ours);
            }
        }
        assert_eq!(found_by_both, expected, "{trace}");
        assert!(passed <= matches, "{trace}");
    }
}

/// Categories and what records of them are: no calls that failed, no pipes, sockets and directories.
const CATEGORIES: [(&str, &str); 4] = [
    (
        "file_event",
        "(sf.type = FF and (sf.opflags = WRITE or sf.file.openflags in (CREAT, TRUNC)) \
         and not sf.file.type in (d, p, u)) \
         or (sf.type = FE and sf.ret >= 0 and sf.opflags in (LINK, SYMLINK, RENAME, MKDIR))",
    ),
    (
        "file_change",
        "sf.type = FF and sf.opflags in (WRITE, TRUNCATE) and not sf.file.type in (d, p, u)",
    ),
    (
        "file_access",
        "sf.type = FF and sf.opflags in (OPEN, READ) and not sf.file.type in (d, p, u)",
    ),
    (
        "file_delete",
        "sf.type = FE and sf.opflags in (UNLINK, RMDIR) and evt.res = SUCCESS",
    ),
];

#[test]
fn records_of_files_are_about_files() {
    let Some(data) = data() else {
        return;
    };
    for (category, condition) in CATEGORIES {
        let (rules, is_faulty) = rules_of(&format!(
            "title: r\nlogsource: {{category: {category}}}\n\
             detection:\n  s: {{Computer|re: ''}}\n  t: {{Computer: null}}\n  condition: s or t\n"
        ));
        assert!(!is_faulty);
        let mut all = 0;
        for trace in TRACES {
            let trace = data.join(trace);
            let found = judge(&rules, &trace).by_rule.values().sum::<u64>();
            assert_eq!(Some(found), count(condition, &trace), "{category}");
            all += found;
        }
        assert!(all > 0 || category == "file_delete", "{category}");
    }
}
