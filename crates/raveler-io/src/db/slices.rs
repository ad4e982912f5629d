//! Rows that are there already, handed out some at a time.

use super::rows::Rows;

/// The rest of a result, and how many rows a slice has at most.
pub struct Slices {
    rest: Option<Rows>,
    most: usize,
}

impl Slices {
    /// Cuts `rows` into slices of `most`.
    #[must_use]
    pub fn new(rows: Rows, most: usize) -> Self {
        Self { rest: Some(rows), most: most.max(1) }
    }
}

impl Iterator for Slices {
    type Item = Rows;

    fn next(&mut self) -> Option<Rows> {
        let mut rows = self.rest.take().filter(|rows| !rows.is_empty())?;
        self.rest = Some(rows.split_off(self.most));
        Some(rows)
    }
}
