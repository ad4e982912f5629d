//! Models of the holders of a block: it is freed once, never while somebody holds it, and never forgotten.
#![cfg(loom)]

use loom::sync::Arc;
use loom::thread;
use raveler_sync::sync::AtomicU64;
use raveler_sync::{Holders, Orphan};

/// A process whose bit is in the second word: the words are not read at one instant.
const FAR: u32 = 64;

struct Words {
    claim: AtomicU64,
    bits: Vec<AtomicU64>,
}

impl Words {
    fn new() -> Arc<Self> {
        Arc::new(Self { claim: AtomicU64::new(0), bits: (0..2).map(|_| AtomicU64::new(0)).collect() })
    }

    fn holders(&self) -> Holders<'_> {
        Holders::new(&self.claim, &self.bits)
    }
}

#[test]
fn of_two_who_release_one_frees() {
    loom::model(|| {
        let words = Words::new();
        assert!(words.holders().allocate(0));
        assert!(words.holders().give(FAR));
        let other = {
            let words = Arc::clone(&words);
            thread::spawn(move || words.holders().release(FAR))
        };
        let mine = words.holders().release(0);
        let theirs = other.join().expect("a process does not panic");
        assert!(mine ^ theirs);
        assert!(words.holders().is_free());
    });
}

#[test]
fn of_two_who_allocate_one_does() {
    loom::model(|| {
        let words = Words::new();
        let other = {
            let words = Arc::clone(&words);
            thread::spawn(move || words.holders().allocate(FAR))
        };
        let mine = words.holders().allocate(0);
        assert!(mine ^ other.join().expect("a process does not panic"));
    });
}

#[test]
fn a_block_that_is_given_on_during_a_release_stays() {
    loom::model(|| {
        let words = Words::new();
        assert!(words.holders().allocate(0));
        assert!(words.holders().give(FAR));
        let other = {
            let words = Arc::clone(&words);
            thread::spawn(move || {
                // The hold wanders from the word that is read last to the one that is read first.
                assert!(words.holders().give(1));
                let _ = words.holders().release(FAR);
            })
        };
        let _ = words.holders().release(0);
        other.join().expect("a process does not panic");
        assert!(!words.holders().is_free());
        assert!(words.holders().is_held_only_by(1));
        assert!(words.holders().release(1));
    });
}

#[test]
fn a_late_releaser_does_not_free_the_next_allocation() {
    loom::model(|| {
        let words = Words::new();
        assert!(words.holders().allocate(0));
        assert!(words.holders().give(1));
        let other = {
            let words = Arc::clone(&words);
            thread::spawn(move || {
                let _ = words.holders().release(1);
                words.holders().allocate(FAR)
            })
        };
        let _ = words.holders().release(0);
        if other.join().expect("a process does not panic") {
            assert!(words.holders().is_held_only_by(FAR));
            assert!(!words.holders().is_free());
        } else {
            assert!(words.holders().is_free());
        }
    });
}

#[test]
fn a_death_and_a_release_at_once_free_the_block_once() {
    loom::model(|| {
        let words = Words::new();
        assert!(words.holders().allocate(1));
        assert!(words.holders().give(FAR));
        let live = {
            let words = Arc::clone(&words);
            thread::spawn(move || words.holders().release(FAR))
        };
        // Process 1 is dead.
        let orphan = words.holders().recover(1);
        let is_freed_by_live = live.join().expect("a process does not panic");
        assert!(is_freed_by_live ^ (orphan == Orphan::Freed));
        assert!(words.holders().is_free());
    });
}

#[test]
fn a_death_while_the_block_is_given_on_leaves_it_to_the_new_holder() {
    loom::model(|| {
        let words = Words::new();
        assert!(words.holders().allocate(1));
        assert!(words.holders().give(FAR));
        let live = {
            let words = Arc::clone(&words);
            thread::spawn(move || {
                assert!(words.holders().give(2));
                let _ = words.holders().release(FAR);
            })
        };
        assert_eq!(words.holders().recover(1), Orphan::Held);
        live.join().expect("a process does not panic");
        assert!(words.holders().is_held_only_by(2));
        assert!(!words.holders().is_free());
    });
}

#[test]
fn a_gift_of_the_dying_is_kept_although_a_release_is_under_way() {
    loom::model(|| {
        let words = Words::new();
        assert!(words.holders().allocate(FAR));
        assert!(words.holders().give(2));
        // Process 64 sets the bit of process 1, and dies before it counts the gift.
        words.bits[0].fetch_or(1 << 1, raveler_sync::sync::Ordering::AcqRel);
        let live = {
            let words = Arc::clone(&words);
            thread::spawn(move || words.holders().release(2))
        };
        assert_ne!(words.holders().recover(FAR), Orphan::Freed);
        assert!(!live.join().expect("a process does not panic"));
        assert!(words.holders().is_held_only_by(1));
        assert!(words.holders().release(1));
    });
}

#[test]
fn a_recovery_leaves_an_allocation_that_is_under_way() {
    loom::model(|| {
        let words = Words::new();
        let live = {
            let words = Arc::clone(&words);
            thread::spawn(move || words.holders().allocate(2))
        };
        assert_ne!(words.holders().recover(1), Orphan::Freed);
        assert!(live.join().expect("a process does not panic"));
        assert!(words.holders().is_held_only_by(2));
        assert!(words.holders().release(2));
    });
}
