//! Single conditions over the recordings `tcp.sf` and `k8s_small.sf`.

use crate::{count, data};

/// What we answer.
#[derive(Debug, PartialEq, Eq)]
enum Ours {
    /// As the original.
    Same,
    /// On so many records.
    Count(u64),
    /// An error.
    Rejected,
}

use Ours::{Count, Rejected, Same};

/// A condition, what the original answers (`None`: a syntax error), what we answer, and why.
type Row = (&'static str, Option<u64>, Ours, &'static str);

const fn same(condition: &'static str, records: u64) -> Row {
    (condition, Some(records), Same, "")
}

const fn rejected(condition: &'static str) -> Row {
    (condition, None, Same, "")
}

const fn differs(condition: &'static str, original: u64, ours: Ours, reason: &'static str) -> Row {
    (condition, Some(original), ours, reason)
}

const fn accepted(condition: &'static str, ours: u64, reason: &'static str) -> Row {
    (condition, None, Count(ours), reason)
}

// Reasons that several conditions share.
const NUMBER: &str = "to the original only single 64-bit fields were numbers";
const TRUTH: &str = "truth values are written true and false or 1 and 0, whatever the field";
const DOT: &str = "the original gave the name `.` to records without a file";
const DOUBLE: &str = "the original counted flows twice";
const FALCO: &str = "to the original Falco's names were other names of its own attributes";
const FIELD: &str = "a name that is no field is an error";
const COMMA: &str = "the original cut texts at commas";
const MACRO: &str = "a name that is no macro is an error; the original took it for false";
const BLANK: &str = "the original put a blank behind executables without arguments";
const BRACKETS: &str = "a list in brackets has no meaning within a list; the original left it out";
const TEXTS: &str = "the original refused signs in bare texts";
const KE: &str = "to the original these existed in every record";
const ORDER: &str = "what came first decided the original's names of operations; the sums of SEND and WRITE \
    and of RECV and READ agree";

const TCP: &[Row] = &[
    same("sf.type=PE", 4),
    same("not sf.type=NF and sf.type=PE", 4),
    same("sf.type in (\"PE\", 'NF')", 6),
    same("not (sf.type=NF and sf.type=PE)", 10),
    same("sf.type=PE or sf.type=NF and sf.net.dport=8080", 6),
    same("(sf.type=PE or sf.type=NF) and sf.net.dport=8080", 2),
    same("sf.opflags in (EXEC,EXIT)", 4),
    same("sf.opflags != EXEC", 8),
    same("sf.type = NF and sf.opflags = SEND", 2),
    same("sf.type = NF and sf.opflags = RECV", 2),
    same("sf.type = FF and sf.opflags = READ", 2),
    same("sf.type = FF and sf.opflags = WRITE", 0),
    same("sf.proc.aname = sshd", 10),
    same("sf.proc.aname != sshd", 0),
    same("sf.proc.aname contains ssh", 10),
    same("sf.proc.aname startswith ser", 5),
    same("sf.proc.apid = 1", 10),
    same("sf.proc.apid contains 7955", 5),
    same("sf.proc.name icontains SERV", 5),
    same("sf.proc.exe endswith er", 5),
    same("sf.proc.exe startswith ./", 10),
    same("sf.proc.exe = ./server", 5),
    same("sf.proc.exe != sf.pproc.exe", 10),
    same("sf.endts > sf.ts", 6),
    same("sf.pproc.uid = 1000", 10),
    differs("sf.pproc.uid > 0", 0, Count(10), NUMBER),
    same("sf.pproc.tty = true", 10),
    same("sf.proc.tty = true", 10),
    differs("sf.proc.tty = 1", 0, Count(10), TRUTH),
    same("sf.proc.tty > 0", 10),
    same("sf.proc.uid = \"-1\"", 10),
    same("sf.proc.uid < 0", 10),
    same("sf.net.port = 8080", 2),
    differs("sf.net.port > 1", 0, Count(2), NUMBER),
    same("sf.net.ip = 127.0.0.1", 2),
    same("sf.net.dport > 8000", 2),
    same("sf.net.proto = 6", 2),
    differs(
        "sf.net.proto = tcp",
        0,
        Count(2),
        "the original knew no names of protocols",
    ),
    differs(
        "sf.net.dip in (127.0.0.0/8)",
        0,
        Count(2),
        "the original knew no networks",
    ),
    same("sf.file.openflags = CLOEXEC", 4),
    same("sf.file.openflags in (CREAT, CLOEXEC)", 4),
    same("sf.file.path exists", 4),
    differs("sf.file.name exists", 10, Count(4), DOT),
    differs(
        "sf.file.is_open_read = true",
        6,
        Count(4),
        "the original read the column where connections keep their address",
    ),
    differs("sf.file.name = .", 6, Count(0), DOT),
    same("sf.file.directory in (/lib64, /etc)", 4),
    same("sf.file.type = f", 4),
    differs("sf.flow.rbytes = 160", 2, Count(0), DOUBLE),
    differs("sf.flow.rbytes = 80", 0, Count(2), DOUBLE),
    differs("sf.flow.rops = 2", 3, Count(1), DOUBLE),
    same("sf.ret = 0", 8),
    same("sf.ret exists", 2),
    same("sf.endts exists", 6),
    differs(
        "sf.container.type = DOCKER",
        10,
        Count(0),
        "to the original processes on the host were in a container of its first kind",
    ),
    same("sf.container.type = host", 0),
    differs("evt.type = execve", 0, Count(2), FALCO),
    differs("evt.type = EXEC", 2, Count(0), FALCO),
    same("evt.dir = <", 10),
    differs("fd.name = libc.so.6", 2, Count(0), FALCO),
    differs("fd.name = /lib64/libc.so.6", 0, Count(2), FALCO),
    same("fd.directory = /lib64", 2),
    differs("foo.bar exists", 10, Rejected, FIELD),
    same("1 = 1", 10),
    differs(
        "sf.proc.cmdline contains \"[\"",
        10,
        Count(0),
        "the original cut texts at brackets, and everything contains an empty text",
    ),
    differs("sf.proc.name = \"server,foo\"", 5, Count(0), COMMA),
    differs("no_such_macro", 0, Rejected, MACRO),
    differs("not no_such_macro", 10, Rejected, MACRO),
    differs("no_such_macro or sf.type=PE", 4, Rejected, MACRO),
    differs(
        "sf.proc.tty",
        0,
        Rejected,
        "a field alone is not a check; the original said so in its log and went on",
    ),
    differs("sf.proc.cmdline = \"./server \"", 5, Count(0), BLANK),
    differs("sf.proc.cmdline = \"./server\"", 0, Count(5), BLANK),
    same("sf.proc.name = serv*", 0),
    differs("sf.proc.name in ([server,foo])", 0, Rejected, BRACKETS),
    differs("sf.proc.name in (server,[client])", 5, Rejected, BRACKETS),
    accepted("sf.proc.uid = -1", 10, "negative numbers are numbers"),
    rejected("sf.type = PE AND sf.ret = 0"),
    rejected("sf.proc.name iequals SERVER"),
    accepted(
        "sf.proc.name glob serv*",
        5,
        "the operator is Falco's, and there is no reason to refuse it",
    ),
    rejected("(sf.type = PE"),
    rejected("sf.type = PE)"),
    rejected("sf.type = PE and"),
    accepted("sf.proc.name = foo@bar", 0, TEXTS),
    accepted("sf.proc.name = a+b", 0, TEXTS),
    accepted(
        "sf.type in ()",
        0,
        "a list may be empty; there is a warning that the check is never true",
    ),
    rejected("sf.type in (PE,)"),
    rejected("exists sf.proc.name"),
    rejected("sf.type = [PE, NF]"),
    rejected("\"sf.type = PE\""),
];

