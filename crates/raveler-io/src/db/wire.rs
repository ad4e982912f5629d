//! PostgreSQL's binary values read in place: one decoder for each type, chosen once for each column.

use std::borrow::Cow;

use tokio_postgres::types::{Kind, Type};

use super::calendar::{DAY, Date, DateTime, Time};
use super::cell::{Cell, Value, hex, text_of};
use super::network;
use super::numeric;

/// Days from 1970 to 2000, where PostgreSQL's calendar begins.
pub const EPOCH_DAYS: i64 = 10_957;

/// How a column's bytes are read.
#[derive(Clone, Debug)]
pub enum Decoder {
    Bool,
    Int2,
    Int4,
    Int8,
    Oid,
    Float4,
    Float8,
    Text,
    Bytes,
    Numeric,
    Date,
    Time,
    TimeWithZone,
    DateTime,
    DateTimeWithZone,
    Interval,
    Uuid,
    Json,
    JsonB,
    Network,
    Money,
    Array(Box<Decoder>),
    Range(Box<Decoder>),
    Multirange(Box<Decoder>),
    Composite,
    Unknown,
}

impl Decoder {
    /// Returns the decoder of a type.
    #[must_use]
    pub fn of(kind: &Type) -> Self {
        match *kind {
            Type::BOOL => Self::Bool,
            Type::INT2 => Self::Int2,
            Type::INT4 => Self::Int4,
            Type::INT8 => Self::Int8,
            Type::OID | Type::XID | Type::CID => Self::Oid,
            Type::FLOAT4 => Self::Float4,
            Type::FLOAT8 => Self::Float8,
            Type::TEXT | Type::VARCHAR | Type::BPCHAR | Type::NAME | Type::XML | Type::UNKNOWN => Self::Text,
            Type::BYTEA => Self::Bytes,
            Type::NUMERIC => Self::Numeric,
            Type::DATE => Self::Date,
            Type::TIME => Self::Time,
            Type::TIMETZ => Self::TimeWithZone,
            Type::TIMESTAMP => Self::DateTime,
            Type::TIMESTAMPTZ => Self::DateTimeWithZone,
            Type::INTERVAL => Self::Interval,
            Type::UUID => Self::Uuid,
            Type::JSON => Self::Json,
            Type::JSONB => Self::JsonB,
            Type::INET | Type::CIDR | Type::MACADDR | Type::MACADDR8 => Self::Network,
            Type::MONEY => Self::Money,
            Type::INT2_VECTOR => Self::Array(Box::new(Self::Int2)),
            Type::OID_VECTOR => Self::Array(Box::new(Self::Oid)),
            Type::RECORD => Self::Composite,
            _ => Self::of_kind(kind.kind()),
        }
    }

    fn of_kind(kind: &Kind) -> Self {
        match kind {
            Kind::Array(of) => Self::Array(Box::new(Self::of(of))),
            Kind::Domain(of) => Self::of(of),
            Kind::Range(of) => Self::Range(Box::new(Self::of(of))),
            Kind::Multirange(of) => Self::Multirange(Box::new(Self::of(of))),
            Kind::Composite(_) => Self::Composite,
            Kind::Enum(_) => Self::Text,
            _ => Self::Unknown,
        }
    }

    /// Returns some value of the type that this decoder makes, where every value is of that type.
    #[must_use]
    pub fn sample(&self) -> Value {
        match self {
            Self::Bool => Cell::Bool(false),
            Self::Int2 | Self::Int4 | Self::Int8 | Self::Oid => Cell::Int(0),
            Self::Float4 | Self::Float8 => Cell::Float(0.0),
            Self::Bytes => Cell::Bytes(Cow::Borrowed(&[])),
            Self::Date => Cell::Date(Date { year: 2000, month: 1, day: 1 }),
            Self::Time => Cell::Time(Time { micros: 0, offset: None }),
            Self::DateTime => Cell::DateTime(DateTime { seconds: 0, micros: 0, offset: None }),
            Self::DateTimeWithZone => Cell::DateTime(DateTime { seconds: 0, micros: 0, offset: Some(0) }),
            Self::Interval => Cell::Interval(0),
            _ => Cell::text(""),
        }
    }

