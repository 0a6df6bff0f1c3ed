//! How questions are answered, by a runtime of our own that answers as it is told.
#![allow(clippy::unwrap_used, missing_docs)]
#![cfg(feature = "docker")]

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use sysflow_enrich::{
    Answer, ContainerKey, Directories, Enricher, RuntimeKind, Settings, Socket, SocketKind,
};
use tempfile::TempDir;

const LONG: Duration = Duration::from_secs(20);
const SHORT: Duration = Duration::from_millis(100);

/// A runtime at a socket: what it answers for each resource. It never answers what begins with `hang`.
struct Fake {
    directory: TempDir,
    answers: Arc<Mutex<HashMap<String, String>>>,
}

impl Fake {
    fn new() -> Self {
        let fake = Self::absent();
        fake.listen();
        fake
    }

    /// One that does not listen yet.
    fn absent() -> Self {
        Self {
            directory: tempfile::tempdir().unwrap(),
            answers: Arc::default(),
        }
    }

    fn listen(&self) {
        let listener = UnixListener::bind(self.socket()).unwrap();
        let answers = self.answers.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let answers = answers.clone();
                std::thread::spawn(move || serve(&stream.unwrap(), &answers));
            }
        });
    }

    fn socket(&self) -> PathBuf {
        self.directory.path().join("runtime.sock")
    }

    /// Answers for a container with a whole HTTP response.
    fn says(&self, id: &str, response: &str) {
        let resource = format!("/containers/{id}/json");
        self.answers
            .lock()
            .unwrap()
            .insert(resource, response.to_owned());
    }

    /// Knows a container.
    fn knows(&self, id: &str, name: &str, started: &str) {
        let body =
            format!(r#"{{"Id":"{id}","Name":"/{name}","State":{{"StartedAt":"{started}"}}}}"#);
        self.says(id, &response("200 OK", &body));
    }

    fn settings(&self) -> Settings {
        Settings {
            sockets: vec![Socket::new(SocketKind::Docker, self.socket())],
            directories: Directories {
                docker: Vec::new(),
                containerd_tasks: Vec::new(),
                containers_storage: Vec::new(),
                oci_states: Vec::new(),
            },
            timeout: LONG,
            first_pause: Duration::from_millis(5),
            longest_pause: Duration::from_millis(50),
            patience: Duration::from_millis(500),
            ..Settings::default()
        }
    }
}

