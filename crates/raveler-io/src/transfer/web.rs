//! Files on web servers.

use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderName};

use super::address::Address;
use super::error::TransferError;
use super::name;
use super::offer::{Offer, Opened, Validator, Wanted};
use crate::http::{Client, ClientOptions, HttpError, Request, Streaming, retry_after};

/// The status of an answer that holds a part.
const PARTIAL: u16 = 206;

static CLIENT: Mutex<Option<Client>> = Mutex::new(None);

/// Returns the client that all transfers share.
///
/// # Errors
///
/// [`TransferError::Http`] if the proxy that the environment names can't be used.
pub fn client() -> Result<Client, TransferError> {
    let mut kept = CLIENT.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(client) = &*kept {
        return Ok(client.clone());
    }
    // One connection for each stream: the windows of HTTP/2 only slow down a single large body.
    let client = Client::new(ClientOptions { http2: false, cookies: false, ..ClientOptions::default() })?;
    Ok(kept.insert(client).clone())
}

/// Closes the connections that are kept for the next transfer.
pub fn close_idle() {
    drop(CLIENT.lock().unwrap_or_else(PoisonError::into_inner).take());
}

/// A file on a web server.
#[derive(Debug)]
pub struct Web {
    request: Request,
    url: String,
}

impl Web {
    /// Prepares the requests.
    #[must_use]
    pub fn new(address: &Address, headers: &[(String, String)]) -> Self {
        let mut request = Request::get(address.url().as_str());
        request.headers = headers.to_vec();
        // The bytes of the file itself are wanted: ranges and digests speak of these.
        if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case(header::ACCEPT_ENCODING.as_str())) {
            request.headers.push((header::ACCEPT_ENCODING.to_string(), "identity".to_owned()));
        }
        Self { request, url: address.shown() }
    }

    pub(super) async fn open(&self, wanted: &Wanted) -> Result<Opened<WebBody>, TransferError> {
        let mut request = self.request.clone();
        if !wanted.is_everything() {
            let until = wanted.until.map_or_else(String::new, |until| (until - 1).to_string());
            request.headers.push((header::RANGE.to_string(), format!("bytes={}-{until}", wanted.from)));
            if let Some(validator) = &wanted.validator {
                request.headers.push((header::IF_RANGE.to_string(), validator.to_string()));
            }
        }
        let answer = client()?.open(&request).await?;
        succeeded(&self.url, answer.status, &answer.headers)?;
        let url = self.url.clone();
        if answer.status == PARTIAL { part(url, answer, wanted) } else { Ok(whole(url, answer)) }
    }
}

fn whole(url: String, answer: Streaming) -> Opened<WebBody> {
    let size = length(&answer.headers);
    let units = text(&answer.headers, &header::ACCEPT_RANGES);
    let offer = offer(&answer.headers, size, units.is_some_and(|units| units.eq_ignore_ascii_case("bytes")));
    Opened { offer, from: 0, body: WebBody { url, answer, received: 0, expected: size } }
}

fn part(url: String, answer: Streaming, wanted: &Wanted) -> Result<Opened<WebBody>, TransferError> {
    let wrong = |reason: String| TransferError::Range { url: url.clone(), reason };
    if wanted.is_everything() {
        return Err(wrong("it sent a part although none was asked for".to_owned()));
    }
    let written = text(&answer.headers, &header::CONTENT_RANGE).unwrap_or_default().to_owned();
    let Some((from, until, size)) = content_range(&written) else {
        return Err(wrong(format!("its Content-Range is {written:?}")));
    };
    if from != wanted.from || wanted.until.is_some_and(|asked| until > asked) {
        return Err(wrong(format!("it sent bytes {from} to {until} when asked for those from {}", wanted.from)));
    }
    let expected = until - from;
    if length(&answer.headers).is_some_and(|told| told != expected) {
        return Err(wrong(format!("its Content-Length does not fit its Content-Range {written:?}")));
    }
    let offer = offer(&answer.headers, size, true);
    if let (Some(known), Some(told)) = (&wanted.validator, &offer.validator)
        && known != told
        && known.starts_with('"') == told.starts_with('"')
    {
        return Err(TransferError::Changed { url });
    }
    Ok(Opened { offer, from, body: WebBody { url, answer, received: 0, expected: Some(expected) } })
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

fn offer(headers: &HeaderMap, size: Option<u64>, has_ranges: bool) -> Offer {
    let etag = etag(headers);
    // Only a strong tag promises the same bytes; a date is the second best that `If-Range` takes.
    let strong = etag.as_deref().filter(|etag| etag.starts_with('"'));
    let validator = strong.or_else(|| text(headers, &header::LAST_MODIFIED)).map(Validator::from);
    let name = headers
        .get(header::CONTENT_DISPOSITION)
        .and_then(|value| name::proposed(&String::from_utf8_lossy(value.as_bytes())));
    Offer { size, validator, etag, has_ranges, name }
}

/// Returns the entity tag that the headers tell.
#[must_use]
pub fn etag(headers: &HeaderMap) -> Option<String> {
    text(headers, &header::ETAG).map(str::to_owned)
}

fn length(headers: &HeaderMap) -> Option<u64> {
    text(headers, &header::CONTENT_LENGTH)?.trim().parse().ok()
}

fn text<'headers>(headers: &'headers HeaderMap, name: &HeaderName) -> Option<&'headers str> {
    headers.get(name)?.to_str().ok()
}

/// Refuses an answer that is no success.
///
/// # Errors
///
/// [`TransferError::Status`].
pub fn succeeded(url: &str, status: u16, headers: &HeaderMap) -> Result<(), TransferError> {
    if (200..300).contains(&status) {
        return Ok(());
    }
    Err(TransferError::Status { url: url.to_owned(), status, after: retry_after(headers, SystemTime::now()) })
}

/// A body on its way.
pub struct WebBody {
    url: String,
    answer: Streaming,
    received: u64,
    expected: Option<u64>,
}

impl std::fmt::Debug for WebBody {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut shown = formatter.debug_struct("WebBody");
        shown.field("url", &self.url).field("received", &self.received).finish_non_exhaustive()
    }
}

impl WebBody {
    pub(super) async fn next(&mut self) -> Result<Option<Bytes>, TransferError> {
        let (received, expected) = (self.received, self.expected);
        let cut_off =
            |url: &str, reason: String| TransferError::CutOff { url: url.to_owned(), received, expected, reason };
        match self.answer.next().await {
            Ok(Some(bytes)) => {
                self.received += bytes.len() as u64;
                Ok(Some(bytes))
            }
            Ok(None) if expected.is_none_or(|expected| expected == received) => Ok(None),
            Ok(None) => Err(cut_off(&self.url, "the body ended".to_owned())),
            Err(HttpError::CutOff { reason, .. }) => Err(cut_off(&self.url, reason)),
            Err(error) => Err(error.into()),
        }
    }
}
