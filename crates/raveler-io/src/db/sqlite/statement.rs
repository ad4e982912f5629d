//! Statements run on one SQLite connection, on the thread that owns it.

use std::sync::Arc;

use rusqlite::{Connection, Statement};

use super::column::{Bound, Meaning, describe, put};
use super::fault::from_sqlite;
use crate::db::batch::{Batch, RowOfBatch};
use crate::db::error::DbError;
use crate::db::rows::Rows;

/// Runs text without parameters, which may hold several statements.
///
/// # Errors
///
/// If SQLite refuses it.
pub fn script(connection: &Connection, sql: &str) -> Result<(), DbError> {
    connection.execute_batch(sql).map_err(|error| from_sqlite(&error))
}

/// Returns the index of each parameter's value: in order, or by the number of `$1` and its like.
fn order(statement: &Statement<'_>) -> Vec<usize> {
    let count = statement.parameter_count();
    (1..=count)
        .map(|index| {
            let number = statement.parameter_name(index).and_then(|name| name.strip_prefix('$')?.parse::<usize>().ok());
            number.unwrap_or(index).saturating_sub(1)
        })
        .collect()
}

fn check_width(order: &[usize], width: usize) -> Result<(), DbError> {
    let wanted = order.iter().map(|index| index + 1).max().unwrap_or(0);
    if wanted == width {
        return Ok(());
    }
    Err(DbError::Shape(format!(
        "the statement takes {wanted} parameters and got {width}; give as many as it has places"
    )))
}

fn bind(statement: &mut Statement<'_>, order: &[usize], row: RowOfBatch<'_>) -> Result<(), DbError> {
    let is_in_order = order.iter().enumerate().all(|(place, index)| place == *index);
    for (index, cell) in row.enumerate() {
        let bound = Bound(cell);
        bound.check()?;
        if is_in_order {
            statement.raw_bind_parameter(index + 1, &bound).map_err(|error| from_sqlite(&error))?;
            continue;
        }
        for (place, _) in order.iter().enumerate().filter(|(_, wanted)| **wanted == index) {
            statement.raw_bind_parameter(place + 1, &bound).map_err(|error| from_sqlite(&error))?;
        }
    }
    Ok(())
}

/// A prepared query and how its columns are read.
struct Query<'a> {
    statement: rusqlite::CachedStatement<'a>,
    empty: Rows,
    meanings: Vec<Meaning>,
    order: Vec<usize>,
}

impl<'a> Query<'a> {
    fn prepare(connection: &'a Connection, sql: &str, width: usize) -> Result<Self, DbError> {
        let statement = connection.prepare_cached(sql).map_err(|error| from_sqlite(&error))?;
        let (columns, meanings) = describe(&statement);
        let order = order(&statement);
        check_width(&order, width)?;
        Ok(Self { statement, empty: Rows::packed(columns.into()), meanings, order })
    }

    /// Runs the query for one row of parameters and hands over its rows, `most` at a time, until `take` has enough.
    fn run(&mut self, params: RowOfBatch<'_>, most: usize, mut take: impl FnMut(Rows) -> bool) -> Result<(), DbError> {
        bind(&mut self.statement, &self.order, params)?;
        let mut rows = self.empty.clone();
        let mut source = self.statement.raw_query();
        while let Some(row) = source.next().map_err(|error| from_sqlite(&error))? {
            let buffer = rows.begin();
            for (index, meaning) in self.meanings.iter().enumerate() {
                put(*meaning, row.get_ref(index).map_err(|error| from_sqlite(&error))?, buffer);
            }
            if rows.len() >= most && !take(std::mem::replace(&mut rows, self.empty.clone())) {
                return Ok(());
            }
        }
        take(rows);
        Ok(())
    }
}

/// Whether a statement only reads; what can't be prepared here does not.
#[must_use]
pub fn is_read(connection: &Connection, sql: &str) -> bool {
    connection.prepare_cached(sql).is_ok_and(|statement| statement.readonly())
}

/// Returns the rows of a query, `most` of them.
///
/// # Errors
///
/// If SQLite refuses it, or the parameters do not fit.
pub fn fetch(connection: &Connection, sql: &str, params: &Batch, most: usize) -> Result<Rows, DbError> {
    let mut query = Query::prepare(connection, sql, params.width())?;
    let mut found = None;
    query.run(params.row(0), most, |rows| {
        found = Some(rows);
        false
    })?;
    Ok(found.unwrap_or(query.empty))
}

