//! `sysflow run`: alerts as things happen, signals, rules that change.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::thread;
use std::time::Duration;

use libbpf_rs::query::{LinkInfoIter, ProgInfoIter};
use rustix::process::Signal;
use serde_json::Value;

use crate::program::{Watching, can_watch, eventually, scratch, share, shell};

/// What the promise of a few milliseconds may become on a busy machine.
const BOUND: Duration = Duration::from_secs(5);

/// A rule about one file being opened.
fn rule(name: &str, path: &Path) -> String {
    format!(
        "- rule: {name}\n  desc: A test's own file is opened.\n  condition: evt.type in (open, openat) and \
         fd.name = {path}\n  output: \"%proc.name opened %fd.name as %user.name\"\n  priority: WARNING\n  \
         tags: [T1005, mitre_collection]\n",
        path = path.display()
    )
}

#[test]
fn alerts_come_while_it_runs_and_have_the_layout_of_falco() {
    if !can_watch() {
        return;
    }
    let _share = share();
    let directory = scratch();
    let (file, policy) = (
        directory.path().join("secret"),
        directory.path().join("rules.yaml"),
    );
    fs::write(&file, "x").unwrap();
    fs::write(&policy, rule("Secret opened", &file)).unwrap();
    let policy = policy.to_str().unwrap();
    let watching = Watching::start(&["run", "--json", "--policies", policy]);
    let pid = shell(&format!("exec cat {} > /dev/null", file.display()));
    let (line, took) = watching.wait_for_alert("Secret opened");
    assert!(took < BOUND, "told after {took:?}");
    let alert: Value = serde_json::from_str(&line).unwrap();
    let keys: Vec<&String> = alert.as_object().unwrap().keys().collect();
    let expected = [
        "hostname",
        "output",
        "output_fields",
        "priority",
        "rule",
        "source",
        "tags",
        "time",
    ];
    assert_eq!(keys, expected);
    assert_eq!(alert["priority"], "Warning");
    assert_eq!(
        alert["tags"],
        serde_json::json!(["T1005", "mitre_collection"])
    );
    assert_eq!(alert["output_fields"]["proc.name"], "cat");
    assert_eq!(alert["output_fields"]["fd.name"], file.to_str().unwrap());
    let told = format!("cat opened {} as root", file.display());
    assert!(alert["output"].as_str().unwrap().contains(&told), "{alert}");
    assert!(pid > 0);
    // Once, although reading and closing follow.
    let (alerts, told) = watching.stop();
    assert!(alerts.is_empty(), "{alerts:?}");
    assert!(told.contains("1 alerts"), "{told}");
}

#[test]
fn rules_over_records_are_asked_while_it_runs_too() {
    if !can_watch() {
        return;
    }
    let _share = share();
    let directory = scratch();
    let file = directory.path().join("written");
    let policy = directory.path().join("rules.yaml");
    let text = format!(
        "- rule: Written\n  desc: A flow that wrote.\n  condition: type = FF and flow.wbytes > 0 and \
         file.path = {}\n  output: \"wrote %flow.wbytes B to %file.path\"\n  priority: NOTICE\n",
        file.display()
    );
    fs::write(&policy, text).unwrap();
    let policy = policy.to_str().unwrap();
    let watching = Watching::start(&["run", "--view", "records", "--json", "--policies", policy]);
    shell(&format!("printf 1234567 > {}", file.display()));
    let (alert, took) = watching.wait_for_alert("Written");
    assert!(alert.contains("wrote 7 B to"), "{alert}");
    assert!(took < BOUND, "told after {took:?}");
    watching.stop();
}

/// Ids of BPF programs and links that a process holds.
fn held(pid: u32) -> (BTreeSet<u32>, BTreeSet<u32>) {
    let (mut programs, mut links) = (BTreeSet::new(), BTreeSet::new());
    for entry in fs::read_dir(format!("/proc/{pid}/fdinfo")).unwrap() {
        let Ok(text) = fs::read_to_string(entry.unwrap().path()) else {
            continue;
        };
        for line in text.lines() {
            let number = line.split_whitespace().nth(1).map(str::parse);
            match (line.split(':').next(), number) {
                (Some("prog_id"), Some(Ok(id))) => programs.insert(id),
                (Some("link_id"), Some(Ok(id))) => links.insert(id),
                _ => false,
            };
        }
    }
    (programs, links)
}

