//! Windows: what may be in flight.

use proptest::prelude::{prop_assert, prop_assert_eq, proptest};
use raveler_task::Window;

#[test]
fn an_item_larger_than_the_window_goes_alone() {
    let mut window = Window::new(10, 100);
    assert!(window.has_room() && window.fits(1, 1000));
    window.take(1, 1000);
    assert!(!window.has_room() && !window.fits(1, 0));
    window.give(1, 1000);
    window.take(1, 1);
    assert!(window.has_room() && !window.fits(1, 1000));
}

#[test]
fn a_window_of_nothing_lets_one_item_through() {
    let mut window = Window::new(0, 0);
    assert!(window.has_room() && window.fits(1, 5));
    window.take(1, 5);
    assert!(!window.has_room());
}

#[test]
#[should_panic(expected = "more than was taken")]
fn what_was_not_taken_is_not_given_back() {
    Window::new(1, 1).give(1, 0);
}

proptest! {
    #[test]
    fn never_more_than_the_window_but_for_one_item_alone(
        items in 1..20_u64, bytes in 0..200_u64, sizes in proptest::collection::vec(0..80_u64, 1..200),
    ) {
        let mut window = Window::new(items, bytes);
        let mut in_flight = std::collections::VecDeque::new();
        for size in sizes {
            while !window.fits(1, size) {
                let oldest = in_flight.pop_front().expect("an idle window refuses nothing");
                window.give(1, oldest);
            }
            window.take(1, size);
            in_flight.push_back(size);
            prop_assert_eq!(window.items_in_flight(), in_flight.len() as u64);
            prop_assert_eq!(window.bytes_in_flight(), in_flight.iter().sum::<u64>());
            prop_assert!(window.items_in_flight() <= items);
            prop_assert!(window.bytes_in_flight() <= bytes || window.items_in_flight() == 1);
        }
    }
}
