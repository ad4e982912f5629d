//! Walks through folders on a blocking thread, in an order that depends on the names alone, handed over in batches.

use std::path::{Path, PathBuf};

use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use walkdir::{DirEntry, WalkDir};

use super::error::FileError;
use super::pattern::{Pattern, Reached, is_hidden};

/// The paths in one batch at most.
const BATCH: usize = 256;
/// The batches that may wait for the reader before the walk pauses.
const WINDOW: usize = 4;

/// What a walk visits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WalkOptions {
    /// Whether names with a dot at the front are visited.
    pub hidden: bool,
    /// Whether links to folders are entered.
    pub follow_links: bool,
    /// Whether only regular files, and links to them, are told; else folders and everything else too.
    pub files_only: bool,
    /// The most folders deep; 1 is what is directly in the root.
    pub max_depth: Option<usize>,
}

impl Default for WalkOptions {
    fn default() -> Self {
        Self { hidden: false, follow_links: false, files_only: true, max_depth: None }
    }
}

/// Paths, and what could not be visited, in the order of the walk.
pub type Batch = Vec<Result<PathBuf, FileError>>;

/// A walk under way; dropping it ends the walk.
#[derive(Debug)]
pub struct Walk {
    root: PathBuf,
    state: State,
}

#[derive(Debug)]
enum State {
    Waiting(Plan),
    Walking { batches: mpsc::Receiver<Batch>, walker: JoinHandle<()> },
    Done,
}

#[derive(Debug)]
struct Plan {
    pattern: Option<Pattern>,
    options: WalkOptions,
}

/// Returns a walk through everything below `root`, parents before children and neighbours sorted by the bytes of their names.
///
/// A folder that can't be read, a circle of links and a missing root are errors in their place; the walk goes on behind them.
#[must_use]
pub fn walk(root: &Path, options: WalkOptions) -> Walk {
    Walk { root: root.to_path_buf(), state: State::Waiting(Plan { pattern: None, options }) }
}

/// Returns a walk through everything that matches `pattern`, in the order of [`walk`].
///
/// Names with a dot at the front match only where the pattern writes the dot, unless the options include hidden ones. What is not
/// there is no error: it matches nothing.
///
/// # Errors
///
/// [`FileError::Pattern`] if the pattern can't be understood.
pub fn glob(pattern: &str, options: WalkOptions) -> Result<Walk, FileError> {
    let pattern = Pattern::parse(pattern)?;
    let root = pattern.base().to_path_buf();
    Ok(Walk { root, state: State::Waiting(Plan { pattern: Some(pattern), options }) })
}

impl Walk {
    /// Returns the next paths, or `None` at the end. The first call starts the walk.
    ///
    /// # Panics
    ///
    /// With the panic of the walking thread.
    pub async fn next_batch(&mut self) -> Option<Batch> {
        if let State::Waiting(_) = self.state {
            self.start();
        }
        let State::Walking { batches, walker } = &mut self.state else { return None };
        if let Some(batch) = batches.recv().await {
            return Some(batch);
        }
        let ended = walker.await;
        self.state = State::Done;
        match ended {
            Ok(()) => None,
            Err(failure) if failure.is_panic() => std::panic::resume_unwind(failure.into_panic()),
            Err(_) => Some(vec![Err(FileError::Shutdown { action: "walk through", path: self.root.clone() })]),
        }
    }

    fn start(&mut self) {
        if let State::Waiting(plan) = std::mem::replace(&mut self.state, State::Done) {
            let root = self.root.clone();
            let (sender, batches) = mpsc::channel(WINDOW);
            let walker = tokio::task::spawn_blocking(move || plan.run(&root, &sender));
            self.state = State::Walking { batches, walker };
        }
    }
}

impl Plan {
    fn run(&self, root: &Path, sender: &mpsc::Sender<Batch>) {
        let here = if root == Path::new("") { Path::new(".") } else { root };
        let mut folders = WalkDir::new(here)
            .follow_links(self.options.follow_links)
            .max_depth(self.options.max_depth.unwrap_or(usize::MAX))
            .sort_by_file_name()
            .into_iter();
        let mut reached: Vec<Reached> = self.pattern.iter().map(Pattern::start).collect();
        let mut batch = Vec::with_capacity(BATCH);
        while let Some(found) = folders.next() {
            let told = match found {
                Ok(entry) => {
                    let (is_told, is_entered) = self.judge(&entry, &mut reached);
                    if !is_entered && entry.file_type().is_dir() {
                        folders.skip_current_dir();
                    }
                    is_told.then(|| Ok(entry.path().strip_prefix("./").unwrap_or(entry.path()).to_path_buf()))
                }
                Err(error) => self.tellable(&error).map(Err),
            };
            batch.extend(told);
            if batch.len() == BATCH
                && sender.blocking_send(std::mem::replace(&mut batch, Vec::with_capacity(BATCH))).is_err()
            {
                return;
            }
        }
        if !batch.is_empty() {
            // The reader may have left; then nobody misses the rest.
            let _ = sender.blocking_send(batch);
        }
    }

    /// Returns whether an entry is told, and whether a folder is entered.
    fn judge(&self, entry: &DirEntry, reached: &mut Vec<Reached>) -> (bool, bool) {
        let depth = entry.depth();
        let Some(pattern) = &self.pattern else {
            let is_seen = depth == 0 || self.options.hidden || !is_hidden(entry.file_name());
            let is_told = is_seen && (depth > 0 || !entry.file_type().is_dir()) && self.has_kind(entry, false);
            return (is_told, is_seen);
        };
        if depth > 0 {
            reached.truncate(depth);
            reached.push(pattern.step(reached[depth - 1], entry.file_name(), self.options.hidden));
        }
        let here = reached[depth];
        let is_match = pattern.accepts(here) && (depth > 0 || !pattern.goes_on(here));
        (is_match && self.has_kind(entry, pattern.folders_only()), pattern.goes_on(here))
    }

    fn has_kind(&self, entry: &DirEntry, folders_only: bool) -> bool {
        let kind = entry.file_type();
        if folders_only {
            return kind.is_dir() || kind.is_symlink() && entry.path().is_dir();
        }
        !self.options.files_only || kind.is_file() || kind.is_symlink() && entry.path().is_file()
    }

    /// Returns the error to tell; what vanished during the walk, or was only hoped for by a pattern, is none.
    fn tellable(&self, error: &walkdir::Error) -> Option<FileError> {
        let path = error.path().unwrap_or(Path::new("")).to_path_buf();
        if let Some(ancestor) = error.loop_ancestor() {
            return Some(FileError::Circle { path, ancestor: ancestor.to_path_buf() });
        }
        let source = error.io_error().map_or_else(
            || std::io::Error::other("it can't be visited"),
            |error| error.raw_os_error().map_or_else(|| error.kind().into(), std::io::Error::from_raw_os_error),
        );
        let is_absent = matches!(source.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory);
        let is_told = !is_absent || error.depth() == 0 && self.pattern.is_none();
        is_told.then_some(FileError::System { action: "walk through", path, source })
    }
}
