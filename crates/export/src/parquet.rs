//! Apache Parquet: one row a record, one column a field, for analysis.
//!
//! Times are timestamps with nanoseconds in UTC, addresses are text, lists are lists. Absent values are null.

use std::io::Write;
use std::ops::ControlFlow;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanBuilder, Int64Builder, ListBuilder, RecordBatch, StringBuilder,
    TimestampNanosecondBuilder,
};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use arrow::error::ArrowError;
use bstr::ByteSlice;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use sysflow_field::{Arg, Type, Value};
use sysflow_record::entity::Joined;

use crate::columns::{Column, Source};

/// Rows that are collected before they are handed to the writer.
const BATCH: usize = 8192;

/// Writes records as a Parquet file.
pub struct Encoder<W: Write + Send> {
    columns: Vec<Column>,
    builders: Vec<Builder>,
    schema: SchemaRef,
    writer: ArrowWriter<W>,
    rows: usize,
}

enum Builder {
    Text(StringBuilder),
    Int(Int64Builder),
    Time(TimestampNanosecondBuilder),
    Bool(BooleanBuilder),
    Texts(ListBuilder<StringBuilder>),
    Ints(ListBuilder<Int64Builder>),
}

impl<W: Write + Send> Encoder<W> {
    /// An encoder for these columns.
    pub fn new(columns: &[Column], destination: W) -> Result<Self, ParquetError> {
        let fields: Vec<Field> = columns.iter().map(arrow_field).collect();
        let schema = Arc::new(Schema::new(fields));
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(ZstdLevel::default()))
            .set_created_by(concat!("sysflow ", env!("CARGO_PKG_VERSION")).to_owned())
            .build();
        let writer = ArrowWriter::try_new(destination, Arc::clone(&schema), Some(properties))?;
        let builders = columns.iter().map(Builder::for_column).collect();
        Ok(Self {
            columns: columns.to_vec(),
            builders,
            schema,
            writer,
            rows: 0,
        })
    }

    /// Takes a record.
    pub fn write(&mut self, joined: &Joined<'_>) -> Result<(), ParquetError> {
        for (column, builder) in self.columns.iter().zip(&mut self.builders) {
            builder.append(joined, column);
        }
        self.rows += 1;
        if self.rows >= BATCH {
            self.write_batch()
        } else {
            Ok(())
        }
    }

    /// Writes what is left and the end of the file; gives the destination back.
    pub fn finish(mut self) -> Result<W, ParquetError> {
        self.write_batch()?;
        self.writer.into_inner()
    }

    fn write_batch(&mut self) -> Result<(), ParquetError> {
        self.rows = 0;
        let arrays: Vec<ArrayRef> = self.builders.iter_mut().map(Builder::finish).collect();
        let batch = RecordBatch::try_new(Arc::clone(&self.schema), arrays)
            .map_err(|error: ArrowError| ParquetError::ArrowError(error.to_string()))?;
        self.writer.write(&batch)
    }
}

fn value_type(column: &Column) -> DataType {
    match (&column.source, column.ty) {
        (Source::IsoTime(_), _) | (_, Type::Time) => {
            DataType::Timestamp(TimeUnit::Nanosecond, Some("UTC".into()))
        }
        (Source::Text(_) | Source::Constant(_) | Source::Json(_), _) => DataType::Utf8,
        (_, Type::Bool) => DataType::Boolean,
        (_, ty) if ty.is_integer() => DataType::Int64,
        _ => DataType::Utf8,
    }
}

fn arrow_field(column: &Column) -> Field {
    let value = value_type(column);
    let data_type = if column.list {
        DataType::List(Arc::new(Field::new("item", value, true)))
    } else {
        value
    };
    Field::new(&column.name, data_type, true)
}

impl Builder {
    fn for_column(column: &Column) -> Self {
        match (value_type(column), column.list) {
            (DataType::Int64, false) => Self::Int(Int64Builder::new()),
            (DataType::Int64, true) => Self::Ints(ListBuilder::new(Int64Builder::new())),
            (DataType::Boolean, false) => Self::Bool(BooleanBuilder::new()),
            (DataType::Timestamp(..), false) => {
                Self::Time(TimestampNanosecondBuilder::new().with_timezone("UTC"))
            }
            (_, true) => Self::Texts(ListBuilder::new(StringBuilder::new())),
            (_, false) => Self::Text(StringBuilder::new()),
        }
    }

    fn append(&mut self, joined: &Joined<'_>, column: &Column) {
        let (id, arg) = match &column.source {
            Source::Field(id, arg) => (*id, arg),
            Source::Json(id) | Source::IsoTime(id) => (*id, &Arg::None),
            Source::Text(write_text) => {
                let mut text = Vec::new();
                write_text(joined, &mut text);
                return self.append_text((!text.is_empty()).then_some(&text));
            }
            Source::Constant(text) => {
                return self.append_text(Some(text.trim_matches('"').as_bytes()));
            }
        };
        let mut values = 0;
        joined.answer(id, arg, |value| {
            values += 1;
            self.append_value(value);
            if column.list {
                ControlFlow::Continue(())
            } else {
                ControlFlow::Break(())
            }
        });
        match self {
            Self::Texts(list) => list.append(values > 0),
            Self::Ints(list) => list.append(values > 0),
            Self::Text(builder) if values == 0 => builder.append_null(),
            Self::Int(builder) if values == 0 => builder.append_null(),
            Self::Time(builder) if values == 0 => builder.append_null(),
            Self::Bool(builder) if values == 0 => builder.append_null(),
            _ => {}
        }
    }

    fn append_text(&mut self, text: Option<&[u8]>) {
        if let Self::Text(builder) = self {
            builder.append_option(text.map(ByteSlice::to_str_lossy));
        }
    }

    fn append_value(&mut self, value: Value<'_>) {
        match self {
            Self::Text(builder) => {
                value.with_text(|text| builder.append_value(text.to_str_lossy()));
            }
            Self::Texts(list) => {
                value.with_text(|text| list.values().append_value(text.to_str_lossy()));
            }
            Self::Int(builder) => builder.append_option(value.as_int()),
            Self::Ints(list) => list.values().append_option(value.as_int()),
            Self::Time(builder) => builder.append_option(value.as_int()),
            Self::Bool(builder) => {
                builder.append_option(value.as_int().map(|number| number != 0));
            }
        }
    }

    fn finish(&mut self) -> ArrayRef {
        match self {
            Self::Text(builder) => Arc::new(builder.finish()),
            Self::Int(builder) => Arc::new(builder.finish()),
            Self::Time(builder) => {
                let array = builder.finish();
                Arc::new(array.with_timezone("UTC"))
            }
            Self::Bool(builder) => Arc::new(builder.finish()),
            Self::Texts(list) => Arc::new(list.finish()),
            Self::Ints(list) => Arc::new(list.finish()),
        }
    }
}

impl<W: Write + Send> std::fmt::Debug for Encoder<W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Encoder")
            .field("columns", &self.columns.len())
            .finish_non_exhaustive()
    }
}
