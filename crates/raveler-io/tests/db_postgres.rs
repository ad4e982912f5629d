//! PostgreSQL through the public interface, on the server that `RAVELER_TEST_POSTGRES` names; skipped without one.

use std::io::Write as _;
use std::sync::Arc;
use std::time::Duration;

use raveler_io::db::calendar::{Date, DateTime, Time};
use raveler_io::db::{Batch, Cell, Database, DbError, Feed, Options, Value};
use raveler_io::reactor;

fn on_server(options: Options, test: impl AsyncFnOnce(Database)) {
    let Ok(url) = std::env::var("RAVELER_TEST_POSTGRES") else {
        let _ = writeln!(std::io::stderr(), "skipped: RAVELER_TEST_POSTGRES names no server");
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

fn samples() -> Vec<(&'static str, Value)> {
    vec![
        ("bool", Cell::Bool(true)),
        ("int2", Cell::Int(-32_768)),
        ("int4", Cell::Int(2_147_483_647)),
        ("int8", Cell::Int(i64::MIN)),
        ("float8", Cell::Float(f64::NEG_INFINITY)),
        ("float4", Cell::Float(1.5)),
        ("text", Cell::text("zwölf \\ \t\n\"'{}\u{1F980}")),
        ("bytea", Cell::bytes(vec![0, 255, 92])),
        ("numeric", Cell::Decimal("-12345678901234567890.000100".into())),
        ("numeric", Cell::Decimal("0.00000001".into())),
        ("numeric", Cell::Decimal("NaN".into())),
        ("numeric", Cell::Decimal("100000000".into())),
        ("date", Cell::Date(Date { year: 1600, month: 2, day: 29 })),
        ("time", Cell::Time(Time { micros: 86_399_999_999, offset: None })),
        ("timetz", Cell::Time(Time { micros: 1, offset: Some(-16_200) })),
        ("timestamp", Cell::DateTime(DateTime { seconds: -1, micros: 999_999, offset: None })),
        ("timestamptz", Cell::DateTime(DateTime { seconds: 1_700_000_000, micros: 5, offset: Some(0) })),
        ("interval", Cell::Interval(-93_784_000_005)),
        ("uuid", Cell::Uuid([7; 16])),
        ("json", Cell::Json("{\"a\": [1, null]}".into())),
        ("jsonb", Cell::Json("{\"a\": [1, null]}".into())),
        ("int4[]", Cell::Array(vec![Cell::Int(1), Cell::Null, Cell::Int(3)])),
        ("text[]", Cell::Array(vec![Cell::text("a,\"b\\"), Cell::text(""), Cell::text("NULL")])),
        ("int8[]", Cell::Array(vec![Cell::Array(vec![Cell::Int(1)]), Cell::Array(vec![Cell::Int(2)])])),
        ("timestamptz[]", Cell::Array(vec![Cell::DateTime(DateTime { seconds: 5, micros: 6, offset: Some(0) })])),
        ("int4range", Cell::text("[1,5)")),
        ("inet", Cell::text("10.0.0.0/8")),
        ("bool", Cell::Null),
    ]
}

#[test]
fn bound_values_come_back_as_they_were() {
    on_server(Options::default(), async |database| {
        for (kind, value) in samples() {
            let found = rows(&database, &format!("SELECT $1::{kind}"), std::slice::from_ref(&value)).await;
            assert_eq!(found, [[value]], "{kind}");
        }
    });
}

#[test]
fn copied_values_come_back_as_they_were() {
    on_server(Options::default(), async |database| {
        for (index, (kind, value)) in samples().into_iter().enumerate() {
            let table = format!("raveler_copy_{index}");
            execute(&database, &format!("DROP TABLE IF EXISTS {table}")).await;
            execute(&database, &format!("CREATE TABLE {table} (\"a \"\"b\" {kind}, n int4)")).await;
            let batch =
                Batch::from_rows([&[value.clone(), Cell::Int(1)][..], &[Cell::Null, Cell::Null]]).expect("rows");
            let copied = database.insert(&table, &["a \"b".into(), "n".into()], &Feed::of(Arc::new(batch))).await;
            assert_eq!(copied.expect("a copy"), 2, "{kind}");
            let found = rows(&database, &format!("SELECT * FROM {table} ORDER BY n"), &[]).await;
            assert_eq!(found, [[value, Cell::Int(1)], [Cell::Null, Cell::Null]], "{kind}");
            execute(&database, &format!("DROP TABLE {table}")).await;
        }
    });
}

#[test]
fn other_types_come_as_text() {
    on_server(Options::default(), async |database| {
        let sql = "SELECT '{1,2}'::int4multirange, '08:00:2b:01:02:03'::macaddr, '1 mon'::interval, \
                   'infinity'::date, ROW(1, 'a b'), '(1,2)'::point, 12.5::text::money, '2001:db8::1'::inet";
        let found = database.fetch("SELECT '{[1,2),[5,6)}'::int4multirange".into(), params(&[])).await;
        assert_eq!(found.expect("rows").to_values(), [[Cell::text("{[1,2),[5,6)}")]]);
        let sql = sql.replace("'{1,2}'::int4multirange, ", "");
        let found = rows(&database, &sql, &[]).await.remove(0);
        assert_eq!(found[0], Cell::text("08:00:2b:01:02:03"));
        assert_eq!(found[1], Cell::text("1 mons 0 days 0.000000 secs"));
        assert_eq!(found[2], Cell::text("infinity"));
        assert_eq!(found[3], Cell::text("(1,\"a b\")"));
        assert!(matches!(found[4], Cell::Text(_)));
        assert_eq!(found[5], Cell::text("12.50"));
        assert_eq!(found[6], Cell::text("2001:db8::1"));
    });
}

#[test]
fn values_that_do_not_fit_are_refused_with_their_place() {
    on_server(Options::default(), async |database| {
        for (sql, value) in [("SELECT $1::int4", Cell::Int(1 << 40)), ("SELECT $1::text", Cell::Int(5))] {
            let error = database.fetch(sql.into(), params(&[value])).await.expect_err("no fit");
            assert!(error.to_string().starts_with("parameter $1 takes"), "{error}");
        }
        let error = database.fetch("SELECT $1::int4".into(), params(&[])).await.expect_err("too few");
        assert!(matches!(error, DbError::Shape(_)), "{error}");
    });
}

#[test]
fn many_statements_share_few_connections() {
    let options = Options { pool_size: 3, ..Options::default() };
    on_server(options, async |database| {
        let database = Arc::new(database);
        let tasks: Vec<_> = (0..200)
            .map(|number| {
                let database = Arc::clone(&database);
                reactor::spawn(async move { rows(&database, "SELECT $1::int8", &[Cell::Int(number)]).await })
            })
            .collect();
        for (number, task) in (0..200).zip(tasks) {
            assert_eq!(task.await.expect("a task"), [[Cell::Int(number)]]);
        }
        let mine = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'SELECT $1::int8%'";
        let Cell::Int(connections) = rows(&database, mine, &[]).await[0][0] else { panic!("a count") };
        assert!((0..=3).contains(&connections), "{connections} connections");
    });
}

#[test]
fn transactions_commit_roll_back_and_nest() {
    on_server(Options::default(), async |database| {
        execute(&database, "DROP TABLE IF EXISTS raveler_tx; CREATE TABLE raveler_tx (n int UNIQUE)").await;
        let insert: Arc<str> = "INSERT INTO raveler_tx VALUES ($1)".into();
        let transaction = database.begin().await.expect("a transaction");
        transaction.execute(Arc::clone(&insert), params(&[Cell::Int(1)])).await.expect("a row");
        transaction.savepoint("inner").await.expect("a savepoint");
        let twice = Batch::from_rows([&[Cell::Int(2)][..], &[Cell::Int(1)]]).expect("rows");
        transaction.execute_many(Arc::clone(&insert), Arc::new(twice)).await.expect_err("unique");
        transaction.execute(Arc::clone(&insert), params(&[Cell::Int(3)])).await.expect("a row");
        transaction.rollback_to("inner").await.expect("an undo");
        transaction.commit().await.expect("a commit");
        let dropped = database.begin().await.expect("a transaction");
        dropped.execute(Arc::clone(&insert), params(&[Cell::Int(4)])).await.expect("a row");
        drop(dropped);
        assert_eq!(rows(&database, "SELECT n FROM raveler_tx", &[]).await, [[Cell::Int(1)]]);
        let batch = Batch::from_rows([&[Cell::Int(8)][..], &[Cell::Int(8)]]).expect("rows");
        let error = database.execute_many(insert, Arc::new(batch)).await.expect_err("unique");
        assert_eq!(error.code(), Some("23505"));
        assert_eq!(rows(&database, "SELECT count(*) FROM raveler_tx", &[]).await, [[Cell::Int(1)]]);
        execute(&database, "DROP TABLE raveler_tx").await;
    });
}

#[test]
fn streams_hand_out_batches_alone_and_within_a_transaction() {
    let options = Options { pool_size: 1, timeout: Duration::from_secs(5), ..Options::default() };
    on_server(options, async |database| {
        let sql: Arc<str> = "SELECT generate_series(1, $1::int4)".into();
        let mut stream = database.stream(Arc::clone(&sql), params(&[Cell::Int(2500)]), 1000).await.expect("a stream");
        let mut sizes = Vec::new();
        while let Some(batch) = stream.next_batch().await.expect("a batch") {
            sizes.push(batch.len());
        }
        assert_eq!(sizes, [1000, 1000, 500]);
        let half = database.stream(Arc::clone(&sql), params(&[Cell::Int(10_000_000)]), 1000).await;
        half.expect("a stream").next_batch().await.expect("a batch");
        let transaction = database.begin().await.expect("the only connection is free again");
        let mut stream = transaction.stream(sql, params(&[Cell::Int(1500)]), 1000).await.expect("a cursor");
        assert_eq!(stream.next_batch().await.expect("a batch").map(|rows| rows.len()), Some(1000));
        transaction.execute("SELECT 1".into(), params(&[])).await.expect("between two batches");
        assert_eq!(stream.next_batch().await.expect("a batch").map(|rows| rows.len()), Some(500));
        assert!(stream.next_batch().await.expect("the end").is_none());
        transaction.commit().await.expect("a commit");
    });
}

#[test]
fn a_dropped_statement_is_stopped_on_the_server() {
    let options = Options { pool_size: 1, timeout: Duration::from_secs(5), ..Options::default() };
    on_server(options, async |database| {
        let sleep = database.fetch("SELECT pg_sleep(600) AS raveler_sleep".into(), params(&[]));
        assert!(tokio::time::timeout(Duration::from_millis(300), sleep).await.is_err());
        let left = "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE '%raveler_sleep%' \
                    AND pid <> pg_backend_pid()";
        for _ in 0..100 {
            if rows(&database, left, &[]).await == [[Cell::Int(0)]] {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("the statement still runs");
    });
}

#[test]
fn a_full_pool_says_so() {
    let options = Options { pool_size: 1, timeout: Duration::from_millis(300), ..Options::default() };
    on_server(options, async |database| {
        let _held = database.begin().await.expect("a transaction");
        let error = database.fetch("SELECT 1".into(), params(&[])).await.expect_err("no connection");
        assert!(matches!(error, DbError::Exhausted { size: 1, .. }), "{error}");
    });
}

#[test]
fn a_killed_connection_is_lost_and_then_replaced() {
    let options = Options { pool_size: 1, ..Options::default() };
    on_server(options, async |database| {
        let error = database.fetch("SELECT pg_terminate_backend(pg_backend_pid())".into(), params(&[])).await;
        let error = error.expect_err("it ends itself");
        assert!(error.is_transient(), "{error}");
        for _ in 0..100 {
            if database.fetch("SELECT 1".into(), params(&[])).await.is_ok() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("the pool does not recover");
    });
}

#[test]
fn a_changed_schema_does_not_disturb_a_prepared_statement() {
    on_server(Options { pool_size: 1, ..Options::default() }, async |database| {
        execute(&database, "DROP TABLE IF EXISTS raveler_alter; CREATE TABLE raveler_alter (a int)").await;
        assert!(rows(&database, "SELECT * FROM raveler_alter", &[]).await.is_empty());
        execute(&database, "ALTER TABLE raveler_alter ADD COLUMN b text; INSERT INTO raveler_alter VALUES (1, 'x')")
            .await;
        let found = rows(&database, "SELECT * FROM raveler_alter", &[]).await;
        assert_eq!(found, [[Cell::Int(1), Cell::text("x")]]);
        execute(&database, "DROP TABLE raveler_alter").await;
    });
}

#[test]
fn nobody_there_is_a_transient_error_without_the_password() {
    let options = Options { timeout: Duration::from_secs(2), ..Options::default() };
    let database = Database::connect("postgresql://me:geheim@127.0.0.1:1/x", options).expect("an address");
    let error = reactor::handle().block_on(database.fetch("SELECT 1".into(), params(&[]))).expect_err("nobody");
    assert!(error.is_transient(), "{error}");
    assert!(!format!("{error} {error:?}").contains("geheim"));
}
