//! Conditions as unions of boxes, so that a lint can say whether one covers another, or nothing at all.

use super::when::{FactName, Test, When};
use crate::scale::Set;
use std::collections::BTreeMap;

/// Boxes beyond which a lint does not look: it would take too long, and says nothing instead.
const MAX_BOXES: usize = 256;

/// Bounds on several facts at once.
#[derive(Debug, Clone, Default)]
pub(super) struct Cell<'a> {
    sets: BTreeMap<FactName, Set>,
    ranges: BTreeMap<FactName, (u32, u32)>,
    others: Vec<&'a Test>,
}

impl<'a> Cell<'a> {
    fn with(mut self, test: &'a Test) -> Cell<'a> {
        match test {
            Test::In { fact, set } => {
                let own = self.sets.entry(*fact).or_insert(Set::ALL);
                *own = own.and(*set);
            }
            Test::Between { fact, min, max } => {
                let own = self.ranges.entry(*fact).or_insert((0, u32::MAX));
                *own = (own.0.max(*min), own.1.min(*max));
            }
            Test::Needs(_) | Test::Paths(_) => self.others.push(test),
        }
        self
    }

    /// The first fact that no value can satisfy.
    pub(super) fn empty(&self) -> Option<FactName> {
        let set = self.sets.iter().find(|(_, s)| s.is_empty()).map(|(f, _)| *f);
        set.or_else(|| self.ranges.iter().find(|(_, (a, b))| a > b).map(|(f, _)| *f))
    }

    /// Whether everything in this box is in the other one. Known facts of this one are known in the other.
    fn within(&self, other: &Cell<'_>) -> bool {
        let sets = other
            .sets
            .iter()
            .all(|(fact, wide)| self.sets.get(fact).is_some_and(|own| own.within(*wide)));
        let ranges = other
            .ranges
            .iter()
            .all(|(fact, (min, max))| self.ranges.get(fact).is_some_and(|(a, b)| a >= min && b <= max));
        let others = other.others.iter().all(|wide| {
            self.others.iter().any(|own| match (own, wide) {
                (Test::Needs(a), Test::Needs(b)) => a.within(*b),
                (Test::Paths(a), Test::Paths(b)) => a.iter().all(|glob| b.contains(glob)),
                (Test::In { .. } | Test::Between { .. } | Test::Needs(_) | Test::Paths(_), _) => false,
            })
        });
        sets && ranges && others
    }
}

/// The boxes of a condition; `None` when there are too many.
pub(super) fn boxes(when: &When) -> Option<Vec<Cell<'_>>> {
    let all = multiply(vec![Cell::default()], when)?;
    (all.len() <= MAX_BOXES).then_some(all)
}

fn multiply<'a>(boxes: Vec<Cell<'a>>, when: &'a When) -> Option<Vec<Cell<'a>>> {
    let out = match when {
        When::Is(test) => boxes.into_iter().map(|b| b.with(test)).collect(),
        When::All(parts) => parts.iter().try_fold(boxes, multiply)?,
        When::Any(parts) => {
            let mut out = Vec::new();
            for part in parts {
                out.extend(multiply(boxes.clone(), part)?);
            }
            out
        }
    };
    (out.len() <= MAX_BOXES).then_some(out)
}

/// Whether whatever `inner` takes was taken by `outer` before.
pub(super) fn covers(outer: &[Cell<'_>], inner: &[Cell<'_>]) -> bool {
    inner
        .iter()
        .filter(|b| b.empty().is_none())
        .all(|own| outer.iter().any(|wide| own.within(wide)))
}
