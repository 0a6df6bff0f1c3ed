#![allow(clippy::unwrap_used)]
//! What verbs tell, seen through the collector.

use sysflow_collect::{Collector, Config, EventsOnly};
use sysflow_event::raw::RawValue;

use crate::Story;

/// The events of a story, each as Falco would show it.
fn told(story: &str) -> Vec<String> {
    let story = Story::parse(story).unwrap();
    let mut lines = Vec::new();
    let take = EventsOnly(|view: &sysflow_collect::EventView<'_>| {
        let mut line = view.event().name.to_owned();
        let mut text = Vec::new();
        sysflow_collect::view::arguments(view, &mut text);
        line.push(' ');
        line.push_str(&String::from_utf8(text).unwrap());
        lines.push(line);
    });
    let mut collector = Collector::new(Config::default(), take);
    story.play(&mut collector).unwrap();
    let _ = collector.finish();
    lines
}

fn wrong(story: &str) -> String {
    let story = match Story::parse(story) {
        Ok(story) => story,
        Err(error) => return error.to_string(),
    };
    let mut collector = Collector::new(
        Config::default(),
        EventsOnly(|_: &sysflow_collect::EventView<'_>| {}),
    );
    story.play(&mut collector).unwrap_err().to_string()
}

const WEB: &str =
    "- process: {pid: 100, exe: /usr/sbin/nginx, user: www-data, uid: 33, container: web}\n";

#[test]
fn a_story_is_told_with_the_arguments_of_captures() {
    let lines = told(&format!(
        "{WEB}
- open: {{pid: 100, path: /tmp/.x, flags: [write, create], fd: 7}}
- write: {{pid: 100, fd: 7, data: abc}}
- close: {{pid: 100, fd: 7}}
- fork: {{pid: 100, child: 101}}
- exec: {{pid: 101, exe: /tmp/.x, args: --quiet, after: 20ms}}
- connect: {{pid: 101, fd: 3, to: '203.0.113.9:443', result: -EINPROGRESS}}
- send: {{pid: 101, fd: 3, bytes: 512, times: 2}}
- chmod: {{pid: 101, path: /tmp/.x, mode: 4755}}
- ptrace: {{pid: 101, request: attach, target: 1}}
- exit: {{pid: 101}}
"
    ));
    let names: Vec<&str> = lines
        .iter()
        .map(|line| line.split(' ').next().unwrap())
        .collect();
    let expected = [
        "openat", "write", "close", "clone", "clone", "execve", "socket", "connect", "sendto",
        "sendto", "fchmodat", "ptrace", "procexit",
    ];
    assert_eq!(names, expected);
    for part in [
        "name=/tmp/.x",
        "O_CREAT",
        "data=abc",
        "exe=/tmp/.x args=--quiet",
        "10.0.0.5:40000->203.0.113.9:443",
        "EINPROGRESS",
        "S_ISUID",
        "PTRACE_ATTACH",
    ] {
        assert!(
            lines.iter().any(|line| line.contains(part)),
            "{part}: {lines:#?}"
        );
    }
}

#[test]
fn a_story_told_twice_is_the_same() {
    let story = format!("{WEB}- connect: {{pid: 100, to: '192.0.2.{{n}}:80', repeat: 3}}\n");
    assert_eq!(told(&story), told(&story));
    let lines = told(&story);
    assert!(lines[5].contains("192.0.2.3:80"), "{lines:#?}");
}

#[test]
fn steps_are_repeated_together() {
    let story = format!(
        "{WEB}
- repeat:
    times: 3
    after: 2s
    steps:
      - connect: {{pid: 100, to: '203.0.113.{{n}}:443'}}
      - send: {{pid: 100, bytes: 600}}
      - close: {{pid: 100}}
"
    );
    assert_eq!(told(&story).len(), 12);
}

#[test]
fn results_that_no_kernel_gives_are_told_as_they_are() {
    let lines = told(&format!(
        "{WEB}
- unlink: {{pid: 100, path: /a, result: -9223372036854775808}}
- unlink: {{pid: 100, path: /a, result: -ENOENT}}
"
    ));
    assert!(lines[0].contains("res=-9223372036854775808 "), "{lines:#?}");
    assert!(lines[1].contains("res=-2(ENOENT) "), "{lines:#?}");
}

#[test]
fn any_call_of_the_table_can_be_told() {
    let lines = told(&format!(
        "{WEB}
- call: {{pid: 100, name: userfaultfd, args: {{flags: O_CLOEXEC}}, result: 5}}
- call: {{pid: 100, name: kexec_load}}
- call: {{pid: 100, name: seccomp, args: {{op: 1, flags: 0x2}}}}
"
    ));
    assert!(
        lines[0].starts_with("userfaultfd ") && lines[0].contains("O_CLOEXEC"),
        "{lines:#?}"
    );
    assert!(lines[1].starts_with("kexec_load"), "{lines:#?}");
    assert!(lines[2].contains("op=1"), "{lines:#?}");
}

#[test]
fn what_makes_no_sense_is_told_with_its_place() {
    for (story, message) in [
        ("- process: {pid: 5}", "1:3: a process needs an `exe`"),
        (
            "- exit: {pid: 5}",
            "1:3: there is no process or thread 5 at this point, only 1",
        ),
        ("- explode: {pid: 1}", "explode"),
        ("- exit: {pid: 1, cod: 2}", "1:18: unknown field `cod`"),
        (
            "- open: {pid: 1, path: /x, flags: [wriet]}",
            "1:3: there is no flag `wriet`: did you mean `write`?",
        ),
        ("- write: {pid: 1, fd: 9}", "has no descriptor 9 open"),
        ("- wait: 5 parsecs", "is no span of time"),
        ("- chmod: {pid: 1, path: /x, mode: 999}", "octal digits"),
        ("- connect: {pid: 1, to: example.org}", "ADDRESS:PORT"),
        ("- fork: {pid: 1, child: 1}", "`child: 1` must be"),
        ("- call: {pid: 1, name: openat}", "verb of its own"),
        (
            "- call: {pid: 1, name: nonesuch}",
            "no system call `nonesuch`",
        ),
        (
            "- call: {pid: 1, name: seccomp, args: {opp: 1}}",
            "did you mean `op`",
        ),
        ("- exit: {pid: 1, repeat: 2}", "no process or thread 1"),
        (
            "- unlink: {pid: 1, path: /x, repeat: 4000000}",
            "more than 200000 events",
        ),
        ("- exec: {pid: 1, exe: /x, call: exec}", "did you mean"),
        (
            "- wait: 1s\n- process: {pid: 7, name: late}",
            "2:3: process 7 is there from the start",
        ),
        ("nothing", "1:1"),
    ] {
        let told = wrong(story);
        assert!(told.contains(message), "{story}\n{told}");
    }
}

/// Every argument that a verb gives has a place in the table, and the type that the table says.
#[test]
fn all_verbs_give_all_arguments_that_rules_ask_for() {
    let story = Story::parse(
        "
- process: {pid: 100, exe: /bin/x}
- open: {pid: 100, path: a, fd: 3}
- open: {pid: 100, path: a, call: open}
- open: {pid: 100, path: a, call: openat2}
- open: {pid: 100, path: a, call: creat}
- read: {pid: 100, fd: 3}
- unlink: {pid: 100, path: a}
- unlink: {pid: 100, path: a, call: unlink}
- mkdir: {pid: 100, path: a}
- mkdir: {pid: 100, path: a, call: mkdir}
- rmdir: {pid: 100, path: a}
- rename: {pid: 100, from: a, to: b}
- rename: {pid: 100, from: a, to: b, call: rename}
- link: {pid: 100, from: a, to: b}
- link: {pid: 100, from: a, to: b, call: link}
- symlink: {pid: 100, target: a, path: b}
- symlink: {pid: 100, target: a, path: b, call: symlink}
- chmod: {pid: 100, path: a, mode: 755, call: chmod}
- chmod: {pid: 100, fd: 3, mode: 755}
- chown: {pid: 100, path: a, uid: 0}
- chown: {pid: 100, fd: 3, uid: 0}
- mount: {pid: 100, source: /dev/sda1, target: /mnt, type: ext4, flags: [RDONLY]}
- umount: {pid: 100, target: /mnt}
- socket: {pid: 100, protocol: udp}
- listen: {pid: 100, on: '0.0.0.0:80'}
- accept: {pid: 100, from: '203.0.113.1:999'}
- receive: {pid: 100}
- send: {pid: 100, to: '203.0.113.1:53'}
- shutdown: {pid: 100}
- setuid: {pid: 100, uid: 0, call: setresuid}
- setgid: {pid: 100, gid: 0}
- setns: {pid: 100, kinds: [newpid]}
- unshare: {pid: 100, kinds: [newuser]}
- chroot: {pid: 100, path: /x}
- chdir: {pid: 100, path: /x}
- kill: {pid: 100, target: 1}
- memfd: {pid: 100, name: x}
- init_module: {pid: 100}
- init_module: {pid: 100, fd: 3}
- delete_module: {pid: 100, name: x}
- bpf: {pid: 100, command: prog_load}
- dup: {pid: 100, fd: 3}
- dup: {pid: 100, fd: 3, to: 9}
- mmap: {pid: 100}
- prctl: {pid: 100, option: set_name, text: x, number: 1}
- capset: {pid: 100}
- pipe: {pid: 100}
",
    )
    .unwrap();
    let mut gaps = Vec::new();
    let take = EventsOnly(|view: &sysflow_collect::EventView<'_>| {
        let arguments = view.arguments();
        for index in 0..arguments.count() {
            let name = arguments.name(index);
            if arguments.value(index) == RawValue::Unknown {
                gaps.push(format!("{} {name}", view.event().name));
            }
        }
    });
    let mut collector = Collector::new(Config::default(), take);
    story.play(&mut collector).unwrap();
    let _ = collector.finish();
    // What the kernel alone would know, and texts that nobody asks for.
    gaps.retain(|gap| {
        let known = ["vm_size", "vm_rss", "vm_swap", "img", "creat_flags"];
        !known.iter().any(|known| gap.ends_with(known))
            && gap != "socket flags"
            && gap != "send tuple"
    });
    assert_eq!(gaps, Vec::<String>::new());
}
