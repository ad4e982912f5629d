//! A worker is stopped for good after each single step of sleeping, waking and waking the next; then the others still
//! hear of all work. Runs with the feature `steps`.
#![cfg(all(feature = "steps", not(loom)))]
#![expect(clippy::disallowed_types, reason = "the words under test are atomics")]

use std::sync::Arc;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use raveler_sync::step::{die_at, live_on, step};
use raveler_sync::sync::{AtomicU32, AtomicU64, Ordering};
use raveler_sync::worker_bell::Sleep;
use raveler_sync::{Flag, Sleeper, WorkerBell};

const LONG: Duration = Duration::from_secs(20);
const DOOMED: u32 = 0;
const LIVE: u32 = 1;
const PIECES: u32 = 2;

#[derive(Default)]
struct Words {
    work: AtomicU32,
    taken_by_doomed: AtomicU32,
    is_over: Flag,
    asleep: [AtomicU64; 1],
    waking: AtomicU32,
    sleepers: [Sleeper; 2],
}

impl Words {
    fn bell(&self) -> WorkerBell<'_> {
        WorkerBell::new(&self.asleep, &self.waking, &self.sleepers)
    }

    fn has_work(&self) -> bool {
        self.work.load(Ordering::Acquire) > 0 || self.is_over.get()
    }

    fn try_take(&self) -> bool {
        let take = |left: u32| left.checked_sub(1);
        self.work.fetch_update(Ordering::AcqRel, Ordering::Acquire, take).is_ok()
    }

    /// Takes one piece of work as a worker does; false if all is over.
    fn take(&self, worker: u32) -> bool {
        let mut was_woken = false;
        loop {
            let is_taken = self.try_take();
            if is_taken && worker == DOOMED {
                self.taken_by_doomed.fetch_add(1, Ordering::AcqRel);
            }
            step();
            if was_woken && self.has_work() {
                self.bell().ring(worker + 1);
            }
            if is_taken || self.is_over.get() {
                return is_taken;
            }
            let end = self.bell().sleep(worker, || self.has_work(), LONG);
            assert_ne!(end, Sleep::Missed);
            was_woken = end != Sleep::TimedOut;
        }
    }

    fn wait_until(&self, mut fact: impl FnMut(&Self) -> bool) {
        let end = Instant::now() + LONG;
        while !fact(self) {
            assert!(Instant::now() < end, "it never came to that");
            thread::yield_now();
        }
    }
}

/// Plays one history in which the doomed worker dies at step `after`, if it comes to that.
fn play(after: u32) {
    let words = Arc::new(Words::default());
    let (took, taken) = mpsc::channel();
    let live = start(&words, move |words| {
        while words.take(LIVE) {
            took.send(()).expect("the test listens");
        }
    });
    words.wait_until(|words| words.bell().is_asleep(LIVE));
    let (send, dead) = mpsc::channel();
    let doomed = start(&words, move |words| {
        die_at(after, send);
        words.take(DOOMED);
        live_on();
    });
    let mut is_dead = false;
    words.wait_until(|words| {
        is_dead |= dead.try_recv().is_ok();
        is_dead || words.bell().is_asleep(DOOMED)
    });
    words.work.fetch_add(PIECES, Ordering::AcqRel);
    words.bell().ring(0);
    let (mut is_recovered, mut by_live) = (false, 0);
    words.wait_until(|words| {
        is_dead |= dead.try_recv().is_ok();
        if is_dead && !is_recovered {
            words.bell().recover(DOOMED + 1, || words.has_work());
            is_recovered = true;
        }
        by_live += u32::from(taken.try_recv().is_ok());
        by_live + words.taken_by_doomed.load(Ordering::Acquire) == PIECES
    });
    words.is_over.set(true);
    words.bell().wake_all();
    live.join().expect("the worker does not panic");
    // Unless it is dead it has ended by now, or dies on its last steps.
    if !is_dead && dead.recv().is_err() {
        doomed.join().expect("the worker does not panic");
    }
}

fn start(words: &Arc<Words>, run: impl FnOnce(&Words) + Send + 'static) -> thread::JoinHandle<()> {
    let words = Arc::clone(words);
    let thread = thread::Builder::new().spawn(move || run(&words));
    thread.expect("threads are left")
}

#[test]
fn no_death_silences_the_bell() {
    // The way from sleep through work to the next bell has some 12 steps; more where it sleeps twice.
    for after in 0..24 {
        play(after);
    }
}
