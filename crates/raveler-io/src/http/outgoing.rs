//! A request's body on its way out: pieces in memory, from files and from a producer, one after another.

use std::collections::VecDeque;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use raveler_sync::Counter;
use tokio::sync::mpsc::{self, Receiver};

use super::multipart::{Part, PartBody, boundary};
use super::request::RequestBody;

/// How much of a file is read at a time. At 256 KiB the hand-over between the threads costs a fifth of the speed.
const READ: usize = 1 << 20;

/// Why a body could not be sent to its end.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct Broken(pub(super) String);

enum Piece {
    Bytes(Bytes),
    File(PathBuf, u64),
    Pieces(Receiver<Result<Bytes, String>>),
}

/// The body that a connection pulls.
#[derive(Default)]
pub(super) struct Outgoing {
    pieces: VecDeque<Piece>,
    /// What is still to come, where that is known.
    left: Option<u64>,
    /// Counts the pieces that the connection took, so that a slow upload is not mistaken for a silent server.
    pulse: Option<Arc<Counter>>,
}

impl Outgoing {
    fn new(pieces: impl IntoIterator<Item = Piece>, left: Option<u64>) -> Self {
        Self { pieces: pieces.into_iter().collect(), left, pulse: Some(Arc::new(Counter::new(0))) }
    }

    /// Returns the counter of pieces taken; `None` for a body that is empty or a single piece.
    pub(super) fn pulse(&self) -> Option<Arc<Counter>> {
        self.pulse.clone()
    }

    /// Returns a body for one attempt, and its media type where the kind of body implies one.
    ///
    /// # Errors
    ///
    /// Says what is wrong with a file that can't be read, or that a stream was sent before.
    pub(super) async fn of(body: &RequestBody) -> Result<(Self, Option<String>), Broken> {
        match body {
            RequestBody::Empty => Ok((Self { left: Some(0), ..Self::default() }, None)),
            RequestBody::Bytes(bytes) => Ok((Self::single(bytes.clone()), None)),
            RequestBody::Form(fields) => {
                let text = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
                Ok((Self::single(Bytes::from(text)), Some("application/x-www-form-urlencoded".to_owned())))
            }
            RequestBody::Multipart(parts) => Box::pin(Self::multipart(parts)).await,
            RequestBody::File(path) => {
                let size = Box::pin(size(path)).await?;
                Ok((Self::new([Piece::File(path.clone(), size)], Some(size)), None))
            }
            RequestBody::Stream(stream) => {
                let pieces = stream.take().ok_or_else(|| {
                    Broken("its stream was sent before; give bytes or a file if it may be sent again".to_owned())
                })?;
                Ok((Self::new([Piece::Pieces(pieces)], None), None))
            }
        }
    }

    fn single(bytes: Bytes) -> Self {
        let left = Some(bytes.len() as u64);
        Self { pieces: VecDeque::from([Piece::Bytes(bytes)]), left, pulse: None }
    }

    async fn multipart(parts: &[Part]) -> Result<(Self, Option<String>), Broken> {
        let boundary = boundary();
        let mut pieces = Vec::new();
        let mut left = 0;
        for part in parts {
            let head = part.head(&boundary);
            left += head.len() as u64 + 2;
            pieces.push(Piece::Bytes(head));
            match &part.body {
                PartBody::Bytes(bytes) => {
                    left += bytes.len() as u64;
                    pieces.push(Piece::Bytes(bytes.clone()));
                }
                PartBody::File(path) => {
                    let size = size(path).await?;
                    left += size;
                    pieces.push(Piece::File(path.clone(), size));
                }
            }
            pieces.push(Piece::Bytes(Bytes::from_static(b"\r\n")));
        }
        let end = Bytes::from(format!("--{boundary}--\r\n"));
        left += end.len() as u64;
        pieces.push(Piece::Bytes(end));
        Ok((Self::new(pieces, Some(left)), Some(format!("multipart/form-data; boundary={boundary}"))))
    }

    fn account(&mut self, bytes: &Bytes) {
        if let Some(left) = &mut self.left {
            *left = left.saturating_sub(bytes.len() as u64);
        }
        if let Some(pulse) = &self.pulse {
            pulse.add(1);
        }
    }
}

impl Body for Outgoing {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        loop {
            let Some(piece) = self.pieces.front_mut() else { return Poll::Ready(None) };
            let bytes = match piece {
                Piece::Bytes(bytes) => {
                    let bytes = std::mem::take(bytes);
                    self.pieces.pop_front();
                    bytes
                }
                Piece::File(path, size) => {
                    *piece = Piece::Pieces(read(std::mem::take(path), *size));
                    continue;
                }
                Piece::Pieces(pieces) => match std::task::ready!(pieces.poll_recv(cx)) {
                    Some(Ok(bytes)) => bytes,
                    Some(Err(reason)) => return Poll::Ready(Some(Err(Broken(reason)))),
                    None => {
                        self.pieces.pop_front();
                        continue;
                    }
                },
            };
            if !bytes.is_empty() {
                self.account(&bytes);
                return Poll::Ready(Some(Ok(Frame::data(bytes))));
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.pieces.is_empty() || self.left == Some(0)
    }

    fn size_hint(&self) -> SizeHint {
        self.left.map(SizeHint::with_exact).unwrap_or_default()
    }
}

async fn size(path: &Path) -> Result<u64, Broken> {
    let found = tokio::fs::metadata(path).await.map_err(|error| unreadable(path, &error))?;
    if found.is_dir() {
        return Err(Broken(format!("{} is a folder; name a file", path.display())));
    }
    Ok(found.len())
}

fn unreadable(path: &Path, error: &std::io::Error) -> Broken {
    Broken(format!("the file {} can't be read ({error}); check the path and its permissions", path.display()))
}

/// Reads `size` bytes on a blocking thread, two pieces ahead at most; ends when nobody takes them any more.
fn read(path: PathBuf, size: u64) -> Receiver<Result<Bytes, String>> {
    let (sender, receiver) = mpsc::channel(2);
    tokio::task::spawn_blocking(move || {
        let end = read_into(&path, size, &sender);
        if let Err(Broken(reason)) = end {
            // Fails when the request is gone, and then nobody wants to know.
            let _ = sender.blocking_send(Err(reason));
        }
    });
    receiver
}

fn read_into(path: &Path, size: u64, sender: &mpsc::Sender<Result<Bytes, String>>) -> Result<(), Broken> {
    let mut file = File::open(path).map_err(|error| unreadable(path, &error))?;
    let mut left = size;
    while left > 0 {
        let wanted = usize::try_from(left).map_or(READ, |left| left.min(READ));
        let mut piece = Vec::with_capacity(wanted);
        let got = (&mut file).take(wanted as u64).read_to_end(&mut piece).map_err(|error| unreadable(path, &error))?;
        if got == 0 {
            return Err(Broken(format!("{} became shorter while it was sent; send it again", path.display())));
        }
        left -= got as u64;
        if sender.blocking_send(Ok(Bytes::from(piece))).is_err() {
            return Ok(());
        }
    }
    Ok(())
}
