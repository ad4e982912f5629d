//! Results on their way from a slot to whoever waits for them.

use std::sync::Arc;

use raveler_events::clock;
use raveler_shm::Arena;
use raveler_task::{AttemptEnd, Settlement, Start, TaskId, Verdict};

use crate::arrival::{Arrival, Landed, judge, judge_error};
use crate::cell::Cell;
use crate::core::Core;
use crate::entry::{Entry, Flight, Owner};
use crate::host::{Host, Notice};
use crate::inline::Inline;
use crate::map::Content;
use crate::outcome::{Outcome, Payload};
use crate::work::{Parcel, Work};

impl<H: Host> Core<H> {
    /// Takes all results that have arrived.
    pub(crate) fn drain(&mut self, arena: &Arena) {
        let mut arrivals = std::mem::take(&mut self.arrivals);
        self.port.drain(&mut |done| arrivals.push(Arrival::take(&done, arena)));
        if !arrivals.is_empty() {
            let now = clock::nanos();
            for arrival in arrivals.drain(..) {
                self.land(arrival, now);
            }
            self.settle();
        }
        self.arrivals = arrivals;
    }

    pub(crate) fn land(&mut self, arrival: Arrival, now: u64) {
        let Some(flight) = self.flights[arrival.ticket.slot as usize].take() else {
            return;
        };
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

    pub(crate) fn results_arrive(&mut self, start: Start, landed: Landed, parcel: Parcel, now: u64) {
        let Start { task, attempt } = start;
        self.tally.busy += landed.busy;
        let Some(entry) = self.entry(task) else {
            return;
        };
        let end = match entry.owner {
            Owner::Cell(_) => {
                let (outcome, end) = judge(landed.payload);
                entry.outcome = Some(outcome);
                end
            }
            Owner::Map { map, first, items, .. } => {
                let is_single = items == 1;
                let end = if is_single && landed.has_failed {
                    judge_error(landed.payload.as_slice())
                } else {
                    AttemptEnd::Done
                };
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
    pub(crate) fn again(&mut self, task: TaskId, verdict: Verdict, parcel: Parcel) {
        if let Verdict::Retries { .. } = verdict {
            self.tally.retries += 1;
            self.timers_moved = true;
            if let Some(entry) = self.entry(task) {
                entry.work = Work::Parcel(parcel);
                entry.outcome = None;
            }
        }
    }

    pub(crate) fn frame_arrives(&mut self, map: u64, first: u64, items: u32, payload: Payload, has_failed: bool) {
        let Some(state) = self.maps.get_mut(&map) else {
            return;
        };
        self.tally.items += u64::from(items);
        state.arrive(first, Content::Items(payload, items));
        if has_failed && items > 0 {
            self.item_fails(map, first + u64::from(items) - 1);
        }
    }

    /// An item of a map failed: what stands above it may be of no use any more.
    pub(crate) fn item_fails(&mut self, map: u64, index: u64) {
        let Some(state) = self.maps.get_mut(&map) else {
            return;
        };
        if !state.failed(index) {
            return;
        }
        state.drop_above(index);
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
            let Some(entry) = self.entries.get_mut(task.index()).and_then(Option::take) else {
                continue;
            };
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

    pub(crate) fn outcome_of(
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

    pub(crate) fn frame_ends(
        &mut self,
        map: u64,
        task: TaskId,
        first: u64,
        bytes: usize,
        settlement: Settlement,
        outcome: Outcome<H>,
    ) {
        let Some(state) = self.maps.get_mut(&map) else {
            return;
        };
        if let Some(at) = state.frames.iter().position(|frame| *frame == task) {
            state.frames.swap_remove(at);
        }
        state.give_bytes(bytes);
        let is_reply = matches!(outcome, Outcome::Reply(_));
        let is_moot = state.is_moot(first) || (settlement.is_done() && !is_reply);
        if !is_moot {
            let content = match outcome {
                Outcome::Reply(reply) => Content::Reply(reply),
                // The error of a single item came as its result.
                Outcome::Wire(payload) if settlement == Settlement::Failed => Content::Items(payload, 1),
                outcome => Content::Failure(outcome),
            };
            state.arrive(first, content);
            if !is_reply {
                self.item_fails(map, first);
            }
        }
        self.feed(map);
        self.map_news(map);
    }

    /// Wakes the consumer of a map if it has something to do.
    pub(crate) fn map_news(&mut self, map: u64) {
        let Some(state) = self.maps.get_mut(&map) else {
            return;
        };
        if state.has_news() {
            state.ready.set(true);
            if let Some(waiter) = state.waiter.take() {
                let is_watched = state.options.concurrency.is_none();
                self.notices.push(Notice::Ready { waiter, is_watched });
            }
        }
    }

    /// A call begins: its timeout counts from now. Returns whether it still may run.
    pub(crate) fn call_begins(&mut self, task: TaskId, attempt: u32) -> bool {
        let Some(entry) = self.entry(task) else {
            return false;
        };
        if entry.attempt != Some((attempt, false)) {
            return false;
        }
        entry.attempt = Some((attempt, true));
        self.timers_moved |= entry.timeout.is_some();
        self.scheduler.started(task, attempt, clock::nanos());
        true
    }

    /// Ends an attempt of a call that ran in this process.
    pub(crate) fn call_ends(&mut self, task: TaskId, attempt: u32, outcome: Outcome<H>, end: AttemptEnd) {
        let now = clock::nanos();
        let Some(entry) = self.entry(task) else {
            return;
        };
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

    /// Whether the value of a task is needed in its wire form.
    pub(crate) fn wants_wire(&mut self, task: TaskId) -> bool {
        matches!(self.entry(task), Some(Entry { owner: Owner::Cell(cell), .. }) if cell.wants_wire())
    }
}
