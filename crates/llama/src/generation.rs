//! One request at work: prefix from the cache, prefill, then steps that check drafts against the model's own choice.

use crate::Token;
use crate::cache::Cache;
use crate::choice::{Choice, SURE, choose};
use crate::detour::{Detour, Junction};
use crate::draft::{Drafter, Guess, Kind};
use crate::ffi::{Interrupt, Machine, STEP_ROWS, STEP_TOKENS, StepError};
use crate::output::{Emitted, Output, repeats_itself};
use crate::pace::Pace;
use crate::threads::Threads;
use crate::vocabulary;
use brisk_domain::port::{
    Closeness, Fault, FaultSource, Finish, GenerateRequest, ModelEvent, Priority, Retry, Sink, Usage,
};
use std::time::Instant;

/// How far a generation came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Progress {
    /// Over; the sink has been told.
    Ended,
    /// Interrupted between two steps or within one; it can be continued or forgotten.
    Interrupted,
}

/// What the steps work on.
pub(crate) struct Desk<'a> {
    pub(crate) machine: &'a mut Machine,
    pub(crate) cache: &'a mut Cache,
    pub(crate) pace: &'a mut Pace,
    pub(crate) threads: &'a mut Threads,
}

/// A generation, able to stop after any step and go on later, even when its sequence was taken in between.
pub(crate) struct Generation {
    request: GenerateRequest,
    sink: Sink,
    leeway: Option<f32>,
    /// The prompt, then the answer.
    tokens: Vec<Token>,
    usage: Usage,
    started: bool,
    output: Output,
    drafter: Option<Drafter>,
    /// There when the answer must not be a copy.
    detour: Option<Detour>,
    /// Tokens that were taken back.
    taken_back: usize,
    /// Bytes of the answer.
    answer: Vec<u8>,
    checked_for_loops: usize,
}

impl Generation {
    /// Takes a request; tells the sink that it was taken. With a `leeway` the answer is decoded token by token and keeps
    /// to the prediction wherever the logit of its token is less than the greatest by no more than that.
    ///
    /// # Errors
    /// The sink has been told when the prompt does not fit.
    pub(crate) fn new(
        request: GenerateRequest,
        leeway: Option<f32>,
        sink: Sink,
        machine: &Machine,
    ) -> Option<Self> {
        sink(ModelEvent::Sent);
        let tokens = vocabulary::prompt(machine.model(), &request);
        if tokens.len() >= machine.window() {
            let message = format!(
                "the prompt has {} tokens and this model's window holds {}: \
                 name fewer files or a smaller region, or choose a model with a larger window",
                tokens.len(),
                machine.window()
            );
            sink(ModelEvent::Failed {
                fault: Fault {
                    source: FaultSource::Request,
                    retry: Retry::Elsewhere,
                    message,
                },
            });
            return None;
        }
        let usage = Usage {
            input: tokens.len(),
            ..Usage::default()
        };
        let output = Output::new(&request.stop);
        let drafter = drafter(&request);
        let detour = request
            .differ
            .as_ref()
            .zip(request.prediction.as_deref())
            .map(|(differ, text)| {
                let ending = request.stop.first().map_or("", String::as_str);
                let little = request.closeness == Closeness::Throughout;
                Detour::new(text, ending, &differ.except, little)
            });
        Some(Self {
            request,
            sink,
            leeway,
            tokens,
            usage,
            started: false,
            output,
            drafter,
            detour,
            taken_back: 0,
            answer: Vec::new(),
            checked_for_loops: 0,
        })
    }

