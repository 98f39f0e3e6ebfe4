//! Asking the model of an attempt, until it has answered or cannot be asked any more.

use super::attempt::{Halted, Note};
use super::purse::Bill;
use super::view::PAUSED;
use super::{Held, Jobs, lock, wall_us};
use crate::daemon::fleet::prompt;
use crate::daemon::now;
use brisk_domain::job::{AttemptId, PatchSize, Step, needless};
use brisk_domain::port::{FaultSource, GenerateRequest, ModelEvent, Retry, Running, Sink, Usage};
use brisk_domain::tool::{Calling, Calls, ToolCall, ToolRequest};
use brisk_domain::{CancelReason, Lane, ModelId};
use brisk_router::live::Board;
use brisk_router::quota::{Amount, Ask, Bound, Whose};
use brisk_router::score::Size;
use brisk_store::JobRow;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};

/// A model that says nothing for so long is lost. Long prompts are read slowly on small machines.
const SILENCE: Duration = Duration::from_secs(300);

/// How often a model is asked again after a fault that may pass.
const TRIES: u32 = 5;

/// The longest pause before it is asked again.
const MAX_PAUSE: Duration = Duration::from_secs(60);

/// Bytes of an answer that are read.
const MAX_ANSWER: usize = 256 << 10;

/// Who asks, for which job, and what it hears meanwhile: an attempt, or the queue of a divided job.
pub(super) struct Line<'a> {
    pub(super) jobs: &'a Arc<Jobs>,
    pub(super) held: &'a Arc<Held>,
    pub(super) row: &'a JobRow,
    pub(super) id: AttemptId,
    pub(super) notes: &'a Sender<Note>,
    pub(super) inbox: Receiver<Note>,
    pub(super) generation: u64,
    /// What was changed so far.
    pub(super) mine: PatchSize,
}

