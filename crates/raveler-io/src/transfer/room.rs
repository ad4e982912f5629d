//! How many transfers run at once in one process: those that would find no descriptor wait.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Descriptors that a transfer needs at most but for many connections: files, their folder, sockets.
const EACH: u64 = 6;

/// Waits for room; it is given back when the permit is dropped.
pub(super) async fn enter() -> Option<OwnedSemaphorePermit> {
    room().acquire_owned().await.ok()
}

fn room() -> Arc<Semaphore> {
    static ROOM: Mutex<Option<(u32, Arc<Semaphore>)>> = Mutex::new(None);
    let mut room = ROOM.lock().unwrap_or_else(PoisonError::into_inner);
    let pid = std::process::id();
    // A forked child can't share permits with transfers that run on in its parent.
    if let Some((owner, room)) = &*room
        && *owner == pid
    {
        return Arc::clone(room);
    }
    let made = Arc::new(Semaphore::new(most()));
    *room = Some((pid, Arc::clone(&made)));
    made
}

fn most() -> usize {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
    let most = limit.map_or(Semaphore::MAX_PERMITS, |limit| usize::try_from(limit / EACH).unwrap_or(usize::MAX));
    most.clamp(1, Semaphore::MAX_PERMITS)
}
