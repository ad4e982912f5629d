//! How a runtime is made.

use raveler_task::Limit;

/// How a runtime is made.
#[derive(Clone, Debug)]
pub struct Config {
    /// Worker processes.
    pub workers: u32,
    /// Whether everything runs on the calling thread, in order.
    pub is_serial: bool,
    /// Root of the random streams.
    pub seed: u64,
    /// Named limits.
    pub limits: Vec<(String, Limit)>,
}
