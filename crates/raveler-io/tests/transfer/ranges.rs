//! Downloads over several connections.

use std::time::Duration;

use raveler_io::transfer::{Download, Progress, TransferError, digest, download};

use crate::folder::Folder;
use crate::server::Server;
use crate::{content, runtime};

const SIZE: usize = (20 << 20) + 77;

fn over_four(server: &Server, folder: &Folder) -> Download {
    let mut wanted = Download::new(server.url("file"), folder.join("file"));
    wanted.connections = Some(4);
    wanted
}

#[test]
fn several_connections_make_one_file() {
    let (runtime, folder) = (runtime(), Folder::new("several"));
    let server = Server::start(&runtime, content(SIZE));
    let (mut wanted, progress) = (over_four(&server, &folder), Progress::new());
    wanted.sha256 = Some(digest::of(&content(SIZE)));
    let done = runtime.block_on(download(&wanted, &progress)).expect("it arrives");
    assert_eq!((done.bytes, progress.done.get(), done.sha256), (SIZE as u64, SIZE as u64, wanted.sha256));
    assert!(std::fs::read(folder.join("file")).expect("it is there") == content(SIZE));
    assert_eq!(folder.names(), ["file"]);
    assert!(server.seen().iter().filter(|seen| seen.headers.contains_key("range")).count() >= 4);
}

#[test]
fn connections_that_are_refused_leave_their_work_to_the_others() {
    let (runtime, folder) = (runtime(), Folder::new("refusing"));
    let server = Server::start(&runtime, content(SIZE));
    for most_ranges in [1, 2] {
        server.change(|manners| {
            manners.most_ranges = most_ranges;
            manners.pause = Duration::from_micros(200);
        });
        let done = runtime.block_on(download(&over_four(&server, &folder), &Progress::new())).expect("it arrives");
        assert_eq!(done.bytes, SIZE as u64);
    }
}

#[test]
fn a_server_that_ignores_or_lies_about_ranges_is_asked_for_everything() {
    let (runtime, folder) = (runtime(), Folder::new("ignoring"));
    let server = Server::start(&runtime, content(SIZE));
    server.change(|manners| manners.lie = 1);
    let done = runtime.block_on(download(&over_four(&server, &folder), &Progress::new())).expect("it arrives");
    assert_eq!(done.bytes, SIZE as u64);
    assert_eq!(folder.names(), ["file"]);
}

#[test]
fn stretches_that_are_missing_are_fetched_later() {
    let (runtime, folder) = (runtime(), Folder::new("stretches"));
    let server = Server::start(&runtime, content(SIZE));
    server.change(|manners| manners.cut_after = Some(700_000));
    let wanted = over_four(&server, &folder);
    let mut error = None;
    let mut asked = 0;
    // Each round of connections gets a little further; a server that sends nothing more ends it.
    runtime.block_on(async {
        let progress = Progress::new();
        let mut running = Box::pin(download(&wanted, &progress));
        while progress.done.get() < 6 << 20 {
            if let Ok(ended) = tokio::time::timeout(Duration::from_millis(1), &mut running).await {
                error = Some(ended.expect_err("connections are cut"));
                return;
            }
        }
        server.change(|manners| manners.status = Some((503, Vec::new())));
        error = running.await.err();
        asked = server.seen().len();
    });
    let error = error.expect("the server was gone");
    assert!(error.is_transient() && asked > 0, "{error}");
    assert!(!folder.join("file").exists());
    server.change(|manners| {
        manners.status = None;
        manners.cut_after = None;
    });
    let done = runtime.block_on(download(&wanted, &Progress::new())).expect("the rest arrives");
    assert!(done.resumed_from >= 5 << 20, "{}", done.resumed_from);
    assert!(std::fs::read(folder.join("file")).expect("it is there") == content(SIZE));
    assert_eq!(folder.names(), ["file"]);
}

#[test]
fn a_file_that_changes_on_the_way_is_an_error() {
    let (runtime, folder) = (runtime(), Folder::new("changing"));
    let server = Server::start(&runtime, content(SIZE));
    server.change(|manners| manners.pause = Duration::from_millis(1));
    let wanted = over_four(&server, &folder);
    let error = runtime.block_on(async {
        let progress = Progress::new();
        let mut running = Box::pin(download(&wanted, &progress));
        while progress.done.get() < 1 << 20 {
            let step = tokio::time::timeout(Duration::from_millis(1), &mut running).await;
            assert!(step.is_err(), "the server is slow");
        }
        server.change(|manners| manners.etag = Some("\"two\"".to_owned()));
        running.await.expect_err("it is another file")
    });
    assert!(matches!(error, TransferError::Changed { .. }) && error.is_transient(), "{error}");
    assert!(!folder.join("file").exists());
    let done = runtime.block_on(download(&wanted, &Progress::new())).expect("it arrives");
    assert_eq!((done.resumed_from, done.etag.as_deref()), (0, Some("\"two\"")));
    assert_eq!(folder.names(), ["file"]);
}
