//! What runtimes leave in files about their containers: enough to name a container where no runtime can be asked.
//!
//! Blocking reads, for the background thread only.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::answer::ContainerKey;
use crate::cgroup::is_name;
use crate::docker;
use crate::error::Error;
use crate::facts::{ContainerFacts, Image, Origin, RuntimeKind};
use crate::image::id_of;
use crate::settings::Directories;
use crate::{json, oci, time};

/// Most bytes of a file. The specification of a container has a few kilobytes, lists of containers more.
const MOST_BYTES: u64 = 4 * 1024 * 1024;
/// Most namespaces, drivers and the like that are searched for a container.
const MOST_SEARCHED: usize = 64;

/// Facts from files, and the failures that were met on the way.
pub(crate) fn look_up(
    directories: &Directories,
    key: &ContainerKey,
    with_environment: bool,
    failures: &mut Vec<Error>,
) -> Option<ContainerFacts> {
    // Names become components of paths.
    if !is_name(&key.id) || !key.namespace.as_deref().is_none_or(is_name) {
        return None;
    }
    let mut reader = Reader {
        key,
        with_environment,
        failures,
    };
    let facts = match key.kind {
        RuntimeKind::Lxc | RuntimeKind::LibvirtLxc | RuntimeKind::SystemdNspawn => return None,
        RuntimeKind::Docker => reader.docker(&directories.docker),
        RuntimeKind::Podman | RuntimeKind::CriO => reader.storage(&directories.containers_storage),
        _ => None,
    };
    let mut facts = facts
        .or_else(|| reader.task(&directories.containerd_tasks))
        .or_else(|| reader.oci(&directories.oci_states))
        .or_else(|| reader.storage(&directories.containers_storage))?;
    reader.learn_state(&mut facts, &directories.oci_states);
    if facts.name.is_empty() {
        facts.name.clone_from(&key.id);
    }
    Some(facts)
}

struct Reader<'a> {
    key: &'a ContainerKey,
    with_environment: bool,
    failures: &'a mut Vec<Error>,
}

impl Reader<'_> {
    fn new_facts(&self) -> ContainerFacts {
        ContainerFacts::new(&self.key.id, self.key.kind, Origin::Files)
    }

    /// Docker's description of a container and of what it gets from the host.
    fn docker(&mut self, roots: &[PathBuf]) -> Option<ContainerFacts> {
        roots.iter().find_map(|root| {
            let directory = root.join("containers").join(&self.key.id);
            let mut container = self.read(&directory.join("config.v2.json"))?;
            let host = self.read(&directory.join("hostconfig.json"));
            let members = container.as_object_mut()?;
            // In the file some parts have other names than at the interface.
            if let Some(id) = members.remove("ID") {
                members.insert("Id".to_owned(), id);
            }
            if let Some(Value::Object(mounts)) = members.remove("MountPoints") {
                let mounts = mounts.into_iter().map(|(_, mut mount)| {
                    if let Some(mount) = mount.as_object_mut()
                        && let Some(mode) = mount.remove("Relabel")
                    {
                        mount.insert("Mode".to_owned(), mode);
                    }
                    mount
                });
                members.insert("Mounts".to_owned(), mounts.collect());
            }
            members.insert("HostConfig".to_owned(), host.unwrap_or(json!({})));
            docker::facts_of(
                &container,
                RuntimeKind::Docker,
                Origin::Files,
                self.with_environment,
            )
        })
    }

    /// The bundle that containerd makes for a running container.
    fn task(&mut self, roots: &[PathBuf]) -> Option<ContainerFacts> {
        roots.iter().find_map(|root| {
            let bundle = self.in_namespace(root, "config.json")?;
            let specification = self.read(&bundle.join("config.json"))?;
            let mut facts = self.new_facts();
            oci::learn(&mut facts, &specification, self.with_environment);
            let pid = fs::read_to_string(bundle.join("init.pid")).ok();
            facts.pid = pid.and_then(|text| text.trim().parse().ok());
            Some(facts)
        })
    }

    /// What Podman and CRI-O keep: the specification, and a list of containers with names and images.
    fn storage(&mut self, roots: &[PathBuf]) -> Option<ContainerFacts> {
        roots.iter().find_map(|root| {
            let mut found = None;
            for containers in directories_in(root) {
                let is_of_containers = containers
                    .file_name()
                    .is_some_and(|name| name.to_string_lossy().ends_with("-containers"));
                let file = containers.join(&self.key.id).join("userdata/config.json");
                if !is_of_containers || !file.is_file() {
                    continue;
                }
                let specification = self.read(&file)?;
                let mut facts = self.new_facts();
                if let Some(list) = self.read(&containers.join("containers.json")) {
                    learn_from_list(&mut facts, &list);
                }
                oci::learn(&mut facts, &specification, self.with_environment);
                found = Some(facts);
                break;
            }
            found
        })
    }

    /// The state that an OCI runtime keeps leads to the bundle that it was given.
    fn oci(&mut self, roots: &[PathBuf]) -> Option<ContainerFacts> {
        let state = self.state(roots)?;
        let labels = json::texts(&state, "/config/labels");
        let bundle = labels
            .iter()
            .find_map(|label| label.strip_prefix("bundle="))?;
        let specification = self.read(&Path::new(bundle).join("config.json"))?;
        let mut facts = self.new_facts();
        oci::learn(&mut facts, &specification, self.with_environment);
        Some(facts)
    }

    /// Takes the first process and the start from the state of the OCI runtime.
    fn learn_state(&mut self, facts: &mut ContainerFacts, roots: &[PathBuf]) {
        if facts.pid.is_some() && facts.started.is_some() {
            return;
        }
        let Some(state) = self.state(roots) else {
            return;
        };
        facts.pid = facts.pid.or(json::pid(&state, "/init_process_pid"));
        let created = time::nanoseconds(json::text(&state, "/created"));
        facts.created = facts.created.or(created);
        facts.started = facts.started.or(created);
    }

    fn state(&mut self, roots: &[PathBuf]) -> Option<Value> {
        roots.iter().find_map(|root| {
            let directory = self.in_namespace(root, "state.json")?;
            self.read(&directory.join("state.json"))
        })
    }

    /// The directory of the container below a root: in its namespace if known, else in any.
    fn in_namespace(&self, root: &Path, file: &str) -> Option<PathBuf> {
        let holds = |directory: &PathBuf| directory.join(file).is_file();
        match &self.key.namespace {
            Some(namespace) => Some(root.join(namespace).join(&self.key.id)).filter(holds),
            None => Some(root.join(&self.key.id)).filter(holds).or_else(|| {
                // A name is not unique among namespaces, an id is.
                id_of(&self.key.id)?;
                directories_in(root)
                    .map(|namespace| namespace.join(&self.key.id))
                    .find(holds)
            }),
        }
    }

    /// Reads JSON. A file that is not there is no failure.
    fn read(&mut self, path: &Path) -> Option<Value> {
        match read_json(path) {
            Ok(value) => value,
            Err(error) => {
                self.failures.push(error);
                None
            }
        }
    }
}

