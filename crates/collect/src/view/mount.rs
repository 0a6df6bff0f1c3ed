//! Fields of what is mounted in the container.

use std::cell::RefCell;
use std::collections::HashMap;
use std::io::Write as _;

use regex::Regex;
use serde_json::Value as Json;
use sysflow_field::{Arg, Argument, Value};

use super::EventView;

event_fields! {
    CONTAINER_MOUNTS = "container.mounts": Text,
        "All mounts of the container, as source:destination:mode:writable:propagation with commas between them."
        => text |v, out| v.write_mounts(out);
    CONTAINER_MOUNT = "container.mount": Text { argument: Argument::Key },
        "One mount, by position or by a pattern for its source: source:destination:mode:writable:propagation."
        => each |v, arg, emit| if let Some(mount) = v.mount(arg, SOURCE) {
            emit.text(|out| { write_mount(mount, out); Some(()) });
        };
    CONTAINER_MOUNT_SOURCE = "container.mount.source": Path { argument: Argument::Key },
        "Source of one mount, by position or by a pattern for its destination."
        => each |v, arg, emit| if let Some(mount) = v.mount(arg, DESTINATION) {
            emit.value(Value::Text(text(mount, SOURCE)));
        };
    CONTAINER_MOUNT_DEST = "container.mount.dest": Path { argument: Argument::Key },
        "Destination of one mount, by position or by a pattern for its source."
        => each |v, arg, emit| if let Some(mount) = v.mount(arg, SOURCE) {
            emit.value(Value::Text(text(mount, DESTINATION)));
        };
    CONTAINER_MOUNT_MODE = "container.mount.mode": Text { argument: Argument::Key },
        "Mode of one mount, by position or by a pattern for its source."
        => each |v, arg, emit| if let Some(mount) = v.mount(arg, SOURCE) {
            emit.value(Value::Text(text(mount, MODE)));
        };
    CONTAINER_MOUNT_RDWR = "container.mount.rdwr": Text { argument: Argument::Key },
        "Whether one mount is writable (true or false), by position or by a pattern for its source."
        => each |v, arg, emit| if let Some(mount) = v.mount(arg, SOURCE) {
            emit.value(Value::Text(writable(mount)));
        };
    CONTAINER_MOUNT_PROPAGATION = "container.mount.propagation": Text { argument: Argument::Key },
        "Propagation of one mount, by position or by a pattern for its source."
        => each |v, arg, emit| if let Some(mount) = v.mount(arg, SOURCE) {
            emit.value(Value::Text(text(mount, PROPAGATION)));
        };
}

/// Keys of a mount.
const SOURCE: &str = "Source";
const DESTINATION: &str = "Destination";
const MODE: &str = "Mode";
const WRITABLE: &str = "RW";
const PROPAGATION: &str = "Propagation";

thread_local! {
    /// The patterns that rules ask for; they are few. `None` for what is no pattern.
    static PATTERNS: RefCell<HashMap<Box<str>, Option<Regex>>> = RefCell::new(HashMap::new());
}

/// Whether a pattern is found anywhere in a text, as Falco looks for it. What is no pattern is looked for as it
/// is.
fn is_found(pattern: &str, text: &str) -> bool {
    PATTERNS.with_borrow_mut(|patterns| {
        if let Some(regex) = patterns.get(pattern) {
            return regex
                .as_ref()
                .map_or_else(|| text.contains(pattern), |regex| regex.is_match(text));
        }
        let regex = Regex::new(pattern).ok();
        let found = regex
            .as_ref()
            .map_or_else(|| text.contains(pattern), |regex| regex.is_match(text));
        patterns.insert(pattern.into(), regex);
        found
    })
}

fn text<'m>(mount: &'m Json, key: &str) -> &'m [u8] {
    let text = mount.get(key).and_then(Json::as_str);
    text.unwrap_or_default().as_bytes()
}

fn writable(mount: &Json) -> &'static [u8] {
    match mount.get(WRITABLE).and_then(Json::as_bool) {
        Some(true) => b"true",
        _ => b"false",
    }
}

fn write_mount(mount: &Json, out: &mut Vec<u8>) {
    for part in [
        text(mount, SOURCE),
        text(mount, DESTINATION),
        text(mount, MODE),
        writable(mount),
    ] {
        out.extend_from_slice(part);
        out.push(b':');
    }
    // Writing into memory does not fail.
    let _ = out.write_all(text(mount, PROPAGATION));
}

impl<'a> EventView<'a> {
    fn mounts(&self) -> Option<&'a Vec<Json>> {
        self.facts()?.get("Mounts")?.as_array()
    }

    /// The mount at a position, else the first of which a part matches.
    fn mount(&self, arg: &Arg, part: &str) -> Option<&'a Json> {
        let Arg::Key(wanted) = arg else { return None };
        let mounts = self.mounts()?;
        if let Ok(position) = wanted.parse::<usize>() {
            return mounts.get(position);
        }
        mounts.iter().find(|mount| {
            let value = mount.get(part).and_then(Json::as_str);
            value.is_some_and(|value| is_found(wanted, value))
        })
    }

    fn write_mounts(&self, out: &mut Vec<u8>) -> Option<()> {
        for (index, mount) in self.mounts()?.iter().enumerate() {
            if index > 0 {
                out.push(b',');
            }
            write_mount(mount, out);
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_found_anywhere() {
        assert!(is_found("/proc*", "/host/proc"));
        assert!(is_found("/etc", "/etc/kubernetes"));
        assert!(!is_found("^/etc$", "/etc/kubernetes"));
        // Not a pattern: looked for as it is, each time.
        assert!(is_found("a(b", "xa(bx") && !is_found("a(b", "ab"));
    }
}
