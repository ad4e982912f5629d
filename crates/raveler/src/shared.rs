//! What all threads of a runtime share, and how they wait and drain together.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, TryLockError, Weak};
use std::time::Duration;

use raveler_events::clock;
use raveler_procs::inbox::Inbox;
use raveler_procs::supervisor::Supervisor;
use raveler_shm::{Arena, Awoken, ParentBell, Segment, Ticket, Wanted};
use raveler_sync::{Counter, Flag};
use raveler_task::LimitId;

use crate::cell::Cell;
use crate::config::Config;
use crate::core::Core;
use crate::error::RuntimeError;
use crate::host::{Host, Notice};
use crate::native::Natives;
use crate::steward::Steward;

/// How long a thread that waits beside another sleeps before it looks for signals.
const FOLLOW: Duration = Duration::from_millis(50);

/// What all threads of the runtime share.
pub(crate) struct Shared<H: Host> {
    pub(crate) me: Weak<Self>,
    pub(crate) host: Arc<H>,
    pub(crate) core: Mutex<Core<H>>,
    pub(crate) arena: Arena,
    pub(crate) bell: ParentBell,
    /// Held by the one thread that drains and sleeps on the bell.
    pub(crate) role: Mutex<()>,
    /// Threads that wait for something.
    pub(crate) waiters: Counter,
    /// Cells that somebody wants to be told of.
    pub(crate) watched: Counter,
    pub(crate) steward: Steward,
    pub(crate) config: Config,
    pub(crate) limits: Vec<(String, LimitId)>,
    pub(crate) segment: Segment,
    /// Taken out when the runtime is closed, so that its descriptors are.
    pub(crate) inbox: Mutex<Option<Arc<Inbox>>>,
    pub(crate) supervisor: Mutex<Option<Arc<Supervisor>>>,
    pub(crate) natives: Natives<H>,
    /// What is to be told on the steward's thread, because the interpreter is needed for it.
    pub(crate) later: Mutex<Vec<Notice<H>>>,
    /// How many notes were received; the lock is held while they are handed out.
    pub(crate) received: (Counter, Mutex<()>),
    pub(crate) has_processes: Flag,
    pub(crate) is_closed: Flag,
    /// Set while nothing is open.
    pub(crate) quiet: Flag,
    pub(crate) numbers: Counter,
    pub(crate) functions: Counter,
    pub(crate) followers: (Mutex<()>, Condvar),
}

