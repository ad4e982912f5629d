//! The way from a Python child to a zygote, and from its forks to workers.

use std::ffi::OsString;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::OnceLock;

use pyo3::exceptions::PyOSError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyTuple};
use raveler_procs::inbox::{self, NOTE_MAX, Note};
use raveler_procs::nursery::{self, NurseryHost};
use raveler_procs::worker::{Results, Worker, WorkerHost};
use raveler_procs::zygote::Launch;
use raveler_shm::{Arena, Segment, ShmError};
use raveler_sync::Flag;

use crate::current;
use crate::interpreter::Interpreter;
use crate::interrupt;
use crate::modules;
use crate::warm_heap;

/// Names of the environment that tell numeric libraries how many threads to use.
const THREAD_COUNTS: [&str; 6] = [
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "BLIS_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
];

/// Returns how to start the zygote for this interpreter.
pub(crate) fn launch(
    py: Python<'_>,
    preload: &Bound<'_, PyTuple>,
    workers: u32,
    cores: usize,
    memory: Option<u64>,
) -> PyResult<Launch> {
    let sys = py.import("sys")?;
    let program: OsString = sys.getattr("executable")?.extract()?;
    let mut arguments: Vec<OsString> = Vec::new();
    for _ in 0..sys.getattr("flags")?.getattr("optimize")?.extract::<u32>()?.min(2) {
        arguments.push("-O".into());
    }
    if sys.getattr("dont_write_bytecode")?.is_truthy()? {
        arguments.push("-B".into());
    }
    if is_plain(&sys)? {
        arguments.push("-S".into());
    }
    let home: String = py.import("raveler")?.getattr("__path__")?.get_item(0)?.extract()?;
    let home = std::path::Path::new(&home).parent().map(std::path::Path::to_path_buf).unwrap_or_default();
    arguments.push("-c".into());
    arguments.push(
        "import sys; sys.path.insert(0, sys.argv[1]); from raveler._worker import zygote_main; zygote_main()".into(),
    );
    arguments.push(home.into_os_string());
    let share = (cores / workers.max(1) as usize).max(1).to_string();
    let mut environment: Vec<(OsString, OsString)> = THREAD_COUNTS
        .iter()
        .filter(|name| std::env::var_os(name).is_none())
        .map(|name| ((*name).into(), share.clone().into()))
        .collect();
    environment.push(("PYTHONHASHSEED".into(), "0".into()));
    let mut configuration = memory.unwrap_or(0).to_le_bytes().to_vec();
    configuration.extend(modules::configuration(py)?.call1((preload,))?.extract::<Vec<u8>>()?);
    Ok(Launch { program, arguments, environment, configuration })
}

/// Whether modules are found by path alone, so that the start-up code of the site is not needed.
fn is_plain(sys: &Bound<'_, PyModule>) -> PyResult<bool> {
    let finders = sys.getattr("meta_path")?;
    for finder in finders.try_iter()? {
        let finder = finder?;
        let module: String = finder.getattr("__module__").and_then(|name| name.extract()).unwrap_or_default();
        // That of setuptools only answers for distutils.
        if !module.starts_with("_frozen_importlib") && module != "_distutils_hack" {
            return Ok(false);
        }
    }
    let modules = sys.getattr("modules")?;
    Ok(!modules.contains("sitecustomize")? && !modules.contains("usercustomize")?)
}

struct Nursery {
    memory: u64,
}

impl NurseryHost for Nursery {
    fn configure(&mut self, configuration: &[u8]) {
        let (memory, rest) = configuration
            .split_first_chunk::<8>()
            .map_or((0, configuration), |(memory, rest)| (u64::from_le_bytes(*memory), rest));
        self.memory = memory;
        Python::attach(|py| {
            let configured = modules::configure(py).and_then(|configure| configure.call1((PyBytes::new(py, rest),)));
            if let Err(error) = configured {
                error.print(py);
            }
        });
    }

    fn fork(&mut self) -> io::Result<Option<u32>> {
        Python::attach(|py| {
            let forked = modules::os_fork(py).and_then(|fork| fork.call0()?.extract::<u32>());
            match forked {
                Ok(0) => Ok(None),
                Ok(pid) => Ok(Some(pid)),
                Err(error) => Err(io::Error::other(error.to_string())),
            }
        })
    }

    fn reap(&mut self, pid: u32) -> (u32, u64) {
        Python::attach(|py| {
            let reaped = modules::os_wait4(py).and_then(|wait| wait.call1((pid, 0)));
            let facts = reaped.and_then(|reaped| {
                let status = reaped.get_item(1)?.extract::<u32>()?;
                let peak = reaped.get_item(2)?.getattr("ru_maxrss")?.extract::<u64>()?;
                Ok((status, peak))
            });
            facts.unwrap_or_default()
        })
    }
}

/// A worker's place in its runtime.
#[pyclass(unsendable, module = "raveler._raveler")]
pub(crate) struct Seat {
    worker: Option<Worker>,
    memory: u64,
    index: u32,
    fault: i32,
}

