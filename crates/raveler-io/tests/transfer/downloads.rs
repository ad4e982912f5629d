//! Whole downloads: what stands under the final name afterwards, and what does not.

use std::time::Duration;

use raveler_io::transfer::{Download, Progress, TransferError, digest, download};

use crate::folder::Folder;
use crate::server::Server;
use crate::{content, runtime};

const SMALL: usize = 64 << 10;
const LARGE: usize = 5 << 20;

#[test]
fn a_small_and_a_large_file_arrive_whole() {
    let (runtime, folder) = (runtime(), Folder::new("whole"));
    for size in [0, 1, SMALL, (1 << 20) + 1, LARGE] {
        let server = Server::start(&runtime, content(size));
        let (progress, path) = (Progress::new(), folder.join("file"));
        let mut wanted = Download::new(server.url("file"), &path);
        wanted.sha256 = Some(digest::of(&content(size)));
        let done = runtime.block_on(download(&wanted, &progress)).expect("it arrives");
        assert_eq!((done.path, done.bytes, done.resumed_from), (path.clone(), size as u64, 0));
        assert_eq!((done.sha256, done.etag.as_deref()), (wanted.sha256, Some("\"one\"")));
        assert_eq!((progress.done.get(), progress.total.get()), (size as u64, size as u64));
        assert_eq!(std::fs::read(&path).expect("it is there"), content(size));
        assert_eq!(folder.names(), ["file"]);
    }
}

#[test]
fn a_body_without_length_arrives_whole() {
    let (runtime, folder) = (runtime(), Folder::new("no-length"));
    let server = Server::start(&runtime, content(LARGE));
    server.change(|manners| manners.has_length = false);
    let progress = Progress::new();
    let wanted = Download::new(server.url("file"), folder.join("file"));
    let done = runtime.block_on(download(&wanted, &progress)).expect("it arrives");
    assert_eq!((done.bytes, progress.total.get()), (LARGE as u64, Progress::UNKNOWN));
    assert_eq!(std::fs::read(folder.join("file")).expect("it is there"), content(LARGE));
    assert_eq!(folder.names(), ["file"]);
}

#[test]
fn another_digest_is_an_error_and_leaves_the_old_file() {
    let (runtime, folder) = (runtime(), Folder::new("digest"));
    std::fs::write(folder.join("file"), "old").expect("it can be written");
    for size in [SMALL, LARGE] {
        let server = Server::start(&runtime, content(size));
        let mut wanted = Download::new(server.url("file"), folder.join("file"));
        wanted.sha256 = Some([7; 32]);
        let error = runtime.block_on(download(&wanted, &Progress::new())).expect_err("the digest is another");
        assert!(matches!(&error, TransferError::Digest { expected, .. } if expected.starts_with("0707")), "{error}");
        assert!(!error.is_transient());
        assert!(error.to_string().contains(&digest::hex(&digest::of(&content(size)))), "{error}");
        assert_eq!(std::fs::read(folder.join("file")).expect("it is there"), b"old");
        assert_eq!(folder.names(), ["file"]);
    }
}

#[test]
fn a_status_is_told_with_the_time_to_wait_and_without_credentials() {
    let (runtime, folder) = (runtime(), Folder::new("status"));
    let server = Server::start(&runtime, content(SMALL));
    server.change(|manners| manners.status = Some((429, vec![("Retry-After".to_owned(), "7".to_owned())])));
    let url = server.url("file?X-Amz-Signature=secret1").replace("http://", "http://user:secret2@");
    let error = runtime.block_on(download(&Download::new(url, folder.path()), &Progress::new())).expect_err("429");
    assert!(error.is_transient());
    assert_eq!((error.not_before(), error.status()), (Some(Duration::from_secs(7)), Some(429)));
    let shown = format!("{error} {error:?}");
    assert!(shown.contains("/file?…") && !shown.contains("secret"), "{shown}");
    server.change(|manners| manners.status = Some((404, Vec::new())));
    let wanted = Download::new(server.url("file"), folder.path());
    let error = runtime.block_on(download(&wanted, &Progress::new())).expect_err("404");
    assert!(!error.is_transient() && error.to_string().contains("404 Not Found"), "{error}");
    assert!(folder.names().is_empty());
}

#[test]
fn nobody_who_listens_is_transient() {
    let (runtime, folder) = (runtime(), Folder::new("refused"));
    let error = runtime
        .block_on(download(&Download::new("http://127.0.0.1:1/file", folder.path()), &Progress::new()))
        .expect_err("nobody listens");
    assert!(matches!(error, TransferError::Http(_)) && error.is_transient(), "{error}");
    assert!(error.to_string().contains("refused"), "{error}");
    let unknown = Download::new("http://host.invalid/file", folder.path());
    let error = runtime.block_on(download(&unknown, &Progress::new())).expect_err("no such host");
    assert!(matches!(error, TransferError::Http(_)), "{error}");
}

