//! A file that gets its name only when it is whole: written under a temporary name in the same folder, then renamed.
//!
//! # Invariants
//!
//! 1. Nothing is ever written under the final name: it holds the old content or the whole new one.
//! 2. A temporary file that was not renamed is removed when its owner is dropped.
//! 3. When it must be durable, the content reaches the disk before the name does, and the name before success is told.

use std::fs::{File, OpenOptions, Permissions};
use std::io;
use std::path::{Path, PathBuf};

use raveler_sync::Counter;
use rustix::fs::{CWD, RenameFlags, renameat_with};

use super::error::FileError;

/// The longest name that common file systems take, in bytes.
const LONGEST_NAME: usize = 255;

/// How a finished file takes its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Landing {
    /// Whether the content and the name are forced to the disk first.
    pub durable: bool,
    /// Whether a file of that name may be replaced.
    pub overwrite: bool,
}

/// A new file under a temporary name beside its final one.
#[derive(Debug)]
pub struct Replacement {
    file: File,
    temporary: PathBuf,
    target: PathBuf,
    landed: bool,
}

impl Replacement {
    /// Makes the temporary file beside `target`.
    ///
    /// # Errors
    ///
    /// [`FileError::System`] if the folder does not take it.
    pub fn create(target: &Path) -> Result<Self, FileError> {
        loop {
            let temporary = temporary_beside(target);
            match OpenOptions::new().write(true).create_new(true).open(&temporary) {
                Ok(file) => return Ok(Self { file, temporary, target: target.to_path_buf(), landed: false }),
                // A leftover of a killed process that had the same number: the next name is free.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(FileError::at("write", target)(error)),
            }
        }
    }

    /// Returns the file to write to.
    #[must_use]
    pub fn file(&self) -> &File {
        &self.file
    }

    /// Gives the file its final name.
    ///
    /// # Errors
    ///
    /// As [`land`]; the temporary file is removed then.
    pub fn land(mut self, landing: Landing) -> Result<(), FileError> {
        land(&self.file, &self.temporary, &self.target, landing)?;
        self.landed = true;
        Ok(())
    }
}

impl Drop for Replacement {
    fn drop(&mut self) {
        if !self.landed {
            // By invariant 2; a folder that vanished took the file with it.
            let _ = std::fs::remove_file(&self.temporary);
        }
    }
}

/// Returns a name beside `target` that this process has not used yet.
#[must_use]
pub fn temporary_beside(target: &Path) -> PathBuf {
    static NEXT: Counter = Counter::new(0);
    let name = target.file_name().unwrap_or_default().to_string_lossy();
    let ending = format!(".{:x}-{:x}.tmp", std::process::id(), NEXT.add(1));
    target.with_file_name(format!(".{}{ending}", shortened(&name, LONGEST_NAME - 1 - ending.len())))
}

/// Returns as much of the beginning of `name` as fits into `most` bytes.
#[must_use]
pub fn shortened(name: &str, most: usize) -> &str {
    let mut end = most.min(name.len());
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    &name[..end]
}

/// Renames a finished temporary file to its final name in the same folder, with the permissions of the file that it replaces.
///
/// # Errors
///
/// [`FileError::Exists`] if a file is there that must stay, and [`FileError::System`] if the system refuses.
pub fn land(file: &File, temporary: &Path, target: &Path, landing: Landing) -> Result<(), FileError> {
    if landing.overwrite
        && let Some(permissions) = permissions_of(target)
    {
        file.set_permissions(permissions).map_err(FileError::at("write", target))?;
    }
    if landing.durable {
        file.sync_all().map_err(FileError::at("force to the disk", target))?;
    }
    if landing.overwrite {
        std::fs::rename(temporary, target).map_err(FileError::at("replace", target))?;
    } else {
        rename_to_new(temporary, target)?;
    }
    if landing.durable { sync_folder_of(target) } else { Ok(()) }
}

fn permissions_of(target: &Path) -> Option<Permissions> {
    let metadata = std::fs::symlink_metadata(target).ok()?;
    metadata.is_file().then(|| metadata.permissions())
}

fn rename_to_new(temporary: &Path, target: &Path) -> Result<(), FileError> {
    let exists = || FileError::Exists { path: target.to_path_buf() };
    match renameat_with(CWD, temporary, CWD, target, RenameFlags::NOREPLACE) {
        Ok(()) => Ok(()),
        Err(rustix::io::Errno::EXIST) => Err(exists()),
        // The file system can't promise it; a look before is what remains.
        Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOSYS) if std::fs::symlink_metadata(target).is_ok() => {
            Err(exists())
        }
        Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOSYS) => {
            std::fs::rename(temporary, target).map_err(FileError::at("write", target))
        }
        Err(error) => Err(FileError::at("write", target)(error.into())),
    }
}

/// Forces the names in a file's folder to the disk.
///
/// # Errors
///
/// [`FileError::System`] if the disk fails; file systems that can't do it are taken as they are.
pub fn sync_folder_of(target: &Path) -> Result<(), FileError> {
    let folder = folder_of(target);
    let opened = File::open(folder).map_err(FileError::at("force to the disk", folder))?;
    match opened.sync_all() {
        Err(error) if !matches!(error.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported) => {
            Err(FileError::at("force to the disk", folder)(error))
        }
        _ => Ok(()),
    }
}

/// Returns the folder that a path is in.
#[must_use]
pub fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    }
}
