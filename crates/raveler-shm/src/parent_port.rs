//! The parent's side of the rings: publishes slots, takes them back, collects what is done and what the dead left.
//!
//! # Invariants
//!
//! 1. There is one port per segment, in the parent: it is the only producer of the submission ring, the only consumer of
//!    the completion rings, and the only one that makes slots free.
//! 2. `uses[slot]` says what the port does with a slot; for `Published` the lease has its position. A ticket whose
//!    position differs belongs to a use that is over.
//! 3. `reserved` counts the free slots that are out as tokens; the ring has room for all of them.

use raveler_sync::{LeaseState, Process, Ticket};

use crate::collected::{Done, Lost, LostKind, SlotState};
use crate::segment::Segment;

/// What the port does with one slot (2).
#[derive(Clone, Copy, PartialEq, Eq)]
enum Use {
    Free,
    Published { position: u32 },
}

/// A free slot, reserved for one publishing.
#[must_use = "publish it or release it: a slot that is dropped is lost"]
#[derive(Debug)]
pub struct FreeSlot {
    slot: u32,
}

/// The parent's end of a segment.
pub struct ParentPort {
    segment: Segment,
    free: Vec<u32>,
    uses: Vec<Use>,
    reserved: u32,
}

impl ParentPort {
    /// Returns the port of the process that made the segment; there must be no other.
    #[must_use]
    pub fn new(segment: &Segment) -> Self {
        let slots = segment.geometry().slots;
        Self {
            segment: segment.clone(),
            // The last one is taken first: low slots are used again while they are warm.
            free: (0..slots).rev().collect(),
            uses: vec![Use::Free; slots as usize],
            reserved: 0,
        }
    }

    /// Reserves a free slot; `None` means to wait for completions.
    #[inline]
    pub fn acquire(&mut self) -> Option<FreeSlot> {
        if !self.segment.submission().has_room(self.reserved) {
            return None;
        }
        let slot = self.free.pop()?;
        self.reserved += 1;
        Some(FreeSlot { slot })
    }

    /// Gives a reserved slot back.
    #[inline]
    pub fn release(&mut self, FreeSlot { slot }: FreeSlot) {
        self.reserved -= 1;
        self.free.push(slot);
    }

    /// Copies the arguments into the slot and queues it; the workers hear of it when the bell is rung.
    ///
    /// # Panics
    ///
    /// Panics if there are more than [`ARGS_MAX`](crate::ARGS_MAX) bytes.
    #[inline]
    pub fn publish(&mut self, FreeSlot { slot }: FreeSlot, args: &[u8]) -> Ticket {
        let Self { segment, uses, reserved, .. } = self;
        let ring = segment.submission();
        let words = segment.slot(slot);
        words.fill(args);
        let position = ring.next_position();
        words.lease().queue(position);
        uses[slot as usize] = Use::Published { position };
        *reserved -= 1;
        ring.publish(slot, |old| {
            let published = Use::Published { position: old.position };
            if uses[old.slot as usize] == published {
                segment.slot(old.slot).lease().name_owner(old.position, old.owner);
            }
        });
        Ticket { slot, position }
    }

    /// Wakes a worker if one sleeps.
    #[inline]
    pub fn ring(&self) {
        self.segment.worker_bell().ring(0);
    }

    /// Takes a queued slot back, so that it is free again; false if a worker has begun it or the ticket is over.
    #[inline]
    pub fn recall(&mut self, ticket: Ticket) -> bool {
        if !self.is_current(ticket) || !self.segment.slot(ticket.slot).lease().recall(ticket.position) {
            return false;
        }
        let ring = self.segment.submission();
        ring.withdraw(ticket.position, ticket.slot);
        self.uses[ticket.slot as usize] = Use::Free;
        self.free.push(ticket.slot);
        true
    }

