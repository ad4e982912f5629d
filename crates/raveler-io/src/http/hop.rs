//! One exchange of a request: the first, or the one after a redirect.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{ACCEPT_ENCODING, AUTHORIZATION, CONTENT_TYPE, COOKIE, LOCATION, RANGE};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};

use super::address::{Address, Userinfo, shown};
use super::error::HttpError;
use super::options::{Auth, ClientOptions};
use super::request::Request;

/// What a client says in every request.
pub(super) struct Defaults {
    /// Its headers.
    pub(super) headers: HeaderMap,
    /// Whether it asks for encodings by itself, and so decodes them by itself.
    pub(super) decodes: bool,
}

/// Where a request stands.
pub(super) struct Hop<'a> {
    request: &'a Request,
    options: &'a ClientOptions,
    /// The address of this exchange.
    pub(super) address: Address,
    /// The method of this exchange.
    pub(super) method: Method,
    userinfo: Option<Userinfo>,
    /// Whether a redirect left the host for which the credentials are.
    is_elsewhere: bool,
    /// Whether the body still goes along: a redirect may turn the request into a GET.
    pub(super) has_body: bool,
}

impl<'a> Hop<'a> {
    /// The first exchange of `request`.
    pub(super) fn first(request: &'a Request, options: &'a ClientOptions) -> Result<Self, HttpError> {
        let (address, userinfo) = Address::resolve(options.base_url.as_ref(), &request.url, &request.query)?;
        Ok(Self {
            address,
            request,
            options,
            method: request.method.clone(),
            userinfo,
            is_elsewhere: false,
            has_body: true,
        })
    }

    /// Returns host and port of this exchange.
    pub(super) fn host(&self) -> &str {
        self.address.uri.authority().map_or("", |authority| authority.as_str())
    }

    /// Returns the headers of this exchange: the client's, replaced by the request's own.
    ///
    /// `jar` are the client's cookies for the address, `media` is the body's media type.
    pub(super) fn headers(
        &self,
        defaults: &Defaults,
        jar: Option<&HeaderValue>,
        media: Option<String>,
    ) -> Result<HeaderMap, HttpError> {
        let mut headers = defaults.headers.clone();
        if self.asks_for(&RANGE) && defaults.decodes {
            headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        }
        for (at, (name, value)) in self.request.headers.iter().enumerate() {
            let (name, value) = header(name, value)?;
            let is_again =
                self.request.headers[..at].iter().any(|(other, _)| name.as_str().eq_ignore_ascii_case(other));
            if is_again {
                headers.append(name, value);
            } else {
                headers.insert(name, value);
            }
        }
        if !self.has_body {
            for name in BODY_HEADERS {
                headers.remove(name);
            }
        } else if let Some(media) = media
            && !headers.contains_key(CONTENT_TYPE)
        {
            headers.insert(CONTENT_TYPE, value("content-type", &media)?);
        }
        self.credentials(&mut headers, jar)?;
        Ok(headers)
    }

    fn credentials(&self, headers: &mut HeaderMap, jar: Option<&HeaderValue>) -> Result<(), HttpError> {
        if self.is_elsewhere {
            headers.remove(AUTHORIZATION);
            headers.remove(COOKIE);
        } else if !headers.contains_key(AUTHORIZATION)
            && let Some(auth) = self.auth()
        {
            headers.insert(AUTHORIZATION, authorization(&auth)?);
        }
        let own = if self.is_elsewhere { &[][..] } else { &self.request.cookies[..] };
        if own.is_empty() && jar.is_none() {
            return Ok(());
        }
        let mut cookies: Vec<String> = headers.get_all(COOKIE).iter().chain(jar).map(text).collect();
        cookies.extend(own.iter().map(|(name, value)| format!("{name}={value}")));
        let mut line = value("cookie", &cookies.join("; "))?;
        line.set_sensitive(true);
        headers.insert(COOKIE, line);
        Ok(())
    }

