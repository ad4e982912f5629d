//! What the scheduler needs to know of a task to run it.

use crate::limit::LimitId;
use crate::place::Place;
use crate::retry::Retry;
use crate::time::Nanos;

/// The options of one task.
#[derive(Clone, Debug, PartialEq)]
pub struct Spec {
    /// Where it runs.
    pub place: Place,
    /// What it needs while it runs: one permit of each; naming one twice is naming it once.
    pub limits: Vec<LimitId>,
    /// How often it runs again.
    pub retry: Retry,
    /// How long one attempt may take, from its start.
    pub timeout: Option<Nanos>,
}

impl Spec {
    /// Returns the options of a task that needs nothing but a place; allocates nothing.
    #[must_use]
    pub const fn plain(place: Place) -> Self {
        Self { place, limits: Vec::new(), retry: Retry::NEVER, timeout: None }
    }

    /// Returns whether the task needs nothing but a place.
    #[must_use]
    pub const fn is_plain(&self) -> bool {
        self.limits.is_empty() && self.retry.times == 0 && self.timeout.is_none()
    }
}
