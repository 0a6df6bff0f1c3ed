//! Fields of the socket that an operation makes or works on.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use sysflow_event::network::Protocol;
use sysflow_field::{Limits, Shown, Value};

use super::EventView;
use crate::state::descriptor::{Descriptor, Ends, Kind, NOWHERE, Role};

event_fields! {
    FD_CONNECTED = "fd.connected": Bool, "Whether a socket is connected."
        => value |v| Some(Value::Bool(is_connected(v.descriptor()?)));
    FD_IS_SERVER = "fd.is_server": Bool, "Whether the address of the server is one of this machine."
        => value |v| {
            let descriptor = v.descriptor()?;
            Some(Value::Bool(match descriptor.kind {
                Kind::Listener => true,
                Kind::Internet => v.is_own(descriptor.ends.destination.ip()),
                _ => false,
            }))
        };
    FD_SOCKFAMILY = "fd.sockfamily": Text { domain: &["ip", "unix"] }, "Family of a socket: ip or unix."
        => value |v| match v.descriptor()?.kind {
            Kind::Internet | Kind::Listener => Some(Value::Text(b"ip")),
            Kind::Unix => Some(Value::Text(b"unix")),
            _ => None,
        };
    FD_L4PROTO = "fd.l4proto": Text, "tcp, udp, icmp or raw; <NA> for what is no IP socket."
        => value |v| Some(Value::Text(protocol(v.descriptor()?)));
    FD_CIP = "fd.cip": Ip, "Address of the client."
        => value |v| v.client().map(|end| Value::Ip(end.ip()));
    FD_SIP = "fd.sip": Ip, "Address of the server."
        => value |v| v.server().map(|end| Value::Ip(end.ip()));
    FD_LIP = "fd.lip": Ip, "Address of this machine."
        => value |v| v.local_and_remote().map(|(local, _)| Value::Ip(local.ip()));
    FD_RIP = "fd.rip": Ip, "Address of the other machine."
        => value |v| v.local_and_remote().map(|(_, remote)| Value::Ip(remote.ip()));
    FD_IP = "fd.ip": Ip { list: true, limits: Limits::FILTER }, "Addresses of client and server."
        => each |v, _, emit| {
            for end in v.both_ends().into_iter().flatten() {
                emit.value(Value::Ip(end.ip()));
            }
        };
    FD_CPORT = "fd.cport": Port, "Port of the client."
        => value |v| v.client().map(|end| Value::Int(end.port().into()));
    FD_SPORT = "fd.sport": Port, "Port of the server."
        => value |v| v.server().map(|end| Value::Int(end.port().into()));
    FD_LPORT = "fd.lport": Port, "Port of this machine."
        => value |v| v.local_and_remote().map(|(local, _)| Value::Int(local.port().into()));
    FD_RPORT = "fd.rport": Port, "Port of the other machine."
        => value |v| v.local_and_remote().map(|(_, remote)| Value::Int(remote.port().into()));
    FD_CNET = "fd.cnet": Net { limits: Limits::FILTER }, "Address of the client, to be compared with networks."
        => value |v| v.client().map(|end| Value::Ip(end.ip()));
    FD_SNET = "fd.snet": Net { limits: Limits::FILTER }, "Address of the server, to be compared with networks."
        => value |v| v.server().map(|end| Value::Ip(end.ip()));
    FD_LNET = "fd.lnet": Net { limits: Limits::FILTER }, "Address of this machine, to be compared with networks."
        => value |v| v.local_and_remote().map(|(local, _)| Value::Ip(local.ip()));
    FD_RNET = "fd.rnet": Net { limits: Limits::FILTER }, "Address of the other machine, to be compared with networks."
        => value |v| v.local_and_remote().map(|(_, remote)| Value::Ip(remote.ip()));
    FD_NET = "fd.net": Net { list: true, limits: Limits::FILTER },
        "Addresses of client and server, to be compared with networks."
        => each |v, _, emit| {
            for end in v.both_ends().into_iter().flatten() {
                emit.value(Value::Ip(end.ip()));
            }
        };
    FD_PORT = "fd.port": Port { list: true, limits: Limits::FILTER }, "Ports of client and server."
        => each |v, _, emit| {
            for end in v.both_ends().into_iter().flatten() {
                emit.value(Value::Int(end.port().into()));
            }
        };
    FD_CIP_NAME = "fd.cip.name": Text { list: true, limits: Limits::LEFT_SIDE, shown: Shown::Joined },
        "Names of the client's address, as name servers told them to programs of this machine."
        => each |v, _, emit| v.each_name(v.client(), |name| emit.value(Value::Text(name)));
    FD_SIP_NAME = "fd.sip.name": Text { list: true, limits: Limits::LEFT_SIDE, shown: Shown::Joined },
        "Names of the server's address, as name servers told them to programs of this machine."
        => each |v, _, emit| v.each_name(v.server(), |name| emit.value(Value::Text(name)));
    FD_LIP_NAME = "fd.lip.name": Text { list: true, limits: Limits::LEFT_SIDE, shown: Shown::Joined },
        "Names of this machine's address, as name servers told them to programs of this machine."
        => each |v, _, emit| {
            v.each_name(v.local_and_remote().map(|ends| ends.0), |name| emit.value(Value::Text(name)));
        };
    FD_RIP_NAME = "fd.rip.name": Text { list: true, limits: Limits::LEFT_SIDE, shown: Shown::Joined },
        "Names of the other machine's address, as name servers told them to programs of this machine."
        => each |v, _, emit| {
            v.each_name(v.local_and_remote().map(|ends| ends.1), |name| emit.value(Value::Text(name)));
        };
    FD_CPROTO = "fd.cproto": Text, "Port of the client as text; empty for a socket that listens."
        => each |v, _, emit| if let Some(port) = v.client_port_text() {
            port.with_text(|text| emit.value(Value::Text(text)));
        };
    FD_SPROTO = "fd.sproto": Text, "Port of the server as text; empty for a socket that listens."
        => each |v, _, emit| if let Some(port) = v.server_port_text() {
            port.with_text(|text| emit.value(Value::Text(text)));
        };
    FD_LPROTO = "fd.lproto": Text, "Port of this machine as text."
        => each |v, _, emit| if let Some((local, _)) = v.local_and_remote() {
            Value::Int(local.port().into()).with_text(|text| emit.value(Value::Text(text)));
        };
    FD_RPROTO = "fd.rproto": Text, "Port of the other machine as text."
        => each |v, _, emit| if let Some((_, remote)) = v.local_and_remote() {
            Value::Int(remote.port().into()).with_text(|text| emit.value(Value::Text(text)));
        };
}

