//! Broken downloads: what a later attempt takes over, and when it begins anew.

use std::time::Duration;

use raveler_io::transfer::{Download, Progress, TransferError, digest, download};

use crate::folder::Folder;
use crate::server::Server;
use crate::{content, runtime};

const SIZE: usize = 6 << 20;
const CUT: usize = (3 << 20) + 12_345;

#[test]
fn a_later_attempt_goes_on_where_the_connection_was_cut() {
    let (runtime, folder) = (runtime(), Folder::new("resume"));
    let server = Server::start(&runtime, content(SIZE));
    server.change(|manners| manners.cut_after = Some(CUT));
    let mut wanted = Download::new(server.url("file"), folder.join("file"));
    wanted.sha256 = Some(digest::of(&content(SIZE)));
    let error = runtime.block_on(download(&wanted, &Progress::new())).expect_err("it was cut off");
    assert!(matches!(error, TransferError::CutOff { .. }) && error.is_transient(), "{error}");
    assert!(folder.names().iter().all(|name| name.starts_with(".file.")), "{:?}", folder.names());
    assert_eq!(folder.names().len(), 2);
    server.change(|manners| manners.cut_after = None);
    let progress = Progress::new();
    let done = runtime.block_on(download(&wanted, &progress)).expect("the rest arrives");
    assert_eq!((done.resumed_from, done.bytes, progress.done.get()), (CUT as u64, SIZE as u64, SIZE as u64));
    assert_eq!(std::fs::read(folder.join("file")).expect("it is there"), content(SIZE));
    assert_eq!(folder.names(), ["file"]);
    let last = server.seen().pop().expect("it was asked");
    assert_eq!(last.headers["range"], format!("bytes={CUT}-{}", SIZE - 1));
    assert_eq!(last.headers["if-range"], "\"one\"");
}

#[test]
fn a_date_serves_where_the_tag_is_weak() {
    let (runtime, folder) = (runtime(), Folder::new("weak"));
    let server = Server::start(&runtime, content(SIZE));
    server.change(|manners| {
        manners.etag = Some("W/\"one\"".to_owned());
        manners.last_modified = Some("Tue, 03 Mar 2026 10:00:00 GMT".to_owned());
        manners.cut_after = Some(CUT);
    });
    let wanted = Download::new(server.url("file"), folder.join("file"));
    runtime.block_on(download(&wanted, &Progress::new())).expect_err("it was cut off");
    server.change(|manners| manners.cut_after = None);
    let done = runtime.block_on(download(&wanted, &Progress::new())).expect("the rest arrives");
    assert_eq!(done.resumed_from, CUT as u64);
    assert_eq!(std::fs::read(folder.join("file")).expect("it is there"), content(SIZE));
}

#[test]
fn a_changed_file_is_downloaded_anew() {
    let (runtime, folder) = (runtime(), Folder::new("changed"));
    // Servers that heed `If-Range` send everything; those that do not send a part of another version.
    for heeds_if_range in [true, false] {
        let server = Server::start(&runtime, content(SIZE));
        server.change(|manners| manners.cut_after = Some(CUT));
        let wanted = Download::new(server.url("file"), folder.join("file"));
        runtime.block_on(download(&wanted, &Progress::new())).expect_err("it was cut off");
        let other: Vec<u8> = content(SIZE).iter().map(|byte| !byte).collect();
        server.change(|manners| {
            manners.cut_after = None;
            manners.etag = Some("\"two\"".to_owned());
            manners.heeds_if_range = heeds_if_range;
            manners.content = other.clone().into();
        });
        let done = runtime.block_on(download(&wanted, &Progress::new())).expect("it arrives");
        assert_eq!((done.resumed_from, done.etag.as_deref()), (0, Some("\"two\"")));
        assert!(std::fs::read(folder.join("file")).expect("it is there") == other);
        assert_eq!(folder.names(), ["file"]);
        std::fs::remove_file(folder.join("file")).expect("it is ours");
    }
}

