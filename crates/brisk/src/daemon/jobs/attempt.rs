//! One attempt: does what the reducer asks for, one step after the other, and writes each down before the next begins.

use super::purse::Bill;
use super::{Held, Jobs, lock, look, note, wall_us};
use crate::daemon::mcp::Servers;
use crate::daemon::now;
use crate::exit::CliError;
use crate::verify::{Base, Gate};
use brisk_domain::job::{AttemptId, Checked, End, Rivalry, Step, needless};
use brisk_domain::port::{FaultSource, GenerateRequest, ModelEvent, Retry, Running, Sink, Usage};
use brisk_domain::tool::{Calls, ToolCall, ToolRequest};
use brisk_domain::{CancelReason, Lane};
use brisk_lanes::slow::{Attempt, Brief, Effect};
use brisk_router::score::Size;
use brisk_sandbox::Stop;
use brisk_store::JobRow;
use brisk_worktree::Base as Files;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};

/// What an attempt hears while it works.
pub(super) enum Note {
    /// Its model, in the generation with this number.
    Model(u64, ModelEvent),
    /// A call of its model, in the generation with this number.
    Call(u64, ToolCall),
    /// Another attempt was proven, or the job's budget is used up: look whether this one may go on.
    Others,
    /// It is stopped where it is.
    Halt,
}

/// It was stopped where it was, and nothing is written down about that.
pub(super) struct Halted;

/// A model that says nothing for so long is lost. Long prompts are read slowly on small machines.
const SILENCE: Duration = Duration::from_secs(300);

/// How often a model is asked again after a fault that may pass.
const TRIES: u32 = 5;

/// The longest pause before it is asked again.
const MAX_PAUSE: Duration = Duration::from_secs(60);

/// Bytes of an answer that are read.
const MAX_ANSWER: usize = 256 << 10;

/// Instructions of the repository; told to the model as text.
const INSTRUCTIONS: &str = "AGENTS.md";

pub(super) struct Worker<'a> {
    pub(super) jobs: &'a Arc<Jobs>,
    pub(super) held: &'a Arc<Held>,
    pub(super) row: &'a JobRow,
    id: AttemptId,
    pub(super) gate: Gate,
    pub(super) files: Files,
    pub(super) attempt: Attempt,
    /// The person's servers of tools.
    pub(super) servers: Servers,
    notes: &'a Sender<Note>,
    inbox: Receiver<Note>,
    generation: u64,
    seq: u64,
}

/// Runs an attempt from its last completed step to its end.
pub(super) fn run(
    jobs: &Arc<Jobs>,
    held: &Arc<Held>,
    row: &JobRow,
    id: AttemptId,
    stop: Stop,
    notes: &Sender<Note>,
    inbox: Receiver<Note>,
) -> Result<End, Halted> {
    let failed = |why: String| End::Failed { why, best: None };
    let Some(model) = row.task.models.get(id.number as usize - 1).cloned() else {
        return Ok(failed("no model was named for it".to_owned()));
    };
    let opened = Gate::open(&jobs.home, &row.root).and_then(|gate| {
        let files = gate
            .shadow
            .base(&row.task.base)
            .map_err(crate::verify::worktree)?;
        Ok((gate, files))
    });
    let (mut gate, files) = match opened {
        Ok(opened) => opened,
        Err(e) => return Ok(failed(e.message)),
    };
    gate.for_attempt(id, stop);
    let named = row.task.files.iter();
    let texts = named.filter_map(|p| Some((p.clone(), gate.shadow.file(&files, p)?)));
    let before = row.task.models.iter().take(id.number as usize - 1);
    let brief = Brief {
        id,
        text: row.task.text.clone(),
        files: texts.collect(),
        paths: Arc::new(files.paths()),
        instructions: gate.shadow.file(&files, INSTRUCTIONS).map(|t| t.joined()),
        strategy: before.filter(|m| m.model == model.model).count(),
        model,
        bounds: row.task.bounds,
    };
    let servers = Servers::open(&jobs.mcp, &|| !held.halted());
    let kit = look::kit(
        &mut gate,
        &row.task.base,
        jobs.models.tooling(&brief.model.model),
        &servers,
    );
    let mut worker = Worker {
        jobs,
        held,
        row,
        id,
        gate,
        files,
        attempt: Attempt::with(brief, &kit),
        servers,
        notes,
        inbox,
        generation: 0,
        seq: 0,
    };
    let taken = jobs.store().steps(id, 1);
    match taken {
        Ok(steps) => {
            for step in steps {
                worker.seq = step.seq;
                worker.attempt.take(step.step);
            }
        }
        Err(e) => return Ok(failed(e.to_string())),
    }
    worker.work()
}

