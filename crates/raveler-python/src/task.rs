//! Tasks as Python sees them: one object, told of by blocking, callback, promise or await.

use std::sync::Arc;

use pyo3::exceptions::{PyRuntimeError, PyTimeoutError};
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString, PyType};
use raveler::outcome::{Death, Outcome};
use raveler::{Cancelling, Runtime};
use raveler_events::clock;
use raveler_procs::token::Reader;
use raveler_shm::Arena;
use raveler_task::Place;

use crate::decode::{Access, Decoder};
use crate::error;
use crate::failure::{describe_death, read_error, timed_out};
use crate::host::{Interp, TaskCell, Waiter, ring, tell};
use crate::hub::Hub;
use crate::modules;
use crate::native::{Fault, Reply};
use crate::options::nanos;
use crate::pending::{self, Parking};

/// A piece of work that was submitted.
#[pyclass(frozen, weakref, generic, module = "raveler")]
pub(crate) struct Task {
    pub(crate) cell: TaskCell,
    pub(crate) runtime: Option<Runtime<Interp>>,
    owner: Option<Py<PyAny>>,
    name: Py<PyString>,
    place: Place,
    on_cancel: Option<Py<PyAny>>,
}

impl Task {
    pub(crate) fn new(
        cell: TaskCell,
        runtime: Runtime<Interp>,
        owner: Py<PyAny>,
        name: Py<PyString>,
        place: Place,
    ) -> Self {
        Self { cell, runtime: Some(runtime), owner: Some(owner), name, place, on_cancel: None }
    }

    /// A task without a runtime: somebody settles it by hand.
    pub(crate) fn pending(
        cell: TaskCell,
        name: Py<PyString>,
        on_cancel: Option<Py<PyAny>>,
        owner: Option<Py<PyAny>>,
    ) -> Self {
        Self { cell, runtime: None, owner, name, place: Place::Native, on_cancel }
    }

    /// Waits; false if the time was over before the task was.
    fn wait(&self, py: Python<'_>, timeout: Option<f64>) -> PyResult<bool> {
        if self.cell.is_settled() {
            return Ok(true);
        }
        if let Some(runtime) = &self.runtime
            && self.place == Place::Loop
            && runtime.host().loop_thread(py) == Some(pending::thread_ident(py)?)
        {
            let message = format!(
                "task {} runs on the event loop of this thread, which would wait for itself: await it",
                self.name.bind(py)
            );
            return Err(PyRuntimeError::new_err(message));
        }
        let deadline = timeout.map(|seconds| clock::nanos().saturating_add(nanos(seconds.max(0.0))));
        let mut interrupted = error::heed_signals;
        match &self.runtime {
            Some(runtime) => {
                py.detach(|| runtime.wait(self.cell.settled(), Some(&self.cell), deadline, &mut interrupted))
            }
            None => py.detach(|| Parking::global().wait(self.cell.settled(), deadline, &mut interrupted)),
        }
    }

    fn wait_or_say_so(&self, py: Python<'_>, timeout: Option<f64>) -> PyResult<()> {
        if self.wait(py, timeout)? {
            return Ok(());
        }
        let seconds = timeout.unwrap_or_default();
        Err(PyTimeoutError::new_err(format!(
            "task {} has not ended within {seconds} s; it goes on, and can be waited for again",
            self.name.bind(py)
        )))
    }

    /// Tells the waiter when the task has ended; at once if it has.
    pub(crate) fn subscribe(&self, py: Python<'_>, waiter: Waiter) {
        let back = match &self.runtime {
            Some(runtime) => runtime.subscribe(&self.cell, waiter),
            None => self.cell.subscribe(waiter),
        };
        if let Some(waiter) = back {
            let mut rung = Vec::new();
            tell(py, waiter, &mut rung);
            ring(py, &rung);
        }
    }

    fn arena(&self) -> Option<&Arena> {
        self.runtime.as_ref().map(Runtime::arena)
    }

