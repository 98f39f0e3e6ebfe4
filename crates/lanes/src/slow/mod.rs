//! One attempt at a delegated job, as a pure reducer: completed steps in, the next effect out.
//!
//! An attempt has one thing to do at a time ([`Attempt::next`]), and what it is follows from its steps alone: whoever
//! takes the same steps again stands where it stood. That is how a job survives whatever kills its worker.
//!
//! What a model says about its work counts for nothing. An attempt ends well only by [`Checked::Proven`], which holds
//! evidence, and only for a change.

mod answer;
mod brief;
mod calling;
mod calls;
mod edits;
mod futile;
mod native;
mod plan;
mod queue;
mod rewrite;
mod talk;
mod words;

pub use answer::Look;
pub use brief::{Brief, Effect, Kit, plan_in};
pub use plan::read as read_parts;
pub use queue::{Best, Go, Join, Made, Next as QueueNext, Outcome, Queue, keeps};
pub use words::strategy;

use answer::Answer;
use brisk_domain::Candidate;
use brisk_domain::evidence::Tree;
use brisk_domain::job::{AttemptId, Bounds, Checked, End, Found, Partial, PatchSize, Step};
use brisk_domain::port::{Closeness, GenerateRequest, Message, Priority};
use brisk_domain::tool::{Tool, Tooling};
use brisk_patch::Text;
use calling::Calling;
use edits::{Edit, Files};
use futile::{Futile, Wasted};
use rewrite::{Next, Rewriter};
use std::collections::BTreeMap;
use talk::Talk;

/// Answers with calls for each round of checks, at most.
const CALLS_PER_ROUND: u32 = 24;

/// For how many of them an answer in words counts: it asks for several things at a time.
const WORDS_COUNT: u32 = 3;

/// Earlier answers that one is compared with.
const REMEMBERED: usize = 8;

/// By what a patch was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum How {
    Call,
    Words,
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
    /// It is at one part of a task: what it makes may pass only together with the others.
    share: bool,
    talk: Talk,
    /// What the model may call; empty if it is read in words.
    tools: Vec<Tool>,
    /// Calls that have no results yet.
    calling: Option<Calling>,
    /// For a model that rewrites places instead of talking.
    rewriter: Option<Rewriter>,
    state: State,
    rounds: u32,
    /// As [`WORDS_COUNT`] counts them.
    answers: u32,
    wasted: Wasted,
    earlier: Vec<String>,
    /// By what the patch has changed since the checks ran, if it has.
    unchecked: Option<How>,
    best: Option<Partial>,
    /// See [`Attempt::refused`].
    refused: String,
}

impl Attempt {
    /// Before its first step.
    pub fn new(brief: Brief) -> Attempt {
        Attempt::with(brief, &Kit::default())
    }

    /// The same with more than the files.
    pub fn with(brief: Brief, kit: &Kit) -> Attempt {
        let rewriter = Rewriter::new(&brief);
        let tools = match (kit.tooling, &rewriter) {
            (Tooling::Native, None) => calls::tools(brief.model.format, kit),
            (Tooling::Native, Some(_)) | (Tooling::Words, _) => Vec::new(),
        };
        let talk = Talk::new(&brief, kit, &tools);
        Attempt {
            id: brief.id,
            talk,
            tools,
            calling: None,
            share: brief.only.is_some(),
            files: Files::new(brief.paths, brief.links, brief.files, brief.only),
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
            wasted: Wasted::default(),
            earlier: Vec::new(),
            unchecked: None,
            best: None,
            refused: String::new(),
        }
    }

