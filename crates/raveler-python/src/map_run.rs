//! A map that runs: pulls the source on the thread of its consumer, sends frames, gives results.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use pyo3::exceptions::{PyRuntimeError, PyStopIteration};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyString};
use raveler::map::{Content, MapOptions, Piece, Taken};
use raveler::mapping::MapHandle;
use raveler::outcome::Outcome;
use raveler_procs::token::{Reader, Token};
use raveler_task::ErrorPolicy;

use crate::decode::{Access, Decoder, load_error, simple};
use crate::encode::Seen;
use crate::error::{self, TaskCancelled};
use crate::failure;
use crate::host::{Interp, Waiter, ring, tell};
use crate::hub::Hub;
use crate::inner::Inner;
use crate::map_state::{Open, Pulled, State};
use crate::runtime::PyRuntime;

/// The results of a map, in the making.
#[pyclass(frozen, weakref, subclass, generic, module = "raveler._raveler")]
pub(crate) struct MapRun {
    inner: Arc<Inner>,
    handle: MapHandle,
    state: Mutex<State>,
}

/// What a look for the next result found.
enum Next<'py> {
    Item(Bound<'py, PyAny>),
    NotReady,
    End,
}

impl MapRun {
    /// Opens a map over `source` with options that were checked.
    pub(crate) fn open(
        runtime: &Bound<'_, PyRuntime>,
        function: &Bound<'_, PyAny>,
        source: &Bound<'_, PyAny>,
        options: &Bound<'_, PyDict>,
    ) -> PyResult<Self> {
        let py = runtime.py();
        let inner = Arc::clone(&runtime.get().inner);
        inner.runtime.check().map_err(|error| error::to_python(&error))?;
        let own = crate::options::Options::parse(options)?;
        let prepared = inner.prepare(py, function, &own)?;
        let Some(function) = prepared.published.clone() else {
            return Err(PyRuntimeError::new_err("only functions that run in processes are mapped here"));
        };
        let get = |name: &str| options.get_item(name);
        let policy = match get("errors")?.map(|value| value.extract::<String>()).transpose()?.as_deref() {
            Some("return") => ErrorPolicy::Return,
            Some("skip") => ErrorPolicy::Skip,
            _ => ErrorPolicy::Raise,
        };
        let is_alone =
            prepared.spec.retry.times > 0 || prepared.spec.timeout.is_some() || !prepared.spec.limits.is_empty();
        let chunk = get("chunk")?.and_then(|value| value.extract::<usize>().ok());
        let is_serial = inner.runtime.config().is_serial;
        let map = MapOptions {
            is_ordered: get("ordered")?.is_none_or(|value| value.is_truthy().unwrap_or(true)),
            on_error: policy,
            // The serial engine works on one item at a time.
            window: if is_serial { Some(1) } else { get("window")?.and_then(|value| value.extract().ok()) },
            chunk: if is_alone || is_serial { Some(1) } else { chunk },
            spec: prepared.spec.clone(),
            concurrency: None,
            len: source.call_method0("__length_hint__").and_then(|len| len.extract()).ok(),
        };
        // No code of the user's runs between two items of these, so a buffer that comes again is the same.
        let kind = source.get_type().name()?;
        let is_fixed = ["list_iterator", "tuple_iterator", "repeat"].contains(&kind.to_str()?);
        let seed = inner.seed(py, own.key.as_ref())?;
        let handle = inner.runtime.open_map(map).map_err(|error| error::to_python(&error))?;
        let state = State {
            source: Some(source.try_iter()?.unbind()),
            function,
            prepared,
            policy,
            is_star: get("star")?.is_some_and(|value| value.is_truthy().unwrap_or(false)),
            seed,
            scratch: Vec::new(),
            seen: is_fixed.then(Seen::default),
            open: None,
            is_closed: false,
            given: 0,
            skipped: 0,
        };
        Ok(Self { inner, handle, state: Mutex::new(state) })
    }

