//! The protocols by which processes that may die at any instruction share memory, over words that somebody else owns.

#![expect(clippy::disallowed_types, reason = "this crate is the home of the atomics")]

pub mod sync;

pub mod step;

pub mod futex;

pub mod flag;

pub mod counter;

pub mod word;

pub mod lease;

pub mod submission;

pub mod completion;

pub mod worker_bell;

pub mod parent_bell;

pub mod holders;

pub use completion::CompletionRing;
pub use counter::Counter;
pub use flag::Flag;
pub use futex::{Awoken, FutexWord};
pub use holders::{Holders, Orphan};
pub use lease::Lease;
pub use parent_bell::{Notice, ParentBell, Wanted};
pub use submission::SubmissionRing;
pub use word::{Claimed, LeaseState, LeaseWord, Process, Ticket};
pub use worker_bell::{Sleep, Sleeper, WorkerBell};
