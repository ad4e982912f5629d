//! The final name of a download: given by the caller, or proposed by the server for a folder of the caller.

use std::path::{Path, PathBuf};

use super::address::Address;
use super::name;
use super::offer::Offer;
use crate::files::FileError;

/// Where a download ends up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// Under this name.
    File(PathBuf),
    /// In this folder, under a name that is still to be found.
    Folder(PathBuf),
}

impl Target {
    /// Returns the target that a path means: a folder if one is there or a slash stands at its end.
    #[must_use]
    pub fn of(path: &Path) -> Self {
        if path.as_os_str().as_encoded_bytes().ends_with(b"/") || path.is_dir() {
            Self::Folder(path.to_path_buf())
        } else {
            Self::File(path.to_path_buf())
        }
    }

    /// Returns the name by what the server says.
    #[must_use]
    pub fn named(&self, address: &Address, offer: &Offer) -> PathBuf {
        match self {
            Self::File(path) => path.clone(),
            Self::Folder(folder) => {
                let proposed = offer.name.clone().or_else(|| address.last_name()).unwrap_or_default();
                folder.join(name::cleaned(&proposed))
            }
        }
    }

    /// Returns the name as long as the server has not said anything.
    #[must_use]
    pub fn provisional(&self, address: &Address) -> PathBuf {
        self.named(address, &Offer::default())
    }

    /// Refuses a file that is there and must stay.
    ///
    /// # Errors
    ///
    /// [`FileError::Exists`].
    pub fn refuse_existing(path: &Path) -> Result<(), FileError> {
        match std::fs::symlink_metadata(path) {
            Ok(_) => Err(FileError::Exists { path: path.to_path_buf() }),
            Err(_) => Ok(()),
        }
    }
}
