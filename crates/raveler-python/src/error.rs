//! The runtime's errors as Python exceptions: one class for each kind.

use pyo3::exceptions::PyKeyError;
use pyo3::import_exception;
use pyo3::prelude::*;
use pyo3::types::PyString;
use raveler::{ErrorKind, RuntimeError};
use raveler_procs::WireError;

import_exception!(raveler.exceptions, RavelerError);
import_exception!(raveler.exceptions, RuntimeClosed);
import_exception!(raveler.exceptions, EngineUnavailable);
import_exception!(raveler.exceptions, TaskTimeout);

/// Returns the exception of a runtime error.
pub(crate) fn to_python(error: &RuntimeError) -> PyErr {
    let message = error.to_string();
    match error.kind() {
        ErrorKind::Closed => RuntimeClosed::new_err(message),
        ErrorKind::Argument => PyKeyError::new_err(message),
        ErrorKind::Engine => EngineUnavailable::new_err(message),
    }
}

/// Returns the exception of a cancelled task.
///
/// Its class is made by Python code at its first use. What another thread raises in this one, or Ctrl-C, may come to
/// light there: then that is the exception.
pub(crate) fn cancelled(name: &Bound<'_, PyString>) -> PyErr {
    let made = name.py().import("raveler.exceptions").and_then(|module| {
        let message = format!("task {name} was cancelled");
        module.getattr("TaskCancelled")?.call1((message,))
    });
    made.map_or_else(|interrupted| interrupted, PyErr::from_value)
}

/// Returns the exception of bytes that are not a frame.
pub(crate) fn of_wire(error: &WireError) -> PyErr {
    RavelerError::new_err(error.to_string())
}

/// Lets Python handle the signals that have arrived; its handler for Ctrl-C raises.
pub(crate) fn heed_signals() -> PyResult<()> {
    Python::attach(|py| {
        py.check_signals()?;
        Ok(())
    })
}
