//! The signal of a flow: one flag for the news of all its stages.

use std::sync::{Arc, Mutex, PoisonError};

use pyo3::prelude::*;
use pyo3::types::PyDict;
use raveler::Runtime;
use raveler_sync::Flag;

use crate::error;
use crate::host::{Interp, Waiter, ring, tell};
use crate::runtime::PyRuntime;

/// Is set when any stage of a flow has news, and wakes its consumer.
#[pyclass(frozen, module = "raveler._raveler")]
pub(crate) struct Signal {
    runtime: Runtime<Interp>,
    pub(crate) news: Arc<Flag>,
    waiter: Mutex<Option<Waiter>>,
}

impl Signal {
    /// Notes that what has happened until now is seen.
    pub(crate) fn clear(&self) {
        self.news.set(false);
    }

    /// Waits for news or until the clock reads `deadline`.
    pub(crate) fn wait(&self, py: Python<'_>, deadline: Option<u64>) -> PyResult<()> {
        let mut interrupted = error::heed_signals;
        py.detach(|| self.runtime.wait(&self.news, None, deadline, &mut interrupted)).map(drop)
    }

    /// Keeps who is to be told of news, instead of who was before.
    pub(crate) fn keep(&self, waiter: Waiter) {
        let before = self.waiter.lock().unwrap_or_else(PoisonError::into_inner).replace(waiter);
        drop(before);
    }

    /// Returns who is to be told if there are news already.
    pub(crate) fn missed(&self) -> Option<Waiter> {
        if self.news.get() { self.waiter.lock().unwrap_or_else(PoisonError::into_inner).take() } else { None }
    }
}

#[pymethods]
impl Signal {
    #[new]
    fn new(runtime: &Bound<'_, PyRuntime>) -> Self {
        let runtime = runtime.get().inner.runtime.clone();
        Self { runtime, news: Arc::new(Flag::new(true)), waiter: Mutex::new(None) }
    }

    /// Tells the consumer that there are news.
    fn set(&self, py: Python<'_>) {
        self.runtime.announce(&self.news);
        let waiter = self.waiter.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(waiter) = waiter {
            let mut rung = Vec::new();
            tell(py, waiter, &mut rung);
            ring(py, &rung);
        }
    }
}

/// Returns the flag of the flow that a run is a stage of, from its arguments.
pub(crate) fn news_of(options: &Bound<'_, PyDict>) -> PyResult<Option<Arc<Flag>>> {
    let signal = options.get_item("signal")?;
    Ok(signal.map(Bound::cast_into::<Signal>).transpose()?.map(|signal| Arc::clone(&signal.get().news)))
}
