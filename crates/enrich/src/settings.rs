//! Where runtimes are looked for, and the bounds of what is kept.

use std::path::PathBuf;
use std::time::Duration;

/// The interface that is spoken at a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SocketKind {
    /// The HTTP interface of Docker.
    Docker,
    /// The HTTP interface of Podman that is like Docker's.
    Podman,
    /// The gRPC interfaces of containerd: its own and Kubernetes' (CRI).
    Containerd,
    /// Kubernetes' gRPC interface (CRI) of CRI-O.
    CriO,
}

/// A socket where a runtime may listen. It need not exist: runtimes come and go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Socket {
    /// The path.
    pub path: PathBuf,
    /// What is spoken there.
    pub kind: SocketKind,
}

impl Socket {
    /// A socket.
    pub fn new(kind: SocketKind, path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            kind,
        }
    }
}

/// Directories in which runtimes keep files about their containers. They need not exist.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Directories {
    /// Docker's: holds `containers/<id>/config.v2.json`.
    pub docker: Vec<PathBuf>,
    /// Bundles of containerd: hold `<namespace>/<id>/config.json`.
    pub containerd_tasks: Vec<PathBuf>,
    /// Podman's and CRI-O's, lasting and volatile: hold `<driver>-containers/<id>/userdata/config.json`.
    pub containers_storage: Vec<PathBuf>,
    /// States of OCI runtimes: hold `<id>/state.json` or `<namespace>/<id>/state.json`.
    pub oci_states: Vec<PathBuf>,
}

impl Default for Directories {
    fn default() -> Self {
        let paths = |paths: &[&str]| paths.iter().map(PathBuf::from).collect();
        Self {
            docker: paths(&["/var/lib/docker"]),
            containerd_tasks: paths(&[
                "/run/containerd/io.containerd.runtime.v2.task",
                "/run/k3s/containerd/io.containerd.runtime.v2.task",
                "/run/docker/containerd/daemon/io.containerd.runtime.v2.task",
            ]),
            containers_storage: paths(&["/run/containers/storage", "/var/lib/containers/storage"]),
            oci_states: paths(&[
                "/run/runc",
                "/run/containerd/runc",
                "/run/docker/runtime-runc",
            ]),
        }
    }
}

/// Settings of an [`Enricher`](crate::Enricher). Every field has a default.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Where runtimes are asked, in this order among those that fit a container equally well.
    pub sockets: Vec<Socket>,
    /// Where files tell of containers when no runtime does.
    pub directories: Directories,
    /// Whether environments are kept. They hold secrets often.
    pub with_environment: bool,
    /// Whether the users and groups of a container are read from its own files.
    pub with_accounts: bool,
    /// Most containers that are remembered.
    pub most_containers: usize,
    /// Most containers that are asked about at a time, those asked again included.
    pub most_waiting: usize,
    /// Most questions that wait to be taken, and most answers that wait to be fetched.
    pub queue_length: usize,
    /// Questions that runtimes are asked at the same time.
    pub parallel: usize,
    /// How long a runtime may take to answer.
    pub timeout: Duration,
    /// The pause before a container is asked about again. It doubles each time.
    pub first_pause: Duration,
    /// The longest pause.
    pub longest_pause: Duration,
    /// After this a container is told to be unknown; it is asked about further.
    pub patience: Duration,
    /// After this it is asked about no longer.
    pub give_up: Duration,
    /// How often it is looked whether containers have ended.
    pub sweep: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            sockets: vec![
                Socket::new(SocketKind::Docker, "/var/run/docker.sock"),
                Socket::new(SocketKind::Podman, "/run/podman/podman.sock"),
                Socket::new(SocketKind::Containerd, "/run/containerd/containerd.sock"),
                Socket::new(SocketKind::CriO, "/run/crio/crio.sock"),
                Socket::new(
                    SocketKind::Containerd,
                    "/run/k3s/containerd/containerd.sock",
                ),
            ],
            directories: Directories::default(),
            with_environment: false,
            with_accounts: false,
            most_containers: 4096,
            most_waiting: 1024,
            queue_length: 1024,
            parallel: 4,
            timeout: Duration::from_secs(5),
            first_pause: Duration::from_millis(20),
            longest_pause: Duration::from_secs(30),
            patience: Duration::from_secs(10),
            give_up: Duration::from_secs(600),
            sweep: Duration::from_secs(10),
        }
    }
}
