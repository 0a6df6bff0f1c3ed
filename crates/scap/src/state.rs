//! What a capture tells about its machine before the first event: the machine, its interfaces, its
//! users and groups.

use std::net::IpAddr;

use crate::bytes::{Bytes, until_nul};
use crate::error::Fault;
use crate::socket::IntoAddress;

/// The beginning of a capture, or of one that was appended to another: whatever the items before it
/// told is void.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Section {
    /// Major version of the format: 1.
    pub major: u16,
    /// Minor version of the format: 0 of the oldest captures, 2 of those whose entries can grow.
    pub minor: u16,
}

impl Section {
    pub(crate) fn parse(body: &[u8]) -> Result<Self, Fault> {
        let mut bytes = Bytes::new(body, "a section header is short");
        let _magic = bytes.u32()?;
        Ok(Self {
            major: bytes.u16()?,
            minor: bytes.u16()?,
        })
    }
}

/// The machine that a capture was made on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Machine<'a> {
    /// Number of processors.
    pub processors: u32,
    /// Memory in bytes.
    pub memory: u64,
    /// The highest process id; 0 where the writer did not tell.
    pub highest_process: u64,
    /// Host name.
    pub host_name: &'a [u8],
    /// When the machine was started, in nanoseconds since the epoch; 0 where the writer did not
    /// tell.
    pub boot_time: u64,
    /// Flags without a public meaning.
    pub flags: u64,
}

impl<'a> Machine<'a> {
    pub(crate) fn parse(body: &'a [u8]) -> Result<Self, Fault> {
        let mut bytes = Bytes::new(body, "a machine block is short");
        Ok(Self {
            processors: bytes.u32()?,
            memory: bytes.u64()?,
            highest_process: bytes.u64()?,
            host_name: until_nul(bytes.take(128)?),
            boot_time: bytes.u64()?,
            flags: bytes.u64()?,
        })
    }
}

/// One address of a network interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interface<'a> {
    /// The name of the interface.
    pub name: &'a [u8],
    /// Its address.
    pub address: IpAddr,
    /// Which bits of the address name the network.
    pub netmask: IpAddr,
    /// The address for everyone on the network; of an IPv6 interface without a meaning.
    pub broadcast: IpAddr,
    /// Speed of the link; its unit is not documented. `None` where the entry has none.
    pub link_speed: Option<u64>,
}

impl<'a> Interface<'a> {
    /// Kinds 3 and 4 are the short forms of 1 (IPv4) and 2 (IPv6): they have no link speed.
    pub(crate) fn parse(bytes: &mut Bytes<'a>) -> Result<Self, Fault> {
        let kind = bytes.u16()?;
        let name_length = bytes.u16()?;
        let [address, netmask, broadcast] = match kind {
            1 | 3 => addresses::<4>(bytes)?,
            2 | 4 => addresses::<16>(bytes)?,
            _ => return Err(Fault("an interface is of an unknown kind")),
        };
        let link_speed = if kind <= 2 { Some(bytes.u64()?) } else { None };
        let name = bytes.take(usize::from(name_length))?;
        Ok(Self {
            name,
            address,
            netmask,
            broadcast,
            link_speed,
        })
    }
}

fn addresses<const N: usize>(bytes: &mut Bytes<'_>) -> Result<[IpAddr; 3], Fault>
where
    [u8; N]: IntoAddress,
{
    let mut next = || bytes.array::<N>().map(IntoAddress::into_address);
    Ok([next()?, next()?, next()?])
}

/// A user of the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct User<'a> {
    /// The user's number.
    pub uid: u32,
    /// The number of the user's first group.
    pub gid: u32,
    /// The user's name.
    pub name: &'a [u8],
    /// Home directory.
    pub home: &'a [u8],
    /// Shell.
    pub shell: &'a [u8],
}

/// A group of users.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Group<'a> {
    /// The group's number.
    pub gid: u32,
    /// The group's name.
    pub name: &'a [u8],
}

/// An entry of the user list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Account<'a> {
    User(User<'a>),
    Group(Group<'a>),
}

impl<'a> Account<'a> {
    pub(crate) fn parse(bytes: &mut Bytes<'a>) -> Result<Self, Fault> {
        Ok(if bytes.u8()? == 0 {
            Self::User(User {
                uid: bytes.u32()?,
                gid: bytes.u32()?,
                name: bytes.text()?,
                home: bytes.text()?,
                shell: bytes.text()?,
            })
        } else {
            Self::Group(Group {
                gid: bytes.u32()?,
                name: bytes.text()?,
            })
        })
    }
}
