//! Operations that Rust runs on the I/O runtime: how they start, and how their ends reach the scheduler in batches.
//!
//! # Invariants
//!
//! 1. An attempt that ended is put into `landed` by its own future, or never was because that future was aborted: an aborted
//!    attempt is settled by whoever aborted it.
//! 2. What has landed is handed out when a thread of the I/O runtime is about to sleep, or once [`BATCH`] have: many ends that
//!    come together take the lock once and wake each event loop once.
//! 3. No thread of the I/O runtime attaches to the interpreter, but to encode a reply that a task in another process needs.

use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::{AbortHandle, AbortRegistration, Abortable};
use raveler_events::clock;
use raveler_io::reactor::{self, Idle};
use raveler_sync::Flag;
use raveler_task::{AttemptEnd, Place, Start, TaskId};

use crate::cell::Cell;
use crate::core::Core;
use crate::entry::Owner;
use crate::error::RuntimeError;
use crate::host::{Host, Notice};
use crate::outcome::Outcome;
use crate::runtime::Runtime;
use crate::shared::{Shared, locked};
use crate::work::Work;

/// How many ends are collected at most before they are handed out.
const BATCH: usize = 64;

/// Something that Rust does without the interpreter; each attempt starts it anew.
pub trait Operation<H: Host>: Send + Sync {
    /// Begins an attempt; dropping what is returned ends it and gives back what it had opened.
    fn start(&self, attempt: u32) -> Running<H>;
}

/// An attempt that runs.
pub type Running<H> = Pin<Box<dyn Future<Output = Ended<H>> + Send>>;

/// How an attempt ended.
pub enum Ended<H: Host> {
    /// With a value.
    Reply(H::Reply),
    /// With an error.
    Fault {
        /// The error.
        fault: H::Fault,
        /// How long to wait at least before another attempt; none if that is of no use.
        again: Option<Duration>,
    },
}

/// An attempt that is to start.
pub struct Launch<H: Host> {
    pub(crate) operation: Arc<dyn Operation<H>>,
    pub(crate) start: Start,
    pub(crate) timeout: Option<u64>,
    pub(crate) registration: AbortRegistration,
}

/// What has landed and was not handed out.
pub(crate) struct Natives<H: Host> {
    landed: Mutex<Vec<Landed<H>>>,
    is_registered: Flag,
}

impl<H: Host> Default for Natives<H> {
    fn default() -> Self {
        Self { landed: Mutex::new(Vec::new()), is_registered: Flag::new(false) }
    }
}

struct Landed<H: Host> {
    start: Start,
    outcome: Outcome<H>,
    end: AttemptEnd,
}

impl<H: Host> Landed<H> {
    fn new(start: Start, ended: Option<Ended<H>>, timeout: Option<u64>) -> Self {
        let (outcome, end) = match ended {
            Some(Ended::Reply(reply)) => (Outcome::Reply(reply), AttemptEnd::Done),
            Some(Ended::Fault { fault, again: None }) => {
                (Outcome::Fault(fault), AttemptEnd::Failed { retryable: false })
            }
            Some(Ended::Fault { fault, again: Some(pause) }) => {
                let pause = u64::try_from(pause.as_nanos()).unwrap_or(u64::MAX);
                (Outcome::Fault(fault), AttemptEnd::Later(clock::nanos().saturating_add(pause)))
            }
            None => (Outcome::TimedOut(timeout.unwrap_or_default()), AttemptEnd::TimedOut),
        };
        Self { start, outcome, end }
    }
}

impl<H: Host> Shared<H> {
    /// Starts an attempt on the I/O runtime.
    pub(crate) fn launch(&self, launch: Launch<H>) {
        let Some(shared) = self.me() else {
            return;
        };
        if !self.natives.is_registered.swap(true) {
            reactor::on_idle(&shared);
        }
        let Launch { operation, start, timeout, registration } = launch;
        let attempt = async move {
            let running = operation.start(start.attempt);
            let ended = match timeout {
                Some(nanos) => tokio::time::timeout(Duration::from_nanos(nanos), running).await.ok(),
                None => Some(running.await),
            };
            shared.has_landed(Landed::new(start, ended, timeout));
        };
        drop(reactor::spawn(Abortable::new(attempt, registration)));
    }

    fn has_landed(&self, landed: Landed<H>) {
        let mut all = locked(&self.natives.landed);
        all.push(landed);
        let is_full = all.len() >= BATCH;
        drop(all);
        if is_full {
            self.flush();
        }
    }
}

impl<H: Host> Idle for Shared<H> {
    fn flush(&self) {
        let landed = std::mem::take(&mut *locked(&self.natives.landed));
        if landed.is_empty() {
            return;
        }
        let mut needed = Vec::new();
        let mut core = self.lock();
        for Landed { start, outcome, end } in landed {
            match outcome {
                Outcome::Reply(reply) if core.wants_wire(start.task) => needed.push((start, reply)),
                outcome => core.call_ends(start.task, start.attempt, outcome, end),
            }
        }
        core.pump(&self.arena);
        self.finish_detached(core);
        for (start, reply) in needed {
            let outcome = self.host.encode(reply, &self.arena);
            let end = if outcome.is_value() { AttemptEnd::Done } else { AttemptEnd::Failed { retryable: false } };
            let mut core = self.lock();
            core.call_ends(start.task, start.attempt, outcome, end);
            core.pump(&self.arena);
            self.finish_detached(core);
        }
        self.bell.wake_parent();
        self.wake_followers();
    }
}

impl<H: Host> Core<H> {
    /// Starts the operations that may run; a task without one stands for a permit that a worker borrows.
    pub(crate) fn start_natives(&mut self) {
        while self.scheduler.has_ready(Place::Native) {
            let Some(start) = self.scheduler.next(Place::Native, clock::nanos()) else { return };
            let Some(entry) = self.entry(start.task) else { continue };
            let Work::Native(operation) = &entry.work else {
                self.grant(start.task);
                continue;
            };
            let (abort, registration) = AbortHandle::new_pair();
            let (operation, timeout) = (Arc::clone(operation), entry.timeout);
            entry.abort = Some(abort);
            entry.attempt = Some((start.attempt, true));
            self.notices.push(Notice::Launch(Launch { operation, start, timeout, registration }));
        }
    }

    /// Starts the items of a map that wait for a place among those that run.
    pub(crate) fn feed(&mut self, map: u64) {
        while let Some(state) = self.maps.get_mut(&map) {
            let Some((index, operation)) = state.next_native() else {
                return;
            };
            let spec = state.options.spec.clone();
            let now = if spec.is_plain() { 0 } else { clock::nanos() };
            let owner = Owner::Map { map, first: index, items: 1, bytes: 0 };
            let task: TaskId = self.submit(spec, owner, Work::Native(operation), Vec::new(), now);
            if let Some(state) = self.maps.get_mut(&map) {
                state.frames.push(task);
            }
        }
    }
}

impl<H: Host> Runtime<H> {
    /// Submits an operation.
    ///
    /// # Errors
    ///
    /// If the runtime is closed.
    pub fn submit_native(
        &self,
        number: u64,
        spec: raveler_task::Spec,
        operation: Arc<dyn Operation<H>>,
    ) -> Result<Arc<Cell<H>>, RuntimeError> {
        let cell = Cell::native(number);
        let mut core = self.0.open()?;
        let now = if spec.is_plain() { 0 } else { clock::nanos() };
        core.submit(spec, Owner::Cell(Arc::clone(&cell)), Work::Native(operation), Vec::new(), now);
        core.start_natives();
        self.0.finish(core, true);
        Ok(cell)
    }
}
