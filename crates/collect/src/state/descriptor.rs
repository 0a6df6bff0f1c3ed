//! Descriptors.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use sysflow_event::Fd;
use sysflow_event::descriptor::SpecialKind;
use sysflow_event::network::Protocol;
use sysflow_record::model::ResourceType;

use crate::tables::files::FileRef;
use crate::text::{Text, empty};

/// What a descriptor stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    File,
    Directory,
    Pipe,
    Unix,
    /// An internet socket.
    Internet,
    /// An internet socket that waits for connections or datagrams.
    Listener,
    Special(SpecialKind),
}

impl Kind {
    /// The letter of a file in records; `None` for what is no file.
    pub(crate) const fn resource_type(self) -> Option<ResourceType> {
        match self {
            Self::File => Some(ResourceType::FILE),
            Self::Directory => Some(ResourceType::DIRECTORY),
            Self::Pipe => Some(ResourceType::PIPE),
            // The original has one letter for both.
            Self::Unix | Self::Special(SpecialKind::UserFault) => Some(ResourceType::UNIX_SOCKET),
            Self::Internet | Self::Listener | Self::Special(_) => None,
        }
    }
}

/// Which end of a connection the machine is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Role {
    #[default]
    None,
    Client,
    Server,
}

/// The ends of an internet socket. The source is the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ends {
    pub(crate) source: SocketAddr,
    pub(crate) destination: SocketAddr,
}

/// No address.
pub(crate) const NOWHERE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);

impl Ends {
    pub(crate) const NOWHERE: Self = Self {
        source: NOWHERE,
        destination: NOWHERE,
    };

    /// Whether one end is an address of IPv6 that is not one of IPv4 in disguise.
    pub(crate) const fn is_ipv6(&self) -> bool {
        self.source.is_ipv6() || self.destination.is_ipv6()
    }

    pub(crate) const fn swapped(self) -> Self {
        Self {
            source: self.destination,
            destination: self.source,
        }
    }
}

/// Takes addresses of IPv4 out of those of IPv6, if both ends are such or none at all.
pub(crate) fn unmap(ends: Ends) -> Ends {
    let plain = |address: SocketAddr| match address.ip() {
        IpAddr::V6(ip) if ip.is_unspecified() => Some(SocketAddr::new(
            Ipv4Addr::UNSPECIFIED.into(),
            address.port(),
        )),
        IpAddr::V6(ip) => ip
            .to_ipv4_mapped()
            .map(|ip| SocketAddr::new(ip.into(), address.port())),
        IpAddr::V4(_) => Some(address),
    };
    match (plain(ends.source), plain(ends.destination)) {
        (Some(source), Some(destination)) => Ends {
            source,
            destination,
        },
        _ => ends,
    }
}

/// An open descriptor.
#[derive(Clone, Debug)]
pub(crate) struct Descriptor {
    pub(crate) kind: Kind,
    /// The path or name; of unix sockets with the addresses of both ends.
    pub(crate) path: Text,
    /// How it was opened.
    pub(crate) flags: u32,
    /// 0 when unknown.
    pub(crate) inode: u64,
    pub(crate) device: u64,
    pub(crate) ends: Ends,
    pub(crate) protocol: Protocol,
    pub(crate) role: Role,
    /// Whether the socket is of the sixth version of IP.
    pub(crate) is_ipv6: bool,
    /// Whether a close has begun.
    pub(crate) is_closing: bool,
    pub(crate) close_on_exec: bool,
    /// Whether a connection has begun, where that is told apart.
    pub(crate) is_connecting: bool,
    /// Whether the ends are those of a datagram, and not of a connection.
    pub(crate) is_of_datagram: bool,
    /// The path as the program gave it, for views.
    pub(crate) raw_path: Option<Text>,
    /// Its place among the others of its table, for views.
    pub(crate) place: i32,
    /// The file in the records that its path is, once that was looked up.
    pub(crate) file: Option<FileRef>,
}

impl Descriptor {
    pub(crate) fn new(kind: Kind, path: Text) -> Self {
        Self {
            kind,
            path,
            flags: 0,
            inode: 0,
            device: 0,
            ends: Ends::NOWHERE,
            protocol: Protocol::Unknown,
            role: Role::None,
            is_ipv6: false,
            is_closing: false,
            close_on_exec: false,
            is_connecting: false,
            is_of_datagram: false,
            raw_path: None,
            place: 0,
            file: None,
        }
    }

    pub(crate) fn socket(kind: Kind, protocol: Protocol) -> Self {
        Self {
            protocol,
            ..Self::new(kind, empty())
        }
    }

    pub(crate) fn set_path(&mut self, path: Text) {
        self.path = path;
        self.file = None;
    }
}

/// The descriptors of a process.
#[derive(Debug, Default)]
pub(crate) struct DescriptorTable {
    by_number: HashMap<Fd, Descriptor, foldhash::fast::FixedState>,
    /// The place of the newest.
    newest: i32,
}

impl Clone for DescriptorTable {
    /// The same descriptors in the opposite order: whoever copies a table of Falco's goes through it from its
    /// newest entry.
    fn clone(&self) -> Self {
        let mut copy = Self {
            by_number: self.by_number.clone(),
            newest: self.newest,
        };
        for descriptor in copy.by_number.values_mut() {
            descriptor.place = -descriptor.place;
            copy.newest = copy.newest.max(descriptor.place);
        }
        copy
    }
}

impl DescriptorTable {
    #[inline]
    pub(crate) fn get(&self, fd: Fd) -> Option<&Descriptor> {
        self.by_number.get(&fd)
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, fd: Fd) -> Option<&mut Descriptor> {
        self.by_number.get_mut(&fd)
    }

    /// Puts a descriptor under a number; what was there before is given back.
    pub(crate) fn insert(&mut self, fd: Fd, mut descriptor: Descriptor) -> Option<Descriptor> {
        match self.by_number.entry(fd) {
            Entry::Occupied(mut old) => {
                descriptor.place = old.get().place;
                Some(old.insert(descriptor))
            }
            Entry::Vacant(free) => {
                self.newest = self.newest.wrapping_add(1);
                descriptor.place = self.newest;
                free.insert(descriptor);
                None
            }
        }
    }

    pub(crate) fn remove(&mut self, fd: Fd) -> Option<Descriptor> {
        self.by_number.remove(&fd)
    }

    pub(crate) fn len(&self) -> usize {
        self.by_number.len()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (Fd, &Descriptor)> {
        self.by_number
            .iter()
            .map(|(fd, descriptor)| (*fd, descriptor))
    }

    /// The descriptors in the order in which Falco lists them, as long as they are few: the newest first.
    pub(crate) fn newest_first(&self) -> Vec<&Descriptor> {
        let mut all: Vec<&Descriptor> = self.by_number.values().collect();
        all.sort_unstable_by_key(|descriptor| std::cmp::Reverse(descriptor.place));
        all
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = (Fd, &mut Descriptor)> {
        self.by_number
            .iter_mut()
            .map(|(fd, descriptor)| (*fd, descriptor))
    }

    /// The numbers of descriptors for which something holds, in ascending order.
    pub(crate) fn numbers(&self, mut holds: impl FnMut(Fd, &Descriptor) -> bool) -> Vec<Fd> {
        let mut numbers: Vec<Fd> = self
            .iter()
            .filter(|(fd, descriptor)| holds(*fd, descriptor))
            .map(|(fd, _)| fd)
            .collect();
        numbers.sort_unstable();
        numbers
    }
}
