//! The supervisor: one thread that owns the zygote, watches every worker's pidfd, and replaces the dead.

use std::collections::HashMap;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use raveler_events::clock;
use raveler_shm::{Segment, Ticket};
use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec};
use rustix::process::{Pid, PidfdFlags, Signal};

use crate::certificate::Certificate;
use crate::cores;
use crate::error::ProcsError;
use crate::inbox::Inbox;
use crate::interruption::{self, Graces, Still};
use crate::message::Message;
use crate::worker::EXIT_RETIRED;
use crate::zygote::{Answer, Launch, Zygote};

/// How many workers may die one after the other before they have started, until the supervisor gives up.
const FALSE_STARTS: u32 = 5;
/// The number of the signal that can't be caught.
const SIGKILL: u32 = 9;
/// How long an orderly shutdown waits for the workers.
const PATIENCE: Duration = Duration::from_millis(500);
/// How long a worker that is told to stop may take to freeze, before it is judged unfrozen.
const FREEZE: Duration = Duration::from_millis(50);

/// What the supervisor tells the layer above; called on its thread.
pub trait Watcher: Send + Sync + 'static {
    /// A worker is surely dead: whatever it held can be recovered. Another is forked after this returns.
    fn died(&self, certificate: Certificate);
    /// Notes wait in the inbox.
    fn notes(&self);
    /// No worker can be had any more.
    fn failed(&self, error: ProcsError);
}

enum Order {
    /// Kill this worker if the question still holds once it stands still.
    Stop(u32, Still),
    /// Interrupt this use of a slot by this worker, if the question holds; kill the worker if it still does after the grace.
    Interrupt(u32, Ticket, Still),
    Shutdown,
}

struct Mailbox {
    orders: Mutex<Vec<Order>>,
    bell: OwnedFd,
}

/// A handle on the supervisor's thread.
pub struct Supervisor {
    mailbox: Arc<Mailbox>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Supervisor {
    /// Starts the thread, which starts the zygote and `workers` workers.
    ///
    /// # Errors
    ///
    /// If there can't be another thread or descriptor.
    pub fn start(
        launch: Launch,
        segment: Segment,
        inbox: Arc<Inbox>,
        workers: u32,
        watcher: Arc<dyn Watcher>,
    ) -> Result<Self, ProcsError> {
        let bell = rustix::event::eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)
            .map_err(ProcsError::system("an eventfd for the supervisor"))?;
        let mailbox = Arc::new(Mailbox { orders: Mutex::new(Vec::new()), bell });
        let desk = Desk {
            launch,
            segment,
            inbox,
            workers,
            watcher,
            mailbox: Arc::clone(&mailbox),
            zygote: None,
            alive: HashMap::new(),
            graces: Graces::default(),
            false_starts: 0,
            is_stopping: false,
        };
        let thread = std::thread::Builder::new()
            .name("raveler-supervisor".into())
            .spawn(move || desk.run())
            .map_err(|source| ProcsError::System { what: "a thread for the supervisor", source })?;
        Ok(Self { mailbox, thread: Mutex::new(Some(thread)) })
    }

    /// Kills the worker, unless `still` says no once the worker stands still: so a task that ended just now costs nobody anything.
    pub fn stop(&self, worker: u32, still: impl Fn() -> bool + Send + 'static) {
        self.mailbox.order(Order::Stop(worker, Box::new(still)));
    }

    /// Interrupts what the worker runs in this use of a slot, if `still` says yes; kills the worker if it has not ended after a grace.
    pub fn interrupt(&self, worker: u32, ticket: Ticket, still: impl Fn() -> bool + Send + 'static) {
        self.mailbox.order(Order::Interrupt(worker, ticket, Box::new(still)));
    }

    /// Ends the workers and the zygote and waits for it. Orderly if the segment was shut down and nothing runs; whatever still runs is killed.
    pub fn shutdown(&self) {
        self.mailbox.order(Order::Shutdown);
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            let _ = thread.join();
        }
    }
}

impl Mailbox {
    fn order(&self, order: Order) {
        self.orders.lock().unwrap_or_else(PoisonError::into_inner).push(order);
        self.ring();
    }

    fn ring(&self) {
        let _ = rustix::io::write(&self.bell, &1_u64.to_ne_bytes());
    }

