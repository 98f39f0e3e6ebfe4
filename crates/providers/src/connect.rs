//! The connection pool: keep-alive, HTTP/1.1 and 2. How a connection is opened is elsewhere.

use crate::opening::Opening;
use brisk_domain::port::{ModelEvent, Sink};
use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

pub(crate) type Client = hyper_util::client::legacy::Client<Opening, Outgoing>;

/// A pool for one server.
pub(crate) fn client(opening: Opening) -> Client {
    hyper_util::client::legacy::Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(Duration::from_secs(90))
        .build(opening)
}

/// A request's body in one piece, which reports `Sent` when the connection takes it.
pub(crate) struct Outgoing {
    body: Option<Bytes>,
    sent: Option<Sink>,
}

impl Outgoing {
    pub(crate) fn new(body: Bytes, sent: Option<Sink>) -> Outgoing {
        Outgoing {
            body: (!body.is_empty()).then_some(body),
            sent,
        }
    }
}

impl Body for Outgoing {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let piece = self.body.take();
        if let (Some(_), Some(sink)) = (&piece, self.sent.take()) {
            sink(ModelEvent::Sent);
        }
        Poll::Ready(piece.map(|piece| Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.body.as_ref().map_or(0, |body| body.len() as u64))
    }
}

/// Reads what is left of a body, so that its connection can be used again; gives up after `wait` or 1 MiB.
pub(crate) async fn drain(mut body: Incoming, wait: Duration) {
    let rest = async {
        let mut seen = 0;
        while let Some(Ok(frame)) = body.frame().await {
            seen += frame.data_ref().map_or(0, Bytes::len);
            if seen > 1 << 20 {
                return;
            }
        }
    };
    // Whether it came in time makes no difference to anyone: a body that is dropped closes its connection.
    drop(tokio::time::timeout(wait, rest).await);
}
