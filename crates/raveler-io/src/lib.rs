//! Reads and writes on devices, in Rust: HTTP, transfers, databases and files on one Tokio runtime.

pub mod reactor;

pub mod files;

pub mod http;

pub mod transfer;

pub mod db;
