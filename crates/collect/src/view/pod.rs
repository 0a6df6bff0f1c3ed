//! Fields of the pod that the container belongs to, told by what the runtime tells of the container.

use sysflow_field::{Argument, Value};

use super::EventView;
use super::container::{told, write_labels};

/// Labels that the kubelet gives to containers.
const POD_NAME: &str = "io.kubernetes.pod.name";
const POD_UID: &str = "io.kubernetes.pod.uid";
const NAMESPACE: &str = "io.kubernetes.pod.namespace";

/// Digits of a short id.
const SHORT_ID: usize = 12;

event_fields! {
    K8S_POD_NAME = "k8s.pod.name": Text, "Name of the pod."
        => value |v| v.kubelet_label(POD_NAME);
    K8S_POD_UID = "k8s.pod.uid": Text, "Unique id of the pod."
        => value |v| v.kubelet_label(POD_UID);
    K8S_NS_NAME = "k8s.ns.name": Text, "Namespace of the pod."
        => value |v| v.kubelet_label(NAMESPACE);
    K8S_POD_ID = "k8s.pod.id": Text, "Short id of the container that holds the pod together."
        => value |v| v.sandbox().map(|id| Value::Text(&id[..id.len().min(SHORT_ID)]));
    K8S_POD_SANDBOX = "k8s.pod.sandbox_id": Text, "Short id of the container that holds the pod together."
        => value |v| v.sandbox().map(|id| Value::Text(&id[..id.len().min(SHORT_ID)]));
    K8S_POD_FULL_SANDBOX = "k8s.pod.full_sandbox_id": Text, "Whole id of the container that holds the pod together."
        => value |v| v.sandbox().map(Value::Text);
    K8S_POD_LABEL = "k8s.pod.label": Text { argument: Argument::Key }, "Label of the pod, by name."
        => each |v, arg, emit| if let Some(label) = v.label("pod_sandbox_labels", arg) {
            emit.value(Value::Text(label));
        };
    K8S_POD_LABELS = "k8s.pod.labels": Text, "Labels of the pod, as name:value with commas between them."
        => text |v, out| write_labels(v.facts()?.get("pod_sandbox_labels")?, out);
    K8S_POD_IP = "k8s.pod.ip": Text, "Address of the pod, if it has one of its own."
        => value |v| v.kubelet_label(POD_NAME).and_then(|_| v.own_address());
    K8S_POD_CNI = "k8s.pod.cni.json": Text, "What the network plugin answered for the pod, as JSON."
        => value |v| v.kubelet_label(POD_NAME).and_then(|_| v.fact_text("cni_json").and_then(told));
    K8S_NS_ID = "k8s.ns.id": Text, "Given up by Falco: has no value." => never |_| ();
    K8S_NS_LABEL = "k8s.ns.label": Text { argument: Argument::Key }, "Given up by Falco: has no value." => never |_| ();
    K8S_NS_LABELS = "k8s.ns.labels": Text, "Given up by Falco: has no value." => never |_| ();
    K8S_RC_NAME = "k8s.rc.name": Text, "Given up by Falco: has no value." => never |_| ();
    K8S_RC_ID = "k8s.rc.id": Text, "Given up by Falco: has no value." => never |_| ();
    K8S_RC_LABEL = "k8s.rc.label": Text { argument: Argument::Key }, "Given up by Falco: has no value." => never |_| ();
    K8S_RC_LABELS = "k8s.rc.labels": Text, "Given up by Falco: has no value." => never |_| ();
    K8S_RS_NAME = "k8s.rs.name": Text, "Given up by Falco: has no value." => never |_| ();
    K8S_RS_ID = "k8s.rs.id": Text, "Given up by Falco: has no value." => never |_| ();
    K8S_RS_LABEL = "k8s.rs.label": Text { argument: Argument::Key }, "Given up by Falco: has no value." => never |_| ();
    K8S_RS_LABELS = "k8s.rs.labels": Text, "Given up by Falco: has no value." => never |_| ();
    K8S_SVC_NAME = "k8s.svc.name": Text, "Given up by Falco: has no value." => never |_| ();
    K8S_SVC_ID = "k8s.svc.id": Text, "Given up by Falco: has no value." => never |_| ();
    K8S_SVC_LABEL = "k8s.svc.label": Text { argument: Argument::Key }, "Given up by Falco: has no value." => never |_| ();
    K8S_SVC_LABELS = "k8s.svc.labels": Text, "Given up by Falco: has no value." => never |_| ();
    K8S_DEPLOYMENT_NAME = "k8s.deployment.name": Text, "Given up by Falco: has no value." => never |_| ();
    K8S_DEPLOYMENT_ID = "k8s.deployment.id": Text, "Given up by Falco: has no value." => never |_| ();
    K8S_DEPLOYMENT_LABEL = "k8s.deployment.label": Text { argument: Argument::Key }, "Given up by Falco: has no value."
        => never |_| ();
    K8S_DEPLOYMENT_LABELS = "k8s.deployment.labels": Text, "Given up by Falco: has no value." => never |_| ();
}

impl<'a> EventView<'a> {
    fn kubelet_label(&self, name: &str) -> Option<Value<'a>> {
        let label = self.facts()?.get("labels")?.get(name)?.as_str()?;
        told(label.as_bytes())
    }

    fn sandbox(&self) -> Option<&'a [u8]> {
        self.fact_text("pod_sandbox_id").filter(|id| id.is_ascii())
    }
}
