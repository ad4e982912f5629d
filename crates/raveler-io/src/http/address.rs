//! Addresses: how a request's URL is put together, and how one is shown without its secrets.

use http::Uri;
use url::Url;

use super::error::HttpError;

/// Returns `url` without userinfo, fragment and the query's content, any of which may be a credential.
pub(super) fn shown(url: &str) -> String {
    let (rest, query) = url.split_once('#').map_or(url, |(before, _)| before).split_once('?').unzip();
    let rest = rest.unwrap_or_else(|| url.split('#').next().unwrap_or_default());
    let mark = if query.is_some() { "?..." } else { "" };
    let Some((scheme, rest)) = rest.split_once("//") else { return format!("{rest}{mark}") };
    let (authority, path) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
    let host = authority.rsplit('@').next().unwrap_or_default();
    format!("{scheme}//{host}{path}{mark}")
}

/// Returns the absolute URL for `given`, which may be a path below `base`, with `query` added to its own.
///
/// A path is appended to the base's path, whether or not it begins with a slash: below `https://host/v1`, both `users`
/// and `/users` mean `https://host/v1/users`.
pub(super) fn resolve(base: Option<&Url>, given: &str, query: &[(String, String)]) -> Result<Url, HttpError> {
    let bad = |reason: String| HttpError::BadUrl { url: shown(given), reason };
    let parsed = match (Url::parse(given), base) {
        (Ok(url), _) => url,
        (Err(url::ParseError::RelativeUrlWithoutBase), Some(base)) => {
            below(base, given).map_err(|e| bad(e.to_string()))?
        }
        (Err(url::ParseError::RelativeUrlWithoutBase), None) => return Err(bad("it has no scheme".to_owned())),
        (Err(error), _) => return Err(bad(error.to_string())),
    };
    let mut url = parsed;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(bad(format!("the scheme {:?} is not HTTP", url.scheme())));
    }
    url.set_fragment(None);
    if !query.is_empty() {
        url.query_pairs_mut().extend_pairs(query);
    }
    Ok(url)
}

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
pub(super) fn take_userinfo(url: &mut Url) -> Option<(String, String)> {
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

/// Returns the same address in the form that connections are made from.
pub(super) fn uri(url: &Url) -> Result<Uri, HttpError> {
    Uri::try_from(url.as_str())
        .map_err(|error| HttpError::BadUrl { url: shown(url.as_str()), reason: error.to_string() })
}

/// Returns host and port, the key under which limits count.
pub(super) fn host_and_port(uri: &Uri) -> String {
    let host = uri.host().unwrap_or_default();
    let default = if uri.scheme_str() == Some("https") { 443 } else { 80 };
    format!("{host}:{}", uri.port_u16().unwrap_or(default))
}
