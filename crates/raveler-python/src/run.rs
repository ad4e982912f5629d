//! A run gives items one by one on the thread of whoever asks; here is the protocol that all kinds of runs share.

use std::sync::{Arc, Mutex, MutexGuard, TryLockError};

use pyo3::exceptions::{PyException, PyRuntimeError, PyStopIteration};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyIterator, PyList};
use raveler::map::Gauge;
use raveler_task::Mark;

use crate::host::{Waiter, ring, tell};
use crate::hub::Hub;

/// What a look for the next item found.
pub(crate) enum Next<'py> {
    /// It is there.
    Item(Bound<'py, PyAny>),
    /// It is not there yet.
    NotReady,
    /// There is none any more.
    End,
}

/// What a run has done with its items.
#[derive(Clone, Copy, Default)]
pub(crate) struct Counts {
    /// Those that went in.
    pub(crate) pulled: u64,
    /// Those that came out.
    pub(crate) given: u64,
    /// Those that were dropped after an error.
    pub(crate) skipped: u64,
    /// Those that ended by an error.
    pub(crate) failed: u64,
}

/// What each kind of run does in its own way; no method waits but `wait`.
pub(crate) trait Body: Send + Sync {
    /// Returns the next item if it is there; pulls the source meanwhile.
    fn next<'py>(&self, py: Python<'py>) -> PyResult<Next<'py>>;

    /// Pulls the source as far as there is room.
    fn advance(&self, _py: Python<'_>) -> PyResult<()> {
        Ok(())
    }

    /// Appends all items that are there, and returns why there is none now.
    fn drain<'py>(&self, py: Python<'py>, list: &Bound<'py, PyList>) -> PyResult<Next<'py>> {
        loop {
            match self.next(py)? {
                Next::Item(item) => list.append(item)?,
                next => return Ok(next),
            }
        }
    }

    /// Waits until another look is worth it.
    fn wait(&self, py: Python<'_>) -> PyResult<()>;

    /// Keeps who is to be told when another look is worth it; gives the waiter back if it is now.
    fn subscribe(&self, py: Python<'_>, waiter: Waiter) -> Option<Waiter>;

    /// Ends it: closes the source, cancels what is in flight.
    fn close(&self, py: Python<'_>) -> PyResult<()>;

    /// Whether it has ended.
    fn is_closed(&self) -> PyResult<bool>;

    /// Returns what it has done with its items.
    fn counts(&self) -> PyResult<Counts>;

    /// Returns how many items were pulled and not given.
    fn in_flight(&self) -> usize;

    /// Returns the mark of the item that was given last.
    fn mark(&self) -> PyResult<Mark> {
        Ok(Mark::default())
    }

    /// Returns the index of the first item of a source item at `position` or behind it, and forgets those before.
    fn index_at(&self, _position: u64) -> PyResult<u64> {
        Ok(0)
    }

    /// Returns what can be seen of it now.
    fn gauge(&self) -> Gauge {
        Gauge::default()
    }
}

/// Locks what belongs to the one thread that reads the results.
pub(crate) fn exclusive<T>(state: &Mutex<T>) -> PyResult<MutexGuard<'_, T>> {
    match state.try_lock() {
        Ok(state) => Ok(state),
        Err(TryLockError::Poisoned(poisoned)) => Ok(poisoned.into_inner()),
        Err(TryLockError::WouldBlock) => {
            Err(PyRuntimeError::new_err("the results are being read by another thread, or by their own source"))
        }
    }
}

/// The results of something, in the making.
#[pyclass(frozen, weakref, subclass, generic, module = "raveler._raveler")]
pub(crate) struct Run(pub(crate) Arc<dyn Body>);

#[pymethods]
impl Run {
    fn __iter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    fn __next__<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        loop {
            match self.0.next(py)? {
                Next::Item(item) => return Ok(Some(item)),
                Next::End => return Ok(None),
                Next::NotReady => self.0.wait(py)?,
            }
        }
    }

    /// Returns the next result, or `NOT_READY`; never waits.
    fn poll<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        match self.0.next(py)? {
            Next::Item(item) => Ok(item),
            Next::NotReady => crate::not_ready(py),
            Next::End => Err(PyStopIteration::new_err(())),
        }
    }

    /// Gives `token` to `hub` when another poll may succeed.
    fn _subscribe(&self, py: Python<'_>, hub: &Bound<'_, Hub>, token: Py<PyAny>) {
        if let Some(waiter) = self.0.subscribe(py, Waiter::Hub(hub.get().bell(), token)) {
            let mut rung = Vec::new();
            tell(py, waiter, &mut rung);
            ring(py, &rung);
        }
    }

    /// Returns all results that are left.
    fn collect<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let list = PyList::empty(py);
        while let Next::NotReady = self.0.drain(py, &list)? {
            self.0.wait(py)?;
        }
        Ok(list)
    }

    /// Closes the source and cancels what is in flight.
    fn close(&self, py: Python<'_>) -> PyResult<()> {
        self.0.close(py)
    }

    /// Returns where the item that was given last comes from: its source item, and whether it is the last of it.
    fn mark(&self) -> PyResult<(u64, bool)> {
        let Mark { position, closes } = self.0.mark()?;
        Ok((position, closes))
    }

    fn _index_at(&self, position: u64) -> PyResult<u64> {
        self.0.index_at(position)
    }

    /// Pulls the source as far as there is room.
    fn _advance(&self, py: Python<'_>) -> PyResult<()> {
        self.0.advance(py)
    }

    #[getter]
    fn closed(&self) -> PyResult<bool> {
        self.0.is_closed()
    }

    #[getter]
    fn skipped(&self) -> PyResult<u64> {
        Ok(self.0.counts()?.skipped)
    }

    #[getter]
    fn done_items(&self) -> PyResult<u64> {
        Ok(self.0.counts()?.given)
    }

    #[getter]
    fn in_flight(&self) -> usize {
        self.0.in_flight()
    }
}