const NOWHERE_IPV6: Ends = Ends {
    source: SocketAddr::new(IpAddr::V6(Ipv6Addr::UNSPECIFIED), 0),
    destination: SocketAddr::new(IpAddr::V6(Ipv6Addr::UNSPECIFIED), 0),
};

const fn is_internet(descriptor: &Descriptor) -> bool {
    matches!(descriptor.kind, Kind::Internet | Kind::Listener)
}

/// The name of the protocol. Of a socket without a name nothing is said.
pub(super) fn protocol(descriptor: &Descriptor) -> &'static [u8] {
    if !is_internet(descriptor) || descriptor.ends == Ends::NOWHERE {
        return b"<NA>";
    }
    match descriptor.protocol {
        Protocol::Tcp => b"tcp",
        Protocol::Udp => b"udp",
        Protocol::Icmp => b"icmp",
        Protocol::Raw => b"raw",
        Protocol::Unknown => b"<NA>",
    }
}

fn is_connected(descriptor: &Descriptor) -> bool {
    match descriptor.kind {
        Kind::Internet => {
            !descriptor.is_of_datagram
                && descriptor.ends.source != NOWHERE
                && descriptor.ends.destination != NOWHERE
        }
        Kind::Unix => descriptor.path.windows(2).any(|pair| pair == b"->"),
        _ => false,
    }
}

impl EventView<'_> {
    fn each_name(&self, end: Option<SocketAddr>, mut each: impl FnMut(&[u8]) -> bool) {
        let names = end.map_or(&[][..], |end| self.names.of(end.ip()));
        for name in names {
            if each(name) {
                return;
            }
        }
    }

    fn ends(&self) -> Option<&Descriptor> {
        self.descriptor()
            .filter(|descriptor| is_internet(descriptor) && descriptor.ends != Ends::NOWHERE)
    }

    fn client(&self) -> Option<SocketAddr> {
        let descriptor = self
            .ends()
            .filter(|descriptor| descriptor.kind == Kind::Internet)?;
        (descriptor.role != Role::None).then_some(descriptor.ends.source)
    }

    fn server(&self) -> Option<SocketAddr> {
        let descriptor = self.ends()?;
        match descriptor.kind {
            Kind::Listener => Some(descriptor.ends.source),
            _ => (descriptor.role != Role::None).then_some(descriptor.ends.destination),
        }
    }

    /// Both ends as they stand, without regard to who is the server. Those of a socket that has none yet are zero.
    fn both_ends(&self) -> [Option<SocketAddr>; 2] {
        let Some(descriptor) = self.descriptor().filter(|own| is_internet(own)) else {
            return [None, None];
        };
        let ends = match descriptor.ends {
            Ends::NOWHERE if descriptor.is_ipv6 => NOWHERE_IPV6,
            ends => ends,
        };
        let is_listener = descriptor.kind == Kind::Listener;
        [
            Some(ends.source),
            (!is_listener).then_some(ends.destination),
        ]
    }

    fn client_port_text(&self) -> Option<Value<'static>> {
        match self.client() {
            Some(client) => Some(Value::Int(client.port().into())),
            None if self.descriptor()?.role == Role::None => None,
            None => Some(Value::Text(b"")),
        }
    }

    fn server_port_text(&self) -> Option<Value<'static>> {
        let server = self.server()?;
        if self.descriptor()?.kind == Kind::Listener {
            return Some(Value::Text(b""));
        }
        Some(Value::Int(server.port().into()))
    }

    fn is_own(&self, ip: IpAddr) -> bool {
        ip.is_loopback() || self.interfaces.has(ip)
    }

    /// The ends of a connection by where they are: what has an address of this machine, else by role.
    fn local_and_remote(&self) -> Option<(SocketAddr, SocketAddr)> {
        let (client, server) = (self.client()?, self.server()?);
        let client_is_local = match (self.is_own(client.ip()), self.is_own(server.ip())) {
            (true, _) => true,
            (false, true) => false,
            (false, false) => self.descriptor()?.role == Role::Client,
        };
        Some(if client_is_local {
            (client, server)
        } else {
            (server, client)
        })
    }
}
