//! Whole files into memory.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use super::error::FileError;
use super::hop::{Abandoned, blocking};

/// The bytes read between two looks at whether anybody still waits.
const STRIDE: u64 = 32 << 20;

/// Returns the bytes of a file.
///
/// # Errors
///
/// [`FileError::System`] if it can't be opened or read.
pub async fn read(path: &Path) -> Result<Vec<u8>, FileError> {
    let owned = path.to_path_buf();
    blocking("read", path, move |abandoned| read_here(&owned, abandoned)).await
}

fn read_here(path: &Path, abandoned: &Abandoned) -> Result<Vec<u8>, FileError> {
    let mut file = File::open(path).map_err(FileError::at("read", path))?;
    let size = file.metadata().map_err(FileError::at("read", path))?.len();
    let mut bytes = Vec::new();
    // One byte of spare room lets the read that finds the end do without a larger buffer.
    let room = usize::try_from(size).unwrap_or(usize::MAX).saturating_add(1);
    bytes.try_reserve_exact(room).map_err(|error| FileError::at("read", path)(error.into()))?;
    while !abandoned.get() {
        let before = bytes.len();
        file.by_ref().take(STRIDE).read_to_end(&mut bytes).map_err(FileError::at("read", path))?;
        if bytes.len() == before {
            break;
        }
    }
    Ok(bytes)
}
