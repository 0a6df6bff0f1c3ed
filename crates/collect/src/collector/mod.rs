//! The collector: takes events, keeps the state, yields records.

mod datagrams;
mod descriptors;
mod entities;
mod exit;
mod file_events;
mod files;
mod flows;
mod forget;
mod identity;
mod losses;
mod order;
mod paths;
mod processes;
mod room;
mod snapshot;
mod sockets;
mod timers;
mod views;

use std::collections::{HashSet, VecDeque};

use bstr::BStr;
use sysflow_event::raw::RawArguments;
use sysflow_event::{Event, Fd, Operation, Phase};
use sysflow_record::Record;
use sysflow_record::model::Header;

use crate::config::{Config, Generation, Profile, Quirks};
use crate::sink::{Context, RecordSink};
use crate::source::Observer;
use crate::state::accounts::Accounts;
use crate::state::container_facts::ContainerFacts;
use crate::state::dns::Names;
use crate::state::groups::Groups;
use crate::state::interfaces::Interfaces;
use crate::state::thread::{Thread, Threads, UNKNOWN};
use crate::statistics::{Sizes, Statistics};
use crate::tables::Tables;
use crate::tables::files::FileRef;
use crate::tables::flows::Flows;
use crate::tables::processes::ProcessRef;
use crate::text::Text;
pub(crate) use views::Shown;

/// Nanoseconds of a second.
const SECOND: u64 = 1_000_000_000;

/// What is done once an event has been recorded.
#[derive(Clone, Copy, Debug, Default)]
struct Delayed {
    /// A thread that has ended, and who becomes the parent of its children.
    exit: Option<(i64, Option<i64>)>,
    /// A descriptor that was closed, in the table of a thread.
    close: Option<(i64, Fd)>,
}

/// Turns events into records. See the [crate] for an example.
#[derive(Debug)]
pub struct Collector<S> {
    config: Config,
    quirks: Quirks,
    sink: S,
    statistics: Statistics,

    threads: Threads,
    groups: Groups,
    accounts: Accounts,
    interfaces: Interfaces,
    /// For views, as is the next.
    container_facts: ContainerFacts,
    names: Names,
    shown: Shown,
    host_name: Vec<u8>,
    listening_ports: HashSet<u16>,
    /// The last name of a socket that was shown: see [`Quirks::STALE_SOCKET_NAMES`].
    shown_name: Text,
    /// The user that some thread is changing to: see [`Quirks::ONE_USER_SLOT`].
    user_slot: Option<Text>,
    delayed: Delayed,

    tables: Tables,
    flows: Flows,
    /// Processes that have ended, with the second in which they did.
    ended: VecDeque<(ProcessRef, u64)>,
    /// Processes whose threads are counted, with the number of their counts, in the order of their last export.
    counting: VecDeque<(ProcessRef, u64)>,
    counts_begun: u64,
    /// Threads of which nothing but their number is known, with the second in which they were met.
    guessed: VecDeque<(i64, u64)>,
    sweep: forget::Sweep,

    /// The time of the last event, ns since the epoch.
    now: u64,
    /// The same in seconds.
    second: u64,
    timers_checked: u64,
    deletions_checked: u64,
    has_header: bool,
    has_snapshot: bool,
    /// Whether the source tells where a close begins.
    sees_begins: bool,
    /// The number of files at which the table is cleaned next, if above its limit.
    next_file_sweep: usize,
    /// When own losses were last written, and what they were then.
    losses_written: (u64, [u64; 3]),
    /// Room for paths that are being put together.
    path: Vec<u8>,
}

impl<S: RecordSink> Collector<S> {
    /// A collector that knows nothing yet.
    pub fn new(config: Config, sink: S) -> Self {
        let quirks = config.quirks();
        Self {
            config,
            quirks,
            sink,
            statistics: Statistics::default(),
            threads: Threads::default(),
            groups: Groups::default(),
            accounts: Accounts::default(),
            interfaces: Interfaces::default(),
            container_facts: ContainerFacts::default(),
            names: Names::default(),
            shown: Shown::default(),
            host_name: Vec::new(),
            listening_ports: HashSet::new(),
            shown_name: crate::text::empty(),
            user_slot: None,
            delayed: Delayed::default(),
            tables: Self::new_tables(quirks),
            flows: Flows::default(),
            ended: VecDeque::new(),
            counting: VecDeque::new(),
            counts_begun: 0,
            guessed: VecDeque::new(),
            sweep: forget::Sweep::default(),
            now: 0,
            second: 0,
            timers_checked: 0,
            deletions_checked: 0,
            has_header: false,
            has_snapshot: false,
            sees_begins: false,
            next_file_sweep: 0,
            losses_written: (0, [0; 3]),
            path: Vec::new(),
        }
    }

    /// What was done and lost so far.
    pub const fn statistics(&self) -> &Statistics {
        &self.statistics
    }

