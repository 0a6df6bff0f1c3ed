//! A small source of observations for tests: fields of every type, absent and present, single and list.

use std::net::IpAddr;
use std::ops::ControlFlow;

use sysflow_field::{
    Absence, Alias, Arg, Argument, Catalogue, Field, FieldId, Foreign, KindSet, Limits, Role, Type,
    Value, View,
};

const BASE: Field = Field {
    name: "",
    ty: Type::Text,
    list: false,
    argument: Argument::None,
    absence: Absence::Zero,
    role: Role::Plain,
    kinds: KindSet::ALL,
    domain: &[],
    shown: sysflow_field::Shown::AsIs,
    limits: Limits::NONE,
    falco: None,
    doc: "",
};

const fn field(name: &'static str, ty: Type) -> Field {
    Field { name, ty, ..BASE }
}

pub(crate) const OPERATIONS: &[(&str, u64)] = &[
    ("EXEC", 1),
    ("EXIT", 2),
    ("OPEN", 4),
    ("READ", 8),
    ("WRITE", 16),
    ("CONNECT", 32),
];

static CATALOGUE: Catalogue = Catalogue {
    source: "toys",
    fields: &[
        Field {
            role: Role::Kind,
            domain: &["PE", "FF", "NF"],
            ..field("sf.type", Type::Text)
        },
        Field {
            role: Role::Operation,
            list: true,
            domain: &["EXEC", "EXIT", "OPEN", "READ", "WRITE", "CONNECT"],
            ..field("sf.opflags", Type::Text)
        },
        field("sf.proc.exe", Type::Path),
        field("sf.pproc.exe", Type::Path),
        field("sf.proc.pid", Type::Int),
        field("sf.proc.tty", Type::Bool),
        Field {
            list: true,
            argument: Argument::OptionalIndex,
            ..field("sf.proc.aname", Type::Text)
        },
        Field {
            kinds: KindSet(2),
            ..field("sf.file.path", Type::Path)
        },
        Field {
            list: true,
            kinds: KindSet(4),
            ..field("sf.net.ip", Type::Ip)
        },
        Field {
            kinds: KindSet(4),
            ..field("sf.net.dport", Type::Port)
        },
        Field {
            kinds: KindSet(4),
            ..field("sf.net.proto", Type::Proto)
        },
        Field {
            argument: Argument::JsonPath,
            ..field("sf.ke.message", Type::Json)
        },
        field("sf.ts", Type::Time),
        field("sf.flow.lasted", Type::Duration),
        Field {
            absence: Absence::Missing,
            ..field("proc.pname", Type::Text)
        },
        Field {
            absence: Absence::Missing,
            list: true,
            ..field("proc.ports", Type::Int)
        },
        Field {
            absence: Absence::Missing,
            list: true,
            limits: Limits {
                whole_list: true,
                no_right_side: true,
                ..Limits::NONE
            },
            ..field("proc.anames", Type::Text)
        },
        Field {
            absence: Absence::Missing,
            ..field("evt.buffer", Type::Bytes)
        },
        Field {
            list: true,
            kinds: KindSet(4),
            absence: Absence::Missing,
            limits: Limits::FILTER,
            ..field("fd.net", Type::Net)
        },
    ],
    aliases: &[
        Alias {
            name: "evt.type",
            target: "sf.opflags",
        },
        Alias {
            name: "proc.pid",
            target: "sf.proc.pid",
        },
        Alias {
            name: "proc.apid",
            target: "proc.ports",
        },
    ],
    elsewhere: None,
    foreign: &[Foreign {
        name: "proc.loginuid",
        reason: "is not recorded",
    }],
    kinds: &["PE", "FF", "NF"],
    operations: OPERATIONS,
    other_operations: None,
    is_operation: None,
    default_prefix: "sf.",
    keys: sysflow_field::Keys::ANY,
};

/// An observation.
#[derive(Clone, Debug, Default)]
pub(crate) struct Toy {
    pub(crate) kind: u32,
    pub(crate) operations: u64,
    pub(crate) exe: String,
    pub(crate) parent_exe: String,
    pub(crate) pid: i64,
    pub(crate) tty: bool,
    pub(crate) ancestors: Vec<String>,
    pub(crate) path: String,
    pub(crate) addresses: Vec<IpAddr>,
    pub(crate) port: i64,
    pub(crate) proto: i64,
    pub(crate) message: String,
    pub(crate) time: i64,
    pub(crate) lasted: i64,
    pub(crate) parent_name: Option<String>,
    pub(crate) ports: Vec<i64>,
}

impl Toy {
    fn values(&self, field: FieldId, arg: &Arg) -> Vec<Value<'_>> {
        let text = |text: &'static str| Value::Text(text.as_bytes());
        let (is_file, is_network) = (self.kind == 1, self.kind == 2);
        match field.0 {
            0 => vec![text(CATALOGUE.kinds[self.kind as usize])],
            1 => {
                let set = OPERATIONS
                    .iter()
                    .filter(|(_, bit)| self.operations & bit != 0);
                set.map(|(name, _)| text(name)).collect()
            }
            2 => vec![Value::Text(self.exe.as_bytes())],
            3 => vec![Value::Text(self.parent_exe.as_bytes())],
            4 => vec![Value::Int(self.pid)],
            5 => vec![Value::Bool(self.tty)],
            6 => {
                let names = self
                    .ancestors
                    .iter()
                    .map(|name| Value::Text(name.as_bytes()));
                match arg {
                    Arg::Index(index) => names.skip(*index as usize).take(1).collect(),
                    _ => names.collect(),
                }
            }
            7 => vec![Value::Text(if is_file {
                self.path.as_bytes()
            } else {
                b""
            })],
            8 | 18 if is_network => self.addresses.iter().copied().map(Value::Ip).collect(),
            8 | 18 => vec![],
            9 => vec![Value::Int(if is_network { self.port } else { 0 })],
            10 => vec![Value::Int(if is_network { self.proto } else { 0 })],
            11 | 17 => vec![Value::Text(self.message.as_bytes())],
            12 => vec![Value::Int(self.time)],
            13 => vec![Value::Int(self.lasted)],
            14 => {
                let name = self.parent_name.iter();
                name.map(|name| Value::Text(name.as_bytes())).collect()
            }
            15 => self.ports.iter().copied().map(Value::Int).collect(),
            _ => {
                let names = self.ancestors.iter();
                names.map(|name| Value::Text(name.as_bytes())).collect()
            }
        }
    }
}

impl View for Toy {
    fn catalogue() -> &'static Catalogue {
        &CATALOGUE
    }

    fn kind(&self) -> u32 {
        self.kind
    }

    fn operations(&self) -> u64 {
        self.operations
    }

    fn visit(
        &self,
        field: FieldId,
        arg: &Arg,
        mut visit: impl FnMut(Value<'_>) -> ControlFlow<()>,
    ) {
        for value in self.values(field, arg) {
            if visit(value).is_break() {
                return;
            }
        }
    }
}
