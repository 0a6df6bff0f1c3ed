//! From answers of containerd and CRI-O to facts.

use std::collections::HashMap;
use std::net::IpAddr;

use serde_json::Value;

use super::messages::{
    ContainerStatusResponse, ContainerdContainer, Mount as CriMount, NamespaceMode,
    PodSandboxStatus, PodSandboxStatusResponse, Propagation,
};
use crate::facts::{ContainerFacts, Image, Mount, Origin, PodFacts, RuntimeKind};
use crate::{json, kubernetes, oci};

/// The label by which `nerdctl` names a container.
const NERDCTL_NAME: &str = "nerdctl/name";

/// What the runtime tells beyond the interface: JSON of its own making.
pub(super) fn info_of(info: &HashMap<String, String>) -> Value {
    info.get("info")
        .and_then(|text| serde_json::from_str(text).ok())
        .unwrap_or_default()
}

/// The id of the sandbox that a container is in, by what the runtime tells beyond the interface.
pub(super) fn sandbox_of(info: &Value) -> &str {
    json::text(info, "/sandboxID")
}

/// Facts about a container of a pod.
pub(super) fn of_container(
    response: &ContainerStatusResponse,
    info: &Value,
    sandbox: Option<&PodSandboxStatusResponse>,
    kind: RuntimeKind,
    with_environment: bool,
) -> Option<ContainerFacts> {
    let status = response.status.as_ref()?;
    let mut facts = ContainerFacts::new(&status.id, kind, Origin::Runtime);
    if let Some(metadata) = &status.metadata {
        facts.name.clone_from(&metadata.name);
    }
    if let Some(image) = &status.image {
        facts.image = Image::parse(&image.image);
        let by_author = Image::parse(&image.user_specified_image);
        facts.image.complete(&by_author);
    }
    // The id where the image came from no registry, else its name and digest.
    for reference in [
        &*status.image_ref,
        &*status.image_id,
        json::text(info, "/config/image/image"),
    ] {
        facts.image.complete(&Image::parse(reference));
    }
    facts.created = u64::try_from(status.created_at)
        .ok()
        .filter(|time| *time != 0);
    facts.started = u64::try_from(status.started_at)
        .ok()
        .filter(|time| *time != 0);
    facts.labels = to_map(&status.labels);
    facts.mounts = status.mounts.iter().map(mount).collect();
    learn_from_info(&mut facts, info, with_environment);
    if let Some(status) = sandbox.and_then(|sandbox| sandbox.status.as_ref()) {
        learn_from_sandbox(&mut facts, status);
    }
    kubernetes::learn_from_labels(&mut facts);
    kubernetes::learn_from_annotations(&mut facts, &to_map(&status.annotations));
    Some(facts)
}

/// Facts about the container that holds the namespaces of a pod.
pub(super) fn of_sandbox(
    response: &PodSandboxStatusResponse,
    kind: RuntimeKind,
    with_environment: bool,
) -> Option<ContainerFacts> {
    let status = response.status.as_ref()?;
    let info = info_of(&response.info);
    let mut facts = ContainerFacts::new(&status.id, kind, Origin::Runtime);
    facts.is_sandbox = true;
    facts.created = u64::try_from(status.created_at)
        .ok()
        .filter(|time| *time != 0);
    // The interface tells no start of sandboxes: they start when they are made.
    facts.started = facts.created;
    facts.labels = to_map(&status.labels);
    facts.image = Image::parse(json::text(&info, "/image"));
    learn_from_info(&mut facts, &info, with_environment);
    learn_from_sandbox(&mut facts, status);
    if let Some(pod) = &facts.pod {
        facts.name.clone_from(&pod.name);
    }
    Some(facts)
}

/// Facts about a container that containerd made for somebody else than Kubernetes.
pub(super) fn of_containerd(
    container: &ContainerdContainer,
    with_environment: bool,
) -> Option<ContainerFacts> {
    if container.id.is_empty() {
        return None;
    }
    let mut facts = ContainerFacts::new(&container.id, RuntimeKind::Containerd, Origin::Runtime);
    let name = container.labels.get(NERDCTL_NAME);
    facts.name.clone_from(name.unwrap_or(&container.id));
    facts.image = Image::parse(&container.image);
    facts.labels = to_map(&container.labels);
    facts.created = container.created_at.as_ref().and_then(|time| {
        let seconds = u64::try_from(time.seconds).ok()?;
        let nanoseconds = u64::try_from(time.nanos).ok()?;
        seconds.checked_mul(1_000_000_000)?.checked_add(nanoseconds)
    });
    if let Some(specification) = container
        .spec
        .as_ref()
        .and_then(|any| serde_json::from_slice(&any.value).ok())
    {
        oci::learn(&mut facts, &specification, with_environment);
    }
    Some(facts)
}

