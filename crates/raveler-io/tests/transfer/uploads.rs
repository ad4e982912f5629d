//! Uploads: what the server gets, and what is told when it can't.

use std::io::{ErrorKind, Read};
use std::sync::Arc;
use std::time::Duration;

use raveler_io::transfer::{Progress, Upload, upload};

use crate::folder::Folder;
use crate::server::Server;
use crate::{content, runtime};

#[test]
fn the_server_gets_the_bytes_with_their_length() {
    let (runtime, folder) = (runtime(), Folder::new("upload"));
    let server = Server::start(&runtime, Vec::new());
    for size in [0, 10, 5 << 20] {
        std::fs::write(folder.join("file"), content(size)).expect("it can be written");
        let progress = Arc::new(Progress::new());
        let mut parcel = Upload::new(folder.join("file"), server.url("up?sig=secret"));
        parcel.headers.push(("X-Test".to_owned(), "yes".to_owned()));
        let done = runtime.block_on(upload(&parcel, &progress)).expect("it is taken");
        assert_eq!((done.bytes, done.etag.as_deref()), (size as u64, Some("\"up\"")));
        assert!(!done.url.contains("secret"), "{}", done.url);
        assert_eq!((progress.done.get(), progress.total.get()), (size as u64, size as u64));
        let seen = server.seen().pop().expect("it was asked");
        assert_eq!((seen.method.as_str(), seen.headers["x-test"].as_str()), ("PUT", "yes"));
        assert_eq!(seen.headers["content-length"], size.to_string());
        assert!(!seen.headers.contains_key("transfer-encoding"));
        assert!(seen.body == content(size));
    }
}

#[test]
fn what_goes_wrong_is_told() {
    let (runtime, folder) = (runtime(), Folder::new("upload-wrong"));
    let server = Server::start(&runtime, Vec::new());
    let progress = Arc::new(Progress::new());
    let missing = Upload::new(folder.join("missing"), server.url("up"));
    let error = runtime.block_on(upload(&missing, &progress)).expect_err("no such file");
    assert!(error.to_string().contains("missing"), "{error}");
    std::fs::write(folder.join("file"), content(100)).expect("it can be written");
    server.change(|manners| manners.status = Some((403, Vec::new())));
    let error =
        runtime.block_on(upload(&Upload::new(folder.join("file"), server.url("up")), &progress)).expect_err("403");
    assert_eq!(error.status(), Some(403));
    let mut parcel = Upload::new(folder.join("file"), server.url("up"));
    parcel.headers.push(("X-Test".to_owned(), "sec\nret".to_owned()));
    let error = runtime.block_on(upload(&parcel, &progress)).expect_err("a line break");
    assert!(!error.to_string().contains("ret") || !error.to_string().contains("sec"), "{error}");
    let error =
        runtime.block_on(upload(&Upload::new(folder.join("file"), "ftp://host/x"), &progress)).expect_err("ftp");
    assert!(error.to_string().contains("not known"), "{error}");
}

#[test]
fn a_file_goes_to_another_place_on_this_machine() {
    let (runtime, folder) = (runtime(), Folder::new("upload-local"));
    std::fs::write(folder.join("from"), content(3 << 20)).expect("it can be written");
    let parcel = Upload::new(folder.join("from"), format!("file://{}", folder.join("to").display()));
    runtime.block_on(upload(&parcel, &Arc::new(Progress::new()))).expect("it is copied");
    assert_eq!(std::fs::read(folder.join("to")).expect("it is there"), content(3 << 20));
    assert_eq!(folder.names(), ["from", "to"]);
}

#[test]
fn a_dropped_upload_closes_its_connection() {
    let (runtime, folder) = (runtime(), Folder::new("upload-dropped"));
    std::fs::write(folder.join("file"), content(64 << 20)).expect("it can be written");
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("http://{}/up", listener.local_addr().expect("it is bound"));
    let parcel = Upload::new(folder.join("file"), url);
    // Nobody reads, so the upload is stuck half-way.
    let dropped = runtime.block_on(async {
        let progress = Arc::new(Progress::new());
        tokio::time::timeout(Duration::from_millis(200), upload(&parcel, &progress)).await
    });
    assert!(dropped.is_err(), "nobody has answered");
    let (mut stream, _) = listener.accept().expect("it was connected");
    stream.set_read_timeout(Some(Duration::from_secs(10))).expect("it can be set");
    let mut received = Vec::new();
    let end = stream.read_to_end(&mut received);
    assert!(
        end.is_ok() || end.is_err_and(|error| error.kind() == ErrorKind::ConnectionReset),
        "the connection is open"
    );
    assert!(received.len() < 64 << 20);
}
