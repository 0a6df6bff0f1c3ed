//! Fields of the container.

use std::io::Write as _;

use serde_json::Value as Json;
use sysflow_field::{Arg, Argument, Value};

use super::EventView;
use crate::tables::containers::KnownContainer;
use crate::text::split;

event_fields! {
    CONTAINER_ID = "container.id": Text, "Short id of the container; host outside of any."
        => value |v| { v.thread?; Some(Value::Text(v.container().map_or(b"host", |known| &known.id))) };
    CONTAINER_FULL_ID = "container.full_id": Text, "Whole id of the container, if it is known."
        => value |v| v.fact_text("full_id").or_else(|| v.id_in_cgroups()).and_then(told);
    CONTAINER_NAME = "container.name": Text, "Name of the container; host outside of any."
        => value |v| { v.thread?; v.container().map_or(Some(Value::Text(b"host")), |known| told(&known.name)) };
    CONTAINER_IMAGE = "container.image": Text, "Image with its tag."
        => value |v| told(&v.container()?.image).filter(|image| image.as_text() != Some(b":"));
    CONTAINER_REPOSITORY = "container.image.repository": Text, "Image without its tag."
        => value |v| match v.fact_text("imagerepo") {
            Some(repository) => told(repository),
            None => told(image_parts(v.container()?).0),
        };
    CONTAINER_TAG = "container.image.tag": Text, "Tag of the image."
        => value |v| told(image_parts(v.container()?).1);
    CONTAINER_IMAGE_ID = "container.image.id": Text, "Id of the image."
        => value |v| told(&v.container()?.image_id);
    CONTAINER_DIGEST = "container.image.digest": Text, "Digest of the image."
        => value |v| v.fact_text("imagedigest").and_then(told);
    CONTAINER_TYPE = "container.type": Text, "The runtime, such as docker; host outside of any container."
        => value |v| {
            v.thread?;
            Some(Value::Text(v.container().map_or("host", |known| runtime(known.kind)).as_bytes()))
        };
    CONTAINER_PRIVILEGED = "container.privileged": Bool, "Whether the container is privileged, if that was told."
        => value |v| v.container().filter(|known| !known.name.is_empty())
            .map(|known| Value::Bool(known.is_privileged));
    CONTAINER_HOST_PID = "container.host_pid": Bool, "Whether it shares the process ids of the host, if that was told."
        => value |v| v.facts()?.get("host_pid")?.as_bool().map(Value::Bool);
    CONTAINER_HOST_NETWORK = "container.host_network": Bool, "Whether it shares the network of the host, if that was told."
        => value |v| v.facts()?.get("host_network")?.as_bool().map(Value::Bool);
    CONTAINER_HOST_IPC = "container.host_ipc": Bool, "Whether it shares the IPC of the host, if that was told."
        => value |v| v.facts()?.get("host_ipc")?.as_bool().map(Value::Bool);
    CONTAINER_START = "container.start_ts": Time, "Start of the container, ns since the epoch, if it is known."
        => value |v| v.started().map(|start| Value::Int(start as i64));
    CONTAINER_DURATION = "container.duration": Duration, "Age of the container at the event, ns, if its start is known."
        => value |v| v.started().map(|start| Value::Int((v.event.ts as i64).saturating_sub(start as i64)));
    CONTAINER_IP = "container.ip": Text, "Address of the container, if it has one of its own."
        => value |v| v.own_address();
    CONTAINER_CNI = "container.cni.json": Text, "What the network plugin answered for the pod, as JSON."
        => value |v| v.fact_text("cni_json").and_then(told);
    CONTAINER_LABEL = "container.label": Text { argument: Argument::Key }, "Label of the container, by name."
        => each |v, arg, emit| if let Some(label) = v.label("labels", arg) {
            emit.value(Value::Text(label));
        };
    CONTAINER_LABELS = "container.labels": Text, "Labels of the container, as name:value with commas between them."
        => text |v, out| write_labels(v.facts()?.get("labels")?, out);
    CONTAINER_HEALTHCHECK = "container.healthcheck": Text, "Command by which the runtime checks the container."
        => text |v, out| v.write_probe("Healthcheck", out);
    CONTAINER_LIVENESS = "container.liveness_probe": Text, "Command by which Kubernetes asks whether the container lives."
        => text |v, out| v.write_probe("LivenessProbe", out);
    CONTAINER_READINESS = "container.readiness_probe": Text, "Command by which Kubernetes asks whether the container is ready."
        => text |v, out| v.write_probe("ReadinessProbe", out);
    PROC_IS_HEALTHCHECK = "proc.is_container_healthcheck": Bool, "Whether it or an ancestor runs the container's check."
        => value |v| v.is_probe("Healthcheck");
    PROC_IS_LIVENESS = "proc.is_container_liveness_probe": Bool, "Whether it or an ancestor runs the container's liveness probe."
        => value |v| v.is_probe("LivenessProbe");
    PROC_IS_READINESS = "proc.is_container_readiness_probe": Bool, "Whether it or an ancestor runs the container's readiness probe."
        => value |v| v.is_probe("ReadinessProbe");
}

