//! Rows as Arrow columns, made without Python and handed over by Arrow's C stream interface.
//!
//! Exact decimals, UUIDs, JSON, lists and whatever has no Arrow type are text; so is a column whose values differ in type.

use std::sync::Arc;

use arrow_array::builder::{BinaryBuilder, BooleanBuilder, PrimitiveBuilder, StringBuilder};
use arrow_array::ffi_stream::FFI_ArrowArrayStream;
use arrow_array::types::{
    ArrowPrimitiveType, Date32Type, DurationMicrosecondType, Float64Type, Int64Type, Time64MicrosecondType,
    TimestampMicrosecondType,
};
use arrow_array::{ArrayRef, NullArray, RecordBatch, RecordBatchIterator};
use arrow_schema::{ArrowError, DataType, Field, Schema, TimeUnit};

use super::cell::{Cell, json_text};
use super::error::DbError;
use super::rows::Rows;
use super::wire::plain;

/// Rows of one batch at most: a consumer can begin with the first while it reads the others.
const ROWS: usize = 1 << 18;
/// Bytes of one batch at most: the offsets of Arrow's text have 31 bits.
const BYTES: usize = 1 << 30;

/// What a column is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Null,
    Bool,
    Int,
    Float,
    Text,
    Bytes,
    Date,
    Time,
    DateTime,
    Moment,
    Interval,
}

impl Kind {
    fn of(cell: &Cell<'_>) -> Self {
        match cell {
            Cell::Null => Self::Null,
            Cell::Bool(_) => Self::Bool,
            Cell::Int(_) => Self::Int,
            Cell::Float(_) => Self::Float,
            Cell::Bytes(_) => Self::Bytes,
            Cell::Date(_) => Self::Date,
            Cell::Time(time) if time.offset.is_none() => Self::Time,
            Cell::DateTime(instant) if instant.offset.is_none() => Self::DateTime,
            Cell::DateTime(_) => Self::Moment,
            Cell::Interval(_) => Self::Interval,
            Cell::Text(_)
            | Cell::BigInt(_)
            | Cell::Decimal(_)
            | Cell::Uuid(_)
            | Cell::Json(_)
            | Cell::Array(_)
            | Cell::Time(_) => Self::Text,
        }
    }

    /// Returns what holds both.
    fn or(self, other: Self) -> Self {
        match (self, other) {
            (one, Self::Null) | (Self::Null, one) => one,
            (Self::Int, Self::Float) | (Self::Float, Self::Int) => Self::Float,
            (one, other) if one == other => one,
            _ => Self::Text,
        }
    }

    fn data_type(self) -> DataType {
        match self {
            Self::Null => DataType::Null,
            Self::Bool => DataType::Boolean,
            Self::Int => DataType::Int64,
            Self::Float => DataType::Float64,
            Self::Text => DataType::Utf8,
            Self::Bytes => DataType::Binary,
            Self::Date => DataType::Date32,
            Self::Time => DataType::Time64(TimeUnit::Microsecond),
            Self::DateTime => DataType::Timestamp(TimeUnit::Microsecond, None),
            Self::Moment => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
            Self::Interval => DataType::Duration(TimeUnit::Microsecond),
        }
    }
}

/// A column that is being made.
enum Builder {
    Null(usize),
    Bool(BooleanBuilder),
    Int(PrimitiveBuilder<Int64Type>),
    Float(PrimitiveBuilder<Float64Type>),
    Text(StringBuilder),
    Bytes(BinaryBuilder),
    Date(PrimitiveBuilder<Date32Type>),
    Time(PrimitiveBuilder<Time64MicrosecondType>),
    DateTime(PrimitiveBuilder<TimestampMicrosecondType>),
    Interval(PrimitiveBuilder<DurationMicrosecondType>),
}

fn primitive<T: ArrowPrimitiveType>(kind: Kind, rows: usize) -> PrimitiveBuilder<T> {
    PrimitiveBuilder::with_capacity(rows).with_data_type(kind.data_type())
}

impl Builder {
    fn new(kind: Kind, rows: usize) -> Self {
        match kind {
            Kind::Null => Self::Null(0),
            Kind::Bool => Self::Bool(BooleanBuilder::with_capacity(rows)),
            Kind::Int => Self::Int(primitive(kind, rows)),
            Kind::Float => Self::Float(primitive(kind, rows)),
            Kind::Text => Self::Text(StringBuilder::with_capacity(rows, rows * 8)),
            Kind::Bytes => Self::Bytes(BinaryBuilder::with_capacity(rows, rows * 8)),
            Kind::Date => Self::Date(primitive(kind, rows)),
            Kind::Time => Self::Time(primitive(kind, rows)),
            Kind::DateTime | Kind::Moment => Self::DateTime(primitive(kind, rows)),
            Kind::Interval => Self::Interval(primitive(kind, rows)),
        }
    }

    /// Appends a value; false if the column can't hold it.
    #[inline]
    fn push(&mut self, cell: &Cell<'_>, is_moment: bool) -> bool {
        match (self, cell) {
            (Self::Int(column), Cell::Int(value)) => column.append_value(*value),
            (Self::Float(column), Cell::Float(value)) => column.append_value(*value),
            (Self::Text(column), Cell::Text(text)) => column.append_value(text),
            (Self::Bool(column), Cell::Bool(value)) => column.append_value(*value),
            (Self::Bytes(column), Cell::Bytes(bytes)) => column.append_value(bytes),
            (Self::Float(column), Cell::Int(value)) => column.append_value(as_float(*value)),
            (Self::Date(column), Cell::Date(date)) => match i32::try_from(date.days()) {
                Ok(days) => column.append_value(days),
                Err(_) => return false,
            },
            (Self::Time(column), Cell::Time(time)) if time.offset.is_none() => column.append_value(time.micros),
            (Self::DateTime(column), Cell::DateTime(instant)) if instant.offset.is_some() == is_moment => {
                match instant.as_micros() {
                    Some(micros) => column.append_value(micros),
                    None => return false,
                }
            }
            (Self::Interval(column), Cell::Interval(micros)) => column.append_value(*micros),
            (Self::Text(column), Cell::Array(_)) => column.append_value(json_text(cell)),
            (column, Cell::Null) => column.push_null(),
            (Self::Text(column), other) => column.append_value(plain(other)),
            _ => return false,
        }
        true
    }

