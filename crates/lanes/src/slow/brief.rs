//! What an attempt begins with, what it asks of the world, and what a step tells of its plan.

use super::answer::{Answer, Look};
use super::calls::{self, Act};
use brisk_domain::Candidate;
use brisk_domain::job::{AttemptId, Bounds, End, Step};
use brisk_domain::parts::Scope;
use brisk_domain::port::GenerateRequest;
use brisk_domain::tool::{Tool, ToolCall, ToolRequest, Tooling};
use brisk_patch::Text;
use std::collections::BTreeSet;
use std::sync::Arc;

/// What an attempt begins with.
#[derive(Debug, Clone)]
pub struct Brief {
    /// Which attempt.
    pub id: AttemptId,
    /// The person's words.
    pub text: String,
    /// Files that the person named, with their texts.
    pub files: Vec<(String, Text)>,
    /// Every path of the base.
    pub paths: Arc<BTreeSet<String>>,
    /// Paths of the base that are no files: links, and other repositories inside of this one. Nothing is made there, nor
    /// below.
    pub links: Arc<BTreeSet<String>>,
    /// The repository's own instructions (AGENTS.md): told to the model, and no more than told.
    pub instructions: Option<String>,
    /// Who tries.
    pub model: Candidate,
    /// Bounds.
    pub bounds: Bounds,
    /// How many attempts of this job the same model makes before this one: each goes about it in another way.
    pub strategy: usize,
    /// All that it may change, if it is at one part of a task; else anything.
    pub only: Option<Vec<Scope>>,
}

/// What a model may use beside the files. The steps of an attempt mean the same whatever it holds: it only says how the
/// model is asked.
#[derive(Debug, Clone, Default)]
pub struct Kit {
    /// How the model says what it wants.
    pub tooling: Tooling,
    /// Checks of the confirmed policy, by name: they may be run alone.
    pub checks: Vec<String>,
    /// Tools of the person's servers.
    pub tools: Vec<Tool>,
}

/// What is to be done next.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// Ask the model; answer with [`Step::Said`] or [`Step::Faulted`].
    Ask(Box<GenerateRequest>),
    /// Ask the model, which has tools; answer with [`Step::Called`], else as to `Ask`.
    Converse(Box<ToolRequest>),
    /// Look at the base; answer with [`Step::Looked`].
    Look(Vec<Look>),
    /// Run the checks on the base with [`super::Attempt::changed`]; answer with [`Step::Checked`], or
    /// [`Step::Refused`] or [`Step::Untested`] where they cannot run.
    Check,
    /// Nothing: it is over.
    Over(End),
}

/// What a step says of the model's plan, if it does.
pub fn plan_in(step: &Step) -> Option<Vec<String>> {
    let plan = match step {
        Step::Said { text, .. } => Answer::read(text).plan,
        Step::Called { calls, .. } => {
            let plan = |c: &ToolCall| match calls::read(c) {
                Ok(Act::Plan(steps)) => Some(steps),
                Ok(_) | Err(_) => None,
            };
            calls.iter().filter_map(plan).next_back()?
        }
        Step::Looked { .. }
        | Step::Checked(_)
        | Step::Refused { .. }
        | Step::Lacks { .. }
        | Step::Untested { .. }
        | Step::Steered { .. }
        | Step::Faulted { .. }
        | Step::Stopped { .. }
        | Step::Divided { .. }
        | Step::Joined { .. }
        | Step::PutBack { .. } => return None,
    };
    (!plan.is_empty()).then_some(plan)
}
