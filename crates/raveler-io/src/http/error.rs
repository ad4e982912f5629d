//! Why a request got no answer, or one that its caller refuses; never with a credential in it.

use std::time::Duration;

/// What a request was waiting for when its time was over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// The connection: name, TCP, proxy and TLS.
    Connect,
    /// The next bytes from the server.
    Read,
    /// The whole request.
    Total,
}

impl Phase {
    fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Connect => ("was not connected", "connect"),
            Self::Read => ("sent nothing", "read"),
            Self::Total => ("did not finish", "total"),
        }
    }
}

/// Why a request failed.
///
/// URLs are shown without userinfo and without the values of their query.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HttpError {
    /// The address can't be requested.
    #[error(
        "{url:?} can't be requested: {reason}; give a URL that begins with http:// or https://, or a path with base_url"
    )]
    BadUrl {
        /// The address as given, without credentials.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A header or method that HTTP does not allow.
    #[error("{name:?} {reason}; names are ASCII words, and values hold no line break")]
    BadHeader {
        /// The name of the header; its value is never shown.
        name: String,
        /// What is wrong with it.
        reason: String,
    },
    /// An option of the client that can't be followed.
    #[error("the option {option} can't be used: {reason}")]
    BadOption {
        /// The option's name.
        option: &'static str,
        /// What is wrong with it, and what to do.
        reason: String,
    },
    /// The name has no address.
    #[error("the name {host} could not be resolved ({reason}); check its spelling and the DNS")]
    Dns {
        /// The name.
        host: String,
        /// The resolver's reason.
        reason: String,
    },
    /// Nobody answers at the address.
    #[error("{host} could not be reached ({reason}); check that the server runs and listens there")]
    Connect {
        /// Host and port.
        host: String,
        /// The system's reason.
        reason: String,
    },
    /// The secure channel was refused.
    #[error("no secure connection to {host}: {reason}")]
    Tls {
        /// Host and port.
        host: String,
        /// What is wrong and what to do.
        reason: String,
        /// Whether the connection broke, so that another attempt may succeed.
        is_transient: bool,
    },
    /// The proxy did not let the request through.
    #[error(
        "the proxy {proxy} gave no way to {host} ({reason}); check the proxy option, or HTTP_PROXY, HTTPS_PROXY and NO_PROXY"
    )]
    Proxy {
        /// The proxy, without its credentials.
        proxy: String,
        /// The host behind it.
        host: String,
        /// Its reason.
        reason: String,
    },
    /// A time limit of the client or the request passed.
    #[error("{url} {} within {}: raise the {} timeout if that is not enough", phase.words().0, seconds(*.after), phase.words().1)]
    Timeout {
        /// The address.
        url: String,
        /// What was waited for.
        phase: Phase,
        /// The limit.
        after: Duration,
    },
    /// More redirects than allowed.
    #[error("{url} was redirected more than {limit} times; raise max_redirects if this is no loop")]
    Redirects {
        /// The first address.
        url: String,
        /// How many were allowed.
        limit: u32,
    },
    /// A redirect that can't be followed.
    #[error("{url} redirects, but it can't be followed: {reason}")]
    BadRedirect {
        /// The address that redirects.
        url: String,
        /// Why, and what to do.
        reason: String,
    },
    /// The answer ended before it was complete.
    #[error("the answer of {url} was cut off ({reason}); what came is not kept, request it again")]
    CutOff {
        /// The address.
        url: String,
        /// How it ended.
        reason: String,
    },
    /// The connection was lost before an answer came.
    #[error("{url} closed the connection without an answer ({reason}); request it again")]
    Lost {
        /// The address.
        url: String,
        /// How it ended.
        reason: String,
    },
    /// The answer is not HTTP.
    #[error("{url} answered something that is not valid HTTP ({reason}); check the port and the scheme")]
    Protocol {
        /// The address.
        url: String,
        /// The parser's reason.
        reason: String,
    },
    /// A compressed body that can't be decoded.
    #[error(
        "the body of {url} is not compressed as its header says ({reason}); set the header accept-encoding to get it as it is"
    )]
    Decoding {
        /// The address.
        url: String,
        /// The decoder's reason.
        reason: String,
    },
    /// A body larger than the client takes into memory.
    #[error("the body of {url} is larger than {limit} bytes; stream it, or raise max_body")]
    TooLarge {
        /// The address.
        url: String,
        /// The limit, in decoded bytes.
        limit: u64,
    },
    /// The request's own body could not be read.
    #[error("the body for {url} could not be sent: {reason}")]
    Body {
        /// The address.
        url: String,
        /// What is wrong, and what to do.
        reason: String,
    },
    /// A status that the caller takes as an error.
    #[error("{url} answered {status}{}", reason_phrase(*.status))]
    Status {
        /// The address.
        url: String,
        /// The status.
        status: u16,
        /// What `Retry-After` said.
        retry_after: Option<Duration>,
    },
}

impl HttpError {
    /// Returns whether the same request may succeed a little later.
    ///
    /// Says nothing of whether repeating it is safe: that depends on the method.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Dns { .. }
            | Self::Connect { .. }
            | Self::Proxy { .. }
            | Self::Timeout { .. }
            | Self::CutOff { .. }
            | Self::Lost { .. } => true,
            Self::Tls { is_transient, .. } => *is_transient,
            Self::Status { status, .. } => matches!(status, 408 | 425 | 429 | 502 | 503 | 504),
            Self::BadUrl { .. }
            | Self::BadHeader { .. }
            | Self::BadOption { .. }
            | Self::Redirects { .. }
            | Self::BadRedirect { .. }
            | Self::Protocol { .. }
            | Self::Decoding { .. }
            | Self::TooLarge { .. }
            | Self::Body { .. } => false,
        }
    }

    /// Returns how long the server asked to be left alone.
    #[must_use]
    pub fn not_before(&self) -> Option<Duration> {
        match self {
            Self::Status { retry_after, .. } => *retry_after,
            _ => None,
        }
    }

    /// Returns the status, if a status is the error.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Status { status, .. } => Some(*status),
            _ => None,
        }
    }

    /// Returns the address without credentials, where the error is about one.
    #[must_use]
    pub fn url(&self) -> Option<&str> {
        match self {
            Self::BadUrl { url, .. }
            | Self::Timeout { url, .. }
            | Self::Redirects { url, .. }
            | Self::BadRedirect { url, .. }
            | Self::CutOff { url, .. }
            | Self::Lost { url, .. }
            | Self::Protocol { url, .. }
            | Self::Decoding { url, .. }
            | Self::TooLarge { url, .. }
            | Self::Body { url, .. }
            | Self::Status { url, .. } => Some(url),
            Self::BadHeader { .. }
            | Self::BadOption { .. }
            | Self::Dns { .. }
            | Self::Connect { .. }
            | Self::Tls { .. }
            | Self::Proxy { .. } => None,
        }
    }
}

fn seconds(limit: Duration) -> String {
    format!("{} s", limit.as_secs_f64())
}

fn reason_phrase(status: u16) -> String {
    let known = http::StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason());
    known.map(|words| format!(" {words}")).unwrap_or_default()
}
