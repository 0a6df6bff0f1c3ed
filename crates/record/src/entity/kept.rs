//! Entities as they are kept: owned, each in one allocation, with what is asked often made ready.

use std::mem::size_of;

use bstr::{BStr, ByteSlice};

use super::texts::Texts;
use crate::avro::{Array, Datum};
use crate::model::{
    Container, ContainerType, File, Header, ObjectState, Pod, ResourceType, Service,
};
use crate::{Foid, pod_address};

/// Bytes that an entry takes in a map beside its texts, roughly: key, hash and spare capacity.
pub(super) const MAP_OVERHEAD: usize = 48;

/// The header of the recording in hand.
#[derive(Clone, Debug)]
pub struct KeptHeader {
    /// A number that no other entity of the stream has had.
    pub(super) stamp: u64,
    /// The schema version.
    pub version: i64,
    texts: Texts<3>,
}

impl KeptHeader {
    pub(super) fn new(header: &Header<'_>, stamp: u64) -> Self {
        let texts = Texts::new([header.exporter, header.ip, header.filename]);
        Self {
            stamp,
            version: header.version,
            texts,
        }
    }

    /// Who recorded.
    pub fn exporter(&self) -> &BStr {
        self.texts.get(0)
    }

    /// The address of the node.
    pub fn ip(&self) -> &BStr {
        self.texts.get(1)
    }

    /// The file as the recorder opened it.
    pub fn filename(&self) -> &BStr {
        self.texts.get(2)
    }
}

/// A file.
#[derive(Clone, Debug)]
pub struct KeptFile {
    /// Why it was last written.
    pub state: ObjectState,
    /// Its identity.
    pub oid: Foid,
    /// When it was first seen, ns since the epoch.
    pub ts: i64,
    /// What it is.
    pub kind: ResourceType,
    /// The inode; 0 when unknown.
    pub inode: i64,
    /// The device; 0 when unknown.
    pub device: i64,
    in_container: bool,
    /// Where the readable path begins: behind the kernel addresses of a connected unix socket.
    target_start: u32,
    /// Where the last part of the readable path begins.
    name_start: u32,
    texts: Texts<2>,
}

impl KeptFile {
    pub(super) fn new(file: &File<'_>) -> Self {
        let target_start = socket_target(file.path).unwrap_or(0);
        let name_start = file
            .path
            .rfind_byte(b'/')
            .map_or(target_start, |slash| slash + 1);
        Self {
            state: file.state,
            oid: file.oid,
            ts: file.ts,
            kind: file.kind,
            inode: file.inode,
            device: file.device,
            in_container: file.container_id.is_some(),
            target_start: target_start as u32,
            name_start: name_start.max(target_start) as u32,
            texts: Texts::new([file.path, file.container_id.unwrap_or_default()]),
        }
    }

    pub(super) const fn size(&self) -> usize {
        size_of::<Self>() + MAP_OVERHEAD + self.texts.len()
    }

    /// The path as it was recorded.
    pub fn raw_path(&self) -> &BStr {
        self.texts.get(0)
    }

    /// The path; of a connected unix socket the socket's path alone.
    pub fn path(&self) -> &BStr {
        BStr::new(&self.raw_path()[self.target_start as usize..])
    }

    /// The kernel addresses of both ends of a connected unix socket, `a->b`; empty otherwise.
    pub fn socket_link(&self) -> &BStr {
        BStr::new(self.raw_path()[..self.target_start as usize].trim_ascii_end())
    }

    /// The last part of the path.
    pub fn name(&self) -> &BStr {
        BStr::new(&self.raw_path()[self.name_start as usize..])
    }

    /// The directory of the path: `/` for entries of the root, empty where the path has no slash.
    pub fn directory(&self) -> &BStr {
        let path = self.path();
        let length = match path.rfind_byte(b'/') {
            None => 0,
            Some(0) => 1,
            Some(slash) => slash,
        };
        BStr::new(&path[..length])
    }

    /// The id of the container in which the path holds.
    pub fn container_id(&self) -> Option<&BStr> {
        self.in_container.then(|| self.texts.get(1))
    }
}

/// Where the path begins in `<hex>-><hex> <path>`, the form in which connected unix sockets are recorded.
fn socket_target(path: &[u8]) -> Option<usize> {
    let arrow = path.find("->")?;
    let is_hex = |text: &[u8]| !text.is_empty() && text.iter().all(u8::is_ascii_hexdigit);
    let blank = arrow + 2 + path[arrow + 2..].find_byte(b' ')?;
    (is_hex(&path[..arrow]) && is_hex(&path[arrow + 2..blank])).then_some(blank + 1)
}

/// A container.
#[derive(Clone, Debug)]
pub struct KeptContainer {
    /// A number that no other entity of the stream has had.
    pub(super) stamp: u64,
    /// The runtime.
    pub kind: ContainerType,
    /// Whether it is privileged.
    pub privileged: bool,
    in_pod: bool,
    texts: Texts<6>,
}

impl KeptContainer {
    pub(super) fn new(container: &Container<'_>, stamp: u64) -> Self {
        let mut mounts = Vec::new();
        container.mounts.write(&mut mounts);
        let texts: [&[u8]; 6] = [
            container.id,
            container.name,
            container.image,
            container.image_id,
            container.pod_id.unwrap_or_default(),
            &mounts,
        ];
        Self {
            stamp,
            kind: container.kind,
            privileged: container.privileged,
            in_pod: container.pod_id.is_some(),
            texts: Texts::new(texts),
        }
    }

