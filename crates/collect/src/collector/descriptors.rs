//! Descriptors that are made, copied and closed.

use std::sync::Arc;

use sysflow_event::descriptor::{
    CloseRange, CopyRange, Duplicate, Map, MemoryFile, Pipe, SpecialKind, TakeDescriptor,
};
use sysflow_event::file::{Open, OpenCall, Path};
use sysflow_event::network::Direction;
use sysflow_event::{Event, Fd, Phase, flags};
use sysflow_record::OpFlags;

use super::Collector;
use super::flows::Moved;
use crate::config::{Mode, Quirks};
use crate::sink::RecordSink;
use crate::state::descriptor::{Descriptor, Kind};
use crate::text::{Text, empty};

/// The error "bad descriptor": the only one with which a close closes nothing.
const BAD_DESCRIPTOR: i64 = -9;

impl<S: RecordSink> Collector<S> {
    /// Puts a new descriptor into the table of a thread.
    pub(super) fn insert_descriptor(&mut self, event: &Event<'_>, fd: Fd, descriptor: Descriptor) {
        let limit = self.config.limits.descriptors;
        let Some(table) = self.threads.descriptors_mut(event.tid) else {
            return;
        };
        if table.len() >= limit && table.get(fd).is_none() {
            self.statistics.refused_descriptors += 1;
            return;
        }
        let old = table.insert(fd, descriptor);
        // Whatever had the number before was closed, whether that was seen or not.
        if let Some(old) = old
            && !self.has(Quirks::IMPLICIT_CLOSES_UNSEEN)
        {
            self.end_flows_on(event, fd, &old, OpFlags::TRUNCATE);
        }
    }

    /// The descriptor that a call returned.
    pub(super) fn new_fd(event: &Event<'_>) -> Option<Fd> {
        event.result.filter(|fd| *fd >= 0).map(|fd| fd as Fd)
    }

    pub(super) fn on_open(&mut self, event: &Event<'_>, open: &Open<'_>) {
        let Some(fd) = Self::new_fd(event) else {
            self.on_failed_open(event, open);
            return;
        };
        let (path, flags) = self.opened(open);
        let kind = if flags & flags::open::DIRECTORY == 0 {
            Kind::File
        } else {
            Kind::Directory
        };
        let path = self.path_of(event.tid, &path);
        let descriptor = Descriptor {
            flags,
            inode: open.inode.unwrap_or_default(),
            device: u64::from(open.device.unwrap_or_default()),
            close_on_exec: flags & flags::open::CLOSE_ON_EXEC != 0,
            ..Descriptor::new(kind, path)
        };
        self.insert_descriptor(event, fd, descriptor);
        let is_known_call = matches!(open.call, OpenCall::Open | OpenCall::OpenAt);
        if is_known_call || !self.has(Quirks::NO_NEWER_CALLS) {
            self.operate(event, Some(fd), OpFlags::OPEN, None);
        }
    }

