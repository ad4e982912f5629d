//! Worker processes: started by a zygote, fed through shared memory, watched by a supervisor, replaced when they die.

pub mod cores;
pub mod error;
pub mod token;

pub mod frame;
pub mod inbox;
pub mod interruption;

pub mod message;
pub mod nursery;
pub mod zygote;

pub mod worker;

pub mod certificate;

pub mod supervisor;

pub use certificate::Certificate;
pub use error::{ProcsError, WireError};
