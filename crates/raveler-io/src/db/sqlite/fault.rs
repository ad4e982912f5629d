//! What SQLite reports, in the words of [`DbError`].

use rusqlite::ErrorCode;

use crate::db::error::DbError;

/// Turns an error of the driver into ours.
#[must_use]
pub fn from_sqlite(error: &rusqlite::Error) -> DbError {
    match error {
        rusqlite::Error::SqliteFailure(failure, message) => {
            let message = message.clone().unwrap_or_else(|| failure.to_string());
            failed(*failure, message, None)
        }
        rusqlite::Error::SqlInputError { error, msg, sql, offset, .. } => {
            let before = usize::try_from(*offset).ok().and_then(|offset| sql.get(..offset));
            let position = before.and_then(|text| u32::try_from(text.chars().count() + 1).ok());
            failed(*error, msg.clone(), position)
        }
        rusqlite::Error::MultipleStatement => DbError::Shape(String::from(
            "the text holds several statements; give them to execute() without parameters, or one at a time",
        )),
        rusqlite::Error::Empty | rusqlite::Error::InvalidQuery => {
            DbError::Shape(String::from("the text holds no statement; write one"))
        }
        rusqlite::Error::NulError(_) => {
            DbError::Value(String::from("the statement holds a zero character; remove it or bind it as a parameter"))
        }
        other => DbError::Value(other.to_string()),
    }
}

fn failed(failure: rusqlite::ffi::Error, message: String, position: Option<u32>) -> DbError {
    match failure.code {
        ErrorCode::OperationInterrupted => DbError::Interrupted,
        ErrorCode::CannotOpen | ErrorCode::NotADatabase => {
            DbError::Connect { server: String::from("sqlite:"), reason: message, transient: false }
        }
        code => DbError::Sql {
            code: failure.extended_code.to_string(),
            message,
            detail: None,
            hint: None,
            position,
            transient: matches!(code, ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked | ErrorCode::SchemaChanged),
        },
    }
}
