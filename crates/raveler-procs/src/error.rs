//! What can go wrong with frames and worker processes.

/// Bytes that are not what the wire format says.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// The bytes end inside a value.
    #[error("the frame ends inside a value")]
    Short,
    /// No value starts with this byte.
    #[error("no value starts with the byte {0}")]
    Tag(u8),
    /// A string that is not UTF-8.
    #[error("a string in the frame is not UTF-8")]
    Utf8,
    /// A whole value that says it stands behind a pickle, where only buffers do.
    #[error("a value in the frame names no block")]
    Blockless,
    /// A block that the segment does not have.
    #[error(transparent)]
    Block(#[from] raveler_shm::ShmError),
    /// A value that says it is longer than the block that it stands in.
    #[error("a value of {0} bytes does not fit the block that the frame names")]
    Overlong(u64),
    /// A value larger than its length field can say.
    #[error("a value of {0} bytes is too large for one pickle (4 GiB); pass it as a buffer, such as a NumPy array")]
    Long(usize),
}

/// Why worker processes can't be had.
#[derive(Debug, thiserror::Error)]
pub enum ProcsError {
    /// The interpreter for the workers did not start.
    #[error("the worker interpreter {program:?} did not start: {source}")]
    Start {
        /// The program.
        program: String,
        /// The system's reason.
        source: std::io::Error,
    },
    /// A system call failed.
    #[error("{what}: {source}")]
    System {
        /// What was tried.
        what: &'static str,
        /// The system's reason.
        source: std::io::Error,
    },
    /// Shared memory can't be had.
    #[error(transparent)]
    Memory(#[from] raveler_shm::ShmError),
}

impl ProcsError {
    pub(crate) fn system(what: &'static str) -> impl FnOnce(rustix::io::Errno) -> Self {
        move |source| Self::System { what, source: source.into() }
    }
}
