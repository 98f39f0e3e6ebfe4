//! One attempt: does what the reducer asks for, one step after the other, and writes each down before the next begins.

use super::again::again;
use super::ask::{Line, Question, stopped};
use super::errand::Errand;
use super::{Held, Jobs, lock, look, note};
use crate::daemon::mcp::Servers;
use crate::exit::CliError;
use crate::verify::{Base, Gate, worktree};
use brisk_domain::CancelReason;
use brisk_domain::evidence::Tree;
use brisk_domain::job::{AttemptId, Checked, End, PatchSize, Rivalry, Step};
use brisk_domain::parts::Scope;
use brisk_domain::port::ModelEvent;
use brisk_domain::tool::Calling;
use brisk_lanes::slow::{Attempt, Effect, keeps};
use brisk_patch::Change;
use brisk_sandbox::Stop;
use brisk_store::JobRow;
use brisk_worktree::{Base as Files, WorktreeError};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender};

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
pub(super) const INSTRUCTIONS: &str = "AGENTS.md";

/// Why there is no evidence about what was made.
const TOO_LATE: &str = "its time was up before its checks were";

/// What a model is told that mends by undoing.
const TAKEN_BACK: &str = "With that nothing of this part's change is left, and it was not checked. Keep what the part is \
                          to do, and mend it.\n";

pub(super) struct Worker<'a> {
    pub(super) line: Line<'a>,
    pub(super) gate: Gate,
    pub(super) files: Files,
    pub(super) attempt: Attempt,
    /// The person's servers of tools.
    pub(super) servers: Servers,
    /// It mends what all parts come to: files of its own part, of which something has to stay changed.
    mends: Option<Vec<Scope>>,
    seq: u64,
}

/// Runs an attempt from its last completed step to its end.
pub(super) fn run(
    jobs: &Arc<Jobs>,
    held: &Arc<Held>,
    row: &JobRow,
    (id, errand): (AttemptId, Errand),
    stop: Stop,
    notes: &Sender<Note>,
    inbox: Receiver<Note>,
) -> Result<End, Halted> {
    let failed = |why: String| End::Failed { why, best: None };
    let opened = Gate::open(&jobs.home, &row.root).and_then(|gate| {
        let files = gate.shadow.base(&errand.from).map_err(worktree)?;
        Ok((gate, files))
    });
    let (mut gate, files) = match opened {
        Ok(opened) => opened,
        Err(e) => return Ok(failed(e.message)),
    };
    gate.for_attempt(id, stop);
    let mends = errand.only.clone().filter(|_| errand.from != row.task.base);
    let brief = errand.brief(&gate, &files, row, id);
    let (servers, wrong) = Servers::open(&jobs.mcp, &|| !held.halted());
    wrong.iter().for_each(|line| note(line));
    let kit = look::kit(
        &mut gate,
        &row.task.base,
        jobs.models.tooling(&brief.model.model),
        &servers,
    );
    let line = Line {
        jobs,
        held,
        row,
        id,
        notes,
        inbox,
        generation: 0,
        mine: PatchSize::default(),
    };
    let mut worker = Worker {
        line,
        gate,
        files,
        attempt: Attempt::with(brief, &kit),
        servers,
        mends,
        seq: 0,
    };
    let taken = match jobs.store().steps(id, 1) {
        Ok(taken) => taken,
        Err(e) => return Ok(failed(e.to_string())),
    };
    let mut lacks = worker.servers.down();
    for step in taken {
        worker.seq = step.seq;
        if let Step::Lacks { server, why } = &step.step {
            lacks.retain(|known| known != &(server.clone(), why.clone()));
        }
        worker.attempt.take(step.step);
    }
    // Servers that a stop cut off say nothing.
    if held.halted() {
        return Err(Halted);
    }
    for (server, why) in lacks {
        worker.done(Step::Lacks { server, why })?;
    }
    worker.work()
}

