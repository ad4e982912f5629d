//! What a task knows of the tasks that it depends on.

use crate::id::TaskId;

/// What is known of one parent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Parent {
    Pending,
    Done,
    Failed(TaskId),
}

/// What follows for the child.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    Waiting,
    Clear,
    Doomed(TaskId),
}

/// The parents of one task, in the order of its arguments.
///
/// A child is doomed by the *first* of its failed parents in that order, whichever failed first on the clock: so it waits
/// until all parents before a failed one are known to be done, and for no others.
#[derive(Debug, Default)]
pub(crate) struct Parents {
    list: Vec<Parent>,
    done: usize,
}

impl Parents {
    pub(crate) fn new(list: Vec<Parent>) -> Self {
        Self { list, done: 0 }
    }

    pub(crate) fn set(&mut self, position: u32, parent: Parent) {
        self.list[position as usize] = parent;
    }

    pub(crate) fn standing(&mut self) -> Standing {
        while let Some(parent) = self.list.get(self.done) {
            match parent {
                Parent::Done => self.done += 1,
                Parent::Pending => return Standing::Waiting,
                Parent::Failed(task) => return Standing::Doomed(*task),
            }
        }
        Standing::Clear
    }
}
