//! The schema of a writer, as far as it is needed to read or skip its data.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::Value;
use thiserror::Error;

use super::{Cursor, DatumError, Shape};

/// A type of a writer's schema. Named types are shared, logical types are ignored: the oldest SysFlow
/// recordings annotate nanoseconds as milliseconds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WriterType {
    /// No data.
    Null,
    /// One byte.
    Boolean,
    /// `int` or `long`: they are encoded alike.
    Integer,
    /// `float`: four bytes.
    Float,
    /// `double`: eight bytes.
    Double,
    /// `bytes` or `string`: they are encoded alike.
    Text,
    /// A fixed number of bytes.
    Fixed(usize),
    /// One of these symbols.
    Enum(Vec<String>),
    /// Any number of items.
    Array(Arc<Self>),
    /// Any number of values with names.
    Map(Arc<Self>),
    /// One of these types.
    Union(Vec<Arc<Self>>),
    /// Fields in this order: full name of the record, then each field's name and type.
    Record(String, Vec<(String, Arc<Self>)>),
}

/// Why a schema cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SchemaError {
    /// The schema is not JSON.
    #[error("the schema is not valid JSON: {0}")]
    Json(String),
    /// The schema breaks the rules of Avro.
    #[error("the schema is not valid Avro: {0}")]
    Invalid(String),
    /// The schema nests types beyond all measure.
    #[error("the schema expands to more than {LARGEST_EXPANSION} types")]
    TooLarge,
    /// The data are no SysFlow records.
    #[error("the schema is not SysFlow's: {0}")]
    NotSysFlow(String),
}

/// A schema that expands to more types than this is an attack: schema 5 has about 150.
const LARGEST_EXPANSION: usize = 20_000;

/// The longest full name, in bytes. Every type has its own copy of its namespace, so that one long namespace
/// would take many times the memory of the schema.
const LONGEST_NAME: usize = 1024;

/// Parses the JSON text of a schema.
pub fn parse_schema(json: &[u8]) -> Result<Arc<WriterType>, SchemaError> {
    let value: Value =
        serde_json::from_slice(json).map_err(|error| SchemaError::Json(error.to_string()))?;
    let mut parser = Parser {
        named: HashMap::new(),
        sizes: HashMap::new(),
    };
    let (parsed, _) = parser.parse(&value, "")?;
    Ok(parsed)
}

/// A type and the number of types that it expands to.
type Sized = (Arc<WriterType>, usize);

struct Parser {
    named: HashMap<String, Arc<WriterType>>,
    sizes: HashMap<String, usize>,
}

impl Parser {
    fn parse(&mut self, value: &Value, namespace: &str) -> Result<Sized, SchemaError> {
        match value {
            Value::String(name) => self.reference(name, namespace),
            Value::Array(branches) => self.union(branches, namespace),
            Value::Object(_) => self.object(value, namespace),
            other => Err(SchemaError::Invalid(format!("{other} is not a type"))),
        }
    }

    fn reference(&self, name: &str, namespace: &str) -> Result<Sized, SchemaError> {
        if let Some(primitive) = primitive(name) {
            return Ok((Arc::new(primitive), 1));
        }
        let full = full_name(name, namespace);
        let found = [full.as_str(), name]
            .into_iter()
            .find_map(|name| self.named.get_key_value(name));
        match found {
            Some((name, known)) => Ok((Arc::clone(known), self.sizes[name])),
            // This also refuses recursive types, which SysFlow does not have.
            None => Err(SchemaError::Invalid(format!(
                "type `{full}` is used before it is defined"
            ))),
        }
    }

    fn union(&mut self, branches: &[Value], namespace: &str) -> Result<Sized, SchemaError> {
        let mut size = 1;
        let mut parsed = Vec::with_capacity(branches.len());
        for branch in branches {
            let (branch, branch_size) = self.parse(branch, namespace)?;
            size = add(size, branch_size)?;
            parsed.push(branch);
        }
        Ok((Arc::new(WriterType::Union(parsed)), size))
    }

    fn object(&mut self, value: &Value, namespace: &str) -> Result<Sized, SchemaError> {
        let kind = &value["type"];
        let Value::String(kind_name) = kind else {
            return self.parse(kind, namespace);
        };
        let (parsed, size) = match kind_name.as_str() {
            "array" => {
                let (items, size) = self.parse(&value["items"], namespace)?;
                return Ok((Arc::new(WriterType::Array(items)), add(size, 1)?));
            }
            "map" => {
                let (values, size) = self.parse(&value["values"], namespace)?;
                return Ok((Arc::new(WriterType::Map(values)), add(size, 1)?));
            }
            "record" | "error" => self.record(value, namespace)?,
            "enum" => (WriterType::Enum(symbols(value)?), 1),
            "fixed" => (WriterType::Fixed(fixed_size(value)?), 1),
            other => return self.reference(other, namespace),
        };
        let name = defined_name(value, namespace)?;
        let parsed = Arc::new(parsed);
        self.named.insert(name.clone(), Arc::clone(&parsed));
        self.sizes.insert(name, size);
        Ok((parsed, size))
    }

