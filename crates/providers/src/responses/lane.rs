//! The I/O of one socket: it carries out what [`Turn`] and [`super::pool::Pool`] say, and holds the socket alive in
//! between.

use super::Shared;
use super::body::{self, Purpose};
use super::chain::Plan;
use super::health::Trouble;
use super::pool::{Followed, Hold, Interrupts, LaneId};
use super::socket::Socket;
use super::turn::{Next, Rest, Rundown, Turn};
use crate::answer::{Answer, StopTexts};
use crate::fault::setup;
use brisk_domain::port::{Fault, GenerateRequest, ModelEvent, Sink};
use brisk_protocol::responses::{ClientFrame, Interrupt};
use futures_util::{SinkExt, StreamExt};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::oneshot;
use tokio::time::{Instant, interval_at, timeout, timeout_at};
use tokio_tungstenite::tungstenite::error::CapacityError;
use tokio_tungstenite::tungstenite::{Bytes, Error, Message};
use tokio_util::sync::CancellationToken;

/// How often an idle socket is asked whether it lives; one that is silent until the next question is dead.
const PING: Duration = Duration::from_secs(20);

/// How long a server may take to answer the ping that goes with each request, beside the time that the request needs.
const ALIVE: Duration = Duration::from_secs(2);

/// The slowest line that counts as alive, bytes a millisecond.
const SLOWEST: u64 = 50;

/// How long an interrupt may take to be accepted, and then to be carried out.
const INTERRUPT: Duration = Duration::from_millis(250);

/// One request for a lane.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) request: Arc<GenerateRequest>,
    pub(crate) hold: Hold,
    pub(crate) plan: Plan,
    pub(crate) purpose: Purpose,
    pub(crate) sink: Told,
    /// The caller does not want it any more.
    pub(crate) cancel: CancellationToken,
    /// Dropped when the lane died before it read the job.
    pub(crate) outcome: oneshot::Sender<Outcome>,
}

/// A sink, with a name in debug output.
pub(crate) struct Told(pub(crate) Sink);

impl std::fmt::Debug for Told {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sink")
    }
}

/// What became of a job.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// The sink was told the end, or nobody wants it.
    Over,
    /// Nothing was told; it may go another way.
    Elsewhere {
        why: Way,
        fault: Fault,
        /// The token of the turn, if the server gave one.
        token: Option<String>,
    },
}

/// Which other way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// A new socket: this one was at the end of its life.
    Socket,
    /// HTTP: this one died.
    Http,
}

/// What becomes of the socket after a job.
enum Kept {
    Yes(Option<Followed>),
    No,
}

/// Serves one socket until it dies, is too old, or nobody needs it.
pub(crate) async fn run(
    shared: Arc<Shared>,
    id: LaneId,
    mut socket: Socket,
    mut jobs: UnboundedReceiver<Job>,
) {
    let mut ping = interval_at(Instant::now() + PING, PING);
    let rollover = shared.config.rollover.max(Duration::from_millis(1));
    let mut age = interval_at(Instant::now() + rollover, rollover);
    let mut heard = true;
    let mut old = false;
    loop {
        tokio::select! {
            biased;
            job = jobs.recv() => {
                let Some(job) = job else { break };
                let hold = job.hold;
                match serve(&shared, &mut socket, job).await {
                    Kept::Yes(followed) => shared.pool().free(hold, followed),
                    Kept::No => break,
                }
                shared.freed.notify_waiters();
                ping.reset();
                heard = true;
            }
            () = shared.closed.cancelled() => break,
            _ = age.tick(), if !old => {
                old = true;
                if shared.pool().retire(id) {
                    // The next one is there before it is needed.
                    shared.open_beside();
                    break;
                }
            }
            _ = ping.tick() => {
                if !std::mem::take(&mut heard) || socket.send(Message::Ping(Bytes::new())).await.is_err() {
                    break;
                }
            }
            frame = socket.next() => match frame {
                None | Some(Err(_) | Ok(Message::Close(_))) => break,
                Some(Ok(_)) => heard = true,
            },
        }
        if old && shared.pool().retire(id) {
            shared.open_beside();
            break;
        }
    }
    // Before `jobs` goes, so that who finds it gone does not pick it again.
    shared.pool().remove(id);
    shared.freed.notify_waiters();
}

fn answer(request: &GenerateRequest, purpose: Purpose) -> Answer {
    match purpose {
        Purpose::Answer => {
            let opening = request.answer_prefix.as_str();
            Answer::new(
                StopTexts::new(&request.stop, opening),
                opening,
                request.max_tokens,
            )
        }
        // Any text is too much.
        Purpose::WarmUp => Answer::new(StopTexts::new(&[], ""), "", 0),
    }
}

