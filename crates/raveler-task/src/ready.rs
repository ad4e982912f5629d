//! The tasks that may run, and the one decision which of them runs next.
//!
//! [`Ready::choose`] alone decides: another order of execution is another body of that function, and nothing else changes.

use crate::id::TaskId;
use crate::permits::{Permits, SetId};
use crate::place::Place;
use crate::queue::Queue;
use crate::time::Nanos;

/// The ready tasks of one place: a queue for each set of limits, so that tasks that wait for a limit stand in nobody's way.
#[derive(Debug, Default)]
struct Lanes {
    plain: Queue,
    /// By set of limits; the first is never used.
    limited: Vec<Queue>,
    /// How many tasks are in `limited`.
    limited_count: usize,
}

impl Lanes {
    fn lane(&mut self, set: SetId) -> &mut Queue {
        if set.is_none() {
            return &mut self.plain;
        }
        if self.limited.len() <= set.index() {
            self.limited.resize_with(set.index() + 1, Queue::default);
        }
        &mut self.limited[set.index()]
    }

    fn limited_sets(&self) -> impl Iterator<Item = (SetId, &Queue)> {
        let lanes = if self.limited_count == 0 { &[] } else { self.limited.as_slice() };
        lanes.iter().enumerate().filter(|(_, lane)| !lane.is_empty()).map(|(index, lane)| (SetId::new(index), lane))
    }
}

/// All ready tasks.
#[derive(Debug, Default)]
pub(crate) struct Ready {
    places: [Lanes; Place::ALL.len()],
}

impl Ready {
    pub(crate) fn insert(&mut self, place: Place, set: SetId, order: u64, task: TaskId) {
        let lanes = &mut self.places[place.index()];
        lanes.limited_count += usize::from(!set.is_none());
        lanes.lane(set).insert(order, task);
    }

    pub(crate) fn remove(&mut self, place: Place, set: SetId, order: u64) -> Option<TaskId> {
        let lanes = &mut self.places[place.index()];
        lanes.limited_count -= usize::from(!set.is_none());
        lanes.lane(set).remove(order)
    }

    /// Returns whether [`Ready::take`] would find a task.
    pub(crate) fn has_any(&self, place: Place, permits: &Permits, now: Nanos) -> bool {
        let lanes = &self.places[place.index()];
        !lanes.plain.is_empty() || lanes.limited_sets().any(|(set, _)| permits.admits(set, now))
    }

    /// Takes the task that runs next.
    pub(crate) fn take(&mut self, place: Place, permits: &Permits, now: Nanos) -> Option<TaskId> {
        let (order, set) = self.choose(place, permits, now)?;
        self.remove(place, set, order)
    }

    /// Decides which ready task runs next: the first in submission order among those whose limits have permits.
    fn choose(&self, place: Place, permits: &Permits, now: Nanos) -> Option<(u64, SetId)> {
        let lanes = &self.places[place.index()];
        let plain = lanes.plain.first().map(|order| (order, SetId::NONE));
        lanes
            .limited_sets()
            .filter(|(set, _)| permits.admits(*set, now))
            .filter_map(|(set, lane)| lane.first().map(|order| (order, set)))
            .chain(plain)
            .min_by_key(|candidate| candidate.0)
    }

    /// Returns when the passing of time alone lets a task start that cannot now.
    pub(crate) fn opens_at(&self, permits: &Permits, now: Nanos) -> Option<Nanos> {
        self.places.iter().flat_map(Lanes::limited_sets).filter_map(|(set, _)| permits.opens_at(set, now)).min()
    }
}
