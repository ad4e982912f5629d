//! Values on their way to PostgreSQL: in the binary form of their place where there is one, else as text that the server reads.

use std::error::Error;

use bytes::{BufMut, BytesMut};
use tokio_postgres::types::{Format, IsNull, ToSql, Type};

use crate::db::calendar::{DAY, DateTime, SECOND};
use crate::db::cell::{Cell, json_text};
use crate::db::error::DbError;
use crate::db::numeric;
use crate::db::wire::{Decoder, EPOCH_DAYS, plain};

/// A parameter of a statement.
#[derive(Debug)]
pub struct Param<'a>(pub Cell<'a>);

/// Returns the text that the server reads in this place.
#[must_use]
pub fn written(cell: &Cell<'_>, place: &Decoder) -> String {
    let is_document = matches!((cell, place), (Cell::Array(_), Decoder::Json | Decoder::JsonB));
    if is_document { json_text(cell) } else { plain(cell) }
}

/// Whether the value has a binary form for the place.
#[inline]
#[must_use]
pub fn has_binary(cell: &Cell<'_>, place: &Decoder) -> bool {
    match (cell, place) {
        (Cell::Time(time), Decoder::Time) => time.offset.is_none(),
        (Cell::Time(time), Decoder::TimeWithZone) => time.offset.is_some(),
        (Cell::DateTime(instant), Decoder::DateTime) => instant.offset.is_none(),
        (Cell::DateTime(instant), Decoder::DateTimeWithZone) => instant.offset.is_some(),
        (Cell::Null, _) => true,
        (Cell::Int(_), place) => {
            is_whole(place) || matches!(place, Decoder::Float4 | Decoder::Float8 | Decoder::Numeric)
        }
        (Cell::Bool(_), place) => is_whole(place) || matches!(place, Decoder::Bool),
        (Cell::Float(_), place) => matches!(place, Decoder::Float4 | Decoder::Float8),
        (Cell::Text(_) | Cell::Json(_), place) => matches!(place, Decoder::Text | Decoder::Json | Decoder::JsonB),
        (Cell::Bytes(_), place) => matches!(place, Decoder::Bytes),
        (Cell::BigInt(_) | Cell::Decimal(_), place) => matches!(place, Decoder::Numeric),
        (Cell::Date(_), place) => matches!(place, Decoder::Date),
        (Cell::Interval(_), place) => matches!(place, Decoder::Interval),
        (Cell::Uuid(_), place) => matches!(place, Decoder::Uuid),
        _ => false,
    }
}

fn is_whole(place: &Decoder) -> bool {
    matches!(place, Decoder::Int2 | Decoder::Int4 | Decoder::Int8 | Decoder::Oid)
}

/// Refuses values that would be misread in their place.
///
/// # Errors
///
/// Names the value's type and the place's.
#[inline]
pub fn check(index: usize, cell: &Cell<'_>, place: &Decoder, kind: &Type) -> Result<(), DbError> {
    let fits = match (cell, place) {
        (Cell::Int(value), Decoder::Int2) => i16::try_from(*value).is_ok(),
        (Cell::Int(value), Decoder::Int4) => i32::try_from(*value).is_ok(),
        (Cell::Int(value), Decoder::Oid) => u32::try_from(*value).is_ok(),
        (cell, Decoder::Bytes) => matches!(cell, Cell::Null | Cell::Bytes(_)),
        (cell, Decoder::Bool) => matches!(cell, Cell::Null | Cell::Bool(_) | Cell::Text(_)),
        (cell, Decoder::Text) => {
            matches!(cell, Cell::Null | Cell::Text(_) | Cell::Json(_) | Cell::Uuid(_) | Cell::Decimal(_))
        }
        (Cell::DateTime(instant), Decoder::DateTime) => instant.offset.is_none(),
        (Cell::BigInt(_) | Cell::Float(_), place) => !is_whole(place),
        (Cell::Array(_), place) => matches!(place, Decoder::Array(_) | Decoder::Json | Decoder::JsonB),
        _ => true,
    };
    if fits {
        return Ok(());
    }
    let value = match cell {
        Cell::Int(value) => format!("the int {value}"),
        Cell::DateTime(_) => String::from("the datetime with a time zone"),
        other => format!("a value of type {}", other.kind()),
    };
    Err(DbError::Value(format!(
        "parameter ${} takes {kind} and {value} does not fit; convert it, or cast the place in the statement (${}::...)",
        index + 1,
        index + 1
    )))
}

