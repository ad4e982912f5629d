//! The steward: a thread that drains when nobody waits but somebody wants to be told, and that looks after time.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, TryLockError};
use std::thread::JoinHandle;
use std::time::Duration;

use raveler_shm::Wanted;
use raveler_sync::Flag;

use crate::host::Host;
use crate::shared::{Shared, locked};

/// The thread and how to reach it; it starts at the first kick.
pub(crate) struct Steward {
    state: Mutex<State>,
    changed: Condvar,
    is_kicked: Flag,
    /// Set while it holds the role.
    is_on_duty: Flag,
    is_stopped: Flag,
}

#[derive(Default)]
struct State {
    thread: Option<JoinHandle<()>>,
}

impl Default for Steward {
    fn default() -> Self {
        Self {
            state: Mutex::new(State::default()),
            changed: Condvar::new(),
            is_kicked: Flag::new(false),
            is_on_duty: Flag::new(false),
            is_stopped: Flag::new(false),
        }
    }
}

impl Steward {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes the steward look around.
    pub(crate) fn kick<H: Host>(&self, shared: &Shared<H>) {
        if self.is_kicked.swap(true) || self.is_stopped.get() {
            return;
        }
        let mut state = self.lock();
        if state.thread.is_none() {
            state.thread = shared.me().and_then(|shared| {
                std::thread::Builder::new().name("raveler-steward".into()).spawn(move || serve(&shared)).ok()
            });
        }
        self.changed.notify_one();
        drop(state);
        if self.is_on_duty.get() {
            shared.bell.wake_parent();
        }
    }

    /// A thread is going to wait: it gets the role.
    pub(crate) fn step_back<H: Host>(&self, shared: &Shared<H>) {
        if self.is_on_duty.get() {
            shared.bell.wake_parent();
        }
    }

    /// No thread waits any more: if anybody wants to be told, the steward takes over.
    pub(crate) fn step_forward<H: Host>(&self, shared: &Shared<H>) {
        if shared.watched.get() > 0 {
            self.kick(shared);
        }
    }

    /// Ends the thread and waits for it.
    pub(crate) fn stop<H: Host>(&self, shared: &Shared<H>) {
        self.is_stopped.set(true);
        let thread = {
            let mut state = self.lock();
            self.changed.notify_one();
            state.thread.take()
        };
        shared.bell.wake_parent();
        if let Some(thread) = thread
            && thread.thread().id() != std::thread::current().id()
        {
            let _ = thread.join();
        }
    }
}

/// The thread's life.
fn serve<H: Host>(shared: &Arc<Shared<H>>) {
    let steward = &shared.steward;
    while !steward.is_stopped.get() {
        steward.is_kicked.set(false);
        let later = std::mem::take(&mut *locked(&shared.later));
        if !later.is_empty() {
            shared.host.deliver(later);
        }
        let left = look_after_time(shared);
        if steward.is_stopped.get() {
            return;
        }
        if shared.waiters.get() == 0 && is_needed(shared) {
            match shared.role.try_lock() {
                Ok(role) => {
                    steward.is_on_duty.set(true);
                    on_duty(shared, left);
                    steward.is_on_duty.set(false);
                    drop(role);
                    // A thread that came meanwhile stands in line behind nobody now.
                    shared.call_followers();
                    continue;
                }
                Err(TryLockError::Poisoned(poisoned)) => drop(poisoned.into_inner()),
                Err(TryLockError::WouldBlock) => {}
            }
        }
        let state = steward.lock();
        if steward.is_kicked.get() || steward.is_stopped.get() {
            continue;
        }
        match left {
            Some(left) => drop(steward.changed.wait_timeout(state, left)),
            None => drop(steward.changed.wait(state)),
        }
    }
}

fn look_after_time<H: Host>(shared: &Shared<H>) -> Option<Duration> {
    let mut core = shared.lock();
    let left = core.tick(&shared.arena);
    let left = left.into_iter().chain(core.trim(&shared.arena)).min();
    let has_news = !core.notices.is_empty();
    shared.finish(core, false);
    if has_news {
        shared.bell.wake_parent();
        shared.wake_followers();
    }
    left.map(Duration::from_nanos)
}

fn is_needed<H: Host>(shared: &Shared<H>) -> bool {
    shared.watched.get() > 0 || shared.lock().has_backlog()
}

/// Drains once, and sleeps on the bell if there was nothing.
fn on_duty<H: Host>(shared: &Shared<H>, left: Option<Duration>) {
    let mut core = shared.lock();
    core.drain(&shared.arena);
    core.pump(&shared.arena);
    shared.answer(&mut core);
    if !core.notices.is_empty() {
        shared.finish(core, false);
        shared.wake_followers();
        return;
    }
    let is_watched = shared.watched.get() > 0;
    if !is_watched && !core.has_backlog() {
        return;
    }
    let wanted = if is_watched { Wanted::Any } else { Wanted::Idle };
    shared.bell.arm(wanted, core.has_backlog());
    let steward = &shared.steward;
    let has_more =
        core.port.has_completions() || shared.waiters.get() > 0 || steward.is_kicked.get() || steward.is_stopped.get();
    drop(core);
    if !has_more {
        let _ = shared.bell.wait(left);
    }
    shared.bell.disarm();
}
