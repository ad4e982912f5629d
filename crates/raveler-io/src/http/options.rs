//! What holds for all requests of a client.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use url::Url;

/// Who asks. Neither part is ever shown.
#[derive(Clone, PartialEq, Eq)]
pub enum Auth {
    /// User and password.
    Basic(String, String),
    /// A token.
    Bearer(String),
}

impl fmt::Debug for Auth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Basic(..) => "Basic(..)",
            Self::Bearer(_) => "Bearer(..)",
        })
    }
}

/// How long to wait for what; `None` waits for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// For a connection: name, TCP, proxy and TLS.
    pub connect: Option<Duration>,
    /// For the next bytes of an answer.
    pub read: Option<Duration>,
    /// For a whole request with its redirects and its body, from when it may start.
    pub total: Option<Duration>,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self { connect: Some(Duration::from_secs(10)), read: Some(Duration::from_secs(60)), total: None }
    }
}

/// Whose certificates are trusted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Verify {
    /// Those that the system trusts, or those of `SSL_CERT_FILE` and `SSL_CERT_DIR`.
    #[default]
    Yes,
    /// Anybody's: the connection is secret, but nobody knows with whom.
    No,
    /// Those that the authorities in this PEM file have signed.
    Bundle(PathBuf),
}

/// Which way requests take.
#[derive(Clone, Default, PartialEq, Eq)]
pub enum ProxyChoice {
    /// As `HTTP_PROXY`, `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY` say.
    #[default]
    Environment,
    /// Straight to the server.
    None,
    /// Through this `http:`, `https:` or `socks5:` proxy, except to the hosts of `NO_PROXY`.
    Url(String),
}

impl fmt::Debug for ProxyChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Environment => "Environment",
            Self::None => "None",
            Self::Url(_) => "Url(..)",
        })
    }
}

/// The options of a client.
#[derive(Clone)]
pub struct ClientOptions {
    /// Where requests whose URL is a path go.
    pub base_url: Option<Url>,
    /// Headers of every request; its own of the same name replace them.
    pub headers: Vec<(String, String)>,
    /// Who asks, where the request does not say.
    pub auth: Option<Auth>,
    /// Most requests at once; without it, 64 for each host.
    pub concurrency: Option<usize>,
    /// Most starts in any such span, for each host.
    pub rate: Option<(u32, Duration)>,
    /// How long to wait.
    pub timeout: Timeouts,
    /// Whether HTTP/2 is offered to servers behind TLS.
    pub http2: bool,
    /// Whose certificates are trusted.
    pub verify: Verify,
    /// Which way requests take.
    pub proxy: ProxyChoice,
    /// How many redirects one request follows; none with 0.
    pub max_redirects: u32,
    /// Whether cookies that servers set are sent back.
    pub cookies: bool,
    /// Most decoded bytes of a body that is collected; a stream has no limit.
    pub max_body: Option<u64>,
    /// What the client calls itself.
    pub user_agent: String,
}

impl Default for ClientOptions {
    fn default() -> Self {
        Self {
            base_url: None,
            headers: Vec::new(),
            auth: None,
            concurrency: None,
            rate: None,
            timeout: Timeouts::default(),
            http2: true,
            verify: Verify::default(),
            proxy: ProxyChoice::default(),
            max_redirects: 10,
            cookies: true,
            max_body: Some(1 << 30),
            user_agent: concat!("raveler/", env!("CARGO_PKG_VERSION")).to_owned(),
        }
    }
}

impl fmt::Debug for ClientOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.headers.iter().map(|(name, _)| name.as_str()).collect();
        f.debug_struct("ClientOptions")
            .field("headers", &names)
            .field("auth", &self.auth)
            .field("concurrency", &self.concurrency)
            .field("rate", &self.rate)
            .field("timeout", &self.timeout)
            .field("verify", &self.verify)
            .field("proxy", &self.proxy)
            .finish_non_exhaustive()
    }
}
