//! The answer when nobody may take the task: who was asked, why not, what now.

use crate::Fleet;
use crate::eligible::{Why, eligible, tokens_needed};
use brisk_domain::{ModelId, Reason, TaskShape};
use std::fmt;

/// One candidate that was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Which.
    pub model: ModelId,
    /// The bound that it failed.
    pub why: Why,
}

impl From<Refusal> for Reason {
    fn from(refusal: Refusal) -> Reason {
        Reason::Refused {
            model: refusal.model,
            why: refusal.why.to_string(),
        }
    }
}

/// What the person can do so that the task finds a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// Configure a model; there is none.
    Configure,
    /// Take this model, which may take the task as it is.
    Use(ModelId),
    /// Name one of these, the ones that are configured.
    NameOneOf(Vec<ModelId>),
    /// Say how large this model's context window is.
    SetContext(ModelId),
    /// Make the task smaller; this many tokens would fit.
    Narrow {
        /// The largest window of the candidates asked, tokens.
        has: usize,
        /// What the task takes, tokens.
        needs: usize,
    },
}

impl fmt::Display for Next {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Next::Configure => {
                f.write_str("configure a model, or fetch the default one with `brisk model pull`")
            }
            Next::Use(model) => write!(f, "name {model}, which fits, or no model at all"),
            Next::NameOneOf(models) => {
                let names: Vec<&str> = models.iter().map(|m| m.0.as_str()).collect();
                write!(f, "name one of: {}", names.join(", "))
            }
            Next::SetContext(model) => write!(f, "set the context window of {model} in the configuration"),
            Next::Narrow { has, needs } => {
                write!(
                    f,
                    "name fewer lines (FILE:A-B) or fewer files: {needs} tokens are needed, {has} fit"
                )
            }
        }
    }
}

/// No candidate is eligible.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoRoute {
    /// Each candidate that was asked, in order, with its reason.
    pub refused: Vec<Refusal>,
    /// What to do.
    pub next: Next,
}

impl NoRoute {
    pub(crate) fn new(
        shape: &TaskShape,
        explicit: Option<&ModelId>,
        fleet: &Fleet,
        mut refused: Vec<Refusal>,
    ) -> NoRoute {
        if let (Some(model), true) = (explicit, refused.is_empty()) {
            refused.push(Refusal {
                model: model.clone(),
                why: Why::NotConfigured,
            });
        }
        let next = next(shape, fleet, &refused);
        NoRoute { refused, next }
    }
}

/// The cheapest way out first: another model that fits, then another name, then a missing fact, then a smaller task.
fn next(shape: &TaskShape, fleet: &Fleet, refused: &[Refusal]) -> Next {
    if fleet.all().next().is_none() {
        return Next::Configure;
    }
    if let Some(fits) = fleet.all().find(|candidate| eligible(shape, candidate).is_ok()) {
        return Next::Use(fits.model.clone());
    }
    if refused.iter().any(|r| r.why == Why::NotConfigured) {
        let mut names: Vec<ModelId> = Vec::new();
        for candidate in fleet.all().filter(|c| c.context > 0) {
            if !names.contains(&candidate.model) {
                names.push(candidate.model.clone());
            }
        }
        if !names.is_empty() {
            return Next::NameOneOf(names);
        }
    }
    let largest = fleet.all().map(|c| c.context).max().unwrap_or(0);
    match fleet.all().find(|c| c.context == 0) {
        Some(unknown) => Next::SetContext(unknown.model.clone()),
        None => Next::Narrow {
            has: largest,
            needs: tokens_needed(shape),
        },
    }
}

impl fmt::Display for NoRoute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no model can take this")?;
        for (i, refusal) in self.refused.iter().enumerate() {
            let lead = if i == 0 { ": " } else { "; " };
            write!(f, "{lead}{}: {}", refusal.model, refusal.why)?;
        }
        write!(f, ". Next: {}", self.next)
    }
}

impl std::error::Error for NoRoute {}
