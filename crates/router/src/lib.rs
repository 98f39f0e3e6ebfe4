//! TaskShape and fleet state to a Route with reasons.
//!
//! Pure: the same shape, choice and fleet give the same route. Eligibility is hard and comes first; an unknown fact
//! denies; a person's explicit choice is rule 0 and subject to eligibility like any other; else the first eligible
//! candidate in the order of the configuration wins, the fast lane before the slow one.
//!
//! Two doors. [`route`] is the live lane's: which of its models may take an edit whose place is known. [`decide`] is the
//! whole decision: [`shape`](shape::shape) reads the task, [`policy`] holds the person's and the repository's words,
//! [`quota`] and [`breaker`] what is left and what is up, [`score`] the rest; [`hedge`] and [`speed`] serve whoever then
//! asks the model.

pub mod breaker;
pub mod decide;
mod eligible;
pub mod fleet;
pub mod hedge;
pub mod policy;
pub mod quota;
mod refuse;
pub mod scale;
pub mod score;
pub mod shape;
pub mod speed;

use brisk_domain::{Candidate, Lane, ModelId, Reason, Route, TaskShape};
pub use eligible::{ANSWER_FLOOR_TOKENS, ANSWER_TOKENS_PER_LINE, Why, eligible, tokens_needed};
pub use refuse::{Next, NoRoute, Refusal};

/// The models that are configured, by lane, in the order of preference.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Fleet {
    /// For live edits.
    pub fast: Vec<Candidate>,
    /// For delegated work.
    pub slow: Vec<Candidate>,
}

impl Fleet {
    fn lanes(&self) -> [(Lane, &[Candidate]); 2] {
        [(Lane::Fast, &self.fast), (Lane::Slow, &self.slow)]
    }

    fn all(&self) -> impl Iterator<Item = &Candidate> {
        self.fast.iter().chain(&self.slow)
    }
}

/// Chooses lane and model for a task.
///
/// Fallbacks are the eligible candidates after the choice, of the same lane, in order. A model that the person named
/// has none but its own further entries: whoever names a model does not want another one unasked.
///
/// # Errors
/// [`NoRoute`] when no candidate is eligible; it says for each why, and what to do next.
pub fn route(shape: &TaskShape, explicit: Option<&ModelId>, fleet: &Fleet) -> Result<Route, NoRoute> {
    let mut refused = Vec::new();
    for (lane, candidates) in fleet.lanes() {
        let mut fits: Vec<Candidate> = Vec::new();
        for candidate in candidates
            .iter()
            .filter(|c| explicit.is_none_or(|model| c.model == *model))
        {
            match eligible(shape, candidate) {
                Ok(()) if fits.contains(candidate) => {}
                Ok(()) => fits.push(candidate.clone()),
                Err(why) => refused.push(Refusal {
                    model: candidate.model.clone(),
                    why,
                }),
            }
        }
        let mut fits = fits.into_iter();
        if let Some(choice) = fits.next() {
            let model = choice.model.clone();
            let rule = match explicit {
                Some(_) => Reason::Explicit { model },
                None => Reason::FirstEligible { model },
            };
            let denied = refused.into_iter().map(Reason::from);
            return Ok(Route {
                lane,
                choice,
                fallbacks: fits.collect(),
                reasons: std::iter::once(rule).chain(denied).collect(),
            });
        }
    }
    Err(NoRoute::new(shape, explicit, fleet, refused))
}
