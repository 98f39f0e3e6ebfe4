//! The I/O of one socket: it carries out what [`Turn`] and [`super::pool::Pool`] say, and holds the socket alive in
//! between.

use super::Shared;
use super::begin::{Begun, Berth, Leaving};
use super::body::{self, Purpose};
use super::chain::{Chain, Plan};
use super::exchange::{Round, ask, stop};
use super::health::Trouble;
use super::pool::{Followed, Hold, LaneId};
use super::reader::Past;
use super::socket::Socket;
use super::turn::{Rest, Turn};
use crate::answer::{Answer, StopTexts};
use crate::fault::setup;
use brisk_domain::port::{Fault, GenerateRequest, ModelEvent, Sink};
use futures_util::SinkExt;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::oneshot;
use tokio::time::{Instant, interval_at};
use tokio_tungstenite::tungstenite::{Bytes, Message};
use tokio_util::sync::CancellationToken;

/// How often an idle socket is asked whether it lives; one that is silent until the next question is dead.
const PING: Duration = Duration::from_secs(20);

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
    /// The lane's line, if the request was begun on it already.
    pub(super) begun: Option<Begun>,
}

/// A sink, with a name in debug output.
pub(crate) struct Told(pub(crate) Sink);

impl std::fmt::Debug for Told {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sink")
    }
}

/// One socket, and what is known of it.
pub(crate) struct Line {
    pub(super) socket: Socket,
    pub(super) past: Past,
    /// How long each step of an interrupt may take here.
    pub(super) patience: Duration,
}

impl Line {
    pub(crate) fn new(socket: Socket, patience: Duration) -> Line {
        Line {
            socket,
            past: Past::default(),
            patience,
        }
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
pub(super) enum Kept {
    Yes(Option<Followed>),
    /// Nothing was sent on it.
    Untouched,
    No,
}

/// Serves one socket until it dies, is too old, or nobody needs it.
pub(crate) async fn run(
    shared: Arc<Shared>,
    id: LaneId,
    berth: Arc<Berth>,
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
                let Some(mut job) = job else { break };
                let hold = job.hold;
                let (line, left) = match job.begun.take() {
                    Some(Begun { line, left }) => (Some(line), Some(left)),
                    None => (berth.take(), None),
                };
                let Some(mut line) = line else { break };
                let kept = serve(&shared, &mut line, job, left).await;
                if !matches!(kept, Kept::No) {
                    berth.put(line);
                }
                match kept {
                    Kept::Yes(followed) => {
                        let outdated = shared.pool().free(hold, followed);
                        drop(outdated);
                    }
                    Kept::Untouched => shared.pool().untouched(hold),
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
                // Without a line there is a job on its way.
                if let Some(mut line) = berth.take() {
                    let ping = Message::Ping(Bytes::new());
                    if !std::mem::take(&mut heard) || line.socket.send(ping).await.is_err() {
                        break;
                    }
                    berth.put(line);
                }
            }
            alive = berth.heard() => match alive {
                true => heard = true,
                false => break,
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

/// `left`: how far the request is on the line already.
async fn serve(shared: &Shared, line: &mut Line, job: Job, mut left: Option<Leaving>) -> Kept {
    let Job {
        request,
        hold,
        mut plan,
        purpose,
        sink: Told(sink),
        cancel,
        outcome,
        begun: _,
    } = job;
    let untouched = matches!(left, None | Some(Leaving::Frame(_)));
    if untouched && cancel.is_cancelled() {
        drop(outcome.send(Outcome::Over));
        return Kept::Untouched;
    }
    let mut token = None;
    let (kept, said) = loop {
        let leaving = match left.take() {
            Some(left) => Ok(left),
            None => {
                body::frame(&shared.config, &request, &plan, purpose, token.as_deref()).map(Leaving::Frame)
            }
        };
        let leaving = match leaving {
            Ok(leaving) => leaving,
            Err(error) => {
                let fault = setup(format!("the request cannot be written as JSON: {error}"));
                sink(ModelEvent::Failed { fault });
                break (Kept::Yes(None), Outcome::Over);
            }
        };
        let turn = Turn::new(
            &shared.server.upstream,
            answer(&request, purpose),
            std::mem::take(&mut line.past),
            body::bound(&request),
        );
        let free = |rest: &Rest| before_the_end(shared, hold, &request, purpose, rest);
        match ask(shared, line, leaving, turn, &sink, &cancel, free).await {
            Round::Over(turn, rest) => {
                shared.note_limits(turn.reader.limits);
                // The caller goes on while the socket settles.
                drop(outcome.send(Outcome::Over));
                return settle(shared, hold, line, request, purpose, turn, rest).await;
            }
            Round::Stopped(turn) => {
                drop(outcome.send(Outcome::Over));
                return stop(shared, hold, line, request, turn).await;
            }
            // Whole, at once, and only once.
            Round::Resend(turn, _) if plan != Plan::Full => {
                line.past = turn.reader.past();
                token = turn.reader.token;
                plan = Plan::Full;
            }
            // It follows nothing: the server speaks of something else, or does not know what it says.
            Round::Resend(turn, fault) => {
                let (why, token) = (Way::Http, turn.reader.token);
                break (Kept::No, Outcome::Elsewhere { why, fault, token });
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

/// Who hears the end may ask again at once, and is to find the lane free. Gives what is to be dropped after that.
fn before_the_end(
    shared: &Shared,
    hold: Hold,
    request: &Arc<GenerateRequest>,
    purpose: Purpose,
    rest: &Rest,
) -> Chain {
    match rest {
        Rest::Settled { id, spoken } => {
            let answer = (purpose == Purpose::Answer).then(|| spoken.clone());
            let mut pool = shared.pool();
            pool.health.works();
            pool.free(hold, Some((id.clone(), Arc::clone(request), answer)))
        }
        Rest::Forgotten => shared.pool().free(hold, None),
        Rest::Writing => {
            shared.pool().settling(hold);
            Chain::default()
        }
        Rest::Lost => Chain::default(),
    }
}

/// The caller has its answer; what of the socket?
async fn settle(
    shared: &Shared,
    hold: Hold,
    line: &mut Line,
    request: Arc<GenerateRequest>,
    purpose: Purpose,
    turn: Turn<'_>,
    rest: Rest,
) -> Kept {
    match rest {
        Rest::Settled { .. } | Rest::Forgotten => {
            line.past = turn.reader.past();
            Kept::Yes(None)
        }
        Rest::Writing => {
            if purpose == Purpose::WarmUp {
                shared.pool().no_warm_ups = true;
            }
            stop(shared, hold, line, request, turn).await
        }
        Rest::Lost => Kept::No,
    }
}
