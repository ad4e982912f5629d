//! What stands between two stages of a flow and needs no place of its own: flatten, batch, window, zip.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use pyo3::exceptions::{PyBaseException, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyIterator, PyList, PyTuple};
use raveler_task::{Batch, Cutter, Mark};

use crate::host::Waiter;
use crate::run::{Body, Counts, Next, Run, Source, exclusive, is_urgent};

/// A step of a flow that takes place on the thread of its consumer, and holds little.
#[pyclass(frozen, subclass, extends = Run, generic, module = "raveler._raveler")]
pub(crate) struct Joint;

#[pymethods]
impl Joint {
    /// Makes a joint: `kind` is `"flatten"`, `"batch"`, `"window"` or `"zip"`; `options` are its numbers and switches.
    #[new]
    fn new(kind: &str, source: &Bound<'_, PyAny>, options: &Bound<'_, PyDict>) -> PyResult<PyClassInitializer<Self>> {
        let number = |name: &str| options.get_item(name)?.map_or(Ok(1), |value| value.extract::<usize>());
        let is_whole = options.get_item("whole")?.is_some_and(|value| value.is_truthy().unwrap_or(false));
        let work = match kind {
            "flatten" => {
                let keeps_errors =
                    options.get_item("keeps_errors")?.is_some_and(|value| value.is_truthy().unwrap_or(false));
                Work::Flatten { open: None, keeps_errors }
            }
            "batch" => Work::Batch(Cutter::new(number("size")?, is_whole)),
            "window" => Work::Window(Slide { size: number("size")?, step: number("step")?, ..Slide::default() }),
            "zip" => {
                let others = options.get_item("others")?.map_or_else(|| Ok(Vec::new()), |others| sources(&others))?;
                Work::Zip { partial: Vec::with_capacity(others.len()), others, first: None }
            }
            other => return Err(PyValueError::new_err(format!("there is no joint {other:?}"))),
        };
        let state = State {
            source: Some(Source::new(source, true)?),
            work,
            error: None,
            mark: Mark::default(),
            counts: Counts::default(),
        };
        Ok(PyClassInitializer::from(Run(Arc::new(Joined(Mutex::new(state))))).add_subclass(Self))
    }
}

fn sources(others: &Bound<'_, PyAny>) -> PyResult<Vec<Source>> {
    others.try_iter()?.map(|other| Source::new(&other?, true)).collect()
}

struct Joined(Mutex<State>);

struct State {
    /// None once nothing more will come.
    source: Option<Source>,
    work: Work,
    /// How the source failed, while what came before is still given.
    error: Option<PyErr>,
    mark: Mark,
    counts: Counts,
}

enum Work {
    /// What is being given: the items of one result, and its mark.
    Flatten {
        open: Option<(Items, Mark)>,
        keeps_errors: bool,
    },
    Batch(Cutter<Py<PyAny>>),
    Window(Slide),
    /// The item that waits for its partners, and those that are there.
    Zip {
        others: Vec<Source>,
        first: Option<Py<PyAny>>,
        partial: Vec<Py<PyAny>>,
    },
}

/// The items of one result.
enum Items {
    List(Py<PyList>, usize),
    Iterator(Py<PyIterator>),
}

/// A window that slides over the items.
#[derive(Default)]
struct Slide {
    size: usize,
    step: usize,
    held: VecDeque<Py<PyAny>>,
    /// Items that are still to be dropped, if the step is larger than the window.
    drop: usize,
}

