//! Connections to object stores, configured by the environment and by options.

use std::collections::BTreeMap;
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use object_store::aws::AmazonS3Builder;
use object_store::azure::MicrosoftAzureBuilder;
use object_store::gcp::GoogleCloudStorageBuilder;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreScheme, RetryConfig};
use url::Position;

use super::address::Address;
use super::digest::{self, Sum};
use super::error::TransferError;

/// The variables of the environment that configure stores begin with one of these.
const OF_STORES: [&str; 3] = ["AWS_", "AZURE_", "GOOGLE_"];
/// How often one request is repeated here: a lost part must not cost a whole upload, and the caller repeats the rest.
const RETRIES: usize = 3;
/// How long one request is repeated here.
const RETRY_TIME: Duration = Duration::from_secs(20);

/// The connections that are kept for later transfers.
const MOST_KEPT: usize = 16;

/// The connections of this process, by what they were made from.
type Kept = Vec<(u32, Sum, Arc<dyn ObjectStore>)>;

/// Opens the store of an address; nothing is connected yet. Options go before the environment.
///
/// # Errors
///
/// [`TransferError::Setting`] if an option can't be used.
pub fn open(address: &Address, options: &[(String, String)]) -> Result<(Arc<dyn ObjectStore>, Path), TransferError> {
    static KEPT: Mutex<Kept> = Mutex::new(Vec::new());
    let wrong = |reason: String| TransferError::Setting { url: address.shown(), reason };
    let (scheme, path) = ObjectStoreScheme::parse(address.url()).map_err(|error| wrong(innermost(&error)))?;
    let location = Path::parse(path).map_err(|error| wrong(innermost(&error)))?;
    let settings = settings(options);
    // A forked child makes its own: connections can't be shared.
    let process = std::process::id();
    let sum = digest::of(format!("{} {settings:?}", &address.url()[..Position::BeforePath]).as_bytes());
    let mut kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((_, _, store)) = kept.iter().find(|(owner, of, _)| *owner == process && *of == sum) {
        return Ok((Arc::clone(store), location));
    }
    let store = connect(address, &scheme, settings).map_err(wrong)?;
    if kept.len() == MOST_KEPT {
        // What a parent process made is leaked: to drop it would touch a runtime whose threads do not exist here.
        let (owner, _, oldest) = kept.remove(0);
        if owner != process {
            std::mem::forget(oldest);
        }
    }
    kept.push((process, sum, Arc::clone(&store)));
    Ok((store, location))
}

fn connect(address: &Address, scheme: &ObjectStoreScheme, settings: Settings) -> Result<Arc<dyn ObjectStore>, String> {
    // Another part of the process may have chosen a provider; then that one serves.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let url = address.url().to_string();
    let retry = RetryConfig { max_retries: RETRIES, retry_timeout: RETRY_TIME, ..RetryConfig::default() };
    let built = match scheme {
        ObjectStoreScheme::AmazonS3 => {
            let builder = AmazonS3Builder::new().with_url(url).with_retry(retry);
            configured(builder, settings, AmazonS3Builder::with_config)?.build().map(shared)
        }
        ObjectStoreScheme::GoogleCloudStorage => {
            let builder = GoogleCloudStorageBuilder::new().with_url(url).with_retry(retry);
            configured(builder, settings, GoogleCloudStorageBuilder::with_config)?.build().map(shared)
        }
        ObjectStoreScheme::MicrosoftAzure => {
            let builder = MicrosoftAzureBuilder::new().with_url(url).with_retry(retry);
            configured(builder, settings, MicrosoftAzureBuilder::with_config)?.build().map(shared)
        }
        _ => return Err("no store has such an address".to_owned()),
    };
    built.map_err(|error| innermost(&error))
}

fn shared(store: impl ObjectStore) -> Arc<dyn ObjectStore> {
    Arc::new(store)
}

/// The values of settings, and whether the caller gave them.
type Settings = BTreeMap<String, (String, bool)>;

/// Returns the settings by their names in small letters, as the stores call them.
fn settings(options: &[(String, String)]) -> Settings {
    let mut settings = BTreeMap::new();
    for (name, value) in std::env::vars_os() {
        if let (Ok(name), Ok(value)) = (name.into_string(), value.into_string())
            && OF_STORES.iter().any(|prefix| name.starts_with(prefix))
        {
            let name = if name == "AWS_ENDPOINT_URL_S3" { "AWS_ENDPOINT_URL" } else { &name };
            settings.insert(name.to_ascii_lowercase(), (value, false));
        }
    }
    settings.extend(options.iter().map(|(name, value)| (name.to_ascii_lowercase(), (value.clone(), true))));
    // Who writes `http:` in so many words means it.
    if settings.iter().any(|(name, (value, _))| name.contains("endpoint") && value.starts_with("http://")) {
        settings.entry("allow_http".to_owned()).or_insert(("true".to_owned(), false));
    }
    settings
}

fn configured<B, K: FromStr>(builder: B, settings: Settings, with: impl Fn(B, K, String) -> B) -> Result<B, String> {
    settings.into_iter().try_fold(builder, |builder, (name, (value, is_given))| match K::from_str(&name) {
        Ok(key) => Ok(with(builder, key, value)),
        Err(_) if is_given => Err(format!("it knows no option {name:?}")),
        // The environment may configure other programs too.
        Err(_) => Ok(builder),
    })
}

/// Returns the innermost cause: the outer ones repeat the address with its query.
#[must_use]
pub fn innermost(error: &(dyn std::error::Error + 'static)) -> String {
    let mut cause = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}
