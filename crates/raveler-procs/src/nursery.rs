//! The zygote's own loop: forks workers when told, and collects the dead when told.

use std::collections::HashMap;
use std::io::{self, Read, Seek};
use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::MemfdFlags;
use rustix::net::RecvFlags;
use rustix::process::{Pid, Signal};

use crate::message::Message;

/// Most of what faulthandler writes that is kept, in bytes.
const FAULT_MAX: u64 = 16 * 1024;

/// What the loop needs from the interpreter.
pub trait NurseryHost {
    /// Learns what the parent says first: module path, modules to import, options.
    fn configure(&mut self, configuration: &[u8]);
    /// Forks the interpreter; returns the child's process id to the parent, `None` to the child.
    ///
    /// # Errors
    ///
    /// The system's, if there can't be another process.
    fn fork(&mut self) -> io::Result<Option<u32>>;
    /// Collects a dead child: its status as `wait` gives it, and its largest resident size in KiB.
    fn reap(&mut self, pid: u32) -> (u32, u64);
}

/// What a forked worker starts its life with.
#[derive(Debug)]
pub struct Seat {
    /// The worker's index.
    pub worker: u32,
    /// The segment.
    pub segment: OwnedFd,
    /// Where lines and log records go.
    pub inbox: OwnedFd,
    /// Where faulthandler writes; read by the zygote after the worker's death.
    pub fault: OwnedFd,
}

/// Runs the zygote. Returns a [`Seat`] in each forked worker, `None` in the zygote itself when its parent is gone.
///
/// # Errors
///
/// The system's, if the socket on standard input is not the parent's.
pub fn run(host: &mut dyn NurseryHost) -> io::Result<Option<Seat>> {
    let parent = rustix::process::getppid();
    die_with_parent(parent)?;
    let socket = take_stdin()?;
    let mut shared: Option<(OwnedFd, OwnedFd)> = None;
    let mut faults = HashMap::new();
    loop {
        let (message, descriptors) = match Message::receive(&socket, RecvFlags::empty()) {
            Ok(Some(received)) => received,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Ok(None) | Err(_) => return Ok(None),
        };
        match message {
            Message::Configure(configuration) => {
                let mut descriptors = descriptors.into_iter();
                shared = descriptors.next().zip(descriptors.next());
                host.configure(&configuration);
            }
            Message::Fork(worker) => {
                let zygote = rustix::process::getpid();
                let fault = rustix::fs::memfd_create("raveler-fault", MemfdFlags::CLOEXEC)?;
                let answer = match host.fork() {
                    Ok(Some(pid)) => {
                        faults.insert(pid, fault);
                        Message::Forked { worker, pid }
                    }
                    Ok(None) => {
                        die_with_parent(Some(zygote))?;
                        let (segment, inbox) = shared.ok_or_else(|| {
                            io::Error::other("a worker was asked for before the zygote was configured")
                        })?;
                        return Ok(Some(Seat { worker, segment, inbox, fault }));
                    }
                    Err(error) => {
                        Message::Refused { worker, errno: error.raw_os_error().unwrap_or_default().unsigned_abs() }
                    }
                };
                if answer.send(&socket, &[]).is_err() {
                    return Ok(None);
                }
            }
            Message::Reap(pid) => {
                let (status, peak_kib) = host.reap(pid);
                let fault = faults.remove(&pid).map(read_fault).unwrap_or_default();
                if (Message::Reaped { pid, status, peak_kib, fault }).send(&socket, &[]).is_err() {
                    return Ok(None);
                }
            }
            Message::Forked { .. } | Message::Refused { .. } | Message::Reaped { .. } => {}
        }
    }
}

/// Asks the kernel to kill this process with its parent, which may be gone already.
fn die_with_parent(parent: Option<Pid>) -> io::Result<()> {
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
    if rustix::process::getppid() == parent && parent.is_some() {
        Ok(())
    } else {
        Err(io::Error::other("the parent process is gone"))
    }
}

/// Moves the socket away from standard input, where a user's code would find it.
fn take_stdin() -> io::Result<OwnedFd> {
    let stdin = rustix::stdio::stdin();
    let socket = rustix::io::fcntl_dupfd_cloexec(stdin, 3)?;
    let null = std::fs::File::open("/dev/null")?;
    rustix::stdio::dup2_stdin(null.as_fd())?;
    Ok(socket)
}

fn read_fault(fault: OwnedFd) -> Vec<u8> {
    let mut file = std::fs::File::from(fault);
    let mut text = Vec::new();
    if file.rewind().is_ok() {
        let _ = file.take(FAULT_MAX).read_to_end(&mut text);
    }
    text
}