#[test]
fn a_server_that_lies_about_a_range_is_asked_for_everything() {
    let (runtime, folder) = (runtime(), Folder::new("lie"));
    let server = Server::start(&runtime, content(SIZE));
    server.change(|manners| manners.cut_after = Some(CUT));
    let wanted = Download::new(server.url("file"), folder.join("file"));
    runtime.block_on(download(&wanted, &Progress::new())).expect_err("it was cut off");
    server.change(|manners| {
        manners.cut_after = None;
        manners.lie = 10;
    });
    let done = runtime.block_on(download(&wanted, &Progress::new())).expect("it arrives");
    assert_eq!(done.resumed_from, 0);
    assert_eq!(std::fs::read(folder.join("file")).expect("it is there"), content(SIZE));
    assert_eq!(folder.names(), ["file"]);
}

#[test]
fn nothing_stays_of_what_can_not_be_resumed() {
    let (runtime, folder) = (runtime(), Folder::new("no-resume"));
    for (has_ranges, has_tag, resume) in [(false, true, true), (true, false, true), (true, true, false)] {
        let server = Server::start(&runtime, content(SIZE));
        server.change(|manners| {
            manners.cut_after = Some(CUT);
            manners.has_ranges = has_ranges;
            manners.etag = has_tag.then(|| "\"one\"".to_owned());
        });
        let mut wanted = Download::new(server.url("file"), folder.join("file"));
        wanted.resume = resume;
        runtime.block_on(download(&wanted, &Progress::new())).expect_err("it was cut off");
        assert!(folder.names().is_empty(), "{:?}", folder.names());
    }
}

#[test]
fn a_dropped_download_is_taken_up() {
    let (runtime, folder) = (runtime(), Folder::new("dropped"));
    let server = Server::start(&runtime, content(SIZE));
    server.change(|manners| manners.pause = Duration::from_millis(5));
    let wanted = Download::new(server.url("file"), folder.join("file"));
    let progress = Progress::new();
    runtime.block_on(async {
        let mut running = Box::pin(download(&wanted, &progress));
        while progress.done.get() < CUT as u64 {
            let step = tokio::time::timeout(Duration::from_millis(5), &mut running).await;
            assert!(step.is_err(), "the server is slow");
        }
    });
    assert!(!folder.join("file").exists());
    server.change(|manners| manners.pause = Duration::ZERO);
    let done = runtime.block_on(download(&wanted, &Progress::new())).expect("the rest arrives");
    assert!(done.resumed_from >= 2 << 20, "{}", done.resumed_from);
    assert_eq!(std::fs::read(folder.join("file")).expect("it is there"), content(SIZE));
    assert_eq!(folder.names(), ["file"]);
}

#[test]
fn a_damaged_note_begins_anew() {
    let (runtime, folder) = (runtime(), Folder::new("damaged"));
    for damage in ["", "{}", "[1]", "{\"key\":3}"] {
        let server = Server::start(&runtime, content(SIZE));
        server.change(|manners| manners.cut_after = Some(CUT));
        let wanted = Download::new(server.url("file"), folder.join("file"));
        runtime.block_on(download(&wanted, &Progress::new())).expect_err("it was cut off");
        let note = folder.names().into_iter().find(|name| name.contains(".part.meta")).expect("it left a note");
        std::fs::write(folder.join(&note), damage).expect("it can be written");
        server.change(|manners| manners.cut_after = None);
        let done = runtime.block_on(download(&wanted, &Progress::new())).expect("it arrives");
        assert_eq!(done.resumed_from, 0);
        assert_eq!(folder.names(), ["file"]);
        std::fs::remove_file(folder.join("file")).expect("it is ours");
    }
}

#[test]
fn two_downloads_of_one_file_do_not_disturb_each_other() {
    let (runtime, folder) = (runtime(), Folder::new("two"));
    let server = Server::start(&runtime, content(SIZE));
    server.change(|manners| manners.pause = Duration::from_millis(1));
    let wanted = Download::new(server.url("file"), folder.join("file"));
    let (one, two) = (Progress::new(), Progress::new());
    let (one, two) = runtime.block_on(async { tokio::join!(download(&wanted, &one), download(&wanted, &two)) });
    assert_eq!((one.expect("it arrives").resumed_from, two.expect("it arrives").resumed_from), (0, 0));
    assert_eq!(std::fs::read(folder.join("file")).expect("it is there"), content(SIZE));
    assert_eq!(folder.names(), ["file"]);
}