    fn state(&self) -> PyResult<MutexGuard<'_, State>> {
        match self.state.try_lock() {
            Ok(state) => Ok(state),
            Err(std::sync::TryLockError::Poisoned(poisoned)) => Ok(poisoned.into_inner()),
            Err(std::sync::TryLockError::WouldBlock) => {
                Err(PyRuntimeError::new_err("the results are being read by another thread, or by their own source"))
            }
        }
    }

    /// Pulls the source as long as there is room.
    fn fill(&self, py: Python<'_>, state: &mut State) -> PyResult<()> {
        let runtime = &self.inner.runtime;
        while let Some(source) = &state.source {
            let wanted = runtime.map_wants(&self.handle);
            if wanted == 0 {
                return Ok(());
            }
            runtime.ensure_processes().map_err(|error| error::to_python(&error))?;
            let source = source.clone_ref(py).into_bound(py);
            let first = runtime.map_position(&self.handle);
            let pulled = state.pull(&self.inner.runtime, &self.handle, source, wanted, first);
            let Pulled { items, refused, end } = pulled?;
            if let Some(error) = refused {
                let error = Outcome::Raised(error.into_value(py).into_any());
                runtime.map_refuse(&self.handle, error);
                continue;
            }
            if let Some(end) = end {
                state.source = None;
                let error = end.err().map(|error| Outcome::Raised(error.into_value(py).into_any()));
                runtime.map_exhaust(&self.handle, error);
            }
            if items == 0 {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Returns the next result if it is there.
    fn next<'py>(&self, py: Python<'py>, state: &mut State) -> PyResult<Next<'py>> {
        loop {
            while state.open.as_ref().is_some_and(|open| open.left > 0) {
                if let Some(item) = self.read(py, state)? {
                    return Ok(Next::Item(item));
                }
            }
            state.open = None;
            if state.is_closed {
                return Ok(Next::End);
            }
            self.fill(py, state)?;
            match self.inner.runtime.map_take(&self.handle) {
                Taken::Piece(Piece { content: Content::Items(payload, items), .. }) => {
                    state.open = Some(Open { payload, at: 0, left: items });
                }
                Taken::Piece(Piece { content: Content::Reply(reply), .. }) => {
                    state.given += 1;
                    return Ok(Next::Item(reply.into_python(py)?));
                }
                Taken::Piece(Piece { content: Content::Failure(outcome), .. }) => {
                    let error = self.failure(py, state, outcome)?;
                    if let Some(item) = self.deal(py, state, error)? {
                        return Ok(Next::Item(item));
                    }
                }
                Taken::Piece(Piece { content: Content::Source(outcome), .. }) => {
                    let error = self.failure(py, state, outcome)?;
                    self.shut(state);
                    return Err(PyErr::from_value(error));
                }
                Taken::Nothing => return Ok(Next::NotReady),
                Taken::End => {
                    self.shut(state);
                    return Ok(Next::End);
                }
            }
        }
    }

    /// Reads one result of the open piece; none if it is an error that is skipped.
    #[inline]
    fn read<'py>(&self, py: Python<'py>, state: &mut State) -> PyResult<Option<Bound<'py, PyAny>>> {
        let Some(open) = &mut state.open else {
            return Ok(None);
        };
        let bytes = open.payload.as_slice();
        let mut reader = Reader::new(&bytes[open.at..]);
        let token = reader.token().map_err(|error| error::of_wire(&error))?;
        if let Some(value) = simple(py, &token)? {
            open.at = bytes.len() - reader.rest().len();
            open.left -= 1;
            state.given += 1;
            return Ok(Some(value));
        }
        let decoder = Decoder::new(self.inner.runtime.arena(), Access::Own);
        let read = match token {
            Token::Error(content) => Err(load_error(py, content)?),
            Token::Pickle { .. } => {
                // Its blocks go to the value alone, so that nobody else holds them.
                let mut spans = Vec::new();
                let len = raveler_procs::token::skip(&bytes[open.at..], &mut |span| spans.push(span.block))
                    .map_err(|error| error::of_wire(&error))?;
                let own = open.payload.take_named(&spans);
                let bytes = open.payload.as_slice();
                let mut reader = Reader::new(&bytes[open.at..]);
                let decoder = Decoder::with_own(self.inner.runtime.arena(), Access::Own, own);
                let value = decoder.value(py, &mut reader)?;
                open.at += len;
                open.left -= 1;
                state.given += 1;
                return Ok(Some(value));
            }
            token => Ok(decoder.token(py, token, &mut reader)?),
        };
        open.at = bytes.len() - reader.rest().len();
        open.left -= 1;
        match read {
            Ok(value) => {
                state.given += 1;
                Ok(Some(value))
            }
            Err(error) => self.deal(py, state, error),
        }
    }

    /// Raises, returns or skips an error.
    fn deal<'py>(
        &self,
        _py: Python<'py>,
        state: &mut State,
        error: Bound<'py, PyAny>,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        match state.policy {
            ErrorPolicy::Raise => {
                self.shut(state);
                Err(PyErr::from_value(error))
            }
            ErrorPolicy::Return => {
                state.given += 1;
                Ok(Some(error))
            }
            ErrorPolicy::Skip => {
                state.skipped += 1;
                Ok(None)
            }
        }
    }

    fn failure<'py>(
        &self,
        py: Python<'py>,
        state: &mut State,
        outcome: Outcome<Interp>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let name = state.prepared.name.bind(py);
        let arena = self.inner.runtime.arena();
        Ok(match outcome {
            Outcome::Died(death) => failure::describe_death(py, &death, Some(arena), Some(name))?,
            Outcome::TimedOut(after) => failure::timed_out(py, after, name),
            Outcome::Raised(error) => error.into_bound(py),
            Outcome::Fault(fault) => fault.to_python(py).into_value(py).into_bound(py).into_any(),
            Outcome::Refused(error) => {
                state.policy = ErrorPolicy::Raise;
                error::to_python(&error).into_value(py).into_bound(py).into_any()
            }
            _ => TaskCancelled::new_err(format!("task {name} was cancelled")).into_value(py).into_bound(py).into_any(),
        })
    }

    fn shut(&self, state: &mut State) {
        if !state.is_closed {
            state.is_closed = true;
            state.open = None;
            self.inner.runtime.close_map(&self.handle);
        }
    }

    /// Waits until another look is worth it.
    fn wait(&self, py: Python<'_>) -> PyResult<()> {
        let runtime = &self.inner.runtime;
        let mut interrupted = error::heed_signals;
        py.detach(|| runtime.wait(self.handle.ready(), None, None, &mut interrupted)).map(|_| ())
    }
}

