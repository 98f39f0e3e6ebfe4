//! The queue of a divided job: asks for the parts, lets an attempt work on each, joins what they make, and has the checks
//! run on the joined tree. What is next says `lanes::slow::Queue`; here it is done, and written down before the next.

use super::again::again;
use super::ask::{Line, Question, stopped};
use super::attempt::{Halted, based};
use super::errand::{self, Errand};
use super::{Held, Jobs, Live, lock, note, work};
use crate::exit::CliError;
use crate::verify::{Base, Gate, worktree};
use brisk_domain::CancelReason;
use brisk_domain::evidence::Tree;
use brisk_domain::job::{AttemptId, Checked, JobState, Partial, PatchSize, QUEUE, Ready, Step};
use brisk_lanes::slow::{Best, Brief, Go, Join, Outcome, Queue, QueueNext};
use brisk_patch::Change;
use brisk_sandbox::Stop;
use brisk_store::JobRow;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::Scope;
use std::time::Duration;

/// Bytes of what checks say about a joined tree that are kept: their beginning.
const KEPT: usize = 8 << 10;

/// How often it is looked whether the job was stopped, while attempts work.
const LOOK: Duration = Duration::from_millis(500);

struct Joiner<'a> {
    line: Line<'a>,
    gate: Gate,
    queue: Queue,
    seq: u64,
    /// Attempts that work now.
    running: BTreeSet<u32>,
    over: (Sender<u32>, Receiver<u32>),
}

/// Works on a divided job from its last completed step to its end. `None`: it was stopped where it was.
pub(super) fn job(jobs: &Arc<Jobs>, held: &Arc<Held>, row: &JobRow) -> Option<JobState> {
    let id = AttemptId {
        job: row.id,
        number: QUEUE,
    };
    let told = |e: String| {
        note(&format!("{}: {e}", row.id));
        None
    };
    let stop = match Stop::new() {
        Ok(stop) => stop,
        Err(e) => return told(e.to_string()),
    };
    let (notes, inbox) = channel();
    let live = Live {
        notes: notes.clone(),
        stop: stop.clone(),
        doing: String::new(),
        asks: None,
    };
    lock(&held.attempts).insert(QUEUE, live);
    let failed = |why: String| Some(JobState::Failed { why, best: None });
    let ended = match Gate::open(&jobs.home, &row.root) {
        _ if held.halted() => None,
        Err(e) => failed(e.message),
        Ok(mut gate) => {
            gate.for_attempt(id, stop);
            let line = Line {
                jobs,
                held,
                row,
                id,
                notes: &notes,
                inbox,
                generation: 0,
                mine: PatchSize::default(),
            };
            let steps = match jobs.store().steps(id, 1) {
                Ok(steps) => steps,
                Err(e) => return told(e.to_string()),
            };
            let seq = steps.last().map_or(0, |step| step.seq);
            let queue = errand::queue(row, steps)?;
            let joiner = Joiner {
                line,
                gate,
                queue,
                seq,
                running: BTreeSet::new(),
                over: channel(),
            };
            std::thread::scope(|scope| joiner.work(scope)).ok()
        }
    };
    lock(&held.attempts).remove(&QUEUE);
    ended
}

