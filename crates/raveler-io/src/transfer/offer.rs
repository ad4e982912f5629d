//! What is asked of a source, and what it answers.

use std::sync::Arc;

/// What identifies one version of a file: an entity tag or a date, as the server wrote it.
pub type Validator = Arc<str>;

/// The part of the file that is wanted.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// The first byte.
    pub from: u64,
    /// The byte behind the last one; `None` means to the end.
    pub until: Option<u64>,
    /// The version that the bytes must be of.
    pub validator: Option<Validator>,
}

impl Wanted {
    /// Whether it is the whole file, of any version.
    #[must_use]
    pub fn is_everything(&self) -> bool {
        self.from == 0 && self.until.is_none()
    }
}

/// What the server says of the file.
#[derive(Clone, Debug, Default)]
pub struct Offer {
    /// The bytes of the whole file.
    pub size: Option<u64>,
    /// Which version it is, if the server can be asked for the same one again.
    pub validator: Option<Validator>,
    /// The entity tag.
    pub etag: Option<String>,
    /// Whether parts can be asked for.
    pub has_ranges: bool,
    /// The name that the server proposes.
    pub name: Option<String>,
}

/// An answer, of which the body is still to come.
#[derive(Debug)]
pub struct Opened<B> {
    /// What the server says.
    pub offer: Offer,
    /// The place of the body's first byte in the file: what was wanted, or 0 if the server sends the whole file instead.
    pub from: u64,
    /// The bytes.
    pub body: B,
}

impl<B> Opened<B> {
    /// Returns the answer with its body in another form.
    pub fn map<C>(self, change: impl FnOnce(B) -> C) -> Opened<C> {
        Opened { offer: self.offer, from: self.from, body: change(self.body) }
    }
}
