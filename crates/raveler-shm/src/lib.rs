//! The memory that the parent and its workers share: one segment with rings, slots and an arena of blocks.
#![cfg(not(loom))]
#![expect(unsafe_code, reason = "a mapping shared with other processes is outside what the compiler can check")]
#![expect(
    clippy::disallowed_types,
    reason = "the words in shared memory are atomics; all orderings but those of this crate's own fields are in raveler-sync"
)]

mod error;

mod words;

mod geometry;

mod layout;

mod birthmark;

mod mapping;

mod block_id;

mod registry;

mod slot;

mod worker_record;

mod segment;

mod holding;

mod private_block;

mod block;

mod arena;

mod collected;

mod parent_port;

mod parent_bell;

mod taken;

mod worker_port;

pub use arena::Arena;
pub use block::Block;
pub use block_id::BlockId;
pub use collected::{Done, Lost, LostKind, SlotState};
pub use error::ShmError;
pub use geometry::Geometry;
pub use parent_bell::ParentBell;
pub use parent_port::{FreeSlot, ParentPort};
pub use private_block::PrivateBlock;
pub use raveler_sync::{Awoken, Process, Ticket, Wanted};
pub use segment::Segment;
pub use taken::Taken;
pub use words::{ARGS_MAX, RESULTS_MAX};
pub use worker_port::WorkerPort;
pub use worker_record::WorkerRecord;
