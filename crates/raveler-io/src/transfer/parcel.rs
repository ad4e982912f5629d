//! One file on its way into an object store: in one request if it is small, else in parts of which several are sent at once.

use std::pin::Pin;

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use object_store::{MultipartUpload, ObjectStoreExt, PutPayload, PutResult};

use super::address::Address;
use super::error::TransferError;
use super::local::LocalBody;
use super::progress::Progress;
use super::store::{Store, failure};
use crate::reactor;

/// The smallest part: stores refuse parts below 5 MiB.
const PART: u64 = 8 << 20;
/// The parts that a file is cut into at most: stores take 10,000.
const MOST_PARTS: u64 = 9_000;
/// The parts that are sent at once.
const AT_ONCE: usize = 4;

/// Sends a body of `size` bytes into a store.
///
/// Dropping the future gives up what was sent: the store is told to forget the parts.
///
/// # Errors
///
/// [`TransferError`] if the store refuses or the file can't be read.
pub async fn send(
    store: &Store,
    address: &Address,
    mut body: LocalBody,
    size: u64,
    progress: &Progress,
) -> Result<Option<String>, TransferError> {
    let wrong = |error: object_store::Error| failure(address, &error);
    if size <= PART {
        let payload = gather(&mut body, size).await?;
        let put = store.bucket().put(store.location(), payload).await.map_err(wrong)?;
        progress.done.add(size);
        return Ok(put.e_tag);
    }
    let upload = store.bucket().put_multipart(store.location()).await.map_err(wrong)?;
    let mut parcel = Parcel { upload: Some(upload) };
    parcel.fill(&mut body, size, address, progress).await?;
    Ok(parcel.complete(address).await?.e_tag)
}

async fn gather(body: &mut LocalBody, size: u64) -> Result<PutPayload, TransferError> {
    let mut blocks: Vec<Bytes> = Vec::new();
    let mut length = 0;
    while length < size {
        let Some(block) = body.next().await? else { break };
        length += block.len() as u64;
        blocks.push(block);
    }
    Ok(blocks.into_iter().collect())
}

/// An upload in parts, which is forgotten by the store unless it is completed.
struct Parcel {
    upload: Option<Box<dyn MultipartUpload>>,
}

type Sending = Pin<Box<dyn Future<Output = object_store::Result<u64>> + Send>>;

impl Parcel {
    async fn fill(
        &mut self,
        body: &mut LocalBody,
        size: u64,
        address: &Address,
        progress: &Progress,
    ) -> Result<(), TransferError> {
        let length = PART.max(size.div_ceil(MOST_PARTS));
        let mut under_way: FuturesUnordered<Sending> = FuturesUnordered::new();
        let mut given = 0;
        loop {
            while given < size && under_way.len() < AT_ONCE {
                let share = length.min(size - given);
                let payload = gather(body, share).await?;
                given += share;
                under_way.extend(self.part(payload, share));
            }
            match under_way.next().await {
                Some(sent) => _ = progress.done.add(sent.map_err(|error| failure(address, &error))?),
                None => return Ok(()),
            }
        }
    }

    fn part(&mut self, payload: PutPayload, share: u64) -> Option<Sending> {
        let sending = self.upload.as_mut()?.put_part(payload);
        Some(Box::pin(async move { sending.await.map(|()| share) }))
    }

    async fn complete(mut self, address: &Address) -> Result<PutResult, TransferError> {
        let Some(upload) = &mut self.upload else {
            return Err(TransferError::Store {
                url: address.shown(),
                reason: "it was given up".to_owned(),
                may_pass: false,
            });
        };
        let put = upload.complete().await.map_err(|error| failure(address, &error))?;
        self.upload = None;
        Ok(put)
    }
}

impl Drop for Parcel {
    fn drop(&mut self) {
        if let Some(mut upload) = self.upload.take()
            && reactor::is_running()
        {
            // Nobody waits for it: a store that does not answer keeps the parts until its own rules remove them.
            reactor::spawn(async move { upload.abort().await });
        }
    }
}
