//! The specification of a container as OCI runtimes read it (`config.json`, OCI runtime specification 1.0).

use std::collections::BTreeMap;

use serde_json::Value;

use crate::facts::{ContainerFacts, Image, Mount, PodFacts};
use crate::{json, kubernetes, time};

/// What else an annotation may hold besides labels.
const OF_CONTAINERD: &str = "io.kubernetes.cri.";
const OF_CRIO: &str = "io.kubernetes.cri-o.";
const OF_PODMAN: &str = "io.podman.annotations.";

/// Takes from a specification what is not known yet.
pub(crate) fn learn(facts: &mut ContainerFacts, specification: &Value, with_environment: bool) {
    let annotations = json::map(specification, "/annotations");
    learn_from_annotations(facts, &annotations);
    if facts.is_privileged.is_none() {
        facts.is_privileged = is_privileged(specification, &annotations);
    }
    let namespaces = json::list(specification, "/linux/namespaces");
    if !namespaces.is_empty() {
        // A namespace that is not listed is that of the runtime, thus of the host.
        // One that is joined may be anybody's.
        let is_of_host = |kind: &str| {
            let mut of_kind = namespaces
                .iter()
                .filter(|namespace| json::text(namespace, "/type") == kind);
            match of_kind.next() {
                None => Some(true),
                Some(namespace) if json::text(namespace, "/path").is_empty() => Some(false),
                Some(_) => None,
            }
        };
        facts.is_host_pid = facts.is_host_pid.or_else(|| is_of_host("pid"));
        facts.is_host_network = facts.is_host_network.or_else(|| is_of_host("network"));
        facts.is_host_ipc = facts.is_host_ipc.or_else(|| is_of_host("ipc"));
    }
    if facts.mounts.is_empty() {
        facts.mounts = json::list(specification, "/mounts")
            .iter()
            .filter_map(mount)
            .collect();
    }
    if with_environment && facts.environment.is_empty() {
        facts.environment = json::texts(specification, "/process/env");
    }
}

/// A mount from the host; `None` for the file systems that every container has of its own.
fn mount(value: &Value) -> Option<Mount> {
    let options = json::texts(value, "/options");
    let has = |names: &[&str]| options.iter().any(|option| names.contains(&&**option));
    if json::text(value, "/type") != "bind" && !has(&["bind", "rbind"]) {
        return None;
    }
    let propagation = [
        "private", "rprivate", "shared", "rshared", "slave", "rslave",
    ]
    .into_iter()
    .find(|name| has(&[name]))
    .unwrap_or_default();
    Some(Mount {
        source: json::text(value, "/source").to_owned(),
        destination: json::text(value, "/destination").to_owned(),
        mode: options.join(","),
        is_read_write: !has(&["ro"]),
        propagation: propagation.to_owned(),
    })
}

/// Whether nothing is kept from a container: it has what only administrators have, and nothing is masked or filtered.
fn is_privileged(specification: &Value, annotations: &BTreeMap<String, String>) -> Option<bool> {
    if let Some(told) = annotations.get(&format!("{OF_PODMAN}privileged")) {
        return Some(told.eq_ignore_ascii_case("true"));
    }
    specification.pointer("/process")?;
    let capabilities = json::texts(specification, "/process/capabilities/bounding");
    let has_all = ["CAP_SYS_ADMIN", "CAP_SYS_MODULE", "CAP_SYS_RAWIO"]
        .iter()
        .all(|wanted| capabilities.iter().any(|has| has == wanted));
    let is_masked = !json::list(specification, "/linux/maskedPaths").is_empty();
    let is_filtered = specification
        .pointer("/linux/seccomp")
        .is_some_and(Value::is_object);
    Some(has_all && !is_masked && !is_filtered)
}

/// Takes what runtimes note on the containers that they make.
fn learn_from_annotations(facts: &mut ContainerFacts, annotations: &BTreeMap<String, String>) {
    let of = |prefix: &str, name: &str| {
        annotations
            .get(&format!("{prefix}{name}"))
            .filter(|value| !value.is_empty())
    };
    if facts.labels.is_empty() {
        // CRI-O keeps the labels as JSON text; others write each as an annotation.
        facts.labels = match of(OF_CRIO, "Labels").and_then(|text| serde_json::from_str(text).ok())
        {
            Some(labels) => json::map(&labels, ""),
            None => annotations
                .iter()
                .filter(|(key, _)| {
                    ![OF_CONTAINERD, OF_CRIO, OF_PODMAN]
                        .iter()
                        .any(|prefix| key.starts_with(prefix))
                })
                .map(|(key, value)| (key.clone(), value.clone()))
                .collect(),
        };
    }
    let image_name = of(OF_CONTAINERD, "image-name").or_else(|| of(OF_CRIO, "ImageName"));
    if let Some(name) = image_name {
        facts.image.complete(&Image::parse(name));
    }
    if let Some(reference) = of(OF_CRIO, "ImageRef") {
        facts.image.complete(&Image::parse(reference));
    }
    if facts.name.is_empty()
        && let Some(name) = of(OF_CONTAINERD, "container-name").or_else(|| of(OF_CRIO, "Name"))
    {
        facts.name.clone_from(name);
    }
    let kind = of(OF_CONTAINERD, "container-type").or_else(|| of(OF_CRIO, "ContainerType"));
    facts.is_sandbox |= kind.is_some_and(|kind| kind == "sandbox");
    if facts.created.is_none() {
        facts.created = of(OF_CRIO, "Created").and_then(|text| time::nanoseconds(text));
    }
    kubernetes::learn_from_labels(facts);
    learn_pod(facts, annotations);
    kubernetes::learn_from_annotations(facts, annotations);
}