impl Line<'_> {
    /// Whether another one is proven against which this one cannot win.
    pub(super) fn needless(&self) -> bool {
        let proven = *lock(&self.held.proven);
        let mine = (self.mine, self.id.number);
        proven.is_some_and(|best| needless(self.row.task.rivalry, best, mine))
    }

    pub(super) fn doing(&self, what: &str) {
        self.jobs.doing(self.held, self.id.number, what);
    }

    /// Until its time is up.
    pub(super) fn left(&self) -> Duration {
        Duration::from_micros(self.row.until_us().saturating_sub(wall_us()))
    }

    /// Something that is no report of a model that is asked now.
    pub(super) fn heard(&self, note: Note) -> Result<(), Halted> {
        match note {
            Note::Halt => Err(Halted),
            Note::Others | Note::Model(..) | Note::Call(..) => Ok(()),
        }
    }

    /// Everything that was said meanwhile.
    pub(super) fn catch_up(&self) -> Result<(), Halted> {
        while let Ok(note) = self.inbox.try_recv() {
            self.heard(note)?;
        }
        Ok(())
    }

    /// Asks the model until it has answered, with pauses where a fault or a quota asks for one.
    pub(super) fn ask(&mut self, question: &Question) -> Result<Step, Halted> {
        let mut tries = 0;
        loop {
            if let Some(message) = self.held.purse.used_up() {
                return Ok(Step::Faulted { message });
            }
            let (pause, waits) = match self.generate(question)? {
                Asked::Answered(text, usage) => return Ok(Step::Said { text, usage }),
                Asked::Called(text, calls, usage) => return Ok(Step::Called { text, calls, usage }),
                Asked::Stopped(cause) => return Ok(stopped(cause)),
                Asked::Failed { pause: None, message } => return Ok(Step::Faulted { message }),
                Asked::Failed {
                    pause: Some(pause),
                    message,
                } => {
                    tries += 1;
                    if tries == TRIES {
                        return Ok(Step::Faulted { message });
                    }
                    (pause.min(MAX_PAUSE), format!("waits: {message}"))
                }
                // A quota comes back by itself: that is no fault of anybody.
                Asked::Denied { message, yields } => {
                    let waits = if yields { PAUSED } else { "waits" };
                    (Duration::from_secs(1), format!("{waits}: {message}"))
                }
            };
            self.doing(&waits);
            let until = Instant::now() + pause.min(self.left());
            loop {
                match self
                    .inbox
                    .recv_timeout(until.saturating_duration_since(Instant::now()))
                {
                    Ok(note) => self.heard(note)?,
                    Err(RecvTimeoutError::Timeout) => break,
                    Err(RecvTimeoutError::Disconnected) => return Err(Halted),
                }
            }
            if self.left().is_zero() {
                return Ok(stopped(CancelReason::OverBudget));
            }
            if self.needless() {
                return Ok(stopped(CancelReason::Superseded));
            }
        }
    }

    /// Whether what is in the way of a request is a person's: their answer, or what is reserved for them.
    fn yields(&self, board: &Board, model: &ModelId, estimate: Amount) -> bool {
        let member = board.fleet.iter().find(|m| m.model == *model);
        let short = member.and_then(|member| {
            let ask = Ask {
                lane: Lane::Slow,
                model: &model.0,
                pool: &member.pool,
                estimate,
            };
            board.ledger.check(&ask, now()).err()
        });
        match short.map(|short| (short.whose, short.bound)) {
            Some((Whose::Share, _)) => true,
            Some((Whose::Model, Bound::Concurrent)) => self.jobs.models.person_at(model),
            Some((Whose::Lane | Whose::Model | Whose::Pool, _)) | None => false,
        }
    }

    fn generate(&mut self, question: &Question) -> Result<Asked, Halted> {
        let request = question.plain();
        let board = match self.jobs.fleet.board(&self.row.root, now()) {
            Ok(board) => board,
            Err(message) => return Ok(Asked::Failed { pause: None, message }),
        };
        let bytes = question.bytes();
        let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        let size = Size {
            input: count(bytes / 4),
            output: count(request.max_tokens),
        };
        // Nobody of that name: that is refused below.
        let estimate = board
            .estimate(&request.model, Lane::Slow, size)
            .unwrap_or_default();
        let admitted = self
            .jobs
            .fleet
            .admit(&request.model, Lane::Slow, estimate, &board.policy, now());
        let mut ticket = match admitted {
            Ok(ticket) => ticket,
            Err(denied) if !denied.frees.passes() => {
                return Ok(Asked::Failed {
                    pause: None,
                    message: denied.message,
                });
            }
            Err(denied) => {
                return Ok(Asked::Denied {
                    message: denied.message,
                    yields: self.yields(&board, &request.model, estimate),
                });
            }
        };
        self.jobs.asks(self.held, self.id.number, &request.model);
        ticket.sends(bytes);
        let mut bill = Bill {
            jobs: self.jobs,
            held: self.held,
            id: self.id,
            ticket,
        };
        self.generation += 1;
        let (mine, notes) = (self.generation, self.notes.clone());
        let sink: Sink = Arc::new(move |event| {
            // Nobody listens to an attempt that is over.
            let _ = notes.send(Note::Model(mine, event));
        });
        let _running: Box<dyn Running> = match question {
            Question::Words(request) => self.jobs.models.generate(request.clone(), sink),
            Question::Tools(request) => {
                let notes = self.notes.clone();
                let calls: Calls = Arc::new(move |calling| {
                    // As above.
                    let _ = notes.send(Note::Call(mine, calling));
                });
                self.jobs.models.converse(request.clone(), sink, calls)
            }
        };
        let mut text = String::new();
        let mut calls = Vec::new();
        loop {
            let wait = SILENCE.min(self.left());
            let event = match self.inbox.recv_timeout(wait) {
                Ok(Note::Model(of, event)) if of == mine => event,
                Ok(Note::Call(of, Calling::Whole(call))) if of == mine => {
                    calls.push(call);
                    continue;
                }
                // Also when nothing was written: it is no silence.
                Ok(Note::Call(of, Calling::Writes { bytes })) if of == mine => {
                    bill.ticket.calls(bytes, now());
                    if let Some(message) = bill.grows() {
                        bill.ticket.stopped(CancelReason::OverBudget, now());
                        return Ok(Asked::Failed { pause: None, message });
                    }
                    continue;
                }
                Ok(Note::Others) if self.needless() => {
                    bill.ticket.stopped(CancelReason::Superseded, now());
                    return Ok(Asked::Stopped(CancelReason::Superseded));
                }
                Ok(note) => {
                    self.heard(note)?;
                    if let Some(message) = self.held.purse.used_up() {
                        bill.ticket.stopped(CancelReason::OverBudget, now());
                        return Ok(Asked::Failed { pause: None, message });
                    }
                    continue;
                }
                Err(_) if self.left().is_zero() => return Ok(Asked::Stopped(CancelReason::OverBudget)),
                Err(_) => {
                    bill.ticket.stopped(CancelReason::Stalled, now());
                    return Ok(Asked::Failed {
                        pause: Some(Duration::from_secs(1)),
                        message: format!("{} went silent", request.model),
                    });
                }
            };
            bill.ticket.saw(&event, now());
            match event {
                ModelEvent::Sent => {}
                ModelEvent::Text { text: piece } => {
                    text.push_str(&piece);
                    if let Some(message) = bill.grows() {
                        bill.ticket.stopped(CancelReason::OverBudget, now());
                        return Ok(Asked::Failed { pause: None, message });
                    }
                    // A model that never ends: what it said so far is its answer.
                    if text.len() > MAX_ANSWER {
                        bill.ticket.stopped(CancelReason::OverBudget, now());
                        return Ok(Asked::Answered(text, Usage::default()));
                    }
                }
                ModelEvent::Done { usage, .. } if calls.is_empty() => {
                    return Ok(Asked::Answered(text, usage));
                }
                ModelEvent::Done { usage, .. } => return Ok(Asked::Called(text, calls, usage)),
                ModelEvent::Failed { fault } => {
                    let pause = match (fault.retry, fault.source) {
                        (Retry::After { ms }, _) => Some(Duration::from_millis(ms)),
                        (
                            Retry::Elsewhere,
                            FaultSource::Network | FaultSource::Upstream | FaultSource::Quota,
                        ) => Some(Duration::from_secs(2)),
                        (Retry::Elsewhere, FaultSource::Setup | FaultSource::Request) | (Retry::Never, _) => {
                            None
                        }
                    };
                    return Ok(Asked::Failed {
                        pause,
                        message: fault.message,
                    });
                }
            }
        }
    }
}

/// What a model is asked.
pub(super) enum Question {
    Words(GenerateRequest),
    Tools(ToolRequest),
}

impl Question {
    fn plain(&self) -> &GenerateRequest {
        match self {
            Question::Words(request) => request,
            Question::Tools(request) => &request.plain,
        }
    }

    /// About how many bytes are sent.
    fn bytes(&self) -> usize {
        let opening = prompt(self.plain());
        match self {
            Question::Words(_) => opening,
            Question::Tools(request) => opening + request.bytes(),
        }
    }
}

pub(super) fn stopped(cause: CancelReason) -> Step {
    Step::Stopped { cause }
}

enum Asked {
    Answered(String, Usage),
    /// With calls of its tools.
    Called(String, Vec<ToolCall>, Usage),
    /// `pause`: asking again may help after it.
    Failed {
        pause: Option<Duration>,
        message: String,
    },
    /// Its quota is used up for now, or it failed too often lately.
    Denied {
        message: String,
        /// To a person.
        yields: bool,
    },
    /// It was not let finish.
    Stopped(CancelReason),
}
