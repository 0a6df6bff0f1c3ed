//! What alerts tell of an observation besides what the rule says: when, where, who.

use std::hash::{Hash, Hasher};
use std::io::Write as _;
use std::ops::ControlFlow;
use std::sync::LazyLock;

use sysflow_collect::EventView;
use sysflow_collect::view;
use sysflow_field::{Arg, FieldId, Value, View, first};
use sysflow_record::entity::{Joined, KeptFile};

use crate::json::write_values;
use crate::sentence;
use crate::table::printable;

/// An observation that alerts can be about.
pub trait Observation: View {
    /// Fields that every alert carries as JSON, where they have values.
    const CARRIED: &'static [&'static str];

    /// When it began, ns since the epoch.
    fn ts(&self) -> i64;

    /// Appends the name of the machine that recorded it; nothing where that is not known.
    fn write_host(&self, out: &mut Vec<u8>);

    /// Appends what happened, in words.
    fn write_sentence(&self, out: &mut Vec<u8>);

    /// The process that did it.
    fn actor(&self) -> Option<Actor>;

    /// Appends at most `most` ancestors of the process, nearest first.
    fn write_ancestors(&self, most: usize, out: &mut Vec<u8>);

    /// Appends container, image and pod; nothing on the host.
    fn write_container(&self, out: &mut Vec<u8>);

    /// Feeds what makes two observations alike to a person: program, container, deed and target.
    fn hash_likeness(&self, state: &mut impl Hasher);
}

/// Who did something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Actor {
    /// The process.
    pub pid: i64,
    /// When it began, ns since the epoch; 0 when unknown. With `pid` it tells the process from all others.
    pub started: i64,
    /// Its command line.
    pub command: String,
    /// The user's name, or `uid` with the number, or `unknown user`.
    pub user: String,
}

/// The name, else the number. All ones stand for no user.
fn user_name(name: &[u8], uid: i64) -> String {
    if !name.is_empty() && name != b"<NA>" {
        return String::from_utf8_lossy(name).into_owned();
    }
    match uid {
        -1 | 0xffff_ffff => "unknown user".to_owned(),
        _ => format!("uid {uid}"),
    }
}

impl Observation for Joined<'_> {
    const CARRIED: &'static [&'static str] = &[
        "sf.type",
        "sf.opflags",
        "sf.ret",
        "sf.ts",
        "sf.endts",
        "sf.proc.oid",
        "sf.proc.pid",
        "sf.proc.tid",
        "sf.proc.exe",
        "sf.proc.cmdline",
        "sf.proc.uid",
        "sf.proc.user",
        "sf.proc.tty",
        "sf.proc.acmdline",
        "sf.proc.apid",
        "sf.pproc.pid",
        "sf.pproc.exe",
        "sf.pproc.cmdline",
        "sf.file.path",
        "sf.file.newpath",
        "sf.file.openflags",
        "sf.net.proto",
        "sf.net.sip",
        "sf.net.sport",
        "sf.net.dip",
        "sf.net.dport",
        "sf.flow.rbytes",
        "sf.flow.rops",
        "sf.flow.wbytes",
        "sf.flow.wops",
        "sf.container.id",
        "sf.container.name",
        "sf.container.image",
        "sf.pod.name",
        "sf.pod.namespace",
        "sf.ke.kind",
        "sf.ke.action",
        "sf.node.id",
    ];

    fn ts(&self) -> i64 {
        self.record.ts()
    }

    fn write_host(&self, out: &mut Vec<u8>) {
        if let Some(header) = self.header {
            out.extend_from_slice(header.exporter());
        }
    }

    fn write_sentence(&self, out: &mut Vec<u8>) {
        sentence::write_sentence(self, out);
    }

    fn actor(&self) -> Option<Actor> {
        let process = self.process?;
        Some(Actor {
            pid: process.oid.hpid,
            started: process.oid.create_ts,
            command: process.cmdline().to_string(),
            user: user_name(process.user(), process.uid.into()),
        })
    }

    fn write_ancestors(&self, most: usize, out: &mut Vec<u8>) {
        sentence::write_ancestors(self, most, out);
    }

    fn write_container(&self, out: &mut Vec<u8>) {
        let Some(container) = self.container else {
            return;
        };
        let id = container.id();
        let name = printable(container.name());
        let _ = match (kubernetes_name(&name), self.pod) {
            (_, Some(pod)) => {
                let (pod, namespace) = (printable(pod.name()), printable(pod.namespace()));
                write!(out, "{id} in pod {pod} of {namespace}")
            }
            (Some((name, pod, namespace)), None) => {
                write!(out, "{name} {id} in pod {pod} of {namespace}")
            }
            (None, None) => write!(out, "{name} {id}"),
        };
        let image = printable(container.image());
        let image = image.split('@').next().unwrap_or_default();
        let _ = write!(out, ", image {}", image.trim_end_matches(['/', ':']));
    }

    fn hash_likeness(&self, state: &mut impl Hasher) {
        let process = self
            .process
            .map(|process| (process.cmdline(), process.container_id()));
        let target = self
            .connection()
            .map(|ends| (ends.destination, ends.destination_port));
        let path = self.file.map(KeptFile::path);
        (process, target, path, self.op_flags()).hash(state);
    }
}

