//! Texts: shared bytes, lists of them, paths.

use std::borrow::Cow;
use std::sync::Arc;

use bstr::{BStr, ByteSlice};
use sysflow_record::avro::{Array, Cursor, Datum, write_array};

/// Shared bytes. Children share them with their parents, descriptors with their copies.
pub(crate) type Text = Arc<[u8]>;

/// How the original's capture library spells what is not known.
pub(crate) const NOT_KNOWN: &[u8] = b"<NA>";

/// Longer paths are replaced, as the original does.
const LONGEST_PATH: usize = 1023;
const PATH_TOO_LONG: &[u8] = b"/PATH_TOO_LONG";

pub(crate) fn empty() -> Text {
    Arc::from(&b""[..])
}

/// The text, or `like` where that says the same: most children are like their parents.
pub(crate) fn shared(like: &Text, bytes: &[u8]) -> Text {
    if **like == *bytes {
        like.clone()
    } else {
        Arc::from(bytes)
    }
}

/// Texts with a NUL after each. The last one need not have it.
#[derive(Clone, Debug)]
pub(crate) struct Texts<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Texts<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        if self.rest.is_empty() {
            return None;
        }
        let end = self.rest.find_byte(0).unwrap_or(self.rest.len());
        let text = &self.rest[..end];
        self.rest = self.rest.get(end + 1..).unwrap_or_default();
        Some(text)
    }
}

/// Splits a list of texts with a NUL after each.
pub(crate) fn split(list: &[u8], last_is_lost: bool) -> Texts<'_> {
    let list = match list {
        [rest @ .., 0] if last_is_lost => rest,
        list => list,
    };
    Texts { rest: list }
}

/// The texts joined with one blank.
pub(crate) fn join<'a>(texts: impl Iterator<Item = &'a [u8]>) -> Text {
    let mut joined = Vec::new();
    for (index, text) in texts.enumerate() {
        if index > 0 {
            joined.push(b' ');
        }
        joined.extend_from_slice(text);
    }
    Arc::from(joined)
}

/// Texts in the encoding of records, so that they can be written again and again.
pub(crate) fn encode<'a>(texts: impl Iterator<Item = &'a [u8]> + Clone) -> Text {
    let (count, bytes) = texts.clone().fold((0_usize, 0), |(count, bytes), text| {
        (count + 1, bytes + text.len())
    });
    // The lengths of most texts take no more than two bytes.
    let mut encoded = Vec::with_capacity(bytes + 2 * count + 8);
    write_array(count, texts.map(BStr::new), &mut encoded);
    Arc::from(encoded)
}

/// What [`encode`] made.
pub(crate) fn decode(encoded: &[u8]) -> Array<'_, &BStr> {
    Array::read(&mut Cursor::new(encoded)).unwrap_or_default()
}

/// Whether a byte shows as a character.
const fn is_printable(byte: u8) -> bool {
    matches!(byte, 0x20..=0x7e)
}

/// The bytes that show as characters.
pub(crate) fn printable(bytes: &[u8]) -> Cow<'_, [u8]> {
    if bytes.iter().all(|byte| is_printable(*byte)) {
        return Cow::Borrowed(bytes);
    }
    Cow::Owned(
        bytes
            .iter()
            .copied()
            .filter(|byte| is_printable(*byte))
            .collect(),
    )
}

