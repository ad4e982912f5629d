//! Files of this machine on blocking threads: whole reads, atomic writes, and walks whose order never depends on the disk.

pub mod error;

pub mod hop;

pub mod read;

pub mod replace;

pub mod write;

pub mod wildcard;

pub mod pattern;

pub mod walk;

pub use error::FileError;
pub use read::read;
pub use walk::{Walk, WalkOptions, glob, walk};
pub use write::{WriteOptions, write};
