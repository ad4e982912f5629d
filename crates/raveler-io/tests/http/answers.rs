//! What a client makes of good and of broken answers.

use std::time::Duration;

use raveler_io::http::{Client, ClientOptions, HttpError, Method, Phase, Request, Timeouts};

use crate::server::{After, reply, run, serve};

fn client() -> Client {
    Client::new(ClientOptions::default()).expect("the defaults are valid")
}

#[test]
fn an_answer_has_status_headers_and_body() {
    run(async {
        let server = serve(|_, _| (reply("200 OK", &["x-a: 1", "x-a: 2"], b"hello"), After::Keep)).await;
        let answer = client().send(&Request::get(server.url("/a?b=c"))).await.expect("it answers");
        assert_eq!(answer.status, 200);
        assert_eq!(answer.headers.get_all("x-a").iter().collect::<Vec<_>>(), ["1", "2"]);
        assert_eq!(answer.url, server.url("/a?b=c"));
        assert_eq!(answer.clone().into_bytes(), "hello");
        let asked = server.asked.all();
        assert!(asked[0].starts_with("GET /a?b=c HTTP/1.1\r\n"), "{asked:?}");
        assert!(asked[0].contains("user-agent: raveler/"), "{asked:?}");
    });
}

#[test]
fn a_body_shorter_than_announced_is_cut_off() {
    run(async {
        let server = serve(|_, _| (b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc".to_vec(), After::Close)).await;
        let error = client().send(&Request::get(server.url("/"))).await.expect_err("it is short");
        assert!(matches!(error, HttpError::CutOff { .. }), "{error:?}");
        assert!(error.is_transient());
    });
}

#[test]
fn a_chunked_body_without_its_last_chunk_is_cut_off() {
    run(async {
        let bytes = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n";
        let server = serve(|_, _| (bytes.to_vec(), After::Close)).await;
        let error = client().send(&Request::get(server.url("/"))).await.expect_err("it is short");
        assert!(matches!(error, HttpError::CutOff { .. }), "{error:?}");
    });
}

#[test]
fn chunks_and_trailers_make_one_body() {
    run(async {
        let bytes =
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nx-sum: 5\r\n\r\n";
        let server = serve(|_, _| (bytes.to_vec(), After::Keep)).await;
        let client = client();
        for _ in 0..2 {
            let answer = client.send(&Request::get(server.url("/"))).await.expect("it answers");
            assert_eq!(answer.into_bytes(), "abcde");
        }
    });
}

#[test]
fn answers_without_a_body_have_none() {
    run(async {
        let server = serve(|_, asked| {
            let status = if asked.contains("/204") { "204 No Content" } else { "304 Not Modified" };
            let length = if asked.starts_with("HEAD") { "content-length: 7\r\n" } else { "" };
            (format!("HTTP/1.1 {status}\r\n{length}\r\n").into_bytes(), After::Keep)
        })
        .await;
        let client = client();
        for request in [
            Request::new(Method::HEAD, server.url("/")),
            Request::get(server.url("/204")),
            Request::get(server.url("/304")),
            Request::new(Method::HEAD, server.url("/")),
        ] {
            let answer = client.send(&request).await.expect("it answers");
            assert!(answer.is_empty());
        }
    });
}

#[test]
fn what_is_not_http_is_named() {
    run(async {
        let server = serve(|_, _| (b"SSH-2.0-OpenSSH_9.2\r\n".to_vec(), After::Close)).await;
        let error = client().send(&Request::get(server.url("/"))).await.expect_err("it is no HTTP");
        assert!(matches!(error, HttpError::Protocol { .. }), "{error:?}");
        assert!(!error.is_transient());
    });
}

#[test]
fn a_connection_closed_in_the_pool_is_replaced() {
    run(async {
        let server = serve(|number, _| match number {
            1 => (Vec::new(), After::Close),
            _ => (reply("200 OK", &[], b"x"), After::Keep),
        })
        .await;
        let client = client();
        for _ in 0..2 {
            client.send(&Request::get(server.url("/"))).await.expect("it answers, if asked again");
        }
        assert_eq!(server.asked.len(), 3);
    });
}

#[test]
fn what_is_not_idempotent_is_sent_once() {
    run(async {
        let server = serve(|number, _| match number {
            1 => (Vec::new(), After::Close),
            _ => (reply("200 OK", &[], b"x"), After::Keep),
        })
        .await;
        let client = client();
        let post = Request::new(Method::POST, server.url("/"));
        client.send(&post).await.expect("the first is answered");
        let error = client.send(&post).await.expect_err("the second is not");
        assert!(matches!(error, HttpError::Lost { .. }), "{error:?}");
        assert!(error.is_transient());
        assert_eq!(server.asked.len(), 2);
    });
}

#[test]
fn a_silent_server_is_not_waited_for() {
    run(async {
        let silent = serve(|_, _| (Vec::new(), After::Keep)).await;
        let half = serve(|_, _| (b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc".to_vec(), After::Keep)).await;
        let short = Some(Duration::from_millis(50));
        let reading = Timeouts { connect: short, read: short, total: None };
        let total = Timeouts { total: short, ..Timeouts::default() };
        for (timeout, phase) in [(reading, Phase::Read), (total, Phase::Total)] {
            for server in [&silent, &half] {
                let client = Client::new(ClientOptions { timeout, ..ClientOptions::default() }).expect("valid");
                let error = client.send(&Request::get(server.url("/"))).await.expect_err("it is silent");
                assert!(matches!(error, HttpError::Timeout { phase: found, .. } if found == phase), "{error:?}");
            }
        }
    });
}

#[test]
fn nobody_there_and_no_such_name_are_told_apart() {
    run(async {
        let closed = serve(|_, _| (Vec::new(), After::Close)).await.address;
        let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a port is free").local_addr().expect("bound");
        assert_ne!(closed, free);
        let error = client().send(&Request::get(format!("http://{free}/"))).await.expect_err("nobody listens");
        assert!(matches!(error, HttpError::Connect { .. }), "{error:?}");
        assert!(error.to_string().contains(&free.to_string()));
        let error = client().send(&Request::get("http://no-such-name.invalid/")).await.expect_err("no name");
        assert!(matches!(error, HttpError::Dns { .. }), "{error:?}");
    });
}

#[test]
fn the_status_is_an_error_only_for_who_asks() {
    run(async {
        let server = serve(|_, _| (reply("429 Too Many Requests", &["retry-after: 3"], b""), After::Keep)).await;
        let answer = client().send(&Request::get(server.url("/?key=secret"))).await.expect("it answers");
        let error = answer.status_error().expect("429 is an error");
        assert!(error.is_transient());
        assert_eq!(error.not_before(), Some(Duration::from_secs(3)));
        assert_eq!(error.status(), Some(429));
        assert!(!error.to_string().contains("secret"), "{error}");
    });
}
