//! Files on web servers.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use reqwest::header::{self, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Client, Response, StatusCode};

use super::address::{Address, shown};
use super::error::TransferError;
use super::name;
use super::offer::{Offer, Opened, Validator, Wanted};

/// How long a connection may take to be made.
const CONNECT: Duration = Duration::from_secs(30);
/// How long a server may send nothing.
const SILENCE: Duration = Duration::from_secs(60);

static CLIENT: Mutex<Option<(u32, Client)>> = Mutex::new(None);

/// Returns the client of this process; a forked child makes its own, because connections can't be shared.
///
/// # Errors
///
/// [`TransferError::Connect`] if the certificates of the system can't be read.
pub fn client() -> Result<Client, TransferError> {
    let mut kept = CLIENT.lock().unwrap_or_else(PoisonError::into_inner);
    let process = std::process::id();
    if let Some((owner, client)) = &*kept
        && *owner == process
    {
        return Ok(client.clone());
    }
    // Another part of the process may have chosen a provider; then that one serves.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = Client::builder()
        .user_agent(concat!("raveler/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(CONNECT)
        .read_timeout(SILENCE)
        // One connection for each stream: the windows of HTTP/2 only slow down a single large body.
        .http1_only()
        .no_gzip()
        .no_brotli()
        .no_deflate()
        .no_zstd()
        .build()
        .map_err(|error| TransferError::Connect { url: "https".to_owned(), reason: chain(&error), may_pass: false })?;
    // The client of a parent is leaked: to drop it would touch a runtime whose threads do not exist here.
    std::mem::forget(kept.replace((process, client.clone())));
    Ok(client)
}

/// Closes the connections that are kept for the next transfer.
pub fn close_idle() {
    let mut kept = CLIENT.lock().unwrap_or_else(PoisonError::into_inner);
    if kept.as_ref().is_some_and(|(owner, _)| *owner == std::process::id()) {
        *kept = None;
    }
}

/// Returns headers that can be sent.
///
/// # Errors
///
/// [`TransferError::Header`] if one can't.
pub fn header_map(headers: &[(String, String)]) -> Result<HeaderMap, TransferError> {
    let mut map = HeaderMap::with_capacity(headers.len());
    for (name, value) in headers {
        let wrong = || TransferError::Header { name: name.clone() };
        let key = HeaderName::from_bytes(name.as_bytes()).map_err(|_| wrong())?;
        map.append(key, HeaderValue::from_str(value).map_err(|_| wrong())?);
    }
    Ok(map)
}

/// A file on a web server.
#[derive(Debug)]
pub struct Web {
    client: Client,
    address: Address,
    headers: HeaderMap,
}

impl Web {
    /// Prepares the requests.
    ///
    /// # Errors
    ///
    /// [`TransferError::Header`] if a header can't be sent.
    pub fn new(address: &Address, headers: &[(String, String)]) -> Result<Self, TransferError> {
        let mut headers = header_map(headers)?;
        // The bytes of the file itself are wanted: ranges and digests speak of these.
        headers.entry(header::ACCEPT_ENCODING).or_insert(HeaderValue::from_static("identity"));
        Ok(Self { client: client()?, address: address.clone(), headers })
    }

    pub(super) async fn open(&self, wanted: &Wanted) -> Result<Opened<WebBody>, TransferError> {
        let mut request = self.client.get(self.address.url().clone()).headers(self.headers.clone());
        if !wanted.is_everything() {
            let until = wanted.until.map_or_else(String::new, |until| (until - 1).to_string());
            request = request.header(header::RANGE, format!("bytes={}-{until}", wanted.from));
            if let Some(validator) = &wanted.validator {
                request = request.header(header::IF_RANGE, &**validator);
            }
        }
        let url = self.address.shown();
        let response = request.send().await.map_err(|error| failure(&url, &error))?;
        let response = successful(&url, response)?;
        if response.status() == StatusCode::PARTIAL_CONTENT {
            part(url, response, wanted)
        } else {
            Ok(whole(url, response))
        }
    }
}

fn whole(url: String, response: Response) -> Opened<WebBody> {
    let size = response.content_length();
    let has_ranges = text(&response, &header::ACCEPT_RANGES).is_some_and(|units| units.eq_ignore_ascii_case("bytes"));
    let offer = offer(&response, size, has_ranges);
    Opened { offer, from: 0, body: WebBody { url, response, received: 0, expected: size } }
}

fn part(url: String, response: Response, wanted: &Wanted) -> Result<Opened<WebBody>, TransferError> {
    let wrong = |reason: String| TransferError::Range { url: url.clone(), reason };
    if wanted.is_everything() {
        return Err(wrong("it sent a part although none was asked for".to_owned()));
    }
    let written = text(&response, &header::CONTENT_RANGE).unwrap_or_default().to_owned();
    let Some((from, until, size)) = content_range(&written) else {
        return Err(wrong(format!("its Content-Range is {written:?}")));
    };
    let is_asked_for = from == wanted.from && wanted.until.is_none_or(|asked| until <= asked);
    if !is_asked_for {
        return Err(wrong(format!("it sent bytes {from} to {until} when asked for those from {}", wanted.from)));
    }
    let length = until - from;
    if response.content_length().is_some_and(|told| told != length) {
        return Err(wrong(format!("its Content-Length does not fit its Content-Range {written:?}")));
    }
    let offer = offer(&response, size, true);
    if let (Some(known), Some(told)) = (&wanted.validator, &offer.validator)
        && known != told
        && known.starts_with('"') == told.starts_with('"')
    {
        return Err(TransferError::Changed { url });
    }
    Ok(Opened { offer, from, body: WebBody { url, response, received: 0, expected: Some(length) } })
}

/// Reads `bytes FIRST-LAST/SIZE` into the first byte, the one behind the last, and the size where it is known.
fn content_range(written: &str) -> Option<(u64, u64, Option<u64>)> {
    let (range, size) = written.strip_prefix("bytes ")?.split_once('/')?;
    let (first, last) = range.split_once('-')?;
    let (first, last): (u64, u64) = (first.trim().parse().ok()?, last.trim().parse().ok()?);
    let size = if size == "*" { None } else { Some(size.trim().parse().ok()?) };
    let until = last.checked_add(1)?;
    (first < until && size.is_none_or(|size| until <= size)).then_some((first, until, size))
}

fn offer(response: &Response, size: Option<u64>, has_ranges: bool) -> Offer {
    let etag = text(response, &header::ETAG).map(str::to_owned);
    // Only a strong tag promises the same bytes; a date is the second best that `If-Range` takes.
    let strong = etag.as_deref().filter(|etag| etag.starts_with('"'));
    let validator = strong.or_else(|| text(response, &header::LAST_MODIFIED)).map(Validator::from);
    let name = response
        .headers()
        .get(header::CONTENT_DISPOSITION)
        .and_then(|value| name::proposed(&String::from_utf8_lossy(value.as_bytes())));
    Offer { size, validator, etag, has_ranges, name }
}

fn text<'response>(response: &'response Response, name: &HeaderName) -> Option<&'response str> {
    response.headers().get(name)?.to_str().ok()
}

