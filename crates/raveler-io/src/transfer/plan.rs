//! Which stretches of a file are missing, and who fills them.

use std::collections::VecDeque;

use super::part::Stretch;

/// The smallest stretch that is worth a request of its own, and the largest.
const SMALLEST: u64 = 1 << 20;
const LARGEST: u64 = 64 << 20;
/// The stretches for each connection: several, so that the fast ones take over from the slow ones.
const SHARES: u64 = 4;

/// The stretches that wait, and those being filled.
#[derive(Debug, Default)]
pub struct Plan {
    waiting: VecDeque<Stretch>,
    under_way: Vec<Option<Stretch>>,
}

impl Plan {
    /// Cuts what is missing into stretches for some connections.
    ///
    /// If a body is open at the beginning already, the first stretch is its share: to leave it would cost its connection.
    #[must_use]
    pub fn new(missing: &[Stretch], connections: usize, is_begun: bool) -> Self {
        let left: u64 = missing.iter().map(|(from, until)| until - from).sum();
        let connections = u64::try_from(connections).unwrap_or(1).max(1);
        let usual = left.div_ceil(connections * SHARES).next_multiple_of(SMALLEST).clamp(SMALLEST, LARGEST);
        let mut length = if is_begun { left.div_ceil(connections).next_multiple_of(SMALLEST) } else { usual };
        let mut waiting = VecDeque::new();
        for (mut from, until) in missing.iter().copied() {
            while from < until {
                let end = until.min(from.saturating_add(length));
                waiting.push_back((from, end));
                from = end;
                length = usual;
            }
        }
        Self { waiting, under_way: Vec::new() }
    }

    /// Returns a number for somebody who fills stretches.
    pub fn join(&mut self) -> usize {
        self.under_way.push(None);
        self.under_way.len() - 1
    }

    /// Takes the next stretch.
    pub fn take(&mut self, who: usize) -> Option<Stretch> {
        let stretch = self.waiting.pop_front();
        self.under_way[who] = stretch;
        stretch
    }

    /// Writes down how far somebody has come.
    pub fn advance(&mut self, who: usize, position: u64) {
        if let Some((from, until)) = &mut self.under_way[who] {
            *from = position.min(*until);
        }
    }

    /// Puts what somebody has left back to those that wait; returns whether there was any.
    pub fn leave(&mut self, who: usize) -> bool {
        match self.under_way[who].take() {
            Some((from, until)) if from < until => {
                self.waiting.push_front((from, until));
                true
            }
            _ => false,
        }
    }

    /// Returns what is missing, in order.
    #[must_use]
    pub fn missing(&self) -> Vec<Stretch> {
        let all = self.waiting.iter().chain(self.under_way.iter().flatten());
        let mut missing: Vec<Stretch> = all.copied().filter(|(from, until)| from < until).collect();
        missing.sort_unstable();
        missing
    }

    /// Returns how many bytes are missing.
    #[must_use]
    pub fn left(&self) -> u64 {
        self.missing().iter().map(|(from, until)| until - from).sum()
    }
}
