//! The raw body of an answer, which drives its connection while it is read.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;

use super::direct::Link;

/// The body of an answer, as the server sends it.
pub(super) struct Answer {
    body: Incoming,
    /// The connection, unless something else drives it or it is free again.
    link: Option<Box<Link>>,
}

impl Answer {
    /// A body whose connection has a task of its own.
    pub(super) fn driven(body: Incoming) -> Self {
        Self { body, link: None }
    }

    /// A body that `link` brings.
    pub(super) async fn over(body: Incoming, link: Box<Link>) -> Self {
        let mut answer = Self { body, link: Some(link) };
        if answer.body.is_end_stream() {
            std::future::poll_fn(|cx| {
                answer.rest(cx);
                Poll::Ready(())
            })
            .await;
        }
        answer
    }

    fn rest(&mut self, cx: &mut Context<'_>) {
        if let Some(link) = self.link.take() {
            link.rest(cx);
        }
    }
}

impl Body for Answer {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let this = self.get_mut();
        let mut frame = Pin::new(&mut this.body).poll_frame(cx);
        if frame.is_pending()
            && let Some(link) = &mut this.link
        {
            link.drive(cx);
            frame = Pin::new(&mut this.body).poll_frame(cx);
        }
        if matches!(frame, Poll::Ready(None)) || this.body.is_end_stream() {
            this.rest(cx);
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        if let Some(link) = self.link.take() {
            link.discard();
        }
    }
}
