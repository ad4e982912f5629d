//! The address of a PostgreSQL server, ready to connect to.
//!
//! `sslmode` in the address says what is asked of TLS:
//!
//! - `disable`: none.
//! - `prefer`, which is the default: TLS where the server has it. Nobody's certificate is checked, as in libpq.
//! - `require`, `verify-ca`, `verify-full`: TLS, with a certificate for this host that somebody trusted has signed:
//!   the system's authorities, or those of the PEM file `sslrootcert=`. `sslverify=none` beside `require` checks nothing.

use std::path::PathBuf;
use std::sync::Arc;

use tokio_postgres::Config;
use tokio_postgres::config::SslMode;

use super::tls::Tls;
use crate::db::address::{decode, shown};
use crate::db::error::DbError;
use crate::db::options::Options;
use crate::http::Verify;

/// A server, a login and what is asked of TLS.
pub struct Target {
    /// The driver's form of the address.
    pub config: Config,
    /// How a TLS session begins.
    pub tls: Tls,
    /// The server without credentials.
    pub name: String,
}

impl Target {
    /// Reads an address.
    ///
    /// # Errors
    ///
    /// If it has an option that there is not, or names a bundle of certificates that can't be read.
    pub fn new(address: &str, options: Options) -> Result<Self, DbError> {
        let (base, query) = address.split_once('?').unwrap_or((address, ""));
        let mut wishes = Wishes { mode: SslMode::Prefer, is_checked: true, is_verified: false, bundle: None };
        let mut rest = Vec::new();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            if !wishes.take(name, &decode(value))? {
                rest.push(pair);
            }
        }
        let plain = if rest.is_empty() { base.to_owned() } else { format!("{base}?{}", rest.join("&")) };
        let mut config: Config = plain.parse().map_err(|error| refused(&error))?;
        config.ssl_mode(wishes.mode);
        config.connect_timeout(options.timeout);
        if config.get_hosts().is_empty() {
            config.host("localhost");
        }
        if config.get_application_name().is_none() {
            config.application_name("raveler");
        }
        // With nothing to check, the system's certificates need not be read.
        let tls =
            crate::http::tls::config(&wishes.verify(), false).map_err(|error| DbError::Address(error.to_string()))?;
        Ok(Self { config, tls: Tls(Arc::new(tls)), name: shown(address) })
    }
}

/// What the options of an address ask of TLS.
struct Wishes {
    mode: SslMode,
    is_verified: bool,
    is_checked: bool,
    bundle: Option<PathBuf>,
}

impl Wishes {
    /// Takes an option; false if it is not about TLS.
    fn take(&mut self, name: &str, value: &str) -> Result<bool, DbError> {
        match (name, value) {
            ("sslmode", "disable") => self.mode = SslMode::Disable,
            ("sslmode", "prefer") => self.mode = SslMode::Prefer,
            ("sslmode", "require" | "verify-ca" | "verify-full") => {
                self.mode = SslMode::Require;
                self.is_verified = true;
            }
            ("sslmode", other) => {
                return Err(DbError::Address(format!(
                    "sslmode={other} is not known; take disable, prefer, require or verify-full"
                )));
            }
            ("sslrootcert", path) => self.bundle = Some(PathBuf::from(path)),
            ("sslverify", "none") => self.is_checked = false,
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn verify(self) -> Verify {
        match self.bundle {
            _ if !self.is_checked => Verify::No,
            Some(path) => Verify::Bundle(path),
            None if self.is_verified => Verify::Yes,
            None => Verify::No,
        }
    }
}

fn refused(error: &tokio_postgres::Error) -> DbError {
    let reason = std::error::Error::source(error).map_or_else(|| error.to_string(), ToString::to_string);
    DbError::Address(format!("the address of the PostgreSQL server can't be used: {reason}"))
}
