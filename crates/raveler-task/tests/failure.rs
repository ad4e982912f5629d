//! The error policy of a map.

use proptest::prelude::{Just, Strategy, any, prop_assert_eq, proptest};
use raveler_task::{ErrorPolicy, FailedItem, Failures};

#[test]
fn an_error_is_returned_in_its_place() {
    let mut failures = Failures::new(ErrorPolicy::Return);
    assert_eq!(failures.fail(3, "broken"), FailedItem::Yield("broken"));
    assert!(failures.may_pull() && failures.wants(9));
    assert_eq!(failures.due_now(), None);
}

#[test]
fn a_skipped_item_is_counted() {
    let mut failures = Failures::new(ErrorPolicy::Skip);
    assert_eq!(failures.fail(3, "broken"), FailedItem::Skipped);
    assert_eq!(failures.fail(1, "broken"), FailedItem::Skipped);
    assert_eq!((failures.skipped(), failures.may_pull()), (2, true));
}

#[test]
fn a_source_that_fails_ends_the_map_under_every_policy() {
    for policy in [ErrorPolicy::Raise, ErrorPolicy::Return, ErrorPolicy::Skip] {
        let mut failures = Failures::new(policy);
        assert_eq!(failures.fail_source(5, "source"), FailedItem::CancelAbove(5));
        assert_eq!((failures.may_pull(), failures.wants(4), failures.wants(5)), (false, true, false));
        assert_eq!((failures.due(4), failures.due(5)), (None, Some("source")));
    }
}

#[test]
fn the_error_is_due_at_once_where_order_was_not_asked_for() {
    let mut failures = Failures::new(ErrorPolicy::Raise);
    failures.fail(7, "seven");
    assert_eq!(failures.due_now(), Some("seven"));
}

proptest! {
    #[test]
    fn the_lowest_index_wins_whatever_ends_first(
        (fails, ends) in proptest::collection::vec(any::<bool>(), 1..60).prop_flat_map(|fails| {
            let ends = (0..fails.len()).collect::<Vec<_>>();
            (Just(fails), Just(ends).prop_shuffle())
        }),
    ) {
        let mut failures = Failures::new(ErrorPolicy::Raise);
        let mut has_ended = vec![false; fails.len()];
        let mut yielded = 0;
        let mut raised = None;
        for index in ends {
            if !failures.wants(index as u64) {
                continue;
            }
            if fails[index] {
                prop_assert_eq!(failures.fail(index as u64, index), FailedItem::CancelAbove(index as u64));
                prop_assert_eq!(failures.may_pull(), false);
            }
            has_ended[index] = true;
            while raised.is_none() && yielded < fails.len() && has_ended[yielded] && failures.wants(yielded as u64) {
                yielded += 1;
            }
            raised = raised.or(failures.due(yielded as u64));
            if raised.is_some() {
                break;
            }
        }
        let lowest = fails.iter().position(|&failed| failed);
        prop_assert_eq!(raised, lowest);
        prop_assert_eq!(yielded, lowest.unwrap_or(fails.len()));
    }
}
