//! Names that servers and addresses propose, and where they end up.

use raveler_io::transfer::address::Address;
use raveler_io::transfer::{Download, Namesakes, Progress, download, name};

use crate::folder::Folder;
use crate::server::Server;
use crate::{content, runtime};

#[test]
fn no_name_leaves_its_folder_or_hides() {
    let cases = [
        ("file.txt", "file.txt"),
        ("../../etc/passwd", "passwd"),
        ("/etc/passwd", "passwd"),
        ("..\\..\\windows\\system.ini", "system.ini"),
        ("..", "download"),
        (".", "download"),
        ("", "download"),
        ("/", "download"),
        (".bashrc", "bashrc"),
        ("...", "download"),
        ("a\0b\nc", "a_b_c"),
        ("folder/", "folder"),
        ("exe\u{202e}gpj.txt", "exe_gpj.txt"),
        (" name. ", "name"),
        ("größe.txt", "größe.txt"),
    ];
    for (proposed, safe) in cases {
        assert_eq!(name::cleaned(proposed), safe, "{proposed:?}");
    }
    let long = name::cleaned(&format!("{}.tar.gz", "ä".repeat(400)));
    assert!(long.len() <= 200 && long.ends_with("ä.gz"), "{long}");
}

#[test]
fn a_header_proposes_a_name() {
    let cases = [
        ("attachment; filename=\"a b.txt\"", Some("a b.txt")),
        ("attachment; filename=plain.txt; size=3", Some("plain.txt")),
        ("attachment; filename=\"x.txt\"; filename*=UTF-8''gr%C3%B6%C3%9Fe.txt", Some("größe.txt")),
        ("attachment; filename*=utf-8'en'a%2Fb", Some("a/b")),
        ("attachment; FILENAME = \"quo\\\"te;x.txt\"", Some("quo\"te;x.txt")),
        ("inline", None),
        ("attachment; filename=\"unclosed", Some("unclosed")),
    ];
    for (header, name) in cases {
        assert_eq!(name::proposed(header).as_deref(), name, "{header:?}");
    }
}

#[test]
fn a_folder_takes_the_name_of_the_server_or_of_the_address() {
    let (runtime, folder) = (runtime(), Folder::new("names"));
    let server = Server::start(&runtime, content(10));
    let cases = [
        (None, "some/folder/data%20set.csv?version=2", "data set.csv"),
        (None, "", "download"),
        (None, "..%2f..%2fescape", "escape"),
        (Some("attachment; filename=\"../../up.txt\""), "x", "up.txt"),
        (Some("attachment; filename=\".ssh\""), "x", "ssh"),
    ];
    for (disposition, path, name) in cases {
        server.change(|manners| manners.disposition = disposition.map(str::to_owned));
        let wanted = Download::new(server.url(path), folder.path());
        let done = runtime.block_on(download(&wanted, &Progress::new())).expect("it arrives");
        assert_eq!(done.path, folder.join(name));
        assert_eq!(folder.names(), [name]);
        std::fs::remove_file(done.path).expect("it is there");
    }
}

#[test]
fn namesakes_get_numbers_in_their_order() {
    let mut namesakes = Namesakes::default();
    let mut named = |url: &str| namesakes.name(&Address::parse(url).expect("an address"));
    for (url, name) in [
        ("https://a/x/page.html", "page.html"),
        ("https://b/y/page.html", "page-2.html"),
        ("https://a/x/page.html", "page-3.html"),
        ("https://a/page-4.html", "page-4.html"),
        ("https://a/page.html?page=4", "page-5.html"),
        ("https://a/source.tar.gz", "source.tar.gz"),
        ("https://b/source.tar.gz", "source-2.tar.gz"),
        ("https://a/", "download"),
        ("https://b/", "download-2"),
        ("https://a/a.longer-than-any-ending-is", "a.longer-than-any-ending-is"),
        ("https://b/a.longer-than-any-ending-is", "a.longer-than-any-ending-is-2"),
        ("s3://bucket/folder%2Fpage.html", "page-6.html"),
    ] {
        assert_eq!(named(url), name, "{url}");
    }
}
