//! What happens because time passes: timeouts, retries, rates, freed memory.

use raveler_events::clock;
use raveler_shm::{Arena, SlotState, Ticket};
use raveler_task::AttemptEnd;

use crate::core::Core;
use crate::entry::{Entry, Flight};
use crate::host::Host;

/// How long nothing must have been open before freed memory goes back, in nanoseconds.
const TRIM_AFTER: u64 = 5_000_000_000;
/// How many freed bytes stay warm for the next task.
const KEEP_WARM: u64 = 8 << 20;

impl<H: Host> Core<H> {
    /// Looks after time: retries, rates, timeouts. Returns how long until it must be called again.
    pub(crate) fn tick(&mut self, arena: &Arena) -> Option<u64> {
        self.timers_moved = false;
        let now = clock::nanos();
        self.scheduler.advance(now);
        let mut queued_until: Option<u64> = None;
        if self.timed > 0 {
            for slot in 0..self.flights.len() {
                let Some(Flight { task, attempt, is_timed: true, .. }) = self.flights[slot] else {
                    continue;
                };
                let Some(Entry { slot: Some(ticket), timeout: Some(timeout), .. }) = self.entry(task) else {
                    continue;
                };
                let (ticket, timeout) = (*ticket, *timeout);
                if let SlotState::Running { started_ns: started @ 1.., .. } = self.port.state(ticket) {
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

    /// Whether what runs in this slot is to be stopped because its time is over, and not because nobody wants it.
    pub(crate) fn is_out_of_time(&self, ticket: Ticket) -> bool {
        let flight = self.flights[ticket.slot as usize].as_ref();
        flight.is_some_and(|flight| flight.stop == Some(AttemptEnd::TimedOut))
    }

    /// Returns how long nothing has been open.
    pub(crate) fn idle_for(&mut self) -> Option<u64> {
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
            let _ = arena.trim(KEEP_WARM);
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
}
