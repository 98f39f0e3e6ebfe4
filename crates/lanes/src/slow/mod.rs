//! One attempt at a delegated job, as a pure reducer: completed steps in, the next effect out.
//!
//! An attempt has one thing to do at a time ([`Attempt::next`]), and what it is follows from its steps alone: whoever
//! takes the same steps again stands where it stood. That is how a job survives whatever kills its worker.
//!
//! What a model says about its work counts for nothing. An attempt ends well only by [`Checked::Proven`], which holds
//! evidence, and only for a change.

mod answer;
mod edits;
mod rewrite;
mod talk;
mod words;

pub use answer::Look;

use answer::Answer;
use brisk_domain::job::{AttemptId, Bounds, Checked, End, Found, Partial, PatchSize, Step};
use brisk_domain::port::{GenerateRequest, Priority};
use brisk_domain::{CancelReason, Candidate};
use brisk_patch::Text;
use edits::Files;
use rewrite::{Next, Rewriter};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use talk::Talk;

/// Answers in a row that lead nowhere before the attempt is given up.
const WASTED: u32 = 4;

/// Answers for each round of checks, at most.
const ANSWERS_PER_ROUND: u32 = 8;

/// Earlier answers that one is compared with.
const REMEMBERED: usize = 8;

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
    /// The repository's own instructions (AGENTS.md): told to the model, and no more than told.
    pub instructions: Option<String>,
    /// Who tries.
    pub model: Candidate,
    /// Bounds.
    pub bounds: Bounds,
    /// How many attempts of this job the same model makes before this one: each goes about it in another way.
    pub strategy: usize,
}

/// What is to be done next.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// Ask the model; answer with [`Step::Said`] or [`Step::Faulted`].
    Ask(Box<GenerateRequest>),
    /// Look at the base; answer with [`Step::Looked`].
    Look(Vec<Look>),
    /// Run the checks on the base with [`Attempt::changed`]; answer with [`Step::Checked`].
    Check,
    /// Nothing: it is over.
    Over(End),
}

#[derive(Debug, Clone)]
enum State {
    Asking,
    Looking {
        looks: Vec<Look>,
        /// What is to be said before what they find.
        words: String,
    },
    Checking,
    Over(End),
}

/// See the module.
#[derive(Debug, Clone)]
pub struct Attempt {
    id: AttemptId,
    model: Candidate,
    bounds: Bounds,
    files: Files,
    talk: Talk,
    /// For a model that rewrites places instead of talking.
    rewriter: Option<Rewriter>,
    state: State,
    rounds: u32,
    answers: u32,
    wasted: u32,
    earlier: Vec<String>,
    /// The patch has changed since the checks ran.
    unchecked: bool,
    best: Option<Partial>,
}

impl Attempt {
    /// Before its first step.
    pub fn new(brief: Brief) -> Attempt {
        let talk = Talk::new(&brief);
        let rewriter = Rewriter::new(&brief);
        Attempt {
            id: brief.id,
            talk,
            files: Files::new(brief.paths, brief.files),
            model: brief.model,
            bounds: brief.bounds,
            state: match rewriter {
                // It begins with what the checks say about the base.
                Some(_) => State::Checking,
                None => State::Asking,
            },
            rewriter,
            rounds: 0,
            answers: 0,
            wasted: 0,
            earlier: Vec::new(),
            unchecked: false,
            best: None,
        }
    }

    /// What is to be done now.
    pub fn next(&self) -> Effect {
        match &self.state {
            State::Asking => Effect::Ask(Box::new(self.request())),
            State::Looking { looks, .. } => Effect::Look(looks.clone()),
            State::Checking => Effect::Check,
            State::Over(end) => Effect::Over(end.clone()),
        }
    }

    /// Files that differ from the base, with their texts.
    pub fn changed(&self) -> BTreeMap<String, Text> {
        self.files.changed()
    }

    /// How large the patch is.
    pub fn size(&self) -> PatchSize {
        self.files.size()
    }

