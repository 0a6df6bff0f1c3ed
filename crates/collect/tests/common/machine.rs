//! A machine made up event by event, and records in few words.

use sysflow_collect::{Collector, Config, Context, Observer, RecordSink};
use sysflow_event::descriptor::{Duplicate, Map, Pipe};
use sysflow_event::file::{Open, OpenCall, Path};
use sysflow_event::identity::Capabilities;
use sysflow_event::network::{
    Accept, Address, Connect, Direction, Socket, Transfer, TransferCall, Tuple,
};
use sysflow_event::process::{Clone, Exec, Exit, Image};
use sysflow_event::snapshot::{Process, Snapshot};
use sysflow_event::{Event, Fd, Operation, Phase};
use sysflow_record::Record;
use sysflow_record::model::ObjectState;

/// When things begin, ns since the epoch.
pub const START: u64 = 1_700_000_000_000_000_000;
pub const SECOND: u64 = 1_000_000_000;
const TICK: u64 = 1_000;

/// Keeps records in few words.
#[derive(Default)]
pub struct Words(pub Vec<String>);

impl RecordSink for Words {
    fn record(&mut self, record: &Record<'_>, context: &Context<'_>) {
        self.0.push(words(record, context));
    }
}

fn words(record: &Record<'_>, context: &Context<'_>) -> String {
    let state = |state: ObjectState| state.name().to_lowercase();
    let names = |flags: sysflow_record::OpFlags| flags.names(false).collect::<Vec<_>>().join("|");
    let path = || {
        context
            .file()
            .map_or_else(String::new, |file| file.path.to_string())
    };
    match record {
        Record::Header(header) => format!("H {}", header.filename),
        Record::Container(container) => format!("C {} {}", container.id, container.image),
        Record::Process(process) => {
            let parent = process.poid.map_or(0, |parent| parent.hpid);
            let exe = process.exe;
            format!(
                "P {} {} of {parent} {exe} {}",
                state(process.state),
                process.oid.hpid,
                process.cwd
            )
        }
        Record::File(file) => format!(
            "F {} {} {}",
            state(file.state),
            file.kind.letter() as char,
            file.path
        ),
        Record::ProcessEvent(event) => {
            let args: Vec<String> = event.args.iter().map(ToString::to_string).collect();
            format!(
                "PE {} {} ret {}{}",
                names(event.op_flags),
                event.tid,
                event.ret,
                args.concat()
            )
        }
        Record::FileEvent(event) => {
            let new = context
                .new_file()
                .map_or_else(String::new, |file| format!(" -> {}", file.path));
            format!(
                "FE {} {} {}{new} ret {}",
                names(event.op_flags),
                event.tid,
                path(),
                event.ret
            )
        }
        Record::FileFlow(flow) => format!(
            "FF {} {} fd {} {} in {}/{} out {}/{}",
            names(flow.op_flags),
            flow.tid,
            flow.fd,
            path(),
            flow.read_ops,
            flow.read_bytes,
            flow.write_ops,
            flow.write_bytes
        ),
        Record::NetworkFlow(flow) => format!(
            "NF {} {} fd {} {}:{} -> {}:{} proto {} in {}/{} out {}/{} ret {}",
            names(flow.op_flags),
            flow.tid,
            flow.fd,
            flow.source(),
            flow.sport,
            flow.destination(),
            flow.dport,
            flow.proto,
            flow.read_ops,
            flow.read_bytes,
            flow.write_ops,
            flow.write_bytes,
            flow.ret
        ),
        Record::ProcessFlow(flow) => format!(
            "PF {} {} cloned {} exited {} errors {}",
            names(flow.op_flags),
            flow.proc_oid.hpid,
            flow.threads_cloned,
            flow.threads_exited,
            flow.clone_errors
        ),
        Record::Loss(loss) => format!("LOSS {} {} {}", loss.kind, loss.reason, loss.count),
        other => format!("{other:?}"),
    }
}

/// A collector that is fed by hand. Time goes on a little with each event.
pub struct Machine<S> {
    pub collector: Collector<S>,
    pub now: u64,
}

