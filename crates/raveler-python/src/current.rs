//! The task that runs on this thread: its number, its name, its random stream.

use std::cell::{Cell, RefCell};

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyString;
use raveler_sync::Flag;
use raveler_task::Seed;

use crate::modules;

/// What is known of the task that runs on this thread; one structure, because finding it costs more than reading it.
struct Current {
    /// Changes with each item; 0 outside one.
    token: Cell<u64>,
    last: Cell<u64>,
    item: Cell<u64>,
    /// Calls that the task itself has made, for the streams of its own tasks.
    calls: Cell<u64>,
    frame: RefCell<Frame>,
}

#[derive(Default)]
struct Frame {
    name: Option<Py<PyString>>,
    number: u64,
    attempt: u32,
    seed: Option<Seed>,
}

thread_local! {
    static CURRENT: Current = const {
        Current {
            token: Cell::new(0),
            last: Cell::new(0),
            item: Cell::new(0),
            calls: Cell::new(0),
            frame: RefCell::new(Frame { name: None, number: 0, attempt: 0, seed: None }),
        }
    };
}

static IS_WORKER: Flag = Flag::new(false);
static HAS_CALLS: Flag = Flag::new(false);

/// Notes that this process is a worker: runtimes in it run their process tasks inline.
pub(crate) fn become_worker() {
    IS_WORKER.set(true);
}

/// Notes that tasks run on threads or loops of this process, whose streams the contextvar knows.
pub(crate) fn has_calls() {
    if !HAS_CALLS.get() {
        HAS_CALLS.set(true);
    }
}

/// Whether this process is a worker.
pub(crate) fn is_worker() -> bool {
    IS_WORKER.get()
}

/// What ran on this thread before a frame was entered: a task whose own task runs inside it.
pub(crate) struct Outer {
    token: u64,
    item: u64,
    calls: u64,
    frame: Frame,
}

/// Enters a frame on this thread; what it returns is to be given to `leave`.
pub(crate) fn enter(name: Option<Py<PyString>>, number: u64, attempt: u32, seed: Seed) -> Outer {
    CURRENT.with(|current| Outer {
        token: current.token.get(),
        item: current.item.get(),
        calls: current.calls.get(),
        frame: current.frame.replace(Frame { name, number, attempt, seed: Some(seed) }),
    })
}

/// Begins an item of the frame: a new random stream.
#[inline]
pub(crate) fn begin(item: u64) {
    CURRENT.with(|current| {
        let token = current.last.get() + 1;
        current.last.set(token);
        current.token.set(token);
        current.item.set(item);
        current.calls.set(0);
    });
}

/// Leaves the frame for the one before.
pub(crate) fn leave(outer: Outer) {
    CURRENT.with(|current| {
        current.token.set(outer.token);
        current.item.set(outer.item);
        current.calls.set(outer.calls);
        current.frame.replace(outer.frame)
    });
}

/// Returns a number that changes with each task and item that runs on this thread; 0 outside one.
pub(crate) fn token() -> u64 {
    CURRENT.with(|current| current.token.get())
}

/// Returns the seed of the running item.
pub(crate) fn seed() -> Option<Seed> {
    CURRENT.with(|current| {
        if current.token.get() == 0 {
            return None;
        }
        current.frame.borrow().seed.map(|seed| seed.child(current.item.get()))
    })
}

/// Returns the stream of the task that runs in this context, if it is one of a thread or a loop.
///
/// Where a frame runs inside such a task, or such a task inside a frame, it is that of the inner one.
fn stream(py: Python<'_>) -> PyResult<Option<Bound<'_, PyAny>>> {
    if !HAS_CALLS.get() {
        return Ok(None);
    }
    let stream = modules::current_stream(py)?.call_method0(intern!(py, "get"))?;
    Ok((!stream.is_none()).then_some(stream))
}

/// Returns the seed of the running task or item, wherever it runs.
pub(crate) fn own_seed(py: Python<'_>) -> PyResult<Option<Seed>> {
    match stream(py)? {
        Some(stream) => Ok(Some(Seed::from_u128(stream.getattr(intern!(py, "seed"))?.extract()?))),
        None => Ok(seed()),
    }
}

/// Returns the seed of the next call that the running task makes itself.
pub(crate) fn next_call(py: Python<'_>) -> PyResult<Option<Seed>> {
    let Some(stream) = stream(py)? else {
        let Some(seed) = seed() else {
            return Ok(None);
        };
        let call = CURRENT.with(|current| current.calls.replace(current.calls.get() + 1));
        return Ok(Some(seed.child(call)));
    };
    let seed = Seed::from_u128(stream.getattr(intern!(py, "seed"))?.extract()?);
    let call: u64 = stream.getattr(intern!(py, "calls"))?.extract()?;
    stream.setattr(intern!(py, "calls"), call + 1)?;
    Ok(Some(seed.child(call)))
}

/// Returns name, number and attempt of the running task.
pub(crate) fn task(py: Python<'_>) -> Option<(Py<PyString>, u64, u32)> {
    CURRENT.with(|current| {
        if current.token.get() == 0 {
            return None;
        }
        let frame = current.frame.borrow();
        let name = frame.name.as_ref().map_or_else(|| PyString::new(py, "task").unbind(), |name| name.clone_ref(py));
        Some((name, frame.number, frame.attempt))
    })
}