fn learn_pod(facts: &mut ContainerFacts, annotations: &BTreeMap<String, String>) {
    let first = |names: &[(&str, &str)]| {
        names
            .iter()
            .find_map(|(prefix, name)| annotations.get(&format!("{prefix}{name}")))
            .cloned()
            .unwrap_or_default()
    };
    let sandbox_id = first(&[(OF_CONTAINERD, "sandbox-id"), (OF_CRIO, "SandboxID")]);
    if sandbox_id.is_empty() {
        return;
    }
    let pod = facts.pod.get_or_insert_with(|| PodFacts {
        id: first(&[(OF_CONTAINERD, "sandbox-uid")]),
        name: first(&[(OF_CONTAINERD, "sandbox-name")]),
        namespace: first(&[(OF_CONTAINERD, "sandbox-namespace"), (OF_CRIO, "Namespace")]),
        ..PodFacts::default()
    });
    pod.sandbox_id = sandbox_id;
    let addresses = (0..)
        .map_while(|number| annotations.get(&format!("{OF_CRIO}IP.{number}")))
        .take(16)
        .filter_map(|text| text.parse::<std::net::IpAddr>().ok());
    pod.addresses.extend(addresses);
    if facts.addresses.is_empty() {
        facts.addresses.clone_from(&pod.addresses);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::{Origin, RuntimeKind};
    use serde_json::json;

    fn facts_of(specification: &Value) -> ContainerFacts {
        let mut facts = ContainerFacts::new("c", RuntimeKind::Cri, Origin::Files);
        learn(&mut facts, specification, true);
        facts
    }

    #[test]
    fn annotations_of_containerd_tell_the_pod() {
        let facts = facts_of(&json!({
            "process": {"env": ["A=1"], "capabilities": {"bounding": ["CAP_CHOWN"]}},
            "annotations": {
                "io.kubernetes.cri.container-name": "shop",
                "io.kubernetes.cri.container-type": "container",
                "io.kubernetes.cri.image-name": "registry.test/shop:3",
                "io.kubernetes.cri.sandbox-id": "s1",
                "io.kubernetes.cri.sandbox-name": "shop-0",
                "io.kubernetes.cri.sandbox-namespace": "prod",
                "io.kubernetes.cri.sandbox-uid": "u1",
                "team": "red"
            },
            "mounts": [
                {"destination": "/proc", "type": "proc", "source": "proc"},
                {"destination": "/data", "type": "bind", "source": "/srv", "options": ["rbind", "rslave", "ro"]}
            ],
            "linux": {"maskedPaths": ["/proc/keys"], "namespaces": [{"type": "pid"}, {"type": "network", "path": "/proc/47/ns/net"}]}
        }));
        assert_eq!((&*facts.name, facts.is_sandbox), ("shop", false));
        assert_eq!(
            (&*facts.image.repository, &*facts.image.tag),
            ("registry.test/shop", "3")
        );
        let pod = facts.pod.unwrap();
        assert_eq!((&*pod.name, &*pod.namespace), ("shop-0", "prod"));
        assert_eq!((&*pod.id, &*pod.sandbox_id), ("u1", "s1"));
        assert_eq!(facts.labels, [("team".to_owned(), "red".to_owned())].into());
        assert_eq!(facts.mounts.len(), 1);
        assert_eq!(
            (&*facts.mounts[0].source, &*facts.mounts[0].propagation),
            ("/srv", "rslave")
        );
        assert!(!facts.mounts[0].is_read_write);
        assert_eq!(
            (facts.is_host_pid, facts.is_host_network, facts.is_host_ipc),
            (Some(false), None, Some(true))
        );
        assert_eq!(facts.is_privileged, Some(false));
        assert_eq!(facts.environment, ["A=1"]);
    }

    #[test]
    fn annotations_of_crio_tell_the_pod() {
        let facts = facts_of(&json!({"annotations": {
            "io.kubernetes.cri-o.Labels": "{\"io.kubernetes.pod.name\":\"shop-0\",\"io.kubernetes.pod.uid\":\"u1\",\"io.kubernetes.container.name\":\"shop\"}",
            "io.kubernetes.cri-o.SandboxID": "s1",
            "io.kubernetes.cri-o.ImageName": "registry.test/shop:3",
            "io.kubernetes.cri-o.IP.0": "10.0.0.7",
            "io.kubernetes.cri-o.IP.1": "fd00::7",
            "io.kubernetes.cri-o.Created": "2024-01-01T00:00:00Z"
        }}));
        let pod = facts.pod.unwrap();
        assert_eq!(
            (&*pod.name, &*pod.id, &*pod.sandbox_id),
            ("shop-0", "u1", "s1")
        );
        assert_eq!(facts.addresses.len(), 2);
        assert_eq!(facts.name, "shop");
        assert_eq!(facts.is_privileged, None);
        assert!(facts.created.is_some());
    }

    #[test]
    fn privileged_is_who_has_all_and_is_not_confined() {
        let all = json!(["CAP_SYS_ADMIN", "CAP_SYS_MODULE", "CAP_SYS_RAWIO"]);
        let with = |linux: Value| {
            let value = json!({"process": {"capabilities": {"bounding": all}}, "linux": linux});
            facts_of(&value).is_privileged
        };
        assert_eq!(with(json!({})), Some(true));
        assert_eq!(with(json!({"maskedPaths": ["/proc/keys"]})), Some(false));
        assert_eq!(with(json!({"seccomp": {}})), Some(false));
        let podman = json!({"annotations": {"io.podman.annotations.privileged": "TRUE"}});
        assert_eq!(facts_of(&podman).is_privileged, Some(true));
    }
}
