//! Where a transfer comes from or goes to, and how that is shown without credentials.

use std::path::PathBuf;

use url::Url;

use super::digest;
use super::error::TransferError;

/// The kinds of places.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// A web server.
    Http,
    /// This machine.
    File,
    /// An object store.
    Store,
}

/// A parsed address.
#[derive(Clone)]
pub struct Address {
    url: Url,
    scheme: Scheme,
}

impl Address {
    /// Parses an address.
    ///
    /// # Errors
    ///
    /// [`TransferError::Address`] if it is none, or of a kind that is not known.
    pub fn parse(text: &str) -> Result<Self, TransferError> {
        // What can't be parsed can't be cleaned of credentials either: only its scheme is shown.
        let url = Url::parse(text).map_err(|error| TransferError::Address {
            url: text.split_once("://").map_or_else(String::new, |(scheme, _)| format!("{scheme}://…")),
            reason: format!("{error}; write it like \"https://host/path\""),
        })?;
        let scheme = match url.scheme() {
            "http" | "https" => Scheme::Http,
            "file" => Scheme::File,
            "s3" | "s3a" | "gs" | "az" | "adl" | "azure" | "abfs" | "abfss" => Scheme::Store,
            other => {
                let reason = format!("{other:?} is not known; use http, https, s3, gs, az or file");
                return Err(TransferError::Address { url: shown(&url), reason });
            }
        };
        Ok(Self { url, scheme })
    }

    /// Returns the kind of place.
    #[must_use]
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// Returns the address itself, credentials included.
    #[must_use]
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// Returns the address without user, password, query and fragment.
    #[must_use]
    pub fn shown(&self) -> String {
        shown(&self.url)
    }

    /// Returns digits that stand for the file behind the address: the same for another signature of it.
    #[must_use]
    pub fn key(&self) -> String {
        let mut unsigned = self.url.clone();
        let _ = unsigned.set_username("");
        let _ = unsigned.set_password(None);
        unsigned.set_fragment(None);
        let kept: Vec<_> = self.url.query_pairs().filter(|(name, _)| !is_of_signature(name)).collect();
        unsigned.query_pairs_mut().clear().extend_pairs(kept).finish();
        digest::hex(&digest::of(unsigned.as_str().as_bytes()))
    }

    /// Returns the last name in the path, decoded.
    #[must_use]
    pub fn last_name(&self) -> Option<String> {
        let last = self.url.path_segments()?.rfind(|name| !name.is_empty())?;
        Some(super::name::decoded(last))
    }

    /// Returns the path on this machine.
    ///
    /// # Errors
    ///
    /// [`TransferError::Address`] if the address names another machine.
    pub fn file_path(&self) -> Result<PathBuf, TransferError> {
        self.url.to_file_path().map_err(|()| TransferError::Address {
            url: self.shown(),
            reason: "it names another machine; write it like \"file:///folder/name\"".to_owned(),
        })
    }
}

impl std::fmt::Debug for Address {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_tuple("Address").field(&self.shown()).finish()
    }
}

/// Returns an address as it may be shown: a query may carry a signature, so only its presence is told.
#[must_use]
pub fn shown(url: &Url) -> String {
    let mut clean = url.clone();
    let _ = clean.set_username("");
    let _ = clean.set_password(None);
    clean.set_fragment(None);
    clean.set_query(None);
    let mark = if url.query().is_some() { "?…" } else { "" };
    format!("{clean}{mark}")
}

fn is_of_signature(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let exact =
        ["signature", "sig", "expires", "token", "access_token", "awsaccesskeyid", "googleaccessid", "key-pair-id"];
    // What Azure's signatures are made of.
    let azure = ["sv", "se", "sp", "sr", "st", "spr", "skoid", "sktid", "skt", "ske", "sks", "skv", "rscd"];
    name.starts_with("x-amz-")
        || name.starts_with("x-goog-")
        || exact.contains(&name.as_str())
        || azure.contains(&name.as_str())
}
