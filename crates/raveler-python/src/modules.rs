//! The Python functions that the extension calls, each looked up once.

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyDict;

macro_rules! functions {
    ($($(#[$doc:meta])* $name:ident = $module:literal . $attribute:literal;)*) => {
        $(
            $(#[$doc])*
            pub(crate) fn $name(py: Python<'_>) -> PyResult<&Bound<'_, PyAny>> {
                static CELL: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
                let function = CELL.get_or_try_init(py, || {
                    Ok::<_, PyErr>(py.import($module)?.getattr($attribute)?.unbind())
                })?;
                Ok(function.bind(py))
            }
        )*
    };
}

functions! {
    /// Any object to a pickle and its buffers.
    dumps = "raveler._core.serialize"."dumps";
    /// A pickle with buffers to the object.
    loads = "raveler._core.serialize"."loads";
    /// A pickle without buffers to the object.
    pickle_loads = "pickle"."loads";
    /// A callable to the function, leading arguments and options.
    resolve = "raveler._core.serialize"."resolve";
    /// Refuses a place that a function can't run at.
    check_on = "raveler._core.functions"."check_on";
    /// A function to its code and what to check before the code is used again.
    dump_function = "raveler._core.serialize"."dump_function";
    /// Code to the function.
    load_function = "raveler._core.serialize"."load_function";
    /// Checks a function that refers to things that can change.
    still_same = "raveler._core.serialize"."still_same";
    /// What is raised in a task that ran out of time.
    out_of_time = "raveler._core.process"."OutOfTime";
    /// What stands for an absent global in a function's checks.
    missing = "raveler._core.functions"."MISSING";
    /// An exception to bytes.
    dump_error = "raveler._core.serialize"."dump_error";
    /// Bytes to the exception.
    load_error = "raveler._core.serialize"."load_error";
    /// What `await task` runs.
    hub_wait = "raveler._core.hub"."wait";
    /// What `task.then` runs.
    then = "raveler._core.promise"."then";
    /// What `task.catch` runs.
    catch = "raveler._core.promise"."catch";
    /// What `task.finally_` runs.
    finally = "raveler._core.promise"."finally_";
    /// Runs a call of the serial engine.
    run_inline = "raveler._core.places"."run_inline";
    /// The context of a frame of the serial engine.
    inline_task = "raveler._core.global_random"."InlineTask";
    /// The type of bound methods.
    method_type = "types"."MethodType";
    /// The class of the threads' place.
    thread_place = "raveler._core.places"."ThreadPlace";
    /// The class of the loop's place.
    loop_place = "raveler._core.places"."LoopPlace";
    /// The variable that holds the stream of a thread's or a loop's task.
    current_stream = "raveler._core.rng"."current";
    /// The context of the caller.
    copy_context = "contextvars"."copy_context";
    /// Takes a line, record or warning of a worker.
    deliver_note = "raveler._core.inbox"."deliver";
    /// The last lines that a worker wrote.
    last_lines = "raveler._core.inbox"."last_lines";
    /// The number of the calling thread.
    get_ident = "_thread"."get_ident";
    /// What the zygote is told first.
    configuration = "raveler._worker"."configuration";
    /// Runs once after a task that wrote lines.
    after_task = "raveler._worker"."after_task";
    /// Prepares the zygote.
    configure = "raveler._worker"."configure";
    /// The error of a worker's death.
    worker_died = "raveler.exceptions"."WorkerDied";
    /// Forks the interpreter.
    os_fork = "os"."fork";
    /// Collects a dead child.
    os_wait4 = "os"."wait4";
}

/// Makes a promise that follows a task.
pub(crate) fn promise<'py>(
    make: &Bound<'py, PyAny>,
    task: &Bound<'py, PyAny>,
    function: &Bound<'py, PyAny>,
    options: Option<&Bound<'py, PyDict>>,
) -> PyResult<Bound<'py, PyAny>> {
    let options = options.map_or_else(|| PyDict::new(task.py()), Clone::clone);
    make.call1((task, function, options))
}
