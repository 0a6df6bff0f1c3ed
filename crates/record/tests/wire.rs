//! Both ends of the socket against each other.

#![allow(clippy::unwrap_used)]

use std::fs;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use bstr::BStr;
use rustix::net::{AddressFamily, SendFlags, SocketAddrUnix, SocketFlags, SocketType};
use sysflow_record::avro::Array;
use sysflow_record::model::{Header, K8sEvent, Loss, Process, ProcessEvent};
use sysflow_record::wire::{
    Listener, ReceiveOptions, Receiver, SendOptions, Sender, Sent, WireError,
};
use sysflow_record::{Kind, Record};

const PATIENCE: Duration = Duration::from_secs(20);

struct Place {
    // Removed with everything in it at the end of the test.
    folder: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
        }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("run/sysflow.sock")
    }

    fn listen(&self) -> Listener {
        let options = ReceiveOptions {
            timeout: Some(PATIENCE),
            ..ReceiveOptions::default()
        };
        Listener::bind(self.path(), options).unwrap()
    }

    fn pair(&self, options: SendOptions) -> (Listener, Receiver, Sender) {
        let listener = self.listen();
        let sender = Sender::connect(self.path(), options).unwrap();
        let receiver = listener.accept().unwrap();
        (listener, receiver, sender)
    }
}

/// A socket on which anything can be sent.
fn raw(path: &Path) -> std::os::fd::OwnedFd {
    let flags = SocketFlags::CLOEXEC;
    let socket =
        rustix::net::socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None).unwrap();
    rustix::net::connect(&socket, &SocketAddrUnix::new(path).unwrap()).unwrap();
    socket
}

fn header() -> Record<'static> {
    Record::Header(Header {
        version: 5,
        exporter: "test".into(),
        ..Header::default()
    })
}

fn event(pid: i64) -> Record<'static> {
    let mut event = ProcessEvent::default();
    event.proc_oid.hpid = pid;
    Record::ProcessEvent(event)
}

fn encoded(record: &Record<'_>, version: u32) -> Vec<u8> {
    let mut message = Vec::new();
    assert!(record.write(version, &mut message));
    message
}

fn deliver(sender: &mut Sender, record: &Record<'_>) {
    assert_eq!(sender.send(record).unwrap(), Sent::Delivered);
}

#[test]
fn a_hundred_thousand_records_arrive_in_order() {
    const RECORDS: i64 = 100_000;
    let place = Place::new();
    let (_listener, mut receiver, mut sender) = place.pair(SendOptions::CLASSIC);
    let sending = thread::spawn(move || {
        deliver(&mut sender, &header());
        for pid in 0..RECORDS {
            deliver(&mut sender, &event(pid));
        }
        sender.counts()
    });
    let started = Instant::now();
    assert_eq!(receiver.next().unwrap().unwrap(), header());
    for pid in 0..RECORDS {
        assert_eq!(receiver.next().unwrap().unwrap(), event(pid));
    }
    assert!(receiver.next().unwrap().is_none());
    eprintln!("{RECORDS} records in {:?}", started.elapsed());
    let (sent, arrived) = (sending.join().unwrap(), receiver.counts());
    assert_eq!((sent.delivered, sent.lost), (100_001, 0));
    assert_eq!((arrived.messages, arrived.before_header), (100_001, 0));
}

#[test]
fn several_recorders_may_connect() {
    let place = Place::new();
    let listener = place.listen();
    let recorders = (0..4_i64).map(|recorder| {
        let path = place.path();
        thread::spawn(move || {
            let mut sender = Sender::connect(path, SendOptions::CLASSIC).unwrap();
            deliver(&mut sender, &header());
            (0..1000).for_each(|_| deliver(&mut sender, &event(recorder)));
        })
    });
    let recorders: Vec<_> = recorders.collect();
    let mut sum = 0;
    for _ in 0..4 {
        let mut receiver = listener.accept().unwrap();
        let mut first = None;
        while let Some(record) = receiver.next().unwrap() {
            if let Record::ProcessEvent(event) = record {
                assert_eq!(
                    *first.get_or_insert(event.proc_oid.hpid),
                    event.proc_oid.hpid
                );
                sum += event.proc_oid.hpid;
            }
        }
    }
    assert_eq!(sum, 6000);
    for recorder in recorders {
        recorder.join().unwrap();
    }
}

#[test]
fn long_messages_arrive_whole_on_a_native_connection() {
    let place = Place::new();
    let (_listener, mut receiver, mut sender) = place.pair(SendOptions::NATIVE);
    deliver(&mut sender, &header());
    let text = "x".repeat(100_000);
    let entries: Vec<&BStr> = vec!["NAME=value".into(); 3000];
    let process = Record::Process(Process {
        exe_args: text.as_str().into(),
        env: Array::from(&entries[..]),
        login_uid: 1000,
        ..Process::default()
    });
    deliver(&mut sender, &process);
    deliver(&mut sender, &Record::Loss(Loss::default()));
    drop(sender);
    let Some(Record::Header(announced)) = receiver.next().unwrap() else {
        panic!("no header")
    };
    assert_eq!(announced.version, 100);
    assert_eq!(receiver.version(), 100);
    assert_eq!(receiver.next().unwrap().unwrap(), process);
    assert_eq!(receiver.next().unwrap().unwrap().kind(), Kind::Loss);
    assert!(receiver.next().unwrap().is_none());
}

