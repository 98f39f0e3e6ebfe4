//! What decisions were worth, seen from behind: each turn that is over is compared with what the best model would have
//! brought in turns of its class, and decided once more as it would be today.
//!
//! ```text
//! worth of a turn  =  100 x share of its hunks that were kept and not undone (an answered question: 100)
//!                   -   4 x seconds until it was complete, at most 60
//! regret of a turn =  mean worth of the best model of its class - mean worth of the turn's own model there
//! ```
//!
//! Only models with [`ENOUGH`] turns in a class are compared. A model that was never asked there has no worth, so regret
//! is against what was tried.

use crate::shape::Shape;
use brisk_domain::ModelId;
use serde::Serialize;
use std::collections::BTreeMap;

/// Turns of a class below which a model's mean says nothing.
pub const ENOUGH: usize = 3;

/// Seconds of waiting beyond which more cost nothing more.
const LONGEST_S: u64 = 60;

/// How a turn ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// Everything was kept, or the question answered.
    Kept,
    /// Some hunks were kept.
    Partly,
    /// What was kept was undone.
    Undone,
    /// The person said no.
    Rejected,
    /// Nothing usable came.
    Failed,
}

/// A turn that is over and was decided upon.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Past {
    /// Its shape, as it was written down.
    pub shape: Shape,
    /// Who answered.
    pub model: ModelId,
    /// How it ended.
    pub ending: Ending,
    /// Hunks that were kept and not undone; of a question that was answered: 1.
    pub stayed: u32,
    /// Hunks that were offered; of a question: 1.
    pub offered: u32,
    /// Until it was complete, microseconds.
    pub took_us: u64,
}

impl Past {
    /// What it was worth, millipoints.
    pub fn worth(&self) -> i64 {
        let share = i64::from(self.stayed.min(self.offered)) * 100_000 / i64::from(self.offered.max(1));
        let took = self.took_us.min(LONGEST_S * 1_000_000) / 250;
        share - i64::try_from(took).unwrap_or(i64::MAX)
    }

    /// Turns that are alike: kind of work, how far it reaches, what a mistake would cost.
    pub fn class(&self) -> String {
        let or = |name: Option<&'static str>| name.unwrap_or("unknown");
        format!(
            "{} / {} / {}",
            or(self.shape.task.value.map(|v| v.name())),
            or(self.shape.scope.value.map(|v| v.name())),
            or(self.shape.safety.value.map(|v| v.name())),
        )
    }
}

/// One model in one class.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Tried {
    /// Which.
    pub model: ModelId,
    /// Turns that it answered.
    pub turns: usize,
    /// How they ended.
    pub endings: BTreeMap<Ending, usize>,
    /// Mean worth, millipoints.
    pub worth: i64,
}

/// One class of turns.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Class {
    /// Its name.
    pub class: String,
    /// Turns in it.
    pub turns: usize,
    /// Who answered, the most valuable first.
    pub tried: Vec<Tried>,
    /// The best of those with enough turns; none: nobody has.
    pub best: Option<ModelId>,
    /// Mean regret of a turn as it was decided, millipoints. Turns of models with too few turns count none.
    pub regret: i64,
    /// The same, had each been decided as it would be today.
    pub regret_today: i64,
    /// Turns that would go to a model today of which too little is known here, or to nobody.
    pub unknown_today: usize,
}

/// Compares. `today`: whom a shape would go to now.
pub fn hindsight(past: &[Past], today: impl Fn(&Shape) -> Option<ModelId>) -> Vec<Class> {
    let mut classes: BTreeMap<String, Vec<&Past>> = BTreeMap::new();
    for turn in past {
        classes.entry(turn.class()).or_default().push(turn);
    }
    let classes = classes.into_iter();
    let mut out: Vec<Class> = classes.map(|(name, turns)| class(name, &turns, &today)).collect();
    out.sort_by(|a, b| b.turns.cmp(&a.turns).then_with(|| a.class.cmp(&b.class)));
    out
}

