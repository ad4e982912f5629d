//! Files in real folders: atomic writes, whole reads, and walks in a fixed order.

use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use raveler_io::files::{FileError, Walk, WalkOptions, WriteOptions, glob, read, walk, write};
use tokio::runtime::{Builder, Runtime};

fn runtime() -> Runtime {
    Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("the system gives a thread")
}

struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("raveler-files-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&path).expect("the folder of temporary files takes a new one");
        Self(path)
    }

    fn join(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    fn with(self, names: &[&str]) -> Self {
        for name in names {
            let path = self.join(name);
            std::fs::create_dir_all(path.parent().expect("it is in the folder")).expect("it can be made");
            std::fs::write(path, name).expect("it can be written");
        }
        self
    }

    fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(&self.0).expect("the folder is there");
        let mut names: Vec<String> =
            entries.map(|entry| entry.expect("it can be read").file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn all(mut walk: Walk) -> (Vec<PathBuf>, Vec<FileError>) {
    let (mut paths, mut errors) = (Vec::new(), Vec::new());
    runtime().block_on(async {
        while let Some(batch) = walk.next_batch().await {
            for found in batch {
                match found {
                    Ok(path) => paths.push(path),
                    Err(error) => errors.push(error),
                }
            }
        }
    });
    (paths, errors)
}

fn below<'path>(folder: &Folder, paths: &'path [PathBuf]) -> Vec<&'path str> {
    paths.iter().map(|path| path.strip_prefix(&folder.0).expect("it is below").to_str().expect("it is text")).collect()
}

#[test]
fn what_was_written_is_read() {
    let (runtime, folder) = (runtime(), Folder::new("written"));
    for size in [0, 1, 9 << 20] {
        let bytes = Bytes::from(vec![7; size]);
        runtime.block_on(write(&folder.join("file"), bytes.clone(), WriteOptions::default())).expect("it is written");
        assert!(runtime.block_on(read(&folder.join("file"))).expect("it is read") == bytes);
    }
    assert_eq!(folder.names(), ["file"]);
    assert!(!runtime.block_on(read(Path::new("/proc/self/status"))).expect("its size is told as 0").is_empty());
}

#[test]
fn bytes_are_appended() {
    let (runtime, folder) = (runtime(), Folder::new("appended"));
    for _ in 0..2 {
        let options = WriteOptions { append: true, ..WriteOptions::default() };
        runtime.block_on(write(&folder.join("log"), Bytes::from_static(b"line\n"), options)).expect("it is appended");
    }
    assert_eq!(std::fs::read(folder.join("log")).expect("it is there"), b"line\nline\n");
}

#[test]
fn folders_are_made_only_when_asked_for() {
    let (runtime, folder) = (runtime(), Folder::new("parents"));
    let path = folder.join("a/b/file");
    let error = runtime.block_on(write(&path, Bytes::new(), WriteOptions::default())).expect_err("no folder");
    assert!(error.to_string().contains("no such file or folder (errno 2)"), "{error}");
    let options = WriteOptions { make_parents: true, ..WriteOptions::default() };
    runtime.block_on(write(&path, Bytes::new(), options)).expect("the folders are made");
    assert!(path.exists());
}

#[test]
fn a_link_and_the_permissions_of_the_old_file_are_kept() {
    let (runtime, folder) = (runtime(), Folder::new("kept").with(&["real"]));
    std::fs::set_permissions(folder.join("real"), PermissionsExt::from_mode(0o600)).expect("it is ours");
    symlink("real", folder.join("link")).expect("it can be made");
    runtime
        .block_on(write(&folder.join("link"), Bytes::from_static(b"new"), WriteOptions::default()))
        .expect("it is written");
    assert_eq!(std::fs::read(folder.join("real")).expect("it is there"), b"new");
    assert!(folder.join("link").is_symlink());
    assert_eq!(std::fs::metadata(folder.join("real")).expect("it is there").permissions().mode() & 0o777, 0o600);
}

