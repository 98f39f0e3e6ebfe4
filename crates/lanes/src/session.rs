//! The session: one owner of state, one closed set of inputs, one list of effects out. Nothing here waits, reads
//! or writes; so a run replays, and an interrupt can be tested at every byte.
//!
//! Life of a turn: gathering (files are read) -> generating (an answer streams; the ladder may begin another) ->
//! keeping (only with `auto_keep`) -> over. What a forgotten effect still reports is dropped by its id.

use crate::attempt::{Attempt, Begin, Brought, Work, candidate, ready_event};
use crate::io::{Effect, Gathered, Input, Wrote};
use crate::limits::Limits;
use crate::place::{self, Kind, Place};
use crate::prompt::{self, Carried, Rung};
use brisk_domain::port::{Fault, FaultSource, Finish, GenerateRequest, ModelEvent, Usage};
use brisk_domain::{
    CancelReason, Command, EditFormat, EffectId, Event, Failure, HunkId, HunkSelector, HunkState, Intent,
    Lane, Now, Prompt, Route, Settled, StopReason, TaskShape, TurnId,
};
use brisk_patch::{Budget, Change, Text};
use brisk_router::{Fleet, route};
use std::collections::{BTreeMap, VecDeque};

struct Turn {
    id: TurnId,
    prompt: Prompt,
    earlier: Option<Carried>,
    usage: Usage,
    /// A hunk of it is on its way to the disk, or there: it is not taken back any more.
    kept: bool,
    phase: Phase,
}

enum Phase {
    Gathering(EffectId),
    Generating(Box<Attempt>),
    Keeping { effect: EffectId, stop: StopReason },
}

/// A hunk between its birth and the person's decision.
struct Offered {
    turn: TurnId,
    change: Change,
    /// The text of its file when the turn began.
    base: Text,
    note: String,
    /// Set while a write is under way.
    writing: Option<EffectId>,
}

/// One person's session in one repository.
pub struct Session {
    fleet: Fleet,
    limits: Limits,
    turns: TurnId,
    hunks: HunkId,
    effects: EffectId,
    turn: Option<Turn>,
    queue: VecDeque<Prompt>,
    /// The queue waits for the person after an interrupt.
    queue_held: bool,
    offered: BTreeMap<HunkId, Offered>,
    /// What an interrupted answer had said, for the next turn.
    earlier: Option<Carried>,
}

impl Session {
    /// A session that chooses among `fleet`.
    pub fn new(fleet: Fleet, limits: Limits) -> Session {
        Session {
            fleet,
            limits,
            turns: TurnId::default(),
            hunks: HunkId::default(),
            effects: EffectId::default(),
            turn: None,
            queue: VecDeque::new(),
            queue_held: false,
            offered: BTreeMap::new(),
            earlier: None,
        }
    }

    /// A session that goes on in another process: ids count on from `after`, which no earlier id exceeds.
    pub fn resumed(fleet: Fleet, limits: Limits, after: u64) -> Session {
        let mut session = Session::new(fleet, limits);
        (session.turns, session.hunks, session.effects) = (TurnId(after), HunkId(after), EffectId(after));
        session
    }

    /// The models that later turns choose among.
    pub fn set_fleet(&mut self, fleet: Fleet) {
        self.fleet = fleet;
    }

    /// Whether a turn is under way.
    pub fn is_busy(&self) -> bool {
        self.turn.is_some()
    }

