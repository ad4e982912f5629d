//! The one clock of everything: `CLOCK_MONOTONIC`, the same in all processes of the machine.

use rustix::time::{ClockId, clock_gettime};

/// Returns nanoseconds since some fixed moment.
#[must_use]
pub fn nanos() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    #[expect(clippy::cast_sign_loss, reason = "the monotonic clock starts at zero")]
    let (seconds, rest) = (now.tv_sec as u64, now.tv_nsec as u64);
    seconds * 1_000_000_000 + rest
}
