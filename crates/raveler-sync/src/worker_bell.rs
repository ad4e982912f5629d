//! The bell for the workers: it wakes one sleeper when there is work, and nobody when no one sleeps.
//!
//! # Invariants
//!
//! 1. A worker sleeps on its own futex word, and only after it has set its bit and has then looked for work once more.
//! 2. Whoever clears a bit that was set owes the worker a wake (bumps its word), unless it is the worker itself.
//! 3. `waking` names a wake in flight: `waker(16) | woken(16)`, both process numbers; 0 when there is none. While it is
//!    not 0 nobody else is woken: at most one wake is in flight, and who wakes with more work to see rings for the next.
//! 4. The woken worker clears `waking` *before* it looks for work (`SeqCst` fence between), also when it finds that it need
//!    not sleep. The ringer publishes *before* it reads `waking` and the bits (`SeqCst` fence between). So either the ringer
//!    sees that a wake is needed or the worker sees the work.
//! 5. A waker that finds the bit already cleared takes its claim on `waking` back and looks for another sleeper.
//! 6. When a process dies that is named in `waking`, the supervisor finishes the wake, clears the word and rings again.

use std::time::Duration;

use crate::futex::{Awoken, FutexWord};
use crate::step::step;
use crate::sync::{AtomicU32, AtomicU64, Ordering, fence};
use crate::word::Process;

/// After a sleep that ended in time with work to see: how long the bell may be late before that counts as a fault.
const GRACE: Duration = Duration::from_millis(100);

/// The word that one worker sleeps on, alone in its cache line.
#[repr(C, align(64))]
#[derive(Debug)]
pub struct Sleeper {
    word: FutexWord,
}

impl Sleeper {
    /// Returns the word of a worker that has never slept; all zero bytes are the same.
    #[must_use]
    pub fn new() -> Self {
        Self { word: FutexWord::new(0) }
    }
}

impl Default for Sleeper {
    fn default() -> Self {
        Self::new()
    }
}

/// How a worker's sleep ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sleep {
    /// It did not sleep: there was work.
    Work,
    /// Somebody rang, or the kernel woke it.
    Woken,
    /// The time was over and there was nothing to do.
    TimedOut,
    /// The time was over and there was work for which nobody had rung: a fault of the protocol.
    Missed,
}

/// A view of the bell.
#[derive(Clone, Copy, Debug)]
pub struct WorkerBell<'a> {
    asleep: &'a [AtomicU64],
    waking: &'a AtomicU32,
    sleepers: &'a [Sleeper],
}

impl<'a> WorkerBell<'a> {
    /// Returns the view: a bit and a sleeper for each worker, and the word that names the wake in flight; all zero at first.
    #[inline]
    #[must_use]
    pub fn new(asleep: &'a [AtomicU64], waking: &'a AtomicU32, sleepers: &'a [Sleeper]) -> Self {
        debug_assert!(asleep.len() * 64 >= sleepers.len(), "each worker has a bit");
        Self { asleep, waking, sleepers }
    }

    /// Wakes one worker if one sleeps and no wake is in flight; call it after publishing.
    #[inline]
    pub fn ring(self, me: Process) {
        loop {
            // What was published comes before the two reads (4); also after a claim was taken back (5).
            fence(Ordering::SeqCst);
            if self.waking.load(Ordering::Relaxed) != 0 {
                return;
            }
            let Some(worker) = self.find_sleeper() else {
                return;
            };
            if self.wake(me, worker) {
                return;
            }
        }
    }

    /// Worker: announces that it looks for work without sleeping, so that nobody need ring; false if a wake is in flight.
    ///
    /// To the others it is a wake of itself (3). It must look no longer than a sleeper can wait for its wake.
    #[inline]
    #[must_use]
    pub fn begin_watch(self, worker: u32) -> bool {
        let me = worker + 1;
        let swap = self.waking.compare_exchange(0, (me << 16) | me, Ordering::AcqRel, Ordering::Relaxed);
        step();
        swap.is_ok()
    }

    /// Worker: ends the watch; it must look for work once more, and ring if there is more than it takes.
    #[inline]
    pub fn end_watch(self, worker: u32) {
        self.settle(worker + 1);
        step();
        // The cleared `waking` comes before the caller's look (4).
        fence(Ordering::SeqCst);
    }

