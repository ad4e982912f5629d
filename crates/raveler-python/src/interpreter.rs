//! Runs frames: reads the arguments, calls the function, writes the result. The same in workers and in the serial engine.

use std::collections::HashMap;

use pyo3::exceptions::PyException;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyString, PyTuple};
use raveler_procs::frame::{Body, Frame, Head, flags};
use raveler_procs::interruption::{FINAL, OUT_OF_TIME, RETRYABLE};
use raveler_procs::token::{Reader, Span, Tag, Write};
use raveler_procs::worker::Results;
use raveler_shm::{Arena, Block, ShmError};
use raveler_task::Seed;

use crate::current;
use crate::decode::{Access, Decoder, content, hold};
use crate::encode::Encoder;
use crate::error;
use crate::function::unpack;
use crate::interrupt;
use crate::modules;

/// Most functions that are kept ready.
const FUNCTIONS_MAX: usize = 512;

/// In place of the number of arguments: one pair of a tuple and a dict follows.
pub(crate) const PACKED: u32 = u32::MAX;

/// A function that is ready to run here.
struct Ready {
    function: Py<PyAny>,
    name: Py<PyString>,
    retry_on: Option<Py<PyAny>>,
}

/// A function that is ready, its name, and the kinds of error that are retried.
type Bind<'py> = (Bound<'py, PyAny>, Py<PyString>, Option<Bound<'py, PyAny>>);

/// The functions that have been loaded, and a buffer for results.
#[derive(Default)]
pub(crate) struct Interpreter {
    functions: HashMap<u64, Ready>,
    out: Vec<u8>,
    is_here: bool,
}

impl Interpreter {
    /// Makes one; `is_here` says that values stay in this process.
    pub(crate) fn new(is_here: bool) -> Self {
        Self { is_here, ..Self::default() }
    }

    /// Runs the frame and commits one result for each item; says whether one is an error.
    pub(crate) fn run(
        &mut self,
        py: Python<'_>,
        args: &[u8],
        arena: &Arena,
        results: &mut impl Results,
    ) -> Result<bool, ShmError> {
        let frame = match Frame::read(args) {
            Ok(frame) => frame,
            Err(error) => return self.fail(py, &error::of_wire(&error), 1, results),
        };
        let head = frame.head;
        let mark = if head.has(flags::TIMED) { results.stamp() } else { 0 };
        let place: Option<(Block, Span)> = match frame.body {
            Body::Inline(_) => None,
            Body::Block(span) => match hold(arena, span) {
                Ok(block) => Some((block, span)),
                Err(error) => return self.fail(py, &error::of_wire(&error), head.items, results),
            },
        };
        let body = match (&place, frame.body) {
            (Some((block, span)), _) => content(block, *span),
            (None, Body::Inline(body)) => body,
            (None, Body::Block(_)) => &[],
        };
        if mark != 0 {
            interrupt::arm(mark);
        }
        match self.ready(py, &head, arena) {
            Ok((function, name, retry_on)) => {
                let outer = current::enter(Some(name), head.task, head.attempt, Seed::from_u128(head.seed));
                let run = Run { head, mark, arena, function, retry_on, is_here: self.is_here };
                let has_failed = run.items(py, body, &mut self.out, results);
                current::leave(outer);
                has_failed
            }
            Err(_) if mark != 0 && interrupt::disarm() => {
                self.out.clear();
                write_bare_error(OUT_OF_TIME, &mut self.out);
                results.commit(&self.out, 1)?;
                Ok(true)
            }
            Err(error) => self.fail(py, &error, head.items, results),
        }
    }

    /// Gives all items the same error.
    fn fail(
        &mut self,
        py: Python<'_>,
        error: &PyErr,
        items: u32,
        results: &mut impl Results,
    ) -> Result<bool, ShmError> {
        for _ in 0..items.max(1) {
            self.out.clear();
            write_error(py, error, None, &mut self.out);
            results.commit(&self.out, 1)?;
        }
        Ok(true)
    }

    /// Returns the function of a frame, loading it at first use.
    fn ready<'py>(&mut self, py: Python<'py>, head: &Head, arena: &Arena) -> PyResult<Bind<'py>> {
        if let Some(ready) = self.functions.get(&head.function) {
            let retry_on = ready.retry_on.as_ref().map(|kinds| kinds.bind(py).clone());
            return Ok((ready.function.bind(py).clone(), ready.name.clone_ref(py), retry_on));
        }
        let block = hold(arena, head.code).map_err(|error| error::of_wire(&error))?;
        let (retry_on, code) = unpack(content(&block, head.code)).map_err(|error| error::of_wire(&error))?;
        let function = modules::load_function(py)?.call1((PyBytes::new(py, code),))?;
        let retry_on = match retry_on {
            [] => None,
            kinds => Some(modules::pickle_loads(py)?.call1((PyBytes::new(py, kinds),))?),
        };
        let name = match function.getattr(intern!(py, "__qualname__")) {
            Ok(name) => name.str()?,
            Err(_) => function.get_type().qualname()?,
        };
        if self.functions.len() >= FUNCTIONS_MAX {
            self.functions.clear();
        }
        let ready = Ready {
            function: function.clone().unbind(),
            name: name.clone().unbind(),
            retry_on: retry_on.clone().map(Bound::unbind),
        };
        self.functions.insert(head.function, ready);
        Ok((function, name.unbind(), retry_on))
    }
}

