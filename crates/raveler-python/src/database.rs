//! Databases as Python sees them: sessions, which are databases or transactions, and streams of rows.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use pyo3::prelude::*;
use pyo3::types::{PyList, PyTuple};
use raveler_io::db::{ArrowTable, Batch, Database, DbError, Feed, Options, RowStream, Rows, Transaction};

use crate::arrow_table::{PyArrowTable, columns};
use crate::making::{Making, PART, joined};
use crate::native::{self, Fault, Made, NativeOptions, Reply};
use crate::params;
use crate::rows::{self, Shape};
use crate::runtime::PyRuntime;
use crate::task::Task;

mod raised {
    pyo3::import_exception!(raveler.exceptions, DatabaseError);
}

struct DatabaseFault(DbError);

impl Fault for DatabaseFault {
    fn to_python(&self, py: Python<'_>) -> PyErr {
        let error = raised::DatabaseError::new_err(self.0.to_string());
        if let Some(code) = self.0.code()
            && let Err(error) = error.value(py).setattr("code", code)
        {
            return error;
        }
        error
    }
}

/// What a statement made, and what is shown of it.
enum Answer {
    All(Rows, Shape),
    First(Rows, Shape),
    Value(Rows),
    Made(PyResult<Vec<Py<PyList>>>),
    Table(ArrowTable),
    Each(Vec<Rows>, Shape),
    Count(u64),
    Batch(Option<Rows>, Shape),
    Session(Session),
    Nothing,
}

impl Reply for Answer {
    fn bytes(&self) -> u64 {
        match self {
            Self::All(rows, _) | Self::First(rows, _) | Self::Value(rows) | Self::Batch(Some(rows), _) => {
                rows.size() as u64
            }
            Self::Table(table) => table.size() as u64,
            Self::Each(all, _) => all.iter().map(|rows| rows.size() as u64).sum(),
            Self::Made(_) | Self::Count(_) | Self::Batch(None, _) | Self::Session(_) | Self::Nothing => 0,
        }
    }

    fn into_python(self: Box<Self>, py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
        match *self {
            Self::All(rows, shape) | Self::Batch(Some(rows), shape) => Ok(rows::list(py, &rows, shape)?.into_any()),
            Self::Made(lists) => joined(py, lists?),
            Self::Table(table) => Ok(Bound::new(py, PyArrowTable(table))?.into_any()),
            Self::First(rows, shape) => rows::first(py, &rows, shape),
            Self::Value(rows) => rows::value(py, &rows),
            Self::Each(all, shape) => rows::lists(py, &all, shape),
            Self::Count(count) => Ok(count.into_pyobject(py)?.into_any()),
            Self::Session(session) => Ok(Bound::new(py, DbSession(Arc::new(session)))?.into_any()),
            Self::Batch(None, _) | Self::Nothing => Ok(py.None().into_bound(py)),
        }
    }
}

/// A database, or a transaction of one: both have the same verbs.
enum Session {
    Database(Database),
    Transaction(Transaction),
}

macro_rules! verb {
    ($session:expr, $this:ident => $call:expr) => {
        match $session {
            Session::Database($this) => $call.await,
            Session::Transaction($this) => $call.await,
        }
    };
}

impl Session {
    fn made(&self, done: Result<Answer, DbError>) -> Made {
        match done {
            Ok(answer) => Made::Value(Box::new(answer)),
            Err(error) => {
                // A statement of a transaction can't be repeated alone: the error has ended the transaction.
                let again = error.is_transient() && matches!(self, Self::Database(_));
                let pause = again.then(|| error.not_before().unwrap_or_default());
                Made::Error(Arc::new(DatabaseFault(error)), pause)
            }
        }
    }

    async fn fetch(&self, sql: Arc<str>, params: Arc<Batch>, (part, shape): (Part, Shape)) -> Result<Answer, DbError> {
        Ok(match part {
            Part::All if shape == Shape::Arrow => {
                Answer::Table(columns(verb!(self, this => this.fetch(sql, params))?).await?)
            }
            Part::All => self.fetch_all(sql, params, shape).await?,
            Part::First => Answer::First(verb!(self, this => this.fetch_one(sql, params))?, shape),
            Part::Value => Answer::Value(verb!(self, this => this.fetch_one(sql, params))?),
        })
    }

