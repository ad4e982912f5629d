//! How many requests run at once and how many start in a span, for a client and for each host.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use super::descriptors;

/// Most requests to one host at once where the client names no `concurrency`: beyond it, servers gain nothing.
const PER_HOST: usize = 64;

/// When the table of hosts is swept of those that nobody uses.
const MANY_HOSTS: usize = 1024;

/// The limits of one client.
pub(super) struct Limits {
    process: Arc<Semaphore>,
    client: Option<Arc<Semaphore>>,
    per_host: usize,
    rate: Option<(usize, Duration)>,
    hosts: Mutex<HashMap<String, Arc<Host>>>,
}

struct Host {
    room: Arc<Semaphore>,
    /// The latest starts, oldest first; locked by the one whose turn it is while it waits for its moment.
    starts: tokio::sync::Mutex<VecDeque<Instant>>,
    last: Mutex<Instant>,
}

/// Room for one request, given back when dropped.
#[derive(Debug)]
pub(super) struct Permit {
    _host: OwnedSemaphorePermit,
    _client: Option<OwnedSemaphorePermit>,
    _process: OwnedSemaphorePermit,
}

impl Limits {
    /// Limits of `concurrency` requests at once and `rate` starts for each host.
    pub(super) fn new(concurrency: Option<usize>, rate: Option<(u32, Duration)>) -> Self {
        let concurrency = concurrency.map(|most| most.clamp(1, Semaphore::MAX_PERMITS));
        Self {
            process: descriptors::room(),
            client: concurrency.map(|most| Arc::new(Semaphore::new(most))),
            per_host: concurrency.unwrap_or(PER_HOST),
            rate: rate.map(|(most, span)| (usize::try_from(most).unwrap_or(usize::MAX).max(1), span)),
            hosts: Mutex::new(HashMap::new()),
        }
    }

    /// Waits until a request to `host` may start. First come, first served.
    pub(super) async fn enter(&self, host: &str) -> Permit {
        let lane = self.lane(host);
        let room = acquire(&lane.room).await;
        let Some((most, span)) = self.rate else {
            return self.rest(room).await;
        };
        let mut starts = lane.starts.lock().await;
        if starts.len() >= most
            && let Some(oldest) = starts.front()
        {
            tokio::time::sleep_until(*oldest + span).await;
        }
        let permit = self.rest(room).await;
        let now = Instant::now();
        while starts.len() >= most {
            starts.pop_front();
        }
        starts.push_back(now);
        *lane.last.lock().unwrap_or_else(PoisonError::into_inner) = now;
        permit
    }

    async fn rest(&self, host: OwnedSemaphorePermit) -> Permit {
        let client = match &self.client {
            Some(client) => Some(acquire(client).await),
            None => None,
        };
        Permit { _host: host, _client: client, _process: acquire(&self.process).await }
    }

    fn lane(&self, host: &str) -> Arc<Host> {
        let mut hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(lane) = hosts.get(host) {
            return Arc::clone(lane);
        }
        if hosts.len() >= MANY_HOSTS {
            let span = self.rate.map_or(Duration::ZERO, |(_, span)| span);
            hosts.retain(|_, lane| {
                // Whoever uses a lane holds it, or a permit of its room.
                let last = *lane.last.lock().unwrap_or_else(PoisonError::into_inner);
                Arc::strong_count(lane) > 1 || Arc::strong_count(&lane.room) > 1 || last.elapsed() < span
            });
        }
        let lane = Arc::new(Host {
            room: Arc::new(Semaphore::new(self.per_host)),
            starts: tokio::sync::Mutex::new(VecDeque::new()),
            last: Mutex::new(Instant::now()),
        });
        hosts.insert(host.to_owned(), Arc::clone(&lane));
        lane
    }
}

async fn acquire(room: &Arc<Semaphore>) -> OwnedSemaphorePermit {
    Arc::clone(room).acquire_owned().await.expect("nobody closes these semaphores")
}
