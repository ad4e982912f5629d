//! Statements run on one MySQL connection.

use std::sync::Arc;

use mysql_async::prelude::{Protocol, Queryable};
use mysql_async::{Conn, Error, Params, QueryResult, Statement};

use super::lease::Failure;
use super::value::{empty, keep, parameter};
use crate::db::batch::Batch;
use crate::db::error::DbError;
use crate::db::rows::Rows;

/// The server's code for a statement that can't be prepared.
const NOT_PREPARED: u16 = 1295;
/// Rows that one INSERT carries at most, and values: the protocol has 16 bits for their number.
const ROWS: usize = 1_000;
const VALUES: usize = 60_000;
/// Bytes that one INSERT carries about: servers take 16 MiB unless told otherwise.
const BYTES: usize = 1 << 20;

/// Returns the parameters of a row for the driver.
///
/// # Errors
///
/// If their number is not the statement's, or MySQL has no form for one.
pub fn parameters(statement: &Statement, params: &Batch, row: usize) -> Result<Params, DbError> {
    let wanted = usize::from(statement.num_params());
    if wanted != params.width() {
        return Err(DbError::Shape(format!(
            "the statement takes {wanted} parameters and got {}; give as many as it has places",
            params.width()
        )));
    }
    if wanted == 0 {
        return Ok(Params::Empty);
    }
    params.row(row).map(parameter).collect::<Result<_, _>>().map(Params::Positional)
}

/// Whether the server takes a statement only as text.
#[must_use]
pub fn needs_text(error: &Error, params: &Batch) -> bool {
    params.width() == 0 && matches!(error, Error::Server(said) if said.code == NOT_PREPARED)
}

async fn collect<P: Protocol>(mut result: QueryResult<'_, '_, P>, most: usize) -> Result<Rows, Failure> {
    let (mut rows, meanings) = empty(result.columns_ref());
    while rows.len() < most {
        let Some(row) = result.next().await? else { break };
        keep(row, &meanings, &mut rows);
    }
    result.drop_result().await?;
    Ok(rows)
}

/// Returns the rows of a query, `most` of them.
///
/// # Errors
///
/// If the server refuses it, or the parameters do not fit.
pub async fn fetch(connection: &mut Conn, sql: &str, params: &Batch, most: usize) -> Result<Rows, Failure> {
    match connection.prep(sql).await {
        Ok(statement) => {
            let bound = parameters(&statement, params, 0)?;
            collect(connection.exec_iter(statement, bound).await?, most).await
        }
        Err(error) if needs_text(&error, params) => collect(connection.query_iter(sql).await?, most).await,
        Err(error) => Err(error.into()),
    }
}

/// Returns the rows of a query for each row of parameters.
///
/// # Errors
///
/// If the server refuses one, or the parameters do not fit.
pub async fn fetch_many(connection: &mut Conn, sql: &str, params: &Batch) -> Result<Vec<Rows>, Failure> {
    let statement = connection.prep(sql).await?;
    let mut all = Vec::with_capacity(params.len());
    for row in 0..params.len() {
        let bound = parameters(&statement, params, row)?;
        all.push(collect(connection.exec_iter(&statement, bound).await?, usize::MAX).await?);
    }
    Ok(all)
}

async fn changed<P: Protocol>(mut result: QueryResult<'_, '_, P>) -> Result<u64, Failure> {
    let mut changed = result.affected_rows();
    while !result.is_empty() {
        while result.next().await?.is_some() {}
        changed += result.affected_rows();
    }
    Ok(changed)
}

/// Runs a statement and returns how many rows it changed; text without parameters may hold several statements.
///
/// # Errors
///
/// If the server refuses it, or the parameters do not fit.
pub async fn execute(connection: &mut Conn, sql: &str, params: &Batch) -> Result<u64, Failure> {
    if params.width() == 0 {
        return changed(connection.query_iter(sql).await?).await;
    }
    execute_many(connection, sql, params).await
}

/// Runs a statement for each row of parameters.
///
/// # Errors
///
/// If the server refuses one, or the parameters do not fit; what came before it is done then.
pub async fn execute_many(connection: &mut Conn, sql: &str, params: &Batch) -> Result<u64, Failure> {
    let statement = connection.prep(sql).await?;
    let mut sum = 0;
    for row in 0..params.len() {
        let bound = parameters(&statement, params, row)?;
        sum += changed(connection.exec_iter(&statement, bound).await?).await?;
    }
    Ok(sum)
}

fn quoted(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}

/// Inserts rows, many with each statement.
///
/// # Errors
///
/// If the server refuses one, or the values do not fit; what came before it is done then.
pub async fn insert(connection: &mut Conn, table: &str, columns: &[Arc<str>], rows: &Batch) -> Result<u64, Failure> {
    let table: Vec<String> = table.split('.').map(quoted).collect();
    let names: Vec<String> = columns.iter().map(|name| quoted(name)).collect();
    let head = format!("INSERT INTO {} ({}) VALUES ", table.join("."), names.join(","));
    let places = format!("({})", vec!["?"; rows.width()].join(","));
    let by_size = BYTES * rows.len() / rows.size().max(1);
    let most = (VALUES / rows.width().max(1)).min(ROWS).min(by_size).max(1);
    let mut sum = 0;
    let mut first = 0;
    while first < rows.len() {
        let count = most.min(rows.len() - first);
        let sql = format!("{head}{}", vec![places.as_str(); count].join(","));
        let statement = connection.prep(sql).await?;
        let values = (first..first + count).flat_map(|row| rows.row(row)).map(parameter);
        let values = Params::Positional(values.collect::<Result<_, DbError>>()?);
        sum += changed(connection.exec_iter(statement, values).await?).await?;
        first += count;
    }
    Ok(sum)
}

/// Runs text that controls a transaction.
///
/// # Errors
///
/// If the server refuses it.
pub async fn control(connection: &mut Conn, sql: &str) -> Result<(), Failure> {
    Ok(connection.query_drop(sql).await?)
}
