//! Where redirects lead, and what goes along.

use bytes::Bytes;
use raveler_io::http::{Auth, BodyStream, Client, ClientOptions, HttpError, Method, Request, RequestBody};

use crate::server::{After, Server, reply, run, serve};

fn client() -> Client {
    Client::new(ClientOptions::default()).expect("the defaults are valid")
}

/// A server that answers `/to` with `status` and this location, and everything else with its path.
async fn redirecting(status: &'static str, location: String) -> Server {
    serve(move |_, asked| {
        let path = asked.split(' ').nth(1).unwrap_or_default();
        if path.starts_with("/to") {
            (reply(status, &[&format!("location: {location}")], b"moved"), After::Keep)
        } else {
            (reply("200 OK", &[], path.as_bytes()), After::Keep)
        }
    })
    .await
}

#[test]
fn the_answer_tells_where_it_came_from_and_how() {
    run(async {
        let server = redirecting("302 Found", "/there?x=1#part".to_owned()).await;
        let answer = client().send(&Request::get(server.url("/to"))).await.expect("it answers");
        assert_eq!(answer.url, server.url("/there?x=1"));
        assert_eq!(answer.history, [(302, server.url("/to"))]);
        assert_eq!(answer.into_bytes(), "/there?x=1");
    });
}

#[test]
fn a_loop_ends() {
    run(async {
        let server = redirecting("301 Moved Permanently", "/to".to_owned()).await;
        let options = ClientOptions { max_redirects: 3, ..ClientOptions::default() };
        let error =
            Client::new(options).expect("valid").send(&Request::get(server.url("/to"))).await.expect_err("a loop");
        assert!(matches!(error, HttpError::Redirects { limit: 3, .. }), "{error:?}");
        assert!(!error.is_transient());
        assert_eq!(server.asked.len(), 4);
    });
}

#[test]
fn whoever_does_not_follow_gets_the_redirect() {
    run(async {
        let server = redirecting("302 Found", "/there".to_owned()).await;
        let request = Request { follow_redirects: Some(false), ..Request::get(server.url("/to")) };
        assert_eq!(client().send(&request).await.expect("it answers").status, 302);
        let options = ClientOptions { max_redirects: 0, ..ClientOptions::default() };
        let never = Client::new(options).expect("valid");
        assert_eq!(never.send(&Request::get(server.url("/to"))).await.expect("it answers").status, 302);
    });
}

#[test]
fn method_and_body_go_along_where_the_status_says_so() {
    run(async {
        for (status, expected) in [
            ("301 Moved Permanently", "GET"),
            ("302 Found", "GET"),
            ("303 See Other", "GET"),
            ("307 Temporary Redirect", "POST"),
            ("308 Permanent Redirect", "POST"),
        ] {
            let server = redirecting(status, "/there".to_owned()).await;
            let mut request = Request::new(Method::POST, server.url("/to"));
            request.body = RequestBody::Bytes(Bytes::from_static(b"load"));
            request.headers.push(("content-type".to_owned(), "text/plain".to_owned()));
            client().send(&request).await.expect("it answers");
            let second = server.asked.all()[1].to_lowercase();
            assert!(second.starts_with(&expected.to_lowercase()), "{status}: {second}");
            assert_eq!(second.ends_with("load"), expected == "POST", "{status}: {second}");
            assert_eq!(second.contains("content-type"), expected == "POST", "{status}: {second}");
        }
    });
}

#[test]
fn a_stream_is_not_sent_again() {
    run(async {
        let server = redirecting("307 Temporary Redirect", "/there".to_owned()).await;
        let (sender, receiver) = tokio::sync::mpsc::channel(1);
        sender.send(Ok(Bytes::from_static(b"once"))).await.expect("there is room");
        drop(sender);
        let mut request = Request::new(Method::POST, server.url("/to"));
        request.body = RequestBody::Stream(BodyStream::new(receiver));
        assert!(!request.is_repeatable());
        let error = client().send(&request).await.expect_err("it is gone");
        assert!(matches!(error, HttpError::BadRedirect { .. }), "{error:?}");
        let error = client().send(&request).await.expect_err("it is gone");
        assert!(matches!(error, HttpError::Body { .. }), "{error:?}");
        assert!(!error.is_transient());
    });
}

