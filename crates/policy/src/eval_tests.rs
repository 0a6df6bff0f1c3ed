//! What conditions mean: each operator on each type, in both dialects.

use crate::toy::Toy;
use crate::{Condition, Dialect, Evaluator};

fn shell() -> Toy {
    Toy {
        kind: 0,
        operations: 1,
        exe: "/bin/bash".into(),
        parent_exe: "/usr/sbin/sshd".into(),
        pid: 7955,
        tty: true,
        ancestors: vec!["bash".into(), "sshd".into(), "a,b".into()],
        message: r#"{"items": [{"namespace": "shop"}, {"namespace": "kube"}], "n": 3}"#.into(),
        time: 1_000,
        lasted: 5_000_000_000,
        ..Toy::default()
    }
}

fn flow() -> Toy {
    Toy {
        kind: 2,
        operations: 32 | 8,
        exe: "curl".into(),
        addresses: vec!["10.1.2.3".parse().unwrap(), "127.0.0.1".parse().unwrap()],
        port: 443,
        proto: 6,
        ports: vec![1, 2],
        parent_name: Some("make".into()),
        ..Toy::default()
    }
}

#[track_caller]
fn holds(dialect: Dialect, text: &str, toy: &Toy) -> bool {
    match Condition::parse_in(text, dialect) {
        Ok(condition) => Evaluator::new().condition(&condition, toy),
        Err(problems) => panic!("{text}\n{problems}"),
    }
}

#[track_caller]
fn all_hold(dialect: Dialect, toy: &Toy, conditions: &[&str]) {
    for text in conditions {
        assert!(holds(dialect, text, toy), "{text}");
        assert!(!holds(dialect, &format!("not ({text})"), toy), "not {text}");
    }
}

#[track_caller]
fn none_hold(dialect: Dialect, toy: &Toy, conditions: &[&str]) {
    for text in conditions {
        assert!(!holds(dialect, text, toy), "{text}");
    }
}

#[test]
fn sysflow_checks_that_hold() {
    let conditions = [
        "sf.type=PE",
        "sf.type in (FF, \"PE\", 'NF')",
        "sf.opflags = EXEC and sf.opflags != EXIT",
        "sf.proc.exe = /bin/bash",
        "proc.exe endswith bash and sf.proc.exe startswith /bin and sf.proc.exe icontains BASH",
        "sf.proc.exe pmatch (zsh, bash)",
        "sf.proc.exe != sf.pproc.exe",
        "not sf.proc.exe = sf.pproc.exe",
        "sf.proc.pid = 7955 and sf.proc.pid = \"7955\" and sf.proc.pid > -1",
        "sf.proc.pid contains 795 and sf.proc.pid in (1, 7955)",
        "sf.proc.tty = true and sf.proc.tty = TRUE and sf.proc.tty = 1 and sf.proc.tty > 0",
        "sf.proc.tty exists and sf.proc.exe exists",
        "sf.proc.aname = sshd and sf.proc.aname[1] = sshd and sf.proc.aname contains ss",
        "sf.proc.aname = 'a,b'",
        "sf.ts >= 1000 and sf.flow.lasted = 5s and sf.flow.lasted > 100ms",
        "sf.ke.message[items.0.namespace] = 'shop'",
        "sf.ke.message[items.#.namespace] = kube and sf.ke.message[items.#] = 2",
        "sf.ke.message[n] = 3 and sf.ke.message contains kube and sf.ke.message[gone] = ''",
        "sf.proc.exe glob '/bin/*sh' and sf.proc.exe regex '/bin/(ba|z)sh' and sf.proc.exe iglob *BASH",
        "sf.proc.exe > /bin/aash and sf.proc.exe < /bin/cash",
        "sf.proc.exe bcontains 62617368",
        "sf.type = FF or sf.type = PE and sf.proc.pid = 7955",
        "not sf.type = NF and sf.type = PE",
        "proc.pname != x and not proc.pname exists and not proc.pname = x",
        "sf.net.dport = 0 and sf.net.dport != http",
        "1 = 1 and \"a\" = a and not 2 < 1",
    ];
    all_hold(Dialect::SysFlow, &shell(), &conditions);
}

#[test]
fn sysflow_checks_that_do_not_hold() {
    let conditions = [
        "sf.proc.aname = a",
        "sf.proc.aname != sshd",
        "sf.proc.exe = serv*",
        "sf.proc.aname contains '['",
        "sf.proc.exe contains \",\"",
        "sf.proc.exe in ()",
        "sf.proc.exe pmatch ()",
        "sf.file.path exists or sf.net.ip exists or sf.net.dport exists",
        "sf.proc.aname[7] = ''",
        "sf.ke.message[items.5.namespace] exists",
        "proc.pname = '' or proc.ports > -1",
        "(sf.type = FF or sf.type = PE) and sf.proc.pid = 1",
    ];
    none_hold(Dialect::SysFlow, &shell(), &conditions);
}

#[test]
fn addresses_ports_and_protocols() {
    let conditions = [
        "sf.net.ip = 127.0.0.1 and sf.net.ip in (127.0.0.0/8) and sf.net.ip != 9.9.9.9",
        "sf.net.ip contains 10.1. and sf.net.ip startswith 127",
        "sf.net.dport = https and sf.net.dport > 80 and sf.net.dport in (ssh, 443)",
        "sf.net.proto = tcp and sf.net.proto = 6",
        "sf.opflags in (CONNECT) and sf.opflags = READ",
    ];
    all_hold(Dialect::SysFlow, &flow(), &conditions);
    none_hold(
        Dialect::SysFlow,
        &flow(),
        &["sf.net.ip != 127.0.0.1", "sf.net.ip in (::/0)"],
    );
}

#[test]
fn falco_checks() {
    let conditions = [
        "proc.pname != x and proc.pname exists and proc.pname == make",
        "proc.ports in (2, 9) and proc.ports intersects (1) and proc.ports != 9",
        "sf.net.ip != 9.9.9.9",
        "proc.pname startswith val(proc.pname)",
        "sf.proc.exe pmatch (curl) and sf.proc.exe in (curl)",
        "evt.type in (CONNECT)",
    ];
    all_hold(Dialect::Falco, &flow(), &conditions);
    let shell = shell();
    none_hold(
        Dialect::Falco,
        &shell,
        &[
            "proc.pname != x",
            "proc.pname = x",
            "proc.pname != val(sf.proc.exe)",
            "sf.net.ip != 9.9.9.9",
            "sf.proc.exe pmatch (/bin/ba)",
            "sf.proc.exe pmatch (/bin/*/x)",
        ],
    );
    all_hold(
        Dialect::Falco,
        &shell,
        &[
            "sf.proc.exe pmatch (/bin)",
            "sf.proc.exe pmatch (/usr, bin/)",
            "sf.proc.exe pmatch (/b?n)",
            "not proc.pname != x",
            "sf.proc.exe = val(sf.proc.exe)",
        ],
    );
}

#[test]
fn negations_of_sets_are_joined_and_right() {
    let condition = "not sf.proc.exe = a and not sf.proc.exe = b and not sf.proc.exe startswith c \
        and not sf.proc.exe startswith d";
    all_hold(Dialect::SysFlow, &shell(), &[condition]);
    none_hold(Dialect::SysFlow, &flow(), &[condition]);
}

#[test]
fn fields_of_a_condition_are_known() {
    let condition =
        Condition::<Toy>::parse("sf.proc.pid = 1 or sf.type = PE and sf.proc.pid > 2").unwrap();
    let ids: Vec<u16> = condition.fields().iter().map(|field| field.0).collect();
    assert_eq!(ids, [0, 4]);
}
