//! Answers as Python sees them: the body is held once, as it came or as the `bytes` that was made of it.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use bytes::Bytes;
use pyo3::exceptions::{PyKeyError, PyUnicodeDecodeError, PyValueError};
use pyo3::import_exception;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList, PyString, PyTuple};
use raveler_io::http::{self, HeaderMap, HeaderName, HeaderValue, Response, Url, Version};

use crate::native::{Fault, Reply};

import_exception!(raveler.exceptions, HttpError);

/// The headers of an answer: a mapping that knows no case.
#[pyclass(frozen, mapping, module = "raveler.http")]
pub(crate) struct HttpHeaders {
    pairs: Vec<(String, String)>,
}

impl HttpHeaders {
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        // What is not UTF-8 is Latin-1, as it was when headers were young.
        let text = |value: &HeaderValue| match std::str::from_utf8(value.as_bytes()) {
            Ok(text) => text.to_owned(),
            Err(_) => value.as_bytes().iter().map(|&byte| char::from(byte)).collect(),
        };
        Self { pairs: headers.iter().map(|(name, value)| (name.as_str().to_owned(), text(value))).collect() }
    }

    fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.pairs.iter().filter(move |(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    fn joined(&self, name: &str) -> Option<String> {
        let values: Vec<&str> = self.all(name).collect();
        (!values.is_empty()).then(|| values.join(", "))
    }

    fn names(&self) -> Vec<&str> {
        let mut names: Vec<&str> = Vec::with_capacity(self.pairs.len());
        for (name, _) in &self.pairs {
            if !names.iter().any(|known| known.eq_ignore_ascii_case(name)) {
                names.push(name);
            }
        }
        names
    }
}

#[pymethods]
impl HttpHeaders {
    fn __getitem__(&self, name: &str) -> PyResult<String> {
        self.joined(name).ok_or_else(|| PyKeyError::new_err(name.to_owned()))
    }

    fn __contains__(&self, name: &str) -> bool {
        self.all(name).next().is_some()
    }

    fn __len__(&self) -> usize {
        self.names().len()
    }

    fn __iter__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        Ok(PyList::new(py, self.names())?.try_iter()?.into_any())
    }

    /// Returns the value of a header, several joined by ", "; `default` if there is none.
    #[pyo3(signature = (name, default=None))]
    fn get<'py>(&self, py: Python<'py>, name: &str, default: Option<Bound<'py, PyAny>>) -> Option<Bound<'py, PyAny>> {
        self.joined(name).map(|value| PyString::new(py, &value).into_any()).or(default)
    }

    /// Returns all values of a header, in the order in which they came.
    fn get_all(&self, name: &str) -> Vec<String> {
        self.all(name).map(str::to_owned).collect()
    }

    /// Returns the names, each once.
    fn keys(&self) -> Vec<String> {
        self.names().into_iter().map(str::to_owned).collect()
    }

    /// Returns the values, one for each name.
    fn values(&self) -> Vec<String> {
        self.names().into_iter().filter_map(|name| self.joined(name)).collect()
    }

    /// Returns names and values, one pair for each name.
    fn items(&self) -> Vec<(String, String)> {
        self.names().into_iter().filter_map(|name| Some((name.to_owned(), self.joined(name)?))).collect()
    }

    fn __repr__(&self) -> String {
        let shown: Vec<String> = self
            .items()
            .into_iter()
            .map(|(name, value)| {
                let is_secret = ["set-cookie", "authorization", "proxy-authorization", "www-authenticate"]
                    .iter()
                    .any(|secret| secret.eq_ignore_ascii_case(&name));
                if is_secret { format!("{name:?}: ...") } else { format!("{name:?}: {value:?}") }
            })
            .collect();
        format!("Headers({{{}}})", shown.join(", "))
    }
}

enum Body {
    /// As it came from the connection.
    Frames(Vec<Bytes>),
    /// As Python has seen it.
    Object(Py<PyBytes>),
}

