//! A session with the little world around it.

use brisk_domain::port::{Fault, FaultSource, Finish, GenerateRequest, ModelEvent, Retry, Usage};
use brisk_domain::{
    CancelReason, Command, EffectId, Event, HunkId, Intent, ModelId, Now, Prompt, Route, Settled, StopReason,
    Target,
};
use brisk_lanes::{Before, Effect, Gathered, Hint, Input, Limits, Session, Wrote};
use brisk_patch::{Change, Hunk, Text, apply};
use brisk_router::fleet::Member;
use brisk_router::live::Board;
use std::collections::BTreeMap;

pub(crate) const FILE: &str =
    "def area(w, h):\n    return w * h\n\n\ndef edge(w, h):\n    total = w + h\n    return total\n";
pub(crate) const ANSWER: &str = "def edge(w, h):\n    total = 2 * (w + h)\n    return total\n";

/// A session with the little world around it: one file, and models that say what the story tells them to.
pub(crate) struct World {
    pub(crate) hint: Hint,
    pub(crate) board: Board,
    pub(crate) session: Session,
    pub(crate) now: u64,
    pub(crate) text: Text,
    pub(crate) events: Vec<Event>,
    pub(crate) running: Vec<(EffectId, GenerateRequest)>,
    pub(crate) stopped: Vec<(EffectId, CancelReason)>,
    pub(crate) gathering: Option<EffectId>,
    /// Where the last prompt would go on.
    pub(crate) before: Option<Before>,
    pub(crate) wakes: Vec<(EffectId, Now)>,
    pub(crate) disk: Text,
    pub(crate) refuse_writes: bool,
    /// Writes take until [`World::let_write`].
    pub(crate) hold_writes: bool,
    held: Vec<Effect>,
}

pub(crate) fn model(name: &str) -> Member {
    Member::new(ModelId(name.into()), 8192)
}

pub(crate) fn world_with(limits: Limits, fleet: Vec<Member>) -> World {
    let text = Text::from_str_lossless(FILE);
    World {
        hint: Hint::Symbol("edge".into()),
        board: Board::of(fleet),
        session: Session::new(limits),
        now: 0,
        disk: text.clone(),
        text,
        events: vec![],
        running: vec![],
        stopped: vec![],
        gathering: None,
        before: None,
        wakes: vec![],
        refuse_writes: false,
        hold_writes: false,
        held: vec![],
    }
}

pub(crate) fn world() -> World {
    world_with(Limits::default(), vec![model("small"), model("next")])
}

pub(crate) fn prompt(text: &str) -> Prompt {
    let target = Target {
        path: "a.py".into(),
        lines: None,
        symbol: Some("edge".into()),
    };
    Prompt {
        text: text.into(),
        targets: vec![target],
        intent: Intent::Edit,
        model: None,
        lane: None,
        latency: None,
        auto_keep: false,
    }
}

impl World {
    pub(crate) fn feed(&mut self, input: Input) {
        self.now += 1;
        let effects = self.session.handle(input, Now(self.now));
        for effect in effects {
            match effect {
                Effect::Emit(event) => self.events.push(event),
                Effect::Gather { id, before, .. } => {
                    self.gathering = Some(id);
                    self.before = before;
                }
                Effect::Generate { id, request, .. } => self.running.push((id, request)),
                Effect::Stop { id, cause } => self.stopped.push((id, cause)),
                Effect::Wake { id, at } => self.wakes.push((id, at)),
                held @ Effect::Write { .. } if self.hold_writes => self.held.push(held),
                Effect::Write {
                    id, changes, bases, ..
                } => self.write(id, &changes, &bases),
            }
        }
    }

    pub(crate) fn let_write(&mut self) {
        for held in std::mem::take(&mut self.held) {
            if let Effect::Write {
                id, changes, bases, ..
            } = held
            {
                self.write(id, &changes, &bases);
            }
        }
    }