    /// The path of an opening and its flags: as told at the end, if not as the original takes them.
    fn opened<'a>(&self, open: &Open<'a>) -> (Path<'a>, u32) {
        let flags = open.path.flags.unwrap_or_default();
        match open.announced {
            Some(announced) if self.has(Quirks::ENTER_ARGUMENTS_WIN) => {
                let created = flags & flags::open::CREATED;
                (announced, announced.flags.unwrap_or_default() | created)
            }
            _ => (open.path, flags),
        }
    }

    fn on_failed_open(&mut self, event: &Event<'_>, open: &Open<'_>) {
        let is_recorded = self.config.failed_opens
            && self.config.mode != Mode::NoFiles
            && !self.has(Quirks::NO_NEWER_CALLS)
            && open.path.path.is_some();
        if is_recorded && self.is_wanted(event.tid) {
            let path = self.path_of(event.tid, &open.path);
            self.record_failed_open(event, &path, open.path.flags.unwrap_or_default());
        }
    }

    pub(super) fn on_close(&mut self, event: &Event<'_>, fd: Option<Fd>) {
        let descriptor = fd.and_then(|fd| self.threads.descriptors_mut(event.tid)?.get_mut(fd));
        if event.phase == Phase::Begin {
            if let Some(descriptor) = descriptor {
                descriptor.is_closing = true;
            }
            self.sees_begins = true;
            return;
        }
        let has_closed = if self.quirks.contains(Quirks::IMPLICIT_CLOSES_UNSEEN) {
            event.is_success()
        } else {
            event.result != Some(BAD_DESCRIPTOR)
        };
        if let Some(descriptor) = descriptor {
            // Between begin and end another thread may have got the number anew: that one stays.
            descriptor.is_closing = has_closed && (descriptor.is_closing || !self.sees_begins);
        }
        if has_closed && let Some(fd) = fd {
            self.delayed.close = Some((event.tid, fd));
        }
        // The original ends the flow even where the close fails.
        if has_closed || self.has(Quirks::IMPLICIT_CLOSES_UNSEEN) {
            self.operate(event, fd, OpFlags::CLOSE, None);
        }
    }

    /// Closes a descriptor without a close of its own.
    fn close_implicitly(&mut self, event: &Event<'_>, fd: Fd) {
        let removed = self
            .threads
            .descriptors_mut(event.tid)
            .and_then(|table| table.remove(fd));
        if let Some(descriptor) = removed {
            self.end_flows_on(event, fd, &descriptor, OpFlags::CLOSE);
        }
    }

    pub(super) fn on_close_range(&mut self, event: &Event<'_>, range: &CloseRange) {
        /// Only marks the descriptors to be closed on execution.
        const CLOSE_ON_EXEC: u32 = 4;
        if !event.is_success() || self.has(Quirks::IMPLICIT_CLOSES_UNSEEN) {
            return;
        }
        let first = range.first.unwrap_or(u32::MAX);
        let last = range.last.unwrap_or_default();
        let Some(table) = self.threads.descriptors_mut(event.tid) else {
            return;
        };
        let numbers = table.numbers(|fd, _| (first..=last).contains(&(fd as u32)));
        for fd in numbers {
            if range.flags.unwrap_or_default() & CLOSE_ON_EXEC == 0 {
                self.close_implicitly(event, fd);
            } else if let Some(table) = self.threads.descriptors_mut(event.tid)
                && let Some(descriptor) = table.get_mut(fd)
            {
                descriptor.close_on_exec = true;
            }
        }
    }

    pub(super) fn close_on_exec(&mut self, event: &Event<'_>) {
        let Some(table) = self.threads.descriptors(event.tid) else {
            return;
        };
        for fd in table.numbers(|_, descriptor| descriptor.close_on_exec) {
            self.close_implicitly(event, fd);
        }
    }

    pub(super) fn on_duplicate(&mut self, event: &Event<'_>, duplicate: &Duplicate) {
        let (Some(old), Some(new)) = (duplicate.old, Self::new_fd(event)) else {
            return;
        };
        if old == new && !self.has(Quirks::IMPLICIT_CLOSES_UNSEEN) {
            return;
        }
        let source = self
            .threads
            .descriptors(event.tid)
            .and_then(|table| table.get(old));
        let Some(source) = source else {
            self.statistics.unknown_descriptors += 1;
            return;
        };
        let copy = Descriptor {
            close_on_exec: duplicate.close_on_exec.unwrap_or_default(),
            is_closing: false,
            ..source.clone()
        };
        if !self.has(Quirks::IMPLICIT_CLOSES_UNSEEN) {
            self.close_implicitly(event, new);
        }
        self.insert_descriptor(event, new, copy);
    }

    pub(super) fn on_pipe(&mut self, event: &Event<'_>, pipe: &Pipe) {
        if !event.is_success() {
            return;
        }
        let inode = pipe.inode.unwrap_or_default();
        let name: Text = if self.has(Quirks::NAMELESS_PIPES) || inode == 0 {
            empty()
        } else {
            Text::from(format!("pipe:[{inode}]").into_bytes())
        };
        let close_on_exec = pipe.flags.unwrap_or_default() & flags::open::CLOSE_ON_EXEC != 0;
        for fd in [pipe.read, pipe.write].into_iter().flatten() {
            let descriptor = Descriptor {
                inode: if self.has(Quirks::NAMELESS_PIPES) {
                    0
                } else {
                    inode
                },
                close_on_exec,
                ..Descriptor::new(Kind::Pipe, name.clone())
            };
            self.insert_descriptor(event, fd, descriptor);
        }
    }

    pub(super) fn on_special(&mut self, event: &Event<'_>, kind: SpecialKind, name: &[u8]) {
        if let Some(fd) = Self::new_fd(event) {
            self.insert_descriptor(
                event,
                fd,
                Descriptor::new(Kind::Special(kind), Arc::from(name)),
            );
        }
    }

    pub(super) fn on_memory_file(&mut self, event: &Event<'_>, file: &MemoryFile<'_>) {
        let name = file.name.unwrap_or_default();
        if self.has(Quirks::NO_NEWER_CALLS) {
            self.on_special(event, SpecialKind::MemoryFile, name);
            return;
        }
        if let Some(fd) = Self::new_fd(event) {
            let path = Text::from([b"memfd:", name].concat());
            self.insert_descriptor(event, fd, Descriptor::new(Kind::File, path));
        }
    }

    pub(super) fn on_bpf(&mut self, event: &Event<'_>) {
        // Most commands return 0, those that make something a descriptor.
        if event.result.is_some_and(|result| result > 0) {
            self.on_special(event, SpecialKind::Bpf, b"");
        }
    }

    pub(super) fn on_take_descriptor(&mut self, event: &Event<'_>, _: &TakeDescriptor) {
        // What it stands for is known to the other process only, and which one that is to nobody here.
        self.on_special(event, SpecialKind::Other, b"");
    }

    pub(super) fn on_map(&mut self, event: &Event<'_>, map: &Map) {
        let at_begin = self.has(Quirks::MAPS_AT_BEGIN);
        let counts = match event.phase {
            Phase::Begin => at_begin,
            // The result is an address, and errors are the few numbers below zero.
            Phase::End => {
                !at_begin
                    && event
                        .result
                        .is_some_and(|result| !(-4095..0).contains(&result))
            }
        };
        let fd = map.fd.filter(|fd| *fd >= 0);
        if counts && fd.is_some() && self.config.mode == Mode::Flow {
            self.operate(event, fd, OpFlags::MMAP, None);
        }
    }

    pub(super) fn on_copy_range(&mut self, event: &Event<'_>, copy: &CopyRange) {
        if self.has(Quirks::NO_NEWER_CALLS) || self.config.mode != Mode::Flow {
            return;
        }
        let bytes = event.result.unwrap_or(-1);
        for (fd, direction, op) in [
            (copy.from, Direction::In, OpFlags::READ_RECV),
            (copy.to, Direction::Out, OpFlags::WRITE_SEND),
        ] {
            self.operate(
                event,
                fd,
                op,
                Some(Moved {
                    direction,
                    ops: 1,
                    bytes,
                }),
            );
        }
    }
}
