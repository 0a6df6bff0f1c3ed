//! Facts about a container: JSON text with one member, `container`.

use serde_json::Value;
use sysflow_event::snapshot::Container;

/// The facts, owned.
#[derive(Debug, Default)]
pub(super) struct Metadata {
    id: String,
    name: String,
    image: String,
    image_tag: String,
    image_id: String,
    kind: i32,
    is_privileged: bool,
    all: String,
}

impl Metadata {
    /// Reads the text; `None` where it is none or names no container.
    pub(super) fn parse(text: &[u8]) -> Option<Self> {
        let root: Value = serde_json::from_slice(text).ok()?;
        let container = root.get("container")?;
        let field = |key: &str| {
            container
                .get(key)
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned()
        };
        Some(Self {
            id: container.get("id")?.as_str()?.to_owned(),
            name: field("name"),
            image: field("image"),
            image_tag: field("imagetag"),
            image_id: field("imageid"),
            kind: container
                .get("type")
                .and_then(Value::as_i64)
                .unwrap_or_default() as i32,
            is_privileged: container
                .get("privileged")
                .and_then(Value::as_bool)
                .unwrap_or_default(),
            all: container.to_string(),
        })
    }

    pub(super) fn container(&self) -> Container<'_> {
        Container {
            id: self.id.as_bytes(),
            name: self.name.as_bytes(),
            image: self.image.as_bytes(),
            image_tag: self.image_tag.as_bytes(),
            image_id: self.image_id.as_bytes(),
            kind: self.kind,
            is_privileged: self.is_privileged,
            pod_id: None,
            metadata: self.all.as_bytes(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn facts_are_read_and_other_texts_are_refused() {
        let text =
            br#"{"container":{"id":"0123456789ab","name":"web","image":"httpd","imagetag":"2.4",
            "imageid":"ff","type":7,"privileged":true,"labels":{"a":"b"}}}"#;
        let metadata = Metadata::parse(text).expect("sound facts");
        let container = metadata.container();
        assert_eq!((container.id, container.kind), (&b"0123456789ab"[..], 7));
        assert_eq!(
            (container.image, container.image_tag),
            (&b"httpd"[..], &b"2.4"[..])
        );
        assert!(container.is_privileged);
        for text in [
            &b""[..],
            b"{}",
            b"{\"container\":{}}",
            b"[1]",
            b"{\"container\":3}",
        ] {
            assert!(Metadata::parse(text).is_none());
        }
    }
}