    /// Hunks that wait for a decision.
    pub fn offered(&self) -> impl Iterator<Item = HunkId> + '_ {
        self.offered.keys().copied()
    }

    /// The one door: an input and the moment it came, effects in the order in which they are to happen.
    pub fn handle(&mut self, input: Input, now: Now) -> Vec<Effect> {
        let mut out = Vec::new();
        match input {
            Input::Command(command) => self.command(command, now, &mut out),
            Input::Gathered { effect, result } => self.gathered(effect, result, now, &mut out),
            Input::Model { effect, event } => self.model(effect, event, now, &mut out),
            Input::Written { effect, result } => self.written(effect, result, now, &mut out),
            Input::Woke { effect } => self.woke(effect, now, &mut out),
            Input::Stop { cause } => self.stop(cause, now, &mut out),
        }
        out
    }

    fn command(&mut self, command: Command, now: Now, out: &mut Vec<Effect>) {
        match command {
            Command::Prompt(prompt) => {
                let prompt = self.redirect(prompt, now, out);
                self.queue_held = false;
                self.start(prompt, out);
            }
            Command::Queue(prompt) if self.turn.is_some() => {
                out.push(Effect::Emit(Event::Queued {
                    text: prompt.text.clone(),
                }));
                self.queue.push_back(prompt);
            }
            Command::Queue(prompt) => self.start(prompt, out),
            Command::Interrupt => self.stop(CancelReason::Interrupted, now, out),
            Command::Keep(which) => {
                self.keep(&which, out);
            }
            Command::Reject(which) => {
                for id in self.select(&which) {
                    self.offered.remove(&id);
                    out.push(changed(id, HunkState::Rejected));
                }
            }
            Command::RaiseBudget => self.raise_budget(now, out),
        }
    }

    /// A prompt during a turn: what the old answer offered is no longer wanted, what it said stays in the context.
    fn redirect(&mut self, mut prompt: Prompt, now: Now, out: &mut Vec<Effect>) -> Prompt {
        let Some(turn) = &self.turn else { return prompt };
        if matches!(turn.phase, Phase::Keeping { .. }) {
            return prompt;
        }
        if prompt.targets.is_empty() {
            prompt.targets = turn.prompt.targets.clone();
        }
        let id = turn.id;
        self.stop(CancelReason::Steered, now, out);
        self.withdraw(id, "you redirected the turn", out);
        prompt
    }

    fn start(&mut self, prompt: Prompt, out: &mut Vec<Effect>) {
        if self.turn.is_some() {
            // Only a turn that is writing its hunks gets here; the prompt is next.
            self.queue.push_front(prompt);
            return;
        }
        let id = self.turns.take();
        let effect = self.effects.take();
        out.push(Effect::Emit(Event::TurnStarted {
            turn: id,
            text: prompt.text.clone(),
        }));
        out.push(Effect::Gather {
            id: effect,
            prompt: prompt.clone(),
        });
        let earlier = self.earlier.take();
        self.turn = Some(Turn {
            id,
            prompt,
            earlier,
            usage: Usage::default(),
            kept: false,
            phase: Phase::Gathering(effect),
        });
    }

    /// Ends the turn from outside: told first, then the model is stopped.
    fn stop(&mut self, cause: CancelReason, now: Now, out: &mut Vec<Effect>) {
        let Some(turn) = &mut self.turn else { return };
        let mut stopped = None;
        match &mut turn.phase {
            Phase::Gathering(_) => {}
            Phase::Generating(attempt) => {
                out.extend(attempt.abandon().into_iter().map(Effect::Emit));
                self.earlier = Some(Carried {
                    request: turn.prompt.text.clone(),
                    partial: std::mem::take(&mut attempt.partial),
                });
                stopped = Some(attempt.effect);
            }
            // What is being written is finished: half a keep is worse than a late stop.
            Phase::Keeping { .. } => return,
        }
        self.queue_held = cause == CancelReason::Interrupted;
        self.end(StopReason::Cancelled { cause }, now, out);
        out.extend(stopped.map(|id| Effect::Stop { id }));
    }

    fn end(&mut self, stop: StopReason, _now: Now, out: &mut Vec<Effect>) {
        let Some(turn) = self.turn.take() else { return };
        let ready = self.offered.values().filter(|o| o.turn == turn.id).count();
        let settled = Settled {
            stop,
            ready,
            input_tokens: turn.usage.input,
            cached_tokens: turn.usage.cached,
            output_tokens: turn.usage.output,
        };
        out.push(Effect::Emit(Event::TurnEnded {
            turn: turn.id,
            settled,
        }));
        if !self.queue_held
            && let Some(next) = self.queue.pop_front()
        {
            self.start(next, out);
        }
    }

    fn fail(&mut self, failure: Failure, message: String, now: Now, out: &mut Vec<Effect>) {
        self.end(StopReason::Failed { failure, message }, now, out);
    }

    fn withdraw(&mut self, turn: TurnId, why: &str, out: &mut Vec<Effect>) {
        let ids: Vec<HunkId> = self
            .offered
            .iter()
            .filter(|(_, o)| o.turn == turn && o.writing.is_none())
            .map(|(id, _)| *id)
            .collect();
        for id in ids {
            self.offered.remove(&id);
            out.push(changed(id, HunkState::Withdrawn { why: why.to_owned() }));
        }
    }

    fn select(&self, which: &HunkSelector) -> Vec<HunkId> {
        let free = |id: &HunkId| self.offered.get(id).is_some_and(|o| o.writing.is_none());
        match which {
            HunkSelector::All => self.offered.keys().copied().filter(|id| free(id)).collect(),
            HunkSelector::Ids(ids) => ids.iter().copied().filter(|id| free(id)).collect(),
        }
    }

    fn keep(&mut self, which: &HunkSelector, out: &mut Vec<Effect>) -> Option<EffectId> {
        let mut by_turn: BTreeMap<TurnId, Vec<HunkId>> = BTreeMap::new();
        for id in self.select(which) {
            if let Some(o) = self.offered.get(&id) {
                by_turn.entry(o.turn).or_default().push(id);
            }
        }
        let mut last = None;
        for (turn, ids) in by_turn {
            let effect = self.effects.take();
            if let Some(current) = self.turn.as_mut().filter(|t| t.id == turn) {
                current.kept = true;
            }
            let (mut changes, mut bases, mut note) = (Vec::new(), BTreeMap::new(), String::new());
            for id in ids {
                if let Some(o) = self.offered.get_mut(&id) {
                    o.writing = Some(effect);
                    bases
                        .entry(o.change.path().to_owned())
                        .or_insert_with(|| o.base.clone());
                    note.clone_from(&o.note);
                    changes.push((id, o.change.clone()));
                }
            }
            out.push(Effect::Write {
                id: effect,
                turn,
                note,
                changes,
                bases,
            });
            last = Some(effect);
        }
        last
    }

    fn written(&mut self, effect: EffectId, result: Result<Wrote, String>, now: Now, out: &mut Vec<Effect>) {
        let ids: Vec<HunkId> = self
            .offered
            .iter()
            .filter(|(_, o)| o.writing == Some(effect))
            .map(|(id, _)| *id)
            .collect();
        let trouble = match result {
            Ok(wrote) => {
                for id in wrote.kept {
                    self.offered.remove(&id);
                    out.push(changed(id, HunkState::Kept));
                }
                for (id, why) in wrote.conflicted {
                    self.offered.remove(&id);
                    out.push(changed(id, HunkState::Conflicted { why }));
                }
                None
            }
            Err(why) => {
                // Nothing reached the disk: the hunks are offered as before, so that nothing is lost.
                for id in ids {
                    if let Some(o) = self.offered.get_mut(&id) {
                        o.writing = None;
                        out.push(Effect::Emit(ready_event(o.turn, id, &o.change)));
                    }
                }
                Some(why)
            }
        };
        let keeping = self.turn.as_ref().and_then(|t| match &t.phase {
            Phase::Keeping { effect: e, stop } if *e == effect => Some(stop.clone()),
            Phase::Keeping { .. } | Phase::Gathering(_) | Phase::Generating(_) => None,
        });
        match (keeping, trouble) {
            (Some(_), Some(why)) => self.fail(Failure::Write, why, now, out),
            (Some(stop), None) => self.end(stop, now, out),
            (None, Some(text)) => out.push(Effect::Emit(Event::Notice {
                turn: self.turns,
                text,
            })),
            (None, None) => {}
        }
    }

    fn gathered(
        &mut self,
        effect: EffectId,
        result: Result<Gathered, String>,
        now: Now,
        out: &mut Vec<Effect>,
    ) {
        let Some(turn) = &self.turn else { return };
        if !matches!(turn.phase, Phase::Gathering(e) if e == effect) {
            return;
        }
        let gathered = match result {
            Ok(gathered) => gathered,
            Err(why) => return self.fail(Failure::Target, why, now, out),
        };
        match self.plan(turn, gathered) {
            Ok((work, route)) => {
                let id = turn.id;
                if turn.prompt.intent == Intent::Edit {
                    out.push(Effect::Emit(Event::PlaceFound {
                        turn: id,
                        path: work.path.clone(),
                        start: work.place.span.start,
                        end: work.place.span.end,
                        why: work.place.why.clone(),
                    }));
                }
                out.push(Effect::Emit(Event::Routed {
                    turn: id,
                    route: route.clone(),
                }));
                self.generate(work, route, 0, Rung::Region, now, out);
            }
            Err((failure, why)) => self.fail(failure, why, now, out),
        }
    }

    /// Chooses place and route. Pure: nothing is begun.
    fn plan(&self, turn: &Turn, gathered: Gathered) -> Result<(Work, Route), (Failure, String)> {
        let files: BTreeMap<String, Text> = gathered.files.iter().cloned().collect();
        let Some((path, text)) = gathered.files.into_iter().next() else {
            let why = "there is no file to work on; name one: brisk edit TEXT FILE";
            return Err((Failure::Target, why.into()));
        };
        let request = turn.prompt.text.clone();
        let place = match turn.prompt.intent {
            Intent::Edit => {
                let mut place = place::choose(&path, &text, &gathered.hint, &request, self.limits.max_region)
                    .map_err(|e| (Failure::Target, e.to_string()))?;
                if !gathered.why.is_empty() {
                    place.why = format!("{}; {}", gathered.why, place.why);
                }
                place
            }
            Intent::Ask => Place {
                span: 0..text.len(),
                kind: Kind::Rewrite,
                why: String::new(),
            },
        };
        let bytes: usize = match turn.prompt.intent {
            Intent::Edit => {
                text.lines()[place.span.clone()]
                    .iter()
                    .map(String::len)
                    .sum::<usize>()
                    * 3
            }
            Intent::Ask => files
                .values()
                .map(|t| t.lines().iter().map(String::len).sum::<usize>())
                .sum(),
        };
        let shape = TaskShape {
            intent: turn.prompt.intent,
            files: files.len(),
            region_lines: place.span.len(),
            context_tokens: bytes / 4 + 600,
        };
        let route = route(&shape, turn.prompt.model.as_ref(), &self.fleet)
            .map_err(|e| (Failure::Model, e.to_string()))?;
        debug_assert_eq!(route.lane, Lane::Fast);
        Ok((
            Work {
                path,
                files,
                place,
                request,
            },
            route,
        ))
    }

    fn generate(&mut self, work: Work, route: Route, n: usize, rung: Rung, now: Now, out: &mut Vec<Effect>) {
        let Some(chosen) = candidate(&route, n).cloned() else {
            return self.fail(Failure::Model, "no model is left to try".into(), now, out);
        };
        let effect = self.effects.take();
        let Some(turn) = &mut self.turn else { return };
        let words = turn.prompt.intent == Intent::Ask;
        let ask = prompt::Ask {
            model: &chosen.model,
            request: &work.request,
            earlier: turn.earlier.as_ref(),
            limits: &self.limits,
        };
        let request: GenerateRequest = match chosen.format {
            _ if words => {
                let files: Vec<_> = work.files.iter().map(|(p, t)| (p.clone(), t.clone())).collect();
                prompt::answer(&ask, &files, Some(&work.place))
            }
            EditFormat::Region => prompt::region(&ask, &work.path, &work.text(), &work.place, rung),
            EditFormat::SearchReplace | EditFormat::ApplyPatch => {
                prompt::patch(&ask, &work.files, Some((&work.path, &work.place)), chosen.format)
            }
        };
        let budget = Budget {
            max_lines: self.limits.max_lines,
            max_files: self.limits.max_files,
        };
        turn.phase = Phase::Generating(Box::new(Attempt::new(Begin {
            effect,
            turn: turn.id,
            route,
            candidate: n,
            rung,
            work,
            words,
            budget,
            now,
        })));
        out.push(Effect::Generate { id: effect, request });
        out.push(Effect::Wake {
            id: effect,
            at: Now(now.0 + self.limits.first_token_us),
        });
    }

    /// The attempt that `effect` belongs to, if it is the current one.
    fn attempt(&mut self, effect: EffectId) -> Option<&mut Attempt> {
        match &mut self.turn.as_mut()?.phase {
            Phase::Generating(attempt) if attempt.effect == effect => Some(attempt),
            Phase::Generating(_) | Phase::Gathering(_) | Phase::Keeping { .. } => None,
        }
    }

    fn model(&mut self, effect: EffectId, event: ModelEvent, now: Now, out: &mut Vec<Effect>) {
        let Some(attempt) = self.attempt(effect) else {
            return;
        };
        if let Some(held) = &mut attempt.held {
            held.push(event);
            return;
        }
        match event {
            ModelEvent::Sent => {}
            ModelEvent::Text { text } => {
                attempt.heard = now;
                let turn = attempt.turn;
                if !std::mem::replace(&mut attempt.spoke, true) {
                    out.push(Effect::Emit(Event::FirstToken { turn }));
                }
                let mut hunks = self.hunks;
                let brought = match self.attempt(effect) {
                    Some(attempt) => attempt.push(&text, &mut hunks),
                    None => return,
                };
                self.hunks = hunks;
                self.bring(effect, brought, now, out);
            }
            ModelEvent::Done { finish, usage } => self.done(effect, finish, usage, now, out),
            ModelEvent::Failed { fault } => self.faulted(effect, &fault, now, out),
        }
    }

    /// Takes what an answer brought: tells it, offers it, and stops at the budget.
    fn bring(&mut self, effect: EffectId, brought: Brought, now: Now, out: &mut Vec<Effect>) {
        out.extend(brought.events.into_iter().map(Effect::Emit));
        self.offer(brought.ready);
        let Some(lines) = brought.over else { return };
        let max_lines = self.limits.max_lines;
        let auto = self.turn.as_ref().is_some_and(|t| t.prompt.auto_keep);
        if let Some(attempt) = self.attempt(effect) {
            out.push(Effect::Emit(Event::BudgetReached {
                turn: attempt.turn,
                lines,
                max_lines,
            }));
            attempt.held = Some(Vec::new());
        }
        if auto {
            // Nobody is there to be asked: the turn ends, nothing is written.
            self.stop(CancelReason::OverBudget, now, out);
        }
    }

    fn offer(&mut self, ready: Vec<(HunkId, Change)>) {
        let Some(turn) = &self.turn else { return };
        let Phase::Generating(attempt) = &turn.phase else {
            return;
        };
        for (id, change) in ready {
            let base = attempt.work.files.get(change.path()).cloned().unwrap_or_default();
            let note = turn.prompt.text.clone();
            self.offered.insert(
                id,
                Offered {
                    turn: turn.id,
                    change,
                    base,
                    note,
                    writing: None,
                },
            );
        }
    }

    fn raise_budget(&mut self, now: Now, out: &mut Vec<Effect>) {
        let Some(turn) = &mut self.turn else { return };
        let Phase::Generating(attempt) = &mut turn.phase else {
            return;
        };
        let Some(held) = attempt.held.take() else { return };
        attempt.lift_budget();
        attempt.heard = now;
        let effect = attempt.effect;
        for event in held {
            self.model(effect, event, now, out);
        }
    }

    fn done(&mut self, effect: EffectId, finish: Finish, usage: Usage, now: Now, out: &mut Vec<Effect>) {
        let mut hunks = self.hunks;
        let Some(attempt) = self.attempt(effect) else {
            return;
        };
        let brought = attempt.finish(&mut hunks);
        self.hunks = hunks;
        if let Some(turn) = &mut self.turn {
            turn.usage.input += usage.input;
            turn.usage.cached += usage.cached;
            turn.usage.output += usage.output;
        }
        let over = brought.over.is_some();
        self.bring(effect, brought, now, out);
        let Some(attempt) = self.attempt(effect) else {
            return;
        };
        if over {
            attempt.held = Some(vec![ModelEvent::Done {
                finish,
                usage: Usage::default(),
            }]);
            return;
        }
        if attempt.is_words() {
            return self.end(StopReason::EndTurn, now, out);
        }
        let verdict = match finish {
            Finish::Stop => attempt.judge().map_err(|flaw| flaw.sentence()),
            Finish::Length => Err("the answer did not end".to_owned()),
        };
        match verdict {
            Ok(()) => {
                let settled = attempt.settle();
                self.bring(effect, settled, now, out);
                self.accept(now, out);
            }
            Err(why) => match attempt.repaired() {
                Some(changes) => {
                    let mut hunks = self.hunks;
                    let Some(attempt) = self.attempt(effect) else {
                        return;
                    };
                    let (gone, brought) = attempt.replace(changes, &mut hunks);
                    self.hunks = hunks;
                    for id in gone {
                        if self.offered.get(&id).is_some_and(|o| o.writing.is_none()) {
                            self.offered.remove(&id);
                            out.push(changed(id, HunkState::Withdrawn { why: why.clone() }));
                        }
                    }
                    self.bring(effect, brought, now, out);
                    self.accept(now, out);
                }
                None => self.climb(effect, &why, now, out),
            },
        }
    }

    /// The answer passed: the turn ends, or its hunks are written first.
    fn accept(&mut self, now: Now, out: &mut Vec<Effect>) {
        let Some(turn) = &self.turn else { return };
        if turn.prompt.auto_keep {
            let id = turn.id;
            let mine = self
                .offered
                .iter()
                .filter(|(_, o)| o.turn == id)
                .map(|(id, _)| *id)
                .collect();
            if let Some(effect) = self.keep(&HunkSelector::Ids(mine), out)
                && let Some(turn) = &mut self.turn
            {
                turn.phase = Phase::Keeping {
                    effect,
                    stop: StopReason::EndTurn,
                };
                return;
            }
        }
        self.end(StopReason::EndTurn, now, out);
    }

    /// The answer failed its check: the whole file after the region, then the next model.
    fn climb(&mut self, effect: EffectId, why: &str, now: Now, out: &mut Vec<Effect>) {
        let Some(attempt) = self.attempt(effect) else {
            return;
        };
        let (turn, work, route, n) = (
            attempt.turn,
            attempt.work.clone(),
            attempt.route.clone(),
            attempt.candidate,
        );
        let whole = attempt.is_rewrite()
            && attempt.rung == Rung::Region
            && work.place.kind == Kind::Rewrite
            && work.place.span.len() < work.text().len();
        let hint = attempt.refusals.last().cloned();
        out.extend(attempt.abandon().into_iter().map(Effect::Emit));
        self.withdraw(turn, why, out);
        if self.turn.as_ref().is_some_and(|t| t.kept) {
            return self.fail(Failure::Unusable, format!("{why}; what you kept stays"), now, out);
        }
        let notice = |text: String| Effect::Emit(Event::Notice { turn, text });
        if whole && work.text().len() <= self.limits.max_whole_file {
            out.push(notice(format!("{why}; trying with the whole file")));
            return self.generate(work, route, n, Rung::WholeFile, now, out);
        }
        if let Some(next) = candidate(&route, n + 1) {
            out.push(notice(format!("{why}; trying {}", next.model)));
            return self.generate(work, route, n + 1, Rung::Region, now, out);
        }
        let detail = hint.map(|h| format!(" ({h})")).unwrap_or_default();
        self.fail(
            Failure::Unusable,
            format!("{why}{detail}. Say it in other words, name the lines, or name another model"),
            now,
            out,
        );
    }

    fn faulted(&mut self, effect: EffectId, fault: &Fault, now: Now, out: &mut Vec<Effect>) {
        let Some(attempt) = self.attempt(effect) else {
            return;
        };
        let (turn, route, n, work) = (
            attempt.turn,
            attempt.route.clone(),
            attempt.candidate,
            attempt.work.clone(),
        );
        out.extend(attempt.abandon().into_iter().map(Effect::Emit));
        let touched =
            self.offered.values().any(|o| o.turn == turn) || self.turn.as_ref().is_some_and(|t| t.kept);
        if !touched && let Some(next) = candidate(&route, n + 1) {
            out.push(Effect::Emit(Event::Notice {
                turn,
                text: format!("{}; trying {}", fault.message, next.model),
            }));
            return self.generate(work, route, n + 1, Rung::Region, now, out);
        }
        let failure = match fault.source {
            FaultSource::Setup => Failure::Model,
            FaultSource::Network | FaultSource::Upstream | FaultSource::Quota | FaultSource::Request => {
                Failure::Upstream
            }
        };
        self.fail(failure, fault.message.clone(), now, out);
    }

    /// A clock that was set for a generation: is it still speaking?
    fn woke(&mut self, effect: EffectId, now: Now, out: &mut Vec<Effect>) {
        let (first, stall) = (self.limits.first_token_us, self.limits.stall_us);
        let Some(attempt) = self.attempt(effect) else {
            return;
        };
        let bound = if attempt.spoke { stall } else { first };
        if attempt.held.is_some() || now.since(attempt.heard) < bound {
            let from = if attempt.held.is_some() {
                now
            } else {
                attempt.heard
            };
            out.push(Effect::Wake {
                id: effect,
                at: Now(from.0 + bound),
            });
            return;
        }
        let model =
            candidate(&attempt.route, attempt.candidate).map_or_else(String::new, |c| c.model.to_string());
        let fault = Fault {
            source: FaultSource::Upstream,
            retry: brisk_domain::port::Retry::Elsewhere,
            message: format!("{model} said nothing for {:.1} s", bound as f64 / 1e6),
        };
        self.faulted(effect, &fault, now, out);
        out.push(Effect::Stop { id: effect });
    }
}

fn changed(hunk: HunkId, state: HunkState) -> Effect {
    Effect::Emit(Event::HunkChanged { hunk, state })
}