impl Machine<Words> {
    pub fn new(config: Config) -> Self {
        Self::with_sink(config, Words::default())
    }

    /// The words since the last time.
    pub fn words(&mut self) -> Vec<String> {
        std::mem::take(&mut self.collector.sink_mut().0)
    }

    /// The words of events and flows since the last time, and those of flows and events only.
    pub fn told(&mut self) -> Vec<String> {
        let is_told = |words: &String| {
            !["H ", "C ", "P ", "F "]
                .iter()
                .any(|kind| words.starts_with(kind))
        };
        self.words().into_iter().filter(is_told).collect()
    }
}

impl<S: RecordSink> Machine<S> {
    /// With init (1) and a shell (10), a child of it.
    pub fn with_sink(config: Config, sink: S) -> Self {
        let mut collector = Collector::new(config, sink);
        for (pid, parent, exe) in [(1, 0, "/sbin/init"), (10, 1, "/bin/sh")] {
            collector.snapshot(&Snapshot::Process(Process {
                image: Image {
                    exe: Some(exe.as_bytes()),
                    tid: Some(pid),
                    pid: Some(pid),
                    parent: Some(parent),
                    uid: Some(0),
                    gid: Some(0),
                    directory: Some(b"/home"),
                    ..Image::default()
                },
                exe_path: Some(exe.as_bytes()),
                ..Process::default()
            }));
        }
        Self {
            collector,
            now: START,
        }
    }

    pub fn wait(&mut self, seconds: u64) {
        self.now += seconds * SECOND;
        self.event(Phase::End, 0, None, Operation::Tick);
    }

    pub fn event(&mut self, phase: Phase, tid: i64, result: Option<i64>, operation: Operation<'_>) {
        self.now += TICK;
        self.collector.event(&Event {
            ts: self.now,
            cpu: 0,
            tid,
            phase,
            name: "call",
            result,
            is_older_form: false,
            operation,
        });
    }

    pub fn end(&mut self, tid: i64, result: i64, operation: Operation<'_>) {
        self.event(Phase::End, tid, Some(result), operation);
    }

    pub fn open(&mut self, tid: i64, fd: i64, path: &str, flags: u32) {
        self.open_by(OpenCall::Open, tid, fd, path, flags);
    }

    pub fn open_by(&mut self, call: OpenCall, tid: i64, fd: i64, path: &str, flags: u32) {
        self.end(
            tid,
            fd,
            Operation::Open(Open {
                call,
                path: Path {
                    path: Some(path.as_bytes()),
                    flags: Some(flags),
                    ..Path::default()
                },
                device: Some(8),
                inode: Some(77),
                resolve: None,
                announced: None,
            }),
        );
    }

    pub fn transfer(&mut self, tid: i64, fd: Fd, direction: Direction, bytes: i64) {
        self.transfer_with(tid, fd, direction, bytes, None);
    }

    pub fn transfer_with(
        &mut self,
        tid: i64,
        fd: Fd,
        direction: Direction,
        bytes: i64,
        tuple: Option<Tuple<'_>>,
    ) {
        let call = if tuple.is_some() {
            TransferCall::SocketAddressed
        } else {
            TransferCall::Plain
        };
        self.end(
            tid,
            bytes,
            Operation::Transfer(Transfer {
                direction,
                call,
                fd: Some(fd),
                size: None,
                data: None,
                tuple,
            }),
        );
    }

    pub fn close(&mut self, tid: i64, fd: Fd) {
        self.end(tid, 0, Operation::Close(Some(fd)));
    }

    pub fn duplicate(&mut self, tid: i64, old: Fd, new: Fd) {
        self.end(
            tid,
            i64::from(new),
            Operation::Duplicate(Duplicate {
                old: Some(old),
                new: Some(new),
                close_on_exec: None,
            }),
        );
    }

    pub fn pipe(&mut self, tid: i64, read: Fd, write: Fd, inode: u64) {
        self.end(
            tid,
            0,
            Operation::Pipe(Pipe {
                read: Some(read),
                write: Some(write),
                inode: Some(inode),
                flags: None,
            }),
        );
    }

