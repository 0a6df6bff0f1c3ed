//! References to images: `registry:port/name:tag@digest`.

use crate::facts::Image;

impl Image {
    /// Takes a reference apart. A reference that is an id has only that.
    pub fn parse(reference: &str) -> Self {
        let mut image = Self::default();
        if let Some(id) = id_of(reference) {
            id.clone_into(&mut image.id);
            return image;
        }
        let (name, digest) = reference.split_once('@').unwrap_or((reference, ""));
        digest.clone_into(&mut image.digest);
        // A colon before the last slash belongs to the port of a registry.
        let after_slash = name.rfind('/').map_or(0, |slash| slash + 1);
        let (repository, tag) = match name[after_slash..].find(':') {
            Some(colon) => (
                &name[..after_slash + colon],
                &name[after_slash + colon + 1..],
            ),
            None => (name, ""),
        };
        repository.clone_into(&mut image.repository);
        tag.clone_into(&mut image.tag);
        image
    }

    /// Takes from another what this one does not know.
    pub(crate) fn complete(&mut self, other: &Self) {
        if self.repository.is_empty() {
            self.repository.clone_from(&other.repository);
            self.tag.clone_from(&other.tag);
        }
        if self.digest.is_empty() {
            self.digest.clone_from(&other.digest);
        }
        if self.id.is_empty() {
            self.id.clone_from(&other.id);
        }
    }
}

/// The id that a reference is: `sha256:` and 64 digits, or the digits alone.
pub(crate) fn id_of(reference: &str) -> Option<&str> {
    let digits = reference.strip_prefix("sha256:").unwrap_or(reference);
    (digits.len() == 64 && digits.bytes().all(|byte| byte.is_ascii_hexdigit())).then_some(digits)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn references_are_taken_apart() {
        let parts = |text: &str| {
            let image = Image::parse(text);
            [image.repository, image.tag, image.digest, image.id]
        };
        assert_eq!(parts("web"), ["web", "", "", ""]);
        assert_eq!(parts("web:2"), ["web", "2", "", ""]);
        assert_eq!(
            parts("registry.test:5000/team/web"),
            ["registry.test:5000/team/web", "", "", ""]
        );
        assert_eq!(
            parts("registry.test:5000/web:2@sha256:ab"),
            ["registry.test:5000/web", "2", "sha256:ab", ""]
        );
        let id = "ab".repeat(32);
        assert_eq!(parts(&format!("sha256:{id}")), ["", "", "", &id]);
        assert_eq!(parts(&id), ["", "", "", &id]);
    }

    proptest! {
        #[test]
        fn nothing_is_lost(text in "[a-z0-9:/@.]{0,40}") {
            let image = Image::parse(&text);
            let mut length = image.repository.len() + image.tag.len() + image.digest.len() + image.id.len();
            length += text.matches(['@', ':']).count().min(2);
            prop_assert!(length >= text.len());
        }
    }
}
