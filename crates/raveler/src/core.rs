//! Everything under the runtime's lock: the scheduler, what each task is, and what stands in which slot.

use std::collections::HashMap;
use std::sync::Arc;

use raveler_events::clock;
use raveler_shm::{Arena, ParentPort, SlotState, Ticket};
use raveler_task::{AttemptEnd, Place, Scheduler, Spec, Start, TaskId};

use crate::arrival::Arrival;
use crate::cell::Cell;
use crate::entry::{Entry, Flight, Owner};
use crate::error::RuntimeError;
use crate::function::Function;
use crate::host::{Host, Notice};
use crate::loans::Loan;
use crate::map::Map;
use crate::outcome::Outcome;
use crate::stats::Tally;
use crate::work::{Blocks, Parcel, Work};

/// Everything under the lock.
pub(crate) struct Core<H: Host> {
    pub(crate) scheduler: Scheduler,
    pub(crate) entries: Vec<Option<Entry<H>>>,
    pub(crate) maps: HashMap<u64, Map<H>>,
    pub(crate) port: ParentPort,
    pub(crate) notices: Vec<Notice<H>>,
    pub(crate) open: usize,
    pub(crate) tally: Tally,
    pub(crate) refusal: Option<Arc<RuntimeError>>,
    pub(crate) has_processes: bool,
    pub(crate) flights: Vec<Option<Flight>>,
    pub(crate) arrivals: Vec<Arrival>,
    pub(crate) timed: usize,
    pub(crate) timers_moved: bool,
    pub(crate) maps_made: u64,
    pub(crate) loans: Vec<Loan>,
    /// Workers whose requests are answered, and the answers.
    pub(crate) answers: Vec<(u32, u64)>,
    pub(crate) quiet_since: Option<u64>,
}

impl<H: Host> Core<H> {
    pub(crate) fn new(scheduler: Scheduler, port: ParentPort, slots: usize) -> Self {
        Self {
            scheduler,
            entries: Vec::new(),
            maps: HashMap::new(),
            port,
            notices: Vec::new(),
            open: 0,
            tally: Tally::default(),
            refusal: None,
            has_processes: false,
            flights: std::iter::repeat_with(|| None).take(slots).collect(),
            arrivals: Vec::new(),
            timed: 0,
            timers_moved: false,
            maps_made: 0,
            loans: Vec::new(),
            answers: Vec::new(),
            quiet_since: None,
        }
    }

    /// Enters a task; it starts when the scheduler says so.
    pub(crate) fn submit(
        &mut self,
        spec: Spec,
        owner: Owner<H>,
        work: Work<H>,
        parents: Vec<(TaskId, Arc<Cell<H>>)>,
        now: u64,
    ) -> TaskId {
        let (place, timeout) = (spec.place, spec.timeout);
        let task = if parents.is_empty() {
            self.scheduler.submit(spec, &[], now)
        } else {
            let keys: Vec<TaskId> = parents.iter().map(|(task, _)| *task).collect();
            self.scheduler.submit(spec, &keys, now)
        };
        if let Owner::Cell(cell) = &owner {
            cell.set_task(task);
        }
        self.open += 1;
        self.tally.submitted += 1;
        let index = task.index();
        if index >= self.entries.len() {
            self.entries.resize_with(index + 1, || None);
        }
        self.entries[index] = Some(Entry {
            task,
            attempt: None,
            fails_like: None,
            owner,
            work,
            outcome: None,
            slot: None,
            place,
            timeout,
            abort: None,
            parents,
        });
        task
    }

    pub(crate) fn entry(&mut self, task: TaskId) -> Option<&mut Entry<H>> {
        self.entries.get_mut(task.index())?.as_mut().filter(|entry| entry.task == task)
    }

    /// Publishes what may run, as long as there are slots; calls of this process become notices.
    pub(crate) fn pump(&mut self, arena: &Arena) {
        self.start_natives();
        for place in [Place::Thread, Place::Loop] {
            while self.scheduler.has_ready(place) {
                let Some(start) = self.scheduler.next(place, clock::nanos()) else {
                    break;
                };
                let Some(entry) = self.entry(start.task) else {
                    continue;
                };
                if let Some(parent) = entry.fails_like.take() {
                    self.fail(start, Outcome::Like(parent));
                } else if let Work::Call(call) = &entry.work {
                    let call = Arc::clone(call);
                    entry.attempt = Some((start.attempt, false));
                    H::begin_attempt(&call, start.task, start.attempt);
                    self.notices.push(Notice::Start(call));
                }
            }
        }
        if !self.has_processes {
            return;
        }
        let mut is_published = false;
        while self.scheduler.has_ready(Place::Process) {
            let Some(slot) = self.port.acquire() else {
                break;
            };
            let Some(start) = self.scheduler.next(Place::Process, clock::nanos()) else {
                self.port.release(slot);
                break;
            };
            match self.parcel(start, arena) {
                Ok(parcel) => {
                    let ticket = self.port.publish(slot, &parcel.bytes);
                    self.takes_off(start, ticket, parcel.blocks, parcel.function);
                    is_published = true;
                }
                Err(error) => {
                    self.port.release(slot);
                    self.refuse(start, error);
                }
            }
        }
        if is_published {
            self.port.ring();
        }
    }