    /// Writes as the worktree would: hunks of one base, applied together.
    pub(crate) fn write(
        &mut self,
        effect: EffectId,
        changes: &[(HunkId, Change)],
        bases: &BTreeMap<String, Text>,
    ) {
        let result = if self.refuse_writes {
            Err("the disk is full".to_owned())
        } else {
            let hunks: Vec<Hunk> = changes
                .iter()
                .map(|(_, c)| match c {
                    Change::Modify { hunk, .. } => hunk.clone(),
                    other => panic!("unexpected {other:?}"),
                })
                .collect();
            self.disk = apply(&bases["a.py"], &hunks).unwrap();
            Ok(Wrote {
                kept: changes.iter().map(|(id, _)| *id).collect(),
                conflicted: vec![],
            })
        };
        self.feed(Input::Written { effect, result });
    }

    pub(crate) fn ask(&mut self, prompt: Prompt) {
        self.feed(Input::Command(Command::Prompt(prompt)));
        self.gather();
    }

    pub(crate) fn gather(&mut self) {
        let effect = self.gathering.take().unwrap();
        let hint = self.hint.clone();
        let result = Ok(Gathered {
            files: vec![("a.py".into(), self.text.clone())],
            hint,
            why: String::new(),
            board: Ok(self.board.clone()),
        });
        self.feed(Input::Gathered { effect, result });
    }

    pub(crate) fn current(&self) -> EffectId {
        self.running.last().unwrap().0
    }

    pub(crate) fn say(&mut self, text: &str) {
        let effect = self.current();
        self.feed(Input::Model {
            effect,
            event: ModelEvent::Text { text: text.into() },
        });
    }

    pub(crate) fn done(&mut self) {
        let effect = self.current();
        let event = ModelEvent::Done {
            finish: Finish::Stop,
            usage: Usage::default(),
        };
        self.feed(Input::Model { effect, event });
    }

    pub(crate) fn tell(&mut self, command: Command) {
        self.feed(Input::Command(command));
    }

    pub(crate) fn ready(&self) -> Vec<HunkId> {
        let mut ids = vec![];
        for event in &self.events {
            match event {
                Event::HunkReady { hunk, .. } => ids.push(*hunk),
                Event::HunkChanged { hunk, .. } => ids.retain(|id| id != hunk),
                _ => {}
            }
        }
        ids
    }

    pub(crate) fn stop_reason(&self) -> Option<StopReason> {
        self.settled().map(|settled| settled.stop)
    }

    pub(crate) fn settled(&self) -> Option<Settled> {
        self.events.iter().rev().find_map(|e| match e {
            Event::TurnEnded { settled, .. } => Some(settled.clone()),
            _ => None,
        })
    }

    pub(crate) fn notices(&self) -> Vec<&str> {
        self.events
            .iter()
            .filter_map(|e| match e {
                Event::Notice { text, .. } => Some(text.as_str()),
                _ => None,
            })
            .collect()
    }

    pub(crate) fn report(&mut self, effect: EffectId, event: ModelEvent) {
        self.feed(Input::Model { effect, event });
    }

    pub(crate) fn fails(&mut self, effect: EffectId, source: FaultSource, message: &str) {
        let fault = Fault {
            source,
            retry: Retry::Elsewhere,
            message: message.into(),
        };
        self.report(effect, ModelEvent::Failed { fault });
    }

    /// The clock reaches the next moment that was asked for, for this generation.
    pub(crate) fn wake(&mut self, effect: EffectId) {
        let (_, at) = *self.wakes.iter().rev().find(|(id, _)| *id == effect).unwrap();
        self.now = self.now.max(at.0);
        self.feed(Input::Woke { effect });
    }

    /// Who was asked, in order.
    pub(crate) fn asked(&self) -> Vec<&str> {
        self.running
            .iter()
            .map(|(_, request)| request.model.0.as_str())
            .collect()
    }

    pub(crate) fn route(&self) -> Option<Route> {
        self.events.iter().rev().find_map(|e| match e {
            Event::Routed { route, .. } => Some(route.clone()),
            _ => None,
        })
    }
}
