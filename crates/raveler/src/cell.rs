//! The cell of a task: where its outcome is put and who waits for it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use raveler_sync::Flag;
use raveler_task::TaskId;
use smallvec::SmallVec;

use crate::host::Host;
use crate::outcome::Outcome;

/// The shared state of one task.
pub struct Cell<H: Host> {
    number: u64,
    is_native: bool,
    is_settled: Flag,
    state: Mutex<State<H>>,
}

struct State<H: Host> {
    task: Option<TaskId>,
    outcome: Option<Outcome<H>>,
    /// Tasks in other processes need the value in its wire form.
    wants_wire: bool,
    waiters: SmallVec<[H::Waiter; 1]>,
}

impl<H: Host> Cell<H> {
    /// Makes the cell of a task that has not ended.
    #[must_use]
    pub fn new(number: u64) -> Arc<Self> {
        Self::make(number, false)
    }

    /// Makes the cell of a task that Rust runs: nobody has to drain anything for it.
    #[must_use]
    pub fn native(number: u64) -> Arc<Self> {
        Self::make(number, true)
    }

    fn make(number: u64, is_native: bool) -> Arc<Self> {
        let state = State { task: None, outcome: None, wants_wire: false, waiters: SmallVec::new() };
        Arc::new(Self { number, is_native, is_settled: Flag::new(false), state: Mutex::new(state) })
    }

    fn lock(&self) -> MutexGuard<'_, State<H>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the task's number, counted from 1 in each runtime.
    #[must_use]
    pub fn number(&self) -> u64 {
        self.number
    }

    /// Whether Rust runs the task.
    #[must_use]
    pub fn is_native(&self) -> bool {
        self.is_native
    }

    /// Returns the flag that is set when the task is settled.
    #[must_use]
    pub fn settled(&self) -> &Flag {
        &self.is_settled
    }

    /// Whether the task has ended.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        self.is_settled.get()
    }

    /// Returns the task's key in the scheduler.
    #[must_use]
    pub fn task(&self) -> Option<TaskId> {
        self.lock().task
    }

    pub(crate) fn set_task(&self, task: TaskId) {
        self.lock().task = Some(task);
    }

    /// Calls `look` with the outcome, once there is one; `look` may put another form of it in its place.
    ///
    /// The cell is locked meanwhile: `look` must not wait for anything.
    pub fn outcome<T>(&self, look: impl FnOnce(&mut Outcome<H>) -> T) -> Option<T> {
        self.lock().outcome.as_mut().map(look)
    }

    /// As [`Cell::outcome`], but gives up if another thread looks at it now.
    pub fn try_outcome<T>(&self, look: impl FnOnce(&mut Outcome<H>) -> T) -> Option<T> {
        self.state.try_lock().ok()?.outcome.as_mut().map(look)
    }

    /// Asks that the value be kept in its wire form; false if it is there already without one.
    pub(crate) fn want_wire(&self) -> bool {
        let mut state = self.lock();
        if matches!(state.outcome, Some(Outcome::Value(_) | Outcome::Reply(_) | Outcome::Reading)) {
            return false;
        }
        state.wants_wire = true;
        true
    }

    /// Whether somebody has asked for the wire form.
    #[must_use]
    pub fn wants_wire(&self) -> bool {
        self.lock().wants_wire
    }

    /// Adds a waiter, or gives it back if the task has ended already.
    pub fn subscribe(&self, waiter: H::Waiter) -> Option<H::Waiter> {
        let mut state = self.lock();
        if state.outcome.is_some() {
            return Some(waiter);
        }
        state.waiters.push(waiter);
        None
    }

    /// Puts the outcome and returns who is to be told; `None`, and nothing happens, if there is an outcome already.
    pub fn settle(&self, outcome: Outcome<H>) -> Option<SmallVec<[H::Waiter; 1]>> {
        let mut state = self.lock();
        if state.outcome.is_some() {
            return None;
        }
        state.outcome = Some(outcome);
        let waiters = std::mem::take(&mut state.waiters);
        drop(state);
        self.is_settled.set(true);
        Some(waiters)
    }

    /// Whether anybody waits to be told.
    #[must_use]
    pub fn has_waiters(&self) -> bool {
        !self.lock().waiters.is_empty()
    }
}
