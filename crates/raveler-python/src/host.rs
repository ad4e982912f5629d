//! The interpreter as the runtime sees it: tells waiters, starts and stops calls, runs frames of the serial engine.

use std::ffi::OsString;
use std::sync::{Arc, Mutex, PoisonError};

use pyo3::exceptions::PyKeyboardInterrupt;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyTuple};
use raveler::cell::Cell;
use raveler::outcome::Outcome;
use raveler::{Host, Notice};
use raveler_procs::inbox::Note;
use raveler_procs::worker::Results;
use raveler_procs::zygote::Launch;
use raveler_shm::{Arena, ShmError};
use raveler_task::{Place, TaskId};

use crate::bridge::Bridge;
use crate::call::{self, Call, Job};
use crate::hub::Bell;
use crate::interpreter::Interpreter;
use crate::modules;
use crate::native::{Fault, Reply};

/// The interpreter of this process.
pub(crate) struct Interp {
    is_serial: bool,
    workers: u32,
    cores: usize,
    /// Memory that a worker may use, in bytes.
    memory: Option<u64>,
    preload: Py<PyTuple>,
    inline: Mutex<Option<Interpreter>>,
    threads: Mutex<Option<Py<PyAny>>>,
    event_loop: Mutex<Option<Py<PyAny>>>,
}

/// Who wants to be told that a task is settled.
pub(crate) enum Waiter {
    /// A function, called with the task.
    Callback(Py<PyAny>, Py<PyAny>),
    /// A hub, given a token.
    Hub(Arc<Bell>, Py<PyAny>),
    /// A task of another runtime that ends likewise.
    Bridge(Box<Bridge>),
}

impl Waiter {
    /// Returns another waiter for the same loop, if it is one.
    pub(crate) fn clone_ref(&self, py: Python<'_>) -> Option<Self> {
        match self {
            Self::Hub(bell, token) => Some(Self::Hub(Arc::clone(bell), token.clone_ref(py))),
            Self::Callback(..) | Self::Bridge(_) => None,
        }
    }
}

impl Interp {
    pub(crate) fn new(is_serial: bool, workers: u32, cores: usize, memory: Option<u64>, preload: Py<PyTuple>) -> Self {
        Self {
            is_serial,
            workers,
            cores,
            memory,
            preload,
            inline: Mutex::new(None),
            threads: Mutex::new(None),
            event_loop: Mutex::new(None),
        }
    }

    /// Makes a loop that runs elsewhere the place of coroutines; `None` ends that.
    pub(crate) fn adopt(&self, place: Option<Py<PyAny>>) {
        *self.event_loop.lock().unwrap_or_else(PoisonError::into_inner) = place;
    }

    /// Returns the identity of the thread of the event loop, if there is one.
    pub(crate) fn loop_thread(&self, py: Python<'_>) -> Option<u64> {
        let event_loop = self.event_loop.lock().unwrap_or_else(PoisonError::into_inner).as_ref()?.clone_ref(py);
        event_loop.getattr(py, intern!(py, "thread_id")).ok()?.extract(py).ok()?
    }

    fn place<'py>(&self, py: Python<'py>, place: Place) -> PyResult<Bound<'py, PyAny>> {
        let (slot, class) = match place {
            Place::Loop => (&self.event_loop, modules::loop_place(py)?),
            _ => (&self.threads, modules::thread_place(py)?),
        };
        if let Some(made) = slot.lock().unwrap_or_else(PoisonError::into_inner).as_ref() {
            return Ok(made.bind(py).clone());
        }
        let made = class.call0()?;
        let mut slot = slot.lock().unwrap_or_else(PoisonError::into_inner);
        let chosen = slot.get_or_insert_with(|| made.unbind());
        Ok(chosen.bind(py).clone())
    }

    /// Ends threads and loop.
    pub(crate) fn close_places(&self, py: Python<'_>) {
        for slot in [&self.event_loop, &self.threads] {
            let place = slot.lock().unwrap_or_else(PoisonError::into_inner).take();
            if let Some(place) = place
                && let Err(error) = place.call_method0(py, intern!(py, "close"))
            {
                error.write_unraisable(py, None);
            }
        }
    }

    fn start(&self, py: Python<'_>, job: &Arc<Job>) {
        let started = Call::start(py, job).and_then(|call| {
            let Some(call) = call else { return Ok(()) };
            if self.is_serial {
                modules::run_inline(py)?.call1((call,))?;
            } else {
                self.place(py, job.place)?.call_method1(intern!(py, "start"), (call,))?;
            }
            Ok(())
        });
        if let Err(error) = started {
            job.fail(py, &error);
            // Ctrl-C is meant for the program, and not for the task that happened to begin.
            if error.is_instance_of::<PyKeyboardInterrupt>(py)
                && let Err(error) = py.import("_thread").and_then(|thread| thread.call_method0("interrupt_main"))
            {
                error.write_unraisable(py, None);
            }
        }
    }

    fn stop(&self, py: Python<'_>, job: &Arc<Job>) {
        let Some(call) = job.take_running() else {
            return;
        };
        let method = if job.place == Place::Loop { intern!(py, "cancel") } else { intern!(py, "abandon") };
        let stopped = self.place(py, job.place).and_then(|place| place.call_method1(method, (call,)));
        if let Err(error) = stopped {
            error.write_unraisable(py, None);
        }
    }
}

