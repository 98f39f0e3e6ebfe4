//! One exchange on a socket: a request, its answer, and the end of an answer that nobody wants.

use super::Shared;
use super::begin::Leaving;
use super::chain::Chain;
use super::lane::{Kept, Line, Way};
use super::pool::Hold;
use super::turn::{Next, Rest, Rundown, Turn};
use brisk_domain::port::{Fault, GenerateRequest, ModelEvent, Sink};
use brisk_protocol::responses::{ClientFrame, Interrupt};
use futures_util::{FutureExt, SinkExt, StreamExt};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_tungstenite::tungstenite::error::{CapacityError, ProtocolError};
use tokio_tungstenite::tungstenite::{Bytes, Error, Message};
use tokio_util::sync::CancellationToken;

/// How long a line may be silent after a request, beside the time that the request needs, before it is asked whether it
/// lives. Most servers say within that that they have begun, and need not be asked.
const NUDGE: Duration = Duration::from_millis(500);

/// How long a server may take to answer that question.
const ALIVE: Duration = Duration::from_millis(1500);

/// The slowest line that counts as alive, bytes a millisecond.
const SLOWEST: u64 = 50;

/// Text that is handed out even if more is there already, bytes.
const GATHERED: usize = 4 << 10;

/// What one round of asking came to.
pub(super) enum Round<'a> {
    Over(Turn<'a>, Rest),
    Stopped(Turn<'a>),
    /// The server does not know what the request follows.
    Resend(Turn<'a>, Fault),
    Lost {
        way: Way,
        fault: Fault,
        token: Option<String>,
    },
}

/// What is known of the line since the request left.
#[derive(Clone, Copy)]
enum Pulse {
    /// Nothing came; at this moment it is asked whether it lives.
    Silent(Instant),
    /// It was asked, and is dead if it says nothing until this moment.
    Asked(Instant),
    /// Something came.
    Felt,
}

/// Sends what has not left of a request and hands out text until the answer is over.
pub(super) async fn ask<'a>(
    shared: &'a Shared,
    line: &mut Line,
    leaving: Leaving,
    mut turn: Turn<'a>,
    sink: &Sink,
    cancel: &CancellationToken,
    free: impl Fn(&Rest) -> Chain,
) -> Round<'a> {
    let upstream = &shared.server.upstream;
    let timeouts = shared.config.endpoint.timeouts;
    let upload = Duration::from_millis(leaving.bytes() as u64 / SLOWEST);
    let written = match leaving {
        // It can be interrupted.
        Leaving::Left(_) => Ok(Ok(())),
        leaving @ (Leaving::Frame(_) | Leaving::Queued(_) | Leaving::Cut) => tokio::select! {
            biased;
            () = cancel.cancelled() => return Round::Lost { way: Way::Http, fault: upstream.cut(), token: None },
            written = timeout(upload + timeouts.aside, line.finish(leaving)) => written,
        },
    };
    let socket = &mut line.socket;
    let lost = |turn: &Turn<'_>, fault| Round::Lost {
        way: Way::Http,
        fault,
        token: turn.reader.token.clone(),
    };
    if !matches!(written, Ok(Ok(()))) {
        return lost(&turn, upstream.cut());
    }
    sink(ModelEvent::Sent);
    let mut pulse = Pulse::Silent(Instant::now() + NUDGE + upload);
    let mut silence = timeouts.first_text;
    let mut until = Instant::now() + silence;
    // What came together is handed out together.
    let mut text = String::new();
    loop {
        let ready = match text.len() < GATHERED {
            true => socket.next().now_or_never(),
            false => None,
        };
        if ready.is_none() {
            deliver(&mut text, sink);
        }
        let wait = match pulse {
            Pulse::Silent(at) | Pulse::Asked(at) => at.min(until),
            Pulse::Felt => until,
        };
        let got = match ready {
            Some(got) => Ok(got),
            None => tokio::select! {
                biased;
                () = cancel.cancelled() => return Round::Stopped(turn),
                got = timeout_at(wait, socket.next()) => got,
            },
        };
        let Ok(got) = got else {
            match pulse {
                // Its answer tells a server that thinks from a line that is dead.
                Pulse::Silent(at) if at < until => {
                    let until = Instant::now() + ALIVE;
                    pulse = Pulse::Asked(until);
                    let asked = tokio::select! {
                        biased;
                        () = cancel.cancelled() => return Round::Stopped(turn),
                        asked = timeout_at(until, socket.send(Message::Ping(Bytes::new()))) => asked,
                    };
                    match asked {
                        Ok(Ok(())) => continue,
                        Ok(Err(_)) | Err(_) => return lost(&turn, upstream.cut()),
                    }
                }
                // Not even a pong: nobody is there.
                Pulse::Silent(_) | Pulse::Asked(_) => {
                    return lost(&turn, upstream.stalled(silence.min(NUDGE + ALIVE)));
                }
                Pulse::Felt => return fail(turn, text, upstream.stalled(silence), Rest::Lost, sink),
            }
        };
        pulse = Pulse::Felt;
        let frame = match got {
            Some(Ok(Message::Text(frame))) => frame,
            Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => continue,
            Some(Ok(Message::Binary(_))) => {
                let fault = upstream.malformed("a frame is not text", "");
                return fail(turn, text, fault, Rest::Lost, sink);
            }
            Some(Err(Error::Capacity(CapacityError::MessageTooLong { max_size, .. }))) => {
                let fault = upstream.malformed(&format!("one event is larger than {max_size} bytes"), "");
                return fail(turn, text, fault, Rest::Lost, sink);
            }
            None | Some(Ok(Message::Close(_))) if !turn.told() => return lost(&turn, upstream.cut()),
            Some(Err(_)) if !turn.told() => return lost(&turn, upstream.cut()),
            Some(Err(error @ (Error::Protocol(_) | Error::Utf8(_)))) if !is_cut(&error) => {
                let fault = upstream.malformed(&error.to_string(), "");
                return fail(turn, text, fault, Rest::Lost, sink);
            }
            None | Some(Ok(Message::Close(_)) | Err(_)) => {
                return fail(turn, text, upstream.cut(), Rest::Lost, sink);
            }
        };
        match turn.take(&frame, &mut text) {
            Next::More => {
                if turn.spoke() {
                    silence = timeouts.stall;
                }
                until = Instant::now() + silence;
            }
            Next::Over { end, rest } => {
                deliver(&mut text, sink);
                let outdated = free(&rest);
                sink(match end {
                    Ok((finish, usage)) => ModelEvent::Done { finish, usage },
                    Err(fault) => ModelEvent::Failed { fault },
                });
                drop(outdated);
                return Round::Over(turn, rest);
            }
            Next::Resend(fault) => return Round::Resend(turn, fault),
            Next::Reopen(fault) => {
                let token = turn.reader.token;
                return Round::Lost {
                    way: Way::Socket,
                    fault,
                    token,
                };
            }
        }
    }
}