fn learn_from_info(facts: &mut ContainerFacts, info: &Value, with_environment: bool) {
    facts.pid = json::pid(info, "/pid");
    // containerd tells the request that made the container, CRI-O a flag.
    facts.is_privileged = json::truth(info, "/config/linux/security_context/privileged")
        .or_else(|| json::truth(info, "/privileged"));
    if facts.is_privileged.is_none() && info.pointer("/config/linux").is_some() {
        facts.is_privileged = Some(false);
    }
    if let Some(specification) = info.pointer("/runtimeSpec") {
        // The mounts of the interface are what the author wrote; those of the specification are more.
        let mounts = std::mem::take(&mut facts.mounts);
        oci::learn(facts, specification, with_environment);
        facts.mounts = mounts;
    }
}

fn learn_from_sandbox(facts: &mut ContainerFacts, status: &PodSandboxStatus) {
    let metadata = status.metadata.clone().unwrap_or_default();
    let mut pod = PodFacts {
        id: metadata.uid,
        name: metadata.name,
        namespace: metadata.namespace,
        labels: to_map(&status.labels),
        addresses: Vec::new(),
        sandbox_id: status.id.clone(),
    };
    if let Some(network) = &status.network {
        pod.addresses = std::iter::once(&network.ip)
            .chain(network.additional_ips.iter().map(|address| &address.ip))
            .filter_map(|text| text.parse::<IpAddr>().ok())
            .collect();
    }
    facts.addresses.clone_from(&pod.addresses);
    facts.pod = Some(pod);
    let options = status
        .linux
        .as_ref()
        .and_then(|linux| linux.namespaces.as_ref())
        .and_then(|namespaces| namespaces.options.as_ref());
    if let Some(options) = options {
        let is_host = |mode: i32| Some(mode == NamespaceMode::Node as i32);
        facts.is_host_network = is_host(options.network);
        facts.is_host_pid = is_host(options.pid);
        facts.is_host_ipc = is_host(options.ipc);
    }
    kubernetes::learn_from_annotations(facts, &to_map(&status.annotations));
}

fn mount(mount: &CriMount) -> Mount {
    Mount {
        source: mount.host_path.clone(),
        destination: mount.container_path.clone(),
        mode: if mount.readonly { "ro" } else { "" }.to_owned(),
        is_read_write: !mount.readonly,
        propagation: match mount.propagation() {
            Propagation::Private => "rprivate",
            Propagation::HostToContainer => "rslave",
            Propagation::Bidirectional => "rshared",
        }
        .to_owned(),
    }
}

