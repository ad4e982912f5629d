//! How a worker died, in words.

use std::fmt;

use crate::worker::EXIT_NO_MEMORY;

/// A death certificate: what is known about a worker's end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Certificate {
    /// The worker's index.
    pub worker: u32,
    /// Its process id.
    pub pid: u32,
    /// The signal that ended it.
    pub signal: Option<u32>,
    /// The code it exited with.
    pub exit_code: Option<u32>,
    /// Largest resident size in bytes, 0 if unknown.
    pub peak_bytes: u64,
    /// What faulthandler wrote: the Python stack at the fault.
    pub fault: String,
    /// Whether the kernel killed something for lack of memory while the worker died.
    pub out_of_memory: bool,
    /// The memory budget that the worker had passed, in bytes.
    pub over_budget: Option<u64>,
}

impl Certificate {
    /// Reads the status that `wait` gives.
    #[must_use]
    pub fn from_status(worker: u32, pid: u32, status: u32) -> Self {
        let low = status & 0x7f;
        Self {
            worker,
            pid,
            signal: (low != 0).then_some(low),
            exit_code: (low == 0).then_some((status >> 8) & 0xff),
            ..Self::default()
        }
    }

    /// Returns the cause in words, without a full stop.
    #[must_use]
    pub fn cause(&self) -> String {
        if let Some(budget) = self.over_budget {
            return format!("it used more than its memory budget of {budget} bytes");
        }
        match (self.signal, self.exit_code) {
            (Some(9), _) if self.out_of_memory => "the kernel killed it because memory ran out (SIGKILL)".into(),
            (Some(9), _) => "it was killed (SIGKILL)".into(),
            (Some(11), _) => "segmentation fault (SIGSEGV)".into(),
            (Some(6), _) => "it aborted (SIGABRT)".into(),
            (Some(7), _) => "bus error (SIGBUS)".into(),
            (Some(8), _) => "arithmetic fault (SIGFPE)".into(),
            (Some(4), _) => "illegal instruction (SIGILL)".into(),
            (Some(15), _) => "it was terminated (SIGTERM)".into(),
            (Some(24), _) => "it used up its CPU time limit (SIGXCPU)".into(),
            (Some(signal), _) => format!("signal {signal}"),
            (None, Some(EXIT_NO_MEMORY)) => "no shared memory was left for its result".into(),
            (None, Some(code)) => format!("it left by os._exit({code})"),
            (None, None) => "its end was not seen".into(),
        }
    }
}

impl fmt::Display for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "worker {} (process {}) died: {}", self.worker, self.pid, self.cause())
    }
}
