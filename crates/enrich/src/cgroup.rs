//! From control groups to containers.
//!
//! The path of a control group tells the container, because every runtime names the group of a container by its
//! id. Pure functions: nothing is asked or read.
//!
//! | path ends with | runtime |
//! |---|---|
//! | `/docker/<id>`, `/docker-<id>.scope`, `/moby/<id>`, any other `/<id>` | Docker |
//! | `/libpod-<id>`, `/libpod-<id>.scope`, and `/container` below them | Podman |
//! | `/kubepods…/pod<uid>/<id>`, `/k8s.io/<id>`, `/cri-containerd-<id>.scope`, `…:cri-containerd:<id>` | CRI |
//! | `/crio-<id>`, `/crio-<id>.scope` | CRI-O |
//! | `/nerdctl-<id>.scope` | containerd |
//! | `/lxc/<name>`, `/lxc.payload/<name>`, `/lxc.payload.<name>` | LXC |
//! | `/machine/<name>.libvirt-lxc`, `/machine-lxc\x2d<number>\x2d<name>.scope` | LXC of libvirt |
//! | `/systemd-nspawn@<name>.service` | systemd-nspawn |
//! | nothing but `/<namespace>/<name>` | perhaps containerd by `ctr` |
//! | nothing but `/<name>` | perhaps an OCI runtime by hand |
//!
//! An id has 64 hexadecimal digits of lower case. Components of 32 digits are none: sandboxes and static pods have them.
//! Groups of the monitors of containers (`libpod-conmon-…`, `lxc.monitor…`) are on the host.

use crate::facts::RuntimeKind;

/// Digits of the id of a container.
const ID_LENGTH: usize = 64;

/// What the path of a control group tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CgroupContainer<'a> {
    /// The id of 64 digits, or the name where the runtime names its containers.
    pub id: &'a str,
    /// The runtime, as far as the path tells.
    pub kind: RuntimeKind,
    /// The namespace of containerd that the container is in; where the path tells it.
    pub namespace: Option<&'a str>,
    /// The uid of the pod as it stands in the path: with `_` for `-` where systemd manages the groups.
    pub pod_uid: Option<&'a str>,
    /// Whether the path alone is proof. Else a runtime or its files must know the container before it counts as one.
    pub is_certain: bool,
}

/// The container that a process in this control group is in; the innermost where they are nested.
pub fn container_of_cgroup(path: &[u8]) -> Option<CgroupContainer<'_>> {
    containers_of_cgroup(path).next()
}

/// All containers on a path, from the innermost outwards. The runtimes of this host know the outermost.
pub fn containers_of_cgroup(path: &[u8]) -> impl Iterator<Item = CgroupContainer<'_>> {
    // Paths are bytes; those of runtimes are text.
    let path = str::from_utf8(path).unwrap_or_default();
    let ends = path
        .char_indices()
        .filter(|(_, character)| *character == '/')
        .map(|(end, _)| end)
        .chain([path.len()]);
    let mut certain = ends
        .rev()
        .filter_map(move |end| certain_container(&path[..end]))
        .peekable();
    let guess = if certain.peek().is_none() {
        possible_container(path)
    } else {
        None
    };
    certain.chain(guess)
}

/// The container of a process by the text of its `/proc/<pid>/cgroup`.
///
/// What is not certain counts only where most hierarchies agree: runtimes make the same group in all of them, while a
/// group in one hierarchy belongs to something else.
pub fn container_of_process(text: &[u8]) -> Option<CgroupContainer<'_>> {
    let paths = text
        .split(|byte| *byte == b'\n')
        .filter_map(|line| line.splitn(3, |byte| *byte == b':').nth(2));
    let mut guess: Option<CgroupContainer<'_>> = None;
    let (mut lines, mut agreeing) = (0, 0);
    for path in paths {
        lines += 1;
        let Some(found) = container_of_cgroup(path) else {
            continue;
        };
        if found.is_certain {
            return Some(found);
        }
        let first = guess.get_or_insert(found);
        agreeing += usize::from(*first == found);
    }
    guess.filter(|_| agreeing * 2 > lines)
}

/// The container that the last component names.
fn certain_container(path: &str) -> Option<CgroupContainer<'_>> {
    let (above, component) = path.rsplit_once('/')?;
    let (id, kind, namespace) = certain_component(above, component)?;
    Some(CgroupContainer {
        id,
        kind,
        namespace,
        pod_uid: pod_uid(above),
        is_certain: true,
    })
}

