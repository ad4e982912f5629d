//! The Tokio runtime of this process: made at first use, one for each process, told apart by the process id.
//!
//! # Invariants
//!
//! 1. Nothing is started before the first [`handle`] or [`spawn`]; [`is_running`] never starts it.
//! 2. A forked child never touches the runtime that it inherited: its threads do not exist there. The child leaks it and makes its own.
//! 3. Whoever registered with [`on_idle`] is called on a thread of the runtime just before that thread sleeps, and never while
//!    the list of the registered is locked.

use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use tokio::runtime::{Builder, Handle, Runtime};

/// What is called when a thread of the runtime has nothing to do.
pub trait Idle: Send + Sync {
    /// Hands out what was collected; must not wait.
    fn flush(&self);
}

struct Reactor {
    process: u32,
    /// `None` once it was shut down.
    runtime: Option<Runtime>,
    handle: Handle,
}

static REACTOR: Mutex<Option<Reactor>> = Mutex::new(None);
static IDLE: Mutex<Vec<Weak<dyn Idle>>> = Mutex::new(Vec::new());

fn locked<T>(mutex: &'static Mutex<T>) -> MutexGuard<'static, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The most threads that the runtime has of itself: two-core machines lose with more.
const MOST_THREADS: usize = 2;

/// Returns the handle of the runtime, which is made by the first call in each process.
///
/// # Panics
///
/// If the system gives no thread or no descriptor for it.
#[must_use]
pub fn handle() -> Handle {
    let mut reactor = locked(&REACTOR);
    let process = std::process::id();
    if let Some(made) = &*reactor
        && made.process == process
    {
        return made.handle.clone();
    }
    let runtime = build();
    let handle = runtime.handle().clone();
    // By invariant 2: to drop the inherited runtime would wait for threads that do not exist.
    std::mem::forget(reactor.replace(Reactor { process, runtime: Some(runtime), handle: handle.clone() }));
    handle
}

fn build() -> Runtime {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    Builder::new_multi_thread()
        .worker_threads((cores / 2).clamp(1, MOST_THREADS))
        .max_blocking_threads(64)
        .thread_name("raveler-io")
        .on_thread_park(flush)
        .enable_all()
        .build()
        .expect("the system gives a thread and a descriptor for I/O")
}

/// Starts a task on the runtime; aborting it drops its future.
pub fn spawn<F>(future: F) -> tokio::task::JoinHandle<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    handle().spawn(future)
}

/// Whether this process has made its runtime.
#[must_use]
pub fn is_running() -> bool {
    locked(&REACTOR).as_ref().is_some_and(|made| made.process == std::process::id() && made.runtime.is_some())
}

/// Ends the runtime: what still runs is dropped. Work that blocks a thread is left behind.
pub fn shutdown() {
    let runtime = {
        let mut reactor = locked(&REACTOR);
        match &mut *reactor {
            Some(made) if made.process == std::process::id() => made.runtime.take(),
            _ => None,
        }
    };
    if let Some(runtime) = runtime {
        runtime.shutdown_timeout(std::time::Duration::from_millis(200));
    }
}

/// Calls `idle` whenever a thread of the runtime has nothing to do, as long as somebody holds it.
pub fn on_idle(idle: &Arc<impl Idle + 'static>) {
    let weak: Weak<dyn Idle> = Arc::downgrade(&(Arc::clone(idle) as Arc<dyn Idle>));
    let mut listeners = locked(&IDLE);
    listeners.retain(|listener| listener.strong_count() > 0);
    listeners.push(weak);
}

fn flush() {
    let listeners: Vec<_> = locked(&IDLE).iter().filter_map(Weak::upgrade).collect();
    for listener in listeners {
        listener.flush();
    }
}
