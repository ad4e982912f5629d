//! A queue of tasks in submission order, fast where tasks come in that order.
//!
//! # Invariants
//!
//! 1. `line` is sorted by submission order; so is `early`, being a map.
//! 2. An entry of `line` without a task was removed; the first and the last entry always have one.
//! 3. `live` counts the entries of both that have a task.

use std::collections::{BTreeMap, VecDeque};

use crate::id::TaskId;

/// Tasks sorted by submission order.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    line: VecDeque<(u64, Option<TaskId>)>,
    /// Tasks that came between two of `line`: after a retry, a parent, or a place without room.
    early: BTreeMap<u64, TaskId>,
    live: usize,
}

impl Queue {
    pub(crate) fn is_empty(&self) -> bool {
        self.live == 0
    }

    pub(crate) fn insert(&mut self, order: u64, task: TaskId) {
        self.live += 1;
        if self.line.back().is_none_or(|last| last.0 < order) {
            self.line.push_back((order, Some(task)));
        } else if self.line.front().is_some_and(|first| order < first.0) {
            self.line.push_front((order, Some(task)));
        } else {
            self.early.insert(order, task);
        }
    }

    /// Returns the lowest submission order in the queue.
    pub(crate) fn first(&self) -> Option<u64> {
        let line = self.line.front().map(|first| first.0);
        if self.early.is_empty() {
            return line;
        }
        let early = self.early.first_key_value().map(|(&order, _)| order);
        line.into_iter().chain(early).min()
    }

    /// Takes the task with this submission order, wherever it stands; the first one at once.
    pub(crate) fn remove(&mut self, order: u64) -> Option<TaskId> {
        let position = if self.line.front().is_some_and(|first| first.0 == order) {
            0
        } else if let Some(task) = self.early.remove(&order) {
            self.live -= 1;
            return Some(task);
        } else {
            self.line.binary_search_by_key(&order, |entry| entry.0).ok()?
        };
        let task = self.line[position].1.take()?;
        self.live -= 1;
        self.trim();
        Some(task)
    }

    /// Restores invariant 2, and keeps the removed entries fewer than the others.
    fn trim(&mut self) {
        while self.line.front().is_some_and(|entry| entry.1.is_none()) {
            self.line.pop_front();
        }
        while self.line.back().is_some_and(|entry| entry.1.is_none()) {
            self.line.pop_back();
        }
        if self.line.len() > 2 * self.live + 64 {
            self.line.retain(|entry| entry.1.is_some());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::{ProptestConfig, any, prop_assert, prop_assert_eq, proptest};

    use super::{Queue, TaskId};

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn the_queue_is_a_sorted_map(moves in proptest::collection::vec((0..4_u8, any::<u16>()), 0..600)) {
            let mut queue = Queue::default();
            let mut model = BTreeMap::new();
            let mut latest = 1000;
            for (action, draw) in moves {
                match action {
                    0 => {
                        latest += 1;
                        queue.insert(latest, TaskId::from_u64(latest));
                        model.insert(latest, TaskId::from_u64(latest));
                    }
                    1 => {
                        let order = u64::from(draw) % latest;
                        model.entry(order).or_insert_with(|| {
                            queue.insert(order, TaskId::from_u64(order));
                            TaskId::from_u64(order)
                        });
                    }
                    2 => {
                        let drawn = usize::from(draw) % model.len().max(1);
                        if let Some(&order) = model.keys().nth(drawn) {
                            prop_assert_eq!(queue.remove(order), model.remove(&order));
                        }
                    }
                    _ => {
                        let first = queue.first();
                        prop_assert_eq!(first.and_then(|order| queue.remove(order)), model.pop_first().map(|first| first.1));
                        prop_assert_eq!(queue.remove(latest + 1), None);
                    }
                }
                prop_assert_eq!(queue.first(), model.keys().next().copied());
                prop_assert_eq!(queue.is_empty(), model.is_empty());
            }
        }

        #[test]
        fn removed_entries_take_no_room(count in 100..2000_u64, kept in 1..20_u64) {
            let mut queue = Queue::default();
            for order in 0..count {
                queue.insert(order, TaskId::from_u64(order));
            }
            for order in (0..count).filter(|order| order % (count / kept) != 0) {
                queue.remove(order);
            }
            prop_assert!(queue.line.len() <= 2 * queue.live + 64);
        }
    }
}
