//! The inbox: lines, log records and warnings from workers, one datagram each, in one private socket pair.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType};

use crate::error::ProcsError;
use crate::token::{Reader, Write};

/// Most content of one note in bytes; longer lines travel in parts.
pub const NOTE_MAX: usize = 60 * 1024;

/// Most of a task's name in bytes that travels with a note; the rest of a longer one is cut off.
pub const NAME_MAX: usize = 1024;

/// What stands before the name: kind, worker, task, length of the name.
const HEAD: usize = 4 + 4 + 8 + 4;

/// The kind of a note that asks for a permit of the named limit; its content is the number of the request, then the name.
pub const BORROW: u32 = 100;
/// The kind of a note that gives a permit back; its content is the number of the request.
pub const RETURN: u32 = 101;
/// Set in the answer to a request that names no limit of the runtime.
pub const UNKNOWN: u64 = 1 << 63;

/// One line, record or warning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// What the content is; the host knows the kinds.
    pub kind: u32,
    /// The worker that sent it.
    pub worker: u32,
    /// The number of the task that ran, 0 outside one.
    pub task: u64,
    /// The name of that task, empty outside one; see [`NAME_MAX`].
    pub name: String,
    /// The content.
    pub content: Vec<u8>,
}

/// The parent's end.
#[derive(Debug)]
pub struct Inbox {
    ours: OwnedFd,
    theirs: OwnedFd,
}

impl Inbox {
    /// Makes the pair.
    ///
    /// # Errors
    ///
    /// If the process has no descriptors left.
    pub fn new() -> Result<Self, ProcsError> {
        let (ours, theirs) =
            rustix::net::socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)
                .map_err(ProcsError::system("a socket pair for the workers' lines"))?;
        Ok(Self { ours, theirs })
    }

    /// Returns the end that workers write to.
    #[must_use]
    pub fn workers_end(&self) -> BorrowedFd<'_> {
        self.theirs.as_fd()
    }

    /// Returns the next note, `None` if there is none now.
    #[must_use]
    pub fn take(&self) -> Option<Note> {
        let mut bytes = vec![0; HEAD + NAME_MAX + NOTE_MAX];
        let (len, _) = rustix::net::recv(&self.ours, &mut bytes[..], RecvFlags::DONTWAIT).ok()?;
        let mut reader = Reader::new(&bytes[..len]);
        let (kind, worker, task) = (reader.u32().ok()?, reader.u32().ok()?, reader.u64().ok()?);
        let name_len = reader.u32().ok()?;
        Some(Note {
            kind,
            worker,
            task,
            name: String::from_utf8_lossy(reader.take(name_len as usize).ok()?).into_owned(),
            content: reader.rest().to_vec(),
        })
    }
}

impl AsFd for Inbox {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.ours.as_fd()
    }
}

/// Sends a note from a worker; waits while the parent's side is full.
///
/// # Errors
///
/// If the parent is gone.
pub fn send(socket: impl AsFd, note: &Note) -> io::Result<()> {
    let name = beginning(&note.name);
    let mut bytes = Vec::with_capacity(HEAD + name.len() + note.content.len());
    Write::u32(&mut bytes, note.kind);
    Write::u32(&mut bytes, note.worker);
    Write::u64(&mut bytes, note.task);
    Write::u32(&mut bytes, u32::try_from(name.len()).unwrap_or_default());
    bytes.extend_from_slice(name.as_bytes());
    bytes.extend_from_slice(&note.content);
    loop {
        match rustix::net::send(&socket, &bytes, SendFlags::NOSIGNAL) {
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
            Ok(_) => return Ok(()),
        }
    }
}

/// The part of a name that travels: whole characters.
fn beginning(name: &str) -> &str {
    let fits = (0..=NAME_MAX.min(name.len())).rev().find(|&len| name.is_char_boundary(len));
    &name[..fits.unwrap_or_default()]
}
