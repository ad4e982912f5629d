//! Downloads and uploads as Python sees them.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};
use raveler::native::Operation;
use raveler_io::transfer::address::Address;
use raveler_io::transfer::{self, Download, Downloaded, Namesakes, Progress, TransferError, Upload, Uploaded};

use crate::host::Interp;
use crate::native::{self, Fault, Made, NativeOptions, Reply};
use crate::native_run::Maker;
use crate::runtime::PyRuntime;
use crate::task::Task;

mod raised {
    pyo3::import_exception!(raveler.exceptions, TransferError);
}

struct TransferFault(TransferError);

impl Fault for TransferFault {
    fn to_python(&self, py: Python<'_>) -> PyErr {
        let error = raised::TransferError::new_err(self.0.to_string());
        if let Some(status) = self.0.status()
            && let Err(error) = error.value(py).setattr("status", status)
        {
            return error;
        }
        error
    }
}

fn fault(error: TransferError) -> Made {
    let again = error.is_transient().then(|| error.not_before().unwrap_or_default());
    Made::Error(Arc::new(TransferFault(error)), again)
}

/// How far a transfer is, in bytes.
#[pyclass(frozen, module = "raveler._raveler")]
pub(crate) struct TransferProgress(Arc<Progress>);

#[pymethods]
impl TransferProgress {
    #[new]
    fn new() -> Self {
        Self(Arc::new(Progress::new()))
    }

    /// The bytes that were moved.
    #[getter]
    fn done(&self) -> u64 {
        self.0.done.get()
    }

    /// The bytes in all; None as long as that is not known.
    #[getter]
    fn total(&self) -> Option<u64> {
        Some(self.0.total.get()).filter(|total| *total != Progress::UNKNOWN)
    }
}

/// A file that was downloaded.
#[pyclass(frozen, module = "raveler.transfer", name = "Downloaded")]
pub(crate) struct PyDownloaded(Downloaded);

#[pymethods]
impl PyDownloaded {
    /// Where the file is.
    #[getter]
    fn path(&self) -> String {
        self.0.path.to_string_lossy().into_owned()
    }

    /// Its size.
    #[getter]
    fn bytes(&self) -> u64 {
        self.0.bytes
    }

    /// Its SHA-256 in hexadecimal, if one was asked for.
    #[getter]
    fn sha256(&self) -> Option<String> {
        self.0.sha256.as_ref().map(transfer::digest::hex)
    }

    /// The bytes that were there from an earlier attempt.
    #[getter]
    fn resumed_from(&self) -> u64 {
        self.0.resumed_from
    }

    /// The entity tag that the server told, if any.
    #[getter]
    fn etag(&self) -> Option<&str> {
        self.0.etag.as_deref()
    }

    /// The seconds that it took.
    #[getter]
    fn elapsed(&self) -> f64 {
        self.0.elapsed.as_secs_f64()
    }

    fn __repr__(&self) -> String {
        format!("Downloaded(path={:?}, bytes={})", self.path(), self.0.bytes)
    }
}

/// A file that was uploaded.
#[pyclass(frozen, module = "raveler.transfer", name = "Uploaded")]
pub(crate) struct PyUploaded(Uploaded);

#[pymethods]
impl PyUploaded {
    /// Where it went, without credentials.
    #[getter]
    fn url(&self) -> &str {
        &self.0.url
    }

    /// Its size.
    #[getter]
    fn bytes(&self) -> u64 {
        self.0.bytes
    }

    /// The entity tag that the server told, if any.
    #[getter]
    fn etag(&self) -> Option<&str> {
        self.0.etag.as_deref()
    }

    /// The seconds that it took.
    #[getter]
    fn elapsed(&self) -> f64 {
        self.0.elapsed.as_secs_f64()
    }

    fn __repr__(&self) -> String {
        format!("Uploaded(url={:?}, bytes={})", self.0.url, self.0.bytes)
    }
}

impl Reply for Downloaded {
    fn into_python(self: Box<Self>, py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
        Ok(Bound::new(py, PyDownloaded(*self))?.into_any())
    }
}

impl Reply for Uploaded {
    fn into_python(self: Box<Self>, py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
        Ok(Bound::new(py, PyUploaded(*self))?.into_any())
    }
}

/// Reads how a download is to be made; address and path come apart.
fn download_plan(given: &Bound<'_, PyDict>) -> PyResult<Download> {
    let mut plan = Download::new(String::new(), PathBuf::new());
    for (name, value) in given {
        match name.extract::<String>()?.as_str() {
            "sha256" => plan.sha256 = Some(digest(&value.extract::<String>()?)?),
            "connections" => plan.connections = Some(value.extract()?),
            "resume" => plan.resume = value.extract()?,
            "overwrite" => plan.overwrite = value.extract()?,
            "durable" => plan.durable = value.extract()?,
            "headers" => plan.headers = value.extract()?,
            "store" => plan.options = value.extract()?,
            other => return Err(PyTypeError::new_err(format!("{other:?} is not an option of a download"))),
        }
    }
    Ok(plan)
}

