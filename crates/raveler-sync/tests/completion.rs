//! Models of the completion ring: one worker, one parent.
#![cfg(loom)]

use loom::cell::UnsafeCell;
use loom::sync::Arc;
use loom::thread;
use raveler_sync::sync::AtomicU64;
use raveler_sync::{CompletionRing, Ticket};

struct Words {
    head: AtomicU64,
    tail: AtomicU64,
    entries: Vec<AtomicU64>,
    results: Vec<UnsafeCell<u32>>,
}

impl Words {
    fn ring(&self) -> CompletionRing<'_> {
        CompletionRing::new(&self.head, &self.tail, &self.entries)
    }
}

#[test]
fn completions_arrive_once_in_order_and_with_their_results() {
    loom::model(|| {
        let words = Arc::new(Words {
            head: AtomicU64::new(0),
            tail: AtomicU64::new(0),
            entries: (0..2).map(|_| AtomicU64::new(0)).collect(),
            results: (0..3).map(|_| UnsafeCell::new(0)).collect(),
        });
        let worker = {
            let words = Arc::clone(&words);
            thread::spawn(move || {
                for slot in 0..3 {
                    // As with real slots: there are never more completions than the ring has room for.
                    while words.ring().len() == 2 {
                        thread::yield_now();
                    }
                    words.results[slot as usize].with_mut(|_result| ());
                    words.ring().push(Ticket { slot, position: slot + 10 });
                }
            })
        };
        let mut seen = Vec::new();
        while seen.len() < 3 {
            if let Some(ticket) = words.ring().pop() {
                // Loom checks that the worker's write happened before.
                words.results[ticket.slot as usize].with(|_result| ());
                seen.push((ticket.slot, ticket.position));
            } else {
                thread::yield_now();
            }
        }
        worker.join().expect("the worker does not panic");
        assert_eq!(seen, [(0, 10), (1, 11), (2, 12)]);
        assert!(words.ring().is_empty());
    });
}
