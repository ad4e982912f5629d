//! Downloads and uploads of whole files: over HTTP, to and from object stores, and on this machine.

pub mod error;

pub mod progress;

mod room;

pub mod name;

pub mod digest;

pub mod address;

pub mod namesakes;

pub mod offer;

pub mod web;

pub mod bucket;

pub mod store;

pub mod local;

pub mod source;

pub mod target;

pub mod part;

pub mod copy;

pub mod small;

pub mod plan;

pub mod ranges;

pub mod download;

pub mod parcel;

pub mod upload;

pub use download::{Download, Downloaded, download};
pub use error::TransferError;
pub use namesakes::Namesakes;
pub use progress::Progress;
pub use upload::{Upload, Uploaded, upload};
