//! The queue of a divided job, as a pure reducer: its steps and the ends of its attempts in, what is to be done next out.
//!
//! The rule. Each part has an attempt of its own, and all of them begin at the base. A part that passes alone is joined to
//! what is joined by then, lowest number first, and the checks run on the joined tree. What is red there is put aside.
//! Once no attempt works any more, all that is left is put together and checked at once: parts that mend one thing
//! each pass only so. If that is red too, the parts in it are put back, one after the other: each gets one more attempt,
//! at the tree that all of them come to, and is told what the checks said about it. Where a part made nothing, the rest is
//! joined all the same, and nobody is asked to mend it. The job is whole only with evidence about a tree that holds every
//! part.
//!
//! Whoever takes the same steps again stands where it stood, in whatever order the ends of attempts become known.

use super::Brief;
use super::plan::{self, Said};
use brisk_domain::evidence::Tree;
use brisk_domain::job::{End, Partial, PatchSize, Proof, Step};
use brisk_domain::parts::{Division, Part, Parts, Scope, Standing};
use brisk_domain::port::GenerateRequest;
use std::collections::BTreeMap;

/// Plans that are read before a model is given up.
const PLANS: usize = 3;

/// Bytes of what checks said that a part is told.
const TOLD: usize = 4 << 10;

/// One attempt at a part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Go {
    /// Of the attempt.
    pub number: u32,
    /// Of the part.
    pub part: u32,
    /// What it begins at.
    pub from: Tree,
    /// What its model is told.
    pub text: String,
}

/// What one part comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Made {
    /// What it was changed from.
    pub from: Tree,
    /// What it became.
    pub tree: Tree,
}

/// Parts that are to be joined.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Join {
    /// Their numbers.
    pub parts: Vec<u32>,
    /// What is joined already.
    pub onto: Tree,
    /// What they made, in order.
    pub made: Vec<Made>,
}

/// How a divided job ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Every part is joined.
    Whole(Proof),
    /// Not every part.
    Short {
        /// Why, for people.
        why: String,
        /// The best that there is: whose ([`brisk_domain::job::QUEUE`]: what was joined), and what.
        best: Option<(u32, Best)>,
    },
}

/// The best of what is not whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Best {
    /// Parts that pass together.
    Joined(Proof),
    /// What all parts come to, which does not pass.
    Together(Tree),
    /// What the attempt at one of them made.
    Part(Partial),
}

impl Best {
    /// With evidence it passes, and something is missing.
    pub fn passing(proof: &Proof, size: PatchSize) -> Partial {
        Partial {
            tree: proof.tree().clone(),
            size,
            passed: u32::try_from(proof.lines().len()).unwrap_or(u32::MAX),
            failed: 0,
            untested: false,
        }
    }
}

/// Whether the change of a part is still in a tree, of which these paths differ from the base. Checks that pass without
/// it say nothing about it.
pub fn keeps<'a>(part: &[Scope], mut differ: impl Iterator<Item = &'a str>) -> bool {
    differ.any(|path| part.iter().any(|scope| scope.covers(path)))
}

/// What is to be done next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// Ask a model for parts ([`Queue::asks`]); answer with [`Step::Said`], [`Step::Faulted`] or [`Step::Stopped`].
    Plan,
    /// Write down that these are the parts, with [`Step::Divided`].
    Divide(Parts),
    /// Join; answer with [`Step::Joined`] or [`Step::PutBack`]. It costs no model: it is done also when time is up.
    Join(Join),
    /// Let the attempts of [`Queue::to_run`] work until one of them is over.
    Wait,
    /// Nothing: it is over.
    Over(Outcome),
}

/// What all that was left came to.
#[derive(Debug, Clone)]
struct Together {
    parts: Vec<u32>,
    tree: Option<Tree>,
    said: String,
}

/// See the module.
#[derive(Debug, Clone)]
pub struct Queue {
    base: Tree,
    said: Vec<Said>,
    /// The person's words from before there were parts.
    heard: String,
    /// Read, and not written down yet.
    plan: Option<Parts>,
    parts: Option<Parts>,
    ends: BTreeMap<u32, End>,
    joined: Vec<u32>,
    /// About everything that is joined.
    proof: Option<Proof>,
    /// Red with what was joined then.
    aside: BTreeMap<u32, String>,
    together: Option<Together>,
    fault: Option<String>,
}

