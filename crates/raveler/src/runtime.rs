//! The runtime: takes work, lets it run where it belongs, and tells when it is done.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, TryLockError, Weak};
use std::time::Duration;

use raveler_procs::inbox::Inbox;
use raveler_procs::supervisor::{Supervisor, Watcher};
use raveler_procs::{Certificate, ProcsError, clock};
use raveler_shm::{Arena, Awoken, Geometry, ParentBell, ParentPort, Segment, Ticket, Wanted};
use raveler_sync::{Counter, Flag};
use raveler_task::{AttemptEnd, Limit, LimitId, Place, Scheduler, Spec, Start, TaskId};

use crate::cell::Cell;
use crate::core::{Cancelling, Core, Owner};
use crate::error::RuntimeError;
use crate::function::Function;
use crate::host::{Host, Notice};
use crate::outcome::Outcome;
use crate::stats::Tally;
use crate::steward::Steward;
use crate::work::{Blocks, LateParcel, Parcel, Work};

/// How a runtime is made.
#[derive(Clone, Debug)]
pub struct Config {
    /// Worker processes.
    pub workers: u32,
    /// Whether everything runs on the calling thread, in order.
    pub is_serial: bool,
    /// Root of the random streams.
    pub seed: u64,
    /// Named limits.
    pub limits: Vec<(String, Limit)>,
}

/// Slots for frames that workers have or will have.
const SLOTS: u32 = 4096;
/// How long a thread that waits beside another sleeps before it looks for signals.
const FOLLOW: Duration = Duration::from_millis(50);

/// A runtime; clones are the same one.
pub struct Runtime<H: Host>(pub(crate) Arc<Shared<H>>);

impl<H: Host> Clone for Runtime<H> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

/// What all threads of the runtime share.
pub(crate) struct Shared<H: Host> {
    me: Weak<Self>,
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
    config: Config,
    limits: Vec<(String, LimitId)>,
    segment: Segment,
    /// Taken out when the runtime is closed, so that its descriptors are.
    inbox: Mutex<Option<Arc<Inbox>>>,
    supervisor: Mutex<Option<Arc<Supervisor>>>,
    /// How many notes were received; the lock is held while they are handed out.
    received: (Counter, Mutex<()>),
    has_processes: Flag,
    is_closed: Flag,
    /// Set while nothing is open.
    quiet: Flag,
    numbers: Counter,
    functions: Counter,
    followers: (Mutex<()>, Condvar),
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

    /// Starts the workers if they have not been started.
    ///
    /// # Errors
    ///
    /// If they can't be.
    pub fn ensure_processes(&self) -> Result<(), RuntimeError> {
        if self.0.has_processes.get() || self.0.config.is_serial {
            return Ok(());
        }
        let launch = self.0.host.launch();
        let mut core = self.0.lock();
        if core.has_processes {
            return Ok(());
        }
        let watcher: Arc<dyn Watcher> = Arc::new(Eye(Arc::downgrade(&self.0)));
        let Some(inbox) = locked(&self.0.inbox).clone() else { return Err(RuntimeError::Closed) };
        let supervisor = Supervisor::start(launch, self.0.segment.clone(), inbox, self.0.config.workers, watcher)?;
        *locked(&self.0.supervisor) = Some(Arc::new(supervisor));
        core.has_processes = true;
        self.0.has_processes.set(true);
        Ok(())
    }

    /// Submits a frame that is complete.
    ///
    /// # Errors
    ///
    /// If the runtime is closed.
    pub fn submit_frame(
        &self,
        number: u64,
        spec: Spec,
        bytes: &[u8],
        mut blocks: Blocks,
        function: &Arc<Function>,
    ) -> Result<Arc<Cell<H>>, RuntimeError> {
        let cell = Cell::new(number);
        let mut core = self.0.open()?;
        let is_next = !core.scheduler.has_ready(Place::Process);
        let now = if spec.timeout.is_some() || !spec.limits.is_empty() { clock::nanos() } else { 0 };
        let task = core.submit(spec, Owner::Cell(Arc::clone(&cell)), Work::Away, Vec::new(), now);
        if !(is_next && core.has_processes && core.publish_now(task, bytes, &mut blocks, function)) {
            core.set_work(task, Work::Parcel(Parcel { bytes: bytes.to_vec(), blocks, function: Arc::clone(function) }));
            if core.port.has_completions() {
                core.drain(&self.0.arena);
            }
            core.pump(&self.0.arena);
        }
        self.0.finish(core, true);
        Ok(cell)
    }

