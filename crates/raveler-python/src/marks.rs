//! Marks, for runs that are made in Python.

use std::sync::{Mutex, PoisonError};

use pyo3::prelude::*;
use raveler_task::{Mark, Marks};

/// The marks of the items that a stage holds, in the order in which they leave it.
#[pyclass(name = "Marks", frozen, module = "raveler._raveler")]
pub(crate) struct PyMarks(Mutex<Marks>);

impl PyMarks {
    fn with<T>(&self, act: impl FnOnce(&mut Marks) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[pymethods]
impl PyMarks {
    /// Makes no marks; the first item that comes in has the index `first`.
    #[new]
    fn new(first: u64) -> Self {
        Self(Mutex::new(Marks::new(first)))
    }

    /// Notes that an item comes in.
    fn enter(&self, position: u64, closes: bool) {
        self.with(|marks| marks.enter(Mark { position, closes }));
    }

    /// Notes that the item that came in first leaves.
    fn leave(&self) {
        self.with(Marks::leave);
    }

    /// Returns the mark of the item that left last.
    fn last(&self) -> (u64, bool) {
        let Mark { position, closes } = self.with(|marks| marks.last());
        (position, closes)
    }

    /// Returns the index of the first item of a source item at `position` or behind it, and forgets those before.
    fn index_at(&self, position: u64) -> u64 {
        self.with(|marks| marks.index_at(position))
    }
}
