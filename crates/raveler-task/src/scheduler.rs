//! The scheduler: which task may run, where, and what follows from how it ends.
//!
//! # Invariants
//!
//! 1. `Extras::timer` is set exactly while the task is in `delayed` or `deadlines`, under that time.
//! 2. The permits of a task's limits are taken exactly while it is `Running` or `Stopping`.
//! 3. `now` never goes back.

use crate::attempt::{AttemptEnd, Start, Verdict};
use crate::cancel::CancelVerdict;
use crate::counts::Counts;
use crate::id::TaskId;
use crate::limit::{Limit, LimitId};
use crate::outcome::Settlement;
use crate::permits::{Permits, SetId};
use crate::place::Place;
use crate::record::{Extras, Record, State};
use crate::retry::Retry;
use crate::seed::mix;
use crate::spec::Spec;
use crate::tasks::Tasks;
use crate::time::Nanos;
use crate::timers::Timers;

/// A pure state machine over tasks: events go in, attempts to start and settlements come out.
///
/// It never blocks and never reads a clock. `now` may lie before an earlier one, then the earlier one counts.
///
/// # Examples
///
/// ```
/// use raveler_task::{AttemptEnd, Place, Scheduler, Settlement, Spec};
///
/// let mut scheduler = Scheduler::new(0);
/// let parse = scheduler.submit(Spec::plain(Place::Process), &[], 0);
/// let merge = scheduler.submit(Spec::plain(Place::Process), &[parse], 0);
///
/// let start = scheduler.next(Place::Process, 1).expect("a task without parents is ready at once");
/// assert_eq!(start.task, parse);
/// assert_eq!(scheduler.next(Place::Process, 2), None);
///
/// scheduler.ended(parse, start.attempt, AttemptEnd::Done, 3);
/// assert_eq!(scheduler.pop_settled(), Some((parse, Settlement::Done)));
/// assert_eq!(scheduler.next(Place::Process, 4).map(|start| start.task), Some(merge));
/// ```
#[derive(Debug)]
pub struct Scheduler {
    seed: u64,
    now: Nanos,
    next_order: u64,
    tasks: Tasks,
    permits: Permits,
    delayed: Timers,
    deadlines: Timers,
}