    /// Submits a frame that lacks values of other tasks; `None` if one of these is there by now, but not in its wire form.
    ///
    /// # Errors
    ///
    /// If the runtime is closed.
    pub fn submit_late(
        &self,
        number: u64,
        spec: Spec,
        late: LateParcel<H>,
    ) -> Result<Option<Arc<Cell<H>>>, RuntimeError> {
        let cell = Cell::new(number);
        let mut core = self.0.open()?;
        if late.holes.iter().any(|(_, parent)| !parent.want_wire()) {
            return Ok(None);
        }
        let (parents, failed) = sort_out(late.holes.iter().map(|(_, parent)| parent));
        let owner = Owner::Cell(Arc::clone(&cell));
        let task = core.submit(spec, owner, Work::Late(late), parents, clock::nanos());
        core.fails_like(task, failed);
        core.pump(&self.0.arena);
        self.0.finish(core, true);
        Ok(Some(cell))
    }

    /// Submits a call that runs in this process, after `parents`.
    ///
    /// # Errors
    ///
    /// If the runtime is closed.
    pub fn submit_call(
        &self,
        number: u64,
        spec: Spec,
        call: Arc<H::Call>,
        parents: &[Arc<Cell<H>>],
    ) -> Result<Arc<Cell<H>>, RuntimeError> {
        let cell = Cell::new(number);
        let mut core = self.0.open()?;
        let (waits_for, failed) = sort_out(parents.iter());
        let owner = Owner::Cell(Arc::clone(&cell));
        let task = core.submit(spec, owner, Work::Call(call), waits_for, clock::nanos());
        core.fails_like(task, failed);
        core.pump(&self.0.arena);
        self.0.finish(core, true);
        Ok(cell)
    }

