//! One hop to a blocking thread, whose work learns when nobody waits for it any more.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use raveler_sync::Flag;
use tokio::task::JoinHandle;

use super::error::FileError;

/// Tells work on a blocking thread that its future was dropped.
#[derive(Clone, Debug, Default)]
pub struct Abandoned(Arc<Flag>);

impl Abandoned {
    /// Whether nobody waits for the result any more.
    #[must_use]
    pub fn get(&self) -> bool {
        self.0.get()
    }
}

/// Work under way on a blocking thread; dropping it tells the work that nobody waits.
#[derive(Debug)]
pub struct Hop<T, E> {
    action: &'static str,
    path: PathBuf,
    work: JoinHandle<Result<T, E>>,
    abandoned: Abandoned,
}

impl<T, E> Hop<T, E>
where
    T: Send + 'static,
    E: From<FileError> + Send + 'static,
{
    /// Starts `work` on a blocking thread; it is about to `action` the file at `path`.
    pub fn begin<W>(action: &'static str, path: &Path, work: W) -> Self
    where
        W: FnOnce(&Abandoned) -> Result<T, E> + Send + 'static,
    {
        let abandoned = Abandoned::default();
        let told = abandoned.clone();
        let work = tokio::task::spawn_blocking(move || work(&told));
        Self { action, path: path.to_path_buf(), work, abandoned }
    }

    /// Waits for the work and returns what it made.
    ///
    /// # Errors
    ///
    /// What the work returns, and [`FileError::Shutdown`] if the runtime ends first.
    ///
    /// # Panics
    ///
    /// If the work panics, with its panic.
    pub async fn done(mut self) -> Result<T, E> {
        match (&mut self.work).await {
            Ok(done) => done,
            Err(failure) if failure.is_panic() => std::panic::resume_unwind(failure.into_panic()),
            Err(_) => Err(FileError::Shutdown { action: self.action, path: self.path.clone() }.into()),
        }
    }
}

impl<T, E> Drop for Hop<T, E> {
    fn drop(&mut self) {
        self.abandoned.0.set(true);
    }
}

/// Runs `work` on a blocking thread and returns what it made: [`Hop::begin`] and [`Hop::done`] in one.
///
/// # Errors
///
/// As [`Hop::done`].
pub async fn blocking<T, E, W>(action: &'static str, path: &Path, work: W) -> Result<T, E>
where
    T: Send + 'static,
    E: From<FileError> + Send + 'static,
    W: FnOnce(&Abandoned) -> Result<T, E> + Send + 'static,
{
    Hop::begin(action, path, work).done().await
}
