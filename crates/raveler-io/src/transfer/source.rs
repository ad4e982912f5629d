//! Where a download's bytes come from: opened as a whole or from some byte on, and read piece by piece.

use bytes::Bytes;

use super::address::{Address, Scheme};
use super::error::TransferError;
use super::local::{LocalBody, LocalFile};
use super::offer::{Opened, Wanted};
use super::store::{Store, StoreBody};
use super::web::{Web, WebBody};

/// A place to download from.
#[derive(Debug)]
pub enum Source {
    /// A web server.
    Web(Web),
    /// An object store.
    Store(Store),
    /// A file of this machine.
    Local(LocalFile),
}

impl Source {
    /// Prepares a source; nothing is connected yet.
    ///
    /// # Errors
    ///
    /// [`TransferError`] if an option can't be used.
    pub fn new(
        address: &Address,
        headers: &[(String, String)],
        options: &[(String, String)],
    ) -> Result<Self, TransferError> {
        Ok(match address.scheme() {
            Scheme::Http => Self::Web(Web::new(address, headers)),
            Scheme::Store => Self::Store(Store::new(address, options)?),
            Scheme::File => Self::Local(LocalFile::new(address)?),
        })
    }

    /// Asks for the file or a part of it.
    ///
    /// # Errors
    ///
    /// [`TransferError`] if it can't be had, and [`TransferError::Changed`] if it is of another version than wanted.
    pub async fn open(&self, wanted: &Wanted) -> Result<Opened<Body>, TransferError> {
        match self {
            Self::Web(web) => web.open(wanted).await.map(|opened| opened.map(|body| Body::Web(Box::new(body)))),
            Self::Store(store) => store.open(wanted).await.map(|opened| opened.map(Body::Store)),
            Self::Local(file) => file.open(wanted).await.map(|opened| opened.map(Body::Local)),
        }
    }
}

/// Bytes still to come.
#[derive(Debug)]
pub enum Body {
    /// From a web server.
    Web(Box<WebBody>),
    /// From an object store.
    Store(StoreBody),
    /// From a file of this machine.
    Local(LocalBody),
}

impl Body {
    /// Returns the next bytes, or `None` at the end.
    ///
    /// # Errors
    ///
    /// [`TransferError`] if they end before what was promised.
    pub async fn next(&mut self) -> Result<Option<Bytes>, TransferError> {
        match self {
            Self::Web(body) => body.next().await,
            Self::Store(body) => body.next().await,
            Self::Local(body) => body.next().await,
        }
    }
}
