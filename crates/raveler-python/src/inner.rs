//! What a runtime and its views have in common: the functions that it knows, and the order of its calls.

use std::sync::{Mutex, MutexGuard, PoisonError};

use pyo3::prelude::*;
use raveler::Runtime;
use raveler_sync::Counter;
use raveler_task::{Place, Seed};

use crate::current;
use crate::function::Functions;
use crate::host::Interp;
use crate::modules;
use crate::options::{self, Options};
use crate::prepared::Prepared;

/// What a runtime and its views have in common.
pub(crate) struct Inner {
    pub(crate) runtime: Runtime<Interp>,
    pub(crate) functions: Mutex<Functions>,
    /// Calls that were made outside any task: each gets a random stream.
    pub(crate) calls: Counter,
    pub(crate) scratch: Mutex<Vec<u8>>,
}

impl Inner {
    pub(crate) fn functions(&self) -> MutexGuard<'_, Functions> {
        self.functions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the seed of the next call, or of the call that the key names.
    pub(crate) fn seed(&self, py: Python<'_>, key: Option<&Py<PyAny>>) -> PyResult<Seed> {
        let Some(key) = key else {
            if let Some(seed) = current::next_call(py)? {
                return Ok(seed);
            }
            return Ok(self.root().child(self.calls.add(1)));
        };
        let root = current::own_seed(py)?.unwrap_or_else(|| self.root());
        let name = key.bind(py).repr()?;
        Ok(root.keyed(name.to_str()?.as_bytes()))
    }

    fn root(&self) -> Seed {
        Seed::root(self.runtime.config().seed)
    }

    /// Decides everything about a function that is called with these options.
    pub(crate) fn prepare(&self, py: Python<'_>, callable: &Bound<'_, PyAny>, options: &Options) -> PyResult<Prepared> {
        let mut functions = self.functions();
        let (known, object) = functions.get(callable)?;
        let place = options.place_over(&known.options, known.place);
        if place != known.place && (known.place != Place::Process || place == Place::Native) {
            modules::check_on(py)?.call1((callable, options::name_of(place)))?;
        }
        let retry_on = options.retry_on.as_ref().or(known.options.retry_on.as_ref()).map(|kinds| kinds.clone_ref(py));
        let published = match place {
            Place::Process => Some(known.publish(py, &self.runtime, retry_on.as_ref())?),
            _ => None,
        };
        let mut outer = Vec::new();
        let mut leading = Vec::new();
        if let Some(arguments) = &known.leading {
            leading.extend(arguments.bind(py).iter().map(Bound::unbind));
        }
        leading.extend(object.map(Bound::unbind));
        Ok(Prepared {
            function: known.function.clone_ref(py),
            leading,
            name: options.name.as_ref().unwrap_or(&known.name).clone_ref(py),
            place,
            spec: options.spec(&known.options, place, &self.runtime, &mut outer)?,
            outer,
            retry_on,
            is_writable: options.writable.or(known.options.writable).unwrap_or(false),
            published,
        })
    }
}
