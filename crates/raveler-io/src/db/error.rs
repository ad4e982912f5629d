//! What can go wrong with a database: one enum for all three drivers, with the question whether another attempt is worth it.

use std::time::Duration;

/// A failed database operation. Messages never hold a password: servers are named by scheme, host and database alone.
#[derive(Clone, Debug, thiserror::Error)]
pub enum DbError {
    /// An address that no driver understands, or an option that it does not take.
    #[error("{0}")]
    Address(String),
    /// No connection could be made.
    #[error("no connection to {server}: {reason}; check that it runs and that the address is right")]
    Connect {
        /// The server without its credentials.
        server: String,
        /// What the system or the server said.
        reason: String,
        /// Whether the same attempt may succeed later.
        transient: bool,
    },
    /// The server refused the user.
    #[error("{server} refuses the login: {reason}; check the user, the password and the database of the address")]
    Login {
        /// The server without its credentials.
        server: String,
        /// What the server said.
        reason: String,
    },
    /// No connection of the pool became free in time.
    #[error(
        "all {size} connections were in use for {} s; raise pool_size= or timeout=, or end transactions and streams sooner",
        waited.as_secs_f64()
    )]
    Exhausted {
        /// How many connections the pool may have.
        size: usize,
        /// How long the operation waited.
        waited: Duration,
    },
    /// The server refused a statement.
    #[error("{}", sql_sentence(code, message, detail.as_deref(), hint.as_deref(), *position))]
    Sql {
        /// SQLSTATE, or SQLite's extended result code.
        code: String,
        /// The server's message.
        message: String,
        /// More about the values that were refused.
        detail: Option<String>,
        /// What the server proposes.
        hint: Option<String>,
        /// The character of the statement that it points to, counted from 1.
        position: Option<u32>,
        /// Whether the same statement may succeed later.
        transient: bool,
    },
    /// A value that does not fit the place it goes to.
    #[error("{0}")]
    Value(String),
    /// A statement that should give a row or a value and gives none, or too many parameters.
    #[error("{0}")]
    Shape(String),
    /// The database object was closed.
    #[error("the database is closed; connect again with rv.db.connect()")]
    Closed,
    /// The connection broke while the operation was under way.
    #[error("the connection to {server} was lost: {reason}; the statement may or may not have run")]
    Lost {
        /// The server without its credentials.
        server: String,
        /// What the system said.
        reason: String,
    },
    /// The operation was interrupted.
    #[error("the statement was interrupted")]
    Interrupted,
}

fn sql_sentence(code: &str, message: &str, detail: Option<&str>, hint: Option<&str>, position: Option<u32>) -> String {
    let place = position.map_or_else(String::new, |position| format!(" at character {position}"));
    let mut parts = vec![format!("{message}{place}")];
    parts.extend([detail, hint].into_iter().flatten().map(|part| String::from(part.trim_end_matches('.'))));
    format!("{} [{code}]", parts.join("; "))
}

impl DbError {
    /// Whether the same operation may succeed when it is done again.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Connect { transient, .. } | Self::Sql { transient, .. } => *transient,
            Self::Exhausted { .. } | Self::Lost { .. } => true,
            Self::Address(_)
            | Self::Login { .. }
            | Self::Value(_)
            | Self::Shape(_)
            | Self::Closed
            | Self::Interrupted => false,
        }
    }

    /// Returns how long to wait before another attempt: databases never say.
    #[must_use]
    pub fn not_before(&self) -> Option<Duration> {
        None
    }

    /// Returns the server's code: an SQLSTATE, or SQLite's extended result code.
    #[must_use]
    pub fn code(&self) -> Option<&str> {
        match self {
            Self::Sql { code, .. } => Some(code),
            _ => None,
        }
    }
}