#[test]
fn long_processes_are_shortened_and_other_long_records_dropped() {
    let place = Place::new();
    let (_listener, mut receiver, mut sender) = place.pair(SendOptions::CLASSIC);
    deliver(&mut sender, &header());
    let entries: Vec<&BStr> = vec!["NAME=value".into(); 3000];
    let process = Process {
        exe: "/bin/true".into(),
        exe_args: "-v".into(),
        env: Array::from(&entries[..]),
        ..Process::default()
    };
    deliver(&mut sender, &Record::Process(process));
    let message = "m".repeat(20_000);
    let long = Record::K8sEvent(K8sEvent {
        message: message.as_str().into(),
        ..K8sEvent::default()
    });
    let dropped = sender.send(&long).unwrap_err();
    assert!(
        matches!(
            dropped,
            WireError::TooLarge {
                kind: Kind::K8sEvent,
                limit: 16_384,
                ..
            }
        ),
        "{dropped}"
    );
    let dropped = sender.send(&Record::Loss(Loss::default())).unwrap_err();
    assert!(
        matches!(dropped, WireError::NotInSchema { .. }),
        "{dropped}"
    );
    deliver(&mut sender, &event(1));
    let counts = sender.counts();
    assert_eq!((counts.truncated, counts.oversize), (1, 1));
    assert_eq!(
        (counts.not_in_schema, counts.lost, counts.delivered),
        (1, 0, 3)
    );
    assert_eq!(receiver.next().unwrap().unwrap().kind(), Kind::Header);
    let Some(Record::Process(shortened)) = receiver.next().unwrap() else {
        panic!("no process")
    };
    assert_eq!(shortened.exe_args, "-v");
    assert!(shortened.env.len() > 1400, "{}", shortened.env.len());
    assert!(encoded(&Record::Process(shortened), 5).len() <= 16_384);
    assert_eq!(receiver.next().unwrap().unwrap(), event(1));
}

#[test]
fn garbage_does_not_end_the_stream() {
    let place = Place::new();
    let options = ReceiveOptions {
        largest_message: 1000,
        timeout: Some(PATIENCE),
    };
    let listener = Listener::bind(place.path(), options).unwrap();
    let socket = raw(&place.path());
    let send = |data: &[u8]| rustix::net::send(&socket, data, SendFlags::NOSIGNAL).unwrap();
    send(&encoded(&event(1), 5));
    send(b"garbage");
    send(&encoded(&header(), 5));
    send(&[0; 1001]);
    send(&[encoded(&event(2), 5), vec![0]].concat());
    send(&encoded(&event(3), 5));
    let mut receiver = listener.accept().unwrap();
    assert_eq!(receiver.next().unwrap().unwrap(), event(1));
    let error = receiver.next().unwrap_err();
    assert!(
        matches!(error, WireError::Undecodable { message: 1, .. }),
        "{error}"
    );
    assert!(!error.is_fatal());
    assert_eq!(receiver.next().unwrap().unwrap(), header());
    let error = receiver.next().unwrap_err();
    assert!(
        matches!(
            error,
            WireError::Oversize {
                message: 3,
                length: 1001,
                limit: 1000
            }
        ),
        "{error}"
    );
    let error = receiver.next().unwrap_err();
    assert_eq!(
        error.to_string(),
        "message 4 is no record: 1 bytes are left over after the record"
    );
    assert_eq!(receiver.next().unwrap().unwrap(), event(3));
    drop(socket);
    assert!(receiver.next().unwrap().is_none());
    let counts = receiver.counts();
    assert_eq!((counts.messages, counts.before_header), (6, 1));
    assert_eq!((counts.oversize, counts.undecodable), (1, 2));
}

