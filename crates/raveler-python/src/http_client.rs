//! The HTTP client as Python sees it: requests, many requests, and answers that are read piece by piece.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString, PyTuple};
use raveler::native::Operation;
use raveler_io::http::{Client, Request, Response, Streaming};
use raveler_io::reactor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::host::Interp;
use crate::http_request::{request, settings};
use crate::http_response::{HttpError, HttpFault, HttpHeaders, joined, shown, to_python};
use crate::native::{self, Fault, Made, NativeOptions, Reply};
use crate::native_run::Maker;
use crate::runtime::PyRuntime;
use crate::task::Task;

/// A pool of connections.
#[pyclass(frozen, module = "raveler._raveler")]
pub(crate) struct HttpClient {
    /// None once it is closed: its connections close as the requests on them end.
    client: Mutex<Option<Client>>,
    describes: String,
    /// Ends the requests that are under way.
    stop: CancellationToken,
    /// Counts the requests that have not ended.
    under_way: TaskTracker,
}

impl HttpClient {
    fn sender(&self) -> PyResult<Sender> {
        let client = self.client.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let client = client.ok_or_else(|| HttpError::new_err("this client is closed; make a new one"))?;
        Ok(Sender { client, stop: self.stop.clone(), under_way: self.under_way.clone() })
    }
}

/// How long a wait lasts before signals are looked at.
const LOOK: Duration = Duration::from_millis(50);

/// Answers with these say that the same request may succeed later.
const BUSY: [u16; 4] = [429, 502, 503, 504];

/// Judges an answer: while attempts are left, that of a busy server is an error that is worth another one.
fn judge(response: Response, attempt: u32, retries: u32) -> Made {
    if attempt < retries
        && BUSY.contains(&response.status)
        && let Some(error) = response.status_error()
    {
        return HttpFault::made(error);
    }
    Made::Value(Box::new(response))
}

/// What the requests of one client have in common.
#[derive(Clone)]
struct Sender {
    client: Client,
    stop: CancellationToken,
    under_way: TaskTracker,
}

impl Sender {
    fn sending(&self, request: Request, retries: u32) -> Arc<dyn Operation<Interp>> {
        let sender = self.clone();
        let request = Arc::new(request);
        let counted = self.under_way.token();
        native::operation(move |attempt| {
            let (sender, request, counted) = (sender.clone(), Arc::clone(&request), counted.clone());
            async move {
                let _counted = counted;
                tokio::select! {
                    biased;
                    () = sender.stop.cancelled() => closed(),
                    answer = sender.client.send(&request) => match answer {
                        Ok(response) => judge(response, attempt, retries),
                        Err(error) => HttpFault::made(error),
                    },
                }
            }
        })
    }
}

fn closed() -> Made {
    Made::Error(Arc::new(Closed), None)
}

/// The client was closed while the request was under way.
struct Closed;

impl Fault for Closed {
    fn to_python(&self, _py: Python<'_>) -> PyErr {
        HttpError::new_err("the client was closed while this request was under way; close it later")
    }
}

#[pymethods]
impl HttpClient {
    #[new]
    fn new(py: Python<'_>, given: &Bound<'_, PyDict>) -> PyResult<Self> {
        let client = Client::new(settings(given)?).map_err(|error| to_python(py, &error))?;
        let describes = client.options().base_url.as_ref().map_or_else(|| "for any host".to_owned(), shown);
        Ok(Self {
            client: Mutex::new(Some(client)),
            describes,
            stop: CancellationToken::new(),
            under_way: TaskTracker::new(),
        })
    }

    /// Returns a task of the answer to a request.
    fn send(
        &self,
        runtime: &Bound<'_, PyRuntime>,
        method: &str,
        url: String,
        given: Option<&Bound<'_, PyDict>>,
        options: &NativeOptions,
    ) -> PyResult<Task> {
        let request = request(method, url, given)?;
        let sender = self.sender()?;
        native::submit(runtime, "http.request", &options.0, |retries| sender.sending(request, retries))
    }

    /// Returns a task of an answer that is read piece by piece.
    fn open(
        &self,
        runtime: &Bound<'_, PyRuntime>,
        method: &str,
        url: String,
        given: Option<&Bound<'_, PyDict>>,
        options: &NativeOptions,
    ) -> PyResult<Task> {
        let request = request(method, url, given)?;
        let Sender { client, .. } = self.sender()?;
        let request = Arc::new(request);
        native::submit(runtime, "http.stream", &options.0, |_| {
            native::operation(move |_| {
                let (client, request) = (client.clone(), Arc::clone(&request));
                async move {
                    match client.open(&request).await {
                        Ok(streaming) => Made::Value(Box::new(streaming)),
                        Err(error) => HttpFault::made(error),
                    }
                }
            })
        })
    }

