//! The runtime as Python sees it, and views of it with options.

use std::sync::{Arc, Mutex, PoisonError};

use pyo3::exceptions::PyTypeError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString, PyTuple};
use raveler::work::{LateParcel, Parcel};
use raveler::{Config, Runtime};
use raveler_procs::cores::Cores;
use raveler_sync::Counter;
use raveler_task::{Limit, Place, Seed};

use crate::arguments::{unshared, write_arguments};
use crate::bridge::bridge;
use crate::call::{Hole, Job};
use crate::current;
use crate::encode::Encoder;
use crate::error;
use crate::facts::Facts;
use crate::host::Interp;
use crate::inner::Inner;
use crate::loan::Loan;
use crate::modules;
use crate::options::{Options, nanos};
use crate::prepared::{Prepared, write_head};
use crate::shared::Shared;
use crate::task::{Task, as_task};

/// The owner of everything, or a view of it with options.
#[pyclass(name = "Runtime", subclass, weakref, frozen, module = "raveler._raveler")]
pub(crate) struct PyRuntime {
    pub(crate) inner: Arc<Inner>,
    pub(crate) options: Options,
    given: Py<PyDict>,
}

impl PyRuntime {
    /// Submits a call whose random stream is that of the given item of the given seed.
    fn submit_at(
        slf: &Bound<'_, Self>,
        function: &Bound<'_, PyAny>,
        stream: (Seed, u64),
        args: &Bound<'_, PyTuple>,
        kwargs: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Task> {
        let this = slf.get();
        this.inner.runtime.check().map_err(|error| error::to_python(&error))?;
        if !this.inner.runtime.has_processes()
            && matches!(this.options.place, None | Some(Place::Process))
            && is_plain(function)
        {
            // The workers start while the function is made ready.
            this.inner.runtime.ensure_processes().map_err(|error| error::to_python(&error))?;
        }
        let prepared = this.inner.prepare(slf.py(), function, &this.options)?;
        // Inside a worker the task runs before this returns.
        let _loans = Loan::all(slf.py(), &prepared.outer)?;
        if prepared.place == Place::Process {
            Self::submit_process(slf, prepared, stream, args, kwargs)
        } else {
            Self::submit_here(slf, prepared, stream, args, kwargs)
        }
    }

    fn submit_process(
        slf: &Bound<'_, Self>,
        prepared: Prepared,
        stream: (Seed, u64),
        args: &Bound<'_, PyTuple>,
        kwargs: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Task> {
        let py = slf.py();
        let inner = &slf.get().inner;
        let runtime = &inner.runtime;
        runtime.ensure_processes().map_err(|error| error::to_python(&error))?;
        let Some(function) = &prepared.published else {
            return Err(PyTypeError::new_err("not a process task"));
        };
        let number = runtime.next_number();
        let cell = loop {
            let mut encoder = Encoder::new(runtime.arena(), runtime.config().is_serial);
            encoder.out = std::mem::take(&mut *inner.scratch.lock().unwrap_or_else(PoisonError::into_inner));
            encoder.out.clear();
            write_head(&mut encoder.out, function, &prepared, 0, (number, 1), stream);
            let holes = write_arguments(py, runtime, &mut encoder, &prepared.leading, args, kwargs)?;
            let Encoder { mut out, mut blocks, .. } = encoder;
            let spec = prepared.spec.clone();
            if holes.is_empty() {
                Parcel::seal(&mut out, &mut blocks, runtime.arena()).map_err(|error| error::to_python(&error))?;
                let cell = runtime.submit_frame(number, spec, &out, blocks, function);
                *inner.scratch.lock().unwrap_or_else(PoisonError::into_inner) = out;
                break cell.map_err(|error| error::to_python(&error))?;
            }
            let late = LateParcel { bytes: out, blocks, function: Arc::clone(function), holes };
            if let Some(cell) = runtime.submit_late(number, spec, late).map_err(|error| error::to_python(&error))? {
                break cell;
            }
        };
        if runtime.config().is_serial {
            runtime.run_inline();
        }
        let owner = slf.clone().unbind().into_any();
        Ok(Task::new(cell, runtime.clone(), owner, prepared.name, Place::Process))
    }

    fn submit_here(
        slf: &Bound<'_, Self>,
        prepared: Prepared,
        stream: (Seed, u64),
        args: &Bound<'_, PyTuple>,
        kwargs: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Task> {
        let py = slf.py();
        let runtime = &slf.get().inner.runtime;
        if prepared.place == Place::Native {
            return Err(PyTypeError::new_err("a native operation is called itself; it can't be submitted"));
        }
        current::has_calls();
        let mut holes = Vec::new();
        let mut parents = Vec::new();
        let mut positional: Vec<Bound<'_, PyAny>> = prepared.leading.iter().map(|each| each.bind(py).clone()).collect();
        for value in args.iter() {
            if let Some(task) = as_task(&value) {
                let cell = bridge(py, task.get(), runtime)?;
                holes.push((Hole::Position(positional.len()), Arc::clone(&cell)));
                parents.push(cell);
            }
            positional.push(unshared(value)?);
        }
        let keywords = PyDict::new(py);
        for (name, value) in kwargs.into_iter().flatten() {
            if let Some(task) = as_task(&value) {
                let cell = bridge(py, task.get(), runtime)?;
                holes.push((Hole::Keyword(name.clone().cast_into::<PyString>()?.unbind()), Arc::clone(&cell)));
                parents.push(cell);
            }
            keywords.set_item(name, unshared(value)?)?;
        }
        let job = Arc::new(Job {
            runtime: runtime.clone(),
            place: prepared.place,
            function: prepared.function,
            args: PyTuple::new(py, positional)?.unbind(),
            kwargs: Some(keywords.unbind()),
            holes,
            name: prepared.name.clone_ref(py),
            seed: stream.0.child(stream.1),
            context: modules::copy_context(py)?.call0()?.unbind(),
            retry_on: prepared.retry_on,
            attempt: Mutex::new(None),
            running: Mutex::new(None),
        });
        let cell = runtime.submit_call(runtime.next_number(), prepared.spec, job, &parents);
        let cell = cell.map_err(|error| error::to_python(&error))?;
        if runtime.config().is_serial {
            runtime.run_inline();
        }
        let owner = slf.clone().unbind().into_any();
        Ok(Task::new(cell, runtime.clone(), owner, prepared.name, prepared.place))
    }
}

/// Whether a callable is a plain function, which runs in a process unless it is told otherwise.
fn is_plain(function: &Bound<'_, PyAny>) -> bool {
    /// Bits of `co_flags`: coroutine, iterable coroutine, asynchronous generator.
    const ASYNCHRONOUS: u32 = 0x80 | 0x100 | 0x200;
    let py = function.py();
    let code = function.getattr_opt(intern!(py, "__code__")).ok().flatten();
    let flags = code.and_then(|code| code.getattr(intern!(py, "co_flags")).ok()?.extract::<u32>().ok());
    flags.is_some_and(|flags| flags & ASYNCHRONOUS == 0)
}

#[pymethods]
impl PyRuntime {
    #[new]
    #[pyo3(signature = (workers=None, engine="local", seed=0, limits=None, memory=None, preload=None, trace=None, *, of=None, options=None))]
    #[expect(clippy::too_many_arguments, reason = "these are the arguments of the contract")]
    fn new(
        py: Python<'_>,
        workers: Option<u32>,
        engine: &str,
        seed: u64,
        limits: Option<&Bound<'_, PyDict>>,
        memory: Option<u64>,
        preload: Option<Py<PyTuple>>,
        trace: Option<&Bound<'_, PyAny>>,
        of: Option<&Bound<'_, Self>>,
        options: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Self> {
        let given = options.map_or_else(|| PyDict::new(py), Clone::clone);
        let options = Options::parse(&given)?;
        if let Some(of) = of {
            return Ok(Self { inner: Arc::clone(&of.get().inner), options, given: given.unbind() });
        }
        // Checked by the Python layer; nothing records yet.
        let _ = trace;
        let is_nested = current::is_worker();
        let cores = Cores::here().usable;
        let config = Config {
            workers: workers.unwrap_or_else(|| u32::try_from(cores).unwrap_or(1)).max(1),
            is_serial: engine == "serial" || is_nested,
            seed,
            limits: parse_limits(limits)?,
        };
        let preload = preload.unwrap_or_else(|| PyTuple::empty(py).unbind());
        let host = Interp::new(config.is_serial, config.workers, cores, memory, preload);
        let runtime = Runtime::new(Arc::new(host), config).map_err(|error| error::to_python(&error))?;
        let inner =
            Inner { runtime, functions: Mutex::default(), calls: Counter::new(0), scratch: Mutex::new(Vec::new()) };
        Ok(Self { inner: Arc::new(inner), options, given: given.unbind() })
    }

    /// Submits a call; every keyword goes to the function.
    #[pyo3(signature = (function, /, *args, **kwargs))]
    fn submit(
        slf: &Bound<'_, Self>,
        function: &Bound<'_, PyAny>,
        args: &Bound<'_, PyTuple>,
        kwargs: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Task> {
        let this = slf.get();
        let seed = this.inner.seed(slf.py(), this.options.key.as_ref())?;
        Self::submit_at(slf, function, (seed, 0), args, kwargs)
    }

    /// Puts one read-only copy of a value where every worker can read it.
    fn share(&self, value: &Bound<'_, PyAny>) -> PyResult<Shared> {
        self.inner.runtime.check().map_err(|error| error::to_python(&error))?;
        Shared::put(&self.inner.runtime, value)
    }

    /// Takes a place in the order of calls for items that are submitted later, at whatever time.
    fn _reserve_call(&self, py: Python<'_>) -> PyResult<u128> {
        Ok(self.inner.seed(py, self.options.key.as_ref())?.to_u128())
    }

    /// Submits one item of a call whose place was reserved.
    fn _submit_item(
        slf: &Bound<'_, Self>,
        call: u128,
        item: u64,
        function: &Bound<'_, PyAny>,
        args: &Bound<'_, PyTuple>,
    ) -> PyResult<Task> {
        Self::submit_at(slf, function, (Seed::from_u128(call), item), args, None)
    }

    /// Makes the loop of the caller the place of coroutines.
    fn _adopt(&self, place: Option<Py<PyAny>>) {
        self.inner.runtime.host().adopt(place);
    }

    /// Waits for what was submitted, or cancels it; then ends workers, threads and loop.
    fn _close(&self, py: Python<'_>, cancel: bool) -> PyResult<()> {
        let runtime = &self.inner.runtime;
        if runtime.is_foreign() || runtime.is_closed() {
            return Ok(());
        }
        if !cancel {
            let mut interrupted = error::heed_signals;
            py.detach(|| runtime.wait_until_quiet(&mut interrupted))?;
        }
        py.detach(|| runtime.close());
        runtime.host().close_places(py);
        Ok(())
    }

    /// Returns what has been counted.
    fn stats<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let runtime = &self.inner.runtime;
        let tally = runtime.tally();
        #[expect(clippy::cast_precision_loss, reason = "seconds are read by people")]
        let busy = tally.busy as f64 / 1e9;
        let stats = Facts::new(py)
            .with("submitted", tally.submitted)?
            .with("open", runtime.open_tasks())?
            .with("done", tally.done)?
            .with("failed", tally.failed)?
            .with("cancelled", tally.cancelled)?
            .with("timed_out", tally.timed_out)?
            .with("died", tally.died)?
            .with("retries", tally.retries)?
            .with("worker_deaths", tally.deaths)?
            .with("map_items", tally.items)?
            .with("busy_seconds", busy)?
            .with("shared_bytes", runtime.arena().used_bytes())?
            .with("missed_bells", runtime.segment().missed_bells())?
            .with("workers", runtime.worker_pids())?
            .into_dict();
        Ok(stats)
    }

    /// Returns the counts in words.
    fn report(&self) -> String {
        let tally = self.inner.runtime.tally();
        let busy = std::time::Duration::from_nanos(tally.busy);
        format!(
            "{} submitted, {} done, {} failed, {} cancelled, {} timed out, {} lost to dead workers; {} map items; {} retries; {} workers died; workers were busy for {busy:.3?}",
            tally.submitted,
            tally.done,
            tally.failed,
            tally.cancelled,
            tally.timed_out,
            tally.died,
            tally.items,
            tally.retries,
            tally.deaths,
        )
    }

    #[getter]
    fn workers(&self) -> u32 {
        self.inner.runtime.config().workers
    }

    #[getter]
    fn engine(&self) -> &'static str {
        if self.inner.runtime.config().is_serial { "serial" } else { "local" }
    }

    #[getter]
    fn seed(&self) -> u64 {
        self.inner.runtime.config().seed
    }

    #[getter]
    fn closed(&self) -> bool {
        self.inner.runtime.is_closed()
    }

    #[getter]
    fn _options(&self, py: Python<'_>) -> Py<PyDict> {
        self.given.clone_ref(py)
    }

    /// Tells whether the runtime belongs to the process that forked this one.
    #[getter]
    fn _is_foreign(&self) -> bool {
        self.inner.runtime.is_foreign()
    }
}

fn parse_limits(limits: Option<&Bound<'_, PyDict>>) -> PyResult<Vec<(String, Limit)>> {
    let mut parsed = Vec::new();
    for (name, limit) in limits.into_iter().flatten() {
        let limit = match limit.extract::<(u32, f64)>() {
            Ok((count, per)) => Limit::Rate { count, per: nanos(per) },
            Err(_) => Limit::Count(limit.extract()?),
        };
        parsed.push((name.extract()?, limit));
    }
    Ok(parsed)
}
