//! A web server that answers with one file, as well or as badly as a test asks for.

use std::collections::HashMap;
use std::fmt::Write;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Handle;

/// How the server behaves; tests change it between requests.
#[derive(Clone)]
pub struct Manners {
    pub content: Arc<Vec<u8>>,
    pub etag: Option<String>,
    pub last_modified: Option<String>,
    pub disposition: Option<String>,
    pub has_ranges: bool,
    /// Whether `If-Range` is compared with the tag.
    pub heeds_if_range: bool,
    /// The bytes of a body after which the connection is cut.
    pub cut_after: Option<usize>,
    /// The bytes by which the start of a range is moved.
    pub lie: u64,
    pub status: Option<(u16, Vec<(String, String)>)>,
    /// The pause after each 64 KiB.
    pub pause: Duration,
    pub has_length: bool,
    /// The ranges served at the same time at most; further ones get 503.
    pub most_ranges: usize,
}

#[derive(Clone, Debug, Default)]
pub struct Seen {
    pub method: String,
    pub headers: HashMap<String, String>,
    pub body: Vec<u8>,
}

pub struct Server {
    pub address: SocketAddr,
    pub manners: Arc<Mutex<Manners>>,
    pub seen: Arc<Mutex<Vec<Seen>>>,
    ranges: Arc<Mutex<usize>>,
}

impl Server {
    pub fn start(handle: &Handle, content: Vec<u8>) -> Arc<Self> {
        let listener = handle.block_on(TcpListener::bind("127.0.0.1:0")).expect("a free port");
        let manners = Manners {
            content: Arc::new(content),
            etag: Some("\"one\"".to_owned()),
            last_modified: None,
            disposition: None,
            has_ranges: true,
            heeds_if_range: true,
            cut_after: None,
            lie: 0,
            status: None,
            pause: Duration::ZERO,
            has_length: true,
            most_ranges: usize::MAX,
        };
        let server = Arc::new(Self {
            address: listener.local_addr().expect("a bound port"),
            manners: Arc::new(Mutex::new(manners)),
            seen: Arc::default(),
            ranges: Arc::default(),
        });
        let (handle, shared) = (handle.clone(), Arc::clone(&server));
        handle.clone().spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let server = Arc::clone(&shared);
                handle.spawn(async move { server.serve(stream).await });
            }
        });
        server
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}/{path}", self.address)
    }

    pub fn change(&self, change: impl FnOnce(&mut Manners)) {
        change(&mut self.manners.lock().expect("no test panics with it"));
    }

    pub fn seen(&self) -> Vec<Seen> {
        self.seen.lock().expect("no test panics with it").clone()
    }

    async fn serve(&self, mut stream: TcpStream) {
        while let Some(request) = read_request(&mut stream).await {
            self.seen.lock().expect("no test panics with it").push(request.clone());
            let manners = self.manners.lock().expect("no test panics with it").clone();
            if self.answer(&mut stream, &request, &manners).await.is_none() {
                return;
            }
        }
    }

    async fn answer(&self, stream: &mut TcpStream, request: &Seen, manners: &Manners) -> Option<()> {
        if let Some((status, headers)) = &manners.status {
            let mut head = format!("HTTP/1.1 {status} Whatever\r\nContent-Length: 0\r\n");
            for (name, value) in headers {
                let _ = write!(head, "{name}: {value}\r\n");
            }
            head += "\r\n";
            return stream.write_all(head.as_bytes()).await.ok();
        }
        if request.method != "GET" {
            return stream.write_all(b"HTTP/1.1 201 Created\r\nETag: \"up\"\r\nContent-Length: 2\r\n\r\nok").await.ok();
        }
        let range = range_of(request, manners);
        if range.is_some() && !self.take_range(manners.most_ranges) {
            return stream.write_all(b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n").await.ok();
        }
        let sent = send(stream, manners, range).await;
        if range.is_some() {
            *self.ranges.lock().expect("no test panics with it") -= 1;
        }
        sent
    }

    fn take_range(&self, most: usize) -> bool {
        let mut count = self.ranges.lock().expect("no test panics with it");
        let is_free = *count < most;
        *count += usize::from(is_free);
        is_free
    }
}

fn range_of(request: &Seen, manners: &Manners) -> Option<(usize, usize)> {
    let asked = request.headers.get("range")?.strip_prefix("bytes=")?;
    if !manners.has_ranges {
        return None;
    }
    if let (Some(known), true) = (request.headers.get("if-range"), manners.heeds_if_range)
        && Some(known) != manners.etag.as_ref()
        && Some(known) != manners.last_modified.as_ref()
    {
        return None;
    }
    let (first, last) = asked.split_once('-')?;
    let first: usize = first.parse().ok()?;
    let last: usize = last.parse().unwrap_or(manners.content.len() - 1);
    (first < manners.content.len()).then(|| (first, last.min(manners.content.len() - 1) + 1))
}

async fn send(stream: &mut TcpStream, manners: &Manners, range: Option<(usize, usize)>) -> Option<()> {
    let size = manners.content.len();
    let (from, until) = range.unwrap_or((0, size));
    let mut head = match range {
        Some(_) => {
            let told = from as u64 + manners.lie;
            format!("HTTP/1.1 206 Partial\r\nContent-Range: bytes {told}-{}/{size}\r\n", until - 1)
        }
        None => "HTTP/1.1 200 OK\r\n".to_owned(),
    };
    if manners.has_ranges {
        head += "Accept-Ranges: bytes\r\n";
    }
    let optional = [
        ("ETag", &manners.etag),
        ("Last-Modified", &manners.last_modified),
        ("Content-Disposition", &manners.disposition),
    ];
    for (name, value) in optional {
        if let Some(value) = value {
            let _ = write!(head, "{name}: {value}\r\n");
        }
    }
    let _ = if manners.has_length {
        write!(head, "Content-Length: {}\r\n\r\n", until - from)
    } else {
        write!(head, "Connection: close\r\n\r\n")
    };
    stream.write_all(head.as_bytes()).await.ok()?;
    let mut left = manners.cut_after.unwrap_or(usize::MAX);
    for piece in manners.content[from..until].chunks(64 << 10) {
        let piece = &piece[..piece.len().min(left)];
        stream.write_all(piece).await.ok()?;
        left -= piece.len();
        if left == 0 {
            return None;
        }
        if !manners.pause.is_zero() {
            tokio::time::sleep(manners.pause).await;
        }
    }
    manners.has_length.then_some(())
}

async fn read_request(stream: &mut TcpStream) -> Option<Seen> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    let head = String::from_utf8(head).ok()?;
    let mut lines = head.lines();
    let mut words = lines.next()?.split(' ');
    let method = words.next()?.to_owned();
    let headers: HashMap<String, String> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
        .collect();
    let length = headers.get("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.ok()?;
    Some(Seen { method, headers, body })
}