#[pymethods]
impl Seat {
    #[getter]
    fn index(&self) -> u32 {
        self.index
    }

    #[getter]
    fn fault_fd(&self) -> i32 {
        self.fault
    }

    /// Works until the runtime ends; returns the exit code.
    fn run(&mut self, py: Python<'_>) -> u32 {
        let Some(worker) = self.worker.take() else {
            return 0;
        };
        let arena = worker.arena().clone();
        let mut host = Worked { py, interpreter: Interpreter::new(false), arena, memory: self.memory };
        worker.run(&mut host)
    }
}

/// Runs the zygote on standard input: returns a seat in each worker, None in the zygote when its parent is gone.
#[pyfunction]
pub(crate) fn _zygote(py: Python<'_>) -> PyResult<Option<Bound<'_, Seat>>> {
    let mut nursery = Nursery { memory: 0 };
    let Some(seat) = nursery::run(&mut nursery)? else {
        return Ok(None);
    };
    current::become_worker();
    warm_heap::keep(py);
    let worker = Worker::new(seat).map_err(|error| PyOSError::new_err(error.to_string()))?;
    let fault = worker.fault().as_raw_fd();
    let outbox = worker.inbox().try_clone()?;
    let _ = OUTBOX.set((outbox, worker.index(), worker.segment().clone()));
    let seat = Seat { index: worker.index(), fault, worker: Some(worker), memory: nursery.memory };
    Ok(Some(Bound::new(py, seat)?))
}

/// Where this worker's lines go, and its index.
static OUTBOX: OnceLock<(OwnedFd, u32, Segment)> = OnceLock::new();
static FLUSH: Flag = Flag::new(false);

/// Returns where this worker's notes go, its index and the segment; `None` outside a worker.
pub(crate) fn outbox() -> Option<&'static (OwnedFd, u32, Segment)> {
    OUTBOX.get()
}

/// Sends a line, record or warning to the parent; long ones in parts.
#[pyfunction]
pub(crate) fn _send(py: Python<'_>, kind: u32, content: &[u8]) -> PyResult<()> {
    let Some((socket, worker, segment)) = OUTBOX.get() else {
        return Ok(());
    };
    let (name, task) =
        current::task(py).map_or_else(|| (String::new(), 0), |(name, number, _)| (name.bind(py).to_string(), number));
    for part in content.chunks(NOTE_MAX) {
        let note = Note { kind, worker: *worker, task, name: name.clone(), content: part.to_vec() };
        let record = segment.worker(*worker);
        record.set_messages(record.messages() + 1);
        py.detach(|| inbox::send(socket, &note))?;
    }
    Ok(())
}

/// Asks that `_worker.after_task` is called once after the current task.
#[pyfunction]
pub(crate) fn _request_flush() {
    FLUSH.set(true);
}

/// Handles the signal that interrupts a task which ran out of time; any other of its kind does nothing.
#[pyfunction]
pub(crate) fn _interrupt(py: Python<'_>, signal: i32, frame: &Bound<'_, PyAny>) -> PyResult<()> {
    let _ = (signal, frame);
    match OUTBOX.get() {
        Some((_, worker, segment)) => interrupt::strike(py, segment.worker(*worker).interrupt()),
        None => Ok(()),
    }
}

/// The interpreter of a worker.
struct Worked<'py> {
    py: Python<'py>,
    interpreter: Interpreter,
    arena: Arena,
    memory: u64,
}

impl WorkerHost for Worked<'_> {
    fn run(&mut self, args: &[u8], results: &mut impl Results) -> Result<bool, ShmError> {
        let ran = self.interpreter.run(self.py, args, &self.arena, results);
        if FLUSH.get() {
            FLUSH.set(false);
            if let Err(error) = modules::after_task(self.py).and_then(PyAnyMethods::call0) {
                error.write_unraisable(self.py, None);
            }
        }
        ran
    }

    fn detached(&mut self, sleep: &mut (dyn FnMut() + Send)) {
        self.py.detach(sleep);
    }

    fn is_warm(&self) -> bool {
        warm_heap::is_warm()
    }

    fn cool(&mut self) {
        warm_heap::cool(self.py);
    }

    fn wants_to_retire(&mut self) -> bool {
        if self.memory > 0 && self.is_over_memory() {
            // What is kept for the next task is nobody's.
            self.cool();
            if self.is_over_memory() {
                return true;
            }
        }
        interrupt::was_hit()
    }
}

impl Worked<'_> {
    fn is_over_memory(&self) -> bool {
        resident_bytes().is_some_and(|bytes| bytes > self.memory)
    }
}

/// Returns the resident size of this process without what it shares.
fn resident_bytes() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/self/statm").ok()?;
    let mut pages = text.split_whitespace().skip(1).map(str::parse::<u64>);
    let (resident, shared) = (pages.next()?.ok()?, pages.next()?.ok()?);
    Some(resident.saturating_sub(shared) * 4096)
}