/// Whether an error ends a run at once: Ctrl-C and the like are nobody's result.
pub(crate) fn is_urgent(py: Python<'_>, error: &PyErr) -> bool {
    !error.is_instance_of::<PyException>(py)
}

/// Where a run gets its items from.
pub(crate) enum Source {
    /// An iterator of the user's: it may take its time.
    Iterator(Py<PyIterator>),
    /// Another run.
    Run(Arc<dyn Body>),
    /// A run that is made in Python.
    Stage(Py<PyAny>),
}

impl Source {
    /// Returns a run as a source, or an iterator over anything else.
    ///
    /// Only in a flow, whose signal tells of the news of all, is a run asked for what it has; elsewhere it is waited for.
    pub(crate) fn new(object: &Bound<'_, PyAny>, is_in_flow: bool) -> PyResult<Self> {
        if !is_in_flow {
            return Ok(Self::Iterator(object.try_iter()?.unbind()));
        }
        if let Ok(run) = object.cast::<Run>() {
            return Ok(Self::Run(Arc::clone(&run.get().0)));
        }
        if object.hasattr(intern!(object.py(), "_advance"))? {
            return Ok(Self::Stage(object.clone().unbind()));
        }
        Ok(Self::Iterator(object.try_iter()?.unbind()))
    }

    /// Returns another handle to the same source.
    pub(crate) fn clone_ref(&self, py: Python<'_>) -> Self {
        match self {
            Self::Iterator(iterator) => Self::Iterator(iterator.clone_ref(py)),
            Self::Run(run) => Self::Run(Arc::clone(run)),
            Self::Stage(stage) => Self::Stage(stage.clone_ref(py)),
        }
    }

