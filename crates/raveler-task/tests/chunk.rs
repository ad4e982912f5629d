//! The chunk policy.

use proptest::prelude::{any, prop_assert, prop_assert_eq, proptest};
use raveler_task::ChunkPolicy;

const MILLISECOND: u64 = 1_000_000;

fn sizes(policy: &mut ChunkPolicy, count: usize) -> Vec<usize> {
    (0..count).map(|_| policy.next_size(None)).collect()
}

/// Returns the size after a number of frames whose items all take the same time.
fn settle(policy: &mut ChunkPolicy, item: u64, frames: usize) -> usize {
    for _ in 0..frames {
        let size = policy.next_size(None);
        policy.observe(size, item * size as u64);
    }
    policy.next_size(None)
}

#[test]
fn frames_grow_fast_until_something_is_known() {
    let mut policy = ChunkPolicy::auto(2);
    assert_eq!(sizes(&mut policy, 10), [1, 1, 4, 4, 16, 16, 64, 64, 64, 64]);
}

#[test]
fn a_frame_holds_a_millisecond_of_work() {
    for (item, size) in [(100, 8192), (1_000, 1000), (20_000, 50), (300_000, 3), (5 * MILLISECOND, 1)] {
        assert_eq!(settle(&mut ChunkPolicy::auto(4), item, 20), size, "items of {item} ns");
    }
}

#[test]
fn a_frame_grows_at_most_eightfold_from_a_measured_one() {
    let mut policy = ChunkPolicy::auto(1);
    policy.observe(1, 100);
    assert_eq!(sizes(&mut policy, 3), [8, 8, 8]);
    policy.observe(8, 800);
    assert_eq!(policy.next_size(None), 64);
}

#[test]
fn slow_items_shrink_the_frame_at_once() {
    let mut policy = ChunkPolicy::auto(1);
    assert_eq!(settle(&mut policy, 1_000, 20), 1000);
    policy.observe(1000, 1000 * MILLISECOND);
    assert_eq!(policy.next_size(None), 1);
}

#[test]
fn a_slow_first_item_is_soon_forgotten() {
    let mut policy = ChunkPolicy::auto(1);
    policy.observe(1, 5 * MILLISECOND);
    assert!(settle(&mut policy, 1_000, 40) > 900);
}

#[test]
fn the_tail_stays_balanced() {
    let mut policy = ChunkPolicy::auto(2);
    settle(&mut policy, 100, 20);
    let tail: Vec<_> = [1000, 80, 8, 7, 1, 0].iter().map(|&left| policy.next_size(Some(left))).collect();
    assert_eq!(tail, [125, 10, 1, 1, 1, 1]);
}

#[test]
fn a_fixed_size_is_kept() {
    let mut policy = ChunkPolicy::fixed(7);
    policy.observe(7, 1000 * MILLISECOND);
    assert_eq!(policy.next_size(Some(100)), 7);
    assert_eq!(ChunkPolicy::fixed(0).next_size(None), 1);
}

proptest! {
    #[test]
    fn a_size_is_within_its_bounds_whatever_was_measured(
        workers in 0..100_usize, frames in proptest::collection::vec((0..10_000_usize, any::<u64>()), 0..50),
        remaining in any::<Option<u64>>(),
    ) {
        let mut policy = ChunkPolicy::auto(workers);
        let mut largest = 0;
        for (items, busy) in frames {
            policy.observe(items, busy);
            largest = largest.max(items);
            let size = policy.next_size(remaining);
            prop_assert!((1..=8192).contains(&size));
            if let Some(remaining) = remaining {
                prop_assert!(size as u64 <= remaining.div_ceil(4 * workers.max(1) as u64).max(1));
            }
            if largest > 0 {
                prop_assert!(size <= largest.saturating_mul(8));
            }
        }
    }

    #[test]
    fn steady_items_make_steady_frames(workers in 1..16_usize, item in 1..3_000_000_u64) {
        let mut policy = ChunkPolicy::auto(workers);
        let size = settle(&mut policy, item, 60);
        let wanted = usize::try_from((MILLISECOND / item).clamp(1, 8192)).expect("a small number");
        prop_assert_eq!(size, wanted);
    }
}