    pub fn map(&mut self, phase: Phase, tid: i64, fd: Fd, result: Option<i64>) {
        self.event(
            phase,
            tid,
            result,
            Operation::Map(Map {
                fd: Some(fd),
                length: None,
                protection: None,
                flags: None,
                offset: None,
            }),
        );
    }

    pub fn socket(&mut self, tid: i64, fd: i64, domain: u32, kind: u32) {
        self.end(
            tid,
            fd,
            Operation::Socket(Socket {
                domain: Some(domain),
                kind: Some(kind),
                protocol: Some(0),
            }),
        );
    }

    pub fn connect(&mut self, tid: i64, fd: Fd, result: i64, source: &str, destination: &str) {
        let (source, destination) = (source.parse().unwrap(), destination.parse().unwrap());
        self.end(
            tid,
            result,
            Operation::Connect(Connect {
                fd: Some(fd),
                address: Some(Address::Internet(destination)),
                tuple: Some(Tuple::Internet {
                    source,
                    destination,
                }),
            }),
        );
    }

    pub fn accept(&mut self, tid: i64, fd: i64, is_accept4: bool, source: &str, destination: &str) {
        let (source, destination) = (source.parse().unwrap(), destination.parse().unwrap());
        self.end(
            tid,
            fd,
            Operation::Accept(Accept {
                tuple: Some(Tuple::Internet {
                    source,
                    destination,
                }),
                flags: None,
                is_accept4,
            }),
        );
    }

    fn image(tid: i64, pid: i64, parent: i64) -> Image<'static> {
        Image {
            exe: Some(b"sh"),
            arguments: Some(b"-c\0"),
            comm: Some(b"sh"),
            tid: Some(tid),
            pid: Some(pid),
            parent: Some(parent),
            uid: Some(0),
            gid: Some(0),
            namespace_tid: Some(tid),
            namespace_pid: Some(pid),
            ..Image::default()
        }
    }

    fn clone_told(&mut self, image: Image<'_>, tid: i64, result: i64, flags: u32) {
        self.end(
            tid,
            result,
            Operation::Clone(Clone {
                image,
                flags: Some(flags),
                namespace_start: None,
                is_clone3: false,
            }),
        );
    }

    /// A process makes another.
    pub fn fork(&mut self, tid: i64, child: i64) {
        self.clone_told(Self::image(tid, tid, 1), tid, child, 0);
        self.clone_told(Self::image(child, child, tid), child, 0, 0);
    }

    /// A process makes a thread.
    pub fn thread(&mut self, pid: i64, tid: i64) {
        let flags = sysflow_event::flags::clone::THREAD;
        self.clone_told(Self::image(pid, pid, 1), pid, tid, flags);
        self.clone_told(Self::image(tid, pid, 1), tid, 0, flags);
    }

    pub fn exec(&mut self, tid: i64, result: i64, path: &str, directory: &str) {
        let exec = Exec {
            image: Image {
                exe: Some(path.as_bytes()),
                directory: Some(directory.as_bytes()),
                ..Self::image(tid, tid, 1)
            },
            environment: Some(b"A=1\0"),
            terminal: Some(34_816),
            group: None,
            namespace_group: None,
            login_uid: Some(1000),
            flags: Some(0),
            capabilities: Capabilities::default(),
            inode: Some(5),
            changed: None,
            modified: None,
            resolved_path: Some(path.as_bytes()),
            path: Some(path.as_bytes()),
            directory: None,
            at_flags: None,
            is_at: false,
            ends_as_at: false,
        };
        self.end(tid, result, Operation::Exec(exec));
    }

    pub fn exit(&mut self, tid: i64, status: i64) {
        self.end(tid, status, Operation::Exit(Exit::default()));
    }

    pub fn make_directory(&mut self, tid: i64, path: &str, result: i64) {
        let path = Path {
            path: Some(path.as_bytes()),
            ..Path::default()
        };
        self.end(tid, result, Operation::MakeDirectory(path));
    }
}