fn response(status: &str, body: &str) -> String {
    format!(
        "HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

fn serve(stream: &UnixStream, answers: &Mutex<HashMap<String, String>>) {
    let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
    let Some(Ok(request)) = lines.next() else {
        return;
    };
    while lines
        .next()
        .is_some_and(|line| line.is_ok_and(|line| !line.is_empty()))
    {}
    let resource = request.split(' ').nth(1).unwrap_or_default();
    let answer = answers.lock().unwrap().get(resource).cloned();
    let answer = answer.unwrap_or_else(|| response("404 Not Found", "{}"));
    if answer.starts_with("hang") {
        std::thread::sleep(LONG);
    }
    let mut stream = stream;
    let _ = stream.write_all(answer.as_bytes());
}

fn id(number: u32) -> String {
    format!("{number:064x}")
}

fn key(number: u32) -> ContainerKey {
    ContainerKey::new(id(number), RuntimeKind::Docker)
}

fn name_of(answer: Option<Answer>) -> Option<String> {
    match answer {
        Some(Answer::Known(_, facts)) => Some(facts.name.clone()),
        _ => None,
    }
}

#[test]
fn a_container_that_is_not_known_yet_is_asked_about_again() {
    let fake = Fake::new();
    let enricher = Enricher::start(fake.settings()).unwrap();
    assert!(enricher.look_up(key(1), None));
    assert_eq!(enricher.wait(SHORT), None);
    // At first it has not started.
    fake.knows(&id(1), "early", "0001-01-01T00:00:00Z");
    assert_eq!(name_of(enricher.wait(LONG)).unwrap(), "early");
    fake.knows(&id(1), "late", "2024-01-01T00:00:00Z");
    assert_eq!(name_of(enricher.wait(LONG)).unwrap(), "late");
    assert_eq!(enricher.wait(SHORT), None);
    let attempts = enricher.statistics().attempts;
    assert!(attempts >= 3);
    // What is known is told from memory.
    assert!(enricher.look_up(key(1), None));
    assert_eq!(name_of(enricher.wait(LONG)).unwrap(), "late");
    let statistics = enricher.statistics();
    assert_eq!(
        (statistics.attempts, statistics.answers_cached),
        (attempts, 1)
    );
}

#[test]
fn an_unknown_container_is_told_once_and_may_be_known_later() {
    let fake = Fake::new();
    let enricher = Enricher::start(fake.settings()).unwrap();
    let start = Instant::now();
    assert!(enricher.look_up(key(1), None));
    assert_eq!(enricher.wait(LONG), Some(Answer::Unknown(key(1))));
    assert!(start.elapsed() >= Duration::from_millis(450));
    assert_eq!(enricher.wait(SHORT), None);
    fake.knows(&id(1), "late", "2024-01-01T00:00:00Z");
    assert_eq!(name_of(enricher.wait(LONG)).unwrap(), "late");
}

#[test]
fn a_container_that_the_runtime_forgot_has_ended() {
    let fake = Fake::new();
    // Its first process is not known.
    fake.knows(&id(1), "one", "2024-01-01T00:00:00Z");
    let enricher = Enricher::start(Settings {
        sweep: Duration::from_millis(50),
        ..fake.settings()
    })
    .unwrap();
    assert!(enricher.look_up(key(1), None));
    assert_eq!(name_of(enricher.wait(LONG)).unwrap(), "one");
    assert_eq!(enricher.wait(SHORT), None);
    fake.says(&id(1), &response("404 Not Found", "{}"));
    assert_eq!(enricher.wait(LONG), Some(Answer::Ended(key(1))));
    assert_eq!(enricher.statistics().answers_ended, 1);
}

#[test]
fn a_runtime_that_comes_back_adds_to_what_files_told() {
    let fake = Fake::absent();
    let files = fake.directory.path().join("containers").join(id(1));
    std::fs::create_dir_all(&files).unwrap();
    let file = format!(r#"{{"ID":"{}","Name":"/of-files"}}"#, id(1));
    std::fs::write(files.join("config.v2.json"), file).unwrap();
    fake.knows(&id(1), "of-runtime", "2024-01-01T00:00:00Z");
    let mut settings = fake.settings();
    settings.sweep = Duration::from_millis(50);
    settings.directories.docker = vec![fake.directory.path().into()];
    let enricher = Enricher::start(settings).unwrap();
    assert!(enricher.look_up(key(1), None));
    assert_eq!(name_of(enricher.wait(LONG)).unwrap(), "of-files");
    assert_eq!(enricher.wait(SHORT), None);
    fake.listen();
    assert_eq!(name_of(enricher.wait(LONG)).unwrap(), "of-runtime");
    assert_eq!(enricher.wait(SHORT), None);
}

#[test]
fn failures_are_counted_by_kind() {
    let fake = Fake::new();
    let enricher = Enricher::start(fake.settings()).unwrap();
    fake.says(&id(1), &response("500 Internal Server Error", "{}"));
    fake.says(&id(2), &response("200 OK", "{\"Id\":"));
    fake.says(&id(3), &response("200 OK", "[]"));
    for number in 1..=3 {
        assert!(enricher.look_up(key(number), None));
    }
    for _ in 1..=3 {
        assert!(matches!(enricher.wait(LONG), Some(Answer::Unknown(_))));
    }
    let statistics = enricher.statistics();
    assert!(statistics.runtimes_refused > 0 && statistics.malformed > 1);
    assert_eq!(
        (statistics.runtimes_slow, statistics.runtimes_unreachable),
        (0, 0)
    );
    // An answer that is cut off, and one that is none.
    fake.says(&id(4), "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{");
    fake.says(&id(5), "SSH-2.0-other\r\n");
    for number in 4..=5 {
        assert!(enricher.look_up(key(number), None));
        assert_eq!(enricher.wait(LONG), Some(Answer::Unknown(key(number))));
    }
    assert!(enricher.statistics().runtimes_unreachable > 0);
}

#[test]
fn a_runtime_that_hangs_is_left_alone_for_a_while() {
    let fake = Fake::new();
    let enricher = Enricher::start(Settings {
        timeout: Duration::from_millis(200),
        ..fake.settings()
    })
    .unwrap();
    fake.says(&id(1), "hang");
    let start = Instant::now();
    assert!(enricher.look_up(key(1), None));
    assert_eq!(enricher.wait(LONG), Some(Answer::Unknown(key(1))));
    // One question waited for its time; the others did not.
    assert!(start.elapsed() < Duration::from_secs(2));
    assert!(enricher.statistics().runtimes_slow > 2);
    // The end does not wait for an answer.
    drop(enricher);
    assert!(start.elapsed() < Duration::from_secs(3));
}

#[test]
fn queues_and_memory_are_bounded() {
    let fake = Fake::new();
    for number in 0..40 {
        fake.knows(&id(number), &number.to_string(), "2024-01-01T00:00:00Z");
    }
    let enricher = Enricher::start(Settings {
        queue_length: 4,
        most_containers: 8,
        most_waiting: 8,
        ..fake.settings()
    })
    .unwrap();
    // Nobody fetches answers: at some time no more questions are taken.
    let start = Instant::now();
    let mut taken = 0;
    while enricher.look_up(key(taken), None) || start.elapsed() < Duration::from_millis(500) {
        taken = (taken + 1) % 40;
    }
    assert!(enricher.statistics().requests_refused > 0);
    let mut answers = 0;
    while enricher.wait(Duration::from_millis(500)).is_some() {
        answers += 1;
    }
    let statistics = enricher.statistics();
    let told = statistics.answers_known + statistics.answers_unknown + statistics.answers_cached;
    assert_eq!(answers, told);
    // Later ones are answered again, and more than fit were forgotten.
    for number in 0..40 {
        assert!(enricher.look_up(key(number), None));
        assert_eq!(name_of(enricher.wait(LONG)), Some(number.to_string()));
    }
    assert!(enricher.statistics().evicted >= 32);
}

#[test]
fn what_can_be_no_container_is_not_asked_about() {
    let fake = Fake::new();
    let enricher = Enricher::start(fake.settings()).unwrap();
    for id in ["", "..", "a/b", "a?b", "a\r\nb", "../../images/x"] {
        assert!(!enricher.look_up(ContainerKey::new(id, RuntimeKind::Docker), None));
    }
    assert_eq!(enricher.statistics().requests_refused, 6);
}
