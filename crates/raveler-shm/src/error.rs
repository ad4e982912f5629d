//! What can go wrong with shared memory.

use rustix::io::Errno;
use thiserror::Error;

/// An error of the segment or of its arena.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum ShmError {
    /// The wanted sizes make no segment.
    #[error("a segment can't have {what} = {value}: it must be {must}")]
    BadGeometry {
        /// The field of the geometry.
        what: &'static str,
        /// Its value.
        value: u64,
        /// What would have been accepted.
        must: &'static str,
    },
    /// The kernel refused to make the segment.
    #[error("the kernel refused {call} for the shared segment: {errno}")]
    Refused {
        /// The system call.
        call: &'static str,
        /// The reason that it gave.
        errno: Errno,
    },
    /// The segment does not fit the address space that this process may use.
    #[error(
        "no address space for a shared segment of {bytes} bytes: {errno}; raise the limit on virtual memory (ulimit -v)"
    )]
    NoAddressSpace {
        /// The size of the smallest segment that was tried.
        bytes: u64,
        /// The reason that the kernel gave.
        errno: Errno,
    },
    /// The descriptor is not a segment, or one of another version of raveler.
    #[error("the descriptor is not a shared segment of this version of raveler: {reason}")]
    NotASegment {
        /// What does not fit.
        reason: &'static str,
    },
    /// A block is larger than any the arena has.
    #[error("{len} bytes don't fit a block: the largest has {max} bytes")]
    TooLarge {
        /// The bytes asked for.
        len: u64,
        /// The size of the largest block.
        max: u64,
    },
    /// A name that no block of the segment has.
    #[error("the segment has no block {name:#x}: what names it is damaged")]
    NoSuchBlock {
        /// The name, as it stands in a frame.
        name: u64,
    },
    /// Every block that is large enough is held by somebody.
    #[error("no block of {len} bytes is free: wait until results are collected or let some go")]
    Exhausted {
        /// The bytes asked for.
        len: u64,
    },
}

pub(crate) fn refused(call: &'static str, errno: Errno) -> ShmError {
    ShmError::Refused { call, errno }
}
