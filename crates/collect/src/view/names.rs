//! Kinds, other names, and what no capture can answer.

use sysflow_event::raw::Category;
use sysflow_field::{Alias, Foreign};

/// What operations are about.
pub(super) const KINDS: &[&str] = &[
    "unknown",
    "other",
    "file",
    "net",
    "IPC",
    "memory",
    "process",
    "sleep",
    "system",
    "signal",
    "user",
    "time",
    "wait",
    "scheduler",
    "internal",
    "ipc",
];

/// Reads and writes on unix sockets: Falco spells them otherwise than operations of that category.
pub(super) const OF_UNIX: &str = "ipc";

/// The word for a category.
pub(super) const fn category(category: Category) -> &'static str {
    KINDS[match category {
        Category::Unknown | Category::OfDescriptor => 0,
        Category::Other => 1,
        Category::File => 2,
        Category::Net => 3,
        Category::Ipc => 4,
        Category::Memory => 5,
        Category::Process => 6,
        Category::Sleep => 7,
        Category::System => 8,
        Category::Signal => 9,
        Category::User => 10,
        Category::Time => 11,
        Category::Wait => 12,
        Category::Scheduler => 13,
        Category::Internal => 14,
    }]
}

const fn alias(name: &'static str, target: &'static str) -> Alias {
    Alias { name, target }
}

/// Names that stand for a field.
pub(super) const ALIASES: &[Alias] = &[alias("fd.proto", "fd.port")];

const fn foreign(name: &'static str, reason: &'static str) -> Foreign {
    Foreign { name, reason }
}

/// Fields of Falco that no capture answers. Each covers the names below it.
pub(super) const FOREIGN: &[Foreign] = &[
    foreign(
        "evt.around",
        "compares times by an operator of its own: compare evt.rawtime",
    ),
    foreign("evt.pluginname", "belongs to events of plugins"),
    foreign("evt.plugininfo", "belongs to events of plugins"),
    foreign("evt.infra", "belongs to events of a retired kind"),
    foreign(
        "thread.cpu",
        "needs the notices of two seconds about a thread, of which Falco keeps the first",
    ),
    foreign(
        "thread.exectime",
        "needs every change of threads on a processor",
    ),
    foreign(
        "thread.totexectime",
        "needs every change of threads on a processor",
    ),
    foreign("util.cnt", "counts how often it was asked for"),
    foreign("ka", "belongs to Kubernetes audit events"),
    foreign("jevt", "belongs to events in JSON"),
];
