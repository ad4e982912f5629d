//! Rows into a PostgreSQL table by COPY: in its binary form where every value has one, else as text.

use std::fmt::Write as _;
use std::pin::pin;
use std::sync::Arc;

use bytes::{BufMut, Bytes, BytesMut};
use futures_util::SinkExt;
use tokio_postgres::types::IsNull;

use super::connection::{Connection, Prepared};
use super::encode::{check, has_binary, write_binary, written};
use super::session::quoted;
use crate::db::batch::Batch;
use crate::db::cell::Cell;
use crate::db::error::DbError;
use crate::db::wire::Decoder;

/// Bytes that are sent at once.
const PIECE: usize = 128 << 10;
/// How a binary copy begins: a signature, no flags, no extension.
const HEADER: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
/// How it ends: where a row would have its number of values.
const TRAILER: i16 = -1;

/// Copies rows into `columns` of a table: all or none.
///
/// # Errors
///
/// If the server refuses a row, or a value does not fit its column.
pub async fn copy_in(connection: &Connection, table: &str, columns: &[Arc<str>], rows: &Batch) -> Result<u64, DbError> {
    let table = quoted(table, true);
    let names: Vec<String> = columns.iter().map(|column| quoted(column, false)).collect();
    let names = names.join(", ");
    // What the columns take is asked each time: the table may have changed.
    let shape = connection.prepare_anew(&format!("SELECT {names} FROM {table} LIMIT 0")).await?;
    let places: Vec<Decoder> = shape.statement.columns().iter().map(|column| Decoder::of(column.type_())).collect();
    let is_binary = fits_binary(&shape, &places, rows)?;
    let form = if is_binary { "BINARY" } else { "TEXT" };
    let statement = format!("COPY {table} ({names}) FROM STDIN WITH (FORMAT {form})");
    let sink = connection.client.copy_in::<_, Bytes>(&statement).await.map_err(|error| connection.fault(&error))?;
    let mut sink = pin!(sink);
    let mut piece = BytesMut::with_capacity(PIECE + PIECE / 8);
    if is_binary {
        piece.put_slice(HEADER);
    }
    for row in 0..rows.len() {
        if is_binary {
            write_row(&places, rows, row, &mut piece)?;
        } else {
            write_line(&places, rows, row, &mut piece);
        }
        if piece.len() >= PIECE {
            sink.feed(piece.split().freeze()).await.map_err(|error| connection.fault(&error))?;
            piece.reserve(PIECE + PIECE / 8);
        }
    }
    if is_binary {
        piece.put_i16(TRAILER);
    }
    sink.send(piece.freeze()).await.map_err(|error| connection.fault(&error))?;
    sink.finish().await.map_err(|error| connection.fault(&error))
}

/// Whether every value has a binary form; refuses those that do not fit their column.
fn fits_binary(shape: &Prepared, places: &[Decoder], rows: &Batch) -> Result<bool, DbError> {
    let columns = shape.statement.columns();
    let mut is_binary = true;
    for row in 0..rows.len() {
        for (index, (cell, place)) in rows.row(row).zip(places).enumerate() {
            check(index, &cell, place, columns[index].type_())
                .map_err(|_| misfit(row, columns[index].name(), columns[index].type_().name(), &cell))?;
            is_binary &= has_binary(&cell, place);
        }
    }
    Ok(is_binary)
}

fn misfit(row: usize, column: &str, kind: &str, cell: &Cell<'_>) -> DbError {
    DbError::Value(format!(
        "row {row} has a value of type {} for the column {column}, which is {kind}, and it does not fit; convert it first",
        cell.kind()
    ))
}

fn write_row(places: &[Decoder], rows: &Batch, row: usize, piece: &mut BytesMut) -> Result<(), DbError> {
    let unfit =
        |index: usize| DbError::Value(format!("value {index} of row {row} does not fit its column; convert it"));
    piece.put_i16(i16::try_from(places.len()).map_err(|_| unfit(0))?);
    for (index, (cell, place)) in rows.row(row).zip(places).enumerate() {
        let start = piece.len();
        piece.put_i32(-1);
        if matches!(write_binary(&cell, place, piece).ok_or_else(|| unfit(index))?, IsNull::No) {
            let length = i32::try_from(piece.len() - start - 4).map_err(|_| unfit(index))?;
            piece[start..start + 4].copy_from_slice(&length.to_be_bytes());
        }
    }
    Ok(())
}

fn write_line(places: &[Decoder], rows: &Batch, row: usize, piece: &mut BytesMut) {
    for (index, (cell, place)) in rows.row(row).zip(places).enumerate() {
        if index > 0 {
            piece.put_u8(b'\t');
        }
        if matches!(cell, Cell::Null) {
            piece.put_slice(b"\\N");
            continue;
        }
        for letter in written(&cell, place).chars() {
            // Writing into a buffer that grows can't fail.
            let _ = match letter {
                '\\' => piece.write_str("\\\\"),
                '\t' => piece.write_str("\\t"),
                '\n' => piece.write_str("\\n"),
                '\r' => piece.write_str("\\r"),
                other => piece.write_char(other),
            };
        }
    }
    piece.put_u8(b'\n');
}