#[test]
fn credentials_stay_with_their_host() {
    run(async {
        let other = serve(|_, _| (reply("200 OK", &[], b"other"), After::Keep)).await;
        let near = redirecting("302 Found", "/there".to_owned()).await;
        let far = redirecting("302 Found", other.url("/")).await;
        let options = ClientOptions { auth: Some(Auth::Bearer("token".to_owned())), ..ClientOptions::default() };
        let client = Client::new(options).expect("valid");
        for server in [&near, &far] {
            let mut request = Request::get(server.url("/to"));
            request.headers.push(("cookie".to_owned(), "session=secret".to_owned()));
            request.cookies.push(("more".to_owned(), "1".to_owned()));
            client.send(&request).await.expect("it answers");
            assert!(server.asked.all()[0].contains("authorization: Bearer token\r\n"));
            assert!(server.asked.all()[0].contains("cookie: session=secret; more=1\r\n"));
        }
        assert!(near.asked.all()[1].contains("authorization: Bearer token\r\n"));
        let asked = other.asked.all()[0].to_lowercase();
        assert!(!asked.contains("authorization") && !asked.contains("cookie"), "{asked}");
    });
}

#[test]
fn userinfo_is_a_credential() {
    run(async {
        let server = serve(|_, _| (reply("200 OK", &[], b""), After::Keep)).await;
        let url = server.url("/").replace("http://", "http://me:s%3Acret@");
        let answer = client().send(&Request::get(url)).await.expect("it answers");
        assert_eq!(answer.url, server.url("/"));
        assert!(server.asked.all()[0].contains("authorization: Basic bWU6czpjcmV0\r\n"), "{:?}", server.asked.all());
    });
}

#[test]
fn only_http_is_followed() {
    run(async {
        let server = redirecting("302 Found", "file:///etc/passwd".to_owned()).await;
        let error = client().send(&Request::get(server.url("/to"))).await.expect_err("not HTTP");
        assert!(matches!(error, HttpError::BadRedirect { .. }), "{error:?}");
    });
}

#[test]
fn a_cookie_for_a_whole_domain_is_not_kept() {
    run(async {
        let server = serve(|_, _| {
            (reply("200 OK", &["set-cookie: a=1; Domain=.1", "set-cookie: b=2; domain=com"], b""), After::Keep)
        });
        let server = server.await;
        let client = client();
        for _ in 0..2 {
            client.send(&Request::get(server.url("/"))).await.expect("it answers");
        }
        assert!(!server.asked.all()[1].contains("cookie: "));
    });
}

#[test]
fn cookies_come_back_to_who_set_them() {
    run(async {
        let server =
            serve(|_, _| (reply("200 OK", &["set-cookie: a=1; Path=/in", "set-cookie: b=2"], b""), After::Keep)).await;
        let client = client();
        for path in ["/in", "/in/side", "/out"] {
            client.send(&Request::get(server.url(path))).await.expect("it answers");
        }
        let asked = server.asked.all();
        assert!(!asked[0].contains("cookie: "), "{asked:?}");
        assert!(asked[1].contains("a=1") && asked[1].contains("b=2"), "{asked:?}");
        assert!(!asked[2].contains("a=1") && asked[2].contains("b=2"), "{asked:?}");
        let without = Client::new(ClientOptions { cookies: false, ..ClientOptions::default() }).expect("valid");
        for _ in 0..2 {
            without.send(&Request::get(server.url("/"))).await.expect("it answers");
        }
        assert!(!server.asked.all()[4].contains("cookie: "));
    });
}