    /// Shows all completions of all workers, each worker's in order, and returns how many there were.
    #[inline]
    pub fn drain(&mut self, each: &mut dyn FnMut(Done<'_>)) -> usize {
        let segment = self.segment.clone();
        let mut count = 0;
        for worker in 0..segment.geometry().workers {
            let ring = segment.completion(worker);
            while let Some(ticket) = ring.pop() {
                // It is not if it was recovered as lost before it was collected here.
                if self.is_current(ticket) {
                    each(Done::new(&segment, worker, ticket));
                    self.set_free(ticket);
                    count += 1;
                }
            }
        }
        count
    }

    /// Tells whether a worker has completed something that was not collected.
    #[inline]
    #[must_use]
    pub fn has_completions(&self) -> bool {
        let segment = &self.segment;
        (0..segment.geometry().workers).any(|worker| !segment.completion(worker).is_empty())
    }

    /// Returns how many slots wait for a worker; recalled ones may be counted until the workers come past them.
    #[inline]
    #[must_use]
    pub fn queued(&self) -> usize {
        self.segment.submission().len()
    }

    /// Returns how many slots are published and not collected.
    #[inline]
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.uses.len() - self.free.len() - self.reserved as usize
    }

    /// Returns where a slot is.
    #[must_use]
    pub fn state(&self, ticket: Ticket) -> SlotState {
        if !self.is_current(ticket) {
            return SlotState::Gone;
        }
        let slot = self.segment.slot(ticket.slot);
        let lease = slot.lease().load();
        match lease.state {
            LeaseState::Free => SlotState::Gone,
            LeaseState::Queued => SlotState::Queued,
            LeaseState::Running => SlotState::Running {
                worker: lease.owner.saturating_sub(1),
                started_ns: slot.started(),
                items: slot.progress().items,
            },
            LeaseState::Done => SlotState::Done,
        }
    }

    /// Shows every slot that a dead worker had, in order of publishing, frees them, and repairs the bells.
    ///
    /// Call it when the worker is surely dead, after a last [`ParentPort::drain`]; then
    /// [`Arena::recover`](crate::Arena::recover). After both the worker's number may be used again.
    pub fn recover(&mut self, worker: u32, each: &mut dyn FnMut(Lost<'_>)) {
        let segment = self.segment.clone();
        let dead: Process = worker + 1;
        for (ticket, kind) in self.lost_by(dead) {
            each(Lost::new(&segment, ticket, kind));
            self.set_free(ticket);
        }
        let record = segment.worker(worker);
        record.set_pid(0);
        record.set_current(0);
        let ring = segment.submission();
        segment.worker_bell().recover(dead, || ring.has_live());
    }

    fn lost_by(&self, dead: Process) -> Vec<(Ticket, LostKind)> {
        let ring = self.segment.submission();
        let newest = ring.next_position();
        let mut lost = Vec::new();
        for (slot, usage) in (0..).zip(&self.uses) {
            let Use::Published { position } = *usage else {
                continue;
            };
            let lease = self.segment.slot(slot).lease().load();
            let is_claimed = || ring.is_owned_by(dead, position, slot);
            let kind = match lease.state {
                LeaseState::Queued if lease.owner == dead => LostKind::Taken,
                // Its name may still be on the ring alone (invariant 6 of the lease).
                LeaseState::Queued if lease.owner == 0 && is_claimed() => LostKind::Taken,
                LeaseState::Running if lease.owner == dead => LostKind::Running,
                LeaseState::Done if lease.owner == dead => LostKind::Finished,
                _ => continue,
            };
            lost.push((Ticket { slot, position }, kind));
        }
        lost.sort_by_key(|(ticket, _)| std::cmp::Reverse(newest.wrapping_sub(ticket.position)));
        lost
    }

    #[inline]
    fn is_current(&self, ticket: Ticket) -> bool {
        let published = Use::Published { position: ticket.position };
        self.uses.get(ticket.slot as usize) == Some(&published)
    }

    #[inline]
    fn set_free(&mut self, ticket: Ticket) {
        self.segment.slot(ticket.slot).lease().free(ticket.position);
        self.uses[ticket.slot as usize] = Use::Free;
        self.free.push(ticket.slot);
    }
}
