//! What happened, told in short by a person: for tests of rules, without a recording.
//!
//! ```
//! # use sysflow_event::{Event, Observer, snapshot::Snapshot};
//! # #[derive(Default)] struct Names(Vec<&'static str>);
//! # impl Observer for Names {
//! #     fn restart(&mut self) {}
//! #     fn snapshot(&mut self, _: &Snapshot<'_>) {}
//! #     fn event(&mut self, event: &Event<'_>) { self.0.push(event.name); }
//! # }
//! let story = sysflow_story::Story::parse("
//! - process: {pid: 100, exe: /usr/sbin/nginx}
//! - fork: {pid: 100, child: 101}
//! - exec: {pid: 101, exe: /bin/sh, args: -c id}
//! ")?;
//! let mut names = Names::default();
//! story.play(&mut names)?;
//! assert_eq!(names.0, ["clone", "clone", "execve", "tick"]);
//! # Ok::<(), sysflow_story::Error>(())
//! ```
//!
//! # Contract
//!
//! - A story is a list of steps, each a verb with its arguments. Whatever a step does not say has a default
//!   that suits: see `docs/rule-tests.md`, which lists all verbs.
//! - Events have all the arguments that captures have, under the same names. A story that is played twice
//!   tells the same.
//! - A story that makes no sense (a process that was never made, an argument that no verb has) is an
//!   [`Error`] with its place. A story that was read can be played in bounded time and memory.
//!
//! # Layout
//!
//! - [`Story`], [`Error`]: the way in.
//! - `step`: the verbs and their arguments, as they are written. `value`: the values of these.
//! - `stage`: the processes and descriptors that there are at a point of the story.
//! - `teller`: the clock, and how an event is put together. `arguments`: its arguments by name.
//! - `verbs`: what each verb tells.

mod arguments;
mod error;
mod flags;
mod play;
mod stage;
mod step;
mod teller;
mod value;
mod verbs;

#[cfg(test)]
mod property_tests;
#[cfg(test)]
mod tests;

pub use error::Error;
pub use play::{START, Story};
