//! Rows of a database as a table in Arrow's form, which other libraries read in place.

use pyo3::prelude::*;
use pyo3::types::PyCapsule;
use raveler_io::db::{ArrowTable, DbError, Rows};
use raveler_io::reactor;

/// Rows from which on columns are made on a thread that may take its time.
const MANY: usize = 4_096;

/// Turns rows into columns.
pub(crate) async fn columns(rows: Rows) -> Result<ArrowTable, DbError> {
    if rows.len() < MANY {
        return ArrowTable::new(&rows);
    }
    let made = reactor::handle().spawn_blocking(move || ArrowTable::new(&rows)).await;
    made.unwrap_or(Err(DbError::Interrupted))
}

/// Rows in Arrow's form; whoever knows its C stream interface reads them in place.
#[pyclass(frozen, module = "raveler.db", name = "ArrowTable")]
pub(crate) struct PyArrowTable(pub(crate) ArrowTable);

#[pymethods]
impl PyArrowTable {
    /// Returns the capsule of a stream over the columns; a wanted schema is not heeded, as the interface allows.
    #[pyo3(signature = (requested_schema=None))]
    fn __arrow_c_stream__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyCapsule>> {
        let _ = requested_schema;
        PyCapsule::new_with_value(py, self.0.stream(), c"arrow_array_stream")
    }

    /// The names of the columns.
    #[getter]
    fn column_names(&self) -> Vec<String> {
        self.0.names()
    }

    /// The number of rows.
    #[getter]
    fn num_rows(&self) -> usize {
        self.0.len()
    }

    fn __len__(&self) -> usize {
        self.0.len()
    }

    fn __repr__(&self) -> String {
        format!("<raveler.db.ArrowTable of {} rows: {}>", self.0.len(), self.0.names().join(", "))
    }
}