pub(super) fn told(text: &[u8]) -> Option<Value<'_>> {
    (!text.is_empty()).then_some(Value::Text(text))
}

/// The image without its tag, and the tag.
fn image_parts(container: &KnownContainer) -> (&[u8], &[u8]) {
    let colon = container.image.iter().rposition(|byte| *byte == b':');
    let colon = colon.unwrap_or(container.image.len());
    (
        &container.image[..colon],
        container.image.get(colon + 1..).unwrap_or_default(),
    )
}

/// The word for a runtime, as captures number them.
const fn runtime(kind: i32) -> &'static str {
    match kind {
        0 => "docker",
        1 => "lxc",
        2 => "libvirt_lxc",
        3 => "mesos",
        4 => "rkt",
        6 => "cri",
        7 => "containerd",
        8 => "cri-o",
        9 => "bpm",
        10 => "static",
        11 => "podman",
        _ => "custom",
    }
}

pub(super) fn write_labels(labels: &Json, out: &mut Vec<u8>) -> Option<()> {
    let start = out.len();
    for (name, value) in labels.as_object()? {
        if out.len() > start {
            out.extend_from_slice(b", ");
        }
        // Writing into memory does not fail.
        let _ = write!(out, "{name}:{}", value.as_str().unwrap_or_default());
    }
    (out.len() > start).then_some(())
}

impl<'a> EventView<'a> {
    pub(super) fn container(&self) -> Option<&'a KnownContainer> {
        self.tables.containers.get(self.thread?.container?)
    }

    /// The short id; empty outside of any container.
    pub(super) fn container_id(&self) -> &'a [u8] {
        self.container().map_or(b"", |container| &container.id)
    }

    pub(super) fn write_container(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.container_id());
    }

    /// What the runtime told of the container.
    pub(super) fn facts(&self) -> Option<&'a Json> {
        self.container_facts.get(&self.container()?.id)
    }

    pub(super) fn fact_text(&self, key: &str) -> Option<&'a [u8]> {
        let text = self.facts()?.get(key)?.as_str()?;
        (!text.is_empty()).then_some(text.as_bytes())
    }

    pub(super) fn label(&self, labels: &str, arg: &Arg) -> Option<&'a [u8]> {
        let Arg::Key(name) = arg else { return None };
        let label = self.facts()?.get(labels)?.get(&**name)?;
        label.as_str().map(str::as_bytes)
    }

    fn id_in_cgroups(&self) -> Option<&'a [u8]> {
        let short = &*self.container()?.id;
        let is_end = |byte: &u8| !byte.is_ascii_hexdigit();
        split(&self.details()?.cgroups, false).find_map(|entry| {
            let mut runs = entry.split(is_end);
            runs.find(|run| run.len() > short.len() && run.starts_with(short))
        })
    }

    fn started(&self) -> Option<u64> {
        self.container()?;
        self.usage().namespace_start
    }

    pub(super) fn own_address(&self) -> Option<Value<'a>> {
        let text = self.fact_text("ip")?;
        (text != b"0.0.0.0").then_some(Value::Text(text))
    }

    fn write_probe(&self, name: &str, out: &mut Vec<u8>) -> Option<()> {
        let probe = self.facts()?.get(name)?;
        out.extend_from_slice(probe.get("exe")?.as_str()?.as_bytes());
        for argument in probe
            .get("args")
            .and_then(Json::as_array)
            .into_iter()
            .flatten()
        {
            out.push(b' ');
            out.extend_from_slice(argument.as_str()?.as_bytes());
        }
        Some(())
    }

    /// Whether the process or an ancestor in the same container has the command line of a probe.
    fn is_probe(&self, name: &str) -> Option<Value<'static>> {
        let container = self.thread?.container;
        let Some(probe) = self.facts().and_then(|facts| facts.get(name)) else {
            return Some(Value::Bool(false));
        };
        let exe = probe.get("exe").and_then(Json::as_str).unwrap_or_default();
        let arguments = || {
            let arguments = probe.get("args").and_then(Json::as_array);
            let texts = arguments.into_iter().flatten();
            texts.map(|text| text.as_str().unwrap_or_default().as_bytes())
        };
        let mut own = self
            .lineage()
            .take_while(|thread| thread.container == container);
        let is_probe = own.any(|thread| {
            *thread.exe == *exe.as_bytes() && split(&thread.arguments, false).eq(arguments())
        });
        Some(Value::Bool(is_probe))
    }
}
