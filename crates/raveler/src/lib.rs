//! The runtime: takes work, lets the scheduler decide, brings it to workers, threads and loops, and tells when it is done.

pub mod error;

pub mod host;

pub mod cell;

pub mod outcome;

pub mod function;

pub mod work;

pub mod stats;

pub mod map;

pub mod config;

mod arrival;

mod entry;

mod inline;

mod core;

mod landing;

pub mod stopping;

mod burial;

mod timing;

mod steward;

mod shared;

mod loans;

mod eye;

pub mod native;

pub mod runtime;

mod tasks;

pub mod mapping;

pub use config::Config;
pub use error::{ErrorKind, RuntimeError};
pub use host::{Host, Notice};
pub use runtime::Runtime;
pub use stopping::Cancelling;