    /// Works until the answer ends or the interrupt fires.
    pub(crate) fn run(&mut self, desk: &mut Desk<'_>, interrupt: Interrupt<'_>) -> Progress {
        let (slot, mut known) = settle(desk, self.request.cache_key, self.request.priority, &self.tokens);
        if !self.started {
            self.usage.cached = known;
            self.started = true;
        }
        if self.usage.output >= self.request.max_tokens {
            return self.done(Finish::Length);
        }
        loop {
            if interrupt() {
                return Progress::Interrupted;
            }
            let waiting = self.tokens.len() - known;
            if waiting > STEP_TOKENS - STEP_ROWS {
                let end = known + STEP_TOKENS.min(waiting - 1);
                match read_ahead(desk, slot, &self.tokens[known..end], known, interrupt) {
                    Ok(()) => known = end,
                    Err(StepError::Interrupted) => return Progress::Interrupted,
                    Err(StepError::Failed(code)) => return self.broken(code),
                }
                continue;
            }
            let bound = self.detour.as_ref().and_then(|d| d.bound(self.answer.len()));
            let keeps = self.leeway.is_some()
                || self
                    .drafter
                    .as_ref()
                    .is_some_and(|d| d.keeps(self.request.closeness));
            let (draft, beyond, kind) = self.draft(desk, waiting, bound, keeps);
            let batch: Vec<Token> = self.tokens[known..].iter().chain(&draft).copied().collect();
            let threads = if waiting == 1 {
                desk.threads.next()
            } else {
                desk.threads.all()
            };
            desk.machine.set_threads(threads);
            let start = Instant::now();
            if let Err(error) = desk.machine.step(slot, known, &batch, draft.len() + 1, interrupt) {
                desk.machine.truncate(slot, known);
                return match error {
                    StepError::Interrupted => Progress::Interrupted,
                    StepError::Failed(code) => self.broken(code),
                };
            }
            if waiting == 1 {
                let time = start.elapsed();
                desk.threads
                    .took(threads, time.as_secs_f64() / desk.pace.cost(batch.len()));
                desk.pace.took(batch.len(), time);
            }
            let doubts = self.detour.as_ref().is_some_and(Detour::watches);
            let bar = match bound {
                Some(_) if self.drafter.is_some() => f32::INFINITY,
                Some(_) | None if keeps => self.leeway.unwrap_or(SURE),
                Some(_) | None => 0.0,
            };
            let Some(chosen) = choose(desk.machine, &draft, beyond, waiting - 1, doubts, bar) else {
                return self.broken(-1);
            };
            let accepted = chosen.len() - 1;
            desk.pace.judged(kind, draft.len(), accepted);
            if draft.is_empty()
                && let Some((drafter, first)) = self.drafter.as_mut().zip(chosen.first())
                && let piece = vocabulary::piece(&desk.machine.model().vocab(), first.token)
                && let Some((kind, held)) = drafter.foresaw(&piece.bytes)
            {
                desk.pace.guessed(kind, held);
            }
            desk.cache.extend(slot, &batch[..waiting + accepted]);
            known += waiting + accepted;
            desk.machine.truncate(slot, known);
            self.usage.accepted += accepted;
            match self.take(desk, &chosen) {
                Taken::More => {}
                Taken::Ended => return Progress::Ended,
                Taken::Back => {
                    known = known.min(self.tokens.len() - 1);
                    desk.machine.truncate(slot, known);
                    desk.cache.truncate(slot, known);
                }
            }
        }
    }

    /// The draft of the next step, given the tokens that have to be evaluated anyway, and where it comes from. `bound`:
    /// bytes that must be as drafted; then the draft has these only. Where the choice is held to it, by a bound or because
    /// the answer keeps close, the token behind it comes beside it, so that the draft's length decides nothing.
    fn draft(
        &mut self,
        desk: &Desk<'_>,
        waiting: usize,
        bound: Option<usize>,
        keeps: bool,
    ) -> (Vec<Token>, Option<Token>, Kind) {
        let nothing = (Vec::new(), None, Kind::Hunch);
        let Some(drafter) = &mut self.drafter else {
            return nothing;
        };
        let room = desk
            .machine
            .window()
            .saturating_sub(self.tokens.len() + 1)
            .min(self.request.max_tokens.saturating_sub(self.usage.output + 1))
            .min(STEP_ROWS - 1)
            .min(STEP_TOKENS - waiting);
        let Some(Guess { kind, .. }) = drafter.guess(1) else {
            return nothing;
        };
        let wanted = match self.leeway {
            Some(_) => 0,
            None => desk.pace.draft_tokens(kind).min(room),
        };
        if wanted == 0 && bound.is_none() && !keeps {
            return nothing;
        }
        // A token of code is rarely longer than this many bytes; a longer guess costs only its tokenisation.
        let Some(guess) = drafter.guess((wanted + 1) * 10) else {
            return nothing;
        };
        let mut draft = vocabulary::plain(desk.machine.model(), &guess.text);
        draft.truncate(wanted + 1);
        if let Some(bytes) = bound {
            draft.truncate(begin_within(desk, &draft, bytes));
        }
        let last = (draft.len() > wanted).then(|| draft.pop()).flatten();
        let beyond = last.filter(|_| bound.is_some() || keeps);
        (draft, beyond, kind)
    }

