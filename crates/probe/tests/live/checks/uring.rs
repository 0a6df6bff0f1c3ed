//! Requests of `io_uring`.

use super::{check_whole, directory, lines, name, sum};
use crate::watch::watch;

pub(super) fn uring() {
    let directory = directory();
    let root = name(&directory);
    let watched = watch("uring", &[&root]);
    if watched.output.starts_with("refused") {
        println!("skipped: this kernel has no io_uring for us");
        return;
    }
    check_whole(&watched);
    let path = format!("{root}/by-ring");
    let open = watched.one("openat", "name", &path);
    assert_eq!(open.argument("(path)"), path);
    let fd: i32 = lines(&watched)[0].1.parse().unwrap();
    assert_eq!(open.result, Some(i64::from(fd)));
    let closed = watched
        .named("close")
        .into_iter()
        .find(|close| close.ts > open.ts && close.argument("fd") == fd.to_string())
        .unwrap();
    assert_eq!(
        watched.moved(fd, open.ts, closed.ts),
        sum((0, 0), (3, 36), fd)
    );
    assert_eq!(watched.one("unlinkat", "name", &path).result, Some(0));
    assert!(watched.named("io_uring_enter").len() >= 6);
}
