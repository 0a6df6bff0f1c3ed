//! The background thread: what is asked, when, and again.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, TrySendError};
use std::time::{Duration, Instant};

use tokio::sync::mpsc::Receiver;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, sleep};

use crate::answer::{Answer, ContainerKey};
use crate::cache::Cache;
use crate::facts::RuntimeKind;
use crate::learn::{Learnt, Sources, is_less};
use crate::process::ProcessMark;
use crate::statistics::Counters;

/// How often it is tried to hand over answers that nobody fetches.
const DELIVERY_PAUSE: Duration = Duration::from_millis(20);
/// The pause when there is nothing to do but to wait for questions.
const IDLE_PAUSE: Duration = Duration::from_secs(3600);

/// What the caller wants.
pub(crate) enum Request {
    LookUp(ContainerKey, Option<u32>),
    Forget(ContainerKey),
}

pub(crate) struct Worker {
    sources: Arc<Sources>,
    counters: Arc<Counters>,
    requests: Receiver<Request>,
    answers: SyncSender<Answer>,
    undelivered: VecDeque<Answer>,
    cache: Cache,
    waiting: HashMap<ContainerKey, Waiting>,
    attempts: JoinSet<(ContainerKey, Learnt)>,
}

/// A container that is asked about.
struct Waiting {
    /// A process in it.
    process: Option<ProcessMark>,
    asked: Instant,
    /// When it is asked about next; `None` while it is.
    next: Option<Instant>,
    attempts: u32,
    is_told_unknown: bool,
    /// Whether facts were told, and more are hoped for.
    is_known: bool,
}

impl Waiting {
    fn new(process: Option<ProcessMark>) -> Self {
        let now = Instant::now();
        Self {
            process,
            asked: now,
            next: Some(now),
            attempts: 0,
            is_told_unknown: false,
            is_known: false,
        }
    }
}

impl Worker {
    pub(crate) fn new(
        sources: Sources,
        counters: Arc<Counters>,
        requests: Receiver<Request>,
        answers: SyncSender<Answer>,
    ) -> Self {
        Self {
            cache: Cache::new(sources.settings.most_containers),
            sources: Arc::new(sources),
            counters,
            requests,
            answers,
            undelivered: VecDeque::new(),
            waiting: HashMap::new(),
            attempts: JoinSet::new(),
        }
    }

