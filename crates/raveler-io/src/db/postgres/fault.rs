//! What PostgreSQL and the way to it report, in the words of [`DbError`].

use std::error::Error as _;

use tokio_postgres::error::{DbError as ServerError, ErrorPosition};

use crate::db::error::DbError;

/// Turns an error of the driver into ours; `server` names the server without credentials.
#[must_use]
pub fn from_postgres(error: &tokio_postgres::Error, server: &str, is_connecting: bool) -> DbError {
    if let Some(said) = error.as_db_error() {
        return from_server(said, server, is_connecting);
    }
    let reason = chain(error);
    let is_io = error.source().is_some_and(<dyn std::error::Error>::is::<std::io::Error>);
    let text = error.to_string();
    if is_connecting {
        if text.starts_with("authentication") {
            return DbError::Login { server: server.to_owned(), reason };
        }
        let transient = is_io || error.is_closed();
        return DbError::Connect { server: server.to_owned(), reason, transient };
    }
    if is_io || error.is_closed() {
        return DbError::Lost { server: server.to_owned(), reason };
    }
    DbError::Value(reason)
}

fn chain(error: &tokio_postgres::Error) -> String {
    error.source().map_or_else(|| error.to_string(), |source| format!("{error}: {source}"))
}

fn from_server(said: &ServerError, server: &str, is_connecting: bool) -> DbError {
    let code = said.code().code();
    let reason = said.message().to_owned();
    let server = server.to_owned();
    match code {
        "57014" => DbError::Interrupted,
        "57P01" | "57P02" => DbError::Lost { server, reason },
        _ if is_connecting && (code.starts_with("28") || code == "3D000") => DbError::Login { server, reason },
        _ if is_connecting => DbError::Connect { server, reason, transient: may_pass(code) },
        _ => DbError::Sql {
            code: code.to_owned(),
            message: reason,
            detail: said.detail().map(str::to_owned),
            hint: said.hint().map(str::to_owned),
            position: match said.position() {
                Some(ErrorPosition::Original(position)) => Some(*position),
                _ => None,
            },
            transient: may_pass(code),
        },
    }
}

/// Whether the server says that it is the wrong moment: conflicts, locks, too many connections, starting up.
fn may_pass(code: &str) -> bool {
    ["40", "53", "08"].iter().any(|class| code.starts_with(class)) || matches!(code, "55P03" | "57P03")
}

/// Whether a prepared statement is out of date because the schema changed, or was forgotten by the server.
#[must_use]
pub fn is_stale(error: &tokio_postgres::Error) -> bool {
    error.as_db_error().is_some_and(|said| match said.code().code() {
        "26000" => true,
        "0A000" => said.message().contains("cached plan"),
        _ => false,
    })
}
