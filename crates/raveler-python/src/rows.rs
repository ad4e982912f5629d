//! Rows of a database as Python objects: one pass over the bytes that came.

use std::sync::Arc;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{
    PyBool, PyBytes, PyDate, PyDateTime, PyDelta, PyDict, PyFloat, PyInt, PyList, PyString, PyTime, PyTuple, PyTzInfo,
};
use raveler_io::db::calendar::{DAY, Date, DateTime, SECOND, Time};
use raveler_io::db::{Cell, Column, Row, Rows, uuid_text};

use crate::params::{class, decimal, uuid};

/// How rows are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    Tuples,
    Dicts,
    Arrow,
}

impl Shape {
    /// Reads the name of a shape.
    pub(crate) fn parse(name: &str) -> PyResult<Self> {
        match name {
            "tuples" => Ok(Self::Tuples),
            "dicts" => Ok(Self::Dicts),
            "arrow" => Ok(Self::Arrow),
            _ => Err(PyValueError::new_err(format!("as_ must be \"tuples\", \"dicts\" or \"arrow\", not {name:?}"))),
        }
    }
}

/// Makes objects of values; what repeats is kept.
struct Maker<'py> {
    py: Python<'py>,
    zone: Option<(i32, Bound<'py, PyTzInfo>)>,
}

/// Years that Python's calendar has.
fn is_in_calendar(date: Date) -> bool {
    (1..=9999).contains(&date.year)
}

impl<'py> Maker<'py> {
    fn new(py: Python<'py>) -> Self {
        Self { py, zone: None }
    }

    #[inline]
    fn object(&mut self, cell: Cell<'_>) -> PyResult<Bound<'py, PyAny>> {
        let py = self.py;
        Ok(match cell {
            Cell::Null => py.None().into_bound(py),
            Cell::Int(value) => PyInt::new(py, value).into_any(),
            Cell::Text(text) => PyString::new(py, &text).into_any(),
            Cell::Float(value) => PyFloat::new(py, value).into_any(),
            Cell::Bool(value) => PyBool::new(py, value).to_owned().into_any(),
            Cell::Bytes(bytes) => PyBytes::new(py, &bytes).into_any(),
            Cell::BigInt(digits) => py.get_type::<PyInt>().call1((&*digits,))?,
            Cell::Decimal(text) => decimal(py)?.call1((&*text,))?,
            Cell::Date(date) if is_in_calendar(date) => PyDate::new(py, date.year, date.month, date.day)?.into_any(),
            Cell::Date(date) => PyString::new(py, &date.to_string()).into_any(),
            Cell::Time(time) => self.time(time)?,
            Cell::DateTime(moment) => self.date_time(moment)?,
            Cell::Interval(micros) => interval(py, micros)?,
            Cell::Uuid(bytes) => uuid(py)?.call1((uuid_text(bytes),))?,
            Cell::Json(text) => json(py, &text)?,
            Cell::Array(items) => {
                let list = PyList::empty(py);
                for item in items {
                    list.append(self.object(item)?)?;
                }
                list.into_any()
            }
        })
    }

    fn zone(&mut self, offset: Option<i32>) -> PyResult<Option<Bound<'py, PyTzInfo>>> {
        let Some(offset) = offset else { return Ok(None) };
        if let Some((known, zone)) = &self.zone
            && *known == offset
        {
            return Ok(Some(zone.clone()));
        }
        let zone = if offset == 0 {
            PyTzInfo::utc(self.py)?.to_owned()
        } else {
            PyTzInfo::fixed_offset(self.py, PyDelta::new(self.py, 0, offset, 0, true)?)?
        };
        self.zone = Some((offset, zone.clone()));
        Ok(Some(zone))
    }

    fn time(&mut self, time: Time) -> PyResult<Bound<'py, PyAny>> {
        let Some((hour, minute, second, micros)) = clock(time.micros) else {
            // PostgreSQL has 24:00:00.
            return Ok(PyString::new(self.py, &time.to_string()).into_any());
        };
        let zone = self.zone(time.offset)?;
        Ok(PyTime::new(self.py, hour, minute, second, micros, zone.as_ref())?.into_any())
    }

    fn date_time(&mut self, moment: DateTime) -> PyResult<Bound<'py, PyAny>> {
        let py = self.py;
        let parts = moment.on_the_clock().filter(|(date, _)| is_in_calendar(*date));
        let Some((date, (hour, minute, second, micros))) =
            parts.and_then(|(date, of_day)| Some((date, clock(of_day)?)))
        else {
            return Ok(PyString::new(py, &moment.to_string()).into_any());
        };
        let zone = self.zone(moment.offset)?;
        let made = PyDateTime::new(py, date.year, date.month, date.day, hour, minute, second, micros, zone.as_ref())?;
        Ok(made.into_any())
    }

    fn row(&mut self, row: Row<'_>, values: &mut Vec<Bound<'py, PyAny>>) -> PyResult<()> {
        for cell in row {
            values.push(self.object(cell)?);
        }
        Ok(())
    }
}

