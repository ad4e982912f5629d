//! The places where a task can run.

/// Where one task runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Place {
    /// A worker process.
    Process,
    /// A thread of the parent process.
    Thread,
    /// The runtime's event loop.
    Loop,
    /// The I/O runtime or the compute threads, in Rust.
    Native,
    /// The thread that waits for the result, in submission order.
    Inline,
}

impl Place {
    /// Every place, in the order of [`Place::index`].
    pub const ALL: [Self; 5] = [Self::Process, Self::Thread, Self::Loop, Self::Native, Self::Inline];

    /// Returns the position of this place in [`Place::ALL`].
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }
}
