//! The order buffer.

use proptest::prelude::{Just, Strategy, prop_assert, prop_assert_eq, proptest};
use raveler_task::OrderBuffer;

/// Runs that cover the indices from 0, shuffled.
fn runs() -> impl Strategy<Value = Vec<(u64, u64)>> {
    proptest::collection::vec(1..9_u64, 1..100)
        .prop_map(|lengths| {
            let mut first = 0;
            let place = |len| {
                first += len;
                (first - len, len)
            };
            lengths.into_iter().map(place).collect::<Vec<_>>()
        })
        .prop_flat_map(|runs| Just(runs).prop_shuffle())
}

proptest! {
    #[test]
    fn an_ordered_buffer_yields_each_run_as_soon_as_all_before_it_came(runs in runs()) {
        let mut buffer = OrderBuffer::ordered();
        let mut next = 0;
        for (count, &(first, len)) in runs.iter().enumerate() {
            buffer.push(first, len, first);
            while let Some((first, len, value)) = buffer.pop() {
                prop_assert_eq!((first, value), (next, next));
                next += len;
            }
            prop_assert_eq!(buffer.missing(), next);
            prop_assert!(runs[..=count].iter().all(|run| run.0 != next), "what came in order is not kept");
        }
        prop_assert!(buffer.is_empty());
        prop_assert_eq!(next, runs.iter().map(|run| run.1).sum::<u64>());
    }

    #[test]
    fn an_unordered_buffer_yields_as_it_came(runs in runs()) {
        let mut buffer = OrderBuffer::unordered();
        for &(first, len) in &runs {
            buffer.push(first, len, ());
        }
        prop_assert_eq!(buffer.len(), runs.len());
        let yielded: Vec<_> = std::iter::from_fn(|| buffer.pop()).map(|(first, len, ())| (first, len)).collect();
        prop_assert_eq!(yielded, runs);
        prop_assert!(!buffer.has_next());
    }
}

#[test]
#[should_panic(expected = "index 0 came before")]
fn an_index_comes_once() {
    let mut buffer = OrderBuffer::ordered();
    buffer.push(0, 2, ());
    buffer.push(0, 2, ());
}

#[test]
#[should_panic(expected = "index 1 came before")]
fn runs_do_not_overlap() {
    let mut buffer = OrderBuffer::ordered();
    buffer.push(1, 2, ());
    buffer.push(0, 2, ());
}
