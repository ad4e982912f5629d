//! What can go wrong with a transfer, in words and without credentials.

use std::path::PathBuf;
use std::time::Duration;

use crate::files::FileError;
use crate::http::HttpError;

/// Why a transfer failed. Every `url` is shown without user, password and query.
#[derive(Debug, thiserror::Error)]
pub enum TransferError {
    /// The file on this machine.
    #[error(transparent)]
    File(#[from] FileError),
    /// An address that can't be used.
    #[error("the address {url:?} can't be used: {reason}")]
    Address {
        /// The address.
        url: String,
        /// What is wrong, and what to do.
        reason: String,
    },
    /// The request got no answer, or could not be made.
    #[error(transparent)]
    Http(#[from] HttpError),
    /// A setting of the store that can't be used; its value is not shown.
    #[error("the store of {url} can't be used: {reason}; check the options and the environment")]
    Setting {
        /// The address.
        url: String,
        /// What is wrong.
        reason: String,
    },
    /// The server refused.
    #[error("{url} answered {status}{}; {}", reason_of(*status), advice_for(*status))]
    Status {
        /// The address.
        url: String,
        /// The status.
        status: u16,
        /// How long the server asks to wait.
        after: Option<Duration>,
    },
    /// The body ended early.
    #[error("{url} broke off after {received} of {} bytes: {reason}; try again", expected.map_or("unknown".to_owned(), |size| size.to_string()))]
    CutOff {
        /// The address.
        url: String,
        /// The bytes that came.
        received: u64,
        /// The bytes promised.
        expected: Option<u64>,
        /// What was noticed.
        reason: String,
    },
    /// The server answered something else than what was asked for.
    #[error("{url} answered a range wrongly: {reason}; download with one connection and without resuming")]
    Range {
        /// The address.
        url: String,
        /// What was wrong.
        reason: String,
    },
    /// The file on the server is not the one that the download began with.
    #[error("{url} was changed while it was being downloaded; start again")]
    Changed {
        /// The address.
        url: String,
    },
    /// The content is not the expected one.
    #[error("the SHA-256 of {url} is {found}, not {expected}; the file was removed: check the source and the digest")]
    Digest {
        /// The address.
        url: String,
        /// Where the file would have been.
        path: PathBuf,
        /// The digest asked for, as hexadecimal digits.
        expected: String,
        /// The digest found, as hexadecimal digits.
        found: String,
    },
    /// The file became shorter while it was being uploaded.
    #[error("{path:?} became shorter while it was being uploaded; upload it again when nobody writes to it")]
    Shrunk {
        /// The file.
        path: PathBuf,
    },
    /// The store refused or failed.
    #[error("the store of {url} failed: {reason}")]
    Store {
        /// The address.
        url: String,
        /// What the store says.
        reason: String,
        /// Whether another attempt may succeed.
        may_pass: bool,
    },
}

impl TransferError {
    /// Whether another attempt may succeed.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::File(error) => error.is_transient(),
            Self::Http(error) => error.is_transient(),
            Self::Store { may_pass, .. } => *may_pass,
            Self::CutOff { .. } | Self::Changed { .. } => true,
            Self::Status { status, .. } => matches!(status, 408 | 425 | 429 | 500 | 502..=504),
            Self::Address { .. }
            | Self::Setting { .. }
            | Self::Range { .. }
            | Self::Digest { .. }
            | Self::Shrunk { .. } => false,
        }
    }

    /// Returns how long the server asks to wait before another attempt.
    #[must_use]
    pub fn not_before(&self) -> Option<Duration> {
        match self {
            Self::Status { after, .. } => *after,
            _ => None,
        }
    }

    /// Returns the status that the server answered with, where that is the error.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Status { status, .. } => Some(*status),
            _ => None,
        }
    }
}

fn reason_of(status: u16) -> String {
    let named = http::StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason());
    named.map_or_else(String::new, |reason| format!(" {reason}"))
}

fn advice_for(status: u16) -> &'static str {
    match status {
        401 | 403 | 407 => "check the credentials and whether they permit it",
        404 | 410 => "check the address",
        408 | 425 | 429 | 500 | 502..=504 => "try again later",
        _ => "check the address and the headers",
    }
}