    /// Takes chosen tokens into the answer.
    fn take(&mut self, desk: &Desk<'_>, chosen: &[Choice]) -> Taken {
        let vocab = desk.machine.model().vocab();
        let mut text = String::new();
        let mut finish = None;
        for choice in chosen {
            let piece = vocabulary::piece(&vocab, choice.token);
            if let Some((detour, second)) = self.detour.as_mut().zip(choice.second) {
                let other = vocabulary::piece(&vocab, second.token);
                if !other.ends {
                    let junction = Junction {
                        tokens: self.usage.output,
                        bytes: self.answer.len(),
                        token: second.token,
                        gap: second.gap,
                    };
                    detour.note(junction, &piece.bytes, &other.bytes);
                }
            }
            if piece.ends {
                text.push_str(&self.output.finish());
                finish = Some(Finish::Stop);
                break;
            }
            let emitted = self.add(choice.token, &piece.bytes);
            text.push_str(&emitted.text);
            if emitted.stopped {
                finish = Some(Finish::Stop);
                break;
            }
            if self.usage.output >= self.request.max_tokens || self.tokens.len() >= desk.machine.window() {
                text.push_str(&self.output.finish());
                finish = Some(Finish::Length);
                break;
            }
        }
        if let Some(detour) = &mut self.detour {
            detour.push(text.as_bytes());
            text = detour.release(&text, finish.is_some());
            if finish == Some(Finish::Stop) || detour.is_too_much() {
                finish = Some(Finish::Stop);
                match detour.over() {
                    Ok(junction) => {
                        self.go_back(desk, &junction);
                        return Taken::Back;
                    }
                    Err(held) => text.push_str(&held),
                }
            }
        }
        // A copy that is held back says at least that the model is at work.
        if !text.is_empty() || self.detour.is_some() {
            (self.sink)(ModelEvent::Text { text });
        }
        match finish {
            Some(finish) => {
                self.done(finish);
                Taken::Ended
            }
            None if self.in_a_loop() => {
                self.repeats();
                Taken::Ended
            }
            None => Taken::More,
        }
    }

    /// Adds one token to the answer.
    fn add(&mut self, token: Token, bytes: &[u8]) -> Emitted {
        self.tokens.push(token);
        self.usage.output += 1;
        self.answer.extend_from_slice(bytes);
        if let Some(drafter) = &mut self.drafter {
            drafter.push(bytes);
        }
        self.output.push(bytes)
    }

    /// Takes the answer back to a junction, and the second choice there.
    fn go_back(&mut self, desk: &Desk<'_>, junction: &Junction) {
        let gone = self.usage.output - junction.tokens;
        self.taken_back += gone;
        self.usage.output = junction.tokens;
        self.tokens.truncate(self.tokens.len() - gone);
        self.answer.truncate(junction.bytes);
        self.checked_for_loops = self.checked_for_loops.min(junction.bytes);
        self.drafter = drafter(&self.request);
        if let Some(drafter) = &mut self.drafter {
            drafter.push(&self.answer);
        }
        self.output = Output::new(&self.request.stop);
        let mut text = self.output.push(&self.answer).text;
        let piece = vocabulary::piece(&desk.machine.model().vocab(), junction.token);
        text.push_str(&self.add(junction.token, &piece.bytes).text);
        if let Some(detour) = &mut self.detour {
            detour.push(text.as_bytes());
            let text = detour.release(&text, false);
            if !text.is_empty() {
                (self.sink)(ModelEvent::Text { text });
            }
        }
    }

    /// Looks from time to time whether the answer runs in circles.
    fn in_a_loop(&mut self) -> bool {
        const EVERY_BYTES: usize = 256;
        if self.answer.len() < self.checked_for_loops + EVERY_BYTES {
            return false;
        }
        self.checked_for_loops = self.answer.len();
        let prediction = self.request.prediction.as_deref().unwrap_or_default();
        repeats_itself(&self.answer, prediction.as_bytes())
    }

