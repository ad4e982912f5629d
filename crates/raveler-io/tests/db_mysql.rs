//! MySQL through the public interface, on the server that `RAVELER_TEST_MYSQL` names; skipped without one.

use std::io::Write as _;
use std::sync::Arc;
use std::time::Duration;

use raveler_io::db::calendar::{Date, DateTime};
use raveler_io::db::{Batch, Cell, Database, DbError, Feed, Options, Value};
use raveler_io::reactor;

fn on_server(options: Options, test: impl AsyncFnOnce(Database)) {
    let Ok(url) = std::env::var("RAVELER_TEST_MYSQL") else {
        let _ = writeln!(std::io::stderr(), "skipped: RAVELER_TEST_MYSQL names no server");
        return;
    };
    let database = Database::connect(&url, options).expect("an address");
    reactor::handle().block_on(test(database));
}

fn params(cells: &[Value]) -> Arc<Batch> {
    Arc::new(Batch::params(cells))
}

async fn rows(database: &Database, sql: &str, cells: &[Value]) -> Vec<Vec<Value>> {
    database.fetch(sql.into(), params(cells)).await.expect("rows").to_values()
}

async fn execute(database: &Database, sql: &str) -> u64 {
    database.execute(sql.into(), params(&[])).await.expect("a statement")
}

#[test]
fn stored_values_come_back_as_they_were() {
    let samples = [
        ("BOOLEAN", Cell::Bool(true)),
        ("BIGINT", Cell::Int(i64::MIN)),
        ("BIGINT UNSIGNED", Cell::BigInt("18446744073709551615".into())),
        ("DOUBLE", Cell::Float(-0.1)),
        ("TEXT", Cell::text("zwölf\u{1F980}'\"\\")),
        ("BLOB", Cell::bytes(vec![0, 255])),
        ("DECIMAL(20, 4)", Cell::Decimal("-1234567890.0001".into())),
        ("DATE", Cell::Date(Date { year: 2024, month: 2, day: 29 })),
        ("TIME(6)", Cell::Interval(-90_000_000_005)),
        ("DATETIME(6)", Cell::DateTime(DateTime { seconds: -1, micros: 999_999, offset: None })),
        ("TIMESTAMP(6)", Cell::DateTime(DateTime { seconds: 1_700_000_000, micros: 5, offset: Some(0) })),
        ("INT", Cell::Null),
    ];
    on_server(Options::default(), async |database| {
        for (index, (kind, value)) in samples.into_iter().enumerate() {
            let table = format!("raveler_value_{index}");
            execute(&database, &format!("DROP TABLE IF EXISTS {table}; CREATE TABLE {table} (v {kind} NULL)")).await;
            let batch = Arc::new(Batch::params(std::slice::from_ref(&value)));
            assert_eq!(database.insert(&table, &["v".into()], &Feed::of(batch)).await.expect("a row"), 1, "{kind}");
            assert_eq!(rows(&database, &format!("SELECT v FROM {table}"), &[]).await, [[value]], "{kind}");
            execute(&database, &format!("DROP TABLE {table}")).await;
        }
    });
}

#[test]
fn many_rows_are_inserted_wholly_or_not_at_all() {
    on_server(Options::default(), async |database| {
        execute(&database, "DROP TABLE IF EXISTS raveler_many; CREATE TABLE raveler_many (n INT PRIMARY KEY)").await;
        let mut batch = Batch::new(1);
        for number in 0..2_500 {
            batch.begin();
            batch.put(&Cell::Int(number));
        }
        let mut twice = batch.clone();
        assert_eq!(
            database.insert("raveler_many", &["n".into()], &Feed::of(Arc::new(batch))).await.expect("rows"),
            2_500
        );
        execute(&database, "DELETE FROM raveler_many").await;
        twice.begin();
        twice.put(&Cell::Int(7));
        let error = database
            .insert("raveler_many", &["n".into()], &Feed::of(Arc::new(twice)))
            .await
            .expect_err("twice the same");
        assert_eq!(error.code(), Some("23000 1062"));
        assert_eq!(rows(&database, "SELECT count(*) FROM raveler_many", &[]).await, [[Cell::Int(0)]]);
        execute(&database, "DROP TABLE raveler_many").await;
    });
}

#[test]
fn transactions_roll_back_when_they_are_dropped() {
    on_server(Options { pool_size: 1, ..Options::default() }, async |database| {
        execute(&database, "DROP TABLE IF EXISTS raveler_tx; CREATE TABLE raveler_tx (n INT)").await;
        let transaction = database.begin().await.expect("a transaction");
        transaction.execute("INSERT INTO raveler_tx VALUES (?)".into(), params(&[Cell::Int(1)])).await.expect("a row");
        transaction.savepoint("inner").await.expect("a savepoint");
        drop(transaction);
        assert_eq!(rows(&database, "SELECT count(*) FROM raveler_tx", &[]).await, [[Cell::Int(0)]]);
        execute(&database, "DROP TABLE raveler_tx").await;
    });
}

#[test]
fn a_dropped_statement_is_stopped_on_the_server() {
    let options = Options { pool_size: 1, timeout: Duration::from_secs(5), ..Options::default() };
    on_server(options, async |database| {
        let sleep = database.fetch("SELECT SLEEP(600)".into(), params(&[]));
        assert!(tokio::time::timeout(Duration::from_millis(300), sleep).await.is_err());
        assert_eq!(rows(&database, "SELECT 1", &[]).await, [[Cell::Int(1)]]);
    });
}

#[test]
fn a_stream_hands_out_batches_and_may_be_left() {
    let options = Options { pool_size: 1, timeout: Duration::from_secs(5), ..Options::default() };
    on_server(options, async |database| {
        let sql: Arc<str> = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 900) \
                             SELECT i FROM n"
            .into();
        let mut stream = database.stream(Arc::clone(&sql), params(&[]), 500).await.expect("a stream");
        assert_eq!(stream.next_batch().await.expect("a batch").map(|rows| rows.len()), Some(500));
        assert_eq!(stream.next_batch().await.expect("a batch").map(|rows| rows.len()), Some(400));
        assert!(stream.next_batch().await.expect("the end").is_none());
        drop(stream);
        let mut left = database.stream(sql, params(&[]), 10).await.expect("a stream");
        left.next_batch().await.expect("a batch");
        drop(left);
        assert_eq!(rows(&database, "SELECT 1", &[]).await, [[Cell::Int(1)]]);
    });
}

#[test]
fn nobody_there_is_a_transient_error_without_the_password() {
    let database = Database::connect("mysql://me:geheim@127.0.0.1:1/x", Options::default()).expect("an address");
    let error = reactor::handle().block_on(database.fetch("SELECT 1".into(), params(&[]))).expect_err("nobody");
    assert!(matches!(error, DbError::Connect { transient: true, .. }), "{error}");
    assert!(!format!("{error} {error:?}").contains("geheim"));
}
