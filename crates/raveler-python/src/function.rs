//! Functions as the runtime knows them: resolved, serialised and published once, checked again before each use.

use std::collections::HashMap;
use std::sync::Arc;

use pyo3::exceptions::PyValueError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyString, PyTuple};
use raveler::Runtime;
use raveler::function::Function;
use raveler_procs::WireError;
use raveler_procs::token::{Reader, Write};
use raveler_task::Place;

use crate::error;
use crate::host::Interp;
use crate::modules;
use crate::options::Options;

/// Most functions that are remembered.
const REMEMBERED: usize = 256;

/// A callable, resolved.
pub(crate) struct Known {
    /// The callable that was given; held so that its address stays its own.
    _given: Py<PyAny>,
    /// The function to run.
    pub(crate) function: Py<PyAny>,
    /// Arguments that stand before the caller's: the object of a decorated bound method.
    pub(crate) leading: Option<Py<PyTuple>>,
    /// The function's own options.
    pub(crate) options: Options,
    /// Where it runs unless a call says otherwise.
    pub(crate) place: Place,
    /// Its name.
    pub(crate) name: Py<PyString>,
    /// Its published form, by the kinds of error that are retried.
    published: Option<Published>,
}

struct Published {
    function: Arc<Function>,
    checks: Option<Py<PyTuple>>,
    retry_on: Option<Py<PyAny>>,
}

/// The functions that a runtime has seen.
#[derive(Default)]
pub(crate) struct Functions {
    known: HashMap<usize, Known>,
}

impl Functions {
    /// Returns what is known of a callable, resolving it at first sight, and the object that it is bound to.
    ///
    /// Each access to a method makes another bound method, so these are known by their function.
    pub(crate) fn get<'a, 'py>(
        &'a mut self,
        callable: &Bound<'py, PyAny>,
    ) -> PyResult<(&'a mut Known, Option<Bound<'py, PyAny>>)> {
        let py = callable.py();
        if callable.get_type().is(modules::method_type(py)?) {
            let function = callable.getattr(intern!(py, "__func__"))?;
            return Ok((self.known(&function)?, Some(callable.getattr(intern!(py, "__self__"))?)));
        }
        Ok((self.known(callable)?, None))
    }

    fn known(&mut self, callable: &Bound<'_, PyAny>) -> PyResult<&mut Known> {
        let address = callable.as_ptr().addr();
        if !self.known.contains_key(&address) {
            let known = Known::resolve(callable)?;
            if self.known.len() >= REMEMBERED {
                self.known.clear();
            }
            self.known.insert(address, known);
        }
        self.known.get_mut(&address).ok_or_else(|| PyValueError::new_err("the function is gone"))
    }
}

