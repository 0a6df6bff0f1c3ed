//! Records of all kinds that refer to each other.

use std::net::{Ipv4Addr, Ipv6Addr};

use sysflow_record::avro::{Array, Cursor, Datum, Map};
use sysflow_record::model::{
    Container, File, FileEvent, FileFlow, Header, Ip6, K8sEvent, Loss, NetworkEvent, NetworkFlow,
    Pod, Port, Process, ProcessEvent, ProcessFlow, ResourceType, Service,
};
use sysflow_record::{Foid, Oid, OpFlags, Record};

/// Calls `take` with records of all kinds that refer to each other.
pub fn each_record(mut take: impl FnMut(&Record<'_>)) {
    let proc_oid = Oid {
        create_ts: 1_588_262_411_367_938_935,
        hpid: 4698,
    };
    let parent = Oid {
        create_ts: 1,
        hpid: 1,
    };
    let file_oid = Foid::of(b"c010f5a08549", b"/etc/passwd");
    let texts = ["PATH=/bin:/usr/bin".into(), "HOME=/root".into()];
    let numbers = [0x0100_007f, -1];
    let ports = [Port {
        port: 80,
        target_port: 8080,
        node_port: 0,
        proto: "TCP".into(),
    }];
    let services = [Service {
        name: "web".into(),
        ports: Array::from(&ports[..]),
        cluster_ip: Array::from(&numbers[..]),
        ..Service::default()
    }];
    let map_data = [2, 6, b'a', b'p', b'p', 6, b'w', b'e', b'b', 0];
    let labels = Map::read(&mut Cursor::new(&map_data)).unwrap_or_default();
    take(&Record::Header(Header {
        version: 5,
        exporter: "seeds".into(),
        ip: "NA".into(),
        filename: "a.sf".into(),
    }));
    take(&Record::Pod(Pod {
        ts: 1,
        id: "pod".into(),
        host_ip: Array::from(&numbers[..]),
        internal_ip: Array::from(&numbers[..1]),
        labels,
        services: Array::from(&services[..]),
        ..Pod::default()
    }));
    take(&Record::Container(Container {
        id: "c010f5a08549".into(),
        name: "web".into(),
        pod_id: Some("pod".into()),
        mounts: Array::from(&texts[..]),
        ..Container::default()
    }));
    for (oid, poid) in [(parent, None), (proc_oid, Some(parent))] {
        take(&Record::Process(Process {
            oid,
            poid,
            ts: 2,
            exe: "/bin/sh".into(),
            exe_args: "-c id".into(),
            user_name: "root".into(),
            container_id: Some("c010f5a08549".into()),
            env: Array::from(&texts[..]),
            argv: Array::from(&texts[..]),
            ..Process::default()
        }));
    }
    take(&Record::File(File {
        oid: file_oid,
        kind: ResourceType::FILE,
        path: "/etc/passwd".into(),
        container_id: Some("c010f5a08549".into()),
        ..File::default()
    }));
    take(&Record::ProcessEvent(ProcessEvent {
        proc_oid,
        ts: 3,
        tid: 4698,
        op_flags: OpFlags::SETUID,
        args: Array::from(&texts[1..]),
        ret: 0,
    }));
    take(&Record::NetworkFlow(NetworkFlow {
        proc_oid,
        op_flags: OpFlags::CONNECT | OpFlags::CLOSE,
        sip: Ipv4Addr::LOCALHOST,
        sport: 40_556,
        dip: Ipv4Addr::LOCALHOST,
        dport: 8080,
        proto: 6,
        sip6: Some(Ip6(Ipv6Addr::LOCALHOST)),
        ..NetworkFlow::default()
    }));
    take(&Record::FileFlow(FileFlow {
        proc_oid,
        file_oid,
        op_flags: OpFlags::OPEN | OpFlags::CLOSE,
        ..FileFlow::default()
    }));
    take(&Record::FileEvent(FileEvent {
        proc_oid,
        op_flags: OpFlags::LINK,
        file_oid,
        new_file_oid: Some(file_oid),
        args: Array::from(&texts[..]),
        ..FileEvent::default()
    }));
    take(&Record::NetworkEvent(NetworkEvent {
        proc_oid,
        ..NetworkEvent::default()
    }));
    take(&Record::ProcessFlow(ProcessFlow {
        proc_oid,
        threads_cloned: 2,
        ..ProcessFlow::default()
    }));
    take(&Record::K8sEvent(K8sEvent {
        message: r#"{"kind":"Pod","metadata":{"name":"web"}}"#.into(),
        ..K8sEvent::default()
    }));
    take(&Record::Loss(Loss {
        kind: "open".into(),
        reason: "ring full".into(),
        count: 7,
        proc_oid: Some(proc_oid),
        ..Loss::default()
    }));
}
