//! A private view of a block: writes to it are this process's own.
//!
//! # Invariants
//!
//! 1. `start..start + mapped` is one private mapping of the pages of the block, from the making of the `PrivateBlock` to
//!    its drop; nobody else has its address.
//! 2. The block is held as long, so that pages which were not written yet keep their bytes.

use std::ptr::NonNull;

use rustix::io::Errno;
use rustix::mm::{MapFlags, ProtFlags};

use crate::error::{ShmError, refused};
use crate::holding::Holding;
use crate::words::PAGE;

/// The bytes of a block, copied page by page when they are written.
pub struct PrivateBlock {
    start: NonNull<u8>,
    mapped: usize,
    len: usize,
    _holding: Holding,
}

// SAFETY: the mapping belongs to the process and is reached through this value alone (1).
unsafe impl Send for PrivateBlock {}

// SAFETY: as above; a shared reference only reads.
unsafe impl Sync for PrivateBlock {}

impl PrivateBlock {
    pub(crate) fn new(holding: Holding) -> Result<Self, ShmError> {
        let len = holding.id().len();
        let mapped = len.max(1).next_multiple_of(1 << PAGE.trailing_zeros());
        let descriptor = holding.segment().descriptor().ok_or_else(|| refused("mmap", Errno::BADF))?;
        // SAFETY: a new mapping at an address that the kernel chooses touches no memory that Rust knows.
        let address = unsafe {
            rustix::mm::mmap(
                std::ptr::null_mut(),
                mapped,
                ProtFlags::READ | ProtFlags::WRITE,
                MapFlags::PRIVATE | MapFlags::NORESERVE,
                &*descriptor,
                holding.offset() as u64,
            )
        };
        let address = address.map_err(|errno| refused("mmap", errno))?;
        let start = NonNull::new(address.cast()).expect("the kernel maps nothing at 0");
        Ok(Self { start, mapped, len, _holding: holding })
    }

    /// Returns the number of bytes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Tells whether there are no bytes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Returns the address of the bytes; they may be written through it as long as this value lives.
    #[must_use]
    pub fn as_ptr(&self) -> *mut u8 {
        self.start.as_ptr()
    }

    /// Returns the bytes.
    #[must_use]
    pub fn as_slice(&self) -> &[u8] {
        // SAFETY: the bytes are mapped (1), and who writes through `as_ptr` keeps the rules of Rust.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.len) }
    }
}

impl AsMut<[u8]> for PrivateBlock {
    fn as_mut(&mut self) -> &mut [u8] {
        // SAFETY: the bytes are mapped, and this reference is the only way to them (1).
        unsafe { std::slice::from_raw_parts_mut(self.start.as_ptr(), self.len) }
    }
}

impl Drop for PrivateBlock {
    fn drop(&mut self) {
        // SAFETY: nobody can reach the mapping any more (1).
        let unmapped = unsafe { rustix::mm::munmap(self.start.as_ptr().cast(), self.mapped) };
        debug_assert!(unmapped.is_ok(), "the range is mapped");
    }
}