const K8S_SMALL: &[Row] = &[
    same("sf.type = KE", 4),
    same("sf.ke.message[items.0.namespace] = robot-shop", 4),
    same("sf.ke.kind = K8S_PODS", 4),
    same("sf.pod.name exists", 4_640),
    same("sf.pod.hostip[0] = 192.168.59.100", 4_640),
    same("sf.pod.hostip contains 192", 4_640),
    same("sf.container.name exists", 5_243),
    same("sf.container.privileged = 1", 1_301),
    same("sf.container.privileged = 0", 3_946),
    differs("sf.container.privileged = true", 0, Count(1_301), TRUTH),
    same("sf.proc.entry = true", 3_549),
    same("sf.pproc.pid exists", 3_391),
    same("sf.file.type = p", 624),
    same("sf.proc.createts exists", 5_243),
    differs("sf.proc.args contains \"a,b\"", 2_960, Count(0), COMMA),
    differs(
        "sf.ke.message[items.0.namespace] exists",
        5_247,
        Count(4),
        KE,
    ),
    differs("sf.ke.kind exists", 5_247, Count(4), KE),
    differs("sf.ke.action exists", 5_247, Count(4), KE),
    differs("sf.opflags = SEND", 976, Count(1_014), ORDER),
    differs("sf.opflags = WRITE", 276, Count(238), ORDER),
    differs("sf.opflags = RECV", 1_195, Count(1_114), ORDER),
    differs("sf.opflags = READ", 2_540, Count(2_621), ORDER),
];

fn check(trace: &str, rows: &[Row]) {
    let Some(data) = data() else {
        return;
    };
    let path = data.join("traces/samples").join(trace);
    let mut wrong = Vec::new();
    for (condition, original, ours, reason) in rows {
        let expected = match ours {
            Same => *original,
            Count(records) => Some(*records),
            Rejected => None,
        };
        assert_eq!(
            (*ours == Same) || expected == *original,
            reason.is_empty(),
            "`{condition}`: a difference needs a reason, and a reason a difference"
        );
        let answer = count(condition, &path);
        if answer != expected {
            wrong.push(format!(
                "{condition}: original {original:?}, expected {expected:?}, is {answer:?}"
            ));
        }
    }
    assert!(wrong.is_empty(), "{trace}:\n{}", wrong.join("\n"));
}

#[test]
fn conditions_over_tcp() {
    check("tcp.sf", TCP);
}

#[test]
fn conditions_over_k8s_small() {
    check("k8s_small.sf", K8S_SMALL);
}
