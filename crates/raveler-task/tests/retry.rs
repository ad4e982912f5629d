//! The waits between attempts.

use proptest::prelude::{any, prop_assert, prop_assert_eq, proptest};
use raveler_task::Backoff;

#[test]
fn a_wait_grows_by_its_factor_up_to_its_maximum() {
    let backoff = Backoff { first: 100, factor: 3.0, max: 1000, jitter: false };
    let waits: Vec<u64> = (0..5).map(|attempt| backoff.delay(0, attempt)).collect();
    assert_eq!(waits, [100, 300, 900, 1000, 1000]);
}

#[test]
fn jitter_fills_the_whole_span() {
    let backoff = Backoff { first: 9, factor: 1.0, max: 9, jitter: true };
    let mut seen = [0; 10];
    for seed in 0..10_000 {
        seen[usize::try_from(backoff.delay(seed, 0)).expect("a small number")] += 1;
    }
    assert!(seen.iter().all(|count| (800..1200).contains(count)), "{seen:?}");
}

proptest! {
    #[test]
    fn a_wait_is_at_most_its_maximum_and_the_same_each_time(
        first in any::<u64>(), factor in any::<f64>(), max in any::<u64>(), jitter in any::<bool>(),
        seed in any::<u64>(), attempt in any::<u32>(),
    ) {
        let backoff = Backoff { first, factor, max, jitter };
        let wait = backoff.delay(seed, attempt);
        prop_assert!(wait <= max);
        prop_assert_eq!(wait, backoff.delay(seed, attempt));
        if factor >= 1.0 && !jitter {
            prop_assert!(wait <= backoff.delay(seed, attempt.saturating_add(1)));
        }
    }
}
