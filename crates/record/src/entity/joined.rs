//! A record with its entities.

use super::generations::Generations;
use super::kept::{KeptContainer, KeptFile, KeptHeader, KeptPod};
use super::process::KeptProcess;
use crate::{Oid, Record};

/// The longest chain of ancestors that is followed. Real ones have about a dozen; damaged data may hold
/// circles.
const LONGEST_ANCESTRY: usize = 64;

/// A record with the entities that are nearest before it in the stream.
#[derive(Clone, Copy, Debug)]
pub struct Joined<'t> {
    /// The record.
    pub record: &'t Record<'t>,
    /// The number of the event or flow in the stream, from 1.
    pub number: u64,
    /// The header of the recording.
    pub header: Option<&'t KeptHeader>,
    /// The process that did it.
    pub process: Option<&'t KeptProcess>,
    /// The parent of that process.
    pub parent: Option<&'t KeptProcess>,
    /// The file, or the first of two.
    pub file: Option<&'t KeptFile>,
    /// The second file: the new name of a link, symbolic link or rename.
    pub new_file: Option<&'t KeptFile>,
    /// The container of the process.
    pub container: Option<&'t KeptContainer>,
    /// The pod of the container.
    pub pod: Option<&'t KeptPod>,
    pub(super) processes: &'t Generations<Oid, KeptProcess>,
}

impl<'t> Joined<'t> {
    /// Numbers that tell the entities of this record from all others of the stream: header, process, parent,
    /// container and pod; 0 for one that there is not. What depends on these alone can be kept by them.
    pub fn stamps(&self) -> [u64; 5] {
        [
            self.header.map_or(0, |header| header.stamp),
            self.process.map_or(0, |process| process.stamp),
            self.parent.map_or(0, |parent| parent.stamp),
            self.container.map_or(0, |container| container.stamp),
            self.pod.map_or(0, |pod| pod.stamp),
        ]
    }

    /// The process itself, its parent, its grandparent and so on, as far as they are known.
    pub const fn lineage(&self) -> Ancestors<'t> {
        Ancestors {
            next: self.process,
            processes: self.processes,
            left: LONGEST_ANCESTRY,
        }
    }
}

/// A process and its ancestors; see [`Joined::lineage`].
#[derive(Clone, Debug)]
pub struct Ancestors<'t> {
    next: Option<&'t KeptProcess>,
    processes: &'t Generations<Oid, KeptProcess>,
    left: usize,
}

impl<'t> Iterator for Ancestors<'t> {
    type Item = &'t KeptProcess;

    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        let current = self.next?;
        self.next = current.poid.and_then(|poid| self.processes.get(&poid));
        Some(current)
    }
}
