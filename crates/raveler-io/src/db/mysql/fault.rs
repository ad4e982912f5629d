//! What MySQL and the way to it report, in the words of [`DbError`].

use mysql_async::{DriverError, Error, IoError};

use crate::db::error::DbError;

/// Codes of the server that say that it is the wrong moment: locks, deadlocks, too many connections.
const MAY_PASS: [u16; 5] = [1040, 1203, 1205, 1213, 1226];

/// Turns an error of the driver into ours; `server` names the server without credentials.
#[must_use]
pub fn from_mysql(error: &Error, server: &str, is_connecting: bool) -> DbError {
    let server = server.to_owned();
    match error {
        Error::Server(said) => match said.code {
            1317 | 3024 => DbError::Interrupted,
            1053 | 1927 => DbError::Lost { server, reason: said.message.clone() },
            1044 | 1045 | 1049 | 1698 if is_connecting => DbError::Login { server, reason: said.message.clone() },
            code if is_connecting => {
                DbError::Connect { server, reason: said.message.clone(), transient: MAY_PASS.contains(&code) }
            }
            code => DbError::Sql {
                code: format!("{} {code}", said.state),
                message: said.message.clone(),
                detail: None,
                hint: None,
                position: None,
                transient: MAY_PASS.contains(&code),
            },
        },
        Error::Driver(DriverError::PoolDisconnected) => DbError::Closed,
        Error::Io(IoError::Tls(reason)) => {
            DbError::Connect { server, reason: format!("TLS: {reason}"), transient: false }
        }
        Error::Io(_) | Error::Driver(DriverError::ConnectionClosed) if is_connecting => {
            DbError::Connect { server, reason: error.to_string(), transient: true }
        }
        Error::Io(_) | Error::Driver(DriverError::ConnectionClosed | DriverError::PacketOutOfOrder) => {
            DbError::Lost { server, reason: error.to_string() }
        }
        _ if is_connecting => DbError::Connect { server, reason: error.to_string(), transient: false },
        other => DbError::Value(other.to_string()),
    }
}
