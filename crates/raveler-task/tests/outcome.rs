//! Identities, places and settlements.

use proptest::prelude::{any, prop_assert_eq, proptest};
use raveler_task::{Place, Settlement, TaskId};

proptest! {
    #[test]
    fn an_identity_is_one_word(word in any::<u64>()) {
        prop_assert_eq!(TaskId::from_u64(word).to_u64(), word);
    }
}

#[test]
fn a_place_has_its_own_index() {
    for (index, place) in Place::ALL.into_iter().enumerate() {
        assert_eq!(place.index(), index);
    }
}

#[test]
fn only_a_value_is_done() {
    assert!(Settlement::Done.is_done());
    let task = TaskId::from_u64(1 << 32);
    for settlement in [Settlement::Failed, Settlement::Cancelled, Settlement::ParentFailed(task)] {
        assert!(!settlement.is_done());
    }
}
