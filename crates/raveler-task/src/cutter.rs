//! Cuts a stream of items into batches, on request only where a source item ends.

use crate::marks::Mark;

/// A batch, and how much of the source is finished with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch<T> {
    /// The items, in order; never none.
    pub items: Vec<T>,
    /// The mark of the batch.
    pub mark: Mark,
}

/// Collects items until they make a batch.
///
/// Whole batches hold all that comes of a source item or nothing of it, so they may be longer than asked for.
#[derive(Clone, Debug)]
pub struct Cutter<T> {
    size: usize,
    is_whole: bool,
    held: Vec<T>,
    last: Mark,
    /// How many of the held items stand before the last known end of a source item.
    sound: usize,
}

impl<T> Cutter<T> {
    /// Returns a cutter of batches of `size` items; 0 means 1.
    #[must_use]
    pub fn new(size: usize, is_whole: bool) -> Self {
        Self { size: size.max(1), is_whole, held: Vec::new(), last: Mark::default(), sound: 0 }
    }

    /// Takes an item, and returns the batch that it makes complete or stands behind.
    pub fn push(&mut self, item: T, mark: Mark) -> Option<Batch<T>> {
        let is_next = !self.held.is_empty() && mark.position > self.last.position;
        let mut batch = None;
        if is_next {
            self.sound = self.held.len();
            // What came of earlier source items ends here, whether its last item was known or not.
            self.last.closes = true;
            batch = self.cut_if_full();
        }
        self.held.push(item);
        self.last = mark;
        if mark.closes {
            self.sound = self.held.len();
        }
        if batch.is_none() { self.cut_if_full() } else { batch }
    }

    /// Returns how many items wait for their batch to be complete.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.held.len()
    }

    /// Returns whether no item waits.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.held.is_empty()
    }

    /// Returns the rest at the end of the stream.
    pub fn finish(&mut self) -> Option<Batch<T>> {
        self.last.closes = true;
        self.cut(self.held.len())
    }

    /// Returns what may go on before an error: all, or, if batches are whole, all up to the last end of a source item.
    pub fn fail(&mut self) -> Option<Batch<T>> {
        if !self.is_whole {
            return self.cut(self.held.len());
        }
        if self.sound < self.held.len() {
            self.last = Mark::whole(self.last.position.saturating_sub(1));
        }
        self.cut(self.sound)
    }

    fn cut_if_full(&mut self) -> Option<Batch<T>> {
        if self.is_whole && self.sound < self.held.len() {
            return None;
        }
        if self.held.len() >= self.size { self.cut(self.held.len()) } else { None }
    }

    fn cut(&mut self, items: usize) -> Option<Batch<T>> {
        self.held.truncate(items);
        self.sound = 0;
        let items = std::mem::take(&mut self.held);
        if items.is_empty() { None } else { Some(Batch { items, mark: self.last }) }
    }
}
