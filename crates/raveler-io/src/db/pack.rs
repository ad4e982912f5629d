//! The compact form in which values wait in a buffer: one byte for the kind, then the value.
//!
//! Parameters travel to a driver in it, and rows of SQLite and MySQL come back in it, so that a million cells cost a few
//! large allocations.

use std::borrow::Cow;

use super::calendar::{Date, DateTime, Time};
use super::cell::{Cell, text_of};

const NULL: u8 = 0;
const FALSE: u8 = 1;
const TRUE: u8 = 2;
const INT: u8 = 3;
const BIG_INT: u8 = 4;
const FLOAT: u8 = 5;
const TEXT: u8 = 6;
const BYTES: u8 = 7;
const DECIMAL: u8 = 8;
const DATE: u8 = 9;
const TIME: u8 = 10;
const DATE_TIME: u8 = 11;
const INTERVAL: u8 = 12;
const UUID: u8 = 13;
const JSON: u8 = 14;
const ARRAY: u8 = 15;

/// Writes `cell` at the end of `buffer`.
#[inline]
pub fn pack(cell: &Cell<'_>, buffer: &mut Vec<u8>) {
    match cell {
        Cell::Null => buffer.push(NULL),
        Cell::Bool(value) => buffer.push(if *value { TRUE } else { FALSE }),
        Cell::Int(value) => pack_word(INT, value.to_le_bytes(), buffer),
        Cell::Float(value) => pack_word(FLOAT, value.to_le_bytes(), buffer),
        Cell::BigInt(digits) => pack_sized(BIG_INT, digits.as_bytes(), buffer),
        Cell::Text(text) => pack_sized(TEXT, text.as_bytes(), buffer),
        Cell::Bytes(bytes) => pack_sized(BYTES, bytes, buffer),
        Cell::Decimal(text) => pack_sized(DECIMAL, text.as_bytes(), buffer),
        Cell::Date(date) => pack_word(DATE, date.days().to_le_bytes(), buffer),
        Cell::Time(time) => {
            pack_word(TIME, time.micros.to_le_bytes(), buffer);
            pack_offset(time.offset, buffer);
        }
        Cell::DateTime(instant) => {
            pack_word(DATE_TIME, instant.seconds.to_le_bytes(), buffer);
            buffer.extend_from_slice(&instant.micros.to_le_bytes());
            pack_offset(instant.offset, buffer);
        }
        Cell::Interval(micros) => pack_word(INTERVAL, micros.to_le_bytes(), buffer),
        Cell::Uuid(bytes) => {
            buffer.push(UUID);
            buffer.extend_from_slice(bytes);
        }
        Cell::Json(text) => pack_sized(JSON, text.as_bytes(), buffer),
        Cell::Array(items) => {
            pack_word(ARRAY, (items.len() as u64).to_le_bytes(), buffer);
            for item in items {
                pack(item, buffer);
            }
        }
    }
}

/// Writes kind and word as one piece: the room in the buffer is looked at once.
#[inline]
fn pack_word(tag: u8, word: [u8; 8], buffer: &mut Vec<u8>) {
    let mut both = [tag; 9];
    both[1..].copy_from_slice(&word);
    buffer.extend_from_slice(&both);
}

#[inline]
fn pack_sized(tag: u8, bytes: &[u8], buffer: &mut Vec<u8>) {
    pack_word(tag, (bytes.len() as u64).to_le_bytes(), buffer);
    buffer.extend_from_slice(bytes);
}

/// No offset is this many seconds, which no zone is away from UTC.
const NAIVE: i32 = i32::MIN;

fn pack_offset(offset: Option<i32>, buffer: &mut Vec<u8>) {
    buffer.extend_from_slice(&offset.unwrap_or(NAIVE).to_le_bytes());
}

/// A reader of packed values.
#[derive(Clone, Debug)]
pub struct Unpacker<'a> {
    rest: &'a [u8],
}

impl<'a> Unpacker<'a> {
    /// Reads from the start of `buffer`, which [`pack`] wrote.
    #[must_use]
    pub fn new(buffer: &'a [u8]) -> Self {
        Self { rest: buffer }
    }

    /// Returns the next value, or nothing at the end of the buffer.
    #[inline]
    pub fn unpack(&mut self) -> Option<Cell<'a>> {
        let (tag, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(match *tag {
            NULL => Cell::Null,
            FALSE => Cell::Bool(false),
            TRUE => Cell::Bool(true),
            INT => Cell::Int(i64::from_le_bytes(self.take()?)),
            FLOAT => Cell::Float(f64::from_le_bytes(self.take()?)),
            BIG_INT => Cell::BigInt(self.text()?),
            TEXT => Cell::Text(self.text()?),
            BYTES => Cell::Bytes(Cow::Borrowed(self.sized()?)),
            DECIMAL => Cell::Decimal(self.text()?),
            DATE => Cell::Date(Date::from_days(i64::from_le_bytes(self.take()?))?),
            TIME => Cell::Time(Time { micros: i64::from_le_bytes(self.take()?), offset: self.offset() }),
            DATE_TIME => Cell::DateTime(DateTime {
                seconds: i64::from_le_bytes(self.take()?),
                micros: u32::from_le_bytes(self.take()?),
                offset: self.offset(),
            }),
            INTERVAL => Cell::Interval(i64::from_le_bytes(self.take()?)),
            UUID => Cell::Uuid(self.take()?),
            JSON => Cell::Json(self.text()?),
            _ => {
                let count = self.count()?;
                Cell::Array((0..count).map(|_| self.unpack()).collect::<Option<_>>()?)
            }
        })
    }

    #[inline]
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (bytes, rest) = self.rest.split_first_chunk()?;
        self.rest = rest;
        Some(*bytes)
    }

    #[inline]
    fn count(&mut self) -> Option<usize> {
        usize::try_from(u64::from_le_bytes(self.take()?)).ok()
    }

    #[inline]
    fn sized(&mut self) -> Option<&'a [u8]> {
        let length = self.count()?;
        let (bytes, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        Some(bytes)
    }

    #[inline]
    fn text(&mut self) -> Option<Cow<'a, str>> {
        Some(text_of(self.sized()?))
    }

    fn offset(&mut self) -> Option<i32> {
        self.take().map(i32::from_le_bytes).filter(|offset| *offset != NAIVE)
    }
}
