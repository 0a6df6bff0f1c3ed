//! Entries of state blocks, and events about containers, users and losses.

use sysflow_event::descriptor::SpecialKind;
use sysflow_event::identity::Capabilities;
use sysflow_event::network::Protocol;
use sysflow_event::process::Image;
use sysflow_event::snapshot::{
    Descriptor, Group, Interface, Machine, Process, Snapshot, Target, Usage, User,
};
use sysflow_event::{Event, Operation, flags};
use sysflow_scap::{
    Arguments, Code, DescriptorKind, Event as Recorded, Item, Protocol as ScapProtocol,
    Target as ScapTarget,
};

use super::super::Observer;
use super::container::Metadata;
use super::plain;
use super::raw::Raw;

/// What an entry of a state block tells, if it is one.
pub(super) fn snapshot<'a>(item: &Item<'a>) -> Option<Snapshot<'a>> {
    Some(match item {
        Item::Machine(machine) => Snapshot::Machine(Machine {
            host_name: machine.host_name,
        }),
        Item::Interface(interface) => Snapshot::Interface(Interface {
            address: interface.address,
            netmask: interface.netmask,
        }),
        Item::User(user) => Snapshot::User(User {
            uid: user.uid,
            name: user.name,
            home: user.home,
            shell: user.shell,
            container: b"",
            is_removed: false,
        }),
        Item::Group(group) => Snapshot::Group(Group {
            gid: group.gid,
            name: group.name,
            container: b"",
            is_removed: false,
        }),
        Item::Process(process) => Snapshot::Process(self::process(process)),
        Item::Descriptor(entry) => Snapshot::Descriptor(Descriptor {
            tid: entry.tid,
            fd: entry.number as i32,
            inode: entry.inode,
            target: target(&entry.target),
        }),
        Item::Section(_) | Item::Event(_) => return None,
    })
}

fn process<'a>(process: &sysflow_scap::Process<'a>) -> Process<'a> {
    let known = |id: i64| (id != -1).then_some(id);
    let facts = [
        (process.exe_writable, flags::executable::WRITABLE),
        (process.exe_upper_layer, flags::executable::UPPER_LAYER),
        (process.exe_from_memory, flags::executable::FROM_MEMORY),
        (process.exe_lower_layer, flags::executable::LOWER_LAYER),
    ];
    Process {
        image: Image {
            exe: Some(process.exe),
            arguments: Some(process.raw_arguments),
            comm: Some(process.command),
            directory: Some(process.directory),
            cgroups: Some(process.raw_cgroups),
            tid: Some(process.tid),
            pid: Some(process.pid),
            parent: Some(process.ptid),
            uid: Some(process.uid),
            gid: Some(process.gid),
            namespace_tid: known(process.namespace_tid),
            namespace_pid: known(process.namespace_pid),
        },
        created: None,
        flags: process.flags,
        exe_path: Some(process.exe_path),
        root: Some(process.root),
        environment: Some(process.raw_environment),
        session: known(process.session),
        // Captures before library 0.19 know the group by its number in the namespace only.
        group: known(process.group),
        terminal: Some(process.terminal),
        login_uid: Some(process.login_uid),
        capabilities: Capabilities {
            inheritable: Some(process.capabilities_inheritable),
            permitted: Some(process.capabilities_permitted),
            effective: Some(process.capabilities_effective),
        },
        exe_flags: facts
            .iter()
            .filter(|(is_set, _)| *is_set)
            .fold(0, |all, (_, flag)| all | flag),
        exe_inode: process.exe_inode,
        exe_changed: process.exe_changed,
        exe_modified: process.exe_modified,
        usage: Usage {
            descriptor_limit: Some(process.descriptor_limit),
            faults_major: Some(process.faults_major),
            faults_minor: Some(process.faults_minor),
            memory_virtual: Some(u64::from(process.memory_virtual)),
            memory_resident: Some(u64::from(process.memory_resident)),
            memory_swapped: Some(u64::from(process.memory_swapped)),
            namespace_group: known(process.namespace_group),
            namespace_start: Some(process.namespace_start).filter(|start| *start != 0),
        },
    }
}

