//! Puts results that arrive in any order back into the order of their input.

use std::collections::{BTreeMap, VecDeque};

/// A run of consecutive indices and what came of it: first index, number of indices, value.
type Run<T> = (u64, u64, T);

/// A buffer between results as they arrive and results as they are yielded.
///
/// Runs cover the indices from 0 without gap or overlap, but arrive in any order. What is in order costs no search.
#[derive(Clone, Debug)]
pub struct OrderBuffer<T> {
    is_ordered: bool,
    /// The first index that is not in `in_order` and was not popped.
    next: u64,
    in_order: VecDeque<Run<T>>,
    early: BTreeMap<u64, (u64, T)>,
}

impl<T> OrderBuffer<T> {
    /// Returns a buffer that yields in input order.
    #[must_use]
    pub const fn ordered() -> Self {
        Self { is_ordered: true, next: 0, in_order: VecDeque::new(), early: BTreeMap::new() }
    }

    /// Returns a buffer that yields in the order of completion.
    #[must_use]
    pub const fn unordered() -> Self {
        Self { is_ordered: false, next: 0, in_order: VecDeque::new(), early: BTreeMap::new() }
    }

    /// Takes what came of the `len` indices from `first`.
    ///
    /// # Panics
    ///
    /// If `len` is 0, or, in input order, if one of the indices came before.
    pub fn push(&mut self, first: u64, len: u64, value: T) {
        assert!(len > 0, "the run at {first} is empty; push at least one index");
        if !self.is_ordered {
            self.in_order.push_back((first, len, value));
            return;
        }
        if first != self.next {
            assert!(first > self.next, "index {first} came before; push each once");
            let before = self.early.insert(first, (len, value));
            assert!(before.is_none(), "index {first} came before; push each once");
            return;
        }
        self.append(first, len, value);
        while let Some(entry) = self.early.first_entry() {
            let first = *entry.key();
            if first != self.next {
                assert!(first > self.next, "index {first} came before; push each once");
                return;
            }
            let (len, value) = entry.remove();
            self.append(first, len, value);
        }
    }

    /// Takes the next run out: first index, number of indices, value.
    pub fn pop(&mut self) -> Option<(u64, u64, T)> {
        self.in_order.pop_front()
    }

    /// Returns whether [`OrderBuffer::pop`] has something to give.
    #[must_use]
    pub fn has_next(&self) -> bool {
        !self.in_order.is_empty()
    }

    /// Returns how many runs are held, with those that wait for an earlier one.
    #[must_use]
    pub fn len(&self) -> usize {
        self.in_order.len() + self.early.len()
    }

    /// Returns whether nothing is held.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the first index that did not come yet; in completion order always 0.
    #[must_use]
    pub const fn missing(&self) -> u64 {
        self.next
    }

    fn append(&mut self, first: u64, len: u64, value: T) {
        self.next = first + len;
        self.in_order.push_back((first, len, value));
    }
}
