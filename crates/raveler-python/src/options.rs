//! The options of a task, as the Python layer has checked them.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};
use raveler::Runtime;
use raveler_task::{Backoff, Nanos, Place, Retry, Spec};

use crate::current;
use crate::error;
use crate::host::Interp;

/// Options; what is not given is `None`.
#[derive(Default)]
pub(crate) struct Options {
    pub(crate) place: Option<Place>,
    retries: Option<u32>,
    pub(crate) retry_on: Option<Py<PyAny>>,
    backoff: Option<(f64, f64, f64)>,
    timeout: Option<f64>,
    limit: Option<Vec<String>>,
    pub(crate) memory: Option<u64>,
    pub(crate) writable: Option<bool>,
    pub(crate) key: Option<Py<PyAny>>,
    pub(crate) name: Option<Py<PyString>>,
    pub(crate) is_empty: bool,
}

/// Pause before the first retry unless the user says otherwise, in nanoseconds.
const FIRST_PAUSE: Nanos = 0;

/// Converts seconds.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "checked to be a finite positive number; beyond 584 years it saturates"
)]
pub(crate) fn nanos(seconds: f64) -> Nanos {
    (seconds * 1e9) as Nanos
}

impl Options {
    /// Reads options that were checked.
    pub(crate) fn parse(options: &Bound<'_, PyDict>) -> PyResult<Self> {
        let mut parsed = Self { is_empty: options.is_empty(), ..Self::default() };
        for (name, value) in options {
            let name = name.cast::<PyString>()?;
            match name.to_str()? {
                "on" => parsed.place = Some(place(value.cast::<PyString>()?.to_str()?)?),
                "retries" => parsed.retries = Some(value.extract()?),
                "retry_on" => parsed.retry_on = Some(value.unbind()),
                "backoff" => parsed.backoff = Some(value.extract()?),
                "timeout" => parsed.timeout = Some(value.extract()?),
                "limit" => parsed.limit = Some(value.extract()?),
                "memory" => parsed.memory = Some(value.extract()?),
                "writable" => parsed.writable = Some(value.extract()?),
                "key" => parsed.key = Some(value.unbind()),
                "name" => parsed.name = Some(value.cast_into::<PyString>()?.unbind()),
                // What belongs to a map or to GPUs is read elsewhere.
                _ => {}
            }
        }
        Ok(parsed)
    }

    /// Returns the place of a call: the nearest option wins.
    pub(crate) fn place_over(&self, function: &Self, default: Place) -> Place {
        self.place.or(function.place).unwrap_or(default)
    }

    /// Returns what the scheduler needs: these options, then those of the function.
    ///
    /// Inside a worker, limits that its runtime does not have are the outer runtime's; their names go to `outer`.
    pub(crate) fn spec(
        &self,
        function: &Self,
        place: Place,
        runtime: &Runtime<Interp>,
        outer: &mut Vec<String>,
    ) -> PyResult<Spec> {
        if self.is_empty && function.is_plain() {
            return Ok(Spec::plain(place));
        }
        let retries = self.retries.or(function.retries).unwrap_or(0);
        let retry = match self.backoff.or(function.backoff) {
            _ if retries == 0 => Retry::NEVER,
            Some((first, factor, max)) => Retry {
                times: retries,
                backoff: Backoff { first: nanos(first), factor, max: nanos(max), jitter: true },
            },
            None => Retry { times: retries, backoff: Backoff { first: FIRST_PAUSE, ..Backoff::NONE } },
        };
        let names = self.limit.as_ref().or(function.limit.as_ref());
        let mut limits = Vec::new();
        for name in names.into_iter().flatten() {
            match runtime.limit(name) {
                Ok(limit) => limits.push(limit),
                Err(_) if current::is_worker() => outer.push(name.clone()),
                Err(error) => return Err(error::to_python(&error)),
            }
        }
        Ok(Spec { place, limits, retry, timeout: self.timeout.or(function.timeout).map(nanos) })
    }

    /// Whether the pauses between attempts were given.
    pub(crate) fn has_backoff(&self) -> bool {
        self.backoff.is_some()
    }

    fn is_plain(&self) -> bool {
        self.retries.is_none() && self.timeout.is_none() && self.limit.is_none()
    }
}

fn place(name: &str) -> PyResult<Place> {
    match name {
        "process" => Ok(Place::Process),
        "thread" => Ok(Place::Thread),
        "loop" => Ok(Place::Loop),
        "native" => Ok(Place::Native),
        other => Err(PyValueError::new_err(format!("there is no place {other:?}"))),
    }
}

/// Returns the name of a place.
pub(crate) fn name_of(place: Place) -> &'static str {
    match place {
        Place::Process => "process",
        Place::Thread => "thread",
        Place::Loop => "loop",
        Place::Native | Place::Inline => "native",
    }
}
