//! Sources of events, each in the form of one translator.

pub mod scap;

use sysflow_event::Event;
use sysflow_event::snapshot::Snapshot;

/// Takes what a source tells, in its order.
pub trait Observer {
    /// Everything told so far is void: another recording begins.
    fn restart(&mut self);

    /// Something that there was before the first event.
    fn snapshot(&mut self, snapshot: &Snapshot<'_>);

    /// Something happened.
    fn event(&mut self, event: &Event<'_>);
}
