//! The heap for small objects of a worker: whole arenas that a task leaves behind serve the next task, with their pages.
//!
//! A task that makes many objects and drops them gives whole arenas back to the system, and the next task has each page
//! of them zeroed and mapped again. In a long program the objects that stay prevent that; a worker keeps none.
//!
//! # Invariants
//!
//! 1. CPython asks for arenas and frees them attached, and needs neither zeros in them nor an order.
//! 2. An arena that is kept came from the allocator that was there before, and nobody uses it.
//! 3. The allocator that was there before is known before this one is set, and takes back whatever it gave.
#![expect(unsafe_code, reason = "the allocator of arenas is set through a structure of C")]

use std::ffi::c_void;
use std::ptr;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use pyo3::ffi::{PyObject_GetArenaAllocator, PyObject_SetArenaAllocator, PyObjectArenaAllocator};
use pyo3::prelude::*;

/// Most bytes that are kept while the worker works.
const WARM_MAX: usize = 16 << 20;

/// The allocator that was there before.
struct Before {
    context: usize,
    alloc: extern "C" fn(*mut c_void, usize) -> *mut c_void,
    free: extern "C" fn(*mut c_void, *mut c_void, usize),
}

/// An arena that nobody uses: where it begins, and its bytes.
struct Kept(usize, usize);

static BEFORE: OnceLock<Before> = OnceLock::new();
static KEPT: Mutex<Vec<Kept>> = Mutex::new(Vec::new());

/// From here on arenas of this process are kept warm.
pub(crate) fn keep(py: Python<'_>) {
    let _ = py;
    let mut found = PyObjectArenaAllocator { ctx: ptr::null_mut(), alloc: None, free: None };
    // SAFETY: the structure may be written, and this thread is attached.
    unsafe { PyObject_GetArenaAllocator(&raw mut found) };
    let (Some(before_alloc), Some(before_free)) = (found.alloc, found.free) else {
        return;
    };
    let before = Before { context: found.ctx.expose_provenance(), alloc: before_alloc, free: before_free };
    if BEFORE.set(before).is_ok() {
        let mut own = PyObjectArenaAllocator { ctx: ptr::null_mut(), alloc: Some(alloc), free: Some(free) };
        // SAFETY: CPython copies the structure; its functions keep to the protocol (1, 2, 3), and this thread is attached.
        unsafe { PyObject_SetArenaAllocator(&raw mut own) };
    }
}

/// Whether anything is kept.
pub(crate) fn is_warm() -> bool {
    !kept().is_empty()
}

/// Gives what is kept back to the system.
pub(crate) fn cool(py: Python<'_>) {
    let _ = py;
    let kept = std::mem::take(&mut *kept());
    for Kept(address, bytes) in kept {
        release(ptr::with_exposed_provenance_mut(address), bytes);
    }
}

fn kept() -> MutexGuard<'static, Vec<Kept>> {
    KEPT.lock().unwrap_or_else(PoisonError::into_inner)
}

extern "C" fn alloc(_: *mut c_void, bytes: usize) -> *mut c_void {
    let mut kept = kept();
    if let Some(at) = kept.iter().rposition(|arena| arena.1 == bytes) {
        return ptr::with_exposed_provenance_mut(kept.swap_remove(at).0);
    }
    drop(kept);
    let Some(before) = BEFORE.get() else {
        return ptr::null_mut();
    };
    (before.alloc)(ptr::with_exposed_provenance_mut(before.context), bytes)
}

extern "C" fn free(_: *mut c_void, arena: *mut c_void, bytes: usize) {
    let mut kept = kept();
    if (kept.len() + 1) * bytes <= WARM_MAX {
        kept.push(Kept(arena.expose_provenance(), bytes));
        return;
    }
    drop(kept);
    release(arena, bytes);
}

fn release(arena: *mut c_void, bytes: usize) {
    if let Some(before) = BEFORE.get() {
        (before.free)(ptr::with_exposed_provenance_mut(before.context), arena, bytes);
    }
}
