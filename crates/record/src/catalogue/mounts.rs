//! Mounts of a container, as `source:destination:mode:writable:propagation`.

use bstr::{BStr, ByteSlice};

/// The destination of the first mount whose source fits `wanted`: a position, or a pattern in which `*`
/// and `?` also stand for slashes, as in a shell's `case`.
pub(super) fn destination<'m>(
    mut mounts: impl Iterator<Item = &'m BStr>,
    wanted: &str,
) -> Option<&'m [u8]> {
    let part = |mount: &'m BStr, index| mount.as_bytes().split_str(":").nth(index);
    let mount = match wanted.parse() {
        Ok(position) => mounts.nth(position)?,
        Err(_) => mounts.find(|mount| {
            part(mount, 0).is_some_and(|source| matches_pattern(source, wanted.as_bytes()))
        })?,
    };
    part(mount, 1)
}

/// Whether a pattern stands for the whole of a text. On a mismatch it goes back to the last star only:
/// an earlier one could not do better.
fn matches_pattern(text: &[u8], pattern: &[u8]) -> bool {
    let (mut text_at, mut pattern_at) = (0, 0);
    let mut last_star: Option<(usize, usize)> = None;
    while text_at < text.len() {
        match pattern.get(pattern_at) {
            Some(b'*') => {
                last_star = Some((pattern_at, text_at));
                pattern_at += 1;
            }
            Some(wanted) if *wanted == b'?' || *wanted == text[text_at] => {
                text_at += 1;
                pattern_at += 1;
            }
            _ => {
                let Some((star_at, covered_to)) = last_star else {
                    return false;
                };
                last_star = Some((star_at, covered_to + 1));
                text_at = covered_to + 1;
                pattern_at = star_at + 1;
            }
        }
    }
    pattern[pattern_at..].iter().all(|rest| *rest == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_whole_texts() {
        let matches =
            |text: &str, pattern: &str| matches_pattern(text.as_bytes(), pattern.as_bytes());
        for (text, pattern) in [
            ("/proc", "/proc*"),
            ("/proc/sys/kernel", "/proc*"),
            ("/a/b/c", "/*/c"),
            ("abcbc", "a*bc"),
            ("abc", "a?c*"),
            ("", "*"),
        ] {
            assert!(matches(text, pattern), "{text} {pattern}");
        }
        for (text, pattern) in [
            ("/etc/kubernetes", "/etc"),
            ("/home/etc", "/etc"),
            ("abcb", "a*bc"),
            ("", "?"),
        ] {
            assert!(!matches(text, pattern), "{text} {pattern}");
        }
    }

    #[test]
    fn mounts_are_found_by_source_or_position() {
        let mounts = [
            "/var/log:/logs:ro:false:rprivate",
            "/proc/1:/host/proc",
            "odd",
        ];
        let found = |wanted: &str| {
            let mounts = mounts.iter().map(|mount| BStr::new(*mount));
            destination(mounts, wanted).map(|path| String::from_utf8_lossy(path).into_owned())
        };
        assert_eq!(found("/proc*").as_deref(), Some("/host/proc"));
        assert_eq!(found("0").as_deref(), Some("/logs"));
        assert_eq!(found("/var"), None);
        assert_eq!(found("odd"), None);
        assert_eq!(found("3"), None);
    }
}
