//! One operation as a line of text.

use std::io::Write as _;

use super::EventView;

/// Nanoseconds of a second.
const SECOND: u64 = 1_000_000_000;

/// Appends `NUMBER TIME CPU COMM (TID) DIRECTION TYPE ARGUMENTS`, the time being UTC, without a line break.
pub fn line(view: &EventView<'_>, out: &mut Vec<u8>) {
    let event = view.event;
    let (seconds, rest) = (event.ts / SECOND, event.ts % SECOND);
    let (hour, minute, second) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    // Writing into memory does not fail.
    let _ = write!(
        out,
        "{} {hour:02}:{minute:02}:{second:02}.{rest:09} {} ",
        view.number, event.cpu
    );
    match view.thread {
        Some(thread) => out.extend_from_slice(&thread.comm),
        None => out.extend_from_slice(b"<NA>"),
    }
    let _ = write!(out, " ({}) {} {} ", event.tid, view.direction(), event.name);
    view.write_arguments(out);
}

/// Appends the arguments of an operation, as `name=value` with blanks between.
pub fn arguments(view: &EventView<'_>, out: &mut Vec<u8>) {
    view.write_arguments(out);
}
