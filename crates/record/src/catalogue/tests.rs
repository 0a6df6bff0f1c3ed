//! Tests of the catalogue.
use super::*;
use crate::avro::Array;
use crate::entity::Tables;
use crate::model::*;
use crate::{Foid, Oid, OpFlags, Record};
use sysflow_field::{Arg, Catalogue, View, first};

#[test]
fn names_are_unique_and_aliases_lead_somewhere() {
    let mut names: Vec<&str> = FIELDS.iter().map(|field| field.name).collect();
    names.extend(CATALOGUE.aliases.iter().map(|alias| alias.name));
    let count = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), count, "a name is declared twice");
    for alias in CATALOGUE.aliases {
        assert!(
            CATALOGUE.find(alias.target).is_some(),
            "{} leads nowhere",
            alias.name
        );
    }
    for field in &FIELDS {
        assert!(
            field.doc.ends_with('.') || field.doc.ends_with('…'),
            "{}: {}",
            field.name,
            field.doc
        );
    }
}

fn value(joined: &Joined<'_>, name: &str) -> Vec<String> {
    let catalogue: &Catalogue = Joined::catalogue();
    let field = catalogue.resolve(name).unwrap();
    let mut values = Vec::new();
    joined.visit(field.id, &field.arg, |value| {
        values.push(value.to_string());
        ControlFlow::Continue(())
    });
    values
}

fn process(
    pid: i64,
    parent: Option<i64>,
    exe: &'static str,
    args: &'static str,
) -> Record<'static> {
    let oid = |hpid| Oid { create_ts: 0, hpid };
    Record::Process(Process {
        oid: oid(pid),
        poid: parent.map(oid),
        exe: exe.into(),
        exe_args: args.into(),
        ..Process::default()
    })
}

