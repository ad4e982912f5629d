//! Operations of Rust as tasks of Python: what each face submits, and how a reply becomes an object.
//!
//! A face makes an `Arc<dyn Operation<Interp>>` and calls [`submit`]. The operation runs on the I/O runtime without the
//! interpreter; its reply is turned into an object by the thread that first asks for it.

use std::sync::Arc;
use std::time::Duration;

use pyo3::prelude::*;
use pyo3::types::PyString;
use raveler::native::{Ended, Operation, Running};
use raveler_task::Place;

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
    fn into_python<'py>(self: Box<Self>, py: Python<'py>) -> PyResult<Bound<'py, PyAny>>;
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

/// An operation that is an `async` closure, called anew for each attempt.
pub(crate) struct Native<F>(pub(crate) F);

impl<F, T> Operation<Interp> for Native<F>
where
    F: Fn() -> T + Send + Sync,
    T: Future<Output = Made> + Send + 'static,
{
    fn start(&self) -> Running<Interp> {
        let made = (self.0)();
        Box::pin(async move {
            match made.await {
                Made::Value(reply) => Ended::Reply(reply),
                Made::Error(fault, again) => Ended::Fault { fault, again },
            }
        })
    }
}

/// Returns an operation of an `async` closure.
pub(crate) fn operation<F, T>(start: F) -> Arc<dyn Operation<Interp>>
where
    F: Fn() -> T + Send + Sync + 'static,
    T: Future<Output = Made> + Send + 'static,
{
    Arc::new(Native(start))
}

/// Hands an operation to the runtime, with the options of its view over those that are `own`.
pub(crate) fn submit(
    runtime: &Bound<'_, PyRuntime>,
    name: &Bound<'_, PyString>,
    own: &Options,
    operation: Arc<dyn Operation<Interp>>,
) -> PyResult<Task> {
    let this = runtime.get();
    let inner = &this.inner;
    let mut outer = Vec::new();
    let spec = this.options.spec(own, Place::Native, &inner.runtime, &mut outer)?;
    let _loans = Loan::all(runtime.py(), &outer)?;
    let number = inner.runtime.next_number();
    let cell = inner.runtime.submit_native(number, spec, operation).map_err(|error| error::to_python(&error))?;
    let owner = runtime.clone().unbind().into_any();
    let name = this.options.name.as_ref().map_or_else(|| name.clone().unbind(), |name| name.clone_ref(runtime.py()));
    Ok(Task::new(cell, inner.runtime.clone(), owner, name, Place::Native))
}