    /// A step was completed. One that the attempt does not wait for changes nothing.
    pub fn take(&mut self, step: Step) {
        if matches!(self.state, State::Over(_)) {
            return;
        }
        match step {
            Step::Said { text, .. } if matches!(self.state, State::Asking) => self.said(&text),
            Step::Looked { found } => {
                if let State::Looking { words, .. } = &mut self.state {
                    let words = std::mem::take(words);
                    self.looked(words, found);
                }
            }
            Step::Checked(checked) if matches!(self.state, State::Checking) => self.checked(checked),
            Step::Steered { text } => match &mut self.rewriter {
                Some(rewriter) => rewriter.steered(&text),
                None => self.talk.user(&words::steered(&text)),
            },
            Step::Faulted { message } => self.fail(message),
            Step::Stopped { cause } => self.fail(stopped(cause).to_owned()),
            Step::Said { .. } | Step::Checked(_) => {}
        }
    }

    fn request(&self) -> GenerateRequest {
        let cache_key = self.id.job.0 << 8 | u64::from(self.id.number);
        let rewrite = self.rewriter.as_ref().and_then(|r| r.request(cache_key));
        if let Some(request) = rewrite {
            return request;
        }
        GenerateRequest {
            model: self.model.model.clone(),
            messages: self.talk.messages(&self.files.changed_paths()),
            answer_prefix: String::new(),
            stop: Vec::new(),
            prediction: None,
            differ: None,
            keep_close: false,
            max_tokens: talk::answer_tokens(self.model.context),
            cache_key,
            priority: Priority::Background,
        }
    }

    /// What a rewriting model's way leads to.
    fn follow(&mut self, next: Next) {
        self.state = match next {
            Next::Ask => State::Asking,
            Next::Look(looks) => State::Looking {
                looks,
                words: String::new(),
            },
            Next::Check => State::Checking,
            Next::Spent(why) => return self.fail(why),
        };
    }

    fn said(&mut self, text: &str) {
        self.answers += 1;
        if let Some(rewriter) = &mut self.rewriter {
            let next = rewriter.said(&mut self.files, text);
            return match self.too_many() {
                Some(why) => self.fail(why),
                None => self.follow(next),
            };
        }
        self.talk.assistant(text);
        let answer = Answer::read(text);
        let repeated = self.earlier.iter().any(|e| e == text.trim());
        if self.earlier.len() == REMEMBERED {
            self.earlier.remove(0);
        }
        self.earlier.push(text.trim().to_owned());
        if repeated {
            return self.waste(words::REPEATED.to_owned());
        }
        if let Some(why) = self.too_many() {
            return self.fail(why);
        }
        let outcome = self.files.edit(&answer.edits, self.bounds.lines);
        let mut words = outcome.words();
        for unknown in &answer.unknown {
            words.push_str(&words::unknown(unknown));
        }
        self.unchecked |= !outcome.changed.is_empty();
        let mut looks = Vec::new();
        for look in answer
            .looks
            .into_iter()
            .chain(outcome.unread.into_iter().map(Look::whole))
        {
            match self.files.answer(&look) {
                Some(found) => words.push_str(&self.shown(&look, &found)),
                None => looks.push(look),
            }
        }
        if !looks.is_empty() {
            self.wasted = 0;
            self.state = State::Looking { looks, words };
            return;
        }
        let moved = !outcome.changed.is_empty();
        let wants_checks = answer.done || answer.check || (moved && words.is_empty());
        match (wants_checks, outcome.refused, self.unchecked) {
            (true, 0, true) => {
                self.wasted = 0;
                self.state = State::Checking;
            }
            (true, 0, false) if words.is_empty() => {
                let untouched = self.files.changed_paths().is_empty();
                self.waste(
                    if untouched {
                        words::NOTHING_CHANGED
                    } else {
                        words::CHECKED_ALREADY
                    }
                    .to_owned(),
                );
            }
            _ if words.is_empty() => self.waste(words::NO_STEP.to_owned()),
            // Something was edited, shown or listed: that is a way forward. A refusal alone is none.
            _ if moved || (outcome.refused == 0 && answer.unknown.is_empty()) => self.go_on(words),
            _ => self.waste(words),
        }
    }

