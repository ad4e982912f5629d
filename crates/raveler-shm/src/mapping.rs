//! The memfd and its mapping: the one place where addresses of shared memory are made.
//!
//! # Invariants
//!
//! 1. `base..base + layout.bytes` is one shared mapping of the whole memfd, readable and writable, from the making of the
//!    `Mapping` to its drop (but in forked children, see `seclude`); the memfd is sealed, so it can't shrink under it.
//!    `base` is aligned to pages.
//! 2. The memfd was all zero when it was made. Sections hold types for which zero bytes are valid, and which other
//!    processes change only through atomics, or as `words` says for the areas of a slot.
//! 3. Bytes of blocks are reached by pointers; references to them are made in `block` alone.

use std::ffi::c_void;
use std::os::fd::OwnedFd;
use std::ptr::NonNull;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustix::fs::{FallocateFlags, MemfdFlags, SealFlags};
use rustix::io::Errno;
use rustix::mm::{Advice, MapFlags, ProtFlags};

use crate::birthmark::Birthmark;
use crate::error::{ShmError, refused};
use crate::layout::{Layout, Section};

/// The memfd, mapped.
pub(crate) struct Mapping {
    base: NonNull<u8>,
    bytes: usize,
    /// The memfd, until it is given up.
    descriptor: Mutex<Option<Arc<OwnedFd>>>,
    birthmark: Birthmark,
}

// SAFETY: the mapping belongs to the process, not to a thread (1), and what lies in it is shared by design (2, 3).
unsafe impl Send for Mapping {}

// SAFETY: as above; all access through `&Mapping` is to atomics, or through raw pointers whose users say why (2, 3).
unsafe impl Sync for Mapping {}

impl Mapping {
    /// Makes a memfd of `layout.bytes` zero bytes and maps it.
    ///
    /// # Errors
    ///
    /// [`ShmError::NoAddressSpace`] if a smaller one might do, else [`ShmError::Refused`].
    pub(crate) fn create(layout: &Layout) -> Result<Self, ShmError> {
        let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
        let descriptor = rustix::fs::memfd_create(c"raveler", flags | MemfdFlags::NOEXEC_SEAL)
            // Kernels before 6.3 don't know the flag.
            .or_else(|_| rustix::fs::memfd_create(c"raveler", flags))
            .map_err(|errno| refused("memfd_create", errno))?;
        rustix::fs::ftruncate(&descriptor, layout.bytes as u64).map_err(|errno| match errno {
            Errno::FBIG | Errno::NOMEM | Errno::INVAL => no_space(layout.bytes, errno),
            errno => refused("ftruncate", errno),
        })?;
        rustix::fs::fcntl_add_seals(&descriptor, SealFlags::SHRINK | SealFlags::GROW)
            .map_err(|errno| refused("fcntl", errno))?;
        Self::map(descriptor, layout.bytes)
    }

    /// Maps the first `bytes` bytes of a memfd that [`Mapping::create`] made.
    ///
    /// # Errors
    ///
    /// [`ShmError::NoAddressSpace`] if the process may not have so much.
    pub(crate) fn map(descriptor: OwnedFd, bytes: usize) -> Result<Self, ShmError> {
        let birthmark = Birthmark::new()?;
        // SAFETY: a new mapping at an address that the kernel chooses touches no memory that Rust knows.
        let address = unsafe {
            rustix::mm::mmap(
                std::ptr::null_mut(),
                bytes,
                ProtFlags::READ | ProtFlags::WRITE,
                MapFlags::SHARED | MapFlags::NORESERVE,
                &descriptor,
                0,
            )
        };
        let address = address.map_err(|errno| no_space(bytes, errno))?;
        let base = NonNull::new(address.cast()).ok_or_else(|| no_space(bytes, Errno::NOMEM))?;
        Ok(Self { base, bytes, descriptor: Mutex::new(Some(Arc::new(descriptor))), birthmark })
    }

    /// Keeps the bookkeeping out of forked children, and everything out of core dumps.
    ///
    /// The bytes of blocks stay mapped in a child, so that it can read the arrays that it inherits.
    ///
    /// # Errors
    ///
    /// [`ShmError::Refused`] if the kernel does.
    pub(crate) fn seclude(&self, layout: &Layout) -> Result<(), ShmError> {
        self.advise(layout.control, Advice::LinuxDontFork)?;
        self.advise(self.bytes, Advice::LinuxDontDump)
    }

    fn advise(&self, bytes: usize, advice: Advice) -> Result<(), ShmError> {
        // SAFETY: the range is part of the mapping (1), and neither advice changes what this process sees.
        unsafe { rustix::mm::madvise(self.base.as_ptr().cast::<c_void>(), bytes, advice) }
            .map_err(|errno| refused("madvise", errno))
    }

    /// Returns the values of a section.
    #[inline]
    pub(crate) fn slice<T>(&self, section: &Section<T>) -> &[T] {
        debug_assert!(section.offset() + section.len() * size_of::<T>() <= self.bytes);
        let start = self.at(section.offset()).cast::<T>();
        // SAFETY: the section lies in the mapping, is aligned, and holds values of `T` (1, 2, and invariant 2 of `layout`).
        unsafe { std::slice::from_raw_parts(start.as_ptr(), section.len()) }
    }

    /// Returns the address of an offset.
    ///
    /// # Panics
    ///
    /// Panics if the offset lies outside.
    #[inline]
    pub(crate) fn at(&self, offset: usize) -> NonNull<u8> {
        assert!(offset < self.bytes, "the offset lies in the segment");
        // SAFETY: the offset lies in the mapping (1), which is no larger than `isize::MAX`.
        unsafe { self.base.add(offset) }
    }

    /// Tells whether this process is a forked child of the one that made the mapping.
    #[inline]
    pub(crate) fn is_inherited(&self) -> bool {
        self.birthmark.is_inherited()
    }

    /// Returns the descriptor of the memfd, `None` once it was given up.
    pub(crate) fn descriptor(&self) -> Option<Arc<OwnedFd>> {
        self.locked().clone()
    }

    /// Gives the descriptor up; what is mapped stays mapped.
    pub(crate) fn close_descriptor(&self) {
        *self.locked() = None;
    }

    fn locked(&self) -> MutexGuard<'_, Option<Arc<OwnedFd>>> {
        self.descriptor.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives the memory of a range back to the system; it reads as zero then.
    ///
    /// # Errors
    ///
    /// The kernel's reason.
    pub(crate) fn punch(&self, offset: usize, bytes: usize) -> Result<(), Errno> {
        let flags = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
        let descriptor = self.descriptor().ok_or(Errno::BADF)?;
        rustix::fs::fallocate(&*descriptor, flags, offset as u64, bytes as u64)
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        if self.is_inherited() {
            // The child lacks a part of the mapping; something else may lie there by now.
            return;
        }
        // SAFETY: nobody can reach the mapping any more (1).
        let unmapped = unsafe { rustix::mm::munmap(self.base.as_ptr().cast(), self.bytes) };
        debug_assert!(unmapped.is_ok(), "the range of the mapping is valid");
    }
}

fn no_space(bytes: usize, errno: Errno) -> ShmError {
    ShmError::NoAddressSpace { bytes: bytes as u64, errno }
}
