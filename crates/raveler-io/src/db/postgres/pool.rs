//! The connections to one PostgreSQL server: single statements share them, transactions and streams have one for themselves.
//!
//! # Invariants
//!
//! 1. `load` counts the leases of a connection; a connection that `is_taken` gets no more of them.
//! 2. A connection that somebody waits to have alone is taken before its load is 0, so that single statements can't starve it.
//! 3. A connection on which a statement was given up while nothing else was under way is never leased again.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use raveler_sync::Flag;
use tokio::sync::Notify;

use super::connection::Connection;
use super::target::Target;
use crate::db::error::DbError;
use crate::db::options::Options;
use crate::reactor;

/// A connection that was idle for so long is asked whether it is still there.
const IDLE: Duration = Duration::from_secs(30);
/// After a connection could not be opened beside others, so long no other one is tried.
const PAUSE: Duration = Duration::from_secs(1);

struct Slot {
    connection: Arc<Connection>,
    load: usize,
    is_taken: bool,
    used: Instant,
}

#[derive(Default)]
struct State {
    process: u32,
    slots: HashMap<u64, Slot>,
    next: u64,
    opening: usize,
    paused: Option<Instant>,
}

/// A pool. It opens connections as they are needed.
pub struct Pool {
    target: Arc<Target>,
    options: Options,
    state: Mutex<State>,
    changed: Notify,
    is_closed: Flag,
}

/// A share in a connection, or all of it. To drop it before [`finish`](Self::finish) gives up what is under way.
pub struct Lease {
    pool: Arc<Pool>,
    number: u64,
    /// The connection.
    pub connection: Arc<Connection>,
    is_alone: bool,
    is_finished: Flag,
}

enum Found {
    Slot(u64, Arc<Connection>, Instant),
    Room,
    Nothing,
}

impl Pool {
    /// Makes a pool without connections.
    #[must_use]
    pub fn new(target: Target, options: Options) -> Self {
        Self {
            target: Arc::new(target),
            options,
            state: Mutex::default(),
            changed: Notify::new(),
            is_closed: Flag::new(false),
        }
    }

    /// Returns the server without credentials.
    #[must_use]
    pub fn describe(&self) -> String {
        self.target.name.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let process = std::process::id();
        if state.process != process {
            // A forked child shares its parent's sockets: to close them properly would end the parent's sessions.
            std::mem::forget(std::mem::take(&mut *state));
            state.process = process;
        }
        state
    }

    /// Leases a share in the connection that has the least to do.
    ///
    /// # Errors
    ///
    /// If none can be opened, or all are taken until the timeout.
    pub async fn share(self: &Arc<Self>) -> Result<Lease, DbError> {
        self.lease(false).await
    }

    /// Leases a connection alone.
    ///
    /// # Errors
    ///
    /// If none can be opened, or none becomes free until the timeout.
    pub async fn take(self: &Arc<Self>) -> Result<Lease, DbError> {
        self.lease(true).await
    }

    async fn lease(self: &Arc<Self>, is_alone: bool) -> Result<Lease, DbError> {
        let waited = self.options.timeout;
        tokio::time::timeout(waited, self.lease_soon(is_alone))
            .await
            .unwrap_or(Err(DbError::Exhausted { size: self.options.pool_size, waited }))
    }