fn directories_in(root: &Path) -> impl Iterator<Item = PathBuf> {
    fs::read_dir(root)
        .into_iter()
        .flatten()
        .filter_map(Result::ok)
        .take(MOST_SEARCHED)
        .map(|entry| entry.path())
}

fn read_json(path: &Path) -> Result<Option<Value>, Error> {
    let failed = |source| Error::File {
        path: path.to_owned(),
        source,
    };
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    let mut text = Vec::new();
    file.take(MOST_BYTES + 1)
        .read_to_end(&mut text)
        .map_err(failed)?;
    if text.len() as u64 > MOST_BYTES {
        return Err(Error::TooLong {
            path: path.to_owned(),
            limit: MOST_BYTES,
        });
    }
    serde_json::from_slice(&text)
        .map(Some)
        .map_err(|error| Error::Malformed {
            path: path.to_owned(),
            reason: error.to_string(),
        })
}

/// Takes name and image from the list of all containers.
fn learn_from_list(facts: &mut ContainerFacts, list: &Value) {
    let Some(entry) = json::list(list, "")
        .iter()
        .find(|entry| json::text(entry, "/id") == facts.id)
    else {
        return;
    };
    // What the maker of the container adds is JSON within a text.
    let metadata: Value = serde_json::from_str(json::text(entry, "/metadata")).unwrap_or_default();
    json::text(&metadata, "/name").clone_into(&mut facts.name);
    if facts.name.is_empty() {
        json::text(entry, "/names/0").clone_into(&mut facts.name);
    }
    facts.image = Image::parse(json::text(&metadata, "/image-name"));
    facts
        .image
        .complete(&Image::parse(json::text(entry, "/image")));
    facts.created = time::nanoseconds(json::text(entry, "/created"));
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn key(id: &str, kind: RuntimeKind, namespace: Option<&str>) -> ContainerKey {
        ContainerKey {
            id: id.to_owned(),
            kind,
            namespace: namespace.map(str::to_owned),
        }
    }

    fn none() -> Directories {
        Directories {
            docker: Vec::new(),
            containerd_tasks: Vec::new(),
            containers_storage: Vec::new(),
            oci_states: Vec::new(),
        }
    }

    fn write(root: &Path, name: &str, text: &str) {
        let path = root.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn find(directories: &Directories, key: &ContainerKey) -> (Option<ContainerFacts>, usize) {
        let mut failures = Vec::new();
        let facts = look_up(directories, key, true, &mut failures);
        (facts, failures.len())
    }

    #[test]
    fn files_of_docker_are_read() {
        let root = tempfile::tempdir().unwrap();
        let id = "ab".repeat(32);
        let container = format!(
            r#"{{"ID":"{id}","Name":"/shop","Image":"sha256:{}","Created":"2024-01-01T00:00:00Z","State":{{"Pid":47,"StartedAt":"2024-01-01T00:00:01Z"}},
            "Config":{{"Image":"shop:3","Labels":{{"team":"red"}}}},"MountPoints":{{"/data":{{"Source":"/srv","Destination":"/data","RW":false,"Relabel":"ro","Propagation":"rslave"}}}}}}"#,
            "cd".repeat(32)
        );
        write(
            root.path(),
            &format!("containers/{id}/config.v2.json"),
            &container,
        );
        let host = r#"{"Privileged":true,"PidMode":"host","NetworkMode":"default"}"#;
        write(
            root.path(),
            &format!("containers/{id}/hostconfig.json"),
            host,
        );
        let directories = Directories {
            docker: vec![root.path().into()],
            ..none()
        };
        let (facts, failures) = find(&directories, &key(&id, RuntimeKind::Docker, None));
        let facts = facts.unwrap();
        assert_eq!(
            (&*facts.name, &*facts.image.tag, facts.pid),
            ("shop", "3", Some(47))
        );
        assert_eq!(
            (facts.is_privileged, facts.is_host_pid),
            (Some(true), Some(true))
        );
        assert_eq!(
            (&*facts.mounts[0].source, &*facts.mounts[0].mode),
            ("/srv", "ro")
        );
        assert_eq!((facts.origin, failures), (Origin::Files, 0));
    }

    #[test]
    fn bundles_of_containerd_are_read_in_their_namespace() {
        let root = tempfile::tempdir().unwrap();
        write(
            root.path(),
            "default/t1/config.json",
            r#"{"annotations":{"team":"red"},"process":{}}"#,
        );
        write(root.path(), "default/t1/init.pid", "47");
        let directories = Directories {
            containerd_tasks: vec![root.path().into()],
            ..none()
        };
        let (facts, _) = find(
            &directories,
            &key("t1", RuntimeKind::Containerd, Some("default")),
        );
        let facts = facts.unwrap();
        assert_eq!((&*facts.name, facts.pid), ("t1", Some(47)));
        assert_eq!(facts.labels["team"], "red");
        for (id, namespace) in [("t1", Some("other")), ("t1", None), ("..", Some("default"))] {
            let (facts, _) = find(&directories, &key(id, RuntimeKind::Containerd, namespace));
            assert!(facts.is_none(), "{id} {namespace:?}");
        }
    }

    #[test]
    fn storage_of_podman_is_read() {
        let root = tempfile::tempdir().unwrap();
        let id = "ab".repeat(32);
        let list = format!(
            r#"[{{"id":"{id}","names":["shop"],"image":"{}","metadata":"{{\"image-name\":\"localhost/shop:3\",\"name\":\"shop\"}}","created":"2024-01-01T00:00:00Z"}}]"#,
            "cd".repeat(32)
        );
        write(root.path(), "overlay-containers/containers.json", &list);
        let specification = r#"{"annotations":{"io.podman.annotations.privileged":"TRUE"}}"#;
        write(
            root.path(),
            &format!("overlay-containers/{id}/userdata/config.json"),
            specification,
        );
        let directories = Directories {
            containers_storage: vec![root.path().into()],
            ..none()
        };
        let (facts, _) = find(&directories, &key(&id, RuntimeKind::Podman, None));
        let facts = facts.unwrap();
        assert_eq!(
            (&*facts.name, &*facts.image.repository),
            ("shop", "localhost/shop")
        );
        assert_eq!(
            (facts.image.id, facts.is_privileged),
            ("cd".repeat(32), Some(true))
        );
        assert!(facts.created.is_some());
    }

    #[test]
    fn states_of_oci_runtimes_lead_to_bundles() {
        let root = tempfile::tempdir().unwrap();
        let bundle = root.path().join("bundle");
        write(&bundle, "config.json", r#"{"process":{"env":["A=1"]}}"#);
        let state = format!(
            r#"{{"init_process_pid":47,"created":"2024-01-01T00:00:00Z","config":{{"labels":["bundle={}"]}}}}"#,
            bundle.display()
        );
        write(root.path(), "states/by-hand/state.json", &state);
        let directories = Directories {
            oci_states: vec![root.path().join("states")],
            ..none()
        };
        let (facts, _) = find(&directories, &key("by-hand", RuntimeKind::Oci, None));
        let facts = facts.unwrap();
        assert_eq!(
            (facts.pid, &facts.environment[..]),
            (Some(47), &["A=1".to_owned()][..])
        );
        assert!(facts.started.is_some());
    }

    #[test]
    fn damaged_files_are_told() {
        let root = tempfile::tempdir().unwrap();
        write(root.path(), "containers/a/config.v2.json", "{\"ID\":");
        let directories = Directories {
            docker: vec![root.path().into()],
            ..none()
        };
        let (facts, failures) = find(&directories, &key("a", RuntimeKind::Docker, None));
        assert_eq!((facts.is_none(), failures), (true, 1));
    }

    proptest! {
        #[test]
        fn any_list_of_containers_is_survived(text in "[\\[\\]{}\":,a-z0-9 ]{0,60}") {
            if let Ok(value) = serde_json::from_str(&text) {
                let mut facts = ContainerFacts::new("a", RuntimeKind::Podman, Origin::Files);
                learn_from_list(&mut facts, &value);
            }
        }
    }
}
