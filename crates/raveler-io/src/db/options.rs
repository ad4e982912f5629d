//! What a user may set about a database besides its address.

use std::time::Duration;

/// The options of a database.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// The most connections to a server; SQLite has one writer and this many readers, two at most.
    pub pool_size: usize,
    /// How long an operation waits for a connection, and a connection for the server.
    pub timeout: Duration,
    /// How many prepared statements a connection keeps.
    pub statement_cache: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self { pool_size: 8, timeout: Duration::from_secs(30), statement_cache: 256 }
    }
}
