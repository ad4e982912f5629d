//! The way to a server: name, TCP, proxy and TLS.

use std::error::Error;
use std::future::{Ready, ready};
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::Duration;

use http::{HeaderValue, Uri};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::proxy::{SocksV5, Tunnel};
use hyper_util::client::proxy::matcher::{Intercept, Matcher};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio_rustls::TlsConnector;
use tower_service::Service;
use url::Url;

use super::address::{host_and_port, shown};
use super::descriptors;
use super::error::{HttpError, Phase};
use super::options::{ClientOptions, ProxyChoice, Verify};
use super::stream::Stream;
use super::tls;

/// How long to wait before a connection is tried again for which there was no descriptor.
const NO_DESCRIPTOR: Duration = Duration::from_millis(10);

/// What the environment calls its proxies.
const VARIABLES: [&str; 6] = ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];

/// Makes connections; cheap to clone.
#[derive(Clone)]
pub(super) struct Connector(Arc<Inner>);

struct Inner {
    tcp: HttpConnector,
    proxies: Option<Matcher>,
    verify: Verify,
    http2: bool,
    limit: Option<Duration>,
    /// Made at the first `https:` connection: reading the system's certificates takes milliseconds.
    tls: OnceLock<Result<TlsConnector, HttpError>>,
}

/// Why there is no connection.
enum Refusal {
    /// No descriptor was left for it.
    NoDescriptor,
    /// Anything that waiting does not cure.
    Final(HttpError),
}

impl From<HttpError> for Refusal {
    fn from(error: HttpError) -> Self {
        Self::Final(error)
    }
}

impl Connector {
    /// A connector as `options` say.
    pub(super) fn new(options: &ClientOptions) -> Result<Self, HttpError> {
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_keepalive(Some(Duration::from_secs(60)));
        Ok(Self(Arc::new(Inner {
            tcp,
            proxies: proxies(&options.proxy)?,
            verify: options.verify.clone(),
            http2: options.http2,
            limit: options.timeout.connect,
            tls: OnceLock::new(),
        })))
    }

    /// Returns whether requests to `uri` go in plain text straight to their server.
    pub(super) fn is_direct(&self, uri: &Uri) -> bool {
        let is_exempt = |proxies: &Matcher| proxies.intercept(uri).is_none();
        uri.scheme_str() == Some("http") && self.0.proxies.as_ref().is_none_or(is_exempt)
    }

    /// Connects within the limit; the wait for a descriptor does not count.
    pub(super) async fn connect(&self, uri: &Uri) -> Result<Stream, HttpError> {
        self.0.connect(uri).await
    }

    /// Returns what a proxy wants to be told with each plain request, where one with a password is in the way.
    pub(super) fn proxy_authorization(&self, uri: &Uri) -> Option<HeaderValue> {
        let proxies = self.0.proxies.as_ref()?;
        if uri.scheme_str() == Some("https") {
            return None;
        }
        proxies.intercept(uri)?.basic_auth().cloned()
    }
}

impl Service<Uri> for Connector {
    type Response = TokioIo<Stream>;
    type Error = HttpError;
    type Future = Pin<Box<dyn Future<Output = Result<TokioIo<Stream>, HttpError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), HttpError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let inner = Arc::clone(&self.0);
        Box::pin(async move { inner.connect(&uri).await.map(TokioIo::new) })
    }
}

impl Inner {
    async fn connect(&self, uri: &Uri) -> Result<Stream, HttpError> {
        loop {
            let attempt = self.attempt(uri);
            let end = match self.limit {
                Some(limit) => tokio::time::timeout(limit, attempt).await.unwrap_or_else(|_| {
                    let url = shown(&uri.to_string());
                    Err(HttpError::Timeout { url, phase: Phase::Connect, after: limit }.into())
                }),
                None => attempt.await,
            };
            match end {
                Ok(stream) => return Ok(stream),
                Err(Refusal::Final(error)) => return Err(error),
                Err(Refusal::NoDescriptor) => {
                    descriptors::close_idle();
                    tokio::time::sleep(NO_DESCRIPTOR).await;
                }
            }
        }
    }

    async fn attempt(&self, uri: &Uri) -> Result<Stream, Refusal> {
        let is_secure = uri.scheme_str() == Some("https");
        let stream = match self.proxies.as_ref().and_then(|proxies| proxies.intercept(uri)) {
            None => Stream::Plain(self.tcp(uri).await?),
            Some(proxy) => self.through(&proxy, uri, is_secure).await?,
        };
        if is_secure { Ok(Stream::Tls(Box::new(self.secure(uri, stream).await?))) } else { Ok(stream) }
    }

