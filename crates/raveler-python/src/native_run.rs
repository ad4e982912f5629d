//! Many operations of Rust over a source: pulled on the thread of the consumer, some at once, bounded in items and bytes.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};

use pyo3::exceptions::{PyRuntimeError, PyStopIteration};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyIterator, PyList, PyString};
use raveler::Runtime;
use raveler::map::{Content, MapOptions, Piece, Taken};
use raveler::mapping::MapHandle;
use raveler::native::Operation;
use raveler::outcome::Outcome;
use raveler_task::{ErrorPolicy, Place};

use crate::error::{self, TaskCancelled};
use crate::failure;
use crate::host::{Interp, Waiter, ring, tell};
use crate::hub::Hub;
use crate::loan::Loan;
use crate::native::spec_of;
use crate::options::{self, Options};
use crate::runtime::PyRuntime;

/// Makes the operation of an item; told how often it may run again.
type Make = dyn Fn(&Bound<'_, PyAny>, u32) -> PyResult<Arc<dyn Operation<Interp>>> + Send + Sync;

/// Makes operations of the items of a source.
#[pyclass(frozen, module = "raveler._raveler")]
pub(crate) struct Maker(pub(crate) Arc<Make>);

/// The results of many operations, in the making.
#[pyclass(frozen, weakref, subclass, generic, module = "raveler._raveler")]
pub(crate) struct NativeRun {
    runtime: Runtime<Interp>,
    handle: MapHandle,
    make: Arc<Make>,
    retries: u32,
    name: Py<PyString>,
    _loans: Vec<Loan>,
    state: Mutex<State>,
}

struct State {
    source: Option<Py<PyIterator>>,
    policy: ErrorPolicy,
    is_closed: bool,
    given: u64,
    skipped: u64,
}

/// What a look for the next result found.
enum Next<'py> {
    Item(Bound<'py, PyAny>),
    NotReady,
    End,
}

impl NativeRun {
    fn state(&self) -> PyResult<MutexGuard<'_, State>> {
        match self.state.try_lock() {
            Ok(state) => Ok(state),
            Err(TryLockError::Poisoned(poisoned)) => Ok(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => {
                Err(PyRuntimeError::new_err("the results are being read by another thread, or by their own source"))
            }
        }
    }

    /// Pulls the source as long as there is room.
    fn fill(&self, py: Python<'_>, state: &mut State) -> PyResult<()> {
        while let Some(source) = &state.source {
            let wanted = self.runtime.map_wants(&self.handle);
            if wanted == 0 {
                return Ok(());
            }
            let mut source = source.clone_ref(py).into_bound(py);
            let mut operations = Vec::with_capacity(wanted);
            let mut refused = None;
            let mut end = None;
            while operations.len() < wanted && refused.is_none() && end.is_none() {
                match source.next() {
                    None => end = Some(None),
                    Some(Err(error)) => end = Some(Some(error)),
                    Some(Ok(item)) => match (self.make)(&item, self.retries) {
                        Ok(operation) => operations.push(operation),
                        Err(error) => refused = Some(error),
                    },
                }
            }
            if !operations.is_empty() {
                self.runtime.map_push_native(&self.handle, operations).map_err(|error| error::to_python(&error))?;
            }
            if let Some(error) = refused {
                self.runtime.map_refuse(&self.handle, Outcome::Raised(error.into_value(py).into_any()));
            }
            if let Some(end) = end {
                state.source = None;
                let error = end.map(|error| Outcome::Raised(error.into_value(py).into_any()));
                self.runtime.map_exhaust(&self.handle, error);
            }
        }
        Ok(())
    }

    /// Returns the next result if it is there.
    fn next<'py>(&self, py: Python<'py>, state: &mut State) -> PyResult<Next<'py>> {
        while !state.is_closed {
            self.fill(py, state)?;
            let error = match self.runtime.map_take(&self.handle) {
                Taken::Piece(Piece { content: Content::Reply(reply), .. }) => match reply.into_python(py) {
                    Ok(value) => {
                        state.given += 1;
                        return Ok(Next::Item(value));
                    }
                    Err(error) => error,
                },
                Taken::Piece(Piece { content: Content::Failure(outcome), .. }) => self.failure(py, state, outcome),
                Taken::Piece(Piece { content: Content::Source(outcome), .. }) => {
                    let error = self.failure(py, state, outcome);
                    self.shut(state);
                    return Err(error);
                }
                Taken::Piece(Piece { content: Content::Items(..), .. }) => continue,
                Taken::Nothing => return Ok(Next::NotReady),
                Taken::End => break,
            };
            match state.policy {
                ErrorPolicy::Raise => {
                    self.shut(state);
                    return Err(error);
                }
                ErrorPolicy::Return => {
                    state.given += 1;
                    return Ok(Next::Item(error.into_value(py).into_bound(py).into_any()));
                }
                ErrorPolicy::Skip => state.skipped += 1,
            }
        }
        self.shut(state);
        Ok(Next::End)
    }

    fn failure(&self, py: Python<'_>, state: &mut State, outcome: Outcome<Interp>) -> PyErr {
        let name = self.name.bind(py);
        match outcome {
            Outcome::Fault(fault) => fault.to_python(py),
            Outcome::Raised(error) => PyErr::from_value(error.into_bound(py)),
            Outcome::TimedOut(after) => PyErr::from_value(failure::timed_out(py, after, name)),
            Outcome::Refused(error) => {
                state.policy = ErrorPolicy::Raise;
                error::to_python(&error)
            }
            _ => TaskCancelled::new_err(format!("task {name} was cancelled")),
        }
    }

    fn shut(&self, state: &mut State) {
        if !state.is_closed {
            state.is_closed = true;
            self.runtime.close_map(&self.handle);
        }
    }

    /// Waits until another look is worth it.
    fn wait(&self, py: Python<'_>) -> PyResult<()> {
        let mut interrupted = error::heed_signals;
        py.detach(|| self.runtime.wait(self.handle.ready(), None, None, &mut interrupted))?;
        Ok(())
    }
}

