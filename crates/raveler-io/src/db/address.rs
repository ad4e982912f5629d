//! Where a database is: the URL taken apart, and its form without credentials.

use super::error::DbError;

/// An address that a driver can use.
#[derive(Clone)]
pub enum Address {
    /// A file, or memory of this process where there is no path.
    Sqlite(SqliteAddress),
    /// A PostgreSQL server, whose driver reads the rest itself.
    Postgres(String),
    /// A MySQL or MariaDB server, whose driver reads the rest itself.
    Mysql(String),
}

/// Where an SQLite database lies.
#[derive(Clone, Debug)]
pub struct SqliteAddress {
    /// The file; `None` for a database in memory.
    pub path: Option<String>,
    /// Whether it may be written.
    pub is_writable: bool,
    /// Whether a missing file is made.
    pub is_created: bool,
}

impl Address {
    /// Takes a URL apart.
    ///
    /// # Errors
    ///
    /// If it names no database that there is a driver for.
    pub fn parse(text: &str) -> Result<Self, DbError> {
        if text == ":memory:" {
            return Ok(Self::Sqlite(SqliteAddress { path: None, is_writable: true, is_created: true }));
        }
        let scheme = text.split(':').next().unwrap_or_default().to_ascii_lowercase();
        match scheme.as_str() {
            "sqlite" | "sqlite3" => sqlite(&text[scheme.len() + 1..]),
            "postgresql" | "postgres" => Ok(Self::Postgres(text.to_owned())),
            "mysql" | "mariadb" => Ok(Self::Mysql(text.to_owned())),
            _ => Err(DbError::Address(format!(
                "{scheme:?} is no kind of database; the address begins with sqlite:, postgresql: or mysql:"
            ))),
        }
    }
}

fn sqlite(rest: &str) -> Result<Address, DbError> {
    let rest = rest.strip_prefix("//").unwrap_or(rest);
    let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
    let path = decode(path);
    let mut address = SqliteAddress {
        path: (!path.is_empty() && path != ":memory:").then_some(path),
        is_writable: true,
        is_created: true,
    };
    for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
        match (name.as_ref(), value.as_ref()) {
            ("mode", "ro") => (address.is_writable, address.is_created) = (false, false),
            ("mode", "rw") => address.is_created = false,
            ("mode", "rwc") => {}
            ("mode", "memory") => address.path = None,
            _ => {
                return Err(DbError::Address(format!(
                    "sqlite: takes no option {name}={value}; mode=ro, rw, rwc and memory are there"
                )));
            }
        }
    }
    Ok(Address::Sqlite(address))
}

/// Replaces `%20` and its like by the bytes that they stand for.
#[must_use]
pub fn decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let code = after.get(..2).filter(|_| *first == b'%').and_then(|digits| std::str::from_utf8(digits).ok());
        let byte = code.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        bytes.push(byte.unwrap_or(*first));
        rest = if byte.is_some() { &after[2..] } else { after };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Returns the address without its credentials and options: what messages may show.
#[must_use]
pub fn shown(address: &str) -> String {
    let address = address.split('?').next().unwrap_or_default();
    let (scheme, rest) = address.split_once("://").unwrap_or(("", address));
    format!("{scheme}://{}", rest.rsplit('@').next().unwrap_or_default())
}
