//! Files in object stores, with the credentials of the environment.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use object_store::path::Path;
use object_store::{Attribute, Error, GetOptions, GetRange, ObjectStore};

use super::address::Address;
use super::bucket;
use super::error::TransferError;
use super::name;
use super::offer::{Offer, Opened, Validator, Wanted};

/// One object in a store.
#[derive(Debug)]
pub struct Store {
    bucket: Arc<dyn ObjectStore>,
    location: Path,
    address: Address,
}

impl Store {
    /// Opens the store; nothing is connected yet. Options go before the environment.
    ///
    /// # Errors
    ///
    /// [`TransferError::Setting`] if an option can't be used.
    pub fn new(address: &Address, options: &[(String, String)]) -> Result<Self, TransferError> {
        let (bucket, location) = bucket::open(address, options)?;
        Ok(Self { bucket, location, address: address.clone() })
    }

    /// Returns the store.
    #[must_use]
    pub fn bucket(&self) -> &Arc<dyn ObjectStore> {
        &self.bucket
    }

    /// Returns the place of the object in the store.
    #[must_use]
    pub fn location(&self) -> &Path {
        &self.location
    }

    pub(super) async fn open(&self, wanted: &Wanted) -> Result<Opened<StoreBody>, TransferError> {
        let mut options = GetOptions::default();
        if !wanted.is_everything() {
            options.range =
                Some(wanted.until.map_or(GetRange::Offset(wanted.from), |until| GetRange::Bounded(wanted.from..until)));
            options.if_match = wanted.validator.as_ref().map(ToString::to_string);
        }
        let found =
            self.bucket.get_opts(&self.location, options).await.map_err(|error| failure(&self.address, &error))?;
        let etag = found.meta.e_tag.clone();
        let proposed = found.attributes.get(&Attribute::ContentDisposition).and_then(|value| name::proposed(value));
        let offer = Offer {
            size: Some(found.meta.size),
            validator: etag.as_deref().map(Validator::from),
            etag,
            has_ranges: true,
            name: proposed,
        };
        let range = found.range.clone();
        let body = StoreBody {
            address: self.address.clone(),
            stream: found.into_stream(),
            received: 0,
            expected: range.end - range.start,
        };
        Ok(Opened { offer, from: range.start, body })
    }
}

/// Returns what a store's failure is called here.
#[must_use]
pub fn failure(address: &Address, error: &Error) -> TransferError {
    let url = address.shown();
    match error {
        Error::Precondition { .. } => TransferError::Changed { url },
        Error::NotFound { .. } => TransferError::Status { url, status: 404, after: None },
        Error::PermissionDenied { .. } => TransferError::Status { url, status: 403, after: None },
        Error::Unauthenticated { .. } => TransferError::Status { url, status: 401, after: None },
        _ => TransferError::Store {
            url,
            reason: bucket::innermost(error),
            may_pass: matches!(error, Error::Generic { .. }),
        },
    }
}

/// The bytes of an object.
pub struct StoreBody {
    address: Address,
    stream: BoxStream<'static, object_store::Result<Bytes>>,
    received: u64,
    expected: u64,
}

impl std::fmt::Debug for StoreBody {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("StoreBody")
            .field("address", &self.address)
            .field("received", &self.received)
            .finish_non_exhaustive()
    }
}

impl StoreBody {
    pub(super) async fn next(&mut self) -> Result<Option<Bytes>, TransferError> {
        match self.stream.next().await {
            Some(Ok(bytes)) => {
                self.received += bytes.len() as u64;
                Ok(Some(bytes))
            }
            None if self.received == self.expected => Ok(None),
            None => Err(TransferError::CutOff {
                url: self.address.shown(),
                received: self.received,
                expected: Some(self.expected),
                reason: "the body ended".to_owned(),
            }),
            Some(Err(error)) => Err(failure(&self.address, &error)),
        }
    }
}
