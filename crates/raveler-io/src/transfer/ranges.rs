//! The missing stretches of a file over several connections at once.

use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;

use super::copy::{Copy, Limit, Stop};
use super::error::TransferError;
use super::offer::{Validator, Wanted};
use super::part::{Note, Part, Stretch};
use super::plan::Plan;
use super::progress::Progress;
use super::source::{Body, Source};
use crate::files::hop::blocking;

/// The bytes after which a connection writes down how far it has come.
const STRIDE: Limit = Limit { bytes: 8 << 20, time: Duration::from_secs(5) };

/// A file being filled over several connections.
#[derive(Debug)]
pub struct Ranges<'run> {
    /// Where the bytes come from.
    pub source: &'run Source,
    /// The address, as it may be shown.
    pub url: &'run str,
    /// Where they go.
    pub part: &'run Part,
    /// The version that they must be of.
    pub validator: Validator,
    /// The bytes of the whole file.
    pub size: u64,
    /// Who is told.
    pub progress: &'run Progress,
}

/// How one connection ended.
enum End {
    /// Nothing was left to do.
    Idle,
    /// It was lost or refused; others may go on.
    Lost(TransferError),
}

impl Ranges<'_> {
    /// Fills what is missing; `first` is a body that is open at the beginning of it.
    ///
    /// A connection that is lost or refused leaves its stretch to the others. The note of the part tells what is missing after an error.
    ///
    /// # Errors
    ///
    /// [`TransferError`] if no connection gets any further, or one gets something else than was asked for.
    pub async fn fill(
        &self,
        missing: &[Stretch],
        connections: usize,
        first: Option<Body>,
    ) -> Result<(), TransferError> {
        let plan = Mutex::new(Plan::new(missing, connections, first.is_some()));
        self.write_note(&plan).await?;
        let (mut connections, mut first) = (connections.max(1), first);
        loop {
            let before = locked(&plan).left();
            let ended = self.round(&plan, connections, first.take()).await;
            let left = locked(&plan).left();
            match ended {
                Ok(_) if left == 0 => return Ok(()),
                Ok(lost) => {
                    self.write_note(&plan).await?;
                    match lost.into_iter().next_back() {
                        Some(error) if left == before => return Err(error),
                        _ => connections = (connections - 1).max(1),
                    }
                }
                Err(error) => {
                    self.write_note(&plan).await?;
                    return Err(error);
                }
            }
        }
    }

    /// Runs connections until nobody finds anything to do; returns what those that were lost died of.
    async fn round(
        &self,
        plan: &Mutex<Plan>,
        connections: usize,
        mut first: Option<Body>,
    ) -> Result<Vec<TransferError>, TransferError> {
        let mut running: FuturesUnordered<_> = (0..connections).map(|_| self.connection(plan, first.take())).collect();
        let mut lost = Vec::new();
        while let Some(ended) = running.next().await {
            if let End::Lost(error) = ended? {
                lost.push(error);
            }
        }
        Ok(lost)
    }

    async fn connection(&self, plan: &Mutex<Plan>, mut open: Option<Body>) -> Result<End, TransferError> {
        let who = locked(plan).join();
        loop {
            let Some(stretch) = locked(plan).take(who) else { return Ok(End::Idle) };
            let filled = match open.take() {
                Some(body) => self.stretch(plan, who, stretch, body).await,
                None => match self.open(stretch).await {
                    Ok(body) => self.stretch(plan, who, stretch, body).await,
                    Err(error) => Err(error),
                },
            };
            locked(plan).leave(who);
            match filled {
                Ok(()) => {}
                Err(error) if error.is_transient() && !matches!(error, TransferError::Changed { .. }) => {
                    return Ok(End::Lost(error));
                }
                Err(error) => return Err(error),
            }
        }
    }

    async fn open(&self, (from, until): Stretch) -> Result<Body, TransferError> {
        let wanted = Wanted { from, until: Some(until), validator: Some(self.validator.clone()) };
        let opened = self.source.open(&wanted).await?;
        let url = || self.url.to_owned();
        if opened.offer.validator.as_ref().is_some_and(|told| *told != self.validator) {
            return Err(TransferError::Changed { url: url() });
        }
        if opened.from != from || opened.offer.size != Some(self.size) {
            let told = opened.offer.size.map_or("an unknown number of".to_owned(), |size| size.to_string());
            let reason =
                format!("it sent {told} bytes from {} when asked for a part of {} from {from}", opened.from, self.size);
            return Err(TransferError::Range { url: url(), reason });
        }
        // From the first byte on, the whole file and its beginning look alike; both serve.
        Ok(opened.body)
    }

    async fn stretch(
        &self,
        plan: &Mutex<Plan>,
        who: usize,
        (from, until): Stretch,
        mut body: Body,
    ) -> Result<(), TransferError> {
        let (file, path, progress) = (self.part.file(), self.part.path(), self.progress);
        let mut copy = Copy { file, path, position: from, until: Some(until), hasher: None, progress };
        loop {
            let stopped = copy.run(&mut body, Some(STRIDE)).await;
            locked(plan).advance(who, copy.position);
            match stopped? {
                Stop::Limit => self.write_note(plan).await?,
                Stop::End if copy.position > from => return Ok(()),
                Stop::End => {
                    let reason = format!("it sent nothing for the part from {from} to {until}");
                    return Err(TransferError::Range { url: self.url.to_owned(), reason });
                }
            }
        }
    }

    async fn write_note(&self, plan: &Mutex<Plan>) -> Result<(), TransferError> {
        let Some(note) = self.part.note() else { return Ok(()) };
        let note = Note { missing: Some(locked(plan).missing()), ..note.clone() };
        let path: PathBuf = self.part.path().to_path_buf();
        blocking("write", self.part.path(), move |_| note.write(&path).map_err(TransferError::from)).await
    }
}

fn locked(plan: &Mutex<Plan>) -> MutexGuard<'_, Plan> {
    plan.lock().unwrap_or_else(PoisonError::into_inner)
}
