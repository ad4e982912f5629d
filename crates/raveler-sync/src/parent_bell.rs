//! The bell for the parent: workers wake it when what it waits for may be there, once a sleep.
//!
//! # Invariants
//!
//! 1. One thread of the parent at a time arms, looks, waits and disarms.
//! 2. Arming writes `wanted` and `refill` first, then `state` (Release), then fences (`SeqCst`); only then the parent looks
//!    at the completion rings for the last time. A worker pushes its completion, fences (`SeqCst`), then reads `state`.
//!    So either the parent sees the completion or the worker sees it asleep.
//! 3. The one who swaps `state` from asleep to awake makes the system call: one a sleep.
//! 4. A worker that lets the parent sleep on leaves work behind on the submission ring; so some worker will come here
//!    again, at the latest when it goes idle.

use std::time::Duration;

use crate::completion::CompletionRing;
use crate::futex::{Awoken, FutexWord};
use crate::step::step;
use crate::submission::SubmissionRing;
use crate::sync::{AtomicU32, Ordering, fence};

const AWAKE: u32 = 0;
const ASLEEP: u32 = 1;

/// What the parent sleeps for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// Any completion.
    Any,
    /// The completion of this slot.
    Slot(u32),
    /// The end of the queue: nothing left to claim.
    Idle,
}

impl Wanted {
    const fn pack(self) -> u32 {
        match self {
            Self::Any => 0,
            Self::Idle => 1,
            Self::Slot(slot) => slot + 2,
        }
    }
}

/// What a worker reports to the bell.
#[derive(Clone, Copy, Debug)]
pub struct Notice<'a> {
    /// The slot that it has just completed; `None` if it goes idle.
    pub finished: Option<u32>,
    /// Where the work comes from.
    pub submission: SubmissionRing<'a>,
    /// Where it has put its completions.
    pub completion: CompletionRing<'a>,
    /// The length of the queue under which the parent should refill it.
    pub low: usize,
}

/// A view of the bell.
#[derive(Clone, Copy, Debug)]
pub struct ParentBell<'a> {
    state: &'a FutexWord,
    wanted: &'a AtomicU32,
    refill: &'a AtomicU32,
}

impl<'a> ParentBell<'a> {
    /// Returns the view of the bell in these words, which are zero at first.
    #[inline]
    #[must_use]
    pub const fn new(state: &'a FutexWord, wanted: &'a AtomicU32, refill: &'a AtomicU32) -> Self {
        Self { state, wanted, refill }
    }

    /// Parent: announces a sleep; look for completions once more before waiting (2).
    #[inline]
    pub fn arm(self, wanted: Wanted, refill: bool) {
        self.wanted.store(wanted.pack(), Ordering::Relaxed);
        self.refill.store(u32::from(refill), Ordering::Relaxed);
        self.state.word().store(ASLEEP, Ordering::Release);
        fence(Ordering::SeqCst);
    }

    /// Parent: sleeps until the bell rings, at most for `timeout`; returns at once if it rang since it was armed.
    #[inline]
    #[must_use]
    pub fn wait(self, timeout: Option<Duration>) -> Awoken {
        self.state.wait(ASLEEP, timeout)
    }

    /// Parent: calls the sleep off; workers make no more system calls for it.
    #[inline]
    pub fn disarm(self) {
        self.state.word().store(AWAKE, Ordering::Relaxed);
    }

    /// Wakes the parent if it sleeps, whatever it waits for.
    #[inline]
    pub fn wake(self) {
        fence(Ordering::SeqCst);
        if self.state.word().load(Ordering::Relaxed) == ASLEEP {
            self.swap_awake();
        }
    }

    /// Worker: wakes the parent if it sleeps and this is what it waits for.
    #[inline]
    pub fn notify(self, notice: Notice<'_>) {
        // The completion that was pushed comes before the read (2).
        fence(Ordering::SeqCst);
        if self.state.word().load(Ordering::Acquire) == ASLEEP && self.is_wanted(&notice) {
            self.swap_awake();
        }
    }

    fn is_wanted(self, notice: &Notice<'_>) -> bool {
        let refill = self.refill.load(Ordering::Relaxed) != 0;
        let Some(slot) = notice.finished else {
            return refill || !notice.completion.is_empty();
        };
        let wanted = self.wanted.load(Ordering::Relaxed);
        if wanted == Wanted::Any.pack() || wanted == Wanted::Slot(slot).pack() {
            return true;
        }
        let queued = notice.submission.len();
        queued == 0 || (refill && queued < notice.low) || notice.completion.is_crowded()
    }

    fn swap_awake(self) {
        let swap = self.state.word().compare_exchange(ASLEEP, AWAKE, Ordering::AcqRel, Ordering::Relaxed);
        if swap.is_ok() {
            step();
            self.state.wake();
        }
    }
}
