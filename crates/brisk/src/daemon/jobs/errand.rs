//! What one attempt is sent to do: all of a task, or one part of it.

use super::attempt::INSTRUCTIONS;
use crate::verify::Gate;
use brisk_domain::Candidate;
use brisk_domain::evidence::Tree;
use brisk_domain::job::AttemptId;
use brisk_domain::parts::Scope;
use brisk_lanes::slow::{Brief, Go, Queue};
use brisk_store::JobRow;
use brisk_worktree::Base;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Files of a part that its model is shown at once.
const SHOWN: usize = 16;

/// See the module.
pub(super) struct Errand {
    /// What its model is told.
    pub(super) text: String,
    /// Files that are shown first.
    named: Vec<String>,
    /// All that it may change, if not anything.
    pub(super) only: Option<Vec<Scope>>,
    /// What it begins at.
    pub(super) from: Tree,
    /// Who tries.
    pub(super) model: Candidate,
    /// See [`brisk_lanes::slow::Brief::strategy`].
    pub(super) strategy: usize,
}

impl Errand {
    /// An attempt at all of the task; `None`: there is none of that number.
    pub(super) fn whole(row: &JobRow, number: u32) -> Option<Errand> {
        let at = (number as usize).checked_sub(1)?;
        let model = row.task.models.get(at)?.clone();
        let before = row.task.models.iter().take(at);
        Some(Errand {
            text: row.task.text.clone(),
            named: row.task.files.clone(),
            only: None,
            from: row.task.base.clone(),
            strategy: before.filter(|m| m.model == model.model).count(),
            model,
        })
    }

    /// An attempt at a part.
    pub(super) fn part(row: &JobRow, queue: &Queue, go: Go) -> Option<Errand> {
        Some(Errand {
            text: go.text,
            named: Vec::new(),
            only: Some(queue.parts()?.get(go.part)?.files.clone()),
            from: go.from,
            model: model(row, go.part)?,
            strategy: 0,
        })
    }

    /// What an attempt is told of it. `files` are those of [`Errand::from`].
    pub(super) fn brief(self, gate: &Gate, files: &Base, row: &JobRow, id: AttemptId) -> Brief {
        let paths = files.paths();
        let named = self.names(&paths).into_iter();
        let texts = named.filter_map(|p| Some((p.clone(), gate.shadow.file(files, &p)?)));
        Brief {
            id,
            files: texts.collect(),
            text: self.text,
            paths: Arc::new(paths),
            links: Arc::new(files.links()),
            instructions: gate.shadow.file(files, INSTRUCTIONS).map(|t| t.joined()),
            strategy: self.strategy,
            model: self.model,
            only: self.only,
            bounds: row.task.bounds,
        }
    }

    /// Files that are shown first, of those that there are.
    fn names(&self, paths: &BTreeSet<String>) -> Vec<String> {
        let Some(only) = &self.only else {
            return self.named.clone();
        };
        let own = paths.iter().filter(|path| only.iter().any(|s| s.covers(path)));
        own.take(SHOWN).cloned().collect()
    }
}

/// Who takes a part: those that take parts, in turn.
pub(super) fn model(row: &JobRow, part: u32) -> Option<Candidate> {
    let at = (part as usize).checked_sub(1)?;
    let models = &row.task.models;
    models.get(at.checked_rem(models.len())?).cloned()
}

/// The queue of a divided job, as far as it has come. The steps are those under its number.
pub(super) fn queue(row: &JobRow, steps: Vec<brisk_store::StepRow>) -> Option<Queue> {
    let mut queue = Queue::new(&row.task.base, &row.task.division)?;
    for (number, end) in &row.ends {
        queue.ended(*number, end.clone());
    }
    for step in steps {
        queue.take(step.step);
    }
    Some(queue)
}
