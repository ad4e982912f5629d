//! What a failed exchange means: the libraries' errors in the words of this crate.

use std::error::Error;
use std::io::ErrorKind;

use super::error::HttpError;
use super::outgoing::Broken;

/// Returns why `url` gave no answer.
pub(super) fn without_answer(url: String, error: &(dyn Error + 'static)) -> HttpError {
    named(url, error, |url, reason| HttpError::Lost { url, reason })
}

/// Returns why the answer of `url` broke off.
pub(super) fn within_body(url: String, error: &(dyn Error + 'static)) -> HttpError {
    named(url, error, |url, reason| HttpError::CutOff { url, reason })
}

fn named(url: String, error: &(dyn Error + 'static), lost: fn(String, String) -> HttpError) -> HttpError {
    let mut next = Some(error);
    let mut root = error;
    let mut is_invalid = false;
    while let Some(cause) = next {
        if let Some(ours) = cause.downcast_ref::<HttpError>() {
            return ours.clone();
        }
        if let Some(Broken(reason)) = cause.downcast_ref::<Broken>() {
            return HttpError::Body { url, reason: reason.clone() };
        }
        if let Some(hyper) = cause.downcast_ref::<hyper::Error>() {
            is_invalid |= hyper.is_parse() || hyper.is_parse_status();
        }
        if let Some(io) = cause.downcast_ref::<std::io::Error>() {
            is_invalid |= matches!(io.kind(), ErrorKind::InvalidData | ErrorKind::InvalidInput);
        }
        root = cause;
        next = cause.source();
    }
    let reason = root.to_string();
    if is_invalid { HttpError::Protocol { url, reason } } else { lost(url, reason) }
}