#[test]
fn devices_are_written_to_and_not_replaced() {
    let runtime = runtime();
    runtime
        .block_on(write(Path::new("/dev/null"), Bytes::from_static(b"x"), WriteOptions::default()))
        .expect("it takes everything");
    let error = runtime
        .block_on(write(Path::new("/dev/full"), Bytes::from_static(b"x"), WriteOptions::default()))
        .expect_err("it is always full");
    assert!(error.is_full() && error.to_string().contains("no room is left on the disk (errno 28)"), "{error}");
}

#[test]
fn a_failed_write_leaves_the_old_content() {
    if let Some(folder) = std::env::var_os("RAVELER_TEST_LIMITED") {
        let path = Path::new(&folder).join("file");
        let error = runtime()
            .block_on(write(&path, Bytes::from(vec![1; 1 << 20]), WriteOptions::default()))
            .expect_err("files may not be larger than 4 KiB");
        assert!(error.is_full() && error.to_string().contains("larger than permitted (errno 27)"), "{error}");
        return;
    }
    let folder = Folder::new("limited");
    std::fs::write(folder.join("file"), "old").expect("it can be written");
    assert!(limited("a_failed_write_leaves_the_old_content", &folder.0), "the limited process fails");
    assert_eq!(std::fs::read(folder.join("file")).expect("it is there"), b"old");
    assert_eq!(folder.names(), ["file"]);
}

/// Runs a test of this file in a process whose files may not be larger than 4 KiB, and whose signal for that is ignored.
#[expect(clippy::disallowed_types, reason = "a limit that holds for a process needs a process of its own")]
fn limited(test: &str, folder: &Path) -> bool {
    let program = std::env::current_exe().expect("it runs");
    std::process::Command::new("sh")
        .args([
            "-c",
            "trap '' XFSZ; ulimit -f 8; exec \"$0\" --exact \"$1\" >/dev/null",
            program.to_str().expect("it is text"),
            test,
        ])
        .env("RAVELER_TEST_LIMITED", folder)
        .status()
        .expect("sh is there")
        .success()
}

#[test]
fn a_folder_is_not_read() {
    let folder = Folder::new("is-folder");
    let error = runtime().block_on(read(&folder.0)).expect_err("it is a folder");
    assert!(error.to_string().contains("it is a folder"), "{error}");
    assert_eq!(error.path(), Some(folder.0.as_path()));
}

const TREE: [&str; 9] =
    ["b.py", "a/x.py", "a/b/deep.py", "a/b/deep.txt", "a.txt", ".hidden/h.py", "a/.dot.py", "z/é.py", "z/b.py"];

#[test]
fn a_walk_goes_by_the_names() {
    let folder = Folder::new("walk").with(&TREE);
    let (paths, errors) = all(walk(&folder.0, WalkOptions::default()));
    assert!(errors.is_empty(), "{errors:?}");
    assert_eq!(below(&folder, &paths), ["a/b/deep.py", "a/b/deep.txt", "a/x.py", "a.txt", "b.py", "z/b.py", "z/é.py"]);
    let options = WalkOptions { hidden: true, files_only: false, max_depth: Some(1), ..WalkOptions::default() };
    let (paths, _) = all(walk(&folder.0, options));
    assert_eq!(below(&folder, &paths), [".hidden", "a", "a.txt", "b.py", "z"]);
}

#[test]
fn a_large_walk_comes_in_batches_and_can_be_left() {
    let names: Vec<String> = (0..3_000).map(|number| format!("{number:04}")).collect();
    let folder = Folder::new("batches").with(&names.iter().map(String::as_str).collect::<Vec<_>>());
    let (paths, _) = all(walk(&folder.0, WalkOptions::default()));
    assert_eq!(below(&folder, &paths), names);
    let runtime = runtime();
    let mut left = walk(&folder.0, WalkOptions::default());
    let first = runtime.block_on(left.next_batch()).expect("it has begun");
    assert!(first.len() < 3_000);
    drop(left);
    drop(runtime);
}