    /// Fetches all rows; those of a large result are made into objects while the others come.
    async fn fetch_all(&self, sql: Arc<str>, params: Arc<Batch>, shape: Shape) -> Result<Answer, DbError> {
        let mut first = None;
        let mut making: Option<Making> = None;
        let take = |rows: Rows| match (first.take(), &making) {
            (None, None) => first = Some(rows),
            (_, Some(making)) => making.push(rows),
            (Some(before), None) => {
                let started = Making::start(shape);
                started.push(before);
                started.push(rows);
                making = Some(started);
            }
        };
        verb!(self, this => this.fetch_parts(sql, params, PART, take))?;
        match (first, making) {
            (_, Some(making)) => Ok(Answer::Made(making.end().await?)),
            (Some(rows), None) => Ok(Answer::All(rows, shape)),
            (None, None) => Err(DbError::Interrupted),
        }
    }

    async fn open(&self, sql: Arc<str>, params: Arc<Batch>, most: usize) -> Result<RowStream, DbError> {
        verb!(self, this => this.stream(sql, params, most))
    }

    async fn begin(&self) -> Result<Answer, DbError> {
        match self {
            Self::Database(database) => Ok(Answer::Session(Self::Transaction(database.begin().await?))),
            Self::Transaction(_) => Err(DbError::Shape(String::from("a transaction within one is a savepoint"))),
        }
    }

    async fn control(&self, control: Control) -> Result<Answer, DbError> {
        match (self, control) {
            (Self::Database(database), Control::Close) => database.close().await,
            (Self::Transaction(transaction), Control::Commit) => transaction.commit().await?,
            (Self::Transaction(transaction), Control::Rollback) => transaction.rollback().await?,
            (Self::Transaction(transaction), Control::Savepoint(name)) => transaction.savepoint(&name).await?,
            (Self::Transaction(transaction), Control::Release(name)) => transaction.release(&name).await?,
            (Self::Transaction(transaction), Control::RollbackTo(name)) => {
                transaction.rollback_to(&name).await?;
                transaction.release(&name).await?;
            }
            _ => return Err(DbError::Shape(String::from("this belongs to a transaction"))),
        }
        Ok(Answer::Nothing)
    }
}

/// Which part of a result is shown.
#[derive(Clone, Copy)]
enum Part {
    All,
    First,
    Value,
}

impl Part {
    fn parse(name: &str) -> Self {
        match name {
            "first" => Self::First,
            "value" => Self::Value,
            _ => Self::All,
        }
    }

    fn task(self) -> &'static str {
        match self {
            Self::All => "db.fetch",
            Self::First => "db.fetch_one",
            Self::Value => "db.fetch_value",
        }
    }
}

/// What begins and ends transactions, and ends databases.
#[derive(Clone)]
enum Control {
    Close,
    Commit,
    Rollback,
    Savepoint(String),
    Release(String),
    RollbackTo(String),
}

impl Control {
    fn parse(verb: &str, name: Option<String>) -> Self {
        match (verb, name) {
            ("commit", _) => Self::Commit,
            ("rollback", _) => Self::Rollback,
            ("savepoint", Some(name)) => Self::Savepoint(name),
            ("release", Some(name)) => Self::Release(name),
            ("rollback_to", Some(name)) => Self::RollbackTo(name),
            _ => Self::Close,
        }
    }
}

/// A database or a transaction.
#[pyclass(frozen, module = "raveler._raveler")]
pub(crate) struct DbSession(Arc<Session>);

