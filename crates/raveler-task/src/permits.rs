//! Every limit of a scheduler, and the sets of limits that its tasks ask for.

use crate::limit::{Limit, LimitId, Limiter, Opening};
use crate::time::Nanos;

/// Which limits a task needs: all tasks that need the same share one set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SetId(u32);

impl SetId {
    /// No limit at all.
    pub(crate) const NONE: Self = Self(0);

    pub(crate) fn new(index: usize) -> Self {
        Self(u32::try_from(index).expect("fewer than 2^32 sets of limits are ever asked for"))
    }

    pub(crate) const fn index(self) -> usize {
        self.0 as usize
    }

    pub(crate) const fn is_none(self) -> bool {
        self.0 == 0
    }
}

#[derive(Debug)]
pub(crate) struct Permits {
    limiters: Vec<Limiter>,
    sets: Vec<Vec<LimitId>>,
}

impl Permits {
    pub(crate) fn new() -> Self {
        Self { limiters: Vec::new(), sets: vec![Vec::new()] }
    }

    pub(crate) fn add(&mut self, limit: Limit) -> LimitId {
        self.limiters.push(Limiter::new(limit));
        LimitId::new(self.limiters.len() - 1)
    }

    /// Returns the set of these limits; the number of different sets is the number of different options, so it is small.
    pub(crate) fn set(&mut self, mut limits: Vec<LimitId>) -> SetId {
        limits.sort_unstable();
        limits.dedup();
        let unknown = limits.last().is_some_and(|limit| limit.index() >= self.limiters.len());
        assert!(!unknown, "the limit belongs to another scheduler; add it to this one");
        if let Some(index) = self.sets.iter().position(|set| *set == limits) {
            return SetId::new(index);
        }
        self.sets.push(limits);
        SetId::new(self.sets.len() - 1)
    }

    pub(crate) fn admits(&self, set: SetId, now: Nanos) -> bool {
        self.sets[set.index()].iter().all(|limit| self.limiters[limit.index()].opening(now) == Opening::Now)
    }

    /// Returns when the passing of time alone lets a task with this set start; nothing if it could start at `now`, or if it
    /// waits for another task to end.
    pub(crate) fn opens_at(&self, set: SetId, now: Nanos) -> Option<Nanos> {
        let mut latest = None;
        for limit in &self.sets[set.index()] {
            match self.limiters[limit.index()].opening(now) {
                Opening::Now => {}
                Opening::At(at) => latest = latest.max(Some(at)),
                Opening::WithNextRelease => return None,
            }
        }
        latest
    }

    pub(crate) fn take(&mut self, set: SetId, now: Nanos) {
        for limit in &self.sets[set.index()] {
            self.limiters[limit.index()].take(now);
        }
    }

    pub(crate) fn release(&mut self, set: SetId) {
        for limit in &self.sets[set.index()] {
            self.limiters[limit.index()].release();
        }
    }

    pub(crate) fn refund(&mut self, set: SetId, at: Nanos) {
        for limit in &self.sets[set.index()] {
            self.limiters[limit.index()].refund(at);
        }
    }
}
