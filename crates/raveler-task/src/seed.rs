//! Seeds of random streams: a tree of 128-bit values whose shape follows calls and items, never the clock.
//!
//! The values are part of the contract: the same program with the same seed draws the same numbers under every release.
//! The mixing function is the finaliser of `SplitMix64` (Steele, Lea and Flood, 2014), which is variant 13 of David Stafford's
//! improvements of the finaliser of `MurmurHash3`; two such lanes are crossed as in the last step of `MurmurHash3` for x64, 128 bits.

use std::fmt;

/// The increment of `SplitMix64`: 2^64 divided by the golden ratio, made odd.
const GAMMA: u64 = 0x9e37_79b9_7f4a_7c15;

/// Tells words that were made from a key from numbers of children.
const KEY: u64 = 0x6b65_7900_6b65_7900;

/// Returns `word` with every input bit spread over all output bits; one to one.
pub(crate) const fn mix(word: u64) -> u64 {
    let word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}

/// A node in the tree of seeds.
///
/// Siblings never share a value: for one parent, [`Seed::child`] is one to one.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Seed(u128);

impl Seed {
    /// Returns the root of the tree that a user's `seed` stands for.
    #[must_use]
    pub const fn root(seed: u64) -> Self {
        Self::cross(seed, GAMMA)
    }

    /// Returns the seed that [`Seed::to_u128`] made into `value`.
    #[must_use]
    pub const fn from_u128(value: u128) -> Self {
        Self(value)
    }

    /// Returns the seed as a number, for any generator that takes one.
    #[must_use]
    pub const fn to_u128(self) -> u128 {
        self.0
    }

    /// Returns the seed as a number of 64 bits, for a generator that takes no more.
    #[must_use]
    pub const fn to_u64(self) -> u64 {
        self.low() ^ self.high()
    }

    /// Returns the seed of child number `number`.
    #[must_use]
    pub const fn child(self, number: u64) -> Self {
        let key = mix(number.wrapping_add(GAMMA));
        Self::cross(self.low() ^ key, self.high() ^ mix(key.wrapping_add(GAMMA)))
    }

    /// Returns the seed of the child that is named by `key` instead of a number.
    #[must_use]
    pub fn keyed(self, key: &[u8]) -> Self {
        let mut seed = self.child(KEY ^ key.len() as u64);
        for part in key.chunks(8) {
            let mut word = [0; 8];
            word[..part.len()].copy_from_slice(part);
            seed = seed.child(u64::from_le_bytes(word));
        }
        seed
    }

    #[expect(clippy::cast_possible_truncation, reason = "the lower half is meant")]
    const fn low(self) -> u64 {
        self.0 as u64
    }

    const fn high(self) -> u64 {
        (self.0 >> 64) as u64
    }

    const fn cross(low: u64, high: u64) -> Self {
        let low = low.wrapping_add(high);
        let high = high.wrapping_add(low);
        let low = mix(low);
        let high = mix(high.wrapping_add(GAMMA));
        let low = low.wrapping_add(high);
        let high = high.wrapping_add(low);
        Self((high as u128) << 64 | low as u128)
    }
}

impl fmt::Debug for Seed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Seed({:#034x})", self.0)
    }
}

/// Where a task stands in the tree of calls: for each level of nesting, which call and which of its items.
///
/// Retries, chunk sizes and the number of workers do not appear in it, so they cannot change a random stream.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Path {
    steps: Vec<(u64, u64)>,
}

impl Path {
    /// Returns the path of the program itself.
    #[must_use]
    pub const fn root() -> Self {
        Self { steps: Vec::new() }
    }

    /// Returns the path of item `item` of call number `call` made at this path.
    #[must_use]
    pub fn item(&self, call: u64, item: u64) -> Self {
        let mut steps = Vec::with_capacity(self.steps.len() + 1);
        steps.extend_from_slice(&self.steps);
        steps.push((call, item));
        Self { steps }
    }

    /// Returns the calls and items from the outermost to the innermost.
    #[must_use]
    pub fn steps(&self) -> &[(u64, u64)] {
        &self.steps
    }

    /// Returns the seed of this path below `root`: `root.child(call).child(item)` for each step.
    #[must_use]
    pub fn seed(&self, root: Seed) -> Seed {
        self.steps.iter().fold(root, |seed, &(call, item)| seed.child(call).child(item))
    }
}

impl fmt::Display for Path {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        for (call, item) in &self.steps {
            write!(formatter, "{separator}{call}[{item}]")?;
            separator = "/";
        }
        Ok(())
    }
}
