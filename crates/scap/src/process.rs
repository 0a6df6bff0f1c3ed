//! Processes and threads that ran when a capture began.

use crate::bytes::{Bytes, Texts};
use crate::error::Fault;

/// The first version of the process list whose entries tell their length.
pub(crate) const PREFIXED: u8 = 9;

/// Bytes behind the root directory that a writer leaves who does not know of the fields that were
/// later put in there: login user, writable flag and three sets of capabilities.
const OLD_TAIL: usize = 4 + 1 + 3 * 8;

/// A thread that ran when the capture began; the main thread of a process has `tid == pid`.
///
/// Ids are those of the host unless they say otherwise. What the writer did not tell is -1 for ids,
/// 0 for numbers, empty for texts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Process<'a> {
    /// The thread.
    pub tid: i64,
    /// Its process.
    pub pid: i64,
    /// The parent of its process.
    pub ptid: i64,
    /// The session.
    pub session: i64,
    /// The process group, as numbered in the innermost namespace.
    pub namespace_group: i64,
    /// The process group, as the host numbers it.
    pub group: i64,
    /// The thread, as numbered in the innermost namespace.
    pub namespace_tid: i64,
    /// The process, as numbered in the innermost namespace.
    pub namespace_pid: i64,
    /// The short name of the thread.
    pub command: &'a [u8],
    /// The first argument of the command line.
    pub exe: &'a [u8],
    /// The path of the executable.
    pub exe_path: &'a [u8],
    /// Further arguments, a NUL after each: see [`Process::arguments`].
    pub raw_arguments: &'a [u8],
    /// Environment, a NUL after each variable: see [`Process::environment`].
    pub raw_environment: &'a [u8],
    /// Control groups as `subsystem=path`, a NUL after each: see [`Process::cgroups`].
    pub raw_cgroups: &'a [u8],
    /// The working directory.
    pub directory: &'a [u8],
    /// The root directory.
    pub root: &'a [u8],
    /// How many descriptors it may have.
    pub descriptor_limit: i64,
    /// Flags of its creation, from the set `clone_flags`.
    pub flags: u32,
    /// User.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// User who logged in; all ones where nobody did or the writer did not tell.
    pub login_uid: u32,
    /// Terminal; 0 for none.
    pub terminal: u32,
    /// Virtual memory in KiB.
    pub memory_virtual: u32,
    /// Resident memory in KiB.
    pub memory_resident: u32,
    /// Swapped memory in KiB.
    pub memory_swapped: u32,
    /// Page faults that needed the disk.
    pub faults_major: u64,
    /// Page faults that did not.
    pub faults_minor: u64,
    /// When the process-id namespace began, in nanoseconds since the epoch.
    pub namespace_start: u64,
    /// Capabilities that children may get.
    pub capabilities_inheritable: u64,
    /// Capabilities that it may use.
    pub capabilities_permitted: u64,
    /// Capabilities that it uses.
    pub capabilities_effective: u64,
    /// Inode of the executable.
    pub exe_inode: u64,
    /// When the inode of the executable changed, in nanoseconds since the epoch.
    pub exe_changed: u64,
    /// When the executable was written, in nanoseconds since the epoch.
    pub exe_modified: u64,
    /// Whether its user may write to the executable.
    pub exe_writable: bool,
    /// Whether the executable is in the upper layer of an overlay.
    pub exe_upper_layer: bool,
    /// Whether the executable is in the lower layer of an overlay.
    pub exe_lower_layer: bool,
    /// Whether the executable is a file in memory only.
    pub exe_from_memory: bool,
}