fn to_map(map: &HashMap<String, String>) -> std::collections::BTreeMap<String, String> {
    map.iter()
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::messages::{
        ContainerMetadata, ContainerStatus, ImageSpec, LinuxPodSandboxStatus, Namespace,
        NamespaceOption, PodIp, PodSandboxMetadata, PodSandboxNetworkStatus,
    };
    use super::*;
    use proptest::prelude::*;
    use prost::Message;
    use serde_json::json;

    fn labels(pairs: &[(&str, &str)]) -> HashMap<String, String> {
        pairs
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect()
    }

    fn container() -> ContainerStatusResponse {
        let info = json!({
            "sandboxID": "5b".repeat(32), "pid": 4711,
            "config": {"image": {"image": format!("sha256:{}", "cd".repeat(32))}, "linux": {"security_context": {"privileged": true}}},
            "runtimeSpec": {"process": {"env": ["A=1"]}, "linux": {"namespaces": [{"type": "pid"}]}, "mounts": [{"type": "bind", "source": "/x", "destination": "/etc/hosts"}]}
        });
        ContainerStatusResponse {
            status: Some(ContainerStatus {
                id: "ab".repeat(32),
                metadata: Some(ContainerMetadata {
                    name: "shop".into(),
                }),
                created_at: 5,
                started_at: 7,
                image: Some(ImageSpec {
                    image: "registry.test/shop:3".into(),
                    ..ImageSpec::default()
                }),
                image_ref: "registry.test/shop@sha256:ef".into(),
                labels: labels(&[("io.kubernetes.container.name", "shop")]),
                mounts: vec![CriMount {
                    container_path: "/data".into(),
                    host_path: "/srv".into(),
                    readonly: true,
                    propagation: 1,
                }],
                ..ContainerStatus::default()
            }),
            info: labels(&[("info", &info.to_string())]),
        }
    }

    fn sandbox() -> PodSandboxStatusResponse {
        let applied = r#"{"spec":{"containers":[{"name":"shop","readinessProbe":{"exec":{"command":["/ready"]}}}]}}"#;
        PodSandboxStatusResponse {
            status: Some(PodSandboxStatus {
                id: "5b".repeat(32),
                metadata: Some(PodSandboxMetadata {
                    name: "shop-0".into(),
                    uid: "u1".into(),
                    namespace: "prod".into(),
                }),
                created_at: 3,
                network: Some(PodSandboxNetworkStatus {
                    ip: "10.0.0.7".into(),
                    additional_ips: vec![
                        PodIp {
                            ip: "fd00::7".into(),
                        },
                        PodIp { ip: "?".into() },
                    ],
                }),
                linux: Some(LinuxPodSandboxStatus {
                    namespaces: Some(Namespace {
                        options: Some(NamespaceOption {
                            network: 0,
                            pid: 1,
                            ipc: 2,
                        }),
                    }),
                }),
                labels: labels(&[("team", "red")]),
                annotations: labels(&[(
                    "kubectl.kubernetes.io/last-applied-configuration",
                    applied,
                )]),
            }),
            info: HashMap::new(),
        }
    }

    #[test]
    fn a_container_of_a_pod_is_read() {
        let response = container();
        let info = info_of(&response.info);
        assert_eq!(sandbox_of(&info), "5b".repeat(32));
        let facts =
            of_container(&response, &info, Some(&sandbox()), RuntimeKind::CriO, true).unwrap();
        assert_eq!((&*facts.name, facts.pid), ("shop", Some(4711)));
        assert_eq!((facts.created, facts.started), (Some(5), Some(7)));
        assert_eq!(
            (&*facts.image.repository, &*facts.image.tag),
            ("registry.test/shop", "3")
        );
        assert_eq!(
            (&*facts.image.digest, &*facts.image.id),
            ("sha256:ef", &*"cd".repeat(32))
        );
        assert_eq!(facts.is_privileged, Some(true));
        assert_eq!(
            (facts.is_host_network, facts.is_host_pid, facts.is_host_ipc),
            (Some(false), Some(false), Some(true))
        );
        assert_eq!(facts.environment, ["A=1"]);
        assert_eq!(facts.mounts.len(), 1);
        assert_eq!(
            (&*facts.mounts[0].source, &*facts.mounts[0].propagation),
            ("/srv", "rslave")
        );
        assert_eq!(facts.addresses.len(), 2);
        let pod = facts.pod.unwrap();
        assert_eq!(
            (&*pod.name, &*pod.id, &*pod.namespace),
            ("shop-0", "u1", "prod")
        );
        assert_eq!(pod.labels["team"], "red");
        assert_eq!(facts.readiness_probe, Some(vec!["/ready".to_owned()]));
    }

    #[test]
    fn a_sandbox_is_read() {
        let facts = of_sandbox(&sandbox(), RuntimeKind::Containerd, false).unwrap();
        assert!(facts.is_sandbox);
        assert_eq!((&*facts.name, facts.started), ("shop-0", Some(3)));
    }

    proptest! {
        #[test]
        fn damaged_answers_are_survived(at in any::<prop::sample::Index>(), byte in any::<u8>()) {
            let mut bytes = container().encode_to_vec();
            let place = at.index(bytes.len());
            bytes[place] = byte;
            if let Ok(response) = ContainerStatusResponse::decode(&*bytes) {
                let info = info_of(&response.info);
                let _ = of_container(&response, &info, None, RuntimeKind::Cri, true);
            }
            let mut bytes = sandbox().encode_to_vec();
            let place = at.index(bytes.len());
            bytes[place] = byte;
            if let Ok(response) = PodSandboxStatusResponse::decode(&*bytes) {
                let _ = of_sandbox(&response, RuntimeKind::Cri, true);
            }
        }
    }
}
