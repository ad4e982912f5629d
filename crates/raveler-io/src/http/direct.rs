//! Plain HTTP/1.1 connections, each driven by the task whose request it carries: no task of its own, so no hop to it.
//!
//! # Invariants
//!
//! 1. A link is owned by one exchange, from before its request until its answer has ended; else it is idle in the pool.
//! 2. Only a link that is ready for the next request becomes idle. One whose exchange is dropped half-way is dropped with it.
//! 3. Nobody drives an idle link, so one that its server has closed is noticed when it is taken.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use http::header::HOST;
use http::uri::{Authority, PathAndQuery};
use http::{HeaderValue, Request, Response, Uri};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, Connection, SendRequest};
use hyper_util::rt::TokioIo;

use super::connector::Connector;
use super::error::HttpError;
use super::failure;
use super::outgoing::Outgoing;
use super::stream::Stream;
use crate::reactor;

/// The idle plain connections of one client.
pub(super) struct Direct {
    idle: Mutex<Idle>,
    keep: Duration,
    per_host: usize,
    /// The largest read.
    read: usize,
}

#[derive(Default)]
#[expect(
    clippy::vec_box,
    reason = "a link goes in and out with every request, and its box does not have to be made again"
)]
struct Idle {
    links: HashMap<Authority, Vec<Box<Link>>>,
    is_swept: bool,
}

/// One connection.
pub(super) struct Link {
    sender: SendRequest<Outgoing>,
    connection: Connection<TokioIo<Stream>, Outgoing>,
    is_over: bool,
    since: Instant,
    host: Authority,
    /// The same as a header.
    header: HeaderValue,
    home: Weak<Direct>,
    pid: u32,
}

impl Link {
    /// Lets the connection read and write what it can.
    pub(super) fn drive(&mut self, cx: &mut Context<'_>) {
        if !self.is_over && Pin::new(&mut self.connection).poll(cx).is_ready() {
            self.is_over = true;
        }
    }

    /// Returns whether the connection can carry another request.
    fn is_ready(&mut self, cx: &mut Context<'_>) -> bool {
        self.drive(cx);
        !self.is_over && self.sender.is_ready()
    }

    /// Puts the link back if it can carry another request, by invariant 2.
    pub(super) fn rest(mut self: Box<Self>, cx: &mut Context<'_>) {
        if self.is_ready(cx)
            && let Some(home) = self.home.upgrade()
        {
            self.since = Instant::now();
            home.put(self);
        }
    }

    /// Lets go of the link without a word to the system if it belongs to the parent process: the poll set in which its
    /// socket is entered is the parent's too.
    pub(super) fn discard(self: Box<Self>) {
        if self.pid != std::process::id() {
            std::mem::forget(self);
        }
    }
}

impl Direct {
    /// An empty pool that keeps up to `per_host` idle connections for `keep`.
    pub(super) fn new(keep: Duration, per_host: usize, read: usize) -> Arc<Self> {
        Arc::new(Self { idle: Mutex::default(), keep, per_host, read })
    }

    /// Sends `request`, and returns the head of its answer and the link that brings the body.
    pub(super) async fn exchange(
        self: &Arc<Self>,
        connector: &Connector,
        mut request: Request<Outgoing>,
        name: &impl Fn() -> String,
    ) -> Result<(Response<Incoming>, Box<Link>), HttpError> {
        let uri = request.uri().clone();
        // Unlike a proxy, a server is given the path alone, and its own name in a header.
        let path = uri.path_and_query().cloned().unwrap_or_else(|| PathAndQuery::from_static("/"));
        *request.uri_mut() = Uri::from(path);
        loop {
            let idle = std::future::poll_fn(|cx| Poll::Ready(self.take(&uri, cx))).await;
            let is_fresh = idle.is_none();
            let mut link = match idle {
                Some(link) => link,
                // In a box: connecting is rare, and its large state would be moved about with every request.
                None => Box::pin(self.connect(connector, &uri, name)).await?,
            };
            if !request.headers().contains_key(HOST) {
                request.headers_mut().insert(HOST, link.header.clone());
            }
            let mut answer = std::pin::pin!(link.sender.try_send_request(request));
            let end = std::future::poll_fn(|cx| {
                link.drive(cx);
                answer.as_mut().poll(cx)
            });
            match end.await {
                Ok(answer) => return Ok((answer, link)),
                Err(mut failed) => match failed.take_message() {
                    // It was closed between two requests, before a byte of this one was written.
                    Some(message) if !is_fresh => request = message,
                    _ => return Err(failure::without_answer(name(), failed.error())),
                },
            }
        }
    }

    async fn connect(
        self: &Arc<Self>,
        connector: &Connector,
        uri: &Uri,
        name: &impl Fn() -> String,
    ) -> Result<Box<Link>, HttpError> {
        let stream = TokioIo::new(connector.connect(uri).await?);
        let shaken = http1::Builder::new().max_buf_size(self.read).handshake(stream).await;
        let (sender, connection) = shaken.map_err(|error| failure::without_answer(name(), &error))?;
        let bad = |reason: String| HttpError::BadUrl { url: name(), reason };
        let host = uri.authority().cloned().ok_or_else(|| bad("it has no host".to_owned()))?;
        let header = HeaderValue::from_str(host.as_str()).map_err(|error| bad(error.to_string()))?;
        let (home, since, pid) = (Arc::downgrade(self), Instant::now(), std::process::id());
        Ok(Box::new(Link { sender, connection, is_over: false, since, host, header, home, pid }))
    }

    /// Takes the idle link to the server of `uri` that was used last.
    fn take(&self, uri: &Uri, cx: &mut Context<'_>) -> Option<Box<Link>> {
        let host = uri.authority()?;
        loop {
            let mut link = self.idle().links.get_mut(host)?.pop()?;
            if link.since.elapsed() < self.keep && link.is_ready(cx) {
                return Some(link);
            }
        }
    }

    fn put(self: &Arc<Self>, link: Box<Link>) {
        let mut idle = self.idle();
        match idle.links.get_mut(&link.host) {
            Some(links) if links.len() >= self.per_host => return,
            Some(links) => links.push(link),
            None => {
                idle.links.insert(link.host.clone(), vec![link]);
            }
        }
        if !std::mem::replace(&mut idle.is_swept, true) {
            reactor::spawn(sweep(Arc::downgrade(self), self.keep));
        }
    }

    fn idle(&self) -> MutexGuard<'_, Idle> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Closes what was idle for too long, until nothing is idle or the pool is gone.
async fn sweep(pool: Weak<Direct>, keep: Duration) {
    loop {
        tokio::time::sleep(keep / 2).await;
        let Some(pool) = pool.upgrade() else { return };
        let mut idle = pool.idle();
        idle.links.retain(|_, links| {
            links.retain(|link| link.since.elapsed() < keep);
            !links.is_empty()
        });
        if idle.links.is_empty() {
            idle.is_swept = false;
            return;
        }
    }
}
