//! What cancelling a task comes to.

use crate::place::Place;

/// What a call to cancel a task did, or what is left to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CancelVerdict {
    /// It was not running: it is settled as cancelled.
    Dropped,
    /// It is running: its place must stop it and then report how the attempt ended. Cancelling again says the same again.
    Stop {
        /// Where it runs.
        place: Place,
        /// Which attempt runs.
        attempt: u32,
    },
    /// It was settled before.
    Gone,
}