fn clock(of_day: i64) -> Option<(u8, u8, u8, u32)> {
    let seconds = of_day / SECOND;
    let hour = u8::try_from(seconds / 3_600).ok().filter(|hour| *hour < 24)?;
    let (minute, second) = (u8::try_from(seconds / 60 % 60).ok()?, u8::try_from(seconds % 60).ok()?);
    Some((hour, minute, second, u32::try_from(of_day % SECOND).ok()?))
}

fn interval(py: Python<'_>, micros: i64) -> PyResult<Bound<'_, PyAny>> {
    let seconds = micros.div_euclid(SECOND);
    let days = seconds.div_euclid(DAY);
    let within = i32::try_from(seconds.rem_euclid(DAY))?;
    let micros = i32::try_from(micros.rem_euclid(SECOND))?;
    Ok(PyDelta::new(py, i32::try_from(days)?, within, micros, false)?.into_any())
}

fn json<'py>(py: Python<'py>, text: &str) -> PyResult<Bound<'py, PyAny>> {
    let parser =
        jiter::PythonParse { allow_inf_nan: true, cache_mode: jiter::StringCacheMode::Keys, ..Default::default() };
    parser.python_parse(py, text.as_bytes()).map_err(|error| {
        PyValueError::new_err(format!("a JSON value can't be read: {}", error.description(text.as_bytes())))
    })
}

fn names<'py>(py: Python<'py>, columns: &[Column]) -> Vec<Bound<'py, PyString>> {
    columns.iter().map(|column| PyString::new(py, &column.name)).collect()
}

static DISABLE: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
static ENABLE: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
static IS_ENABLED: PyOnceLock<Py<PyAny>> = PyOnceLock::new();

/// Rows from which on the cyclic collector rests while they are made: it would visit them again and again for nothing.
const MANY: usize = 5_000;

fn without_collector<T>(py: Python<'_>, rows: usize, make: impl FnOnce() -> PyResult<T>) -> PyResult<T> {
    if rows < MANY || !class(py, &IS_ENABLED, "gc", "isenabled")?.call0()?.is_truthy()? {
        return make();
    }
    class(py, &DISABLE, "gc", "disable")?.call0()?;
    let done = make();
    class(py, &ENABLE, "gc", "enable")?.call0()?;
    done
}

/// Makes a list of all rows.
pub(crate) fn list<'py>(py: Python<'py>, rows: &Rows, shape: Shape) -> PyResult<Bound<'py, PyList>> {
    without_collector(py, rows.len(), || {
        let mut maker = Maker::new(py);
        let mut values = Vec::with_capacity(rows.columns().len());
        let names = if shape == Shape::Dicts { names(py, rows.columns()) } else { Vec::new() };
        let mut made = Vec::with_capacity(rows.len());
        for row in rows.iter() {
            maker.row(row, &mut values)?;
            made.push(shaped(py, &mut values, &names, shape)?);
        }
        PyList::new(py, made)
    })
}

fn shaped<'py>(
    py: Python<'py>,
    values: &mut Vec<Bound<'py, PyAny>>,
    names: &[Bound<'py, PyString>],
    shape: Shape,
) -> PyResult<Bound<'py, PyAny>> {
    if shape == Shape::Dicts {
        let dict = PyDict::new(py);
        for (name, value) in names.iter().zip(values.drain(..)) {
            dict.set_item(name, value)?;
        }
        return Ok(dict.into_any());
    }
    Ok(PyTuple::new(py, values.drain(..))?.into_any())
}

/// Makes the first row, or None.
pub(crate) fn first<'py>(py: Python<'py>, rows: &Rows, shape: Shape) -> PyResult<Bound<'py, PyAny>> {
    if rows.is_empty() {
        return Ok(py.None().into_bound(py));
    }
    let mut values = Vec::with_capacity(rows.columns().len());
    Maker::new(py).row(rows.row(0), &mut values)?;
    shaped(py, &mut values, &names(py, rows.columns()), shape)
}

/// Makes the first value of the first row, or None.
pub(crate) fn value<'py>(py: Python<'py>, rows: &Rows) -> PyResult<Bound<'py, PyAny>> {
    match rows.row(0).next() {
        Some(cell) if !rows.is_empty() => Maker::new(py).object(cell),
        _ => Ok(py.None().into_bound(py)),
    }
}

/// Makes a list of the rows of each result.
pub(crate) fn lists<'py>(py: Python<'py>, all: &[Rows], shape: Shape) -> PyResult<Bound<'py, PyAny>> {
    let lists: Vec<Bound<'py, PyList>> = all.iter().map(|rows| list(py, rows, shape)).collect::<PyResult<_>>()?;
    Ok(PyList::new(py, lists)?.into_any())
}

/// Returns text that is shared with the operations of one call.
pub(crate) fn shared_text(text: &str) -> Arc<str> {
    Arc::from(text)
}