    fn record(
        &mut self,
        value: &Value,
        namespace: &str,
    ) -> Result<(WriterType, usize), SchemaError> {
        let name = defined_name(value, namespace)?;
        let inner_namespace = name
            .rsplit_once('.')
            .map_or("", |(namespace, _)| namespace)
            .to_owned();
        let Value::Array(declared) = &value["fields"] else {
            return Err(SchemaError::Invalid(format!(
                "record `{name}` has no fields"
            )));
        };
        let mut size = 1;
        let mut fields = Vec::with_capacity(declared.len());
        for field in declared {
            let Value::String(field_name) = &field["name"] else {
                return Err(SchemaError::Invalid(format!(
                    "a field of `{name}` has no name"
                )));
            };
            let (field_type, field_size) = self.parse(&field["type"], &inner_namespace)?;
            size = add(size, field_size)?;
            fields.push((field_name.clone(), field_type));
        }
        Ok((WriterType::Record(name, fields), size))
    }
}

fn add(size: usize, more: usize) -> Result<usize, SchemaError> {
    let sum = size.saturating_add(more);
    if sum > LARGEST_EXPANSION {
        Err(SchemaError::TooLarge)
    } else {
        Ok(sum)
    }
}

fn primitive(name: &str) -> Option<WriterType> {
    Some(match name {
        "null" => WriterType::Null,
        "boolean" => WriterType::Boolean,
        "int" | "long" => WriterType::Integer,
        "float" => WriterType::Float,
        "double" => WriterType::Double,
        "bytes" | "string" => WriterType::Text,
        _ => return None,
    })
}

fn full_name(name: &str, namespace: &str) -> String {
    if name.contains('.') || namespace.is_empty() {
        name.to_owned()
    } else {
        format!("{namespace}.{name}")
    }
}

fn defined_name(value: &Value, enclosing: &str) -> Result<String, SchemaError> {
    let Value::String(name) = &value["name"] else {
        return Err(SchemaError::Invalid("a named type has no name".to_owned()));
    };
    let namespace = value["namespace"].as_str().unwrap_or(enclosing);
    if name.len() + namespace.len() >= LONGEST_NAME {
        return Err(SchemaError::Invalid(format!(
            "a name is longer than {LONGEST_NAME} bytes"
        )));
    }
    Ok(full_name(name, namespace))
}

fn symbols(value: &Value) -> Result<Vec<String>, SchemaError> {
    let Value::Array(symbols) = &value["symbols"] else {
        return Err(SchemaError::Invalid("an enum has no symbols".to_owned()));
    };
    Ok(symbols
        .iter()
        .filter_map(Value::as_str)
        .map(str::to_owned)
        .collect())
}

fn fixed_size(value: &Value) -> Result<usize, SchemaError> {
    let size = value["size"]
        .as_u64()
        .and_then(|size| usize::try_from(size).ok());
    size.ok_or_else(|| SchemaError::Invalid("a fixed type has no size".to_owned()))
}

impl WriterType {
    /// Whether data of this type can be read as `shape`. Enumerations may lack or add symbols at the end.
    pub fn reads_as(&self, shape: &Shape) -> bool {
        match (self, shape) {
            (Self::Integer, Shape::Int | Shape::Long)
            | (Self::Boolean, Shape::Boolean)
            | (Self::Text, Shape::String) => true,
            (Self::Fixed(size), Shape::Fixed(_, wanted)) => size == wanted,
            (Self::Enum(symbols), Shape::Enum(_, wanted)) => symbols
                .iter()
                .zip(*wanted)
                .all(|(symbol, wanted)| symbol == wanted),
            (Self::Array(items), Shape::Array(wanted)) | (Self::Map(items), Shape::Map(wanted)) => {
                items.reads_as(wanted)
            }
            (Self::Union(branches), Shape::Nullable(wanted)) => {
                matches!(&branches[..], [null, value]
                    if **null == Self::Null && value.reads_as(wanted))
            }
            (Self::Record(_, fields), Shape::Record(wanted)) => {
                fields.len() == wanted.fields.len()
                    && fields
                        .iter()
                        .zip(wanted.fields)
                        .all(|((name, field), wanted)| {
                            name == wanted.name && field.reads_as(&wanted.shape)
                        })
            }
            _ => false,
        }
    }

    /// This type without the parts of records that have no data: many of them in a small schema would make
    /// skipping far slower than reading.
    pub(super) fn without_empty_parts(self: &Arc<Self>) -> Arc<Self> {
        match &**self {
            Self::Record(name, fields) => {
                let fields = fields
                    .iter()
                    .map(|(name, field)| (name.clone(), field.without_empty_parts()))
                    .filter(|(_, field)| !field.is_empty());
                Arc::new(Self::Record(name.clone(), fields.collect()))
            }
            Self::Array(items) => Arc::new(Self::Array(items.without_empty_parts())),
            Self::Map(values) => Arc::new(Self::Map(values.without_empty_parts())),
            Self::Union(branches) => {
                let branches = branches.iter().map(Self::without_empty_parts);
                Arc::new(Self::Union(branches.collect()))
            }
            _ => Arc::clone(self),
        }
    }

