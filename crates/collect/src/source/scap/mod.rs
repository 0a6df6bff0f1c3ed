//! Captures: from the items of a capture file to snapshots and events.
//!
//! Old captures tell the arguments of an operation where it begins and its result where it ends. This
//! module keeps the last beginning of each thread and joins the two. Where a beginning was lost, what it
//! would have told is `None` in the event: no descriptor is ever guessed.

mod arguments;
mod container;
mod operations;
mod process_operations;
mod raw;
mod roles;
mod state;

use std::collections::HashMap;

use sysflow_event::{Event, Operation, Phase};
use sysflow_scap::{Arguments, Code, Event as Recorded, Item, KeptEvent};

use super::Observer;
use raw::Raw;
use roles::Role;

/// Beginnings of threads that are kept at most. Threads whose end is never seen would pile up otherwise.
const MOST_PENDING: usize = 1 << 16;

/// Translates a capture.
#[derive(Debug, Default)]
pub struct ScapSource {
    pending: HashMap<i64, Pending, foldhash::fast::FixedState>,
    started: bool,
}

/// The last beginning of an operation of a thread.
#[derive(Debug)]
struct Pending {
    code: Code,
    /// Its arguments, where the end needs them.
    kept: KeptEvent,
}

impl ScapSource {
    /// A translator at the start of a capture.
    pub fn new() -> Self {
        Self::default()
    }

    /// Translates one item and tells the observer.
    #[inline]
    pub fn translate<O: Observer>(&mut self, item: &Item<'_>, observer: &mut O) {
        if let Item::Event(event) = item {
            self.translate_event(event, observer);
            return;
        }
        if let Item::Section(_) = item {
            self.pending.clear();
            if std::mem::replace(&mut self.started, true) {
                observer.restart();
            }
            return;
        }
        if let Some(snapshot) = state::snapshot(item) {
            observer.snapshot(&snapshot);
        }
    }

    #[inline]
    fn translate_event<O: Observer>(&mut self, event: &Recorded<'_>, observer: &mut O) {
        match Role::of(event.code()) {
            Role::Tick => {
                let tick = Event {
                    operation: Operation::Tick,
                    ..plain(event)
                };
                observer.event_with(&tick, &Raw::new(event));
            }
            Role::Meta => state::meta(event, observer),
            Role::Other if event.is_enter() => {
                self.begin(event, O::WANTS_ARGUMENTS);
                observer.event_with(&plain(event), &Raw::new(event));
            }
            Role::Other if O::WANTS_ARGUMENTS => self.end_other(event, observer),
            Role::Other => {
                self.forget(event.tid());
                observer.event(&plain(event));
            }
            Role::Exit => {
                self.pending.remove(&event.tid());
                let exit = Event {
                    phase: Phase::End,
                    result: event.i64(0),
                    operation: Operation::Exit(arguments::exit(event)),
                    ..plain(event)
                };
                observer.event_with(&exit, &Raw::new(event));
            }
            Role::Full if event.is_enter() => {
                self.begin(event, true);
                let begin = Event {
                    operation: operations::begin(event),
                    ..plain(event)
                };
                observer.event_with(&begin, &Raw::new(event));
            }
            Role::Full => self.end(event, observer),
        }
    }

    /// Remembers a beginning, with its arguments where the end needs them.
    #[inline]
    fn begin(&mut self, event: &Recorded<'_>, keep: bool) {
        if self.pending.len() >= MOST_PENDING && !self.pending.contains_key(&event.tid()) {
            self.pending.clear();
        }
        let pending = self.pending.entry(event.tid()).or_insert_with(|| Pending {
            code: event.code(),
            kept: KeptEvent::default(),
        });
        pending.code = event.code();
        if keep {
            pending.kept.keep(event);
        }
    }

    /// The operation in hand has ended, and nothing of its beginning is needed.
    #[inline]
    fn forget(&mut self, tid: i64) {
        if let Some(pending) = self.pending.get_mut(&tid) {
            pending.code = Code(u16::MAX);
        }
    }

    /// The end of an operation without an effect, with its arguments.
    fn end_other<O: Observer>(&mut self, event: &Recorded<'_>, observer: &mut O) {
        let pending = self.pending.get_mut(&event.tid());
        let enter = pending
            .as_deref()
            .filter(|pending| pending.code == event.code().enter())
            .and_then(|pending| pending.kept.event());
        let whole = event.upgraded(enter.as_ref());
        let end = Event {
            name: raw::name_of(&whole),
            ..plain(event)
        };
        observer.event_with(&end, &Raw::new(&whole));
        if let Some(pending) = pending {
            pending.code = Code(u16::MAX);
        }
    }

    fn end<O: Observer>(&mut self, event: &Recorded<'_>, observer: &mut O) {
        let pending = self.pending.get_mut(&event.tid());
        let enter = pending.as_deref().and_then(|pending| {
            let is_own = pending.code == event.code().enter();
            // A successful `execveat` ends as an `execve`.
            let is_at = pending.code == Code::SYSCALL_EXECVEAT_E && event.name() == "execve";
            (is_own || is_at).then(|| pending.kept.event()).flatten()
        });
        let whole = event.upgraded(enter.as_ref());
        let end = Event {
            phase: Phase::End,
            name: whole.info().name,
            result: whole.i64(0),
            is_older_form: whole.code() != event.code(),
            operation: operations::end(&whole, enter.as_ref()),
            ..plain(event)
        };
        observer.event_with(&end, &Raw::new(&whole));
        if let Some(pending) = pending {
            pending.code = Code(u16::MAX);
        }
    }
}

/// An event of which nothing is told but when and by whom.
#[inline]
fn plain<'a>(event: &Recorded<'a>) -> Event<'a> {
    Event {
        ts: event.timestamp(),
        cpu: event.cpu(),
        tid: event.tid(),
        phase: if event.is_exit() {
            Phase::End
        } else {
            Phase::Begin
        },
        name: event.name(),
        result: None,
        is_older_form: false,
        operation: Operation::Other,
    }
}