/// An answer, read to its end.
#[pyclass(frozen, module = "raveler.http", name = "HttpResponse")]
pub(crate) struct HttpResponse {
    head: Response,
    headers: OnceLock<Py<HttpHeaders>>,
    body: Mutex<Body>,
}

impl HttpResponse {
    fn new(mut response: Response) -> Self {
        let body = std::mem::take(&mut response.body);
        Self { head: response, headers: OnceLock::new(), body: Mutex::new(Body::Frames(body)) }
    }

    /// Returns the character set that the headers name.
    fn charset(&self) -> Option<String> {
        let kind = self.head.headers.get("content-type")?.to_str().ok()?;
        kind.split(';').skip(1).find_map(|parameter| {
            let (name, value) = parameter.split_once('=')?;
            name.trim().eq_ignore_ascii_case("charset").then(|| value.trim().trim_matches('"').to_owned())
        })
    }
}

#[pymethods]
impl HttpResponse {
    /// The status code.
    #[getter]
    fn status(&self) -> u16 {
        self.head.status
    }

    /// Whether the status is below 400.
    #[getter]
    fn ok(&self) -> bool {
        self.head.status < 400
    }

    /// The address that answered, after redirects, without credentials.
    #[getter]
    fn url(&self) -> &str {
        &self.head.url
    }

    /// The version of the protocol, e.g. "HTTP/1.1".
    #[getter]
    fn version(&self) -> String {
        format!("{:?}", self.head.version)
    }

    /// The headers.
    #[getter]
    fn headers(&self, py: Python<'_>) -> PyResult<Py<HttpHeaders>> {
        if let Some(made) = self.headers.get() {
            return Ok(made.clone_ref(py));
        }
        let made = Py::new(py, HttpHeaders::of(&self.head.headers))?;
        Ok(self.headers.get_or_init(|| made).clone_ref(py))
    }

    /// The redirects that led here: pairs of status and address.
    #[getter]
    fn history<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        PyTuple::new(py, self.head.history.clone())
    }

    /// Seconds from the start of the request to the end of the body.
    #[getter]
    fn elapsed(&self) -> f64 {
        self.head.elapsed.as_secs_f64()
    }

    /// The body.
    #[getter]
    fn content(&self, py: Python<'_>) -> PyResult<Py<PyBytes>> {
        let mut body = self.body.lock().unwrap_or_else(PoisonError::into_inner);
        if let Body::Object(object) = &*body {
            return Ok(object.clone_ref(py));
        }
        let Body::Frames(frames) = &*body else {
            return Err(PyValueError::new_err("the body is gone"));
        };
        let object = joined(py, frames)?;
        *body = Body::Object(object.clone_ref(py));
        Ok(object)
    }

    /// The body as text, in the character set that the headers name, else UTF-8; what can't be decoded is replaced.
    #[getter]
    fn text<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let content = self.content(py)?;
        let charset = self.charset().unwrap_or_else(|| "utf-8".into());
        let content = content.bind(py);
        match content.call_method1("decode", (charset, "replace")) {
            // A character set that Python does not know.
            Err(error)
                if error.is_instance_of::<pyo3::exceptions::PyLookupError>(py)
                    && !error.is_instance_of::<PyUnicodeDecodeError>(py) =>
            {
                content.call_method1("decode", ("utf-8", "replace"))
            }
            decoded => decoded,
        }
    }

    /// Returns the object that the body is in JSON.
    fn json<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let content = self.content(py)?;
        parse_json(py, content.bind(py).as_bytes())
    }

    /// Raises `HttpError` if the status is 400 or above; returns the answer itself otherwise.
    fn raise_for_status(slf: Bound<'_, Self>) -> PyResult<Bound<'_, Self>> {
        match slf.get().head.status_error() {
            Some(error) => Err(to_python(slf.py(), &error)),
            None => Ok(slf),
        }
    }

    fn __reduce__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let head = &self.head;
        let parts = (
            head.status,
            format!("{:?}", head.version),
            &head.url,
            HttpHeaders::of(&head.headers).pairs,
            self.content(py)?,
            head.history.clone(),
            head.elapsed.as_secs_f64(),
        );
        let make = py.import("raveler._raveler")?.getattr("http_response")?;
        Ok((make, parts).into_pyobject(py)?.into_any())
    }

    fn __repr__(&self) -> String {
        format!("<Response {} {}>", self.head.status, self.head.url)
    }
}

