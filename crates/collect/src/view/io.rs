//! Fields of what is read and written.

use sysflow_event::raw::{Category, RawValue};
use sysflow_field::{FalcoType, Value};

use super::EventView;
use crate::state::descriptor::Kind;

event_fields! {
    EVT_BUFFER = "evt.buffer": Bytes, "First bytes of what was read or written."
        => value |v| match v.arguments.named("data")? {
            RawValue::Bytes(data) if v.moves_data() => Some(Value::Text(data)),
            _ => None,
        };
    EVT_BUFLEN = "evt.buflen": Int { falco: Some(FalcoType::Uint64) }, "How many bytes were read or written."
        => value |v| v.length();
    EVT_BUFLEN_IN = "evt.buflen.in": Int { falco: Some(FalcoType::Uint64) }, "How many bytes were read."
        => value |v| v.length().filter(|_| v.arguments.class().reads);
    EVT_BUFLEN_OUT = "evt.buflen.out": Int { falco: Some(FalcoType::Uint64) }, "How many bytes were written."
        => value |v| v.length().filter(|_| v.arguments.class().writes);
    EVT_BUFLEN_FILE = "evt.buflen.file": Int { falco: Some(FalcoType::Uint64) }, "How many bytes were read from or written to a file."
        => value |v| v.length().filter(|_| v.is_on_file());
    EVT_BUFLEN_FILE_IN = "evt.buflen.file.in": Int { falco: Some(FalcoType::Uint64) }, "How many bytes were read from a file."
        => value |v| v.length().filter(|_| v.is_on_file() && v.arguments.class().reads);
    EVT_BUFLEN_FILE_OUT = "evt.buflen.file.out": Int { falco: Some(FalcoType::Uint64) }, "How many bytes were written to a file."
        => value |v| v.length().filter(|_| v.is_on_file() && v.arguments.class().writes);
    EVT_BUFLEN_NET = "evt.buflen.net": Int { falco: Some(FalcoType::Uint64) }, "How many bytes were received or sent on an IP socket."
        => value |v| v.length().filter(|_| v.is_on_network());
    EVT_BUFLEN_NET_IN = "evt.buflen.net.in": Int { falco: Some(FalcoType::Uint64) }, "How many bytes were received on an IP socket."
        => value |v| v.length().filter(|_| v.is_on_network() && v.arguments.class().reads);
    EVT_BUFLEN_NET_OUT = "evt.buflen.net.out": Int { falco: Some(FalcoType::Uint64) }, "How many bytes were sent on an IP socket."
        => value |v| v.length().filter(|_| v.is_on_network() && v.arguments.class().writes);
    EVT_IO_DIR = "evt.io_dir": Text { domain: &["read", "write"] }, "Whether data are read or written."
        => value |v| {
            let class = v.arguments.class();
            if class.writes {
                Some(Value::Text(b"write"))
            } else {
                class.reads.then_some(Value::Text(b"read"))
            }
        };
    EVT_IS_IO = "evt.is_io": Bool, "Whether data are read or written."
        => value |v| Some(Value::Bool(v.moves_data()));
    EVT_IS_IO_READ = "evt.is_io_read": Bool, "Whether data are read."
        => value |v| Some(Value::Bool(v.arguments.class().reads));
    EVT_IS_IO_WRITE = "evt.is_io_write": Bool, "Whether data are written."
        => value |v| Some(Value::Bool(v.arguments.class().writes));
}

impl EventView<'_> {
    fn moves_data(&self) -> bool {
        let class = self.arguments.class();
        class.reads || class.writes
    }

    /// What a call on a known descriptor returned, if it did not fail.
    fn length(&self) -> Option<Value<'static>> {
        let is_about_data = self.arguments.class().category == Category::OfDescriptor;
        let result = self.result().filter(|result| *result >= 0)?;
        (is_about_data && self.descriptor().is_some()).then_some(Value::Int(result))
    }

    fn is_on_file(&self) -> bool {
        self.descriptor().is_some_and(|on| on.kind == Kind::File)
    }

    fn is_on_network(&self) -> bool {
        self.descriptor()
            .is_some_and(|on| matches!(on.kind, Kind::Internet | Kind::Listener))
    }
}
