//! A server that says exactly the bytes a test gives it, and tells what it was asked.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use raveler_io::reactor;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// What the server was asked: request line, headers and body as text.
#[derive(Clone, Default)]
pub struct Asked(Arc<Mutex<Vec<String>>>);

impl Asked {
    pub fn all(&self) -> Vec<String> {
        self.0.lock().expect("nobody panics with it").clone()
    }

    pub fn note(&self, request: String) -> usize {
        let mut all = self.0.lock().expect("nobody panics with it");
        all.push(request);
        all.len() - 1
    }

    pub fn len(&self) -> usize {
        self.all().len()
    }
}

/// A server on loopback whose connections answer one request after another.
pub struct Server {
    pub address: SocketAddr,
    pub asked: Asked,
}

impl Server {
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }
}

/// What happens after an answer.
pub enum After {
    /// The connection answers on.
    Keep,
    /// The connection is closed.
    Close,
}

/// Starts a server in which `answer` gives the bytes for the n-th request.
pub async fn serve<F>(answer: F) -> Server
where
    F: Fn(usize, &str) -> (Vec<u8>, After) + Send + Sync + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has a free port");
    let server = Server { address: listener.local_addr().expect("it is bound"), asked: Asked::default() };
    let (asked, answer) = (server.asked.clone(), Arc::new(answer));
    let handle = tokio::runtime::Handle::current();
    handle.clone().spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            handle.spawn(converse(socket, asked.clone(), Arc::clone(&answer)));
        }
    });
    server
}

async fn converse<F>(mut socket: TcpStream, asked: Asked, answer: Arc<F>)
where
    F: Fn(usize, &str) -> (Vec<u8>, After) + Send + Sync + 'static,
{
    while let Some(request) = request(&mut socket).await {
        let number = asked.note(request.clone());
        let (bytes, after) = answer(number, &request);
        if socket.write_all(&bytes).await.is_err() || matches!(after, After::Close) {
            let _ = socket.shutdown().await;
            return;
        }
    }
}

/// Reads one request with its body.
async fn request(socket: &mut TcpStream) -> Option<String> {
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&bytes).to_lowercase();
        if let Some(end) = text.find("\r\n\r\n") {
            let length = text.split("content-length: ").nth(1).and_then(|rest| rest.split("\r\n").next());
            let length: Option<usize> = length.and_then(|digits| digits.parse().ok());
            let is_complete = match length {
                Some(length) => bytes.len() >= end + 4 + length,
                None if text.contains("transfer-encoding: chunked") => text.ends_with("0\r\n\r\n"),
                None => true,
            };
            if is_complete {
                return Some(String::from_utf8_lossy(&bytes).into_owned());
            }
        }
        if socket.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
}

/// An answer with this status line, these headers and this body, whose length is told.
pub fn reply(status: &str, headers: &[&str], body: &[u8]) -> Vec<u8> {
    let length = format!("content-length: {}", body.len());
    let first = format!("HTTP/1.1 {status}");
    let lines = [&[first.as_str()], headers, &[&length, "", ""]].concat();
    let mut bytes = lines.join("\r\n").into_bytes();
    bytes.extend_from_slice(body);
    bytes
}

/// Runs a test on the runtime of the process.
pub fn run<T>(test: impl Future<Output = T>) -> T {
    reactor::handle().block_on(test)
}
