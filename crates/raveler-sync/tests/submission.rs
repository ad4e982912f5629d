//! Models of the submission ring with its leases: every order of a few steps of the parent and its workers.
#![cfg(loom)]

use loom::sync::Arc;
use loom::thread;
use raveler_sync::sync::AtomicU64;
use raveler_sync::{Lease, LeaseState, SubmissionRing};

struct Words {
    head: AtomicU64,
    tail: AtomicU64,
    entries: Vec<AtomicU64>,
    leases: Vec<AtomicU64>,
}

impl Words {
    fn new(capacity: usize, slots: usize) -> Arc<Self> {
        let zeros = |count| (0..count).map(|_| AtomicU64::new(0)).collect();
        Arc::new(Self {
            head: AtomicU64::new(0),
            tail: AtomicU64::new(0),
            entries: zeros(capacity),
            leases: zeros(slots),
        })
    }

    fn ring(&self) -> SubmissionRing<'_> {
        SubmissionRing::new(&self.head, &self.tail, &self.entries)
    }

    fn lease(&self, slot: u32) -> Lease<'_> {
        Lease::new(&self.leases[slot as usize])
    }

    fn publish(&self, slot: u32) -> u32 {
        self.lease(slot).queue(self.ring().next_position());
        self.ring().publish(slot, |old| {
            self.lease(old.slot).name_owner(old.position, old.owner);
        })
    }

    /// Returns the next slot that this worker may run, or nothing if the ring has no live entry.
    fn take(&self, me: u32) -> Option<(u32, u32)> {
        loop {
            let claimed = self.ring().claim(me)?;
            if self.lease(claimed.slot).start(claimed.position, me) {
                return Some((claimed.slot, claimed.position));
            }
        }
    }
}

fn worker(words: &Arc<Words>, me: u32) -> thread::JoinHandle<Vec<(u32, u32)>> {
    let words = Arc::clone(words);
    thread::spawn(move || std::iter::from_fn(|| words.take(me)).collect())
}

#[test]
fn every_slot_is_taken_by_one_worker() {
    loom::model(|| {
        let words = Words::new(2, 2);
        words.publish(0);
        let one = worker(&words, 1);
        let two = worker(&words, 2);
        words.publish(1);
        let mut taken = one.join().expect("a worker does not panic");
        taken.extend(two.join().expect("a worker does not panic"));
        // The workers may have looked before the last was published.
        taken.extend(std::iter::from_fn(|| words.take(3)));
        taken.sort_unstable();
        assert_eq!(taken, [(0, 0), (1, 1)]);
        assert!(words.ring().is_empty());
    });
}

#[test]
fn a_slot_is_recalled_or_taken_but_not_both() {
    loom::model(|| {
        let words = Words::new(2, 2);
        let position = words.publish(0);
        let one = worker(&words, 1);
        let recalled = words.lease(0).recall(position);
        let mut expected = Vec::new();
        if recalled {
            words.ring().withdraw(position, 0);
            // The same slot again, while the worker may still be at the old entry.
            expected.push((0, words.publish(0)));
        } else {
            expected.push((0, position));
        }
        let mut taken = one.join().expect("a worker does not panic");
        taken.extend(std::iter::from_fn(|| words.take(3)));
        assert_eq!(taken, expected);
    });
}

#[test]
fn an_entry_is_used_again_only_when_it_was_claimed_and_its_owner_is_kept() {
    loom::model(|| {
        let words = Words::new(1, 2);
        let position = words.publish(0);
        let claimer = {
            let words = Arc::clone(&words);
            thread::spawn(move || words.ring().claim(1).expect("one is live").slot)
        };
        while !words.ring().has_room(0) {
            thread::yield_now();
        }
        words.publish(1);
        assert_eq!(claimer.join().expect("a worker does not panic"), 0);
        // The ring has forgotten the claim; the lease has not.
        let lease = words.lease(0).load();
        assert_eq!((lease.owner, lease.state), (1, LeaseState::Queued));
        assert!(words.lease(0).start(position, 1));
        assert_eq!(words.take(2), Some((1, 1)));
    });
}

#[test]
fn a_worker_that_is_lapped_finds_what_is_live() {
    loom::model(|| {
        let words = Words::new(1, 2);
        words.publish(0);
        let one = worker(&words, 1);
        let mut taken = Vec::new();
        taken.extend(words.take(2));
        while !words.ring().has_room(0) {
            thread::yield_now();
        }
        words.publish(1);
        taken.extend(one.join().expect("a worker does not panic"));
        taken.extend(words.take(3));
        taken.sort_unstable();
        assert_eq!(taken, [(0, 0), (1, 1)]);
    });
}
