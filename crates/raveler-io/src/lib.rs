//! Reads and writes on devices, in Rust: HTTP, transfers, databases and files on one Tokio runtime.

pub mod files;

pub mod transfer;