    fn too_many(&self) -> Option<String> {
        let most = self
            .bounds
            .rounds
            .saturating_add(1)
            .saturating_mul(ANSWERS_PER_ROUND);
        (self.answers > most).then(|| format!("it took more than {most} answers"))
    }

    fn looked(&mut self, mut words: String, found: Vec<Found>) {
        if let Some(rewriter) = &mut self.rewriter {
            for found in &found {
                if let Found::File { path, text } = found {
                    self.files.learn(path, Text::from_str_lossless(text));
                }
            }
            let next = rewriter.looked(&self.files, &found);
            return self.follow(next);
        }
        for found in found {
            match found {
                Found::File { path, text } => {
                    self.files.learn(&path, Text::from_str_lossless(&text));
                    let look = Look::whole(path);
                    let told = self.files.answer(&look).unwrap_or_default();
                    words.push_str(&self.shown(&look, &told));
                }
                Found::Words { text } => {
                    words.push_str(&self.talk.cut(&text));
                    words.push('\n');
                }
            }
        }
        self.go_on(words);
    }

    fn shown(&self, look: &Look, found: &str) -> String {
        format!("{look}:\n{}\n", self.talk.cut(found))
    }

    fn checked(&mut self, checked: Checked) {
        let size = self.size();
        if size.lines == 0
            && let Some(rewriter) = &mut self.rewriter
        {
            // The base: no round of anything that it made.
            let next = match &checked {
                Checked::Proven { .. } => rewriter.judged(&mut self.files, None, ""),
                Checked::Unproven {
                    passed, failed, said, ..
                } => rewriter.judged(&mut self.files, Some((*passed, *failed)), said),
            };
            return self.follow(next);
        }
        self.rounds += 1;
        self.unchecked = false;
        match checked {
            // A proof about the base is none about a change.
            Checked::Proven { .. } if size.lines == 0 => self.waste(words::NOTHING_CHANGED.to_owned()),
            Checked::Proven { proof } => self.state = State::Over(End::Proven { proof, size }),
            Checked::Unproven {
                tree,
                passed,
                failed,
                said,
            } => {
                let rank = |p: &Partial| (std::cmp::Reverse(p.passed), p.failed, p.size);
                let partial = Partial {
                    tree,
                    size,
                    passed,
                    failed,
                };
                if size.lines > 0 && self.best.as_ref().is_none_or(|b| rank(&partial) < rank(b)) {
                    self.best = Some(partial);
                }
                if self.rounds >= self.bounds.rounds {
                    let line = said.lines().next().unwrap_or_default();
                    return self.fail(format!(
                        "not proven after {} rounds of checks: {line}",
                        self.rounds
                    ));
                }
                if let Some(rewriter) = &mut self.rewriter {
                    let next = rewriter.judged(&mut self.files, Some((passed, failed)), &said);
                    return self.follow(next);
                }
                let left = self.bounds.rounds - self.rounds;
                let said = self.talk.cut_head(&said);
                self.go_on(words::red(&said, left));
            }
        }
    }

    fn go_on(&mut self, words: String) {
        self.wasted = 0;
        self.talk.user(&words);
        self.state = State::Asking;
    }

    /// An answer that leads nowhere: the model is told why, a few times.
    fn waste(&mut self, words: String) {
        self.wasted += 1;
        if self.wasted >= WASTED {
            let line = words.lines().next().unwrap_or_default();
            return self.fail(format!("{WASTED} answers in a row led nowhere; the last: {line}"));
        }
        self.talk.user(&words);
        self.state = State::Asking;
    }

    fn fail(&mut self, why: String) {
        let best = self.best.take();
        self.state = State::Over(End::Failed { why, best });
    }
}

fn stopped(cause: CancelReason) -> &'static str {
    match cause {
        CancelReason::OverBudget => "its time was up",
        CancelReason::Stalled => "the model went silent",
        CancelReason::Superseded => "another attempt made it needless",
        CancelReason::Steered
        | CancelReason::Interrupted
        | CancelReason::ClientGone
        | CancelReason::Shutdown => "it was stopped",
    }
}

#[cfg(test)]
mod tests;