impl Queue {
    /// Before its first step; `None` for a job that is not divided.
    pub fn new(base: &Tree, division: &Division) -> Option<Queue> {
        let parts = match division {
            Division::Whole => return None,
            Division::Asked => None,
            Division::Given(parts) => Some(parts.clone()),
        };
        Some(Queue {
            base: base.clone(),
            said: Vec::new(),
            heard: String::new(),
            plan: None,
            parts,
            ends: BTreeMap::new(),
            joined: Vec::new(),
            proof: None,
            aside: BTreeMap::new(),
            together: None,
            fault: None,
        })
    }

    /// A step was completed. One that means nothing here changes nothing.
    pub fn take(&mut self, step: Step) {
        match step {
            Step::Said { text, .. } if self.parts.is_none() => match plan::read(&text) {
                Ok(parts) => self.plan = Some(parts),
                Err(why) => self.no_plan(&text, &why),
            },
            Step::Steered { text } => {
                let words = super::words::steered(&text);
                self.heard.push_str(&words);
                self.said.push(Said::Word(words));
            }
            Step::Divided { parts } => self.parts = Some(parts),
            Step::Joined { parts, proof } => {
                self.joined.extend(parts);
                self.proof = Some(proof);
            }
            Step::PutBack { parts, tree, said } if self.is_rest(&parts) => {
                self.together = Some(Together { parts, tree, said });
            }
            Step::PutBack { parts, said, .. } => {
                self.aside
                    .extend(parts.into_iter().map(|part| (part, said.clone())));
            }
            Step::Faulted { message } => self.fault = Some(message),
            Step::Stopped { cause } => self.fault = Some(super::words::stopped(cause).to_owned()),
            Step::Said { .. }
            | Step::Called { .. }
            | Step::Looked { .. }
            | Step::Checked(_)
            | Step::Refused { .. }
            | Step::Lacks { .. }
            | Step::Untested { .. } => {}
        }
    }

    fn no_plan(&mut self, answer: &str, why: &str) {
        self.said.push(Said::Answer(answer.to_owned()));
        self.said.push(Said::Word(plan::refused(why)));
        let answers = self.said.iter().filter(|s| matches!(s, Said::Answer(_)));
        if answers.count() >= PLANS {
            self.fault = Some(format!("{PLANS} answers in a row were no plan; the last: {why}"));
        }
    }

    /// An attempt is over.
    pub fn ended(&mut self, number: u32, end: End) {
        self.ends.insert(number, end);
    }

    /// The parts, once they are known.
    pub fn parts(&self) -> Option<&Parts> {
        self.parts.as_ref()
    }

    /// What a model is asked for the parts. `brief`: the whole task.
    pub fn asks(&self, brief: &Brief) -> GenerateRequest {
        plan::request(brief, &self.said)
    }

    /// What is to be done now.
    pub fn next(&self) -> Next {
        let Some(parts) = &self.parts else {
            return match (&self.fault, &self.plan) {
                (Some(why), _) => Next::Over(Outcome::Short {
                    why: why.clone(),
                    best: None,
                }),
                (None, Some(parts)) => Next::Divide(parts.clone()),
                (None, None) => Next::Plan,
            };
        };
        let alone = |part: &u32| {
            let fresh = !self.joined.contains(part) && self.together.is_none();
            fresh && !self.tried(*part) && self.made(*part).is_some()
        };
        if self.fault.is_none()
            && let Some(part) = parts.numbers().find(alone)
        {
            return self.join(vec![part]);
        }
        if !self.to_run().is_empty() {
            return Next::Wait;
        }
        if let Some(proof) = self.whole() {
            return Next::Over(Outcome::Whole(proof));
        }
        let mut rest = self.left();
        let all = rest.len();
        rest.retain(|part| self.made(*part).is_some());
        // One alone on the base is what its own attempt ended with.
        let known = rest.is_empty() || (rest.len() == 1 && all > 1 && self.joined.is_empty());
        match (&self.together, &self.fault) {
            (None, None) if !known => self.join(rest),
            _ => Next::Over(self.short()),
        }
    }

    /// Whether a part was not to be joined alone, or was and did not pass.
    fn tried(&self, part: u32) -> bool {
        self.aside.contains_key(&part) || !matches!(self.ends.get(&part), Some(End::Proven { .. }))
    }