impl Worker<'_> {
    fn work(mut self) -> Result<End, Halted> {
        loop {
            self.line.catch_up()?;
            self.hear()?;
            self.line.mine = self.attempt.size();
            if let Some(why) = self.line.jobs.fleet.trusts().taken_back(&self.line.row.root) {
                return Ok(End::Failed { why, best: None });
            }
            let step = match self.attempt.next() {
                Effect::Over(end) => return Ok(end),
                Effect::Check => self.check()?,
                _ if self.line.left().is_zero() => stopped(CancelReason::OverBudget),
                _ if self.line.needless() => stopped(CancelReason::Superseded),
                Effect::Ask(request) => self.line.ask(&Question::Words(*request))?,
                Effect::Converse(request) => self.line.ask(&Question::Tools(*request))?,
                Effect::Look(looks) => Step::Looked {
                    found: self.looks(&looks)?,
                },
            };
            self.done(step)?;
        }
    }

    /// A step counts once it is on disk.
    fn done(&mut self, step: Step) -> Result<(), Halted> {
        self.line.keep(self.line.id.number, self.seq + 1, &step)?;
        self.seq += 1;
        self.attempt.take(step);
        self.line.jobs.changed();
        Ok(())
    }

    /// Takes in what the person has said since.
    fn hear(&mut self) -> Result<(), Halted> {
        for step in self.line.hear(self.line.id.number, self.seq + 1)? {
            self.seq += 1;
            self.attempt.take(step);
            self.line.jobs.changed();
        }
        Ok(())
    }

    fn check(&mut self) -> Result<Step, Halted> {
        loop {
            self.line.doing("waits for its turn to check");
            let turn = self.line.jobs.turns.take(|| !self.gate.stopped());
            let checked = turn.filter(|_| !self.line.left().is_zero()).map(|turn| {
                self.line.doing("checks");
                let checked = again(|| self.prove());
                drop(turn);
                checked
            });
            return match checked {
                // What a stop cut off says nothing.
                _ if self.line.held.halted() => Err(Halted),
                _ if self.line.row.task.rivalry == Rivalry::First && self.line.needless() => {
                    Ok(stopped(CancelReason::Superseded))
                }
                Some(Ok(step @ Step::Checked(Checked::Proven { .. }))) => Ok(step),
                None => Ok(self.untested(TOO_LATE.to_owned())),
                Some(_) if self.gate.stopped() => Ok(self.untested(TOO_LATE.to_owned())),
                Some(Ok(step)) => Ok(step),
                Some(Err(e)) if self.line.waits_for_room(&e)? => continue,
                Some(Err(e)) => Ok(self.untested(format!(
                    "nothing can be checked: {}",
                    super::gate_refusal(e).message
                ))),
            };
        }
    }

    /// Keeps what was made to be looked at, although nobody knows whether it passes.
    fn untested(&mut self, message: String) -> Step {
        let changed = self.attempt.changed();
        match self.gate.shadow.with_texts(&self.files, &changed) {
            Ok(tree) => Step::Untested { tree, message },
            // Where not even this can be done, the answers that made it are in the log.
            Err(_) => Step::Faulted { message },
        }
    }

    fn prove(&mut self) -> Result<Step, CliError> {
        let changed = self.attempt.changed();
        let made = self.gate.shadow.with_texts(&self.files, &changed);
        let tree = match made {
            Ok(tree) => tree,
            Err(
                e @ (WorktreeError::NotAFile { .. }
                | WorktreeError::Outside { .. }
                | WorktreeError::InGitDir { .. }),
            ) => return Ok(Step::Refused { said: e.to_string() }),
            Err(e) => return Err(worktree(e)),
        };
        if let Some(part) = &self.mends
            && !self.still_changes(part, &tree)?
        {
            return Ok(Step::Refused {
                said: TAKEN_BACK.to_owned(),
            });
        }
        let base = Base {
            tree: Some(self.line.row.task.base.clone()),
            ..self.gate.base(&tree)?
        };
        self.based(&base)?;
        let checked = self.gate.prove(&tree, &base, self.line.row.task.degraded)?;
        Ok(Step::Checked(checked))
    }

    /// Whether something of a part is still another than in what the job began with.
    fn still_changes(&self, part: &[Scope], tree: &Tree) -> Result<bool, CliError> {
        let base = self
            .gate
            .shadow
            .base(&self.line.row.task.base)
            .map_err(worktree)?;
        let patch = self.gate.shadow.patch(&base, tree).map_err(worktree)?;
        Ok(keeps(part, patch.iter().map(Change::path)))
    }

    pub(super) fn based(&mut self, base: &Base) -> Result<(), CliError> {
        based(&mut self.gate, self.line.held, self.line.row, base)
    }
}

/// What passes on the base is what a change is compared with. It is found out once for all attempts.
pub(super) fn based(gate: &mut Gate, held: &Held, row: &JobRow, base: &Base) -> Result<(), CliError> {
    let mut done = lock(&held.based);
    if !*done && !gate.stopped() {
        // Compared with nothing: only what passes there is asked for.
        let nothing = Base {
            tree: None,
            ..base.clone()
        };
        gate.prove(&row.task.base, &nothing, row.task.degraded)?;
        // One that was cut off is run again by whoever has time.
        *done = !gate.stopped();
    }
    Ok(())
}
