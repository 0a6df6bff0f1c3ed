//! What Docker and Podman tell of a container, at their interface and in their files.

use std::net::IpAddr;

use serde_json::Value;

use crate::facts::{ContainerFacts, Image, Mount, Origin, RuntimeKind};
use crate::{json, kubernetes, time};

/// Facts by the description of a container; `None` where it has no id.
pub(crate) fn facts_of(
    container: &Value,
    kind: RuntimeKind,
    origin: Origin,
    with_environment: bool,
) -> Option<ContainerFacts> {
    let id = json::text(container, "/Id");
    if id.is_empty() {
        return None;
    }
    let mut facts = ContainerFacts::new(id, kind, origin);
    json::text(container, "/Name")
        .trim_start_matches('/')
        .clone_into(&mut facts.name);
    facts.image = Image::parse(json::text(container, "/Config/Image"));
    facts
        .image
        .complete(&Image::parse(json::text(container, "/Image")));
    facts.created = time::nanoseconds(json::text(container, "/Created"));
    facts.started = time::nanoseconds(json::text(container, "/State/StartedAt"));
    facts.pid = json::pid(container, "/State/Pid");
    facts.labels = json::map(container, "/Config/Labels");
    facts.mounts = json::list(container, "/Mounts").iter().map(mount).collect();
    // Docker tells them in another order each time.
    facts
        .mounts
        .sort_unstable_by(|one, other| one.destination.cmp(&other.destination));
    facts.addresses = addresses(container);
    learn_from_host_config(&mut facts, container.pointer("/HostConfig"));
    facts.health_check = health_check(&json::texts(container, "/Config/Healthcheck/Test"));
    if with_environment {
        facts.environment = json::texts(container, "/Config/Env");
    }
    kubernetes::learn_from_labels(&mut facts);
    Some(facts)
}

/// Takes what Docker calls the host configuration.
fn learn_from_host_config(facts: &mut ContainerFacts, host: Option<&Value>) {
    let Some(host) = host else { return };
    facts.is_privileged = json::truth(host, "/Privileged");
    let is_host = |pointer: &str| {
        host.pointer(pointer)
            .and_then(Value::as_str)
            .map(|mode| mode == "host")
    };
    facts.is_host_pid = is_host("/PidMode");
    facts.is_host_network = is_host("/NetworkMode");
    facts.is_host_ipc = is_host("/IpcMode");
}

fn mount(value: &Value) -> Mount {
    let text = |pointer: &str| json::text(value, pointer).to_owned();
    Mount {
        source: text("/Source"),
        destination: text("/Destination"),
        mode: text("/Mode"),
        is_read_write: json::truth(value, "/RW").unwrap_or_default(),
        propagation: text("/Propagation"),
    }
}

/// The addresses in all networks.
pub(crate) fn addresses(container: &Value) -> Vec<IpAddr> {
    let mut addresses = Vec::new();
    let settings = container.pointer("/NetworkSettings");
    let networks = settings
        .and_then(|settings| settings.get("Networks"))
        .and_then(Value::as_object)
        .into_iter()
        .flat_map(|networks| networks.values());
    for network in settings.into_iter().chain(networks) {
        for pointer in ["/IPAddress", "/GlobalIPv6Address"] {
            if let Ok(address) = json::text(network, pointer).parse()
                && !addresses.contains(&address)
            {
                addresses.push(address);
            }
        }
    }
    addresses
}

/// The command of a health check as it is run.
fn health_check(test: &[String]) -> Option<Vec<String>> {
    match test.split_first()? {
        (kind, command) if kind == "CMD" => Some(command.to_vec()),
        (kind, [command, ..]) if kind == "CMD-SHELL" => {
            Some(vec!["/bin/sh".to_owned(), "-c".to_owned(), command.clone()])
        }
        _ => None,
    }
}

