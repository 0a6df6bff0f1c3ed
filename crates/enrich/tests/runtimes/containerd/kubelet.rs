//! What a kubelet asks of a runtime to make a pod with one container (`runtime.v1`, as far as it is needed here).

use std::collections::HashMap;
use std::path::Path;

use http::uri::PathAndQuery;
use prost::Message;
use tonic::client::Grpc;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request, Status};
use tonic_prost::ProstCodec;

/// Namespaces: of the container, of the host.
const CONTAINER: i32 = 1;
const NODE: i32 = 2;

#[derive(Clone, PartialEq, Message)]
struct Nothing {}

#[derive(Clone, PartialEq, Message)]
struct Id {
    #[prost(string, tag = "1")]
    id: String,
}

#[derive(Clone, PartialEq, Message)]
struct PodMetadata {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(string, tag = "2")]
    uid: String,
    #[prost(string, tag = "3")]
    namespace: String,
}

#[derive(Clone, PartialEq, Message)]
struct Namespaces {
    #[prost(int32, tag = "1")]
    network: i32,
    #[prost(int32, tag = "2")]
    pid: i32,
    #[prost(int32, tag = "3")]
    ipc: i32,
}

#[derive(Clone, PartialEq, Message)]
struct PodSecurity {
    #[prost(message, optional, tag = "1")]
    namespaces: Option<Namespaces>,
    #[prost(bool, tag = "6")]
    privileged: bool,
}

#[derive(Clone, PartialEq, Message)]
struct PodLinux {
    #[prost(string, tag = "1")]
    cgroup_parent: String,
    #[prost(message, optional, tag = "2")]
    security: Option<PodSecurity>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Pod {
    #[prost(message, optional, tag = "1")]
    metadata: Option<PodMetadata>,
    #[prost(map = "string, string", tag = "6")]
    labels: HashMap<String, String>,
    #[prost(map = "string, string", tag = "7")]
    annotations: HashMap<String, String>,
    #[prost(message, optional, tag = "8")]
    linux: Option<PodLinux>,
}

#[derive(Clone, PartialEq, Message)]
struct RunPod {
    #[prost(message, optional, tag = "1")]
    pod: Option<Pod>,
}

#[derive(Clone, PartialEq, Message)]
struct Mount {
    #[prost(string, tag = "1")]
    container_path: String,
    #[prost(string, tag = "2")]
    host_path: String,
    #[prost(bool, tag = "3")]
    readonly: bool,
}

#[derive(Clone, PartialEq, Message)]
struct ContainerSecurity {
    #[prost(bool, tag = "2")]
    privileged: bool,
    #[prost(message, optional, tag = "3")]
    namespaces: Option<Namespaces>,
}

#[derive(Clone, PartialEq, Message)]
struct ContainerLinux {
    #[prost(message, optional, tag = "2")]
    security: Option<ContainerSecurity>,
}

#[derive(Clone, PartialEq, Message)]
struct Container {
    #[prost(message, optional, tag = "1")]
    name: Option<Id>,
    #[prost(message, optional, tag = "2")]
    image: Option<Id>,
    #[prost(message, repeated, tag = "7")]
    mounts: Vec<Mount>,
    #[prost(map = "string, string", tag = "9")]
    labels: HashMap<String, String>,
    #[prost(message, optional, tag = "15")]
    linux: Option<ContainerLinux>,
}

#[derive(Clone, PartialEq, Message)]
struct CreateContainer {
    #[prost(string, tag = "1")]
    sandbox: String,
    #[prost(message, optional, tag = "2")]
    container: Option<Container>,
    #[prost(message, optional, tag = "3")]
    pod: Option<Pod>,
}

pub(crate) struct Kubelet {
    runtime: tokio::runtime::Runtime,
    channel: Channel,
}

impl Kubelet {
    pub(crate) fn new(socket: &Path) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let address = format!("unix://{}", socket.display());
        let channel = {
            let _inside = runtime.enter();
            Endpoint::from_shared(address).unwrap().connect_lazy()
        };
        Self { runtime, channel }
    }

