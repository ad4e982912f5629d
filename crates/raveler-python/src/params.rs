//! Python values on their way to a database.

use std::borrow::Cow;
use std::sync::Arc;

use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{
    PyBool, PyByteArray, PyBytes, PyDate, PyDateAccess, PyDateTime, PyDelta, PyDeltaAccess, PyDict, PyFloat, PyInt,
    PyIterator, PyList, PyString, PyTime, PyTimeAccess, PyTuple, PyTzInfoAccess,
};
use raveler_io::db::calendar::{DAY, Date, DateTime, SECOND, Time};
use raveler_io::db::{Batch, Cell, Feed};

static DECIMAL: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
static UUID: PyOnceLock<Py<PyAny>> = PyOnceLock::new();

/// Returns a class of the standard library, which is imported at its first use.
pub(crate) fn class<'py>(
    py: Python<'py>,
    cell: &'static PyOnceLock<Py<PyAny>>,
    module: &str,
    name: &str,
) -> PyResult<&'py Bound<'py, PyAny>> {
    Ok(cell.get_or_try_init(py, || py.import(module)?.getattr(name).map(Bound::unbind))?.bind(py))
}

/// Returns `decimal.Decimal`.
pub(crate) fn decimal(py: Python<'_>) -> PyResult<&Bound<'_, PyAny>> {
    class(py, &DECIMAL, "decimal", "Decimal")
}

/// Returns `uuid.UUID`.
pub(crate) fn uuid(py: Python<'_>) -> PyResult<&Bound<'_, PyAny>> {
    class(py, &UUID, "uuid", "UUID")
}

/// Hands a value to `take` as a database means it.
#[inline]
pub(crate) fn with_cell<T>(value: &Bound<'_, PyAny>, take: impl FnOnce(&Cell<'_>) -> T) -> PyResult<T> {
    // The commonest types first, each told by its exact class.
    if let Ok(text) = value.cast_exact::<PyString>() {
        return Ok(take(&Cell::Text(Cow::Borrowed(text.to_str()?))));
    }
    if let Ok(number) = value.cast_exact::<PyInt>() {
        return Ok(take(&whole(number)?));
    }
    if let Ok(number) = value.cast_exact::<PyFloat>() {
        return Ok(take(&Cell::Float(number.value())));
    }
    if value.is_none() {
        return Ok(take(&Cell::Null));
    }
    if let Ok(bytes) = value.cast_exact::<PyBytes>() {
        return Ok(take(&Cell::Bytes(Cow::Borrowed(bytes.as_bytes()))));
    }
    Ok(take(&richer(value)?))
}

fn whole(number: &Bound<'_, PyInt>) -> PyResult<Cell<'static>> {
    match number.extract::<i64>() {
        Ok(value) => Ok(Cell::Int(value)),
        Err(_) => Ok(Cell::BigInt(Cow::Owned(number.str()?.to_str()?.to_owned()))),
    }
}

fn richer(value: &Bound<'_, PyAny>) -> PyResult<Cell<'static>> {
    let py = value.py();
    if let Ok(truth) = value.cast::<PyBool>() {
        return Ok(Cell::Bool(truth.is_true()));
    }
    if let Ok(moment) = value.cast::<PyDateTime>() {
        return date_time(moment);
    }
    if let Ok(day) = value.cast::<PyDate>() {
        return Ok(Cell::Date(date(day)));
    }
    if let Ok(time) = value.cast::<PyTime>() {
        return Ok(Cell::Time(Time { micros: micros_of(time), offset: offset(value)? }));
    }
    if let Ok(span) = value.cast::<PyDelta>() {
        return interval(span);
    }
    if value.is_instance(decimal(py)?)? {
        return Ok(Cell::Decimal(Cow::Owned(value.str()?.to_str()?.to_owned())));
    }
    if value.is_instance(uuid(py)?)? {
        let bytes = value.getattr("bytes")?;
        return Ok(Cell::Uuid(bytes.extract()?));
    }
    if value.is_instance_of::<PyDict>() {
        let text = py.import("json")?.call_method1("dumps", (value,))?;
        return Ok(Cell::Json(Cow::Owned(text.extract()?)));
    }
    if let Ok(items) = value.cast::<PyList>() {
        return Ok(Cell::Array(items.iter().map(|item| owned(&item)).collect::<PyResult<_>>()?));
    }
    if let Ok(items) = value.cast::<PyTuple>() {
        return Ok(Cell::Array(items.iter().map(|item| owned(&item)).collect::<PyResult<_>>()?));
    }
    other(value)
}

fn owned(value: &Bound<'_, PyAny>) -> PyResult<Cell<'static>> {
    with_cell(value, |cell| cell.clone().into_owned())
}

/// Subclasses of the simple types, buffers, and the scalars of NumPy.
fn other(value: &Bound<'_, PyAny>) -> PyResult<Cell<'static>> {
    if let Ok(text) = value.cast::<PyString>() {
        return Ok(Cell::Text(Cow::Owned(text.to_str()?.to_owned())));
    }
    if let Ok(number) = value.cast::<PyInt>() {
        return whole(number);
    }
    if let Ok(number) = value.cast::<PyFloat>() {
        return Ok(Cell::Float(number.value()));
    }
    if let Ok(bytes) = value.cast::<PyBytes>() {
        return Ok(Cell::Bytes(Cow::Owned(bytes.as_bytes().to_vec())));
    }
    if let Ok(bytes) = value.cast::<PyByteArray>() {
        return Ok(Cell::Bytes(Cow::Owned(bytes.to_vec())));
    }
    let kind = value.get_type();
    let name = kind.fully_qualified_name()?;
    let name = name.to_str()?;
    if name == "memoryview" {
        let bytes: Bound<'_, PyBytes> = value.call_method0("tobytes")?.cast_into()?;
        return Ok(Cell::Bytes(Cow::Owned(bytes.as_bytes().to_vec())));
    }
    if name.starts_with("numpy.") {
        // `tolist` turns a scalar or an array into what Python itself has.
        let plain = value.call_method0("tolist")?;
        if !plain.get_type().is(&kind) {
            return owned(&plain);
        }
    }
    Err(PyTypeError::new_err(format!(
        "a value of type {name} can't be bound; give None, bool, int, float, str, bytes, Decimal, date, time, datetime, \
         timedelta, UUID, or a dict or list of these"
    )))
}

fn date(day: &impl PyDateAccess) -> Date {
    Date { year: day.get_year(), month: day.get_month(), day: day.get_day() }
}

fn micros_of(time: &impl PyTimeAccess) -> i64 {
    let minutes = i64::from(time.get_hour()) * 60 + i64::from(time.get_minute());
    (minutes * 60 + i64::from(time.get_second())) * SECOND + i64::from(time.get_microsecond())
}

/// Returns the seconds east of UTC of a time or moment.
fn offset(value: &Bound<'_, PyAny>) -> PyResult<Option<i32>> {
    let offset = value.call_method0("utcoffset")?;
    if offset.is_none() {
        return Ok(None);
    }
    let span = offset.cast::<PyDelta>()?;
    Ok(Some(span.get_days() * 86_400 + span.get_seconds()))
}

fn date_time(moment: &Bound<'_, PyDateTime>) -> PyResult<Cell<'static>> {
    let offset = if moment.get_tzinfo().is_some() { offset(moment)? } else { None };
    let micros = micros_of(moment);
    let seconds = date(moment).days() * DAY + micros / SECOND - i64::from(offset.unwrap_or(0));
    let micros = u32::try_from(micros % SECOND).unwrap_or_default();
    Ok(Cell::DateTime(DateTime { seconds, micros, offset }))
}

fn interval(span: &Bound<'_, PyDelta>) -> PyResult<Cell<'static>> {
    let seconds = i64::from(span.get_days()) * DAY + i64::from(span.get_seconds());
    let micros = seconds.checked_mul(SECOND).and_then(|micros| micros.checked_add(span.get_microseconds().into()));
    let too_long = || PyValueError::new_err(format!("{span} is too long for a database; the limit is 292,000 years"));
    micros.map(Cell::Interval).ok_or_else(too_long)
}

/// Returns the parameters of one statement.
pub(crate) fn params(values: &Bound<'_, PyTuple>) -> PyResult<Batch> {
    let mut batch = Batch::new(values.len());
    batch.begin();
    for value in values.iter_borrowed() {
        with_cell(&value, |cell| batch.put(cell))?;
    }
    Ok(batch)
}

fn put_row(batch: &mut Batch, row: &Bound<'_, PyAny>) -> PyResult<()> {
    if let Ok(row) = row.cast::<PyTuple>() {
        check(batch, row.len())?;
        batch.begin();
        for value in row.iter_borrowed() {
            with_cell(&value, |cell| batch.put(cell))?;
        }
        return Ok(());
    }
    if row.is_instance_of::<PyString>() || row.is_instance_of::<PyDict>() || !row.hasattr("__len__")? {
        return Err(PyTypeError::new_err(format!(
            "row {} is a {}; give a tuple or list of values",
            batch.len(),
            row.get_type().name()?
        )));
    }
    let values: Vec<Bound<'_, PyAny>> = row.try_iter()?.collect::<PyResult<_>>()?;
    check(batch, values.len())?;
    batch.begin();
    for value in &values {
        with_cell(value, |cell| batch.put(cell))?;
    }
    Ok(())
}

fn check(batch: &mut Batch, width: usize) -> PyResult<()> {
    if batch.is_empty() {
        *batch = Batch::new(width);
    }
    batch.check(batch.len(), width).map_err(|error| PyValueError::new_err(error.to_string()))
}

/// Returns rows of values; each is a tuple or a list.
pub(crate) fn rows(source: &Bound<'_, PyAny>) -> PyResult<Batch> {
    let mut batch = Batch::new(0);
    for row in source.try_iter()? {
        put_row(&mut batch, &row?)?;
    }
    Ok(batch)
}

/// Rows that are converted before the first of them are sent, and then at once.
const PIECE: usize = 8_192;

/// The rows of a source on their way to a table.
pub(crate) struct TableRows<'py> {
    rows: Bound<'py, PyIterator>,
    first: Option<Bound<'py, PyAny>>,
    names: Vec<Bound<'py, PyString>>,
    is_over: bool,
    done: usize,
}

impl<'py> TableRows<'py> {
    /// Begins a source; returns the names of the columns too, which dicts bring with them.
    pub(crate) fn new(source: &Bound<'py, PyAny>, columns: Option<Vec<String>>) -> PyResult<(Self, Vec<String>)> {
        let mut rows = source.try_iter()?;
        let first = rows.next().transpose()?;
        let columns = match (columns, first.as_ref().map(|row| row.cast::<PyDict>())) {
            (Some(columns), _) => columns,
            (None, Some(Ok(row))) => row.keys().extract()?,
            (None, None) => Vec::new(),
            (None, Some(Err(_))) => {
                return Err(PyValueError::new_err(
                    "rows that are no dicts need the names of their columns; give columns=(...)",
                ));
            }
        };
        let names = columns.iter().map(|name| PyString::new(source.py(), name)).collect();
        let is_over = first.is_none();
        Ok((Self { rows, first, names, is_over, done: 0 }, columns))
    }

    /// Whether the source has no more rows.
    pub(crate) fn is_over(&self) -> bool {
        self.is_over
    }

    /// Converts some rows and hands them over; completes the feed at the end of the source.
    pub(crate) fn feed(&mut self, feed: &Feed) -> PyResult<()> {
        let mut batch = Batch::new(self.names.len());
        while batch.len() < PIECE {
            let Some(row) = self.first.take().map(Ok).or_else(|| self.rows.next()) else {
                self.is_over = true;
                break;
            };
            let row = row?;
            match row.cast::<PyDict>() {
                Ok(row) => put_dict(&mut batch, row, &self.names, self.done)?,
                Err(_) => put_row_of(&mut batch, &row, self.names.len(), self.done)?,
            }
            self.done += 1;
        }
        if !batch.is_empty() {
            feed.push(Arc::new(batch));
        }
        if self.is_over {
            feed.complete();
        }
        Ok(())
    }
}

fn put_row_of(batch: &mut Batch, row: &Bound<'_, PyAny>, width: usize, number: usize) -> PyResult<()> {
    // A tuple, as most rows are, has a length: to look for it in every row costs more than to read the row.
    let has_length = row.is_instance_of::<PyTuple>() || row.hasattr("__len__")?;
    if row.is_instance_of::<PyString>() || !has_length {
        return Err(PyTypeError::new_err(format!(
            "row {number} is a {}; give tuples, lists or dicts",
            row.get_type().name()?
        )));
    }
    let found = row.len()?;
    if found != width {
        return Err(PyValueError::new_err(format!(
            "row {number} has {found} values for {width} columns; give every row a value for each column"
        )));
    }
    put_row(batch, row)
}

fn put_dict(batch: &mut Batch, row: &Bound<'_, PyDict>, names: &[Bound<'_, PyString>], number: usize) -> PyResult<()> {
    if row.len() != names.len() {
        return Err(PyValueError::new_err(format!(
            "row {number} has {} keys for {} columns; give every row the same keys",
            row.len(),
            names.len()
        )));
    }
    batch.begin();
    for name in names {
        let value = row.get_item(name)?;
        let missing =
            || PyValueError::new_err(format!("row {number} lacks the key {name}; give every row the same keys"));
        let value = value.ok_or_else(missing)?;
        with_cell(&value, |cell| batch.put(cell))?;
    }
    Ok(())
}
