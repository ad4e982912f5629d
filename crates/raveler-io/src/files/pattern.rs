//! A path pattern such as `src/**/*.py`, matched name by name so that a walk never enters a folder in which nothing can match.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use super::error::FileError;
use super::wildcard::Wildcard;

/// The most names in a pattern: the places reached in it are bits of one word.
const MOST_PARTS: usize = 63;

/// A pattern of which the folder that it starts in is known.
#[derive(Debug)]
pub struct Pattern {
    base: PathBuf,
    parts: Vec<Part>,
    folders_only: bool,
}

#[derive(Debug)]
enum Part {
    /// `**`: any number of folders, none included.
    AnyDepth,
    Name {
        wildcard: Wildcard,
        is_dotted: bool,
    },
}

/// The places in a pattern that the names so far can have reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reached(u64);

impl Pattern {
    /// Reads a pattern: `*` and `?` within a name, `[a-z]`, `{a,b}`, `**` for folders at any depth, a backslash before what is meant
    /// literally. A slash at the end asks for folders.
    ///
    /// # Errors
    ///
    /// [`FileError::Pattern`] if it says nothing.
    pub fn parse(text: &str) -> Result<Self, FileError> {
        let wrong = |reason: String| FileError::Pattern { pattern: text.to_owned(), reason };
        if text.is_empty() {
            return Err(wrong("it is empty".to_owned()));
        }
        let mut base = PathBuf::from(if text.starts_with('/') { "/" } else { "" });
        let mut parts = Vec::new();
        for name in text.split('/').filter(|name| !name.is_empty() && *name != ".") {
            if parts.is_empty() && !name.contains(['*', '?', '[', ']', '{', '}', '\\']) {
                base.push(name);
                continue;
            }
            parts.push(Part::parse(name).map_err(wrong)?);
        }
        if parts.len() > MOST_PARTS {
            return Err(wrong(format!("it has more than {MOST_PARTS} names with wildcards")));
        }
        Ok(Self { base, parts, folders_only: text.ends_with('/') })
    }

    /// Returns the folder that the pattern starts in, or the only path that it can match.
    #[must_use]
    pub fn base(&self) -> &Path {
        &self.base
    }

    /// Whether the pattern asks for folders.
    #[must_use]
    pub fn folders_only(&self) -> bool {
        self.folders_only
    }

    /// Returns where the pattern stands before the first name below its base.
    #[must_use]
    pub fn start(&self) -> Reached {
        Reached(self.onward(0))
    }

    /// Returns where the pattern stands after one more name.
    #[must_use]
    pub fn step(&self, reached: Reached, name: &OsStr, with_hidden: bool) -> Reached {
        let is_hidden = is_hidden(name);
        let mut next = 0;
        for (place, part) in self.parts.iter().enumerate().filter(|(place, _)| reached.0 >> place & 1 == 1) {
            match part {
                Part::AnyDepth if with_hidden || !is_hidden => next |= self.onward(place),
                Part::Name { wildcard, is_dotted }
                    if (with_hidden || *is_dotted || !is_hidden) && wildcard.matches(&name.to_string_lossy()) =>
                {
                    next |= self.onward(place + 1);
                }
                _ => {}
            }
        }
        Reached(next)
    }

    /// Whether the names so far are a match.
    #[must_use]
    pub fn accepts(&self, reached: Reached) -> bool {
        reached.0 >> self.parts.len() & 1 == 1
    }

    /// Whether anything below the names so far can match.
    #[must_use]
    pub fn goes_on(&self, reached: Reached) -> bool {
        reached.0 & ((1 << self.parts.len()) - 1) != 0
    }

    /// A place, and those behind it that are reached without a name because `**` may stand for no folder.
    fn onward(&self, place: usize) -> u64 {
        let skipped = self.parts[place..].iter().take_while(|part| matches!(part, Part::AnyDepth)).count();
        (0..=skipped).fold(0, |places, step| places | 1 << (place + step))
    }
}

impl Part {
    fn parse(name: &str) -> Result<Self, String> {
        if name == "**" {
            return Ok(Self::AnyDepth);
        }
        if name == ".." {
            return Err("\"..\" stands behind a wildcard".to_owned());
        }
        let wildcard = Wildcard::parse(name).map_err(|reason| format!("in {name:?}, {reason}"))?;
        Ok(Self::Name { wildcard, is_dotted: name.starts_with('.') })
    }
}

/// Whether a name begins with a dot.
#[must_use]
pub fn is_hidden(name: &OsStr) -> bool {
    name.as_encoded_bytes().first() == Some(&b'.')
}
