//! Descriptors: how many requests one process has open, and what gives way when they run out.

use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};

use tokio::sync::Semaphore;

/// Something that keeps connections which nobody uses at the moment.
pub(super) trait KeepsIdle: Send + Sync {
    /// Closes them.
    fn close_idle(&self);
}

static KEEPERS: Mutex<Vec<Weak<dyn KeepsIdle>>> = Mutex::new(Vec::new());

/// Lets `keeper` be asked to close what it keeps when descriptors run out.
pub(super) fn register(keeper: Weak<dyn KeepsIdle>) {
    let mut keepers = KEEPERS.lock().unwrap_or_else(PoisonError::into_inner);
    keepers.retain(|keeper| keeper.strong_count() > 0);
    keepers.push(keeper);
}

/// Closes the idle connections of every client.
pub(super) fn close_idle() {
    let keepers = KEEPERS.lock().unwrap_or_else(PoisonError::into_inner).clone();
    for keeper in keepers.iter().filter_map(Weak::upgrade) {
        keeper.close_idle();
    }
}

/// Returns the room for requests of this process: half of the descriptors it may open.
///
/// The other half is for idle connections, files, databases and the user's program.
pub(super) fn room() -> Arc<Semaphore> {
    static ROOM: OnceLock<(u32, Arc<Semaphore>)> = OnceLock::new();
    let made = || Arc::new(Semaphore::new(half_of_the_limit()));
    let pid = std::process::id();
    let (owner, room) = ROOM.get_or_init(|| (pid, made()));
    // A forked child can't share permits with requests that run on in its parent.
    if *owner == pid { Arc::clone(room) } else { made() }
}

fn half_of_the_limit() -> usize {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
    let half = limit.map_or(Semaphore::MAX_PERMITS, |limit| usize::try_from(limit / 2).unwrap_or(usize::MAX));
    half.clamp(4, Semaphore::MAX_PERMITS)
}

/// Returns whether `error` says that this process, or the machine, has no descriptor left.
pub(super) fn ran_out(error: &(dyn std::error::Error + 'static)) -> bool {
    let mut next = Some(error);
    while let Some(error) = next {
        let code = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::raw_os_error);
        if code.is_some_and(|code| {
            code == rustix::io::Errno::MFILE.raw_os_error() || code == rustix::io::Errno::NFILE.raw_os_error()
        }) {
            return true;
        }
        next = error.source();
    }
    false
}