    fn is_cancelled(&self) -> bool {
        is_cancelled(&self.cell)
    }
}

#[pymethods]
impl Task {
    /// Returns the value; raises the task's error.
    #[pyo3(signature = (timeout=None))]
    fn result<'py>(&self, py: Python<'py>, timeout: Option<f64>) -> PyResult<Bound<'py, PyAny>> {
        self.wait_or_say_so(py, timeout)?;
        outcome_of(py, &self.cell, self.arena(), &self.name)
    }

    /// Returns the task's error, or None if it ended with a value.
    #[pyo3(signature = (timeout=None))]
    fn exception<'py>(&self, py: Python<'py>, timeout: Option<f64>) -> PyResult<Option<Bound<'py, PyAny>>> {
        self.wait_or_say_so(py, timeout)?;
        if self.cell.outcome(|outcome| outcome.is_value()) == Some(true) {
            return Ok(None);
        }
        match outcome_of(py, &self.cell, self.arena(), &self.name) {
            Ok(_) => Ok(None),
            Err(error) if self.is_cancelled() => Err(error),
            Err(error) => Ok(Some(error.value(py).clone().into_any())),
        }
    }

    /// Tells whether the task has ended.
    fn done(&self) -> bool {
        if !self.cell.is_settled()
            && let Some(runtime) = &self.runtime
        {
            runtime.poll();
        }
        self.cell.is_settled()
    }

    /// Tells whether the task has begun and not ended.
    fn running(&self) -> bool {
        self.runtime.as_ref().is_some_and(|runtime| runtime.is_running(&self.cell))
    }

    /// Stops the work; tells whether there was any left to stop.
    fn cancel(&self, py: Python<'_>) -> PyResult<bool> {
        if let Some(runtime) = &self.runtime {
            return Ok(py.detach(|| runtime.cancel(&self.cell, false)) != Cancelling::Gone);
        }
        let is_first = pending::settle(py, &self.cell, Outcome::Cancelled);
        if is_first && let Some(on_cancel) = &self.on_cancel {
            on_cancel.call0(py)?;
        }
        Ok(is_first)
    }

    /// Cancels the task only if no attempt has begun.
    fn _cancel_pending(&self, py: Python<'_>) -> bool {
        let Some(runtime) = &self.runtime else {
            return false;
        };
        py.detach(|| runtime.cancel(&self.cell, true)) == Cancelling::Done
    }

    /// Tells whether the task ended by being cancelled.
    fn cancelled(&self) -> bool {
        self.done() && self.is_cancelled()
    }

    /// Calls `function` with this task when it has ended; at once if it has.
    fn add_done_callback(slf: &Bound<'_, Self>, function: Py<PyAny>) {
        let waiter = Waiter::Callback(function, slf.clone().unbind().into_any());
        slf.get().subscribe(slf.py(), waiter);
    }

    /// Gives `token` to `hub` when the task has ended.
    fn _subscribe(&self, py: Python<'_>, hub: &Bound<'_, Hub>, token: Py<PyAny>) {
        self.subscribe(py, Waiter::Hub(hub.get().bell(), token));
    }

    /// Returns a task of what `function` makes of the value.
    #[pyo3(signature = (function, **options))]
    fn then<'py>(
        slf: &Bound<'py, Self>,
        function: &Bound<'py, PyAny>,
        options: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        modules::promise(modules::then(slf.py())?, slf, function, options)
    }

    /// Returns a task of the value, or of what `function` makes of the error.
    #[pyo3(signature = (function, **options))]
    fn catch<'py>(
        slf: &Bound<'py, Self>,
        function: &Bound<'py, PyAny>,
        options: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        modules::promise(modules::catch(slf.py())?, slf, function, options)
    }

    /// Returns a task that ends as this one does, after `function` has run.
    #[pyo3(signature = (function, **options))]
    fn finally_<'py>(
        slf: &Bound<'py, Self>,
        function: &Bound<'py, PyAny>,
        options: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        modules::promise(modules::finally(slf.py())?, slf, function, options)
    }

    fn __await__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        modules::hub_wait(slf.py())?.call1((slf,))
    }

    #[getter]
    fn name(&self, py: Python<'_>) -> Py<PyString> {
        self.name.clone_ref(py)
    }

    #[getter]
    fn id(&self) -> u64 {
        self.cell.number()
    }

    #[getter]
    fn _runtime(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        self.owner.as_ref().map(|owner| owner.clone_ref(py))
    }

    fn __repr__(&self, py: Python<'_>) -> String {
        let state = if !self.cell.is_settled() {
            "open"
        } else if self.is_cancelled() {
            "cancelled"
        } else if self.cell.outcome(|outcome| outcome.is_value()) == Some(true) {
            "done"
        } else {
            "failed"
        };
        format!("<raveler.Task {} #{} {state}>", self.name.bind(py), self.cell.number())
    }

    /// Shows the collector the value or the error, whose traceback may lead back to the task.
    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        if Arc::strong_count(&self.cell) > 1 {
            // Somebody else keeps what the cell holds.
            return Ok(());
        }
        let visited = self.cell.try_outcome(|outcome| match outcome {
            Outcome::Value(value) | Outcome::Both(_, value) | Outcome::Raised(value) => visit.call(&*value),
            _ => Ok(()),
        });
        visited.unwrap_or(Ok(()))
    }

    fn __clear__(&self) {
        self.cell.try_outcome(|outcome| std::mem::replace(outcome, Outcome::Cancelled));
    }

    fn __reduce__(slf: &Bound<'_, Self>) -> PyResult<Py<PyType>> {
        let _ = slf;
        let message = "a Task can be passed to a task as an argument of its own, not inside another object";
        Err(pyo3::exceptions::PyTypeError::new_err(message))
    }
}

