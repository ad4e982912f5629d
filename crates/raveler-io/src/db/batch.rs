//! Rows on their way to a database: the parameters of one statement, or of many.

use super::cell::Cell;
use super::error::DbError;
use super::pack::{Unpacker, pack};

/// Rows of values, all of one width, in one buffer.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    width: usize,
    starts: Vec<usize>,
    buffer: Vec<u8>,
}

impl Batch {
    /// Makes an empty batch of rows with `width` values each.
    #[must_use]
    pub fn new(width: usize) -> Self {
        Self { width, starts: Vec::new(), buffer: Vec::new() }
    }

    /// Makes the parameters of one statement.
    #[must_use]
    pub fn params(cells: &[Cell<'_>]) -> Self {
        let mut batch = Self::new(cells.len());
        batch.begin();
        for cell in cells {
            batch.put(cell);
        }
        batch
    }

    /// Makes a batch of `rows`.
    ///
    /// # Errors
    ///
    /// If the rows differ in width.
    pub fn from_rows<'a>(rows: impl IntoIterator<Item = &'a [Cell<'a>]>) -> Result<Self, DbError> {
        let mut batch = Self::default();
        for (index, row) in rows.into_iter().enumerate() {
            if index == 0 {
                batch.width = row.len();
            }
            batch.check(index, row.len())?;
            batch.begin();
            for cell in row {
                batch.put(cell);
            }
        }
        Ok(batch)
    }

    /// Refuses a row that is not as wide as the batch.
    ///
    /// # Errors
    ///
    /// If `width` is not that of the batch.
    pub fn check(&self, index: usize, width: usize) -> Result<(), DbError> {
        if width == self.width {
            return Ok(());
        }
        Err(DbError::Shape(format!(
            "row {index} has {width} values where {} are expected; give every row the same number of values",
            self.width
        )))
    }

    /// Begins a row; as many calls of [`put`](Self::put) follow as the batch is wide.
    #[inline]
    pub fn begin(&mut self) {
        self.starts.push(self.buffer.len());
    }

    /// Appends a value to the row that was begun last.
    #[inline]
    pub fn put(&mut self, cell: &Cell<'_>) {
        pack(cell, &mut self.buffer);
    }

    /// Appends the rows of another batch of the same width.
    pub(super) fn append(&mut self, other: &Self) {
        let before = self.buffer.len();
        self.buffer.extend_from_slice(&other.buffer);
        self.starts.extend(other.starts.iter().map(|start| start + before));
    }

    /// Returns how many values a row has.
    #[must_use]
    pub fn width(&self) -> usize {
        self.width
    }

    /// Returns how many rows there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.starts.len()
    }

    /// Whether there are no rows.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.starts.is_empty()
    }

    /// Returns how many bytes the values take.
    #[must_use]
    pub fn size(&self) -> usize {
        self.buffer.len()
    }

    /// Returns the values of row `index`; none beyond the last.
    #[must_use]
    pub fn row(&self, index: usize) -> RowOfBatch<'_> {
        let start = self.starts.get(index).copied().unwrap_or(self.buffer.len());
        RowOfBatch { cells: Unpacker::new(&self.buffer[start..]), left: self.width }
    }
}

/// The values of one row of a [`Batch`].
#[derive(Clone, Debug)]
pub struct RowOfBatch<'a> {
    cells: Unpacker<'a>,
    left: usize,
}

impl<'a> Iterator for RowOfBatch<'a> {
    type Item = Cell<'a>;

    #[inline]
    fn next(&mut self) -> Option<Cell<'a>> {
        self.left = self.left.checked_sub(1)?;
        self.cells.unpack()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl ExactSizeIterator for RowOfBatch<'_> {}
