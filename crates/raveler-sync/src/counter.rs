//! A number that threads of one process count with.

use std::sync::atomic::{AtomicU64, Ordering};

/// A 64-bit count without any order towards other memory: for identifiers and statistics.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Returns a counter that stands at `value`.
    #[must_use]
    pub const fn new(value: u64) -> Self {
        Self(AtomicU64::new(value))
    }

    /// Returns the count.
    #[inline]
    #[must_use]
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    /// Adds `amount`, wrapping around, and returns the count before.
    #[inline]
    pub fn add(&self, amount: u64) -> u64 {
        self.0.fetch_add(amount, Ordering::Relaxed)
    }

    /// Subtracts `amount`, wrapping around, and returns the count before.
    #[inline]
    pub fn subtract(&self, amount: u64) -> u64 {
        self.0.fetch_sub(amount, Ordering::Relaxed)
    }

    /// Writes the count.
    #[inline]
    pub fn set(&self, value: u64) {
        self.0.store(value, Ordering::Relaxed);
    }

    /// Raises the count to `value` if it is below, and returns the count before.
    #[inline]
    pub fn raise(&self, value: u64) -> u64 {
        self.0.fetch_max(value, Ordering::Relaxed)
    }
}
