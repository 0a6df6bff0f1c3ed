//! What there was before the first event.

use std::collections::HashSet;
use std::sync::Arc;

use sysflow_event::snapshot::{self, Snapshot, Target};
use sysflow_event::{Event, Operation};

use super::Collector;
use super::sockets::overlaid;
use crate::cgroup;
use crate::config::Quirks;
use crate::sink::RecordSink;
use crate::state::descriptor::{Descriptor, Ends, Kind, NOWHERE, Role, unmap};
use crate::state::thread::{Details, Thread, UNKNOWN};
use crate::tables::containers::ContainerRef;
use crate::text::{Text, empty, resolve_into, with_slash};

/// A socket whose local port is one that somebody listens on belongs to a server.
fn name_client(descriptor: &mut Descriptor, listening: &HashSet<u16>) {
    if descriptor.kind != Kind::Internet {
        return;
    }
    if listening.contains(&descriptor.ends.source.port()) {
        descriptor.ends = descriptor.ends.swapped();
        descriptor.role = Role::Server;
    } else {
        descriptor.role = Role::Client;
    }
}

impl<S: RecordSink> Collector<S> {
    pub(super) fn take_snapshot(&mut self, item: &Snapshot<'_>) {
        match item {
            Snapshot::Machine(machine) => self.host_name = machine.host_name.to_vec(),
            Snapshot::Interface(interface) => self.interfaces.learn(*interface),
            Snapshot::User(user) => self.accounts.learn_user(user),
            Snapshot::Group(group) => self.accounts.learn_group(group),
            Snapshot::Process(process) => self.snapshot_process(process),
            Snapshot::Descriptor(descriptor) => self.snapshot_descriptor(descriptor),
            Snapshot::Container(container) => {
                let limit = self.config.limits.containers;
                self.tables.containers.learn(container, limit);
                if S::WANTS_EVENTS {
                    self.container_facts.learn(container, limit);
                }
            }
        }
    }

    /// Takes facts about a container, a user or a group.
    pub(super) fn learn(&mut self, operation: &Operation<'_>) {
        match operation {
            Operation::Container(container) => self
                .tables
                .containers
                .learn(container, self.config.limits.containers),
            Operation::UserKnown(user) => self.accounts.learn_user(user),
            Operation::GroupKnown(group) => self.accounts.learn_group(group),
            _ => {}
        }
    }

    /// The container that control groups name.
    pub(super) fn container_of(&mut self, cgroups: &[u8]) -> Option<ContainerRef> {
        let (id, kind) = cgroup::container_of(cgroups)?;
        self.tables
            .containers
            .find(id, kind, self.config.limits.containers)
    }

    fn snapshot_process(&mut self, process: &snapshot::Process<'_>) {
        let image = &process.image;
        let (Some(tid), Some(pid)) = (image.tid, image.pid) else {
            return;
        };
        self.make_room_for_thread();
        let text = |bytes: Option<&[u8]>| bytes.map_or_else(empty, Text::from);
        let is_main = tid == pid;
        let mut directory = Vec::new();
        if is_main {
            let as_original = self.has(Quirks::PRINTABLE_PATHS);
            resolve_into(
                &mut directory,
                b"",
                image.directory.unwrap_or_default(),
                as_original,
            );
        }
        let mut thread = Thread {
            parent: image.parent.unwrap_or_default(),
            namespace_tid: image.namespace_tid.unwrap_or(tid),
            namespace_pid: image.namespace_pid.unwrap_or(pid),
            flags: process.flags,
            created: process.created.unwrap_or_default(),
            uid: image.uid.unwrap_or(u32::MAX),
            gid: image.gid.unwrap_or(u32::MAX),
            comm: text(image.comm),
            exe: text(image.exe),
            exe_path: text(process.exe_path),
            arguments: text(image.arguments),
            environment: if is_main {
                text(process.environment)
            } else {
                empty()
            },
            directory: if is_main {
                with_slash(&directory)
            } else {
                empty()
            },
            root: text(process.root),
            terminal: process.terminal.unwrap_or_default(),
            session: process.session.unwrap_or(UNKNOWN),
            process_group: process.group.unwrap_or_default(),
            login_uid: process.login_uid.unwrap_or(u32::MAX),
            capabilities: process.capabilities,
            exe_flags: process.exe_flags,
            exe_inode: process.exe_inode,
            exe_changed: process.exe_changed,
            exe_modified: process.exe_modified,
            ..Thread::placeholder(tid, pid)
        };
        if S::WANTS_EVENTS {
            thread.details = Some(Box::new(Details {
                usage: process.usage,
                cgroups: text(image.cgroups),
            }));
        }
        thread.container = image.cgroups.and_then(|cgroups| self.container_of(cgroups));
        self.threads.insert(thread);
    }