/// One frame that runs.
struct Run<'a, 'py> {
    head: Head,
    /// By what its items may be interrupted; 0 if they can't be.
    mark: u64,
    arena: &'a Arena,
    function: Bound<'py, PyAny>,
    retry_on: Option<Bound<'py, PyAny>>,
    is_here: bool,
}

impl<'py> Run<'_, 'py> {
    fn items(
        &self,
        py: Python<'py>,
        body: &[u8],
        out: &mut Vec<u8>,
        results: &mut impl Results,
    ) -> Result<bool, ShmError> {
        let access = if self.head.has(flags::WRITABLE) { Access::Private } else { Access::Read };
        let decoder = Decoder::new(self.arena, access);
        let mut encoder = Encoder::new(self.arena, self.is_here);
        encoder.out = std::mem::take(out);
        let mut reader = Reader::new(body);
        let mut has_failed = false;
        for _ in 0..self.head.skip {
            // A frame that broke before this point was read as far already.
            if reader.skip(&mut |_| ()).is_err() {
                break;
            }
        }
        for item in 0..u64::from(self.head.items) {
            current::begin(self.head.first + item);
            encoder.out.clear();
            if self.mark != 0 {
                interrupt::arm(self.mark);
            }
            let result = self.call(py, &decoder, &mut reader).and_then(|value| encoder.value(&value, "result"));
            let is_late = self.mark != 0 && interrupt::disarm();
            if is_late || result.is_err() {
                has_failed = true;
                encoder.out.clear();
                encoder.blocks.clear();
            }
            match result {
                // Whatever became of it: it was told that its time was over.
                _ if is_late => write_bare_error(OUT_OF_TIME, &mut encoder.out),
                Err(error) => write_error(py, &error, self.retry_on.as_ref(), &mut encoder.out),
                Ok(()) => {}
            }
            for block in encoder.blocks.drain(..) {
                results.keep(block);
            }
            results.commit(&encoder.out, 1)?;
            if has_failed && self.head.has(flags::STOP_AT_ERROR) {
                break;
            }
        }
        *out = encoder.out;
        Ok(has_failed)
    }

    #[inline]
    fn call(&self, py: Python<'py>, decoder: &Decoder<'_>, reader: &mut Reader<'_>) -> PyResult<Bound<'py, PyAny>> {
        if self.head.has(flags::ITEMS) {
            let item = decoder.value(py, reader)?;
            if !self.head.has(flags::STAR) {
                return self.function.call1((item,));
            }
            return match item.cast::<PyTuple>() {
                Ok(arguments) => self.function.call1(arguments.clone()),
                Err(_) => self.function.call1(PyTuple::new(py, item.try_iter()?.collect::<PyResult<Vec<_>>>()?)?),
            };
        }
        let count = reader.u32().map_err(|error| error::of_wire(&error))?;
        let named = reader.u32().map_err(|error| error::of_wire(&error))?;
        if count == PACKED {
            let (positional, keywords): (Bound<'_, PyTuple>, Bound<'_, PyDict>) =
                decoder.value(py, reader)?.extract()?;
            return self.function.call(positional, Some(&keywords));
        }
        if count == 1 && named == 0 {
            let only = decoder.value(py, reader)?;
            return self.function.call1((only,));
        }
        let mut positional = Vec::with_capacity(count as usize);
        for _ in 0..count {
            positional.push(decoder.value(py, reader)?);
        }
        let positional = PyTuple::new(py, positional)?;
        if named == 0 {
            return self.function.call1(positional);
        }
        let keywords = PyDict::new(py);
        for _ in 0..named {
            let name = decoder.value(py, reader)?;
            keywords.set_item(name, decoder.value(py, reader)?)?;
        }
        self.function.call(positional, Some(&keywords))
    }
}

/// Writes an error: whether it may be retried, and its serialised form.
pub(crate) fn write_error(py: Python<'_>, error: &PyErr, retry_on: Option<&Bound<'_, PyAny>>, out: &mut Vec<u8>) {
    let value = error.value(py);
    if let Some(traceback) = error.traceback(py) {
        // Before Python 3.12 the exception does not hold it.
        let _ = value.setattr(intern!(py, "__traceback__"), traceback);
    }
    let may_retry = match retry_on {
        Some(kinds) => value.is_instance(kinds).unwrap_or(false),
        None => value.is_instance_of::<PyException>(),
    };
    let dumped = modules::dump_error(py).and_then(|dump| dump.call1((value,)));
    let dumped = dumped.and_then(|bytes| bytes.extract::<Vec<u8>>());
    let first = if may_retry { RETRYABLE } else { FINAL };
    let mut content = vec![first];
    // An empty form makes the reader say that the error could not travel.
    content.extend_from_slice(&dumped.unwrap_or_default());
    if out.sized(Tag::Error, &content).is_err() {
        write_bare_error(first, out);
    }
}

/// Writes an error of which nothing is known but its first byte.
fn write_bare_error(first: u8, out: &mut Vec<u8>) {
    out.tag(Tag::Error);
    Write::u32(out, 1);
    out.push(first);
}