    fn take(&self) -> Vec<Order> {
        let mut count = [0; 8];
        let _ = rustix::io::read(&self.bell, &mut count[..]);
        std::mem::take(&mut *self.orders.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

struct Living {
    pid: u32,
    pidfd: OwnedFd,
    out_of_memory_kills: u64,
    is_reaped_soon: bool,
}

/// What the supervisor's thread owns.
struct Desk {
    launch: Launch,
    segment: Segment,
    inbox: Arc<Inbox>,
    workers: u32,
    watcher: Arc<dyn Watcher>,
    mailbox: Arc<Mailbox>,
    zygote: Option<Zygote>,
    alive: HashMap<u32, Living>,
    graces: Graces,
    false_starts: u32,
    is_stopping: bool,
}

impl Desk {
    fn run(mut self) {
        self.start_zygote();
        while !self.is_stopping {
            self.wait(self.graces.left());
            self.answers();
            self.watcher.notes();
            for order in self.mailbox.take() {
                match order {
                    Order::Stop(worker, still) => self.stop(worker, &*still),
                    Order::Interrupt(worker, ticket, still) => self.interrupt(worker, ticket, still),
                    Order::Shutdown => self.is_stopping = true,
                }
            }
            for (worker, still) in self.graces.take_over() {
                self.stop(worker, &*still);
            }
        }
        self.end();
    }

    fn start_zygote(&mut self) {
        let Some(segment) = self.segment.descriptor() else {
            return;
        };
        match Zygote::start(&self.launch, segment.as_fd(), self.inbox.workers_end()) {
            Ok(zygote) => {
                for worker in 0..self.workers {
                    let _ = zygote.fork(worker);
                }
                self.zygote = Some(zygote);
            }
            Err(error) => self.watcher.failed(error),
        }
    }

    /// Sleeps until anything happens; then asks the zygote to collect who has died.
    fn wait(&mut self, timeout: Option<Duration>) {
        let mut polled: Vec<PollFd<'_>> = vec![
            PollFd::from_borrowed_fd(self.mailbox.bell.as_fd(), PollFlags::IN),
            PollFd::from_borrowed_fd(self.inbox.as_fd(), PollFlags::IN),
        ];
        polled.extend(self.zygote.as_ref().map(|zygote| PollFd::from_borrowed_fd(zygote.as_fd(), PollFlags::IN)));
        let fixed = polled.len();
        let living: Vec<u32> =
            self.alive.iter().filter(|(_, living)| !living.is_reaped_soon).map(|(&worker, _)| worker).collect();
        polled.extend(
            living.iter().map(|worker| PollFd::from_borrowed_fd(self.alive[worker].pidfd.as_fd(), PollFlags::IN)),
        );
        let timeout = timeout.and_then(|timeout| Timespec::try_from(timeout).ok());
        if rustix::event::poll(&mut polled, timeout.as_ref()).is_err() {
            return;
        }
        let dead: Vec<u32> = living
            .into_iter()
            .zip(&polled[fixed..])
            .filter(|(_, polled)| !polled.revents().is_empty())
            .map(|(worker, _)| worker)
            .collect();
        for worker in dead {
            if let (Some(living), Some(zygote)) = (self.alive.get_mut(&worker), &self.zygote) {
                living.is_reaped_soon = zygote.reap(living.pid).is_ok();
            }
        }
    }

    fn answers(&mut self) {
        while let Some(zygote) = &self.zygote {
            match zygote.answer() {
                Answer::Nothing => return,
                Answer::Gone => return self.lose_zygote(),
                Answer::Message(Message::Forked { worker, pid }) => self.enter(worker, pid),
                Answer::Message(Message::Refused { worker, errno }) => self.refuse(worker, errno),
                Answer::Message(Message::Reaped { pid, status, peak_kib, fault }) => {
                    self.bury(pid, status, peak_kib, &fault);
                }
                Answer::Message(Message::Configure(_) | Message::Fork(_) | Message::Reap(_)) => {}
            }
        }
    }

    fn enter(&mut self, worker: u32, pid: u32) {
        let raw = i32::try_from(pid).ok().and_then(Pid::from_raw);
        // The zygote collects it only when told, so the process id can't have become another's.
        let Some(Ok(pidfd)) = raw.map(|raw| rustix::process::pidfd_open(raw, PidfdFlags::empty())) else {
            return self.refuse(worker, 0);
        };
        let out_of_memory_kills = cores::out_of_memory_kills();
        self.alive.insert(worker, Living { pid, pidfd, out_of_memory_kills, is_reaped_soon: false });
    }

    fn refuse(&mut self, worker: u32, errno: u32) {
        self.false_starts += 1;
        if self.false_starts >= FALSE_STARTS {
            let source = io::Error::from_raw_os_error(i32::try_from(errno).unwrap_or_default());
            self.watcher.failed(ProcsError::System { what: "another worker process", source });
        } else if let Some(zygote) = &self.zygote {
            let _ = zygote.fork(worker);
        }
    }

    fn bury(&mut self, pid: u32, status: u32, peak_kib: u64, fault: &[u8]) {
        let Some(worker) = self.alive.iter().find(|(_, living)| living.pid == pid).map(|(&worker, _)| worker) else {
            return;
        };
        let Some(living) = self.alive.remove(&worker) else {
            return;
        };
        let mut certificate = Certificate::from_status(worker, pid, status);
        certificate.peak_bytes = peak_kib * 1024;
        certificate.fault = String::from_utf8_lossy(fault).into_owned();
        certificate.out_of_memory = cores::out_of_memory_kills() > living.out_of_memory_kills;
        let has_started = self.segment.worker(worker).pid() == pid;
        self.watcher.notes();
        self.watcher.died(certificate.clone());
        self.replace(worker, has_started, &certificate);
    }

    fn replace(&mut self, worker: u32, has_started: bool, last: &Certificate) {
        if has_started {
            self.false_starts = 0;
        } else if last.signal != Some(SIGKILL) {
            // Whoever is killed from outside before it has started says nothing about the next.
            self.false_starts += 1;
        }
        if self.false_starts >= FALSE_STARTS {
            let source = io::Error::other(format!("{} {}", last.cause(), last.fault));
            self.watcher.failed(ProcsError::System { what: "workers die before they have started", source });
        } else if let Some(zygote) = &self.zygote {
            let _ = zygote.fork(worker);
        }
    }

    /// The zygote died: the kernel ends its children too, and all start anew.
    fn lose_zygote(&mut self) {
        let Some(zygote) = self.zygote.take() else {
            return;
        };
        let status = zygote.finish();
        let mut has_started = false;
        for (worker, living) in std::mem::take(&mut self.alive) {
            let _ = rustix::process::pidfd_send_signal(&living.pidfd, Signal::KILL);
            let mut polled = [PollFd::new(&living.pidfd, PollFlags::IN)];
            let _ = rustix::event::poll(&mut polled, None);
            has_started |= self.segment.worker(worker).pid() == living.pid;
            self.watcher.died(Certificate { worker, pid: living.pid, signal: Some(9), ..Certificate::default() });
        }
        self.false_starts = if has_started { 0 } else { self.false_starts + 1 };
        if self.false_starts >= FALSE_STARTS {
            let source = io::Error::other(status);
            self.watcher.failed(ProcsError::System { what: "the zygote ends at its start", source });
        } else {
            self.start_zygote();
        }
    }

    fn stop(&self, worker: u32, still: &dyn Fn() -> bool) {
        let Some(living) = self.alive.get(&worker) else {
            return;
        };
        if !still() {
            return;
        }
        let _ = rustix::process::pidfd_send_signal(&living.pidfd, Signal::STOP);
        wait_until_stopped(living.pid);
        let signal = if still() { Signal::KILL } else { Signal::CONT };
        let _ = rustix::process::pidfd_send_signal(&living.pidfd, signal);
    }

    fn interrupt(&mut self, worker: u32, ticket: Ticket, still: Still) {
        if let Some(living) = self.alive.get(&worker)
            && still()
        {
            self.segment.worker(worker).set_interrupt(interruption::mark(ticket));
            let _ = rustix::process::pidfd_send_signal(&living.pidfd, interruption::SIGNAL);
            self.graces.grant(worker, still);
        }
    }

    fn end(mut self) {
        self.segment.shutdown();
        let deadline = clock::nanos() + u64::try_from(PATIENCE.as_nanos()).unwrap_or(u64::MAX);
        let mut is_patient = true;
        while !self.alive.is_empty() && self.zygote.is_some() {
            let left = deadline.saturating_sub(clock::nanos());
            if left == 0 && is_patient {
                is_patient = false;
                for living in self.alive.values() {
                    let _ = rustix::process::pidfd_send_signal(&living.pidfd, Signal::KILL);
                }
            }
            self.wait(is_patient.then_some(Duration::from_nanos(left)));
            self.part();
        }
        self.watcher.notes();
        if let Some(zygote) = self.zygote.take() {
            let _ = zygote.finish();
        }
    }

    /// Takes the zygote's last answers during the shutdown.
    fn part(&mut self) {
        while let Some(zygote) = &self.zygote {
            match zygote.answer() {
                Answer::Nothing => break,
                Answer::Gone => {
                    if let Some(zygote) = self.zygote.take() {
                        let _ = zygote.finish();
                    }
                }
                Answer::Message(Message::Reaped { pid, .. }) => self.alive.retain(|_, living| living.pid != pid),
                Answer::Message(Message::Forked { worker, pid }) => self.enter(worker, pid),
                Answer::Message(_) => {}
            }
        }
        let _ = self.mailbox.take();
        self.watcher.notes();
    }
}

/// Returns whether a certificate is that of a worker that left to be replaced.
#[must_use]
pub fn has_retired(certificate: &Certificate) -> bool {
    certificate.exit_code == Some(EXIT_RETIRED)
}

/// Waits until the process stands still after SIGSTOP, or is dead.
fn wait_until_stopped(pid: u32) {
    let path = format!("/proc/{pid}/stat");
    let deadline = clock::nanos() + u64::try_from(FREEZE.as_nanos()).unwrap_or(u64::MAX);
    while clock::nanos() < deadline {
        let stat = std::fs::read_to_string(&path).unwrap_or_default();
        // The state is the first word after the name, which stands in parentheses and may hold anything.
        let state = stat.rsplit_once(") ").and_then(|(_, rest)| rest.chars().next());
        if !matches!(state, Some('R' | 'S' | 'D')) {
            return;
        }
        std::thread::yield_now();
    }
}
