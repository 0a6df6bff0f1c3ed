//! What there is from the start, and facts that become known.

use sysflow_event::snapshot::{self, Snapshot};
use sysflow_event::{Observer, Operation};
use sysflow_scap::Code;

use crate::arguments::Given;
use crate::flags;
use crate::play::START;
use crate::stage::{self, Stage, Thread, short_name};
use crate::step;
use crate::teller::{Teller, Told};

/// Processes of the start are so old, ns.
const AGE: u64 = 3_600_000_000_000;

/// The kind of containers of stories: Docker's.
const DOCKER: i32 = 0;

/// The first process, which every machine has.
pub(crate) fn init<O: Observer>(stage: &mut Stage, teller: &mut Teller<'_, O>) {
    let path = b"/usr/lib/systemd/systemd";
    let thread = Thread {
        tid: 1,
        pid: 1,
        name: short_name(path),
        exe: b"/sbin/init".to_vec(),
        path: path.to_vec(),
        directory: b"/".to_vec(),
        login_uid: u32::MAX,
        namespace_pid: 1,
        ..Thread::default()
    };
    tell_process(&thread, teller);
    stage.add(thread);
}

pub(crate) fn process<O: Observer>(
    process: &step::Process,
    stage: &mut Stage,
    teller: &mut Teller<'_, O>,
) -> Result<(), String> {
    let pid = process.pid;
    let tid = process.tid.unwrap_or(pid);
    if pid <= 0 || tid <= 0 {
        return Err("processes and threads have numbers above 0".into());
    }
    if stage.get(tid).is_some() {
        return Err(format!("there is a process or thread {tid} already"));
    }
    let parent = process.parent.unwrap_or(i64::from(pid != 1));
    if parent != 0 && stage.get(parent).is_none() {
        return Err(format!(
            "there is no process {parent} to be the parent of {pid}: tell of it before"
        ));
    }
    let path = match (&process.exe, &process.name) {
        (Some(exe), _) => exe.clone(),
        (None, Some(name)) => format!("/usr/bin/{name}"),
        (None, None) => return Err("a process needs an `exe` or a `name`".into()),
    };
    let container = process
        .container
        .as_ref()
        .map(|name| container_named(name, stage, teller));
    let name = process
        .name
        .as_ref()
        .map_or(path.as_bytes(), String::as_bytes);
    let thread = Thread {
        tid,
        pid,
        parent,
        uid: process.uid.unwrap_or_default(),
        gid: process.gid.or(process.uid).unwrap_or_default(),
        login_uid: process.login_uid.unwrap_or(u32::MAX),
        terminal: process.tty.unwrap_or_default(),
        name: short_name(name),
        exe: process.argv0.as_ref().unwrap_or(&path).as_bytes().to_vec(),
        path: path.clone().into_bytes(),
        arguments: process
            .args
            .as_ref()
            .map(|args| args.list(1))
            .unwrap_or_default(),
        environment: process
            .env
            .as_ref()
            .map(|env| env.list(1))
            .unwrap_or_default(),
        directory: process.cwd.as_deref().unwrap_or("/").as_bytes().to_vec(),
        cgroups: cgroups(container.as_ref()),
        namespace_pid: process.namespace_pid.unwrap_or(pid),
        exe_flags: process.flags.as_ref().map_or(Ok(0), flags::executable)?,
    };
    let of = container.as_ref().map_or("", stage::Container::short_id);
    if let Some(user) = &process.user {
        teller.observer().snapshot(&Snapshot::User(snapshot::User {
            uid: thread.uid,
            name: user.as_bytes(),
            home: b"",
            shell: b"",
            container: of.as_bytes(),
            is_removed: false,
        }));
    }
    if let Some(group) = &process.group {
        teller
            .observer()
            .snapshot(&Snapshot::Group(snapshot::Group {
                gid: thread.gid,
                name: group.as_bytes(),
                container: of.as_bytes(),
                is_removed: false,
            }));
    }
    tell_process(&thread, teller);
    stage.add(thread);
    Ok(())
}

/// The control groups of a process, which name its container.
fn cgroups(container: Option<&stage::Container>) -> Vec<u8> {
    let path = container.map_or_else(|| "/".to_owned(), |known| format!("/docker/{}", known.id));
    let mut list = Vec::new();
    for system in ["cpuset", "memory"] {
        list.extend_from_slice(format!("{system}={path}\0").as_bytes());
    }
    list
}

fn tell_process<O: Observer>(thread: &Thread, teller: &mut Teller<'_, O>) {
    teller
        .observer()
        .snapshot(&Snapshot::Process(snapshot::Process {
            image: thread.image(),
            created: Some(START - AGE + thread.pid as u64 % 1_000_000 * 1_000_000),
            exe_path: Some(&thread.path),
            root: Some(b"/"),
            environment: Some(&thread.environment),
            terminal: Some(thread.terminal),
            login_uid: Some(thread.login_uid),
            exe_flags: thread.exe_flags,
            ..snapshot::Process::default()
        }));
}

