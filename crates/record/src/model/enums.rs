//! Enumerations of the schema. Each keeps the raw index, because the original collector writes indexes
//! that the schema does not name (container types 10, 11 and 65535).

use crate::avro::{Cursor, Datum, DatumError, Shape};

macro_rules! avro_enum {
    (
        $(#[$doc:meta])*
        $name:ident = $full:literal prefix $prefix:literal {
            $( $(#[$symbol_doc:meta])* $constant:ident = $index:literal : $symbol:literal ),* $(,)?
        }
    ) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
        pub struct $name(pub i32);

        impl $name {
            $( $(#[$symbol_doc])* pub const $constant: Self = Self($index); )*

            /// All symbols of the schema, by index.
            pub const SYMBOLS: &'static [&'static str] = &[ $( concat!($prefix, $symbol) ),* ];

            /// All symbols without their common prefix, by index.
            pub const NAMES: &'static [&'static str] = &[ $( $symbol ),* ];

            /// The symbol in the schema, or `unknown`.
            pub fn symbol(self) -> &'static str {
                usize::try_from(self.0).ok().and_then(|i| Self::SYMBOLS.get(i)).unwrap_or(&"unknown")
            }

            /// The symbol without its prefix, or `unknown`.
            pub fn name(self) -> &'static str {
                usize::try_from(self.0).ok().and_then(|i| Self::NAMES.get(i)).unwrap_or(&"unknown")
            }
        }

        impl Datum<'_> for $name {
            const SHAPE: Shape = Shape::Enum($full, Self::SYMBOLS);
            #[inline]
            fn read(cursor: &mut Cursor<'_>) -> Result<Self, DatumError> {
                cursor.int().map(Self)
            }
            fn write(&self, out: &mut Vec<u8>) {
                self.0.write(out);
            }
        }
    };
}

avro_enum! {
    /// Why an entity was written.
    ObjectState = "sysflow.type.SFObjectState" prefix "" {
        /// It came into being.
        CREATED = 0: "CREATED",
        /// It changed.
        MODIFIED = 1: "MODIFIED",
        /// It is repeated, so that the file can be read without earlier ones.
        REUP = 2: "REUP",
    }
}

avro_enum! {
    /// The runtime of a container.
    ContainerType = "sysflow.type.ContainerType" prefix "CT_" {
        /// Docker.
        DOCKER = 0: "DOCKER",
        /// LXC.
        LXC = 1: "LXC",
        /// LXC under libvirt.
        LIBVIRT_LXC = 2: "LIBVIRT_LXC",
        /// Mesos.
        MESOS = 3: "MESOS",
        /// rkt.
        RKT = 4: "RKT",
        /// Anything else.
        CUSTOM = 5: "CUSTOM",
        /// A runtime behind the Container Runtime Interface.
        CRI = 6: "CRI",
        /// containerd.
        CONTAINERD = 7: "CONTAINERD",
        /// CRI-O.
        CRIO = 8: "CRIO",
        /// BPM.
        BPM = 9: "BPM",
    }
}

avro_enum! {
    /// What happened to a Kubernetes component.
    K8sAction = "sysflow.type.K8sAction" prefix "K8S_COMPONENT_" {
        /// It was added.
        ADDED = 0: "ADDED",
        /// It changed.
        MODIFIED = 1: "MODIFIED",
        /// It was deleted.
        DELETED = 2: "DELETED",
        /// The watch reported an error.
        ERROR = 3: "ERROR",
        /// It does not exist.
        NONEXISTENT = 4: "NONEXISTENT",
        /// Not known.
        UNKNOWN = 5: "UNKNOWN",
    }
}

avro_enum! {
    /// The kind of a Kubernetes component.
    K8sComponent = "sysflow.type.K8sComponent" prefix "K8S_" {
        /// Nodes.
        NODES = 0: "NODES",
        /// Namespaces.
        NAMESPACES = 1: "NAMESPACES",
        /// Pods.
        PODS = 2: "PODS",
        /// Replication controllers.
        REPLICATIONCONTROLLERS = 3: "REPLICATIONCONTROLLERS",
        /// Services.
        SERVICES = 4: "SERVICES",
        /// Events.
        EVENTS = 5: "EVENTS",
        /// Replica sets.
        REPLICASETS = 6: "REPLICASETS",
        /// Daemon sets.
        DAEMONSETS = 7: "DAEMONSETS",
        /// Deployments.
        DEPLOYMENTS = 8: "DEPLOYMENTS",
        /// Not known.
        UNKNOWN = 9: "UNKNOWN",
    }
}

/// The type of a file: the code of a letter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct ResourceType(pub i32);

impl ResourceType {
    /// A regular file.
    pub const FILE: Self = Self(b'f' as i32);
    /// A directory.
    pub const DIRECTORY: Self = Self(b'd' as i32);
    /// A unix socket.
    pub const UNIX_SOCKET: Self = Self(b'u' as i32);
    /// A pipe.
    pub const PIPE: Self = Self(b'p' as i32);
    /// Not known.
    pub const UNKNOWN: Self = Self(b'?' as i32);

    /// The letter; `?` for codes that are none.
    pub fn letter(self) -> u8 {
        u8::try_from(self.0)
            .ok()
            .filter(u8::is_ascii_graphic)
            .unwrap_or(b'?')
    }
}

impl Datum<'_> for ResourceType {
    const SHAPE: Shape = Shape::Int;
    #[inline]
    fn read(cursor: &mut Cursor<'_>) -> Result<Self, DatumError> {
        cursor.int().map(Self)
    }
    fn write(&self, out: &mut Vec<u8>) {
        self.0.write(out);
    }
}