impl Scheduler {
    /// Returns a scheduler without tasks; `seed` is the root of what it draws for the waits between attempts.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self {
            seed,
            now: 0,
            next_order: 0,
            tasks: Tasks::default(),
            permits: Permits::new(),
            delayed: Timers::default(),
            deadlines: Timers::default(),
        }
    }

    /// Makes a limit that tasks can name in their [`Spec`].
    ///
    /// # Panics
    ///
    /// If the limit would let no task run: a count of 0, or a span of 0.
    pub fn add_limit(&mut self, limit: Limit) -> LimitId {
        self.permits.add(limit)
    }

    /// Takes a task that may run once all of `parents` are done.
    ///
    /// A parent that was popped counts as done: the caller, who knows how it settled, passes only those that did not fail.
    ///
    /// # Panics
    ///
    /// If a limit belongs to another scheduler.
    pub fn submit(&mut self, spec: Spec, parents: &[TaskId], now: Nanos) -> TaskId {
        self.pass(now);
        let order = self.next_order;
        self.next_order += 1;
        let limits = if spec.limits.is_empty() { SetId::NONE } else { self.permits.set(spec.limits) };
        let is_plain = limits.is_none() && spec.retry.times == 0 && spec.timeout.is_none();
        let extras = if is_plain {
            None
        } else {
            Some(Box::new(Extras { retry: spec.retry, timeout: spec.timeout, ..Extras::default() }))
        };
        let state = if parents.is_empty() { State::Ready } else { State::Waiting };
        let record = Record { order, extras, attempt: 0, limits, place: spec.place, state };
        self.tasks.add(record, parents)
    }

    /// Returns the attempt that `place` shall start next: the first in submission order among the tasks that may run.
    ///
    /// The permits of its limits are taken. A task that waits for a limit keeps no task back that does not need it.
    pub fn next(&mut self, place: Place, now: Nanos) -> Option<Start> {
        self.advance(now);
        let task = self.tasks.ready.take(place, &self.permits, self.now)?;
        let record = self.tasks.slab.expect_mut(task);
        record.state = State::Running;
        let attempt = record.attempt;
        if !record.limits.is_none() {
            self.permits.take(record.limits, self.now);
            record.extras_mut().taken_at = self.now;
        }
        self.tasks.counts.leave(State::Ready);
        self.tasks.counts.enter(State::Running);
        Some(Start { task, attempt })
    }

    /// Takes an attempt back for which its place had no room: it does not count and comes first again.
    pub fn put_back(&mut self, start: Start) {
        if self.is_running(start.task, start.attempt) {
            self.rerun(start.task);
        }
    }

    /// Returns whether [`Scheduler::next`] would give `place` an attempt, as of the latest time that was passed in.
    #[must_use]
    pub fn has_ready(&self, place: Place) -> bool {
        self.tasks.ready.has_any(place, &self.permits, self.now)
    }

    /// Notes that an attempt began to execute: its timeout counts from `at`.
    pub fn started(&mut self, task: TaskId, attempt: u32, at: Nanos) {
        if !self.is_running(task, attempt) {
            return;
        }
        let record = self.tasks.slab.expect_mut(task);
        let order = record.order;
        let Some(extras) = record.extras.as_deref_mut() else {
            return;
        };
        if let (Some(timeout), None, false) = (extras.timeout, extras.timer, extras.timeout_told) {
            let deadline = at.saturating_add(timeout);
            extras.timer = Some(deadline);
            self.deadlines.insert(deadline, order, task);
        }
    }

    /// Notes how an attempt ended, and says what follows.
    ///
    /// A task that is being stopped keeps an end that came before the stop took effect: `Done`, or `Failed` without a
    /// further attempt. Every other end of it is the stop.
    pub fn ended(&mut self, task: TaskId, attempt: u32, end: AttemptEnd, now: Nanos) -> Verdict {
        self.pass(now);
        if !self.is_running(task, attempt) {
            return Verdict::Stale;
        }
        if end == AttemptEnd::Unstarted {
            return self.rerun(task);
        }
        let record = self.tasks.slab.expect_mut(task);
        let is_stopping = record.state == State::Stopping;
        let retry = record.extras.as_deref().map_or(Retry::NEVER, |extras| extras.retry);
        let (settlement, may_retry) = match end {
            AttemptEnd::Done => (Settlement::Done, false),
            AttemptEnd::Failed { retryable } => (Settlement::Failed, retryable && !is_stopping),
            AttemptEnd::Later(_) => (Settlement::Failed, !is_stopping),
            AttemptEnd::Died | AttemptEnd::TimedOut if is_stopping => (Settlement::Cancelled, false),
            AttemptEnd::Died => (Settlement::Died, true),
            AttemptEnd::TimedOut => (Settlement::TimedOut, true),
            AttemptEnd::Cancelled | AttemptEnd::Unstarted => (Settlement::Cancelled, false),
        };
        self.let_go(task, false);
        if may_retry && attempt < retry.times {
            let not_before = if let AttemptEnd::Later(at) = end { at } else { 0 };
            return self.retry(task, &retry, not_before);
        }
        self.tasks.settle(task, settlement);
        Verdict::Settled
    }

    /// Cancels a task, or says what is left to do for it.
    ///
    /// A task that is told to stop is settled by [`Scheduler::ended`], and never runs again.
    pub fn cancel(&mut self, task: TaskId, now: Nanos) -> CancelVerdict {
        self.pass(now);
        let Some(record) = self.tasks.slab.get_mut(task) else {
            return CancelVerdict::Gone;
        };
        match record.state {
            State::Settled { .. } => return CancelVerdict::Gone,
            State::Running | State::Stopping => {
                record.state = State::Stopping;
                return CancelVerdict::Stop { place: record.place, attempt: record.attempt };
            }
            State::Waiting => {}
            State::Ready => {
                let (place, limits, order) = (record.place, record.limits, record.order);
                self.tasks.ready.remove(place, limits, order);
            }
            State::Delayed => {
                let order = record.order;
                if let Some(due) = record.extras_mut().timer.take() {
                    self.delayed.remove(due, order);
                }
            }
        }
        self.tasks.settle(task, Settlement::Cancelled);
        CancelVerdict::Dropped
    }

    /// Lets time pass: what was delayed until `now` becomes ready, and rates have permits again.
    pub fn advance(&mut self, now: Nanos) {
        self.pass(now);
        while let Some(task) = self.delayed.pop_due(self.now) {
            self.tasks.slab.expect_mut(task).extras_mut().timer = None;
            self.tasks.make_ready(task);
        }
    }

    /// Returns an attempt that is past its deadline, each once; its place must stop it and report
    /// [`AttemptEnd::TimedOut`].
    pub fn overdue(&mut self, now: Nanos) -> Option<(TaskId, u32)> {
        self.pass(now);
        let task = self.deadlines.pop_due(self.now)?;
        let record = self.tasks.slab.expect_mut(task);
        let extras = record.extras_mut();
        extras.timer = None;
        // Told once: a late `started` must not set a second deadline.
        extras.timeout_told = true;
        Some((task, record.attempt))
    }

    /// Returns the next time at which [`Scheduler::advance`] or [`Scheduler::overdue`] has something to do.
    #[must_use]
    pub fn wake_at(&self) -> Option<Nanos> {
        let opens_at = self.tasks.ready.opens_at(&self.permits, self.now);
        [self.delayed.first_at(), self.deadlines.first_at(), opens_at].into_iter().flatten().min()
    }

    /// Takes a task that is settled, in the order in which they settled, and forgets it.
    pub fn pop_settled(&mut self) -> Option<(TaskId, Settlement)> {
        self.tasks.pop_settled()
    }

    /// Returns how many tasks stand where.
    #[must_use]
    pub const fn counts(&self) -> Counts {
        self.tasks.counts
    }

    fn pass(&mut self, now: Nanos) {
        self.now = self.now.max(now);
    }

    fn is_running(&self, task: TaskId, attempt: u32) -> bool {
        self.tasks.slab.get(task).is_some_and(|record| record.state.is_running() && record.attempt == attempt)
    }

    /// Gives the permits and the deadline of a running attempt back; `refund` also what counts starts.
    fn let_go(&mut self, task: TaskId, refund: bool) {
        let record = self.tasks.slab.expect_mut(task);
        let Some(extras) = record.extras.as_deref_mut() else {
            return;
        };
        extras.timeout_told = false;
        if let Some(deadline) = extras.timer.take() {
            self.deadlines.remove(deadline, record.order);
        }
        if refund {
            self.permits.refund(record.limits, extras.taken_at);
        } else {
            self.permits.release(record.limits);
        }
    }

    /// Runs the same attempt again, as if it had never been handed out; or settles a task that is being stopped.
    fn rerun(&mut self, task: TaskId) -> Verdict {
        let is_stopping = self.tasks.slab.expect_mut(task).state == State::Stopping;
        self.let_go(task, true);
        if is_stopping {
            self.tasks.settle(task, Settlement::Cancelled);
            return Verdict::Settled;
        }
        self.tasks.make_ready(task);
        Verdict::Retries { at: self.now }
    }

    fn retry(&mut self, task: TaskId, retry: &Retry, not_before: Nanos) -> Verdict {
        self.tasks.counts.retries += 1;
        let record = self.tasks.slab.expect_mut(task);
        let order = record.order;
        let at = self.now.saturating_add(retry.backoff.delay(self.seed ^ mix(order), record.attempt)).max(not_before);
        record.attempt += 1;
        if at <= self.now {
            self.tasks.make_ready(task);
        } else {
            self.tasks.enter(task, State::Delayed).extras_mut().timer = Some(at);
            self.delayed.insert(at, order, task);
        }
        Verdict::Retries { at }
    }
}
