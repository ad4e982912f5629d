//! Rows as they came from a database: column names, and the values in the driver's own bytes until somebody looks at them.

use std::sync::Arc;

use super::cell::{Cell, Value};
use super::pack::Unpacker;
use super::wire::Decoder;

/// A column of a result.
#[derive(Clone, Debug)]
pub struct Column {
    /// The name; several columns may share one.
    pub name: Arc<str>,
    /// The type's name in the words of the database, empty where it has none.
    pub kind: Arc<str>,
}

/// How the values lie in the buffer.
#[derive(Clone, Debug)]
enum Layout {
    /// Each value with its kind before it.
    Packed,
    /// Each value as PostgreSQL sent it: a length of four bytes, then the binary form of the column's type.
    Wire(Arc<[Decoder]>),
}

/// The rows of a result, in one buffer.
#[derive(Clone, Debug)]
pub struct Rows {
    columns: Arc<[Column]>,
    layout: Layout,
    buffer: Vec<u8>,
    starts: Vec<usize>,
}

impl Rows {
    /// Makes an empty result whose values are written in the packed form.
    #[must_use]
    pub fn packed(columns: Arc<[Column]>) -> Self {
        Self { columns, layout: Layout::Packed, buffer: Vec::new(), starts: Vec::new() }
    }

    /// Makes an empty result whose values are written as PostgreSQL sends them.
    #[must_use]
    pub fn wire(columns: Arc<[Column]>, decoders: Arc<[Decoder]>) -> Self {
        Self { columns, layout: Layout::Wire(decoders), buffer: Vec::new(), starts: Vec::new() }
    }

    /// Begins a row and returns the buffer, to which the driver appends a value for each column.
    #[inline]
    pub fn begin(&mut self) -> &mut Vec<u8> {
        self.starts.push(self.buffer.len());
        &mut self.buffer
    }

    /// Returns the columns.
    #[must_use]
    pub fn columns(&self) -> &Arc<[Column]> {
        &self.columns
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

    /// Returns about how many bytes the rows take.
    #[must_use]
    pub fn size(&self) -> usize {
        self.buffer.len() + self.starts.len() * size_of::<usize>()
    }

    /// Returns the values of row `index`; none beyond the last.
    #[inline]
    #[must_use]
    pub fn row(&self, index: usize) -> Row<'_> {
        let start = self.starts.get(index).copied().unwrap_or(self.buffer.len());
        let rest = &self.buffer[start..];
        let source = match &self.layout {
            Layout::Packed => Source::Packed(Unpacker::new(rest)),
            Layout::Wire(decoders) => Source::Wire(decoders.iter(), rest),
        };
        Row { source, left: self.columns.len() }
    }

    /// Returns the rows in order.
    #[must_use]
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Row<'_>> {
        (0..self.len()).map(|index| self.row(index))
    }

    /// Returns how many bytes the rows from `first` up to `end` take.
    #[must_use]
    pub(super) fn span(&self, first: usize, end: usize) -> usize {
        let start = |index: usize| self.starts.get(index).copied().unwrap_or(self.buffer.len());
        start(end).saturating_sub(start(first))
    }

    /// Returns a sample value of each column whose type is known before its values are.
    #[must_use]
    pub(super) fn kinds_of_wire(&self) -> Vec<Option<Value>> {
        match &self.layout {
            Layout::Packed => vec![None; self.columns.len()],
            Layout::Wire(decoders) => decoders.iter().map(|decoder| Some(decoder.sample())).collect(),
        }
    }

    /// Copies all values: for small results.
    #[must_use]
    pub fn to_values(&self) -> Vec<Vec<Value>> {
        self.iter().map(|row| row.map(Cell::into_owned).collect()).collect()
    }

    /// Moves the rows from `first` on into a result of their own.
    #[must_use]
    pub fn split_off(&mut self, first: usize) -> Self {
        let starts = self.starts.split_off(first.min(self.starts.len()));
        let border = starts.first().copied().unwrap_or(self.buffer.len());
        let buffer = self.buffer.split_off(border);
        let starts = starts.into_iter().map(|start| start - border).collect();
        Self { columns: Arc::clone(&self.columns), layout: self.layout.clone(), buffer, starts }
    }
}

#[derive(Clone, Debug)]
enum Source<'a> {
    Packed(Unpacker<'a>),
    Wire(std::slice::Iter<'a, Decoder>, &'a [u8]),
}

/// The values of one row, in the order of the columns.
#[derive(Clone, Debug)]
pub struct Row<'a> {
    source: Source<'a>,
    left: usize,
}

impl<'a> Iterator for Row<'a> {
    type Item = Cell<'a>;

    #[inline]
    fn next(&mut self) -> Option<Cell<'a>> {
        self.left = self.left.checked_sub(1)?;
        match &mut self.source {
            Source::Packed(cells) => cells.unpack(),
            Source::Wire(decoders, rest) => {
                let decoder = decoders.next()?;
                let (length, after) = rest.split_first_chunk()?;
                let Ok(length) = usize::try_from(i32::from_be_bytes(*length)) else {
                    *rest = after;
                    return Some(Cell::Null);
                };
                let (bytes, after) = after.split_at_checked(length)?;
                *rest = after;
                Some(decoder.decode(bytes))
            }
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl ExactSizeIterator for Row<'_> {}