/// Names and digest of an image.
#[cfg(feature = "docker")]
pub(crate) fn image_of(value: &Value) -> Image {
    let first = |pointer: &str| {
        json::list(value, pointer)
            .first()
            .and_then(Value::as_str)
            .map(Image::parse)
            .unwrap_or_default()
    };
    let mut image = first("/RepoTags");
    image.complete(&first("/RepoDigests"));
    image
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn container() -> Value {
        let id = "ab".repeat(32);
        json!({
            "Id": id,
            "Name": "/shop",
            "Created": "2024-01-01T00:00:00Z",
            "Image": format!("sha256:{}", "cd".repeat(32)),
            "State": {"Pid": 4711, "StartedAt": "2024-01-01T00:00:01.5Z"},
            "HostConfig": {"Privileged": true, "PidMode": "host", "NetworkMode": "shopnet", "IpcMode": "private"},
            "Mounts": [{"Type": "bind", "Source": "/srv", "Destination": "/data", "Mode": "ro", "RW": false, "Propagation": "rslave"}],
            "Config": {
                "Image": "registry.test:5000/shop:3", "Labels": {"team": "red", "odd": 3}, "Env": ["A=1"],
                "Healthcheck": {"Test": ["CMD-SHELL", "check -q"]}
            },
            "NetworkSettings": {"IPAddress": "", "Networks": {
                "one": {"IPAddress": "172.18.0.2", "GlobalIPv6Address": "fd00::2"}, "two": {"IPAddress": "172.19.0.2"}
            }}
        })
    }

    #[test]
    fn a_description_is_read() {
        let facts = facts_of(&container(), RuntimeKind::Docker, Origin::Runtime, true).unwrap();
        assert_eq!((&*facts.name, facts.pid), ("shop", Some(4711)));
        assert_eq!(facts.image.repository, "registry.test:5000/shop");
        assert_eq!(
            (&*facts.image.tag, &*facts.image.id),
            ("3", &*"cd".repeat(32))
        );
        assert_eq!(facts.started, Some(facts.created.unwrap() + 1_500_000_000));
        assert_eq!(
            (
                facts.is_privileged,
                facts.is_host_pid,
                facts.is_host_network
            ),
            (Some(true), Some(true), Some(false))
        );
        assert_eq!(facts.labels.len(), 1);
        assert_eq!(facts.environment, ["A=1"]);
        assert_eq!(facts.addresses.len(), 3);
        assert_eq!(
            (&*facts.mounts[0].destination, facts.mounts[0].is_read_write),
            ("/data", false)
        );
        assert_eq!(facts.health_check.unwrap(), ["/bin/sh", "-c", "check -q"]);
        assert!(
            facts_of(&container(), RuntimeKind::Docker, Origin::Runtime, false)
                .unwrap()
                .environment
                .is_empty()
        );
        assert!(
            facts_of(
                &json!({"Id": 3}),
                RuntimeKind::Docker,
                Origin::Runtime,
                true
            )
            .is_none()
        );
    }

    #[test]
    fn health_checks_are_commands() {
        let of = |test: &[&str]| {
            health_check(
                &test
                    .iter()
                    .map(|text| (*text).to_owned())
                    .collect::<Vec<_>>(),
            )
        };
        assert_eq!(of(&["NONE"]), None);
        assert_eq!(of(&[]), None);
        assert_eq!(of(&["CMD-SHELL"]), None);
        assert_eq!(of(&["CMD", "a", "b"]), Some(vec!["a".into(), "b".into()]));
    }

    #[cfg(feature = "docker")]
    #[test]
    fn names_of_images_are_read() {
        let digest = format!("sha256:{}", "ef".repeat(32));
        let image =
            image_of(&json!({"RepoTags": ["shop:3"], "RepoDigests": [format!("shop@{digest}")]}));
        assert_eq!(
            (&*image.repository, &*image.tag, &*image.digest),
            ("shop", "3", &*digest)
        );
        assert_eq!(image_of(&json!({"RepoTags": null})), Image::default());
    }

    proptest! {
        /// Whatever stands in the place of any part, nothing panics.
        #[test]
        fn damaged_descriptions_are_survived(cut in 0_usize..900, other in "[\"{}\\[\\]:,0-9a-z]{0,8}") {
            let mut text = container().to_string();
            let cut = cut.min(text.len());
            if text.is_char_boundary(cut) {
                text.truncate(cut);
                text.push_str(&other);
            }
            if let Ok(value) = serde_json::from_str(&text) {
                let _ = facts_of(&value, RuntimeKind::Docker, Origin::Runtime, true);
            }
        }

        #[test]
        fn parts_of_other_types_count_as_not_told(key in 0_usize..9, value in any::<i64>()) {
            let mut text = container();
            let members = text.as_object_mut().unwrap();
            let name = members.keys().nth(key).unwrap().clone();
            members.insert(name, json!([value, {"a": null}]));
            let _ = facts_of(&text, RuntimeKind::Docker, Origin::Runtime, true);
        }
    }
}
