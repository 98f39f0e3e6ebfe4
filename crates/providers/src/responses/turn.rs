//! One answer on a WebSocket: what each frame means for the caller and for the connection. Pure; the lane around it
//! only carries out what it says.

use super::chain::Spoken;
use super::reader::{EventReader, Past, Step};
use crate::answer::Answer;
use crate::fault::Upstream;
use brisk_domain::port::{Fault, FaultSource, Finish, Usage};

/// What follows from a frame.
#[derive(Debug, PartialEq)]
pub(crate) enum Next {
    /// More comes.
    More,
    /// The answer is over for the caller.
    Over {
        end: Result<(Finish, Usage), Fault>,
        rest: Rest,
    },
    /// The server forgot what the request follows: send it whole.
    Resend(Fault),
    /// The connection must not be used any more; the request may go over another one.
    Reopen(Fault),
}

/// What the connection knows after an answer.
#[derive(Debug, PartialEq)]
pub(crate) enum Rest {
    /// The next request may follow this answer.
    Settled { id: String, spoken: Spoken },
    /// Nothing that can be followed.
    Forgotten,
    /// The server still writes.
    Writing,
    /// Nobody knows what comes next.
    Lost,
}

/// What a server knows after an answer that nobody wanted: the request by this id, and of the answer this.
#[derive(Debug, PartialEq)]
pub(crate) struct Remembered {
    pub(crate) id: String,
    pub(crate) spoken: Option<Spoken>,
}

/// What became of an answer that nobody wants any more.
#[derive(Debug, PartialEq)]
pub(crate) enum Rundown {
    /// It is not over yet.
    More,
    /// The connection is free.
    Free(Option<Remembered>),
    /// The server does not take the interrupt; the connection is of no use.
    Refused,
    /// The connection is of no use.
    Lost,
}

/// The reducer of one answer.
#[derive(Debug)]
pub(crate) struct Turn<'a> {
    upstream: &'a Upstream,
    pub(crate) reader: EventReader,
    answer: Answer,
    shown: String,
    /// The server took the interrupt.
    taken: bool,
}

impl<'a> Turn<'a> {
    /// `past`: of the socket on which it comes; `bound`: the tokens that were asked for at most.
    pub(crate) fn new(upstream: &'a Upstream, answer: Answer, past: Past, bound: usize) -> Turn<'a> {
        Turn {
            upstream,
            reader: EventReader::after(past).bounded(bound),
            answer,
            shown: String::new(),
            taken: false,
        }
    }

    /// Whether text was handed out: then nothing may be asked again.
    pub(crate) fn told(&self) -> bool {
        !self.shown.is_empty()
    }

    /// Whether the answer's text has begun, handed out or not.
    pub(crate) fn spoke(&self) -> bool {
        !self.reader.raw.is_empty()
    }

    /// The id by which the answer can be interrupted.
    pub(crate) fn id(&self) -> Option<&str> {
        Some(self.reader.id.as_str()).filter(|id| !id.is_empty())
    }

    /// Takes one frame; appends to `text` what is surely answer.
    pub(crate) fn take(&mut self, frame: &str, text: &mut String) -> Next {
        let before = text.len();
        let next = match self.reader.step(self.upstream, frame) {
            Step::Nothing | Step::Created(_) | Step::InterruptTaken => Next::More,
            Step::Text(piece) => match self.answer.push(&piece, text) {
                None => Next::More,
                Some(finish) => Next::Over {
                    end: Ok((finish, Usage::default())),
                    rest: Rest::Writing,
                },
            },
            Step::Done { id, finish, usage } => {
                self.answer.flush(text);
                let mut shown = self.shown.clone();
                shown.push_str(&text[before..]);
                let raw = std::mem::take(&mut self.reader.raw);
                let rest = match id.is_empty() {
                    true => Rest::Forgotten,
                    false => Rest::Settled {
                        id,
                        spoken: Spoken { raw, shown },
                    },
                };
                Next::Over {
                    end: Ok((finish, usage)),
                    rest,
                }
            }
            Step::Unknown(fault) if !self.told() => match self.reader.faithful() {
                true => Next::Resend(fault),
                false => Next::Reopen(fault),
            },
            Step::Expired(fault) if !self.told() => Next::Reopen(fault),
            Step::Unknown(fault) | Step::Expired(fault) | Step::Broke(fault) => self.fail(fault, text),
            Step::Interrupted { .. } => self.fail(self.upstream.withheld("interrupted"), text),
            Step::Malformed => {
                let fault = self.upstream.malformed("a frame is not an event", frame);
                self.answer.flush(text);
                Next::Over {
                    end: Err(fault),
                    rest: Rest::Lost,
                }
            }
        };
        self.shown.push_str(&text[before..]);
        next
    }

    /// What was held back is answer after all.
    pub(crate) fn give_up(&mut self, text: &mut String) {
        self.answer.flush(text);
    }

    fn fail(&mut self, fault: Fault, text: &mut String) -> Next {
        self.answer.flush(text);
        // After an error event the end of the same answer may follow.
        let rest = match !self.reader.refused || self.reader.faithful() {
            true => Rest::Forgotten,
            false => Rest::Lost,
        };
        Next::Over {
            end: Err(fault),
            rest,
        }
    }

    /// Whether the server took the interrupt.
    pub(crate) fn stop_taken(&self) -> bool {
        self.taken
    }

    /// Takes one frame of an answer that nobody wants.
    pub(crate) fn run_down(&mut self, frame: &str) -> Rundown {
        match self.reader.step(self.upstream, frame) {
            Step::InterruptTaken => {
                self.taken = true;
                Rundown::More
            }
            Step::Nothing | Step::Created(_) | Step::Text(_) => Rundown::More,
            Step::Interrupted { id } => {
                self.taken = true;
                // Whether a server drops a message that was whole is not said anywhere.
                Rundown::Free((!self.reader.item_whole).then_some(Remembered { id, spoken: None }))
            }
            // It was whole before the interrupt came.
            Step::Done { id, .. } => {
                let raw = std::mem::take(&mut self.reader.raw);
                Rundown::Free(Some(Remembered {
                    id,
                    spoken: Some(Spoken {
                        shown: raw.clone(),
                        raw,
                    }),
                }))
            }
            // An error of the server's own is no word on the interrupt.
            Step::Broke(fault) if self.reader.refused && fault.source == FaultSource::Request => {
                Rundown::Refused
            }
            Step::Unknown(_) | Step::Expired(_) | Step::Broke(_) | Step::Malformed => Rundown::Lost,
        }
    }
}

#[cfg(test)]
mod tests;
