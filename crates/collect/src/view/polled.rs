//! Fields of the descriptors that a call polls.

use std::io::Write as _;

use sysflow_event::raw::RawValue;

use super::EventView;
use super::fd::write_name;
use crate::state::descriptor::{Descriptor, Kind};

event_fields! {
    FDLIST_NUMS = "fdlist.nums": Text, "Numbers of the descriptors that a call polls, with commas between them."
        => text |v, out| v.write_polled(out, |fd, _, out| write!(out, "{fd}").is_ok());
    FDLIST_NAMES = "fdlist.names": Text, "Names of the descriptors that a call polls, with commas between them."
        => text |v, out| v.write_polled(out, |_, descriptor, out| {
            descriptor.is_some_and(|descriptor| { write_name(descriptor, out); !descriptor.path.is_empty() })
        });
    FDLIST_CIPS = "fdlist.cips": Text, "Addresses of the clients among the sockets that a call polls."
        => text |v, out| v.write_polled(out, |_, descriptor, out| match connection(descriptor) {
            Some(on) => write!(out, "{}", on.ends.source.ip()).is_ok(),
            None => false,
        });
    FDLIST_SIPS = "fdlist.sips": Text, "Addresses of the servers among the sockets that a call polls."
        => text |v, out| v.write_polled(out, |_, descriptor, out| match server(descriptor) {
            Some(end) => write!(out, "{}", end.ip()).is_ok(),
            None => false,
        });
    FDLIST_CPORTS = "fdlist.cports": Text, "Ports of the clients among the sockets that a call polls."
        => text |v, out| v.write_polled(out, |_, descriptor, out| match connection(descriptor) {
            Some(on) => write!(out, "{}", on.ends.source.port()).is_ok(),
            None => false,
        });
    FDLIST_SPORTS = "fdlist.sports": Text, "Ports of the servers among the sockets that a call polls."
        => text |v, out| v.write_polled(out, |_, descriptor, out| match server(descriptor) {
            Some(end) => write!(out, "{}", end.port()).is_ok(),
            None => false,
        });
}

fn connection(descriptor: Option<&Descriptor>) -> Option<&Descriptor> {
    descriptor.filter(|descriptor| descriptor.kind == Kind::Internet)
}

fn server(descriptor: Option<&Descriptor>) -> Option<std::net::SocketAddr> {
    let descriptor = descriptor?;
    match descriptor.kind {
        Kind::Internet => Some(descriptor.ends.destination),
        Kind::Listener => Some(descriptor.ends.source),
        _ => None,
    }
}

impl EventView<'_> {
    /// Appends what `write` makes of each polled descriptor, if it makes something. Nothing without any.
    fn write_polled(
        &self,
        out: &mut Vec<u8>,
        mut write: impl FnMut(i64, Option<&Descriptor>, &mut Vec<u8>) -> bool,
    ) -> Option<()> {
        let index = (0..self.arguments.count())
            .find(|index| self.arguments.value(*index) == RawValue::Polled)?;
        self.arguments.each_polled(index, &mut |fd, _| {
            let start = out.len();
            if start > 0 {
                out.push(b',');
            }
            if !write(fd, self.descriptor_at(fd), out) {
                out.truncate(start);
            }
        });
        Some(())
    }
}
