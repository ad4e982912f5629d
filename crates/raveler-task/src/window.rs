//! How much of a stream may be in flight, in items and in bytes.

/// Credits for what may be in flight between a source and its consumer.
///
/// The size of an item is known only once it was pulled, so the window is asked twice: [`Window::has_room`] before an item
/// is pulled, and [`Window::fits`] once its size is known, to hold it back until it fits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Window {
    items: u64,
    bytes: u64,
    items_taken: u64,
    bytes_taken: u64,
}

impl Window {
    /// Returns a window of at most `items` items and `bytes` bytes; at least one item always has room.
    #[must_use]
    pub const fn new(items: u64, bytes: u64) -> Self {
        let items = if items == 0 { 1 } else { items };
        Self { items, bytes, items_taken: 0, bytes_taken: 0 }
    }

    /// Returns whether another item may be pulled.
    #[must_use]
    pub const fn has_room(&self) -> bool {
        self.is_idle() || (self.items_taken < self.items && self.bytes_taken < self.bytes)
    }

    /// Returns whether the bytes in flight leave room for more.
    #[must_use]
    pub const fn has_room_for_bytes(&self) -> bool {
        self.bytes_taken < self.bytes
    }

    /// Returns whether `items` items of `bytes` bytes together may go now. What is larger than the window goes alone.
    #[must_use]
    pub const fn fits(&self, items: u64, bytes: u64) -> bool {
        self.is_idle()
            || (self.items_taken.saturating_add(items) <= self.items
                && self.bytes_taken.saturating_add(bytes) <= self.bytes)
    }

    /// Counts `items` items of `bytes` bytes as in flight, whether they fit or not.
    pub const fn take(&mut self, items: u64, bytes: u64) {
        self.items_taken = self.items_taken.saturating_add(items);
        self.bytes_taken = self.bytes_taken.saturating_add(bytes);
    }

    /// Gives back what was taken.
    ///
    /// # Panics
    ///
    /// If more is given back than was taken.
    pub const fn give(&mut self, items: u64, bytes: u64) {
        assert!(
            items <= self.items_taken && bytes <= self.bytes_taken,
            "a window gets back more than was taken; give exactly what `take` was told"
        );
        self.items_taken -= items;
        self.bytes_taken -= bytes;
    }

    /// Returns the number of items in flight.
    #[must_use]
    pub const fn items_in_flight(&self) -> u64 {
        self.items_taken
    }

    /// Returns the number of bytes in flight.
    #[must_use]
    pub const fn bytes_in_flight(&self) -> u64 {
        self.bytes_taken
    }

    /// Returns whether nothing is in flight.
    #[must_use]
    pub const fn is_idle(&self) -> bool {
        self.items_taken == 0
    }
}
