//! Models of the holders of a block: it is freed once, never while somebody holds it, and never forgotten.
#![cfg(loom)]
#![expect(clippy::disallowed_types, reason = "the words under test are atomics")]

use loom::sync::Arc;
use loom::thread;
use raveler_sync::sync::AtomicU64;
use raveler_sync::{Holders, Orphan};

/// A process whose bit is in the second word: the words are not read at one instant.
const FAR: u32 = 64;
const FARTHER: u32 = 65;

struct Words {
    claim: AtomicU64,
    bits: Vec<AtomicU64>,
}

impl Words {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            claim: AtomicU64::new(0),
            bits: (0..2).map(|_| AtomicU64::new(0)).collect(),
        })
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
        assert!(words.holders().give(1));
        let other = {
            let words = Arc::clone(&words);
            thread::spawn(move || {
                // The hold wanders from the first word to the second.
                assert!(words.holders().give(FAR));
                let _ = words.holders().release(1);
            })
        };
        let _ = words.holders().release(0);
        other.join().expect("a process does not panic");
        assert!(!words.holders().is_free());
        assert!(words.holders().is_held_only_by(FAR));
        assert!(words.holders().release(FAR));
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
        assert!(words.holders().give(2));
        let live = {
            let words = Arc::clone(&words);
            thread::spawn(move || {
                assert!(words.holders().give(FARTHER));
                let _ = words.holders().release(2);
            })
        };
        assert_ne!(words.holders().recover(1), Orphan::Freed);
        live.join().expect("a process does not panic");
        assert!(words.holders().is_held_only_by(FARTHER));
        assert!(!words.holders().is_free());
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
        assert_eq!(words.holders().recover(1), Orphan::Untouched);
        assert!(live.join().expect("a process does not panic"));
        assert!(words.holders().is_held_only_by(2));
        assert!(words.holders().release(2));
    });
}
