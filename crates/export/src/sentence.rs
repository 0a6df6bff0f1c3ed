//! What a record says, in words: `node (2025) wrote 6,537 B to /tmp/exfil.py`.

use std::io::Write as _;

use bstr::BStr;
use sysflow_record::catalogue::Transfer;
use sysflow_record::entity::{Joined, KeptProcess};
use sysflow_record::model::{FileEvent, ProcessEvent, ProcessFlow};
use sysflow_record::{OpFlags, OpenFlags, Record, errno};

/// Longest command line in a sentence, in bytes.
const LONGEST_COMMAND: usize = 160;

/// Appends the process and what it did.
pub fn write_sentence(joined: &Joined<'_>, out: &mut Vec<u8>) {
    if matches!(joined.record, Record::K8sEvent(_) | Record::Loss(_)) {
        return write_action(joined, out);
    }
    match joined.process {
        Some(process) => {
            out.extend_from_slice(name_of(process));
            let _ = write!(out, " ({}) ", process.oid.hpid);
        }
        None => out.extend_from_slice(b"an unknown process "),
    }
    write_action(joined, out);
}

/// Appends the process as `name[pid]`.
pub fn write_process(joined: &Joined<'_>, out: &mut Vec<u8>) {
    if let Some(process) = joined.process {
        out.extend_from_slice(name_of(process));
        let _ = write!(out, "[{}]", process.oid.hpid);
    }
}

/// Appends the ancestors of the process, nearest first: `dash (2024) ← containerd-shim (1931)`.
pub fn write_ancestors(joined: &Joined<'_>, most: usize, out: &mut Vec<u8>) {
    let mut lineage = joined.lineage().skip(1);
    for (index, process) in lineage.by_ref().take(most).enumerate() {
        if index > 0 {
            out.extend_from_slice(" ← ".as_bytes());
        }
        out.extend_from_slice(name_of(process));
        let _ = write!(out, " ({})", process.oid.hpid);
    }
    if lineage.next().is_some() {
        out.extend_from_slice(" ← …".as_bytes());
    }
}

fn name_of(process: &KeptProcess) -> &[u8] {
    let name: &[u8] = process.name();
    if name.is_empty() || name == b"<NA>" {
        b"(unnamed)"
    } else {
        name
    }
}

/// Appends what was done, without the process.
pub fn write_action(joined: &Joined<'_>, out: &mut Vec<u8>) {
    match joined.record {
        Record::ProcessEvent(event) => process_event(joined, event, out),
        Record::FileEvent(event) => file_event(joined, event, out),
        Record::FileFlow(flow) => file_flow(joined, flow.op_flags, flow.open_flags, out),
        Record::NetworkFlow(flow) => network(joined, flow.op_flags, out),
        Record::NetworkEvent(event) => network(joined, event.op_flags, out),
        Record::ProcessFlow(flow) => process_flow(flow, out),
        Record::K8sEvent(event) => {
            let (kind, action) = (event.kind.name(), event.action.name());
            let _ = write!(
                out,
                "Kubernetes {} {}",
                kind.to_lowercase(),
                action.to_lowercase()
            );
        }
        Record::Loss(loss) => {
            let _ = write!(
                out,
                "lost {} of {} ({})",
                loss.count, loss.kind, loss.reason
            );
        }
        Record::Header(header) => {
            let _ = write!(
                out,
                "recording by {} (schema {})",
                header.exporter, header.version
            );
        }
        Record::Container(container) => {
            let _ = write!(out, "container {} ({})", container.name, container.image);
        }
        Record::Process(process) => {
            let _ = write!(out, "is {} {}", process.exe, process.exe_args);
        }
        Record::File(file) => {
            let _ = write!(out, "file {}", file.path);
        }
        Record::Pod(pod) => {
            let _ = write!(out, "pod {} in {}", pod.name, pod.namespace);
        }
    }
}

fn process_event(joined: &Joined<'_>, event: &ProcessEvent<'_>, out: &mut Vec<u8>) {
    let thread = joined
        .process
        .is_some_and(|process| process.oid.hpid != event.tid);
    let what = if thread { "a thread" } else { "a process" };
    let _ = match event.op_flags {
        OpFlags::EXEC if event.ret < 0 => {
            out.extend_from_slice(b"failed to execute a program");
            return failure(event.ret, out);
        }
        OpFlags::EXEC => {
            out.extend_from_slice(b"executed ");
            return command(joined.process, out);
        }
        OpFlags::CLONE if event.ret < 0 => {
            out.extend_from_slice(b"failed to start a process");
            return failure(event.ret, out);
        }
        OpFlags::CLONE if event.ret == 0 => write!(out, "began as {what}"),
        OpFlags::CLONE => write!(out, "started {what} ({})", event.ret),
        OpFlags::EXIT => return exit(event.ret, thread, out),
        OpFlags::SETUID => {
            let wanted = event.args.iter().next().unwrap_or_default();
            let to = if wanted.is_empty() {
                BStr::new("another user")
            } else {
                wanted
            };
            let _ = write!(out, "changed its user to {to}");
            return failure(event.ret, out);
        }
        other => write!(
            out,
            "did {}",
            other.names(false).collect::<Vec<_>>().join(", ")
        ),
    };
}