fn is_cancelled(cell: &TaskCell) -> bool {
    let parent = cell.outcome(|outcome| match outcome {
        Outcome::Cancelled => Some(None),
        Outcome::Like(parent) => Some(Some(Arc::clone(parent))),
        _ => None,
    });
    match parent.flatten() {
        Some(None) => true,
        Some(Some(parent)) => is_cancelled(&parent),
        None => false,
    }
}

/// Returns the value of a task that has ended with one.
pub(crate) fn value_of<'py>(py: Python<'py>, cell: &TaskCell, arena: &Arena) -> PyResult<Bound<'py, PyAny>> {
    outcome_of(py, cell, Some(arena), intern!(py, "task").as_unbound())
}

/// What was found in a cell.
enum Found {
    Value(Py<PyAny>),
    Wire(raveler::outcome::Payload, bool),
    Failed(Vec<u8>),
    Raised(Py<PyAny>),
    Died(Arc<Death>),
    TimedOut(u64),
    Cancelled,
    Like(TaskCell),
    Refused(Arc<raveler::RuntimeError>),
    Reading,
    Reply(Box<dyn Reply>),
    Fault(Arc<dyn Fault>),
}

/// Returns the value of a task that has ended, or raises its error; keeps what was read.
pub(crate) fn outcome_of<'py>(
    py: Python<'py>,
    cell: &TaskCell,
    arena: Option<&Arena>,
    name: &Py<PyString>,
) -> PyResult<Bound<'py, PyAny>> {
    let wants_wire = cell.wants_wire();
    let found = cell.outcome(|outcome| match outcome {
        Outcome::Value(value) | Outcome::Both(_, value) => Found::Value(value.clone_ref(py)),
        Outcome::Wire(payload) if wants_wire => Found::Wire(payload.clone(), true),
        Outcome::Wire(payload) => {
            let payload = std::mem::take(payload);
            *outcome = Outcome::Reading;
            Found::Wire(payload, false)
        }
        Outcome::Reply(_) => match std::mem::replace(outcome, Outcome::Reading) {
            Outcome::Reply(reply) => Found::Reply(reply),
            _ => Found::Reading,
        },
        Outcome::Fault(fault) => Found::Fault(Arc::clone(fault)),
        Outcome::Reading => Found::Reading,
        Outcome::Failed(payload) => Found::Failed(payload.as_slice().to_vec()),
        Outcome::Raised(error) => Found::Raised(error.clone_ref(py)),
        Outcome::Died(death) => Found::Died(Arc::clone(death)),
        Outcome::TimedOut(after) => Found::TimedOut(*after),
        Outcome::Cancelled => Found::Cancelled,
        Outcome::Like(parent) => Found::Like(Arc::clone(parent)),
        Outcome::Refused(error) => Found::Refused(Arc::clone(error)),
    });
    let error = match found {
        None => return Err(PyRuntimeError::new_err("the task has not ended")),
        Some(Found::Value(value)) => return Ok(value.into_bound(py)),
        Some(Found::Wire(payload, is_needed)) => return read(py, cell, arena, payload, is_needed),
        Some(Found::Reply(reply)) => return read_reply(py, cell, reply),
        Some(Found::Reading) => {
            py.detach(std::thread::yield_now);
            return outcome_of(py, cell, arena, name);
        }
        Some(Found::Like(parent)) => return outcome_of(py, &parent, arena, name),
        Some(Found::Raised(error)) => return Err(PyErr::from_value(error.into_bound(py))),
        Some(Found::Fault(fault)) => fault.to_python(py).into_value(py).into_bound(py).into_any(),
        Some(Found::Failed(bytes)) => read_error(py, &bytes)?,
        Some(Found::Died(death)) => describe_death(py, &death, arena, Some(name.bind(py)))?,
        Some(Found::TimedOut(after)) => timed_out(py, after, name.bind(py)),
        Some(Found::Cancelled) => return Err(error::cancelled(name.bind(py))),
        Some(Found::Refused(error)) => return Err(error::to_python(&error)),
    };
    let kept = error.clone().unbind();
    cell.outcome(|outcome| *outcome = Outcome::Raised(kept));
    Err(PyErr::from_value(error))
}

