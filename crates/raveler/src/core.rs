//! Everything under the runtime's lock: the scheduler, what each task is, and what stands in which slot.

use std::collections::HashMap;
use std::sync::Arc;

use raveler_procs::token::{Reader, Token};
use raveler_procs::worker::Summary;
use raveler_procs::{Certificate, clock};
use raveler_shm::{Arena, Done, Lost, LostKind, ParentPort, Ticket};
use raveler_task::{AttemptEnd, CancelVerdict, Place, Scheduler, Settlement, Spec, Start, TaskId, Verdict};

use crate::cell::Cell;
use crate::error::RuntimeError;
use crate::function::Function;
use crate::host::{Host, Notice};
use crate::inline::Inline;
use crate::map::{Content, Map};
use crate::outcome::{Death, Outcome, Payload};
use crate::stats::Tally;
use crate::work::{Blocks, Parcel, Work};

/// How long nothing must have been open before freed memory goes back, in nanoseconds.
const TRIM_AFTER: u64 = 1_000_000_000;
/// How many freed bytes stay warm for the next task.
const KEEP_WARM: u64 = 8 << 20;

/// A task until it ends.
pub(crate) struct Entry<H: Host> {
    pub(crate) task: TaskId,
    /// The attempt that was handed to a place of this process, and whether it has begun.
    pub(crate) attempt: Option<(u32, bool)>,
    /// A task that it depends on and that had failed before it was submitted.
    pub(crate) fails_like: Option<Arc<Cell<H>>>,
    pub(crate) owner: Owner<H>,
    pub(crate) work: Work<H>,
    pub(crate) outcome: Option<Outcome<H>>,
    pub(crate) slot: Option<Ticket>,
    pub(crate) place: Place,
    pub(crate) timeout: Option<u64>,
    pub(crate) parents: Vec<(TaskId, Arc<Cell<H>>)>,
}

/// Whom a task belongs to.
pub(crate) enum Owner<H: Host> {
    /// Somebody who submitted it.
    Cell(Arc<Cell<H>>),
    /// A map, of which it is a frame.
    Map { map: u64, first: u64, items: u32, bytes: usize },
}

/// What stands in a slot.
struct Flight {
    task: TaskId,
    attempt: u32,
    blocks: Blocks,
    function: Arc<Function>,
    stop: Option<AttemptEnd>,
    is_timed: bool,
}

/// The results of one frame.
struct Landed {
    items: u32,
    busy: u64,
    has_failed: bool,
    payload: Payload,
}

