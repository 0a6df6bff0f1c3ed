//! What an event is about, in the words of operations of any source.

use sysflow_event::raw::{Category, Class, Origin};

use crate::table::{self, EventFlags, EventInfo};

impl EventInfo {
    /// What operations with this code are about.
    pub const fn class(&self) -> Class {
        Class {
            category: category(self.category),
            origin: match self.origin {
                table::Origin::Syscall => Origin::SystemCall,
                table::Origin::Tracepoint => Origin::Kernel,
                table::Origin::Meta
                | table::Origin::Plugin
                | table::Origin::Iterator
                | table::Origin::None => Origin::Observer,
            },
            creates_descriptor: self.flags.contains(EventFlags::CREATES_DESCRIPTOR),
            uses_descriptor: self.flags.contains(EventFlags::USES_DESCRIPTOR),
            reads: self.flags.contains(EventFlags::READS),
            writes: self.flags.contains(EventFlags::WRITES),
            waits: self.flags.contains(EventFlags::WAITS),
        }
    }
}

const fn category(category: table::Category) -> Category {
    use table::Category as Own;
    match category {
        Own::Unknown => Category::Unknown,
        Own::Other => Category::Other,
        Own::File => Category::File,
        Own::Net => Category::Net,
        Own::Ipc => Category::Ipc,
        Own::Memory => Category::Memory,
        Own::Process => Category::Process,
        Own::Sleep => Category::Sleep,
        Own::System => Category::System,
        Own::Signal => Category::Signal,
        Own::User => Category::User,
        Own::Time => Category::Time,
        Own::IoRead | Own::IoWrite | Own::IoOther => Category::OfDescriptor,
        Own::Wait => Category::Wait,
        Own::Scheduler => Category::Scheduler,
        Own::Internal => Category::Internal,
    }
}
