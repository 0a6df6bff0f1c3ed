//! Addresses of the machine.

use std::net::{IpAddr, Ipv4Addr};

use sysflow_event::snapshot::Interface;

/// The addresses, in the order in which they were told.
#[derive(Debug, Default)]
pub(crate) struct Interfaces {
    all: Vec<Interface>,
}

impl Interfaces {
    pub(crate) fn learn(&mut self, interface: Interface) {
        self.all.push(interface);
    }

    /// Whether the machine has this address.
    pub(crate) fn has(&self, address: IpAddr) -> bool {
        self.all
            .iter()
            .any(|interface| interface.address == address)
    }

    /// The address from which the machine speaks to `peer`: the same, else one of the same network, else
    /// the first that is not a loopback.
    pub(crate) fn toward(&self, peer: Ipv4Addr) -> Option<Ipv4Addr> {
        let peer_bits = u32::from(peer);
        let own = || self.all.iter().filter_map(pair);
        own()
            .find(|(address, _)| *address == peer)
            .or_else(|| {
                own().find(|(address, mask)| {
                    let mask = u32::from(*mask);
                    u32::from(*address) & mask == peer_bits & mask
                })
            })
            .or_else(|| own().find(|(address, _)| !address.is_loopback()))
            .map(|(address, _)| address)
    }
}

fn pair(interface: &Interface) -> Option<(Ipv4Addr, Ipv4Addr)> {
    match (interface.address, interface.netmask) {
        (IpAddr::V4(address), IpAddr::V4(mask)) => Some((address, mask)),
        _ => None,
    }
}