    /// Publishes a frame that was just submitted, straight from `bytes`; returns whether it did.
    pub(crate) fn publish_now(
        &mut self,
        task: TaskId,
        bytes: &[u8],
        blocks: &mut Blocks,
        function: &Arc<Function>,
    ) -> bool {
        let Some(slot) = self.port.acquire() else {
            return false;
        };
        let Some(start) = self.scheduler.next(Place::Process, 0) else {
            self.port.release(slot);
            return false;
        };
        if start.task != task {
            self.scheduler.put_back(start);
            self.port.release(slot);
            return false;
        }
        let ticket = self.port.publish(slot, bytes);
        self.takes_off(start, ticket, std::mem::take(blocks), Arc::clone(function));
        self.port.ring();
        true
    }

    /// Returns the frame of a task that starts, leaving nothing behind.
    pub(crate) fn parcel(&mut self, start: Start, arena: &Arena) -> Result<Parcel, RuntimeError> {
        let Some(entry) = self.entry(start.task) else {
            return Err(RuntimeError::Closed);
        };
        if entry.fails_like.is_some() {
            return Err(RuntimeError::Closed);
        }
        let work = std::mem::replace(&mut entry.work, Work::Away);
        let mut parcel = match work {
            Work::Parcel(parcel) => parcel,
            Work::Late(late) => late.fill(arena)?,
            Work::Call(_) | Work::Native(_) | Work::Away => return Err(RuntimeError::Closed),
        };
        Parcel::set_attempt(&mut parcel.bytes, start.attempt);
        Ok(parcel)
    }

    pub(crate) fn takes_off(&mut self, start: Start, ticket: Ticket, blocks: Blocks, function: Arc<Function>) {
        let Start { task, attempt } = start;
        let mut is_timed = false;
        if let Some(entry) = self.entry(task) {
            entry.slot = Some(ticket);
            is_timed = entry.timeout.is_some();
        }
        self.timed += usize::from(is_timed);
        self.timers_moved |= is_timed;
        self.flights[ticket.slot as usize] = Some(Flight { task, attempt, blocks, function, stop: None, is_timed });
    }

    /// A task that could not be started ends with the runtime's error.
    pub(crate) fn refuse(&mut self, start: Start, error: RuntimeError) {
        let parent = self.entry(start.task).and_then(|entry| entry.fails_like.take());
        self.fail(start, parent.map_or_else(|| Outcome::Refused(Arc::new(error)), Outcome::Like));
    }

    pub(crate) fn fail(&mut self, start: Start, outcome: Outcome<H>) {
        if let Some(entry) = self.entry(start.task) {
            entry.outcome = Some(outcome);
        }
        self.scheduler.ended(start.task, start.attempt, AttemptEnd::Failed { retryable: false }, clock::nanos());
        self.settle();
    }

    /// Whether somebody must look after tasks that nobody waits for.
    pub(crate) fn has_backlog(&self) -> bool {
        let counts = self.scheduler.counts();
        counts.waiting + counts.ready > 0
    }

    /// Returns the key of the next map.
    pub(crate) fn next_map(&mut self) -> u64 {
        self.maps_made += 1;
        self.maps_made
    }

    /// Puts the work of a task that was not published at once.
    pub(crate) fn set_work(&mut self, task: TaskId, work: Work<H>) {
        if let Some(entry) = self.entry(task) {
            entry.work = work;
        }
    }

    /// Notes that a task that a new one depends on has failed already.
    pub(crate) fn fails_like(&mut self, task: TaskId, parent: Option<Arc<Cell<H>>>) {
        if let Some(entry) = self.entry(task) {
            entry.fails_like = parent;
        }
    }

    /// Returns the slot where a task stands.
    pub(crate) fn slot_of(&self, task: TaskId) -> Option<u32> {
        let entry = self.entries.get(task.index())?.as_ref()?;
        entry.slot.map(|ticket| ticket.slot)
    }

    /// Whether no attempt of the task runs now.
    pub(crate) fn is_pending(&self, task: TaskId) -> bool {
        let Some(Some(entry)) = self.entries.get(task.index()) else {
            return false;
        };
        if entry.task != task {
            return false;
        }
        match (entry.slot, entry.place) {
            (Some(ticket), _) => matches!(self.port.state(ticket), SlotState::Queued),
            (None, Place::Process) => true,
            (None, _) => !entry.attempt.is_some_and(|(_, has_begun)| has_begun),
        }
    }
}
