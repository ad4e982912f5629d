//! What becomes of the work that a dead worker had.

use std::sync::Arc;

use raveler_events::clock;
use raveler_procs::Certificate;
use raveler_shm::{Arena, LostKind};
use raveler_task::AttemptEnd;

use crate::arrival::{Arrival, Loss};
use crate::core::Core;
use crate::entry::{Flight, Owner};
use crate::host::Host;
use crate::map::Content;
use crate::outcome::{Death, Outcome};
use crate::work::{Parcel, Work};

impl<H: Host> Core<H> {
    /// Recovers what a dead worker held.
    pub(crate) fn bury(&mut self, certificate: &Arc<Certificate>, arena: &Arena) {
        self.drain(arena);
        self.tally.deaths += 1;
        self.end_loans(certificate.worker, None);
        let now = clock::nanos();
        let mut lost = Vec::new();
        self.port.recover(certificate.worker, &mut |loss| lost.push(Loss::take(&loss, arena)));
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
    pub(crate) fn lose(&mut self, arrival: Arrival, kind: LostKind, certificate: &Arc<Certificate>, now: u64) {
        let Some(flight) = self.flights[arrival.ticket.slot as usize].take() else {
            return;
        };
        self.timed -= usize::from(flight.is_timed);
        let (task, attempt) = (flight.task, flight.attempt);
        let Some(entry) = self.entry(task) else {
            return;
        };
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
    pub(crate) fn frame_breaks(
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
        let Some(state) = self.maps.get_mut(&map) else {
            return;
        };
        let broken = first + u64::from(done);
        if end == AttemptEnd::Cancelled || done == items {
            return;
        }
        if !state.is_moot(broken) {
            state.arrive(broken, Content::Failure(Outcome::Died(death)));
            self.item_fails(map, broken);
        }
        let Some(state) = self.maps.get_mut(&map) else {
            return;
        };
        let rest = broken + 1;
        if done + 1 < items && !state.is_moot(rest) {
            let spec = state.options.spec.clone();
            if let Ok(bytes) = crate::work::without_items(&arrival.args, done as usize + 1) {
                let work = Work::Parcel(Parcel {
                    bytes,
                    blocks: flight.blocks.clone(),
                    function: Arc::clone(&flight.function),
                });
                let owner = Owner::Map { map, first: rest, items: items - done - 1, bytes: 0 };
                let task = self.submit(spec, owner, work, Vec::new(), clock::nanos());
                if let Some(state) = self.maps.get_mut(&map) {
                    state.frames.push(task);
                }
            }
        }
    }
}