fn read_reply<'py>(py: Python<'py>, cell: &TaskCell, reply: Box<dyn Reply>) -> PyResult<Bound<'py, PyAny>> {
    let value = reply.into_python(py);
    let kept = match &value {
        Ok(value) => Outcome::Value(value.clone().unbind()),
        Err(error) => Outcome::Raised(error.value(py).clone().unbind().into_any()),
    };
    cell.outcome(|outcome| *outcome = kept);
    value
}

fn read<'py>(
    py: Python<'py>,
    cell: &TaskCell,
    arena: Option<&Arena>,
    mut payload: raveler::outcome::Payload,
    is_needed: bool,
) -> PyResult<Bound<'py, PyAny>> {
    let Some(arena) = arena else {
        return Err(PyRuntimeError::new_err("the task has no runtime"));
    };
    let held = if is_needed { payload.blocks().iter().cloned().collect() } else { payload.take_blocks() };
    // While tasks in other processes read the buffers, this process gets pages of its own.
    let access = if is_needed { Access::Private } else { Access::Own };
    let mut reader = Reader::new(payload.as_slice());
    let token = reader.token().map_err(|error| error::of_wire(&error));
    let decoder = Decoder::with_own(arena, access, held);
    let value = token.and_then(|token| decoder.token(py, token, &mut reader));
    match &value {
        Ok(value) => {
            let value = value.clone().unbind();
            cell.outcome(|outcome| {
                *outcome = if is_needed { Outcome::Both(payload, value) } else { Outcome::Value(value) };
            });
        }
        Err(error) => {
            let error = error.value(py).clone().unbind().into_any();
            cell.outcome(|outcome| *outcome = Outcome::Raised(error));
        }
    }
    value
}

/// Tells whether an object is a task.
pub(crate) fn as_task<'a, 'py>(value: &'a Bound<'py, PyAny>) -> Option<&'a Bound<'py, Task>> {
    value.cast_exact::<Task>().ok()
}
