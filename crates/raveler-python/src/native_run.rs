//! Many operations of Rust over a source: pulled on the thread of the consumer, some at once, bounded in items and bytes.

use std::sync::{Arc, Mutex, PoisonError};

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};
use raveler::Runtime;
use raveler::map::{Content, Gauge, MapOptions, Piece, Taken};
use raveler::mapping::MapHandle;
use raveler::native::Operation;
use raveler::outcome::Outcome;
use raveler_task::{ErrorPolicy, Mark, Place};

use crate::error;
use crate::failure;
use crate::host::{Interp, Waiter};
use crate::ledger::{Ledger, is_ordered};
use crate::loan::Loan;
use crate::native::spec_of;
use crate::options::{self, Options};
use crate::run::{Body, Counts, Next, Run, Source, exclusive, is_urgent};
use crate::runtime::PyRuntime;
use crate::signal::news_of;

/// Makes the operation of an item; told how often it may run again.
type Make = dyn Fn(&Bound<'_, PyAny>, u32) -> PyResult<Arc<dyn Operation<Interp>>> + Send + Sync;

/// Makes operations of the items of a source.
#[pyclass(frozen, module = "raveler._raveler")]
pub(crate) struct Maker(pub(crate) Arc<Make>);

/// The results of many operations, in the making.
#[pyclass(frozen, subclass, extends = Run, generic, module = "raveler._raveler")]
pub(crate) struct NativeRun;

#[pymethods]
impl NativeRun {
    #[new]
    fn new(
        runtime: &Bound<'_, PyRuntime>,
        maker: &Bound<'_, Maker>,
        source: &Bound<'_, PyAny>,
        options: &Bound<'_, PyDict>,
    ) -> PyResult<PyClassInitializer<Self>> {
        let operations = Operations::open(runtime, maker, source, options)?;
        Ok(PyClassInitializer::from(Run(Arc::new(operations))).add_subclass(Self))
    }
}

struct Operations {
    runtime: Runtime<Interp>,
    handle: MapHandle,
    make: Arc<Make>,
    retries: u32,
    name: Py<PyString>,
    /// Whether it is a stage of a flow, which waits for all of them.
    is_stage: bool,
    _loans: Vec<Loan>,
    state: Mutex<State>,
}

struct State {
    source: Option<Source>,
    ledger: Ledger,
}

impl Operations {
    fn open(
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
        let ledger = Ledger::parse(options)?;
        let concurrency = get("concurrency")?.map_or(Ok(16), |value| value.extract::<usize>())?;
        let window = get("window")?.and_then(|value| value.extract::<usize>().ok());
        let retries = spec.retry.times;
        let news = news_of(options)?;
        let is_stage = news.is_some();
        let map = MapOptions {
            is_ordered: is_ordered(options)?,
            on_error: ledger.policy,
            window,
            window_bytes: get("window_bytes")?.and_then(|value| value.extract().ok()),
            chunk: Some(1),
            spec,
            len: None,
            concurrency: Some(window.map_or(concurrency, |window| concurrency.min(window)).max(1)),
            frames: None,
            news,
        };
        let name = own.name.as_ref().map_or_else(
            || PyString::new(runtime.py(), options::name_of(Place::Native)).unbind(),
            |name| name.clone_ref(runtime.py()),
        );
        let loans = Loan::all(runtime.py(), &outer)?;
        let source = Some(Source::new(source, is_stage)?);
        let handle = inner.runtime.open_map(map).map_err(|error| error::to_python(&error))?;
        Ok(Self {
            runtime: inner.runtime.clone(),
            handle,
            make: Arc::clone(&maker.get().0),
            retries,
            name,
            is_stage,
            _loans: loans,
            state: Mutex::new(State { source, ledger }),
        })
    }

    /// Pulls the source as long as there is room.
    fn fill(&self, py: Python<'_>, state: &mut State) -> PyResult<()> {
        while let Some(source) = &state.source {
            let wanted = self.runtime.map_wants(&self.handle, 0);
            if wanted == 0 {
                return Ok(());
            }
            let mut operations = Vec::with_capacity(wanted);
            let mut refused = None;
            let mut end = None;
            let mut is_dry = false;
            while operations.len() < wanted && refused.is_none() && end.is_none() && !is_dry {
                match source.next(py) {
                    Ok(Next::NotReady) => is_dry = true,
                    Ok(Next::End) => end = Some(None),
                    Err(error) if is_urgent(py, &error) => {
                        self.shut(state);
                        return Err(error);
                    }
                    Err(error) => end = Some(Some(error)),
                    Ok(Next::Item(item)) => {
                        state.ledger.enters(py, source)?;
                        match (self.make)(&item, self.retries) {
                            Ok(operation) => operations.push(operation),
                            Err(error) => refused = Some(error),
                        }
                    }
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
            if is_dry {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Returns the next result if it is there.
    fn look<'py>(&self, py: Python<'py>, state: &mut State) -> PyResult<Next<'py>> {
        while !state.ledger.is_closed {
            self.fill(py, state)?;
            let error = match self.runtime.map_take(&self.handle) {
                Taken::Piece(Piece { content: Content::Reply(reply), .. }) => match reply.into_python(py) {
                    Ok(value) => {
                        state.ledger.gives(1);
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
            match state.ledger.deal(error.into_value(py).into_bound(py).into_any()) {
                Ok(Some(item)) => return Ok(Next::Item(item)),
                Ok(None) => {}
                Err(error) => {
                    self.shut(state);
                    return Err(error);
                }
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
                state.ledger.policy = ErrorPolicy::Raise;
                error::to_python(&error)
            }
            _ => error::cancelled(name),
        }
    }

    fn shut(&self, state: &mut State) {
        if !state.ledger.is_closed {
            state.ledger.is_closed = true;
            state.ledger.keep(self.runtime.map_gauge(&self.handle));
            self.runtime.close_map(&self.handle);
        }
    }
}

impl Body for Operations {
    fn next<'py>(&self, py: Python<'py>) -> PyResult<Next<'py>> {
        self.look(py, &mut *exclusive(&self.state)?)
    }

    fn advance(&self, py: Python<'_>) -> PyResult<()> {
        let mut state = exclusive(&self.state)?;
        if state.ledger.is_closed { Ok(()) } else { self.fill(py, &mut state) }
    }

    fn wait(&self, py: Python<'_>) -> PyResult<()> {
        let mut interrupted = error::heed_signals;
        py.detach(|| self.runtime.wait(self.handle.ready(), None, None, &mut interrupted)).map(drop)
    }

    fn subscribe(&self, _py: Python<'_>, waiter: Waiter) -> Option<Waiter> {
        if self.is_stage {
            self.runtime.map_watch(&self.handle, waiter);
            return None;
        }
        self.runtime.map_subscribe(&self.handle, waiter)
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
        self.runtime.map_in_flight(&self.handle)
    }

    fn mark(&self) -> PyResult<Mark> {
        Ok(exclusive(&self.state)?.ledger.mark())
    }

    fn index_at(&self, position: u64) -> PyResult<u64> {
        Ok(exclusive(&self.state)?.ledger.index_at(position))
    }

    fn gauge(&self) -> Gauge {
        let last = exclusive(&self.state).ok().and_then(|state| state.ledger.last_gauge());
        last.unwrap_or_else(|| self.runtime.map_gauge(&self.handle))
    }
}

impl Drop for Operations {
    fn drop(&mut self) {
        let state = self.state.get_mut().unwrap_or_else(PoisonError::into_inner);
        if !state.ledger.is_closed {
            self.runtime.close_map(&self.handle);
        }
    }
}
