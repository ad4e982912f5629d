//! The client: one request from its limits through its redirects to its answer.

use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http::header::{ACCEPT, ACCEPT_ENCODING, CONTENT_LENGTH, SET_COOKIE, USER_AGENT};
use http::{HeaderMap, HeaderValue};
use raveler_sync::Counter;
use reqwest::cookie::CookieStore;

use super::address::shown;
use super::answer::Answer;
use super::decoding::{ACCEPTED, Content};
use super::error::{HttpError, Phase};
use super::hop::{Defaults, Hop, header};
use super::options::ClientOptions;
use super::outgoing::Outgoing;
use super::request::{Request, RequestBody};
use super::response::{Response, Streaming};
use super::transport::{Engine, Transport};

/// The largest body of a redirect that is read so that its connection can be used again.
const DRAINED: u64 = 64 << 10;

/// An HTTP client with its connections and cookies. Clones share them.
///
/// A forked child begins with none of its parent's connections and cookies.
#[derive(Clone)]
pub struct Client {
    options: Arc<ClientOptions>,
    defaults: Arc<Defaults>,
    transport: Arc<Transport>,
}

impl Client {
    /// A client that connects when it is used first.
    ///
    /// # Errors
    ///
    /// A header or the proxy in `options` is not valid.
    pub fn new(options: ClientOptions) -> Result<Self, HttpError> {
        let options = Arc::new(options);
        let defaults = Arc::new(defaults(&options)?);
        Ok(Self { transport: Transport::new(Arc::clone(&options))?, options, defaults })
    }

    /// Returns the options that the client was made with.
    #[must_use]
    pub fn options(&self) -> &ClientOptions {
        &self.options
    }

    /// Sends `request` and collects the body of its answer.
    ///
    /// # Errors
    ///
    /// There is no answer, or none that is complete and at most `max_body` long. Statuses are not errors here.
    pub async fn send(&self, request: &Request) -> Result<Response, HttpError> {
        let answer = self.open(request).await?;
        if let Some(most) = self.options.max_body
            && announced(&answer.headers).is_some_and(|size| size > most)
            && request.method != http::Method::HEAD
            && answer.status != 304
        {
            return Err(HttpError::TooLarge { url: shown(&answer.url), limit: most });
        }
        answer.collect(self.options.max_body).await
    }

    /// Sends `request` and returns when the head of its answer is there.
    ///
    /// # Errors
    ///
    /// There is no answer. Statuses are not errors here.
    pub async fn open(&self, request: &Request) -> Result<Streaming, HttpError> {
        let Some(limit) = request.timeout.or(self.options.timeout.total) else {
            return self.follow(request, None).await;
        };
        let following = Box::pin(self.follow(request, Some((Instant::now() + limit, limit))));
        tokio::time::timeout(limit, following)
            .await
            .unwrap_or_else(|_| Err(HttpError::Timeout { url: shown(&request.url), phase: Phase::Total, after: limit }))
    }

    async fn follow(&self, request: &Request, deadline: Option<(Instant, Duration)>) -> Result<Streaming, HttpError> {
        let follows = request.follow_redirects.unwrap_or(self.options.max_redirects > 0);
        let mut hop = Hop::first(request, &self.options)?;
        let mut history = Vec::new();
        let mut started = None;
        loop {
            let engine = self.transport.engine()?;
            let permit = engine.limits.enter(hop.host()).await;
            let started = *started.get_or_insert_with(Instant::now);
            let (head, body) = self.exchange(&engine, &hop, request).await?.into_parts();
            let (status, from) = (head.status.as_u16(), hop.address.text.clone());
            if follows && hop.redirect(status, &head.headers)? {
                if history.len() >= self.options.max_redirects as usize {
                    let url = shown(&request.url);
                    return Err(HttpError::Redirects { url, limit: self.options.max_redirects });
                }
                history.push((status, from));
                drain(body, &head.headers).await;
                continue;
            }
            let content = Content::new(body, &head.headers, hop.decodes(&self.defaults));
            return Ok(Streaming {
                status,
                version: head.version,
                url: from,
                headers: head.headers,
                history,
                content,
                permit: Some(permit),
                started,
                idle: self.options.timeout.read,
                deadline,
            });
        }
    }

