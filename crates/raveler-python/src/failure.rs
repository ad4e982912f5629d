//! Tasks that ended without a Python exception of their own: the error on the wire, the timeout, the dead worker.

use pyo3::prelude::*;
use pyo3::types::PyString;
use raveler::outcome::Death;
use raveler_procs::frame::{Body, Frame, flags};
use raveler_procs::token::{Reader, Token};
use raveler_shm::Arena;

use crate::decode::{content, hold, load_error};
use crate::error::{self, TaskTimeout};
use crate::facts::Facts;
use crate::interpreter::PACKED;
use crate::modules;

/// Makes the exception of an error that is on the wire.
pub(crate) fn read_error<'py>(py: Python<'py>, bytes: &[u8]) -> PyResult<Bound<'py, PyAny>> {
    match Reader::new(bytes).token().map_err(|error| error::of_wire(&error))? {
        Token::Error(content) => load_error(py, content),
        _ => Ok(error::RavelerError::new_err("the result of the task is not a result")
            .into_value(py)
            .into_bound(py)
            .into_any()),
    }
}

/// Makes the exception of an attempt that took too long.
pub(crate) fn timed_out<'py>(py: Python<'py>, after: u64, name: &Bound<'py, PyString>) -> Bound<'py, PyAny> {
    #[expect(clippy::cast_precision_loss, reason = "a timeout in nanoseconds fits a float well enough to be read")]
    let seconds = after as f64 / 1e9;
    let message = format!("task {name} took longer than its timeout of {seconds} s");
    TaskTimeout::new_err(message).into_value(py).into_bound(py).into_any()
}

/// Makes the exception of a worker's death.
pub(crate) fn describe_death<'py>(
    py: Python<'py>,
    death: &Death,
    arena: Option<&Arena>,
    name: Option<&Bound<'py, PyString>>,
) -> PyResult<Bound<'py, PyAny>> {
    let certificate = &death.certificate;
    let facts = Facts::new(py)
        .with("task", name)?
        .with("pid", certificate.pid)?
        .with("signal", certificate.signal)?
        .with("exit_code", certificate.exit_code)?
        .with("cause", certificate.cause())?
        .with("peak_rss", (certificate.peak_bytes > 0).then_some(certificate.peak_bytes))?
        .with("arguments", arena.and_then(|arena| summary(death, arena)))?
        .with("stack", (!certificate.fault.is_empty()).then_some(certificate.fault.as_str()))?
        .with("log", modules::last_lines(py)?.call1((certificate.worker,))?)?
        .into_dict();
    modules::worker_died(py)?.call_method("describe", (), Some(&facts))
}

/// Returns the arguments that the dead worker was given, shortened.
///
/// A pickle is not opened: it may be what killed the worker.
fn summary(death: &Death, arena: &Arena) -> Option<String> {
    let frame = Frame::read(&death.args).ok()?;
    let held;
    let body = match frame.body {
        Body::Inline(body) => body,
        Body::Block(span) => {
            held = hold(arena, span).ok()?;
            content(&held, span)
        }
    };
    let mut reader = Reader::new(body);
    if frame.head.has(flags::ITEMS) {
        for _ in 0..frame.head.skip + death.item {
            reader.skip(&mut |_| ()).ok()?;
        }
        return short(&mut reader);
    }
    let (count, named) = (reader.u32().ok()?, reader.u32().ok()?);
    if count == PACKED {
        return short(&mut reader);
    }
    let mut parts = Vec::new();
    for _ in 0..count {
        parts.push(short(&mut reader)?);
    }
    for _ in 0..named {
        let key = short(&mut reader)?;
        parts.push(format!("{}={}", key.trim_matches('"'), short(&mut reader)?));
    }
    Some(shortened(&parts.join(", "), 200))
}

/// Returns one value in words.
fn short(reader: &mut Reader<'_>) -> Option<String> {
    Some(match reader.token().ok()? {
        Token::None => "None".into(),
        Token::Bool(truth) => if truth { "True" } else { "False" }.into(),
        Token::Int(number) => number.to_string(),
        Token::Float(number) => format!("{number:?}"),
        Token::Str(text) => shortened(&format!("{text:?}"), 60),
        Token::Bytes(bytes) => format!("<{} bytes>", bytes.len()),
        Token::BytesBlock(span) => format!("<{} bytes>", span.len),
        Token::Block(_) | Token::Shared(_) => "<shared value>".into(),
        Token::Error(_) => "<error>".into(),
        Token::Pickle { data, buffers, .. } => {
            let size = data.len() as u64 + buffers.map(|span| span.len).sum::<u64>();
            format!("<pickle of {size} bytes>")
        }
        Token::Tuple(count) => {
            let mut members = Vec::new();
            for _ in 0..count {
                members.push(short(reader)?);
            }
            shortened(&format!("({})", members.join(", ")), 120)
        }
    })
}

fn shortened(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.into();
    }
    text.chars().take(most - 1).chain(['…']).collect()
}
