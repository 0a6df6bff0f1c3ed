//! Arbitrary records of all kinds.
//!
//! Records borrow, so what is generated is [`Parts`]: values of every type, of which a record takes what it
//! needs, field by field.

// Each test binary uses a part of this.
#![allow(dead_code, clippy::unwrap_used)]

use std::net::{Ipv4Addr, Ipv6Addr};

use bstr::BStr;
use proptest::collection::vec;
use proptest::prelude::*;
use sysflow_record::avro::{Array, Cursor, Datum, Map};
use sysflow_record::model::{
    Container, ContainerType, File, FileEvent, FileFlow, Header, Ip6, K8sAction, K8sComponent,
    K8sEvent, Loss, NetworkEvent, NetworkFlow, ObjectState, Pod, Port, Process, ProcessEvent,
    ProcessFlow, ResourceType, Service,
};
use sysflow_record::{Foid, Kind, Oid, OpFlags, OpenFlags, Record};

/// All schema versions.
pub(crate) const VERSIONS: [u32; 6] = [1, 2, 3, 4, 5, sysflow_record::NATIVE_VERSION];

type Text = Vec<u8>;

/// Values from which a record of any kind can be made.
#[derive(Clone, Debug)]
pub(crate) struct Parts {
    kind: Kind,
    longs: Vec<i64>,
    ints: Vec<i32>,
    bits: u32,
    texts: Vec<Text>,
    lists: Vec<Vec<Text>>,
    addresses: Vec<Vec<i64>>,
    map: Vec<(Text, Text)>,
    ids: [[u8; 20]; 2],
}

const TEXTS: usize = 8;

fn text() -> impl Strategy<Value = Text> {
    prop_oneof![
        8 => vec(any::<u8>(), 0..12),
        2 => "[ -~]{0,20}".prop_map(String::into_bytes),
        // Lengths of two bytes, and NUL, which some programs use.
        1 => vec(Just(0_u8), 60..70),
    ]
}

fn long() -> impl Strategy<Value = i64> {
    prop_oneof![
        any::<i64>(),
        -70_i64..70,
        prop_oneof![Just(i64::MIN), Just(i64::MAX)]
    ]
}

fn int() -> impl Strategy<Value = i32> {
    prop_oneof![
        any::<i32>(),
        -70_i32..70,
        prop_oneof![Just(i32::MIN), Just(i32::MAX)]
    ]
}

