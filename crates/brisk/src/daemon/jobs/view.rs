//! Jobs as people see them: what stands in the store, and what runs now.

use super::{Jobs, errand, lock, refusal};
use brisk_domain::job::{AttemptId, QUEUE, Step};
use brisk_domain::parts::{Division, Part};
use brisk_domain::{JobId, ModelId};
use brisk_lanes::slow::Queue;
use brisk_protocol::ErrorBody;
use brisk_protocol::jobs::{AttemptView, JobView, PartView, SplitView};
use brisk_store::JobRow;

/// What an attempt does that waits until a person has their answer.
pub(super) const PAUSED: &str = "paused for you";

impl Jobs {
    /// One job as it is now.
    pub(crate) fn view(&self, job: JobId) -> Result<JobView, ErrorBody> {
        let row = self.store().job(job).map_err(refusal)?;
        self.view_of(row)
    }

    /// The newest jobs of a repository, or of all.
    pub(crate) fn list(
        &self,
        root: Option<&std::path::Path>,
        limit: usize,
    ) -> Result<Vec<JobView>, ErrorBody> {
        // Jobs are few: those of other repositories are passed over here.
        let rows = self.store().jobs(usize::MAX).map_err(refusal)?;
        rows.into_iter()
            .filter(|row| root.is_none_or(|root| row.root == root))
            .take(limit)
            .map(|row| self.view_of(row))
            .collect()
    }

    fn view_of(&self, row: JobRow) -> Result<JobView, ErrorBody> {
        let held = lock(&self.held).get(&row.id).cloned();
        let doing = |number: u32| {
            let held = held.as_ref()?;
            let attempts = lock(&held.attempts);
            let live = attempts.get(&number)?;
            match &live.asks {
                Some(model) if self.models.rests(model) => Some(PAUSED.to_owned()),
                Some(_) | None => Some(live.doing.clone()),
            }
        };
        let queue = match row.task.division {
            Division::Whole => None,
            Division::Asked | Division::Given(_) => {
                let id = AttemptId {
                    job: row.id,
                    number: QUEUE,
                };
                errand::queue(&row, self.store().steps(id, 1).map_err(refusal)?)
            }
        };
        let mut attempts = Vec::new();
        for (number, part, model) in tries(&row, queue.as_ref()) {
            let id = AttemptId { job: row.id, number };
            let steps = self.store().steps(id, 1).map_err(refusal)?;
            let end = row.ends.iter().find(|(n, _)| *n == number);
            let mut view = AttemptView {
                number,
                part,
                model,
                doing: String::new(),
                steps: steps.len() as u64,
                rounds: 0,
                tokens: row.spent_by(number).tokens,
                micros: row.spent_by(number).micros,
                strategy: match part {
                    Some(_) => String::new(),
                    None => strategy_of(&row, number),
                },
                plan: Vec::new(),
                end: end.map(|(_, end)| end.clone()),
            };
            for step in steps {
                if let Some(plan) = brisk_lanes::slow::plan_in(&step.step) {
                    view.plan = plan;
                }
                view.rounds += u64::from(matches!(step.step, Step::Checked(_)));
            }
            if view.end.is_none() {
                view.doing = doing(number).unwrap_or_default();
            }
            attempts.push(view);
        }
        let spent = row.spent();
        Ok(JobView {
            job: row.id,
            split: queue.map(|queue| SplitView {
                parts: parts_of(&queue),
                doing: doing(QUEUE).unwrap_or_default(),
            }),
            root: row.root,
            text: row.task.text,
            base: row.task.base,
            made_us: row.made_us,
            paused: row.paused,
            undone: false,
            budget: row.task.budget,
            spent,
            state: row.state,
            attempts,
        })
    }
}

/// Every attempt that there is: its number, its part, who tries.
fn tries(row: &JobRow, queue: Option<&Queue>) -> Vec<(u32, Option<u32>, ModelId)> {
    match queue {
        None => {
            let models = row.task.models.iter().map(|c| c.model.clone());
            (1..).zip(models).map(|(n, model)| (n, None, model)).collect()
        }
        Some(queue) => {
            let goes = queue.goes().into_iter();
            goes.filter_map(|go| Some((go.number, Some(go.part), errand::model(row, go.part)?.model)))
                .collect()
        }
    }
}

fn parts_of(queue: &Queue) -> Vec<PartView> {
    let view = |(number, part): (u32, &Part)| PartView {
        number,
        text: part.text.clone(),
        files: part.files.clone(),
        standing: queue.standing(number),
    };
    let parts = queue.parts().into_iter().flat_map(|parts| parts.list());
    (1..).zip(parts).map(view).collect()
}

/// How an attempt goes about it, where the same model tries more than once.
fn strategy_of(row: &JobRow, number: u32) -> String {
    let models = &row.task.models;
    let own = models.get(number as usize - 1).map(|c| &c.model);
    let earlier = models.iter().take(number as usize - 1);
    let before = earlier.filter(|c| Some(&c.model) == own).count();
    brisk_lanes::slow::strategy(before).trim().to_owned()
}
