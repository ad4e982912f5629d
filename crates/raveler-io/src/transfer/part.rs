//! A file that is being downloaded: beside its final name, with a note that lets a later attempt go on.
//!
//! # Invariants
//!
//! 1. The note names the version of the file on the server; bytes of another version are never mixed in.
//! 2. As long as the note lists no stretches, the bytes present are those before the end of the part file.
//! 3. A stretch that the note does not list as missing was written before the note was.
//! 4. The note holds for one start of the machine: what a crash of the machine may have kept from the disk is never relied on.
//! 5. Who writes to a part that has a note holds its lock, and the part still had its name when the lock was taken.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{IoSlice, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use rustix::fs::FallocateFlags;
use serde_json::{Value, json};

use super::address::Address;
use super::offer::Validator;
use crate::files::FileError;
use crate::files::replace::{Landing, Replacement, land, shortened, temporary_beside};

/// The longest beginning of the final name that a part's name repeats.
const LONGEST_STEM: usize = 200;

/// How often, and how far apart, the lock of an earlier part is tried.
const LOCK_TRIES: u32 = 10;
const LOCK_PAUSE: Duration = Duration::from_millis(10);

/// Bytes from the first to the one before the last.
pub type Stretch = (u64, u64);

/// What a later attempt needs to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// Which address it is.
    pub key: String,
    /// Which version it is.
    pub validator: Validator,
    /// The bytes of the whole file.
    pub size: u64,
    /// The stretches that are missing; `None` by invariant 2.
    pub missing: Option<Vec<Stretch>>,
}

/// An open part.
#[derive(Debug)]
pub struct Part {
    file: Arc<File>,
    path: PathBuf,
    note: Option<Note>,
    is_done: bool,
}

impl Part {
    /// Returns the name of the part that belongs to a final name and an address.
    #[must_use]
    pub fn path_for(target: &Path, address: &Address) -> PathBuf {
        let name = target.file_name().unwrap_or_default().to_string_lossy();
        target.with_file_name(format!(".{}.{}.part", shortened(&name, LONGEST_STEM), &address.key()[..8]))
    }

    /// Makes a new part; with a note it can be taken up later. Blocks.
    ///
    /// # Errors
    ///
    /// [`FileError`] if the folder does not take it or has no room for `size` bytes.
    pub fn create(path: &Path, size: Option<u64>, note: Option<Note>) -> Result<Self, FileError> {
        let wrong = || FileError::at("write", path);
        // A name that somebody else writes to is left to them; then there is nothing to take up later.
        let claimed = note.as_ref().and_then(|_| claim(path));
        let is_claimed = claimed.is_some();
        let place = if is_claimed { path.to_path_buf() } else { temporary_beside(path) };
        let file = match claimed {
            Some(file) => file,
            None => new(&place).map_err(wrong())?,
        };
        let mut part = Self { file: Arc::new(file), path: place, note: None, is_done: false };
        if let Some(size) = size.filter(|size| *size > 0) {
            reserve(&part.file, size).map_err(wrong())?;
        }
        if let Some(note) = note.filter(|_| is_claimed) {
            note.write(&part.path)?;
            part.note = Some(note);
        }
        Ok(part)
    }

    /// Opens the part of an earlier attempt, if there is one that can be taken up and nobody writes to it. Blocks.
    #[must_use]
    pub fn take_up(path: &Path, key: &str) -> Option<Self> {
        let file = locked(path)?;
        let note = Note::read(path).filter(|note| note.key == key)?;
        let length = file.metadata().ok()?.len();
        let missing = note.missing.clone().unwrap_or_else(|| vec![(length, note.size)]);
        let is_sound = missing.iter().all(|(from, until)| from <= until && *until <= note.size);
        if !is_sound {
            return None;
        }
        Some(Self { file: Arc::new(file), path: path.to_path_buf(), note: Some(note), is_done: false })
    }

    /// Returns the note, if a later attempt can go on.
    #[must_use]
    pub fn note(&self) -> Option<&Note> {
        self.note.as_ref()
    }

    /// Returns the stretches that are missing, by the note.
    #[must_use]
    pub fn missing(&self) -> Vec<Stretch> {
        let Some(note) = &self.note else { return Vec::new() };
        let length = self.file.metadata().map_or(0, |found| found.len());
        note.missing.clone().unwrap_or_else(|| vec![(length, note.size)])
    }

    /// Returns the file.
    #[must_use]
    pub fn file(&self) -> &Arc<File> {
        &self.file
    }

    /// Returns the name that the part has now.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Gives the part its final name. Blocks.
    ///
    /// # Errors
    ///
    /// [`FileError`] if the system refuses; the part stays for a later attempt if it has a note.
    pub fn land(mut self, target: &Path, landing: Landing) -> Result<(), FileError> {
        land(&self.file, &self.path, target, landing)?;
        self.is_done = true;
        if self.note.is_some() {
            let _ = std::fs::remove_file(note_path(&self.path));
        }
        Ok(())
    }