    /// What is to be done now.
    pub fn next(&self) -> Effect {
        match &self.state {
            State::Asking if self.tools.is_empty() => Effect::Ask(Box::new(self.request())),
            State::Asking => Effect::Converse(Box::new(self.conversation())),
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

    /// What was refused of the answer that came last, as its model is told; empty if nothing was, or if the last step
    /// was no answer.
    pub fn refused(&self) -> &str {
        &self.refused
    }

    /// A step was completed. One that the attempt does not wait for changes nothing.
    pub fn take(&mut self, step: Step) {
        self.refused.clear();
        if matches!(self.state, State::Over(_)) {
            return;
        }
        match step {
            Step::Said { text, .. } if matches!(self.state, State::Asking) => self.said(&text),
            Step::Called { text, calls, .. } if matches!(self.state, State::Asking) => {
                self.called(&text, &calls);
            }
            Step::Looked { found } => {
                if let State::Looking { words, looks } = &mut self.state {
                    let (words, looks) = (std::mem::take(words), std::mem::take(looks));
                    self.looked(words, &looks, found);
                }
            }
            Step::Checked(checked) if matches!(self.state, State::Checking) => self.checked(checked),
            Step::Refused { said } if matches!(self.state, State::Checking) => self.unchanged(said),
            Step::Untested { tree, message } if matches!(self.state, State::Checking) => {
                self.untested(tree);
                self.fail(message);
            }
            Step::Steered { text } => match (&mut self.rewriter, &mut self.calling) {
                (Some(rewriter), _) => rewriter.steered(&text),
                // Nothing stands between a call and its result.
                (None, Some(calling)) => calling.also.push_str(&words::steered(&text)),
                (None, None) => self.talk.user(&words::steered(&text)),
            },
            Step::Faulted { message } => self.fail(message),
            Step::Stopped { cause } => self.fail(words::stopped(cause).to_owned()),
            Step::Said { .. }
            | Step::Called { .. }
            | Step::Checked(_)
            | Step::Refused { .. }
            | Step::Lacks { .. }
            | Step::Untested { .. }
            | Step::Divided { .. }
            | Step::Joined { .. }
            | Step::PutBack { .. } => {}
        }
    }

    fn request(&self) -> GenerateRequest {
        let rewrite = self.rewriter.as_ref().and_then(|r| r.request(self.cache_key()));
        if let Some(request) = rewrite {
            return request;
        }
        let messages = self.talk.messages(&self.files.changed_paths());
        self.plain(messages)
    }

    fn plain(&self, messages: Vec<Message>) -> GenerateRequest {
        GenerateRequest {
            model: self.model.model.clone(),
            messages,
            answer_prefix: String::new(),
            stop: Vec::new(),
            prediction: None,
            differ: None,
            closeness: Closeness::Free,
            max_tokens: talk::answer_tokens(self.model.context),
            cache_key: self.cache_key(),
            priority: Priority::Background,
        }
    }

    fn cache_key(&self) -> u64 {
        self.id.job.0 << 8 | u64::from(self.id.number)
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

    /// An answer in words. What it leads to does not depend on the tools that there are now: steps of a model that had
    /// none are taken again when it has some, and the other way round.
    fn said(&mut self, text: &str) {
        self.answers += WORDS_COUNT;
        if let Some(rewriter) = &mut self.rewriter {
            let next = rewriter.said(&mut self.files, text);
            return match self.too_many() {
                Some(why) => self.fail(why),
                None => self.follow(next),
            };
        }
        self.talk.assistant(text);
        let answer = Answer::read(text);
        if self.repeats(text.trim()) {
            return self.vain(Futile::Repeated(text.to_owned()));
        }
        if let Some(why) = self.too_many() {
            return self.fail(why);
        }
        let outcome = self.files.edit(&Edit::in_words(answer.edits), self.bounds.lines);
        let mut words = outcome.words();
        for unknown in &answer.unknown {
            words.push_str(&words::unknown(unknown));
        }
        self.refused.push_str(&words);
        if !outcome.changed.is_empty() {
            self.unchecked = Some(How::Words);
        }
        if !outcome.unread.is_empty() {
            // They are shown now: the same edit may go in.
            self.earlier.clear();
        }
        let mut looks = Vec::new();
        let (mut shown, mut refused) = (0, 0);
        for look in answer
            .looks
            .into_iter()
            .chain(outcome.unread.into_iter().map(Look::whole))
        {
            if let Some(why) = self.files.refusal(&look) {
                words.push_str(&format!("{why}\n"));
                self.refused.push_str(&format!("{why}\n"));
                refused += 1;
                continue;
            }
            match self.files.answer(&look) {
                Some(found) => {
                    words.push_str(&self.shown(&look, &found));
                    shown += 1;
                }
                None => looks.push(look),
            }
        }
        if !looks.is_empty() {
            self.state = State::Looking { looks, words };
            return;
        }
        let moved = !outcome.changed.is_empty();
        let wants_checks = answer.done || answer.check || (moved && words.is_empty());
        match (wants_checks, outcome.refused, self.unchecked.is_some()) {
            (true, 0, true) => {
                self.wasted.forget();
                self.state = State::Checking;
            }
            (true, 0, false) if words.is_empty() && self.hands_over() => {}
            (true, 0, false) if words.is_empty() => {
                let untouched = self.files.changed_paths().is_empty();
                self.vain(match untouched {
                    true => Futile::NothingChanged,
                    false => Futile::CheckedAlready,
                });
            }
            // Who calls tools and stops calling them is ready, whatever it says.
            _ if words.is_empty() && self.unchecked == Some(How::Call) => self.state = State::Checking,
            // That the person hears what is planned is no step by itself, but a good beginning.
            _ if words.is_empty() && !answer.plan.is_empty() => self.waste(Futile::Planned),
            _ if words.is_empty() && self.tools.is_empty() => self.vain(Futile::NoStep),
            _ if words.is_empty() => self.vain(Futile::NoCall),
            _ if !moved && shown == 0 && refused > 0 => self.waste(Futile::Refused(words)),
            // Something was edited, shown or listed: that is a way forward. A refusal alone is none.
            _ if moved || (outcome.refused == 0 && answer.unknown.is_empty()) => self.go_on(words),
            _ => self.waste(Futile::Refused(words)),
        }
    }

    /// A part that was checked, and with which its model is ready: what it is worth shows with the others.
    fn hands_over(&mut self) -> bool {
        let ready = self.share && self.best.is_some();
        if ready {
            self.fail(words::HANDED_OVER.to_owned());
        }
        ready
    }

    /// Whether an answer was given before. One that was is no way forward.
    fn repeats(&mut self, answer: &str) -> bool {
        let repeated = self.earlier.iter().any(|e| e == answer);
        if self.earlier.len() == REMEMBERED {
            self.earlier.remove(0);
        }
        self.earlier.push(answer.to_owned());
        repeated
    }

    fn too_many(&self) -> Option<String> {
        let most = self
            .bounds
            .rounds
            .saturating_add(1)
            .saturating_mul(CALLS_PER_ROUND);
        let each = if self.tools.is_empty() { WORDS_COUNT } else { 1 };
        (self.answers > most).then(|| format!("it took more than {} answers", most / each))
    }

    fn looked(&mut self, mut words: String, looks: &[Look], found: Vec<Found>) {
        if let Some(rewriter) = &mut self.rewriter {
            for found in &found {
                if let Found::File { path, text } = found {
                    self.files.learn(path, Text::from_str_lossless(text));
                }
            }
            let next = rewriter.looked(&self.files, &found);
            return self.follow(next);
        }
        let mut refused = !found.is_empty();
        let told: Vec<(bool, String)> = self.told(looks, found);
        if let Some(mut calling) = self.calling.take() {
            let targets = std::mem::take(&mut calling.looks);
            for (call, (good, text)) in targets.into_iter().zip(told) {
                match good {
                    true => calling.show(call, &text),
                    false => calling.refuse(call, Futile::Refused(text)),
                }
            }
            return self.settle(calling);
        }
        for (good, text) in told {
            refused &= !good;
            words.push_str(&text);
        }
        match refused {
            true => self.waste(Futile::Refused(words)),
            false => self.go_on(words),
        }
    }

    /// What each look found, for the model, and whether it is more than a refusal.
    fn told(&mut self, looks: &[Look], found: Vec<Found>) -> Vec<(bool, String)> {
        let mut out = Vec::new();
        for (look, found) in looks.iter().zip(found) {
            out.push(match found {
                Found::File { path, text } => {
                    self.files.learn(&path, Text::from_str_lossless(&text));
                    (
                        true,
                        self.shown(look, &self.files.answer(look).unwrap_or_default()),
                    )
                }
                Found::Words { text } => (true, format!("{}\n", self.talk.cut(&text))),
                Found::Refused { text } => (false, format!("{}\n", self.talk.cut(&text))),
            });
        }
        out
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
        self.unchecked = None;
        match checked {
            // A proof about the base is none about a change.
            Checked::Proven { .. } if size.lines == 0 => self.waste(Futile::NothingChanged),
            Checked::Proven { proof } => self.state = State::Over(End::Proven { proof, size }),
            Checked::Unproven {
                tree,
                passed,
                failed,
                said,
            } => {
                let partial = Partial {
                    tree,
                    size,
                    passed,
                    failed,
                    untested: false,
                };
                // What else a part does may show only with the others: of two that are as red, the newer has more of it.
                let red = |p: &Partial| (std::cmp::Reverse(p.passed), p.failed);
                let better = |b: &Partial| match self.share {
                    true => red(&partial) <= red(b),
                    false => (red(&partial), partial.size) < (red(b), b.size),
                };
                if size.lines > 0 && self.best.as_ref().is_none_or(better) {
                    self.best = Some(partial);
                }
                if self.rounds >= self.bounds.rounds {
                    return self.fail(words::unproven(self.rounds, &said));
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

    /// What it made is no change that could be checked. It is not what the model is ready with, whatever else there is.
    fn unchanged(&mut self, said: String) {
        self.rounds += 1;
        if self.rounds >= self.bounds.rounds {
            return self.fail(words::unproven(self.rounds, &said));
        }
        match &mut self.rewriter {
            Some(rewriter) => {
                let next = rewriter.judged(&mut self.files, Some((0, 0)), &said);
                self.follow(next);
            }
            None => self.waste(Futile::Refused(said)),
        }
    }

    /// Kept to be looked at where there is nothing that was checked.
    fn untested(&mut self, tree: Tree) {
        let size = self.size();
        if size.lines > 0 && self.best.is_none() {
            self.best = Some(Partial {
                tree,
                size,
                passed: 0,
                failed: 0,
                untested: true,
            });
        }
    }

    fn go_on(&mut self, words: String) {
        self.wasted.forget();
        self.tell(&words, true);
        self.state = State::Asking;
    }

    /// Words for the model: the result of the call that waits for them, if one does.
    fn tell(&mut self, words: &str, good: bool) {
        let Some(mut calling) = self.calling.take() else {
            return self.talk.user(words);
        };
        let call = calling.check.unwrap_or_default();
        match good {
            true => calling.say(call, words),
            false => calling.refuse(call, Futile::Refused(words.to_owned())),
        }
        self.answer_calls(calling);
    }

    /// An answer that is refused as a whole.
    fn vain(&mut self, futile: Futile) {
        self.refused.push_str(futile.told());
        self.waste(futile);
    }

    /// An answer that leads nowhere: the model is told why, a few times.
    fn waste(&mut self, futile: Futile) {
        if let Some(why) = self.wasted.add(&futile) {
            return self.fail(why);
        }
        self.tell(futile.told(), false);
        self.state = State::Asking;
    }

    fn fail(&mut self, why: String) {
        let best = self.best.take();
        self.state = State::Over(End::Failed { why, best });
    }
}

#[cfg(test)]
mod tests;
