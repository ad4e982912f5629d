//! Permits of the outer runtime's limits, borrowed by tasks inside a worker for as long as their own tasks run.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use raveler_procs::inbox::{self, BORROW, Note, RETURN, UNKNOWN};
use raveler_sync::Counter;

use crate::error;
use crate::zygote::outbox;

/// A permit; dropping it gives it back.
pub(crate) struct Loan {
    request: u64,
}

/// First and longest pause between two looks for the answer.
const PAUSES: (Duration, Duration) = (Duration::from_micros(50), Duration::from_millis(2));

static REQUESTS: Counter = Counter::new(0);
static TURN: Mutex<()> = Mutex::new(());

impl Loan {
    /// Borrows a permit of each limit; waits until all are there.
    pub(crate) fn all(py: Python<'_>, limits: &[String]) -> PyResult<Vec<Self>> {
        limits.iter().map(|limit| Self::borrow(py, limit)).collect()
    }

    fn borrow(py: Python<'_>, limit: &str) -> PyResult<Self> {
        // A worker that took the place of another one must not take its answers for its own.
        let request = u64::from(std::process::id()) << 24 | (REQUESTS.add(1) + 1) & 0x00ff_ffff;
        let loan = Self { request };
        let answer = py.detach(|| {
            // A worker has room for one answer.
            let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
            send(BORROW, request, limit);
            loan.wait()
        })?;
        match answer {
            answer if answer & UNKNOWN == 0 => Ok(loan),
            _ => Err(PyValueError::new_err(format!(
                "the runtime has no limit {limit:?}; name it in Runtime(limits={{...}})"
            ))),
        }
    }

    fn wait(&self) -> PyResult<u64> {
        let Some((_, worker, segment)) = outbox() else { return Ok(UNKNOWN) };
        let mut pause = PAUSES.0;
        loop {
            let answer = segment.worker(*worker).current();
            if answer & !UNKNOWN == self.request {
                return Ok(answer);
            }
            std::thread::sleep(pause);
            pause = (pause * 2).min(PAUSES.1);
            error::heed_signals()?;
        }
    }
}

impl Drop for Loan {
    fn drop(&mut self) {
        send(RETURN, self.request, "");
    }
}

fn send(kind: u32, request: u64, limit: &str) {
    let Some((socket, worker, segment)) = outbox() else { return };
    let mut content = request.to_le_bytes().to_vec();
    content.extend_from_slice(limit.as_bytes());
    let record = segment.worker(*worker);
    record.set_messages(record.messages() + 1);
    // A parent that is gone takes this process with it.
    let _ = inbox::send(socket, &Note { kind, worker: *worker, task: 0, name: String::new(), content });
}
