//! A frame of the serial engine, with the global random generators on the item's stream.

use pyo3::prelude::*;
use raveler_procs::frame::Frame;
use raveler_procs::worker::Results;
use raveler_shm::{Arena, ShmError};
use raveler_task::Seed;

use crate::interpreter::Interpreter;
use crate::modules;

/// Runs a frame of one item on this thread.
pub(crate) fn run(
    py: Python<'_>,
    interpreter: &mut Interpreter,
    args: &[u8],
    arena: &Arena,
    results: &mut impl Results,
) -> Result<bool, ShmError> {
    let seed = Frame::read(args).map(|frame| Seed::from_u128(frame.head.seed).child(frame.head.first).to_u128());
    let stream = modules::inline_task(py).and_then(|class| class.call1((seed.unwrap_or_default(),)));
    let entered = stream.and_then(|stream| stream.call_method0("__enter__").map(|_| stream));
    let ran = interpreter.run(py, args, arena, results);
    match entered {
        Ok(stream) => {
            if let Err(error) = stream.call_method1("__exit__", (py.None(), py.None(), py.None())) {
                error.write_unraisable(py, None);
            }
        }
        Err(error) => error.write_unraisable(py, None),
    }
    ran
}
