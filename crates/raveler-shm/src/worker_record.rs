//! The facts that the layers above share about one worker.

use raveler_sync::sync::Ordering;

use crate::words::RecordWords;

/// A view of one worker's record. Each number is written by one side and read by the other, without any order but that
/// what was written before `set_messages` and `set_pid` is visible to who reads the new number.
#[derive(Clone, Copy)]
pub struct WorkerRecord<'a> {
    words: &'a RecordWords,
}

impl<'a> WorkerRecord<'a> {
    pub(crate) const fn new(words: &'a RecordWords) -> Self {
        Self { words }
    }

    /// Returns the worker's process id; 0 if there is none.
    #[must_use]
    pub fn pid(self) -> u32 {
        self.words.pid.load(Ordering::Acquire)
    }

    /// Writes the worker's process id.
    pub fn set_pid(self, pid: u32) {
        self.words.pid.store(pid, Ordering::Release);
    }

    /// Returns the core that the worker was last seen on.
    #[inline]
    #[must_use]
    pub fn core(self) -> u32 {
        self.words.core.load(Ordering::Relaxed)
    }

    /// Writes the core that the worker is on.
    #[inline]
    pub fn set_core(self, core: u32) {
        self.words.core.store(core, Ordering::Relaxed);
    }

    /// Returns how many messages the worker has sent.
    #[inline]
    #[must_use]
    pub fn messages(self) -> u64 {
        self.words.messages.load(Ordering::Acquire)
    }

    /// Writes how many messages the worker has sent, after it has sent them.
    #[inline]
    pub fn set_messages(self, messages: u64) {
        self.words.messages.store(messages, Ordering::Release);
    }

    /// Returns which task of the worker is to be interrupted; the layers above say what the number means.
    #[must_use]
    pub fn interrupt(self) -> u64 {
        self.words.interrupt.load(Ordering::Acquire)
    }

    /// Writes which task of the worker is to be interrupted.
    pub fn set_interrupt(self, interrupt: u64) {
        self.words.interrupt.store(interrupt, Ordering::Release);
    }

    /// Returns what the worker says it is at.
    #[inline]
    #[must_use]
    pub fn current(self) -> u64 {
        self.words.current.load(Ordering::Acquire)
    }

    /// Writes what the worker is at; the layers above say what the number means.
    #[inline]
    pub fn set_current(self, current: u64) {
        self.words.current.store(current, Ordering::Release);
    }
}
