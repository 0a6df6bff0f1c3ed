//! What each verb tells, by family.

pub(crate) mod start;

mod file;
mod network;
mod other;
mod process;
mod transfer;

use sysflow_event::Fd;

use crate::flags::unknown;
use crate::stage::Stage;
use crate::teller::Who;

/// Which of several calls does what a verb says: the first, unless the story says otherwise.
fn call<'c>(given: Option<&'c str>, known: &[&'c str]) -> Result<&'c str, String> {
    match given {
        None => Ok(known[0]),
        Some(given) if known.contains(&given) => Ok(given),
        Some(given) => Err(unknown("call", given, known)),
    }
}

/// The descriptor that a step works on: the one that it names, else the last one.
fn fd_of(stage: &Stage, who: Who, given: Option<Fd>, sockets_only: bool) -> Result<Fd, String> {
    let Some(fd) = given.or_else(|| stage.last_fd(who.pid, sockets_only)) else {
        let what = if sockets_only { "socket" } else { "descriptor" };
        let pid = who.pid;
        return Err(format!(
            "process {pid} has no {what} open at this point: name an `fd`"
        ));
    };
    if who.succeeds() {
        stage.expect_fd(who.pid, fd)?;
    }
    Ok(fd)
}

/// What a call that makes a descriptor returns: the result that the story tells, else the descriptor that it
/// names, else the lowest free one.
fn new_fd(stage: &Stage, who: Who, given: Option<Fd>) -> Result<i64, String> {
    if given.is_some_and(|fd| fd < 0) {
        return Err(
            "descriptors are not negative: say `result: -ENOENT` for a call that fails".into(),
        );
    }
    Ok(match who.result {
        Some(error) if error < 0 => error,
        result => result
            .or_else(|| given.map(i64::from))
            .filter(|fd| *fd <= i64::from(Fd::MAX))
            .unwrap_or_else(|| i64::from(stage.free_fd(who.pid))),
    })
}