/// Container, pod and namespace in the name that the kubelet gives to containers of Docker:
/// `k8s_container_pod_namespace_uid_attempt`.
fn kubernetes_name(name: &str) -> Option<(&str, &str, &str)> {
    let mut parts = name.strip_prefix("k8s_")?.split('_');
    Some((parts.next()?, parts.next()?, parts.next()?))
}

/// The fields of operations that alerts ask for by themselves.
struct EventFields {
    pid: FieldId,
    started: FieldId,
    command: FieldId,
    name: FieldId,
    user: FieldId,
    uid: FieldId,
    ancestor: FieldId,
    ancestor_pid: FieldId,
    container: FieldId,
    container_name: FieldId,
    image: FieldId,
    target: FieldId,
    kind: FieldId,
}

static EVENT_FIELDS: LazyLock<EventFields> = LazyLock::new(|| {
    let id = |name: &str| match EventView::catalogue().resolve(name) {
        Ok(resolved) => resolved.id,
        Err(_) => unreachable!("events have the field {name}: a test asks for all of them"),
    };
    EventFields {
        pid: id("proc.pid"),
        started: id("proc.pid.ts"),
        command: id("proc.cmdline"),
        name: id("proc.name"),
        user: id("user.name"),
        uid: id("user.uid"),
        ancestor: id("proc.aname[1]"),
        ancestor_pid: id("proc.apid[1]"),
        container: id("container.id"),
        container_name: id("container.name"),
        image: id("container.image"),
        target: id("fd.name"),
        kind: id("evt.type"),
    }
});

fn text<V: View>(view: &V, field: FieldId, arg: &Arg) -> Option<Vec<u8>> {
    let mut text = None;
    view.visit(field, arg, |value| {
        text = Some(value.with_text(<[u8]>::to_vec));
        ControlFlow::Break(())
    });
    text
}

fn number<V: View>(view: &V, field: FieldId, arg: &Arg) -> Option<i64> {
    first(view, field, arg, |value| match value {
        Some(Value::Int(number)) => Some(number),
        _ => None,
    })
}

