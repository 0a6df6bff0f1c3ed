//! What modifiers make of bytes: base64 (RFC 4648), UTF-16, and other dashes.

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Base64 with padding.
pub(super) fn base64(bytes: &[u8]) -> Vec<u8> {
    let mut encoded = Vec::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let byte = |at: usize| u32::from(chunk.get(at).copied().unwrap_or(0));
        let group = byte(0) << 16 | byte(1) << 8 | byte(2);
        for at in 0..4 {
            let index = group >> (18 - 6 * at) & 63;
            encoded.push(if at <= chunk.len() {
                ALPHABET[index as usize]
            } else {
                b'='
            });
        }
    }
    encoded
}

/// The parts that base64 has wherever these bytes stand within a longer text, one for each of three
/// offsets. Characters that also depend on the neighbours are left out.
pub(super) fn base64_offsets(bytes: &[u8]) -> [Vec<u8>; 3] {
    [0, 1, 2].map(|offset| {
        let shifted = [&vec![0; offset], bytes].concat();
        let encoded = base64(&shifted);
        // Six bits a character: the first whole one, and the last.
        let first = (offset * 8).div_ceil(6);
        let last = shifted.len() * 8 / 6;
        encoded.get(first..last).unwrap_or_default().to_vec()
    })
}

/// An encoding of 16-bit units.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Utf16 {
    /// Low byte first.
    Little,
    /// High byte first.
    Big,
    /// Low byte first, behind a mark that says so.
    Marked,
}

/// UTF-16 of a text.
pub(super) fn utf16(text: &str, encoding: Utf16) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(2 + text.len() * 2);
    if encoding == Utf16::Marked {
        bytes.extend_from_slice(&[0xff, 0xfe]);
    }
    for unit in text.encode_utf16() {
        bytes.extend_from_slice(&match encoding {
            Utf16::Big => unit.to_be_bytes(),
            Utf16::Little | Utf16::Marked => unit.to_le_bytes(),
        });
    }
    bytes
}

/// Characters that start a flag on the command lines of Windows.
const DASHES: [char; 5] = ['-', '/', '–', '—', '―'];

/// A text with every combination of dashes in place of those that start a flag: dashes with a letter or
/// digit behind and none in front. `None` where these are more than `limit`.
pub(super) fn windash(text: &str, limit: usize) -> Option<Vec<String>> {
    let mut texts = vec![String::with_capacity(text.len())];
    let mut before = None;
    let mut characters = text.chars().peekable();
    let in_word = |character: char| character.is_alphanumeric() || character == '_';
    while let Some(character) = characters.next() {
        let starts_flag = DASHES.contains(&character)
            && !before.is_some_and(in_word)
            && characters.peek().copied().is_some_and(in_word);
        before = Some(character);
        if !starts_flag {
            for text in &mut texts {
                text.push(character);
            }
            continue;
        }
        if texts.len() * DASHES.len() > limit {
            return None;
        }
        let each = |text: String| DASHES.map(|dash| format!("{text}{dash}"));
        texts = texts.into_iter().flat_map(each).collect();
    }
    Some(texts)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(bytes: &[u8]) -> &str {
        std::str::from_utf8(bytes).unwrap()
    }

    #[test]
    fn base64_is_that_of_rfc_4648() {
        for (plain, encoded) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
        ] {
            assert_eq!(text(&base64(plain.as_bytes())), encoded);
        }
    }

    #[test]
    fn offsets_are_found_wherever_the_text_stands() {
        let offsets = base64_offsets(b"http://");
        assert_eq!(
            offsets.each_ref().map(|o| text(o)),
            ["aHR0cDovL", "h0dHA6Ly", "odHRwOi8v"]
        );
        for before in ["", "x", "xy", "xyz", "wxyz"] {
            for after in ["", "a", "ab", "abc"] {
                let whole = base64(format!("{before}http://{after}").as_bytes());
                let offset = &offsets[before.len() % 3];
                assert!(memchr::memmem::find(&whole, offset).is_some());
            }
        }
    }

    #[test]
    fn utf16_has_its_byte_orders() {
        assert_eq!(utf16("cmd", Utf16::Little), *b"c\0m\0d\0");
        assert_eq!(utf16("cmd", Utf16::Big), *b"\0c\0m\0d");
        assert_eq!(utf16("c", Utf16::Marked), *b"\xff\xfec\0");
    }

    #[test]
    fn dashes_of_flags_are_exchanged() {
        let texts = windash("a-b -x", 100).unwrap();
        assert_eq!(texts, ["a-b -x", "a-b /x", "a-b –x", "a-b —x", "a-b ―x"]);
        assert_eq!(windash("-a -b", 25).unwrap().len(), 25);
        assert_eq!(windash("-a -b", 24), None);
    }
}