    /// Whether these were joined as all that was left, and not as one that passes alone. It must not depend on attempts
    /// that may have ended since.
    fn is_rest(&self, parts: &[u32]) -> bool {
        self.left() == parts || parts.iter().all(|part| self.tried(*part))
    }

    fn join(&self, parts: Vec<u32>) -> Next {
        let made = parts.iter().filter_map(|part| self.made(*part));
        Next::Join(Join {
            onto: self.tip().clone(),
            made: made.collect(),
            parts,
        })
    }

    /// Everything that is joined.
    fn tip(&self) -> &Tree {
        self.proof.as_ref().map_or(&self.base, Proof::tree)
    }

    /// Parts that are not joined.
    fn left(&self) -> Vec<u32> {
        let numbers = self.parts.iter().flat_map(Parts::numbers);
        numbers.filter(|part| !self.joined.contains(part)).collect()
    }

    /// What a part's first attempt made, if it is not what it began at.
    fn made(&self, part: u32) -> Option<Made> {
        let tree = match self.ends.get(&part)? {
            End::Proven { proof, .. } => proof.tree(),
            End::Failed { best, .. } => &best.as_ref()?.tree,
        };
        (*tree != self.base).then(|| Made {
            from: self.base.clone(),
            tree: tree.clone(),
        })
    }

    /// Evidence about a tree that holds every part.
    fn whole(&self) -> Option<Proof> {
        let mended = self
            .mends()
            .find_map(|(number, _)| match self.ends.get(&number)? {
                End::Proven { proof, .. } => Some(proof.clone()),
                End::Failed { .. } => None,
            });
        let all = self.left().is_empty().then(|| self.proof.clone()).flatten();
        mended.or(all)
    }

    /// Attempts at what all that is left came to, and their parts. None where a part made nothing: nothing could make
    /// that whole.
    fn mends(&self) -> impl Iterator<Item = (u32, u32)> {
        let first = self.parts.iter().flat_map(Parts::numbers).count();
        let first = u32::try_from(first).unwrap_or(u32::MAX).saturating_add(1);
        let parts = self
            .together
            .iter()
            .filter(|t| t.tree.is_some() && t.parts == self.left())
            .flat_map(|t| &t.parts);
        (first..).zip(parts.copied())
    }

    /// Every attempt that has begun, or may.
    pub fn goes(&self) -> Vec<Go> {
        let Some(parts) = &self.parts else {
            return Vec::new();
        };
        let go = |number, part, from: &Tree, said: Option<&str>| {
            Some(Go {
                number,
                part,
                from: from.clone(),
                text: words(parts, part, said)? + &self.heard,
            })
        };
        let firsts = parts
            .numbers()
            .filter_map(|part| go(part, part, &self.base, None));
        let mut all: Vec<Go> = firsts.collect();
        if let Some(Together {
            tree: Some(tree),
            said,
            ..
        }) = &self.together
        {
            for (number, part) in self.mends() {
                all.extend(go(number, part, tree, Some(said)));
                // The next one works only where this one did not get there.
                if !matches!(self.ends.get(&number), Some(End::Failed { .. })) {
                    break;
                }
            }
        }
        all
    }

    /// Attempts that are to work now.
    pub fn to_run(&self) -> Vec<Go> {
        let mut goes = self.goes();
        goes.retain(|go| !self.ends.contains_key(&go.number));
        goes
    }

    /// Under which numbers somebody may still hear the person: of attempts that are not over, and of those that may
    /// follow. Before there are parts that is the queue, which tells all of them.
    pub fn hearers(&self) -> Vec<u32> {
        if matches!(self.next(), Next::Over(_)) {
            return Vec::new();
        }
        let Some(parts) = &self.parts else {
            return vec![brisk_domain::job::QUEUE];
        };
        let first = u32::try_from(parts.list().len()).unwrap_or(u32::MAX);
        // Nobody is asked to mend what a part is missing from.
        let lacks = |part: &u32| self.ends.contains_key(part) && self.made(*part).is_none();
        let follow = match (&self.together, &self.fault) {
            (None, None) if self.left().iter().any(lacks) => 0,
            (None, None) => first,
            (None, Some(_)) => 0,
            (Some(_), _) => u32::try_from(self.mends().count()).unwrap_or(u32::MAX),
        };
        let numbers = 1..=first.saturating_add(follow);
        numbers.filter(|n| !self.ends.contains_key(n)).collect()
    }

