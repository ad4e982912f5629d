//! The runtime's verbs for single tasks: submit one, begin and end its call, cancel it.

use std::sync::Arc;

use raveler_events::clock;
use raveler_task::{AttemptEnd, Place, Spec, Start, TaskId};

use crate::cell::Cell;
use crate::entry::Owner;
use crate::error::RuntimeError;
use crate::function::Function;
use crate::host::Host;
use crate::outcome::Outcome;
use crate::runtime::Runtime;
use crate::stopping::Cancelling;
use crate::work::{Blocks, LateParcel, Parcel, Work};

impl<H: Host> Runtime<H> {
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
        work: Arc<H::Call>,
        parents: &[Arc<Cell<H>>],
    ) -> Result<Arc<Cell<H>>, RuntimeError> {
        let cell = Cell::new(number);
        let mut core = self.0.open()?;
        let (waits_for, failed) = sort_out(parents.iter());
        let owner = Owner::Cell(Arc::clone(&cell));
        let task = core.submit(spec, owner, Work::Call(work), waits_for, clock::nanos());
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
        core.start_natives();
        self.0.finish(core, false);
        Ok((cell, Start { task, attempt: 0 }))
    }

    /// Notes that a call has begun: its timeout counts from now. Returns whether it still may run.
    #[must_use]
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
        let Some(task) = cell.task() else {
            return Cancelling::Gone;
        };
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
        let Some(task) = cell.task() else {
            return false;
        };
        let core = self.0.lock();
        !cell.is_settled() && !core.is_pending(task)
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
