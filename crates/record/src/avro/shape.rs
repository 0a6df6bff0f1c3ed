//! The shape of types: what they look like in a schema.

use std::fmt::Write as _;

/// The shape of a type of the record model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// 32-bit integer.
    Int,
    /// 64-bit integer.
    Long,
    /// Boolean.
    Boolean,
    /// Text.
    String,
    /// A fixed number of bytes: full name and size.
    Fixed(&'static str, usize),
    /// An enumeration: full name and symbols.
    Enum(&'static str, &'static [&'static str]),
    /// Nothing or a value.
    Nullable(&'static Shape),
    /// Any number of values.
    Array(&'static Shape),
    /// Values by name.
    Map(&'static Shape),
    /// A record.
    Record(&'static RecordShape),
}

/// The shape of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordShape {
    /// Full name, such as `sysflow.entity.Process`.
    pub name: &'static str,
    /// Fields in encoding order.
    pub fields: &'static [FieldShape],
}

/// The shape of a field of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FieldShape {
    /// The name.
    pub name: &'static str,
    /// The type.
    pub shape: Shape,
    /// The schema version in which the field appeared.
    pub since: u32,
    /// The default in the schema, as JSON.
    pub default: Option<&'static str>,
}

impl RecordShape {
    /// The number of fields in a schema version. Fields are only ever appended.
    pub fn fields_in(&self, version: u32) -> usize {
        self.fields
            .iter()
            .filter(|field| field.since <= version)
            .count()
    }
}

/// Writes schemas: compact JSON, each named type in full where it is first used and by name after.
#[derive(Debug)]
pub(crate) struct SchemaWriter {
    version: u32,
    text: String,
    defined: Vec<&'static str>,
}

impl SchemaWriter {
    pub(crate) fn new(version: u32) -> Self {
        Self {
            version,
            text: String::new(),
            defined: Vec::new(),
        }
    }

    pub(crate) fn finish(self) -> String {
        self.text
    }

    pub(crate) fn raw(&mut self, text: &str) {
        self.text.push_str(text);
    }

    pub(crate) fn shape(&mut self, shape: &Shape) {
        match shape {
            Shape::Int => self.raw("\"int\""),
            Shape::Long => self.raw("\"long\""),
            Shape::Boolean => self.raw("\"boolean\""),
            Shape::String => self.raw("\"string\""),
            Shape::Fixed(name, size) => {
                if self.begin_named("fixed", name) {
                    let _ = write!(self.text, ",\"size\":{size}}}");
                }
            }
            Shape::Enum(name, symbols) => {
                if self.begin_named("enum", name) {
                    let _ = write!(self.text, ",\"symbols\":[\"{}\"]}}", symbols.join("\",\""));
                }
            }
            Shape::Nullable(inner) => {
                self.raw("[\"null\",");
                self.shape(inner);
                self.raw("]");
            }
            Shape::Array(items) => {
                self.raw("{\"type\":\"array\",\"items\":");
                self.shape(items);
                self.raw("}");
            }
            Shape::Map(values) => {
                self.raw("{\"type\":\"map\",\"values\":");
                self.shape(values);
                self.raw("}");
            }
            Shape::Record(record) => self.record(record),
        }
    }

    fn record(&mut self, record: &'static RecordShape) {
        if !self.begin_named("record", record.name) {
            return;
        }
        self.raw(",\"fields\":[");
        for (index, field) in record.fields[..record.fields_in(self.version)]
            .iter()
            .enumerate()
        {
            if index > 0 {
                self.raw(",");
            }
            let _ = write!(self.text, "{{\"name\":\"{}\",\"type\":", field.name);
            self.shape(&field.shape);
            if let Some(default) = field.default {
                let _ = write!(self.text, ",\"default\":{default}");
            }
            self.raw("}");
        }
        self.raw("]}");
    }

    /// Starts the definition of a named type, or writes its name if it has been defined. Returns whether
    /// the definition was started.
    fn begin_named(&mut self, kind: &str, full_name: &'static str) -> bool {
        if self.defined.contains(&full_name) {
            let _ = write!(self.text, "\"{full_name}\"");
            return false;
        }
        self.defined.push(full_name);
        let (namespace, name) = full_name.rsplit_once('.').unwrap_or(("", full_name));
        let _ = write!(
            self.text,
            "{{\"type\":\"{kind}\",\"namespace\":\"{namespace}\",\"name\":\"{name}\""
        );
        true
    }
}