/// Makes an answer of what another process knew of it.
#[pyfunction]
pub(crate) fn http_response(
    status: u16,
    version: &str,
    url: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    history: Vec<(u16, String)>,
    elapsed: f64,
) -> PyResult<HttpResponse> {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        let name: HeaderName = name.parse().map_err(|_| PyValueError::new_err("not the name of a header"))?;
        let value = HeaderValue::from_bytes(value.as_bytes());
        map.append(name, value.map_err(|_| PyValueError::new_err("not the value of a header"))?);
    }
    let version = match version {
        "HTTP/0.9" => Version::HTTP_09,
        "HTTP/1.0" => Version::HTTP_10,
        "HTTP/2.0" => Version::HTTP_2,
        "HTTP/3.0" => Version::HTTP_3,
        _ => Version::HTTP_11,
    };
    let elapsed = std::time::Duration::try_from_secs_f64(elapsed).unwrap_or_default();
    let body = vec![Bytes::from(body)];
    Ok(HttpResponse::new(Response { status, version, url, headers: map, body, history, elapsed }))
}

/// Makes one `bytes` of the frames of a body: the only copy.
pub(crate) fn joined(py: Python<'_>, frames: &[Bytes]) -> PyResult<Py<PyBytes>> {
    if let [frame] = frames {
        return Ok(PyBytes::new(py, frame).unbind());
    }
    let len = frames.iter().map(Bytes::len).sum();
    let object = PyBytes::new_with(py, len, |mut room| {
        for frame in frames {
            let (here, rest) = room.split_at_mut(frame.len());
            here.copy_from_slice(frame);
            room = rest;
        }
        Ok(())
    })?;
    Ok(object.unbind())
}

/// Makes objects of JSON, without an intermediate tree.
fn parse_json<'py>(py: Python<'py>, bytes: &[u8]) -> PyResult<Bound<'py, PyAny>> {
    let parser =
        jiter::PythonParse { allow_inf_nan: true, cache_mode: jiter::StringCacheMode::Keys, ..Default::default() };
    parser
        .python_parse(py, bytes)
        .map_err(|error| PyValueError::new_err(format!("the body is not JSON: {}", error.description(bytes))))
}

impl Reply for Response {
    fn bytes(&self) -> u64 {
        self.body.iter().map(|frame| frame.len() as u64).sum()
    }

    fn into_python(self: Box<Self>, py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
        Ok(Bound::new(py, HttpResponse::new(*self))?.into_any())
    }
}

/// Makes the exception of an HTTP error.
pub(crate) fn to_python(py: Python<'_>, error: &http::HttpError) -> PyErr {
    let exception = HttpError::new_err(error.to_string());
    let value = exception.value(py);
    for (name, fact) in [
        ("status", error.status().map(|status| status.into_pyobject(py).map(|number| number.into_any().unbind()))),
        ("url", error.url().map(|url| url.into_pyobject(py).map(|text| text.into_any().unbind()))),
    ] {
        if let Some(Ok(fact)) = fact
            && let Err(error) = value.setattr(name, fact)
        {
            return error;
        }
    }
    exception
}

/// Returns an address without the credentials in it.
pub(crate) fn shown(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    format!("{}://{host}{port}{}", url.scheme(), url.path())
}

/// An HTTP error on its way to Python.
pub(crate) struct HttpFault(pub(crate) http::HttpError);

impl Fault for HttpFault {
    fn to_python(&self, py: Python<'_>) -> PyErr {
        to_python(py, &self.0)
    }
}

impl HttpFault {
    pub(crate) fn made(error: http::HttpError) -> crate::native::Made {
        let again = error.is_transient().then(|| error.not_before().unwrap_or_default());
        crate::native::Made::Error(Arc::new(Self(error)), again)
    }
}