impl State {
    fn look<'py>(&mut self, py: Python<'py>) -> PyResult<Next<'py>> {
        loop {
            if let Some(item) = self.ready(py)? {
                self.counts.given += 1;
                return Ok(Next::Item(item));
            }
            if matches!(&self.work, Work::Zip { first: Some(_), .. }) {
                return Ok(Next::NotReady);
            }
            let Some(source) = &self.source else {
                return self.error.take().map_or(Ok(Next::End), Err);
            };
            match source.next(py) {
                Ok(Next::Item(item)) => {
                    let mark = source.mark(py)?.unwrap_or(Mark::whole(self.counts.pulled));
                    self.counts.pulled += 1;
                    if let Some(item) = self.take(item, mark)? {
                        self.counts.given += 1;
                        return Ok(Next::Item(item));
                    }
                }
                Ok(Next::NotReady) => return Ok(Next::NotReady),
                Ok(Next::End) => self.source = None,
                Err(error) if is_urgent(py, &error) => {
                    self.source = None;
                    return Err(error);
                }
                Err(error) => {
                    self.source = None;
                    self.error = Some(error);
                }
            }
            if self.source.is_none()
                && let Some(item) = self.rest(py)?
            {
                self.counts.given += 1;
                return Ok(Next::Item(item));
            }
        }
    }

    /// Returns an item that needs nothing of the source.
    fn ready<'py>(&mut self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        match &mut self.work {
            Work::Flatten { open, .. } => {
                let Some((items, mark)) = open else { return Ok(None) };
                let item = match items {
                    Items::List(list, at) => {
                        let list = list.bind(py);
                        let item = list.get_item(*at).ok();
                        *at += 1;
                        self.mark = mark.part(*at >= list.len());
                        item
                    }
                    Items::Iterator(iterator) => {
                        self.mark = mark.part(false);
                        iterator.bind(py).clone().next().transpose()?
                    }
                };
                if item.is_none() {
                    *open = None;
                }
                Ok(item)
            }
            Work::Zip { others, first, partial } => {
                if first.is_none() {
                    return Ok(None);
                }
                while partial.len() < others.len() {
                    match others[partial.len()].next(py)? {
                        Next::Item(item) => partial.push(item.unbind()),
                        Next::NotReady => return Ok(None),
                        Next::End => {
                            // The shortest ends it.
                            self.source = None;
                            *first = None;
                            return Ok(None);
                        }
                    }
                }
                let row = first.take().into_iter().chain(partial.drain(..));
                Ok(Some(PyTuple::new(py, row.collect::<Vec<_>>())?.into_any()))
            }
            Work::Batch(_) | Work::Window(_) => Ok(None),
        }
    }

    /// Takes an item of the source; returns what it makes complete.
    fn take<'py>(&mut self, item: Bound<'py, PyAny>, mark: Mark) -> PyResult<Option<Bound<'py, PyAny>>> {
        let py = item.py();
        match &mut self.work {
            Work::Flatten { keeps_errors: true, .. } if item.is_instance_of::<PyBaseException>() => {
                // An error stands in the place of all that would have come of its item.
                self.mark = mark;
                Ok(Some(item))
            }
            Work::Flatten { open, .. } => {
                let items = match item.cast_into_exact::<PyList>() {
                    Ok(list) => Items::List(list.unbind(), 0),
                    Err(error) => Items::Iterator(error.into_inner().try_iter()?.unbind()),
                };
                *open = Some((items, mark));
                Ok(None)
            }
            Work::Batch(cutter) => {
                let batch = cutter.push(item.unbind(), mark);
                self.batch(py, batch)
            }
            Work::Window(slide) => {
                let window = slide.push(item);
                self.mark = mark.part(false);
                window
            }
            Work::Zip { first, .. } => {
                *first = Some(item.unbind());
                self.mark = mark;
                Ok(None)
            }
        }
    }

    /// Returns what is left when the source has ended.
    fn rest<'py>(&mut self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        match &mut self.work {
            Work::Batch(cutter) => {
                let batch = if self.error.is_none() { cutter.finish() } else { cutter.fail() };
                self.batch(py, batch)
            }
            Work::Flatten { .. } | Work::Window(_) | Work::Zip { .. } => Ok(None),
        }
    }

    fn batch<'py>(&mut self, py: Python<'py>, batch: Option<Batch<Py<PyAny>>>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let Some(Batch { items, mark }) = batch else { return Ok(None) };
        self.mark = mark;
        Ok(Some(PyList::new(py, items)?.into_any()))
    }

    fn held(&self) -> usize {
        match &self.work {
            Work::Flatten { open, .. } => usize::from(open.is_some()),
            Work::Batch(cutter) => cutter.len(),
            Work::Window(slide) => slide.held.len(),
            Work::Zip { first, partial, .. } => usize::from(first.is_some()) + partial.len(),
        }
    }
}

impl Slide {
    fn push<'py>(&mut self, item: Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyAny>>> {
        if self.drop > 0 {
            self.drop -= 1;
            return Ok(None);
        }
        let py = item.py();
        self.held.push_back(item.unbind());
        if self.held.len() < self.size {
            return Ok(None);
        }
        let window = PyTuple::new(py, self.held.iter().map(|item| item.bind(py)))?;
        let gone = self.step.min(self.held.len());
        self.held.drain(..gone);
        self.drop = self.step - gone;
        Ok(Some(window.into_any()))
    }
}

impl Body for Joined {
    fn next<'py>(&self, py: Python<'py>) -> PyResult<Next<'py>> {
        exclusive(&self.0)?.look(py)
    }

    fn wait(&self, _py: Python<'_>) -> PyResult<()> {
        Err(PyValueError::new_err("a joint has no news of its own; wait for its flow"))
    }

    fn subscribe(&self, _py: Python<'_>, _waiter: Waiter) -> Option<Waiter> {
        None
    }

    fn close(&self, py: Python<'_>) -> PyResult<()> {
        let (source, others) = {
            let mut state = exclusive(&self.0)?;
            let others = match &mut state.work {
                Work::Zip { others, .. } => std::mem::take(others),
                Work::Flatten { .. } | Work::Batch(_) | Work::Window(_) => Vec::new(),
            };
            (state.source.take(), others)
        };
        for source in source.iter().chain(&others) {
            source.close(py)?;
        }
        Ok(())
    }

    fn is_closed(&self) -> PyResult<bool> {
        let state = exclusive(&self.0)?;
        Ok(state.source.is_none() && state.error.is_none())
    }

    fn counts(&self) -> PyResult<Counts> {
        Ok(exclusive(&self.0)?.counts)
    }

    fn in_flight(&self) -> usize {
        exclusive(&self.0).map_or(0, |state| state.held())
    }

    fn mark(&self) -> PyResult<Mark> {
        Ok(exclusive(&self.0)?.mark)
    }
}
