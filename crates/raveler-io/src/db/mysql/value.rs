//! MySQL's values, in both directions.
//!
//! Moments with a time zone are sent in UTC, which is the zone of our sessions; `TIMESTAMP` comes back in UTC, `DATETIME`
//! without a zone. `TIME` is a span of time. A date of zeros is NULL.

use std::borrow::Cow;

use mysql_async::Value;
use mysql_async::consts::{ColumnFlags, ColumnType};

use crate::db::calendar::{DAY, Date, DateTime, SECOND, Time};
use crate::db::cell::{Cell, json_text, uuid_text};
use crate::db::error::DbError;
use crate::db::pack::pack;
use crate::db::rows::{Column, Rows};

/// The number of the character set that means bytes.
const BINARY: u16 = 63;

/// What a column's type says about its values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meaning {
    Plain,
    Bool,
    Text,
    Bytes,
    Decimal,
    Json,
    Date,
    Moment { is_utc: bool },
}

/// Returns what the values of a column mean.
#[must_use]
pub fn meaning(column: &mysql_async::Column) -> Meaning {
    match column.column_type() {
        ColumnType::MYSQL_TYPE_TINY
            if column.column_length() == 1 && !column.flags().contains(ColumnFlags::UNSIGNED_FLAG) =>
        {
            Meaning::Bool
        }
        ColumnType::MYSQL_TYPE_DECIMAL | ColumnType::MYSQL_TYPE_NEWDECIMAL => Meaning::Decimal,
        ColumnType::MYSQL_TYPE_JSON => Meaning::Json,
        ColumnType::MYSQL_TYPE_DATE | ColumnType::MYSQL_TYPE_NEWDATE => Meaning::Date,
        ColumnType::MYSQL_TYPE_TIMESTAMP | ColumnType::MYSQL_TYPE_TIMESTAMP2 => Meaning::Moment { is_utc: true },
        ColumnType::MYSQL_TYPE_DATETIME | ColumnType::MYSQL_TYPE_DATETIME2 => Meaning::Moment { is_utc: false },
        ColumnType::MYSQL_TYPE_BIT | ColumnType::MYSQL_TYPE_GEOMETRY => Meaning::Bytes,
        ColumnType::MYSQL_TYPE_STRING
        | ColumnType::MYSQL_TYPE_VAR_STRING
        | ColumnType::MYSQL_TYPE_VARCHAR
        | ColumnType::MYSQL_TYPE_BLOB
        | ColumnType::MYSQL_TYPE_TINY_BLOB
        | ColumnType::MYSQL_TYPE_MEDIUM_BLOB
        | ColumnType::MYSQL_TYPE_LONG_BLOB
        | ColumnType::MYSQL_TYPE_ENUM
        | ColumnType::MYSQL_TYPE_SET => {
            if column.character_set() == BINARY {
                Meaning::Bytes
            } else {
                Meaning::Text
            }
        }
        _ => Meaning::Plain,
    }
}

/// Returns an empty result with the columns of the driver.
#[must_use]
pub fn empty(columns: &[mysql_async::Column]) -> (Rows, Vec<Meaning>) {
    let named: Vec<Column> = columns
        .iter()
        .map(|column| Column {
            name: column.name_str().into(),
            kind: format!("{:?}", column.column_type()).trim_start_matches("MYSQL_TYPE_").to_ascii_lowercase().into(),
        })
        .collect();
    (Rows::packed(named.into()), columns.iter().map(meaning).collect())
}

/// Copies a row into `rows`.
pub fn keep(row: mysql_async::Row, meanings: &[Meaning], rows: &mut Rows) {
    let buffer = rows.begin();
    for (value, meaning) in row.unwrap().iter().zip(meanings) {
        pack(&cell(value, *meaning), buffer);
    }
}