    /// Works until the caller has gone.
    pub(crate) async fn run(mut self) {
        let mut sweep = interval(self.sources.settings.sweep.max(Duration::from_millis(10)));
        sweep.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let has_room = self.undelivered.len() < self.sources.settings.queue_length;
            let pause = self.pause();
            tokio::select! {
                request = self.requests.recv(), if has_room => match request {
                    Some(request) => self.take(request),
                    None => return,
                },
                Some(finished) = self.attempts.join_next() => {
                    // Attempts are neither aborted nor do they panic; if one did, its container is asked again.
                    if let Ok((key, learnt)) = finished {
                        self.finish(key, learnt);
                    }
                }
                () = sleep(pause) => {}
                _ = sweep.tick() => self.sweep(),
            }
            if !self.deliver() {
                return;
            }
            self.start_due();
        }
    }

    /// How long there is nothing to do.
    fn pause(&self) -> Duration {
        let until_due = if self.attempts.len() < self.parallel() {
            let next = self
                .waiting
                .values()
                .filter_map(|waiting| waiting.next)
                .min();
            next.map(|next| next.saturating_duration_since(Instant::now()))
        } else {
            None
        };
        let until_delivery = (!self.undelivered.is_empty()).then_some(DELIVERY_PAUSE);
        let pauses = [until_due, until_delivery];
        pauses.into_iter().flatten().min().unwrap_or(IDLE_PAUSE)
    }

    fn parallel(&self) -> usize {
        self.sources.settings.parallel.max(1)
    }

    fn take(&mut self, request: Request) {
        match request {
            Request::Forget(key) => {
                self.cache.remove(&key);
                self.waiting.remove(&key);
            }
            Request::LookUp(key, pid) => self.look_up(key, pid),
        }
    }

    fn look_up(&mut self, key: ContainerKey, pid: Option<u32>) {
        if let Some(known) = self.cache.get(&key) {
            self.counters.answers_cached.count();
            let answer = Answer::Known(key, known.facts.clone());
            self.undelivered.push_back(answer);
            return;
        }
        if let Some(waiting) = self.waiting.get_mut(&key) {
            // Somebody sees it still: hope anew, unless it is being asked about.
            if waiting.is_told_unknown && waiting.next.is_some() {
                *waiting = Waiting::new(pid.and_then(ProcessMark::of));
            }
            return;
        }
        if self.waiting.len() >= self.sources.settings.most_waiting {
            self.counters.requests_refused.count();
            self.tell_unknown(key);
            return;
        }
        let waiting = Waiting::new(pid.and_then(ProcessMark::of));
        self.waiting.insert(key, waiting);
    }

    fn tell_unknown(&mut self, key: ContainerKey) {
        self.counters.answers_unknown.count();
        self.undelivered.push_back(Answer::Unknown(key));
    }

    /// Starts the attempts that are due, the longest due first, as many as may run.
    fn start_due(&mut self) {
        let room = self.parallel().saturating_sub(self.attempts.len());
        if room == 0 {
            return;
        }
        let now = Instant::now();
        let mut due: Vec<_> = self
            .waiting
            .iter()
            .filter_map(|(key, waiting)| Some((waiting.next.filter(|next| *next <= now)?, key)))
            .collect();
        due.sort_unstable_by_key(|(next, _)| *next);
        let due: Vec<_> = due
            .into_iter()
            .take(room)
            .map(|(_, key)| key.clone())
            .collect();
        for key in due {
            if let Some(waiting) = self.waiting.get_mut(&key) {
                waiting.next = None;
            }
            let sources = self.sources.clone();
            let counters = self.counters.clone();
            self.attempts.spawn(async move {
                let learnt = sources.learn(&key, &counters).await;
                (key, learnt)
            });
        }
    }

    fn finish(&mut self, key: ContainerKey, learnt: Learnt) {
        // Whoever was forgotten meanwhile is of no interest.
        let Some(mut waiting) = self.waiting.remove(&key) else {
            return;
        };
        let known = self.cache.get(&key).map(|known| known.facts.clone());
        // Nor is more about one that had to make room.
        if waiting.is_known && known.is_none() {
            return;
        }
        waiting.attempts += 1;
        let settings = &self.sources.settings;
        let age = waiting.asked.elapsed();
        let has_patience = age < settings.patience;
        let is_over = match learnt.facts {
            Some(facts) => {
                waiting.is_known = true;
                if known.is_none_or(|known| facts != *known && !is_less(&facts, &known)) {
                    let facts = Arc::new(facts);
                    if self.cache.insert(key.clone(), facts.clone()) {
                        self.counters.evicted.count();
                    }
                    self.counters.answers_known.count();
                    self.undelivered
                        .push_back(Answer::Known(key.clone(), facts));
                }
                learnt.is_final || !has_patience
            }
            None if waiting.is_known => {
                let has_ended = learnt.is_denied && self.cache.remove(&key).is_some();
                if has_ended {
                    self.tell_ended(key.clone());
                }
                has_ended || !has_patience
            }
            None if has_patience => false,
            None => {
                if !waiting.is_told_unknown {
                    waiting.is_told_unknown = true;
                    self.tell_unknown(key.clone());
                }
                let has_gone = waiting.process.is_some_and(|process| !process.is_there());
                is_guess(&key) || has_gone || age >= self.sources.settings.give_up
            }
        };
        if !is_over {
            waiting.next = Some(Instant::now() + self.pause_after(waiting.attempts));
            self.waiting.insert(key, waiting);
        }
    }

    fn pause_after(&self, attempts: u32) -> Duration {
        let settings = &self.sources.settings;
        let factor = 2_u32.saturating_pow(attempts.saturating_sub(1));
        settings.first_pause.saturating_mul(factor).clamp(
            Duration::from_millis(1),
            settings.longest_pause.max(Duration::from_millis(1)),
        )
    }

    /// Forgets what has ended, and asks again where it cannot be seen or where files told only.
    fn sweep(&mut self) {
        for key in self.cache.take_ended() {
            self.waiting.remove(&key);
            self.tell_ended(key);
        }
        let settings = &self.sources.settings;
        let mut room = settings.most_waiting.saturating_sub(self.waiting.len());
        for (key, known) in self.cache.iter_mut() {
            let is_old = known.asked.elapsed() >= settings.longest_pause;
            let is_doubtful =
                known.first_process.is_none() || known.facts.origin == crate::facts::Origin::Files;
            if room > 0 && is_old && is_doubtful && self.sources.has_runtime_for(key) {
                known.asked = Instant::now();
                room -= 1;
                // One attempt: patience ended when it was first told.
                let mut waiting = Waiting::new(known.first_process);
                waiting.is_known = true;
                waiting.asked = waiting
                    .asked
                    .checked_sub(settings.patience)
                    .unwrap_or(waiting.asked);
                self.waiting.entry(key.clone()).or_insert(waiting);
            }
        }
    }

    fn tell_ended(&mut self, key: ContainerKey) {
        // Nobody fetches answers: ends are the first that are lost, they only free memory.
        if self.undelivered.len() >= self.sources.settings.queue_length.saturating_mul(2) {
            self.counters.answers_dropped.count();
            return;
        }
        self.counters.answers_ended.count();
        self.undelivered.push_back(Answer::Ended(key));
    }

    /// Hands over what fits. Tells whether the caller is still there.
    fn deliver(&mut self) -> bool {
        while let Some(answer) = self.undelivered.pop_front() {
            match self.answers.try_send(answer) {
                Ok(()) => {}
                Err(TrySendError::Full(answer)) => {
                    self.undelivered.push_front(answer);
                    return true;
                }
                Err(TrySendError::Disconnected(_)) => return false,
            }
        }
        true
    }
}

/// Whether the path that led to a container is no proof of it.
fn is_guess(key: &ContainerKey) -> bool {
    match key.kind {
        RuntimeKind::Oci => true,
        RuntimeKind::Containerd => crate::image::id_of(&key.id).is_none(),
        _ => false,
    }
}