/// What one round of asking came to.
enum Round<'a> {
    Over(Turn<'a>, Rest),
    Stopped(Turn<'a>),
    Resend(Option<String>),
    Lost {
        way: Way,
        fault: Fault,
        token: Option<String>,
    },
}

async fn serve(shared: &Shared, socket: &mut Socket, job: Job) -> Kept {
    let Job {
        request,
        hold,
        mut plan,
        purpose,
        sink: Told(sink),
        cancel,
        outcome,
    } = job;
    if cancel.is_cancelled() {
        drop(outcome.send(Outcome::Over));
        return Kept::Yes(None);
    }
    let mut token = None;
    let (kept, said) = loop {
        let written = body::frame(&shared.config, &request, &plan, purpose, token.as_deref());
        let frame = match written {
            Ok(frame) => frame,
            Err(error) => {
                let fault = setup(format!("the request cannot be written as JSON: {error}"));
                sink(ModelEvent::Failed { fault });
                break (Kept::Yes(None), Outcome::Over);
            }
        };
        let turn = Turn::new(&shared.server.upstream, answer(&request, purpose));
        let free = |rest: &Rest| before_the_end(shared, hold, &request, purpose, rest);
        match ask(shared, socket, frame, turn, &sink, &cancel, free).await {
            Round::Over(turn, rest) => {
                shared.note_limits(turn.reader.limits);
                // The caller goes on while the socket settles.
                drop(outcome.send(Outcome::Over));
                return settle(shared, hold, socket, request, purpose, turn, rest).await;
            }
            Round::Stopped(turn) => {
                drop(outcome.send(Outcome::Over));
                return stop(shared, hold, socket, request, turn).await;
            }
            // Whole, at once, and only once.
            Round::Resend(given) if plan != Plan::Full => {
                token = given;
                plan = Plan::Full;
            }
            Round::Resend(given) => {
                let fault = shared.server.upstream.cut();
                let (why, token) = (Way::Http, given);
                break (Kept::Yes(None), Outcome::Elsewhere { why, fault, token });
            }
            Round::Lost { .. } if cancel.is_cancelled() => break (Kept::No, Outcome::Over),
            Round::Lost { way, fault, token } => {
                if way == Way::Http {
                    shared.trouble(Trouble::Failed);
                }
                break (
                    Kept::No,
                    Outcome::Elsewhere {
                        why: way,
                        fault,
                        token,
                    },
                );
            }
        }
    };
    drop(outcome.send(said));
    kept
}

/// Sends a request and hands out text until the answer is over.
async fn ask<'a>(
    shared: &'a Shared,
    socket: &mut Socket,
    frame: String,
    mut turn: Turn<'a>,
    sink: &Sink,
    cancel: &CancellationToken,
    free: impl Fn(&Rest),
) -> Round<'a> {
    let upstream = &shared.server.upstream;
    let timeouts = shared.config.timeouts;
    let upload = Duration::from_millis(frame.len() as u64 / SLOWEST);
    let write = async {
        socket.feed(Message::text(frame)).await?;
        // Its answer tells a server that thinks from a line that is dead.
        socket.feed(Message::Ping(Bytes::new())).await?;
        socket.flush().await
    };
    let written = tokio::select! {
        biased;
        () = cancel.cancelled() => return Round::Lost { way: Way::Http, fault: upstream.cut(), token: None },
        written = timeout(upload + timeouts.stall, write) => written,
    };
    let lost = |turn: &Turn<'_>, fault| Round::Lost {
        way: Way::Http,
        fault,
        token: turn.reader.token.clone(),
    };
    if !matches!(written, Ok(Ok(()))) {
        return lost(&turn, upstream.cut());
    }
    sink(ModelEvent::Sent);
    let first_byte = Instant::now() + timeouts.first_byte;
    let mut alive = Some(Instant::now() + ALIVE + upload);
    let mut until = first_byte;
    loop {
        let wait = alive.map_or(until, |alive| alive.min(until));
        let got = tokio::select! {
            biased;
            () = cancel.cancelled() => return Round::Stopped(turn),
            got = timeout_at(wait, socket.next()) => got,
        };
        let Ok(got) = got else {
            return match alive {
                // Not even a pong: nobody is there.
                Some(_) => lost(&turn, upstream.stalled(ALIVE)),
                None => {
                    let after = if until == first_byte {
                        timeouts.first_byte
                    } else {
                        timeouts.stall
                    };
                    fail(turn, upstream.stalled(after), Rest::Lost, sink)
                }
            };
        };
        alive = None;
        let frame = match got {
            Some(Ok(Message::Text(frame))) => frame,
            Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => continue,
            Some(Ok(Message::Binary(_))) => {
                let fault = upstream.malformed("a frame is not text", "");
                return fail(turn, fault, Rest::Lost, sink);
            }
            Some(Err(Error::Capacity(CapacityError::MessageTooLong { max_size, .. }))) => {
                let fault = upstream.malformed(&format!("one event is larger than {max_size} bytes"), "");
                return fail(turn, fault, Rest::Lost, sink);
            }
            None | Some(Ok(Message::Close(_))) if !turn.told() => return lost(&turn, upstream.cut()),
            Some(Err(_)) if !turn.told() => return lost(&turn, upstream.cut()),
            Some(Err(error @ (Error::Protocol(_) | Error::Utf8(_)))) if !is_cut(&error) => {
                let fault = upstream.malformed(&error.to_string(), "");
                return fail(turn, fault, Rest::Lost, sink);
            }
            None | Some(Ok(Message::Close(_)) | Err(_)) => {
                return fail(turn, upstream.cut(), Rest::Lost, sink);
            }
        };
        until = Instant::now() + timeouts.stall;
        let mut text = String::new();
        let next = turn.take(&frame, &mut text);
        if !text.is_empty() {
            sink(ModelEvent::Text { text });
        }
        match next {
            Next::More => {}
            Next::Over { end, rest } => {
                free(&rest);
                sink(match end {
                    Ok((finish, usage)) => ModelEvent::Done { finish, usage },
                    Err(fault) => ModelEvent::Failed { fault },
                });
                return Round::Over(turn, rest);
            }
            Next::Resend => return Round::Resend(turn.reader.token),
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
    use tokio_tungstenite::tungstenite::error::ProtocolError;
    matches!(
        error,
        Error::Protocol(ProtocolError::ResetWithoutClosingHandshake)
    )
}

fn fail<'a>(mut turn: Turn<'a>, fault: Fault, rest: Rest, sink: &Sink) -> Round<'a> {
    let mut text = String::new();
    turn.give_up(&mut text);
    if !text.is_empty() {
        sink(ModelEvent::Text { text });
    }
    sink(ModelEvent::Failed { fault });
    Round::Over(turn, rest)
}

