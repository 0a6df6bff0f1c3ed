//! Descriptors that were open when a capture began.

use std::net::SocketAddr;

use crate::bytes::Bytes;
use crate::error::Fault;
use crate::socket::{IntoAddress, SocketTuple};

/// A descriptor that was open when the capture began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Descriptor<'a> {
    /// The thread whose table it is in; a table is listed with the main thread of a process.
    pub tid: i64,
    /// Its number.
    pub number: i64,
    /// The inode of what it stands for; 0 where the writer did not know.
    pub inode: u64,
    /// What it stands for.
    pub target: Target<'a>,
}

/// What a descriptor stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target<'a> {
    /// Nothing that the writer could tell.
    Unknown,
    /// A file.
    File {
        /// Its path.
        path: &'a [u8],
        /// How it was opened, from the set `file_flags`; `None` in old captures.
        flags: Option<u32>,
        /// The device that it is on, where known.
        device: Option<u32>,
    },
    /// A directory.
    Directory {
        /// Its path.
        path: &'a [u8],
    },
    /// An internet socket with two ends. Which of them is the client is not known here.
    Connection {
        /// The local end.
        source: SocketAddr,
        /// The far end.
        destination: SocketAddr,
        /// The protocol above IP.
        protocol: Protocol,
    },
    /// An internet socket that waits for connections or datagrams.
    Listener {
        /// Where it listens.
        address: SocketAddr,
        /// The protocol above IP.
        protocol: Protocol,
    },
    /// A unix socket.
    Unix {
        /// The kernel's address of one end.
        source: u64,
        /// The kernel's address of the other end.
        peer: u64,
        /// The path of the socket; empty where it has none.
        path: &'a [u8],
    },
    /// Anything else that has no more than a name.
    Named {
        /// What it is.
        kind: DescriptorKind,
        /// Its name.
        name: &'a [u8],
    },
    /// A kind that is newer than this reader.
    Other {
        /// The number of the kind.
        kind: u8,
    },
}

/// Kinds of descriptors that have no more than a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(
    missing_docs,
    reason = "the names are those that the kernel gives them"
)]
pub enum DescriptorKind {
    Pipe,
    EventFd,
    /// A kind that the writer did not support.
    Unsupported,
    SignalFd,
    Epoll,
    Inotify,
    TimerFd,
    Netlink,
    Bpf,
    UserFaultFd,
    IoUring,
    MemFd,
    PidFd,
}

impl DescriptorKind {
    const fn of(number: u8) -> Option<Self> {
        Some(match number {
            7 => Self::Pipe,
            9 => Self::EventFd,
            10 => Self::Unsupported,
            11 => Self::SignalFd,
            12 => Self::Epoll,
            13 => Self::Inotify,
            14 => Self::TimerFd,
            15 => Self::Netlink,
            17 => Self::Bpf,
            18 => Self::UserFaultFd,
            19 => Self::IoUring,
            20 => Self::MemFd,
            21 => Self::PidFd,
            _ => return None,
        })
    }
}

/// The protocol of an internet socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the names are those of the protocols")]
pub enum Protocol {
    /// The writer did not know, or wrote a number that means nothing.
    Unknown,
    /// The socket has none.
    None,
    Tcp,
    Udp,
    Icmp,
    Raw,
}

impl Protocol {
    const fn of(number: u8) -> Self {
        match number {
            1 => Self::None,
            2 => Self::Tcp,
            3 => Self::Udp,
            4 => Self::Icmp,
            5 => Self::Raw,
            _ => Self::Unknown,
        }
    }
}

impl<'a> Descriptor<'a> {
    /// Reads an entry, after its length if it has one.
    pub(crate) fn parse(bytes: &mut Bytes<'a>, tid: i64, prefixed: bool) -> Result<Self, Fault> {
        let number = bytes.i64()?;
        let inode = bytes.u64()?;
        let kind = bytes.u8()?;
        let target = match kind {
            0 => Target::Unknown,
            1 => Target::File {
                path: bytes.text()?,
                flags: None,
                device: None,
            },
            2 => Target::Directory {
                path: bytes.text()?,
            },
            3 => connection::<4>(bytes)?,
            4 => connection::<16>(bytes)?,
            5 => listener::<4>(bytes)?,
            6 => listener::<16>(bytes)?,
            8 => Target::Unix {
                source: bytes.u64()?,
                peer: bytes.u64()?,
                path: bytes.text()?,
            },
            16 => {
                let flags = Some(bytes.u32()?);
                let path = bytes.text()?;
                // Only the length of the entry tells whether the device is there.
                let device = if prefixed { bytes.u32().ok() } else { None };
                Target::File {
                    path,
                    flags,
                    device,
                }
            }
            _ => match DescriptorKind::of(kind) {
                Some(kind) => Target::Named {
                    kind,
                    name: bytes.text()?,
                },
                None if prefixed => Target::Other { kind },
                None => return Err(Fault("a descriptor is of an unknown kind and length")),
            },
        };
        Ok(Self {
            tid,
            number,
            inode,
            target,
        })
    }
}