    /// Whether no attempt works or waits to, and only what parts come to is checked: an attempt follows only where that
    /// does not pass.
    pub fn only_joins(&self) -> bool {
        self.parts.is_some() && self.to_run().is_empty()
    }

    /// Where a part stands.
    pub fn standing(&self, part: u32) -> Standing {
        let next = self.next();
        let why = self.why_not(part);
        match (&next, why) {
            (Next::Over(Outcome::Whole(_)), _) => Standing::Joined,
            _ if self.joined.contains(&part) => Standing::Joined,
            (Next::Over(Outcome::Short { .. }), why) => Standing::LeftOut {
                why: why.unwrap_or_else(|| self.fault.clone().unwrap_or_default()),
            },
            (_, Some(why)) if self.aside.contains_key(&part) || self.together.is_some() => {
                Standing::PutBack { why }
            }
            (_, _) => match self.ends.get(&part) {
                None => Standing::Open,
                Some(End::Proven { .. }) => Standing::Proven,
                Some(End::Failed { .. }) => Standing::Unproven,
            },
        }
    }

    /// What is in a part's way, if something is.
    fn why_not(&self, part: u32) -> Option<String> {
        let first = |said: &str| said.lines().next().unwrap_or_default().to_owned();
        let own = match self.ends.get(&part) {
            Some(End::Failed { why, best: None }) => Some(why.clone()),
            Some(End::Failed { .. } | End::Proven { .. }) | None => None,
        };
        let together = self.together.as_ref().filter(|t| t.parts.contains(&part));
        own.or_else(|| {
            together
                .map(|t| &t.said)
                .or_else(|| self.aside.get(&part))
                .map(|said| format!("with the other parts: {}", first(said)))
        })
        .or_else(|| match self.ends.get(&part) {
            Some(End::Failed { why, .. }) => Some(why.clone()),
            Some(End::Proven { .. }) | None => None,
        })
    }

    fn short(&self) -> Outcome {
        let mut whys: Vec<String> = self.fault.iter().cloned().collect();
        for part in self.left() {
            whys.extend(self.why_not(part).map(|why| format!("part {part}: {why}")));
        }
        let together = self.together.as_ref().and_then(|t| t.tree.clone());
        let queue = |best| (brisk_domain::job::QUEUE, best);
        let partial = || {
            let partials = self.ends.iter().filter_map(|(number, end)| match end {
                End::Failed { best, .. } => Some((*number, best.clone()?)),
                End::Proven { proof, size } => Some((*number, Best::passing(proof, *size))),
            });
            let partials = partials.filter(|(_, partial)| partial.tree != self.base);
            let best = partials.min_by_key(|(_, partial)| partial.rank());
            best.map(|(number, partial)| (number, Best::Part(partial)))
        };
        let joined = self.proof.clone().map(Best::Joined);
        Outcome::Short {
            why: whys.join("; "),
            best: joined
                .or(together.map(Best::Together))
                .map(queue)
                .or_else(partial),
        }
    }
}

/// What the model of a part is told. `said`: what the checks said about all parts together.
fn words(parts: &Parts, number: u32, said: Option<&str>) -> Option<String> {
    let part = parts.get(number)?;
    let names = |part: &Part| {
        let names: Vec<&str> = part.files.iter().map(|f| f.as_str()).collect();
        names.join(", ")
    };
    let mut out = format!("{}\nYou may change only: {}.\n", part.text, names(part));
    let others: Vec<String> = (1..)
        .zip(parts.list())
        .filter(|(n, _)| *n != number)
        .map(|(_, other): (u32, &Part)| format!("- {} ({})\n", other.text, names(other)))
        .collect();
    match said {
        None if others.is_empty() => {}
        None => out.push_str(&format!(
            "Others do this at the same time, and it is not your task:\n{}A check that fails because of theirs is not \
             yours to mend: once your part is done, say so.\n",
            others.concat()
        )),
        Some(said) => {
            let mut end = said.len().min(TOLD);
            while !said.is_char_boundary(end) {
                end -= 1;
            }
            out.push_str(&format!(
                "This was done before, and was put together with these:\n{}You see what came of it. The checks do not \
                 pass on it:\n{}\n",
                others.concat(),
                said.get(..end).unwrap_or_default()
            ));
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests;