impl Worker<'_> {
    fn work(mut self) -> Result<End, Halted> {
        loop {
            while let Ok(note) = self.inbox.try_recv() {
                self.heard(note)?;
            }
            self.hear()?;
            if let Some(why) = self.jobs.fleet.trusts().taken_back(&self.row.root) {
                return Ok(End::Failed { why, best: None });
            }
            let step = match self.attempt.next() {
                Effect::Over(end) => return Ok(end),
                _ if self.left().is_zero() => stopped(CancelReason::OverBudget),
                _ if self.needless() => stopped(CancelReason::Superseded),
                Effect::Ask(request) => self.ask(&Question::Words(*request))?,
                Effect::Converse(request) => self.ask(&Question::Tools(*request))?,
                Effect::Look(looks) => Step::Looked {
                    found: self.looks(&looks)?,
                },
                Effect::Check => self.check()?,
            };
            self.done(step)?;
        }
    }

    /// A step counts once it is on disk.
    fn done(&mut self, step: Step) -> Result<(), Halted> {
        let written = self
            .jobs
            .store()
            .append(&self.held.claim, self.id.number, self.seq + 1, &step);
        if let Err(e) = written {
            // Somebody else's job by now, or the disk is full: whoever claims it next goes on from the step before.
            note(&format!("{}: {e}", self.id));
            return Err(Halted);
        }
        self.seq += 1;
        self.attempt.take(step);
        self.jobs.changed();
        Ok(())
    }

    /// Takes in what the person has said since.
    fn hear(&mut self) -> Result<(), Halted> {
        let heard = self
            .jobs
            .store()
            .hear(&self.held.claim, self.id.number, self.seq + 1);
        match heard {
            Ok(steps) => {
                for step in steps {
                    self.seq += 1;
                    self.attempt.take(step);
                    self.jobs.changed();
                }
                Ok(())
            }
            Err(e) => {
                note(&format!("{}: {e}", self.id));
                Err(Halted)
            }
        }
    }

    /// Whether another one is proven against which this one cannot win.
    fn needless(&self) -> bool {
        let proven = *lock(&self.held.proven);
        let mine = (self.attempt.size(), self.id.number);
        proven.is_some_and(|best| needless(self.row.task.rivalry, best, mine))
    }

    pub(super) fn doing(&self, what: &str) {
        self.jobs.doing(self.held, self.id.number, what);
    }

    /// Until its time is up.
    fn left(&self) -> Duration {
        let minutes = u64::from(self.row.task.bounds.minutes);
        // The time that it was put aside does not count.
        let from = self.row.made_us.saturating_add(self.row.rested_us);
        let until = from.saturating_add(minutes * 60_000_000);
        Duration::from_micros(until.saturating_sub(wall_us()))
    }

    /// Something that is no report of a model that is asked now.
    fn heard(&mut self, note: Note) -> Result<(), Halted> {
        match note {
            Note::Halt => Err(Halted),
            Note::Others | Note::Model(..) | Note::Call(..) => Ok(()),
        }
    }

    fn check(&mut self) -> Result<Step, Halted> {
        self.doing("waits for its turn to check");
        let turn = self.jobs.turns.take(|| !self.held.halted());
        let Some(_turn) = turn else {
            return Err(Halted);
        };
        self.doing("checks");
        match self.prove() {
            // What a stop cut off says nothing.
            _ if self.held.halted() => Err(Halted),
            _ if self.row.task.rivalry == Rivalry::First && self.needless() => {
                Ok(stopped(CancelReason::Superseded))
            }
            Ok(checked) => Ok(Step::Checked(checked)),
            Err(e) => Ok(Step::Faulted {
                message: format!("nothing can be checked: {}", e.message),
            }),
        }
    }

    fn prove(&mut self) -> Result<Checked, CliError> {
        let changed = self.attempt.changed();
        let made = self.gate.shadow.with_texts(&self.files, &changed);
        let tree = match made {
            Ok(tree) => tree,
            Err(e) => {
                return Ok(Checked::Unproven {
                    tree: self.row.task.base.clone(),
                    passed: 0,
                    failed: 0,
                    said: e.to_string(),
                });
            }
        };
        let base = Base {
            tree: Some(self.row.task.base.clone()),
            ..self.gate.base(&tree)?
        };
        self.based(&base)?;
        self.gate.prove(&tree, &base, self.row.task.degraded)
    }

    /// What passes on the base is what a change is compared with. It is found out once for all attempts.
    pub(super) fn based(&mut self, base: &Base) -> Result<(), CliError> {
        let mut done = lock(&self.held.based);
        if !*done && !self.held.halted() {
            // Compared with nothing: only what passes there is asked for.
            let nothing = Base {
                tree: None,
                ..base.clone()
            };
            self.gate
                .prove(&self.row.task.base, &nothing, self.row.task.degraded)?;
            *done = true;
        }
        Ok(())
    }

    /// Asks the model until it has answered, with pauses where a fault or a quota asks for one.
    fn ask(&mut self, question: &Question) -> Result<Step, Halted> {
        let request = question.plain();
        let mut tries = 0;
        loop {
            self.doing(&format!("asks {}", request.model));
            if let Some(message) = self.held.purse.used_up() {
                return Ok(Step::Faulted { message });
            }
            let (pause, message) = match self.generate(question)? {
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
                    (pause.min(MAX_PAUSE), message)
                }
                // A quota comes back by itself: that is no fault of anybody.
                Asked::Denied { message } => (Duration::from_secs(1), message),
            };
            self.doing(&format!("waits: {message}"));
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
            Err(denied) if denied.lasting => {
                return Ok(Asked::Failed {
                    pause: None,
                    message: denied.message,
                });
            }
            Err(denied) => {
                return Ok(Asked::Denied {
                    message: denied.message,
                });
            }
        };
        ticket.asks(request);
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
                let calls: Calls = Arc::new(move |call| {
                    // As above.
                    let _ = notes.send(Note::Call(mine, call));
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
                Ok(Note::Call(of, call)) if of == mine => {
                    calls.push(call);
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
enum Question {
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
        let opening: usize = self.plain().messages.iter().map(|m| m.text.len()).sum();
        match self {
            Question::Words(_) => opening,
            Question::Tools(request) => opening + request.bytes(),
        }
    }
}

fn stopped(cause: CancelReason) -> Step {
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
    },
    /// It was not let finish.
    Stopped(CancelReason),
}
