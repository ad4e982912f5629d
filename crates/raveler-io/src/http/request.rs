//! A request as its caller describes it.

use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::Method;
use tokio::sync::mpsc;

use super::multipart::Part;
use super::options::Auth;

/// The pieces of a body whose producer is still at work. Can be sent once.
#[derive(Clone)]
pub struct BodyStream(Arc<Mutex<Option<Pieces>>>);

/// The pieces of a body, or why there are no more.
pub(super) type Pieces = mpsc::Receiver<Result<Bytes, String>>;

impl BodyStream {
    /// A body of what `receiver` yields; an `Err` breaks the request off with these words.
    #[must_use]
    pub fn new(receiver: mpsc::Receiver<Result<Bytes, String>>) -> Self {
        Self(Arc::new(Mutex::new(Some(receiver))))
    }

    /// Takes the pieces; `None` when they were taken before.
    pub(super) fn take(&self) -> Option<Pieces> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// What a request carries.
#[derive(Clone, Default)]
pub enum RequestBody {
    /// Nothing.
    #[default]
    Empty,
    /// Bytes in memory.
    Bytes(Bytes),
    /// An urlencoded form.
    Form(Vec<(String, String)>),
    /// A multipart form.
    Multipart(Vec<Part>),
    /// A file, read while it is sent.
    File(PathBuf),
    /// Pieces from a producer.
    Stream(BodyStream),
}

impl fmt::Debug for RequestBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("Empty"),
            Self::Bytes(bytes) => write!(f, "Bytes({} bytes)", bytes.len()),
            Self::Form(fields) => write!(f, "Form({} fields)", fields.len()),
            Self::Multipart(parts) => write!(f, "Multipart({} parts)", parts.len()),
            Self::File(path) => write!(f, "File({})", path.display()),
            Self::Stream(_) => f.write_str("Stream(..)"),
        }
    }
}

/// One request.
#[derive(Clone)]
pub struct Request {
    /// The method.
    pub method: Method,
    /// An absolute URL, or a path below the client's `base_url`.
    pub url: String,
    /// Pairs that are added to the URL's query.
    pub query: Vec<(String, String)>,
    /// Headers; a name given twice is sent twice, and replaces the client's of that name.
    pub headers: Vec<(String, String)>,
    /// What it carries.
    pub body: RequestBody,
    /// Who asks, instead of the client's.
    pub auth: Option<Auth>,
    /// The limit for the whole request, instead of the client's.
    pub timeout: Option<Duration>,
    /// Whether redirects are followed; without it as the client does.
    pub follow_redirects: Option<bool>,
    /// Cookies besides those that the client has collected.
    pub cookies: Vec<(String, String)>,
}

impl Request {
    /// A request without anything but its address.
    #[must_use]
    pub fn new(method: Method, url: impl Into<String>) -> Self {
        Self {
            method,
            url: url.into(),
            query: Vec::new(),
            headers: Vec::new(),
            body: RequestBody::Empty,
            auth: None,
            timeout: None,
            follow_redirects: None,
            cookies: Vec::new(),
        }
    }

    /// A GET of `url`.
    #[must_use]
    pub fn get(url: impl Into<String>) -> Self {
        Self::new(Method::GET, url)
    }

    /// Returns whether the request can be started again: its body is still there afterwards.
    #[must_use]
    pub fn is_repeatable(&self) -> bool {
        !matches!(self.body, RequestBody::Stream(_))
    }

    /// Returns whether sending it twice means the same as sending it once.
    #[must_use]
    pub fn is_idempotent(&self) -> bool {
        self.method.is_idempotent()
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("method", &self.method)
            .field("url", &super::address::shown(&self.url))
            .field("body", &self.body)
            .finish_non_exhaustive()
    }
}
