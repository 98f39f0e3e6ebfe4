//! What the same model is asked after an answer that failed.

use super::Attempt;
use crate::check::Flaw;
use crate::place::Kind;
use crate::prompt::Rung;

/// So many answers that differ are asked for before the next model.
const SECOND_CHOICES: usize = 3;

impl Attempt {
    /// The whole file if that is more than the region and short enough, then, where the model only copied, an answer that
    /// differs. None: the next model.
    pub(crate) fn next_rung(&self, flaw: &Flaw, max_whole_file: usize) -> Option<Rung> {
        let work = &self.work;
        if !self.is_rewrite() || work.place.kind != Kind::Rewrite {
            return None;
        }
        let text = work.text();
        let more = work.place.span.len() < text.len() && text.len() <= max_whole_file;
        match self.rung {
            Rung::Region if more => Some(Rung::WholeFile),
            Rung::Region | Rung::WholeFile if *flaw == Flaw::Unchanged => Some(Rung::Differ),
            Rung::Differ if *flaw != Flaw::Unchanged && self.except.len() + 1 < SECOND_CHOICES => {
                Some(Rung::Differ)
            }
            Rung::Region | Rung::WholeFile | Rung::Differ => None,
        }
    }
}