    fn push_null(&mut self) {
        match self {
            Self::Null(count) => *count += 1,
            Self::Bool(column) => column.append_null(),
            Self::Int(column) => column.append_null(),
            Self::Float(column) => column.append_null(),
            Self::Text(column) => column.append_null(),
            Self::Bytes(column) => column.append_null(),
            Self::Date(column) => column.append_null(),
            Self::Time(column) => column.append_null(),
            Self::DateTime(column) => column.append_null(),
            Self::Interval(column) => column.append_null(),
        }
    }

    fn finish(self) -> ArrayRef {
        match self {
            Self::Null(count) => Arc::new(NullArray::new(count)),
            Self::Bool(mut column) => Arc::new(column.finish()),
            Self::Int(mut column) => Arc::new(column.finish()),
            Self::Float(mut column) => Arc::new(column.finish()),
            Self::Text(mut column) => Arc::new(column.finish()),
            Self::Bytes(mut column) => Arc::new(column.finish()),
            Self::Date(mut column) => Arc::new(column.finish()),
            Self::Time(mut column) => Arc::new(column.finish()),
            Self::DateTime(mut column) => Arc::new(column.finish()),
            Self::Interval(mut column) => Arc::new(column.finish()),
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "the column has floats beside it")]
fn as_float(value: i64) -> f64 {
    value as f64
}

/// A column that turned out to hold other values than the rows before showed.
struct Widened {
    column: usize,
    kind: Kind,
}

/// Makes the columns of the rows from `first` to `end`.
fn columns(rows: &Rows, (first, end): (usize, usize), kinds: &[Kind]) -> Result<Vec<ArrayRef>, Widened> {
    let mut builders: Vec<Builder> = kinds.iter().map(|kind| Builder::new(*kind, end - first)).collect();
    for index in first..end {
        for (column, (cell, builder)) in rows.row(index).zip(&mut builders).enumerate() {
            let kind = kinds[column];
            if !builder.push(&cell, kind == Kind::Moment) {
                let wider = kind.or(Kind::of(&cell));
                return Err(Widened { column, kind: if wider == kind { Kind::Text } else { wider } });
            }
        }
    }
    Ok(builders.into_iter().map(Builder::finish).collect())
}

/// A whole result in Arrow's form.
#[derive(Clone, Debug)]
pub struct ArrowTable {
    schema: Arc<Schema>,
    batches: Vec<RecordBatch>,
}

impl ArrowTable {
    /// Turns rows into columns.
    ///
    /// # Errors
    ///
    /// If Arrow refuses them, which it does for no database that keeps to its own types.
    pub fn new(rows: &Rows) -> Result<Self, DbError> {
        let mut kinds: Vec<Kind> = vec![Kind::Null; rows.columns().len()];
        let known = rows.kinds_of_wire();
        for (kind, known) in kinds.iter_mut().zip(known.iter().flatten()) {
            *kind = Kind::of(known);
        }
        let parts = parts(rows);
        let arrays = loop {
            match parts.iter().map(|part| columns(rows, *part, &kinds)).collect::<Result<Vec<_>, _>>() {
                Ok(arrays) => break arrays,
                Err(Widened { column, kind }) => kinds[column] = kind,
            }
        };
        let fields = rows.columns().iter().zip(&kinds);
        let fields: Vec<Field> =
            fields.map(|(column, kind)| Field::new(&*column.name, kind.data_type(), true)).collect();
        let schema = Arc::new(Schema::new(fields));
        let batches = arrays
            .into_iter()
            .map(|arrays| RecordBatch::try_new(Arc::clone(&schema), arrays))
            .collect::<Result<_, ArrowError>>()
            .map_err(|error| DbError::Value(format!("the rows can't be turned into Arrow columns: {error}")))?;
        Ok(Self { schema, batches })
    }

    /// Returns the number of rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.batches.iter().map(RecordBatch::num_rows).sum()
    }

    /// Whether there are no rows.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the names of the columns.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        self.schema.fields().iter().map(|field| field.name().clone()).collect()
    }

    /// Returns about how many bytes the columns take.
    #[must_use]
    pub fn size(&self) -> usize {
        self.batches.iter().map(RecordBatch::get_array_memory_size).sum()
    }

    /// Returns a reader of the columns for whoever speaks Arrow's C stream interface; they are not copied.
    #[must_use]
    pub fn stream(&self) -> FFI_ArrowArrayStream {
        let batches = self.batches.clone().into_iter().map(Ok::<_, ArrowError>);
        FFI_ArrowArrayStream::new(Box::new(RecordBatchIterator::new(batches, Arc::clone(&self.schema))))
    }
}

/// Cuts the rows into batches.
fn parts(rows: &Rows) -> Vec<(usize, usize)> {
    let mut parts = Vec::new();
    let mut first = 0;
    for index in 0..rows.len() {
        if index - first >= ROWS || rows.span(first, index) > BYTES {
            parts.push((first, index));
            first = index;
        }
    }
    parts.push((first, rows.len()));
    parts
}
