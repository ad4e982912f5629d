//! Hubs: each wakes one event loop, once for all tasks that settled together.

use std::sync::{Mutex, PoisonError};

use pyo3::prelude::*;
use pyo3::types::PyList;

/// Collects tokens for one event loop and wakes it when the first arrives.
#[pyclass(frozen, weakref, module = "raveler._raveler")]
pub(crate) struct Hub {
    wake: Py<PyAny>,
    tokens: Mutex<Vec<Py<PyAny>>>,
}

impl Hub {
    /// Adds a token; says whether the loop must be woken for it.
    pub(crate) fn add(&self, token: Py<PyAny>) -> bool {
        let mut tokens = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        tokens.push(token);
        tokens.len() == 1
    }

    /// Wakes the loop.
    pub(crate) fn ring(&self, py: Python<'_>) {
        if let Err(error) = self.wake.call0(py) {
            error.write_unraisable(py, None);
        }
    }
}

#[pymethods]
impl Hub {
    #[new]
    fn new(wake: Py<PyAny>) -> Self {
        Self { wake, tokens: Mutex::new(Vec::new()) }
    }

    fn take<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let tokens = std::mem::take(&mut *self.tokens.lock().unwrap_or_else(PoisonError::into_inner));
        PyList::new(py, tokens)
    }

    fn put(&self, py: Python<'_>, token: Py<PyAny>) {
        if self.add(token) {
            self.ring(py);
        }
    }
}
