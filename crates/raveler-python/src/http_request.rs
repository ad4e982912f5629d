//! Requests and settings of clients, read from what the Python layer has checked.

use std::path::PathBuf;
use std::sync::Mutex;
use std::time::Duration;

use bytes::Bytes;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyBytes, PyDict};
use raveler_io::http::{
    Auth, BodyStream, ClientOptions, Method, Part, PartBody, ProxyChoice, Request, RequestBody, Verify,
};
use raveler_io::reactor;
use tokio::sync::mpsc;

/// Pieces of a body that wait to be sent.
const PIECES: usize = 4;

type Piece = Result<Bytes, String>;

/// Where a body is put piece by piece.
#[pyclass(frozen, module = "raveler._raveler")]
pub(crate) struct HttpFeed {
    sender: Mutex<Option<mpsc::Sender<Piece>>>,
    receiver: Mutex<Option<mpsc::Receiver<Piece>>>,
}

impl HttpFeed {
    fn sender(&self) -> Option<mpsc::Sender<Piece>> {
        self.sender.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone()
    }

    fn send(&self, py: Python<'_>, piece: Piece) -> bool {
        let Some(sender) = self.sender() else {
            return false;
        };
        py.detach(|| reactor::handle().block_on(sender.send(piece))).is_ok()
    }
}

#[pymethods]
impl HttpFeed {
    #[new]
    fn new() -> Self {
        let (sender, receiver) = mpsc::channel(PIECES);
        Self { sender: Mutex::new(Some(sender)), receiver: Mutex::new(Some(receiver)) }
    }

    /// Waits for room and puts a piece; false if nobody reads any more.
    fn put(&self, py: Python<'_>, piece: &Bound<'_, PyAny>) -> PyResult<bool> {
        let bytes = match piece.cast::<PyBytes>() {
            Ok(bytes) => Bytes::copy_from_slice(bytes.as_bytes()),
            Err(_) => Bytes::from(piece.extract::<Vec<u8>>()?),
        };
        Ok(bytes.is_empty() || self.send(py, Ok(bytes)))
    }

    /// Ends the body.
    fn end(&self) {
        self.close();
    }

    /// Ends the body by an error, which the request fails with.
    fn fail(&self, py: Python<'_>, message: String) {
        self.send(py, Err(message));
        self.close();
    }

    /// Lets go of the channel.
    fn close(&self) {
        *self.sender.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = None;
    }
}

/// Reads the settings of a client.
pub(crate) fn settings(given: &Bound<'_, PyDict>) -> PyResult<ClientOptions> {
    let mut options = ClientOptions::default();
    let get = |name: &str| given.get_item(name).map(|value| value.filter(|value| !value.is_none()));
    if let Some(base) = get("base_url")? {
        let base: String = base.extract()?;
        options.base_url = Some(base.parse().map_err(|error| {
            PyValueError::new_err(format!("base_url must be an address like \"https://host/path\": {error}"))
        })?);
    }
    options.headers = get("headers")?.map_or(Ok(Vec::new()), |value| value.extract())?;
    options.auth = get("auth")?.map(|value| auth(&value)).transpose()?;
    options.concurrency = get("concurrency")?.map(|value| value.extract()).transpose()?;
    if let Some(rate) = get("rate")? {
        let (count, per): (u32, f64) = rate.extract()?;
        options.rate = Some((count, Duration::from_secs_f64(per)));
    }
    options.http2 = get("http2")?.is_none_or(|value| value.is_truthy().unwrap_or(true));
    options.cookies = get("cookies")?.is_none_or(|value| value.is_truthy().unwrap_or(true));
    if let Some(verify) = get("verify")? {
        options.verify = match verify.cast::<PyBool>() {
            Ok(verify) if verify.is_true() => Verify::Yes,
            Ok(_) => Verify::No,
            Err(_) => Verify::Bundle(verify.extract::<PathBuf>()?),
        };
    }
    options.proxy = match get("proxy")?.map(|value| value.extract::<String>()).transpose()?.as_deref() {
        Some("environment") => ProxyChoice::Environment,
        Some(url) => ProxyChoice::Url(url.into()),
        None => ProxyChoice::None,
    };
    if let Some(most) = get("max_redirects")? {
        options.max_redirects = most.extract()?;
    }
    if let Some(most) = get("max_body")? {
        options.max_body = Some(most.extract()?);
    }
    Ok(options)
}

/// Reads a request.
pub(crate) fn request(method: &str, url: String, given: Option<&Bound<'_, PyDict>>) -> PyResult<Request> {
    let method = Method::from_bytes(method.as_bytes())
        .map_err(|_| PyValueError::new_err(format!("{method:?} is not a method; it is a word like \"GET\"")))?;
    let mut request = Request::new(method, url);
    let Some(given) = given else {
        return Ok(request);
    };
    let get = |name: &str| given.get_item(name);
    if let Some(query) = get("query")? {
        request.query = query.extract()?;
    }
    if let Some(headers) = get("headers")? {
        request.headers = headers.extract()?;
    }
    if let Some(given) = get("auth")? {
        request.auth = Some(auth(&given)?);
    }
    if let Some(follow) = get("follow")? {
        request.follow_redirects = Some(follow.extract()?);
    }
    if let Some(bytes) = get("bytes")? {
        request.body = RequestBody::Bytes(Bytes::copy_from_slice(bytes.cast::<PyBytes>()?.as_bytes()));
    } else if let Some(form) = get("form")? {
        request.body = RequestBody::Form(form.extract()?);
    } else if let Some(path) = get("path")? {
        request.body = RequestBody::File(path.extract()?);
    } else if let Some(parts) = get("multipart")? {
        request.body = RequestBody::Multipart(multipart(&parts)?);
    } else if let Some(feed) = get("feed")? {
        let feed = feed.cast::<HttpFeed>()?.get();
        let receiver = feed.receiver.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take();
        let receiver = receiver.ok_or_else(|| PyValueError::new_err("this body has been sent already"))?;
        request.body = RequestBody::Stream(BodyStream::new(receiver));
    }
    Ok(request)
}

fn multipart(parts: &Bound<'_, PyAny>) -> PyResult<Vec<Part>> {
    type Given = (String, Option<String>, Option<Vec<u8>>, Option<PathBuf>, Option<String>);
    let given: Vec<Given> = parts.extract()?;
    Ok(given
        .into_iter()
        .map(|(name, file_name, content, path, content_type)| Part {
            name,
            file_name,
            content_type,
            body: match (content, path) {
                (_, Some(path)) => PartBody::File(path),
                (content, None) => PartBody::Bytes(Bytes::from(content.unwrap_or_default())),
            },
        })
        .collect())
}

fn auth(given: &Bound<'_, PyAny>) -> PyResult<Auth> {
    let (user, password): (String, Option<String>) = given.extract()?;
    Ok(match password {
        Some(password) => Auth::Basic(user, password),
        None => Auth::Bearer(user),
    })
}
