//! A queue of work for one database file and the threads that serve it, each with a connection of its own.
//!
//! A thread goes on as long as something is queued, so that under load one wake-up serves many statements.
//!
//! # Invariants
//!
//! 1. A ticket is `Running` exactly while a thread runs its work, and the thread leaves that state before it takes other work;
//!    whoever interrupts holds the ticket's lock, so that only the withdrawn work is hit.
//! 2. Work that was withdrawn before it began is never run.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use rusqlite::{Connection, InterruptHandle};
use tokio::sync::{mpsc, oneshot};

use crate::db::error::DbError;

/// How a thread of a lane gets its connection.
pub type Opener = Arc<dyn Fn() -> Result<Connection, DbError> + Send + Sync>;
type Run = Box<dyn FnOnce(Result<&Connection, DbError>) + Send>;

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

enum Progress {
    Queued,
    Running(Arc<InterruptHandle>),
    Ended,
}

struct Ticket(Mutex<Progress>);

impl Ticket {
    /// Marks the work as running; false if it was withdrawn.
    fn begin(&self, interrupt: &Arc<InterruptHandle>) -> bool {
        let mut progress = locked(&self.0);
        if matches!(*progress, Progress::Ended) {
            return false;
        }
        *progress = Progress::Running(Arc::clone(interrupt));
        true
    }

    fn end(&self) {
        *locked(&self.0) = Progress::Ended;
    }
}

/// Takes work back when the future that waits for it is dropped.
struct Withdrawal(Arc<Ticket>);

impl Drop for Withdrawal {
    fn drop(&mut self) {
        let mut progress = locked(&self.0.0);
        match &*progress {
            Progress::Queued => *progress = Progress::Ended,
            Progress::Running(interrupt) => interrupt.interrupt(),
            Progress::Ended => {}
        }
    }
}

struct Work {
    ticket: Arc<Ticket>,
    run: Run,
}

#[derive(Default)]
struct Queue {
    works: VecDeque<Work>,
    sleeping: usize,
    is_closed: bool,
}

#[derive(Default)]
struct Shared {
    queue: Mutex<Queue>,
    filled: Condvar,
}

/// Threads that serve one queue. They end, after what is queued, when the lane is closed or dropped.
pub struct Lane {
    shared: Arc<Shared>,
    ended: tokio::sync::Mutex<mpsc::Receiver<()>>,
}

impl Lane {
    /// Starts `count` threads, each of which opens its connection when it first has work.
    ///
    /// # Errors
    ///
    /// If the system gives no thread.
    pub fn start(name: &str, count: usize, open: &Opener) -> Result<Self, DbError> {
        let shared = Arc::new(Shared::default());
        let (alive, ended) = mpsc::channel(1);
        for _ in 0..count {
            let (shared, open, alive) = (Arc::clone(&shared), Arc::clone(open), alive.clone());
            std::thread::Builder::new()
                .name(String::from(name))
                .spawn(move || {
                    serve(&shared, &open);
                    drop(alive);
                })
                .map_err(|error| DbError::Connect {
                    server: String::from("sqlite:"),
                    reason: format!("no thread for it: {error}"),
                    transient: true,
                })?;
        }
        Ok(Self { shared, ended: tokio::sync::Mutex::new(ended) })
    }

    /// Runs `work` on one of the threads. Dropping the future takes it back, or interrupts its statement.
    ///
    /// # Errors
    ///
    /// If the connection can't be opened, the lane is closed, or the work fails.
    pub async fn call<T, F>(&self, work: F) -> Result<T, DbError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, DbError> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let ticket = Arc::new(Ticket(Mutex::new(Progress::Queued)));
        let run: Run = Box::new(move |connection| {
            // Nobody listens if the future was dropped meanwhile.
            let _ = reply.send(connection.and_then(work));
        });
        let withdrawal = Withdrawal(Arc::clone(&ticket));
        self.push(Work { ticket, run })?;
        let result = answer.await.unwrap_or(Err(DbError::Closed));
        drop(withdrawal);
        result
    }

    /// Queues work whose end nobody waits for.
    pub fn post(&self, work: impl FnOnce(&Connection) + Send + 'static) {
        let ticket = Arc::new(Ticket(Mutex::new(Progress::Queued)));
        let run: Run = Box::new(move |connection| {
            if let Ok(connection) = connection {
                work(connection);
            }
        });
        // A closed lane has dropped its connections, and with them what was to be undone.
        let _ = self.push(Work { ticket, run });
    }

    fn push(&self, work: Work) -> Result<(), DbError> {
        let mut queue = locked(&self.shared.queue);
        if queue.is_closed {
            return Err(DbError::Closed);
        }
        queue.works.push_back(work);
        let is_asleep = queue.sleeping > 0;
        drop(queue);
        if is_asleep {
            self.shared.filled.notify_one();
        }
        Ok(())
    }

    /// Takes no more work and waits until the threads have served what is queued and closed their connections.
    pub async fn close(&self) {
        self.end();
        while self.ended.lock().await.recv().await.is_some() {}
    }

    fn end(&self) {
        locked(&self.shared.queue).is_closed = true;
        self.shared.filled.notify_all();
    }
}

impl Drop for Lane {
    fn drop(&mut self) {
        self.end();
    }
}

struct Seat {
    connection: Connection,
    interrupt: Arc<InterruptHandle>,
}

fn serve(shared: &Shared, open: &Opener) {
    let mut seat: Option<Seat> = None;
    while let Some(work) = next(shared) {
        if seat.is_none() {
            match open() {
                Ok(connection) => {
                    let interrupt = Arc::new(connection.get_interrupt_handle());
                    seat = Some(Seat { connection, interrupt });
                }
                Err(error) => {
                    (work.run)(Err(error));
                    continue;
                }
            }
        }
        if let Some(seat) = &seat
            && work.ticket.begin(&seat.interrupt)
        {
            (work.run)(Ok(&seat.connection));
            work.ticket.end();
        }
    }
}

fn next(shared: &Shared) -> Option<Work> {
    let mut queue = locked(&shared.queue);
    loop {
        if let Some(work) = queue.works.pop_front() {
            return Some(work);
        }
        if queue.is_closed {
            return None;
        }
        queue.sleeping += 1;
        queue = shared.filled.wait(queue).unwrap_or_else(PoisonError::into_inner);
        queue.sleeping -= 1;
    }
}
