//! One turn as a client lives it: what the person may do when, what is asked of the daemon, how it ends. Pure:
//! inputs in, acts out; the shell around it owns socket, terminal and clock.

mod parts;
#[cfg(test)]
mod tests;

use crate::cli::book::Book;
use crate::cli::keys::Key;
use crate::cli::outcome::{Ending, Outcome};
use crate::exit::CliError;
use brisk_domain::{Event, HunkId, HunkState, Settled, StopReason};
use brisk_protocol::{Decided, HunkSet};
use parts::Phase;
pub(crate) use parts::{Act, Call, Input, Question, Setting};

/// The turn.
#[derive(Debug)]
pub(crate) struct Turn {
    setting: Setting,
    book: Book,
    phase: Phase,
    settled: Option<Settled>,
    answer: Option<Result<(), CliError>>,
    rejected: bool,
    spoke: bool,
    over_budget: bool,
    first_us: Option<u64>,
    turn_us: Option<u64>,
}

impl Turn {
    /// A turn whose prompt is about to be sent.
    pub(crate) fn new(setting: Setting) -> Turn {
        Turn {
            setting,
            book: Book::default(),
            phase: Phase::Streaming,
            settled: None,
            answer: None,
            rejected: false,
            spoke: false,
            over_budget: false,
            first_us: None,
            turn_us: None,
        }
    }

    /// The hunks.
    pub(crate) fn book(&self) -> &Book {
        &self.book
    }

    /// What to ask the person now.
    pub(crate) fn question(&self) -> Option<Question> {
        match &self.phase {
            Phase::Streaming => Some(Question::Streaming(self.spoke)),
            Phase::Stopping => Some(Question::Stopping),
            Phase::Budget => Some(Question::Budget(self.book.ready().next().is_some())),
            Phase::Ended | Phase::Over => None,
            Phase::Settling | Phase::Deciding { .. } => Some(Question::Writing),
            Phase::Review(chosen) => Some(Question::Review(
                chosen.iter().map(|(id, yes)| (self.number(*id), *yes)).collect(),
            )),
            Phase::Step { left, .. } => left.last().map(|id| Question::Step(self.number(*id))),
        }
    }

    /// Takes an input. `t_us`: microseconds since the command began.
    pub(crate) fn on(&mut self, input: Input<'_>, t_us: u64) -> Vec<Act> {
        if matches!(self.phase, Phase::Over) {
            return Vec::new();
        }
        match input {
            Input::Event(event) => self.event(event, t_us),
            Input::Answered(answer) => self.answered(answer),
            Input::Decided(answer) => self.decided(answer),
            Input::Key(Key::CtrlC) | Input::Interrupt => self.interrupt(),
            Input::Key(key) => self.key(key),
            Input::Gone => self.over(Ending::Gone),
        }
    }

    fn number(&self, id: HunkId) -> usize {
        self.book.find(id).map_or(0, |e| e.number)
    }

    fn event(&mut self, event: &Event, t_us: u64) -> Vec<Act> {
        self.book.on(event);
        match event {
            Event::HunkLine { .. } | Event::HunkReady { .. } => {
                self.first_us.get_or_insert(t_us);
                self.spoke = true;
                Vec::new()
            }
            Event::FirstToken { .. } => {
                self.spoke = true;
                Vec::new()
            }
            Event::BudgetReached { .. } if matches!(self.phase, Phase::Streaming) => {
                if self.setting.interactive {
                    self.phase = Phase::Budget;
                    Vec::new()
                } else {
                    // Nobody is there to allow more; a part of a patch is not kept unasked.
                    self.over_budget = true;
                    self.phase = Phase::Stopping;
                    vec![Act::Send(Call::Cancel)]
                }
            }
            Event::TurnEnded { settled, .. } => {
                self.turn_us.get_or_insert(t_us);
                self.settled = Some(settled.clone());
                self.after_turn()
            }
            Event::HunkChanged { .. } => match self.phase {
                Phase::Settling => self.settle(),
                Phase::Review(_) | Phase::Step { .. } => self.drop_decided(),
                Phase::Streaming
                | Phase::Stopping
                | Phase::Budget
                | Phase::Ended
                | Phase::Deciding { .. }
                | Phase::Over => Vec::new(),
            },
            Event::Notice { text, .. } => {
                if let Phase::Deciding { trouble, .. } = &mut self.phase {
                    *trouble = Some(text.clone());
                }
                Vec::new()
            }
            Event::BudgetReached { .. }
            | Event::TurnStarted { .. }
            | Event::PlaceFound { .. }
            | Event::Routed { .. }
            | Event::HunkOpened { .. }
            | Event::HunkDropped { .. }
            | Event::Prose { .. }
            | Event::Queued { .. }
            | Event::Unqueued { .. } => Vec::new(),
        }
    }