    /// How much is kept now. This counts descriptors one process after the other, and takes its time.
    pub fn sizes(&self) -> Sizes {
        let descriptors = self.threads.iter().map(|thread| thread.descriptors.len());
        Sizes {
            threads: self.threads.len(),
            descriptors: descriptors.sum(),
            processes: self.tables.processes.len(),
            files: self.tables.files.len(),
            flows: self.flows.len(),
            containers: self.tables.containers.len(),
            accounts: self.accounts.containers(),
            waiting: self.ended.len() + self.counting.len() + self.guessed.len(),
        }
    }

    /// Where the records go.
    pub const fn sink(&self) -> &S {
        &self.sink
    }

    /// Where the records go.
    pub const fn sink_mut(&mut self) -> &mut S {
        &mut self.sink
    }

    /// Ends all flows at the time of the last event, and gives the sink back.
    pub fn finish(mut self) -> S {
        self.flush();
        self.sink
    }

    /// As [`finish`](Self::finish), with what was done and lost.
    pub fn finish_with_statistics(mut self) -> (S, Statistics) {
        self.flush();
        (self.sink, self.statistics)
    }

    /// Begins a file of this name: what is used there will be written again.
    pub fn rotate(&mut self, filename: &str) {
        filename.clone_into(&mut self.config.filename);
        if self.has_header {
            self.write_own_losses();
            self.clean_tables();
            self.write_header();
        }
    }

    /// Says that the source has lost observations that it does not tell of in events: what and why, and how
    /// many. The strict profile counts them only.
    pub fn lost(&mut self, kind: &str, reason: &str, count: u64) {
        self.complete_snapshot();
        self.statistics.source_losses = self.statistics.source_losses.saturating_add(count);
        self.write_loss(kind, reason, count, self.now);
    }

    /// Writes what is left at the end of a recording.
    fn flush(&mut self) {
        self.complete_snapshot();
        self.end_all_flows();
        self.write_own_losses();
    }

    fn write_header(&mut self) {
        let exporter = if self.config.exporter.is_empty() {
            BStr::new(&self.host_name)
        } else {
            BStr::new(&self.config.exporter)
        };
        let header = Record::Header(Header {
            version: i64::from(match self.config.profile {
                Profile::Strict => sysflow_record::CLASSIC_VERSION,
                Profile::Clean => sysflow_record::NATIVE_VERSION,
            }),
            exporter,
            ip: BStr::new(&self.config.node_ip),
            filename: BStr::new(&self.config.filename),
        });
        self.statistics.records += 1;
        let context = Context {
            tables: &self.tables,
            process: None,
            file: None,
            new_file: None,
        };
        self.sink.record(&header, &context);
        self.has_header = true;
    }

    /// Yields an event or flow.
    fn emit(
        &mut self,
        record: &Record<'_>,
        process: Option<ProcessRef>,
        file: Option<FileRef>,
        new_file: Option<FileRef>,
    ) {
        self.statistics.records += 1;
        let context = Context {
            tables: &self.tables,
            process,
            file,
            new_file,
        };
        self.sink.record(record, &context);
    }

    const fn has(&self, quirk: Quirks) -> bool {
        self.quirks.contains(quirk)
    }

    /// Whether processes are made and ended by the rules of the older release.
    fn is_generation_010(&self) -> bool {
        !self.quirks.is_empty() && self.config.rules == Generation::Libs010
    }

    /// Whether operations of a thread are to be recorded.
    fn is_wanted(&self, tid: i64) -> bool {
        !self.config.containers_only
            || self
                .threads
                .get(tid)
                .is_some_and(|thread| thread.container.is_some())
    }

    fn take(&mut self, event: &Event<'_>) {
        self.apply(event);
        if self.delayed.exit.is_some() || self.delayed.close.is_some() {
            self.do_delayed();
        }
    }

    #[inline]
    fn apply(&mut self, event: &Event<'_>) {
        self.statistics.events += 1;
        let is_meta = matches!(
            event.operation,
            Operation::Container(_) | Operation::UserKnown(_) | Operation::GroupKnown(_)
        );
        // Facts that come before anything has happened belong to the snapshot.
        if is_meta && !self.has_snapshot {
            self.learn(&event.operation);
            return;
        }
        if !self.has_snapshot {
            self.complete_snapshot();
        }
        // Some facts about the machine come without a time.
        if event.ts != 0 {
            if self.losses_written.0 == 0 {
                // Nothing can have been lost before the first event.
                self.losses_written.0 = event.ts;
            }
            self.now = event.ts;
            self.second = event.ts / SECOND;
        }
        if self.second != self.timers_checked {
            self.check_timers();
        }
        self.make_room();
        if S::FORGETS && self.sink.has_forgotten() {
            self.tables.forget_written();
        }
        match event.operation {
            Operation::Tick => {}
            Operation::Clone(ref clone) if event.phase == Phase::End => self.on_clone(event, clone),
            Operation::Exit(ref exit) => self.on_exit(event, exit),
            Operation::Container(_) | Operation::UserKnown(_) | Operation::GroupKnown(_) => {
                self.learn(&event.operation);
            }
            Operation::Lost(count) => self.on_loss(event, count),
            _ => {
                if !self.threads.contains(event.tid) {
                    self.meet_thread(event.tid);
                }
                self.on_operation(event);
            }
        }
    }