fn cell(value: &Value, meaning: Meaning) -> Cell<'_> {
    match (value, meaning) {
        (Value::NULL, _) => Cell::Null,
        (Value::Int(number @ (0 | 1)), Meaning::Bool) => Cell::Bool(*number == 1),
        (Value::Int(number), _) => Cell::Int(*number),
        (Value::UInt(number), _) => {
            i64::try_from(*number).map_or_else(|_| Cell::BigInt(number.to_string().into()), Cell::Int)
        }
        (Value::Float(number), _) => Cell::Float((*number).into()),
        (Value::Double(number), _) => Cell::Float(*number),
        (Value::Bytes(bytes), Meaning::Bytes) => Cell::Bytes(Cow::Borrowed(bytes)),
        (Value::Bytes(bytes), Meaning::Decimal) => Cell::Decimal(String::from_utf8_lossy(bytes)),
        (Value::Bytes(bytes), Meaning::Json) => Cell::Json(String::from_utf8_lossy(bytes)),
        (Value::Bytes(bytes), _) => Cell::Text(String::from_utf8_lossy(bytes)),
        (Value::Date(..), _) => moment(value, meaning),
        (Value::Time(is_negative, days, hours, minutes, seconds, micros), _) => {
            let hours = i64::from(*days) * 24 + i64::from(*hours);
            let seconds = (hours * 60 + i64::from(*minutes)) * 60 + i64::from(*seconds);
            let span = seconds * SECOND + i64::from(*micros);
            Cell::Interval(if *is_negative { -span } else { span })
        }
    }
}

fn moment<'a>(value: &Value, meaning: Meaning) -> Cell<'a> {
    let Value::Date(year, month, day, hour, minute, second, micros) = *value else { return Cell::Null };
    if month == 0 || day == 0 {
        return Cell::Null;
    }
    let date = Date { year: year.into(), month, day };
    if meaning == Meaning::Date {
        return Cell::Date(date);
    }
    let of_day = (i64::from(hour) * 60 + i64::from(minute)) * 60 + i64::from(second);
    let offset = (meaning == Meaning::Moment { is_utc: true }).then_some(0);
    Cell::DateTime(DateTime { seconds: date.days() * DAY + of_day, micros, offset })
}

/// Returns a parameter for the driver.
///
/// # Errors
///
/// If MySQL has no form for it.
pub fn parameter(cell: Cell<'_>) -> Result<Value, DbError> {
    let text = |text: Cow<'_, str>| Value::Bytes(text.into_owned().into_bytes());
    Ok(match cell {
        Cell::Null => Value::NULL,
        Cell::Bool(truth) => Value::Int(i64::from(truth)),
        Cell::Int(number) => Value::Int(number),
        Cell::BigInt(digits) => digits.parse().map_or_else(|_| text(digits), Value::UInt),
        Cell::Float(number) if number.is_finite() => Value::Double(number),
        Cell::Float(number) => {
            return Err(DbError::Value(format!("MySQL stores no {number}; store NULL or text instead")));
        }
        Cell::Text(words) | Cell::Decimal(words) | Cell::Json(words) => text(words),
        Cell::Bytes(bytes) => Value::Bytes(bytes.into_owned()),
        Cell::Date(date) => on_day(date, 0)?,
        Cell::Time(Time { micros, .. }) | Cell::Interval(micros) => span(micros),
        Cell::DateTime(instant) => {
            let utc = DateTime { offset: None, ..instant };
            let (date, micros) =
                utc.on_the_clock().ok_or_else(|| DbError::Value(format!("{instant} is too far away")))?;
            on_day(date, micros)?
        }
        Cell::Uuid(bytes) => text(uuid_text(bytes).into()),
        Cell::Array(_) => text(json_text(&cell).into()),
    })
}

fn small(number: i64) -> u8 {
    u8::try_from(number).unwrap_or_default()
}

fn on_day(date: Date, micros: i64) -> Result<Value, DbError> {
    let year = u16::try_from(date.year).map_err(|_| DbError::Value(format!("MySQL has no year {}", date.year)))?;
    let (seconds, micros) = (micros / SECOND, u32::try_from(micros % SECOND).unwrap_or_default());
    let (hour, minute, second) = (small(seconds / 3_600), small(seconds / 60 % 60), small(seconds % 60));
    Ok(Value::Date(year, date.month, date.day, hour, minute, second, micros))
}

fn span(micros: i64) -> Value {
    let (is_negative, micros) = (micros < 0, micros.unsigned_abs());
    let seconds = i64::try_from(micros / 1_000_000).unwrap_or_default();
    let days = u32::try_from(seconds / DAY).unwrap_or(u32::MAX);
    let within = seconds % DAY;
    let micros = u32::try_from(micros % 1_000_000).unwrap_or_default();
    Value::Time(is_negative, days, small(within / 3_600), small(within / 60 % 60), small(within % 60), micros)
}