impl Target<'_> {
    /// Both ends of a socket, if it has two.
    pub const fn tuple(&self) -> Option<SocketTuple<'_>> {
        match *self {
            Self::Connection {
                source,
                destination,
                ..
            } => Some(SocketTuple::Internet {
                source,
                destination,
            }),
            Self::Unix { source, peer, path } => Some(SocketTuple::Unix { source, peer, path }),
            _ => None,
        }
    }
}

fn connection<'a, const N: usize>(bytes: &mut Bytes<'_>) -> Result<Target<'a>, Fault>
where
    [u8; N]: IntoAddress,
{
    let source = bytes.array::<N>()?.into_address();
    let destination = bytes.array::<N>()?.into_address();
    Ok(Target::Connection {
        source: SocketAddr::new(source, bytes.u16()?),
        destination: SocketAddr::new(destination, bytes.u16()?),
        protocol: Protocol::of(bytes.u8()?),
    })
}

fn listener<'a, const N: usize>(bytes: &mut Bytes<'_>) -> Result<Target<'a>, Fault>
where
    [u8; N]: IntoAddress,
{
    let address = bytes.array::<N>()?.into_address();
    Ok(Target::Listener {
        address: SocketAddr::new(address, bytes.u16()?),
        protocol: Protocol::of(bytes.u8()?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An entry of a kind with a payload.
    fn entry(kind: u8, payload: &[&[u8]]) -> Vec<u8> {
        let mut entry = 5_i64.to_le_bytes().to_vec();
        entry.extend(77_u64.to_le_bytes());
        entry.push(kind);
        entry.extend(payload.concat());
        entry
    }

    fn target(entry: &[u8], prefixed: bool) -> Result<Target<'_>, Fault> {
        let mut bytes = Bytes::new(entry, "short");
        let descriptor = Descriptor::parse(&mut bytes, 9, prefixed)?;
        assert_eq!(
            (descriptor.tid, descriptor.number, descriptor.inode),
            (9, 5, 77)
        );
        assert_eq!(bytes.left(), if prefixed { bytes.left() } else { 0 });
        Ok(descriptor.target)
    }

    #[test]
    fn files_and_named_kinds() {
        let path: &[u8] = b"\x04\x00/a/b";
        let file = |flags, device| Target::File {
            path: b"/a/b",
            flags,
            device,
        };
        assert_eq!(target(&entry(0, &[]), false), Ok(Target::Unknown));
        assert_eq!(target(&entry(1, &[path]), false), Ok(file(None, None)));
        assert_eq!(
            target(&entry(2, &[path]), false),
            Ok(Target::Directory { path: b"/a/b" })
        );
        let new = entry(16, &[&[1, 0, 0, 0], path, &[9, 0, 0, 0]]);
        assert_eq!(target(&new, true), Ok(file(Some(1), Some(9))));
        assert_eq!(target(&new[..new.len() - 4], true), Ok(file(Some(1), None)));
        assert_eq!(
            target(&new[..new.len() - 4], false),
            Ok(file(Some(1), None))
        );
        for (number, kind) in [
            (7, DescriptorKind::Pipe),
            (12, DescriptorKind::Epoll),
            (21, DescriptorKind::PidFd),
        ] {
            let named = Target::Named {
                kind,
                name: b"/a/b",
            };
            assert_eq!(target(&entry(number, &[path]), false), Ok(named));
        }
        assert!(target(&entry(2, &[&path[..3]]), false).is_err());
    }

    #[test]
    fn sockets() {
        let ends = entry(3, &[&[127, 0, 0, 1, 10, 0, 0, 2, 80, 0, 0x90, 0x1f, 2]]);
        let (source, destination) = ("127.0.0.1:80", "10.0.0.2:8080");
        assert_eq!(
            target(&ends, false),
            Ok(Target::Connection {
                source: source.parse().unwrap(),
                destination: destination.parse().unwrap(),
                protocol: Protocol::Tcp,
            })
        );
        let listener = entry(6, &[&[0; 16], &[53, 0, 3]]);
        assert_eq!(
            target(&listener, false),
            Ok(Target::Listener {
                address: "[::]:53".parse().unwrap(),
                protocol: Protocol::Udp
            })
        );
        let unix = entry(8, &[&[1, 0, 0, 0, 0, 0, 0, 0], &[0; 8], b"\x02\x00/x"]);
        let parsed = target(&unix, false).expect("a sound entry");
        assert_eq!(
            parsed,
            Target::Unix {
                source: 1,
                peer: 0,
                path: b"/x"
            }
        );
        assert_eq!(
            parsed.tuple(),
            Some(SocketTuple::Unix {
                source: 1,
                peer: 0,
                path: b"/x"
            })
        );
        assert!(target(&ends[..ends.len() - 1], false).is_err());
    }

    #[test]
    fn unknown_kinds_need_a_length() {
        assert_eq!(
            target(&entry(99, &[b"xyz"]), true),
            Ok(Target::Other { kind: 99 })
        );
        assert!(target(&entry(99, &[b"xyz"]), false).is_err());
    }
}
