//! What is known of a container.

use std::collections::BTreeMap;
use std::net::IpAddr;

use sysflow_event::snapshot;

use crate::accounts::Accounts;
use crate::image::id_of;

/// A container runtime.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum RuntimeKind {
    /// Docker.
    Docker,
    /// Podman.
    Podman,
    /// containerd without Kubernetes: `ctr`, `nerdctl`.
    Containerd,
    /// A runtime of Kubernetes, which one being unknown.
    Cri,
    /// CRI-O.
    CriO,
    /// An OCI runtime (runc, crun) called by hand.
    Oci,
    /// LXC.
    Lxc,
    /// LXC of libvirt.
    LibvirtLxc,
    /// systemd-nspawn.
    SystemdNspawn,
}

impl RuntimeKind {
    /// The number that the SysFlow format has for it (`sysflow.type.ContainerType`; Podman's is beyond the schema and
    /// used by captures). What the format does not know is `CT_CUSTOM`.
    pub const fn sysflow_type(self) -> i32 {
        match self {
            Self::Docker => 0,
            Self::Lxc => 1,
            Self::LibvirtLxc => 2,
            Self::Oci | Self::SystemdNspawn => 5,
            Self::Cri => 6,
            Self::Containerd => 7,
            Self::CriO => 8,
            Self::Podman => 11,
        }
    }

    /// The name that rules know it by (`container.type`).
    pub const fn name(self) -> &'static str {
        match self {
            Self::Docker => "docker",
            Self::Podman => "podman",
            Self::Containerd => "containerd",
            Self::Cri => "cri",
            Self::CriO => "cri-o",
            Self::Oci => "oci",
            Self::Lxc => "lxc",
            Self::LibvirtLxc => "libvirt-lxc",
            Self::SystemdNspawn => "systemd-nspawn",
        }
    }
}

/// Where facts come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The runtime was asked.
    Runtime,
    /// Files that the runtime left. Much may be missing.
    Files,
}

/// Facts about a container. What its source does not tell is `None` or empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContainerFacts {
    /// The full id, or the name where the runtime has no ids.
    pub id: String,
    /// The name; in a pod the name that the pod's author gave.
    pub name: String,
    /// What it was made from.
    pub image: Image,
    /// The runtime.
    pub kind: RuntimeKind,
    /// Where the facts come from.
    pub origin: Origin,
    /// Whether this is the container that only holds the namespaces of a pod.
    pub is_sandbox: bool,
    /// Whether it may do what the host may.
    pub is_privileged: Option<bool>,
    /// Whether it sees the processes of the host.
    pub is_host_pid: Option<bool>,
    /// Whether it uses the network of the host.
    pub is_host_network: Option<bool>,
    /// Whether it shares the System V objects of the host.
    pub is_host_ipc: Option<bool>,
    /// What is mounted into it besides its own file system.
    pub mounts: Vec<Mount>,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// The environment of its first process, as `NAME=value`; only where the settings ask for it.
    pub environment: Vec<String>,
    /// When it was created, in nanoseconds since the epoch.
    pub created: Option<u64>,
    /// When it started, in nanoseconds since the epoch.
    pub started: Option<u64>,
    /// Its first process, as numbered on the host.
    pub pid: Option<u32>,
    /// Its addresses; in a pod those of the pod.
    pub addresses: Vec<IpAddr>,
    /// The pod that it belongs to.
    pub pod: Option<PodFacts>,
    /// The command by which Docker or Podman checks its health.
    pub health_check: Option<Vec<String>>,
    /// The command by which the kubelet checks that it lives.
    pub liveness_probe: Option<Vec<String>>,
    /// The command by which the kubelet checks that it is ready.
    pub readiness_probe: Option<Vec<String>>,
    /// Its users and groups; only where the settings ask for them.
    pub accounts: Option<Accounts>,
}

/// The image of a container.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Image {
    /// Registry and name, without tag and digest.
    pub repository: String,
    /// The tag.
    pub tag: String,
    /// The digest of the manifest, `sha256:…`; empty for images that came from no registry.
    pub digest: String,
    /// The id on this host, without `sha256:`.
    pub id: String,
}

/// A directory or file that is mounted into a container.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mount {
    /// The path on the host, or the name of a volume.
    pub source: String,
    /// The path in the container.
    pub destination: String,
    /// The options, in words of the runtime.
    pub mode: String,
    /// Whether the container may write.
    pub is_read_write: bool,
    /// Whether mounts below it are seen on the other side, in words of `mount(8)`.
    pub propagation: String,
}

/// Facts about the pod of a container.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PodFacts {
    /// The uid.
    pub id: String,
    /// The name.
    pub name: String,
    /// The namespace.
    pub namespace: String,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// Addresses; none where it uses the network of the host.
    pub addresses: Vec<IpAddr>,
    /// The id of its sandbox.
    pub sandbox_id: String,
}

impl ContainerFacts {
    /// Facts of which nothing is known but the container.
    pub(crate) fn new(id: &str, kind: RuntimeKind, origin: Origin) -> Self {
        Self {
            id: id.to_owned(),
            name: String::new(),
            image: Image::default(),
            kind,
            origin,
            is_sandbox: false,
            is_privileged: None,
            is_host_pid: None,
            is_host_network: None,
            is_host_ipc: None,
            mounts: Vec::new(),
            labels: BTreeMap::new(),
            environment: Vec::new(),
            created: None,
            started: None,
            pid: None,
            addresses: Vec::new(),
            pod: None,
            health_check: None,
            liveness_probe: None,
            readiness_probe: None,
            accounts: None,
        }
    }