fn tables(records: &[Record<'_>]) -> Tables {
    let mut tables = Tables::default();
    for record in records {
        assert!(tables.join(record).is_none());
    }
    tables
}

#[test]
fn a_record_answers_for_itself_and_its_ancestors() {
    let mut tables = tables(&[
        Record::Header(Header {
            version: 5,
            exporter: "node-1".into(),
            ..Header::default()
        }),
        process(1, None, "/usr/lib/systemd/systemd", ""),
        process(20, Some(1), "/usr/sbin/sshd", "-D"),
        process(300, Some(20), "/bin/bash", "-c id"),
        Record::File(File {
            path: "/etc/passwd".into(),
            kind: ResourceType::FILE,
            ..File::default()
        }),
    ]);
    let flow = FileFlow {
        proc_oid: Oid {
            create_ts: 0,
            hpid: 300,
        },
        file_oid: Foid::default(),
        op_flags: OpFlags::OPEN | OpFlags::READ_RECV,
        open_flags: crate::OpenFlags::RDWR,
        read_bytes: 80,
        fd: 3,
        ..FileFlow::default()
    };
    let record = Record::FileFlow(flow);
    let joined = tables.join(&record).unwrap();
    assert_eq!(value(&joined, "sf.type"), ["FF"]);
    assert_eq!(value(&joined, "opflags"), ["OPEN", "READ"]);
    assert_eq!(value(&joined, "sf.proc.aname"), ["bash", "sshd", "systemd"]);
    assert_eq!(value(&joined, "sf.proc.aname[1]"), ["sshd"]);
    assert_eq!(value(&joined, "proc.aname"), ["sshd", "systemd"]);
    assert_eq!(value(&joined, "proc.aname[2]"), ["systemd"]);
    assert_eq!(value(&joined, "proc.aname[7]"), [""; 0]);
    assert_eq!(value(&joined, "sf.proc.cmdline"), ["/bin/bash -c id"]);
    assert_eq!(value(&joined, "proc.cmdline"), ["bash -c id"]);
    assert_eq!(value(&joined, "proc.args"), ["-c id"]);
    assert_eq!(value(&joined, "proc.args[1]"), ["id"]);
    assert_eq!(value(&joined, "proc.args[2]"), [""; 0]);
    assert_eq!(value(&joined, "sf.pproc.pid"), ["20"]);
    assert_eq!(value(&joined, "fd.name"), ["/etc/passwd"]);
    assert_eq!(value(&joined, "evt.arg.flags"), ["O_RDWR"]);
    assert_eq!(value(&joined, "sf.flow.rbytes"), ["80"]);
    assert_eq!(value(&joined, "sf.node.id"), ["node-1"]);
    // What the record does not have is zero for SysFlow and missing for Falco.
    assert_eq!(value(&joined, "sf.net.dport"), ["0"]);
    assert_eq!(value(&joined, "fd.sport"), [""; 0]);
    assert_eq!(value(&joined, "sf.container.id"), [""]);
    assert_eq!(value(&joined, "container.id"), ["host"]);
    let exists = first(
        &joined,
        CATALOGUE.find("sf.ke.kind").unwrap(),
        &Arg::None,
        |v| v.is_some(),
    );
    assert!(exists);
}

/// The original computed the ancestry of a process once and kept it for ever.
#[test]
fn ancestry_follows_an_exec() {
    let mut tables = tables(&[
        process(20, None, "/bin/sh", "-c ls"),
        process(300, Some(20), "/bin/sh", ""),
    ]);
    let event = ProcessEvent {
        proc_oid: Oid {
            create_ts: 0,
            hpid: 300,
        },
        ..ProcessEvent::default()
    };
    let record = Record::ProcessEvent(event);
    assert_eq!(
        value(&tables.join(&record).unwrap(), "sf.proc.aname"),
        ["sh", "sh"]
    );
    assert!(
        tables
            .join(&process(20, None, "/usr/bin/python3", "x.py"))
            .is_none()
    );
    assert!(
        tables
            .join(&process(300, Some(20), "/bin/ls", ""))
            .is_none()
    );
    assert_eq!(
        value(&tables.join(&record).unwrap(), "sf.proc.aname"),
        ["ls", "python3"]
    );
    assert_eq!(tables.statistics().unknown_processes, 0);
}

#[test]
fn circles_and_strangers_do_no_harm() {
    let mut tables = tables(&[process(1, Some(2), "a", ""), process(2, Some(1), "b", "")]);
    let event = |pid| {
        Record::ProcessEvent(ProcessEvent {
            proc_oid: Oid {
                create_ts: 0,
                hpid: pid,
            },
            ..ProcessEvent::default()
        })
    };
    assert_eq!(
        value(&tables.join(&event(1)).unwrap(), "sf.proc.aname").len(),
        64
    );
    assert_eq!(
        value(&tables.join(&event(9)).unwrap(), "sf.proc.name"),
        [""]
    );
    assert_eq!(tables.statistics().unknown_processes, 1);
}

#[test]
fn process_digests_are_those_of_the_original() {
    let mut tables = tables(&[
        process(13823, None, "./server", ""),
        process(7955, None, "bash", ""),
    ]);
    for (pid, digest) in [(13823, "c2f5f8c25e766cd4"), (7955, "d98bb3dff5aeffc9")] {
        let proc_oid = Oid {
            create_ts: 0,
            hpid: pid,
        };
        let record = Record::ProcessEvent(ProcessEvent {
            proc_oid,
            ..ProcessEvent::default()
        });
        assert_eq!(
            value(&tables.join(&record).unwrap(), "sf.proc.oid"),
            [digest]
        );
    }
}

#[test]
fn native_recordings_tell_capabilities_mounts_and_sessions() {
    let mounts = ["/proc/1:/host/proc:ro".into()];
    let own = |pid| Oid {
        create_ts: pid,
        hpid: pid,
    };
    let member = |pid, exe: &'static str, sid| {
        Record::Process(Process {
            oid: own(pid),
            poid: (pid > 1).then(|| own(pid - 1)),
            exe: exe.into(),
            sid,
            container_id: (sid == 7).then_some("c0ffee".into()),
            entry: pid < 3,
            cap_effective: 1 | 1 << 40,
            exe_ctime: 1,
            ..Process::default()
        })
    };
    let recording = |version| {
        tables(&[
            Record::Header(Header {
                version,
                ..Header::default()
            }),
            Record::Container(Container {
                id: "c0ffee".into(),
                mounts: Array::from(&mounts[..]),
                ..Container::default()
            }),
            member(1, "/sbin/init", 1),
            member(2, "/bin/sh", 7),
            member(3, "/bin/ls", 7),
        ])
    };
    let event = |pid| {
        Record::ProcessEvent(ProcessEvent {
            proc_oid: own(pid),
            ..ProcessEvent::default()
        })
    };

    let mut native = recording(i64::from(crate::NATIVE_VERSION));
    let in_container = event(3);
    let joined = native.join(&in_container).unwrap();
    let effective = value(&joined, "thread.cap_effective");
    assert_eq!(effective, ["CAP_CHOWN CAP_CHECKPOINT_RESTORE"]);
    assert_eq!(value(&joined, "thread.cap_permitted"), [""]);
    assert_eq!(value(&joined, "thread.cap_inheritable"), [""]);
    assert_eq!(value(&joined, "proc.sname"), ["sh"]);
    assert_eq!(value(&joined, "container.start_ts"), ["2"]);
    let age = value(&joined, "proc.exe_ino.ctime_duration_proc_start");
    assert_eq!(age, ["2"]);
    for (wanted, found) in [
        ("/proc*", &["/host/proc"][..]),
        ("0", &["/host/proc"]),
        ("/proc", &[]),
    ] {
        let name = format!("container.mount.dest[{wanted}]");
        assert_eq!(value(&joined, &name), found, "{name}");
    }
    let on_host = event(1);
    let joined = native.join(&on_host).unwrap();
    assert_eq!(value(&joined, "proc.sname"), ["init"]);
    assert_eq!(value(&joined, "container.start_ts"), [""; 0]);

    // A classic recording says nothing of capabilities, which is not that there are none.
    let mut classic = recording(5);
    let joined = classic.join(&in_container).unwrap();
    assert_eq!(value(&joined, "thread.cap_effective"), [""; 0]);
}

