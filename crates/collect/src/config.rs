//! How a collector behaves.

use bitflags::bitflags;

/// What the records look like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Profile {
    /// As the original collector writes them, quirks included.
    Strict,
    /// With the original's faults mended. Fields that schema 5 cannot hold are filled.
    #[default]
    Clean,
}

/// Which release of the original's capture library the strict profile follows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Generation {
    /// Release 0.10: how processes are made and ended.
    Libs010,
    /// Release 0.17.
    #[default]
    Libs017,
}

/// Which reads of files become flow records.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ReadMode {
    /// All.
    #[default]
    All,
    /// None.
    Writes,
    /// None below system directories.
    OutsideSystem,
}

/// What is recorded at all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// Everything, condensed to flows.
    #[default]
    Flow,
    /// No data operations on files: each successful open is a record of its own.
    Consume,
    /// No files at all.
    NoFiles,
}

/// How large tables may grow. Beyond, what was not used for longest is forgotten (and met again as if for
/// the first time), and counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Threads.
    pub threads: usize,
    /// Descriptors of one process.
    pub descriptors: usize,
    /// Processes known to the records.
    pub processes: usize,
    /// Files known to the records.
    pub files: usize,
    /// Flows in progress.
    pub flows: usize,
    /// Containers.
    pub containers: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            threads: 1 << 19,
            descriptors: 1 << 20,
            processes: 1 << 18,
            files: 1 << 18,
            flows: 1 << 20,
            containers: 1 << 16,
        }
    }
}

/// The configuration of a collector.
#[derive(Clone, Debug, Default)]
pub struct Config {
    /// What the records look like.
    pub profile: Profile,
    /// Whom the strict profile follows.
    pub rules: Generation,
    /// Who records; empty for the name of the machine.
    pub exporter: String,
    /// The address of the node, for the header.
    pub node_ip: String,
    /// The name of the file that is written, for the header.
    pub filename: String,
    /// Whether threads are counted in process flows rather than told one by one.
    pub process_flows: bool,
    /// Whether pipes, unix sockets and directories are left out of flows.
    pub file_only: bool,
    /// Which reads of files become flow records.
    pub read_mode: ReadMode,
    /// What is recorded at all.
    pub mode: Mode,
    /// Whether failed opens become flows, with descriptor -1 and their error. Only the native schema can tell
    /// them from others, and programs that search for files make many; the strict profile has none.
    pub failed_opens: bool,
    /// Whether processes outside of containers are left out.
    pub containers_only: bool,
    /// How large tables may grow.
    pub limits: Limits,
    /// Which of the original's faults are kept, where that shall be others than those of the profile.
    pub quirks: Option<Quirks>,
}

impl Config {
    /// As the original collector writes with everything switched on.
    pub fn strict(rules: Generation) -> Self {
        Self {
            profile: Profile::Strict,
            rules,
            ..Self::default()
        }
    }

    pub(crate) fn quirks(&self) -> Quirks {
        self.quirks.unwrap_or(match self.profile {
            Profile::Strict => Quirks::all(),
            Profile::Clean => Quirks::empty(),
        })
    }
}

