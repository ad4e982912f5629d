//! Multipart forms: fields and files in one body.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::path::PathBuf;

use bytes::Bytes;

/// What one part of a multipart form holds.
#[derive(Clone, Debug)]
pub enum PartBody {
    /// Bytes in memory.
    Bytes(Bytes),
    /// A file, read while it is sent.
    File(PathBuf),
}

/// One part of a multipart form.
#[derive(Clone, Debug)]
pub struct Part {
    /// The field's name.
    pub name: String,
    /// The file name that the server is told.
    pub file_name: Option<String>,
    /// The media type.
    pub content_type: Option<String>,
    /// The content.
    pub body: PartBody,
}

/// A boundary that no content contains, as far as chance goes: 128 random bits.
pub(super) fn boundary() -> String {
    let word = || RandomState::new().build_hasher().finish();
    format!("raveler-{:016x}{:016x}", word(), word())
}

impl Part {
    /// The lines before the content.
    pub(super) fn head(&self, boundary: &str) -> Bytes {
        let mut head = format!("--{boundary}\r\nContent-Disposition: form-data; name=\"{}\"", quoted(&self.name));
        if let Some(name) = &self.file_name {
            head.push_str("; filename=\"");
            head.push_str(&quoted(name));
            head.push('"');
        }
        let default = self.file_name.is_some().then_some("application/octet-stream");
        if let Some(media) = self.content_type.as_deref().or(default) {
            head.push_str("\r\nContent-Type: ");
            head.extend(media.chars().filter(|c| !c.is_control()));
        }
        head.push_str("\r\n\r\n");
        Bytes::from(head)
    }
}

/// The escapes that browsers use in names (WHATWG HTML, "multipart/form-data encoding algorithm").
fn quoted(name: &str) -> String {
    name.replace('\r', "%0D").replace('\n', "%0A").replace('"', "%22")
}

#[cfg(test)]
mod tests {
    use super::{Part, PartBody, boundary};
    use bytes::Bytes;

    #[test]
    fn a_name_cannot_break_out_of_its_line() {
        let name = "a\"\r\nX: 1".to_owned();
        let part = Part { name, file_name: None, content_type: None, body: PartBody::Bytes(Bytes::new()) };
        let head = part.head("B");
        assert_eq!(&head[..], b"--B\r\nContent-Disposition: form-data; name=\"a%22%0D%0AX: 1\"\r\n\r\n");
    }

    #[test]
    fn boundaries_differ() {
        assert_ne!(boundary(), boundary());
    }
}
