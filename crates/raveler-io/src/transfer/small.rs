//! Downloads that fit into memory: nothing is written before everything has come, so there is nothing to resume.

use std::path::Path;

use bytes::Bytes;
use sha2::{Digest, Sha256};

use super::address::Address;
use super::digest::{Sum, hex};
use super::error::TransferError;
use super::part::write_at;
use super::progress::Progress;
use super::source::Body;
use crate::files::FileError;
use crate::files::hop::blocking;
use crate::files::replace::{Landing, Replacement};

/// The largest size that is held in memory.
pub const LARGEST: u64 = 1 << 20;

/// Receives a whole body.
///
/// # Errors
///
/// [`TransferError`] if it breaks off.
pub async fn receive(body: &mut Body, progress: &Progress) -> Result<Vec<Bytes>, TransferError> {
    let mut blocks = Vec::new();
    while let Some(block) = body.next().await? {
        progress.done.add(block.len() as u64);
        blocks.push(block);
    }
    Ok(blocks)
}

/// Writes what was received under its final name; returns its size and the digest if one was expected.
///
/// # Errors
///
/// [`TransferError::Digest`] if it is another one, and [`TransferError::File`] if the system refuses.
pub async fn land(
    blocks: Vec<Bytes>,
    path: &Path,
    address: &Address,
    expected: Option<Sum>,
    landing: Landing,
) -> Result<(u64, Option<Sum>), TransferError> {
    let (target, address) = (path.to_path_buf(), address.clone());
    blocking("write", path, move |abandoned| {
        let found = expected.map(|_| blocks.iter().fold(Sha256::new(), Sha256::chain_update).finalize().into());
        compare(&address, &target, expected, found)?;
        let replacement = Replacement::create(&target)?;
        write_at(replacement.file(), &blocks, 0).map_err(FileError::at("write", &target))?;
        if !abandoned.get() {
            replacement.land(landing)?;
        }
        Ok((blocks.iter().map(|block| block.len() as u64).sum(), found))
    })
    .await
}

/// Compares two digests.
///
/// # Errors
///
/// [`TransferError::Digest`] if they differ.
pub fn compare(address: &Address, path: &Path, expected: Option<Sum>, found: Option<Sum>) -> Result<(), TransferError> {
    match (expected, found) {
        (Some(expected), Some(found)) if expected != found => Err(TransferError::Digest {
            url: address.shown(),
            path: path.to_path_buf(),
            expected: hex(&expected),
            found: hex(&found),
        }),
        _ => Ok(()),
    }
}