/// Who hears the end may ask again at once, and is to find the lane free.
fn before_the_end(
    shared: &Shared,
    hold: Hold,
    request: &Arc<GenerateRequest>,
    purpose: Purpose,
    rest: &Rest,
) {
    match rest {
        Rest::Settled { id, spoken } => {
            let answer = (purpose == Purpose::Answer).then(|| spoken.clone());
            let mut pool = shared.pool();
            pool.health.works();
            pool.free(hold, Some((id.clone(), Arc::clone(request), answer)));
        }
        Rest::Forgotten => shared.pool().free(hold, None),
        Rest::Writing => shared.pool().settling(hold),
        Rest::Lost => {}
    }
}

/// The caller has its answer; what of the socket?
async fn settle(
    shared: &Shared,
    hold: Hold,
    socket: &mut Socket,
    request: Arc<GenerateRequest>,
    purpose: Purpose,
    turn: Turn<'_>,
    rest: Rest,
) -> Kept {
    match rest {
        Rest::Settled { .. } | Rest::Forgotten => Kept::Yes(None),
        Rest::Writing => {
            if purpose == Purpose::WarmUp {
                shared.pool().no_warm_ups = true;
            }
            stop(shared, hold, socket, request, turn).await
        }
        Rest::Lost => Kept::No,
    }
}

/// Tells the server that nobody wants the rest: by an interrupt where it takes one, else by the end of the socket.
async fn stop(
    shared: &Shared,
    hold: Hold,
    socket: &mut Socket,
    request: Arc<GenerateRequest>,
    mut turn: Turn<'_>,
) -> Kept {
    let known = shared.pool().interrupts;
    if known == Interrupts::Refused {
        return Kept::No;
    }
    shared.pool().settling(hold);
    // Whoever asks again now waits a moment for this lane.
    let mut until = Instant::now() + INTERRUPT;
    let mut asked = false;
    let mut taken = false;
    let refused = |asked: bool| {
        if asked && known == Interrupts::Unknown {
            shared.pool().interrupts = Interrupts::Refused;
        }
        Kept::No
    };
    loop {
        if !asked && let Some(id) = turn.id() {
            let frame = ClientFrame::Interrupt(Interrupt::discarding(id));
            let Ok(frame) = serde_json::to_string(&frame) else {
                return Kept::No;
            };
            if !matches!(
                timeout_at(until, socket.send(Message::text(frame))).await,
                Ok(Ok(()))
            ) {
                return Kept::No;
            }
            asked = true;
        }
        let frame = match timeout_at(until, socket.next()).await {
            Err(_) => return refused(asked && !taken),
            Ok(None | Some(Err(_) | Ok(Message::Close(_) | Message::Binary(_)))) => return Kept::No,
            Ok(Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_)))) => continue,
            Ok(Some(Ok(Message::Text(frame)))) => frame,
        };
        let next = turn.run_down(&frame);
        if turn.stop_taken() && !std::mem::replace(&mut taken, true) {
            until = Instant::now() + INTERRUPT;
            shared.pool().interrupts = Interrupts::Taken;
        }
        match next {
            Rundown::More => {}
            // What the server says to an interrupt that came too late would be taken for a word on the next request.
            Rundown::Free { .. } if asked && !taken => return Kept::No,
            Rundown::Free { id, spoken } => return Kept::Yes(Some((id, request, spoken))),
            Rundown::Lost => return refused(asked && !taken),
        }
    }
}
