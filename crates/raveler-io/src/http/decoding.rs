//! Compressed bodies: what they are compressed with, and their content piece by piece.

use std::pin::Pin;

use async_compression::tokio::bufread::{BrotliDecoder, DeflateDecoder, GzipDecoder, ZlibDecoder, ZstdDecoder};
use bytes::{Bytes, BytesMut};
use futures_util::TryStreamExt;
use http::HeaderMap;
use http::header::CONTENT_ENCODING;
use http_body::Body;
use http_body_util::{BodyDataStream, BodyExt};
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio_util::io::StreamReader;

use super::address::shown;
use super::answer::Answer;
use super::error::HttpError;
use super::failure;

/// What this client tells servers that it can decode.
pub(super) const ACCEPTED: &str = "gzip, deflate, br, zstd";

/// How much is decoded at a time.
const PIECE: usize = 64 << 10;

type Reader = Pin<Box<dyn AsyncBufRead + Send>>;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Encoding {
    Gzip,
    Deflate,
    Brotli,
    Zstd,
}

/// The content of an answer.
pub(super) enum Content {
    /// As the server sent it.
    Plain(Answer),
    /// Compressed with what is left of the list, the last one first.
    Compressed(Reader, Vec<Encoding>),
    /// Being decoded.
    Decoded(Reader),
    /// At its end.
    Ended,
}

impl Content {
    /// The content of `body`, decoded as `headers` say if `is_wanted`.
    pub(super) fn new(body: Answer, headers: &HeaderMap, is_wanted: bool) -> Self {
        match encodings(headers) {
            Some(encodings) if is_wanted && !encodings.is_empty() && !body.is_end_stream() => {
                let source = BodyDataStream::new(body).map_err(std::io::Error::other);
                Self::Compressed(Box::pin(StreamReader::new(source)), encodings)
            }
            _ => Self::Plain(body),
        }
    }

    /// Returns the next piece, and `None` at the end. Dropping the future loses nothing.
    pub(super) async fn next(&mut self, url: &str) -> Result<Option<Bytes>, HttpError> {
        loop {
            match self {
                Self::Plain(body) => {
                    let Some(frame) = body.frame().await else { return Ok(None) };
                    let frame = frame.map_err(|error| failure::within_body(shown(url), &error))?;
                    if let Ok(bytes) = frame.into_data() {
                        return Ok(Some(bytes));
                    }
                }
                Self::Compressed(reader, _) => {
                    let start = reader.fill_buf().await.map_err(|error| broken(url, &error))?;
                    let first = start.first().copied();
                    self.peel(first);
                }
                Self::Decoded(reader) => {
                    let mut piece = BytesMut::with_capacity(PIECE);
                    let read = reader.read_buf(&mut piece).await.map_err(|error| broken(url, &error))?;
                    return Ok((read > 0).then(|| piece.freeze()));
                }
                Self::Ended => return Ok(None),
            }
        }
    }

    /// Puts the decoder of the outermost encoding around a compressed content that begins with `first`.
    fn peel(&mut self, first: Option<u8>) {
        let Self::Compressed(reader, mut encodings) = std::mem::replace(self, Self::Ended) else { return };
        let Some(first) = first else { return };
        let reader = match encodings.pop() {
            Some(encoding) => decoder(reader, encoding, first),
            None => reader,
        };
        *self = if encodings.is_empty() { Self::Decoded(reader) } else { Self::Compressed(reader, encodings) };
    }
}

fn decoder(reader: Reader, encoding: Encoding, first: u8) -> Reader {
    match encoding {
        Encoding::Gzip => {
            let mut decoder = GzipDecoder::new(reader);
            decoder.multiple_members(true);
            Box::pin(BufReader::new(decoder))
        }
        // Servers disagree about "deflate": a zlib header says method 8 in its low bits, which no raw stream begins with.
        Encoding::Deflate if first & 0x0f == 8 => Box::pin(BufReader::new(ZlibDecoder::new(reader))),
        Encoding::Deflate => Box::pin(BufReader::new(DeflateDecoder::new(reader))),
        Encoding::Brotli => Box::pin(BufReader::new(BrotliDecoder::new(reader))),
        Encoding::Zstd => {
            let mut decoder = ZstdDecoder::new(reader);
            decoder.multiple_members(true);
            Box::pin(BufReader::new(decoder))
        }
    }
}

/// Returns whether the connection broke, the compressed data ended early, or they are not what the header says.
fn broken(url: &str, error: &std::io::Error) -> HttpError {
    let url = shown(url);
    if matches!(error.get_ref(), Some(inner) if inner.is::<hyper::Error>()) {
        return failure::within_body(url, error);
    }
    if error.kind() == std::io::ErrorKind::UnexpectedEof {
        return HttpError::CutOff { url, reason: "its compressed data ends early".to_owned() };
    }
    HttpError::Decoding { url, reason: error.to_string() }
}

/// Returns the encodings in the order in which they were applied; `None` if one of them is unknown here.
fn encodings(headers: &HeaderMap) -> Option<Vec<Encoding>> {
    let mut found = Vec::new();
    for value in headers.get_all(CONTENT_ENCODING) {
        for name in value.to_str().ok()?.split(',') {
            match name.trim().to_ascii_lowercase().as_str() {
                "" | "identity" => {}
                "gzip" | "x-gzip" => found.push(Encoding::Gzip),
                "deflate" => found.push(Encoding::Deflate),
                "br" => found.push(Encoding::Brotli),
                "zstd" => found.push(Encoding::Zstd),
                _ => return None,
            }
        }
    }
    Some(found)
}
