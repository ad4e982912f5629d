//! The identity of a task: an index that is used again and a generation that is not.

use std::fmt;

/// The identity of a task within one scheduler.
///
/// The index is small and dense, so that the layer above can keep its own tables beside the scheduler's. An index is used
/// again once its task is popped, with another generation; an identity never is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TaskId {
    index: u32,
    generation: u32,
}

impl TaskId {
    pub(crate) const fn new(index: u32, generation: u32) -> Self {
        Self { index, generation }
    }

    /// Returns the place of this task in a table of tasks.
    #[must_use]
    pub const fn index(self) -> usize {
        self.index as usize
    }

    /// Returns which of the tasks that used this index is meant; never 0.
    #[must_use]
    pub const fn generation(self) -> u32 {
        self.generation
    }

    /// Returns the identity as one word, never 0.
    #[must_use]
    pub const fn to_u64(self) -> u64 {
        (self.generation as u64) << 32 | self.index as u64
    }

    /// Returns the identity that [`TaskId::to_u64`] made into `word`.
    #[must_use]
    pub const fn from_u64(word: u64) -> Self {
        #[expect(clippy::cast_possible_truncation, reason = "the lower half of the word is meant")]
        Self { index: word as u32, generation: (word >> 32) as u32 }
    }
}

impl fmt::Debug for TaskId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "TaskId({}.{})", self.index, self.generation)
    }
}
