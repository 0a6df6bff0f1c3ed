//! The fields of containers and pods, of what a runtime tells.

#![allow(clippy::expect_used, clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use sysflow_collect::{Collector, Config, EventView, EventsOnly, Observer};
use sysflow_event::process::Image;
use sysflow_event::raw::NoArguments;
use sysflow_event::snapshot::{Container, Process, Snapshot, User};
use sysflow_event::{Event, Operation, Phase};
use sysflow_field::{Value, View};

const METADATA: &str = r#"{
    "id": "0123456789ab", "name": "web", "image": "httpd:2.4", "imagerepo": "registry/httpd", "imagetag": "2.4",
    "imagedigest": "sha256:ff", "ip": "10.1.2.3", "host_network": true, "cni_json": "{}",
    "pod_sandbox_id": "fedcba98765432100123", "pod_sandbox_labels": {"app": "shop"},
    "labels": {"io.kubernetes.pod.name": "web-1", "io.kubernetes.pod.namespace": "prod", "tier": "front"},
    "Healthcheck": {"exe": "curl", "args": ["-f", "localhost"]},
    "Mounts": [
        {"Source": "/var/run/docker.sock", "Destination": "/sock", "Mode": "", "RW": false, "Propagation": "rprivate"},
        {"Source": "/etc", "Destination": "/host/etc", "Mode": "ro", "RW": true, "Propagation": ""}
    ]
}"#;

/// What one operation of process 10, in a container, answers.
fn answers(fields: &[&str]) -> BTreeMap<String, String> {
    let mut answers = BTreeMap::new();
    let see = |view: &EventView<'_>| {
        for name in fields {
            let resolved = EventView::catalogue().resolve(name).unwrap();
            let mut texts = Vec::new();
            view.visit(resolved.id, &resolved.arg, |value: Value<'_>| {
                texts.push(value.to_string());
                ControlFlow::Continue(())
            });
            if !texts.is_empty() {
                answers.insert((*name).to_owned(), texts.join(" "));
            }
        }
    };
    let id = "0123456789abcdef".repeat(4);
    let cgroups = format!("cpu=/docker/{id}\0");
    let mut collector = Collector::new(Config::default(), EventsOnly(see));
    collector.snapshot(&Snapshot::Process(Process {
        image: Image {
            tid: Some(10),
            pid: Some(10),
            exe: Some(b"curl"),
            arguments: Some(b"-f\0localhost\0"),
            uid: Some(7),
            cgroups: Some(cgroups.as_bytes()),
            ..Image::default()
        },
        ..Process::default()
    }));
    collector.snapshot(&Snapshot::Container(Container {
        id: b"0123456789ab",
        name: b"web",
        image: b"httpd",
        image_tag: b"2.4",
        kind: 6,
        metadata: METADATA.as_bytes(),
        ..Container::default()
    }));
    collector.snapshot(&Snapshot::User(User {
        uid: 7,
        name: b"www",
        home: b"/srv",
        shell: b"/bin/sh",
        container: b"0123456789ab",
        is_removed: false,
    }));
    let event = Event {
        ts: 1,
        cpu: 0,
        tid: 10,
        phase: Phase::End,
        name: "getpid",
        result: Some(10),
        is_older_form: false,
        operation: Operation::Other,
    };
    collector.event_with(&event, &NoArguments);
    drop(collector);
    answers
}

fn check(expected: &[(&str, &str)]) {
    let names: Vec<&str> = expected.iter().map(|(name, _)| *name).collect();
    let found = answers(&names);
    let wanted = expected.iter().filter(|(_, value)| *value != "-");
    let wanted = wanted.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    assert_eq!(found, wanted.collect());
}

#[test]
fn containers_are_as_the_runtime_tells() {
    let id = "0123456789abcdef".repeat(4);
    check(&[
        ("container.id", "0123456789ab"),
        ("container.full_id", &id),
        ("container.name", "web"),
        ("container.type", "cri"),
        ("container.image", "httpd:2.4"),
        ("container.image.repository", "registry/httpd"),
        ("container.image.tag", "2.4"),
        ("container.image.digest", "sha256:ff"),
        ("container.privileged", "false"),
        ("container.host_network", "true"),
        ("container.host_pid", "-"),
        ("container.ip", "10.1.2.3"),
        ("container.cni.json", "{}"),
        ("container.label.tier", "front"),
        ("container.label.other", "-"),
        ("container.healthcheck", "curl -f localhost"),
        ("container.liveness_probe", "-"),
        ("proc.is_container_healthcheck", "true"),
        ("proc.is_container_liveness_probe", "false"),
        ("container.start_ts", "-"),
        ("user.name", "www"),
        ("user.homedir", "/srv"),
        ("user.shell", "/bin/sh"),
    ]);
}

#[test]
fn mounts_are_found_by_position_and_pattern() {
    check(&[
        (
            "container.mounts",
            "/var/run/docker.sock:/sock::false:rprivate,/etc:/host/etc:ro:true:",
        ),
        ("container.mount[1]", "/etc:/host/etc:ro:true:"),
        ("container.mount.dest[/etc]", "/host/etc"),
        ("container.mount.dest[/var/run/docker.sock]", "/sock"),
        ("container.mount.dest[/home]", "-"),
        ("container.mount.source[/sock]", "/var/run/docker.sock"),
        ("container.mount.mode[/etc]", "ro"),
        ("container.mount.rdwr[0]", "false"),
        ("container.mount.propagation[0]", "rprivate"),
        ("container.mount.mode[7]", "-"),
    ]);
}

#[test]
fn pods_are_told_by_labels() {
    check(&[
        ("k8s.pod.name", "web-1"),
        ("k8s.ns.name", "prod"),
        ("k8s.pod.uid", "-"),
        ("k8s.pod.id", "fedcba987654"),
        ("k8s.pod.full_sandbox_id", "fedcba98765432100123"),
        ("k8s.pod.label.app", "shop"),
        ("k8s.pod.labels", "app:shop"),
        ("k8s.pod.ip", "10.1.2.3"),
        ("k8s.rc.name", "-"),
    ]);
}
