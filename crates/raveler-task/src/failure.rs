//! What a failed item of a `map` does to the others, and which error the caller sees.

/// What becomes of the error of an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorPolicy {
    /// It ends the `map`: the error of the lowest input index is raised.
    Raise,
    /// It takes the place of the item.
    Return,
    /// It is dropped and counted.
    Skip,
}

/// What a failed item comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailedItem<E> {
    /// The error is to be raised, so everything above this index is to be cancelled; what is below goes on.
    CancelAbove(u64),
    /// The item lies above a failed one: its error is of no interest.
    Ignored,
    /// The error is yielded in the place of the item.
    Yield(E),
    /// The item is dropped.
    Skipped,
}

/// The failures of one `map`.
///
/// With [`ErrorPolicy::Raise`] the lowest failed index is a border: nothing new is pulled, what is above it does not matter,
/// and what is below it still has to finish, because a lower index may fail yet. The error is due when the consumer, going
/// in input order, has come to the border: so the same error is raised whatever failed first on the clock.
#[derive(Clone, Debug)]
pub struct Failures<E> {
    policy: ErrorPolicy,
    lowest: Option<(u64, E)>,
    skipped: u64,
}

impl<E> Failures<E> {
    /// Returns a record without failures.
    #[must_use]
    pub const fn new(policy: ErrorPolicy) -> Self {
        Self { policy, lowest: None, skipped: 0 }
    }

    /// Takes the error of the item at `index`.
    pub fn fail(&mut self, index: u64, error: E) -> FailedItem<E> {
        match self.policy {
            ErrorPolicy::Return => FailedItem::Yield(error),
            ErrorPolicy::Skip => {
                self.skipped += 1;
                FailedItem::Skipped
            }
            ErrorPolicy::Raise => self.lower_border(index, error),
        }
    }

    /// Takes an error that ends the input at `index` whatever the policy: the source itself raised it.
    pub fn fail_source(&mut self, index: u64, error: E) -> FailedItem<E> {
        self.lower_border(index, error)
    }

    /// Returns whether another item may be pulled from the source.
    #[must_use]
    pub const fn may_pull(&self) -> bool {
        self.lowest.is_none()
    }

    /// Returns whether the result at `index` can still be yielded.
    #[must_use]
    pub fn wants(&self, index: u64) -> bool {
        self.border().is_none_or(|border| index < border)
    }

    /// Returns the lowest index whose error is to be raised.
    #[must_use]
    pub fn border(&self) -> Option<u64> {
        self.lowest.as_ref().map(|lowest| lowest.0)
    }

    /// Returns the error to raise, once everything below `yielded` was yielded and the border is reached.
    pub fn due(&mut self, yielded: u64) -> Option<E> {
        self.lowest.take_if(|lowest| lowest.0 <= yielded).map(|lowest| lowest.1)
    }

    /// Returns the error to raise at once, for a `map` that yields in the order of completion.
    pub fn due_now(&mut self) -> Option<E> {
        self.lowest.take().map(|lowest| lowest.1)
    }

    /// Returns how many items were skipped.
    #[must_use]
    pub const fn skipped(&self) -> u64 {
        self.skipped
    }

    fn lower_border(&mut self, index: u64, error: E) -> FailedItem<E> {
        if !self.wants(index) {
            return FailedItem::Ignored;
        }
        self.lowest = Some((index, error));
        FailedItem::CancelAbove(index)
    }
}
