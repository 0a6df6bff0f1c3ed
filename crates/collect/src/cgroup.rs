//! From control groups to containers.

use crate::text::split;

/// Digits of a container id, and how many of them name the container in records.
const ID_LENGTH: usize = 64;
const SHORT_ID_LENGTH: usize = 12;

/// What stands before and after the id in the path of a control group, by runtime.
const LAYOUTS: [(&[u8], &[u8], i32); 9] = [
    (b"/libpod-", b".scope", PODMAN),
    (b"/libpod-", b".scope/container", PODMAN),
    (b"/libpod-", b"", PODMAN),
    (b"/", b"", DOCKER),
    (b"/docker-", b".scope", DOCKER),
    (b"/crio-", b".scope", CRI),
    (b"/cri-containerd-", b".scope", CRI),
    (b"/crio-", b"", CRI),
    (b":cri-containerd:", b"", CRI),
];

const DOCKER: i32 = 0;
const CRI: i32 = 6;
const PODMAN: i32 = 11;

/// The short id of the container that a process with these control groups is in, and its type.
pub(crate) fn container_of(cgroups: &[u8]) -> Option<(&[u8], i32)> {
    split(cgroups, false).find_map(|entry| {
        let start = entry.iter().position(|byte| *byte == b'=')? + 1;
        let path = &entry[start..];
        // Most paths are too short to hold an id, and every process has a dozen of them.
        if path.len() < ID_LENGTH {
            return None;
        }
        LAYOUTS.iter().find_map(|(prefix, suffix, kind)| {
            let before_suffix = path.strip_suffix(*suffix)?;
            let id = before_suffix.get(before_suffix.len().checked_sub(ID_LENGTH)?..)?;
            let is_id = before_suffix[..before_suffix.len() - ID_LENGTH].ends_with(prefix)
                && id.iter().all(u8::is_ascii_hexdigit);
            is_id.then_some((&id[..SHORT_ID_LENGTH], *kind))
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runtimes_are_told_by_the_path() {
        let id = "0123456789abcdef".repeat(4);
        let of = |path: &str| {
            let list = format!("cpuset=/\0memory={path}\0");
            container_of(list.as_bytes())
                .map(|(id, kind)| (String::from_utf8_lossy(id).into_owned(), kind))
        };
        let short = "0123456789ab".to_owned();
        assert_eq!(of(&format!("/docker/{id}")), Some((short.clone(), DOCKER)));
        assert_eq!(
            of(&format!("/system.slice/docker-{id}.scope")),
            Some((short.clone(), DOCKER))
        );
        assert_eq!(
            of(&format!("/kubepods/pod1/crio-{id}.scope")),
            Some((short.clone(), CRI))
        );
        assert_eq!(
            of(&format!("/kubepods/pod1/cri-containerd-{id}.scope")),
            Some((short.clone(), CRI))
        );
        assert_eq!(
            of(&format!("/user.slice/libpod-{id}.scope/container")),
            Some((short, PODMAN))
        );
        assert_eq!(of(&format!("/docker/{}", &id[1..])), None);
        assert_eq!(of(&format!("/docker/x{id}")), None);
        assert_eq!(of("/"), None);
    }
}
