//! Names for many downloads into one folder: no two of them get the same, and which gets which depends on their order alone.

use std::collections::HashMap;

use super::address::Address;
use super::name;

/// The most bytes of an ending that a number is put before.
const LONGEST_ENDING: usize = 20;

/// The names that were given.
#[derive(Debug, Default)]
pub struct Namesakes {
    /// For each name, the number that the next one of that name is tried with.
    next: HashMap<String, u64>,
}

impl Namesakes {
    /// Returns the name of the next download: the last one in its address, numbered from 2 on if it was given before.
    ///
    /// What a server proposes is not heeded: it comes when it comes, and so would the numbers.
    pub fn name(&mut self, address: &Address) -> String {
        let name = name::cleaned(&address.last_name().unwrap_or_default());
        let Some(first) = self.next.get(&name).copied() else { return self.give(name) };
        let mut number = first;
        let mut numbered = with_number(&name, number);
        while self.next.contains_key(&numbered) {
            number += 1;
            numbered = with_number(&name, number);
        }
        self.next.insert(name, number + 1);
        self.give(numbered)
    }

    fn give(&mut self, name: String) -> String {
        self.next.insert(name.clone(), 2);
        name
    }
}

/// Puts a number between the stem of a name and its ending.
fn with_number(name: &str, number: u64) -> String {
    match name.rsplit_once('.') {
        Some((stem, ending)) if !stem.is_empty() && ending.len() <= LONGEST_ENDING => {
            // As in `source.tar.gz`.
            match stem.strip_suffix(".tar").filter(|stem| !stem.is_empty()) {
                Some(stem) => format!("{stem}-{number}.tar.{ending}"),
                None => format!("{stem}-{number}.{ending}"),
            }
        }
        _ => format!("{name}-{number}"),
    }
}
