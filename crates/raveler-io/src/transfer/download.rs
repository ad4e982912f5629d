//! One attempt at a download: it ends with the whole file under its final name, or with nothing under it.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};

use super::address::Address;
use super::copy::{Copy, Limit, Stop};
use super::digest::{self, Sum};
use super::error::TransferError;
use super::offer::{Offer, Opened, Wanted};
use super::part::{Note, Part, Stretch};
use super::progress::Progress;
use super::ranges::Ranges;
use super::room;
use super::small;
use super::source::{Body, Source};
use super::target::Target;
use crate::files::FileError;
use crate::files::hop::blocking;
use crate::files::replace::Landing;

/// The size from which on several connections may pay.
const LARGE: u64 = 64 << 20;
/// The connections if they pay.
const CONNECTIONS: usize = 4;
/// The connections that a caller may ask for.
const MOST_CONNECTIONS: usize = 32;
/// How long the first connection is watched before others are opened.
const TRIAL: Limit = Limit { bytes: 8 << 20, time: Duration::from_millis(250) };
/// The bytes a microsecond from which on one connection is as fast as this machine.
const FAST: u128 = 400;

/// What to download, and how.
#[derive(Clone)]
pub struct Download {
    /// The address: `http:`, `https:`, `s3:`, `gs:`, `az:` or `file:`.
    pub url: String,
    /// The file, or the folder that a name is found for.
    pub path: PathBuf,
    /// The digest that the content must have.
    pub sha256: Option<Sum>,
    /// The connections; `None` lets the speed of the first one decide.
    pub connections: Option<usize>,
    /// Whether to go on where an earlier attempt broke off, and to let a later one do so.
    pub resume: bool,
    /// Whether a file of that name may be replaced.
    pub overwrite: bool,
    /// Whether the file is on the disk when success is told.
    pub durable: bool,
    /// Headers for a web server.
    pub headers: Vec<(String, String)>,
    /// Options for a store.
    pub options: Vec<(String, String)>,
}

impl Download {
    /// Returns a download with the usual choices.
    #[must_use]
    pub fn new(url: impl Into<String>, path: impl Into<PathBuf>) -> Self {
        Self {
            url: url.into(),
            path: path.into(),
            sha256: None,
            connections: None,
            resume: true,
            overwrite: true,
            durable: true,
            headers: Vec::new(),
            options: Vec::new(),
        }
    }
}

/// A file that was downloaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Downloaded {
    /// Where it is.
    pub path: PathBuf,
    /// Its size.
    pub bytes: u64,
    /// Its digest, if one was asked for.
    pub sha256: Option<Sum>,
    /// The bytes that were there from an earlier attempt.
    pub resumed_from: u64,
    /// The entity tag that the server told.
    pub etag: Option<String>,
    /// The time that it took.
    pub elapsed: Duration,
}

/// Downloads a file.
///
/// Dropping the future closes the connection; the part of the file stays for a later attempt if the server lets one go on,
/// and is removed otherwise.
///
/// # Errors
///
/// [`TransferError`] if it can't be had whole; nothing stands under the final name then but what stood there before.
pub async fn download(download: &Download, progress: &Progress) -> Result<Downloaded, TransferError> {
    let _room = room::enter().await;
    let began = Instant::now();
    progress.begin(0, None);
    let address = Address::parse(&download.url)?;
    let target = Target::of(&download.path);
    if let (Target::File(path), false) = (&target, download.overwrite) {
        Target::refuse_existing(path)?;
    }
    let source = Source::new(&address, &download.headers, &download.options)?;
    let attempt = Attempt { download, address, target, source, progress, has_ranges: true };
    let landed = match attempt.run().await {
        // A server that answers ranges wrongly may still send the whole file rightly.
        Err(TransferError::Range { .. }) => Attempt { has_ranges: false, ..attempt }.run().await?,
        landed => landed?,
    };
    Ok(Downloaded {
        path: landed.path,
        bytes: landed.bytes,
        sha256: landed.sha256,
        resumed_from: landed.resumed_from,
        etag: landed.etag,
        elapsed: began.elapsed(),
    })
}

struct Attempt<'run> {
    download: &'run Download,
    address: Address,
    target: Target,
    source: Source,
    progress: &'run Progress,
    /// Whether parts may be asked for.
    has_ranges: bool,
}

struct Landed {
    path: PathBuf,
    bytes: u64,
    sha256: Option<Sum>,
    resumed_from: u64,
    etag: Option<String>,
}