fn upload_plan(given: &Bound<'_, PyDict>) -> PyResult<Upload> {
    let mut plan = Upload::new(PathBuf::new(), String::new());
    for (name, value) in given {
        match name.extract::<String>()?.as_str() {
            "method" => plan.method = value.extract()?,
            "headers" => plan.headers = value.extract()?,
            "store" => plan.options = value.extract()?,
            other => return Err(PyTypeError::new_err(format!("{other:?} is not an option of an upload"))),
        }
    }
    Ok(plan)
}

fn digest(text: &str) -> PyResult<[u8; 32]> {
    let wrong = || PyValueError::new_err(format!("sha256 must be 64 hexadecimal digits, not {text:?}"));
    let mut sum = [0; 32];
    if text.len() != 64 || !text.is_ascii() {
        return Err(wrong());
    }
    for (place, pair) in sum.iter_mut().zip(text.as_bytes().chunks(2)) {
        let pair = std::str::from_utf8(pair).map_err(|_| wrong())?;
        *place = u8::from_str_radix(pair, 16).map_err(|_| wrong())?;
    }
    Ok(sum)
}

fn downloading(plan: Download, progress: Arc<Progress>) -> Arc<dyn Operation<Interp>> {
    let plan = Arc::new(plan);
    native::operation(move |_| {
        let (plan, progress) = (Arc::clone(&plan), Arc::clone(&progress));
        async move {
            match transfer::download(&plan, &progress).await {
                Ok(done) => Made::Value(Box::new(done)),
                Err(error) => fault(error),
            }
        }
    })
}

fn uploading(plan: Upload, progress: Arc<Progress>) -> Arc<dyn Operation<Interp>> {
    let plan = Arc::new(plan);
    native::operation(move |_| {
        let (plan, progress) = (Arc::clone(&plan), Arc::clone(&progress));
        async move {
            match transfer::upload(&plan, &progress).await {
                Ok(done) => Made::Value(Box::new(done)),
                Err(error) => fault(error),
            }
        }
    })
}

/// Closes the connections that are kept for the next transfer.
#[pyfunction]
pub(crate) fn transfer_close(py: Python<'_>) {
    py.detach(transfer::web::close_idle);
}

/// Returns a task that downloads a file.
#[pyfunction]
pub(crate) fn transfer_download(
    runtime: &Bound<'_, PyRuntime>,
    url: String,
    path: PathBuf,
    given: &Bound<'_, PyDict>,
    progress: &TransferProgress,
    options: &NativeOptions,
) -> PyResult<Task> {
    let plan = Download { url, path, ..download_plan(given)? };
    let progress = Arc::clone(&progress.0);
    native::submit(runtime, "transfer.download", &options.0, |_| downloading(plan, progress))
}

/// Returns a task that uploads a file.
#[pyfunction]
pub(crate) fn transfer_upload(
    runtime: &Bound<'_, PyRuntime>,
    path: PathBuf,
    url: String,
    given: &Bound<'_, PyDict>,
    progress: &TransferProgress,
    options: &NativeOptions,
) -> PyResult<Task> {
    let plan = Upload { path, url, ..upload_plan(given)? };
    let progress = Arc::clone(&progress.0);
    native::submit(runtime, "transfer.upload", &options.0, |_| uploading(plan, progress))
}

/// Returns what makes downloads of a source: pairs (address, path), or addresses whose files go to `folder`.
///
/// It knows the names that it gave, so it serves one source.
#[pyfunction]
#[pyo3(signature = (folder, given))]
pub(crate) fn transfer_downloader(folder: Option<PathBuf>, given: &Bound<'_, PyDict>) -> PyResult<Maker> {
    let plan = download_plan(given)?;
    let namesakes = Mutex::new(Namesakes::default());
    Ok(Maker(Arc::new(move |item, _| {
        let (url, path) = match (item.cast::<PyTuple>(), &folder) {
            (Ok(pair), _) => pair.extract::<(String, PathBuf)>()?,
            (Err(_), Some(folder)) => {
                let url = item.extract::<String>()?;
                // What is no address is told by its download.
                let path = match Address::parse(&url) {
                    Ok(address) => folder.join(namesakes.lock().unwrap_or_else(PoisonError::into_inner).name(&address)),
                    Err(_) => folder.clone(),
                };
                (url, path)
            }
            (Err(_), None) => {
                return Err(PyTypeError::new_err(
                    "an item of download_many is (address, path), or an address if there is a folder=",
                ));
            }
        };
        Ok(downloading(Download { url, path, ..plan.clone() }, Arc::new(Progress::new())))
    })))
}

/// Returns what makes uploads of a source of pairs (path, address).
#[pyfunction]
pub(crate) fn transfer_uploader(given: &Bound<'_, PyDict>) -> PyResult<Maker> {
    let plan = upload_plan(given)?;
    Ok(Maker(Arc::new(move |item, _| {
        let (path, url): (PathBuf, String) = item.extract()?;
        Ok(uploading(Upload { path, url, ..plan.clone() }, Arc::new(Progress::new())))
    })))
}