#[test]
fn a_consumer_that_dies_and_comes_back_is_found_again() {
    let place = Place::new();
    let (listener, receiver, mut sender) = place.pair(SendOptions::CLASSIC);
    deliver(&mut sender, &header());
    drop((receiver, listener));
    let error = sender.send(&event(1)).unwrap_err();
    assert!(matches!(error, WireError::Undelivered { .. }), "{error}");
    let error = sender.send(&event(2)).unwrap_err();
    assert!(matches!(error, WireError::NotConnected { .. }), "{error}");
    assert!(!sender.is_connected());
    thread::sleep(Duration::from_millis(15));
    let error = sender.send(&event(3)).unwrap_err();
    assert!(matches!(error, WireError::Undelivered { .. }), "{error}");

    let listener = place.listen();
    let started = Instant::now();
    let mut lost = 3;
    while started.elapsed() < PATIENCE {
        match sender.send(&event(4)) {
            Ok(Sent::Reconnected) => break,
            Ok(Sent::Delivered) => panic!("the caller was not told of the new connection"),
            Err(_) => lost += 1,
        }
        thread::sleep(Duration::from_millis(1));
    }
    deliver(&mut sender, &header());
    deliver(&mut sender, &event(4));
    let mut receiver = listener.accept().unwrap();
    assert_eq!(receiver.next().unwrap().unwrap(), header());
    assert_eq!(receiver.next().unwrap().unwrap(), event(4));
    let counts = sender.counts();
    assert_eq!(
        (counts.lost, counts.delivered, counts.connections),
        (lost, 3, 2)
    );
    assert_eq!(receiver.counts().before_header, 0);
}

#[test]
fn a_consumer_that_does_not_read_holds_nobody_up_for_ever() {
    let place = Place::new();
    let options = SendOptions {
        timeout: Duration::from_millis(50),
        ..SendOptions::CLASSIC
    };
    let (_listener, _receiver, mut sender) = place.pair(options);
    let started = Instant::now();
    let error = loop {
        if let Err(error) = sender.send(&event(1)) {
            break error;
        }
    };
    let WireError::Undelivered { source, .. } = error else {
        panic!("{error}")
    };
    assert_eq!(source.kind(), std::io::ErrorKind::WouldBlock);
    assert!(started.elapsed() < PATIENCE);
    assert_eq!(sender.counts().lost, 1);
}

#[test]
fn a_recorder_may_be_there_before_the_consumer() {
    let place = Place::new();
    let error = Sender::connect(place.path(), SendOptions::CLASSIC).unwrap_err();
    assert!(error.to_string().contains("sysflow.sock"), "{error}");
    let mut sender = Sender::new(place.path(), SendOptions::CLASSIC);
    assert!(sender.send(&header()).is_err());
    let _listener = place.listen();
    thread::sleep(Duration::from_millis(15));
    assert_eq!(sender.send(&header()).unwrap(), Sent::Reconnected);
    deliver(&mut sender, &header());
}

#[test]
fn only_a_socket_on_which_nobody_answers_is_replaced() {
    let place = Place::new();
    let path = place.path();
    fs::create_dir(path.parent().unwrap()).unwrap();
    // Sockets of other types are left behind by others.
    drop(UnixDatagram::bind(&path).unwrap());
    assert!(path.exists());
    let listener = place.listen();
    assert_eq!(
        fs::metadata(&path).unwrap().permissions().mode() & 0o777,
        0o600
    );

    let error = Listener::bind(&path, ReceiveOptions::default()).unwrap_err();
    assert!(matches!(error, WireError::InUse(_)), "{error}");
    assert!(fs::metadata(&path).unwrap().file_type().is_socket());
    drop(listener);
    assert!(!path.exists());

    fs::write(&path, "precious").unwrap();
    let error = Listener::bind(&path, ReceiveOptions::default()).unwrap_err();
    assert!(matches!(error, WireError::NotASocket(_)), "{error}");
    assert_eq!(fs::read(&path).unwrap(), b"precious");
    fs::remove_file(&path).unwrap();
    std::os::unix::fs::symlink("elsewhere", &path).unwrap();
    let error = Listener::bind(&path, ReceiveOptions::default()).unwrap_err();
    assert!(matches!(error, WireError::NotASocket(_)), "{error}");
}

#[test]
fn directories_are_made_for_us_alone_and_paths_of_others_stay() {
    let place = Place::new();
    let listener = place.listen();
    let folder = place.path().parent().unwrap().to_owned();
    assert_eq!(
        fs::metadata(folder).unwrap().permissions().mode() & 0o777,
        0o700
    );
    // Someone else takes the path over: it is no longer ours to remove.
    fs::remove_file(place.path()).unwrap();
    let _other = UnixDatagram::bind(place.path()).unwrap();
    drop(listener);
    assert!(place.path().exists());
    let long = place.folder.path().join("x".repeat(200));
    let error = Listener::bind(long, ReceiveOptions::default()).unwrap_err();
    assert!(
        matches!(error, WireError::Io { action: "name", .. }),
        "{error}"
    );
}

#[test]
fn waiting_can_be_limited() {
    let place = Place::new();
    let options = ReceiveOptions {
        timeout: Some(Duration::from_millis(10)),
        ..ReceiveOptions::default()
    };
    let listener = Listener::bind(place.path(), options).unwrap();
    assert!(matches!(listener.accept(), Err(WireError::Idle)));
    let mut sender = Sender::connect(place.path(), SendOptions::CLASSIC).unwrap();
    let mut receiver = listener.accept().unwrap();
    assert!(matches!(receiver.next(), Err(WireError::Idle)));
    deliver(&mut sender, &header());
    assert!(receiver.next().unwrap().is_some());
}
