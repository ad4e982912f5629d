//! How many requests run at once, how many start in a span, and what happens when one is given up.

use std::sync::Arc;
use std::time::{Duration, Instant};

use raveler_io::http::{Client, ClientOptions, HttpError, Request, retry_after};
use raveler_sync::Counter;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::server::{After, reply, run, serve};

/// A server that answers after 20 ms and counts the connections that it has at once.
async fn slow() -> (String, Arc<Counter>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has a free port");
    let url = format!("http://{}/", listener.local_addr().expect("it is bound"));
    let (open, most) = (Arc::new(Counter::new(0)), Arc::new(Counter::new(0)));
    let (handle, seen) = (tokio::runtime::Handle::current(), Arc::clone(&most));
    handle.clone().spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let (open, most) = (Arc::clone(&open), Arc::clone(&most));
            handle.spawn(async move {
                most.raise(open.add(1) + 1);
                let mut buffer = [0; 1024];
                while socket.read(&mut buffer).await.is_ok_and(|got| got > 0) {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                    if socket.write_all(&reply("200 OK", &[], b"x")).await.is_err() {
                        break;
                    }
                }
                open.subtract(1);
            });
        }
    });
    (url, seen)
}

async fn at_once(client: &Client, url: &str, count: usize) {
    let handle = tokio::runtime::Handle::current();
    let sent = (0..count).map(|_| {
        let (client, request) = (client.clone(), Request::get(url));
        handle.spawn(async move { client.send(&request).await.expect("it answers") })
    });
    for sent in sent.collect::<Vec<_>>() {
        sent.await.expect("nobody panics");
    }
}

#[test]
fn connections_are_bounded() {
    run(async {
        for (concurrency, expected) in [(Some(3), 3), (None, 64)] {
            let (url, most) = slow().await;
            let client = Client::new(ClientOptions { concurrency, ..ClientOptions::default() }).expect("valid");
            at_once(&client, &url, 130).await;
            assert!(most.get() <= expected, "{} connections", most.get());
            assert!(most.get() >= expected / 2, "{} connections", most.get());
        }
    });
}

#[test]
fn starts_are_bounded_in_any_span() {
    run(async {
        let starts = Arc::new(std::sync::Mutex::new(Vec::new()));
        let noted = Arc::clone(&starts);
        let server = serve(move |_, _| {
            noted.lock().expect("nobody panics with it").push(Instant::now());
            (reply("200 OK", &[], b""), After::Keep)
        })
        .await;
        let span = Duration::from_millis(200);
        let client = Client::new(ClientOptions { rate: Some((3, span)), ..ClientOptions::default() }).expect("valid");
        at_once(&client, &server.url("/"), 8).await;
        let mut starts = starts.lock().expect("nobody panics with it").clone();
        starts.sort();
        let slack = Duration::from_millis(60);
        assert!(starts.windows(4).all(|four| four[3] - four[0] + slack > span), "{starts:?}");
    });
}

#[test]
fn a_request_that_is_dropped_gives_its_room_back() {
    run(async {
        let silent = serve(|_, asked| {
            let answer = if asked.contains("/silent") { Vec::new() } else { reply("200 OK", &[], b"x") };
            (answer, After::Keep)
        })
        .await;
        let client = Client::new(ClientOptions { concurrency: Some(1), ..ClientOptions::default() }).expect("valid");
        let given_up = Request::get(silent.url("/silent"));
        let end = tokio::time::timeout(Duration::from_millis(50), client.send(&given_up)).await;
        assert!(end.is_err());
        client.send(&Request::get(silent.url("/"))).await.expect("there is room again");
        let mut half_read = client.open(&Request::get(silent.url("/"))).await.expect("it answers");
        half_read.next().await.expect("it comes");
        drop(half_read);
        client.send(&Request::get(silent.url("/"))).await.expect("there is room again");
    });
}

#[test]
fn connections_are_used_again() {
    run(async {
        let (url, most) = slow().await;
        let client = Client::new(ClientOptions::default()).expect("valid");
        for _ in 0..5 {
            client.send(&Request::get(&url)).await.expect("it answers");
        }
        assert_eq!(most.get(), 1);
    });
}

#[test]
fn what_cannot_be_requested_is_told_before_anything_is_sent() {
    run(async {
        let client = Client::new(ClientOptions::default()).expect("valid");
        for url in ["no scheme", "ftp://host/", "http://", "http://user:secret@ho st/"] {
            let error = client.send(&Request::get(url)).await.expect_err(url);
            assert!(matches!(error, HttpError::BadUrl { .. }), "{url}: {error:?}");
            assert!(!error.to_string().contains("secret"), "{error}");
        }
        let mut request = Request::get("http://127.0.0.1:9/");
        request.headers.push(("authorization".to_owned(), "a\r\nsecret: 1".to_owned()));
        let error = client.send(&request).await.expect_err("a line break");
        assert!(matches!(error, HttpError::BadHeader { .. }), "{error:?}");
        assert!(!error.to_string().contains("secret"), "{error}");
    });
}

#[test]
fn retry_after_is_seconds_or_a_date() {
    let headers = |value: &str| {
        let mut headers = raveler_io::http::HeaderMap::new();
        headers.insert("retry-after", value.parse().expect("a value"));
        headers
    };
    let now = std::time::UNIX_EPOCH + Duration::from_secs(784_111_777);
    let seconds = |value: &str| retry_after(&headers(value), now).map(|wait| wait.as_secs());
    assert_eq!(seconds("120"), Some(120));
    assert_eq!(seconds("Sun, 06 Nov 1994 08:50:37 GMT"), Some(60));
    assert_eq!(seconds("Sun, 06 Nov 1994 08:40:37 GMT"), Some(0));
    assert_eq!(seconds("soon"), None);
    assert_eq!(seconds("-1"), None);
}