    /// Reads a value; bytes that are not what the type promises come back as text.
    #[inline]
    #[must_use]
    pub fn decode<'a>(&self, bytes: &'a [u8]) -> Cell<'a> {
        self.read(bytes).unwrap_or_else(|| unknown(bytes))
    }

    #[inline]
    fn read<'a>(&self, bytes: &'a [u8]) -> Option<Cell<'a>> {
        Some(match self {
            Self::Int4 => Cell::Int(i32::from_be_bytes(bytes.try_into().ok()?).into()),
            Self::Int8 => Cell::Int(i64::from_be_bytes(bytes.try_into().ok()?)),
            Self::Float8 => Cell::Float(f64::from_be_bytes(bytes.try_into().ok()?)),
            Self::Text => Cell::Text(text_of(bytes)),
            Self::Bool => Cell::Bool(*bytes.first()? != 0),
            Self::Int2 => Cell::Int(i16::from_be_bytes(bytes.try_into().ok()?).into()),
            Self::Oid => Cell::Int(u32::from_be_bytes(bytes.try_into().ok()?).into()),
            Self::Float4 => Cell::Float(f32::from_be_bytes(bytes.try_into().ok()?).into()),
            Self::Bytes => Cell::Bytes(Cow::Borrowed(bytes)),
            Self::Uuid => Cell::Uuid(bytes.try_into().ok()?),
            Self::Json => Cell::Json(text_of(bytes)),
            Self::JsonB => Cell::Json(text_of(bytes.strip_prefix(&[1])?)),
            Self::Numeric => Cell::Decimal(Cow::Owned(numeric::to_text(bytes)?)),
            Self::Network => Cell::Text(Cow::Owned(network::to_text(bytes)?)),
            Self::Money => Cell::Text(Cow::Owned(money(i64::from_be_bytes(bytes.try_into().ok()?)))),
            Self::Array(of) => array(of, bytes)?,
            Self::Range(of) => Cell::Text(Cow::Owned(range(of, bytes)?)),
            Self::Multirange(of) => Cell::Text(Cow::Owned(multirange(of, bytes)?)),
            Self::Composite => Cell::Text(Cow::Owned(composite(bytes)?)),
            Self::Unknown => unknown(bytes),
            Self::Date | Self::Time | Self::TimeWithZone | Self::DateTime | Self::DateTimeWithZone | Self::Interval => {
                self.read_time(bytes)?
            }
        })
    }

    fn read_time<'a>(&self, bytes: &[u8]) -> Option<Cell<'a>> {
        Some(match self {
            Self::Date => match i32::from_be_bytes(bytes.try_into().ok()?) {
                i32::MAX => Cell::text("infinity"),
                i32::MIN => Cell::text("-infinity"),
                days => Cell::Date(Date::from_days(i64::from(days) + EPOCH_DAYS)?),
            },
            Self::Time => Cell::Time(Time { micros: i64::from_be_bytes(bytes.try_into().ok()?), offset: None }),
            Self::TimeWithZone => {
                let (micros, west) = bytes.split_first_chunk()?;
                let west = i32::from_be_bytes(west.try_into().ok()?);
                Cell::Time(Time { micros: i64::from_be_bytes(*micros), offset: Some(-west) })
            }
            Self::DateTime => instant(bytes, None)?,
            Self::DateTimeWithZone => instant(bytes, Some(0))?,
            _ => {
                let (micros, rest) = bytes.split_first_chunk()?;
                let (days, months) = rest.split_first_chunk()?;
                let (micros, days) = (i64::from_be_bytes(*micros), i32::from_be_bytes(*days));
                interval(micros, days, i32::from_be_bytes(months.try_into().ok()?))
            }
        })
    }
}

