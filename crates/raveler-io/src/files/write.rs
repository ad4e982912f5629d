//! Whole files from memory, atomically unless said otherwise.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use bytes::Bytes;

use super::error::FileError;
use super::hop::{Abandoned, blocking};
use super::replace::{Landing, Replacement, folder_of, sync_folder_of};

/// The bytes written between two looks at whether anybody still waits.
const STRIDE: usize = 8 << 20;

/// How a file is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "four independent facts that the caller names")]
pub struct WriteOptions {
    /// Whether the bytes go to the end of what is there, in place; then `atomic` means nothing.
    pub append: bool,
    /// Whether the name holds the old content or the whole new one at any instant.
    pub atomic: bool,
    /// Whether the bytes are on the disk when success is told.
    pub durable: bool,
    /// Whether missing folders are made.
    pub make_parents: bool,
}

impl Default for WriteOptions {
    fn default() -> Self {
        Self { append: false, atomic: true, durable: true, make_parents: false }
    }
}

/// Writes a file.
///
/// An atomic write that fails or is dropped leaves the old content; it follows a link and replaces the file that the link leads to,
/// and keeps the permissions of the file that it replaces.
///
/// # Errors
///
/// [`FileError::System`] if the system refuses.
pub async fn write(path: &Path, bytes: Bytes, options: WriteOptions) -> Result<(), FileError> {
    let owned = path.to_path_buf();
    blocking("write", path, move |abandoned| write_here(&owned, &bytes, options, abandoned)).await
}

fn write_here(path: &Path, bytes: &[u8], options: WriteOptions, abandoned: &Abandoned) -> Result<(), FileError> {
    if options.make_parents {
        let folder = folder_of(path);
        std::fs::create_dir_all(folder).map_err(FileError::at("make the folder", folder))?;
    }
    if options.append || !options.atomic || is_special(path) {
        return write_in_place(path, bytes, options, abandoned);
    }
    let replacement = Replacement::create(&behind_links(path))?;
    if write_all(replacement.file(), bytes, abandoned).map_err(FileError::at("write", path))? {
        replacement.land(Landing { durable: options.durable, overwrite: true })?;
    }
    Ok(())
}

/// Devices, pipes and sockets can't be replaced, only written to.
fn is_special(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|found| !found.is_file() && !found.is_dir())
}

fn write_in_place(path: &Path, bytes: &[u8], options: WriteOptions, abandoned: &Abandoned) -> Result<(), FileError> {
    let is_new = options.durable && !path.exists();
    let file = OpenOptions::new()
        .create(true)
        .append(options.append)
        .write(true)
        .truncate(!options.append)
        .open(path)
        .map_err(FileError::at("write", path))?;
    let whole = write_all(&file, bytes, abandoned).map_err(FileError::at("write", path))?;
    if whole && options.durable && !is_special(path) {
        file.sync_all().map_err(FileError::at("force to the disk", path))?;
        if is_new {
            sync_folder_of(path)?;
        }
    }
    Ok(())
}

fn write_all(mut file: &File, bytes: &[u8], abandoned: &Abandoned) -> std::io::Result<bool> {
    for piece in bytes.chunks(STRIDE) {
        if abandoned.get() {
            return Ok(false);
        }
        file.write_all(piece)?;
    }
    Ok(!abandoned.get())
}

/// Returns the file that a link leads to, and any other path as it is.
#[must_use]
pub fn behind_links(path: &Path) -> PathBuf {
    match std::fs::symlink_metadata(path) {
        Ok(found) if found.is_symlink() => path.canonicalize().unwrap_or_else(|_| path.to_path_buf()),
        _ => path.to_path_buf(),
    }
}
