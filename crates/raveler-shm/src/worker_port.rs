//! A worker's side of the rings: takes slots, completes them, and sleeps when there are none.

use std::time::{Duration, Instant};

use raveler_sync::word::PROCESSES_MAX;
use raveler_sync::worker_bell::Sleep;
use raveler_sync::{Notice, Process};

use crate::segment::Segment;
use crate::taken::Taken;

/// How long a worker without work looks for some before it sleeps.
const WATCH: Duration = Duration::from_micros(20);

/// How often it looks between two looks at the clock.
const LOOKS: u32 = 16;

/// A worker's end of a segment; one per worker process.
pub struct WorkerPort {
    segment: Segment,
    worker: u32,
    low: usize,
    was_woken: bool,
}

impl WorkerPort {
    /// Returns the port of a worker; nobody else may use that number meanwhile.
    ///
    /// # Panics
    ///
    /// Panics if the segment has no such worker.
    #[must_use]
    pub fn new(segment: &Segment, worker: u32) -> Self {
        let workers = segment.geometry().workers;
        assert!(worker < workers, "there is no worker {worker} of {workers}");
        debug_assert!(worker + 1 < PROCESSES_MAX, "the geometry was checked");
        Self { segment: segment.clone(), worker, low: 2 * workers as usize, was_woken: false }
    }

    /// Takes the oldest queued slot.
    #[inline]
    pub fn take(&mut self) -> Option<Taken> {
        let me = self.process();
        let ring = self.segment.submission();
        let taken = loop {
            let Some(claimed) = ring.claim(me) else {
                break None;
            };
            // It was recalled if the lease says anything else.
            let lease = self.segment.slot(claimed.slot).lease();
            if lease.start(claimed.position, me) {
                break Some(Taken::new(&self.segment, claimed.ticket()));
            }
        };
        if std::mem::take(&mut self.was_woken) && !ring.is_empty() {
            // Only one wake is in flight at a time: who wakes and sees more wakes the next.
            self.segment.worker_bell().ring(me);
        }
        taken
    }

    /// Sleeps until there may be work, at most for `timeout`; false if the time was over. Says before that it goes idle.
    pub fn sleep(&mut self, timeout: Duration) -> bool {
        self.going_idle();
        let segment = &self.segment;
        let has_work = || segment.submission().has_live() || segment.is_shutdown();
        if segment.worker_bell().begin_watch(self.worker) {
            let is_found = watch(&has_work);
            segment.worker_bell().end_watch(self.worker);
            if is_found {
                self.was_woken = true;
                return true;
            }
        }
        let end = segment.worker_bell().sleep(self.worker, has_work, timeout);
        if end == Sleep::Missed {
            segment.count_missed_bell();
        }
        self.was_woken = end != Sleep::TimedOut;
        self.was_woken
    }

    /// Tells the parent, if it sleeps and has something to collect or to submit, that this worker has nothing to do.
    #[inline]
    pub fn going_idle(&self) {
        self.notify(None);
    }

    #[inline]
    fn process(&self) -> Process {
        self.worker + 1
    }

    #[inline]
    fn notify(&self, finished: Option<u32>) {
        self.segment.parent_bell().notify(Notice {
            finished,
            submission: self.segment.submission(),
            completion: self.segment.completion(self.worker),
            low: self.low,
        });
    }
}

/// Looks for work for a moment; false if there was none.
///
/// A wake-up costs the parent some microseconds and the worker more, so it pays to look about as long.
fn watch(has_work: &impl Fn() -> bool) -> bool {
    let start = Instant::now();
    loop {
        for _ in 0..LOOKS {
            if has_work() {
                return true;
            }
            std::hint::spin_loop();
        }
        if start.elapsed() >= WATCH {
            return false;
        }
    }
}

impl Taken {
    /// Completes the slot: the parent may collect it. `busy_ns` is how long the worker was busy.
    #[inline]
    pub fn finish(self, port: &mut WorkerPort, busy_ns: u64) {
        let (ticket, block) = self.conclude(port.process(), busy_ns);
        port.segment.completion(port.worker).push(ticket);
        // Only now: the parent, which holds it too, can learn of it.
        drop(block);
        port.notify(Some(ticket.slot));
    }
}
