//! What the kubelet writes onto containers: labels and annotations.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::facts::{ContainerFacts, PodFacts};
use crate::json;

/// The labels that the kubelet gives to every container and sandbox.
const POD_NAME: &str = "io.kubernetes.pod.name";
const POD_NAMESPACE: &str = "io.kubernetes.pod.namespace";
const POD_UID: &str = "io.kubernetes.pod.uid";
const CONTAINER_NAME: &str = "io.kubernetes.container.name";
/// Those of the kubelet's former connection to Docker.
const DOCKER_SANDBOX: &str = "io.kubernetes.sandbox.id";
const DOCKER_TYPE: &str = "io.kubernetes.docker.type";
/// The annotation in which `kubectl apply` keeps the pod as its author wrote it. Docker's labels hold it with a prefix.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";
const LAST_APPLIED_OF_DOCKER: &str = "annotation.kubectl.kubernetes.io/last-applied-configuration";

/// The pod by the labels of one of its containers.
pub(crate) fn pod_of(labels: &BTreeMap<String, String>) -> Option<PodFacts> {
    let of = |label: &str| labels.get(label).cloned().unwrap_or_default();
    labels.get(POD_NAME).map(|name| PodFacts {
        id: of(POD_UID),
        name: name.clone(),
        namespace: of(POD_NAMESPACE),
        sandbox_id: of(DOCKER_SANDBOX),
        ..PodFacts::default()
    })
}

/// Takes what the labels of a container tell about its pod and its place in it.
pub(crate) fn learn_from_labels(facts: &mut ContainerFacts) {
    if facts.pod.is_none() {
        facts.pod = pod_of(&facts.labels);
    }
    if let Some(name) = facts.labels.get(CONTAINER_NAME) {
        facts.name.clone_from(name);
    }
    if facts
        .labels
        .get(DOCKER_TYPE)
        .is_some_and(|kind| kind == "podsandbox")
    {
        facts.is_sandbox = true;
    }
    if let Some(text) = facts.labels.get(LAST_APPLIED_OF_DOCKER).cloned() {
        learn_probes(facts, &text);
    }
}

/// Takes what the annotations of a pod tell about one of its containers.
pub(crate) fn learn_from_annotations(
    facts: &mut ContainerFacts,
    annotations: &BTreeMap<String, String>,
) {
    if let Some(text) = annotations.get(LAST_APPLIED) {
        learn_probes(facts, text);
    }
}

/// Takes the probe commands from the pod as its author wrote it.
fn learn_probes(facts: &mut ContainerFacts, pod: &str) {
    let Ok(pod) = serde_json::from_str::<Value>(pod) else {
        return;
    };
    let Some(container) = json::list(&pod, "/spec/containers")
        .iter()
        .find(|container| json::text(container, "/name") == facts.name)
    else {
        return;
    };
    let command = |pointer: &str| {
        let command = json::texts(container, pointer);
        (!command.is_empty()).then_some(command)
    };
    facts.liveness_probe = command("/livenessProbe/exec/command");
    facts.readiness_probe = command("/readinessProbe/exec/command");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::{Origin, RuntimeKind};

    #[test]
    fn labels_tell_pod_and_probes() {
        let mut facts = ContainerFacts::new("a", RuntimeKind::Docker, Origin::Runtime);
        facts.labels = [
            (POD_NAME, "shop-0"),
            (POD_NAMESPACE, "prod"),
            (POD_UID, "u-1"),
            (CONTAINER_NAME, "shop"),
            (DOCKER_SANDBOX, "s"),
            (
                LAST_APPLIED_OF_DOCKER,
                r#"{"spec":{"containers":[{"name":"other","livenessProbe":{"exec":{"command":["no"]}}},
                   {"name":"shop","livenessProbe":{"exec":{"command":["/bin/alive","-q"]}},"readinessProbe":{"httpGet":{}}}]}}"#,
            ),
        ]
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .into();
        learn_from_labels(&mut facts);
        let pod = facts.pod.as_ref().unwrap();
        assert_eq!(
            (&*pod.name, &*pod.namespace, &*pod.id, &*pod.sandbox_id),
            ("shop-0", "prod", "u-1", "s")
        );
        assert_eq!(facts.name, "shop");
        assert_eq!(
            facts.liveness_probe,
            Some(vec!["/bin/alive".into(), "-q".into()])
        );
        assert_eq!(facts.readiness_probe, None);
    }
}
