//! Making a process fit into a message.

use bstr::BStr;

use crate::Record;
use crate::avro::{Array, Datum};
use crate::model::Process;

/// Encodes `process` in at most `limit` bytes, given that it takes `length` when whole: entries of the
/// environment go first, from the end, then the end of the joined arguments, then single arguments (native
/// schema) from the end. Returns whether it fits; `out` then holds it.
pub(super) fn write_shrunk(
    process: &Process<'_>,
    version: u32,
    length: usize,
    limit: usize,
    out: &mut Vec<u8>,
) -> bool {
    let mut excess = length.saturating_sub(limit);
    let env = shorter_list(process.env, &mut excess);
    let exe_args = shorter_text(process.exe_args, &mut excess);
    let argv = if version >= crate::NATIVE_VERSION {
        shorter_list(process.argv, &mut excess)
    } else {
        Vec::new()
    };
    let shrunk = Process {
        env: Array::from(&env[..]),
        exe_args,
        argv: Array::from(&argv[..]),
        ..*process
    };
    out.clear();
    Record::Process(shrunk).write(version, out) && out.len() <= limit
}

/// The entries that stay when as many of the last are dropped as `excess` bytes need.
fn shorter_list<'a>(list: Array<'a, &'a BStr>, excess: &mut usize) -> Vec<&'a BStr> {
    let mut entries: Vec<&BStr> = list.iter().collect();
    let mut encoded = Vec::new();
    while *excess > 0
        && let Some(last) = entries.pop()
    {
        encoded.clear();
        last.write(&mut encoded);
        *excess = excess.saturating_sub(encoded.len());
    }
    entries
}

/// The text without `excess` bytes of its end, or a few more in order not to cut a character.
fn shorter_text<'a>(text: &'a BStr, excess: &mut usize) -> &'a BStr {
    if *excess == 0 {
        return text;
    }
    let is_continuation = |index: usize| text.get(index).is_some_and(|byte| byte & 0xc0 == 0x80);
    let wanted = text.len().saturating_sub(*excess);
    let end = (wanted.saturating_sub(3)..=wanted)
        .rev()
        .find(|end| !is_continuation(*end))
        .unwrap_or(wanted);
    *excess = excess.saturating_sub(text.len() - end);
    BStr::new(&text[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(process: &Process<'_>, version: u32) -> Vec<u8> {
        let mut out = Vec::new();
        assert!(Record::Process(*process).write(version, &mut out));
        out
    }

    #[test]
    fn environment_goes_first_then_arguments() {
        let (long, entry) = ("é".repeat(2000), "NAME=value".repeat(10));
        let env: Vec<&BStr> = vec![entry.as_str().into(); 100];
        let process = Process {
            exe: "/bin/true".into(),
            exe_args: long.as_str().into(),
            env: Array::from(&env[..]),
            ..Process::default()
        };
        let whole = encoded(&process, 5).len();
        for limit in 40..whole {
            let mut out = Vec::new();
            let fits = write_shrunk(&process, 5, whole, limit, &mut out);
            assert_eq!(
                fits,
                limit >= encoded_without_texts(&process).len(),
                "{limit}"
            );
            if !fits {
                continue;
            }
            assert!(
                out.len() <= limit && limit - out.len() <= 110,
                "{limit}: {}",
                out.len()
            );
            let record = crate::avro::Plan::for_version(5)
                .read(&mut crate::avro::Cursor::new(&out))
                .unwrap()
                .unwrap();
            let Record::Process(shrunk) = record else {
                panic!("not a process")
            };
            assert!(std::str::from_utf8(shrunk.exe_args).is_ok());
            assert!(shrunk.env.is_empty() || shrunk.exe_args == process.exe_args);
        }
    }

    fn encoded_without_texts(process: &Process<'_>) -> Vec<u8> {
        let bare = Process {
            exe_args: BStr::new(""),
            env: Array::default(),
            ..*process
        };
        encoded(&bare, 5)
    }

    #[test]
    fn native_arguments_go_last() {
        let text = "x".repeat(1000);
        let argv: Vec<&BStr> = vec![text.as_str().into(); 50];
        let process = Process {
            argv: Array::from(&argv[..]),
            ..Process::default()
        };
        let whole = encoded(&process, 100).len();
        let mut out = Vec::new();
        assert!(write_shrunk(&process, 100, whole, 10_000, &mut out));
        assert!(out.len() > 8900, "{}", out.len());
        assert!(!write_shrunk(&process, 100, whole, 10, &mut out));
    }
}