/// A wait status: the signal that killed the process in the low seven bits, otherwise the exit code in the
/// next byte.
fn exit(status: i32, thread: bool, out: &mut Vec<u8>) {
    let who = if thread { "ended a thread" } else { "exited" };
    let (signal, code) = (status & 0x7f, (status >> 8) & 0xff);
    let _ = match (signal, code) {
        (0, 0) => write!(out, "{who}"),
        (0, code) => write!(out, "{who} with code {code}"),
        (signal, _) => write!(out, "{who}, killed by signal {signal}"),
    };
}

fn file_event(joined: &Joined<'_>, event: &FileEvent<'_>, out: &mut Vec<u8>) {
    let path = joined
        .file
        .map_or(BStr::new("an unknown file"), |file| file.path());
    let new_path = joined
        .new_file
        .map_or(BStr::new("an unknown file"), |file| file.path());
    let tried = if event.ret < 0 { "tried to " } else { "" };
    let verb = |past: &'static str, present: &'static str| {
        if event.ret < 0 { present } else { past }
    };
    let _ = match event.op_flags {
        OpFlags::MKDIR => write!(out, "{tried}{} directory {path}", verb("made", "make")),
        OpFlags::RMDIR => write!(out, "{tried}{} directory {path}", verb("removed", "remove")),
        OpFlags::UNLINK => write!(out, "{tried}{} {path}", verb("removed", "remove")),
        OpFlags::RENAME => write!(
            out,
            "{tried}{} {path} to {new_path}",
            verb("renamed", "rename")
        ),
        OpFlags::LINK => write!(
            out,
            "{tried}{} {new_path} to {path}",
            verb("linked", "link")
        ),
        OpFlags::SYMLINK => {
            write!(
                out,
                "{tried}{} symbolic link {new_path} to {path}",
                verb("made", "make")
            )
        }
        other => write!(
            out,
            "did {} to {path}",
            other.names(false).collect::<Vec<_>>().join(", ")
        ),
    };
    failure(event.ret, out);
}

fn failure(ret: i32, out: &mut Vec<u8>) {
    if ret >= 0 {
        return;
    }
    let _ = match errno::name(ret.saturating_neg()) {
        Some(name) => write!(out, " ({name})"),
        None => write!(out, " (error {ret})"),
    };
}

fn file_flow(joined: &Joined<'_>, ops: OpFlags, open: OpenFlags, out: &mut Vec<u8>) {
    let path: &[u8] = match joined.file {
        None => b"an unknown file",
        Some(file) if file.path().is_empty() && file.kind.letter() == b'p' => b"a pipe",
        Some(file) if file.path().is_empty() => b"an unnamed socket",
        Some(file) => file.path(),
    };
    let transfer = joined.transfer();
    let mut verbs = Verbs::new(out);
    if ops.contains(OpFlags::OPEN) && open.contains(OpenFlags::CREAT | OpenFlags::WRONLY) {
        verbs.say("created or opened");
    } else if ops.contains(OpFlags::OPEN) {
        verbs.say("opened");
    }
    let simple = [
        (OpFlags::ACCEPT, "accepted a connection on"),
        (OpFlags::CONNECT, "connected to"),
        (OpFlags::SETNS, "entered the namespace of"),
        (OpFlags::MMAP, "mapped"),
        (OpFlags::SHUTDOWN, "shut down"),
    ];
    for (flag, verb) in simple {
        if ops.contains(flag) {
            verbs.say(verb);
        }
    }
    if let Some(Transfer {
        read_bytes,
        read_ops,
        write_bytes,
        write_ops,
    }) = transfer
    {
        verbs.say_bytes("read", read_bytes, read_ops, " from");
        verbs.say_bytes("wrote", write_bytes, write_ops, " to");
    }
    if verbs.is_silent() {
        let closed = ops.contains(OpFlags::CLOSE);
        verbs.say(if closed { "closed" } else { "had open" });
    }
    out.push(b' ');
    out.extend_from_slice(path);
}