#[test]
fn what_can_not_be_visited_is_told_in_its_place() {
    let folder = Folder::new("unreadable").with(&["a/1", "b/2", "c/3"]);
    let (paths, errors) = all(walk(&folder.join("missing"), WalkOptions::default()));
    assert!(paths.is_empty() && errors.len() == 1 && errors[0].to_string().contains("missing"), "{errors:?}");
    std::fs::set_permissions(folder.join("b"), PermissionsExt::from_mode(0o000)).expect("it is ours");
    let is_root = std::fs::read_dir(folder.join("b")).is_ok();
    let (paths, errors) = all(walk(&folder.0, WalkOptions::default()));
    std::fs::set_permissions(folder.join("b"), PermissionsExt::from_mode(0o700)).expect("it is ours");
    if is_root {
        assert_eq!(paths.len(), 3);
    } else {
        assert_eq!(below(&folder, &paths), ["a/1", "c/3"]);
        assert_eq!(errors[0].path(), Some(folder.join("b").as_path()));
        assert!(errors[0].to_string().contains("permission is denied"), "{errors:?}");
    }
}

#[test]
fn a_circle_of_links_is_told_and_not_followed() {
    let folder = Folder::new("circle").with(&["a/b/file"]);
    symlink(folder.join("a"), folder.join("a/b/up")).expect("it can be made");
    let (paths, errors) = all(walk(&folder.0, WalkOptions { follow_links: true, ..WalkOptions::default() }));
    assert_eq!(below(&folder, &paths), ["a/b/file"]);
    assert!(matches!(&errors[..], [FileError::Circle { path, .. }] if *path == folder.join("a/b/up")), "{errors:?}");
    let (paths, errors) = all(walk(&folder.0, WalkOptions::default()));
    assert!(paths.len() == 1 && errors.is_empty(), "{errors:?}");
}

#[test]
fn a_pattern_finds_what_it_says() {
    let folder = Folder::new("glob").with(&TREE);
    let root = folder.0.to_str().expect("it is text");
    let cases: [(&str, &[&str]); 16] = [
        ("**/*.py", &["a/b/deep.py", "a/x.py", "b.py", "z/b.py", "z/é.py"]),
        ("*.py", &["b.py"]),
        ("*/*.py", &["a/x.py", "z/b.py", "z/é.py"]),
        ("a/**/*.{py,txt}", &["a/b/deep.py", "a/b/deep.txt", "a/x.py"]),
        ("**/b.*", &["b.py", "z/b.py"]),
        ("[ab].py", &["b.py"]),
        ("z/?.py", &["z/b.py", "z/é.py"]),
        (".hidden/*", &[".hidden/h.py"]),
        ("a/.*", &["a/.dot.py"]),
        ("a.txt", &["a.txt"]),
        ("nowhere/*", &[]),
        ("*/", &["a", "z"]),
        ("z/[à-ü]*", &["z/é.py"]),
        ("[!b].py", &[]),
        ("*/{b{.,!},deep}*y", &["z/b.py"]),
        ("a/\\x.*", &["a/x.py"]),
    ];
    for (pattern, expected) in cases {
        let found = glob(&format!("{root}/{pattern}"), WalkOptions::default()).expect("the pattern is right");
        let (paths, errors) = all(found);
        assert!(errors.is_empty(), "{pattern}: {errors:?}");
        assert_eq!(below(&folder, &paths), expected, "{pattern}");
    }
    let hidden = WalkOptions { hidden: true, ..WalkOptions::default() };
    let (paths, _) = all(glob(&format!("{root}/**/*.py"), hidden).expect("the pattern is right"));
    assert_eq!(paths.len(), 7);
}

#[test]
fn a_wrong_pattern_is_told() {
    for pattern in ["", "a/[b", "a/{b,c", "a/b}", "a/b\\", "*/../b"] {
        let error = glob(pattern, WalkOptions::default()).expect_err("the pattern is wrong");
        assert!(error.to_string().contains("can't be used"), "{error}");
    }
}
