//! A function that is about to be called: where, how, and the head of the frame that carries the call.

use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::types::PyString;
use raveler::function::Function;
use raveler_procs::frame::{Head, flags};
use raveler_procs::token::Span;
use raveler_task::{Place, Seed, Spec};

/// A function that is about to be called, with everything that was decided about it.
pub(crate) struct Prepared {
    pub(crate) function: Py<PyAny>,
    pub(crate) leading: Vec<Py<PyAny>>,
    pub(crate) name: Py<PyString>,
    pub(crate) place: Place,
    pub(crate) spec: Spec,
    /// Limits of the outer runtime that it needs, inside a worker.
    pub(crate) outer: Vec<String>,
    pub(crate) retry_on: Option<Py<PyAny>>,
    pub(crate) is_writable: bool,
    pub(crate) published: Option<Arc<Function>>,
}

/// Writes the head of a frame.
pub(crate) fn write_head(
    out: &mut Vec<u8>,
    function: &Function,
    prepared: &Prepared,
    bits: u32,
    (number, items): (u64, u32),
    (seed, first): (Seed, u64),
) {
    let mut bits = bits;
    if prepared.is_writable {
        bits |= flags::WRITABLE;
    }
    if prepared.spec.timeout.is_some() {
        bits |= flags::TIMED;
    }
    let head = Head {
        flags: bits,
        attempt: 0,
        items,
        skip: 0,
        task: number,
        function: function.number(),
        code: function.code(),
        first,
        seed: seed.to_u128(),
        context: Span { block: 0, len: 0 },
    };
    head.write(out);
}
