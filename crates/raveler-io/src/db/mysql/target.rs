//! The address of a MySQL server, ready to connect to.
//!
//! `sslmode` in the address says what is asked of TLS: `disable`, the default, none; `require` and `verify-full` a
//! certificate for this host that the usual authorities have signed, or those of the PEM file `sslrootcert=`;
//! `sslverify=none` beside them checks nothing.

use std::path::PathBuf;
use std::time::Duration;

use mysql_async::{Opts, OptsBuilder, PoolConstraints, PoolOpts, SslOpts};

use crate::db::address::{decode, shown};
use crate::db::error::DbError;
use crate::db::options::Options;

/// A connection that nobody used for so long is closed.
const IDLE: Duration = Duration::from_secs(30);

/// A server, a login and what is asked of TLS.
pub struct Target {
    /// The driver's form of the address.
    pub opts: Opts,
    /// The server without credentials.
    pub name: String,
}

impl Target {
    /// Reads an address.
    ///
    /// # Errors
    ///
    /// If it has an option that there is not.
    pub fn new(address: &str, options: Options) -> Result<Self, DbError> {
        let (base, query) = address.split_once('?').unwrap_or((address, ""));
        let (mut ssl, mut rest) = (None, Vec::new());
        let (mut bundle, mut is_checked) = (None, true);
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            match (name, decode(value).as_str()) {
                ("sslmode", "disable") => ssl = None,
                ("sslmode", "require" | "verify-ca" | "verify-full") => ssl = Some(SslOpts::default()),
                ("sslmode", other) => {
                    return Err(DbError::Address(format!(
                        "sslmode={other} is not known for MySQL; take disable, require or verify-full"
                    )));
                }
                ("sslrootcert", path) => bundle = Some(PathBuf::from(path)),
                ("sslverify", "none") => is_checked = false,
                _ => rest.push(pair),
            }
        }
        if let Some(path) = bundle {
            ssl = ssl.map(|ssl| ssl.with_root_certs(vec![path.into()]).with_disable_built_in_roots(true));
        }
        if !is_checked {
            ssl = ssl.map(|ssl| ssl.with_danger_accept_invalid_certs(true).with_danger_skip_domain_validation(true));
        }
        let plain = format!("mysql{}", base.split_once(':').map_or(String::new(), |(_, rest)| format!(":{rest}")));
        let plain = if rest.is_empty() { plain } else { format!("{plain}?{}", rest.join("&")) };
        let given = Opts::from_url(&plain).map_err(|error| {
            DbError::Address(format!("the address of the MySQL server can't be used: {error}; see its documentation"))
        })?;
        let most = PoolConstraints::new(0, options.pool_size.max(1)).unwrap_or_default();
        let pool = PoolOpts::default()
            .with_constraints(most)
            .with_inactive_connection_ttl(IDLE)
            .with_ttl_check_interval(IDLE)
            .with_reset_connection(false);
        let opts = OptsBuilder::from_opts(given)
            .pool_opts(pool)
            .ssl_opts(ssl)
            .prefer_socket(false)
            .stmt_cache_size(options.statement_cache)
            .client_found_rows(true)
            .setup(vec!["SET time_zone = '+00:00'"]);
        Ok(Self { opts: opts.into(), name: shown(address) })
    }
}
