//! Where a map stands: what it pulls from its source, and the results that have arrived.

use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::types::{PyList, PyTuple};
use raveler::Runtime;
use raveler::function::Function;
use raveler::mapping::MapHandle;
use raveler::outcome::Payload;
use raveler::work::Parcel;
use raveler_procs::frame::{Head, flags};
use raveler_procs::token::Reader;
use raveler_task::{ErrorPolicy, Seed};

use crate::decode::simple;
use crate::encode::{Encoder, Seen};
use crate::error;
use crate::host::Interp;
use crate::ledger::Ledger;
use crate::loan::Loan;
use crate::prepared::{Prepared, write_head};
use crate::run::{Next, Source, is_urgent};

/// Where a map stands: its source, and the results that have arrived.
pub(crate) struct State {
    pub(crate) source: Option<Source>,
    pub(crate) function: Arc<Function>,
    pub(crate) prepared: Prepared,
    pub(crate) ledger: Ledger,
    pub(crate) is_star: bool,
    pub(crate) seed: Seed,
    pub(crate) scratch: Vec<u8>,
    pub(crate) seen: Option<Seen>,
    /// Results that have arrived and are given one by one.
    pub(crate) open: Option<Open>,
}

impl State {
    /// Reads the simple values that come next in the open piece.
    pub(crate) fn read_simple(&mut self, py: Python<'_>, list: &Bound<'_, PyList>) -> PyResult<()> {
        let Some(open) = &mut self.open else {
            return Ok(());
        };
        let bytes = open.payload.as_slice();
        let mut reader = Reader::new(&bytes[open.at..]);
        let mut count = 0;
        while count < open.left {
            let before = reader.rest().len();
            let token = reader.token().map_err(|error| error::of_wire(&error))?;
            let Some(value) = simple(py, &token)? else {
                open.at = bytes.len() - before;
                open.left -= count;
                self.ledger.gives(count);
                return Ok(());
            };
            list.append(value)?;
            count += 1;
        }
        self.ledger.gives(count);
        self.open = None;
        Ok(())
    }

    /// Pulls one frame and sends it.
    pub(crate) fn pull(
        &mut self,
        runtime: &Runtime<Interp>,
        handle: &MapHandle,
        (py, source): (Python<'_>, &Source),
        wanted: usize,
        first: u64,
    ) -> PyResult<Pulled> {
        /// Bytes after which a frame is long enough.
        const FRAME_BYTES: usize = 256 * 1024;
        let is_star = self.is_star;
        let mut encoder = Encoder::new(runtime.arena(), runtime.config().is_serial);
        encoder.seen = self.seen.take();
        encoder.out = std::mem::take(&mut self.scratch);
        encoder.out.clear();
        encoder.out.resize(Head::SIZE, 0);
        let mut items = 0_u32;
        let mut end = None;
        let mut refused = None;
        let mut is_dry = false;
        for _ in 0..wanted {
            match source.next(py) {
                Ok(Next::NotReady) => {
                    is_dry = true;
                    break;
                }
                Ok(Next::End) => {
                    end = Some(Ok(()));
                    break;
                }
                Err(error) if is_urgent(py, &error) => return Err(error),
                Err(error) => {
                    end = Some(Err(error));
                    break;
                }
                Ok(Next::Item(item)) => {
                    self.ledger.enters(py, source)?;
                    if let Err(error) = item_of(&mut encoder, &item, is_star, &self.prepared.leading) {
                        refused = Some(error);
                        break;
                    }
                    items += 1;
                }
            }
            if encoder.out.len() > FRAME_BYTES || encoder.blocks.len() >= 8 {
                break;
            }
        }
        self.seen = encoder.seen.take();
        let Encoder { mut out, mut blocks, .. } = encoder;
        if items > 0 {
            let mut bits = flags::ITEMS;
            if self.is_star || !self.prepared.leading.is_empty() {
                bits |= flags::STAR;
            }
            if self.ledger.policy == ErrorPolicy::Raise {
                bits |= flags::STOP_AT_ERROR;
            }
            let mut head = Vec::with_capacity(Head::SIZE);
            let first = first + self.ledger.first;
            write_head(&mut head, &self.function, &self.prepared, bits, (first + 1, items), (self.seed, first));
            out[..Head::SIZE].copy_from_slice(&head);
            Parcel::seal(&mut out, &mut blocks, runtime.arena()).map_err(|error| error::to_python(&error))?;
            // Inside a worker the items run before this returns.
            let _loans = Loan::all(py, &self.prepared.outer)?;
            runtime.map_push(handle, items, &out, blocks, &self.function).map_err(|error| error::to_python(&error))?;
        }
        self.scratch = out;
        Ok(Pulled { items, refused, end, is_dry })
    }
}

/// A piece that is being read.
pub(crate) struct Open {
    pub(crate) payload: Payload,
    pub(crate) at: usize,
    pub(crate) left: u32,
}

/// What one pull found.
pub(crate) struct Pulled {
    pub(crate) items: u32,
    /// The error of the item after these, if it can't travel.
    pub(crate) refused: Option<PyErr>,
    /// How the source ended, if it did.
    pub(crate) end: Option<PyResult<()>>,
    /// Whether the source has nothing more now.
    pub(crate) is_dry: bool,
}

/// Writes one item; what can't travel leaves no trace.
fn item_of(encoder: &mut Encoder<'_>, item: &Bound<'_, PyAny>, is_star: bool, leading: &[Py<PyAny>]) -> PyResult<()> {
    let (start, blocks) = (encoder.out.len(), encoder.blocks.len());
    let written = if leading.is_empty() {
        match item.cast_exact::<PyTuple>() {
            Ok(arguments) if is_star => encoder.arguments(arguments),
            _ => encoder.argument(item),
        }
    } else {
        with_leading(item, is_star, leading).and_then(|arguments| encoder.arguments(&arguments))
    };
    written.inspect_err(|_| {
        encoder.out.truncate(start);
        encoder.blocks.truncate(blocks);
    })
}

/// Returns the arguments of an item, with the object of a bound method before them.
fn with_leading<'py>(item: &Bound<'py, PyAny>, is_star: bool, leading: &[Py<PyAny>]) -> PyResult<Bound<'py, PyTuple>> {
    let py = item.py();
    let mut arguments: Vec<Bound<'py, PyAny>> = leading.iter().map(|each| each.bind(py).clone()).collect();
    if is_star {
        for member in item.try_iter()? {
            arguments.push(member?);
        }
    } else {
        arguments.push(item.clone());
    }
    PyTuple::new(py, arguments)
}
