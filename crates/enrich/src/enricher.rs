//! The handle on the background thread.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::mpsc::Sender;

use crate::answer::{Answer, ContainerKey};
use crate::cgroup::is_name;
use crate::error::Error;
use crate::learn::Sources;
use crate::settings::Settings;
use crate::statistics::{Counters, Statistics};
use crate::worker::{Request, Worker};

/// Learns about containers in the background.
///
/// Questions and answers go through bounded queues; no call but [`Enricher::wait`] and the drop of the handle waits for
/// anything. Failures are counted, never logged.
#[derive(Debug)]
pub struct Enricher {
    // Dropped to tell the thread to end.
    requests: Option<Sender<Request>>,
    answers: Option<Receiver<Answer>>,
    counters: Arc<Counters>,
    thread: Option<JoinHandle<()>>,
}

impl Enricher {
    /// Starts the thread. Runtimes need not be there yet.
    pub fn start(settings: Settings) -> Result<Self, Error> {
        let length = settings.queue_length.max(1);
        let (requests, taken) = tokio::sync::mpsc::channel(length);
        let (told, answers) = sync_channel(length);
        let counters = Arc::new(Counters::default());
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .enable_time()
            .build()
            .map_err(Error::Start)?;
        let counting = counters.clone();
        let thread = std::thread::Builder::new()
            .name("sysflow-enrich".to_owned())
            .spawn(move || {
                runtime.block_on(async {
                    let sources = Sources::new(settings);
                    Worker::new(sources, counting, taken, told).run().await;
                });
            })
            .map_err(Error::Start)?;
        Ok(Self {
            requests: Some(requests),
            answers: Some(answers),
            counters,
            thread: Some(thread),
        })
    }

    /// Asks about a container. `pid` is a process in it as numbered on the host, if one is known: when it has gone, an
    /// unknown container is asked about no longer.
    ///
    /// Asking is for when a container is seen first; the caller keeps what it was told. `false` where too much waits
    /// already or the key can name no container: nothing will be answered, and the caller may ask again later.
    pub fn look_up(&self, key: ContainerKey, pid: Option<u32>) -> bool {
        let is_sound = is_name(&key.id) && key.namespace.as_deref().is_none_or(is_name);
        let is_taken = is_sound && self.send(Request::LookUp(key, pid));
        if is_taken {
            self.counters.requests.count();
        } else {
            self.counters.requests_refused.count();
        }
        is_taken
    }

    /// Forgets a container that the caller saw end.
    pub fn forget(&self, key: ContainerKey) {
        // One that is not taken is forgotten later, when its first process is seen to have gone.
        let _ = self.send(Request::Forget(key));
    }

    fn send(&self, request: Request) -> bool {
        self.requests
            .as_ref()
            .is_some_and(|requests| requests.try_send(request).is_ok())
    }

    /// The next answer, if there is one.
    pub fn next_answer(&self) -> Option<Answer> {
        self.answers.as_ref()?.try_recv().ok()
    }

    /// The next answer, waiting for it for a time.
    pub fn wait(&self, longest: Duration) -> Option<Answer> {
        self.answers.as_ref()?.recv_timeout(longest).ok()
    }

    /// What was asked, learnt and lost so far.
    pub fn statistics(&self) -> Statistics {
        self.counters.read()
    }
}

impl Drop for Enricher {
    fn drop(&mut self) {
        self.requests = None;
        self.answers = None;
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has said so itself.
            let _ = thread.join();
        }
    }
}
