//! From a task whose place is known to the models that may take it.

use crate::attempt::Work;
use brisk_domain::{Candidate, Intent, Now, Prompt};
use brisk_router::decide::{PER_LINE, Wish};
use brisk_router::live::{Board, NoPlan, Plan, plan};
use brisk_router::shape::{Given, Site, shape};

/// Tokens that a plain edit reads, and writes.
const PLAIN: u32 = 1_000;

/// Who would be asked first for a plain edit in this file.
pub fn edits_first(board: &Board, path: &str, now: Now) -> Option<Candidate> {
    let site = Site {
        path: path.to_owned(),
        lines: None,
        symbol: false,
    };
    let given = Given {
        sites: vec![site],
        interactive: Some(true),
        context_tokens: Some(PLAIN),
        answer_tokens: Some(PLAIN),
        trust: board.trust,
        ..Given::only(Intent::Edit)
    };
    let shape = shape("edit this", &given);
    let wish = Wish {
        lane: None,
        model: None,
    };
    let plan = plan(&board.question(&shape, wish, now)).ok()?;
    plan.legs.into_iter().next().map(|leg| leg.candidate)
}

/// Routes a turn whose place is known. `bytes`: of the text that goes to a model.
pub(super) fn routed(
    prompt: &Prompt,
    work: &Work,
    bytes: usize,
    board: &Board,
    now: Now,
) -> Result<Plan, NoPlan> {
    let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    let named = prompt.targets.iter().map(|target| Site {
        path: target.path.clone(),
        lines: target.lines.map(|(a, b)| count(b.saturating_sub(a) + 1)),
        symbol: target.symbol.is_some(),
    });
    let found = work.files.keys().map(|path| Site {
        path: path.clone(),
        lines: None,
        symbol: false,
    });
    let given = Given {
        sites: named.collect(),
        found: found.collect(),
        interactive: Some(true),
        context_tokens: Some(count(bytes / 4 + 600)),
        answer_tokens: match prompt.intent {
            Intent::Edit => Some(count(work.place.span.len()).saturating_mul(PER_LINE)),
            Intent::Ask => None,
        },
        trust: board.trust,
        latency: prompt.latency,
        ..Given::only(prompt.intent)
    };
    let shape = shape(&work.request, &given);
    let wish = Wish {
        lane: prompt.lane,
        model: prompt.model.as_ref(),
    };
    plan(&board.question(&shape, wish, now))
}
