//! Files as Python sees them: read, write, and walks that give their paths batch by batch.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use pyo3::exceptions::{PyOSError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList};
use raveler::native::Operation;
use raveler_io::files::{self, FileError, Walk, WalkOptions, WriteOptions};

use crate::host::Interp;
use crate::native::{self, Fault, Made, NativeOptions, Reply};
use crate::native_run::Maker;
use crate::runtime::PyRuntime;
use crate::task::Task;

struct FileFault(FileError);

impl Fault for FileFault {
    fn to_python(&self, _py: Python<'_>) -> PyErr {
        to_python(&self.0)
    }
}

/// Makes the exception: a system's reason keeps its class, e.g. `FileNotFoundError`.
fn to_python(error: &FileError) -> PyErr {
    let message = error.to_string();
    match (error, error.errno(), error.path()) {
        (FileError::Pattern { .. }, ..) => PyValueError::new_err(message),
        (_, Some(errno), Some(path)) => PyOSError::new_err((errno, message, path.to_path_buf())),
        (FileError::Exists { path }, ..) => pyo3::exceptions::PyFileExistsError::new_err((17, message, path.clone())),
        _ => PyOSError::new_err(message),
    }
}

fn fault(error: FileError) -> Made {
    let again = error.is_transient().then(std::time::Duration::default);
    Made::Error(Arc::new(FileFault(error)), again)
}

struct Content {
    bytes: Vec<u8>,
    encoding: Option<String>,
}

impl Reply for Content {
    fn bytes(&self) -> u64 {
        self.bytes.len() as u64
    }

    fn into_python(self: Box<Self>, py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
        let bytes = PyBytes::new(py, &self.bytes);
        match self.encoding {
            None => Ok(bytes.into_any()),
            Some(encoding) => bytes.call_method1("decode", (encoding,)),
        }
    }
}

struct Nothing;

impl Reply for Nothing {
    fn into_python(self: Box<Self>, py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
        Ok(py.None().into_bound(py))
    }
}

fn reading(path: PathBuf, encoding: Option<String>) -> Arc<dyn Operation<Interp>> {
    let path = Arc::new(path);
    native::operation(move |_| {
        let (path, encoding) = (Arc::clone(&path), encoding.clone());
        async move {
            match files::read(&path).await {
                Ok(bytes) => Made::Value(Box::new(Content { bytes, encoding })),
                Err(error) => fault(error),
            }
        }
    })
}

/// Returns a task of a file's content, as text if there is an encoding.
#[pyfunction]
#[pyo3(signature = (runtime, path, encoding, options))]
pub(crate) fn file_read(
    runtime: &Bound<'_, PyRuntime>,
    path: PathBuf,
    encoding: Option<String>,
    options: &NativeOptions,
) -> PyResult<Task> {
    native::submit(runtime, "files.read", &options.0, |_| reading(path, encoding))
}

/// Returns what makes reads of the paths of a source.
#[pyfunction]
pub(crate) fn file_reader(encoding: Option<String>) -> Maker {
    Maker(Arc::new(move |item, _| Ok(reading(item.extract::<PathBuf>()?, encoding.clone()))))
}

/// Returns a task that writes a file.
#[pyfunction]
#[pyo3(signature = (runtime, path, content, how, options))]
pub(crate) fn file_write(
    runtime: &Bound<'_, PyRuntime>,
    path: PathBuf,
    content: &Bound<'_, PyBytes>,
    how: (bool, bool, bool, bool),
    options: &NativeOptions,
) -> PyResult<Task> {
    let bytes = Bytes::copy_from_slice(content.as_bytes());
    let (append, atomic, durable, make_parents) = how;
    let how = WriteOptions { append, atomic, durable, make_parents };
    let path = Arc::new(path);
    native::submit(runtime, "files.write", &options.0, |_| {
        native::operation(move |_| {
            let (path, bytes) = (Arc::clone(&path), bytes.clone());
            async move {
                match files::write(&path, bytes, how).await {
                    Ok(()) => Made::Value(Box::new(Nothing)),
                    Err(error) => fault(error),
                }
            }
        })
    })
}

/// A walk through folders; each batch of paths is a task.
#[pyclass(frozen, module = "raveler._raveler")]
pub(crate) struct FileWalk {
    walk: Mutex<Option<Arc<tokio::sync::Mutex<Walk>>>>,
}

struct Paths(Option<files::walk::Batch>);

impl Reply for Paths {
    fn into_python(self: Box<Self>, py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
        let Some(batch) = self.0 else {
            return Ok(py.None().into_bound(py));
        };
        let list = PyList::empty(py);
        for entry in batch {
            match entry {
                Ok(path) => list.append(path.into_os_string())?,
                // An error takes the place of what could not be visited.
                Err(error) => list.append(to_python(&error).into_value(py))?,
            }
        }
        Ok(list.into_any())
    }
}

#[pymethods]
impl FileWalk {
    /// Begins a walk below `root`, or one that a pattern steers.
    #[new]
    #[pyo3(signature = (root, pattern, hidden, follow_links, files_only, max_depth))]
    fn new(
        root: Option<PathBuf>,
        pattern: Option<&str>,
        hidden: bool,
        follow_links: bool,
        files_only: bool,
        max_depth: Option<usize>,
    ) -> PyResult<Self> {
        let options = WalkOptions { hidden, follow_links, files_only, max_depth };
        let walk = match (root, pattern) {
            (_, Some(pattern)) => files::glob(pattern, options).map_err(|error| to_python(&error))?,
            (root, None) => files::walk(&root.unwrap_or_else(|| PathBuf::from(".")), options),
        };
        Ok(Self { walk: Mutex::new(Some(Arc::new(tokio::sync::Mutex::new(walk)))) })
    }

    /// Returns a task of the next paths, or of None at the end.
    fn batch(&self, runtime: &Bound<'_, PyRuntime>, options: &NativeOptions) -> PyResult<Task> {
        let walk = self.walk.lock().unwrap_or_else(PoisonError::into_inner).clone();
        native::submit(runtime, "files.walk", &options.0, |_| {
            native::operation(move |_| {
                let walk = walk.clone();
                async move {
                    let batch = match walk {
                        Some(walk) => walk.lock().await.next_batch().await,
                        None => None,
                    };
                    Made::Value(Box::new(Paths(batch)))
                }
            })
        })
    }

    /// Ends the walk.
    fn close(&self) {
        *self.walk.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}