fn target<'a>(target: &ScapTarget<'a>) -> Target<'a> {
    match *target {
        ScapTarget::Unknown | ScapTarget::Other { .. } => Target::Special(SpecialKind::Other, b""),
        ScapTarget::File {
            path,
            flags,
            device,
        } => Target::File {
            path,
            flags,
            device,
        },
        ScapTarget::Directory { path } => Target::Directory(path),
        ScapTarget::Connection {
            source,
            destination,
            protocol,
        } => Target::Connection {
            local: source,
            remote: destination,
            protocol: self::protocol(protocol),
        },
        ScapTarget::Listener { address, protocol } => Target::Listener {
            address,
            protocol: self::protocol(protocol),
        },
        ScapTarget::Unix { source, peer, path } => Target::Unix { source, peer, path },
        ScapTarget::Named {
            kind: DescriptorKind::Pipe,
            name,
        } => Target::Pipe(name),
        ScapTarget::Named { kind, name } => Target::Special(special(kind), name),
    }
}

const fn special(kind: DescriptorKind) -> SpecialKind {
    match kind {
        DescriptorKind::EventFd => SpecialKind::Event,
        DescriptorKind::SignalFd => SpecialKind::Signal,
        DescriptorKind::Epoll => SpecialKind::Epoll,
        DescriptorKind::Inotify => SpecialKind::Inotify,
        DescriptorKind::TimerFd => SpecialKind::Timer,
        DescriptorKind::Netlink => SpecialKind::Netlink,
        DescriptorKind::Bpf => SpecialKind::Bpf,
        DescriptorKind::UserFaultFd => SpecialKind::UserFault,
        DescriptorKind::IoUring => SpecialKind::IoUring,
        DescriptorKind::MemFd => SpecialKind::MemoryFile,
        DescriptorKind::PidFd => SpecialKind::Process,
        DescriptorKind::Pipe | DescriptorKind::Unsupported => SpecialKind::Other,
    }
}

const fn protocol(protocol: ScapProtocol) -> Protocol {
    match protocol {
        ScapProtocol::Tcp => Protocol::Tcp,
        ScapProtocol::Udp => Protocol::Udp,
        ScapProtocol::Icmp => Protocol::Icmp,
        ScapProtocol::Raw => Protocol::Raw,
        ScapProtocol::Unknown | ScapProtocol::None => Protocol::Unknown,
    }
}

/// Tells of containers, users, groups and losses.
pub(super) fn meta<O: Observer>(event: &Recorded<'_>, observer: &mut O) {
    let arguments = Raw::new(event);
    let text = |index: usize| event.text(index).unwrap_or_default();
    let tell = |operation: Operation<'_>, observer: &mut O| {
        observer.event_with(
            &Event {
                operation,
                ..plain(event)
            },
            &arguments,
        );
    };
    match event.code() {
        Code::CONTAINER_JSON_E | Code::CONTAINER_JSON_2_E => {
            if let Some(metadata) = event.text(0).and_then(Metadata::parse) {
                tell(Operation::Container(metadata.container()), observer);
            }
        }
        Code::CONTAINER_E => {
            let container = sysflow_event::snapshot::Container {
                id: text(0),
                kind: event.u32(1).unwrap_or_default() as i32,
                name: text(2),
                image: text(3),
                ..Default::default()
            };
            tell(Operation::Container(container), observer);
        }
        code @ (Code::USER_ADDED_E | Code::USER_DELETED_E) => {
            let user = User {
                uid: event.u32(0).unwrap_or(u32::MAX),
                name: text(2),
                home: text(3),
                shell: text(4),
                container: text(5),
                is_removed: code == Code::USER_DELETED_E,
            };
            tell(Operation::UserKnown(user), observer);
        }
        code @ (Code::GROUP_ADDED_E | Code::GROUP_DELETED_E) => {
            let group = Group {
                gid: event.u32(0).unwrap_or(u32::MAX),
                name: text(1),
                container: text(2),
                is_removed: code == Code::GROUP_DELETED_E,
            };
            tell(Operation::GroupKnown(group), observer);
        }
        // A driver that is sampling does not tell how many events it left out.
        Code::DROP_E => tell(Operation::Lost(None), observer),
        _ => tell(Operation::Tick, observer),
    }
}
