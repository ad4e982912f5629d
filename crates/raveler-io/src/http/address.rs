//! Addresses: how a request's URL is put together, and how one is shown without its secrets.

use http::Uri;
use url::Url;

use super::error::HttpError;

/// Returns `url` without userinfo, fragment and the query's content, any of which may be a credential.
pub(super) fn shown(url: &str) -> String {
    let (rest, query) = url.split_once('#').map_or(url, |(before, _)| before).split_once('?').unzip();
    let rest = rest.unwrap_or_else(|| url.split('#').next().unwrap_or_default());
    let mark = if query.is_some() { "?..." } else { "" };
    let (scheme, rest) = rest.split_once("//").map_or(("", rest), |(scheme, rest)| (scheme, rest));
    let (authority, path) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
    let host = authority.rsplit('@').next().unwrap_or_default();
    // A password with one of "/?#" in it ends the authority early, and what looks like a port is its beginning.
    let port = host.rsplit_once(':').map_or("", |(_, port)| port).trim_end_matches(']');
    let host = if port.bytes().all(|byte| byte.is_ascii_hexdigit()) { host } else { "..." };
    let slashes = if scheme.is_empty() { "" } else { "//" };
    format!("{scheme}{slashes}{host}{path}{mark}")
}

/// An absolute `http:` or `https:` address without userinfo and fragment.
#[derive(Clone, Debug)]
pub(super) struct Address {
    /// As text.
    pub(super) text: String,
    /// As connections take it.
    pub(super) uri: Uri,
}

impl Address {
    /// Returns the address for `given`, which may be a path below `base`, with `query` added, and its userinfo.
    ///
    /// A path is appended to the base's path, whether or not it begins with a slash: below `https://host/v1`, both
    /// `users` and `/users` mean `https://host/v1/users`.
    pub(super) fn resolve(
        base: Option<&Url>,
        given: &str,
        query: &[(String, String)],
    ) -> Result<(Self, Option<Userinfo>), HttpError> {
        if query.is_empty()
            && is_normal(given)
            && let Ok(uri) = Uri::try_from(given)
        {
            return Ok((Self { text: given.to_owned(), uri }, None));
        }
        let bad = |reason: String| HttpError::BadUrl { url: shown(given), reason };
        let mut url = match (Url::parse(given), base) {
            (Ok(url), _) => url,
            (Err(url::ParseError::RelativeUrlWithoutBase), Some(base)) => {
                below(base, given).map_err(|error| bad(error.to_string()))?
            }
            (Err(url::ParseError::RelativeUrlWithoutBase), None) => return Err(bad("it has no scheme".to_owned())),
            (Err(error), _) => return Err(bad(error.to_string())),
        };
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        Self::of(url).map_err(bad)
    }

    /// Returns the address that `location` means, seen from this one.
    pub(super) fn join(&self, location: &str) -> Result<Self, String> {
        let next = self.url().join(location).map_err(|error| format!("its address is not a URL ({error})"))?;
        Self::of(next).map(|(address, _)| address)
    }

    /// Returns the address taken apart.
    pub(super) fn url(&self) -> Url {
        Url::parse(&self.text).expect("it was a URL before, or is_normal accepted it")
    }

    fn of(mut url: Url) -> Result<(Self, Option<Userinfo>), String> {
        if !matches!(url.scheme(), "http" | "https") {
            return Err(format!("the scheme {:?} is not HTTP", url.scheme()));
        }
        let userinfo = take_userinfo(&mut url);
        url.set_fragment(None);
        let uri = Uri::try_from(url.as_str()).map_err(|error| error.to_string())?;
        Ok((Self { text: url.into(), uri }, userinfo))
    }
}

