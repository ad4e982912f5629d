//! The task that runs on this thread: its number, its name, its random stream.

use std::cell::{Cell, RefCell};

use pyo3::prelude::*;
use pyo3::types::PyString;
use raveler_sync::Flag;
use raveler_task::Seed;

/// What is known of the task that runs on this thread.
#[derive(Default)]
struct Frame {
    name: Option<Py<PyString>>,
    number: u64,
    attempt: u32,
    seed: Option<Seed>,
    item: u64,
    /// Calls that the task itself has made, for the streams of its own tasks.
    calls: u64,
}

thread_local! {
    static TOKEN: Cell<u64> = const { Cell::new(0) };
    static LAST: Cell<u64> = const { Cell::new(0) };
    static FRAME: RefCell<Frame> = RefCell::new(Frame::default());
}

static IS_WORKER: Flag = Flag::new(false);

/// Notes that this process is a worker: runtimes in it run their process tasks inline.
pub(crate) fn become_worker() {
    IS_WORKER.set(true);
}

/// Whether this process is a worker.
pub(crate) fn is_worker() -> bool {
    IS_WORKER.get()
}

/// Enters a frame on this thread.
pub(crate) fn enter(name: Option<Py<PyString>>, number: u64, attempt: u32, seed: Seed) {
    FRAME.with_borrow_mut(|frame| {
        *frame = Frame { name, number, attempt, seed: Some(seed), item: 0, calls: 0 };
    });
}

/// Begins an item of the frame: a new random stream.
#[inline]
pub(crate) fn begin(item: u64) {
    let token = LAST.get() + 1;
    LAST.set(token);
    TOKEN.set(token);
    FRAME.with_borrow_mut(|frame| {
        frame.item = item;
        frame.calls = 0;
    });
}

/// Leaves the frame.
pub(crate) fn leave() {
    TOKEN.set(0);
}

/// Returns a number that changes with each task and item that runs on this thread; 0 outside one.
pub(crate) fn token() -> u64 {
    TOKEN.get()
}

/// Returns the seed of the running item.
pub(crate) fn seed() -> Option<Seed> {
    if TOKEN.get() == 0 {
        return None;
    }
    FRAME.with_borrow(|frame| frame.seed.map(|seed| seed.child(frame.item)))
}

/// Returns the seed of the next call that the running task makes itself.
pub(crate) fn next_call() -> Option<Seed> {
    let seed = seed()?;
    let call = FRAME.with_borrow_mut(|frame| {
        frame.calls += 1;
        frame.calls - 1
    });
    Some(seed.child(call))
}

/// Returns name, number and attempt of the running task.
pub(crate) fn task(py: Python<'_>) -> Option<(Py<PyString>, u64, u32)> {
    if TOKEN.get() == 0 {
        return None;
    }
    FRAME.with_borrow(|frame| {
        let name = frame.name.as_ref().map_or_else(|| PyString::new(py, "task").unbind(), |name| name.clone_ref(py));
        Some((name, frame.number, frame.attempt))
    })
}
