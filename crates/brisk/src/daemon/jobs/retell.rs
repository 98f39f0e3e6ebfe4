//! What an attempt did, step by step, with what was refused of its answers. The latter is not written down: an attempt is
//! what its steps make it, so whoever takes them again hears the same.

use super::errand::{self, Errand};
use super::{Jobs, refusal};
use crate::verify::Gate;
use brisk_domain::job::{AttemptId, QUEUE};
use brisk_lanes::slow::{Attempt, Kit};
use brisk_protocol::ErrorBody;
use brisk_protocol::jobs::{StepView, StepsReply};
use brisk_store::{JobRow, StepRow};

impl Jobs {
    /// What an attempt did, from a step on.
    pub(crate) fn steps(&self, id: AttemptId, from: u64) -> Result<StepsReply, ErrorBody> {
        let row = self.store().job(id.job).map_err(refusal)?;
        let steps = self.store().steps(id, 1).map_err(refusal)?;
        let mut attempt = match id.number {
            QUEUE => None,
            _ => self.again(&row, id)?,
        };
        let view = |s: StepRow| StepView {
            seq: s.seq,
            at_us: s.at_us,
            refused: attempt.as_mut().and_then(|attempt| {
                attempt.take(s.step.clone());
                let refused = attempt.refused();
                (!refused.is_empty()).then(|| refused.to_owned())
            }),
            step: s.step,
        };
        let steps = steps.into_iter().map(view).filter(|s| s.seq >= from);
        Ok(StepsReply {
            steps: steps.collect(),
        })
    }

    /// An attempt before its first step; `None`: what it began at is not there any more.
    fn again(&self, row: &JobRow, id: AttemptId) -> Result<Option<Attempt>, ErrorBody> {
        let of_queue = AttemptId { number: QUEUE, ..id };
        let steps = self.store().steps(of_queue, 1).map_err(refusal)?;
        let errand = match errand::queue(row, steps) {
            None => Errand::whole(row, id.number),
            Some(queue) => {
                let go = queue.goes().into_iter().find(|go| go.number == id.number);
                go.and_then(|go| Errand::part(row, &queue, go))
            }
        };
        let Some(errand) = errand else { return Ok(None) };
        // A repository that is gone takes nothing from the steps.
        let Ok(gate) = Gate::open(&self.home, &row.root) else {
            return Ok(None);
        };
        let Ok(files) = gate.shadow.base(&errand.from) else {
            return Ok(None);
        };
        let brief = errand.brief(&gate, &files, row, id);
        let kit = Kit {
            tooling: self.models.tooling(&brief.model.model),
            ..Kit::default()
        };
        Ok(Some(Attempt::with(brief, &kit)))
    }
}
