//! Databases: SQLite, PostgreSQL and MySQL behind one interface.

mod address;
mod arrow;
mod batch;
pub mod calendar;
mod cell;
mod database;
mod error;
mod feed;
mod mysql;
mod network;
mod numeric;
mod options;
mod pack;
mod postgres;
mod rows;
mod slices;
mod sqlite;
mod wire;

pub use arrow::ArrowTable;
pub use batch::{Batch, RowOfBatch};
pub use cell::{Cell, Value, uuid_text};
pub use database::{Database, RowStream, Transaction};
pub use error::DbError;
pub use feed::Feed;
pub use options::Options;
pub use rows::{Column, Row, Rows};
