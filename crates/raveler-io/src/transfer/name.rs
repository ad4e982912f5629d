//! File names that servers propose, made harmless: one name without a folder, never hidden, never too long.

use crate::files::replace::shortened;

/// The name when nobody proposes a usable one.
const NAMELESS: &str = "download";
/// The most bytes of a name: temporary names need some more.
const LONGEST: usize = 200;
/// The most bytes of an ending that is kept when a name is shortened.
const LONGEST_ENDING: usize = 20;

/// Returns a name that is safe in any folder.
#[must_use]
pub fn cleaned(proposed: &str) -> String {
    let last = proposed.rsplit(['/', '\\']).find(|name| !name.trim().is_empty()).unwrap_or_default();
    let plain: String = last.chars().map(|letter| if is_plain(letter) { letter } else { '_' }).collect();
    let name = plain.trim_matches([' ', '.']);
    if name.is_empty() { NAMELESS.to_owned() } else { fitted(name) }
}

/// Control characters hide what a name is, and so do marks that turn the direction of writing.
fn is_plain(letter: char) -> bool {
    !letter.is_control()
        && !matches!(letter, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

fn fitted(name: &str) -> String {
    if name.len() <= LONGEST {
        return name.to_owned();
    }
    match name.rsplit_once('.') {
        Some((stem, ending)) if ending.len() <= LONGEST_ENDING => {
            format!("{}.{ending}", shortened(stem, LONGEST - 1 - ending.len()))
        }
        _ => shortened(name, LONGEST).to_owned(),
    }
}

/// Returns the name that a `Content-Disposition` header proposes; `filename*` goes before `filename`.
#[must_use]
pub fn proposed(disposition: &str) -> Option<String> {
    let mut plain = None;
    for (name, value) in parameters(disposition) {
        if name.eq_ignore_ascii_case("filename*") {
            let mut parts = value.splitn(3, '\'');
            if let (Some(charset), Some(_), Some(encoded)) = (parts.next(), parts.next(), parts.next())
                && charset.eq_ignore_ascii_case("utf-8")
            {
                return Some(decoded(encoded));
            }
        } else if name.eq_ignore_ascii_case("filename") {
            plain.get_or_insert(value);
        }
    }
    plain
}

fn parameters(header: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut rest = header.split_once(';').map_or("", |(_, rest)| rest);
    while let Some((name, after)) = rest.split_once('=') {
        let (value, behind) = match after.trim_start().strip_prefix('"') {
            Some(quoted) => unquoted(quoted),
            None => after
                .split_once(';')
                .map_or((after.trim().to_owned(), ""), |(value, behind)| (value.trim().to_owned(), behind)),
        };
        found.push((name.trim_matches([' ', ';', '\t']).to_owned(), value));
        rest = behind.trim_start_matches([' ', ';']);
    }
    found
}

/// Returns what stands before the closing quote, and what follows it.
fn unquoted(quoted: &str) -> (String, &str) {
    let mut value = String::new();
    let mut letters = quoted.char_indices();
    while let Some((place, letter)) = letters.next() {
        match letter {
            '"' => return (value, &quoted[place + 1..]),
            '\\' => value.extend(letters.next().map(|(_, escaped)| escaped)),
            _ => value.push(letter),
        }
    }
    (value, "")
}

/// Returns text with its `%41` sequences decoded; what is not UTF-8 then becomes a replacement character.
#[must_use]
pub fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, behind)) = rest.split_first() {
        let code = (first == b'%').then(|| behind.get(..2)).flatten().and_then(|digits| {
            let digits = std::str::from_utf8(digits)
                .ok()
                .filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()))?;
            u8::from_str_radix(digits, 16).ok()
        });
        bytes.push(code.unwrap_or(first));
        rest = if code.is_some() { &behind[2..] } else { behind };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
