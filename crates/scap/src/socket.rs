//! Socket addresses and the two ends of a connection, as parameters hold them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::bytes::{Bytes, until_nul};
use crate::error::Fault;

/// Socket families by the kernel's numbers.
const UNIX: u8 = 1;
const IPV4: u8 = 2;
const IPV6: u8 = 10;

/// The address of one end of a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SocketAddress<'a> {
    /// An address of the internet.
    Internet(SocketAddr),
    /// The path of a unix socket.
    Unix(&'a [u8]),
    /// An address of another family, which the format does not describe.
    Other {
        /// The kernel's number of the family.
        family: u8,
    },
}

impl<'a> SocketAddress<'a> {
    /// Reads the bytes of a parameter; `None` where they are empty or damaged.
    pub fn parse(bytes: &'a [u8]) -> Option<Self> {
        let (&family, rest) = bytes.split_first()?;
        let mut rest = Bytes::new(rest, "a socket address is short");
        Some(match family {
            IPV4 => Self::Internet(endpoint::<4>(&mut rest).ok()?),
            IPV6 => Self::Internet(endpoint::<16>(&mut rest).ok()?),
            UNIX => Self::Unix(until_nul(rest.take(rest.left()).ok()?)),
            family => Self::Other { family },
        })
    }
}

/// Both ends of a connection.
///
/// The source is the client: for `accept` the peer, for `connect` the local end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SocketTuple<'a> {
    /// A connection over the internet.
    Internet {
        /// The client's end.
        source: SocketAddr,
        /// The server's end.
        destination: SocketAddr,
    },
    /// A connection over a unix socket.
    Unix {
        /// The kernel's address of one end.
        source: u64,
        /// The kernel's address of the other end.
        peer: u64,
        /// The path of the socket; empty where it has none.
        path: &'a [u8],
    },
    /// A connection of another family, which the format does not describe.
    Other {
        /// The kernel's number of the family.
        family: u8,
    },
}

impl<'a> SocketTuple<'a> {
    /// Reads the bytes of a parameter; `None` where they are empty or damaged.
    pub fn parse(bytes: &'a [u8]) -> Option<Self> {
        let (&family, rest) = bytes.split_first()?;
        let mut rest = Bytes::new(rest, "a socket tuple is short");
        Some(match family {
            IPV4 => Self::Internet {
                source: endpoint::<4>(&mut rest).ok()?,
                destination: endpoint::<4>(&mut rest).ok()?,
            },
            IPV6 => Self::Internet {
                source: endpoint::<16>(&mut rest).ok()?,
                destination: endpoint::<16>(&mut rest).ok()?,
            },
            UNIX => Self::Unix {
                source: rest.u64().ok()?,
                peer: rest.u64().ok()?,
                path: until_nul(rest.take(rest.left()).ok()?),
            },
            family => Self::Other { family },
        })
    }
}

/// An address in network order and a port in little-endian order.
fn endpoint<const N: usize>(bytes: &mut Bytes<'_>) -> Result<SocketAddr, Fault>
where
    [u8; N]: IntoAddress,
{
    let address = bytes.array::<N>()?.into_address();
    Ok(SocketAddr::new(address, bytes.u16()?))
}

/// The bytes of an address in network order.
pub(crate) trait IntoAddress {
    fn into_address(self) -> IpAddr;
}

impl IntoAddress for [u8; 4] {
    fn into_address(self) -> IpAddr {
        Ipv4Addr::from(self).into()
    }
}

impl IntoAddress for [u8; 16] {
    fn into_address(self) -> IpAddr {
        Ipv6Addr::from(self).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ipv4() {
        let tuple = [2, 127, 0, 0, 1, 0x90, 0x1f, 10, 0, 0, 2, 80, 0];
        assert_eq!(
            SocketTuple::parse(&tuple),
            Some(SocketTuple::Internet {
                source: "127.0.0.1:8080".parse().unwrap(),
                destination: "10.0.0.2:80".parse().unwrap(),
            })
        );
        assert_eq!(
            SocketAddress::parse(&tuple[..7]),
            Some(SocketAddress::Internet("127.0.0.1:8080".parse().unwrap()))
        );
        assert_eq!(SocketTuple::parse(&tuple[..12]), None);
        assert_eq!(SocketAddress::parse(&tuple[..6]), None);
    }

    #[test]
    fn ipv6() {
        let mut tuple = vec![10];
        for (last, port) in [(1, 443_u16), (2, 50_000)] {
            tuple.extend([0; 15]);
            tuple.push(last);
            tuple.extend(port.to_le_bytes());
        }
        assert_eq!(tuple.len(), 37);
        assert_eq!(
            SocketTuple::parse(&tuple),
            Some(SocketTuple::Internet {
                source: "[::1]:443".parse().unwrap(),
                destination: "[::2]:50000".parse().unwrap(),
            })
        );
    }

    #[test]
    fn unix_and_others() {
        let mut tuple = vec![1];
        tuple.extend(0xffff_8800_u64.to_le_bytes());
        tuple.extend(0_u64.to_le_bytes());
        tuple.extend(b"/dev/log\0");
        assert_eq!(
            SocketTuple::parse(&tuple),
            Some(SocketTuple::Unix {
                source: 0xffff_8800,
                peer: 0,
                path: b"/dev/log"
            })
        );
        assert_eq!(
            SocketAddress::parse(b"\x01/run/x\0"),
            Some(SocketAddress::Unix(b"/run/x"))
        );
        assert_eq!(
            SocketTuple::parse(&[16]),
            Some(SocketTuple::Other { family: 16 })
        );
        assert_eq!(SocketTuple::parse(&[]), None);
        assert_eq!(SocketAddress::parse(&[]), None);
    }
}
