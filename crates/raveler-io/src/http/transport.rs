//! The connections of a client in this process, and what replaces them in a forked child or when descriptors run out.

use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};
use std::time::Duration;

use http::Response;
use http::header::PROXY_AUTHORIZATION;
use hyper_util::client::legacy;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use raveler_sync::Flag;
use reqwest::cookie::Jar;

use super::answer::Answer;
use super::connector::Connector;
use super::descriptors::{self, KeepsIdle};
use super::direct::Direct;
use super::error::HttpError;
use super::failure;
use super::limits::Limits;
use super::options::ClientOptions;
use super::outgoing::Outgoing;

/// How long an unused connection is kept. Below the 60 to 75 seconds after which common servers close theirs.
const IDLE: Duration = Duration::from_secs(55);

/// Most unused connections kept to one host.
const IDLE_PER_HOST: usize = 64;

/// The largest read of an HTTP/1 connection; reads begin at 8 KiB and double while they are filled.
const READ: usize = 1 << 20;

/// What HTTP/2 servers may send unasked, for one stream and for a connection.
const STREAM_WINDOW: u32 = 4 << 20;
const CONNECTION_WINDOW: u32 = 16 << 20;

type Pool = legacy::Client<Connector, Outgoing>;

/// Everything of a client that belongs to one process.
pub(super) struct Engine {
    pid: u32,
    /// Set once another has taken its place.
    is_retired: Flag,
    connector: Connector,
    /// Plain connections.
    direct: Arc<Direct>,
    /// Those through TLS or a proxy, and HTTP/2.
    pool: Pool,
    /// How many requests may run.
    pub(super) limits: Arc<Limits>,
    /// The cookies that servers have set.
    pub(super) jar: Arc<Jar>,
    /// Whether the jar was ever filled.
    pub(super) has_cookies: Arc<Flag>,
}

impl Engine {
    fn new(options: &ClientOptions) -> Result<Self, HttpError> {
        let connector = Connector::new(options)?;
        Ok(Self {
            pid: std::process::id(),
            is_retired: Flag::new(false),
            direct: Direct::new(IDLE, IDLE_PER_HOST, READ),
            pool: pool(&connector),
            connector,
            limits: Arc::new(Limits::new(options.concurrency, options.rate)),
            jar: Arc::default(),
            has_cookies: Arc::new(Flag::new(false)),
        })
    }

    /// The same with no connection yet.
    fn anew(&self) -> Self {
        Self {
            pid: self.pid,
            is_retired: Flag::new(false),
            direct: Direct::new(IDLE, IDLE_PER_HOST, READ),
            pool: pool(&self.connector),
            connector: self.connector.clone(),
            limits: Arc::clone(&self.limits),
            jar: Arc::clone(&self.jar),
            has_cookies: Arc::clone(&self.has_cookies),
        }
    }

    /// Sends `request` on a pooled or a new connection, and returns when the head of its answer is there.
    ///
    /// `name` is the address for errors.
    pub(super) async fn exchange(
        &self,
        mut request: http::Request<Outgoing>,
        name: impl Fn() -> String,
    ) -> Result<Response<Answer>, HttpError> {
        if self.connector.is_direct(request.uri()) {
            let (answer, link) = self.direct.exchange(&self.connector, request, &name).await?;
            let (head, body) = answer.into_parts();
            return Ok(Response::from_parts(head, Answer::over(body, link).await));
        }
        if let Some(authorization) = self.connector.proxy_authorization(request.uri()) {
            request.headers_mut().insert(PROXY_AUTHORIZATION, authorization);
        }
        let answer = Box::pin(self.pool.request(request)).await;
        answer.map(|answer| answer.map(Answer::driven)).map_err(|error| failure::without_answer(name(), &error))
    }
}

fn pool(connector: &Connector) -> Pool {
    legacy::Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(IDLE)
        .pool_max_idle_per_host(IDLE_PER_HOST)
        .http1_max_buf_size(READ)
        .http2_initial_stream_window_size(STREAM_WINDOW)
        .http2_initial_connection_window_size(CONNECTION_WINDOW)
        .build(connector.clone())
}

/// A client's engine, made for each process that uses it.
pub(super) struct Transport {
    options: Arc<ClientOptions>,
    /// The engine of most clients for all of their life, read without a lock: nobody can fork while one is held.
    first: OnceLock<Arc<Engine>>,
    later: Mutex<Option<Arc<Engine>>>,
}

impl Transport {
    /// A transport that connects at first use.
    ///
    /// # Errors
    ///
    /// The proxy in `options` is not one.
    pub(super) fn new(options: Arc<ClientOptions>) -> Result<Arc<Self>, HttpError> {
        let engine = Engine::new(&options)?;
        let first = OnceLock::from(Arc::new(engine));
        let transport = Arc::new(Self { options, first, later: Mutex::new(None) });
        let keeper: Weak<Self> = Arc::downgrade(&transport);
        descriptors::register(keeper);
        Ok(transport)
    }

    /// Returns the engine of this process.
    pub(super) fn engine(&self) -> Result<Arc<Engine>, HttpError> {
        let pid = std::process::id();
        if let Some(engine) = self.first.get()
            && engine.pid == pid
            && !engine.is_retired.get()
        {
            return Ok(Arc::clone(engine));
        }
        let mut later = self.later.lock().unwrap_or_else(PoisonError::into_inner);
        match &*later {
            Some(engine) if engine.pid == pid => Ok(Arc::clone(engine)),
            _ => {
                let engine = Arc::new(Engine::new(&self.options)?);
                leak(later.replace(Arc::clone(&engine)));
                Ok(engine)
            }
        }
    }
}

impl KeepsIdle for Transport {
    fn close_idle(&self) {
        let Ok(engine) = self.engine() else { return };
        let mut later = self.later.lock().unwrap_or_else(PoisonError::into_inner);
        // What runs on the old engine's connections goes on; they close behind it.
        engine.is_retired.set(true);
        *later = Some(Arc::new(engine.anew()));
    }
}

impl Drop for Transport {
    fn drop(&mut self) {
        let later = self.later.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        for engine in [self.first.take(), later].into_iter().flatten() {
            if engine.pid != std::process::id() {
                leak(Some(engine));
            }
        }
    }
}

/// Forgets an engine of the parent process: dropping it would wake tasks of a
/// runtime that does not run here, and take its sockets out of the poll set that it shares with the parent.
fn leak(engine: Option<Arc<Engine>>) {
    if let Some(engine) = engine {
        std::mem::forget(engine);
    }
}