    /// Removes the part and its note. Blocks.
    pub fn discard(mut self) {
        if self.note.take().is_some() {
            let _ = std::fs::remove_file(note_path(&self.path));
        }
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        if !self.is_done && self.note.is_none() {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

fn new(path: &Path) -> std::io::Result<File> {
    OpenOptions::new().read(true).write(true).create_new(true).open(path)
}

/// Makes a new part and locks it, unless somebody else does the same.
fn claim(path: &Path) -> Option<File> {
    discard(path);
    let file = new(path).ok()?;
    file.try_lock().ok()?;
    is_named(&file, path).then_some(file)
}

/// Removes a part that can't be taken up, unless somebody writes to it.
fn discard(path: &Path) {
    if let Ok(file) = File::open(path)
        && file.try_lock().is_ok()
        && is_named(&file, path)
    {
        let _ = std::fs::remove_file(note_path(path));
        let _ = std::fs::remove_file(path);
    }
}

fn locked(path: &Path) -> Option<File> {
    let file = OpenOptions::new().read(true).write(true).open(path).ok()?;
    lock_soon(&file)?;
    is_named(&file, path).then_some(file)
}

/// Whether the file still has its name: by invariant 5, between the opening and the lock it may have become the finished file.
fn is_named(file: &File, path: &Path) -> bool {
    let (Ok(mine), Ok(named)) = (file.metadata(), std::fs::symlink_metadata(path)) else { return false };
    mine.ino() == named.ino() && mine.dev() == named.dev()
}

/// Waits a moment: the last write of an attempt that was dropped may still be under way.
fn lock_soon(file: &File) -> Option<()> {
    for _ in 0..LOCK_TRIES {
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => std::thread::sleep(LOCK_PAUSE),
            locked => return locked.ok(),
        }
    }
    None
}

fn note_path(part: &Path) -> PathBuf {
    let mut name = part.as_os_str().to_owned();
    name.push(".meta");
    PathBuf::from(name)
}

impl Note {
    /// Writes the note of a part, in place of an earlier one. Blocks.
    ///
    /// # Errors
    ///
    /// [`FileError`] if the folder does not take it.
    pub fn write(&self, part: &Path) -> Result<(), FileError> {
        let path = note_path(part);
        let replacement = Replacement::create(&path)?;
        replacement.file().write_all(self.to_json().as_bytes()).map_err(FileError::at("write", &path))?;
        replacement.land(Landing { durable: false, overwrite: true })
    }

    fn read(part: &Path) -> Option<Self> {
        let note: Value = serde_json::from_slice(&std::fs::read(note_path(part)).ok()?).ok()?;
        // By invariant 4.
        if note["start"].as_str()? != start_of_machine() {
            return None;
        }
        let missing = match &note["missing"] {
            Value::Null => None,
            listed => Some(serde_json::from_value(listed.clone()).ok()?),
        };
        let text = |name: &str| note[name].as_str();
        Some(Self {
            key: text("key")?.to_owned(),
            validator: text("validator")?.into(),
            size: note["size"].as_u64()?,
            missing,
        })
    }

    fn to_json(&self) -> String {
        json!({
            "key": self.key,
            "validator": &*self.validator,
            "size": self.size,
            "missing": self.missing,
            "start": start_of_machine(),
        })
        .to_string()
    }
}

/// Returns what tells one start of the machine from the next; nothing where the system does not say.
fn start_of_machine() -> String {
    std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default().trim().to_owned()
}

/// Reserves room, so that a full disk is told before the first byte is asked for, and the file lies in one piece.
fn reserve(file: &File, size: u64) -> std::io::Result<()> {
    // The length stays as it is: by invariant 2 it tells what is present.
    match rustix::fs::fallocate(file, FallocateFlags::KEEP_SIZE, 0, size) {
        Err(error @ (rustix::io::Errno::NOSPC | rustix::io::Errno::DQUOT | rustix::io::Errno::FBIG)) => {
            Err(error.into())
        }
        _ => Ok(()),
    }
}

/// Writes all of `blocks` to the file from `position` on; blocks.
///
/// # Errors
///
/// The system's.
pub fn write_at(file: &File, blocks: &[Bytes], mut position: u64) -> std::io::Result<()> {
    let mut slices: Vec<IoSlice<'_>> = blocks.iter().map(|block| IoSlice::new(block)).collect();
    let mut rest = &mut slices[..];
    while !rest.is_empty() {
        match rustix::io::pwritev(file, rest, position) {
            Ok(0) => return Err(std::io::ErrorKind::WriteZero.into()),
            Ok(written) => {
                position += written as u64;
                IoSlice::advance_slices(&mut rest, written);
            }
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}
