//! Reading a story and playing it.

use serde::Deserialize;
use serde_saphyr::{Options, Spanned};
use sysflow_event::Observer;
use sysflow_event::snapshot::{Interface, Machine, Snapshot};

use crate::error::Error;
use crate::stage::{OWN_IPV4, OWN_IPV6, Stage};
use crate::step::Step;
use crate::teller::{Teller, Who};
use crate::verbs::start;

/// When every story begins, ns since the epoch: the first second of 2024.
pub const START: u64 = 1_704_067_200_000_000_000;

/// The time between two steps, ns, where a story does not say.
const STEP: u64 = 1_000_000;

/// Repetitions may be nested so deep.
const DEEPEST: usize = 8;

/// What happened, step by step.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(transparent)]
pub struct Story {
    steps: Vec<Spanned<Step>>,
}

impl Story {
    /// Reads a story that stands alone in a text of YAML.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let mut options = Options::default();
        options.with_snippet = false;
        serde_saphyr::from_str_with_options(text, options).map_err(|error| Error::from_yaml(&error))
    }

    /// This story, and then another.
    #[must_use]
    pub fn then(&self, other: &Self) -> Self {
        let steps = self.steps.iter().chain(&other.steps).cloned();
        Self {
            steps: steps.collect(),
        }
    }

    /// The number of steps.
    pub const fn len(&self) -> usize {
        self.steps.len()
    }

    /// Whether nothing happens.
    pub const fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// Tells an observer what happened: first what there was, then one event after the other.
    ///
    /// # Errors
    ///
    /// Fails at the first step that makes no sense. The steps before it have been told.
    pub fn play<O: Observer>(&self, observer: &mut O) -> Result<(), Error> {
        let mut stage = Stage::default();
        let mut teller = Teller::new(observer, START);
        teller.observer().snapshot(&Snapshot::Machine(Machine {
            host_name: b"story",
        }));
        for (address, netmask) in [
            (OWN_IPV4.into(), [255, 255, 255, 0].into()),
            (
                OWN_IPV6.into(),
                [0xffff, 0xffff, 0xffff, 0xffff, 0, 0, 0, 0].into(),
            ),
        ] {
            let interface = Interface { address, netmask };
            teller.observer().snapshot(&Snapshot::Interface(interface));
        }
        let is_init = |step: &Spanned<Step>| matches!(&step.value, Step::Process(p) if p.pid == 1);
        if !self.steps.iter().any(is_init) {
            start::init(&mut stage, &mut teller);
        }
        let mut player = Player {
            stage,
            teller,
            has_begun: false,
        };
        player.steps(&self.steps, 1, 0)?;
        // Whatever waits for time to pass gets a moment.
        player.teller.pass(STEP);
        player.teller.tick();
        Ok(())
    }
}

struct Player<'o, O> {
    stage: Stage,
    teller: Teller<'o, O>,
    /// Whether something has happened: what there was from the start comes before.
    has_begun: bool,
}

impl<O: Observer> Player<'_, O> {
    fn steps(&mut self, steps: &[Spanned<Step>], number: u32, depth: usize) -> Result<(), Error> {
        for step in steps {
            self.step(step, number, depth)?;
        }
        Ok(())
    }

    fn step(&mut self, step: &Spanned<Step>, number: u32, depth: usize) -> Result<(), Error> {
        let wrong = |message: String| Error::at(step.referenced, message);
        self.teller.check_length().map_err(wrong)?;
        match &step.value {
            Step::Process(process) if self.has_begun => {
                let pid = process.pid;
                return Err(wrong(format!(
                    "process {pid} is there from the start and comes before all that happens: move it up, or \
                     let another process `fork` it"
                )));
            }
            Step::Process(process) => {
                start::process(process, &mut self.stage, &mut self.teller).map_err(wrong)?;
            }
            Step::Container(container) => {
                start::container(container, self.has_begun, &mut self.stage, &mut self.teller)
                    .map_err(wrong)?;
            }
            Step::User(account) => {
                start::user(account, self.has_begun, &self.stage, &mut self.teller)
                    .map_err(wrong)?;
            }
            Step::Group(account) => {
                start::group(account, self.has_begun, &self.stage, &mut self.teller)
                    .map_err(wrong)?;
            }
            Step::Wait(span) => {
                self.has_begun = true;
                self.teller.pass(span.0);
                self.teller.tick();
            }
            Step::Repeat(repeat) => {
                if depth >= DEEPEST {
                    return Err(wrong(format!("repetitions nest deeper than {DEEPEST}")));
                }
                if repeat.steps.is_empty() {
                    return Err(wrong("there is nothing to repeat: `steps` is empty".into()));
                }
                for number in 1..=repeat.times {
                    self.teller.check_length().map_err(wrong)?;
                    self.teller.pass(repeat.after.map_or(0, |span| span.0));
                    self.steps(&repeat.steps, number, depth + 1)?;
                }
            }
            step => self.act(step, number).map_err(wrong)?,
        }
        Ok(())
    }

    fn act(&mut self, step: &Step, number: u32) -> Result<(), String> {
        let Some(common) = step.common() else {
            return Ok(());
        };
        self.has_begun = true;
        for repetition in 1..=common.repeat {
            self.teller.check_length()?;
            self.teller.pass(common.after.map_or(STEP, |span| span.0));
            let tid = common.tid.unwrap_or(common.pid);
            let thread = self.stage.thread(tid)?;
            if thread.pid != common.pid {
                let (pid, own) = (common.pid, thread.pid);
                return Err(format!(
                    "thread {tid} belongs to process {own}, not to {pid}"
                ));
            }
            let who = Who {
                pid: common.pid,
                tid,
                result: common.result.map(|result| result.0),
                number: if common.repeat > 1 {
                    repetition
                } else {
                    number
                },
            };
            step.act(&mut self.stage, &mut self.teller, who)?;
        }
        Ok(())
    }
}