    /// Worker: sleeps until the bell rings, at most for `timeout`, unless there is work; then look for work again.
    pub fn sleep(self, worker: u32, has_work: impl Fn() -> bool, timeout: Duration) -> Sleep {
        let word = &self.sleepers[worker as usize].word;
        let seen = word.word().load(Ordering::Acquire);
        self.set_bit(worker);
        step();
        self.settle(worker + 1);
        step();
        // The bit and the cleared `waking` come before the look (1, 4).
        fence(Ordering::SeqCst);
        let mut end = Sleep::Work;
        if !has_work() {
            end = match word.wait(seen, Some(timeout)) {
                Awoken::TimedOut => Sleep::TimedOut,
                Awoken::Woken | Awoken::Interrupted => Sleep::Woken,
            };
            if end == Sleep::TimedOut && self.is_missed(&has_work) {
                end = match word.wait(seen, Some(GRACE)) {
                    Awoken::TimedOut if self.is_missed(&has_work) => Sleep::Missed,
                    _ => Sleep::Woken,
                };
            }
        }
        let was_set = self.clear_bit(worker);
        step();
        self.settle(worker + 1);
        step();
        // The cleared `waking` comes before the caller's look (4).
        fence(Ordering::SeqCst);
        match end {
            // Somebody else cleared it: that was a wake (2).
            Sleep::TimedOut | Sleep::Missed if !was_set => Sleep::Woken,
            end => end,
        }
    }

    /// Supervisor: forgets a dead process and rings if there is work that it was woken for or should have rung for (6).
    pub fn recover(self, dead: Process, has_work: impl Fn() -> bool) {
        if dead > 0 {
            self.clear_bit(dead - 1);
        }
        let seen = self.waking.load(Ordering::Acquire);
        let (waker, woken) = (seen >> 16, seen & 0xFFFF);
        if seen != 0 && (waker == dead || woken == dead) {
            if woken != dead {
                self.clear_bit(woken - 1);
                self.sleepers[woken as usize - 1].word.bump();
            }
            // Failing means that the woken worker has cleared it itself.
            let _ = self.waking.compare_exchange(seen, 0, Ordering::AcqRel, Ordering::Relaxed);
        }
        if has_work() {
            self.ring(0);
        }
    }

    /// Wakes every worker, asleep or not: for a shutdown.
    pub fn wake_all(self) {
        for sleeper in self.sleepers {
            sleeper.word.bump();
        }
    }

    /// Tells whether this worker has announced that it sleeps.
    #[must_use]
    pub fn is_asleep(self, worker: u32) -> bool {
        let (word, bit) = self.place(worker);
        word.load(Ordering::Acquire) & bit != 0
    }

    /// Claims `waking` and wakes; false if the worker was awake after all (5).
    fn wake(self, me: Process, worker: u32) -> bool {
        let claim = (me << 16) | (worker + 1);
        let swap = self.waking.compare_exchange(0, claim, Ordering::AcqRel, Ordering::Relaxed);
        if swap.is_err() {
            // Another wake is in flight; its worker clears the word and then looks (4).
            return true;
        }
        step();
        if self.clear_bit(worker) {
            step();
            self.sleepers[worker as usize].word.bump();
            return true;
        }
        step();
        // Failing means that the worker has cleared it itself.
        let _ = self.waking.compare_exchange(claim, 0, Ordering::AcqRel, Ordering::Relaxed);
        false
    }

    /// Clears `waking` if it names this process as the woken one.
    #[inline]
    fn settle(self, me: Process) {
        let seen = self.waking.load(Ordering::Relaxed);
        if seen & 0xFFFF == me {
            // Failing means that its waker or the supervisor has cleared it.
            let _ = self.waking.compare_exchange(seen, 0, Ordering::AcqRel, Ordering::Relaxed);
        }
    }

    fn is_missed(self, has_work: &impl Fn() -> bool) -> bool {
        has_work() && self.waking.load(Ordering::Acquire) == 0
    }

    #[inline]
    fn find_sleeper(self) -> Option<u32> {
        let mut base = 0;
        for word in self.asleep {
            let bits = word.load(Ordering::Relaxed);
            if bits != 0 {
                return Some(base + bits.trailing_zeros());
            }
            base += u64::BITS;
        }
        None
    }

    #[inline]
    fn set_bit(self, worker: u32) {
        let (word, bit) = self.place(worker);
        word.fetch_or(bit, Ordering::AcqRel);
    }

    /// Clears the bit and tells whether it was set.
    #[inline]
    fn clear_bit(self, worker: u32) -> bool {
        let (word, bit) = self.place(worker);
        word.fetch_and(!bit, Ordering::AcqRel) & bit != 0
    }

    #[inline]
    fn place(self, worker: u32) -> (&'a AtomicU64, u64) {
        let word = &self.asleep[worker as usize / 64];
        (word, 1 << (worker % 64))
    }
}
