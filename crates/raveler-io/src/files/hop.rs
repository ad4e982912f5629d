//! One hop to a blocking thread, whose work learns when nobody waits for it any more.

use std::path::Path;
use std::sync::Arc;

use raveler_sync::Flag;

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

struct Waiting(Abandoned);

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.0.set(true);
    }
}

/// Runs `work` on a blocking thread and returns what it made.
///
/// Dropping the future sets the flag that `work` is given; what it does after that reaches nobody.
///
/// # Errors
///
/// What `work` returns, and [`FileError::Shutdown`] if the runtime ends first.
///
/// # Panics
///
/// If `work` panics, with its panic.
pub async fn blocking<T, E, W>(action: &'static str, path: &Path, work: W) -> Result<T, E>
where
    T: Send + 'static,
    E: From<FileError> + Send + 'static,
    W: FnOnce(&Abandoned) -> Result<T, E> + Send + 'static,
{
    let waiting = Waiting(Abandoned::default());
    let abandoned = waiting.0.clone();
    match tokio::task::spawn_blocking(move || work(&abandoned)).await {
        Ok(done) => done,
        Err(failure) if failure.is_panic() => std::panic::resume_unwind(failure.into_panic()),
        Err(_) => Err(FileError::Shutdown { action, path: path.to_path_buf() }.into()),
    }
}
