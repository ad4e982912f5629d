//! One value of a row or of a statement's parameters, borrowed from where it lies or owned.

use std::borrow::Cow;

use super::calendar::{Date, DateTime, Time};

/// A value that owns what it holds.
pub type Value = Cell<'static>;

/// A value as all three databases mean it.
#[derive(Clone, Debug, PartialEq)]
pub enum Cell<'a> {
    /// No value.
    Null,
    /// A truth value.
    Bool(bool),
    /// A whole number of 64 bits.
    Int(i64),
    /// A larger whole number, in decimal digits.
    BigInt(Cow<'a, str>),
    /// A number of 64 bits in binary floating point; not a number and infinities included.
    Float(f64),
    /// Text, and every type that has no better form here.
    Text(Cow<'a, str>),
    /// Bytes.
    Bytes(Cow<'a, [u8]>),
    /// An exact decimal number in its text form; `NaN` and `Infinity` included.
    Decimal(Cow<'a, str>),
    /// A day.
    Date(Date),
    /// A time of day.
    Time(Time),
    /// An instant, or a naive date and time.
    DateTime(DateTime),
    /// A span of time in microseconds; days count as 24 hours.
    Interval(i64),
    /// A UUID.
    Uuid([u8; 16]),
    /// A JSON document in its text form.
    Json(Cow<'a, str>),
    /// A list of values, which may be lists again.
    Array(Vec<Cell<'a>>),
}

impl<'a> Cell<'a> {
    /// Makes a text cell.
    pub fn text(text: impl Into<Cow<'a, str>>) -> Self {
        Self::Text(text.into())
    }

    /// Makes a cell of bytes.
    pub fn bytes(bytes: impl Into<Cow<'a, [u8]>>) -> Self {
        Self::Bytes(bytes.into())
    }

    /// Copies what is borrowed.
    #[must_use]
    pub fn into_owned(self) -> Value {
        fn own<T: ToOwned + ?Sized>(value: Cow<'_, T>) -> Cow<'static, T> {
            Cow::Owned(value.into_owned())
        }
        match self {
            Self::Null => Cell::Null,
            Self::Bool(value) => Cell::Bool(value),
            Self::Int(value) => Cell::Int(value),
            Self::BigInt(digits) => Cell::BigInt(own(digits)),
            Self::Float(value) => Cell::Float(value),
            Self::Text(text) => Cell::Text(own(text)),
            Self::Bytes(bytes) => Cell::Bytes(own(bytes)),
            Self::Decimal(text) => Cell::Decimal(own(text)),
            Self::Date(date) => Cell::Date(date),
            Self::Time(time) => Cell::Time(time),
            Self::DateTime(instant) => Cell::DateTime(instant),
            Self::Interval(micros) => Cell::Interval(micros),
            Self::Uuid(bytes) => Cell::Uuid(bytes),
            Self::Json(text) => Cell::Json(own(text)),
            Self::Array(items) => Cell::Array(items.into_iter().map(Cell::into_owned).collect()),
        }
    }

    /// Returns the name of the type, for messages.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Null => "NULL",
            Self::Bool(_) => "bool",
            Self::Int(_) | Self::BigInt(_) => "int",
            Self::Float(_) => "float",
            Self::Text(_) => "str",
            Self::Bytes(_) => "bytes",
            Self::Decimal(_) => "Decimal",
            Self::Date(_) => "date",
            Self::Time(_) => "time",
            Self::DateTime(_) => "datetime",
            Self::Interval(_) => "timedelta",
            Self::Uuid(_) => "UUID",
            Self::Json(_) => "JSON",
            Self::Array(_) => "list",
        }
    }
}

/// Reads text; bytes that are none are replaced.
#[inline]
#[must_use]
pub fn text_of(bytes: &[u8]) -> Cow<'_, str> {
    // The search for what must be replaced takes byte after byte, the check whether there is any a word at a time.
    std::str::from_utf8(bytes).map_or_else(|_| String::from_utf8_lossy(bytes), Cow::Borrowed)
}

/// Returns the usual text form of a UUID.
#[must_use]
pub fn uuid_text(bytes: [u8; 16]) -> String {
    let number = u128::from_be_bytes(bytes);
    let digits = format!("{number:032x}");
    format!("{}-{}-{}-{}-{}", &digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..])
}

/// Reads the text form of a UUID, with or without its dashes.
#[must_use]
pub fn parse_uuid(text: &str) -> Option<[u8; 16]> {
    let digits: String = text.chars().filter(|letter| *letter != '-').collect();
    if digits.len() != 32 || !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return None;
    }
    u128::from_str_radix(&digits, 16).ok().map(u128::to_be_bytes)
}

/// Returns bytes as `\x` and hexadecimal digits.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = String::with_capacity(2 + 2 * bytes.len());
    text.push_str("\\x");
    for byte in bytes {
        text.push(char::from(DIGITS[usize::from(byte >> 4)]));
        text.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
    text
}

/// Returns a value as a JSON document; what JSON has no form for is a string.
#[must_use]
pub fn json_text(cell: &Cell<'_>) -> String {
    match cell {
        Cell::Null => String::from("null"),
        Cell::Bool(value) => value.to_string(),
        Cell::Int(value) => value.to_string(),
        Cell::BigInt(text) | Cell::Json(text) => text.to_string(),
        Cell::Float(value) if value.is_finite() => format!("{value:?}"),
        Cell::Array(items) => {
            let items: Vec<String> = items.iter().map(json_text).collect();
            format!("[{}]", items.join(","))
        }
        Cell::Uuid(bytes) => format!("\"{}\"", uuid_text(*bytes)),
        Cell::Text(text) | Cell::Decimal(text) => serde_json::Value::from(&**text).to_string(),
        Cell::Float(value) => format!("\"{value}\""),
        Cell::Bytes(bytes) => serde_json::Value::from(hex(bytes)).to_string(),
        Cell::Date(date) => format!("\"{date}\""),
        Cell::Time(time) => format!("\"{time}\""),
        Cell::DateTime(instant) => format!("\"{instant}\""),
        Cell::Interval(micros) => micros.to_string(),
    }
}