    /// Makes a thread of which nothing is known but that it did something.
    fn meet_thread(&mut self, tid: i64) {
        self.statistics.unknown_threads += 1;
        let is_bare = self.has(Quirks::BARE_PLACEHOLDERS) && !self.is_generation_010();
        let pid = if is_bare { UNKNOWN } else { tid };
        self.threads.insert(Thread::placeholder(tid, pid));
        if !self.has(Quirks::NOTHING_IS_FORGOTTEN) {
            self.guessed.push_back((tid, self.second));
        }
    }

    fn on_operation(&mut self, event: &Event<'_>) {
        let is_end = event.phase == Phase::End;
        match event.operation {
            Operation::Other => {}
            Operation::Transfer(ref transfer) => self.on_transfer(event, transfer),
            Operation::Close(fd) => self.on_close(event, fd),
            Operation::Map(ref map) => self.on_map(event, map),
            Operation::Open(ref open) if is_end => self.on_open(event, open),
            Operation::Connect(ref connect) => self.on_connect(event, connect),
            Operation::SetUser(ref ids) => self.on_set_user(event, ids),
            _ if !is_end => {}
            Operation::Exec(ref exec) => self.on_exec(event, exec),
            Operation::SetGroup(ref ids) => self.on_set_group(event, ids),
            Operation::SetCapabilities(ref sets) => self.on_set_capabilities(event, *sets),
            Operation::EnterNamespace(ref namespace) => self.on_enter_namespace(event, namespace),
            Operation::SetSession => self.on_set_session(event),
            Operation::SetProcessGroup(ref group) => self.on_set_process_group(event, group),
            Operation::ChangeDirectory(path) => self.on_change_directory(event, path),
            Operation::GetDirectory(path) => self.on_get_directory(event, path),
            Operation::ChangeDirectoryTo(fd) => self.on_change_directory_to(event, fd),
            Operation::ChangeRoot(path) => self.on_change_root(event, path),
            Operation::Control(ref control) => self.on_control(event, control),
            Operation::CloseRange(ref range) => self.on_close_range(event, range),
            Operation::CopyRange(ref copy) => self.on_copy_range(event, copy),
            Operation::Summary(ref summary) => self.on_summary(event, summary),
            Operation::Duplicate(ref duplicate) => self.on_duplicate(event, duplicate),
            Operation::Pipe(ref pipe) => self.on_pipe(event, pipe),
            Operation::Special(ref special) => self.on_special(event, special.kind, b""),
            Operation::MemoryFile(ref file) => self.on_memory_file(event, file),
            Operation::Bpf(_) => self.on_bpf(event),
            Operation::TakeDescriptor(ref take) => self.on_take_descriptor(event, take),
            Operation::Received(ref descriptor) => self.on_received(event, descriptor),
            Operation::EnterControlGroups(ref entered) => {
                self.on_enter_control_groups(event, entered);
            }
            Operation::Socket(ref socket) => self.on_socket(event, socket),
            Operation::SocketPair(ref pair) => self.on_socket_pair(event, pair),
            Operation::Bind(ref bind) => self.on_bind(event, bind),
            Operation::Accept(ref accept) => self.on_accept(event, accept),
            Operation::Shutdown(ref shutdown) => self.on_shutdown(event, shutdown),
            Operation::MakeDirectory(_)
            | Operation::RemoveDirectory(_)
            | Operation::Unlink(_)
            | Operation::Link(_)
            | Operation::Symlink(_)
            | Operation::Rename(_) => self.on_file_event(event),
            _ => {}
        }
    }
}

impl<S: RecordSink> Observer for Collector<S> {
    const WANTS_ARGUMENTS: bool = S::WANTS_EVENTS;

    #[inline]
    fn event_with(&mut self, event: &Event<'_>, arguments: &dyn RawArguments) {
        if S::WANTS_EVENTS {
            self.take_and_show(event, arguments);
        } else {
            self.take(event);
        }
    }

    fn restart(&mut self) {
        self.flush();
        let statistics = self.statistics;
        self.threads.clear();
        self.groups.clear();
        self.accounts = Accounts::default();
        self.interfaces = Interfaces::default();
        self.container_facts.clear();
        self.names.clear();
        self.shown = Shown::default();
        self.host_name.clear();
        self.listening_ports.clear();
        self.shown_name = crate::text::empty();
        self.user_slot = None;
        self.delayed = Delayed::default();
        self.tables = Self::new_tables(self.quirks);
        self.flows = Flows::default();
        self.ended.clear();
        self.counting.clear();
        self.guessed.clear();
        self.sweep = forget::Sweep::default();
        self.has_header = false;
        self.has_snapshot = false;
        self.sees_begins = false;
        self.next_file_sweep = 0;
        self.statistics = statistics;
    }

    fn snapshot(&mut self, snapshot: &sysflow_event::snapshot::Snapshot<'_>) {
        self.take_snapshot(snapshot);
    }

    #[inline]
    fn event(&mut self, event: &Event<'_>) {
        self.take(event);
    }
}
