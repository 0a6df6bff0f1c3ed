//! Encodings that the original's collector is known to write ("SysFlow schema 5").

#![allow(clippy::unwrap_used)]

use std::net::Ipv4Addr;

use bstr::BStr;
use sysflow_record::avro::{Array, Cursor, Plan};
use sysflow_record::model::{
    File, FileEvent, Header, NetworkFlow, ObjectState, ProcessEvent, ResourceType,
};
use sysflow_record::{CLASSIC_VERSION, Foid, Oid, OpFlags, Record};

#[track_caller]
fn check(record: &Record<'_>, hex: &str) {
    let mut written = Vec::new();
    assert!(record.write(CLASSIC_VERSION, &mut written));
    assert_eq!(written, bytes(hex));
    let mut cursor = Cursor::new(&written);
    let read = Plan::for_version(CLASSIC_VERSION).read(&mut cursor);
    assert_eq!(read, Ok(Some(*record)));
    assert!(cursor.is_empty());
}

fn bytes(hex: &str) -> Vec<u8> {
    let byte = |start| u8::from_str_radix(&hex[start..start + 2], 16).unwrap();
    (0..hex.len()).step_by(2).map(byte).collect()
}

fn foid(hex: &str) -> Foid {
    Foid(bytes(hex).try_into().unwrap())
}

const fn process(hpid: i64) -> Oid {
    Oid { create_ts: 0, hpid }
}

#[test]
fn header() {
    let header = Header {
        version: 5,
        exporter: "tests".into(),
        ip: "".into(),
        filename: "/usr/local/sysflow/tests/alpine/alpine.sf".into(),
    };
    check(
        &Record::Header(header),
        "000a0a746573747300522f7573722f6c6f63616c2f737973666c6f772f74657374732f616c70696e652f61\
         6c70696e652e7366",
    );
}

#[test]
fn file() {
    let file = File {
        state: ObjectState::REUP,
        oid: foid("4d7c93fc5836f0110049691a398897aeb3f54cee"),
        ts: 1_588_262_411_367_938_935,
        kind: ResourceType::FILE,
        path: "/dev/pts/0".into(),
        container_id: Some("c010f5a08549".into()),
        ..File::default()
    };
    check(
        &Record::File(file),
        "06044d7c93fc5836f0110049691a398897aeb3f54ceeeeed87fbf08fd28a2ccc01142f6465762f7074732f\
         300218633031306635613038353439",
    );
}

#[test]
fn process_event() {
    let args: [&BStr; 1] = ["terylt".into()];
    let event = ProcessEvent {
        proc_oid: process(4698),
        ts: 1_554_906_981_531_611_330,
        tid: 4698,
        op_flags: OpFlags::SETUID,
        args: Array::from(&args[..]),
        ret: 0,
    };
    check(
        &Record::ProcessEvent(event),
        "0800b44984c3bbcfaaea91942bb44910020c746572796c740000",
    );
}

#[test]
fn network_flow() {
    let flow = NetworkFlow {
        proc_oid: process(13_824),
        ts: 1_553_543_282_832_225_890,
        tid: 13_824,
        op_flags: OpFlags::from_avro(2880),
        end_ts: 1_553_543_292_823_002_683,
        sip: Ipv4Addr::LOCALHOST,
        sport: 40_556,
        dip: Ipv4Addr::LOCALHOST,
        dport: 8080,
        proto: 6,
        fd: 3,
        read_ops: 1,
        write_ops: 1,
        read_bytes: 80,
        write_bytes: 80,
        ..NetworkFlow::default()
    };
    check(
        &Record::NetworkFlow(flow),
        "0a0080d801c4d9c5c6cfd8a58f2b80d801802df6f8befe99d9a58f2bfe818010d8f904fe818010a07e0c06\
         0202a001a001",
    );
}

#[test]
fn file_event() {
    let event = FileEvent {
        proc_oid: process(21_847),
        ts: 1_554_914_834_719_299_158,
        tid: 21_847,
        op_flags: OpFlags::LINK,
        file_oid: foid("2a90715de04f0ae48baab3992e229dc5f6377cd2"),
        ret: 0,
        new_file_oid: Some(foid("768f886dadf33c2c94f17cfa3e97f0af659abb3d")),
        ..FileEvent::default()
    };
    check(
        &Record::FileEvent(event),
        "0e00aed502acd9eeb6b9b395942baed5028080102a90715de04f0ae48baab3992e229dc5f6377cd2000276\
         8f886dadf33c2c94f17cfa3e97f0af659abb3d",
    );
}