    /// Sends one exchange; again on another connection if the first one was dead and repeating is safe.
    async fn exchange(
        &self,
        engine: &Engine,
        hop: &Hop<'_>,
        request: &Request,
    ) -> Result<http::Response<Answer>, HttpError> {
        let may_repeat = hop.method.is_idempotent() && (request.is_repeatable() || !hop.has_body);
        let mut attempts_left = if may_repeat { 2 } else { 1 };
        let answer = loop {
            attempts_left -= 1;
            match self.attempt(engine, hop, request).await {
                Err(HttpError::Lost { .. }) if attempts_left > 0 => {}
                answer => break answer?,
            }
        };
        if self.options.cookies && answer.headers().contains_key(SET_COOKIE) {
            let mut cookies = answer.headers().get_all(SET_COOKIE).iter().filter(|line| is_for_a_site(line));
            engine.jar.set_cookies(&mut cookies, &hop.address.url());
            engine.has_cookies.set(true);
        }
        Ok(answer)
    }

    async fn attempt(
        &self,
        engine: &Engine,
        hop: &Hop<'_>,
        request: &Request,
    ) -> Result<http::Response<Answer>, HttpError> {
        let name = || shown(&hop.address.text);
        let body = if hop.has_body { &request.body } else { &RequestBody::Empty };
        let (body, media) =
            Outgoing::of(body).await.map_err(|broken| HttpError::Body { url: name(), reason: broken.0 })?;
        let jar = engine.has_cookies.get().then(|| engine.jar.cookies(&hop.address.url())).flatten();
        let pulse = body.pulse();
        let mut message = http::Request::new(body);
        *message.method_mut() = hop.method.clone();
        *message.uri_mut() = hop.address.uri.clone();
        *message.headers_mut() = hop.headers(&self.defaults, jar.as_ref(), media)?;
        let mut answer = std::pin::pin!(engine.exchange(message, name));
        match self.patience() {
            None => answer.await,
            Some(limit) => patiently(answer.as_mut(), limit, pulse.as_deref()).await.unwrap_or_else(|| {
                let after = self.options.timeout.read.unwrap_or_default();
                Err(HttpError::Timeout { url: name(), phase: Phase::Read, after })
            }),
        }
    }

    /// How long the head of an answer may take, with the connection that it may need first.
    fn patience(&self) -> Option<Duration> {
        let timeout = &self.options.timeout;
        Some(timeout.read? + timeout.connect?)
    }
}

/// Waits for `answer` until nothing has moved for `limit`: neither came the answer, nor went any of the body.
async fn patiently<A>(mut answer: Pin<&mut A>, limit: Duration, pulse: Option<&Counter>) -> Option<A::Output>
where
    A: Future,
{
    loop {
        let before = pulse.map(Counter::get);
        match tokio::time::timeout(limit, answer.as_mut()).await {
            Ok(answer) => return Some(answer),
            Err(_) if pulse.map(Counter::get) != before => {}
            Err(_) => return None,
        }
    }
}

fn defaults(options: &ClientOptions) -> Result<Defaults, HttpError> {
    let mut headers = HeaderMap::new();
    let (name, agent) = header(USER_AGENT.as_str(), &options.user_agent)?;
    headers.insert(name, agent);
    headers.insert(ACCEPT, HeaderValue::from_static("*/*"));
    let mut own = HeaderMap::new();
    for (name, value) in &options.headers {
        let (name, value) = header(name, value)?;
        own.append(name, value);
    }
    headers.extend(own);
    let decodes = !headers.contains_key(ACCEPT_ENCODING);
    if decodes {
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static(ACCEPTED));
    }
    Ok(Defaults { headers, decodes })
}

/// Returns whether a cookie is for less than a whole top-level domain, whose every site would get it.
fn is_for_a_site(line: &HeaderValue) -> bool {
    let line = String::from_utf8_lossy(line.as_bytes()).to_ascii_lowercase();
    line.split(';').skip(1).all(|attribute| match attribute.trim().strip_prefix("domain=") {
        Some(domain) => domain.trim_matches('.').contains('.') || domain.trim_matches('.') == "localhost",
        None => true,
    })
}

fn announced(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// Reads the short body of a redirect to its end, so that its connection is free for the next request.
async fn drain(mut body: Answer, headers: &HeaderMap) {
    use http_body_util::BodyExt;
    if announced(headers).is_some_and(|size| size <= DRAINED) {
        while let Some(Ok(_)) = body.frame().await {}
    }
}