    /// Returns the next item.
    #[inline]
    pub(crate) fn next<'py>(&self, py: Python<'py>) -> PyResult<Next<'py>> {
        match self {
            Self::Iterator(iterator) => match iterator.bind(py).clone().next() {
                Some(item) => item.map(Next::Item),
                None => Ok(Next::End),
            },
            Self::Run(run) => run.next(py),
            Self::Stage(stage) => match stage.bind(py).call_method0(intern!(py, "poll")) {
                Ok(item) if item.is(&crate::not_ready(py)?) => Ok(Next::NotReady),
                Ok(item) => Ok(Next::Item(item)),
                Err(error) if error.is_instance_of::<PyStopIteration>(py) => Ok(Next::End),
                Err(error) => Err(error),
            },
        }
    }

    /// Appends all items that are there, and returns why there is none now.
    pub(crate) fn drain<'py>(&self, py: Python<'py>, list: &Bound<'py, PyList>) -> PyResult<Next<'py>> {
        if let Self::Run(run) = self {
            return run.drain(py, list);
        }
        loop {
            match self.next(py)? {
                Next::Item(item) => list.append(item)?,
                next => return Ok(next),
            }
        }
    }

    /// Lets a run pull its own source.
    pub(crate) fn advance(&self, py: Python<'_>) -> PyResult<()> {
        match self {
            Self::Iterator(_) => Ok(()),
            Self::Run(run) => run.advance(py),
            Self::Stage(stage) => stage.bind(py).call_method0(intern!(py, "_advance")).map(drop),
        }
    }

    /// Returns the mark of the item that came last; none if the source is where marks begin.
    pub(crate) fn mark(&self, py: Python<'_>) -> PyResult<Option<Mark>> {
        match self {
            Self::Iterator(_) => Ok(None),
            Self::Run(run) => run.mark().map(Some),
            Self::Stage(stage) => {
                let mark = stage.bind(py).call_method0(intern!(py, "mark"))?;
                let (position, closes) = mark.extract()?;
                Ok(Some(Mark { position, closes }))
            }
        }
    }

    /// Returns what can be seen of a run now.
    pub(crate) fn gauge(&self, py: Python<'_>) -> PyResult<(Counts, Gauge)> {
        match self {
            Self::Iterator(_) => Ok((Counts::default(), Gauge::default())),
            Self::Run(run) => Ok((run.counts()?, run.gauge())),
            Self::Stage(stage) => {
                let seen = stage.bind(py).call_method0(intern!(py, "_gauge"))?;
                let (counts, (running, queued, in_flight, has_room, has_limit)) = seen.extract()?;
                let (pulled, given, skipped, failed): (u64, u64, u64, u64) = counts;
                let gauge = Gauge { running, queued, in_flight, has_room, has_limit, ..Gauge::default() };
                Ok((Counts { pulled, given, skipped, failed }, gauge))
            }
        }
    }

    /// Returns whether a run has given its last item; of an iterator nobody knows.
    pub(crate) fn is_over(&self, py: Python<'_>) -> PyResult<bool> {
        match self {
            Self::Iterator(_) => Ok(false),
            Self::Run(run) => run.is_closed(),
            Self::Stage(stage) => stage.bind(py).getattr(intern!(py, "closed"))?.extract(),
        }
    }

    /// Returns the index of the first item of a source item at `position` or behind it, and forgets those before.
    pub(crate) fn index_at(&self, py: Python<'_>, position: u64) -> PyResult<u64> {
        match self {
            Self::Iterator(_) => Ok(position),
            Self::Run(run) => run.index_at(position),
            Self::Stage(stage) => stage.bind(py).call_method1(intern!(py, "_index_at"), (position,))?.extract(),
        }
    }

    /// Closes it, if it is something that can be closed.
    pub(crate) fn close(&self, py: Python<'_>) -> PyResult<()> {
        let object = match self {
            Self::Run(run) => return run.close(py),
            Self::Iterator(iterator) => iterator.bind(py).as_any(),
            Self::Stage(stage) => stage.bind(py),
        };
        match object.getattr(intern!(py, "close")) {
            Ok(close) => close.call0().map(drop),
            Err(_) => Ok(()),
        }
    }

    /// Returns how many items are expected, if that is known.
    pub(crate) fn length(&self, py: Python<'_>) -> Option<u64> {
        match self {
            Self::Iterator(iterator) => iterator.bind(py).call_method0("__length_hint__").ok()?.extract().ok(),
            Self::Run(_) | Self::Stage(_) => None,
        }
    }
}
