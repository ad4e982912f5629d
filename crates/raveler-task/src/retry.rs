//! How often a task runs again, and how long it waits before.

use crate::seed::mix;
use crate::time::Nanos;

/// How often a task that did not succeed runs again.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Retry {
    /// Attempts after the first.
    pub times: u32,
    /// The wait before each of them.
    pub backoff: Backoff,
}

/// The wait before each retry.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Backoff {
    /// The wait before the first retry.
    pub first: Nanos,
    /// What each further wait is multiplied by.
    pub factor: f64,
    /// The longest wait.
    pub max: Nanos,
    /// Draws the wait evenly from zero to its full length, so that tasks that failed together do not return together.
    pub jitter: bool,
}

impl Retry {
    /// A task runs once.
    pub const NEVER: Self = Self { times: 0, backoff: Backoff::NONE };
}

impl Default for Retry {
    fn default() -> Self {
        Self::NEVER
    }
}

impl Backoff {
    /// A retry follows at once.
    pub const NONE: Self = Self { first: 0, factor: 1.0, max: 0, jitter: false };

    /// Returns the wait after failed attempt number `attempt` (the first is 0) of the task with this `seed`.
    ///
    /// The same arguments always give the same wait.
    #[must_use]
    pub fn delay(&self, seed: u64, attempt: u32) -> Nanos {
        let full = self.full(attempt);
        if !self.jitter || full == 0 {
            return full;
        }
        let drawn = mix(mix(seed).wrapping_add(u64::from(attempt)));
        let scaled = (u128::from(drawn) * (u128::from(full) + 1)) >> 64;
        scaled as Nanos
    }

    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a wait needs no more than 53 bits, and a cast from a float saturates"
    )]
    fn full(&self, attempt: u32) -> Nanos {
        if self.first >= self.max {
            return self.max;
        }
        let exponent = i32::try_from(attempt).unwrap_or(i32::MAX);
        let grown = self.first as f64 * self.factor.powi(exponent);
        if grown >= self.max as f64 { self.max } else { grown as Nanos }
    }
}

impl Default for Backoff {
    fn default() -> Self {
        Self::NONE
    }
}
