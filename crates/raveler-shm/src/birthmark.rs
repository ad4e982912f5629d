//! The mark that a forked child lacks: tells without a system call whether this process mapped the segment itself.
//!
//! # Invariants
//!
//! 1. `page` is one private page of this process, from the making of the `Birthmark` to its drop. It holds 1; the kernel
//!    makes it 0 in a forked child.

use std::ptr::NonNull;

use raveler_sync::sync::{AtomicU32, Ordering};
use rustix::mm::{Advice, MapFlags, ProtFlags};

use crate::error::{ShmError, refused};
use crate::words::PAGE;

/// A page that is wiped in forked children.
pub(crate) struct Birthmark {
    page: NonNull<AtomicU32>,
}

// SAFETY: the page belongs to the process and holds an atomic (1).
unsafe impl Send for Birthmark {}

// SAFETY: as above.
unsafe impl Sync for Birthmark {}

impl Birthmark {
    /// Marks this process.
    ///
    /// # Errors
    ///
    /// [`ShmError::Refused`] if the kernel does.
    pub(crate) fn new() -> Result<Self, ShmError> {
        // SAFETY: a new mapping at an address that the kernel chooses touches no memory that Rust knows.
        let address = unsafe {
            rustix::mm::mmap_anonymous(
                std::ptr::null_mut(),
                PAGE_LEN,
                ProtFlags::READ | ProtFlags::WRITE,
                MapFlags::PRIVATE,
            )
        };
        let address = address.map_err(|errno| refused("mmap", errno))?;
        let page = NonNull::new(address.cast()).expect("the kernel maps nothing at 0");
        let mark = Self { page };
        // SAFETY: the advice concerns the page alone (1), and changes only what a forked child sees.
        unsafe { rustix::mm::madvise(address, PAGE_LEN, Advice::LinuxWipeOnFork) }
            .map_err(|errno| refused("madvise", errno))?;
        mark.word().store(1, Ordering::Relaxed);
        Ok(mark)
    }

    /// Tells whether this process is a forked child of the one that made the mark.
    #[inline]
    pub(crate) fn is_inherited(&self) -> bool {
        self.word().load(Ordering::Relaxed) == 0
    }

    #[inline]
    fn word(&self) -> &AtomicU32 {
        // SAFETY: the page is mapped and aligned, and holds an atomic for which all bytes are valid (1).
        unsafe { self.page.as_ref() }
    }
}

impl Drop for Birthmark {
    fn drop(&mut self) {
        // SAFETY: nobody can reach the page any more (1).
        let unmapped = unsafe { rustix::mm::munmap(self.page.as_ptr().cast(), PAGE_LEN) };
        debug_assert!(unmapped.is_ok(), "the page is mapped");
    }
}

const PAGE_LEN: usize = 1 << PAGE.trailing_zeros();