fn certain_component<'a>(
    above: &'a str,
    component: &'a str,
) -> Option<(&'a str, RuntimeKind, Option<&'a str>)> {
    let parent = above.rsplit('/').next().unwrap_or_default();
    if is_id(component) {
        let is_pod = above
            .split('/')
            .any(|component| component.starts_with("kubepods"));
        return Some(match parent {
            "k8s.io" => (component, RuntimeKind::Cri, Some(parent)),
            "moby" => (component, RuntimeKind::Docker, Some(parent)),
            _ if is_pod => (component, RuntimeKind::Cri, None),
            _ => (component, RuntimeKind::Docker, None),
        });
    }
    let unit = component.strip_suffix(".scope").unwrap_or(component);
    for (prefix, kind) in [
        ("docker-", RuntimeKind::Docker),
        ("libpod-", RuntimeKind::Podman),
        ("crio-", RuntimeKind::CriO),
        ("cri-containerd-", RuntimeKind::Cri),
        ("nerdctl-", RuntimeKind::Containerd),
    ] {
        if let Some(id) = unit.strip_prefix(prefix)
            && is_id(id)
        {
            return Some((id, kind, None));
        }
    }
    if let Some((_, id)) = component.rsplit_once(":cri-containerd:")
        && is_id(id)
    {
        return Some((id, RuntimeKind::Cri, None));
    }
    let named = |name: &'a str, kind| is_name(name).then_some((name, kind, None));
    if matches!(parent, "lxc" | "lxc.payload") {
        return named(component, RuntimeKind::Lxc);
    }
    if let Some(name) = component.strip_prefix("lxc.payload.") {
        return named(name, RuntimeKind::Lxc);
    }
    if let Some(name) = component.strip_suffix(".libvirt-lxc") {
        return named(name, RuntimeKind::LibvirtLxc);
    }
    if let Some(rest) = unit.strip_prefix(r"machine-lxc\x2d")
        && let Some((_, name)) = rest.split_once(r"\x2d")
    {
        return named(name, RuntimeKind::LibvirtLxc);
    }
    component
        .strip_prefix("systemd-nspawn@")
        .and_then(|rest| rest.strip_suffix(".service"))
        .and_then(|name| named(name, RuntimeKind::SystemdNspawn))
}

/// The container that a short path may stand for.
fn possible_container(path: &str) -> Option<CgroupContainer<'_>> {
    let path = path.strip_prefix('/')?;
    let (namespace, id) = match path.split_once('/') {
        Some((namespace, id)) => (Some(namespace), id),
        None => (None, path),
    };
    if !is_name(id) || !namespace.is_none_or(is_name) {
        return None;
    }
    let is_of_the_host = |name: &str| {
        [".slice", ".scope", ".service", ".mount", ".socket", ".swap"]
            .iter()
            .any(|suffix| name.ends_with(suffix))
            || [
                "kubepods", "lxc", "docker", "machine", "libpod", "conmon", "crio",
            ]
            .iter()
            .any(|prefix| name.starts_with(prefix))
    };
    if is_of_the_host(id) || namespace.is_some_and(is_of_the_host) {
        return None;
    }
    Some(CgroupContainer {
        id,
        kind: match namespace {
            Some(_) => RuntimeKind::Containerd,
            None => RuntimeKind::Oci,
        },
        namespace,
        pod_uid: None,
        is_certain: false,
    })
}

/// The uid in `/pod<uid>` or `/kubepods-besteffort-pod<uid>.slice`.
fn pod_uid(above: &str) -> Option<&str> {
    above.rsplit('/').find_map(|component| {
        if let Some(uid) = component.strip_prefix("pod") {
            return (uid.len() >= 32).then_some(uid);
        }
        let slice = component.strip_prefix("kubepods")?.strip_suffix(".slice")?;
        slice.rsplit_once("-pod").map(|(_, uid)| uid)
    })
}

fn is_id(text: &str) -> bool {
    text.len() == ID_LENGTH
        && text
            .bytes()
            .all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}

