//! The parent's side of the zygote: the clean process that forks the workers.

#![expect(clippy::disallowed_types, reason = "this is the home of child processes")]

use std::ffi::OsString;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::process::{Child, Command, Stdio};

use rustix::net::{AddressFamily, RecvFlags, SocketFlags, SocketType};

use crate::error::ProcsError;
use crate::message::Message;

/// How the zygote's interpreter is started and what it is told.
#[derive(Clone, Debug)]
pub struct Launch {
    /// The interpreter.
    pub program: OsString,
    /// Its arguments.
    pub arguments: Vec<OsString>,
    /// Environment variables that it gets on top of the parent's.
    pub environment: Vec<(OsString, OsString)>,
    /// What the host's `configure` gets.
    pub configuration: Vec<u8>,
}

/// A running zygote.
#[derive(Debug)]
pub struct Zygote {
    child: Child,
    socket: OwnedFd,
}

impl Zygote {
    /// Starts the interpreter, with one end of a private socket pair as its standard input, and configures it.
    ///
    /// The calling thread must live as long as the zygote: the kernel ends the zygote with the thread that started it.
    ///
    /// # Errors
    ///
    /// If the interpreter can't be started.
    pub fn start(launch: &Launch, segment: BorrowedFd<'_>, inbox: BorrowedFd<'_>) -> Result<Self, ProcsError> {
        let (socket, theirs) =
            rustix::net::socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)
                .map_err(ProcsError::system("a socket pair for the zygote"))?;
        let child = Command::new(&launch.program)
            .args(&launch.arguments)
            .envs(launch.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::from(theirs))
            .spawn()
            .map_err(|source| ProcsError::Start { program: launch.program.to_string_lossy().into_owned(), source })?;
        let zygote = Self { child, socket };
        // A zygote that is gone already is noticed when its socket is read.
        let _ = Message::Configure(launch.configuration.clone()).send(&zygote.socket, &[segment, inbox]);
        Ok(zygote)
    }

    /// Asks for a worker; the answer comes as [`Message::Forked`].
    ///
    /// # Errors
    ///
    /// If the zygote is gone.
    pub fn fork(&self, worker: u32) -> io::Result<()> {
        Message::Fork(worker).send(&self.socket, &[])
    }

    /// Asks for the status of a dead worker; the answer comes as [`Message::Reaped`].
    ///
    /// # Errors
    ///
    /// If the zygote is gone.
    pub fn reap(&self, pid: u32) -> io::Result<()> {
        Message::Reap(pid).send(&self.socket, &[])
    }

    /// Returns a message if one is there, [`Answer::Gone`] if the zygote is not.
    #[must_use]
    pub fn answer(&self) -> Answer {
        match Message::receive(&self.socket, RecvFlags::DONTWAIT) {
            Ok(Some((message, _))) => Answer::Message(message),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Answer::Nothing,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Answer::Nothing,
            Ok(None) | Err(_) => Answer::Gone,
        }
    }

    /// Waits for the zygote to end, after its socket was closed or it was found gone, and returns its status in words.
    #[must_use]
    pub fn finish(self) -> String {
        let Self { mut child, socket } = self;
        // A copy that a fork of this process inherited must not keep the zygote waiting, so dropping it is not enough.
        let _ = rustix::net::shutdown(&socket, rustix::net::Shutdown::Both);
        drop(socket);
        child.wait().map_or_else(|error| error.to_string(), |status| status.to_string())
    }

    /// Ends the zygote at once, and with it its children.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
    }
}

impl AsFd for Zygote {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// What [`Zygote::answer`] found.
#[derive(Debug)]
pub enum Answer {
    /// A message.
    Message(Message),
    /// Nothing yet.
    Nothing,
    /// The zygote has ended.
    Gone,
}
