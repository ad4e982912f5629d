//! Answers: collected, or as they come.

use std::time::{Duration, Instant, SystemTime};

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, Version};

use super::address::shown;
use super::decoding::Content;
use super::error::{HttpError, Phase};
use super::limits::Permit;
use super::retry_after::retry_after;

/// An answer with its whole body.
#[derive(Clone, Debug)]
pub struct Response {
    /// The status.
    pub status: u16,
    /// The protocol that the server spoke.
    pub version: Version,
    /// Where the answer came from, after redirects; without userinfo.
    pub url: String,
    /// The headers; those of one name in their order.
    pub headers: HeaderMap,
    /// The decoded body, in the pieces in which it came.
    pub body: Vec<Bytes>,
    /// The redirects on the way: status and the address that sent it.
    pub history: Vec<(u16, String)>,
    /// The time from when the request was allowed to start until its last byte.
    pub elapsed: Duration,
}

impl Response {
    /// Returns how many bytes the body has.
    #[must_use]
    pub fn len(&self) -> usize {
        self.body.iter().map(Bytes::len).sum()
    }

    /// Returns whether the body has none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.body.iter().all(Bytes::is_empty)
    }

    /// Returns the body in one piece; copies only if it came in several.
    #[must_use]
    pub fn into_bytes(mut self) -> Bytes {
        if self.body.len() <= 1 {
            return self.body.pop().unwrap_or_default();
        }
        let mut whole = BytesMut::with_capacity(self.len());
        for piece in &self.body {
            whole.extend_from_slice(piece);
        }
        whole.freeze()
    }

    /// Returns the status as an error if it is one: 400 and above.
    #[must_use]
    pub fn status_error(&self) -> Option<HttpError> {
        HttpError::from_status(self.status, &self.url, &self.headers)
    }
}

/// An answer whose body is still on its way. Dropping it closes the connection, unless the body has ended.
pub struct Streaming {
    /// The status.
    pub status: u16,
    /// The protocol that the server speaks.
    pub version: Version,
    /// Where the answer comes from, after redirects; without userinfo.
    pub url: String,
    /// The headers; those of one name in their order.
    pub headers: HeaderMap,
    /// The redirects on the way: status and the address that sent it.
    pub history: Vec<(u16, String)>,
    pub(super) content: Content,
    pub(super) permit: Option<Permit>,
    pub(super) started: Instant,
    pub(super) idle: Option<Duration>,
    /// When the whole request must be over, and the limit that was given for it.
    pub(super) deadline: Option<(Instant, Duration)>,
}

impl Streaming {
    /// Returns the next piece of the decoded body, and `None` at its end.
    ///
    /// # Errors
    ///
    /// The connection broke, the body is not what its headers say, or a time limit passed.
    pub async fn next(&mut self) -> Result<Option<Bytes>, HttpError> {
        let left = self.deadline.map(|(end, _)| end.saturating_duration_since(Instant::now()));
        let limit = match (self.idle, left) {
            (Some(idle), Some(left)) => Some(idle.min(left)),
            (idle, left) => idle.or(left),
        };
        let piece = match limit {
            None => self.content.next(&self.url).await?,
            Some(limit) => match tokio::time::timeout(limit, self.content.next(&self.url)).await {
                Ok(piece) => piece?,
                Err(_) => return Err(self.late()),
            },
        };
        if piece.is_none() {
            self.permit = None;
        }
        Ok(piece)
    }

    /// Collects the rest of the body, up to `most` bytes.
    ///
    /// # Errors
    ///
    /// As [`Streaming::next`], or the body is larger.
    pub async fn collect(mut self, most: Option<u64>) -> Result<Response, HttpError> {
        let most = most.unwrap_or(u64::MAX);
        let mut body = Vec::with_capacity(1);
        let mut size = 0;
        while let Some(piece) = self.next().await? {
            size += piece.len() as u64;
            if size > most {
                return Err(HttpError::TooLarge { url: shown(&self.url), limit: most });
            }
            body.push(piece);
        }
        Ok(Response {
            status: self.status,
            version: self.version,
            url: self.url,
            headers: self.headers,
            body,
            history: self.history,
            elapsed: self.started.elapsed(),
        })
    }

    /// Returns the status as an error if it is one: 400 and above.
    #[must_use]
    pub fn status_error(&self) -> Option<HttpError> {
        HttpError::from_status(self.status, &self.url, &self.headers)
    }

    fn late(&self) -> HttpError {
        let url = shown(&self.url);
        match self.deadline {
            Some((end, after)) if end <= Instant::now() => HttpError::Timeout { url, phase: Phase::Total, after },
            _ => HttpError::Timeout { url, phase: Phase::Read, after: self.idle.unwrap_or_default() },
        }
    }
}

impl HttpError {
    /// Returns the error that `status` is; `None` below 400.
    #[must_use]
    pub fn from_status(status: u16, url: &str, headers: &HeaderMap) -> Option<Self> {
        (status >= 400).then(|| Self::Status {
            url: shown(url),
            status,
            retry_after: retry_after(headers, SystemTime::now()),
        })
    }
}
