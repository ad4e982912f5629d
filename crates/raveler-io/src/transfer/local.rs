//! Files of this machine as sources, read in large blocks on blocking threads.

use std::collections::VecDeque;
use std::fs::File;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::PathBuf;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};

use super::address::Address;
use super::error::TransferError;
use super::offer::{Offer, Opened, Validator, Wanted};
use crate::files::FileError;
use crate::files::hop::{Hop, blocking};

/// The bytes read at once.
pub const BLOCK: usize = 1 << 20;
/// The blocks handed out that are looked at for reuse.
const MOST_KEPT: usize = 8;

/// A file of this machine.
#[derive(Debug)]
pub struct LocalFile {
    path: PathBuf,
}

impl LocalFile {
    /// Names the file.
    ///
    /// # Errors
    ///
    /// [`TransferError::Address`] if the address names another machine.
    pub fn new(address: &Address) -> Result<Self, TransferError> {
        Ok(Self { path: address.file_path()? })
    }

    /// Takes a path as it is.
    #[must_use]
    pub fn at(path: PathBuf) -> Self {
        Self { path }
    }

    /// Opens a stretch of the file.
    ///
    /// # Errors
    ///
    /// [`TransferError::File`] if it can't be opened.
    pub async fn open(&self, wanted: &Wanted) -> Result<Opened<LocalBody>, TransferError> {
        let path = self.path.clone();
        let (file, size, version) = blocking("read", &self.path, move |_| {
            let file = File::open(&path).map_err(FileError::at("read", &path))?;
            let found = file.metadata().map_err(FileError::at("read", &path))?;
            if found.is_dir() {
                return Err(FileError::at("read", &path)(std::io::ErrorKind::IsADirectory.into()));
            }
            let version = format!("\"{:x}-{:x}-{:x}\"", found.ino(), found.mtime(), found.mtime_nsec());
            Ok::<_, FileError>((file, found.len(), version))
        })
        .await?;
        let validator = Validator::from(version);
        let is_same = wanted.validator.as_ref().is_none_or(|known| *known == validator);
        let from = if is_same { wanted.from.min(size) } else { 0 };
        let until = wanted.until.map_or(size, |until| until.min(size));
        let offer = Offer { size: Some(size), validator: Some(validator), has_ranges: true, ..Offer::default() };
        let body = LocalBody::new(file, self.path.clone(), from, if is_same { until } else { size });
        Ok(Opened { offer, from, body })
    }
}

/// A stretch of a file, of which the next block is read while the last one is used.
#[derive(Debug)]
pub struct LocalBody {
    file: Arc<File>,
    path: PathBuf,
    position: u64,
    until: u64,
    ahead: Option<Hop<Bytes, TransferError>>,
    handed_out: VecDeque<Bytes>,
}

impl LocalBody {
    /// Begins at byte `position`; `until` is the byte behind the last one.
    #[must_use]
    pub fn new(file: File, path: PathBuf, position: u64, until: u64) -> Self {
        Self { file: Arc::new(file), path, position, until, ahead: None, handed_out: VecDeque::new() }
    }

    /// Returns the next bytes, or `None` at the end.
    ///
    /// # Errors
    ///
    /// [`TransferError::Shrunk`] if the file ends early, and [`TransferError::File`] if it can't be read.
    pub async fn next(&mut self) -> Result<Option<Bytes>, TransferError> {
        if self.ahead.is_none() {
            self.read_ahead();
        }
        let Some(ahead) = self.ahead.take() else { return Ok(None) };
        let block = ahead.done().await?;
        self.position += block.len() as u64;
        self.handed_out.push_back(block.clone());
        self.read_ahead();
        Ok(Some(block))
    }

    fn read_ahead(&mut self) {
        let left = usize::try_from(self.until - self.position).unwrap_or(usize::MAX);
        if left == 0 {
            return;
        }
        let mut buffer = self.buffer(left.min(BLOCK));
        let (file, path, position) = (Arc::clone(&self.file), self.path.clone(), self.position);
        self.ahead = Some(Hop::begin("read", &self.path, move |_| {
            let read = file.read_at(&mut buffer, position).map_err(FileError::at("read", &path))?;
            if read == 0 {
                return Err(TransferError::Shrunk { path });
            }
            buffer.truncate(read);
            Ok(buffer.freeze())
        }));
    }

    /// Returns a block that nobody holds any more, if there is one: fresh memory costs as much as the read into it.
    fn buffer(&mut self, length: usize) -> BytesMut {
        for _ in 0..self.handed_out.len() {
            let Some(oldest) = self.handed_out.pop_front() else { break };
            match oldest.try_into_mut() {
                Ok(mut free) => {
                    free.resize(length, 0);
                    return free;
                }
                Err(held) if self.handed_out.len() < MOST_KEPT => self.handed_out.push_back(held),
                Err(_) => {}
            }
        }
        BytesMut::zeroed(length)
    }
}