/// A part with the body that goes on filling it.
struct Filling {
    part: Part,
    offer: Offer,
    body: Body,
    missing: VecDeque<Stretch>,
    resumed_from: u64,
}

enum Begun {
    Resumed(Filling),
    Fresh(Opened<Body>),
}

impl Attempt<'_> {
    async fn run(&self) -> Result<Landed, TransferError> {
        match self.begin().await? {
            Begun::Resumed(filling) => self.fill(filling).await,
            Begun::Fresh(opened) => self.receive(opened).await,
        }
    }

    async fn receive(&self, opened: Opened<Body>) -> Result<Landed, TransferError> {
        let path = self.target.named(&self.address, &opened.offer);
        if !self.download.overwrite {
            Target::refuse_existing(&path)?;
        }
        self.progress.begin(0, opened.offer.size);
        if opened.offer.size.is_some_and(|size| size <= small::LARGEST) {
            let Opened { offer, mut body, .. } = opened;
            let written = small::receive(&mut body, self.progress).await?;
            let (bytes, sha256) = small::land(written, &path, &self.address, self.expected(), self.landing()).await?;
            return Ok(Landed { path, bytes, sha256, resumed_from: 0, etag: offer.etag });
        }
        let filling = self.start(opened).await?;
        self.fill(filling).await
    }

    fn landing(&self) -> Landing {
        Landing { durable: self.download.durable, overwrite: self.download.overwrite }
    }

    fn expected(&self) -> Option<Sum> {
        self.download.sha256
    }

    fn part_path(&self) -> PathBuf {
        Part::path_for(&self.target.provisional(&self.address), &self.address)
    }

    /// Opens the source: where an earlier attempt broke off if that is possible, else from the beginning.
    async fn begin(&self) -> Result<Begun, TransferError> {
        let Some(part) = self.earlier().await? else { return self.open_all().await.map(Begun::Fresh) };
        let Some(note) = part.note().cloned() else { return self.open_all().await.map(Begun::Fresh) };
        let mut missing: VecDeque<Stretch> = part.missing().into_iter().filter(|(from, until)| from < until).collect();
        if missing.is_empty() {
            // Only the name was missing: the last byte is asked for again to learn whether the version is still the same.
            missing.push_back((note.size - 1, note.size));
        }
        let resumed_from = note.size - missing.iter().map(|(from, until)| until - from).sum::<u64>();
        let (from, until) = missing[0];
        let wanted = Wanted { from, until: Some(until), validator: Some(note.validator.clone()) };
        match self.source.open(&wanted).await {
            Ok(Opened { offer, from: begun, body })
                if begun == from
                    && offer.size == Some(note.size)
                    && offer.validator.as_ref() == Some(&note.validator) =>
            {
                Ok(Begun::Resumed(Filling { part, offer, body, missing, resumed_from }))
            }
            Ok(opened) if opened.from == 0 && from != 0 => {
                self.discard(part).await?;
                Ok(Begun::Fresh(opened))
            }
            Ok(_)
            | Err(
                TransferError::Changed { .. }
                | TransferError::Range { .. }
                | TransferError::Status { status: 412 | 416, .. },
            ) => {
                self.discard(part).await?;
                self.open_all().await.map(Begun::Fresh)
            }
            Err(error) => Err(error),
        }
    }

    async fn open_all(&self) -> Result<Opened<Body>, TransferError> {
        self.source.open(&Wanted::default()).await
    }

    async fn earlier(&self) -> Result<Option<Part>, TransferError> {
        let path = self.part_path();
        // A look costs less than a hop, and most downloads have no earlier attempt.
        if !self.download.resume || !self.has_ranges || std::fs::symlink_metadata(&path).is_err() {
            return Ok(None);
        }
        let (place, key) = (path.clone(), self.address.key());
        blocking("read", &path, move |_| Ok(Part::take_up(&place, &key))).await
    }

    async fn discard(&self, part: Part) -> Result<(), TransferError> {
        let path = part.path().to_path_buf();
        blocking("remove", &path, move |_| {
            part.discard();
            Ok(())
        })
        .await
    }

    /// Makes the part for a body from the beginning.
    async fn start(&self, opened: Opened<Body>) -> Result<Filling, TransferError> {
        let Opened { offer, body, .. } = opened;
        let note = match (&offer.validator, offer.size) {
            (Some(validator), Some(size)) if self.download.resume && offer.has_ranges && self.has_ranges => {
                Some(Note { key: self.address.key(), validator: validator.clone(), size, missing: None })
            }
            _ => None,
        };
        let (path, size) = (self.part_path(), offer.size);
        let place = path.clone();
        let part = blocking("write", &path, move |_| Ok::<_, TransferError>(Part::create(&place, size, note)?)).await?;
        Ok(Filling { part, missing: VecDeque::from([(0, size.unwrap_or(u64::MAX))]), offer, body, resumed_from: 0 })
    }

    async fn fill(&self, filling: Filling) -> Result<Landed, TransferError> {
        let Filling { part, offer, body, missing, resumed_from } = filling;
        self.progress.begin(resumed_from, offer.size);
        let path = self.target.named(&self.address, &offer);
        let filled = self.fill_part(&part, &offer, body, missing.into()).await;
        if let Err(error @ TransferError::Range { .. }) = filled {
            self.discard(part).await?;
            return Err(error);
        }
        let (end, known) = filled?;
        let sha256 = self.land(part, &path, known).await?;
        Ok(Landed { path, bytes: offer.size.unwrap_or(end), sha256, resumed_from, etag: offer.etag })
    }

    /// Fills what is missing; returns where the bytes end and their digest, if it was computed on the way.
    async fn fill_part(
        &self,
        part: &Part,
        offer: &Offer,
        mut body: Body,
        missing: Vec<Stretch>,
    ) -> Result<(u64, Option<Sum>), TransferError> {
        let (from, until) = missing[0];
        let hasher = (from == 0 && missing.len() == 1 && self.expected().is_some()).then(Sha256::new);
        let (file, path, progress) = (part.file(), part.path(), self.progress);
        let mut copy = Copy { file, path, position: from, until: offer.size.map(|_| until), hasher, progress };
        let several = self.connections(&mut copy, &mut body, offer, &missing).await?;
        if let (Some(connections), Some(validator), Some(size)) = (several, offer.validator.clone(), offer.size) {
            let mut rest = missing;
            rest[0].0 = copy.position;
            let url = self.address.shown();
            let ranges = Ranges { source: &self.source, url: &url, part, validator, size, progress };
            ranges.fill(&rest, connections, Some(body)).await?;
            return Ok((size, None));
        }
        copy.run(&mut body, None).await?;
        Ok((copy.position, copy.hasher.take().map(|hasher| hasher.finalize().into())))
    }

    /// Returns over how many connections to go on, or `None` for the one that is open.
    async fn connections(
        &self,
        copy: &mut Copy<'_>,
        body: &mut Body,
        offer: &Offer,
        missing: &[Stretch],
    ) -> Result<Option<usize>, TransferError> {
        let left = |position: u64| missing.iter().map(|(from, until)| until - from.max(&position)).sum::<u64>();
        let wanted = self.download.connections.map(|wanted| wanted.clamp(1, MOST_CONNECTIONS));
        if missing.len() > 1 {
            return Ok(Some(wanted.unwrap_or(CONNECTIONS)));
        }
        let is_possible = self.has_ranges && offer.has_ranges && offer.validator.is_some() && offer.size.is_some();
        match wanted {
            _ if !is_possible || matches!(self.source, Source::Local(_)) => Ok(None),
            Some(wanted) => Ok((wanted > 1).then_some(wanted)),
            None if left(copy.position) < LARGE => Ok(None),
            None => {
                let (began, from) = (Instant::now(), copy.position);
                let stopped = copy.run(body, Some(TRIAL)).await?;
                let is_fast = u128::from(copy.position - from) >= FAST * began.elapsed().as_micros();
                let is_slow = stopped == Stop::Limit && !is_fast;
                Ok((is_slow && left(copy.position) >= LARGE / 2).then_some(CONNECTIONS))
            }
        }
    }

    async fn land(&self, part: Part, path: &Path, known: Option<Sum>) -> Result<Option<Sum>, TransferError> {
        let (target, address, expected, landing) =
            (path.to_path_buf(), self.address.clone(), self.expected(), self.landing());
        blocking("write", path, move |abandoned| {
            let found = match (known, expected) {
                (None, Some(_)) => {
                    let sum = digest::of_file(part.file(), abandoned);
                    Some(sum.map_err(FileError::at("read", part.path()))?)
                }
                _ => known,
            };
            if let Err(error) = small::compare(&address, &target, expected, found) {
                part.discard();
                return Err(error);
            }
            part.land(&target, landing)?;
            Ok(found)
        })
        .await
    }
}