/// Returns the rows of a query for each row of parameters.
///
/// # Errors
///
/// If SQLite refuses it, or the parameters do not fit.
pub fn fetch_many(connection: &Connection, sql: &str, params: &Batch) -> Result<Vec<Rows>, DbError> {
    let mut query = Query::prepare(connection, sql, params.width())?;
    let mut all = Vec::with_capacity(params.len());
    for index in 0..params.len() {
        query.run(params.row(index), usize::MAX, |rows| {
            all.push(rows);
            false
        })?;
    }
    Ok(all)
}

/// Hands over the rows of a query, `most` at a time, until `take` has enough.
///
/// # Errors
///
/// If SQLite refuses it, or the parameters do not fit.
pub fn stream(
    connection: &Connection,
    sql: &str,
    params: &Batch,
    most: usize,
    take: impl FnMut(Rows) -> bool,
) -> Result<(), DbError> {
    Query::prepare(connection, sql, params.width())?.run(params.row(0), most, take)
}

/// Runs a statement and returns how many rows it changed.
///
/// # Errors
///
/// If SQLite refuses it, or the parameters do not fit.
pub fn execute(connection: &Connection, sql: &str, params: &Batch) -> Result<u64, DbError> {
    let before = connection.total_changes();
    if params.width() == 0 && sql.trim_end().trim_end_matches(';').contains(';') {
        script(connection, sql)?;
    } else {
        stream(connection, sql, params, usize::MAX, |_| true)?;
    }
    Ok(connection.total_changes().saturating_sub(before))
}

/// Runs a statement for each row of parameters: all of them or none.
///
/// # Errors
///
/// If SQLite refuses one, or the parameters do not fit; nothing is changed then.
pub fn execute_many(connection: &Connection, sql: &str, params: &Batch) -> Result<u64, DbError> {
    let is_alone = connection.is_autocommit();
    script(connection, if is_alone { "BEGIN IMMEDIATE" } else { "SAVEPOINT raveler_many" })?;
    let done = execute_each(connection, sql, params);
    let ended = match (&done, is_alone) {
        (Ok(_), true) => script(connection, "COMMIT"),
        (Ok(_), false) => script(connection, "RELEASE raveler_many"),
        (Err(_), false) => script(connection, "ROLLBACK TO raveler_many; RELEASE raveler_many"),
        (Err(_), true) => {
            roll_back(connection);
            Ok(())
        }
    };
    if ended.is_err() && is_alone {
        roll_back(connection);
    }
    done.and_then(|count| ended.map(|()| count))
}

fn execute_each(connection: &Connection, sql: &str, params: &Batch) -> Result<u64, DbError> {
    let before = connection.total_changes();
    let mut statement = connection.prepare_cached(sql).map_err(|error| from_sqlite(&error))?;
    let order = order(&statement);
    check_width(&order, params.width())?;
    let gives_rows = statement.column_count() > 0;
    for index in 0..params.len() {
        bind(&mut statement, &order, params.row(index))?;
        if gives_rows {
            let mut rows = statement.raw_query();
            while rows.next().map_err(|error| from_sqlite(&error))?.is_some() {}
        } else {
            statement.raw_execute().map_err(|error| from_sqlite(&error))?;
        }
    }
    Ok(connection.total_changes().saturating_sub(before))
}

/// Undoes an open transaction, if there is one.
pub fn roll_back(connection: &Connection) {
    if !connection.is_autocommit() {
        // It fails only where SQLite has rolled back by itself.
        let _ = connection.execute_batch("ROLLBACK");
    }
}

/// Returns the statement that inserts into `columns` of `table`.
#[must_use]
pub fn insertion(table: &str, columns: &[Arc<str>]) -> String {
    let quote = |name: &str| format!("\"{}\"", name.replace('"', "\"\""));
    let table: Vec<String> = table.split('.').map(quote).collect();
    let names: Vec<String> = columns.iter().map(|column| quote(column)).collect();
    let places = vec!["?"; columns.len()].join(",");
    format!("INSERT INTO {} ({}) VALUES ({places})", table.join("."), names.join(","))
}
