//! Bodies on their way out and in.

use async_compression::tokio::write::{BrotliEncoder, DeflateEncoder, GzipEncoder, ZlibEncoder, ZstdEncoder};
use bytes::Bytes;
use raveler_io::http::{BodyStream, Client, ClientOptions, HttpError, Method, Part, PartBody, Request, RequestBody};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::server::{After, reply, run, serve};

fn client() -> Client {
    Client::new(ClientOptions::default()).expect("the defaults are valid")
}

/// Compresses `$plain` with an encoder.
macro_rules! packed {
    ($encoder:ident, $plain:expr) => {{
        let mut encoder = $encoder::new(Vec::new());
        encoder.write_all($plain).await.expect("memory is there");
        encoder.shutdown().await.expect("memory is there");
        encoder.into_inner()
    }};
}

#[test]
fn a_stream_hands_out_pieces() {
    run(async {
        let server = serve(|_, _| (reply("200 OK", &[], &vec![7; 100_000]), After::Keep)).await;
        let mut answer = client().open(&Request::get(server.url("/"))).await.expect("it answers");
        let mut size = 0;
        while let Some(piece) = answer.next().await.expect("it is whole") {
            size += piece.len();
        }
        assert_eq!(size, 100_000);
    });
}

#[test]
fn encodings_are_undone() {
    run(async {
        let plain = b"the same words again and again, ".repeat(1000);
        let zlib = packed!(ZlibEncoder, &plain);
        let twice = {
            let inner = packed!(GzipEncoder, &plain);
            packed!(BrotliEncoder, &inner)
        };
        let members = [packed!(GzipEncoder, &plain[..100]), packed!(GzipEncoder, &plain[100..])].concat();
        for (name, bytes) in [
            ("gzip", packed!(GzipEncoder, &plain)),
            ("x-gzip", members),
            ("br", packed!(BrotliEncoder, &plain)),
            ("zstd", packed!(ZstdEncoder, &plain)),
            ("deflate", zlib),
            ("deflate", packed!(DeflateEncoder, &plain)),
            ("gzip, br", twice),
            ("identity", plain.clone()),
        ] {
            let server =
                serve(move |_, _| (reply("200 OK", &[&format!("content-encoding: {name}")], &bytes), After::Keep))
                    .await;
            let client = client();
            for _ in 0..2 {
                let answer = client.send(&Request::get(server.url("/"))).await.expect(name);
                assert_eq!(answer.into_bytes(), plain, "{name}");
            }
            assert!(server.asked.all()[0].contains("accept-encoding: gzip, deflate, br, zstd\r\n"));
        }
    });
}

#[test]
fn an_encoding_that_was_asked_for_is_left_alone() {
    run(async {
        let packed = packed!(GzipEncoder, b"plain");
        let sent = packed.clone();
        let server = serve(move |_, _| (reply("200 OK", &["content-encoding: gzip"], &sent), After::Keep)).await;
        let mut request = Request::get(server.url("/"));
        request.headers.push(("Accept-Encoding".to_owned(), "gzip".to_owned()));
        assert_eq!(client().send(&request).await.expect("it answers").into_bytes(), packed);
        let mut range = Request::get(server.url("/"));
        range.headers.push(("range".to_owned(), "bytes=0-".to_owned()));
        assert_eq!(client().send(&range).await.expect("it answers").into_bytes(), packed);
        assert!(server.asked.all()[1].contains("accept-encoding: identity\r\n"), "{:?}", server.asked.all());
        let options =
            ClientOptions { headers: vec![("accept-encoding".into(), "gzip".into())], ..ClientOptions::default() };
        let own = Client::new(options).expect("valid");
        assert_eq!(own.send(&Request::get(server.url("/"))).await.expect("it answers").into_bytes(), packed);
    });
}

#[test]
fn compressed_data_that_end_early_or_are_none_are_errors() {
    run(async {
        let packed = packed!(GzipEncoder, &[b'x'; 10_000]);
        let half = packed[..packed.len() - 9].to_vec();
        let server = serve(move |_, asked| {
            let body: &[u8] = if asked.contains("/half") { &half } else { b"no gzip at all" };
            (reply("200 OK", &["content-encoding: gzip"], body), After::Keep)
        })
        .await;
        let error = client().send(&Request::get(server.url("/half"))).await.expect_err("it is half");
        assert!(matches!(error, HttpError::CutOff { .. }), "{error:?}");
        let error = client().send(&Request::get(server.url("/none"))).await.expect_err("it is none");
        assert!(matches!(error, HttpError::Decoding { .. }), "{error:?}");
    });
}

#[test]
fn an_empty_body_needs_no_decoder() {
    run(async {
        let server = serve(|_, asked| {
            let framing = if asked.contains("/chunked") {
                "transfer-encoding: chunked\r\n\r\n0\r\n"
            } else {
                "content-length: 0\r\n"
            };
            (format!("HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\n{framing}\r\n").into_bytes(), After::Keep)
        })
        .await;
        for path in ["/", "/chunked"] {
            assert!(client().send(&Request::get(server.url(path))).await.expect("it answers").is_empty());
        }
    });
}