/// Returns a response that is a success.
///
/// # Errors
///
/// [`TransferError::Status`] if it is none.
pub fn successful(url: &str, response: Response) -> Result<Response, TransferError> {
    let status = response.status();
    if status.is_success() {
        return Ok(response);
    }
    let after = text(&response, &header::RETRY_AFTER).and_then(|seconds| seconds.trim().parse().ok());
    Err(TransferError::Status { url: url.to_owned(), status: status.as_u16(), after: after.map(Duration::from_secs) })
}

/// Returns what a request's failure is called here.
#[must_use]
pub fn failure(url: &str, error: &reqwest::Error) -> TransferError {
    let url = url.to_owned();
    if error.is_builder() {
        return TransferError::Address { url, reason: format!("{}; check it", chain(error)) };
    }
    if error.is_redirect() {
        let end = error.url().map_or_else(String::new, shown);
        return TransferError::Address { url, reason: format!("it redirects without end, lastly to {end}; check it") };
    }
    if error.is_connect() {
        return TransferError::Connect { url, reason: chain(error), may_pass: !is_about_certificates(error) };
    }
    if error.is_timeout() {
        return TransferError::Silent { url, waited: SILENCE };
    }
    TransferError::CutOff { url, received: 0, expected: None, reason: chain(error) }
}

fn is_about_certificates(error: &(dyn std::error::Error + 'static)) -> bool {
    let mut link = Some(error);
    while let Some(error) = link {
        let inner = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        if error.is::<rustls::Error>() || matches!(inner, Some(inner) if inner.is::<rustls::Error>()) {
            return true;
        }
        link = error.source();
    }
    false
}

/// Returns the innermost causes of an error: the outer ones repeat the address.
fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut causes = Vec::new();
    let mut link = error.source();
    while let Some(cause) = link {
        causes.push(cause.to_string());
        link = cause.source();
    }
    causes.dedup();
    match causes.as_slice() {
        [] => "the connection broke".to_owned(),
        [.., before, last] if !before.contains(last.as_str()) => format!("{before}: {last}"),
        [.., last] => last.clone(),
    }
}

/// A body on its way.
#[derive(Debug)]
pub struct WebBody {
    url: String,
    response: Response,
    received: u64,
    expected: Option<u64>,
}

impl WebBody {
    pub(super) async fn next(&mut self) -> Result<Option<Bytes>, TransferError> {
        let cut_off = |reason: String| TransferError::CutOff {
            url: self.url.clone(),
            received: self.received,
            expected: self.expected,
            reason,
        };
        match self.response.chunk().await {
            Ok(Some(bytes)) => {
                self.received += bytes.len() as u64;
                Ok(Some(bytes))
            }
            Ok(None) if self.expected.is_none_or(|expected| expected == self.received) => Ok(None),
            Ok(None) => Err(cut_off("the body ended".to_owned())),
            Err(error) if error.is_timeout() => Err(TransferError::Silent { url: self.url.clone(), waited: SILENCE }),
            Err(error) => Err(cut_off(chain(&error))),
        }
    }
}
