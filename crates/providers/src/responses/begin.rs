//! Where an idle line lies between its lane and whoever asks next, and the beginning of a request on the thread that
//! asks: to wake the runtime first would take longer than to write.

use super::body::{self, Purpose};
use super::lane::{Job, Line, Outcome, Told};
use super::pool::{Hold, Taken};
use super::{Shared, Transport, lock};
use brisk_domain::port::{GenerateRequest, ModelEvent, Sink};
use futures_util::{SinkExt, Stream};
use std::pin::pin;
use std::sync::{Arc, Mutex, TryLockError};
use std::task::{Context, Poll, Waker};
use std::time::Instant;
use tokio::sync::oneshot;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_util::sync::CancellationToken;

/// News that is written on the thread that asks, bytes at most: what the line takes in one write, and no longer than
/// a caller can be kept.
const BEGIN_MAX: usize = 64 << 10;

/// An idle line. Its lane watches it here; who takes it out brings it back, or hands it to the lane with a job.
#[derive(Default)]
pub(crate) struct Berth(Mutex<Option<Box<Line>>>);

impl std::fmt::Debug for Berth {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Berth")
    }
}

impl Berth {
    pub(super) fn new(line: Box<Line>) -> Berth {
        Berth(Mutex::new(Some(line)))
    }

    /// Takes the line out, if it is here.
    pub(super) fn take(&self) -> Option<Box<Line>> {
        lock(&self.0).take()
    }

    /// The same, but never waits: not while its lane looks at it.
    fn take_now(&self) -> Option<Box<Line>> {
        match self.0.try_lock() {
            Ok(mut line) => line.take(),
            Err(TryLockError::Poisoned(line)) => line.into_inner().take(),
            Err(TryLockError::WouldBlock) => None,
        }
    }

    /// Brings it back.
    pub(super) fn put(&self, line: Box<Line>) {
        *lock(&self.0) = Some(line);
    }

    /// Something came on the idle line: whether it still lives. A dead one is taken out at once, so that nobody begins
    /// on it. While the line is out nothing comes.
    pub(super) async fn heard(&self) -> bool {
        std::future::poll_fn(|cx| {
            let mut berth = lock(&self.0);
            let Some(line) = berth.as_mut() else {
                return Poll::Pending;
            };
            let came = std::task::ready!(pin!(&mut line.socket).poll_next(cx));
            let alive = matches!(&came, Some(Ok(frame)) if !frame.is_close());
            if !alive {
                *berth = None;
            }
            Poll::Ready(alive)
        })
        .await
    }

    /// Takes the line and begins to write this text on it.
    pub(super) fn begin(&self, frame: String) -> Option<Begun> {
        let mut line = self.take_now()?;
        let left = line.begin(frame);
        Some(Begun { line, left })
    }
}

/// A line that was taken, and how far the request on it is. The lane that gets both goes on from there.
pub(super) struct Begun {
    pub(super) line: Box<Line>,
    pub(super) left: Leaving,
}

impl std::fmt::Debug for Begun {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.left.fmt(f)
    }
}

/// How far a request is on its way.
#[derive(Debug)]
pub(super) enum Leaving {
    /// Nothing of it was written.
    Frame(String),
    /// The socket has all of these bytes, and the kernel not yet.
    Queued(usize),
    /// The kernel has all of these bytes.
    Left(usize),
    /// The line is dead.
    Cut,
}

impl Leaving {
    /// Its length.
    pub(super) fn bytes(&self) -> usize {
        match self {
            Leaving::Frame(frame) => frame.len(),
            Leaving::Queued(bytes) | Leaving::Left(bytes) => *bytes,
            Leaving::Cut => 0,
        }
    }
}

impl Line {
    /// Writes what the kernel takes now. Nobody is woken for the rest: the lane asks for itself when it goes on.
    fn begin(&mut self, frame: String) -> Leaving {
        let mut cx = Context::from_waker(Waker::noop());
        let bytes = frame.len();
        let socket = &mut self.socket;
        match socket.poll_ready_unpin(&mut cx) {
            Poll::Pending => return Leaving::Frame(frame),
            Poll::Ready(Err(_)) => return Leaving::Cut,
            Poll::Ready(Ok(())) => {}
        }
        let queued = socket.start_send_unpin(Message::text(frame));
        match queued.map(|()| socket.poll_flush_unpin(&mut cx)) {
            Ok(Poll::Ready(Ok(()))) => Leaving::Left(bytes),
            Ok(Poll::Pending) => Leaving::Queued(bytes),
            Ok(Poll::Ready(Err(_))) | Err(_) => Leaving::Cut,
        }
    }