impl Known {
    fn resolve(callable: &Bound<'_, PyAny>) -> PyResult<Self> {
        let py = callable.py();
        let resolved = modules::resolve(py)?.call1((callable,))?;
        let (function, leading, options): (Bound<'_, PyAny>, Bound<'_, PyTuple>, Bound<'_, PyDict>) =
            resolved.extract()?;
        let name = match function.getattr(intern!(py, "__qualname__")) {
            Ok(name) => name.str()?,
            Err(_) => function.get_type().qualname()?,
        };
        let options = Options::parse(&options)?;
        Ok(Self {
            _given: callable.clone().unbind(),
            function: function.unbind(),
            leading: (!leading.is_empty()).then(|| leading.unbind()),
            place: options.place.unwrap_or(Place::Process),
            name: options.name.as_ref().map_or_else(|| name.unbind(), |name| name.clone_ref(py)),
            options,
            published: None,
        })
    }

    /// Returns the published function, publishing it if it is new or has changed.
    pub(crate) fn publish(
        &mut self,
        py: Python<'_>,
        runtime: &Runtime<Interp>,
        retry_on: Option<&Py<PyAny>>,
    ) -> PyResult<Arc<Function>> {
        if let Some(published) = &self.published
            && same_kinds(published.retry_on.as_ref(), retry_on)
            && published.is_unchanged(py, self.function.bind(py))?
        {
            return Ok(Arc::clone(&published.function));
        }
        let is_here = runtime.config().is_serial;
        let dumped = modules::dump_function(py)?.call1((self.function.bind(py), is_here))?;
        let (code, checks): (Bound<'_, PyBytes>, Option<Bound<'_, PyTuple>>) = dumped.extract()?;
        let kinds = match retry_on {
            None => Vec::new(),
            Some(kinds) => {
                let pickled = modules::dumps(py)?.call1((kinds, "retry_on", is_here))?;
                pickled.get_item(0)?.extract()?
            }
        };
        let packed = pack(&kinds, code.as_bytes()).map_err(|error| error::of_wire(&error))?;
        let function = runtime.publish(&packed).map_err(|error| error::to_python(&error))?;
        self.published = Some(Published {
            function: Arc::clone(&function),
            checks: checks.map(Bound::unbind),
            retry_on: retry_on.map(|kinds| kinds.clone_ref(py)),
        });
        Ok(function)
    }
}

fn same_kinds(left: Option<&Py<PyAny>>, right: Option<&Py<PyAny>>) -> bool {
    match (left, right) {
        (None, None) => true,
        (Some(left), Some(right)) => left.is(right),
        _ => false,
    }
}

impl Published {
    /// Whether nothing that the function refers to has changed since it was serialised.
    fn is_unchanged(&self, py: Python<'_>, function: &Bound<'_, PyAny>) -> PyResult<bool> {
        match &self.checks {
            None => Ok(true),
            Some(checks) => is_unchanged(checks.bind(py), function),
        }
    }
}

/// Compares `(attributes, items, cells, mutable)`, as `raveler._core.changes` makes them.
fn is_unchanged(checks: &Bound<'_, PyTuple>, function: &Bound<'_, PyAny>) -> PyResult<bool> {
    let py = checks.py();
    if !checks.get_item(3)?.is_none() {
        return modules::still_same(py)?.call1((checks, function))?.is_truthy();
    }
    for check in checks.get_item(0)?.cast::<PyTuple>()?.iter_borrowed() {
        let check = check.cast::<PyTuple>()?;
        let owner = check.get_borrowed_item(0)?;
        let name = check.get_borrowed_item(1)?;
        let owner = if owner.is_none() { function } else { &*owner };
        let Ok(now) = owner.getattr(name.cast::<PyString>()?) else {
            return Ok(false);
        };
        if !now.is(check.get_borrowed_item(2)?) {
            return Ok(false);
        }
    }
    for check in checks.get_item(1)?.cast::<PyTuple>()?.iter_borrowed() {
        let check = check.cast::<PyTuple>()?;
        let mapping = check.get_borrowed_item(0)?;
        let now = match mapping.cast::<PyDict>() {
            Ok(dict) => dict.get_item(check.get_borrowed_item(1)?)?,
            Err(_) => mapping.get_item(check.get_borrowed_item(1)?).ok(),
        };
        let expected = check.get_borrowed_item(2)?;
        let is_same = match now {
            Some(now) => now.is(expected),
            None => expected.is(modules::missing(py)?),
        };
        if !is_same {
            return Ok(false);
        }
    }
    for check in checks.get_item(2)?.cast::<PyTuple>()?.iter_borrowed() {
        let check = check.cast::<PyTuple>()?;
        let Ok(now) = check.get_borrowed_item(0)?.getattr(intern!(py, "cell_contents")) else {
            return Ok(false);
        };
        if !now.is(check.get_borrowed_item(1)?) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Puts the kinds of error that are retried before the code.
fn pack(kinds: &[u8], code: &[u8]) -> Result<Vec<u8>, WireError> {
    let mut packed = Vec::with_capacity(4 + kinds.len() + code.len());
    Write::u32(&mut packed, u32::try_from(kinds.len()).map_err(|_| WireError::Long(kinds.len()))?);
    packed.extend_from_slice(kinds);
    packed.extend_from_slice(code);
    Ok(packed)
}

/// Takes the kinds of error that are retried, and the code, apart again.
pub(crate) fn unpack(packed: &[u8]) -> Result<(&[u8], &[u8]), WireError> {
    let mut reader = Reader::new(packed);
    let len = reader.u32()?;
    Ok((reader.take(len as usize)?, reader.rest()))
}
