//! Draws that depend on the seed of a history and on nothing else.

use raveler_task::Seed;

pub struct Dice {
    seed: Seed,
    draws: u64,
}

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self { seed: Seed::root(seed), draws: 0 }
    }

    /// Returns a number below `bound`.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.draws += 1;
        self.seed.child(self.draws).to_u64() % bound
    }

    /// Returns an index of a list of this length.
    pub fn index(&mut self, len: usize) -> usize {
        usize::try_from(self.below(len as u64)).expect("an index fits")
    }

    pub fn percent(&mut self, chance: u64) -> bool {
        self.below(100) < chance
    }
}
