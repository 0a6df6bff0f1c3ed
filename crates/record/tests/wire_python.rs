//! The socket against peers that know nothing of this crate: plain sockets in Python.

#![allow(clippy::unwrap_used)]

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use bstr::BStr;
use sysflow_record::avro::Array;
use sysflow_record::model::{Header, ProcessEvent};
use sysflow_record::wire::{Listener, ReceiveOptions, SendOptions, Sender, Sent};
use sysflow_record::{Oid, OpFlags, Record};

/// Encodings that the original's collector is known to write ("SysFlow schema 5").
const HEADER: &str = "000a0a746573747300522f7573722f6c6f63616c2f737973666c6f772f74657374732f616c70696e652f\
                      616c70696e652e7366";
const PROCESS_EVENT: &str = "0800b44984c3bbcfaaea91942bb44910020c746572796c740000";

const CONSUMER: &str = "
import socket, sys
listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
listener.bind(sys.argv[1])
listener.listen()
print('ready', flush=True)
peer, _ = listener.accept()
while message := peer.recv(16384):
    print(message.hex())
";

const RECORDER: &str = "
import socket, sys
peer = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
peer.connect(sys.argv[1])
for message in sys.argv[2:]:
    peer.send(bytes.fromhex(message))
";

/// Runs a program; `None`, saying so, where there is no Python.
fn python(program: &str, arguments: &[&str], socket: &Path) -> Option<Child> {
    let child = Command::new("python3")
        .arg("-c")
        .arg(program)
        .arg(socket)
        .args(arguments)
        .stdout(Stdio::piped())
        .spawn();
    if child.is_err() {
        eprintln!("skipped: there is no python3");
    }
    child.ok()
}

fn header() -> Record<'static> {
    Record::Header(Header {
        version: 5,
        exporter: "tests".into(),
        ip: "".into(),
        filename: "/usr/local/sysflow/tests/alpine/alpine.sf".into(),
    })
}

fn process_event<'a>(args: &'a [&'a BStr]) -> Record<'a> {
    Record::ProcessEvent(ProcessEvent {
        proc_oid: Oid {
            create_ts: 0,
            hpid: 4698,
        },
        ts: 1_554_906_981_531_611_330,
        tid: 4698,
        op_flags: OpFlags::SETUID,
        args: Array::from(args),
        ret: 0,
    })
}

#[test]
fn a_plain_consumer_gets_plain_datums() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("s");
    let Some(mut child) = python(CONSUMER, &[], &socket) else {
        return;
    };
    let mut output = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    output.read_line(&mut line).unwrap();
    assert_eq!(line, "ready\n");
    let mut sender = Sender::connect(&socket, SendOptions::CLASSIC).unwrap();
    let args = [BStr::new("terylt")];
    for record in [header(), process_event(&args)] {
        assert_eq!(sender.send(&record).unwrap(), Sent::Delivered);
    }
    drop(sender);
    let mut received = String::new();
    output.read_to_string(&mut received).unwrap();
    assert_eq!(received, format!("{HEADER}\n{PROCESS_EVENT}\n"));
    assert!(child.wait().unwrap().success());
}

#[test]
fn a_plain_recorder_is_understood() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("s");
    let options = ReceiveOptions {
        timeout: Some(Duration::from_secs(20)),
        ..ReceiveOptions::default()
    };
    let listener = Listener::bind(&socket, options).unwrap();
    let Some(mut child) = python(RECORDER, &[HEADER, PROCESS_EVENT], &socket) else {
        return;
    };
    let mut receiver = listener.accept().unwrap();
    let args = [BStr::new("terylt")];
    assert_eq!(receiver.next().unwrap(), Some(header()));
    assert_eq!(receiver.next().unwrap(), Some(process_event(&args)));
    assert_eq!(receiver.next().unwrap(), None);
    assert!(child.wait().unwrap().success());
}