impl Observation for EventView<'_> {
    const CARRIED: &'static [&'static str] = &[
        "evt.num",
        "evt.type",
        "proc.pid",
        "proc.name",
        "proc.exepath",
        "proc.cmdline",
        "proc.pname",
        "proc.pcmdline",
        "thread.tid",
        "user.uid",
        "user.name",
        "fd.name",
        "container.id",
        "container.name",
        "container.image.repository",
        "container.image.tag",
        "k8s.ns.name",
        "k8s.pod.name",
    ];

    fn ts(&self) -> i64 {
        i64::try_from(self.event().ts).unwrap_or(i64::MAX)
    }

    fn write_host(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.host_name());
    }

    fn write_sentence(&self, out: &mut Vec<u8>) {
        let fields = &*EVENT_FIELDS;
        let name = text(self, fields.name, &Arg::None);
        let name = name.as_deref().unwrap_or(b"an unknown process");
        let pid = number(self, fields.pid, &Arg::None).unwrap_or(self.event().tid);
        out.extend_from_slice(name);
        let _ = write!(out, " ({pid}) called {} ", self.event().name);
        view::arguments(self, out);
        let kept = out.trim_ascii_end().len();
        out.truncate(kept);
    }

    fn actor(&self) -> Option<Actor> {
        let fields = &*EVENT_FIELDS;
        let command = text(self, fields.command, &Arg::None).unwrap_or_default();
        let user = text(self, fields.user, &Arg::None).unwrap_or_default();
        let uid = number(self, fields.uid, &Arg::None);
        Some(Actor {
            pid: number(self, fields.pid, &Arg::None)?,
            started: number(self, fields.started, &Arg::None).unwrap_or(0),
            command: String::from_utf8_lossy(&command).into_owned(),
            user: user_name(&user, uid.unwrap_or(-1)),
        })
    }

    fn write_ancestors(&self, most: usize, out: &mut Vec<u8>) {
        let fields = &*EVENT_FIELDS;
        for level in 1..=most as u32 {
            let arg = Arg::Index(level);
            let Some(name) = text(self, fields.ancestor, &arg) else {
                return;
            };
            if level > 1 {
                out.extend_from_slice(" ← ".as_bytes());
            }
            out.extend_from_slice(&name);
            if let Some(pid) = number(self, fields.ancestor_pid, &arg) {
                let _ = write!(out, " ({pid})");
            }
        }
        if text(self, fields.ancestor, &Arg::Index(most as u32 + 1)).is_some() {
            out.extend_from_slice(" ← …".as_bytes());
        }
    }

    fn write_container(&self, out: &mut Vec<u8>) {
        let fields = &*EVENT_FIELDS;
        let Some(id) = text(self, fields.container, &Arg::None).filter(|id| id != b"host") else {
            return;
        };
        if let Some(name) = text(self, fields.container_name, &Arg::None) {
            out.extend_from_slice(&name);
            out.push(b' ');
        }
        out.extend_from_slice(&id);
        if let Some(image) = text(self, fields.image, &Arg::None) {
            out.extend_from_slice(b", image ");
            out.extend_from_slice(&image);
        }
    }

    fn hash_likeness(&self, state: &mut impl Hasher) {
        let fields = &*EVENT_FIELDS;
        for field in [fields.command, fields.container, fields.target, fields.kind] {
            text(self, field, &Arg::None).hash(state);
        }
    }
}

/// Appends `,"name":value`. A field without a value is null if it is wanted, and left out otherwise.
pub(crate) fn write_field<V: View>(
    view: &V,
    name: &str,
    id: FieldId,
    arg: &Arg,
    wanted: bool,
    out: &mut Vec<u8>,
) {
    let start = out.len();
    out.push(b',');
    crate::json::write_string(name.as_bytes(), out);
    out.push(b':');
    let field = V::catalogue().field(id);
    let list = field.list && *arg == Arg::None;
    let any = write_values(list, out, |visit| view.visit(id, arg, visit));
    match (any, wanted) {
        (true, _) => {}
        (false, false) => out.truncate(start),
        (false, true) => out.extend_from_slice(if list { b"[]" } else { b"null" }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_given_by_the_kubelet_are_taken_apart() {
        let name = "k8s_node_shop-9c5b5b4f7-bqkbt_default_33930aa8-893c-11e8-bc3e-ea499b7e8ba7_0";
        assert_eq!(
            kubernetes_name(name),
            Some(("node", "shop-9c5b5b4f7-bqkbt", "default"))
        );
        assert_eq!(kubernetes_name("shop"), None);
    }

    #[test]
    fn events_have_the_fields_that_alerts_carry() {
        LazyLock::force(&EVENT_FIELDS);
        for name in <EventView<'_> as Observation>::CARRIED {
            assert!(EventView::catalogue().resolve(name).is_ok(), "{name}");
        }
        for name in <Joined<'_> as Observation>::CARRIED {
            assert!(Joined::catalogue().resolve(name).is_ok(), "{name}");
        }
    }
}
