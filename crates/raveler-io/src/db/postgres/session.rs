//! Statements run on one PostgreSQL connection.

use std::pin::pin;
use std::sync::Arc;

use futures_util::stream::{self, StreamExt, TryStreamExt};
use tokio_postgres::{RowStream, SimpleQueryMessage};

use super::connection::{Connection, Prepared, keep};
use super::encode::{Param, check};
use super::fault::is_stale;
use crate::db::batch::Batch;
use crate::db::error::DbError;
use crate::db::rows::Rows;

/// How many statements of one call may be under way at once.
const AHEAD: usize = 128;

/// Makes sure that the parameters fit the places of a statement.
fn check_row(prepared: &Prepared, params: &Batch, row: usize) -> Result<(), DbError> {
    if prepared.places.len() != params.width() {
        return Err(DbError::Shape(format!(
            "the statement takes {} parameters and got {}; give as many as it has places",
            prepared.places.len(),
            params.width()
        )));
    }
    let kinds = prepared.statement.params();
    for (index, (cell, (place, kind))) in params.row(row).zip(prepared.places.iter().zip(kinds)).enumerate() {
        check(index, &cell, place, kind)?;
    }
    Ok(())
}

/// Sends a statement and returns its rows as they come.
///
/// # Errors
///
/// If the server refuses it, or the parameters do not fit.
pub async fn begin(
    connection: &Connection,
    prepared: &Prepared,
    params: &Batch,
    row: usize,
) -> Result<Result<RowStream, tokio_postgres::Error>, DbError> {
    check_row(prepared, params, row)?;
    Ok(connection.client.query_raw(&prepared.statement, params.row(row).map(Param)).await)
}

/// What a statement gave.
pub struct Given {
    pub rows: Rows,
    pub changed: u64,
}

/// Who takes the rows of a statement, until it has enough, and how many at a time.
pub struct Parts<'a> {
    pub most: usize,
    pub take: &'a mut (dyn FnMut(Rows) -> bool + Send),
}

/// Runs a prepared statement and hands over its rows in parts; returns how many rows it changed.
async fn run(
    connection: &Connection,
    prepared: &Prepared,
    (params, row): (&Batch, usize),
    parts: &mut Parts<'_>,
) -> Result<Result<u64, tokio_postgres::Error>, DbError> {
    let answer = match begin(connection, prepared, params, row).await? {
        Ok(answer) => answer,
        Err(error) => return Ok(Err(error)),
    };
    let mut answer = pin!(answer);
    let mut rows = prepared.rows();
    while let Some(row) = answer.next().await {
        if let Err(error) = row.and_then(|row| keep(&row, &mut rows)) {
            return Ok(Err(error));
        }
        if rows.len() >= parts.most && !(parts.take)(std::mem::replace(&mut rows, prepared.rows())) {
            // The rest of the answer is thrown away as it comes.
            return Ok(Ok(0));
        }
    }
    (parts.take)(rows);
    Ok(Ok(answer.rows_affected().unwrap_or(0)))
}

/// Runs a prepared statement and keeps all of its rows.
async fn run_whole(
    connection: &Connection,
    prepared: &Prepared,
    params: (&Batch, usize),
) -> Result<Result<Given, tokio_postgres::Error>, DbError> {
    let mut rows = prepared.rows();
    let mut take = |all| {
        rows = all;
        true
    };
    let ended = run(connection, prepared, params, &mut Parts { most: usize::MAX, take: &mut take }).await?;
    Ok(ended.map(|changed| Given { rows, changed }))
}

/// Runs a prepared statement and returns its rows.
///
/// # Errors
///
/// If the server refuses it, or the parameters do not fit.
pub async fn run_prepared(connection: &Connection, prepared: &Prepared, params: &Batch) -> Result<Rows, DbError> {
    let given = run_whole(connection, prepared, (params, 0)).await?;
    given.map(|given| given.rows).map_err(|error| connection.fault(&error))
}

