//! The client without a terminal: inputs in, acts out.

use super::*;
use crate::key::Key;
use crate::key::Key::{Char, Ctrl, Enter, Esc, Tab, Up};
use brisk_protocol::domain::{
    CancelReason, Candidate, EditFormat, Event, Failure, HunkState, Intent, Lane, LineKind, Reason, Settled,
    StopReason,
};
use brisk_protocol::{Completion, Decided, HunkSet, UndoReply};

mod chosen;
mod clock;
mod gate;
mod hunks;
mod jobs;
mod life;
mod prompts;
mod rows;

/// A client, and everything that it did.
pub(crate) struct World {
    pub(crate) app: App,
    pub(crate) now: u64,
    seq: u64,
    acts: Vec<Act>,
}

pub(crate) fn world() -> World {
    let mut world = World::unconnected(Setup {
        rows: 24,
        ..Setup::default()
    });
    world.connect(1, 0);
    world.calls();
    world
}

impl World {
    pub(crate) fn unconnected(setup: Setup) -> World {
        World {
            app: App::new(setup),
            now: 1_000,
            seq: 0,
            acts: Vec::new(),
        }
    }

    pub(crate) fn input(&mut self, input: Input) {
        let acts = self.app.handle(input, self.now);
        self.acts.extend(acts);
    }

    pub(crate) fn connect(&mut self, daemon: u32, last: u64) {
        self.input(Input::Connected {
            session: SessionId(7),
            daemon,
            last,
            held: true,
        });
    }

    pub(crate) fn key(&mut self, key: Key) {
        self.input(Input::Typed(Typed::Key(key)));
    }

    /// Nothing is typed for a while.
    fn pause(&mut self) {
        self.now += 500_000;
        self.input(Input::Tick);
    }

    pub(crate) fn write(&mut self, text: &str) {
        text.chars().for_each(|c| self.key(Char(c)));
    }

    pub(crate) fn event(&mut self, event: Event) {
        self.seq += 1;
        self.input(Input::Event(Envelope {
            session_id: SessionId(7),
            seq: self.seq,
            at_us: 0,
            event,
        }));
    }

    pub(crate) fn reply(&mut self, reply: Reply) {
        self.input(Input::Reply(reply));
    }

    /// Takes what was asked of the daemon since the last time.
    pub(crate) fn calls(&mut self) -> Vec<Call> {
        let mut calls = Vec::new();
        self.acts.retain(|a| {
            if let Act::Send(call) = a {
                calls.push(call.clone());
            }
            !matches!(a, Act::Send(_))
        });
        calls
    }

    /// Takes what went into the scrollback since the last time.
    pub(crate) fn printed(&mut self) -> String {
        let mut out = Vec::new();
        for act in std::mem::take(&mut self.acts) {
            if let Act::Print(lines) = act {
                out.extend(lines.iter().map(Line::to_string));
            }
        }
        out.join("\n")
    }

    fn prompts(&mut self) -> Vec<String> {
        let mut texts = Vec::new();
        for call in self.calls() {
            if let Call::Prompt { text, .. } = call {
                texts.push(text);
            }
        }
        texts
    }

    /// A turn up to its first token.
    pub(crate) fn begun(&mut self, turn: u64, text: &str) {
        let turn = TurnId(turn);
        self.event(Event::TurnStarted {
            turn,
            text: text.into(),
        });
        self.event(Event::PlaceFound {
            turn,
            path: "shop.py".into(),
            start: 3,
            end: 8,
            why: "symbol subtotal".into(),
        });
        let model = ModelId("tiny".into());
        self.event(Event::Routed {
            turn,
            route: Route {
                lane: Lane::Fast,
                choice: Candidate {
                    model: model.clone(),
                    format: EditFormat::Region,
                    context: 4096,
                },
                fallbacks: vec![],
                reasons: vec![Reason::Best { model, of: 0 }],
                shape: Default::default(),
            },
        });
        self.now += 40_000;
        self.event(Event::FirstToken { turn });
    }

    pub(crate) fn opened(&mut self, turn: u64, hunk: u64, at: usize) {
        self.event(Event::HunkOpened {
            turn: TurnId(turn),
            hunk: HunkId(hunk),
            path: "shop.py".into(),
            at,
        });
    }

    pub(crate) fn hunk_line(&mut self, turn: u64, hunk: u64, kind: LineKind, text: &str) {
        self.event(Event::HunkLine {
            turn: TurnId(turn),
            hunk: HunkId(hunk),
            kind,
            text: text.into(),
        });
    }

    pub(crate) fn ready(&mut self, turn: u64, hunk: u64, at: usize, removed: &[&str], added: &[&str]) {
        let own = |l: &[&str]| l.iter().map(|s| (*s).to_owned()).collect();
        self.event(Event::HunkReady {
            turn: TurnId(turn),
            hunk: HunkId(hunk),
            path: "shop.py".into(),
            at,
            removed: own(removed),
            added: own(added),
        });
    }

    pub(crate) fn at_budget(&mut self) {
        self.event(Event::BudgetReached {
            turn: TurnId(1),
            lines: 90,
            max_lines: 80,
        });
    }

    pub(crate) fn ended(&mut self, turn: u64, stop: StopReason, ready: usize) {
        self.now += 100_000;
        self.event(Event::TurnEnded {
            turn: TurnId(turn),
            settled: Settled {
                stop,
                ready,
                input_tokens: 10,
                cached_tokens: 5,
                output_tokens: 3,
            },
        });
    }

    /// A turn with two hunks on offer.
    pub(crate) fn offered(&mut self) {
        self.write("fix it");
        self.key(Enter);
        self.begun(1, "fix it");
        self.now += 20_000;
        self.ready(1, 1, 4, &["    total = 0"], &["    total = 1"]);
        self.ready(1, 2, 11, &[], &["    # done", "    pass"]);
        self.ended(1, StopReason::EndTurn, 2);
        self.calls();
        self.printed();
    }

    pub(crate) fn changed(&mut self, hunk: u64, state: HunkState) {
        self.event(Event::HunkChanged {
            hunk: HunkId(hunk),
            state,
        });
    }

    fn text(&self) -> String {
        self.app.composer.whole()
    }
}

fn interrupted() -> StopReason {
    StopReason::Cancelled {
        cause: CancelReason::Interrupted,
    }
}

fn ids(ids: &[u64]) -> HunkSet {
    HunkSet::Ids(ids.iter().copied().map(HunkId).collect())
}