impl<H: Host> Shared<H> {
    pub(crate) fn lock(&self) -> MutexGuard<'_, Core<H>> {
        self.core.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn open(&self) -> Result<MutexGuard<'_, Core<H>>, RuntimeError> {
        if self.is_closed.get() {
            return Err(RuntimeError::Closed);
        }
        let core = self.lock();
        self.quiet.set(false);
        Ok(core)
    }

    /// Leaves the lock: everybody who is to be told is told, outside it.
    pub(crate) fn finish(&self, core: MutexGuard<'_, Core<H>>, is_new: bool) {
        let notices = self.leave(core, is_new);
        self.deliver(notices);
    }

    /// As [`Shared::finish`], on a thread that must not wait for the interpreter.
    pub(crate) fn finish_detached(&self, core: MutexGuard<'_, Core<H>>) {
        let notices = self.leave(core, false);
        let notices = self.sort(notices);
        if notices.is_empty() {
            return;
        }
        let rest = self.host.deliver_detached(notices);
        if !rest.is_empty() {
            locked(&self.later).extend(rest);
            self.steward.kick(self);
        }
    }

    fn leave(&self, mut core: MutexGuard<'_, Core<H>>, is_new: bool) -> Vec<Notice<H>> {
        self.answer(&mut core);
        self.note_quiet(&core);
        let needs_steward = core.timers_moved()
            || core.wants_trim(&self.arena)
            || (is_new && core.has_backlog() && self.waiters.get() == 0);
        let notices = std::mem::take(&mut core.notices);
        drop(core);
        if needs_steward {
            self.steward.kick(self);
        }
        notices
    }

    /// Tells workers that they hold the permits that they asked for.
    pub(crate) fn answer(&self, core: &mut Core<H>) {
        for (worker, answer) in core.answers.drain(..) {
            self.segment.worker(worker).set_current(answer);
        }
    }

    pub(crate) fn note_quiet(&self, core: &Core<H>) {
        if core.open == 0 {
            self.quiet.set(true);
        }
    }

    /// Tells everybody; the lock is not held.
    pub(crate) fn deliver(&self, notices: Vec<Notice<H>>) {
        let notices = self.sort(notices);
        if notices.is_empty() {
            return;
        }
        let rest = self.host.deliver_detached(notices);
        if !rest.is_empty() {
            self.host.deliver(rest);
        }
    }

    /// Does what the runtime does itself, and returns what is left for the host.
    fn sort(&self, notices: Vec<Notice<H>>) -> Vec<Notice<H>> {
        if notices.is_empty() {
            return notices;
        }
        let mut for_host = Vec::with_capacity(notices.len());
        for notice in notices {
            let is_watched = match &notice {
                Notice::Settled(cell, _) => !cell.is_native(),
                Notice::Ready { is_watched, .. } => *is_watched,
                _ => false,
            };
            if is_watched {
                self.watched.subtract(1);
            }
            match notice {
                Notice::Kill { worker, ticket } => self.kill(worker, ticket),
                Notice::Launch(launch) => self.launch(launch),
                other => for_host.push(other),
            }
        }
        for_host
    }

    pub(crate) fn kill(&self, worker: u32, ticket: Ticket) {
        if let Some(supervisor) = locked(&self.supervisor).clone() {
            let this = self.me.clone();
            let still = move || this.upgrade().is_some_and(|shared| shared.lock().is_to_be_killed(ticket));
            if self.lock().is_out_of_time(ticket) {
                supervisor.interrupt(worker, ticket, still);
            } else {
                supervisor.stop(worker, still);
            }
        }
    }

    /// Wakes the threads that wait beside the one with the role, if that is a waiting thread too.
    pub(crate) fn wake_followers(&self) {
        if self.waiters.get() > 1 {
            self.call_followers();
        }
    }

    /// Wakes the threads that wait beside whoever has the role, the steward included.
    pub(crate) fn call_followers(&self) {
        if self.waiters.get() > 0 {
            let _guard = self.followers.0.lock().unwrap_or_else(PoisonError::into_inner);
            self.followers.1.notify_all();
        }
    }

    pub(crate) fn wait<E>(
        &self,
        flag: &Flag,
        cell: Option<&Cell<H>>,
        deadline: Option<u64>,
        interrupted: &mut dyn FnMut() -> Result<(), E>,
    ) -> Result<bool, E> {
        if flag.get() {
            return Ok(true);
        }
        self.waiters.add(1);
        self.steward.step_back(self);
        let result = self.wait_in_line(flag, cell, deadline, interrupted);
        // What a task wrote is there before its result is.
        if self.segment.messages() > self.received.0.get() {
            self.receive_notes();
        }
        self.waiters.subtract(1);
        if self.waiters.get() > 0 {
            self.call_followers();
        } else {
            self.steward.step_forward(self);
        }
        result
    }

    pub(crate) fn wait_in_line<E>(
        &self,
        flag: &Flag,
        cell: Option<&Cell<H>>,
        deadline: Option<u64>,
        interrupted: &mut dyn FnMut() -> Result<(), E>,
    ) -> Result<bool, E> {
        loop {
            if flag.get() {
                return Ok(true);
            }
            let left = match deadline.map(|deadline| deadline.saturating_sub(clock::nanos())) {
                Some(0) => return Ok(false),
                left => left.map(Duration::from_nanos),
            };
            match self.role.try_lock() {
                Ok(_role) => {
                    if self.drain_or_sleep(flag, cell, left) == Awoken::Interrupted {
                        interrupted()?;
                    }
                }
                Err(TryLockError::Poisoned(poisoned)) => drop(poisoned.into_inner()),
                Err(TryLockError::WouldBlock) => {
                    self.follow(flag, left);
                    interrupted()?;
                }
            }
        }
    }

    /// Takes what has arrived; sleeps on the bell if that was nothing. The caller has the role.
    pub(crate) fn drain_or_sleep(&self, flag: &Flag, cell: Option<&Cell<H>>, left: Option<Duration>) -> Awoken {
        let mut core = self.lock();
        core.drain(&self.arena);
        core.pump(&self.arena);
        self.answer(&mut core);
        self.note_quiet(&core);
        if flag.get() || !core.notices.is_empty() {
            self.finish(core, false);
            self.wake_followers();
            return Awoken::Woken;
        }
        self.bell.arm(self.wanted(&core, cell), core.has_backlog());
        if core.port.has_completions() || flag.get() {
            self.bell.disarm();
            return Awoken::Woken;
        }
        let timers_moved = core.timers_moved() || core.wants_trim(&self.arena);
        drop(core);
        if timers_moved {
            self.steward.kick(self);
        }
        self.wake_followers();
        let woken = self.bell.wait(left);
        self.bell.disarm();
        woken
    }

    /// Which completions are worth a wake-up.
    pub(crate) fn wanted(&self, core: &Core<H>, cell: Option<&Cell<H>>) -> Wanted {
        if self.watched.get() > 0 || self.waiters.get() > 1 {
            return Wanted::Any;
        }
        let slot = cell.and_then(Cell::task).and_then(|task| core.slot_of(task));
        slot.map_or(Wanted::Any, Wanted::Slot)
    }

    /// Waits beside the thread that has the role.
    pub(crate) fn follow(&self, flag: &Flag, left: Option<Duration>) {
        let guard = self.followers.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Whoever gives the role back calls the followers afterwards, so that either they see it free or they are called.
        let is_free = self.role.try_lock().is_ok();
        if !flag.get() && !is_free {
            let _ = self.followers.1.wait_timeout(guard, left.unwrap_or(FOLLOW).min(FOLLOW));
        }
    }

    /// Hands out the notes of the workers, in their order. Must not be called while attached to the interpreter.
    pub(crate) fn receive_notes(&self) {
        let Some(inbox) = locked(&self.inbox).clone() else {
            return;
        };
        let _guard = locked(&self.received.1);
        let notes: Vec<_> = std::iter::from_fn(|| inbox.take()).collect();
        if !notes.is_empty() {
            let count = notes.len() as u64;
            let notes = self.serve_loans(notes);
            if !notes.is_empty() {
                self.host.receive(notes);
            }
            // Only now: who sees the count goes on without waiting.
            self.received.0.add(count);
        }
    }

    pub(crate) fn me(&self) -> Option<Arc<Self>> {
        self.me.upgrade()
    }
}

pub(crate) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
