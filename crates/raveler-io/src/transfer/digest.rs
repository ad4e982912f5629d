//! SHA-256 of bytes and of files.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use sha2::{Digest, Sha256};

use crate::files::hop::Abandoned;

/// A digest.
pub type Sum = [u8; 32];

/// The bytes read from a file at once.
const STRIDE: usize = 1 << 20;

/// Returns the digest of bytes.
#[must_use]
pub fn of(bytes: &[u8]) -> Sum {
    Sha256::digest(bytes).into()
}

/// Returns the digest of a file from its beginning to its end; blocks.
///
/// # Errors
///
/// The system's, and [`io::ErrorKind::Interrupted`] when nobody waits any more.
pub fn of_file(file: &File, abandoned: &Abandoned) -> io::Result<Sum> {
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; STRIDE];
    let mut position = 0;
    loop {
        if abandoned.get() {
            return Err(io::ErrorKind::Interrupted.into());
        }
        match file.read_at(&mut buffer, position)? {
            0 => return Ok(hasher.finalize().into()),
            read => {
                hasher.update(&buffer[..read]);
                position += read as u64;
            }
        }
    }
}

/// Returns a digest as hexadecimal digits.
#[must_use]
pub fn hex(sum: &Sum) -> String {
    sum.iter().fold(String::with_capacity(64), |mut digits, byte| {
        for half in [byte >> 4, byte & 15] {
            digits.push(char::from_digit(u32::from(half), 16).unwrap_or('0'));
        }
        digits
    })
}