type Call<'a, 'py> = (&'a Bound<'py, PyRuntime>, &'a NativeOptions);

impl DbSession {
    /// Hands an operation on this session to the runtime.
    fn submit<F, T>(&self, (runtime, options): Call<'_, '_>, name: &str, run: F) -> PyResult<Task>
    where
        F: Fn(Arc<Session>) -> T + Send + Sync + 'static,
        T: Future<Output = Result<Answer, DbError>> + Send + 'static,
    {
        let session = Arc::clone(&self.0);
        native::submit(runtime, name, &options.0, move |_| {
            native::operation(move |_| {
                let running = run(Arc::clone(&session));
                let session = Arc::clone(&session);
                // No `async` block: it would hold the future twice.
                running.map(move |done| session.made(done))
            })
        })
    }
}

#[pymethods]
impl DbSession {
    /// Makes the database of an address; nothing is opened.
    #[new]
    fn new(url: &str, pool_size: usize, timeout: f64, statement_cache: usize) -> PyResult<Self> {
        let options = Options { pool_size, timeout: Duration::from_secs_f64(timeout), statement_cache };
        let database = Database::connect(url, options)
            .map_err(|error| pyo3::exceptions::PyValueError::new_err(error.to_string()))?;
        Ok(Self(Arc::new(Session::Database(database))))
    }

    /// Returns the address without credentials.
    fn describe(&self) -> String {
        match &*self.0 {
            Session::Database(database) => database.describe(),
            Session::Transaction(_) => String::from("transaction"),
        }
    }

    /// Returns a task of the rows of a query, the first of them, or its first value.
    fn fetch(
        &self,
        runtime: &Bound<'_, PyRuntime>,
        options: &NativeOptions,
        sql: &str,
        values: &Bound<'_, PyTuple>,
        what: (&str, &str),
    ) -> PyResult<Task> {
        let (part, shape) = (Part::parse(what.0), Shape::parse(what.1)?);
        let (sql, params) = (rows::shared_text(sql), Arc::new(params::params(values)?));
        self.submit((runtime, options), part.task(), move |session| {
            let (sql, params) = (Arc::clone(&sql), Arc::clone(&params));
            async move { session.fetch(sql, params, (part, shape)).await }
        })
    }

    /// Returns a task of the rows of a query for each row of parameters.
    fn fetch_many(
        &self,
        runtime: &Bound<'_, PyRuntime>,
        options: &NativeOptions,
        sql: &str,
        values: &Bound<'_, PyAny>,
        shape: &str,
    ) -> PyResult<Task> {
        let shape = Shape::parse(shape)?;
        let (sql, params) = (rows::shared_text(sql), Arc::new(params::rows(values)?));
        self.submit((runtime, options), "db.fetch_many", move |session| {
            let (sql, params) = (Arc::clone(&sql), Arc::clone(&params));
            async move { Ok(Answer::Each(verb!(&*session, this => this.fetch_many(sql, params))?, shape)) }
        })
    }

    /// Returns a task of the number of rows that a statement changed.
    fn execute(
        &self,
        runtime: &Bound<'_, PyRuntime>,
        options: &NativeOptions,
        sql: &str,
        values: &Bound<'_, PyTuple>,
    ) -> PyResult<Task> {
        let (sql, params) = (rows::shared_text(sql), Arc::new(params::params(values)?));
        self.submit((runtime, options), "db.execute", move |session| {
            let (sql, params) = (Arc::clone(&sql), Arc::clone(&params));
            async move { Ok(Answer::Count(verb!(&*session, this => this.execute(sql, params))?)) }
        })
    }

    /// Returns a task of the number of rows that a statement changed for all rows of parameters.
    fn execute_many(
        &self,
        runtime: &Bound<'_, PyRuntime>,
        options: &NativeOptions,
        sql: &str,
        values: &Bound<'_, PyAny>,
    ) -> PyResult<Task> {
        let (sql, params) = (rows::shared_text(sql), Arc::new(params::rows(values)?));
        self.submit((runtime, options), "db.execute_many", move |session| {
            let (sql, params) = (Arc::clone(&sql), Arc::clone(&params));
            async move { Ok(Answer::Count(verb!(&*session, this => this.execute_many(sql, params))?)) }
        })
    }

    /// Returns a task of the number of rows that were inserted into a table.
    fn insert(
        &self,
        runtime: &Bound<'_, PyRuntime>,
        options: &NativeOptions,
        table: &str,
        columns: Option<Vec<String>>,
        values: &Bound<'_, PyAny>,
    ) -> PyResult<Task> {
        let (mut source, columns) = params::TableRows::new(values, columns)?;
        let columns: Arc<[Arc<str>]> = columns.iter().map(|name| rows::shared_text(name)).collect();
        let (table, feed) = (rows::shared_text(table), Arc::new(Feed::default()));
        source.feed(&feed)?;
        let coming = Arc::clone(&feed);
        let task = self.submit((runtime, options), "db.insert", move |session| {
            let (table, columns, feed) = (Arc::clone(&table), Arc::clone(&columns), Arc::clone(&coming));
            async move { Ok(Answer::Count(verb!(&*session, this => this.insert(&table, &columns, &feed))?)) }
        })?;
        // What is there is on its way while the rest is made.
        while !source.is_over() {
            if let Err(error) = source.feed(&feed) {
                feed.break_off();
                return Err(error);
            }
        }
        Ok(task)
    }

    /// Returns the rows of a query to be read in batches; it begins with the first of them.
    fn stream(&self, sql: &str, values: &Bound<'_, PyTuple>, most: usize, shape: &str) -> PyResult<DbStream> {
        let plan = Plan {
            session: Arc::clone(&self.0),
            sql: rows::shared_text(sql),
            params: Arc::new(params::params(values)?),
            most,
        };
        let shape = Shape::parse(shape)?;
        Ok(DbStream { reading: Mutex::new(Some(Arc::new(tokio::sync::Mutex::new(Reading::Planned(plan))))), shape })
    }

    /// Returns a task of a transaction.
    fn begin(&self, runtime: &Bound<'_, PyRuntime>, options: &NativeOptions) -> PyResult<Task> {
        self.submit((runtime, options), "db.transaction", |session| async move { session.begin().await })
    }

    /// Returns a task that begins or ends something.
    #[pyo3(signature = (runtime, options, verb, name=None))]
    fn control(
        &self,
        runtime: &Bound<'_, PyRuntime>,
        options: &NativeOptions,
        verb: &str,
        name: Option<String>,
    ) -> PyResult<Task> {
        let control = Control::parse(verb, name);
        self.submit((runtime, options), &format!("db.{verb}"), move |session| {
            let control = control.clone();
            async move { session.control(control).await }
        })
    }
}

struct Plan {
    session: Arc<Session>,
    sql: Arc<str>,
    params: Arc<Batch>,
    most: usize,
}

enum Reading {
    Planned(Plan),
    Open(RowStream),
    Ended,
}

impl Reading {
    async fn next_batch(&mut self) -> Result<Option<Rows>, DbError> {
        if let Self::Planned(plan) = self {
            let (sql, params) = (Arc::clone(&plan.sql), Arc::clone(&plan.params));
            *self = Self::Open(plan.session.open(sql, params, plan.most).await?);
        }
        let Self::Open(stream) = self else { return Ok(None) };
        let next = stream.next_batch().await;
        if !matches!(next, Ok(Some(_))) {
            *self = Self::Ended;
        }
        next
    }
}

/// The rows of a query, read batch by batch; each batch is a task.
#[pyclass(frozen, module = "raveler._raveler")]
pub(crate) struct DbStream {
    reading: Mutex<Option<Arc<tokio::sync::Mutex<Reading>>>>,
    shape: Shape,
}

#[pymethods]
impl DbStream {
    /// Returns a task of the next rows, or of None at the end.
    fn batch(&self, runtime: &Bound<'_, PyRuntime>, options: &NativeOptions) -> PyResult<Task> {
        let reading = self.reading.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let shape = self.shape;
        native::submit(runtime, "db.stream", &options.0, move |_| {
            native::operation(move |_| {
                let reading = reading.clone();
                async move {
                    let batch = match reading {
                        Some(reading) => reading.lock().await.next_batch().await,
                        None => Ok(None),
                    };
                    match batch {
                        Ok(rows) => Made::Value(Box::new(Answer::Batch(rows, shape))),
                        // Another attempt would go on behind the rows that were lost.
                        Err(error) => Made::Error(Arc::new(DatabaseFault(error)), None),
                    }
                }
            })
        })
    }

    /// Ends the query.
    fn close(&self) {
        *self.reading.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}