/// Runs a statement and hands over its rows in parts; returns how many rows it changed. One that the schema has outdated is
/// prepared anew and run again, unless it is part of a transaction, which such an error has ended.
///
/// # Errors
///
/// If the server refuses it, or the parameters do not fit.
pub async fn run_parts(
    connection: &Connection,
    sql: &Arc<str>,
    params: &Batch,
    mut parts: Parts<'_>,
    is_within: bool,
) -> Result<u64, DbError> {
    let prepared = connection.prepare(sql).await?;
    match run(connection, &prepared, (params, 0), &mut parts).await? {
        Ok(changed) => Ok(changed),
        // The server says so before it sends any row.
        Err(error) if is_stale(&error) => {
            connection.forget();
            if is_within {
                return Err(connection.fault(&error));
            }
            let prepared = connection.prepare(sql).await?;
            run(connection, &prepared, (params, 0), &mut parts).await?.map_err(|error| connection.fault(&error))
        }
        Err(error) => Err(connection.fault(&error)),
    }
}

/// Runs a statement and keeps its rows, `most` of them: what comes behind them is thrown away.
///
/// # Errors
///
/// If the server refuses it, or the parameters do not fit.
pub async fn run_text(
    connection: &Connection,
    sql: &Arc<str>,
    params: &Batch,
    most: usize,
    is_within: bool,
) -> Result<Given, DbError> {
    let mut found = None;
    let mut take = |rows| {
        found = Some(rows);
        false
    };
    let changed = run_parts(connection, sql, params, Parts { most, take: &mut take }, is_within).await?;
    Ok(Given { rows: found.unwrap_or_else(|| Rows::packed(Arc::from([]))), changed })
}

/// Runs a statement and returns how many rows it changed; text without parameters may hold several statements.
///
/// # Errors
///
/// If the server refuses it, or the parameters do not fit.
pub async fn execute(connection: &Connection, sql: &Arc<str>, params: &Batch, is_within: bool) -> Result<u64, DbError> {
    if params.width() > 0 || !sql.trim_end().trim_end_matches(';').contains(';') {
        return run_text(connection, sql, params, usize::MAX, is_within).await.map(|given| given.changed);
    }
    let messages = connection.client.simple_query(sql).await.map_err(|error| connection.fault(&error))?;
    let changed = messages.iter().map(|message| match message {
        SimpleQueryMessage::CommandComplete(count) => *count,
        _ => 0,
    });
    Ok(changed.sum())
}

/// Runs a query for each row of parameters, many on their way at once.
///
/// # Errors
///
/// If the server refuses one, or the parameters do not fit.
pub async fn fetch_many(connection: &Connection, sql: &Arc<str>, params: &Batch) -> Result<Vec<Rows>, DbError> {
    Ok(run_many(connection, sql, params).await?.into_iter().map(|given| given.rows).collect())
}

async fn run_many(connection: &Connection, sql: &Arc<str>, params: &Batch) -> Result<Vec<Given>, DbError> {
    let prepared = connection.prepare(sql).await?;
    let prepared = &*prepared;
    stream::iter(0..params.len())
        .map(|row| async move {
            run_whole(connection, prepared, (params, row)).await?.map_err(|error| connection.fault(&error))
        })
        .buffered(AHEAD)
        .try_collect()
        .await
}

/// Runs a statement for each row of parameters and returns how many rows were changed.
///
/// # Errors
///
/// If the server refuses one, or the parameters do not fit; what came before it is done then.
pub async fn execute_many(connection: &Connection, sql: &Arc<str>, params: &Batch) -> Result<u64, DbError> {
    Ok(run_many(connection, sql, params).await?.iter().map(|given| given.changed).sum())
}

/// Runs text that controls a transaction.
///
/// # Errors
///
/// If the server refuses it.
pub async fn control(connection: &Connection, sql: &str) -> Result<(), DbError> {
    connection.client.batch_execute(sql).await.map_err(|error| connection.fault(&error))
}

/// Puts a name in quotes; dots separate the parts of a table's name.
#[must_use]
pub fn quoted(name: &str, is_table: bool) -> String {
    let quote = |part: &str| format!("\"{}\"", part.replace('"', "\"\""));
    if is_table { name.split('.').map(quote).collect::<Vec<_>>().join(".") } else { quote(name) }
}
