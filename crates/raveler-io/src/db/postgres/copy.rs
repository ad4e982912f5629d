//! Rows into a PostgreSQL table by COPY: in its binary form where every value has one, else as text.

use std::pin::pin;
use std::sync::Arc;

use bytes::{BufMut, Bytes};
use futures_util::SinkExt;
use tokio_postgres::types::IsNull;

use super::connection::{Connection, Prepared};
use super::encode::{check, write_binary, written};
use super::session::{control, quoted};
use crate::db::batch::Batch;
use crate::db::cell::Cell;
use crate::db::error::DbError;
use crate::db::feed::Feed;
use crate::db::wire::Decoder;

/// Bytes that are sent at once.
const PIECE: usize = 128 << 10;
/// How a binary copy begins: a signature, no flags, no extension.
const HEADER: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
/// How it ends: where a row would have its number of values.
const TRAILER: i16 = -1;

/// Where rows go: a table's quoted name, its columns and what they take.
struct Goal<'a> {
    connection: &'a Connection,
    table: String,
    names: String,
    shape: Prepared,
    places: Vec<Decoder>,
}

/// Copies rows into `columns` of a table: all or none.
///
/// # Errors
///
/// If the server refuses a row, or a value does not fit its column.
pub async fn copy_in(
    connection: &Connection,
    table: &str,
    columns: &[Arc<str>],
    rows: &Feed,
    is_within: bool,
) -> Result<u64, DbError> {
    let table = quoted(table, true);
    let names: Vec<String> = columns.iter().map(|column| quoted(column, false)).collect();
    let names = names.join(", ");
    // What the columns take is asked each time: the table may have changed.
    let shape = connection.prepare_anew(&format!("SELECT {names} FROM {table} LIMIT 0")).await?;
    let places = shape.statement.columns().iter().map(|column| Decoder::of(column.type_())).collect();
    let goal = Goal { connection, table, names, shape, places };
    if let Some(count) = goal.copy(rows, true).await? {
        return Ok(count);
    }
    // A value has no binary form: the server reads it as text.
    if is_within {
        control(connection, "ROLLBACK TO SAVEPOINT raveler_many").await?;
    }
    let count = goal.copy(rows, false).await?;
    count.ok_or_else(|| {
        DbError::Value(String::from("the rows can't be written as text; report the types of their values"))
    })
}

impl Goal<'_> {
    /// Copies rows in one form; none if a value does not have it, and nothing is copied then.
    async fn copy(&self, rows: &Feed, is_binary: bool) -> Result<Option<u64>, DbError> {
        let fault = |error: tokio_postgres::Error| self.connection.fault(&error);
        let form = if is_binary { "BINARY" } else { "TEXT" };
        let statement = format!("COPY {} ({}) FROM STDIN WITH (FORMAT {form})", self.table, self.names);
        let sink = self.connection.client.copy_in::<_, Bytes>(&statement).await.map_err(fault)?;
        let mut sink = pin!(sink);
        let room = PIECE + PIECE / 8;
        let mut piece = Vec::with_capacity(room);
        if is_binary {
            piece.put_slice(HEADER);
        }
        let (mut number, mut before) = (0, 0);
        while let Some(batch) = rows.batch(number).await? {
            for row in 0..batch.len() {
                if !is_binary {
                    self.check(&batch, row, before)?;
                    write_line(&self.places, &batch, row, &mut piece);
                } else if write_row(&self.places, &batch, row, &mut piece).is_none() {
                    self.check(&batch, row, before)?;
                    return Ok(None);
                }
                if piece.len() >= PIECE {
                    let full = std::mem::replace(&mut piece, Vec::with_capacity(room));
                    sink.feed(full.into()).await.map_err(fault)?;
                }
            }
            number += 1;
            before += batch.len();
        }
        if is_binary {
            piece.put_i16(TRAILER);
        }
        sink.send(piece.into()).await.map_err(fault)?;
        sink.finish().await.map(Some).map_err(fault)
    }

    /// Refuses values that do not fit their column.
    fn check(&self, batch: &Batch, row: usize, before: usize) -> Result<(), DbError> {
        let columns = self.shape.statement.columns();
        for (index, (cell, place)) in batch.row(row).zip(&self.places).enumerate() {
            let column = &columns[index];
            check(index, &cell, place, column.type_())
                .map_err(|_| misfit(before + row, column.name(), column.type_().name(), &cell))?;
        }
        Ok(())
    }
}

fn misfit(row: usize, column: &str, kind: &str, cell: &Cell<'_>) -> DbError {
    DbError::Value(format!(
        "row {row} has a value of type {} for the column {column}, which is {kind}, and it does not fit; convert it first",
        cell.kind()
    ))
}

/// Writes a row in binary form, or returns nothing where a value has none.
fn write_row(places: &[Decoder], rows: &Batch, row: usize, piece: &mut Vec<u8>) -> Option<()> {
    piece.put_i16(i16::try_from(places.len()).ok()?);
    for (cell, place) in rows.row(row).zip(places) {
        let start = piece.len();
        piece.put_i32(-1);
        if matches!(write_binary(&cell, place, piece)?, IsNull::No) {
            let length = i32::try_from(piece.len() - start - 4).ok()?;
            piece[start..start + 4].copy_from_slice(&length.to_be_bytes());
        }
    }
    Some(())
}

fn write_line(places: &[Decoder], rows: &Batch, row: usize, piece: &mut Vec<u8>) {
    for (index, (cell, place)) in rows.row(row).zip(places).enumerate() {
        if index > 0 {
            piece.put_u8(b'\t');
        }
        if matches!(cell, Cell::Null) {
            piece.put_slice(b"\\N");
            continue;
        }
        for byte in written(&cell, place).bytes() {
            match byte {
                b'\\' => piece.put_slice(b"\\\\"),
                b'\t' => piece.put_slice(b"\\t"),
                b'\n' => piece.put_slice(b"\\n"),
                b'\r' => piece.put_slice(b"\\r"),
                other => piece.put_u8(other),
            }
        }
    }
    piece.put_u8(b'\n');
}