    fn repeats(&mut self) -> Progress {
        let message =
            "the embedded model repeats itself; say it in other words or choose another model".into();
        (self.sink)(ModelEvent::Failed {
            fault: Fault {
                source: FaultSource::Upstream,
                retry: Retry::Elsewhere,
                message,
            },
        });
        Progress::Ended
    }

    fn done(&mut self, finish: Finish) -> Progress {
        self.usage.output += self.taken_back;
        (self.sink)(ModelEvent::Done {
            finish,
            usage: self.usage,
        });
        Progress::Ended
    }

    fn broken(&mut self, code: i32) -> Progress {
        let message =
            format!("the embedded model broke off (llama.cpp code {code}); try again or another model");
        (self.sink)(ModelEvent::Failed {
            fault: Fault {
                source: FaultSource::Upstream,
                retry: Retry::Elsewhere,
                message,
            },
        });
        Progress::Ended
    }
}

/// What became of a step's tokens.
enum Taken {
    /// The answer goes on.
    More,
    /// It went back to an earlier place and goes on from there.
    Back,
    /// It is over; the sink has been told.
    Ended,
}

/// How many of these tokens begin within so many bytes.
fn begin_within(desk: &Desk<'_>, tokens: &[Token], bytes: usize) -> usize {
    let vocab = desk.machine.model().vocab();
    let mut at = 0;
    let begins_here = |token: &&Token| {
        let here = at < bytes;
        at += vocabulary::piece(&vocab, **token).bytes.len();
        here
    };
    tokens.iter().take_while(begins_here).count()
}

/// The drafter of a request that says what its answer will repeat.
fn drafter(request: &GenerateRequest) -> Option<Drafter> {
    let ending = request.stop.first().map_or("", String::as_str);
    request.prediction.as_deref().map(|text| {
        let context: String = request
            .messages
            .iter()
            .flat_map(|m| [m.text.as_str(), "\n"])
            .collect();
        Drafter::new(text, ending, &context)
    })
}

/// Reads a prompt ahead for a later request.
pub(crate) fn warm(request: &GenerateRequest, desk: &mut Desk<'_>, interrupt: Interrupt<'_>) {
    let mut tokens = vocabulary::open_prompt(desk.machine.model(), request);
    tokens.truncate(desk.machine.window());
    let (slot, mut known) = settle(desk, request.cache_key, Priority::Interactive, &tokens);
    while known < tokens.len() && !interrupt() {
        let end = tokens.len().min(known + STEP_TOKENS);
        if read_ahead(desk, slot, &tokens[known..end], known, interrupt).is_err() {
            return;
        }
        known = end;
    }
}

/// Chooses a sequence for a prompt and brings it to the longest known prefix; gives the sequence and its length.
fn settle(desk: &mut Desk<'_>, key: u64, priority: Priority, tokens: &[Token]) -> (usize, usize) {
    let plan = desk.cache.take(key, priority, tokens);
    if let Some(from) = plan.copy_from {
        desk.machine.truncate(plan.slot, 0);
        desk.machine.copy(from, plan.slot);
    }
    if desk.machine.truncate(plan.slot, plan.keep) {
        (plan.slot, plan.keep)
    } else {
        // A cache that cannot be cut there starts again.
        desk.machine.truncate(plan.slot, 0);
        desk.cache.truncate(plan.slot, 0);
        (plan.slot, 0)
    }
}

/// Evaluates prompt tokens without asking for logits.
fn read_ahead(
    desk: &mut Desk<'_>,
    slot: usize,
    tokens: &[Token],
    known: usize,
    interrupt: Interrupt<'_>,
) -> Result<(), StepError> {
    desk.machine.set_threads(desk.threads.all());
    match desk.machine.step(slot, known, tokens, 0, interrupt) {
        Ok(()) => {
            desk.cache.extend(slot, tokens);
            Ok(())
        }
        Err(error) => {
            desk.machine.truncate(slot, known);
            Err(error)
        }
    }
}

#[cfg(all(test, feature = "model-tests"))]
mod tests;