    pub(super) const fn size(&self) -> usize {
        size_of::<Self>() + MAP_OVERHEAD + self.texts.len()
    }

    /// The short id.
    pub fn id(&self) -> &BStr {
        self.texts.get(0)
    }

    /// The name.
    pub fn name(&self) -> &BStr {
        self.texts.get(1)
    }

    /// The image with its tag.
    pub fn image(&self) -> &BStr {
        self.texts.get(2)
    }

    /// The image's id.
    pub fn image_id(&self) -> &BStr {
        self.texts.get(3)
    }

    /// The id of the pod that it belongs to.
    pub fn pod_id(&self) -> Option<&BStr> {
        self.in_pod.then(|| self.texts.get(4))
    }

    /// Mounts as `source:destination:mode:writable:propagation`.
    pub fn mounts(&self) -> Array<'_, &BStr> {
        Array::from_encoding(self.texts.get(5))
    }
}

/// A pod.
#[derive(Clone, Debug)]
pub struct KeptPod {
    /// A number that no other entity of the stream has had.
    pub(super) stamp: u64,
    /// When it was last seen, ns since the epoch.
    pub ts: i64,
    /// How often its containers were restarted.
    pub restart_count: i64,
    texts: Texts<8>,
}

impl KeptPod {
    pub(super) fn new(pod: &Pod<'_>, stamp: u64) -> Self {
        let (mut host, mut internal, mut services) = (Vec::new(), Vec::new(), Vec::new());
        pod.host_ip.write(&mut host);
        pod.internal_ip.write(&mut internal);
        pod.services.write(&mut services);
        let json = services_json(pod.services);
        let texts: [&[u8]; 8] = [
            pod.id,
            pod.name,
            pod.node_name,
            pod.namespace,
            &host,
            &internal,
            &services,
            json.as_bytes(),
        ];
        Self {
            stamp,
            ts: pod.ts,
            restart_count: pod.restart_count,
            texts: Texts::new(texts),
        }
    }

    pub(super) const fn size(&self) -> usize {
        size_of::<Self>() + MAP_OVERHEAD + self.texts.len()
    }

    /// The uid.
    pub fn id(&self) -> &BStr {
        self.texts.get(0)
    }

    /// The name.
    pub fn name(&self) -> &BStr {
        self.texts.get(1)
    }

    /// The node that it runs on.
    pub fn node_name(&self) -> &BStr {
        self.texts.get(2)
    }

    /// The namespace.
    pub fn namespace(&self) -> &BStr {
        self.texts.get(3)
    }

    /// Addresses of the node; see [`pod_address`].
    pub fn host_ip(&self) -> Array<'_, i64> {
        Array::from_encoding(self.texts.get(4))
    }

    /// Addresses of the pod; see [`pod_address`].
    pub fn internal_ip(&self) -> Array<'_, i64> {
        Array::from_encoding(self.texts.get(5))
    }

    /// Services that lead to it.
    pub fn services(&self) -> Array<'_, Service<'_>> {
        Array::from_encoding(self.texts.get(6))
    }

    /// The services as JSON, with the field names of the schema.
    pub fn services_json(&self) -> &BStr {
        self.texts.get(7)
    }
}

fn services_json(services: Array<'_, Service<'_>>) -> String {
    let port = |port: crate::model::Port<'_>| {
        serde_json::json!({
            "port": port.port,
            "targetPort": port.target_port,
            "nodePort": port.node_port,
            "proto": port.proto.to_string(),
        })
    };
    let service = |service: Service<'_>| {
        let addresses = service
            .cluster_ip
            .iter()
            .map(|ip| pod_address(ip).to_string());
        serde_json::json!({
            "name": service.name.to_string(),
            "id": service.id.to_string(),
            "namespace": service.namespace.to_string(),
            "portList": service.ports.iter().map(port).collect::<Vec<_>>(),
            "clusterip": addresses.collect::<Vec<_>>(),
        })
    };
    services
        .iter()
        .map(service)
        .collect::<serde_json::Value>()
        .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str) -> KeptFile {
        KeptFile::new(&File {
            path: path.into(),
            ..File::default()
        })
    }

    #[test]
    fn paths_are_taken_apart() {
        let passwd = file("/etc/passwd");
        assert_eq!(
            (passwd.directory(), passwd.name()),
            ("/etc".into(), "passwd".into())
        );
        let root = file("/init");
        assert_eq!((root.directory(), root.name()), ("/".into(), "init".into()));
        let bare = file("socket");
        assert_eq!(
            (bare.directory(), bare.name()),
            ("".into(), "socket".into())
        );
        let empty = file("");
        assert_eq!((empty.directory(), empty.name()), ("".into(), "".into()));
    }

    #[test]
    fn connected_unix_sockets_show_their_path() {
        let socket = file("ffff8f3a->ffff8f3b /run/systemd/notify");
        assert_eq!(socket.path(), "/run/systemd/notify");
        assert_eq!(socket.socket_link(), "ffff8f3a->ffff8f3b");
        assert_eq!(socket.name(), "notify");
        assert_eq!(socket.directory(), "/run/systemd");
        let not_a_socket = file("/tmp/a->b c");
        assert_eq!(not_a_socket.path(), "/tmp/a->b c");
        assert_eq!(not_a_socket.socket_link(), "");
    }
}
