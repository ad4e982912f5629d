//! The machine and this version, for people.

use std::path::PathBuf;

use pyo3::prelude::*;
use pyo3::types::PyDict;
use raveler_cli::doctor::{Findings, report};
use raveler_procs::cores::Cores;

use crate::facts::Facts;

/// Returns the cores and the memory that this process may use; `root` and `membership` stand for another machine's files.
#[pyfunction]
#[pyo3(signature = (root=None, membership=None))]
pub(crate) fn cores<'py>(
    py: Python<'py>,
    root: Option<PathBuf>,
    membership: Option<&str>,
) -> PyResult<Bound<'py, PyDict>> {
    let found = match root {
        Some(root) => Cores::read(&root, membership.unwrap_or("0::/\n1:cpu,cpuacct:/\n2:memory:/\n")),
        None => Cores::here(),
    };
    Ok(Facts::new(py)
        .with("online", found.online)?
        .with("affinity", found.affinity)?
        .with("quota", found.quota)?
        .with("usable", found.usable)?
        .with("memory_total", found.memory_total)?
        .with("memory_limit", found.memory_limit)?
        .into_dict())
}

/// Returns the text of `raveler doctor`; the facts about the interpreter are given.
#[pyfunction]
#[pyo3(signature = (python, executable, system, descriptors=None))]
pub(crate) fn doctor(python: &str, executable: &str, system: &str, descriptors: Option<u64>) -> String {
    let cores = Cores::here();
    report(&Findings { version: env!("CARGO_PKG_VERSION"), python, executable, system, cores, descriptors })
}