    /// Whether values of this type have no data. Records must have lost their empty parts.
    pub(super) fn is_empty(&self) -> bool {
        match self {
            Self::Null | Self::Fixed(0) => true,
            Self::Record(_, fields) => fields.is_empty(),
            _ => false,
        }
    }

    /// Moves `cursor` over one value.
    pub fn skip(&self, cursor: &mut Cursor<'_>) -> Result<(), DatumError> {
        match self {
            Self::Null => Ok(()),
            Self::Boolean => cursor.take(1).map(drop),
            Self::Integer | Self::Enum(_) => cursor.long().map(drop),
            Self::Float => cursor.take(4).map(drop),
            Self::Double => cursor.take(8).map(drop),
            Self::Text => cursor.text().map(drop),
            Self::Fixed(size) => cursor.take(*size).map(drop),
            Self::Array(items) => skip_items(cursor, |cursor| items.skip(cursor)),
            Self::Map(values) => skip_items(cursor, |cursor| {
                cursor.text()?;
                values.skip(cursor)
            }),
            Self::Union(branches) => {
                let index = cursor.long()?;
                let branch = usize::try_from(index)
                    .ok()
                    .and_then(|index| branches.get(index));
                branch.ok_or(DatumError::BadBranch(index))?.skip(cursor)
            }
            Self::Record(_, fields) => fields.iter().try_for_each(|(_, field)| field.skip(cursor)),
        }
    }
}

fn skip_items<'a>(
    cursor: &mut Cursor<'a>,
    mut skip_item: impl FnMut(&mut Cursor<'a>) -> Result<(), DatumError>,
) -> Result<(), DatumError> {
    loop {
        let items = cursor.items()?;
        if items == 0 {
            return Ok(());
        }
        for _ in 0..items {
            let before = cursor.rest().len();
            skip_item(cursor)?;
            if cursor.rest().len() == before {
                // Items without data: any count of them is as good as none.
                break;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Kind, schema_json};

    #[test]
    fn our_own_schema_reads_as_itself() {
        let schema = parse_schema(schema_json(5).as_bytes()).unwrap();
        let WriterType::Record(name, fields) = &*schema else {
            panic!("not a record")
        };
        assert_eq!((name.as_str(), fields.len()), ("sysflow.SysFlow", 1));
        let WriterType::Union(branches) = &*fields[0].1 else {
            panic!("not a union")
        };
        assert_eq!(branches.len(), 12);
        let WriterType::Record(name, _) = &*branches[7] else {
            panic!("not a record")
        };
        assert_eq!(name, Kind::FileEvent.shape().name);
    }

    #[test]
    fn schemas_that_explode_are_refused() {
        let mut json =
            String::from(r#"{"type":"record","name":"r0","fields":[{"name":"a","type":"int"}]}"#);
        for level in 1..64 {
            let previous = level - 1;
            json = format!(
                r#"{{"type":"record","name":"r{level}","fields":[{{"name":"a","type":{json}}},{{"name":"b","type":"r{previous}"}}]}}"#
            );
            if level == 20 {
                break;
            }
        }
        assert_eq!(parse_schema(json.as_bytes()), Err(SchemaError::TooLarge));
    }

    #[test]
    fn recursive_and_unknown_types_are_refused() {
        let json = br#"{"type":"record","name":"r","fields":[{"name":"a","type":["null","r"]}]}"#;
        assert!(matches!(parse_schema(json), Err(SchemaError::Invalid(_))));
        assert!(matches!(parse_schema(b"7"), Err(SchemaError::Invalid(_))));
        assert!(matches!(parse_schema(b"{"), Err(SchemaError::Json(_))));
    }

    #[test]
    fn a_long_namespace_is_not_multiplied() {
        let namespace = "n".repeat(2000);
        let json = format!(
            r#"{{"type":"record","name":"r","namespace":"{namespace}","fields":[
                {{"name":"a","type":{{"type":"fixed","name":"f","size":1}}}}]}}"#
        );
        assert!(matches!(
            parse_schema(json.as_bytes()),
            Err(SchemaError::Invalid(_))
        ));
    }

    #[test]
    fn parts_without_data_are_not_walked_over() {
        let empty = r#"{"name":"e","type":"null"}"#;
        let json = format!(
            r#"{{"type":"record","name":"r","fields":[{empty},{{"name":"b","type":"boolean"}},
                {{"name":"r","type":{{"type":"record","name":"q","fields":[{empty},{empty}]}}}}]}}"#
        );
        let schema = parse_schema(json.as_bytes()).unwrap();
        let boolean = ("b".to_owned(), Arc::new(WriterType::Boolean));
        assert_eq!(
            *schema.without_empty_parts(),
            WriterType::Record("r".to_owned(), vec![boolean])
        );
    }

    #[test]
    fn items_without_data_cannot_hold_us_up() {
        let array = WriterType::Array(Arc::new(WriterType::Null));
        let mut data = Vec::new();
        crate::avro::write_long(i64::MAX, &mut data);
        data.push(0);
        assert_eq!(array.skip(&mut Cursor::new(&data)), Ok(()));
    }
}