impl<'a> Joiner<'a> {
    fn work<'s>(mut self, scope: &'s Scope<'s, 'a>) -> Result<JobState, Halted> {
        loop {
            self.line.catch_up()?;
            self.hear()?;
            while let Ok(number) = self.over.1.try_recv() {
                self.ended(number)?;
            }
            self.begin(scope);
            let step = match self.queue.next() {
                QueueNext::Over(outcome) => return self.outcome(outcome),
                QueueNext::Wait => {
                    self.wait()?;
                    continue;
                }
                QueueNext::Divide(parts) => Step::Divided { parts },
                // What was made in time is joined: that asks no model.
                QueueNext::Plan if self.line.left().is_zero() => stopped(CancelReason::OverBudget),
                QueueNext::Plan => self.plan()?,
                QueueNext::Join(join) => self.join(&join)?,
            };
            self.done(step)?;
        }
    }

    fn done(&mut self, step: Step) -> Result<(), Halted> {
        self.line.keep(QUEUE, self.seq + 1, &step)?;
        self.seq += 1;
        self.queue.take(step);
        self.line.jobs.changed();
        Ok(())
    }

    /// What the person has said since.
    fn hear(&mut self) -> Result<(), Halted> {
        for step in self.line.hear(QUEUE, self.seq + 1)? {
            self.seq += 1;
            self.queue.take(step);
        }
        Ok(())
    }

    /// Lets attempts work that may, as many as there is room for.
    fn begin<'s>(&mut self, scope: &'s Scope<'s, 'a>) {
        for go in self.queue.to_run() {
            if self.running.len() == work::SIDE_BY_SIDE {
                return;
            }
            let Go { number, .. } = go;
            if self.running.contains(&number) {
                continue;
            }
            // Of a part that is there, and with a model: there always is one.
            let Some(errand) = Errand::part(self.line.row, &self.queue, go) else {
                continue;
            };
            self.running.insert(number);
            let (jobs, held, row) = (self.line.jobs, self.line.held, self.line.row);
            let over = PartOver {
                held,
                number,
                over: self.over.0.clone(),
            };
            scope.spawn(move || {
                let (job, _over) = (row.id, over);
                if let Some(_seat) = jobs.seats.take(|| !held.halted()) {
                    work::one(jobs, held, row, (AttemptId { job, number }, errand));
                }
            });
        }
    }

    /// Until an attempt is over.
    fn wait(&mut self) -> Result<(), Halted> {
        if self.running.is_empty() {
            return Err(Halted);
        }
        self.line.doing("");
        loop {
            match self.over.1.recv_timeout(LOOK) {
                Ok(number) => return self.ended(number),
                Err(RecvTimeoutError::Timeout) if !self.line.held.halted() => {}
                Err(_) => return Err(Halted),
            }
        }
    }

    /// One that could not write down how it ended is done again by whoever claims the job next.
    fn ended(&mut self, number: u32) -> Result<(), Halted> {
        self.running.remove(&number);
        let row = self.line.jobs.store().job(self.line.row.id).map_err(|_| Halted)?;
        let end = row.ends.into_iter().find(|(n, _)| *n == number).ok_or(Halted)?;
        self.queue.ended(number, end.1);
        Ok(())
    }

    fn plan(&mut self) -> Result<Step, Halted> {
        let row = self.line.row;
        if let Some(message) = self.line.jobs.fleet.trusts().taken_back(&row.root) {
            return Ok(Step::Faulted { message });
        }
        let faulted = |message: String| Ok(Step::Faulted { message });
        let Some(model) = errand::model(row, 1) else {
            return faulted("no model was named for it".to_owned());
        };
        let files = match self.gate.shadow.base(&row.task.base) {
            Ok(files) => files,
            Err(e) => return faulted(worktree(e).message),
        };
        let text = |p: &String| Some((p.clone(), self.gate.shadow.file(&files, p)?));
        let brief = Brief {
            id: self.line.id,
            text: row.task.text.clone(),
            files: row.task.files.iter().filter_map(text).collect(),
            paths: Arc::new(files.paths()),
            links: Arc::new(files.links()),
            instructions: self
                .gate
                .shadow
                .file(&files, super::attempt::INSTRUCTIONS)
                .map(|t| t.joined()),
            model,
            bounds: row.task.bounds,
            strategy: 0,
            only: None,
        };
        self.line.ask(&Question::Words(self.queue.asks(&brief)))
    }

    fn join(&mut self, join: &Join) -> Result<Step, Halted> {
        if let Some(message) = self.line.jobs.fleet.trusts().taken_back(&self.line.row.root) {
            return Ok(Step::Faulted { message });
        }
        let names: Vec<String> = join.parts.iter().map(u32::to_string).collect();
        let what = match names.len() {
            1 => format!("part {}", names.concat()),
            _ => format!("parts {}", names.join(", ")),
        };
        let (jobs, held) = (self.line.jobs, self.line.held);
        loop {
            self.line
                .doing(&format!("waits for its turn to check {what} with the others"));
            let Some(turn) = jobs.turns.take(|| !held.halted()) else {
                return Err(Halted);
            };
            self.line.doing(&format!("checks {what} with the others"));
            let step = again(|| self.prove(join));
            drop(turn);
            return match step {
                // What a stop cut off says nothing.
                _ if held.halted() => Err(Halted),
                Ok(step) => Ok(step),
                Err(e) if self.line.waits_for_room(&e)? => continue,
                Err(e) => Ok(Step::Faulted {
                    message: format!("nothing can be checked: {}", super::gate_refusal(e).message),
                }),
            };
        }
    }

    fn prove(&mut self, join: &Join) -> Result<Step, CliError> {
        let parts = join.parts.clone();
        let tree = match self.merged(join)? {
            Ok(tree) => tree,
            Err(said) => {
                return Ok(Step::PutBack {
                    parts,
                    tree: None,
                    said,
                });
            }
        };
        let task = &self.line.row.task;
        let base = Base {
            tree: Some(task.base.clone()),
            ..self.gate.base(&tree)?
        };
        based(&mut self.gate, self.line.held, self.line.row, &base)?;
        Ok(match self.gate.prove(&tree, &base, task.degraded)? {
            Checked::Proven { proof } => Step::Joined { parts, proof },
            Checked::Unproven { said, .. } => Step::PutBack {
                parts,
                tree: Some(tree),
                said: kept(said),
            },
        })
    }

    /// What the parts come to on top of what is joined, or what is in the way of that.
    fn merged(&mut self, join: &Join) -> Result<Result<Tree, String>, CliError> {
        let mut tip = join.onto.clone();
        for made in &join.made {
            let from = self.gate.shadow.base(&made.from).map_err(worktree)?;
            let merging = self
                .gate
                .shadow
                .merge(&from, &made.tree, &tip)
                .map_err(worktree)?;
            let Some(tree) = merging.tree else {
                let conflicts = merging.merged.conflicts.into_iter();
                let said: Vec<String> = conflicts.map(|(path, why, _)| format!("{path}: {why}")).collect();
                return Ok(Err(said.join("\n")));
            };
            tip = tree;
        }
        Ok(Ok(tip))
    }

    fn outcome(&self, outcome: Outcome) -> Result<JobState, Halted> {
        let size = |tree: &Tree| self.size(tree);
        Ok(match outcome {
            Outcome::Whole(proof) => JobState::Ready(Ready {
                winner: QUEUE,
                size: size(proof.tree()),
                proof,
            }),
            Outcome::Short { why, best } => JobState::Failed {
                why,
                best: best.map(|(number, best)| {
                    let partial = match best {
                        Best::Part(partial) => partial,
                        Best::Together(tree) => Partial {
                            size: size(&tree),
                            tree,
                            passed: 0,
                            failed: 0,
                            untested: false,
                        },
                        Best::Joined(proof) => Best::passing(&proof, size(proof.tree())),
                    };
                    (number, partial)
                }),
            },
        })
    }

    /// Against the base. It only tells: where it cannot be known, it is nothing.
    fn size(&self, tree: &Tree) -> PatchSize {
        let base = self.gate.shadow.base(&self.line.row.task.base);
        let patch = base.and_then(|base| self.gate.shadow.patch(&base, tree));
        let patch = patch.unwrap_or_default();
        let files: BTreeSet<&str> = patch.iter().map(Change::path).collect();
        PatchSize {
            lines: patch.iter().map(Change::size).sum(),
            files: files.len(),
        }
    }
}

/// The end of a part's thread, however it ends: the queue must not wait for one that has gone.
pub(super) struct PartOver<'a> {
    pub(super) held: &'a Held,
    pub(super) number: u32,
    pub(super) over: Sender<u32>,
}

impl Drop for PartOver<'_> {
    fn drop(&mut self) {
        lock(&self.held.attempts).remove(&self.number);
        // The queue has gone only where the job was stopped.
        let _ = self.over.send(self.number);
    }
}

fn kept(mut said: String) -> String {
    let mut end = said.len().min(KEPT);
    while !said.is_char_boundary(end) {
        end -= 1;
    }
    said.truncate(end);
    said
}