/// Whether a text can be the name of a container, and is safe as a component of a path and of a URL.
pub(crate) fn is_name(text: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
    !text.is_empty()
        && text.len() <= 255
        && text.bytes().all(is_allowed)
        && text.as_bytes()[0].is_ascii_alphanumeric()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ID: &str = "3f0a9d2c41b7e86553f0a9d2c41b7e86553f0a9d2c41b7e86553f0a9d2c41b7e";

    fn of(path: &str) -> Option<(&str, RuntimeKind, bool)> {
        container_of_cgroup(path.as_bytes()).map(|found| (found.id, found.kind, found.is_certain))
    }

    #[test]
    fn runtimes_with_ids_are_told_by_the_path() {
        for (path, kind) in [
            ("/docker/ID", RuntimeKind::Docker),
            ("/docker/ID/init.scope", RuntimeKind::Docker),
            ("/system.slice/docker-ID.scope", RuntimeKind::Docker),
            ("/ecs/task/ID", RuntimeKind::Docker),
            ("/libpod_parent/libpod-ID", RuntimeKind::Podman),
            ("/machine.slice/libpod-ID.scope", RuntimeKind::Podman),
            (
                "/machine.slice/libpod-ID.scope/container",
                RuntimeKind::Podman,
            ),
            (
                "/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-ID.scope/container",
                RuntimeKind::Podman,
            ),
            ("/kubepods/besteffort/pod0c1d/ID", RuntimeKind::Cri),
            (
                "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod0c1d.slice/cri-containerd-ID.scope",
                RuntimeKind::Cri,
            ),
            (
                "/system.slice/containerd.service/kubepods-pod1.slice:cri-containerd:ID",
                RuntimeKind::Cri,
            ),
            ("/k8s.io/ID", RuntimeKind::Cri),
            (
                "/kubepods.slice/kubepods-pod1.slice/crio-ID.scope",
                RuntimeKind::CriO,
            ),
            ("/kubepods/pod1/crio-ID", RuntimeKind::CriO),
            (
                "/kubepods/burstable/pod1/docker-ID.scope",
                RuntimeKind::Docker,
            ),
            ("/system.slice/nerdctl-ID.scope", RuntimeKind::Containerd),
        ] {
            let path = path.replace("ID", ID);
            assert_eq!(of(&path), Some((ID, kind, true)), "{path}");
        }
    }

    #[test]
    fn runtimes_with_names_are_told_by_the_path() {
        for (path, name, kind) in [
            ("/lxc/web", "web", RuntimeKind::Lxc),
            ("/lxc.payload.web/init.scope", "web", RuntimeKind::Lxc),
            ("/lxc.payload/web", "web", RuntimeKind::Lxc),
            ("/machine/web.libvirt-lxc", "web", RuntimeKind::LibvirtLxc),
            (
                r"/machine.slice/machine-lxc\x2d4312\x2dweb.scope",
                "web",
                RuntimeKind::LibvirtLxc,
            ),
            (
                "/machine.slice/systemd-nspawn@web.service/payload",
                "web",
                RuntimeKind::SystemdNspawn,
            ),
        ] {
            assert_eq!(of(path), Some((name, kind, true)), "{path}");
        }
        let found = container_of_cgroup(b"/default/t1").unwrap();
        assert_eq!((found.id, found.namespace), ("t1", Some("default")));
        assert_eq!(
            (found.kind, found.is_certain),
            (RuntimeKind::Containerd, false)
        );
        assert_eq!(of("/by-hand"), Some(("by-hand", RuntimeKind::Oci, false)));
    }

    #[test]
    fn groups_of_the_host_are_no_containers() {
        for path in [
            "/",
            "",
            "/init.scope",
            "/system.slice/ssh.service",
            "/user.slice/user-0.slice/session-1.scope",
            "/kubepods/besteffort",
            "/libpod_parent/conmon",
            "/machine.slice/libpod-conmon-ID.scope",
            "/lxc.monitor.web",
            r"/machine.slice/machine-qemu\x2d1\x2dvm.scope",
            "/docker/short",
            "/system.slice/docker-XID.scope",
            "/..",
            "/../etc",
            "/a/b/c",
        ] {
            let path = path.replace("ID", ID);
            assert_eq!(of(&path), None, "{path}");
        }
        assert_eq!(of(&format!("/docker/{}", ID.to_uppercase())), None);
    }

    #[test]
    fn thirty_two_digits_are_not_taken_for_a_container() {
        let sandbox = &ID[..32];
        let text = format!("5:pids:/\n4:memory:/process_api/{sandbox}\n3:cpu:/\n0::/\n");
        assert_eq!(container_of_process(text.as_bytes()), None);
        let text = format!("4:memory:/process_api/{sandbox}\n0::/docker/{ID}\n");
        assert_eq!(container_of_process(text.as_bytes()).unwrap().id, ID);
        let agreeing = b"2:cpu,cpuacct:/default/t1\n1:name=systemd:/default/t1\n0::/\n";
        assert_eq!(container_of_process(agreeing).unwrap().id, "t1");
        // A static pod has a uid of 32 digits.
        let path = format!("/kubepods/burstable/pod{sandbox}/{ID}");
        let found = container_of_cgroup(path.as_bytes()).unwrap();
        assert_eq!((found.id, found.pod_uid), (ID, Some(sandbox)));
    }

    #[test]
    fn the_pod_is_in_the_path() {
        let uid = "0c1dba66_1f4e_4b4c_9f6e_8b7c2d1e0f00";
        let path = format!(
            "/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod{uid}.slice/crio-{ID}.scope"
        );
        assert_eq!(
            container_of_cgroup(path.as_bytes()).unwrap().pod_uid,
            Some(uid)
        );
    }

    #[test]
    fn of_nested_containers_the_innermost_comes_first() {
        let inner = ID.replace('3', "4");
        let path = format!("/docker/{ID}/kubelet/kubepods/pod1/{inner}");
        let all: Vec<_> = containers_of_cgroup(path.as_bytes())
            .map(|found| (found.id, found.kind))
            .collect();
        assert_eq!(
            all,
            [(&*inner, RuntimeKind::Cri), (ID, RuntimeKind::Docker)]
        );
    }

    proptest! {
        #[test]
        fn any_path_is_judged_without_panic(path in proptest::collection::vec(any::<u8>(), 0..200)) {
            for found in containers_of_cgroup(&path) {
                prop_assert!(is_name(found.id));
            }
            let _ = container_of_process(&path);
        }

        #[test]
        fn an_id_is_found_below_any_parents(parents in "(/[a-z.@-]{1,9}){0,5}", below in "(/[a-z.]{1,9}){0,2}") {
            let path = format!("{parents}/docker-{ID}.scope{below}");
            prop_assert!(containers_of_cgroup(path.as_bytes()).any(|found| found.id == ID));
        }
    }
}