fn instant<'a>(bytes: &[u8], offset: Option<i32>) -> Option<Cell<'a>> {
    Some(match i64::from_be_bytes(bytes.try_into().ok()?) {
        i64::MAX => Cell::text("infinity"),
        i64::MIN => Cell::text("-infinity"),
        micros => {
            let mut instant = DateTime::from_micros(micros, offset);
            instant.seconds += EPOCH_DAYS * DAY;
            Cell::DateTime(instant)
        }
    })
}

/// Months have no fixed length, so an interval with months is text.
fn interval<'a>(micros: i64, days: i32, months: i32) -> Cell<'a> {
    let span = (i64::from(days) * DAY).checked_mul(1_000_000).and_then(|of_days| of_days.checked_add(micros));
    match span {
        Some(span) if months == 0 => Cell::Interval(span),
        _ => {
            let seconds = micros / 1_000_000;
            let fraction = (micros % 1_000_000).abs();
            let sign = if micros < 0 && seconds == 0 { "-" } else { "" };
            Cell::text(format!("{months} mons {days} days {sign}{seconds}.{fraction:06} secs"))
        }
    }
}

fn money(cents: i64) -> String {
    let sign = if cents < 0 { "-" } else { "" };
    let cents = cents.unsigned_abs();
    format!("{sign}{}.{:02}", cents / 100, cents % 100)
}

/// The value of a type that is not known: its bytes where they are readable text, else hexadecimal digits.
fn unknown(bytes: &[u8]) -> Cell<'_> {
    match std::str::from_utf8(bytes) {
        Ok(text) if !text.chars().any(|letter| letter.is_control() && !letter.is_whitespace()) => {
            Cell::Text(Cow::Borrowed(text))
        }
        _ => Cell::Text(Cow::Owned(hex(bytes))),
    }
}

/// A value within another one.
enum Part<'a> {
    Null,
    Bytes(&'a [u8]),
}

impl<'a> Part<'a> {
    /// Takes a length and that many bytes; a negative length is NULL.
    fn take(rest: &mut &'a [u8]) -> Option<Self> {
        let Ok(length) = usize::try_from(word(rest)?) else { return Some(Self::Null) };
        let (bytes, after) = rest.split_at_checked(length)?;
        *rest = after;
        Some(Self::Bytes(bytes))
    }

    fn decode(self, decoder: &Decoder) -> Cell<'a> {
        match self {
            Self::Null => Cell::Null,
            Self::Bytes(bytes) => decoder.decode(bytes),
        }
    }

    fn plain(self, decoder: &Decoder) -> String {
        match self {
            Self::Null => String::new(),
            Self::Bytes(bytes) => quoted(&plain(&decoder.decode(bytes))),
        }
    }
}

fn word(rest: &mut &[u8]) -> Option<i32> {
    let (bytes, after) = rest.split_first_chunk()?;
    *rest = after;
    Some(i32::from_be_bytes(*bytes))
}

fn array<'a>(of: &Decoder, bytes: &'a [u8]) -> Option<Cell<'a>> {
    let mut rest = bytes;
    let dimensions = usize::try_from(word(&mut rest)?).ok()?;
    let (_nulls, _element) = (word(&mut rest)?, word(&mut rest)?);
    if dimensions == 0 {
        return Some(Cell::Array(Vec::new()));
    }
    let mut lengths = Vec::with_capacity(dimensions.min(6));
    for _ in 0..dimensions {
        lengths.push(usize::try_from(word(&mut rest)?).ok()?);
        let _lower_bound = word(&mut rest)?;
    }
    level(of, &lengths, &mut rest)
}

fn level<'a>(of: &Decoder, lengths: &[usize], rest: &mut &'a [u8]) -> Option<Cell<'a>> {
    let (length, inner) = lengths.split_first()?;
    let mut items = Vec::with_capacity((*length).min(rest.len()));
    for _ in 0..*length {
        items.push(if inner.is_empty() { Part::take(rest)?.decode(of) } else { level(of, inner, rest)? });
    }
    Some(Cell::Array(items))
}

