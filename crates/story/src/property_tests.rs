//! Whatever a story says, it is told or refused with a place.
#![allow(clippy::unwrap_used)]

use std::fmt::Write as _;

use proptest::prelude::*;
use sysflow_collect::{Collector, Config, EventsOnly};

use crate::Story;

/// Verbs with the arguments that they must have.
const VERBS: &[(&str, &str)] = &[
    ("process", "exe: /bin/x"),
    ("fork", "child: 7"),
    ("thread", "child: 8"),
    ("exec", "exe: /bin/y"),
    ("exit", ""),
    ("open", "path: /a"),
    ("read", ""),
    ("write", ""),
    ("close", ""),
    ("unlink", "path: a"),
    ("rmdir", "path: a"),
    ("mkdir", "path: a"),
    ("rename", "from: a, to: b"),
    ("link", "from: a, to: b"),
    ("symlink", "target: a, path: b"),
    ("chmod", "mode: 755"),
    ("chown", "path: a"),
    ("mount", "target: /a"),
    ("umount", "target: /a"),
    ("socket", ""),
    ("connect", "to: '1.2.3.4:5'"),
    ("accept", "from: '[::1]:5'"),
    ("bind", "on: '0.0.0.0:5'"),
    ("listen", ""),
    ("send", ""),
    ("receive", ""),
    ("shutdown", ""),
    ("setuid", "uid: 0"),
    ("setgid", "gid: 0"),
    ("setsid", ""),
    ("capset", ""),
    ("setns", ""),
    ("unshare", "kinds: newpid"),
    ("chroot", "path: /a"),
    ("chdir", "path: a"),
    ("ptrace", "request: attach"),
    ("kill", "target: 1"),
    ("memfd", "name: m"),
    ("init_module", ""),
    ("delete_module", "name: m"),
    ("bpf", "command: prog_load"),
    ("dup", "fd: 3"),
    ("pipe", ""),
    ("mmap", ""),
    ("prctl", "option: set_name"),
    ("call", "name: seccomp"),
    ("container", "name: c"),
    ("user", "name: u, id: 1"),
    ("wait", "1s"),
];

const KEYS: &[&str] = &[
    "fd",
    "tid",
    "after",
    "result",
    "repeat",
    "bytes",
    "data",
    "flags",
    "to",
    "from",
    "on",
    "path",
    "mode",
    "call",
    "args",
    "signal",
    "code",
    "protocol",
    "family",
    "at",
    "name",
    "container",
    "length",
    "number",
    "nonsense",
];

const VALUES: &[&str] = &[
    "0",
    "3",
    "-1",
    "7",
    "2147483647",
    "-9223372036854775808",
    "18446744073709551615",
    "[]",
    "{}",
    "''",
    "x",
    "[write, create]",
    "'1.2.3.4:5'",
    "'[::2]:6'",
    "/run/x",
    "'@'",
    "20ms",
    "-ENOENT",
    "udp",
    "unix",
    "null",
    "true",
    "1.5",
    "'{n}'",
    "\"\\0\"",
    "ü",
];

fn step() -> impl Strategy<Value = String> {
    let extra = (0..KEYS.len(), 0..VALUES.len());
    let extras = proptest::collection::vec(extra, 0..3);
    (0..VERBS.len(), 1..9_i64, extras).prop_map(|(verb, pid, extras)| {
        let (verb, must) = VERBS[verb];
        if verb == "wait" {
            return format!("- wait: {must}\n");
        }
        let mut text = format!("- {verb}: {{");
        if !matches!(verb, "container" | "user") {
            let _ = write!(text, "pid: {pid}, ");
        }
        text.push_str(must);
        for (key, value) in extras {
            let _ = write!(text, ", {}: {}", KEYS[key], VALUES[value]);
        }
        text.replace("{, ", "{").replace(", ,", ",") + "}\n"
    })
}

/// Plays a story for whoever wants to see everything.
fn run(text: &str) {
    let error = match Story::parse(text) {
        Err(error) => error,
        Ok(story) => {
            let mut seen = Vec::new();
            let take = EventsOnly(|view: &sysflow_collect::EventView<'_>| {
                seen.clear();
                sysflow_collect::view::line(view, &mut seen);
            });
            let mut collector = Collector::new(Config::default(), take);
            let played = story.play(&mut collector);
            let _ = collector.finish();
            match played {
                Ok(()) => return,
                Err(error) => error,
            }
        }
    };
    assert!(error.line > 0, "no place: {error}\n{text}");
    assert!(!error.message.is_empty());
}

proptest! {
    #[test]
    fn stories_of_verbs_are_told_or_refused(steps in proptest::collection::vec(step(), 1..12)) {
        run(&steps.concat());
    }

    #[test]
    fn a_sound_story_with_one_step_more_is_told_or_refused(step in step()) {
        run(&format!(
            "- process: {{pid: 5, exe: /bin/a, container: c}}\n- fork: {{pid: 5, child: 6}}\n\
             - open: {{pid: 5, path: /a}}\n- connect: {{pid: 5, to: '1.2.3.4:5'}}\n{step}"
        ));
    }

    #[test]
    fn texts_are_told_or_refused(text in "[-a-z:{}\\[\\] ,0-9'\n]{0,80}") {
        // An empty document has no place of its own.
        if !text.trim().is_empty() {
            let _ = Story::parse(&text).map(|story| story.len());
        }
    }
}