/// Returns whether `given` is an absolute address that parsing would leave as it is.
///
/// True for most addresses that programs make, and a microsecond faster than to parse them.
fn is_normal(given: &str) -> bool {
    let Some(rest) = given.strip_prefix("http://").or_else(|| given.strip_prefix("https://")) else { return false };
    let Some((authority, path)) = rest.split_once('/') else { return false };
    let (host, port) = authority.split_once(':').unwrap_or((authority, "8080"));
    let is_host = host.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'-'));
    let ends_in_number = host.rsplit('.').next().is_none_or(|last| last.bytes().any(|byte| byte.is_ascii_digit()));
    let is_address = !ends_in_number || host.parse::<std::net::Ipv4Addr>().is_ok();
    let is_port = !matches!(port, "80" | "443")
        && (2..=5).contains(&port.len())
        && !port.starts_with('0')
        && port.parse::<u16>().is_ok();
    let is_plain = path.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~/:?&=+,;!$()*".contains(&byte));
    is_host && is_address && !host.is_empty() && is_port && is_plain && !path.starts_with('.') && !path.contains("/.")
}

/// User and password.
pub(super) type Userinfo = (String, String);

fn below(base: &Url, given: &str) -> Result<Url, url::ParseError> {
    if given.is_empty() || given.starts_with("//") {
        return base.join(given);
    }
    let mut root = base.clone();
    if !root.path().ends_with('/') {
        root.set_path(&format!("{}/", base.path()));
    }
    root.set_query(None);
    root.join(&format!("./{}", given.trim_start_matches('/')))
}

/// Removes the userinfo from `url` and returns it decoded.
fn take_userinfo(url: &mut Url) -> Option<Userinfo> {
    if url.username().is_empty() && url.password().is_none() {
        return None;
    }
    let user = decoded(url.username());
    let password = url.password().map(decoded).unwrap_or_default();
    // Both fail only for URLs without a host, and those were refused before.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    Some((user, password))
}

fn decoded(text: &str) -> String {
    percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned()
}

/// Returns host and port.
pub(super) fn host_and_port(uri: &Uri) -> String {
    let host = uri.host().unwrap_or_default();
    let default = if uri.scheme_str() == Some("https") { 443 } else { 80 };
    format!("{host}:{}", uri.port_u16().unwrap_or(default))
}

#[cfg(test)]
mod tests {
    use super::{Address, is_normal, shown};
    use url::Url;

    #[test]
    fn what_is_taken_as_it_is_would_be_parsed_to_the_same() {
        let given =
            ["http://a.de/", "https://a-b.c:8080/x/y.z?q=1&r=a+b", "http://127.0.0.1:99/k", "http://h/?:~!$()*,;"];
        for text in given {
            assert!(is_normal(text), "{text}");
            assert_eq!(Url::parse(text).expect("a URL").as_str(), text);
        }
        let strange = [
            "http://a.de",
            "http://A.de/",
            "http://u@a.de/",
            "http://a.de:80/",
            "http://a/../b",
            "http://a/%2e",
            "http://127.1/",
            "http://0x7f/",
            "http://a/#b",
            "http://a:/",
            "http://a:080/",
            "ftp://a/",
            "http:///a",
        ];
        for text in strange {
            assert!(!is_normal(text), "{text}");
        }
    }

    #[test]
    fn a_path_is_appended_to_the_base() {
        let base = Url::parse("https://host/v1?x=1").expect("a URL");
        for given in ["users", "/users"] {
            let (address, _) = Address::resolve(Some(&base), given, &[]).expect("a path");
            assert_eq!(address.text, "https://host/v1/users");
        }
        let (address, _) = Address::resolve(Some(&base), "http://other/", &[]).expect("a URL");
        assert_eq!(address.text, "http://other/");
    }

    #[test]
    fn userinfo_and_query_are_never_shown() {
        assert_eq!(shown("https://me:secret@host:8/p@th?key=secret#f"), "https://host:8/p@th?...");
        assert_eq!(shown("/path?key=secret"), "/path?...");
        assert_eq!(shown("me:secret@host/path"), "host/path");
        assert_eq!(shown("http://me:sec?ret@host/"), "http://...?...");
        assert_eq!(shown("http://[::1]:80/p"), "http://[::1]:80/p");
        let given = "http://me:p%40ss@host/a?b=1";
        let (address, userinfo) = Address::resolve(None, given, &[("c".into(), "d e".into())]).expect("a URL");
        assert_eq!(address.text, "http://host/a?b=1&c=d+e");
        assert_eq!(userinfo, Some(("me".to_owned(), "p@ss".to_owned())));
    }
}
