//! What the shipped policies say of a recorded attack: a web application is made to run a dropped script, which
//! installs tools, reads credentials, fetches data from a store and sends them away in many sessions.
//!
//! Three recordings follow each other: before the attack, its beginning, its end. They lie beside the
//! repository; without them the tests say so and pass.

#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use sysflow_field::View;
use sysflow_pipeline::inputs::Input;
use sysflow_pipeline::judging::Judgement;
use sysflow_pipeline::policies::{self, RecordRules};
use sysflow_pipeline::progress::Progress;
use sysflow_pipeline::stream::{self, Fault, Options, Sink};
use sysflow_policy::{LoadOptions, Priority, RuleSet};
use sysflow_record::Record;
use sysflow_record::entity::Joined;

const BEFORE: &str = "mon.1531776682.sf";
const BEGINNING: &str = "mon.1531776712.sf";
const END: &str = "mon.1531776742.sf";

/// The web server.
const NODE: i64 = 2025;
/// The dropped script.
const SCRIPT: i64 = 17754;

struct Alert {
    id: String,
    priority: Priority,
    pid: i64,
    command: String,
    ancestors: Vec<i64>,
    time: i64,
    target: Option<String>,
    sent: u64,
    output: String,
}

fn recordings(names: &[&str]) -> Option<Vec<PathBuf>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/traces/express");
    if !folder.is_dir() {
        println!("skipped: {} is not there", folder.display());
        return None;
    }
    Some(names.iter().map(|name| folder.join(name)).collect())
}

/// What the shipped policies say of recordings that follow each other.
fn alerts(names: &[&str]) -> Option<Vec<Alert>> {
    struct Judge {
        rules: RecordRules,
        judgement: Judgement,
        alerts: Vec<Alert>,
    }

    impl Sink for Judge {
        type Stop = ();

        fn record(&mut self, joined: &Joined<'_>) -> ControlFlow<()> {
            let rules: &RuleSet<Joined<'_>> = &self.rules;
            let (_, matches) = self.judgement.judge(rules, joined, joined.record.ts());
            for rule in matches.iter().filter_map(|found| rules.rule(found.rule)) {
                self.alerts.push(alert(rule, joined));
            }
            ControlFlow::Continue(())
        }

        fn fault(&mut self, fault: &Fault) {
            panic!("{fault}");
        }
    }

    let paths = recordings(names)?;
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../policies");
    let (rules, _) = policies::load(&[folder], &LoadOptions::default()).unwrap();
    let mut judge = Judge {
        judgement: Judgement::new(&rules),
        rules,
        alerts: Vec::new(),
    };
    let inputs: Vec<Input> = paths.into_iter().map(Input::File).collect();
    let progress = Progress::new(None, false);
    stream::read(&inputs, Options::default(), &progress, &mut judge);
    Some(judge.alerts)
}

fn alert<'a>(rule: &sysflow_policy::Rule<Joined<'a>>, joined: &Joined<'a>) -> Alert {
    let text = |name: &str| {
        let field = Joined::catalogue().resolve(name).unwrap();
        let mut values = Vec::new();
        joined.visit(field.id, &field.arg, |value| {
            values.push(value.to_string());
            ControlFlow::Continue(())
        });
        values
    };
    let mut output = String::new();
    rule.output.as_ref().unwrap().render(joined, &mut output);
    let ancestors = text("proc.apid");
    Alert {
        id: rule
            .tags
            .iter()
            .find(|tag| tag.starts_with("SF-"))
            .unwrap()
            .clone(),
        priority: rule.priority,
        pid: joined.process.unwrap().oid.hpid,
        command: text("proc.cmdline").concat(),
        ancestors: ancestors.iter().map(|pid| pid.parse().unwrap()).collect(),
        time: joined.record.ts(),
        target: text("fd.sip").pop(),
        sent: match joined.record {
            Record::NetworkFlow(flow) => flow.write_bytes.max(0) as u64,
            _ => 0,
        },
        output,
    }
}

fn of<'a>(alerts: &'a [Alert], id: &'a str) -> impl Iterator<Item = &'a Alert> + Clone {
    alerts.iter().filter(move |alert| alert.id == id)
}

fn once<'a>(alerts: &'a [Alert], id: &str) -> &'a Alert {
    let found: Vec<&Alert> = alerts.iter().filter(|alert| alert.id == id).collect();
    assert_eq!(found.len(), 1, "{id}");
    found[0]
}

#[test]
fn normal_work_raises_nothing_that_is_urgent() {
    let Some(alerts) = alerts(&[BEFORE]) else {
        return;
    };
    let ids: BTreeSet<&str> = alerts.iter().map(|alert| alert.id.as_str()).collect();
    assert_eq!(ids, BTreeSet::from(["SF-201"]));
    assert!(
        alerts
            .iter()
            .all(|alert| alert.priority > Priority::Warning)
    );
    let shells: Vec<_> = of(&alerts, "SF-201").collect();
    assert_eq!(shells.len(), 19);
    for shell in shells {
        let known = r#"-c python cos-write.py -p testat:foo:"ibm 4 life!""#;
        assert!(shell.command.ends_with(known), "{}", shell.command);
    }
}