    fn auth(&self) -> Option<Auth> {
        let userinfo = || self.userinfo.clone().map(|(user, password)| Auth::Basic(user, password));
        self.request.auth.clone().or_else(userinfo).or_else(|| self.options.auth.clone())
    }

    /// Returns whether an encoded answer is to be decoded: not if the caller asked for an encoding or for a range.
    pub(super) fn decodes(&self, defaults: &Defaults) -> bool {
        defaults.decodes && !self.asks_for(&ACCEPT_ENCODING) && !self.asks_for(&RANGE)
    }

    fn asks_for(&self, known: &HeaderName) -> bool {
        self.request.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case(known.as_str()))
    }

    /// Returns whether the answer to this exchange names another address to go to, and goes there.
    ///
    /// # Errors
    ///
    /// The address can't be requested, or it wants the body again and that was a stream.
    pub(super) fn redirect(&mut self, status: u16, headers: &HeaderMap) -> Result<bool, HttpError> {
        let Some(location) = headers.get(LOCATION).filter(|_| matches!(status, 301 | 302 | 303 | 307 | 308)) else {
            return Ok(false);
        };
        let bad = |reason: String| HttpError::BadRedirect { url: shown(&self.address.text), reason };
        let next = self.address.join(&String::from_utf8_lossy(location.as_bytes())).map_err(bad)?;
        let becomes_get = match status {
            303 => self.method != Method::HEAD,
            301 | 302 => self.method == Method::POST,
            _ => false,
        };
        if becomes_get {
            self.method = Method::GET;
            self.has_body = false;
        } else if self.has_body && !self.request.is_repeatable() {
            return Err(bad("it wants the body again, which was a stream; give bytes or a file".to_owned()));
        }
        self.is_elsewhere |= is_other_host(&self.address.uri, &next.uri);
        self.address = next;
        Ok(true)
    }
}

/// What describes a body, and goes when it goes.
const BODY_HEADERS: [HeaderName; 5] = [
    CONTENT_TYPE,
    http::header::CONTENT_LENGTH,
    http::header::CONTENT_ENCODING,
    http::header::CONTENT_LANGUAGE,
    http::header::TRANSFER_ENCODING,
];

/// Credentials stay with host and port, and move from `http:` to `https:` of one host but never back.
fn is_other_host(from: &Uri, to: &Uri) -> bool {
    let is_upgrade = from.scheme_str() == Some("http") && to.scheme_str() == Some("https");
    let has_default_ports = from.port().is_none() && to.port().is_none();
    from.host() != to.host()
        || from.port_u16() != to.port_u16()
        || (from.scheme() != to.scheme() && !(is_upgrade && has_default_ports))
}

/// Returns a header as HTTP allows it.
pub(super) fn header(name: &str, content: &str) -> Result<(HeaderName, HeaderValue), HttpError> {
    let known = HeaderName::from_bytes(name.as_bytes()).map_err(|_| HttpError::BadHeader {
        name: name.to_owned(),
        reason: "is not the name of a header".to_owned(),
    })?;
    let mut content = value(name, content)?;
    content.set_sensitive(known == AUTHORIZATION || known == COOKIE);
    Ok((known, content))
}

fn value(name: &str, content: &str) -> Result<HeaderValue, HttpError> {
    HeaderValue::from_bytes(content.as_bytes()).map_err(|_| HttpError::BadHeader {
        name: name.to_owned(),
        reason: "has a value that is not allowed".to_owned(),
    })
}

fn authorization(auth: &Auth) -> Result<HeaderValue, HttpError> {
    let line = match auth {
        Auth::Basic(user, password) => format!("Basic {}", STANDARD.encode(format!("{user}:{password}"))),
        Auth::Bearer(token) => format!("Bearer {token}"),
    };
    let mut line = value("authorization", &line)?;
    line.set_sensitive(true);
    Ok(line)
}

fn text(value: &HeaderValue) -> String {
    String::from_utf8_lossy(value.as_bytes()).into_owned()
}
