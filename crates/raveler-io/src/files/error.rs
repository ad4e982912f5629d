//! What can go wrong with files, in words and with the path.

use std::io;
use std::path::{Path, PathBuf};

/// Why a file can't be read, written or found.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// The system refused.
    #[error("could not {action} {path:?}: {}", in_words(source))]
    System {
        /// What was tried, as an infinitive.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// A link leads back to a folder that contains it.
    #[error(
        "the link {path:?} leads back to {ancestor:?}, which contains it; remove it or walk without following links"
    )]
    Circle {
        /// The link.
        path: PathBuf,
        /// The folder that it leads to.
        ancestor: PathBuf,
    },
    /// The file is there and must not be replaced.
    #[error("{path:?} exists already; remove it, choose another name or allow it to be overwritten")]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// A pattern that can't be understood.
    #[error("the pattern {pattern:?} can't be used: {reason}; write it like \"src/**/*.py\"")]
    Pattern {
        /// The pattern as given.
        pattern: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The runtime was shut down before the work was done.
    #[error("the I/O runtime was shut down before it could {action} {path:?}; start it anew")]
    Shutdown {
        /// What was tried, as an infinitive.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
    },
}

impl FileError {
    /// Returns a function that names the action and the path of a system's error.
    pub fn at(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::System { action, path: path.to_path_buf(), source }
    }

    /// Returns the file or folder that the error is about.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::System { path, .. }
            | Self::Circle { path, .. }
            | Self::Exists { path }
            | Self::Shutdown { path, .. } => Some(path),
            Self::Pattern { .. } => None,
        }
    }

    /// Returns the system's number for the error, where the system gave one.
    #[must_use]
    pub fn errno(&self) -> Option<i32> {
        match self {
            Self::System { source, .. } => source.raw_os_error(),
            _ => None,
        }
    }

    /// Whether no room is left: the disk, the quota or the permitted file size is exhausted.
    #[must_use]
    pub fn is_full(&self) -> bool {
        matches!(self, Self::System { source, .. } if is_full(source.kind()))
    }

    /// Whether another attempt may succeed without anybody doing something about it.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::System { source, .. } if source.raw_os_error() == Some(EMFILE) || matches!(
            source.kind(),
            io::ErrorKind::Interrupted | io::ErrorKind::ResourceBusy | io::ErrorKind::StaleNetworkFileHandle
                | io::ErrorKind::WouldBlock
        ))
    }
}

fn is_full(kind: io::ErrorKind) -> bool {
    matches!(kind, io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge)
}

fn in_words(error: &io::Error) -> String {
    let (what, advice) = match error.kind() {
        io::ErrorKind::NotFound => ("there is no such file or folder", "check the path"),
        io::ErrorKind::PermissionDenied => ("permission is denied", "check who may use it"),
        io::ErrorKind::AlreadyExists => ("it exists already", "choose another name"),
        io::ErrorKind::IsADirectory => ("it is a folder", "name a file in it"),
        io::ErrorKind::NotADirectory => ("a part of the path is not a folder", "check the path"),
        io::ErrorKind::StorageFull => ("no room is left on the disk", "make room or choose another disk"),
        io::ErrorKind::QuotaExceeded => ("the disk quota is used up", "make room or ask for more"),
        io::ErrorKind::FileTooLarge => ("the file would be larger than permitted", "raise the limit (ulimit -f)"),
        io::ErrorKind::ReadOnlyFilesystem => ("the disk is mounted read-only", "choose another disk"),
        io::ErrorKind::InvalidFilename => ("the system does not take this name", "choose a shorter one"),
        _ if error.raw_os_error() == Some(EMFILE) => ("too many files are open", "raise the limit (ulimit -n)"),
        _ => return format!("{error}; try again or check the path"),
    };
    match error.raw_os_error() {
        Some(number) => format!("{what} (errno {number}); {advice}"),
        None => format!("{what}; {advice}"),
    }
}

const EMFILE: i32 = rustix::io::Errno::MFILE.raw_os_error();