    /// The turn is over for the daemon: whose word is next?
    fn after_turn(&mut self) -> Vec<Act> {
        if matches!(self.phase, Phase::Deciding { .. }) {
            return Vec::new();
        }
        let well = self
            .settled
            .as_ref()
            .is_some_and(|s| s.stop == StopReason::EndTurn);
        if self.setting.auto_keep && well {
            self.phase = Phase::Settling;
            return self.settle();
        }
        let ready: Vec<(HunkId, bool)> = self.book.ready().map(|e| (e.id, true)).collect();
        if !ready.is_empty() && self.setting.interactive {
            self.phase = Phase::Review(ready);
            return Vec::new();
        }
        self.phase = Phase::Ended;
        let failed = matches!(
            self.settled.as_ref().map(|s| &s.stop),
            Some(StopReason::Failed { .. })
        );
        if failed && self.answer.is_none() {
            return Vec::new();
        }
        self.end()
    }

    fn answered(&mut self, answer: Result<(), CliError>) -> Vec<Act> {
        let refused = answer.is_err();
        self.answer = Some(answer);
        match self.phase {
            Phase::Ended => self.end(),
            // A prompt that was refused has no turn that could end.
            Phase::Streaming | Phase::Stopping | Phase::Budget if refused && self.settled.is_none() => {
                self.end()
            }
            Phase::Streaming
            | Phase::Stopping
            | Phase::Budget
            | Phase::Settling
            | Phase::Review(_)
            | Phase::Step { .. }
            | Phase::Deciding { .. }
            | Phase::Over => Vec::new(),
        }
    }

    fn settle(&mut self) -> Vec<Act> {
        if self.book.ready().next().is_some() {
            Vec::new()
        } else {
            self.end()
        }
    }

    /// Another client decided, or a hunk was taken back: it is no longer asked about.
    fn drop_decided(&mut self) -> Vec<Act> {
        let ready: Vec<HunkId> = self.book.ready().map(|e| e.id).collect();
        match &mut self.phase {
            Phase::Review(chosen) => {
                chosen.retain(|(id, _)| ready.contains(id));
                if chosen.is_empty() {
                    return self.end();
                }
            }
            Phase::Step { yes, no, left } => {
                for list in [yes, no, left] {
                    list.retain(|id| ready.contains(id));
                }
                return self.step_on();
            }
            Phase::Streaming
            | Phase::Stopping
            | Phase::Budget
            | Phase::Ended
            | Phase::Settling
            | Phase::Deciding { .. }
            | Phase::Over => {}
        }
        Vec::new()
    }

    fn key(&mut self, key: Key) -> Vec<Act> {
        match &mut self.phase {
            Phase::Streaming => match key {
                Key::Esc => self.interrupt(),
                Key::Enter | Key::CtrlC | Key::CtrlD | Key::Char(_) => Vec::new(),
            },
            Phase::Budget => match key {
                Key::Char('g') => {
                    self.phase = Phase::Streaming;
                    vec![Act::Send(Call::RaiseBudget)]
                }
                Key::Esc => self.interrupt(),
                Key::Enter | Key::Char('n') if self.book.ready().next().is_none() => Vec::new(),
                Key::Enter => self.decide(vec![Call::Keep(HunkSet::All)]),
                Key::Char('n') => self.decide(vec![Call::Reject(HunkSet::All)]),
                Key::CtrlC | Key::CtrlD | Key::Char(_) => Vec::new(),
            },
            Phase::Review(chosen) => match key {
                Key::Enter => {
                    let (yes, no): (Vec<_>, Vec<_>) = chosen.iter().partition(|(_, yes)| *yes);
                    let ids = |list: Vec<(HunkId, bool)>| list.into_iter().map(|(id, _)| id).collect();
                    self.conclude(ids(yes), ids(no))
                }
                Key::Char('n') => {
                    let no = chosen.iter().map(|(id, _)| *id).collect();
                    self.conclude(Vec::new(), no)
                }
                Key::Char('s') => {
                    let left = chosen.iter().rev().map(|(id, _)| *id).collect();
                    self.phase = Phase::Step {
                        yes: Vec::new(),
                        no: Vec::new(),
                        left,
                    };
                    Vec::new()
                }
                Key::Char(digit @ '1'..='9') => {
                    let book = &self.book;
                    let wanted = digit.to_digit(10).map(|d| d as usize);
                    for (id, yes) in chosen.iter_mut() {
                        if book.find(*id).map(|e| e.number) == wanted {
                            *yes = !*yes;
                        }
                    }
                    Vec::new()
                }
                Key::Esc | Key::CtrlD => self.over(Ending::Left),
                Key::CtrlC | Key::Char(_) => Vec::new(),
            },
            Phase::Step { yes, no, left } => {
                match key {
                    Key::Char('y') | Key::Enter => yes.extend(left.pop()),
                    Key::Char('n') => no.extend(left.pop()),
                    Key::Char('a') => yes.extend(left.drain(..).rev()),
                    Key::Esc | Key::CtrlD => return self.over(Ending::Left),
                    Key::CtrlC | Key::Char(_) => {}
                }
                self.step_on()
            }
            Phase::Stopping | Phase::Ended | Phase::Settling | Phase::Deciding { .. } | Phase::Over => {
                Vec::new()
            }
        }
    }

