//! PostgreSQL's binary form of exact decimal numbers, read and written as text.

use std::fmt::Write as _;

const NEGATIVE: u16 = 0x4000;
const NOT_A_NUMBER: u16 = 0xC000;
const INFINITY: u16 = 0xD000;
const MINUS_INFINITY: u16 = 0xF000;

fn half(rest: &mut &[u8]) -> Option<u16> {
    let (bytes, after) = rest.split_first_chunk()?;
    *rest = after;
    Some(u16::from_be_bytes(*bytes))
}

/// Returns the decimal text: digits of base 10,000 in groups, with as many decimals as the server shows.
#[must_use]
pub fn to_text(bytes: &[u8]) -> Option<String> {
    let mut rest = bytes;
    let count = half(&mut rest)?;
    let weight = half(&mut rest)?.cast_signed();
    let sign = half(&mut rest)?;
    let scale = usize::from(half(&mut rest)?);
    match sign {
        NOT_A_NUMBER => return Some(String::from("NaN")),
        INFINITY => return Some(String::from("Infinity")),
        MINUS_INFINITY => return Some(String::from("-Infinity")),
        _ => {}
    }
    let groups: Vec<u16> = (0..count).map(|_| half(&mut rest)).collect::<Option<_>>()?;
    let group = |index: i32| usize::try_from(index).ok().and_then(|index| groups.get(index)).copied().unwrap_or(0);
    let weight = i32::from(weight);
    let mut text = String::with_capacity(8 + 4 * groups.len() + scale);
    if sign == NEGATIVE {
        text.push('-');
    }
    if weight < 0 {
        text.push('0');
    }
    for index in 0..=weight {
        if index == 0 {
            write!(text, "{}", group(index)).ok()?;
        } else {
            write!(text, "{:04}", group(index)).ok()?;
        }
    }
    if scale > 0 {
        text.push('.');
        let end = text.len() + scale;
        let mut index = weight + 1;
        while text.len() < end {
            write!(text, "{:04}", group(index)).ok()?;
            index += 1;
        }
        text.truncate(end);
    }
    Some(text)
}

/// Writes the binary form of decimal text, with or without an exponent.
#[must_use]
pub fn from_text(text: &str) -> Option<Vec<u8>> {
    let (sign, unsigned) = match text.strip_prefix('-') {
        Some(rest) => (NEGATIVE, rest),
        None => (0, text.strip_prefix('+').unwrap_or(text)),
    };
    match unsigned.to_ascii_lowercase().as_str() {
        "nan" | "snan" => return Some(header(0, 0, NOT_A_NUMBER, 0)),
        "infinity" | "inf" => return Some(header(0, 0, if sign == 0 { INFINITY } else { MINUS_INFINITY }, 0)),
        _ => {}
    }
    let (digits, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((digits, exponent)) => (digits, exponent.parse::<i32>().ok()?),
        None => (unsigned, 0),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    if (whole.len() + fraction.len() == 0) || !whole.bytes().chain(fraction.bytes()).all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let all: Vec<u8> = whole.bytes().chain(fraction.bytes()).map(|byte| byte - b'0').collect();
    let point = i32::try_from(whole.len()).ok()?.checked_add(exponent)?;
    let decimals = i32::try_from(fraction.len()).ok()?.checked_sub(exponent)?.max(0);
    if !(-20_000..=131_072).contains(&point) || decimals > 16_383 {
        return None;
    }
    Some(grouped(&all, point, sign, u16::try_from(decimals).ok()?))
}

fn header(count: u16, weight: i16, sign: u16, scale: u16) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(8 + 2 * usize::from(count));
    for word in [count, weight.cast_unsigned(), sign, scale] {
        bytes.extend_from_slice(&word.to_be_bytes());
    }
    bytes
}

/// Cuts the digits, whose decimal point is after `point` of them, into groups of four that are aligned with the point.
fn grouped(digits: &[u8], point: i32, sign: u16, scale: u16) -> Vec<u8> {
    let first_group = (point - 1).div_euclid(4);
    let lead = (4 - point.rem_euclid(4)) % 4;
    let mut groups: Vec<u16> = Vec::with_capacity(digits.len() / 4 + 2);
    let mut group = 0_u16;
    let mut filled = lead;
    for digit in digits {
        group = group * 10 + u16::from(*digit);
        filled += 1;
        if filled == 4 {
            groups.push(std::mem::take(&mut group));
            filled = 0;
        }
    }
    if filled > 0 {
        for _ in filled..4 {
            group *= 10;
        }
        groups.push(group);
    }
    let leading = groups.iter().take_while(|group| **group == 0).count();
    let trailing = groups.iter().skip(leading).rev().take_while(|group| **group == 0).count();
    let groups = &groups[leading..groups.len() - trailing];
    let weight = if groups.is_empty() { 0 } else { first_group - i32::try_from(leading).unwrap_or(0) };
    let sign = if groups.is_empty() { 0 } else { sign };
    let count = u16::try_from(groups.len()).unwrap_or(u16::MAX);
    let mut bytes = header(count, i16::try_from(weight).unwrap_or(0), sign, scale);
    for group in groups {
        bytes.extend_from_slice(&group.to_be_bytes());
    }
    bytes
}
