//! Where the items of a flow come from, so that its record knows which items of the source are finished.

use std::collections::VecDeque;

/// Where an item comes from.
///
/// Marks never go back along a flow: items of one source item stand together, in the order of the source.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Mark {
    /// The position of its source item, from 0.
    pub position: u64,
    /// Whether it is known to be the last that comes of its source item.
    pub closes: bool,
}

impl Mark {
    /// Returns the mark of the source item at `position` itself.
    #[must_use]
    pub const fn whole(position: u64) -> Self {
        Self { position, closes: true }
    }

    /// Returns how many source items are finished once this item and all before it are.
    #[must_use]
    pub const fn finished(self) -> u64 {
        self.position + self.closes as u64
    }

    /// Returns the mark of one of several items that come of this one.
    #[must_use]
    pub const fn part(self, is_last: bool) -> Self {
        Self { position: self.position, closes: self.closes && is_last }
    }
}

/// The marks of the items that a stage holds, in the order in which they leave it.
#[derive(Clone, Debug, Default)]
pub struct Marks {
    held: VecDeque<Mark>,
    last: Mark,
    /// The index of the next item that comes in.
    next: u64,
    /// For each source item that came in and is not finished: its position, and the index of the first item of it.
    starts: VecDeque<(u64, u64)>,
}

impl Marks {
    /// Returns no marks; the first item that comes in has the index `first`.
    #[must_use]
    pub fn new(first: u64) -> Self {
        Self { next: first, ..Self::default() }
    }

    /// Notes the mark of an item that comes in.
    pub fn enter(&mut self, mark: Mark) {
        if self.starts.back().is_none_or(|&(position, _)| position < mark.position) {
            self.starts.push_back((mark.position, self.next));
        }
        self.next += 1;
        self.held.push_back(mark);
    }

    /// Notes that the item that came in first leaves, and returns its mark.
    ///
    /// # Panics
    ///
    /// If none is held.
    pub fn leave(&mut self) -> Mark {
        let mark = self.held.pop_front();
        self.last = mark.expect("no item leaves a stage that it did not enter");
        self.last
    }

    /// Returns the mark of the item that left last.
    #[must_use]
    pub const fn last(&self) -> Mark {
        self.last
    }

    /// Returns the index of the first item that came of a source item at `position` or behind it, and forgets those before.
    pub fn index_at(&mut self, position: u64) -> u64 {
        while let Some(&(start, index)) = self.starts.front() {
            if start >= position {
                return index;
            }
            self.starts.pop_front();
        }
        self.next
    }
}