    fn step_on(&mut self) -> Vec<Act> {
        match &mut self.phase {
            Phase::Step { yes, no, left } if left.is_empty() => {
                let (yes, no) = (std::mem::take(yes), std::mem::take(no));
                if yes.is_empty() && no.is_empty() {
                    return self.end();
                }
                self.conclude(yes, no)
            }
            Phase::Step { .. }
            | Phase::Streaming
            | Phase::Stopping
            | Phase::Budget
            | Phase::Ended
            | Phase::Settling
            | Phase::Review(_)
            | Phase::Deciding { .. }
            | Phase::Over => Vec::new(),
        }
    }

    fn conclude(&mut self, yes: Vec<HunkId>, no: Vec<HunkId>) -> Vec<Act> {
        let calls = match (yes.is_empty(), no.is_empty()) {
            (false, true) => vec![Call::Keep(HunkSet::All)],
            (true, _) => vec![Call::Reject(HunkSet::All)],
            (false, false) => vec![Call::Keep(HunkSet::Ids(yes)), Call::Reject(HunkSet::Ids(no))],
        };
        self.decide(calls)
    }

    fn decide(&mut self, calls: Vec<Call>) -> Vec<Act> {
        self.phase = Phase::Deciding {
            answers: calls.len(),
            trouble: None,
        };
        calls.into_iter().map(Act::Send).collect()
    }

    fn decided(&mut self, answer: Result<Decided, CliError>) -> Vec<Act> {
        match answer {
            Ok(decided) => {
                self.rejected |= !decided.rejected.is_empty();
                for id in decided.kept {
                    self.book.set(id, HunkState::Kept);
                }
                for id in decided.rejected {
                    self.book.set(id, HunkState::Rejected);
                }
                for (id, why) in decided.conflicted {
                    self.book.set(id, HunkState::Conflicted { why });
                }
            }
            Err(error) => return self.over(Ending::Refused(error)),
        }
        match &mut self.phase {
            Phase::Deciding { answers, trouble } => {
                *answers = answers.saturating_sub(1);
                if *answers > 0 {
                    return Vec::new();
                }
                // Neither kept nor in conflict: the disk refused, and the hunks are offered as before.
                let trouble = trouble.take().filter(|_| self.book.ready().next().is_some());
                let Some(why) = trouble else {
                    return self.end();
                };
                self.over(Ending::Unwritten(why))
            }
            Phase::Streaming
            | Phase::Stopping
            | Phase::Budget
            | Phase::Ended
            | Phase::Settling
            | Phase::Review(_)
            | Phase::Step { .. }
            | Phase::Over => Vec::new(),
        }
    }

    fn interrupt(&mut self) -> Vec<Act> {
        match self.phase {
            Phase::Streaming | Phase::Budget => {
                self.phase = Phase::Stopping;
                vec![Act::Send(Call::Cancel)]
            }
            Phase::Review(_) | Phase::Step { .. } => self.over(Ending::Left),
            Phase::Stopping | Phase::Ended | Phase::Settling | Phase::Deciding { .. } | Phase::Over => {
                self.over(Ending::Hard)
            }
        }
    }

    /// Nobody can be shown anything any more: what runs is stopped, and what is being written is waited for.
    pub(crate) fn unheard(&mut self) -> Vec<Act> {
        match self.phase {
            Phase::Streaming | Phase::Budget | Phase::Review(_) | Phase::Step { .. } => self.interrupt(),
            Phase::Stopping | Phase::Ended | Phase::Settling | Phase::Deciding { .. } | Phase::Over => {
                Vec::new()
            }
        }
    }

    /// The turn ran its course.
    fn end(&mut self) -> Vec<Act> {
        let settled = self.settled.take();
        let answer = self.answer.take();
        self.over(Ending::Ran {
            intent: self.setting.intent,
            stop: settled.as_ref().map(|s| &s.stop),
            refusal: answer.as_ref().and_then(|a| a.as_ref().err()),
            rejected: self.rejected,
            over_budget: self.over_budget,
        })
    }

    fn over(&mut self, ending: Ending<'_>) -> Vec<Act> {
        self.phase = Phase::Over;
        vec![Act::End(Outcome::of(
            &self.book,
            ending,
            self.first_us,
            self.turn_us,
        ))]
    }
}
