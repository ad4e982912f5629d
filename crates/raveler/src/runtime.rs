//! The runtime: takes work, lets it run where it belongs, and tells when it is done.

use std::sync::{Arc, Condvar, Mutex};

use raveler_procs::inbox::Inbox;
use raveler_procs::supervisor::{Supervisor, Watcher};
use raveler_shm::{Arena, Geometry, ParentBell, ParentPort, Segment};
use raveler_sync::{Counter, Flag};
use raveler_task::{LimitId, Scheduler};

use crate::cell::Cell;
use crate::config::Config;
use crate::core::Core;
use crate::error::RuntimeError;
use crate::eye::Eye;
use crate::function::Function;
use crate::host::Host;
use crate::native::Natives;
use crate::shared::{Shared, locked};
use crate::stats::Tally;
use crate::steward::Steward;

/// Slots for frames that workers have or will have.
const SLOTS: u32 = 4096;

/// A runtime; clones are the same one.
pub struct Runtime<H: Host>(pub(crate) Arc<Shared<H>>);

impl<H: Host> Clone for Runtime<H> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<H: Host> Runtime<H> {
    /// Makes a runtime; starts nothing.
    ///
    /// # Errors
    ///
    /// If there is no shared memory or no descriptor left.
    pub fn new(host: Arc<H>, config: Config) -> Result<Self, RuntimeError> {
        let segment = Segment::create(&Geometry { slots: SLOTS, ..Geometry::for_machine(config.workers) })?;
        let mut scheduler = Scheduler::new(config.seed);
        let limits = config.limits.iter().map(|(name, limit)| (name.clone(), scheduler.add_limit(*limit))).collect();
        let inbox = Arc::new(Inbox::new()?);
        let core = Core::new(scheduler, ParentPort::new(&segment), SLOTS as usize);
        Ok(Self(Arc::new_cyclic(|me| Shared {
            me: me.clone(),
            host,
            core: Mutex::new(core),
            arena: Arena::new(&segment, 0),
            bell: ParentBell::new(&segment),
            role: Mutex::new(()),
            waiters: Counter::new(0),
            watched: Counter::new(0),
            steward: Steward::default(),
            config,
            limits,
            segment,
            inbox: Mutex::new(Some(inbox)),
            supervisor: Mutex::new(None),
            natives: Natives::default(),
            later: Mutex::new(Vec::new()),
            received: (Counter::new(0), Mutex::new(())),
            has_processes: Flag::new(false),
            is_closed: Flag::new(false),
            quiet: Flag::new(true),
            numbers: Counter::new(0),
            functions: Counter::new(0),
            followers: (Mutex::new(()), Condvar::new()),
        })))
    }