/// Joins a path to a directory and cleans it lexically: `.` and `..` and double slashes. Only the path is
/// cleaned, and without a directory it stays relative. The directory ends with a slash.
pub(crate) fn resolve_into(out: &mut Vec<u8>, directory: &[u8], path: &[u8], as_original: bool) {
    out.clear();
    if path.first() == Some(&b'/') {
        out.push(b'/');
    } else {
        out.extend_from_slice(directory);
    }
    // What stands for an unknown directory has no slash, and the original puts none after it.
    let mut start = out.len();
    for part in path.split(|byte| *byte == b'/') {
        match part {
            b"" | b"." => {}
            b".." => {
                pop(out);
                start = start.min(out.len());
            }
            part => {
                if out.len() > start && out.last() != Some(&b'/') {
                    out.push(b'/');
                }
                if as_original {
                    let dotted = |byte: &u8| if is_printable(*byte) { *byte } else { b'.' };
                    out.extend(part.iter().map(dotted));
                } else {
                    out.extend_from_slice(part);
                }
            }
        }
    }
    if out.len() > 1 && out.last() == Some(&b'/') {
        out.pop();
    }
    if as_original && out.len() > LONGEST_PATH {
        out.clear();
        out.extend_from_slice(PATH_TOO_LONG);
    }
}

/// Removes the last part of a path, and keeps the slash before it.
fn pop(path: &mut Vec<u8>) {
    if path.len() > 1 && path.last() == Some(&b'/') {
        path.pop();
    }
    let keep = path
        .iter()
        .rposition(|byte| *byte == b'/')
        .map_or(0, |slash| slash + 1);
    path.truncate(keep);
}

/// Cleans an absolute path lexically and keeps a slash at its end, as the original does with the paths of
/// file events.
pub(crate) fn clean_event_path(path: &[u8]) -> Vec<u8> {
    let mut clean = Vec::with_capacity(path.len());
    resolve_into(&mut clean, b"", path, false);
    if path.len() > 1 && path.ends_with(b"/") && clean != b"/" {
        clean.push(b'/');
    }
    clean
}

/// A directory with a slash at its end.
pub(crate) fn with_slash(path: &[u8]) -> Text {
    let mut directory = path.to_vec();
    if directory.last() != Some(&b'/') {
        directory.push(b'/');
    }
    Arc::from(directory)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(directory: &str, path: &str) -> String {
        let mut out = Vec::new();
        resolve_into(&mut out, directory.as_bytes(), path.as_bytes(), true);
        String::from_utf8(out).expect("text")
    }

    #[test]
    fn paths_are_cleaned() {
        assert_eq!(resolve("/home/a/", "x"), "/home/a/x");
        assert_eq!(resolve("/home/a/", "./x//y/"), "/home/a/x/y");
        assert_eq!(resolve("/home/a/", "../../../x"), "/x");
        assert_eq!(resolve("/home/a/", "/etc/../tmp/./f"), "/tmp/f");
        assert_eq!(resolve("", "./x"), "x");
        assert_eq!(resolve("", "../x"), "x");
        assert_eq!(resolve("", "a/../../x"), "x");
        assert_eq!(resolve("/home/a/", "."), "/home/a");
        assert_eq!(resolve("/", ".."), "/");
        assert_eq!(resolve("/", "/"), "/");
        assert_eq!(resolve("/", "/dev/log\n"), "/dev/log.");
        assert_eq!(resolve("/", &"x".repeat(2000)), "/PATH_TOO_LONG");
    }

    #[test]
    fn event_paths_keep_their_last_slash() {
        assert_eq!(clean_event_path(b"/a/./b/"), b"/a/b/");
        assert_eq!(clean_event_path(b"/a/../"), b"/");
        assert_eq!(printable(b"a\nb"), &b"ab"[..]);
    }

    #[test]
    fn the_last_empty_argument_is_lost_in_some_releases() {
        let count = |list, lost| split(list, lost).count();
        assert_eq!((count(b"a\0b\0", true), count(b"a\0b\0", false)), (2, 2));
        assert_eq!((count(b"\0\0\0", true), count(b"\0\0\0", false)), (2, 3));
        assert_eq!((count(b"a\0\0", true), count(b"a\0\0", false)), (1, 2));
        assert_eq!(count(b"", true), 0);
        let encoded = encode(split(b"a\0bc\0", false));
        assert_eq!(decode(&encoded).iter().collect::<Vec<_>>(), ["a", "bc"]);
        assert_eq!(&*join(split(b"a\0\0b\0", false)), b"a  b");
    }
}