/// A container by its name; one of which nothing else is told is made up.
fn container_named<O: Observer>(
    name: &str,
    stage: &mut Stage,
    teller: &mut Teller<'_, O>,
) -> stage::Container {
    if let Some(known) = stage.container(name) {
        return known.clone();
    }
    let made = stage::Container {
        id: stage::container_id(name),
    };
    teller
        .observer()
        .snapshot(&Snapshot::Container(snapshot::Container {
            id: made.short_id().as_bytes(),
            name: name.as_bytes(),
            image: name.as_bytes(),
            image_tag: b"latest",
            kind: DOCKER,
            ..snapshot::Container::default()
        }));
    stage.add_container(name, made.clone());
    made
}

pub(crate) fn container<O: Observer>(
    container: &step::Container,
    has_begun: bool,
    stage: &mut Stage,
    teller: &mut Teller<'_, O>,
) -> Result<(), String> {
    let made = match &container.id {
        None => stage::container_id(&container.name),
        Some(id) if id.len() >= 12 && id.bytes().all(|byte| byte.is_ascii_hexdigit()) => {
            // Short ids are filled up: nothing but the first digits is shown.
            let mut id = id.clone();
            while id.len() < 64 {
                id.push('0');
            }
            id.truncate(64);
            id
        }
        Some(id) => {
            return Err(format!(
                "`{id}` is no container id: write 12 to 64 hexadecimal digits"
            ));
        }
    };
    let made = stage::Container { id: made };
    let text =
        |text: Option<&String>, default: &str| text.map_or(default, String::as_str).to_owned();
    let image = text(container.image.as_ref(), &container.name);
    // A tag stands behind the last colon, unless that belongs to a port.
    let (image, tag) = match image.rsplit_once(':') {
        Some((image, tag)) if !tag.contains('/') => (image.to_owned(), tag.to_owned()),
        _ => (image.clone(), text(container.tag.as_ref(), "latest")),
    };
    let facts = snapshot::Container {
        id: made.short_id().as_bytes(),
        name: container.name.as_bytes(),
        image: image.as_bytes(),
        image_tag: tag.as_bytes(),
        kind: DOCKER,
        is_privileged: container.privileged,
        ..snapshot::Container::default()
    };
    if has_begun {
        learn(
            teller,
            Code::CONTAINER_JSON_2_E,
            Operation::Container(facts),
            &[],
        );
    } else {
        teller.observer().snapshot(&Snapshot::Container(facts));
    }
    stage.add_container(&container.name, made);
    Ok(())
}

#[allow(clippy::large_types_passed_by_value, reason = "stories are short")]
fn learn<O: Observer>(
    teller: &mut Teller<'_, O>,
    code: Code,
    operation: Operation<'_>,
    arguments: &[(&'static str, Given<'_>)],
) {
    teller.tell(&Told {
        tid: -1,
        code,
        name: None,
        result: None,
        operation,
        arguments,
    });
}

/// The short id of a container that has been told of.
fn id_of<'s>(stage: &'s Stage, name: Option<&str>) -> Result<&'s str, String> {
    let Some(name) = name else { return Ok("") };
    let known = stage.container(name);
    known.map(stage::Container::short_id).ok_or_else(|| {
        format!("there is no container `{name}` at this point: tell of it with `container`")
    })
}

pub(crate) fn user<O: Observer>(
    account: &step::Account,
    has_begun: bool,
    stage: &Stage,
    teller: &mut Teller<'_, O>,
) -> Result<(), String> {
    let container = id_of(stage, account.container.as_deref())?;
    let user = snapshot::User {
        uid: account.id,
        name: account.name.as_bytes(),
        home: b"",
        shell: b"",
        container: container.as_bytes(),
        is_removed: false,
    };
    if has_begun {
        let arguments = [
            ("uid", account.id.into()),
            ("name", account.name.as_str().into()),
            ("container_id", container.into()),
        ];
        learn(
            teller,
            Code::USER_ADDED_E,
            Operation::UserKnown(user),
            &arguments,
        );
    } else {
        teller.observer().snapshot(&Snapshot::User(user));
    }
    Ok(())
}

pub(crate) fn group<O: Observer>(
    account: &step::Account,
    has_begun: bool,
    stage: &Stage,
    teller: &mut Teller<'_, O>,
) -> Result<(), String> {
    let container = id_of(stage, account.container.as_deref())?;
    let group = snapshot::Group {
        gid: account.id,
        name: account.name.as_bytes(),
        container: container.as_bytes(),
        is_removed: false,
    };
    if has_begun {
        let arguments = [
            ("gid", account.id.into()),
            ("name", account.name.as_str().into()),
            ("container_id", container.into()),
        ];
        learn(
            teller,
            Code::GROUP_ADDED_E,
            Operation::GroupKnown(group),
            &arguments,
        );
    } else {
        teller.observer().snapshot(&Snapshot::Group(group));
    }
    Ok(())
}