/// Runs a property this often. A finding becomes a test of its own, so none is kept aside.
pub(crate) fn cases(cases: u32) -> ProptestConfig {
    ProptestConfig {
        cases,
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

/// What makes up a record of any kind.
pub(crate) fn parts() -> impl Strategy<Value = Parts> {
    let kind = prop::sample::select(Kind::ALL.to_vec());
    let numbers = (vec(long(), 16), vec(int(), 8), any::<u32>());
    let texts = (vec(text(), TEXTS), vec(vec(text(), 0..4), 2));
    let rest = (
        vec(vec(long(), 0..3), 3),
        vec((text(), text()), 0..3),
        any::<[[u8; 20]; 2]>(),
    );
    (kind, numbers, texts, rest).prop_map(
        |(kind, (longs, ints, bits), (texts, lists), (addresses, map, ids))| Parts {
            kind,
            longs,
            ints,
            bits,
            texts,
            lists,
            addresses,
            map,
            ids,
        },
    )
}

impl Parts {
    pub(crate) fn kind(&self) -> Kind {
        self.kind
    }

    fn bit(&self, index: u32) -> bool {
        self.bits >> index & 1 == 1
    }

    fn text(&self, index: usize) -> &BStr {
        BStr::new(&self.texts[index])
    }

    fn optional_text(&self, bit: u32, index: usize) -> Option<&BStr> {
        self.bit(bit).then(|| self.text(index))
    }

    fn oid(&self, first: usize) -> Oid {
        Oid {
            create_ts: self.longs[first],
            hpid: self.longs[first + 1],
        }
    }

    fn ip(&self, index: usize) -> Ipv4Addr {
        Ipv4Addr::from(self.ints[index].to_ne_bytes())
    }

    fn ip6(&self, bit: u32, id: usize) -> Option<Ip6> {
        let octets: [u8; 16] = self.ids[id][..16].try_into().unwrap();
        self.bit(bit).then(|| Ip6(Ipv6Addr::from(octets)))
    }

    fn op_flags(&self) -> OpFlags {
        OpFlags::from_avro(self.ints[7])
    }

    /// The encoding of the map: one block of entries.
    fn encoded_map(&self) -> Vec<u8> {
        let mut encoded = Vec::new();
        if !self.map.is_empty() {
            i64::try_from(self.map.len()).unwrap().write(&mut encoded);
        }
        for (name, text) in &self.map {
            BStr::new(name).write(&mut encoded);
            BStr::new(text).write(&mut encoded);
        }
        encoded.push(0);
        encoded
    }

    /// Gives the record that these parts make, with all fields of the native schema, to `use_record`.
    pub(crate) fn with_record<R>(&self, use_record: impl FnOnce(&Record<'_>) -> R) -> R {
        let lists: Vec<Vec<&BStr>> = self
            .lists
            .iter()
            .map(|list| list.iter().map(BStr::new).collect())
            .collect();
        let list = |index: usize| Array::from(&lists[index][..]);
        let (longs, ints) = (&self.longs, &self.ints);
        let record = match self.kind {
            Kind::Header => Record::Header(Header {
                version: longs[0],
                exporter: self.text(0),
                ip: self.text(1),
                filename: self.text(2),
            }),
            Kind::Container => Record::Container(Container {
                id: self.text(0),
                name: self.text(1),
                image: self.text(2),
                image_id: self.text(3),
                kind: ContainerType(ints[0]),
                privileged: self.bit(0),
                pod_id: self.optional_text(1, 4),
                mounts: list(0),
            }),
            Kind::Process => Record::Process(Process {
                state: ObjectState(ints[0]),
                oid: self.oid(0),
                poid: self.bit(0).then(|| self.oid(2)),
                ts: longs[4],
                exe: self.text(0),
                exe_args: self.text(1),
                uid: ints[1],
                user_name: self.text(2),
                gid: ints[2],
                group_name: self.text(3),
                tty: self.bit(1),
                container_id: self.optional_text(2, 4),
                entry: self.bit(3),
                cwd: self.text(5),
                env: list(0),
                comm: self.text(6),
                argv: list(1),
                exe_path: self.text(7),
                vpid: longs[5],
                pgid: longs[6],
                sid: longs[7],
                tty_number: ints[3],
                login_uid: ints[4],
                cap_permitted: longs[8],
                cap_effective: longs[9],
                cap_inheritable: longs[10],
                exe_flags: ints[5],
                exe_inode: longs[11],
                exe_ctime: longs[12],
                exe_mtime: longs[13],
            }),
            Kind::File => Record::File(File {
                state: ObjectState(ints[0]),
                oid: Foid(self.ids[0]),
                ts: longs[0],
                kind: ResourceType(ints[1]),
                path: self.text(0),
                container_id: self.optional_text(0, 1),
                inode: longs[1],
                device: longs[2],
            }),
            Kind::ProcessEvent => Record::ProcessEvent(ProcessEvent {
                proc_oid: self.oid(0),
                ts: longs[2],
                tid: longs[3],
                op_flags: self.op_flags(),
                args: list(0),
                ret: ints[0],
            }),
            Kind::NetworkFlow => Record::NetworkFlow(self.network_flow()),
            Kind::FileFlow => Record::FileFlow(FileFlow {
                proc_oid: self.oid(0),
                ts: longs[2],
                tid: longs[3],
                op_flags: self.op_flags(),
                open_flags: OpenFlags::from_avro(ints[0]),
                end_ts: longs[4],
                file_oid: Foid(self.ids[0]),
                fd: ints[1],
                read_ops: longs[5],
                write_ops: longs[6],
                read_bytes: longs[7],
                write_bytes: longs[8],
                ret: ints[2],
            }),
            Kind::FileEvent => Record::FileEvent(FileEvent {
                proc_oid: self.oid(0),
                ts: longs[2],
                tid: longs[3],
                op_flags: self.op_flags(),
                file_oid: Foid(self.ids[0]),
                ret: ints[0],
                new_file_oid: self.bit(0).then_some(Foid(self.ids[1])),
                args: list(0),
            }),
            Kind::NetworkEvent => Record::NetworkEvent(NetworkEvent {
                proc_oid: self.oid(0),
                ts: longs[2],
                tid: longs[3],
                op_flags: self.op_flags(),
                sip: self.ip(0),
                sport: ints[1],
                dip: self.ip(2),
                dport: ints[3],
                proto: ints[4],
                ret: ints[5],
            }),
            Kind::ProcessFlow => Record::ProcessFlow(ProcessFlow {
                proc_oid: self.oid(0),
                ts: longs[2],
                threads_cloned: longs[3],
                op_flags: self.op_flags(),
                end_ts: longs[4],
                threads_exited: longs[5],
                clone_errors: longs[6],
            }),
            Kind::K8sEvent => Record::K8sEvent(K8sEvent {
                kind: K8sComponent(ints[0]),
                action: K8sAction(ints[1]),
                ts: longs[0],
                message: self.text(0),
            }),
            Kind::Loss => Record::Loss(Loss {
                ts: longs[0],
                end_ts: longs[1],
                kind: self.text(0),
                reason: self.text(1),
                count: longs[2],
                proc_oid: self.bit(0).then(|| self.oid(3)),
            }),
            Kind::Pod => return self.with_pod(|pod| use_record(&Record::Pod(*pod))),
        };
        use_record(&record)
    }

    fn network_flow(&self) -> NetworkFlow {
        let (longs, ints) = (&self.longs, &self.ints);
        NetworkFlow {
            proc_oid: self.oid(0),
            ts: longs[2],
            tid: longs[3],
            op_flags: self.op_flags(),
            end_ts: longs[4],
            sip: self.ip(0),
            sport: ints[1],
            dip: self.ip(2),
            dport: ints[3],
            proto: ints[4],
            fd: ints[5],
            read_ops: longs[5],
            write_ops: longs[6],
            read_bytes: longs[7],
            write_bytes: longs[8],
            sip6: self.ip6(0, 0),
            dip6: self.ip6(1, 1),
            ret: ints[6],
        }
    }

    fn with_pod<R>(&self, use_pod: impl FnOnce(&Pod<'_>) -> R) -> R {
        let encoded_map = self.encoded_map();
        let map = Map::read(&mut Cursor::new(&encoded_map)).unwrap();
        assert_eq!(map.iter().count(), self.map.len());
        let addresses = |index: usize| Array::from(&self.addresses[index][..]);
        let port = |index: usize| Port {
            port: self.ints[index],
            target_port: self.ints[index + 1],
            node_port: self.ints[index + 2],
            proto: self.text(0),
        };
        let ports = [port(0), port(3)];
        let service = |addresses_of: usize, port_count: usize| Service {
            name: self.text(1),
            id: self.text(2),
            namespace: self.text(3),
            ports: Array::from(&ports[..port_count]),
            cluster_ip: addresses(addresses_of),
        };
        let services = [service(2, 0), service(1, 1 + usize::from(self.bit(0)))];
        let service_count = usize::from(self.bit(2)) + usize::from(self.bit(3));
        use_pod(&Pod {
            ts: self.longs[0],
            id: self.text(4),
            name: self.text(5),
            node_name: self.text(6),
            host_ip: addresses(0),
            internal_ip: addresses(1),
            namespace: self.text(7),
            restart_count: self.longs[1],
            labels: map,
            selectors: if self.bit(1) { map } else { Map::default() },
            services: Array::from(&services[..service_count]),
        })
    }
}

/// The record as schema `version` carries it: later fields have their defaults.
pub(crate) fn restricted<'a>(record: &Record<'a>, version: u32) -> Record<'a> {
    let mut record = *record;
    let lacks = |since: u32| version < since;
    match &mut record {
        Record::Header(header) => {
            if lacks(2) {
                header.ip = BStr::new("");
            }
            if lacks(3) {
                header.filename = BStr::new("");
            }
        }
        Record::Container(container) => {
            if lacks(4) {
                container.pod_id = None;
            }
            if lacks(100) {
                container.mounts = Array::default();
            }
        }
        Record::Process(process) => restrict_process(process, version),
        Record::File(file) if lacks(100) => (file.inode, file.device) = (0, 0),
        Record::NetworkFlow(flow) if lacks(100) => {
            (flow.sip6, flow.dip6, flow.ret) = (None, None, 0);
        }
        Record::FileFlow(flow) if lacks(100) => flow.ret = 0,
        Record::FileEvent(event) if lacks(100) => event.args = Array::default(),
        _ => {}
    }
    record
}

fn restrict_process(process: &mut Process<'_>, version: u32) {
    let whole = *process;
    if version < 2 {
        process.entry = false;
    }
    if version < 5 {
        (process.cwd, process.env) = (BStr::new(""), Array::default());
    }
    if version < 100 {
        *process = Process {
            state: whole.state,
            oid: whole.oid,
            poid: whole.poid,
            ts: whole.ts,
            exe: whole.exe,
            exe_args: whole.exe_args,
            uid: whole.uid,
            user_name: whole.user_name,
            gid: whole.gid,
            group_name: whole.group_name,
            tty: whole.tty,
            container_id: whole.container_id,
            entry: process.entry,
            cwd: process.cwd,
            env: process.env,
            ..Process::default()
        };
    }
}
