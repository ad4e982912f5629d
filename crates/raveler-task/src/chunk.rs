//! How many items of a `map` go into one frame.

use crate::time::Nanos;

/// The work that one frame shall hold.
const TARGET: Nanos = 1_000_000;

/// The most items in one frame.
const LARGEST: usize = 8192;

/// The most items in one frame while nobody knows how long they take: a bound on what a slow item can hold up.
const LARGEST_UNMEASURED: usize = 64;

/// How much larger than a measured frame the next may be.
const GROWTH: usize = 8;

/// The part of a new measurement in the average.
const WEIGHT: f64 = 0.25;

/// Chooses the size of each frame, from what earlier frames took.
///
/// Slowness is believed at once and speed only by and by: a frame that is too small costs microseconds, one that is too
/// large keeps items waiting behind a slow one.
#[derive(Clone, Debug)]
pub struct ChunkPolicy {
    rule: Rule,
}

#[derive(Clone, Debug)]
enum Rule {
    Fixed(usize),
    Auto(Auto),
}

#[derive(Clone, Debug)]
struct Auto {
    workers: usize,
    /// Frames that were sized before the first measurement.
    unmeasured: usize,
    /// The average time of one item.
    item: Option<f64>,
    /// The largest frame that measurements so far allow.
    allowed: usize,
}

impl ChunkPolicy {
    /// Returns a policy that aims at frames of about a millisecond of work for `workers` workers.
    #[must_use]
    pub const fn auto(workers: usize) -> Self {
        let workers = if workers == 0 { 1 } else { workers };
        Self { rule: Rule::Auto(Auto { workers, unmeasured: 0, item: None, allowed: 1 }) }
    }

    /// Returns a policy of always `items` items; 0 means 1.
    #[must_use]
    pub const fn fixed(items: usize) -> Self {
        Self { rule: Rule::Fixed(if items == 0 { 1 } else { items }) }
    }

    /// Returns how many items the next frame takes, at least 1; `remaining` is how many are left, where that is known.
    pub fn next_size(&mut self, remaining: Option<u64>) -> usize {
        match &mut self.rule {
            Rule::Fixed(items) => *items,
            Rule::Auto(auto) => auto.next_size(remaining),
        }
    }

    /// Notes that a worker was busy for `busy` with a frame of `items` items.
    pub fn observe(&mut self, items: usize, busy: Nanos) {
        if let Rule::Auto(auto) = &mut self.rule
            && items > 0
        {
            auto.observe(items, busy);
        }
    }

    /// Returns the average time of one item in nanoseconds, once it was measured.
    #[must_use]
    pub const fn item_time(&self) -> Option<f64> {
        match &self.rule {
            Rule::Fixed(_) => None,
            Rule::Auto(auto) => auto.item,
        }
    }
}

impl Auto {
    fn next_size(&mut self, remaining: Option<u64>) -> usize {
        let size = match self.item {
            None => self.size_unmeasured(),
            Some(item) => wanted(item).min(self.allowed),
        };
        let fair = remaining.map_or(LARGEST, |remaining| {
            let shares = 4 * self.workers as u64;
            usize::try_from(remaining.div_ceil(shares)).unwrap_or(LARGEST)
        });
        size.min(fair).max(1)
    }

    /// One frame a worker of 1 item, then one of 4, and so on.
    fn size_unmeasured(&mut self) -> usize {
        let round = self.unmeasured / self.workers;
        self.unmeasured += 1;
        let exponent = u32::try_from(round).unwrap_or(u32::MAX);
        4_usize.saturating_pow(exponent).min(LARGEST_UNMEASURED)
    }

    #[expect(clippy::cast_precision_loss, reason = "an average needs no more than 53 bits")]
    fn observe(&mut self, items: usize, busy: Nanos) {
        let measured = busy as f64 / items as f64;
        let is_slow = busy > 2 * TARGET;
        let item = match self.item {
            None => measured,
            Some(item) if is_slow && measured > item => measured,
            Some(item) => item + WEIGHT * (measured - item),
        };
        self.item = Some(item);
        self.allowed = self.allowed.max(items.saturating_mul(GROWTH)).min(LARGEST);
        if is_slow {
            self.allowed = self.allowed.min(wanted(item).saturating_mul(GROWTH));
        }
    }
}

/// Returns how many items of this time make a frame.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a cast from a float saturates, and the result is clamped"
)]
fn wanted(item: f64) -> usize {
    ((TARGET as f64 / item.max(1.0)) as usize).clamp(1, LARGEST)
}
