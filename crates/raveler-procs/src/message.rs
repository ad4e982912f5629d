//! What parent and zygote say to each other, one datagram a message.

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags,
};

use crate::error::WireError;
use crate::token::{Reader, Write};

/// Largest message; the configuration with a long module path is the longest.
const MESSAGE_MAX: usize = 128 * 1024;

/// A message in either direction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// To the zygote, first: what the host needs to know; the segment and the inbox come along as descriptors.
    Configure(Vec<u8>),
    /// To the zygote: fork a worker with this index.
    Fork(u32),
    /// To the zygote: collect this dead child.
    Reap(u32),
    /// From the zygote: the worker has this process id.
    Forked {
        /// The worker's index.
        worker: u32,
        /// Its process id.
        pid: u32,
    },
    /// From the zygote: the worker can't be forked.
    Refused {
        /// The worker's index.
        worker: u32,
        /// The system's error number.
        errno: u32,
    },
    /// From the zygote: how a child ended.
    Reaped {
        /// Its process id.
        pid: u32,
        /// The status as `wait` gives it.
        status: u32,
        /// Largest resident size in KiB.
        peak_kib: u64,
        /// What faulthandler wrote.
        fault: Vec<u8>,
    },
}

impl Message {
    fn write(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(64);
        match self {
            Self::Configure(bytes) => {
                out.push(0);
                out.extend_from_slice(bytes);
            }
            Self::Fork(worker) => {
                out.push(1);
                Write::u32(&mut out, *worker);
            }
            Self::Reap(pid) => {
                out.push(2);
                Write::u32(&mut out, *pid);
            }
            Self::Forked { worker, pid } => {
                out.push(3);
                Write::u32(&mut out, *worker);
                Write::u32(&mut out, *pid);
            }
            Self::Refused { worker, errno } => {
                out.push(4);
                Write::u32(&mut out, *worker);
                Write::u32(&mut out, *errno);
            }
            Self::Reaped { pid, status, peak_kib, fault } => {
                out.push(5);
                Write::u32(&mut out, *pid);
                Write::u32(&mut out, *status);
                Write::u64(&mut out, *peak_kib);
                out.extend_from_slice(fault);
            }
        }
        out
    }

    fn read(bytes: &[u8]) -> Result<Self, WireError> {
        let mut reader = Reader::new(bytes);
        Ok(match reader.u8()? {
            0 => Self::Configure(reader.rest().to_vec()),
            1 => Self::Fork(reader.u32()?),
            2 => Self::Reap(reader.u32()?),
            3 => Self::Forked { worker: reader.u32()?, pid: reader.u32()? },
            4 => Self::Refused { worker: reader.u32()?, errno: reader.u32()? },
            5 => Self::Reaped {
                pid: reader.u32()?,
                status: reader.u32()?,
                peak_kib: reader.u64()?,
                fault: reader.rest().to_vec(),
            },
            other => return Err(WireError::Tag(other)),
        })
    }

    /// Sends the message; `descriptors` (two at most) travel with it.
    ///
    /// # Errors
    ///
    /// The system's, if the other side is gone.
    pub fn send(&self, socket: impl AsFd, descriptors: &[std::os::fd::BorrowedFd<'_>]) -> io::Result<()> {
        let bytes = self.write();
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(2))];
        let mut ancillary = SendAncillaryBuffer::new(&mut space);
        if !descriptors.is_empty() && !ancillary.push(SendAncillaryMessage::ScmRights(descriptors)) {
            return Err(io::Error::other("too many descriptors for one message"));
        }
        rustix::net::sendmsg(socket, &[io::IoSlice::new(&bytes)], &mut ancillary, SendFlags::NOSIGNAL)?;
        Ok(())
    }

    /// Receives one message and the descriptors that came with it; `None` when the other side is gone.
    ///
    /// # Errors
    ///
    /// The system's; `WouldBlock` if `flags` ask not to wait.
    pub fn receive(socket: impl AsFd, flags: RecvFlags) -> io::Result<Option<(Self, Vec<OwnedFd>)>> {
        let mut bytes = vec![0; MESSAGE_MAX];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(2))];
        let mut ancillary = RecvAncillaryBuffer::new(&mut space);
        let received = rustix::net::recvmsg(
            socket,
            &mut [io::IoSliceMut::new(&mut bytes)],
            &mut ancillary,
            flags | RecvFlags::CMSG_CLOEXEC,
        )?;
        let descriptors = ancillary
            .drain()
            .filter_map(|message| match message {
                RecvAncillaryMessage::ScmRights(rights) => Some(rights.collect::<Vec<_>>()),
                _ => None,
            })
            .flatten()
            .collect();
        if received.bytes == 0 {
            return Ok(None);
        }
        let message = Self::read(&bytes[..received.bytes]).map_err(io::Error::other)?;
        Ok(Some((message, descriptors)))
    }
}
