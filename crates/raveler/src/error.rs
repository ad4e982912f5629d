//! The one error type of the runtime, and the kinds that the binding turns into exceptions.

use raveler_procs::ProcsError;
use raveler_shm::ShmError;

/// What went wrong with the runtime itself, as opposed to a task's own failure.
#[derive(Debug, thiserror::Error)]
pub enum RuntimeError {
    /// The runtime has been closed.
    #[error("the runtime is closed; make a new one with rv.Runtime()")]
    Closed,
    /// The runtime belongs to the process that forked this one.
    #[error("the runtime belongs to the process that forked this one; make a new one here with rv.Runtime()")]
    Forked,
    /// A limit that the runtime does not have.
    #[error("there is no limit named {0:?}; name it in Runtime(limits={{...}})")]
    UnknownLimit(String),
    /// Worker processes can't be had.
    #[error("worker processes can't be had: {0}")]
    Procs(#[from] ProcsError),
    /// Shared memory can't be had.
    #[error("shared memory can't be had: {0}")]
    Memory(#[from] ShmError),
}

/// The kinds of [`RuntimeError`], one for each class of exception.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// Use after close, or after a fork.
    Closed,
    /// A bad argument.
    Argument,
    /// The engine can't run.
    Engine,
}

impl RuntimeError {
    /// Returns the kind.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Closed | Self::Forked => ErrorKind::Closed,
            Self::UnknownLimit(_) => ErrorKind::Argument,
            Self::Procs(_) | Self::Memory(_) => ErrorKind::Engine,
        }
    }
}
