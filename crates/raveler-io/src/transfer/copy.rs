//! The bytes of one body into one stretch of a file: the next block is received while the last one is written.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use sha2::{Digest, Sha256};

use super::error::TransferError;
use super::part::write_at;
use super::progress::Progress;
use super::source::Body;
use crate::files::FileError;
use crate::files::hop::Hop;

/// The bytes that are collected before they are written.
const BLOCK: usize = 1 << 20;

/// A stretch being filled.
#[derive(Debug)]
pub struct Copy<'run> {
    /// Where the bytes go.
    pub file: &'run Arc<File>,
    /// The name of the file, for errors.
    pub path: &'run Path,
    /// How far the stretch is filled.
    pub position: u64,
    /// The byte behind its last one; `None` means wherever the body ends.
    pub until: Option<u64>,
    /// What computes the digest of the bytes on their way.
    pub hasher: Option<Sha256>,
    /// Who is told.
    pub progress: &'run Progress,
}

/// When to stop before the end.
#[derive(Clone, Copy, Debug)]
pub struct Limit {
    /// The bytes after which to stop.
    pub bytes: u64,
    /// The time after which to stop.
    pub time: Duration,
}

/// Why a copy stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// The stretch is full, or the body has ended.
    End,
    /// The limit was reached.
    Limit,
}

type Writing = Hop<Option<Sha256>, TransferError>;

struct Gathered {
    blocks: Vec<Bytes>,
    length: u64,
    ended: Option<Result<(), TransferError>>,
}

impl Copy<'_> {
    /// Copies until the end or the limit.
    ///
    /// What was received before an error is written, and [`Copy::position`] tells how far.
    ///
    /// # Errors
    ///
    /// [`TransferError`] if the body breaks off or the file can't be written.
    pub async fn run(&mut self, body: &mut Body, limit: Option<Limit>) -> Result<Stop, TransferError> {
        let (began, from) = (Instant::now(), self.position);
        let mut given = self.position;
        let mut writing: Option<Writing> = None;
        loop {
            let gathered = self.gather(body, given).await;
            self.finish(writing.take(), given).await?;
            if gathered.length > 0 {
                writing = Some(self.begin(gathered.blocks, given));
                given += gathered.length;
            }
            let is_enough = limit.is_some_and(|limit| given - from >= limit.bytes || began.elapsed() >= limit.time);
            match gathered.ended {
                None if !is_enough => {}
                ended => {
                    self.finish(writing.take(), given).await?;
                    return ended.map_or(Ok(Stop::Limit), |ended| ended.map(|()| Stop::End));
                }
            }
        }
    }

    async fn gather(&self, body: &mut Body, from: u64) -> Gathered {
        let mut gathered = Gathered { blocks: Vec::with_capacity(8), length: 0, ended: None };
        while gathered.length < BLOCK as u64 {
            let room = self.until.map_or(u64::MAX, |until| until - from - gathered.length);
            if room == 0 {
                gathered.ended = Some(Ok(()));
                break;
            }
            match body.next().await {
                Ok(Some(mut block)) => {
                    block.truncate(usize::try_from(room).unwrap_or(usize::MAX));
                    self.progress.done.add(block.len() as u64);
                    gathered.length += block.len() as u64;
                    gathered.blocks.push(block);
                }
                Ok(None) => gathered.ended = Some(Ok(())),
                Err(error) => gathered.ended = Some(Err(error)),
            }
            if gathered.ended.is_some() {
                break;
            }
        }
        gathered
    }

    fn begin(&mut self, blocks: Vec<Bytes>, position: u64) -> Writing {
        let (file, path) = (Arc::clone(self.file), self.path.to_path_buf());
        let hasher = self.hasher.take();
        Hop::begin("write", self.path, move |_| {
            write_at(&file, &blocks, position).map_err(FileError::at("write", &path))?;
            Ok(hasher.map(|hasher| blocks.iter().fold(hasher, Sha256::chain_update)))
        })
    }

    async fn finish(&mut self, writing: Option<Writing>, position: u64) -> Result<(), TransferError> {
        if let Some(writing) = writing {
            self.hasher = writing.done().await?;
            self.position = position;
        }
        Ok(())
    }
}