/// A connection that ends without the closing handshake is a cut, not a malformed stream.
fn is_cut(error: &Error) -> bool {
    matches!(
        error,
        Error::Protocol(ProtocolError::ResetWithoutClosingHandshake)
    )
}

fn deliver(text: &mut String, sink: &Sink) {
    if !text.is_empty() {
        let text = std::mem::take(text);
        sink(ModelEvent::Text { text });
    }
}

fn fail<'a>(mut turn: Turn<'a>, mut text: String, fault: Fault, rest: Rest, sink: &Sink) -> Round<'a> {
    turn.give_up(&mut text);
    deliver(&mut text, sink);
    sink(ModelEvent::Failed { fault });
    Round::Over(turn, rest)
}

/// Tells the server that nobody wants the rest: by an interrupt where it takes one, else by the end of the socket.
pub(super) async fn stop(
    shared: &Shared,
    hold: Hold,
    line: &mut Line,
    request: Arc<GenerateRequest>,
    mut turn: Turn<'_>,
) -> Kept {
    if !shared.pool().interrupts.worth(Instant::now().into_std()) {
        return Kept::No;
    }
    // Whoever asks again now waits a moment for this lane.
    shared.pool().settling(hold);
    let mut until = Instant::now() + line.patience;
    let mut asked = false;
    let mut taken = false;
    loop {
        if !asked && let Some(id) = turn.id() {
            let frame = ClientFrame::Interrupt(Interrupt::discarding(id));
            let Ok(frame) = serde_json::to_string(&frame) else {
                return Kept::No;
            };
            let sent = timeout_at(until, line.socket.send(Message::text(frame))).await;
            if !matches!(sent, Ok(Ok(()))) {
                return Kept::No;
            }
            asked = true;
            until = Instant::now() + line.patience;
        }
        let frame = match timeout_at(until, line.socket.next()).await {
            Err(_) => {
                if asked && !taken {
                    shared
                        .pool()
                        .interrupts
                        .was_not_answered(Instant::now().into_std());
                }
                return Kept::No;
            }
            Ok(None | Some(Err(_) | Ok(Message::Close(_) | Message::Binary(_)))) => return Kept::No,
            Ok(Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_)))) => continue,
            Ok(Some(Ok(Message::Text(frame)))) => frame,
        };
        let next = turn.run_down(&frame);
        if turn.stop_taken() && !std::mem::replace(&mut taken, true) {
            until = Instant::now() + line.patience;
            shared.pool().interrupts.was_taken();
        }
        match next {
            Rundown::More => {}
            // What the server says to an interrupt that came too late would be taken for a word on the next request.
            Rundown::Free(_) if asked && !taken => return Kept::No,
            Rundown::Free(remembered) => {
                line.past = turn.reader.past();
                return Kept::Yes(remembered.map(|of| (of.id, request, of.spoken)));
            }
            Rundown::Refused => {
                if asked && !taken {
                    shared.pool().interrupts.was_refused(Instant::now().into_std());
                }
                return Kept::No;
            }
            Rundown::Lost => return Kept::No,
        }
    }
}