/// The columns of a line of comma-separated values.
fn columns(line: &str) -> Vec<String> {
    let (mut columns, mut quoted) = (vec![String::new()], false);
    for character in line.chars() {
        match character {
            '"' => quoted = !quoted,
            ',' if !quoted => columns.push(String::new()),
            other => columns.last_mut().unwrap().push(other),
        }
    }
    columns
}

/// Fields that published rules use and no record answers.
const BEYOND_RECORDS: [&str; 22] = [
    "evt.arg.cmd",
    "evt.arg.domain",
    "evt.arg.fd",
    "evt.arg.filename",
    "evt.arg.mode",
    "evt.arg.request",
    "evt.args",
    "evt.buffer",
    "evt.is_open_exec",
    "fd.cip.name",
    "fd.connected",
    "fd.lip.name",
    "fd.lport",
    "fd.name_changed",
    "fd.nameraw",
    "fd.rip",
    "fd.rip.name",
    "fd.rnet",
    "fd.rport",
    "fd.sip.name",
    "proc.is_vpgid_leader",
    "user.loginname",
];

/// Every field that published rules of Falco use is answered, or said to be beyond records and why.
#[test]
fn fields_of_falcos_rules_are_known() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../../shared/reference/falco-fields.csv");
    let Ok(table) = std::fs::read_to_string(&path) else {
        println!("skipped: {} is not there", path.display());
        return;
    };
    let mut lines = table.lines().map(columns);
    let head = lines.next().unwrap();
    let column = |name: &str| head.iter().position(|known| known == name).unwrap();
    let (status, arg) = (column("sysflow_status"), column("arg"));
    let mut beyond = Vec::new();
    for line in lines.filter(|line| !line[status].is_empty()) {
        let field = line[0].as_str();
        let asked = if line[arg].starts_with("required") {
            format!("{field}[0]")
        } else {
            field.to_owned()
        };
        match CATALOGUE.resolve(&asked) {
            Ok(_) => {}
            Err(sysflow_field::Unresolved::Foreign { .. }) => beyond.push(field.to_owned()),
            Err(other) => panic!("{asked}: {other:?}"),
        }
    }
    assert_eq!(beyond, BEYOND_RECORDS);
}
