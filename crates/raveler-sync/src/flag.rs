//! A truth value that threads of one process share.

use std::sync::atomic::{AtomicBool, Ordering};

/// A fact that is set by one thread and read by others; what was written before it was set is visible to who sees it.
#[derive(Debug, Default)]
pub struct Flag(AtomicBool);

impl Flag {
    /// Returns a flag that holds `value`.
    #[must_use]
    pub const fn new(value: bool) -> Self {
        Self(AtomicBool::new(value))
    }

    /// Returns the value.
    #[inline]
    #[must_use]
    pub fn get(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }

    /// Writes the value.
    #[inline]
    pub fn set(&self, value: bool) {
        self.0.store(value, Ordering::Release);
    }

    /// Writes the value and returns the one before.
    #[inline]
    pub fn swap(&self, value: bool) -> bool {
        self.0.swap(value, Ordering::AcqRel)
    }
}