/// Writes the binary form, or returns nothing where the place has none for the value.
#[inline]
pub fn write_binary(cell: &Cell<'_>, place: &Decoder, out: &mut impl BufMut) -> Option<IsNull> {
    match (cell, place) {
        (Cell::Null, _) => return Some(IsNull::Yes),
        (Cell::Int(value), Decoder::Int8) => out.put_i64(*value),
        (Cell::Int(value), Decoder::Int4) => out.put_i32(i32::try_from(*value).ok()?),
        (Cell::Float(value), Decoder::Float8) => out.put_f64(*value),
        (Cell::Text(text) | Cell::Json(text), Decoder::Text | Decoder::Json) => out.put_slice(text.as_bytes()),
        (Cell::Bool(value), Decoder::Bool) => out.put_u8(u8::from(*value)),
        (Cell::Bytes(bytes), Decoder::Bytes) => out.put_slice(bytes),
        (Cell::DateTime(instant), Decoder::DateTimeWithZone) if instant.offset.is_some() => put_instant(*instant, out)?,
        (Cell::DateTime(instant), Decoder::DateTime) if instant.offset.is_none() => put_instant(*instant, out)?,
        (Cell::Date(date), Decoder::Date) => out.put_i32(i32::try_from(date.days() - EPOCH_DAYS).ok()?),
        (Cell::Text(text) | Cell::Json(text), Decoder::JsonB) => {
            out.put_u8(1);
            out.put_slice(text.as_bytes());
        }
        (Cell::Int(value), Decoder::Int2) => out.put_i16(i16::try_from(*value).ok()?),
        (Cell::Int(value), Decoder::Oid) => out.put_u32(u32::try_from(*value).ok()?),
        (Cell::Bool(value), place) if is_whole(place) => return write_binary(&Cell::Int((*value).into()), place, out),
        (Cell::Int(value), Decoder::Float4 | Decoder::Float8) => {
            return write_binary(&Cell::Float(as_float(*value)), place, out);
        }
        (Cell::Float(value), Decoder::Float4) => out.put_f32(narrowed(*value)),
        (Cell::Int(value), Decoder::Numeric) => out.put_slice(&numeric::from_text(&value.to_string())?),
        (Cell::BigInt(text) | Cell::Decimal(text), Decoder::Numeric) => out.put_slice(&numeric::from_text(text)?),
        (Cell::Uuid(bytes), Decoder::Uuid) => out.put_slice(bytes),
        (Cell::Time(time), Decoder::Time) if time.offset.is_none() => out.put_i64(time.micros),
        (Cell::Time(time), Decoder::TimeWithZone) => {
            out.put_i64(time.micros);
            out.put_i32(-time.offset?);
        }
        (Cell::Interval(micros), Decoder::Interval) => {
            // Days apart from the rest, as the server itself writes them: 24 hours and a day are equal but not the same.
            let days = micros / (DAY * SECOND);
            out.put_i64(micros % (DAY * SECOND));
            out.put_i32(i32::try_from(days).ok()?);
            out.put_i32(0);
        }
        _ => return None,
    }
    Some(IsNull::No)
}

fn put_instant(instant: DateTime, out: &mut impl BufMut) -> Option<()> {
    let seconds = instant.seconds.checked_sub(EPOCH_DAYS * DAY)?;
    out.put_i64(seconds.checked_mul(SECOND)?.checked_add(i64::from(instant.micros))?);
    Some(())
}

#[expect(clippy::cast_precision_loss, reason = "a float column was asked for")]
fn as_float(value: i64) -> f64 {
    value as f64
}

#[expect(clippy::cast_possible_truncation, reason = "a column of 32 bits was asked for")]
fn narrowed(value: f64) -> f32 {
    value as f32
}

impl ToSql for Param<'_> {
    fn to_sql(&self, kind: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        let place = Decoder::of(kind);
        if has_binary(&self.0, &place) {
            return write_binary(&self.0, &place, out).ok_or_else(|| format!("the value does not fit {kind}").into());
        }
        out.put_slice(written(&self.0, &place).as_bytes());
        Ok(IsNull::No)
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    fn to_sql_checked(&self, kind: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        self.to_sql(kind, out)
    }

    fn encode_format(&self, kind: &Type) -> Format {
        if has_binary(&self.0, &Decoder::of(kind)) { Format::Binary } else { Format::Text }
    }
}
