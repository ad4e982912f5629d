//! Facts by their names: what Python reads as a dict.

use pyo3::prelude::*;
use pyo3::types::PyDict;

/// A dict in the making.
pub(crate) struct Facts<'py>(Bound<'py, PyDict>);

impl<'py> Facts<'py> {
    /// Starts without any.
    pub(crate) fn new(py: Python<'py>) -> Self {
        Self(PyDict::new(py))
    }

    /// Adds one.
    pub(crate) fn with(self, name: &str, fact: impl IntoPyObject<'py>) -> PyResult<Self> {
        self.0.set_item(name, fact)?;
        Ok(self)
    }

    /// Returns all.
    pub(crate) fn into_dict(self) -> Bound<'py, PyDict> {
        self.0
    }
}