    /// Returns what makes requests of the items of a source: addresses, or what `prepare` makes of each item.
    fn maker(&self, method: Option<String>, prepare: Option<Py<PyAny>>) -> PyResult<Maker> {
        let sender = self.sender()?;
        Ok(Maker(Arc::new(move |item, retries| {
            let request = match (&method, &prepare) {
                (Some(method), _) => request(method, item.cast::<PyString>()?.to_str()?.to_owned(), None)?,
                (None, Some(prepare)) => {
                    let prepared = prepare.bind(item.py()).call1((item,))?;
                    let prepared = prepared.cast::<PyTuple>()?;
                    let given = prepared.get_item(2)?;
                    request(
                        prepared.get_item(0)?.cast::<PyString>()?.to_str()?,
                        prepared.get_item(1)?.extract()?,
                        given.cast::<PyDict>().ok(),
                    )?
                }
                (None, None) => request("GET", item.extract()?, None)?,
            };
            Ok(sender.sending(request, retries))
        })))
    }

    /// Closes the client, and ends the requests that are under way.
    fn close(&self, py: Python<'_>) {
        self.stop.cancel();
        py.detach(|| drop(self.client.lock().unwrap_or_else(PoisonError::into_inner).take()));
    }

    /// Waits until no request is under way.
    fn drain(&self, py: Python<'_>) -> PyResult<()> {
        self.under_way.close();
        while !self.under_way.is_empty() {
            py.detach(|| {
                reactor::handle().block_on(async {
                    let _ = tokio::time::timeout(LOOK, self.under_way.wait()).await;
                });
            });
            py.check_signals()?;
        }
        Ok(())
    }

    /// Says where the client sends to.
    fn describe(&self) -> &str {
        &self.describes
    }
}

/// An answer that is read piece by piece.
#[pyclass(frozen, module = "raveler._raveler")]
pub(crate) struct HttpStream {
    status: u16,
    url: String,
    headers: Py<HttpHeaders>,
    /// Shared with the operation that reads a piece; none once it is closed.
    body: Mutex<Option<Arc<tokio::sync::Mutex<Streaming>>>>,
}

#[pymethods]
impl HttpStream {
    #[getter]
    fn status(&self) -> u16 {
        self.status
    }

    #[getter]
    fn url(&self) -> &str {
        &self.url
    }

    #[getter]
    fn headers(&self, py: Python<'_>) -> Py<HttpHeaders> {
        self.headers.clone_ref(py)
    }

    /// Returns a task of the next piece, or of None at the end.
    fn piece(&self, runtime: &Bound<'_, PyRuntime>, options: &NativeOptions) -> PyResult<Task> {
        let body = self.body.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let body = body.ok_or_else(|| HttpError::new_err("the answer is closed"))?;
        native::submit(runtime, "http.piece", &options.0, |_| {
            native::operation(move |_| {
                let body = Arc::clone(&body);
                async move {
                    match body.lock().await.next().await {
                        Ok(piece) => Made::Value(Box::new(Piece(piece))),
                        // A piece can't be asked for again.
                        Err(error) => Made::Error(Arc::new(HttpFault(error)), None),
                    }
                }
            })
        })
    }

    /// Closes the answer.
    fn close(&self) {
        *self.body.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

struct Piece(Option<Bytes>);

impl Reply for Piece {
    fn bytes(&self) -> u64 {
        self.0.as_ref().map_or(0, |piece| piece.len() as u64)
    }

    fn into_python(self: Box<Self>, py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
        match self.0 {
            Some(piece) => Ok(joined(py, &[piece])?.into_bound(py).into_any()),
            None => Ok(py.None().into_bound(py)),
        }
    }
}

impl Reply for Streaming {
    fn into_python(self: Box<Self>, py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
        let headers = Py::new(py, HttpHeaders::of(&self.headers))?;
        let stream = HttpStream {
            status: self.status,
            url: self.url.clone(),
            headers,
            body: Mutex::new(Some(Arc::new(tokio::sync::Mutex::new(*self)))),
        };
        Ok(Bound::new(py, stream)?.into_any())
    }
}
