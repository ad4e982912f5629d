//! Calls that run in this process, on a thread or an event loop.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use pyo3::exceptions::PyException;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList, PyString, PyTuple};
use raveler::Runtime;
use raveler::outcome::{Outcome, Payload};
use raveler_shm::Arena;
use raveler_task::{Place, Seed, Start, TaskId};

use crate::encode::Encoder;
use crate::host::{Interp, TaskCell};
use crate::task;

/// Where an argument belongs that is another task's value.
pub(crate) enum Hole {
    /// Among the positional arguments.
    Position(usize),
    /// Among the keywords.
    Keyword(Py<PyString>),
}

/// A call and everything that its attempts have in common.
pub(crate) struct Job {
    pub(crate) runtime: Runtime<Interp>,
    pub(crate) place: Place,
    pub(crate) function: Py<PyAny>,
    pub(crate) args: Py<PyTuple>,
    pub(crate) kwargs: Option<Py<PyDict>>,
    pub(crate) holes: Vec<(Hole, TaskCell)>,
    pub(crate) name: Py<PyString>,
    pub(crate) seed: Seed,
    pub(crate) context: Py<PyAny>,
    pub(crate) retry_on: Option<Py<PyAny>>,
    pub(crate) attempt: Mutex<Option<(TaskId, u32)>>,
    pub(crate) running: Mutex<Option<Py<Call>>>,
}

impl Job {
    pub(crate) fn set_attempt(&self, task: TaskId, attempt: u32) {
        *self.attempt.lock().unwrap_or_else(PoisonError::into_inner) = Some((task, attempt));
    }

    pub(crate) fn take_running(&self) -> Option<Py<Call>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn current(&self) -> Option<(TaskId, u32)> {
        *self.attempt.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends the current attempt with an error of the machinery.
    pub(crate) fn fail(&self, py: Python<'_>, error: &PyErr) {
        if let Some((task, attempt)) = self.current() {
            let outcome = Outcome::Raised(error.value(py).clone().unbind().into_any());
            self.runtime.call_ends(task, attempt, outcome, false);
        }
    }

    /// Returns the arguments with the values of other tasks in their places.
    fn resolved<'py>(&self, py: Python<'py>) -> PyResult<(Bound<'py, PyTuple>, Bound<'py, PyDict>)> {
        let kwargs = match &self.kwargs {
            Some(kwargs) => kwargs.bind(py).copy()?,
            None => PyDict::new(py),
        };
        if self.holes.is_empty() {
            return Ok((self.args.bind(py).clone(), kwargs));
        }
        let args = PyList::new(py, self.args.bind(py).iter_borrowed())?;
        for (hole, cell) in &self.holes {
            let value = task::value_of(py, cell, self.runtime.arena())?;
            match hole {
                Hole::Position(index) => args.set_item(*index, value)?,
                Hole::Keyword(name) => kwargs.set_item(name, value)?,
            }
        }
        Ok((args.to_tuple(), kwargs))
    }
}

/// One attempt of a call.
#[pyclass(frozen, module = "raveler._raveler")]
pub(crate) struct Call {
    job: Arc<Job>,
    task: TaskId,
    number: u32,
    args: Py<PyTuple>,
    kwargs: Py<PyDict>,
    has_ended: OnceLock<()>,
}

impl Call {
    /// Makes the attempt that the scheduler has started.
    pub(crate) fn start<'py>(py: Python<'py>, job: &Arc<Job>) -> PyResult<Option<Bound<'py, Self>>> {
        let Some((task, number)) = job.current() else {
            return Ok(None);
        };
        let (args, kwargs) = job.resolved(py)?;
        let call = Self {
            job: Arc::clone(job),
            task,
            number,
            args: args.unbind(),
            kwargs: kwargs.unbind(),
            has_ended: OnceLock::new(),
        };
        let call = Bound::new(py, call)?;
        *job.running.lock().unwrap_or_else(PoisonError::into_inner) = Some(call.clone().unbind());
        Ok(Some(call))
    }

    fn end(&self, py: Python<'_>, outcome: Outcome<Interp>, retryable: bool) {
        if self.has_ended.set(()).is_err() {
            return;
        }
        {
            let mut running = self.job.running.lock().unwrap_or_else(PoisonError::into_inner);
            if running.as_ref().is_some_and(|call| std::ptr::eq(call.get(), self)) {
                *running = None;
            }
        }
        end(py, &self.job.runtime, Start { task: self.task, attempt: self.number }, outcome, retryable);
    }
}

/// Ends an attempt; the value is encoded if tasks in other processes need it.
pub(crate) fn end(py: Python<'_>, runtime: &Runtime<Interp>, start: Start, outcome: Outcome<Interp>, retryable: bool) {
    let Some(outcome) = runtime.call_ends(start.task, start.attempt, outcome, retryable) else {
        return;
    };
    let Outcome::Value(value) = outcome else {
        return;
    };
    let outcome = both(value.into_bound(py), runtime.arena(), runtime.config().is_serial)
        .unwrap_or_else(|error| Outcome::Raised(error.into_value(py).into_any()));
    runtime.call_ends(start.task, start.attempt, outcome, false);
}

/// Returns a value in both forms.
pub(crate) fn both(value: Bound<'_, PyAny>, arena: &Arena, is_serial: bool) -> PyResult<Outcome<Interp>> {
    let mut encoder = Encoder::new(arena, is_serial);
    encoder.value(&value, "result")?;
    Ok(Outcome::Both(Payload::new(&encoder.out, encoder.blocks), value.unbind()))
}

#[pymethods]
impl Call {
    #[getter]
    fn r#fn(&self, py: Python<'_>) -> Py<PyAny> {
        self.job.function.clone_ref(py)
    }

    #[getter]
    fn args(&self, py: Python<'_>) -> Py<PyTuple> {
        self.args.clone_ref(py)
    }

    #[getter]
    fn kwargs(&self, py: Python<'_>) -> Py<PyDict> {
        self.kwargs.clone_ref(py)
    }

    #[getter]
    fn name(&self, py: Python<'_>) -> Py<PyString> {
        self.job.name.clone_ref(py)
    }

    #[getter]
    fn seed<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.job.seed.to_u128().to_le_bytes())
    }

    #[getter]
    fn context(&self, py: Python<'_>) -> Py<PyAny> {
        self.job.context.clone_ref(py)
    }

    /// Notes that execution starts; false if the call was cancelled before.
    fn begin(&self) -> bool {
        self.job.runtime.call_begins(self.task, self.number)
    }

    /// Ends the call with a value.
    fn value(&self, py: Python<'_>, value: Py<PyAny>) {
        self.end(py, Outcome::Value(value), false);
    }

    /// Ends the call with an error.
    fn error(&self, py: Python<'_>, error: Bound<'_, PyAny>) {
        let may_retry = match &self.job.retry_on {
            Some(kinds) => error.is_instance(kinds.bind(py)).unwrap_or(false),
            None => error.is_instance_of::<PyException>(),
        };
        self.end(py, Outcome::Raised(error.unbind()), may_retry);
    }

    /// Ends the call as cancelled.
    fn cancelled(&self, py: Python<'_>) {
        self.end(py, Outcome::Cancelled, false);
    }
}
