//! Asking runtimes.

#[cfg(any(feature = "docker", feature = "cri"))]
use std::path::Path;
use std::path::PathBuf;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use crate::answer::ContainerKey;
use crate::error::Error;
use crate::facts::{ContainerFacts, RuntimeKind};
use crate::image::id_of;
use crate::settings::{Socket, SocketKind};

#[cfg(feature = "cri")]
mod cri;
#[cfg(feature = "docker")]
mod docker;
#[cfg(feature = "docker")]
mod http;

/// How long a runtime that was too slow is left alone.
const REST: Duration = Duration::from_secs(10);

/// A socket where a runtime may listen.
pub(crate) struct Runtime {
    path: PathBuf,
    kind: SocketKind,
    timeout: Duration,
    interface: Interface,
    /// Until when it is left alone.
    resting: Mutex<Option<Instant>>,
}

enum Interface {
    #[cfg(feature = "docker")]
    Docker(docker::Docker),
    #[cfg(feature = "cri")]
    Cri(cri::Cri),
    #[cfg(not(any(feature = "docker", feature = "cri")))]
    #[expect(dead_code, reason = "no interface is built")]
    LeftOut,
}

impl Runtime {
    /// `None` where the interface was left out of this build.
    pub(crate) fn new(socket: &Socket, timeout: Duration) -> Option<Self> {
        let interface: Option<Interface> = match socket.kind {
            #[cfg(feature = "docker")]
            SocketKind::Docker | SocketKind::Podman => {
                Some(Interface::Docker(docker::Docker::new(socket)))
            }
            #[cfg(feature = "cri")]
            SocketKind::Containerd | SocketKind::CriO => cri::Cri::new(socket).map(Interface::Cri),
            #[cfg(not(all(feature = "docker", feature = "cri")))]
            _ => None,
        };
        Some(Self {
            path: socket.path.clone(),
            kind: socket.kind,
            timeout,
            interface: interface?,
            resting: Mutex::new(None),
        })
    }

    /// Whether this is where containers of a kind are looked for first.
    pub(crate) fn is_first_for(&self, kind: RuntimeKind) -> bool {
        match kind {
            RuntimeKind::Docker => self.kind == SocketKind::Docker,
            RuntimeKind::Podman => self.kind == SocketKind::Podman,
            RuntimeKind::CriO => self.kind == SocketKind::CriO,
            RuntimeKind::Containerd => self.kind == SocketKind::Containerd,
            RuntimeKind::Cri => matches!(self.kind, SocketKind::Containerd | SocketKind::CriO),
            _ => false,
        }
    }

    /// Whether the runtime can know a container. Names are asked for where they are meant only: two runtimes can have
    /// the same name for different containers.
    pub(crate) fn can_know(&self, key: &ContainerKey) -> bool {
        match key.kind {
            RuntimeKind::Oci
            | RuntimeKind::Lxc
            | RuntimeKind::LibvirtLxc
            | RuntimeKind::SystemdNspawn => false,
            kind => self.is_first_for(kind) || id_of(&key.id).is_some(),
        }
    }

    /// What the runtime knows of a container; `None` where it answers that it does not know it.
    #[cfg_attr(
        not(any(feature = "docker", feature = "cri")),
        expect(unused_variables, reason = "nobody can be asked")
    )]
    pub(crate) async fn look_up(
        &self,
        key: &ContainerKey,
        with_environment: bool,
    ) -> Result<Option<ContainerFacts>, Error> {
        if self.is_resting() {
            return Err(self.too_slow());
        }
        let asking = async {
            match &self.interface {
                #[cfg(feature = "docker")]
                Interface::Docker(docker) => docker.look_up(key, with_environment).await,
                #[cfg(feature = "cri")]
                Interface::Cri(cri) => cri.look_up(key, with_environment).await,
                #[cfg(not(any(feature = "docker", feature = "cri")))]
                Interface::LeftOut => Ok(None),
            }
        };
        if let Ok(result) = tokio::time::timeout(self.timeout, asking).await {
            return result;
        }
        self.rest();
        Err(self.too_slow())
    }

    fn too_slow(&self) -> Error {
        Error::Timeout {
            path: self.path.clone(),
        }
    }

    fn is_resting(&self) -> bool {
        self.resting
            .lock()
            .is_ok_and(|until| until.is_some_and(|until| Instant::now() < until))
    }

    fn rest(&self) {
        if let Ok(mut until) = self.resting.lock() {
            *until = Some(Instant::now() + REST);
        }
    }
}

/// The error for an answer that is not what it should be.
#[cfg(feature = "docker")]
fn malformed(path: &Path, reason: &dyn std::fmt::Display) -> Error {
    Error::Malformed {
        path: path.to_owned(),
        reason: reason.to_string(),
    }
}

/// The error for a runtime that cannot be reached.
#[cfg(any(feature = "docker", feature = "cri"))]
fn unreachable(path: &Path, reason: &dyn std::fmt::Display) -> Error {
    Error::Unreachable {
        path: path.to_owned(),
        reason: reason.to_string(),
    }
}