    /// The id as records and rules show it: twelve digits, or the name where the runtime has no ids.
    pub fn short_id(&self) -> &str {
        id_of(&self.id).map_or(&*self.id, |id| &id[..SHORT_ID_LENGTH])
    }

    /// What records keep of it.
    pub fn snapshot(&self) -> snapshot::Container<'_> {
        snapshot::Container {
            id: self.short_id().as_bytes(),
            name: self.name.as_bytes(),
            image: self.image.repository.as_bytes(),
            image_tag: self.image.tag.as_bytes(),
            image_id: self.image.id.as_bytes(),
            kind: self.kind.sysflow_type(),
            is_privileged: self.is_privileged.unwrap_or_default(),
            pod_id: self.pod.as_ref().map(|pod| pod.id.as_bytes()),
            ..snapshot::Container::default()
        }
    }

    /// Drops what is beyond the bounds: whoever makes containers must not fill our memory. Tells whether anything was.
    pub(crate) fn trim(&mut self) -> bool {
        let mut is_trimmed = trim_map(&mut self.labels);
        if let Some(pod) = &mut self.pod {
            is_trimmed |= trim_map(&mut pod.labels);
            is_trimmed |= trim_list(&mut pod.addresses, |_| 0);
        }
        is_trimmed |= trim_list(&mut self.mounts, |mount| {
            mount.source.len() + mount.destination.len() + mount.mode.len()
        });
        is_trimmed |= trim_list(&mut self.environment, String::len);
        is_trimmed |= trim_list(&mut self.addresses, |_| 0);
        for command in [
            &mut self.health_check,
            &mut self.liveness_probe,
            &mut self.readiness_probe,
        ]
        .into_iter()
        .flatten()
        {
            is_trimmed |= trim_list(command, String::len);
        }
        for text in [
            &mut self.name,
            &mut self.image.repository,
            &mut self.image.tag,
            &mut self.image.digest,
            &mut self.image.id,
        ] {
            if text.len() > MOST_TEXT {
                let end = (0..=MOST_TEXT)
                    .rev()
                    .find(|end| text.is_char_boundary(*end));
                text.truncate(end.unwrap_or_default());
                is_trimmed = true;
            }
        }
        is_trimmed
    }
}

/// Digits of an id that name the container in records.
const SHORT_ID_LENGTH: usize = 12;
/// Most bytes of a name.
const MOST_TEXT: usize = 4096;
/// Most entries of a list, and most bytes in it.
const MOST_ENTRIES: usize = 1024;
const MOST_BYTES: usize = 64 * 1024;

fn trim_list<T>(list: &mut Vec<T>, size: impl Fn(&T) -> usize) -> bool {
    let mut bytes = 0;
    let kept = list
        .iter()
        .take(MOST_ENTRIES)
        .take_while(|item| {
            bytes += size(item);
            bytes <= MOST_BYTES
        })
        .count();
    let is_trimmed = kept < list.len();
    list.truncate(kept);
    is_trimmed
}

fn trim_map(map: &mut BTreeMap<String, String>) -> bool {
    let (mut bytes, mut entries) = (0, 0);
    let before = map.len();
    map.retain(|key, value| {
        bytes += key.len() + value.len();
        entries += 1;
        bytes <= MOST_BYTES && entries <= MOST_ENTRIES
    });
    map.len() < before
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_keep_the_short_id() {
        let id = "0123456789abcdef".repeat(4);
        let mut facts = ContainerFacts::new(&id, RuntimeKind::Podman, Origin::Files);
        facts.image = Image::parse("registry.test/shop:3");
        let kept = facts.snapshot();
        assert_eq!((kept.id, kept.kind), (&b"0123456789ab"[..], 11));
        assert_eq!(
            (kept.image, kept.image_tag),
            (&b"registry.test/shop"[..], &b"3"[..])
        );
        assert_eq!((kept.is_privileged, kept.pod_id), (false, None));
        let facts = ContainerFacts::new("by-name", RuntimeKind::Lxc, Origin::Files);
        assert_eq!(facts.short_id(), "by-name");
    }

    #[test]
    fn what_is_beyond_the_bounds_is_dropped() {
        let mut facts = ContainerFacts::new("a", RuntimeKind::Docker, Origin::Runtime);
        assert!(!facts.trim());
        facts.labels = (0..2000)
            .map(|n| (n.to_string(), "x".repeat(100)))
            .collect();
        facts.environment = vec!["a".repeat(MOST_BYTES), "b".to_owned()];
        facts.name = "ü".repeat(MOST_TEXT);
        assert!(facts.trim());
        let size: usize = facts.labels.iter().map(|(k, v)| k.len() + v.len()).sum();
        assert!(size <= MOST_BYTES && facts.labels.len() > 100);
        assert_eq!(facts.environment.len(), 1);
        assert_eq!(facts.name.len(), MOST_TEXT);
        assert!(!facts.trim());
    }
}
