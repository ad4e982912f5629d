//! Models of the parent's bell: a completion that the parent waits for always wakes it.
#![cfg(loom)]

use loom::sync::Arc;
use loom::thread;
use raveler_sync::sync::{AtomicU32, AtomicU64};
use raveler_sync::{CompletionRing, FutexWord, Notice, ParentBell, SubmissionRing, Ticket, Wanted};

struct Words {
    state: FutexWord,
    wanted: AtomicU32,
    refill: AtomicU32,
    submission: Ring,
    completions: Vec<Ring>,
}

struct Ring {
    head: AtomicU64,
    tail: AtomicU64,
    entries: Vec<AtomicU64>,
}

impl Ring {
    fn new() -> Self {
        Self { head: AtomicU64::new(0), tail: AtomicU64::new(0), entries: (0..2).map(|_| AtomicU64::new(0)).collect() }
    }
}

impl Words {
    fn new(workers: usize) -> Arc<Self> {
        Arc::new(Self {
            state: FutexWord::new(0),
            wanted: AtomicU32::new(0),
            refill: AtomicU32::new(0),
            submission: Ring::new(),
            completions: (0..workers).map(|_| Ring::new()).collect(),
        })
    }

    fn bell(&self) -> ParentBell<'_> {
        ParentBell::new(&self.state, &self.wanted, &self.refill)
    }

    fn submission(&self) -> SubmissionRing<'_> {
        let Ring { head, tail, entries } = &self.submission;
        SubmissionRing::new(head, tail, entries)
    }

    fn completion(&self, worker: usize) -> CompletionRing<'_> {
        let Ring { head, tail, entries } = &self.completions[worker];
        CompletionRing::new(head, tail, entries)
    }

    fn notify(&self, worker: usize, finished: Option<u32>) {
        self.bell().notify(Notice {
            finished,
            submission: self.submission(),
            completion: self.completion(worker),
            low: 0,
        });
    }

    fn drain(&self) -> usize {
        (0..self.completions.len()).map(|worker| std::iter::from_fn(|| self.completion(worker).pop()).count()).sum()
    }

    /// Collects `count` completions as the parent does.
    fn collect(&self, mut count: usize, wanted: Wanted) {
        loop {
            self.bell().arm(wanted, false);
            count -= self.drain();
            if count == 0 {
                self.bell().disarm();
                return;
            }
            let _ = self.bell().wait(None);
            self.bell().disarm();
        }
    }
}

fn complete(words: &Arc<Words>, worker: usize, slot: u32) -> thread::JoinHandle<()> {
    let words = Arc::clone(words);
    thread::spawn(move || {
        words.completion(worker).push(Ticket { slot, position: 0 });
        words.notify(worker, Some(slot));
    })
}

#[test]
fn any_completion_wakes_the_parent() {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(2);
    builder.check(|| {
        let words = Words::new(2);
        let one = complete(&words, 0, 0);
        let two = complete(&words, 1, 1);
        words.collect(2, Wanted::Any);
        one.join().expect("a worker does not panic");
        two.join().expect("a worker does not panic");
    });
}

#[test]
fn the_wanted_slot_wakes_the_parent() {
    loom::model(|| {
        let words = Words::new(1);
        // Something is queued, so nothing but the slot itself is a reason to wake.
        words.submission().publish(1, |_| ());
        let one = complete(&words, 0, 0);
        words.collect(1, Wanted::Slot(0));
        one.join().expect("a worker does not panic");
    });
}

#[test]
fn the_worker_that_goes_idle_wakes_a_parent_that_was_let_sleep() {
    loom::model(|| {
        let words = Words::new(1);
        words.submission().publish(1, |_| ());
        let one = {
            let words = Arc::clone(&words);
            thread::spawn(move || {
                // Not what the parent wants, and there is more to do.
                words.completion(0).push(Ticket { slot: 0, position: 0 });
                words.notify(0, Some(0));
                // What there was to do is gone.
                let _ = words.submission().claim(1);
                words.notify(0, None);
            })
        };
        words.collect(1, Wanted::Idle);
        one.join().expect("a worker does not panic");
    });
}

#[test]
fn another_thread_of_the_parent_wakes_it() {
    loom::model(|| {
        let words = Words::new(1);
        let asked = Arc::new(AtomicU32::new(0));
        let other = {
            let (words, asked) = (Arc::clone(&words), Arc::clone(&asked));
            thread::spawn(move || {
                asked.store(1, raveler_sync::sync::Ordering::Release);
                words.bell().wake();
            })
        };
        words.bell().arm(Wanted::Idle, false);
        if asked.load(raveler_sync::sync::Ordering::Acquire) == 0 {
            let _ = words.bell().wait(None);
        }
        words.bell().disarm();
        other.join().expect("a thread does not panic");
    });
}