impl<'a> Process<'a> {
    /// Arguments of the command line after the first.
    pub fn arguments(&self) -> Texts<'a> {
        Texts::new(self.raw_arguments)
    }

    /// Variables of the environment.
    pub fn environment(&self) -> Texts<'a> {
        Texts::new(self.raw_environment)
    }

    /// Control groups, as `subsystem=path`.
    pub fn cgroups(&self) -> Texts<'a> {
        Texts::new(self.raw_cgroups)
    }

    /// Whether this is the main thread of its process.
    pub const fn is_main_thread(&self) -> bool {
        self.tid == self.pid
    }

    /// Reads an entry of a list of the given version (1 to 9), after its length if it has one.
    pub(crate) fn parse(bytes: &mut Bytes<'a>, version: u8) -> Result<Self, Fault> {
        let mut process = Self::unknown();
        process.tid = bytes.i64()?;
        process.pid = bytes.i64()?;
        process.ptid = bytes.i64()?;
        if version >= 6 {
            process.session = bytes.i64()?;
        }
        if version >= 8 {
            process.namespace_group = bytes.i64()?;
        }
        process.command = bytes.text()?;
        process.exe = bytes.text()?;
        if version >= 7 {
            process.exe_path = bytes.text()?;
        }
        process.raw_arguments = bytes.text()?;
        process.directory = bytes.text()?;
        process.descriptor_limit = bytes.i64()?;
        process.flags = bytes.u32()?;
        process.uid = bytes.u32()?;
        process.gid = bytes.u32()?;
        if version >= 2 {
            process.memory_virtual = bytes.u32()?;
            process.memory_resident = bytes.u32()?;
            process.memory_swapped = bytes.u32()?;
            process.faults_major = bytes.u64()?;
            process.faults_minor = bytes.u64()?;
        }
        if version >= 3 {
            process.raw_environment = bytes.text()?;
        }
        if version >= 4 {
            process.namespace_tid = bytes.i64()?;
            process.namespace_pid = bytes.i64()?;
            process.raw_cgroups = bytes.text()?;
        }
        if version >= 5 {
            process.root = bytes.text()?;
        }
        if version >= PREFIXED {
            process.parse_tail(*bytes);
        }
        Ok(process)
    }

    /// Reads as many of the later fields as there are.
    fn parse_tail(&mut self, mut tail: Bytes<'a>) {
        let is_old = tail.left() <= OLD_TAIL;
        // The end of the entry is no fault here: it tells how much its writer knew.
        let _ = (|| -> Result<(), Fault> {
            if !is_old {
                self.namespace_start = tail.u64()?;
                self.terminal = tail.u32()?;
            }
            self.login_uid = tail.u32()?;
            self.exe_writable = tail.u8()? != 0;
            self.capabilities_inheritable = tail.u64()?;
            self.capabilities_permitted = tail.u64()?;
            self.capabilities_effective = tail.u64()?;
            self.exe_upper_layer = tail.u8()? != 0;
            self.exe_inode = tail.u64()?;
            self.exe_changed = tail.u64()?;
            self.exe_modified = tail.u64()?;
            self.exe_from_memory = tail.u8()? != 0;
            self.exe_lower_layer = tail.u8()? != 0;
            self.group = tail.i64()?;
            Ok(())
        })();
    }

    const fn unknown() -> Self {
        Self {
            tid: -1,
            pid: -1,
            ptid: -1,
            session: -1,
            namespace_group: -1,
            group: -1,
            namespace_tid: -1,
            namespace_pid: -1,
            command: &[],
            exe: &[],
            exe_path: &[],
            raw_arguments: &[],
            raw_environment: &[],
            raw_cgroups: &[],
            directory: &[],
            root: &[],
            descriptor_limit: 0,
            flags: 0,
            uid: 0,
            gid: 0,
            login_uid: u32::MAX,
            terminal: 0,
            memory_virtual: 0,
            memory_resident: 0,
            memory_swapped: 0,
            faults_major: 0,
            faults_minor: 0,
            namespace_start: 0,
            capabilities_inheritable: 0,
            capabilities_permitted: 0,
            capabilities_effective: 0,
            exe_inode: 0,
            exe_changed: 0,
            exe_modified: 0,
            exe_writable: false,
            exe_upper_layer: false,
            exe_lower_layer: false,
            exe_from_memory: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::process_entry;

    fn parse(entry: &[u8], version: u8) -> Process<'_> {
        let mut bytes = Bytes::new(entry, "short");
        let process = Process::parse(&mut bytes, version).expect("a sound entry");
        if version < PREFIXED {
            assert_eq!(bytes.left(), 0);
        }
        process
    }

    #[test]
    fn every_version_has_its_fields() {
        for version in 1..=9 {
            let entry = process_entry(version, &[]);
            let process = parse(&entry, version);
            assert_eq!((process.tid, process.pid, process.ptid), (11, 10, 1));
            assert!(!process.is_main_thread());
            assert_eq!(process.command, b"worker");
            assert_eq!(process.exe, b"/bin/server");
            assert_eq!(process.directory, b"/srv");
            assert_eq!(process.arguments().collect::<Vec<_>>(), [&b"-v"[..], b"x"]);
            assert_eq!(
                (process.flags, process.uid, process.gid),
                (0x2001, 500, 501)
            );
            assert_eq!(process.memory_resident, if version >= 2 { 22 } else { 0 });
            assert_eq!(process.faults_minor, if version >= 2 { 5 } else { 0 });
            assert_eq!(process.environment().count(), usize::from(version >= 3));
            assert_eq!(process.namespace_tid, if version >= 4 { 2 } else { -1 });
            assert_eq!(process.cgroups().count(), if version >= 4 { 2 } else { 0 });
            assert_eq!(process.root, if version >= 5 { &b"/"[..] } else { b"" });
            assert_eq!(process.session, if version >= 6 { 9 } else { -1 });
            assert_eq!(
                process.exe_path,
                if version >= 7 {
                    &b"/usr/bin/server"[..]
                } else {
                    b""
                }
            );
            assert_eq!(process.namespace_group, if version >= 8 { 8 } else { -1 });
            assert_eq!(process.login_uid, u32::MAX);
            for length in 0..entry.len() {
                assert!(Process::parse(&mut Bytes::new(&entry[..length], ""), version).is_err());
            }
        }
    }

    #[test]
    fn tails_are_told_apart_by_their_length() {
        // 29 bytes or fewer: no start of the namespace and no terminal.
        let mut old = 1000_u32.to_le_bytes().to_vec();
        let entry = process_entry(9, &old);
        assert_eq!(parse(&entry, 9).login_uid, 1000);
        old.push(1);
        for capability in [1_u64, 2, 3] {
            old.extend(capability.to_le_bytes());
        }
        assert_eq!(old.len(), OLD_TAIL);
        let entry = process_entry(9, &old);
        let process = parse(&entry, 9);
        assert_eq!((process.login_uid, process.terminal), (1000, 0));
        assert!(process.exe_writable);
        assert_eq!(process.capabilities_effective, 3);
        assert_eq!(process.exe_inode, 0);

        let mut new = 77_u64.to_le_bytes().to_vec();
        new.extend(34_816_u32.to_le_bytes());
        new.extend(&old);
        new.push(1);
        for number in [4_u64, 5, 6] {
            new.extend(number.to_le_bytes());
        }
        assert_eq!(new.len(), 66);
        new.extend([0, 1]);
        new.extend(10_i64.to_le_bytes());
        new.extend(b"from the future");
        let entry = process_entry(9, &new);
        let process = parse(&entry, 9);
        assert_eq!((process.namespace_start, process.terminal), (77, 34_816));
        assert_eq!(
            (process.login_uid, process.capabilities_inheritable),
            (1000, 1)
        );
        assert!(process.exe_upper_layer && process.exe_lower_layer && !process.exe_from_memory);
        assert_eq!(
            (process.exe_inode, process.exe_changed, process.exe_modified),
            (4, 5, 6)
        );
        assert_eq!(process.group, 10);
    }
}