    fn call<Q, A>(&self, call: &str, question: Q) -> Result<A, Status>
    where
        Q: Message + Send + Sync + 'static,
        A: Message + Default + Send + Sync + 'static,
    {
        let path = format!("/runtime.v1.RuntimeService/{call}");
        let path = PathAndQuery::try_from(path).unwrap();
        self.runtime.block_on(async {
            let mut client = Grpc::new(self.channel.clone());
            client.ready().await.unwrap();
            let codec: ProstCodec<Q, A> = ProstCodec::default();
            let answer = client.unary(Request::new(question), path, codec).await?;
            Ok(answer.into_inner())
        })
    }

    /// A pod in the network of the host, as there are no plugins for others.
    pub(crate) fn pod(name: &str, namespace: &str, uid: &str) -> Pod {
        let applied = r#"{"spec":{"containers":[{"name":"shop","readinessProbe":{"exec":{"command":["/bin/true"]}}}]}}"#;
        Pod {
            metadata: Some(PodMetadata {
                name: name.into(),
                uid: uid.into(),
                namespace: namespace.into(),
            }),
            labels: [
                ("team", "red"),
                ("io.kubernetes.pod.name", name),
                ("io.kubernetes.pod.namespace", namespace),
                ("io.kubernetes.pod.uid", uid),
            ]
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .into(),
            annotations: [(
                "kubectl.kubernetes.io/last-applied-configuration".to_owned(),
                applied.to_owned(),
            )]
            .into(),
            linux: Some(PodLinux {
                cgroup_parent: format!("/kubepods/besteffort/pod{uid}"),
                security: Some(PodSecurity {
                    namespaces: Some(namespaces()),
                    privileged: true,
                }),
            }),
        }
    }

    /// Runs the sandbox of a pod; its id.
    pub(crate) fn run_pod(&self, pod: &Pod) -> String {
        let question = RunPod {
            pod: Some(pod.clone()),
        };
        let answer: Id = self.call("RunPodSandbox", question).unwrap();
        answer.id
    }

    /// Makes a container with a mount in a pod; its id.
    pub(crate) fn create(
        &self,
        pod: &Pod,
        sandbox: &str,
        name: &str,
        image: &str,
        source: &str,
        privileged: bool,
    ) -> String {
        let question = CreateContainer {
            sandbox: sandbox.into(),
            container: Some(Container {
                name: Some(Id { id: name.into() }),
                image: Some(Id { id: image.into() }),
                mounts: vec![Mount {
                    container_path: "/data".into(),
                    host_path: source.into(),
                    readonly: true,
                }],
                labels: [("io.kubernetes.container.name".to_owned(), name.to_owned())].into(),
                linux: Some(ContainerLinux {
                    security: Some(ContainerSecurity {
                        privileged,
                        namespaces: Some(namespaces()),
                    }),
                }),
            }),
            pod: Some(pod.clone()),
        };
        let answer: Id = self.call("CreateContainer", question).unwrap();
        answer.id
    }

    pub(crate) fn start(&self, container: &str) {
        let question = Id {
            id: container.into(),
        };
        let _: Nothing = self.call("StartContainer", question).unwrap();
    }

    /// Ends a pod with all its containers. One that has gone already is no error.
    pub(crate) fn remove_pod(&self, sandbox: &str) {
        for call in ["StopPodSandbox", "RemovePodSandbox"] {
            let question = Id { id: sandbox.into() };
            let answer: Result<Nothing, Status> = self.call(call, question);
            if let Err(status) = answer {
                assert_eq!(status.code(), Code::NotFound, "{status}");
            }
        }
    }
}

fn namespaces() -> Namespaces {
    Namespaces {
        network: NODE,
        pid: CONTAINER,
        ipc: 0,
    }
}
