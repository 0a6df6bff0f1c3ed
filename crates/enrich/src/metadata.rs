//! Facts as the JSON object that Falco's container events carry: rules about containers ask for its keys.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::facts::{ContainerFacts, Mount};

impl ContainerFacts {
    /// The facts as a JSON object with the keys of Falco's container events. What is not known is left out.
    pub fn metadata(&self) -> Vec<u8> {
        let mut object = Map::new();
        let mut put = |key: &str, value: Option<Value>| {
            if let Some(value) = value {
                object.insert(key.to_owned(), value);
            }
        };
        put("id", Some(self.short_id().into()));
        put("full_id", text(&self.id));
        put("name", text(&self.name));
        put("type", Some(self.kind.name().into()));
        put("image", self.image_name());
        put("imagerepo", text(&self.image.repository));
        put("imagetag", text(&self.image.tag));
        put("imagedigest", text(&self.image.digest));
        put("imageid", text(&self.image.id));
        put("privileged", self.is_privileged.map(Value::from));
        put("host_pid", self.is_host_pid.map(Value::from));
        put("host_network", self.is_host_network.map(Value::from));
        put("host_ipc", self.is_host_ipc.map(Value::from));
        put("is_pod_sandbox", Some(self.is_sandbox.into()));
        put(
            "created_time",
            self.created.map(|ns| (ns / 1_000_000_000).into()),
        );
        put("ip", self.addresses.first().map(|ip| ip.to_string().into()));
        put("env", list(&self.environment));
        put(
            "Mounts",
            list(&self.mounts.iter().map(mount).collect::<Vec<_>>()),
        );
        put("Healthcheck", probe(self.health_check.as_deref()));
        put("LivenessProbe", probe(self.liveness_probe.as_deref()));
        put("ReadinessProbe", probe(self.readiness_probe.as_deref()));
        let mut labels = self.labels.clone();
        if let Some(pod) = &self.pod {
            put("pod_sandbox_id", text(&pod.sandbox_id));
            put("pod_sandbox_labels", map(&pod.labels));
            for (key, value) in [
                ("io.kubernetes.pod.name", &pod.name),
                ("io.kubernetes.pod.namespace", &pod.namespace),
                ("io.kubernetes.pod.uid", &pod.id),
            ] {
                if !value.is_empty() {
                    labels
                        .entry(key.to_owned())
                        .or_insert_with(|| value.clone());
                }
            }
        }
        put("labels", map(&labels));
        Value::Object(object).to_string().into_bytes()
    }

    fn image_name(&self) -> Option<Value> {
        let (repository, tag) = (&self.image.repository, &self.image.tag);
        match (repository.is_empty(), tag.is_empty()) {
            (true, _) => None,
            (false, true) => Some(repository.as_str().into()),
            (false, false) => Some(format!("{repository}:{tag}").into()),
        }
    }
}

fn text(text: &str) -> Option<Value> {
    (!text.is_empty()).then(|| text.into())
}

fn list<T: Clone + Into<Value>>(list: &[T]) -> Option<Value> {
    (!list.is_empty()).then(|| list.to_vec().into())
}

fn map(map: &BTreeMap<String, String>) -> Option<Value> {
    (!map.is_empty()).then(|| json!(map))
}

fn mount(mount: &Mount) -> Value {
    json!({
        "Source": mount.source,
        "Destination": mount.destination,
        "Mode": mount.mode,
        "RW": mount.is_read_write,
        "Propagation": mount.propagation,
    })
}

/// A command as a program with its arguments.
fn probe(command: Option<&[String]>) -> Option<Value> {
    let (program, arguments) = command?.split_first()?;
    Some(json!({ "exe": program, "args": arguments }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::{Origin, PodFacts, RuntimeKind};

    #[test]
    fn what_is_known_has_the_keys_of_falco() {
        let id = "0123456789abcdef".repeat(4);
        let mut facts = ContainerFacts::new(&id, RuntimeKind::Docker, Origin::Runtime);
        facts.image.repository = "registry/httpd".to_owned();
        facts.image.tag = "2.4".to_owned();
        facts.is_privileged = Some(true);
        facts.mounts.push(Mount {
            source: "/var/run/docker.sock".to_owned(),
            destination: "/sock".to_owned(),
            ..Mount::default()
        });
        facts.pod = Some(PodFacts {
            name: "web-1".to_owned(),
            ..PodFacts::default()
        });
        let object: Value = serde_json::from_slice(&facts.metadata()).unwrap();
        assert_eq!(object["id"], "0123456789ab");
        assert_eq!(object["image"], "registry/httpd:2.4");
        assert_eq!(object["privileged"], true);
        assert_eq!(object["Mounts"][0]["Source"], "/var/run/docker.sock");
        assert_eq!(object["labels"]["io.kubernetes.pod.name"], "web-1");
        assert!(object.get("host_pid").is_none() && object.get("ip").is_none());
    }
}