#[pymethods]
impl MapRun {
    #[new]
    fn new(
        runtime: &Bound<'_, PyRuntime>,
        function: &Bound<'_, PyAny>,
        source: &Bound<'_, PyAny>,
        options: &Bound<'_, PyDict>,
    ) -> PyResult<Self> {
        Self::open(runtime, function, source, options)
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

    /// Returns the next result, or `NOT_READY`; never waits for workers.
    fn poll<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        match self.next(py, &mut *self.state()?)? {
            Next::Item(item) => Ok(item),
            Next::NotReady => crate::not_ready(py),
            Next::End => Err(PyStopIteration::new_err(())),
        }
    }

    /// Gives `token` to `hub` when another poll may succeed.
    fn _subscribe(&self, py: Python<'_>, hub: &Bound<'_, Hub>, token: Py<PyAny>) {
        if let Some(waiter) = self.inner.runtime.map_subscribe(&self.handle, Waiter::Hub(hub.get().bell(), token)) {
            let mut rung = Vec::new();
            tell(py, waiter, &mut rung);
            ring(py, &rung);
        }
    }

    /// Returns all results that are left.
    fn collect<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let list = PyList::empty(py);
        loop {
            let mut state = self.state()?;
            let next = loop {
                state.read_simple(py, &list)?;
                match self.next(py, &mut state)? {
                    Next::Item(item) => list.append(item)?,
                    next => break next,
                }
            };
            drop(state);
            if let Next::End = next {
                return Ok(list);
            }
            self.wait(py)?;
        }
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
        self.inner.runtime.map_in_flight(&self.handle)
    }

    #[getter]
    fn name(&self, py: Python<'_>) -> PyResult<Py<PyString>> {
        Ok(self.state()?.prepared.name.clone_ref(py))
    }
}

impl Drop for MapRun {
    fn drop(&mut self) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        self.shut(&mut state);
    }
}