    /// Returns how the runtime was made.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.0.config
    }

    /// Returns the blocks of shared memory.
    #[must_use]
    pub fn arena(&self) -> &Arena {
        &self.0.arena
    }

    /// Returns the host.
    #[must_use]
    pub fn host(&self) -> &Arc<H> {
        &self.0.host
    }

    /// Returns the key of a named limit.
    ///
    /// # Errors
    ///
    /// If there is none of that name.
    pub fn limit(&self, name: &str) -> Result<LimitId, RuntimeError> {
        let found = self.0.limits.iter().find(|(known, _)| known == name);
        found.map(|(_, limit)| *limit).ok_or_else(|| RuntimeError::UnknownLimit(name.into()))
    }

    /// Returns the number of the next task, from 1.
    #[must_use]
    pub fn next_number(&self) -> u64 {
        self.0.numbers.add(1) + 1
    }

    /// Publishes a function to the workers.
    ///
    /// # Errors
    ///
    /// If there is no shared memory for it.
    pub fn publish(&self, code: &[u8]) -> Result<Arc<Function>, RuntimeError> {
        Function::publish(self.0.functions.add(1) + 1, code, &self.0.arena)
    }

    /// Checks that the runtime can be used here and now.
    ///
    /// # Errors
    ///
    /// [`RuntimeError::Closed`] or [`RuntimeError::Forked`].
    pub fn check(&self) -> Result<(), RuntimeError> {
        if self.is_foreign() {
            return Err(RuntimeError::Forked);
        }
        if self.0.is_closed.get() { Err(RuntimeError::Closed) } else { Ok(()) }
    }

    /// Whether the runtime belongs to the process that forked this one.
    #[must_use]
    pub fn is_foreign(&self) -> bool {
        self.0.segment.is_inherited()
    }

    /// Whether the runtime is closed.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.0.is_closed.get()
    }

    /// Whether the workers have been started, or never will be.
    #[must_use]
    pub fn has_processes(&self) -> bool {
        self.0.has_processes.get() || self.0.config.is_serial
    }

    /// Starts the workers if they have not been started.
    ///
    /// # Errors
    ///
    /// If they can't be.
    pub fn ensure_processes(&self) -> Result<(), RuntimeError> {
        if self.has_processes() {
            return Ok(());
        }
        let launch = self.0.host.launch();
        let mut core = self.0.lock();
        if core.has_processes {
            return Ok(());
        }
        let watcher: Arc<dyn Watcher> = Arc::new(Eye(Arc::downgrade(&self.0)));
        let Some(inbox) = locked(&self.0.inbox).clone() else {
            return Err(RuntimeError::Closed);
        };
        let supervisor = Supervisor::start(launch, self.0.segment.clone(), inbox, self.0.config.workers, watcher)?;
        *locked(&self.0.supervisor) = Some(Arc::new(supervisor));
        core.has_processes = true;
        self.0.has_processes.set(true);
        Ok(())
    }

    /// Whether two handles are of one runtime.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Returns the process ids of the workers that have started.
    #[must_use]
    pub fn worker_pids(&self) -> Vec<u32> {
        if !self.0.has_processes.get() {
            return Vec::new();
        }
        (0..self.0.config.workers).map(|worker| self.0.segment.worker(worker).pid()).filter(|&pid| pid != 0).collect()
    }

    /// Asks to be told when a task has ended; gives the waiter back if it has.
    pub fn subscribe(&self, cell: &Cell<H>, waiter: H::Waiter) -> Option<H::Waiter> {
        let back = cell.subscribe(waiter);
        if back.is_none() && !cell.is_native() {
            self.0.watched.add(1);
            self.0.steward.kick(&self.0);
        }
        back
    }

    /// Collects results that have arrived, without waiting.
    pub fn poll(&self) {
        let mut core = self.0.lock();
        if core.port.has_completions() {
            core.drain(&self.0.arena);
            core.pump(&self.0.arena);
        }
        self.0.finish(core, false);
    }

    /// Waits until the flag is set or the clock reads `deadline`; the calling thread does the draining meanwhile.
    ///
    /// `interrupted` is called when a signal has arrived, and ends the wait by an error. Returns whether the flag is set.
    ///
    /// # Errors
    ///
    /// What `interrupted` returns.
    pub fn wait<E>(
        &self,
        flag: &Flag,
        cell: Option<&Cell<H>>,
        deadline: Option<u64>,
        interrupted: &mut dyn FnMut() -> Result<(), E>,
    ) -> Result<bool, E> {
        self.0.wait(flag, cell, deadline, interrupted)
    }

    /// Waits until nothing is open.
    ///
    /// # Errors
    ///
    /// What `interrupted` returns.
    pub fn wait_until_quiet<E>(&self, interrupted: &mut dyn FnMut() -> Result<(), E>) -> Result<(), E> {
        self.0.wait(&self.0.quiet, None, None, interrupted).map(|_| ())
    }

    /// Cancels everything that is open.
    pub fn cancel_all(&self) {
        let mut core = self.0.lock();
        core.cancel_all();
        self.0.finish(core, false);
        self.0.bell.wake_parent();
        self.0.wake_followers();
    }

    /// Ends workers and threads. Whatever still runs is killed. Must not be called while attached to the interpreter.
    pub fn close(&self) {
        if self.is_foreign() || self.0.is_closed.swap(true) {
            return;
        }
        self.cancel_all();
        self.0.steward.stop(&self.0);
        let supervisor = locked(&self.0.supervisor).take();
        if let Some(supervisor) = supervisor {
            supervisor.shutdown();
        }
        let mut core = self.0.lock();
        core.abandon_all();
        self.0.finish(core, false);
        self.0.wake_followers();
        *locked(&self.0.inbox) = None;
        self.0.segment.close_descriptor();
    }

    /// Returns what has been counted.
    #[must_use]
    pub fn tally(&self) -> Tally {
        self.0.lock().tally
    }

    /// Returns how many tasks have not ended.
    #[must_use]
    pub fn open_tasks(&self) -> usize {
        self.0.lock().open
    }

    /// Returns the segment.
    #[must_use]
    pub fn segment(&self) -> &Segment {
        &self.0.segment
    }

    /// Runs everything that may run, on the calling thread, in order: the serial engine.
    pub fn run_inline(&self) {
        crate::inline::run(&self.0);
    }
}
