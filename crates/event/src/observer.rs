//! Who takes what a source tells.

use crate::Event;
use crate::raw::RawArguments;
use crate::snapshot::Snapshot;

/// Takes what a source tells, in its order.
pub trait Observer {
    /// Whether arguments are asked for beyond what the state of a system needs. Sources may have to keep more
    /// for it.
    const WANTS_ARGUMENTS: bool = false;

    /// Everything told so far is void: another recording begins.
    fn restart(&mut self);

    /// Something that there was before the first event.
    fn snapshot(&mut self, snapshot: &Snapshot<'_>);

    /// Something happened.
    fn event(&mut self, event: &Event<'_>);

    /// Something happened, with all arguments as the source tells them.
    #[inline]
    fn event_with(&mut self, event: &Event<'_>, arguments: &dyn RawArguments) {
        let _ = arguments;
        self.event(event);
    }
}
