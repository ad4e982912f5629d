//! The sizes of a segment, as its maker wishes them.

use raveler_sync::word::{PROCESSES_MAX, SLOTS_MAX};

use crate::error::ShmError;
use crate::words::PAGE;

const SLOTS_DEFAULT: u32 = 4096;

/// How many workers, slots and bytes a segment has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Geometry {
    /// The number of workers, 1 to 447.
    pub workers: u32,
    /// The number of slots, a power of two up to 2^20.
    pub slots: u32,
    /// The bytes of address space for the blocks of one size, a power of two from 4 KiB on; also the largest block.
    pub memory: u64,
}

impl Geometry {
    /// The most workers that a segment serves.
    pub const WORKERS_MAX: u32 = PROCESSES_MAX - 1;

    /// Returns the geometry for so many workers on this machine: 4096 slots, blocks up to all of its memory.
    ///
    /// Address space costs nothing; memory is taken only by what is written.
    #[must_use]
    pub fn for_machine(workers: u32) -> Self {
        let system = rustix::system::sysinfo();
        let total = u128::from(system.totalram) * u128::from(system.mem_unit);
        let memory = u64::try_from(total).unwrap_or(1 << 40).clamp(1 << 30, 1 << 42);
        Self { workers, slots: SLOTS_DEFAULT, memory: memory.next_power_of_two() }
    }

    /// Tells whether a segment can be like this.
    ///
    /// # Errors
    ///
    /// [`ShmError::BadGeometry`] names the first field that can't.
    pub(crate) fn check(&self) -> Result<(), ShmError> {
        let fail = |what, value, must| Err(ShmError::BadGeometry { what, value, must });
        if self.workers == 0 || self.workers > Self::WORKERS_MAX {
            return fail("workers", u64::from(self.workers), "1 to 447");
        }
        if !self.slots.is_power_of_two() || self.slots > SLOTS_MAX {
            return fail("slots", u64::from(self.slots), "a power of two up to 2^20");
        }
        if !self.memory.is_power_of_two() || self.memory < PAGE || self.memory > 1 << 42 {
            return fail("memory", self.memory, "a power of two from 4 KiB to 4 TiB");
        }
        Ok(())
    }
}