/// The flags of a range: empty, lower and upper bound included, lower and upper bound infinite.
const EMPTY: u8 = 1;
const LOWER_INCLUDED: u8 = 2;
const UPPER_INCLUDED: u8 = 4;
const LOWER_INFINITE: u8 = 8;
const UPPER_INFINITE: u8 = 16;

fn range(of: &Decoder, bytes: &[u8]) -> Option<String> {
    let (flags, mut rest) = bytes.split_first()?;
    if flags & EMPTY != 0 {
        return Some(String::from("empty"));
    }
    let mut text = String::from(if flags & LOWER_INCLUDED == 0 { '(' } else { '[' });
    if flags & LOWER_INFINITE == 0 {
        text.push_str(&Part::take(&mut rest)?.plain(of));
    }
    text.push(',');
    if flags & UPPER_INFINITE == 0 {
        text.push_str(&Part::take(&mut rest)?.plain(of));
    }
    text.push(if flags & UPPER_INCLUDED == 0 { ')' } else { ']' });
    Some(text)
}

fn multirange(of: &Decoder, bytes: &[u8]) -> Option<String> {
    let mut rest = bytes;
    let count = word(&mut rest)?;
    let ranges: Option<Vec<String>> = (0..count)
        .map(|_| match Part::take(&mut rest)? {
            Part::Null => None,
            Part::Bytes(bytes) => range(of, bytes),
        })
        .collect();
    Some(format!("{{{}}}", ranges?.join(",")))
}

fn composite(bytes: &[u8]) -> Option<String> {
    let mut rest = bytes;
    let count = word(&mut rest)?;
    let mut fields = Vec::new();
    for _ in 0..count {
        let oid = word(&mut rest)?.cast_unsigned();
        let decoder = Type::from_oid(oid).map_or(Decoder::Unknown, |kind| Decoder::of(&kind));
        fields.push(Part::take(&mut rest)?.plain(&decoder));
    }
    Some(format!("({})", fields.join(",")))
}

/// Quotes what would be read as part of the range or row around it.
fn quoted(text: &str) -> String {
    if !text.is_empty() && !text.contains([' ', ',', '"', '\\', '(', ')', '[', ']']) {
        return String::from(text);
    }
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\"\""))
}

/// Returns the text form of a value, as PostgreSQL writes it.
#[must_use]
pub fn plain(cell: &Cell<'_>) -> String {
    match cell {
        Cell::Null => String::new(),
        Cell::Bool(value) => String::from(if *value { "t" } else { "f" }),
        Cell::Int(value) => value.to_string(),
        Cell::Float(value) if value.is_infinite() => String::from(if *value > 0.0 { "Infinity" } else { "-Infinity" }),
        Cell::Float(value) => value.to_string(),
        Cell::BigInt(text) | Cell::Text(text) | Cell::Decimal(text) | Cell::Json(text) => text.to_string(),
        Cell::Bytes(bytes) => hex(bytes),
        Cell::Date(date) => date.to_string(),
        Cell::Time(time) => time.to_string(),
        Cell::DateTime(instant) => instant.to_string(),
        Cell::Interval(micros) => seconds_text(*micros),
        Cell::Uuid(bytes) => super::cell::uuid_text(*bytes),
        Cell::Array(items) => {
            let items: Vec<String> = items.iter().map(array_item).collect();
            format!("{{{}}}", items.join(","))
        }
    }
}

fn seconds_text(micros: i64) -> String {
    let sign = if micros < 0 { "-" } else { "" };
    let micros = micros.unsigned_abs();
    format!("{sign}{}.{:06} seconds", micros / 1_000_000, micros % 1_000_000)
}

fn array_item(item: &Cell<'_>) -> String {
    match item {
        Cell::Null => String::from("NULL"),
        Cell::Array(_) => plain(item),
        _ => format!("\"{}\"", plain(item).replace('\\', "\\\\").replace('"', "\\\"")),
    }
}