bitflags! {
    /// What the original collector does and a better one would not. The strict profile has all of them, the
    /// clean one none: each is one class of differences between the two.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Quirks: u64 {
        /// Names of users of processes that ran at the start come from the machine that replays a capture:
        /// only root is known.
        const NAMES_OF_REPLAY = 1;
        /// A unix socket whose connection fails bears the last name that was shown of another one; ends of
        /// sockets are taken over only where there were none.
        const STALE_SOCKET_NAMES = 1 << 1;
        /// Mappings are recorded where they begin, failed ones too.
        const MAPS_AT_BEGIN = 1 << 2;
        /// A changed process keeps its old working directory, environment, terminal and container, and
        /// counts as changed where the change failed.
        const STALE_PROCESSES = 1 << 3;
        /// IPv6 is left out.
        const NO_IPV6 = 1 << 4;
        /// Newer calls are left out: accept4, clone3, creat, openat2, execveat, sendmmsg, sendfile, memfd_create.
        const NO_NEWER_CALLS = 1 << 5;
        /// Pipes and pairs of unix sockets have no name, and are all one file.
        const NAMELESS_PIPES = 1 << 6;
        /// Flows that were idle for long are dropped with what they counted.
        const IDLE_FLOWS_LOST = 1 << 7;
        /// In paths of flows, bytes that do not print become dots, and long paths are replaced.
        const PRINTABLE_PATHS = 1 << 8;
        /// Paths of file events are resolved by other rules than those of flows, so that one file can have two
        /// identities; what a symbolic link says is resolved against the working directory, or not at all.
        const EVENT_PATHS_APART = 1 << 9;
        /// Closing on execution, by `dup2` and by the use of a number anew goes unseen.
        const IMPLICIT_CLOSES_UNSEEN = 1 << 10;
        /// One slot for all threads holds the user that is being changed to; calls other than `setuid` leave it
        /// empty, and `setreuid` is not recorded.
        const ONE_USER_SLOT = 1 << 11;
        /// Whatever a clone or execution meets for the first time is called created, and so are files that are
        /// removed, and files whose making failed.
        const CREATED_WHEN_MET = 1 << 12;
        /// A block of arguments that ends in empty ones counts one less.
        const LAST_ARGUMENT_LOST = 1 << 13;
        /// The root directory of a process is not minded, nor what an execution tells of its directory and user.
        const HOST_PATHS = 1 << 14;
        /// A socket that neither connected nor accepted has no protocol.
        const NO_PROTOCOL_WITHOUT_ROLE = 1 << 15;
        /// The end of the main thread ends what other threads still do.
        const MAIN_THREAD_ENDS_ALL = 1 << 16;
        /// What a periodic export refers to may be missing from the file after a rotation.
        const EXPORT_WITHOUT_ANCESTORS = 1 << 17;
        /// Processes are forgotten soon after they end, every second one later. Flows begun since are found by
        /// nobody any more, and told of once if at all.
        const ENDED_ARE_DROPPED = 1 << 18;
        /// Unknown texts are spelled `<NA>`, and become parts of paths.
        const NA_TEXTS = 1 << 19;
        /// Container types beyond the schema are written as they are: common readers refuse them.
        const RAW_CONTAINER_TYPES = 1 << 20;
        /// A process that was not seen to begin has nothing but what is told of others, and where not even
        /// its number is known, it is written as process -1.
        const BARE_PLACEHOLDERS = 1 << 21;
        /// What a file is stays what it was taken for at first.
        const FILE_TYPES_STICK = 1 << 22;
        /// An opening for reading and writing counts as reading where reads are left out.
        const READ_WRITE_IS_READ = 1 << 23;
        /// An unknown user bears the name of the one before.
        const STALE_USER_NAMES = 1 << 24;
        /// What is written at once is in the order of hash tables.
        const HASH_ORDER = 1 << 27;
        /// Ancestors are those that the threads have now, not those that the records name.
        const PARENTS_OF_NOW = 1 << 26;
        /// Losses leave no trace in the records: neither those that sources tell of, nor operations on descriptors
        /// that are not known.
        const LOSSES_UNSEEN = 1 << 25;
        /// A flow on a file is found by path, container, thread and descriptor written one after the other, so
        /// that two can be taken for one; and so is a file by its container and path.
        const TEXT_KEYS = 1 << 28;
        /// An address that a socket is bound to lies in memory over the ends of a connection: its port and
        /// protocol are read as the address of the other end, and stay so where one connects.
        const BOUND_PORT_STAYS = 1 << 29;
        /// What is told where an opening begins counts for more than what is told at its end.
        const ENTER_ARGUMENTS_WIN = 1 << 30;
        /// What becomes known of a container once it was written is not written.
        const LATE_CONTAINERS_STAY = 1 << 31;
        /// A clone that fails is counted as an error only where its error has the number 1.
        const ONE_CLONE_ERROR = 1 << 32;
        /// The end of a thread ends what other threads do on the same descriptors.
        const THREAD_END_ENDS_OTHERS = 1 << 33;
        /// A datagram sets both ends of its socket anew, and who speaks first tells clients from servers.
        const DATAGRAMS_RENAME = 1 << 34;
        /// What threads of a process did is told even where they did nothing.
        const EMPTY_PROCESS_FLOWS = 1 << 35;
        /// What an execution in an older form does not tell stays what it was.
        const OLD_EXECS_KEEP = 1 << 36;
        /// A process is in the container of the thread that made it known.
        const CONTAINER_OF_THREAD = 1 << 37;
        /// A process that changes after a rotation is written twice: as it is, and as changed.
        const TWICE_AFTER_ROTATION = 1 << 38;
        /// Files, containers and processes whose end was not seen are not forgotten however long they are idle:
        /// whether they are written again shows in the records. (Only limits and new files make room.)
        const NOTHING_IS_FORGOTTEN = 1 << 40;
        /// Where reads are left out, what they refer to is written all the same.
        const SUPPRESSED_READS_LEAVE_ENTITIES = 1 << 41;
        /// The path of an executable that was deleted ends with a note of the kernel.
        const DELETED_IN_PATHS = 1 << 42;
        /// Of several processes with the same id the first in the order of a hash table is taken for a parent.
        const ANY_PARENT_OF_ID = 1 << 39;
    }
}
