//! Taking a job in: everything that it needs is settled and on disk before the answer.

use super::{Jobs, gate_refusal, refusal};
use crate::daemon::hub::refuse;
use crate::daemon::now;
use crate::exit::Exit;
use crate::verify::{Gate, worktree};
use brisk_domain::evidence::Tree;
use brisk_domain::job::{Bounds, Task};
use brisk_domain::parts::{Division, NoParts, Part, Parts, Scope};
use brisk_domain::{Candidate, Intent, Lane, ModelId};
use brisk_protocol::ErrorBody;
use brisk_protocol::jobs::{Delegate, Delegated, PartWish};
use brisk_router::decide::{Wish, decide, refusal as said, way_out};
use brisk_router::score::price;
use brisk_router::shape::{Given, Site, shape};
use brisk_worktree::{Base as Files, PromoteError, overlooked};

/// Attempts of one job, at most.
const MAX_ATTEMPTS: usize = 16;

/// Tokens of a prompt that is worth sending. What is said in an attempt is kept within the window of its model, whatever
/// that is.
const PROMPT_TOKENS: u32 = 2_000;

impl Jobs {
    /// Takes a job in.
    pub(crate) fn delegate(&self, wish: &Delegate) -> Result<Delegated, ErrorBody> {
        if wish.text.trim().is_empty() {
            return Err(refuse(Exit::Usage, "say what is to be done"));
        }
        let mut gate = Gate::open(&self.home, &wish.cwd).map_err(gate_refusal)?;
        let base = start(&mut gate, wish)?;
        // Without a policy nothing could ever be proved, and what it runs, the person has confirmed.
        let on = gate.base(&base).map_err(gate_refusal)?;
        gate.policy(&on).map_err(gate_refusal)?;
        if let Some(why) = self.fleet.trusts().standing(gate.shadow.root()).bars_work() {
            return Err(refuse(Exit::Policy, why));
        }
        let files = gate.shadow.base(&base).map_err(|e| gate_refusal(worktree(e)))?;
        let division = division(&gate, wish)?;
        let models = self.candidates(wish, &gate)?;
        self.priced(wish, &gate, &models)?;
        let bounds = Bounds::default();
        let Named { files, parts } = named(&gate, &files, wish)?;
        let task = Task {
            text: format!("{}{parts}", wish.text),
            files,
            base: base.clone(),
            draft: wish.with_draft,
            models,
            bounds: Bounds {
                rounds: wish.rounds.unwrap_or(bounds.rounds).max(1),
                minutes: wish.minutes.unwrap_or(bounds.minutes).max(1),
                lines: wish.lines.unwrap_or(bounds.lines).max(1),
            },
            budget: wish.budget,
            rivalry: wish.rivalry,
            division,
            degraded: wish.degraded,
        };
        let job = self.store().enqueue(gate.shadow.root(), &task).map_err(refusal)?;
        self.look();
        self.changed();
        Ok(Delegated {
            job,
            models: task.models.into_iter().map(|c| c.model).collect(),
            base,
        })
    }

    /// Money can only bound models whose price is known.
    fn priced(&self, wish: &Delegate, gate: &Gate, models: &[Candidate]) -> Result<(), ErrorBody> {
        if wish.budget.micros.is_none() {
            return Ok(());
        }
        let board = self.fleet.board(gate.shadow.root(), now());
        let board = board.map_err(|message| refuse(Exit::NoModel, message))?;
        let known = |c: &&Candidate| {
            let member = board.fleet.iter().find(|m| m.model == c.model);
            member.is_some_and(|m| price(m, board.policy.model(&c.model.0)).is_some())
        };
        match models.iter().find(|c| !known(c)) {
            None => Ok(()),
            Some(c) => Err(refuse(
                Exit::Usage,
                format!(
                    "the price of {0} is not known, so money cannot bound it. Next: give its price in the routing policy \
                     ([models.\"{0}\"]), or bound tokens: --budget 20k-tokens",
                    c.model
                ),
            )),
        }
    }

    /// Who tries: those that were named, else whom the router would send it to, the best first; in turn.
    fn candidates(&self, wish: &Delegate, gate: &Gate) -> Result<Vec<Candidate>, ErrorBody> {
        let no_model = |message: String| refuse(Exit::NoModel, message);
        let mut board = self.fleet.board(gate.shadow.root(), now()).map_err(no_model)?;
        // Attempts wait for their turn: that a model is busy now refuses nothing.
        board.ledger = board.ledger.at_rest();
        let given = Given {
            sites: wish.files.iter().map(|f| Site::parse(f)).collect(),
            interactive: Some(false),
            context_tokens: Some(PROMPT_TOKENS),
            trust: board.trust,
            ..Given::only(Intent::Edit)
        };
        let shape = shape(&wish.text, &given);
        let ranked = |model: Option<ModelId>| {
            let wish = Wish {
                lane: Some(Lane::Slow),
                model: model.as_ref(),
            };
            let question = board.question(&shape, wish, now());
            match decide(&question) {
                Ok(decision) => Ok(Vec::from_iter(
                    decision.ranked().iter().map(|r| r.member.candidate()),
                )),
                Err(refused) => {
                    let next = way_out(&question, &refused);
                    Err(no_model(format!("{}. Next: {next}", said(&refused))))
                }
            }
        };
        // A model that was named is subject to every bound, and gets no stand-in.
        let named = |id: &ModelId| {
            if let Some(why) = self.models.lacking(id) {
                return Err(no_model(why));
            }
            if !board.fleet.iter().any(|m| m.model == *id) {
                return Err(no_model(format!(
                    "there is no model {id}; see `brisk model list`"
                )));
            }
            let mut found = ranked(Some(id.clone()))?;
            found.retain(|c| c.model == *id);
            found
                .pop()
                .ok_or_else(|| no_model(format!("{id} may not take this")))
        };
        let who: Vec<Candidate> = match wish.models.is_empty() {
            true => ranked(None)?,
            false => wish.models.iter().map(named).collect::<Result<_, _>>()?,
        };
        let count = match wish.attempts {
            Some(n) => n as usize,
            None if wish.models.is_empty() => 1,
            None => who.len(),
        };
        if wish.attempts.is_some() && (wish.split || !wish.parts.is_empty()) {
            return Err(refuse(
                Exit::Usage,
                "a divided task has one attempt for each of its parts; leave the number of attempts out",
            ));
        }
        if !(1..=MAX_ATTEMPTS).contains(&count) {
            return Err(refuse(
                Exit::Usage,
                format!("1 to {MAX_ATTEMPTS} attempts can be made of one job"),
            ));
        }
        Ok(who.into_iter().cycle().take(count).collect())
    }
}