fn network(joined: &Joined<'_>, ops: OpFlags, out: &mut Vec<u8>) {
    let Some(ends) = joined.connection() else {
        return;
    };
    let transfer = joined.transfer();
    let protocol = match ends.proto {
        6 => "tcp ",
        17 => "udp ",
        1 => "icmp ",
        _ => "",
    };
    let accepted = ops.contains(OpFlags::ACCEPT);
    let _ = if accepted {
        let (client, client_port) = (ends.source, ends.source_port);
        write!(
            out,
            "accepted {protocol}{client}:{client_port} on port {}",
            ends.destination_port
        )
    } else if ops.contains(OpFlags::CONNECT) {
        write!(
            out,
            "connected to {protocol}{}:{}",
            ends.destination, ends.destination_port
        )
    } else {
        let (source, source_port) = (ends.source, ends.source_port);
        let (destination, destination_port) = (ends.destination, ends.destination_port);
        write!(
            out,
            "used {protocol}{source}:{source_port} -> {destination}:{destination_port}"
        )
    };
    let Some(Transfer {
        read_bytes,
        read_ops,
        write_bytes,
        write_ops,
    }) = transfer
    else {
        return;
    };
    if write_ops > 0 {
        out.extend_from_slice(b", sent ");
        write_bytes_of(write_bytes, out);
    }
    if read_ops > 0 {
        out.extend_from_slice(b", received ");
        write_bytes_of(read_bytes, out);
    }
}

fn process_flow(flow: &ProcessFlow, out: &mut Vec<u8>) {
    let (started, ended, failed) = (flow.threads_cloned, flow.threads_exited, flow.clone_errors);
    let _ = write!(out, "started {started} and ended {ended} threads");
    if failed > 0 {
        let _ = write!(out, ", {failed} could not be started");
    }
}

fn command(process: Option<&KeptProcess>, out: &mut Vec<u8>) {
    let Some(process) = process else {
        out.extend_from_slice(b"an unknown program");
        return;
    };
    let command: &[u8] = process.cmdline();
    let shown = &command[..command.len().min(LONGEST_COMMAND)];
    out.extend_from_slice(shown.trim_ascii_end());
    if shown.len() < command.len() {
        out.extend_from_slice("…".as_bytes());
    }
}

/// Verbs joined with commas and a last "and" left out: `opened, read 3 B from`.
struct Verbs<'a> {
    out: &'a mut Vec<u8>,
    start: usize,
}

impl<'a> Verbs<'a> {
    fn new(out: &'a mut Vec<u8>) -> Self {
        let start = out.len();
        Self { out, start }
    }

    const fn is_silent(&self) -> bool {
        self.out.len() == self.start
    }

    fn say(&mut self, verb: &str) {
        if !self.is_silent() {
            self.out.extend_from_slice(b", ");
        }
        self.out.extend_from_slice(verb.as_bytes());
    }

    fn say_bytes(&mut self, verb: &str, bytes: i64, operations: i64, preposition: &str) {
        if operations == 0 {
            return;
        }
        self.say(verb);
        self.out.push(b' ');
        write_bytes_of(bytes, self.out);
        self.out.extend_from_slice(preposition.as_bytes());
    }
}

/// A number of bytes with commas between thousands.
fn write_bytes_of(bytes: i64, out: &mut Vec<u8>) {
    write_grouped(bytes, out);
    out.extend_from_slice(b" B");
}

/// A count with commas between thousands.
pub fn grouped(count: u64) -> String {
    let mut text = Vec::new();
    write_grouped(i64::try_from(count).unwrap_or(i64::MAX), &mut text);
    String::from_utf8_lossy(&text).into_owned()
}

/// Appends a number with commas between thousands.
fn write_grouped(number: i64, out: &mut Vec<u8>) {
    let mut buffer = itoa::Buffer::new();
    let text = buffer.format(number);
    let digits = text.trim_start_matches('-');
    if digits.len() < text.len() {
        out.push(b'-');
    }
    for (index, digit) in digits.bytes().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(b',');
        }
        out.push(digit);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped() {
        let text = |number| {
            let mut out = Vec::new();
            write_grouped(number, &mut out);
            String::from_utf8(out).unwrap()
        };
        assert_eq!(
            [text(0), text(999), text(1000), text(-1_234_567)],
            ["0", "999", "1,000", "-1,234,567"]
        );
    }

    #[test]
    fn exits_say_why() {
        let text = |status| {
            let mut out = Vec::new();
            exit(status, false, &mut out);
            String::from_utf8(out).unwrap()
        };
        assert_eq!(
            [text(0), text(256), text(9)],
            ["exited", "exited with code 1", "exited, killed by signal 9"]
        );
    }
}
