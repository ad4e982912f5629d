//! Operations of Rust as tasks of Python: what each face submits, and how a reply becomes an object.
//!
//! A face makes an `Arc<dyn Operation<Interp>>` and calls [`submit`]. The operation runs on the I/O runtime without the
//! interpreter; its reply is turned into an object by the thread that first asks for it.

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};
use raveler::native::{Ended, Operation, Running};
use raveler_task::{Backoff, Place, Spec};

use crate::error;
use crate::host::Interp;
use crate::loan::Loan;
use crate::options::Options;
use crate::runtime::PyRuntime;
use crate::task::Task;

/// A value that Rust made.
pub(crate) trait Reply: Send {
    /// Returns about how many bytes it holds.
    fn bytes(&self) -> u64 {
        0
    }

    /// Makes the object.
    fn into_python(self: Box<Self>, py: Python<'_>) -> PyResult<Bound<'_, PyAny>>;
}

/// An error that Rust made.
pub(crate) trait Fault: Send + Sync {
    /// Makes the exception.
    fn to_python(&self, py: Python<'_>) -> PyErr;
}

/// How an operation says what it made, and whether another attempt is worth it.
pub(crate) enum Made {
    Value(Box<dyn Reply>),
    /// An error; how long to wait at least before another attempt, none if that is of no use.
    Error(Arc<dyn Fault>, Option<Duration>),
}

/// An operation that is an `async` closure, called anew for each attempt with its number.
struct Native<F>(F);

impl<F, T> Operation<Interp> for Native<F>
where
    F: Fn(u32) -> T + Send + Sync,
    T: Future<Output = Made> + Send + 'static,
{
    fn start(&self, attempt: u32) -> Running<Interp> {
        // An `async` block would hold the future twice, before and while it awaits it, and all of that is moved to the heap.
        Box::pin((self.0)(attempt).map(|made| match made {
            Made::Value(reply) => Ended::Reply(reply),
            Made::Error(fault, again) => Ended::Fault { fault, again },
        }))
    }
}

/// Returns an operation of an `async` closure.
pub(crate) fn operation<F, T>(start: F) -> Arc<dyn Operation<Interp>>
where
    F: Fn(u32) -> T + Send + Sync + 'static,
    T: Future<Output = Made> + Send + 'static,
{
    Arc::new(Native(start))
}

/// Options that were checked and read once, for many operations.
#[pyclass(frozen, module = "raveler._raveler")]
pub(crate) struct NativeOptions(pub(crate) Options);

#[pymethods]
impl NativeOptions {
    #[new]
    fn new(options: &Bound<'_, PyDict>) -> PyResult<Self> {
        Ok(Self(Options::parse(options)?))
    }
}

/// The pauses between attempts unless the user says otherwise: they grow, and their jitter keeps a crowd apart.
const BACKOFF: Backoff = Backoff { first: 100_000_000, factor: 2.0, max: 10_000_000_000, jitter: true };

/// Returns what the scheduler needs for an operation: its own options, then those of the view; and limits of an outer runtime.
pub(crate) fn spec_of(runtime: &PyRuntime, own: &Options) -> PyResult<(Spec, Vec<String>)> {
    let mut outer = Vec::new();
    let mut spec = own.spec(&runtime.options, Place::Native, &runtime.inner.runtime, &mut outer)?;
    if spec.retry.times > 0 && !own.has_backoff() && !runtime.options.has_backoff() {
        spec.retry.backoff = BACKOFF;
    }
    Ok((spec, outer))
}

/// Hands the operation that `make` returns, told how often it may run again, to the runtime.
pub(crate) fn submit(
    runtime: &Bound<'_, PyRuntime>,
    name: &str,
    own: &Options,
    make: impl FnOnce(u32) -> Arc<dyn Operation<Interp>>,
) -> PyResult<Task> {
    let py = runtime.py();
    let this = runtime.get();
    let inner = &this.inner;
    let (spec, outer) = spec_of(this, own)?;
    let _loans = Loan::all(py, &outer)?;
    let operation = make(spec.retry.times);
    let number = inner.runtime.next_number();
    let cell = inner.runtime.submit_native(number, spec, operation).map_err(|error| error::to_python(&error))?;
    let owner = runtime.clone().unbind().into_any();
    let given = own.name.as_ref().or(this.options.name.as_ref());
    let name = given.map_or_else(|| PyString::intern(py, name).unbind(), |name| name.clone_ref(py));
    Ok(Task::new(cell, inner.runtime.clone(), owner, name, Place::Native))
}
