//! How often this process holds each block: many handles share the one bit that the process has on it.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Block numbers are small and dense: one multiplication spreads them.
#[derive(Default)]
struct KeyHasher(u64);

impl Hasher for KeyHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u32(u32::from(*byte));
        }
    }

    fn write_u32(&mut self, key: u32) {
        self.0 = (self.0 ^ u64::from(key)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    }
}

type Counts = HashMap<u32, u32, BuildHasherDefault<KeyHasher>>;

/// The counts of handles, by block.
#[derive(Default)]
pub(crate) struct Registry {
    counts: Mutex<Counts>,
}

impl Registry {
    /// Counts one more handle; the first one takes the process's bit by `take`, under the lock.
    pub(crate) fn add(&self, key: u32, take: impl FnOnce()) {
        let mut counts = self.lock();
        let count = counts.entry(key).or_insert(0);
        if *count == 0 {
            take();
        }
        *count += 1;
    }

    /// Counts one handle less; after the last one `release` gives the process's bit back, under the lock.
    pub(crate) fn remove(&self, key: u32, release: impl FnOnce()) {
        let mut counts = self.lock();
        let count = counts.get_mut(&key).expect("a handle that exists is counted");
        *count -= 1;
        if *count == 0 {
            counts.remove(&key);
            release();
        }
    }

    /// Runs `forget` under the lock if no handle of this process is left.
    pub(crate) fn if_unknown(&self, key: u32, forget: impl FnOnce()) {
        let counts = self.lock();
        if !counts.contains_key(&key) {
            forget();
        }
    }

    /// Returns the number of handles.
    pub(crate) fn count(&self, key: u32) -> u32 {
        self.lock().get(&key).copied().unwrap_or(0)
    }

    fn lock(&self) -> MutexGuard<'_, Counts> {
        // A panic under the lock leaves the counts whole.
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