    fn snapshot_descriptor(&mut self, entry: &snapshot::Descriptor<'_>) {
        let descriptor = self.described(entry);
        if let Some(table) = self.threads.descriptors_mut(entry.tid) {
            table.insert(entry.fd, descriptor);
        }
    }

    /// A descriptor that was made elsewhere is now in the table of a thread.
    pub(super) fn on_received(&mut self, event: &Event<'_>, entry: &snapshot::Descriptor<'_>) {
        let mut descriptor = self.described(entry);
        name_client(&mut descriptor, &self.listening_ports);
        self.insert_descriptor(event, entry.fd, descriptor);
    }

    /// What is known of a descriptor that is described as a whole.
    fn described(&mut self, entry: &snapshot::Descriptor<'_>) -> Descriptor {
        let text = |bytes: &[u8]| -> Text { Arc::from(bytes) };
        let is_overlaid = self.has(Quirks::BOUND_PORT_STAYS);
        let mut descriptor = match entry.target {
            Target::File {
                path,
                flags,
                device,
            } => Descriptor {
                flags: flags.unwrap_or_default(),
                device: u64::from(device.unwrap_or_default()),
                ..Descriptor::new(Kind::File, text(path))
            },
            Target::Directory(path) => Descriptor::new(Kind::Directory, text(path)),
            Target::Pipe(name) => Descriptor::new(Kind::Pipe, text(name)),
            Target::Unix { path, .. } => Descriptor {
                role: if path.is_empty() {
                    Role::None
                } else {
                    Role::Server
                },
                ..Descriptor::new(Kind::Unix, text(path))
            },
            Target::Connection {
                local,
                remote,
                protocol,
            } => {
                let ends = unmap(Ends {
                    source: local,
                    destination: remote,
                });
                Descriptor {
                    ends,
                    is_ipv6: ends.is_ipv6(),
                    ..Descriptor::socket(Kind::Internet, protocol)
                }
            }
            Target::Listener { address, protocol } => {
                self.listening_ports.insert(address.port());
                let socket = Descriptor::socket(Kind::Listener, protocol);
                Descriptor {
                    ends: if is_overlaid && address.is_ipv4() {
                        overlaid(address, &socket)
                    } else {
                        Ends {
                            source: address,
                            destination: NOWHERE,
                        }
                    },
                    is_ipv6: address.is_ipv6(),
                    role: Role::Server,
                    ..socket
                }
            }
            Target::Special(kind, name) => Descriptor::new(Kind::Special(kind), text(name)),
        };
        descriptor.inode = entry.inode;
        descriptor
    }

    /// Links what the snapshot told piece by piece, before the first event.
    pub(super) fn complete_snapshot(&mut self) {
        if self.has_snapshot {
            return;
        }
        self.has_snapshot = true;
        self.link_threads();
        self.tell_clients_from_servers();
        self.name_initial_users();
        self.write_header();
    }

    fn link_threads(&mut self) {
        let mut links: Vec<(i64, i64, i64, bool)> = self
            .threads
            .iter()
            .map(|thread| {
                let is_reaper = thread.pid == 1 || thread.namespace_pid == 1;
                (thread.tid, thread.pid, thread.parent, is_reaper)
            })
            .collect();
        // The order of a hash table must not show.
        links.sort_unstable();
        for (tid, pid, parent, is_reaper) in links {
            let group = self.groups.entry(pid).or_default();
            group.threads.push(tid);
            group.alive += 1;
            group.is_reaper |= is_reaper;
            let has_parent = pid != 1 && self.threads.contains(parent);
            if has_parent {
                if let Some(parent) = self.threads.get_mut(parent) {
                    parent.children.push(tid);
                }
            } else if !self.is_generation_010()
                && let Some(thread) = self.threads.get_mut(tid)
            {
                thread.parent = 0;
            }
        }
    }

    fn tell_clients_from_servers(&mut self) {
        let ports = &self.listening_ports;
        for thread in self.threads.iter_mut() {
            for (_, descriptor) in thread.descriptors.iter_mut() {
                name_client(descriptor, ports);
            }
        }
    }

    fn name_initial_users(&mut self) {
        if self.has(Quirks::NAMES_OF_REPLAY) {
            return;
        }
        for thread in self.threads.iter_mut() {
            let container = self.tables.containers.id(thread.container);
            thread.user = self.accounts.user(container, thread.uid).cloned();
            thread.group_name = self.accounts.group(container, thread.gid).cloned();
        }
    }
}
