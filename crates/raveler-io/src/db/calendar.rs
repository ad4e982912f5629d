//! Days, times of day and instants as databases mean them, with their ISO 8601 text.

use std::fmt;

/// Microseconds of one second.
pub const SECOND: i64 = 1_000_000;
/// Seconds of one day.
pub const DAY: i64 = 86_400;

/// A day of the Gregorian calendar, extended to all years.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Date {
    /// The astronomical year: 0 is 1 BC.
    pub year: i32,
    /// 1 to 12.
    pub month: u8,
    /// 1 to 31.
    pub day: u8,
}

/// A time of day, with or without an offset from UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Time {
    /// Microseconds since midnight.
    pub micros: i64,
    /// Seconds east of UTC.
    pub offset: Option<i32>,
}

/// An instant, or a naive reading of a clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DateTime {
    /// Seconds since 1970: of UTC where there is an offset, of the clock that was read where there is none.
    pub seconds: i64,
    /// Microseconds within the second.
    pub micros: u32,
    /// Seconds east of UTC in which the instant is shown.
    pub offset: Option<i32>,
}

impl Date {
    /// Returns the day that is `days` after 1970-01-01, or nothing beyond the years that an `i32` holds.
    #[must_use]
    pub fn from_days(days: i64) -> Option<Self> {
        // Eras of 400 years, years from March on: the leap day is the last of its year.
        let shifted = days.checked_add(719_468)?;
        let era = shifted.div_euclid(146_097);
        let day_of_era = shifted.rem_euclid(146_097);
        let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let shifted_month = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
        let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
        let year = year_of_era + era * 400 + i64::from(month <= 2);
        Some(Self { year: i32::try_from(year).ok()?, month: u8::try_from(month).ok()?, day: u8::try_from(day).ok()? })
    }

    /// Returns the days since 1970-01-01.
    #[must_use]
    pub fn days(self) -> i64 {
        let (month, day) = (i64::from(self.month), i64::from(self.day));
        let year = i64::from(self.year) - i64::from(month <= 2);
        let era = year.div_euclid(400);
        let year_of_era = year.rem_euclid(400);
        let shifted_month = if month > 2 { month - 3 } else { month + 9 };
        let day_of_year = (153 * shifted_month + 2) / 5 + day - 1;
        era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
    }

    /// Reads `2026-11-24`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = text.as_bytes();
        if bytes.len() != 10 || bytes[4] != b'-' || bytes[7] != b'-' {
            return None;
        }
        let date = Self { year: number(&bytes[..4])?, month: small(&bytes[5..7])?, day: small(&bytes[8..])? };
        (Self::from_days(date.days()) == Some(date)).then_some(date)
    }
}

impl Time {
    /// Reads `12:30`, `12:30:15`, `12:30:15.25`, each with or without `Z` or `+02:00` behind it.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let split = text.find(['Z', '+', '-']).unwrap_or(text.len());
        let (clock, zone) = text.split_at(split);
        let offset = if zone.is_empty() { None } else { Some(parse_offset(zone)?) };
        let (whole, fraction) = clock.split_once('.').unwrap_or((clock, ""));
        let bytes = whole.as_bytes();
        if !matches!(bytes.len(), 5 | 8) || bytes[2] != b':' || bytes.get(5).is_some_and(|byte| *byte != b':') {
            return None;
        }
        let (hour, minute): (i64, i64) = (small(&bytes[..2])?.into(), small(&bytes[3..5])?.into());
        let second: i64 = if bytes.len() == 8 { small(&bytes[6..])?.into() } else { 0 };
        if hour > 23 || minute > 59 || second > 59 || fraction.len() > 9 {
            return None;
        }
        let mut micros = 0_i64;
        for place in 0..6 {
            let digit = fraction.as_bytes().get(place).copied().unwrap_or(b'0');
            micros = micros * 10 + i64::from(char::from(digit).to_digit(10)?);
        }
        Some(Self { micros: ((hour * 60 + minute) * 60 + second) * SECOND + micros, offset })
    }
}

impl DateTime {
    /// Returns the instant that is `micros` after the beginning of 1970.
    #[must_use]
    pub fn from_micros(micros: i64, offset: Option<i32>) -> Self {
        let within = u32::try_from(micros.rem_euclid(SECOND)).unwrap_or_default();
        Self { seconds: micros.div_euclid(SECOND), micros: within, offset }
    }

    /// Returns the microseconds since the beginning of 1970, if an `i64` holds them.
    #[must_use]
    pub fn as_micros(self) -> Option<i64> {
        self.seconds.checked_mul(SECOND)?.checked_add(i64::from(self.micros))
    }

    /// Returns the day and the microseconds of that day that a clock at the offset shows.
    #[must_use]
    pub fn on_the_clock(self) -> Option<(Date, i64)> {
        let local = self.seconds.checked_add(i64::from(self.offset.unwrap_or(0)))?;
        let date = Date::from_days(local.div_euclid(DAY))?;
        Some((date, local.rem_euclid(DAY) * SECOND + i64::from(self.micros)))
    }

    /// Reads a date and a time with a space or a `T` between them.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let date = Date::parse(text.get(..10)?)?;
        let time = match text.as_bytes().get(10) {
            None => Time { micros: 0, offset: None },
            Some(b' ' | b'T') => Time::parse(text.get(11..)?)?,
            Some(_) => return None,
        };
        let seconds = date.days() * DAY + time.micros / SECOND - i64::from(time.offset.unwrap_or(0));
        Some(Self { seconds, micros: u32::try_from(time.micros % SECOND).ok()?, offset: time.offset })
    }
}

fn number(digits: &[u8]) -> Option<i32> {
    digits.iter().try_fold(0, |sum: i32, digit| digit.is_ascii_digit().then(|| sum * 10 + i32::from(digit - b'0')))
}

fn small(digits: &[u8]) -> Option<u8> {
    u8::try_from(number(digits)?).ok()
}

fn parse_offset(text: &str) -> Option<i32> {
    if text == "Z" {
        return Some(0);
    }
    let sign = if text.starts_with('-') { -1 } else { 1 };
    let mut seconds = 0;
    let mut unit = 3_600;
    for part in text.get(1..)?.split(':') {
        if part.len() == 4 && unit == 3_600 {
            seconds += number(&part.as_bytes()[..2])? * 3_600 + number(&part.as_bytes()[2..])? * 60;
            unit = 1;
            continue;
        }
        if part.len() != 2 || unit == 0 {
            return None;
        }
        seconds += number(part.as_bytes())? * unit;
        unit /= 60;
    }
    (seconds < 86_400).then_some(sign * seconds)
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.year < 1 {
            return write!(f, "{:04}-{:02}-{:02} BC", 1 - self.year, self.month, self.day);
        }
        write!(f, "{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.micros / SECOND;
        write!(f, "{:02}:{:02}:{:02}", seconds / 3_600, seconds / 60 % 60, seconds % 60)?;
        if self.micros % SECOND != 0 {
            write!(f, ".{:06}", self.micros % SECOND)?;
        }
        if let Some(offset) = self.offset {
            let (sign, distance) = if offset < 0 { ('-', -offset) } else { ('+', offset) };
            write!(f, "{sign}{:02}:{:02}", distance / 3_600, distance / 60 % 60)?;
            if distance % 60 != 0 {
                write!(f, ":{:02}", distance % 60)?;
            }
        }
        Ok(())
    }
}

impl fmt::Display for DateTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.on_the_clock() {
            Some((date, micros)) => write!(f, "{date} {}", Time { micros, offset: self.offset }),
            None => write!(f, "{} s since 1970", self.seconds),
        }
    }
}
