//! All tasks of a scheduler, and how the end of one moves those that depend on it.
//!
//! # Invariants
//!
//! 1. A record is in exactly one [`State`]. A `Ready` task is in `ready`, a `Settled` one in `settled`, a `Waiting` one among
//!    the dependents of each parent that is not settled.
//! 2. `counts` has one for each record, under its state.

use std::collections::{BTreeMap, VecDeque};

use crate::counts::Counts;
use crate::id::TaskId;
use crate::outcome::Settlement;
use crate::parents::{Parent, Parents, Standing};
use crate::ready::Ready;
use crate::record::{Dependent, Record, State};
use crate::slab::Slab;

#[derive(Debug, Default)]
pub(crate) struct Tasks {
    pub(crate) slab: Slab,
    pub(crate) ready: Ready,
    pub(crate) counts: Counts,
    settled: VecDeque<(TaskId, Settlement)>,
}

/// Tasks that are to settle with their parent, by submission order: the task and the parent.
type Doomed = BTreeMap<u64, (TaskId, TaskId)>;

impl Tasks {
    /// Adds a task that is ready, or that waits for `parents`.
    pub(crate) fn add(&mut self, record: Record, parents: &[TaskId]) -> TaskId {
        let (place, limits, order) = (record.place, record.limits, record.order);
        self.counts.submitted += 1;
        self.counts.enter(record.state);
        let task = self.slab.insert(record);
        if parents.is_empty() {
            self.ready.insert(place, limits, order, task);
        } else {
            self.adopt(task, parents);
        }
        task
    }

    /// Moves a task to another state, out of no queue and into none.
    pub(crate) fn enter(&mut self, task: TaskId, state: State) -> &mut Record {
        let record = self.slab.expect_mut(task);
        self.counts.leave(record.state);
        self.counts.enter(state);
        record.state = state;
        record
    }

    pub(crate) fn make_ready(&mut self, task: TaskId) {
        let record = self.enter(task, State::Ready);
        let (place, limits, order) = (record.place, record.limits, record.order);
        self.ready.insert(place, limits, order, task);
    }

    /// Settles a task and, in submission order, everything that cannot run without its value.
    pub(crate) fn settle(&mut self, task: TaskId, settlement: Settlement) {
        let mut doomed = Doomed::new();
        self.settle_one(task, settlement, &mut doomed);
        while let Some((_, (child, parent))) = doomed.pop_first() {
            self.settle_one(child, Settlement::ParentFailed(parent), &mut doomed);
        }
    }

    pub(crate) fn pop_settled(&mut self) -> Option<(TaskId, Settlement)> {
        let (task, settlement) = self.settled.pop_front()?;
        self.counts.unpopped -= 1;
        self.slab.remove(task);
        Some((task, settlement))
    }

    /// Makes `task` wait for those of `parents` that are not settled.
    fn adopt(&mut self, task: TaskId, parents: &[TaskId]) {
        let mut list = Vec::with_capacity(parents.len());
        for (position, &parent) in (0..).zip(parents) {
            let Some(record) = self.slab.get_mut(parent) else {
                list.push(Parent::Done);
                continue;
            };
            list.push(match record.state {
                State::Settled { is_done: true } => Parent::Done,
                State::Settled { is_done: false } => Parent::Failed(parent),
                _ => {
                    record.extras_mut().dependents.push(Dependent { child: task, position });
                    Parent::Pending
                }
            });
        }
        let mut parents = Parents::new(list);
        match parents.standing() {
            Standing::Clear => self.make_ready(task),
            Standing::Waiting => self.slab.expect_mut(task).extras_mut().parents = parents,
            Standing::Doomed(parent) => self.settle(task, Settlement::ParentFailed(parent)),
        }
    }

    fn settle_one(&mut self, task: TaskId, settlement: Settlement, doomed: &mut Doomed) {
        let is_done = settlement.is_done();
        let record = self.enter(task, State::Settled { is_done });
        let dependents = record.extras.take().map_or_else(Vec::new, |extras| extras.dependents);
        self.counts.settle(settlement);
        self.settled.push_back((task, settlement));
        let parent = if is_done { Parent::Done } else { Parent::Failed(task) };
        for dependent in dependents {
            self.tell(dependent, parent, doomed);
        }
    }

    /// Tells a child how one of its parents ended.
    fn tell(&mut self, dependent: Dependent, parent: Parent, doomed: &mut Doomed) {
        let Dependent { child, position } = dependent;
        let Some(record) = self.slab.get_mut(child) else {
            return;
        };
        if record.state != State::Waiting {
            return;
        }
        let order = record.order;
        let parents = &mut record.extras_mut().parents;
        parents.set(position, parent);
        match parents.standing() {
            Standing::Waiting => {}
            Standing::Clear => {
                *parents = Parents::default();
                self.make_ready(child);
            }
            Standing::Doomed(parent) => {
                doomed.insert(order, (child, parent));
            }
        }
    }
}
