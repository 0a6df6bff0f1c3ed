//! The clock of a story, and how an event is put together.

use sysflow_event::{Event, Observer, Operation, Phase};
use sysflow_scap::Code;

use crate::arguments::{self, Arguments, Given};

const SECOND: u64 = 1_000_000_000;

/// A story tells no more events than this, so that a slip of the pen does not take all day.
pub(crate) const MOST_EVENTS: u64 = 200_000;

/// Gaps in time are told by so many ticks at most.
const MOST_TICKS: u64 = 600;

/// Tells events to whoever takes them.
pub(crate) struct Teller<'o, O> {
    observer: &'o mut O,
    /// The time, ns since the epoch.
    pub(crate) now: u64,
    /// Events told so far.
    count: u64,
}

/// Who does something, and what comes of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Who {
    pub(crate) pid: i64,
    pub(crate) tid: i64,
    /// What the call returns, where the story says so.
    pub(crate) result: Option<i64>,
    /// The number of the repetition, from 1.
    pub(crate) number: u32,
}

impl Who {
    /// Whether the call succeeds.
    pub(crate) fn succeeds(&self) -> bool {
        self.result.is_none_or(|result| result >= 0)
    }
}

/// What a verb tells.
pub(crate) struct Told<'t, 'a> {
    pub(crate) tid: i64,
    pub(crate) code: Code,
    /// The name, where it is not that of the code.
    pub(crate) name: Option<&'static str>,
    pub(crate) result: Option<i64>,
    pub(crate) operation: Operation<'t>,
    pub(crate) arguments: &'a [(&'static str, Given<'t>)],
}

impl<'o, O: Observer> Teller<'o, O> {
    pub(crate) const fn new(observer: &'o mut O, now: u64) -> Self {
        Self {
            observer,
            now,
            count: 0,
        }
    }

    pub(crate) const fn observer(&mut self) -> &mut O {
        self.observer
    }

    /// Tells the end of a system call.
    #[allow(clippy::large_types_passed_by_value, reason = "stories are short")]
    pub(crate) fn call(
        &mut self,
        who: Who,
        call: &str,
        result: i64,
        operation: Operation<'_>,
        arguments: &[(&'static str, Given<'_>)],
    ) {
        self.tell(&Told {
            tid: who.tid,
            code: arguments::code_of(call),
            name: None,
            result: Some(result),
            operation,
            arguments,
        });
    }

    pub(crate) fn tell(&mut self, told: &Told<'_, '_>) {
        self.count += 1;
        let info = arguments::info(told.code);
        let event = Event {
            ts: self.now,
            cpu: 0,
            tid: told.tid,
            phase: if told.code.0 % 2 == 1 || matches!(told.operation, Operation::Exit(_)) {
                Phase::End
            } else {
                Phase::Begin
            },
            name: told.name.unwrap_or(info.name),
            result: told.result,
            is_older_form: false,
            operation: told.operation,
        };
        let arguments = Arguments::new(info, told.arguments, told.result);
        self.observer.event_with(&event, &arguments);
    }

    /// Time passes. Longer gaps are told, so that flows in progress are exported as they would be.
    pub(crate) fn pass(&mut self, span: u64) {
        let end = self.now.saturating_add(span);
        let step = (span / MOST_TICKS).max(SECOND);
        while end - self.now > step {
            self.now += step;
            self.tick();
        }
        self.now = end;
    }

    /// Tells that it is now.
    pub(crate) fn tick(&mut self) {
        self.count += 1;
        self.observer.event(&Event {
            ts: self.now,
            cpu: 0,
            tid: 0,
            phase: Phase::End,
            name: "tick",
            result: None,
            is_older_form: false,
            operation: Operation::Tick,
        });
    }

    /// Fails when the story has become too long.
    pub(crate) fn check_length(&self) -> Result<(), String> {
        if self.count > MOST_EVENTS {
            return Err(format!("the story has more than {MOST_EVENTS} events"));
        }
        Ok(())
    }
}
