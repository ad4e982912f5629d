//! The runtime: takes work, lets the scheduler decide, brings it to workers, threads and loops, and tells when it is done.

pub mod error;

pub mod host;

pub mod cell;

pub mod outcome;

pub mod function;

pub mod work;

pub mod stats;

pub mod map;

mod inline;

mod core;

mod steward;

pub mod runtime;

pub mod mapping;

pub use crate::core::Cancelling;
pub use error::{ErrorKind, RuntimeError};
pub use host::{Host, Notice};
pub use runtime::{Config, Runtime};
