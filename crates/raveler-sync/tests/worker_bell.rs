//! Models of the workers' bell: work that was published is never left lying while everybody sleeps.
#![cfg(loom)]

use std::time::Duration;

use loom::sync::Arc;
use loom::thread;
use raveler_sync::sync::{AtomicU32, AtomicU64, Ordering};
use raveler_sync::worker_bell::Sleep;
use raveler_sync::{Sleeper, WorkerBell};

/// The work is a count: enough for the bell, and far less to explore than a ring.
struct Words {
    work: AtomicU32,
    asleep: Vec<AtomicU64>,
    waking: AtomicU32,
    sleepers: Vec<Sleeper>,
}

impl Words {
    fn new(workers: usize) -> Arc<Self> {
        Arc::new(Self {
            work: AtomicU32::new(0),
            asleep: vec![AtomicU64::new(0)],
            waking: AtomicU32::new(0),
            sleepers: (0..workers).map(|_| Sleeper::new()).collect(),
        })
    }

    fn bell(&self) -> WorkerBell<'_> {
        WorkerBell::new(&self.asleep, &self.waking, &self.sleepers)
    }

    fn has_work(&self) -> bool {
        self.work.load(Ordering::Acquire) > 0
    }

    fn publish(&self) {
        self.work.fetch_add(1, Ordering::Release);
    }

    fn try_take(&self) -> bool {
        let mut seen = self.work.load(Ordering::Acquire);
        while seen > 0 {
            match self.work.compare_exchange(seen, seen - 1, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => return true,
                Err(now) => seen = now,
            }
        }
        false
    }

    /// Takes one piece of work as a worker does: sleeps if there is none, rings for the next if there is more.
    fn take(&self, worker: u32) {
        let mut was_woken = false;
        loop {
            let is_taken = self.try_take();
            if was_woken && self.has_work() {
                self.bell().ring(worker + 1);
            }
            if is_taken {
                return;
            }
            let end = self.bell().sleep(worker, || self.has_work(), Duration::from_secs(1));
            was_woken = end != Sleep::TimedOut;
        }
    }
}

fn worker(words: &Arc<Words>, worker: u32) -> thread::JoinHandle<()> {
    let words = Arc::clone(words);
    thread::spawn(move || words.take(worker))
}

fn model(preemptions: usize, body: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(preemptions);
    builder.check(body);
}

#[test]
fn one_worker_hears_of_one_piece_of_work() {
    loom::model(|| {
        let words = Words::new(1);
        let one = worker(&words, 0);
        words.publish();
        words.bell().ring(0);
        one.join().expect("a worker does not panic");
        assert!(!words.bell().is_asleep(0));
    });
}

#[test]
fn one_worker_hears_of_work_twice() {
    model(3, || {
        let words = Words::new(1);
        let one = {
            let words = Arc::clone(&words);
            thread::spawn(move || {
                words.take(0);
                words.take(0);
            })
        };
        words.publish();
        words.bell().ring(0);
        words.publish();
        words.bell().ring(0);
        one.join().expect("a worker does not panic");
    });
}

#[test]
fn two_workers_share_two_pieces_after_one_ring() {
    model(3, || {
        let words = Words::new(2);
        let one = worker(&words, 0);
        let two = worker(&words, 1);
        words.publish();
        words.publish();
        words.bell().ring(0);
        one.join().expect("a worker does not panic");
        two.join().expect("a worker does not panic");
    });
}

#[test]
fn two_workers_share_two_pieces_after_two_rings() {
    model(2, || {
        let words = Words::new(2);
        let one = worker(&words, 0);
        let two = worker(&words, 1);
        words.publish();
        words.bell().ring(0);
        words.publish();
        words.bell().ring(0);
        one.join().expect("a worker does not panic");
        two.join().expect("a worker does not panic");
    });
}

#[test]
fn the_supervisor_rings_for_a_worker_that_died_on_waking() {
    model(3, || {
        let words = Words::new(2);
        // Worker 0 was asleep and is being woken; it dies before it clears `waking`.
        words.waking.store(1, Ordering::Relaxed);
        let two = worker(&words, 1);
        words.publish();
        words.bell().ring(0);
        words.bell().recover(1, || words.has_work());
        two.join().expect("a worker does not panic");
    });
}