    async fn lease_soon(self: &Arc<Self>, is_alone: bool) -> Result<Lease, DbError> {
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            if self.is_closed.get() {
                return Err(DbError::Closed);
            }
            let found = if is_alone { self.find_alone() } else { self.find_shared() };
            match found {
                Found::Room => return self.open(is_alone).await,
                Found::Nothing => changed.await,
                Found::Slot(number, connection, used) => {
                    let lease =
                        Lease { pool: Arc::clone(self), number, connection, is_alone, is_finished: Flag::new(true) };
                    if is_alone {
                        self.drained(number).await;
                    }
                    if used.elapsed() < IDLE || lease.connection.answers().await {
                        return Ok(lease);
                    }
                    self.discard(number);
                }
            }
        }
    }

    fn find_shared(self: &Arc<Self>) -> Found {
        let mut state = self.state();
        state.slots.retain(|_, slot| slot.load > 0 || !slot.connection.client.is_closed());
        let has_room = state.slots.len() + state.opening < self.options.pool_size;
        let is_paused = state.paused.is_some_and(|since| since.elapsed() < PAUSE);
        let is_opening = state.opening > 0;
        let least = state
            .slots
            .iter_mut()
            .filter(|(_, slot)| !slot.is_taken && !slot.connection.client.is_closed())
            .min_by_key(|(_, slot)| slot.load);
        let Some((number, slot)) = least else {
            if has_room {
                state.opening += 1;
                return Found::Room;
            }
            return Found::Nothing;
        };
        let is_busy = slot.load > 0;
        slot.load += 1;
        let found =
            Found::Slot(*number, Arc::clone(&slot.connection), if is_busy { Instant::now() } else { slot.used });
        slot.used = Instant::now();
        if is_busy && has_room && !is_opening && !is_paused {
            state.opening += 1;
            let pool = Arc::clone(self);
            // The statement goes behind the others meanwhile: to wait for a new connection would take longer.
            drop(reactor::spawn(async move {
                if pool.open(false).await.is_err() {
                    pool.state().paused = Some(Instant::now());
                }
            }));
        }
        found
    }

    fn find_alone(&self) -> Found {
        let mut state = self.state();
        state.slots.retain(|_, slot| slot.load > 0 || !slot.connection.client.is_closed());
        let has_room = state.slots.len() + state.opening < self.options.pool_size;
        let least = state
            .slots
            .iter_mut()
            .filter(|(_, slot)| !slot.is_taken && !slot.connection.client.is_closed())
            .min_by_key(|(_, slot)| slot.load);
        match least {
            Some((number, slot)) if slot.load == 0 || !has_room => {
                slot.is_taken = true;
                slot.load += 1;
                let used = std::mem::replace(&mut slot.used, Instant::now());
                Found::Slot(*number, Arc::clone(&slot.connection), used)
            }
            _ if has_room => {
                state.opening += 1;
                Found::Room
            }
            _ => Found::Nothing,
        }
    }

    /// Waits until the statements that were under way on a taken connection have ended.
    async fn drained(&self, number: u64) {
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            if self.state().slots.get(&number).is_none_or(|slot| slot.load <= 1) {
                return;
            }
            changed.await;
        }
    }

    async fn open(self: &Arc<Self>, is_alone: bool) -> Result<Lease, DbError> {
        let _opening = Opening(self);
        let connection = Arc::new(Connection::open(&self.target, self.options.statement_cache).await?);
        let mut state = self.state();
        let number = state.next;
        state.next += 1;
        let slot = Slot { connection: Arc::clone(&connection), load: 1, is_taken: is_alone, used: Instant::now() };
        state.slots.insert(number, slot);
        drop(state);
        Ok(Lease { pool: Arc::clone(self), number, connection, is_alone, is_finished: Flag::new(true) })
    }

    fn discard(&self, number: u64) {
        self.state().slots.remove(&number);
        self.changed.notify_waiters();
    }

    fn release(&self, number: u64, is_alone: bool) {
        let mut state = self.state();
        let Some(slot) = state.slots.get_mut(&number) else { return };
        slot.load = slot.load.saturating_sub(1);
        slot.used = Instant::now();
        if is_alone {
            slot.is_taken = false;
        }
        let somebody_may_wait = is_alone || slot.is_taken;
        drop(state);
        if somebody_may_wait {
            self.changed.notify_waiters();
        }
    }

    /// Closes the connections; what is under way ends first.
    pub async fn close(&self) {
        self.is_closed.set(true);
        self.changed.notify_waiters();
        let numbers: Vec<u64> = self.state().slots.keys().copied().collect();
        for number in numbers {
            if let Some(slot) = self.state().slots.get_mut(&number) {
                // Waiting as one who wants it alone: nothing new begins on it.
                slot.load += 1;
                slot.is_taken = true;
            }
            let _ = tokio::time::timeout(self.options.timeout, self.drained(number)).await;
            self.discard(number);
        }
    }
}

/// A connection that is being opened; counted until it is there or was given up.
struct Opening<'a>(&'a Pool);

impl Drop for Opening<'_> {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.opening = state.opening.saturating_sub(1);
        drop(state);
        self.0.changed.notify_waiters();
    }
}

impl Lease {
    /// Says that a statement begins: until [`finish`](Self::finish), dropping the lease gives it up.
    pub fn begin(&self) {
        self.is_finished.set(false);
    }

    /// Says that nothing is under way.
    pub fn finish(&self) {
        self.is_finished.set(true);
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if self.is_finished.get() {
            return self.pool.release(self.number, self.is_alone);
        }
        let mut state = self.pool.state();
        let Some(slot) = state.slots.get(&self.number) else { return };
        if slot.load > 1 {
            // Others are under way behind it: it runs on, and its answer is thrown away.
            drop(state);
            return self.pool.release(self.number, self.is_alone);
        }
        state.slots.remove(&self.number);
        drop(state);
        self.pool.changed.notify_waiters();
        let (target, token) = (Arc::clone(&self.connection.target), self.connection.client.cancel_token());
        drop(reactor::spawn(Connection::interrupt(target, token)));
    }
}
