//! What a task is and when it may run: a pure state machine driven by events, with no thread and no clock of its own.
//!
//! Every module uses only those above it in this list.

mod time;

mod seed;

mod id;

mod place;

mod limit;

mod permits;

mod retry;

mod spec;

mod attempt;

mod outcome;

mod cancel;

mod parents;

mod record;

mod counts;

mod slab;

mod timers;

mod queue;

mod ready;

mod tasks;

mod scheduler;

mod chunk;

mod order;

mod window;

mod failure;

mod tree;

mod marks;

mod cutter;

mod stage_times;

pub use attempt::{AttemptEnd, Start, Verdict};
pub use cancel::CancelVerdict;
pub use chunk::ChunkPolicy;
pub use counts::Counts;
pub use cutter::{Batch, Cutter};
pub use failure::{ErrorPolicy, FailedItem, Failures};
pub use id::TaskId;
pub use limit::{Limit, LimitId};
pub use marks::{Mark, Marks};
pub use order::OrderBuffer;
pub use outcome::Settlement;
pub use place::Place;
pub use retry::{Backoff, Retry};
pub use scheduler::Scheduler;
pub use seed::{Path, Seed};
pub use spec::Spec;
pub use stage_times::{Condition, StageTimes};
pub use time::Nanos;
pub use tree::{Combine, Node, ReductionTree};
pub use window::Window;