#[pymethods]
impl NativeRun {
    #[new]
    fn new(
        runtime: &Bound<'_, PyRuntime>,
        maker: &Bound<'_, Maker>,
        source: &Bound<'_, PyAny>,
        options: &Bound<'_, PyDict>,
    ) -> PyResult<Self> {
        let this = runtime.get();
        let inner = &this.inner;
        inner.runtime.check().map_err(|error| error::to_python(&error))?;
        let own = Options::parse(options)?;
        let (spec, outer) = spec_of(this, &own)?;
        let get = |name: &str| options.get_item(name);
        let policy = match get("errors")?.map(|value| value.extract::<String>()).transpose()?.as_deref() {
            Some("return") => ErrorPolicy::Return,
            Some("skip") => ErrorPolicy::Skip,
            _ => ErrorPolicy::Raise,
        };
        let concurrency = get("concurrency")?.map_or(Ok(16), |value| value.extract::<usize>())?;
        let window = get("window")?.and_then(|value| value.extract::<usize>().ok());
        let retries = spec.retry.times;
        let map = MapOptions {
            is_ordered: get("ordered")?.is_none_or(|value| value.is_truthy().unwrap_or(true)),
            on_error: policy,
            window,
            chunk: Some(1),
            spec,
            len: None,
            concurrency: Some(window.map_or(concurrency, |window| concurrency.min(window)).max(1)),
        };
        let name = own.name.as_ref().map_or_else(
            || PyString::new(runtime.py(), options::name_of(Place::Native)).unbind(),
            |name| name.clone_ref(runtime.py()),
        );
        let loans = Loan::all(runtime.py(), &outer)?;
        let handle = inner.runtime.open_map(map).map_err(|error| error::to_python(&error))?;
        let source = Some(source.try_iter()?.unbind());
        Ok(Self {
            runtime: inner.runtime.clone(),
            handle,
            make: Arc::clone(&maker.get().0),
            retries,
            name,
            _loans: loans,
            state: Mutex::new(State { source, policy, is_closed: false, given: 0, skipped: 0 }),
        })
    }

    fn __iter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    fn __next__<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        loop {
            let next = self.next(py, &mut *self.state()?)?;
            match next {
                Next::Item(item) => return Ok(Some(item)),
                Next::End => return Ok(None),
                Next::NotReady => self.wait(py)?,
            }
        }
    }

    /// Returns the next result, or `NOT_READY`; never waits for the devices.
    fn poll<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        match self.next(py, &mut *self.state()?)? {
            Next::Item(item) => Ok(item),
            Next::NotReady => crate::not_ready(py),
            Next::End => Err(PyStopIteration::new_err(())),
        }
    }

    /// Gives `token` to `hub` when another poll may succeed.
    fn _subscribe(&self, py: Python<'_>, hub: &Bound<'_, Hub>, token: Py<PyAny>) {
        if let Some(waiter) = self.runtime.map_subscribe(&self.handle, Waiter::Hub(hub.get().bell(), token)) {
            let mut rung = Vec::new();
            tell(py, waiter, &mut rung);
            ring(py, &rung);
        }
    }

    /// Returns all results that are left.
    fn collect<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let list = PyList::empty(py);
        while let Some(item) = self.__next__(py)? {
            list.append(item)?;
        }
        Ok(list)
    }

    /// Closes the source and cancels what is in flight.
    fn close(&self, py: Python<'_>) -> PyResult<()> {
        let source = {
            let mut state = self.state()?;
            self.shut(&mut state);
            state.source.take()
        };
        if let Some(source) = source
            && let Ok(close) = source.bind(py).getattr("close")
        {
            close.call0()?;
        }
        Ok(())
    }

    #[getter]
    fn closed(&self) -> PyResult<bool> {
        Ok(self.state()?.is_closed)
    }

    #[getter]
    fn skipped(&self) -> PyResult<u64> {
        Ok(self.state()?.skipped)
    }

    #[getter]
    fn done_items(&self) -> PyResult<u64> {
        Ok(self.state()?.given)
    }

    #[getter]
    fn in_flight(&self) -> usize {
        self.runtime.map_in_flight(&self.handle)
    }
}

impl Drop for NativeRun {
    fn drop(&mut self) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        self.shut(&mut state);
    }
}