#[test]
fn signals_end_it_well_and_nothing_stays_attached() {
    if !can_watch() {
        return;
    }
    let _share = share();
    let directory = scratch();
    let (file, policy) = (
        directory.path().join("late"),
        directory.path().join("rules.yaml"),
    );
    fs::write(&file, "x").unwrap();
    fs::write(&policy, rule("Late", &file)).unwrap();
    let policy = policy.to_str().unwrap();
    for signal in [Signal::TERM, Signal::INT] {
        let watching = Watching::start(&["run", "--policies", policy]);
        let (programs, links) = held(watching.pid());
        assert!(
            programs.len() > 3 && links.len() > 3,
            "{programs:?} {links:?}"
        );
        // What happens right before the end is told all the same.
        shell(&format!("exec cat {} > /dev/null", file.display()));
        watching.signal(signal);
        let (status, alerts, told) = watching.end();
        assert_eq!(status.code(), Some(0), "{told}");
        assert!(
            alerts.iter().any(|line| line.contains("Late")),
            "{alerts:?}"
        );
        for part in ["Alerts by rule", "Late", "no event was lost", "watched for"] {
            assert!(told.contains(part), "no {part:?} in {told}");
        }
        // The kernel takes them away soon after the last descriptor has gone. Ids are not used again soon.
        eventually("nothing stays attached", || {
            !ProgInfoIter::default().any(|program| programs.contains(&program.id))
                && !LinkInfoIter::default().any(|link| links.contains(&link.id))
        });
    }
}

#[test]
fn rules_are_read_again_and_broken_ones_are_refused() {
    if !can_watch() {
        return;
    }
    let _share = share();
    let directory = scratch();
    let paths: Vec<_> = ["first", "second", "third"]
        .map(|name| directory.path().join(name))
        .into();
    for path in &paths {
        fs::write(path, "x").unwrap();
    }
    let open = |path: &Path| {
        shell(&format!("exec cat {} > /dev/null", path.display()));
    };
    let policy = directory.path().join("rules.yaml");
    fs::write(&policy, rule("First", &paths[0])).unwrap();
    let name = policy.to_str().unwrap();
    let mut watching = Watching::start(&["run", "--json", "--policies", name]);
    open(&paths[0]);
    watching.wait_for_alert("First");

    // A change is noticed by itself.
    fs::write(
        &policy,
        rule("First", &paths[0]) + &rule("Second", &paths[1]),
    )
    .unwrap();
    watching.wait_for_message("the rules have changed: 2 run now");
    open(&paths[1]);
    watching.wait_for_alert("Second");

    // A broken one is refused with its place.
    fs::write(&policy, "- rule: Broken\n  condition: evt.type = (\n").unwrap();
    let message = watching.wait_for_message("rules.yaml:");
    assert!(message.contains("error"), "{message}");
    watching.wait_for_message("the old rules stay");
    open(&paths[1]);
    watching.wait_for_alert("Second");

    // So is one that is no YAML, and one that has gone: at a signal too.
    fs::write(&policy, "{{{{").unwrap();
    watching.wait_for_message("the old rules stay");
    fs::remove_file(&policy).unwrap();
    watching.signal(Signal::HUP);
    watching.wait_for_message("the old rules stay: cannot read");
    open(&paths[0]);
    watching.wait_for_alert("First");

    // A signal reads them also where nothing seems to have changed.
    fs::write(&policy, rule("Third", &paths[2])).unwrap();
    watching.wait_for_message("the rules have changed: 1 run now");
    watching.signal(Signal::HUP);
    watching.wait_for_message("the rules have changed: 1 run now");
    open(&paths[2]);
    watching.wait_for_alert("Third");
    open(&paths[0]);
    open(&paths[2]);
    watching.wait_for_alert("Third");
    let (alerts, told) = watching.stop();
    assert!(
        !alerts.iter().any(|line| line.contains("First")),
        "a rule that has gone still matches: {alerts:?}"
    );
    // What the rules of before found stays in the summary.
    for name in ["First", "Second", "Third"] {
        assert!(told.contains(name), "no {name} in {told}");
    }
}

#[test]
fn it_does_not_tell_of_itself() {
    if !can_watch() {
        return;
    }
    let _share = share();
    let directory = scratch();
    let policy = directory.path().join("rules.yaml");
    let rules = "- rule: All\n  desc: Whatever a program of this name does.\n  condition: proc.name = sysflow\n  \
                 output: \"%proc.pid %evt.type\"\n  priority: DEBUG\n";
    fs::write(&policy, rules).unwrap();
    let policy = policy.to_str().unwrap();
    let watching = Watching::start(&["run", "--json", "--policies", policy]);
    // Reads its rule file, writes alerts, asks the kernel: it does a lot meanwhile. Another one of its name, which is
    // told of, shows that the rule matches at all.
    let other = std::process::Command::new(crate::program::PROGRAM)
        .arg("--version")
        .stdout(std::process::Stdio::null())
        .spawn();
    let mut other = other.unwrap();
    other.wait().unwrap();
    watching.wait_for_alert(&format!("{} execve", other.id()));
    watching.signal(Signal::HUP);
    thread::sleep(Duration::from_secs(1));
    let own = format!("\"{} ", watching.pid());
    let (alerts, _) = watching.stop();
    let own: Vec<_> = alerts.iter().filter(|line| line.contains(&own)).collect();
    assert!(own.is_empty(), "{own:?}");
}
