//! One attempt at an upload: the file is read in large blocks and never held in memory as a whole.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::Method;
use http::header::CONTENT_LENGTH;
use tokio::sync::mpsc;

use super::address::{Address, Scheme};
use super::copy::Copy;
use super::error::TransferError;
use super::local::{LocalBody, LocalFile};
use super::offer::{Opened, Wanted};
use super::parcel;
use super::part::Part;
use super::progress::Progress;
use super::room;
use super::source::Body;
use super::store::Store;
use super::web::{client, etag, succeeded};
use crate::files::hop::blocking;
use crate::files::replace::Landing;
use crate::files::write::behind_links;
use crate::http::{BodyStream, Request, RequestBody};

/// What to upload, and how.
#[derive(Clone)]
pub struct Upload {
    /// The file.
    pub path: PathBuf,
    /// The address: `http:`, `https:`, `s3:`, `gs:`, `az:` or `file:`.
    pub url: String,
    /// The method of a request to a web server.
    pub method: String,
    /// Headers for a web server.
    pub headers: Vec<(String, String)>,
    /// Options for a store.
    pub options: Vec<(String, String)>,
}

impl Upload {
    /// Returns an upload with the usual choices.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>, url: impl Into<String>) -> Self {
        let method = "PUT".to_owned();
        Self { path: path.into(), url: url.into(), method, headers: Vec::new(), options: Vec::new() }
    }
}

/// A file that was uploaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Uploaded {
    /// Where it went, without credentials.
    pub url: String,
    /// Its size.
    pub bytes: u64,
    /// The entity tag that the server told.
    pub etag: Option<String>,
    /// The time that it took.
    pub elapsed: Duration,
}

/// Uploads a file.
///
/// Dropping the future closes the connection; a store is told to forget what it has.
///
/// # Errors
///
/// [`TransferError`] if the file can't be read or the server refuses.
pub async fn upload(upload: &Upload, progress: &Arc<Progress>) -> Result<Uploaded, TransferError> {
    let _room = room::enter().await;
    let began = Instant::now();
    progress.begin(0, None);
    let address = Address::parse(&upload.url)?;
    let Opened { offer, body, .. } = LocalFile::at(upload.path.clone()).open(&Wanted::default()).await?;
    let size = offer.size.unwrap_or_default();
    progress.begin(0, Some(size));
    let etag = match address.scheme() {
        Scheme::Http => send(upload, &address, body, size, progress).await?,
        Scheme::Store => {
            let store = Store::new(&address, &upload.options)?;
            parcel::send(&store, &address, body, size, progress).await?
        }
        Scheme::File => place(&address, body, size, progress).await?,
    };
    Ok(Uploaded { url: address.shown(), bytes: size, etag, elapsed: began.elapsed() })
}

async fn send(
    upload: &Upload,
    address: &Address,
    body: LocalBody,
    size: u64,
    progress: &Progress,
) -> Result<Option<String>, TransferError> {
    let url = address.shown();
    let method = Method::from_bytes(upload.method.as_bytes()).map_err(|_| TransferError::Address {
        url: url.clone(),
        reason: format!("{:?} is no method; use \"PUT\" or \"POST\"", upload.method),
    })?;
    let (blocks, receiver) = mpsc::channel(1);
    let mut request = Request::new(method, address.url().as_str());
    request.headers.clone_from(&upload.headers);
    request.headers.push((CONTENT_LENGTH.to_string(), size.to_string()));
    request.body = RequestBody::Stream(BodyStream::new(receiver));
    let client = client()?;
    let (answer, fed) = tokio::join!(client.send(&request), feed(body, blocks, progress));
    // What is wrong with the file explains why the request broke off.
    fed?;
    let answer = answer?;
    succeeded(&url, answer.status, &answer.headers)?;
    Ok(etag(&answer.headers))
}

/// Hands the blocks of a file to a request as long as it takes them.
async fn feed(
    mut body: LocalBody,
    blocks: mpsc::Sender<Result<Bytes, String>>,
    progress: &Progress,
) -> Result<(), TransferError> {
    loop {
        match body.next().await {
            Ok(Some(block)) => {
                let length = block.len() as u64;
                if blocks.send(Ok(block)).await.is_err() {
                    return Ok(());
                }
                progress.done.add(length);
            }
            Ok(None) => return Ok(()),
            Err(error) => {
                // The request may have ended before.
                let _ = blocks.send(Err(error.to_string())).await;
                return Err(error);
            }
        }
    }
}

/// Copies to another place on this machine, atomically.
async fn place(
    address: &Address,
    body: LocalBody,
    size: u64,
    progress: &Progress,
) -> Result<Option<String>, TransferError> {
    let target = behind_links(&address.file_path()?);
    let beside = target.clone();
    let part =
        blocking("write", &target, move |_| Ok::<_, TransferError>(Part::create(&beside, Some(size), None)?)).await?;
    let mut copy = Copy { file: part.file(), path: &target, position: 0, until: Some(size), hasher: None, progress };
    copy.run(&mut Body::Local(body), None).await?;
    let place = target.clone();
    let landing = Landing { durable: true, overwrite: true };
    blocking("write", &target, move |_| Ok::<_, TransferError>(part.land(&place, landing)?)).await?;
    Ok(None)
}