    /// Writes what is left.
    pub(super) async fn finish(&mut self, leaving: Leaving) -> Result<(), Error> {
        match leaving {
            Leaving::Frame(frame) => {
                self.socket.feed(Message::text(frame)).await?;
                self.socket.flush().await
            }
            Leaving::Queued(_) => self.socket.flush().await,
            Leaving::Left(_) => Ok(()),
            Leaving::Cut => Err(Error::ConnectionClosed),
        }
    }
}

impl Shared {
    /// Begins a request on this thread, and tells that it was sent, where an idle lane knows what it follows.
    pub(super) fn begin(
        &self,
        request: &Arc<GenerateRequest>,
        sink: &Sink,
        cancel: &CancellationToken,
        held: &Mutex<Option<Hold>>,
    ) -> Option<oneshot::Receiver<Outcome>> {
        if self.config.transport == Transport::Sse {
            return None;
        }
        let taken = self.pool().at_hand(request, Instant::now())?;
        let begun = match taken.plan.news(&request.messages) <= BEGIN_MAX {
            // What cannot be written as JSON is the lane's to tell.
            true => body::frame(&self.config, request, &taken.plan, Purpose::Answer, None)
                .ok()
                .and_then(|frame| taken.door.berth.begin(frame)),
            false => None,
        };
        if let Some(Begun {
            left: Leaving::Left(_),
            ..
        }) = &begun
        {
            // Before the lane goes on: what it tells comes after this.
            sink(ModelEvent::Sent);
        }
        Some(hand_over(taken, begun, request, sink, cancel, held))
    }
}

/// Gives a request to the lane that was taken for it, and says where its outcome will be told: nothing comes if the
/// lane has just died.
pub(super) fn hand_over(
    taken: Taken,
    begun: Option<Begun>,
    request: &Arc<GenerateRequest>,
    sink: &Sink,
    cancel: &CancellationToken,
    held: &Mutex<Option<Hold>>,
) -> oneshot::Receiver<Outcome> {
    let Taken { door, hold, plan } = taken;
    *lock(held) = Some(hold);
    let (outcome, told) = oneshot::channel();
    // A dead lane drops the job, and with it `outcome`.
    drop(door.jobs.send(Job {
        request: Arc::clone(request),
        hold,
        plan,
        purpose: Purpose::Answer,
        sink: Told(Arc::clone(sink)),
        cancel: cancel.clone(),
        outcome,
        begun,
    }));
    told
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper_rustls::MaybeHttpsStream;
    use hyper_util::rt::TokioIo;
    use std::time::Duration;
    use tokio::io::AsyncReadExt;
    use tokio::net::{TcpSocket, TcpStream};
    use tokio_tungstenite::WebSocketStream;
    use tokio_tungstenite::tungstenite::protocol::Role;

    /// A line whose kernel buffers are as small as they can be, and the other end of it.
    async fn narrow() -> (Line, TcpStream) {
        let listening = TcpSocket::new_v4().unwrap();
        listening.set_recv_buffer_size(1).unwrap();
        listening.bind(([127, 0, 0, 1], 0).into()).unwrap();
        let listening = listening.listen(1).unwrap();
        let tcp = TcpSocket::new_v4().unwrap();
        tcp.set_send_buffer_size(1).unwrap();
        let tcp = tcp.connect(listening.local_addr().unwrap()).await.unwrap();
        let (end, _) = listening.accept().await.unwrap();
        let stream = TokioIo::new(MaybeHttpsStream::Http(TokioIo::new(tcp)));
        let socket = WebSocketStream::from_raw_socket(stream, Role::Client, None).await;
        (Line::new(socket, Duration::from_secs(1)), end)
    }

    async fn read(mut from: TcpStream, bytes: usize) -> usize {
        let mut all = vec![0; bytes];
        from.read_exact(&mut all).await.unwrap()
    }

    #[tokio::test]
    async fn what_the_kernel_does_not_take_at_once_is_finished_later() {
        // Its length and the mask come before a text.
        for (bytes, head, whole) in [(100, 6, true), (60_000, 8, false)] {
            let (mut line, end) = narrow().await;
            let left = line.begin("x".repeat(bytes));
            let expected = match whole {
                true => matches!(left, Leaving::Left(n) if n == bytes),
                false => matches!(left, Leaving::Queued(n) if n == bytes),
            };
            assert!(expected, "{left:?}");
            let (finished, read) = tokio::join!(line.finish(left), read(end, head + bytes));
            assert!(finished.is_ok());
            assert_eq!(read, head + bytes);
        }
    }

    #[tokio::test]
    async fn nobody_begins_on_a_line_that_is_out_or_dead() {
        let (line, end) = narrow().await;
        let berth = Berth::new(Box::new(line));
        let out = berth.take().unwrap();
        assert!(berth.begin("x".to_owned()).is_none());
        berth.put(out);
        drop(end);
        assert!(!berth.heard().await);
        assert!(berth.begin("x".to_owned()).is_none());
    }
}
