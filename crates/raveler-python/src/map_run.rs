//! A map over worker processes that runs: pulls the source on the thread of its consumer, sends frames, gives results.

use std::sync::{Arc, Mutex, PoisonError};

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};
use raveler::map::{Content, Gauge, MapOptions, Piece, Taken};
use raveler::mapping::MapHandle;
use raveler::outcome::Outcome;
use raveler_procs::token::{Reader, Token};
use raveler_task::{ErrorPolicy, Mark};

use crate::decode::{Access, Decoder, load_error, simple};
use crate::encode::Seen;
use crate::error;
use crate::failure;
use crate::host::{Interp, Waiter};
use crate::inner::Inner;
use crate::ledger::{Ledger, is_ordered};
use crate::map_state::{Open, Pulled, State};
use crate::run::{Body, Counts, Next, Run, Source, exclusive, is_urgent};
use crate::runtime::PyRuntime;
use crate::signal::news_of;

/// The results of a map, in the making.
#[pyclass(frozen, subclass, extends = Run, generic, module = "raveler._raveler")]
pub(crate) struct MapRun;

#[pymethods]
impl MapRun {
    #[new]
    fn new(
        runtime: &Bound<'_, PyRuntime>,
        function: &Bound<'_, PyAny>,
        source: &Bound<'_, PyAny>,
        options: &Bound<'_, PyDict>,
    ) -> PyResult<PyClassInitializer<Self>> {
        let mapping = Mapping::open(runtime, function, source, options)?;
        Ok(PyClassInitializer::from(Run(Arc::new(mapping))).add_subclass(Self))
    }
}

struct Mapping {
    inner: Arc<Inner>,
    handle: MapHandle,
    /// Whether it is a stage of a flow, which waits for all of them.
    is_stage: bool,
    state: Mutex<State>,
}

impl Mapping {
    /// Opens a map over `source` with options that were checked.
    fn open(
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
        let ledger = Ledger::parse(options)?;
        let is_alone =
            prepared.spec.retry.times > 0 || prepared.spec.timeout.is_some() || !prepared.spec.limits.is_empty();
        let chunk = get("chunk")?.and_then(|value| value.extract::<usize>().ok());
        let is_serial = inner.runtime.config().is_serial;
        let news = news_of(options)?;
        let is_stage = news.is_some();
        let source = Source::new(source, is_stage)?;
        // No code of the user's runs between two items of these, so a buffer that comes again is the same.
        let is_fixed = match &source {
            Source::Iterator(iterator) => {
                let kind = iterator.bind(py).get_type().name()?;
                ["list_iterator", "tuple_iterator", "repeat"].contains(&kind.to_str()?)
            }
            Source::Run(_) | Source::Stage(_) => false,
        };
        let map = MapOptions {
            is_ordered: is_ordered(options)?,
            on_error: ledger.policy,
            // The serial engine works on one item at a time.
            window: if is_serial { Some(1) } else { get("window")?.and_then(|value| value.extract().ok()) },
            window_bytes: get("window_bytes")?.and_then(|value| value.extract().ok()),
            chunk: if is_alone || is_serial { Some(1) } else { chunk },
            spec: prepared.spec.clone(),
            concurrency: None,
            frames: get("concurrency")?.and_then(|value| value.extract().ok()),
            len: source.length(py),
            news,
        };
        let seed = inner.seed(py, own.key.as_ref())?;
        let handle = inner.runtime.open_map(map).map_err(|error| error::to_python(&error))?;
        let state = State {
            source: Some(source),
            function,
            prepared,
            ledger,
            is_star: get("star")?.is_some_and(|value| value.is_truthy().unwrap_or(false)),
            seed,
            scratch: Vec::new(),
            seen: is_fixed.then(Seen::default),
            open: None,
        };
        Ok(Self { inner, handle, is_stage, state: Mutex::new(state) })
    }