#[test]
fn a_bomb_is_not_unpacked() {
    run(async {
        let bomb = packed!(GzipEncoder, &vec![0; 20 << 20]);
        assert!(bomb.len() < 1 << 20);
        let server = serve(move |_, _| (reply("200 OK", &["content-encoding: gzip"], &bomb), After::Keep)).await;
        let options = ClientOptions { max_body: Some(1 << 20), ..ClientOptions::default() };
        let guarded = Client::new(options).expect("valid");
        let error = guarded.send(&Request::get(server.url("/"))).await.expect_err("it is too large");
        assert!(matches!(error, HttpError::TooLarge { limit: 0x0010_0000, .. }), "{error:?}");
        let mut stream = guarded.open(&Request::get(server.url("/"))).await.expect("a stream has no limit");
        let mut size = 0;
        while let Some(piece) = stream.next().await.expect("it is whole") {
            assert!(piece.len() <= 1 << 20);
            size += piece.len();
        }
        assert_eq!(size, 20 << 20);
    });
}

#[test]
fn a_form_is_urlencoded() {
    run(async {
        let server = serve(|_, _| (reply("200 OK", &[], b""), After::Keep)).await;
        let mut request = Request::new(Method::POST, server.url("/"));
        request.body = RequestBody::Form(vec![("a b".into(), "c&d".into()), ("e".into(), "\u{e9}".into())]);
        client().send(&request).await.expect("it answers");
        let asked = &server.asked.all()[0];
        assert!(asked.contains("content-type: application/x-www-form-urlencoded\r\n"), "{asked}");
        assert!(asked.ends_with("\r\n\r\na+b=c%26d&e=%C3%A9"), "{asked}");
    });
}

#[test]
fn a_multipart_form_tells_its_length() {
    run(async {
        let path = std::env::temp_dir().join(format!("raveler-part-{}", std::process::id()));
        std::fs::write(&path, "from the file").expect("the folder is writable");
        let server = serve(|_, _| (reply("200 OK", &[], b""), After::Keep)).await;
        let part = |name: &str, body| Part { name: name.into(), file_name: None, content_type: None, body };
        let mut file = part("file", PartBody::File(path.clone()));
        file.file_name = Some("f.txt".to_owned());
        let mut request = Request::new(Method::POST, server.url("/"));
        request.body = RequestBody::Multipart(vec![part("field", PartBody::Bytes(Bytes::from_static(b"value"))), file]);
        client().send(&request).await.expect("it answers");
        client().send(&request).await.expect("it can be sent again");
        std::fs::remove_file(&path).expect("it is there");
        for asked in server.asked.all() {
            assert!(asked.contains("content-length: ") && asked.contains("multipart/form-data; boundary="), "{asked}");
            assert!(asked.contains("name=\"field\"\r\n\r\nvalue\r\n"), "{asked}");
            assert!(
                asked.contains("filename=\"f.txt\"\r\nContent-Type: application/octet-stream\r\n\r\nfrom the file\r\n")
            );
            assert!(asked.ends_with("--\r\n"), "{asked}");
        }
    });
}

#[test]
fn a_file_is_sent_as_it_is() {
    run(async {
        let path = std::env::temp_dir().join(format!("raveler-body-{}", std::process::id()));
        let content = "0123456789abcdef".repeat(200_000);
        std::fs::write(&path, &content).expect("the folder is writable");
        let server = serve(|_, _| (reply("201 Created", &[], b""), After::Keep)).await;
        let mut request = Request::new(Method::PUT, server.url("/"));
        request.body = RequestBody::File(path.clone());
        let answer = client().send(&request).await.expect("it answers");
        assert_eq!(answer.status, 201);
        assert!(server.asked.all()[0].ends_with(&content));
        std::fs::remove_file(&path).expect("it is there");
        let error = client().send(&request).await.expect_err("it is gone");
        assert!(matches!(error, HttpError::Body { .. }), "{error:?}");
    });
}

#[test]
fn an_answer_before_the_end_of_the_body_is_taken() {
    run(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has a free port");
        let url = format!("http://{}/", listener.local_addr().expect("it is bound"));
        tokio::runtime::Handle::current().spawn(async move {
            while let Ok((mut socket, _)) = listener.accept().await {
                let mut some = [0; 1000];
                let _ = socket.read(&mut some).await;
                let _ = socket.write_all(&reply("413 Content Too Large", &["connection: close"], b"no")).await;
                let _ = socket.shutdown().await;
                while socket.read(&mut some).await.is_ok_and(|got| got > 0) {}
            }
        });
        let mut request = Request::new(Method::PUT, url);
        request.body = RequestBody::Bytes(Bytes::from(vec![0; 32 << 20]));
        let answer = client().send(&request).await.expect("it answers");
        assert_eq!((answer.status, answer.into_bytes()), (413, "no".into()));
    });
}

#[test]
fn a_producer_feeds_the_body_and_can_break_it_off() {
    run(async {
        let server = serve(|_, _| (reply("200 OK", &[], b""), After::Keep)).await;
        for broken in [false, true] {
            let (sender, receiver) = tokio::sync::mpsc::channel(1);
            let mut request = Request::new(Method::PUT, server.url("/"));
            request.body = RequestBody::Stream(BodyStream::new(receiver));
            let client = client();
            let feed = async move {
                for piece in ["one", "two"] {
                    sender.send(Ok(Bytes::from_static(piece.as_bytes()))).await.expect("it is taken");
                }
                if broken {
                    sender.send(Err("the producer raised ValueError".to_owned())).await.expect("it is taken");
                }
            };
            let (end, ()) = tokio::join!(client.send(&request), feed);
            if broken {
                let error = end.expect_err("it was broken off");
                assert!(matches!(&error, HttpError::Body { reason, .. } if reason.contains("ValueError")), "{error:?}");
            } else {
                assert_eq!(end.expect("it answers").status, 200);
                assert!(server.asked.all()[0].contains("3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n"));
            }
        }
    });
}