/// The results of one slot, taken out of it.
struct Arrival {
    ticket: Ticket,
    items: u32,
    busy: u64,
    has_failed: bool,
    payload: Payload,
    args: Vec<u8>,
}

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
    flights: Vec<Option<Flight>>,
    arrivals: Vec<Arrival>,
    timed: usize,
    timers_moved: bool,
    maps_made: u64,
    quiet_since: Option<u64>,
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
            parents,
        });
        task
    }

    pub(crate) fn entry(&mut self, task: TaskId) -> Option<&mut Entry<H>> {
        self.entries.get_mut(task.index())?.as_mut().filter(|entry| entry.task == task)
    }

    /// Publishes what may run, as long as there are slots; calls of this process become notices.
    pub(crate) fn pump(&mut self, arena: &Arena) {
        for place in [Place::Thread, Place::Loop] {
            while self.scheduler.has_ready(place) {
                let Some(start) = self.scheduler.next(place, clock::nanos()) else { break };
                let Some(entry) = self.entry(start.task) else { continue };
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
            let Some(slot) = self.port.acquire() else { break };
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
    pub(crate) fn publish_now(&mut self, task: TaskId, bytes: &[u8], blocks: &mut Blocks, function: &Arc<Function>) -> bool {
        let Some(slot) = self.port.acquire() else { return false };
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
        let Some(entry) = self.entry(start.task) else { return Err(RuntimeError::Closed) };
        if entry.fails_like.is_some() {
            return Err(RuntimeError::Closed);
        }
        let work = std::mem::replace(&mut entry.work, Work::Away);
        let mut parcel = match work {
            Work::Parcel(parcel) => parcel,
            Work::Late(late) => late.fill(arena)?,
            Work::Call(_) | Work::Away => return Err(RuntimeError::Closed),
        };
        Parcel::set_attempt(&mut parcel.bytes, start.attempt);
        Ok(parcel)
    }

    fn takes_off(&mut self, start: Start, ticket: Ticket, blocks: Blocks, function: Arc<Function>) {
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

    fn fail(&mut self, start: Start, outcome: Outcome<H>) {
        if let Some(entry) = self.entry(start.task) {
            entry.outcome = Some(outcome);
        }
        self.scheduler.ended(start.task, start.attempt, AttemptEnd::Failed { retryable: false }, clock::nanos());
        self.settle();
    }

    /// Takes all results that have arrived.
    pub(crate) fn drain(&mut self, arena: &Arena) {
        let mut arrivals = std::mem::take(&mut self.arrivals);
        self.port.drain(&mut |done| arrivals.push(Arrival::take(done, arena)));
        if !arrivals.is_empty() {
            let now = clock::nanos();
            for arrival in arrivals.drain(..) {
                self.land(arrival, now);
            }
            self.settle();
        }
        self.arrivals = arrivals;
    }

    fn land(&mut self, arrival: Arrival, now: u64) {
        let Some(flight) = self.flights[arrival.ticket.slot as usize].take() else { return };
        self.timed -= usize::from(flight.is_timed);
        if let Some(entry) = self.entry(flight.task) {
            entry.slot = None;
        }
        let Flight { task, attempt, blocks, function, .. } = flight;
        let Arrival { items, busy, has_failed, payload, args, .. } = arrival;
        let parcel = Parcel { bytes: args, blocks, function };
        self.results_arrive(Start { task, attempt }, Landed { items, busy, has_failed, payload }, parcel, now);
    }

    /// Takes the results of a frame that ran on the calling thread.
    pub(crate) fn land_inline(&mut self, start: Start, results: Inline, busy: u64, has_failed: bool, parcel: Parcel) {
        let Inline { bytes, items, blocks } = results;
        let landed = Landed { items, busy, has_failed, payload: Payload::new(&bytes, blocks) };
        self.results_arrive(start, landed, parcel, clock::nanos());
        self.settle();
    }

    fn results_arrive(&mut self, start: Start, landed: Landed, parcel: Parcel, now: u64) {
        let Start { task, attempt } = start;
        self.tally.busy += landed.busy;
        let Some(entry) = self.entry(task) else { return };
        let end = match entry.owner {
            Owner::Cell(_) => {
                let (outcome, end) = judge(landed.payload);
                entry.outcome = Some(outcome);
                end
            }
            Owner::Map { map, first, items, .. } => {
                let is_single = items == 1;
                let end = if is_single && landed.has_failed { judge_error(landed.payload.as_slice()) } else { AttemptEnd::Done };
                if let Some(state) = self.maps.get_mut(&map) {
                    state.observe(landed.items as usize, landed.busy);
                }
                if end == AttemptEnd::Done {
                    self.frame_arrives(map, first, landed.items, landed.payload, landed.has_failed);
                } else if let Some(entry) = self.entry(task) {
                    entry.outcome = Some(Outcome::Wire(landed.payload));
                }
                end
            }
        };
        let verdict = self.scheduler.ended(task, attempt, end, now);
        self.again(task, verdict, parcel);
    }

    /// Keeps the work of a task that will run again.
    fn again(&mut self, task: TaskId, verdict: Verdict, parcel: Parcel) {
        if let Verdict::Retries { .. } = verdict {
            self.tally.retries += 1;
            self.timers_moved = true;
            if let Some(entry) = self.entry(task) {
                entry.work = Work::Parcel(parcel);
                entry.outcome = None;
            }
        }
    }

    fn frame_arrives(&mut self, map: u64, first: u64, items: u32, payload: Payload, has_failed: bool) {
        let Some(state) = self.maps.get_mut(&map) else { return };
        self.tally.items += u64::from(items);
        state.arrive(first, Content::Items(payload, items));
        if has_failed && items > 0 {
            self.item_fails(map, first + u64::from(items) - 1);
        }
    }

    /// An item of a map failed: what stands above it may be of no use any more.
    pub(crate) fn item_fails(&mut self, map: u64, index: u64) {
        let Some(state) = self.maps.get_mut(&map) else { return };
        if !state.failed(index) {
            return;
        }
        let frames = state.frames.clone();
        for task in frames {
            if let Some(Entry { owner: Owner::Map { first, .. }, .. }) = self.entry(task)
                && *first > index
            {
                self.cancel(task);
            }
        }
    }

    /// Tells everybody whom the scheduler has settled.
    pub(crate) fn settle(&mut self) {
        while let Some((task, settlement)) = self.scheduler.pop_settled() {
            let Some(entry) = self.entries.get_mut(task.index()).and_then(Option::take) else { continue };
            self.open -= 1;
            self.tally.settle(settlement);
            let outcome = self.outcome_of(settlement, entry.outcome, entry.timeout, &entry.parents);
            match entry.owner {
                Owner::Cell(cell) => {
                    for waiter in cell.settle(outcome).into_iter().flatten() {
                        self.notices.push(Notice::Settled(Arc::clone(&cell), waiter));
                    }
                }
                Owner::Map { map, first, bytes, .. } => self.frame_ends(map, task, first, bytes, settlement, outcome),
            }
        }
    }

    fn outcome_of(
        &self,
        settlement: Settlement,
        outcome: Option<Outcome<H>>,
        timeout: Option<u64>,
        parents: &[(TaskId, Arc<Cell<H>>)],
    ) -> Outcome<H> {
        match settlement {
            Settlement::Done | Settlement::Failed | Settlement::Died => outcome.unwrap_or(Outcome::Cancelled),
            Settlement::TimedOut => Outcome::TimedOut(timeout.unwrap_or_default()),
            Settlement::Cancelled => match &self.refusal {
                Some(error) => Outcome::Refused(Arc::clone(error)),
                None => Outcome::Cancelled,
            },
            Settlement::ParentFailed(parent) => parents
                .iter()
                .find(|(task, _)| *task == parent)
                .map_or(Outcome::Cancelled, |(_, cell)| Outcome::Like(Arc::clone(cell))),
        }
    }

    fn frame_ends(
        &mut self,
        map: u64,
        task: TaskId,
        first: u64,
        bytes: usize,
        settlement: Settlement,
        outcome: Outcome<H>,
    ) {
        let Some(state) = self.maps.get_mut(&map) else { return };
        state.frames.retain(|frame| *frame != task);
        state.give_bytes(bytes);
        let is_moot = state.is_moot(first) || settlement.is_done();
        if !is_moot {
            let content = match outcome {
                // The error of a single item came as its result.
                Outcome::Wire(payload) if settlement == Settlement::Failed => Content::Items(payload, 1),
                outcome => Content::Failure(outcome),
            };
            state.arrive(first, content);
            self.item_fails(map, first);
        }
        self.map_news(map);
    }

    /// Wakes the consumer of a map if it has something to do.
    pub(crate) fn map_news(&mut self, map: u64) {
        let Some(state) = self.maps.get_mut(&map) else { return };
        if state.has_news() {
            state.ready.set(true);
            if let Some(waiter) = state.waiter.take() {
                self.notices.push(Notice::Ready(waiter));
            }
        }
    }

    /// Cancels a task: drops it if it has not begun, stops it if it has.
    pub(crate) fn cancel(&mut self, task: TaskId) -> Cancelling {
        let now = clock::nanos();
        match self.scheduler.cancel(task, now) {
            CancelVerdict::Gone => Cancelling::Gone,
            CancelVerdict::Dropped => {
                self.settle();
                Cancelling::Done
            }
            CancelVerdict::Stop { place, attempt } => self.stop(task, attempt, place, AttemptEnd::Cancelled),
        }
    }

    /// Stops a running attempt, which then ends as `end`.
    fn stop(&mut self, task: TaskId, attempt: u32, place: Place, end: AttemptEnd) -> Cancelling {
        let Some(entry) = self.entry(task) else { return Cancelling::Gone };
        if place != Place::Process {
            if let Work::Call(call) = &entry.work {
                let call = Arc::clone(call);
                self.notices.push(Notice::Stop(call));
            }
            self.scheduler.ended(task, attempt, end, clock::nanos());
            self.settle();
            return Cancelling::Done;
        }
        let Some(ticket) = entry.slot else { return Cancelling::Gone };
        if self.port.recall(ticket) {
            if let Some(flight) = self.flights[ticket.slot as usize].take() {
                self.timed -= usize::from(flight.is_timed);
            }
            if let Some(entry) = self.entry(task) {
                entry.slot = None;
            }
            self.scheduler.ended(task, attempt, end, clock::nanos());
            self.settle();
            return Cancelling::Done;
        }
        if let Some(flight) = self.flights[ticket.slot as usize].as_mut() {
            flight.stop = Some(end);
        }
        match self.port.state(ticket) {
            raveler_shm::SlotState::Running { worker, .. } => {
                self.notices.push(Notice::Kill { worker, ticket });
                Cancelling::Stopping
            }
            _ => Cancelling::Stopping,
        }
    }

    /// Recovers what a dead worker held.
    pub(crate) fn bury(&mut self, certificate: &Arc<Certificate>, arena: &Arena) {
        self.drain(arena);
        self.tally.deaths += 1;
        let now = clock::nanos();
        let mut lost = Vec::new();
        self.port.recover(certificate.worker, &mut |loss| lost.push(Loss::take(loss, arena)));
        for Loss { arrival, kind } in lost {
            if kind == LostKind::Finished {
                self.land(arrival, now);
            } else {
                self.lose(arrival, kind, certificate, now);
            }
        }
        self.settle();
        let orphans = arena.recover(certificate.worker + 1);
        self.drain(arena);
        for block in orphans {
            if !arena.knows(block) {
                arena.forget(block);
            }
        }
        self.pump(arena);
    }

    /// A worker died with this frame in its hands.
    fn lose(&mut self, arrival: Arrival, kind: LostKind, certificate: &Arc<Certificate>, now: u64) {
        let Some(flight) = self.flights[arrival.ticket.slot as usize].take() else { return };
        self.timed -= usize::from(flight.is_timed);
        let (task, attempt) = (flight.task, flight.attempt);
        let Some(entry) = self.entry(task) else { return };
        entry.slot = None;
        let end = match (flight.stop, kind) {
            (Some(end), _) => end,
            (None, LostKind::Taken) => AttemptEnd::Unstarted,
            (None, _) => AttemptEnd::Died,
        };
        if end == AttemptEnd::Unstarted {
            entry.work = Work::Parcel(Parcel { bytes: arrival.args, blocks: flight.blocks, function: flight.function });
            self.scheduler.ended(task, attempt, end, now);
            return;
        }
        let death = Arc::new(Death {
            certificate: Arc::clone(certificate),
            args: arrival.args.clone(),
            blocks: flight.blocks.clone(),
            item: arrival.items,
        });
        entry.outcome = Some(Outcome::Died(Arc::clone(&death)));
        if let Owner::Map { map, first, items, .. } = entry.owner
            && items > 1
        {
            self.frame_breaks(map, first, items, &flight, arrival, end, death);
            self.scheduler.ended(task, attempt, AttemptEnd::Done, now);
            return;
        }
        let verdict = self.scheduler.ended(task, attempt, end, now);
        let Flight { blocks, function, .. } = flight;
        self.again(task, verdict, Parcel { bytes: arrival.args, blocks, function });
    }

    /// A frame of several items ended in the middle: what is below counts, the item fails, what is above runs again.
    #[expect(clippy::too_many_arguments, reason = "each is a fact about one broken frame")]
    fn frame_breaks(
        &mut self,
        map: u64,
        first: u64,
        items: u32,
        flight: &Flight,
        arrival: Arrival,
        end: AttemptEnd,
        death: Arc<Death>,
    ) {
        let done = arrival.items;
        self.frame_arrives(map, first, done, arrival.payload, false);
        let Some(state) = self.maps.get_mut(&map) else { return };
        let broken = first + u64::from(done);
        if end == AttemptEnd::Cancelled || done == items {
            return;
        }
        if !state.is_moot(broken) {
            state.arrive(broken, Content::Failure(Outcome::Died(death)));
            self.item_fails(map, broken);
        }
        let Some(state) = self.maps.get_mut(&map) else { return };
        let rest = broken + 1;
        if done + 1 < items && !state.is_moot(rest) {
            let spec = state.options.spec.clone();
            if let Ok(bytes) = crate::work::without_items(&arrival.args, done as usize + 1) {
                let work =
                    Work::Parcel(Parcel { bytes, blocks: flight.blocks.clone(), function: Arc::clone(&flight.function) });
                let owner = Owner::Map { map, first: rest, items: items - done - 1, bytes: 0 };
                let task = self.submit(spec, owner, work, Vec::new(), clock::nanos());
                if let Some(state) = self.maps.get_mut(&map) {
                    state.frames.push(task);
                }
            }
        }
    }

    /// Looks after time: retries, rates, timeouts. Returns how long until it must be called again.
    pub(crate) fn tick(&mut self, arena: &Arena) -> Option<u64> {
        self.timers_moved = false;
        let now = clock::nanos();
        self.scheduler.advance(now);
        let mut queued_until: Option<u64> = None;
        if self.timed > 0 {
            for slot in 0..self.flights.len() {
                let Some(Flight { task, attempt, is_timed: true, .. }) = self.flights[slot] else { continue };
                let Some(Entry { slot: Some(ticket), timeout: Some(timeout), .. }) = self.entry(task) else { continue };
                let (ticket, timeout) = (*ticket, *timeout);
                if let raveler_shm::SlotState::Running { started_ns: started @ 1.., .. } = self.port.state(ticket) {
                    self.scheduler.started(task, attempt, started);
                } else {
                    // It can't be overdue before it has begun, so this is early enough to look again.
                    queued_until = Some(queued_until.map_or(now + timeout, |least| least.min(now + timeout)));
                }
            }
        }
        while let Some((task, attempt)) = self.scheduler.overdue(now) {
            if let Some(entry) = self.entry(task) {
                let place = entry.place;
                self.stop(task, attempt, place, AttemptEnd::TimedOut);
            }
        }
        self.settle();
        self.pump(arena);
        let next = self.scheduler.wake_at().into_iter().chain(queued_until).min();
        next.map(|at| at.saturating_sub(clock::nanos()).max(1_000_000))
    }

    /// Returns how long nothing has been open.
    fn idle_for(&mut self) -> Option<u64> {
        let now = clock::nanos();
        if self.open > 0 {
            self.quiet_since = None;
            return None;
        }
        let since = *self.quiet_since.get_or_insert(now);
        Some(now - since)
    }

    /// Gives freed memory back to the system once nothing has been open for a while; returns how long until then.
    pub(crate) fn trim(&mut self, arena: &Arena) -> Option<u64> {
        let idle = self.idle_for()?;
        if idle < TRIM_AFTER {
            return (arena.warm_bytes() > KEEP_WARM).then_some(TRIM_AFTER - idle);
        }
        if arena.warm_bytes() > KEEP_WARM {
            arena.trim(KEEP_WARM);
        }
        None
    }

    /// Whether freed memory waits to be given back, and nobody has been told yet.
    pub(crate) fn wants_trim(&mut self, arena: &Arena) -> bool {
        if self.open > 0 {
            self.quiet_since = None;
            return false;
        }
        self.quiet_since.is_none() && arena.warm_bytes() > KEEP_WARM
    }

    /// Whether timers may have moved since the last tick.
    pub(crate) fn timers_moved(&self) -> bool {
        self.timers_moved
    }

    /// Whether somebody must look after tasks that nobody waits for.
    pub(crate) fn has_backlog(&self) -> bool {
        let counts = self.scheduler.counts();
        counts.waiting + counts.ready > 0
    }

    /// Whether this attempt of a task still runs in this slot, so that killing its worker would stop it.
    pub(crate) fn is_to_be_killed(&self, ticket: Ticket) -> bool {
        let is_stopping = self.flights[ticket.slot as usize].as_ref().is_some_and(|flight| flight.stop.is_some());
        is_stopping && matches!(self.port.state(ticket), raveler_shm::SlotState::Running { .. })
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
        let Some(Some(entry)) = self.entries.get(task.index()) else { return false };
        if entry.task != task {
            return false;
        }
        match (entry.slot, entry.place) {
            (Some(ticket), _) => matches!(self.port.state(ticket), raveler_shm::SlotState::Queued),
            (None, Place::Process) => true,
            (None, _) => !entry.attempt.is_some_and(|(_, has_begun)| has_begun),
        }
    }

    /// Whether the value of a task is needed in its wire form.
    pub(crate) fn wants_wire(&mut self, task: TaskId) -> bool {
        matches!(self.entry(task), Some(Entry { owner: Owner::Cell(cell), .. }) if cell.wants_wire())
    }

    /// Ends an attempt of a call that ran in this process.
    pub(crate) fn call_ends(&mut self, task: TaskId, attempt: u32, outcome: Outcome<H>, end: AttemptEnd) {
        let now = clock::nanos();
        let Some(entry) = self.entry(task) else { return };
        let before = entry.outcome.replace(outcome);
        match self.scheduler.ended(task, attempt, end, now) {
            // An attempt that was given up says how it ended after all.
            Verdict::Stale => {
                if let Some(entry) = self.entry(task) {
                    entry.outcome = before;
                }
            }
            Verdict::Retries { .. } => {
                self.tally.retries += 1;
                self.timers_moved = true;
            }
            Verdict::Settled => self.settle(),
        }
    }

    /// Ends everything that is still open, whatever it is doing.
    pub(crate) fn abandon_all(&mut self) {
        self.cancel_all();
        for slot in 0..self.flights.len() {
            let Some(flight) = self.flights[slot].take() else { continue };
            self.scheduler.ended(flight.task, flight.attempt, AttemptEnd::Cancelled, clock::nanos());
        }
        self.timed = 0;
        self.settle();
    }

    /// Cancels everything that has not ended.
    pub(crate) fn cancel_all(&mut self) {
        let tasks: Vec<TaskId> = self.entries.iter().flatten().map(|entry| entry.task).collect();
        for task in tasks {
            self.cancel(task);
        }
    }

    /// A call begins: its timeout counts from now. Returns whether it still may run.
    pub(crate) fn call_begins(&mut self, task: TaskId, attempt: u32) -> bool {
        let Some(entry) = self.entry(task) else { return false };
        if entry.attempt != Some((attempt, false)) {
            return false;
        }
        entry.attempt = Some((attempt, true));
        self.timers_moved |= entry.timeout.is_some();
        self.scheduler.started(task, attempt, clock::nanos());
        true
    }
}

/// What became of a cancellation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cancelling {
    /// The task had ended.
    Gone,
    /// The task is cancelled.
    Done,
    /// The task is being stopped.
    Stopping,
}

struct Loss {
    arrival: Arrival,
    kind: LostKind,
}

impl Loss {
    fn take(lost: Lost<'_>, arena: &Arena) -> Self {
        let payload = Payload::adopt(lost.results(), lost.items(), None, arena).unwrap_or_default();
        let arrival = Arrival {
            ticket: lost.ticket(),
            items: lost.items(),
            busy: 0,
            has_failed: false,
            payload,
            args: lost.args().to_vec(),
        };
        Self { arrival, kind: lost.kind() }
    }
}

impl Arrival {
    fn take(done: Done<'_>, arena: &Arena) -> Self {
        let Summary { busy, has_failed, has_blocks } = Summary::unpack(done.busy());
        // Without blocks there is nothing to adopt, and nothing to look for.
        let named = if has_blocks { done.items() } else { 0 };
        Self {
            ticket: done.ticket(),
            items: done.items(),
            busy,
            has_failed,
            payload: Payload::adopt(done.results(), named, done.block(), arena).unwrap_or_default(),
            args: if has_failed { done.args().to_vec() } else { Vec::new() },
        }
    }
}

/// Reads the result of a call.
fn judge<H: Host>(payload: Payload) -> (Outcome<H>, AttemptEnd) {
    match payload.as_slice().first() {
        Some(&tag) if tag != raveler_procs::token::Tag::Error as u8 => (Outcome::Wire(payload), AttemptEnd::Done),
        _ => {
            let end = judge_error(payload.as_slice());
            (Outcome::Failed(payload), end)
        }
    }
}

/// Reads whether an error may be retried: the worker says so in its first byte.
fn judge_error(bytes: &[u8]) -> AttemptEnd {
    let retryable = match Reader::new(bytes).token() {
        Ok(Token::Error(content)) => content.first() == Some(&1),
        _ => false,
    };
    AttemptEnd::Failed { retryable }
}