    /// Submits a task that ends when somebody says so with [`Runtime::call_ends`].
    ///
    /// # Errors
    ///
    /// If the runtime is closed.
    pub fn submit_external(&self) -> Result<(Arc<Cell<H>>, Start), RuntimeError> {
        let cell = Cell::new(self.next_number());
        let mut core = self.0.open()?;
        let owner = Owner::Cell(Arc::clone(&cell));
        let task = core.submit(Spec::plain(Place::Native), owner, Work::Away, Vec::new(), clock::nanos());
        let start = core.scheduler.next(Place::Native, clock::nanos()).unwrap_or(Start { task, attempt: 0 });
        self.0.finish(core, false);
        Ok((cell, start))
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

    /// Notes that a call has begun: its timeout counts from now. Returns whether it still may run.
    pub fn call_begins(&self, task: TaskId, attempt: u32) -> bool {
        let mut core = self.0.lock();
        let may_run = core.call_begins(task, attempt);
        self.0.finish(core, false);
        may_run
    }

    /// Ends an attempt of a call; gives the outcome back if its value is needed in its wire form too.
    pub fn call_ends(&self, task: TaskId, attempt: u32, outcome: Outcome<H>, retryable: bool) -> Option<Outcome<H>> {
        let mut core = self.0.lock();
        if matches!(outcome, Outcome::Value(_)) && core.wants_wire(task) {
            return Some(outcome);
        }
        let end = match &outcome {
            Outcome::Cancelled => AttemptEnd::Cancelled,
            outcome if outcome.is_value() => AttemptEnd::Done,
            _ => AttemptEnd::Failed { retryable },
        };
        core.call_ends(task, attempt, outcome, end);
        core.pump(&self.0.arena);
        self.0.finish(core, false);
        self.0.bell.wake_parent();
        self.0.wake_followers();
        None
    }

    /// Cancels a task. If it only may be dropped before it begins, `only_pending` says so.
    pub fn cancel(&self, cell: &Cell<H>, only_pending: bool) -> Cancelling {
        let Some(task) = cell.task() else { return Cancelling::Gone };
        let mut core = self.0.lock();
        if cell.is_settled() {
            return Cancelling::Gone;
        }
        if only_pending && !core.is_pending(task) {
            return Cancelling::Gone;
        }
        let cancelling = core.cancel(task);
        self.0.finish(core, false);
        self.0.bell.wake_parent();
        self.0.wake_followers();
        cancelling
    }

    /// Whether a task has begun and not ended.
    #[must_use]
    pub fn is_running(&self, cell: &Cell<H>) -> bool {
        let Some(task) = cell.task() else { return false };
        let core = self.0.lock();
        !cell.is_settled() && !core.is_pending(task)
    }

    /// Asks to be told when a task has ended; gives the waiter back if it has.
    pub fn subscribe(&self, cell: &Cell<H>, waiter: H::Waiter) -> Option<H::Waiter> {
        let back = cell.subscribe(waiter);
        if back.is_none() {
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

/// Tasks to wait for, with their keys, and the first task that has failed already, for which the wait ends.
type Parents<H> = (Vec<(TaskId, Arc<Cell<H>>)>, Option<Arc<Cell<H>>>);

fn sort_out<'a, H: Host>(parents: impl Iterator<Item = &'a Arc<Cell<H>>>) -> Parents<H> {
    let mut waits_for = Vec::new();
    for parent in parents {
        match (parent.outcome(|outcome| outcome.is_value()), parent.task()) {
            (Some(false), _) => return (waits_for, Some(Arc::clone(parent))),
            (None, Some(task)) => waits_for.push((task, Arc::clone(parent))),
            (Some(true), _) | (None, None) => {}
        }
    }
    (waits_for, None)
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
    pub(crate) fn finish(&self, mut core: MutexGuard<'_, Core<H>>, is_new: bool) {
        self.note_quiet(&core);
        let needs_steward = core.timers_moved() || core.wants_trim(&self.arena) || (is_new && core.has_backlog() && self.waiters.get() == 0);
        let notices = std::mem::take(&mut core.notices);
        drop(core);
        if needs_steward {
            self.steward.kick(self);
        }
        self.deliver(notices);
    }

    fn note_quiet(&self, core: &Core<H>) {
        if core.open == 0 {
            self.quiet.set(true);
        }
    }

    /// Tells everybody; the lock is not held.
    pub(crate) fn deliver(&self, notices: Vec<Notice<H>>) {
        if notices.is_empty() {
            return;
        }
        let mut for_host = Vec::with_capacity(notices.len());
        for notice in notices {
            match notice {
                Notice::Kill { worker, ticket } => self.kill(worker, ticket),
                Notice::Settled(..) | Notice::Ready(_) => {
                    self.watched.subtract(1);
                    for_host.push(notice);
                }
                other => for_host.push(other),
            }
        }
        if !for_host.is_empty() {
            self.host.deliver(for_host);
        }
    }

    fn kill(&self, worker: u32, ticket: Ticket) {
        if let Some(supervisor) = locked(&self.supervisor).clone() {
            let this = self.me.clone();
            supervisor.stop(worker, move || this.upgrade().is_some_and(|shared| shared.lock().is_to_be_killed(ticket)));
        }
    }

    pub(crate) fn wake_followers(&self) {
        if self.waiters.get() > 1 {
            let _guard = self.followers.0.lock().unwrap_or_else(PoisonError::into_inner);
            self.followers.1.notify_all();
        }
    }

    fn wait<E>(
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
            let _guard = self.followers.0.lock().unwrap_or_else(PoisonError::into_inner);
            self.followers.1.notify_all();
        } else {
            self.steward.step_forward(self);
        }
        result
    }

    fn wait_in_line<E>(
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
    fn drain_or_sleep(&self, flag: &Flag, cell: Option<&Cell<H>>, left: Option<Duration>) -> Awoken {
        let mut core = self.lock();
        core.drain(&self.arena);
        core.pump(&self.arena);
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
    fn wanted(&self, core: &Core<H>, cell: Option<&Cell<H>>) -> Wanted {
        if self.watched.get() > 0 || self.waiters.get() > 1 {
            return Wanted::Any;
        }
        let slot = cell.and_then(Cell::task).and_then(|task| core.slot_of(task));
        slot.map_or(Wanted::Any, Wanted::Slot)
    }

    /// Waits beside the thread that has the role.
    fn follow(&self, flag: &Flag, left: Option<Duration>) {
        let guard = self.followers.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !flag.get() {
            let _ = self.followers.1.wait_timeout(guard, left.unwrap_or(FOLLOW).min(FOLLOW));
        }
    }

    /// Hands out the notes of the workers, in their order. Must not be called while attached to the interpreter.
    fn receive_notes(&self) {
        let Some(inbox) = locked(&self.inbox).clone() else { return };
        let _guard = locked(&self.received.1);
        let notes: Vec<_> = std::iter::from_fn(|| inbox.take()).collect();
        if !notes.is_empty() {
            self.received.0.add(notes.len() as u64);
            self.host.receive(notes);
        }
    }

    pub(crate) fn me(&self) -> Option<Arc<Self>> {
        self.me.upgrade()
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The runtime's eye on its workers; does not keep the runtime alive.
struct Eye<H: Host>(Weak<Shared<H>>);

impl<H: Host> Watcher for Eye<H> {
    fn died(&self, certificate: Certificate) {
        let Some(shared) = self.0.upgrade() else { return };
        // A note that it counted and did not send will never come.
        shared.receive_notes();
        shared.received.0.raise(shared.segment.messages());
        let mut core = shared.lock();
        core.bury(&Arc::new(certificate), &shared.arena);
        shared.finish(core, false);
        shared.bell.wake_parent();
        shared.wake_followers();
    }

    fn notes(&self) {
        let Some(shared) = self.0.upgrade() else { return };
        shared.receive_notes();
    }

    fn tick(&self) -> Option<Duration> {
        None
    }

    fn failed(&self, error: ProcsError) {
        let Some(shared) = self.0.upgrade() else { return };
        let mut core = shared.lock();
        core.refusal = Some(Arc::new(error.into()));
        core.abandon_all();
        shared.finish(core, false);
        shared.bell.wake_parent();
        shared.wake_followers();
    }
}