    /// Pulls the source as long as there is room.
    fn fill(&self, py: Python<'_>, state: &mut State) -> PyResult<()> {
        let runtime = &self.inner.runtime;
        while let Some(source) = &state.source {
            let held = state.open.as_ref().map_or(0, |open| open.left as usize);
            let wanted = runtime.map_wants(&self.handle, held);
            if wanted == 0 {
                return Ok(());
            }
            runtime.ensure_processes().map_err(|error| error::to_python(&error))?;
            let source = source.clone_ref(py);
            let first = runtime.map_position(&self.handle);
            let pulled = state.pull(&self.inner.runtime, &self.handle, (py, &source), wanted, first);
            let Pulled { items, refused, end, is_dry } = pulled.inspect_err(|error| {
                if is_urgent(py, error) {
                    self.shut(state);
                }
            })?;
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
            if items == 0 || is_dry {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Returns the next result if it is there.
    fn look<'py>(&self, py: Python<'py>, state: &mut State) -> PyResult<Next<'py>> {
        loop {
            while state.open.as_ref().is_some_and(|open| open.left > 0) {
                if let Some(item) = self.read(py, state)? {
                    return Ok(Next::Item(item));
                }
            }
            state.open = None;
            if state.ledger.is_closed {
                return Ok(Next::End);
            }
            self.fill(py, state)?;
            match self.inner.runtime.map_take(&self.handle) {
                Taken::Piece(Piece { content: Content::Items(payload, items), .. }) => {
                    state.open = Some(Open { payload, at: 0, left: items });
                }
                Taken::Piece(Piece { content: Content::Reply(reply), .. }) => {
                    state.ledger.gives(1);
                    return Ok(Next::Item(reply.into_python(py)?));
                }
                Taken::Piece(Piece { content: Content::Failure(outcome), .. }) => {
                    let error = self.failure(py, state, outcome)?;
                    if let Some(item) = self.deal(state, error)? {
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
            state.ledger.gives(1);
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
                state.ledger.gives(1);
                return Ok(Some(value));
            }
            token => Ok(decoder.token(py, token, &mut reader)?),
        };
        open.at = bytes.len() - reader.rest().len();
        open.left -= 1;
        match read {
            Ok(value) => {
                state.ledger.gives(1);
                Ok(Some(value))
            }
            Err(error) => self.deal(state, error),
        }
    }

    /// Raises, returns or skips an error.
    fn deal<'py>(&self, state: &mut State, error: Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let dealt = state.ledger.deal(error);
        if dealt.is_err() {
            self.shut(state);
        }
        dealt
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
                state.ledger.policy = ErrorPolicy::Raise;
                error::to_python(&error).into_value(py).into_bound(py).into_any()
            }
            _ => error::cancelled(name).into_value(py).into_bound(py).into_any(),
        })
    }

    fn shut(&self, state: &mut State) {
        if !state.ledger.is_closed {
            state.ledger.is_closed = true;
            state.open = None;
            state.ledger.keep(self.inner.runtime.map_gauge(&self.handle));
            self.inner.runtime.close_map(&self.handle);
        }
    }
}

impl Body for Mapping {
    fn next<'py>(&self, py: Python<'py>) -> PyResult<Next<'py>> {
        self.look(py, &mut *exclusive(&self.state)?)
    }

    fn advance(&self, py: Python<'_>) -> PyResult<()> {
        let mut state = exclusive(&self.state)?;
        if state.ledger.is_closed { Ok(()) } else { self.fill(py, &mut state) }
    }

    fn drain<'py>(&self, py: Python<'py>, list: &Bound<'py, PyList>) -> PyResult<Next<'py>> {
        let mut state = exclusive(&self.state)?;
        loop {
            state.read_simple(py, list)?;
            match self.look(py, &mut state)? {
                Next::Item(item) => list.append(item)?,
                next => return Ok(next),
            }
        }
    }

    fn wait(&self, py: Python<'_>) -> PyResult<()> {
        let runtime = &self.inner.runtime;
        let mut interrupted = error::heed_signals;
        py.detach(|| runtime.wait(self.handle.ready(), None, None, &mut interrupted)).map(drop)
    }

    fn subscribe(&self, _py: Python<'_>, waiter: Waiter) -> Option<Waiter> {
        if self.is_stage {
            self.inner.runtime.map_watch(&self.handle, waiter);
            return None;
        }
        self.inner.runtime.map_subscribe(&self.handle, waiter)
    }

    fn close(&self, py: Python<'_>) -> PyResult<()> {
        let source = {
            let mut state = exclusive(&self.state)?;
            self.shut(&mut state);
            state.source.take()
        };
        source.map_or(Ok(()), |source| source.close(py))
    }

    fn is_closed(&self) -> PyResult<bool> {
        Ok(exclusive(&self.state)?.ledger.is_closed)
    }

    fn counts(&self) -> PyResult<Counts> {
        Ok(exclusive(&self.state)?.ledger.counts())
    }

    fn in_flight(&self) -> usize {
        self.inner.runtime.map_in_flight(&self.handle)
    }

    fn mark(&self) -> PyResult<Mark> {
        Ok(exclusive(&self.state)?.ledger.mark())
    }

    fn index_at(&self, position: u64) -> PyResult<u64> {
        Ok(exclusive(&self.state)?.ledger.index_at(position))
    }

    fn gauge(&self) -> Gauge {
        let last = exclusive(&self.state).ok().and_then(|state| state.ledger.last_gauge());
        last.unwrap_or_else(|| self.inner.runtime.map_gauge(&self.handle))
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        let state = self.state.get_mut().unwrap_or_else(PoisonError::into_inner);
        if !state.ledger.is_closed {
            self.inner.runtime.close_map(&self.handle);
        }
    }
}