#[test]
fn each_stage_of_the_attack_is_found_where_it_happens() {
    let Some(all) = alerts(&[BEFORE, BEGINNING, END]) else {
        return;
    };
    // T1190, T1105: the web server writes a file, and it alone calls a new address.
    let dropped = once(&all, "SF-101");
    assert_eq!(dropped.pid, NODE);
    assert!(
        dropped.output.contains("/tmp/exfil.py"),
        "{}",
        dropped.output
    );
    let called = of(&all, "SF-804").filter(|alert| alert.pid == NODE);
    let called: Vec<_> = called.map(|alert| alert.target.as_deref()).collect();
    assert_eq!(called, [Some("169.60.70.162")]);
    // T1059: what was written is run, 18.7 ms after it was written and 340 ms after it was opened.
    let run = once(&all, "SF-202");
    assert_eq!(run.pid, SCRIPT);
    let written = once(&all, "SF-209");
    assert_eq!((written.pid, written.time), (SCRIPT, run.time));
    assert_eq!((run.time - dropped.time) / 1_000_000, 340);
    // T1059.004: one shell does what no shell before did.
    let shells = |alerts: &[Alert]| -> BTreeMap<i64, String> {
        let arguments = |alert: &Alert| alert.command.split_once(' ').unwrap().1.to_owned();
        of(alerts, "SF-201")
            .map(|alert| (alert.pid, arguments(alert)))
            .collect()
    };
    let known: BTreeSet<String> = shells(&alerts(&[BEFORE]).unwrap()).into_values().collect();
    let mut new = shells(&all);
    new.retain(|_, arguments| !known.contains(arguments));
    assert_eq!(
        new,
        BTreeMap::from([(17753, "-c /tmp/exfil.py -a".to_owned())])
    );
    // T1072: of one installer the recording does not tell whose child it is.
    let installs = |id: &str| -> Vec<(i64, String)> {
        of(&all, id)
            .map(|alert| (alert.pid, alert.command.clone()))
            .collect()
    };
    let pip = "python2.7 /usr/bin/pip install python-twitter ibm-cos-sdk requests";
    assert_eq!(
        installs("SF-203"),
        [
            (17757, "apt-get update".to_owned()),
            (18062, "apt-get install -y python-pip".to_owned()),
            (18168, pip.to_owned()),
        ]
    );
    let pip = "python /usr/bin/pip install -U setuptools";
    assert_eq!(installs("SF-208"), [(18118, pip.to_owned())]);
    // T1552.001: 41 others read the same file.
    assert!(of(&all, "SF-601").count() == 2 && of(&all, "SF-601").all(|alert| alert.pid == SCRIPT));
    // T1530, T1041: the upload that stands out among 41 of 2,373 bytes.
    assert_eq!(
        once(&all, "SF-901").target.as_deref(),
        Some("169.46.118.97")
    );
    assert_eq!(once(&all, "SF-903").sent, 31_257);
}

#[test]
fn the_data_leave_in_regular_sessions_that_lead_back_to_the_web_server() {
    let Some(all) = alerts(&[BEGINNING, END]) else {
        return;
    };
    let sessions: Vec<&Alert> = of(&all, "SF-802")
        .filter(|alert| {
            alert
                .target
                .as_deref()
                .is_some_and(|ip| ip.starts_with("104.244.42."))
        })
        .collect();
    assert_eq!(sessions.len(), 22);
    let sent: u64 = sessions.iter().map(|alert| alert.sent).sum();
    assert_eq!(sent, 25_700);
    for session in &sessions {
        assert_eq!(session.pid, SCRIPT);
        assert!(session.ancestors.contains(&NODE), "{:?}", session.ancestors);
    }
    let mut starts: Vec<i64> = sessions.iter().map(|alert| alert.time).collect();
    starts.sort_unstable();
    let gaps: Vec<f64> = starts
        .windows(2)
        .map(|pair| (pair[1] - pair[0]) as f64)
        .collect();
    let mean = gaps.iter().sum::<f64>() / gaps.len() as f64;
    let variance = gaps.iter().map(|gap| (gap - mean).powi(2)).sum::<f64>() / gaps.len() as f64;
    let variation = variance.sqrt() / mean;
    assert!((variation - 0.21).abs() < 0.01, "{variation}");
    let found: Vec<&Alert> = of(&all, "SF-902").collect();
    assert_eq!(found.len(), 1, "one alert for all of them");
    assert_eq!(
        (found[0].pid, found[0].priority),
        (SCRIPT, Priority::Critical)
    );
}

#[test]
fn nothing_urgent_is_said_of_what_does_not_belong_to_the_attack() {
    let Some(all) = alerts(&[BEFORE, BEGINNING, END]) else {
        return;
    };
    for alert in all.iter().filter(|alert| alert.priority <= Priority::Error) {
        let belongs =
            [NODE, 17753, SCRIPT].contains(&alert.pid) || alert.ancestors.contains(&SCRIPT);
        assert!(belongs, "{} {}: {}", alert.id, alert.pid, alert.output);
    }
}