    async fn tcp(&self, uri: &Uri) -> Result<tokio::net::TcpStream, Refusal> {
        let connected = self.tcp.clone().call(uri.clone()).await;
        connected.map(TokioIo::into_inner).map_err(|error| {
            if descriptors::ran_out(&error) {
                return Refusal::NoDescriptor;
            }
            let reason = root(&error);
            // The connector's error tells its stage in words alone.
            Refusal::Final(if error.to_string().starts_with("dns") {
                HttpError::Dns { host: uri.host().unwrap_or_default().to_owned(), reason }
            } else {
                HttpError::Connect { host: host_and_port(uri), reason }
            })
        })
    }

    async fn secure(&self, uri: &Uri, stream: Stream) -> Result<tokio_rustls::client::TlsStream<Stream>, HttpError> {
        let tls = self
            .tls
            .get_or_init(|| tls::config(&self.verify, self.http2).map(|config| TlsConnector::from(Arc::new(config))));
        let tls = tls.as_ref().map_err(Clone::clone)?;
        let host = uri.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
        let name = ServerName::try_from(host.to_owned()).map_err(|error| HttpError::BadUrl {
            url: shown(&uri.to_string()),
            reason: format!("its host can't be in a certificate ({error})"),
        })?;
        tls.connect(name, stream).await.map_err(|error| tls::refused(&host_and_port(uri), &error))
    }

    async fn through(&self, proxy: &Intercept, uri: &Uri, is_secure: bool) -> Result<Stream, Refusal> {
        let refused = |reason: String| HttpError::Proxy {
            proxy: shown(&proxy.uri().to_string()),
            host: host_and_port(uri),
            reason,
        };
        let socket = self.tcp(proxy.uri()).await.map_err(|refusal| match refusal {
            Refusal::Final(error) => Refusal::Final(refused(error.to_string())),
            Refusal::NoDescriptor => Refusal::NoDescriptor,
        })?;
        let stream = match proxy.uri().scheme_str() {
            Some("socks5" | "socks5h") => {
                let mut socks = SocksV5::new(proxy.uri().clone(), Dialled::new(Stream::Plain(socket)));
                if let Some((user, password)) = proxy.raw_auth() {
                    socks = socks.with_auth(user.to_owned(), password.to_owned());
                }
                let stream = socks.call(uri.clone()).await.map_err(|error| refused(root(&error)))?;
                return Ok(stream.into_inner());
            }
            Some("http") => Stream::ToProxy(socket),
            Some("https") => Stream::ToSecureProxy(Box::new(self.secure(proxy.uri(), Stream::Plain(socket)).await?)),
            other => return Err(refused(format!("its scheme {other:?} is not http, https or socks5")).into()),
        };
        if !is_secure {
            return Ok(stream);
        }
        let mut tunnel = Tunnel::new(proxy.uri().clone(), Dialled::new(stream));
        if let Some(authorization) = proxy.basic_auth() {
            tunnel = tunnel.with_auth(authorization.clone());
        }
        let stream = tunnel.call(uri.clone()).await.map_err(|error| refused(root(&error)))?;
        Ok(stream.into_inner())
    }
}

/// Hands a stream that is connected already to a proxy's handshake.
struct Dialled(Option<TokioIo<Stream>>);

impl Dialled {
    fn new(stream: Stream) -> Self {
        Self(Some(TokioIo::new(stream)))
    }
}

impl Service<Uri> for Dialled {
    type Response = TokioIo<Stream>;
    type Error = std::io::Error;
    type Future = Ready<Result<TokioIo<Stream>, std::io::Error>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), std::io::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        ready(self.0.take().ok_or_else(|| std::io::Error::from(std::io::ErrorKind::NotConnected)))
    }
}

fn proxies(choice: &ProxyChoice) -> Result<Option<Matcher>, HttpError> {
    match choice {
        ProxyChoice::None => Ok(None),
        ProxyChoice::Environment => {
            let is_set = |name: &&str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
            Ok(VARIABLES.iter().any(is_set).then(Matcher::from_env))
        }
        ProxyChoice::Url(url) => {
            let scheme = Url::parse(url).map(|url| url.scheme().to_owned());
            if !matches!(scheme.as_deref(), Ok("http" | "https" | "socks5" | "socks5h")) {
                let reason = format!("{:?} is not an http:, https: or socks5: URL", shown(url));
                return Err(HttpError::BadOption { option: "proxy", reason });
            }
            let exempt = std::env::var("NO_PROXY").or_else(|_| std::env::var("no_proxy")).unwrap_or_default();
            Ok(Some(Matcher::builder().all(url.as_str()).no(exempt).build()))
        }
    }
}

/// Returns the words of the first cause.
fn root(error: &(dyn Error + 'static)) -> String {
    let mut cause = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    cause.to_string()
}