impl Host for Interp {
    type Value = Py<PyAny>;
    type Reply = Box<dyn Reply>;
    type Fault = Arc<dyn Fault>;
    type Waiter = Waiter;
    type Call = Job;

    fn deliver(&self, notices: Vec<Notice<Self>>) {
        // Without an interpreter nobody is left who could be told.
        Python::try_attach(|py| {
            let mut rung = Vec::new();
            for notice in notices {
                match notice {
                    Notice::Settled(_, waiter) | Notice::Ready { waiter, .. } => tell(py, waiter, &mut rung),
                    Notice::Start(job) => self.start(py, &job),
                    Notice::Stop(job) => self.stop(py, &job),
                    Notice::Kill { .. } | Notice::Launch(_) => {}
                }
            }
            ring(py, &rung);
        });
    }

    fn deliver_detached(&self, notices: Vec<Notice<Self>>) -> Vec<Notice<Self>> {
        let mut rung = Vec::new();
        let mut rest = Vec::new();
        for notice in notices {
            match notice {
                Notice::Settled(_, Waiter::Hub(bell, token))
                | Notice::Ready { waiter: Waiter::Hub(bell, token), .. }
                    if !bell.needs_interpreter() =>
                {
                    if bell.add(token) {
                        rung.push(bell);
                    }
                }
                other => rest.push(other),
            }
        }
        for bell in rung {
            bell.ring_detached();
        }
        rest
    }

    fn reply_bytes(reply: &Box<dyn Reply>) -> u64 {
        reply.bytes()
    }

    fn encode(&self, reply: Box<dyn Reply>, arena: &Arena) -> Outcome<Self> {
        Python::attach(|py| {
            let made = reply.into_python(py).and_then(|value| call::both(value, arena, self.is_serial));
            made.unwrap_or_else(|error| Outcome::Raised(error.into_value(py).into_any()))
        })
    }

    fn run_inline(&self, args: &[u8], arena: &Arena, results: &mut impl Results) -> Result<bool, ShmError> {
        // A frame that itself runs frames finds the interpreter taken and uses another.
        let taken = self.inline.lock().unwrap_or_else(PoisonError::into_inner).take();
        let mut interpreter = taken.unwrap_or_else(|| Interpreter::new(true));
        let ran = Python::attach(|py| crate::inline::run(py, &mut interpreter, args, arena, results));
        *self.inline.lock().unwrap_or_else(PoisonError::into_inner) = Some(interpreter);
        ran
    }

    fn receive(&self, notes: Vec<Note>) {
        Python::try_attach(|py| {
            for note in notes {
                let content = PyBytes::new(py, &note.content);
                let (name, number) =
                    if note.task == 0 { (None, None) } else { (Some(note.name.as_str()), Some(note.task)) };
                let delivered = modules::deliver_note(py)
                    .and_then(|deliver| deliver.call1((note.kind, note.worker, name, number, content)));
                if let Err(error) = delivered {
                    error.write_unraisable(py, None);
                }
            }
        });
    }

    fn launch(&self) -> Launch {
        Python::attach(|py| {
            crate::zygote::launch(py, self.preload.bind(py), self.workers, self.cores, self.memory).unwrap_or_else(
                |error| {
                    error.write_unraisable(py, None);
                    Launch {
                        program: OsString::from("python3"),
                        arguments: Vec::new(),
                        environment: Vec::new(),
                        configuration: Vec::new(),
                    }
                },
            )
        })
    }

    fn begin_attempt(call: &Job, task: TaskId, attempt: u32) {
        call.set_attempt(task, attempt);
    }
}

/// Tells one waiter; hubs that must be rung are collected.
pub(crate) fn tell(py: Python<'_>, waiter: Waiter, rung: &mut Vec<Arc<Bell>>) {
    match waiter {
        Waiter::Callback(function, task) => {
            if let Err(error) = function.call1(py, (task,)) {
                error.write_unraisable(py, Some(function.bind(py)));
            }
        }
        Waiter::Hub(hub, token) => {
            if hub.add(token) {
                rung.push(hub);
            }
        }
        Waiter::Bridge(bridge) => bridge.cross(py),
    }
}

/// Wakes the loops of the bells that were collected.
pub(crate) fn ring(py: Python<'_>, rung: &[Arc<Bell>]) {
    for bell in rung {
        bell.ring(py);
    }
}

/// The cell of a task of this interpreter.
pub(crate) type TaskCell = Arc<Cell<Interp>>;
