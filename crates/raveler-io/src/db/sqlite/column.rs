//! SQLite's four storage classes and the types that a table declares: how richer values are stored and found again.

use std::borrow::Cow;

use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Statement, ToSql};

use crate::db::calendar::{Date, DateTime, Time};
use crate::db::cell::{Cell, json_text, parse_uuid, uuid_text};
use crate::db::error::DbError;
use crate::db::pack::pack;
use crate::db::rows::Column;
use crate::db::wire::plain;

/// What a column's declared type says about its values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meaning {
    Stored,
    Bool,
    Date,
    Time,
    DateTime,
    Interval,
    Decimal,
    Uuid,
    Json,
}

impl Meaning {
    fn of(declared: &str) -> Self {
        let word = declared.split(['(', ' ']).next().unwrap_or_default().to_ascii_uppercase();
        match word.as_str() {
            "BOOLEAN" | "BOOL" => Self::Bool,
            "DATE" => Self::Date,
            "TIME" | "TIMETZ" => Self::Time,
            "DATETIME" | "TIMESTAMP" | "TIMESTAMPTZ" => Self::DateTime,
            "INTERVAL" => Self::Interval,
            "DECIMAL" | "NUMERIC" => Self::Decimal,
            "UUID" => Self::Uuid,
            "JSON" | "JSONB" => Self::Json,
            _ => Self::Stored,
        }
    }
}

/// Returns the columns of a statement and what their values mean.
#[must_use]
pub fn describe(statement: &Statement<'_>) -> (Vec<Column>, Vec<Meaning>) {
    statement
        .columns()
        .map(|column| {
            let declared = column.decl_type().unwrap_or_default();
            (Column { name: column.name().into(), kind: declared.into() }, Meaning::of(declared))
        })
        .unzip()
}

/// Writes a stored value into `buffer` as what it means.
#[inline]
pub fn put(meaning: Meaning, value: ValueRef<'_>, buffer: &mut Vec<u8>) {
    let cell = match value {
        ValueRef::Null => Cell::Null,
        ValueRef::Integer(value) => Cell::Int(value),
        ValueRef::Real(value) => Cell::Float(value),
        ValueRef::Text(bytes) => Cell::Text(String::from_utf8_lossy(bytes)),
        ValueRef::Blob(bytes) => Cell::Bytes(Cow::Borrowed(bytes)),
    };
    if meaning == Meaning::Stored {
        return pack(&cell, buffer);
    }
    pack(&meant(meaning, &cell).unwrap_or(cell), buffer);
}

/// Returns the value that was meant, or nothing where the stored one is not its form.
fn meant(meaning: Meaning, cell: &Cell<'_>) -> Option<Cell<'static>> {
    Some(match (meaning, cell) {
        (Meaning::Bool, Cell::Int(value @ (0 | 1))) => Cell::Bool(*value == 1),
        (Meaning::Date, Cell::Text(text)) => Cell::Date(Date::parse(text)?),
        (Meaning::Time, Cell::Text(text)) => Cell::Time(Time::parse(text)?),
        (Meaning::DateTime, Cell::Text(text)) => Cell::DateTime(DateTime::parse(text)?),
        (Meaning::Interval, Cell::Int(micros)) => Cell::Interval(*micros),
        (Meaning::Decimal, Cell::Int(value)) => Cell::Decimal(Cow::Owned(value.to_string())),
        (Meaning::Decimal, Cell::Float(value)) => Cell::Decimal(Cow::Owned(value.to_string())),
        (Meaning::Decimal, Cell::Text(text)) => Cell::Decimal(Cow::Owned(text.to_string())),
        (Meaning::Uuid, Cell::Text(text)) => Cell::Uuid(parse_uuid(text)?),
        (Meaning::Json, Cell::Text(_) | Cell::Int(_) | Cell::Float(_)) => Cell::Json(Cow::Owned(plain(cell))),
        _ => return None,
    })
}

/// A value on its way into a statement.
pub struct Bound<'a>(pub Cell<'a>);

impl Bound<'_> {
    /// Refuses what SQLite has no form for.
    ///
    /// # Errors
    ///
    /// If the value is a whole number beyond 64 bits.
    pub fn check(&self) -> Result<(), DbError> {
        match &self.0 {
            Cell::BigInt(digits) => Err(DbError::Value(format!(
                "SQLite stores whole numbers of 64 bits, and {digits} is larger; store it as text"
            ))),
            _ => Ok(()),
        }
    }
}

impl ToSql for Bound<'_> {
    #[inline]
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        use rusqlite::types::Value::Text;
        Ok(match &self.0 {
            Cell::Null => ToSqlOutput::Borrowed(ValueRef::Null),
            Cell::Array(_) => ToSqlOutput::Owned(Text(json_text(&self.0))),
            Cell::Bool(value) => ToSqlOutput::Borrowed(ValueRef::Integer(i64::from(*value))),
            Cell::Int(value) | Cell::Interval(value) => ToSqlOutput::Borrowed(ValueRef::Integer(*value)),
            Cell::Float(value) => ToSqlOutput::Borrowed(ValueRef::Real(*value)),
            Cell::BigInt(text) | Cell::Text(text) | Cell::Decimal(text) | Cell::Json(text) => {
                ToSqlOutput::Borrowed(ValueRef::Text(text.as_bytes()))
            }
            Cell::Bytes(bytes) => ToSqlOutput::Borrowed(ValueRef::Blob(bytes)),
            Cell::Date(date) => ToSqlOutput::Owned(Text(date.to_string())),
            Cell::Time(time) => ToSqlOutput::Owned(Text(time.to_string())),
            Cell::DateTime(instant) => ToSqlOutput::Owned(Text(instant.to_string())),
            Cell::Uuid(bytes) => ToSqlOutput::Owned(Text(uuid_text(*bytes))),
        })
    }
}
