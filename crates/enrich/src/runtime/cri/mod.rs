//! Asking containerd and CRI-O by gRPC.

use std::error::Error as _;
use std::path::PathBuf;
use std::sync::Mutex;

use http::uri::PathAndQuery;
use prost::Message;
use tonic::client::Grpc;
use tonic::metadata::MetadataValue;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request, Status};
use tonic_prost::ProstCodec;

use self::messages::{
    ContainerStatusRequest, ContainerStatusResponse, GetContainerRequest, GetContainerResponse,
    PodSandboxStatusRequest, PodSandboxStatusResponse, VersionRequest, VersionResponse,
};
use super::unreachable;
use crate::answer::ContainerKey;
use crate::error::Error;
use crate::facts::{ContainerFacts, RuntimeKind};
use crate::image::id_of;
use crate::settings::{Socket, SocketKind};

mod facts;
mod messages;

/// The calls.
const VERSION: &str = "/runtime.v1.RuntimeService/Version";
const CONTAINER_STATUS: &str = "/runtime.v1.RuntimeService/ContainerStatus";
const POD_SANDBOX_STATUS: &str = "/runtime.v1.RuntimeService/PodSandboxStatus";
const GET_CONTAINER: &str = "/containerd.services.containers.v1.Containers/Get";

/// The namespace of containerd that `ctr` and `nerdctl` use unless told otherwise, and those whose containers are
/// known better to others: Kubernetes' and Docker's.
const DEFAULT_NAMESPACE: &str = "default";
const FOREIGN_NAMESPACES: [&str; 2] = ["k8s.io", "moby"];

pub(super) struct Cri {
    path: PathBuf,
    kind: SocketKind,
    /// Connects when it is used first, and again after the runtime was gone.
    channel: Channel,
    /// What the runtime calls itself, once it was asked.
    runtime: Mutex<Option<RuntimeKind>>,
}

impl Cri {
    /// `None` where the path can be no address.
    pub(super) fn new(socket: &Socket) -> Option<Self> {
        let address = format!("unix://{}", socket.path.to_str()?);
        let channel = Endpoint::from_shared(address).ok()?.connect_lazy();
        Some(Self {
            path: socket.path.clone(),
            kind: socket.kind,
            channel,
            runtime: Mutex::new(None),
        })
    }

    pub(super) async fn look_up(
        &self,
        key: &ContainerKey,
        with_environment: bool,
    ) -> Result<Option<ContainerFacts>, Error> {
        let is_native = key.kind == RuntimeKind::Containerd;
        if !is_native && let Some(facts) = self.look_up_in_pods(&key.id, with_environment).await? {
            return Ok(Some(facts));
        }
        if self.kind != SocketKind::Containerd {
            return Ok(None);
        }
        let namespace = key.namespace.as_deref().unwrap_or(DEFAULT_NAMESPACE);
        if FOREIGN_NAMESPACES.contains(&namespace) {
            return Ok(None);
        }
        self.look_up_in_namespace(namespace, &key.id, with_environment)
            .await
    }

    /// A container of a pod, or the sandbox of one.
    async fn look_up_in_pods(
        &self,
        id: &str,
        with_environment: bool,
    ) -> Result<Option<ContainerFacts>, Error> {
        let request = ContainerStatusRequest {
            container_id: id.to_owned(),
            verbose: true,
        };
        let status: Option<ContainerStatusResponse> =
            self.call(CONTAINER_STATUS, None, request).await?;
        let Some(response) = status else {
            let Some(sandbox) = self.sandbox(id).await? else {
                return Ok(None);
            };
            let kind = self.runtime_kind().await?;
            return Ok(facts::of_sandbox(&sandbox, kind, with_environment));
        };
        let kind = self.runtime_kind().await?;
        let info = facts::info_of(&response.info);
        let sandbox_id = facts::sandbox_of(&info);
        let sandbox = match id_of(sandbox_id) {
            Some(_) => self.sandbox(sandbox_id).await?,
            None => None,
        };
        Ok(facts::of_container(
            &response,
            &info,
            sandbox.as_ref(),
            kind,
            with_environment,
        ))
    }

    async fn sandbox(&self, id: &str) -> Result<Option<PodSandboxStatusResponse>, Error> {
        let request = PodSandboxStatusRequest {
            pod_sandbox_id: id.to_owned(),
            verbose: true,
        };
        self.call(POD_SANDBOX_STATUS, None, request).await
    }

    /// A container that containerd made for somebody else than Kubernetes.
    async fn look_up_in_namespace(
        &self,
        namespace: &str,
        id: &str,
        with_environment: bool,
    ) -> Result<Option<ContainerFacts>, Error> {
        let request = GetContainerRequest { id: id.to_owned() };
        let response: Option<GetContainerResponse> =
            self.call(GET_CONTAINER, Some(namespace), request).await?;
        Ok(response
            .and_then(|response| response.container)
            .and_then(|container| facts::of_containerd(&container, with_environment)))
    }

    /// The runtime as it names itself.
    async fn runtime_kind(&self) -> Result<RuntimeKind, Error> {
        if let Some(kind) = self.runtime.lock().ok().and_then(|kind| *kind) {
            return Ok(kind);
        }
        let version: Option<VersionResponse> =
            self.call(VERSION, None, VersionRequest::default()).await?;
        let kind = match version.map(|version| version.runtime_name).as_deref() {
            Some("containerd") => RuntimeKind::Containerd,
            Some("cri-o") => RuntimeKind::CriO,
            _ => RuntimeKind::Cri,
        };
        if let Ok(mut known) = self.runtime.lock() {
            *known = Some(kind);
        }
        Ok(kind)
    }

    /// Calls the runtime. `None` where it does not know what it is asked about, or does not know the call.
    async fn call<Q, A>(
        &self,
        call: &'static str,
        namespace: Option<&str>,
        question: Q,
    ) -> Result<Option<A>, Error>
    where
        Q: Message + Send + Sync + 'static,
        A: Message + Default + Send + Sync + 'static,
    {
        let mut client = Grpc::new(self.channel.clone());
        client
            .ready()
            .await
            .map_err(|error| unreachable(&self.path, &error))?;
        let mut request = Request::new(question);
        if let Some(namespace) = namespace.and_then(|name| MetadataValue::try_from(name).ok()) {
            request
                .metadata_mut()
                .insert("containerd-namespace", namespace);
        }
        let path = PathAndQuery::from_static(call);
        let codec: ProstCodec<Q, A> = ProstCodec::default();
        match client.unary(request, path, codec).await {
            Ok(response) => Ok(Some(response.into_inner())),
            Err(status) => self.failed(&status).map(|()| None),
        }
    }

    fn failed(&self, status: &Status) -> Result<(), Error> {
        match status.code() {
            Code::NotFound | Code::Unimplemented => Ok(()),
            Code::Unavailable => Err(unreachable(&self.path, &status.message())),
            // It is ours, not the runtime's: the connection broke.
            _ if status.source().is_some() => Err(unreachable(&self.path, status)),
            _ => Err(Error::Refused {
                path: self.path.clone(),
                reason: status.to_string(),
            }),
        }
    }
}