fn class(name: String, turns: &[&Past], today: &impl Fn(&Shape) -> Option<ModelId>) -> Class {
    let mut by_model: BTreeMap<&ModelId, Vec<&Past>> = BTreeMap::new();
    for turn in turns {
        by_model.entry(&turn.model).or_default().push(turn);
    }
    let mut tried: Vec<Tried> = by_model.iter().map(|(model, turns)| sum(model, turns)).collect();
    tried.sort_by(|a, b| b.worth.cmp(&a.worth).then_with(|| a.model.cmp(&b.model)));
    let known: Vec<&Tried> = tried.iter().filter(|t| t.turns >= ENOUGH).collect();
    let best = known.first().map(|t| (t.model.clone(), t.worth));
    let regret_of = |model: &ModelId| {
        let own = known.iter().find(|t| t.model == *model)?.worth;
        best.as_ref().map(|(_, worth)| worth - own)
    };
    let (mut then, mut now, mut unknown) = (Vec::new(), Vec::new(), 0);
    for turn in turns {
        then.extend(regret_of(&turn.model));
        match today(&turn.shape).as_ref().and_then(regret_of) {
            Some(regret) => now.push(regret),
            None => unknown += 1,
        }
    }
    Class {
        class: name,
        turns: turns.len(),
        best: best.as_ref().map(|(model, _)| model.clone()),
        regret: mean(&then),
        regret_today: mean(&now),
        unknown_today: unknown,
        tried,
    }
}

fn sum(model: &ModelId, turns: &[&Past]) -> Tried {
    let mut endings = BTreeMap::new();
    for turn in turns {
        *endings.entry(turn.ending).or_default() += 1;
    }
    let worths: Vec<i64> = turns.iter().map(|turn| turn.worth()).collect();
    Tried {
        model: model.clone(),
        turns: turns.len(),
        endings,
        worth: mean(&worths),
    }
}

fn mean(values: &[i64]) -> i64 {
    let count = i64::try_from(values.len()).unwrap_or(i64::MAX).max(1);
    values.iter().sum::<i64>() / count
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shape::{Given, Site, shape};
    use brisk_domain::Intent;
    use proptest::prelude::*;

    fn past(text: &str, model: &str, stayed: u32, took_ms: u64) -> Past {
        let given = Given {
            sites: vec![Site::parse("a.py")],
            ..Given::only(Intent::Edit)
        };
        Past {
            shape: shape(text, &given),
            model: ModelId(model.into()),
            ending: if stayed > 0 {
                Ending::Kept
            } else {
                Ending::Rejected
            },
            stayed,
            offered: 1,
            took_us: took_ms * 1_000,
        }
    }

    #[test]
    fn worth_is_what_stayed_less_the_wait() {
        let cases = [
            (1, 0, 100_000),
            (1, 5_000, 80_000),
            (0, 1_000, -4_000),
            (1, 900_000, -140_000),
        ];
        for (stayed, took_ms, worth) in cases {
            assert_eq!(past("rename x", "m", stayed, took_ms).worth(), worth);
        }
        let partly = Past {
            offered: 4,
            ..past("rename x", "m", 1, 0)
        };
        assert_eq!(partly.worth(), 25_000);
    }

    #[test]
    fn regret_is_against_the_best_that_was_tried() {
        let mut all = Vec::new();
        all.extend((0..4).map(|_| past("rename x", "good", 1, 1_000)));
        all.extend((0..4).map(|_| past("rename x", "bad", 0, 1_000)));
        all.push(past("rename x", "once", 1, 0));
        all.push(past("add a docstring", "good", 1, 1_000));
        let classes = hindsight(&all, |_| Some(ModelId("good".into())));
        let class = &classes[0];
        assert_eq!((class.class.as_str(), class.turns), ("rename / file / normal", 9));
        assert_eq!(class.best, Some(ModelId("good".into())), "one turn is luck");
        assert_eq!((class.regret, class.regret_today), (50_000, 0));
        let bad = class.tried.iter().find(|t| t.model.0 == "bad").unwrap();
        assert_eq!(
            (bad.turns, bad.endings[&Ending::Rejected], bad.worth),
            (4, 4, -4_000)
        );
        let classes = hindsight(&all, |_| Some(ModelId("once".into())));
        assert_eq!(classes[0].unknown_today, 9);
        assert_eq!(classes[1].best, None);
        assert_eq!(hindsight(&[], |_| None), []);
    }

    proptest! {
        /// Nobody is better than the best, and always to choose the best leaves nothing to regret.
        #[test]
        fn regret_is_never_negative(turns in prop::collection::vec((0usize..3, 0u32..2, 0u64..100_000), 0..60)) {
            let all: Vec<Past> = turns.iter()
                .map(|(m, stayed, ms)| past("rename x", ["a", "b", "c"][*m], *stayed, *ms)).collect();
            for class in hindsight(&all, |_| Some(ModelId("a".into()))) {
                prop_assert!(class.regret >= 0 && class.regret_today >= 0);
                if let Some(best) = class.best.clone() {
                    let again = hindsight(&all, |_| Some(best.clone()));
                    prop_assert_eq!(again[0].regret_today, 0);
                }
            }
        }
    }
}
