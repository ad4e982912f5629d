//! Tasks that are to end before they have: dropped, recalled or stopped.

use std::sync::Arc;

use raveler_events::clock;
use raveler_shm::{SlotState, Ticket};
use raveler_task::{AttemptEnd, CancelVerdict, Place, TaskId};

use crate::core::Core;
use crate::host::{Host, Notice};
use crate::work::Work;

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

impl<H: Host> Core<H> {
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
    pub(crate) fn stop(&mut self, task: TaskId, attempt: u32, place: Place, end: AttemptEnd) -> Cancelling {
        let Some(entry) = self.entry(task) else {
            return Cancelling::Gone;
        };
        if place != Place::Process {
            if let Some(abort) = entry.abort.take() {
                abort.abort();
            }
            if let Work::Call(call) = &entry.work {
                let call = Arc::clone(call);
                self.notices.push(Notice::Stop(call));
            }
            self.scheduler.ended(task, attempt, end, clock::nanos());
            self.settle();
            return Cancelling::Done;
        }
        let Some(ticket) = entry.slot else {
            return Cancelling::Gone;
        };
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
            SlotState::Running { worker, .. } => {
                self.notices.push(Notice::Kill { worker, ticket });
                Cancelling::Stopping
            }
            _ => Cancelling::Stopping,
        }
    }

    /// Whether this attempt of a task still runs in this slot, so that killing its worker would stop it.
    pub(crate) fn is_to_be_killed(&self, ticket: Ticket) -> bool {
        let is_stopping = self.flights[ticket.slot as usize].as_ref().is_some_and(|flight| flight.stop.is_some());
        is_stopping && matches!(self.port.state(ticket), SlotState::Running { .. })
    }

    /// Ends everything that is still open, whatever it is doing.
    pub(crate) fn abandon_all(&mut self) {
        self.cancel_all();
        for slot in 0..self.flights.len() {
            let Some(flight) = self.flights[slot].take() else {
                continue;
            };
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
}
