//! What the records are about: containers, processes, files and flows, and which of them the file that is
//! being written holds already.

pub(crate) mod containers;
pub(crate) mod files;
pub(crate) mod flows;
pub(crate) mod hash_order;
pub(crate) mod processes;
pub(crate) mod slab;

use containers::Containers;
use files::Files;
use processes::Processes;

/// Everything that records refer to.
#[derive(Debug, Default)]
pub(crate) struct Tables {
    pub(crate) containers: Containers,
    pub(crate) processes: Processes,
    pub(crate) files: Files,
}

impl Tables {
    /// Whatever is used from now on is written again.
    pub(crate) fn forget_written(&mut self) {
        self.processes.forget_written();
        self.files.forget_written();
        self.containers.forget_written();
    }
}