/// What the work starts from.
fn start(gate: &mut Gate, wish: &Delegate) -> Result<Tree, ErrorBody> {
    if wish.with_draft {
        let tree = gate.tree().map_err(gate_refusal)?;
        // Markers of conflicts are nobody's draft.
        return match overlooked(&tree, &gate.shadow, &mut gate.git) {
            Err(e @ PromoteError::Unmerged { .. }) => Err(refuse(
                Exit::Git,
                format!("{e}. Next: settle them and `git add` them, or delegate without --with-draft"),
            )),
            _ => Ok(tree),
        };
    }
    let rev = wish.base.as_deref().unwrap_or("HEAD");
    let found = gate.git.id(&format!("{rev}^{{tree}}")).map_err(gate_refusal)?;
    let tree = found.ok_or_else(|| {
        let next = match wish.base {
            Some(_) => "name another one",
            None => "commit something first, or delegate --with-draft",
        };
        refuse(Exit::Target, format!("there is no commit {rev}; {next}"))
    })?;
    let objects = gate.base(&tree).map_err(gate_refusal)?.objects;
    gate.take_over(&objects, &tree).map_err(gate_refusal)?;
    Ok(tree)
}

/// Whether it is divided, and how. No file may belong to two parts.
fn division(gate: &Gate, wish: &Delegate) -> Result<Division, ErrorBody> {
    let usage = |e: NoParts| refuse(Exit::Usage, e.to_string());
    match (wish.split, wish.parts.as_slice()) {
        (false, []) => return Ok(Division::Whole),
        (true, []) => return Ok(Division::Asked),
        (true, _) => {
            return Err(refuse(
                Exit::Usage,
                "either say the parts, or let a model divide the task",
            ));
        }
        (false, _) => {}
    }
    let prefix = below(gate, wish);
    let scope = |path: &String| {
        let path = path.strip_prefix("./").unwrap_or(path);
        let path = match prefix.is_empty() {
            true => path.to_owned(),
            false => format!("{prefix}/{path}"),
        };
        Scope::try_from(path)
    };
    let part = |part: &PartWish| {
        Ok(Part {
            text: part.text.clone(),
            files: part.files.iter().map(scope).collect::<Result<_, _>>()?,
        })
    };
    let parts: Vec<Part> = wish
        .parts
        .iter()
        .map(part)
        .collect::<Result<_, _>>()
        .map_err(usage)?;
    Ok(Division::Given(Parts::new(parts).map_err(usage)?))
}

/// The folder that names are relative to, below the root.
fn below(gate: &Gate, wish: &Delegate) -> String {
    let below = wish.cwd.canonicalize().ok();
    let below = below
        .as_deref()
        .and_then(|c| c.strip_prefix(gate.shadow.root()).ok());
    below
        .map(|b| b.to_string_lossy().into_owned())
        .unwrap_or_default()
}

/// What a task is about.
struct Named {
    /// Below the root.
    files: Vec<String>,
    /// Lines and symbols that were named with them, for the words: an attempt has whole files.
    parts: String,
}

/// The files that were named. A name may have a colon: what the commit has as a whole is no place in another file.
fn named(gate: &Gate, files: &Files, wish: &Delegate) -> Result<Named, ErrorBody> {
    let prefix = below(gate, wish);
    let paths = files.paths();
    let (mut out, mut parts) = (Vec::new(), String::new());
    for name in &wish.files {
        let whole = name.strip_prefix("./").unwrap_or(name);
        let below = |plain: &str| match prefix.is_empty() {
            true => plain.to_owned(),
            false => format!("{prefix}/{plain}"),
        };
        let colons = whole.match_indices(':').map(|(at, _)| whole.split_at(at));
        let mut splits = colons.map(|(path, part)| (below(path), part));
        let (path, part) = match paths.contains(&below(whole)) {
            true => (below(whole), ""),
            false => splits
                .find(|(path, _)| paths.contains(path))
                .unwrap_or((below(whole), "")),
        };
        if part.len() > 1 {
            parts.push_str(&format!(" ({path}{part})"));
        }
        if !paths.contains(&path) {
            let of = if wish.with_draft {
                "the worktree"
            } else {
                "the commit that it starts from"
            };
            return Err(refuse(Exit::Target, format!("{path} is not in {of}")));
        }
        out.push(path);
    }
    Ok(Named { files: out, parts })
}