#[test]
fn an_existing_file_stays_when_it_must() {
    let (runtime, folder) = (runtime(), Folder::new("exists"));
    std::fs::write(folder.join("file"), "old").expect("it can be written");
    let server = Server::start(&runtime, content(SMALL));
    for path in [folder.join("file"), folder.path().to_path_buf()] {
        let mut wanted = Download::new(server.url("file"), path);
        wanted.overwrite = false;
        let error = runtime.block_on(download(&wanted, &Progress::new())).expect_err("it exists");
        assert!(error.to_string().contains("exists already"), "{error}");
        assert_eq!(std::fs::read(folder.join("file")).expect("it is there"), b"old");
    }
    assert_eq!(folder.names(), ["file"]);
}

#[test]
fn the_permissions_of_the_old_file_are_kept() {
    use std::os::unix::fs::PermissionsExt;
    let (runtime, folder) = (runtime(), Folder::new("permissions"));
    std::fs::write(folder.join("file"), "old").expect("it can be written");
    std::fs::set_permissions(folder.join("file"), PermissionsExt::from_mode(0o640)).expect("it is ours");
    let server = Server::start(&runtime, content(SMALL));
    let wanted = Download::new(server.url("file"), folder.join("file"));
    runtime.block_on(download(&wanted, &Progress::new())).expect("it arrives");
    let mode = std::fs::metadata(folder.join("file")).expect("it is there").permissions().mode();
    assert_eq!(mode & 0o777, 0o640);
}

#[test]
fn a_missing_folder_is_named() {
    let (runtime, folder) = (runtime(), Folder::new("missing"));
    let server = Server::start(&runtime, content(SMALL));
    let wanted = Download::new(server.url("file"), folder.join("nowhere/file"));
    let error = runtime.block_on(download(&wanted, &Progress::new())).expect_err("no such folder");
    assert!(error.to_string().contains("nowhere") && error.to_string().contains("no such file or folder"), "{error}");
}

#[test]
fn a_file_of_this_machine_is_copied() {
    let (runtime, folder) = (runtime(), Folder::new("local"));
    std::fs::write(folder.join("from"), content(LARGE)).expect("it can be written");
    let url = format!("file://{}", folder.join("from").display());
    let mut wanted = Download::new(url, folder.join("to"));
    wanted.sha256 = Some(digest::of(&content(LARGE)));
    let done = runtime.block_on(download(&wanted, &Progress::new())).expect("it is copied");
    assert_eq!(done.bytes, LARGE as u64);
    assert_eq!(std::fs::read(folder.join("to")).expect("it is there"), content(LARGE));
    assert_eq!(folder.names(), ["from", "to"]);
}

#[test]
fn a_full_disk_is_told_and_leaves_the_old_file() {
    if let Some(folder) = std::env::var_os("RAVELER_TEST_LIMITED") {
        let runtime = runtime();
        for size in [SMALL, LARGE] {
            let server = Server::start(&runtime, content(size));
            let wanted = Download::new(server.url("file"), std::path::Path::new(&folder).join("file"));
            let error =
                runtime.block_on(download(&wanted, &Progress::new())).expect_err("files may not be larger than 4 KiB");
            assert!(error.to_string().contains("larger than permitted (errno 27)"), "{error}");
            assert!(!error.is_transient());
        }
        return;
    }
    let folder = Folder::new("limited");
    std::fs::write(folder.join("file"), "old").expect("it can be written");
    assert!(
        limited("downloads::a_full_disk_is_told_and_leaves_the_old_file", folder.path()),
        "the limited process fails"
    );
    assert_eq!(std::fs::read(folder.join("file")).expect("it is there"), b"old");
}

/// Runs a test in a process whose files may not be larger than 4 KiB, and whose signal for that is ignored.
#[expect(clippy::disallowed_types, reason = "a limit that holds for a process needs a process of its own")]
fn limited(test: &str, folder: &std::path::Path) -> bool {
    let program = std::env::current_exe().expect("it runs");
    std::process::Command::new("sh")
        .args(["-c", "trap '' XFSZ; ulimit -f 8; exec \"$0\" --exact \"$1\" >/dev/null"])
        .args([program.as_os_str(), test.as_ref()])
        .env("RAVELER_TEST_LIMITED", folder)
        .status()
        .expect("sh is there")
        .success()
}
