//! SQLite through the public interface: values, statements, transactions, streams, cancellation.

use std::sync::Arc;
use std::time::Duration;

use raveler_io::db::calendar::{Date, DateTime, Time};
use raveler_io::db::{Batch, Cell, Database, DbError, Feed, Options, Value};
use raveler_io::reactor;

fn run<T>(future: impl Future<Output = T>) -> T {
    reactor::handle().block_on(future)
}

fn memory() -> Database {
    Database::connect("sqlite::memory:", Options::default()).expect("an address")
}

/// A database file that is removed with its folder.
struct File {
    folder: std::path::PathBuf,
    database: Database,
}

impl File {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("raveler-db-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder");
        let url = format!("sqlite:{}", folder.join("data.db").display());
        let options = Options { timeout: Duration::from_millis(500), ..Options::default() };
        Self { folder, database: Database::connect(&url, options).expect("an address") }
    }
}

impl Drop for File {
    fn drop(&mut self) {
        run(self.database.close());
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn params(cells: &[Value]) -> Arc<Batch> {
    Arc::new(Batch::params(cells))
}

async fn rows(database: &Database, sql: &str, cells: &[Value]) -> Vec<Vec<Value>> {
    database.fetch(sql.into(), params(cells)).await.expect("rows").to_values()
}

async fn execute(database: &Database, sql: &str, cells: &[Value]) -> u64 {
    database.execute(sql.into(), params(cells)).await.expect("a statement")
}

#[test]
fn stored_values_come_back_as_they_were() {
    run(async {
        let database = memory();
        let declared = "CREATE TABLE t (a BOOLEAN, b INTEGER, c REAL, d TEXT, e BLOB, f DATE, g TIME, h TIMESTAMP, \
                        i INTERVAL, j UUID, k JSON, l DECIMAL(10, 2), m)";
        execute(&database, declared, &[]).await;
        let stored = vec![
            Cell::Bool(true),
            Cell::Int(i64::MIN),
            Cell::Float(f64::INFINITY),
            Cell::text("zwölf\u{1F980}"),
            Cell::bytes(vec![0, 255, 1]),
            Cell::Date(Date { year: 2024, month: 2, day: 29 }),
            Cell::Time(Time { micros: 86_399_999_999, offset: None }),
            Cell::DateTime(DateTime { seconds: 1_700_000_000, micros: 5, offset: Some(-16_200) }),
            Cell::Interval(-5),
            Cell::Uuid([7; 16]),
            Cell::Json("{\"a\": [1, null]}".into()),
            Cell::Decimal("12.5".into()),
            Cell::Null,
        ];
        let insert = "INSERT INTO t VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
        assert_eq!(execute(&database, insert, &stored).await, 1);
        assert_eq!(rows(&database, "SELECT * FROM t", &[]).await, [stored]);
    });
}

#[test]
fn dollar_places_take_the_value_of_their_number() {
    run(async {
        let found = rows(&memory(), "SELECT $2, $1, $2", &[Cell::Int(1), Cell::Int(2)]).await;
        assert_eq!(found, [[Cell::Int(2), Cell::Int(1), Cell::Int(2)]]);
    });
}

#[test]
fn readers_see_what_was_written_before() {
    let file = File::new("readers");
    run(async {
        execute(&file.database, "CREATE TABLE t (n INTEGER)", &[]).await;
        for number in 0..50 {
            execute(&file.database, "INSERT INTO t VALUES (?)", &[Cell::Int(number)]).await;
            let count = rows(&file.database, "SELECT count(*) FROM t", &[]).await;
            assert_eq!(count, [[Cell::Int(number + 1)]]);
        }
    });
}

#[test]
fn a_failed_row_undoes_the_rows_before_it() {
    run(async {
        let database = memory();
        execute(&database, "CREATE TABLE t (n INTEGER UNIQUE)", &[]).await;
        let twice = Batch::from_rows([&[Cell::Int(1)][..], &[Cell::Int(2)], &[Cell::Int(1)]]).expect("a batch");
        let error =
            database.execute_many("INSERT INTO t VALUES (?)".into(), Arc::new(twice)).await.expect_err("unique");
        assert_eq!(error.code(), Some("2067"));
        assert_eq!(rows(&database, "SELECT count(*) FROM t", &[]).await, [[Cell::Int(0)]]);
    });
}

#[test]
fn a_dropped_transaction_is_rolled_back() {
    let file = File::new("dropped");
    run(async {
        execute(&file.database, "CREATE TABLE t (n INTEGER)", &[]).await;
        let transaction = file.database.begin().await.expect("a transaction");
        transaction.execute("INSERT INTO t VALUES (1)".into(), params(&[])).await.expect("a row");
        transaction.savepoint("inner").await.expect("a savepoint");
        drop(transaction);
        execute(&file.database, "INSERT INTO t VALUES (2)", &[]).await;
        assert_eq!(rows(&file.database, "SELECT n FROM t", &[]).await, [[Cell::Int(2)]]);
    });
}

#[test]
fn savepoints_undo_only_what_came_after_them() {
    run(async {
        let database = memory();
        execute(&database, "CREATE TABLE t (n INTEGER)", &[]).await;
        let transaction = database.begin().await.expect("a transaction");
        transaction.execute("INSERT INTO t VALUES (1)".into(), params(&[])).await.expect("a row");
        transaction.savepoint("inner").await.expect("a savepoint");
        transaction.execute("INSERT INTO t VALUES (2)".into(), params(&[])).await.expect("a row");
        transaction.rollback_to("inner").await.expect("an undo");
        transaction.commit().await.expect("a commit");
        assert_eq!(rows(&database, "SELECT n FROM t", &[]).await, [[Cell::Int(1)]]);
    });
}

#[test]
fn a_second_transaction_waits_and_then_says_so() {
    let file = File::new("second");
    run(async {
        let _first = file.database.begin().await.expect("a transaction");
        let error = file.database.begin().await.err().expect("no second writer");
        assert!(matches!(error, DbError::Exhausted { size: 1, .. }), "{error}");
        assert!(error.is_transient());
    });
}

#[test]
fn a_stream_hands_out_batches() {
    let file = File::new("stream");
    run(async {
        let numbers = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2500) SELECT i FROM n";
        execute(&file.database, "CREATE TABLE t (n INTEGER)", &[]).await;
        let mut stream = file.database.stream(numbers.into(), params(&[]), 1000).await.expect("a stream");
        let mut sizes = Vec::new();
        while let Some(batch) = stream.next_batch().await.expect("a batch") {
            sizes.push(batch.len());
        }
        assert_eq!(sizes, [1000, 1000, 500]);
    });
}

#[test]
fn dropping_a_query_interrupts_it() {
    run(async {
        let database = memory();
        let endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n";
        let query = database.fetch(endless.into(), params(&[]));
        assert!(tokio::time::timeout(Duration::from_millis(50), query).await.is_err());
        assert_eq!(rows(&database, "SELECT 1", &[]).await, [[Cell::Int(1)]]);
    });
}

#[test]
fn insert_quotes_names() {
    run(async {
        let database = memory();
        execute(&database, "CREATE TABLE \"a b\" (\"select\" INTEGER, \"q\"\"\" TEXT)", &[]).await;
        let batch = Batch::from_rows([&[Cell::Int(1), Cell::text("x")][..]]).expect("a batch");
        let inserted = database.insert("a b", &["select".into(), "q\"".into()], &Feed::of(Arc::new(batch))).await;
        assert_eq!(inserted.expect("a row"), 1);
    });
}

#[test]
fn errors_point_into_the_statement() {
    run(async {
        let error = memory().fetch("SELECT ö FROM nowhere WHERE !".into(), params(&[])).await.expect_err("no table");
        assert!(matches!(&error, DbError::Sql { position: Some(_), .. }), "{error}");
        let error = memory().fetch("SELECT ?, ?".into(), params(&[Cell::Null])).await.expect_err("too few");
        assert!(error.to_string().contains("takes 2 parameters and got 1"), "{error}");
        assert!(
            Database::connect("oracle://me:secret@host/x", Options::default())
                .is_err_and(|error| { !error.to_string().contains("secret") })
        );
    });
}

#[test]
fn a_closed_database_says_so() {
    let file = File::new("closed");
    run(async {
        execute(&file.database, "CREATE TABLE t (n INTEGER)", &[]).await;
        file.database.close().await;
        let error = file.database.fetch("SELECT 1".into(), params(&[])).await.expect_err("closed");
        assert!(matches!(error, DbError::Closed));
    });
}
