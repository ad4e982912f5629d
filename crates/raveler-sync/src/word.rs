//! What the 64-bit words of the protocols say, and how they are packed.

/// The number of a process: 0 is the parent, worker `i` is `i + 1`.
pub type Process = u32;

/// The most processes that a segment serves, the parent among them.
pub const PROCESSES_MAX: u32 = 448;

/// The most slots: what fits the slot field of a ring entry.
pub const SLOTS_MAX: u32 = 1 << SLOT_BITS;

/// The owner field of a ring entry that the parent took back.
pub const WITHDRAWN: u32 = OWNER_MASK;

const SLOT_BITS: u32 = 20;
const OWNER_BITS: u32 = 12;
const OWNER_MASK: u32 = (1 << OWNER_BITS) - 1;
const STATE_BITS: u32 = 4;

/// What the parent holds of a published slot: where it is and which of its uses is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Ticket {
    /// The slot's number.
    pub slot: u32,
    /// The position on the submission ring at which it was published, modulo 2^32.
    pub position: u32,
}

impl Ticket {
    /// Returns the ticket as one word.
    #[inline]
    #[must_use]
    pub const fn to_u64(self) -> u64 {
        ((self.position as u64) << 32) | self.slot as u64
    }

    /// Returns the ticket that [`Ticket::to_u64`] packed.
    #[inline]
    #[must_use]
    pub const fn from_u64(word: u64) -> Self {
        Self { slot: low(word), position: high(word) }
    }
}

/// What an entry of the submission ring says: `position(32) | owner(12) | slot(20)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claimed {
    /// The position on the ring, modulo 2^32.
    pub position: u32,
    /// The process that claimed it; 0 if nobody did, [`WITHDRAWN`] if the parent took it back.
    pub owner: Process,
    /// The slot that was published.
    pub slot: u32,
}

impl Claimed {
    /// Returns the entry as one word.
    #[inline]
    #[must_use]
    pub const fn pack(self) -> u64 {
        ((self.position as u64) << 32)
            | (((self.owner & OWNER_MASK) as u64) << SLOT_BITS)
            | (self.slot & (SLOTS_MAX - 1)) as u64
    }

    /// Returns the entry that a word holds.
    #[inline]
    #[must_use]
    pub const fn unpack(word: u64) -> Self {
        Self { position: high(word), owner: (low(word) >> SLOT_BITS) & OWNER_MASK, slot: low(word) & (SLOTS_MAX - 1) }
    }

    /// Returns the slot and the use of it that the entry is about.
    #[inline]
    #[must_use]
    pub const fn ticket(self) -> Ticket {
        Ticket { slot: self.slot, position: self.position }
    }
}

/// What a slot is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LeaseState {
    /// It belongs to the parent.
    Free,
    /// It was published; whoever claims its ring entry may run it.
    Queued,
    /// A worker runs it.
    Running,
    /// Its results are complete; the parent has not collected them.
    Done,
}

/// What a lease says: `position(32) | owner(12) | state(4)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeaseWord {
    /// The position at which the slot was published.
    pub position: u32,
    /// The worker that has it; 0 if that is not known here (its ring entry may know).
    pub owner: Process,
    /// What the slot is doing.
    pub state: LeaseState,
}

impl LeaseWord {
    /// Returns the lease as one word.
    #[inline]
    #[must_use]
    pub const fn pack(self) -> u64 {
        let state = match self.state {
            LeaseState::Free => 0,
            LeaseState::Queued => 1,
            LeaseState::Running => 2,
            LeaseState::Done => 3,
        };
        ((self.position as u64) << 32) | (((self.owner & OWNER_MASK) as u64) << STATE_BITS) | state
    }

    /// Returns the lease that a word holds.
    #[inline]
    #[must_use]
    pub const fn unpack(word: u64) -> Self {
        let state = match low(word) & ((1 << STATE_BITS) - 1) {
            1 => LeaseState::Queued,
            2 => LeaseState::Running,
            3 => LeaseState::Done,
            _ => LeaseState::Free,
        };
        Self { position: high(word), owner: (low(word) >> STATE_BITS) & OWNER_MASK, state }
    }
}

#[inline]
#[expect(clippy::cast_possible_truncation, reason = "the low half is meant")]
pub(crate) const fn low(word: u64) -> u32 {
    word as u32
}

#[inline]
pub(crate) const fn high(word: u64) -> u32 {
    low(word >> 32)
}
