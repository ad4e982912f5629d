//! `raveler._raveler`: what Python calls; conversion only, one file a noun.

mod error;

mod facts;

mod modules;

mod current;

mod buffer;

mod hub;

mod decode;

mod encode;

mod shared;

mod function;

mod interrupt;

mod interpreter;

mod inline;

mod warm_heap;

mod zygote;

mod loan;

mod options;

mod native;

mod prepared;

mod host;

mod inner;

mod call;

mod pending;

mod failure;

mod task;

mod bridge;

mod arguments;

mod run;

mod marks;

mod ledger;

mod signal;

mod map_state;

mod map_run;

mod native_run;

mod joint;

mod flow_run;

mod files;

mod transfer;

mod params;

mod rows;

mod arrow_table;

mod making;

mod database;

mod http_response;

mod http_request;

mod http_client;

mod runtime;

mod machine;

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyString;
use raveler_task::Seed;

/// Returns name, number and attempt of the task that runs on this thread.
#[pyfunction]
fn current_task(py: Python<'_>) -> Option<(Py<PyString>, u64, u32)> {
    current::task(py)
}

/// Returns a number that changes with each task and item on this thread; 0 outside one.
#[pyfunction]
fn task_token() -> u64 {
    current::token()
}

/// Returns the seed of the running item; 0 outside one.
#[pyfunction]
fn task_seed() -> u128 {
    current::seed().map_or(0, Seed::to_u128)
}

/// Returns the seed of the `number`-th child of a seed; a seed below 2**64 is a root.
#[pyfunction]
fn seed_child(seed: u128, number: u64) -> u128 {
    let parent = u64::try_from(seed).map_or_else(|_| Seed::from_u128(seed), Seed::root);
    parent.child(number).to_u128()
}

static NOT_READY: PyOnceLock<Py<PyAny>> = PyOnceLock::new();

/// Returns what `poll` gives when there is no result yet.
fn not_ready(py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
    let sentinel = NOT_READY.get_or_try_init(py, || {
        let object = py.import("builtins")?.getattr("object")?.call0()?;
        Ok::<_, PyErr>(object.unbind())
    })?;
    Ok(sentinel.bind(py).clone())
}

#[pymodule]
fn _raveler(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    module.add("version", env!("CARGO_PKG_VERSION"))?;
    module.add("NOT_READY", not_ready(module.py())?)?;
    module.add_class::<buffer::Buffer>()?;
    module.add_class::<call::Call>()?;
    module.add_class::<hub::Hub>()?;
    module.add_class::<run::Run>()?;
    module.add_class::<map_run::MapRun>()?;
    module.add_class::<joint::Joint>()?;
    module.add_class::<marks::PyMarks>()?;
    module.add_class::<flow_run::FlowRun>()?;
    module.add_class::<signal::Signal>()?;
    module.add_class::<native_run::Maker>()?;
    module.add_class::<native_run::NativeRun>()?;
    module.add_class::<pending::Settler>()?;
    module.add_class::<runtime::PyRuntime>()?;
    module.add_class::<shared::Shared>()?;
    module.add_class::<task::Task>()?;
    module.add_class::<zygote::Seat>()?;
    module.add_function(wrap_pyfunction!(current_task, module)?)?;
    module.add_function(wrap_pyfunction!(task_token, module)?)?;
    module.add_function(wrap_pyfunction!(task_seed, module)?)?;
    module.add_function(wrap_pyfunction!(seed_child, module)?)?;
    module.add_class::<native::NativeOptions>()?;
    module.add_class::<database::DbSession>()?;
    module.add_class::<database::DbStream>()?;
    module.add_class::<arrow_table::PyArrowTable>()?;
    module.add_class::<files::FileWalk>()?;
    module.add_class::<http_client::HttpClient>()?;
    module.add_class::<http_client::HttpStream>()?;
    module.add_class::<http_request::HttpFeed>()?;
    module.add_class::<http_response::HttpHeaders>()?;
    module.add_class::<http_response::HttpResponse>()?;
    module.add_class::<transfer::PyDownloaded>()?;
    module.add_class::<transfer::PyUploaded>()?;
    module.add_class::<transfer::TransferProgress>()?;
    module.add_function(wrap_pyfunction!(transfer::transfer_close, module)?)?;
    module.add_function(wrap_pyfunction!(http_response::http_response, module)?)?;
    module.add_function(wrap_pyfunction!(transfer::transfer_download, module)?)?;
    module.add_function(wrap_pyfunction!(transfer::transfer_downloader, module)?)?;
    module.add_function(wrap_pyfunction!(transfer::transfer_upload, module)?)?;
    module.add_function(wrap_pyfunction!(transfer::transfer_uploader, module)?)?;
    module.add_function(wrap_pyfunction!(files::file_read, module)?)?;
    module.add_function(wrap_pyfunction!(files::file_reader, module)?)?;
    module.add_function(wrap_pyfunction!(files::file_write, module)?)?;
    module.add_function(wrap_pyfunction!(pending::pending, module)?)?;
    module.add_function(wrap_pyfunction!(machine::cores, module)?)?;
    module.add_function(wrap_pyfunction!(machine::doctor, module)?)?;
    module.add_function(wrap_pyfunction!(zygote::_zygote, module)?)?;
    module.add_function(wrap_pyfunction!(zygote::_send, module)?)?;
    module.add_function(wrap_pyfunction!(zygote::_request_flush, module)?)?;
    module.add_function(wrap_pyfunction!(zygote::_interrupt, module)?)?;
    Ok(())
}
