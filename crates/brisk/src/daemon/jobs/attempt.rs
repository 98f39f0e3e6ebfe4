//! One attempt: does what the reducer asks for, one step after the other, and writes each down before the next begins.

use super::again::again;
use super::ask::{Question, stopped};
use super::{Held, Jobs, lock, look, note, wall_us};
use crate::daemon::mcp::Servers;
use crate::exit::CliError;
use crate::verify::{Base, Gate};
use brisk_domain::CancelReason;
use brisk_domain::job::{AttemptId, Checked, End, Rivalry, Step, needless};
use brisk_domain::port::ModelEvent;
use brisk_domain::tool::Calling;
use brisk_lanes::slow::{Attempt, Brief, Effect};
use brisk_sandbox::Stop;
use brisk_store::JobRow;
use brisk_worktree::Base as Files;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender};
use std::time::Duration;

/// What an attempt hears while it works.
pub(super) enum Note {
    /// Its model, in the generation with this number.
    Model(u64, ModelEvent),
    /// What its model tells of its calls, in the generation with this number.
    Call(u64, Calling),
    /// Another attempt was proven, or the job's budget is used up: look whether this one may go on.
    Others,
    /// It is stopped where it is.
    Halt,
}

/// It was stopped where it was, and nothing is written down about that.
pub(super) struct Halted;

/// Instructions of the repository; told to the model as text.
const INSTRUCTIONS: &str = "AGENTS.md";

pub(super) struct Worker<'a> {
    pub(super) jobs: &'a Arc<Jobs>,
    pub(super) held: &'a Arc<Held>,
    pub(super) row: &'a JobRow,
    pub(super) id: AttemptId,
    pub(super) gate: Gate,
    pub(super) files: Files,
    pub(super) attempt: Attempt,
    /// The person's servers of tools.
    pub(super) servers: Servers,
    pub(super) notes: &'a Sender<Note>,
    pub(super) inbox: Receiver<Note>,
    pub(super) generation: u64,
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
    pub(super) fn needless(&self) -> bool {
        let proven = *lock(&self.held.proven);
        let mine = (self.attempt.size(), self.id.number);
        proven.is_some_and(|best| needless(self.row.task.rivalry, best, mine))
    }

    pub(super) fn doing(&self, what: &str) {
        self.jobs.doing(self.held, self.id.number, what);
    }

    /// Until its time is up.
    pub(super) fn left(&self) -> Duration {
        let minutes = u64::from(self.row.task.bounds.minutes);
        // The time that it was put aside does not count.
        let from = self.row.made_us.saturating_add(self.row.rested_us);
        let until = from.saturating_add(minutes * 60_000_000);
        Duration::from_micros(until.saturating_sub(wall_us()))
    }

    /// Something that is no report of a model that is asked now.
    pub(super) fn heard(&mut self, note: Note) -> Result<(), Halted> {
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
        match again(|| self.prove()) {
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
}
