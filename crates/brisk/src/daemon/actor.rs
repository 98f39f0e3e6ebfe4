//! One session's task: it owns the reducer, carries out its effects, and gives each event its number. Control
//! messages are read before anything a model says; clients are told through mailboxes and never waited for.

use super::felt::{Desk, Moment, Watch};
use super::fleet::{Fleet, Ticket};
use super::gather;
use super::hub::Hub;
use super::log::Log;
use super::mailbox::Mailbox;
use super::models::Models;
use super::now;
use super::standings::{Busy, Standings};
use brisk_domain::port::{ModelEvent, Running, Sink};
use brisk_domain::{
    CancelReason, Command, EffectId, Event, HunkSelector, HunkState, Lane, Now, SessionId, StopReason, TurnId,
};
use brisk_lanes::{Effect, Input, Recalled, Session, Wrote, edits_first};
use brisk_patch::Text;
use brisk_protocol::{Decided, Envelope};
use brisk_router::policy::Policy;
use brisk_worktree::{Operation, Repo};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::PathBuf;
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot};

/// What clients may ask of the actor. These are read first.
pub(crate) enum Control {
    /// A command; the answer comes when its turn is over.
    Prompt {
        command: Command,
        over: oneshot::Sender<Over>,
    },
    /// A command without an answer.
    Tell(Command),
    /// A command that is done at once, or refused in words. The answer: queued prompts that it took back.
    Try {
        command: Command,
        done: oneshot::Sender<Result<Vec<String>, String>>,
    },
    /// The person does not let a turn grow beyond its budget: it ends, if it still runs.
    GiveUp { turn: TurnId },
    /// Keep or reject; the answer comes when it is on disk.
    Decide {
        command: Command,
        done: oneshot::Sender<Decided>,
    },
    /// From here on the mailbox gets every event; the answer is the last number given so far.
    Subscribe {
        mailbox: Arc<Mailbox>,
        last: oneshot::Sender<u64>,
    },
    /// A client is gone. If it was the last one, its turn is stopped, and an idle session is retired from the hub.
    Unsubscribe {
        mailbox: Arc<Mailbox>,
        hub: Arc<Hub>,
        id: SessionId,
    },
    /// A file was opened: read it ahead.
    Warm { path: String },
    /// The daemon is going; the answer comes when writes are done.
    Shutdown { done: oneshot::Sender<()> },
}

/// A turn that was prompted for is over.
pub(crate) struct Over {
    /// Why.
    pub(crate) stop: StopReason,
    /// Number of the event that says so.
    pub(crate) seq: u64,
}

/// How to reach a session.
#[derive(Clone)]
pub(crate) struct Handle {
    pub(crate) control: mpsc::UnboundedSender<Control>,
    pub(crate) cwd: PathBuf,
    pub(crate) repo: Arc<Repo>,
}

/// What a session works with; all of them share it.
pub(crate) struct Means {
    pub(crate) models: Arc<Models>,
    pub(crate) fleet: Arc<Fleet>,
    pub(crate) log: Log,
    pub(crate) desk: Desk,
    pub(crate) standings: Arc<Standings>,
}

/// A request at a model.
struct Request {
    /// Dropping it stops the model.
    _running: Box<dyn Running>,
    ticket: Ticket,
}

struct Waiting {
    effects: BTreeSet<EffectId>,
    decided: Decided,
    done: oneshot::Sender<Decided>,
}

struct Actor {
    id: SessionId,
    session: Session,
    repo: Arc<Repo>,
    cwd: PathBuf,
    models: Arc<Models>,
    fleet: Arc<Fleet>,
    /// What the last turn was routed by.
    policy: Arc<Policy>,
    log: Log,
    /// Sees what goes in and out, for the desk.
    watch: Watch,
    desk: Desk,
    standings: Arc<Standings>,
    /// While a turn runs nobody looks at the tree.
    busy: Option<Busy>,
    seq: u64,
    reports: mpsc::UnboundedSender<Input>,
    running: BTreeMap<EffectId, Request>,
    wakes: BTreeMap<EffectId, Now>,
    clients: Vec<Arc<Mailbox>>,
    turns: BTreeMap<TurnId, oneshot::Sender<Over>>,
    /// Prompts whose turn has not begun, in order, with whoever waits for the end: nobody does for one that was told.
    unborn: VecDeque<Option<oneshot::Sender<Over>>>,
    decisions: Vec<Waiting>,
    writes: usize,
}

/// What happened in a session before this process had it.
#[derive(Default)]
pub(crate) struct Past {
    /// Number of its last logged event; 0 for a new one.
    pub(crate) last: u64,
    /// Where its last turn worked, with the text of that file.
    pub(crate) place: Option<(Recalled, Text)>,
}

/// Starts the task of a session.
pub(crate) fn start(id: SessionId, past: Past, cwd: PathBuf, repo: Arc<Repo>, means: Means) -> Handle {
    let (control, commands) = mpsc::unbounded_channel();
    let (reports, inbox) = mpsc::unbounded_channel();
    let Means {
        models,
        fleet,
        log,
        desk,
        standings,
    } = means;
    let mut session = Session::resumed(models.limits(), past.last);
    if let Some((place, text)) = past.place {
        session.recall(place, text);
    }
    let actor = Actor {
        id,
        session,
        repo: Arc::clone(&repo),
        cwd: cwd.clone(),
        models,
        fleet,
        policy: Arc::new(Policy::built_in()),
        log,
        watch: Watch::new(id),
        desk,
        standings,
        busy: None,
        seq: past.last,
        reports,
        running: BTreeMap::new(),
        wakes: BTreeMap::new(),
        clients: Vec::new(),
        turns: BTreeMap::new(),
        unborn: VecDeque::new(),
        decisions: Vec::new(),
        writes: 0,
    };
    tokio::spawn(actor.run(commands, inbox));
    Handle { control, cwd, repo }
}

impl Actor {
    async fn run(
        mut self,
        mut commands: mpsc::UnboundedReceiver<Control>,
        mut inbox: mpsc::UnboundedReceiver<Input>,
    ) {
        let mut leaving: Option<oneshot::Sender<()>> = None;
        loop {
            if self.writes == 0
                && let Some(done) = leaving.take()
            {
                let _ = done.send(());
                return;
            }
            let next = self
                .wakes
                .iter()
                .min_by_key(|(_, at)| **at)
                .map(|(id, at)| (*id, *at));
            let until = next.map_or(u64::MAX, |(_, at)| at.0.saturating_sub(now().0));
            let timer = tokio::time::sleep_until(
                tokio::time::Instant::now() + std::time::Duration::from_micros(until.min(86_400_000_000)),
            );
            tokio::select! {
                biased;
                control = commands.recv() => match control {
                    Some(Control::Shutdown { done }) => {
                        self.feed(Input::Stop { cause: CancelReason::Shutdown });
                        leaving = Some(done);
                    }
                    Some(control) => self.control(control),
                    // Every handle is gone: nobody can ever ask or see anything of this session again.
                    None => return,
                },
                input = inbox.recv() => if let Some(input) = input { self.report(input) },
                () = timer => if let Some((id, at)) = next
                    && now() >= at
                {
                    self.wakes.remove(&id);
                    self.feed(Input::Woke { effect: id });
                },
            }
        }
    }

    fn control(&mut self, control: Control) {
        match control {
            Control::Prompt { command, over } => {
                self.unborn.push_back(Some(over));
                self.feed(Input::Command(command));
            }
            Control::Tell(command) => {
                // A queued one begins when no other waits.
                if matches!(command, Command::Prompt(_)) {
                    self.unborn.push_back(None);
                }
                self.feed(Input::Command(command));
            }
            Control::Try { command, done } => {
                // Whoever asked may have gone.
                let _ = done.send(self.attempt(command));
            }
            Control::GiveUp { turn } => {
                if self.turns.contains_key(&turn) {
                    self.feed(Input::Stop {
                        cause: CancelReason::OverBudget,
                    });
                }
            }
            Control::Decide { command, done } => {
                let missing = match &command {
                    Command::Keep(HunkSelector::Ids(ids)) | Command::Reject(HunkSelector::Ids(ids)) => {
                        self.session.not_offered(ids)
                    }
                    Command::Keep(HunkSelector::All)
                    | Command::Reject(HunkSelector::All)
                    | Command::Prompt(_)
                    | Command::Queue(_)
                    | Command::Unqueue(_)
                    | Command::Interrupt
                    | Command::RaiseBudget
                    | Command::Amend { .. } => Vec::new(),
                };
                let waiting = Waiting {
                    effects: BTreeSet::new(),
                    decided: Decided {
                        missing,
                        ..Decided::default()
                    },
                    done,
                };
                self.decisions.push(waiting);
                let at = self.decisions.len() - 1;
                let effects = self.session.handle(Input::Command(command), now());
                for effect in &effects {
                    let Some(w) = self.decisions.get_mut(at) else {
                        break;
                    };
                    match effect {
                        Effect::Write { id, .. } => {
                            w.effects.insert(*id);
                        }
                        Effect::Emit(Event::HunkChanged {
                            hunk,
                            state: HunkState::Rejected,
                        }) => {
                            w.decided.rejected.push(*hunk);
                        }
                        Effect::Emit(_)
                        | Effect::Gather { .. }
                        | Effect::Generate { .. }
                        | Effect::Stop { .. }
                        | Effect::Wake { .. } => {}
                    }
                }
                self.perform(effects);
                self.answer_decisions();
            }
            Control::Subscribe { mailbox, last } => {
                self.clients.push(mailbox);
                let _ = last.send(self.seq);
            }
            Control::Unsubscribe { mailbox, hub, id } => {
                self.clients.retain(|m| !Arc::ptr_eq(m, &mailbox));
                if self.clients.is_empty() {
                    self.feed(Input::Stop {
                        cause: CancelReason::ClientGone,
                    });
                    if !self.session.is_busy() && self.session.offered().next().is_none() {
                        hub.retire(id);
                    }
                }
            }
            Control::Warm { path } => self.warm(path),
            // Taken by the loop itself.
            Control::Shutdown { .. } => {}
        }
    }

    fn attempt(&mut self, command: Command) -> Result<Vec<String>, String> {
        if command == Command::RaiseBudget && !self.session.waits_at_budget() {
            return Err("no turn waits at its budget".to_owned());
        }
        let amends = matches!(command, Command::Amend { .. });
        let effects = self.session.handle(Input::Command(command), now());
        let (mut taken, mut refused) = (Vec::new(), None);
        for effect in &effects {
            match effect {
                Effect::Emit(Event::Unqueued { text, .. }) => taken.push(text.clone()),
                Effect::Emit(Event::Notice { text, .. }) if amends => refused = Some(text.clone()),
                Effect::Emit(_)
                | Effect::Gather { .. }
                | Effect::Generate { .. }
                | Effect::Stop { .. }
                | Effect::Wake { .. }
                | Effect::Write { .. } => {}
            }
        }
        match refused {
            // Said in the answer, to whoever asked.
            Some(why) => Err(why),
            None => {
                self.perform(effects);
                Ok(taken)
            }
        }
    }

    fn report(&mut self, input: Input) {
        self.watch.report(&input, Moment::take());
        match &input {
            Input::Model { effect, event } => {
                if let Some(request) = self.running.get_mut(effect) {
                    request.ticket.saw(event, now());
                }
                if matches!(event, ModelEvent::Done { .. } | ModelEvent::Failed { .. }) {
                    self.running.remove(effect);
                    self.wakes.remove(effect);
                }
            }
            Input::Gathered {
                result: Ok(found), ..
            } => {
                if let Ok(board) = &found.board {
                    self.policy = Arc::clone(&board.policy);
                }
            }
            Input::Written { effect, result } => {
                self.writes -= 1;
                self.standings.poke(self.repo.root());
                for waiting in &mut self.decisions {
                    if waiting.effects.remove(effect)
                        && let Ok(Wrote { kept, conflicted }) = result
                    {
                        waiting.decided.kept.extend(kept);
                        waiting.decided.conflicted.extend(conflicted.iter().cloned());
                    }
                }
            }
            Input::Denied { effect, .. } => {
                self.wakes.remove(effect);
            }
            Input::Command(_) | Input::Gathered { .. } | Input::Woke { .. } | Input::Stop { .. } => {}
        }
        self.feed(input);
        self.answer_decisions();
    }

    fn answer_decisions(&mut self) {
        let (over, waiting): (Vec<_>, Vec<_>) = std::mem::take(&mut self.decisions)
            .into_iter()
            .partition(|w| w.effects.is_empty());
        self.decisions = waiting;
        over.into_iter().for_each(|w| drop(w.done.send(w.decided)));
    }

    fn feed(&mut self, input: Input) {
        let effects = self.session.handle(input, now());
        self.perform(effects);
    }

    fn perform(&mut self, effects: Vec<Effect>) {
        self.desk.send(self.watch.effects(&effects, Moment::take()));
        for effect in effects {
            match effect {
                Effect::Emit(event) => self.emit(event),
                Effect::Gather { id, prompt, before } => {
                    let (repo, cwd, reports) =
                        (Arc::clone(&self.repo), self.cwd.clone(), self.reports.clone());
                    let fleet = Arc::clone(&self.fleet);
                    tokio::task::spawn_blocking(move || {
                        let board = fleet.board(&cwd, now());
                        let result = gather::gather(&repo, &prompt, before, board);
                        let _ = reports.send(Input::Gathered { effect: id, result });
                    });
                }
                Effect::Generate {
                    id,
                    request,
                    estimate,
                } => {
                    let reports = self.reports.clone();
                    let admitted =
                        self.fleet
                            .admit(&request.model, Lane::Fast, estimate, &self.policy, now());
                    let mut ticket = match admitted {
                        Ok(ticket) => ticket,
                        Err(denied) => {
                            // By way of the queue: what is under way is finished first.
                            let _ = reports.send(Input::Denied { effect: id, denied });
                            continue;
                        }
                    };
                    ticket.asks(&request);
                    let held = self.desk.hold(self.watch.turn());
                    let sink: Sink = Arc::new(move |event| {
                        let _held = &held;
                        let _ = reports.send(Input::Model { effect: id, event });
                    });
                    let request = Request {
                        _running: self.models.generate(request, sink),
                        ticket,
                    };
                    self.running.insert(id, request);
                }
                Effect::Stop { id, cause } => {
                    if let Some(mut request) = self.running.remove(&id) {
                        request.ticket.stopped(cause, now());
                    }
                    self.wakes.remove(&id);
                }
                Effect::Wake { id, at } => {
                    self.wakes.insert(id, at);
                }
                Effect::Write {
                    id,
                    turn,
                    note,
                    changes,
                    bases,
                } => {
                    self.writes += 1;
                    let (repo, session, reports) = (Arc::clone(&self.repo), self.id, self.reports.clone());
                    tokio::task::spawn_blocking(move || {
                        let result = repo
                            .write(Operation {
                                session,
                                turn,
                                changes,
                                bases,
                                note,
                            })
                            .map(|a| Wrote {
                                kept: a.kept,
                                conflicted: a.conflicted,
                            })
                            .map_err(|e| e.to_string());
                        let _ = reports.send(Input::Written { effect: id, result });
                    });
                }
            }
        }
    }

    fn emit(&mut self, event: Event) {
        if let Event::TurnStarted { turn, .. } = &event
            && let Some(Some(over)) = self.unborn.pop_front()
        {
            self.turns.insert(*turn, over);
        }
        // A turn runs, or goes on after it waited for the person, who may take long.
        let goes_on = matches!(
            event,
            Event::TurnStarted { .. }
                | Event::HunkOpened { .. }
                | Event::HunkLine { .. }
                | Event::Prose { .. }
        );
        if goes_on && self.busy.is_none() && self.session.is_busy() {
            self.busy = Some(self.standings.turn(self.repo.root()));
        }
        if matches!(event, Event::BudgetReached { .. }) {
            self.busy = None;
        }
        self.seq += 1;
        let mut over = None;
        if let Event::TurnEnded { turn, settled } = &event {
            self.busy = None;
            let (stop, seq) = (settled.stop.clone(), self.seq);
            over = self.turns.remove(turn).map(|sender| (sender, Over { stop, seq }));
        }
        let envelope = Envelope {
            session_id: self.id,
            seq: self.seq,
            at_us: now().0,
            event,
        };
        // Before anybody is told: what was told is in the log, whatever happens to this process.
        self.log.append(envelope.clone());
        self.clients.iter().for_each(|c| c.event(&envelope));
        // After the event, so that an answer never overtakes it.
        if let Some((sender, over)) = over {
            // Whoever asked may have gone.
            let _ = sender.send(over);
        }
    }

    /// Reads a file ahead so that the first edit of it starts warm. Only while nothing else is under way.
    fn warm(&self, path: String) {
        if self.session.is_busy() {
            return;
        }
        let (repo, cwd, models) = (Arc::clone(&self.repo), self.cwd.clone(), Arc::clone(&self.models));
        let fleet = Arc::clone(&self.fleet);
        tokio::task::spawn_blocking(move || {
            // Nobody is contacted whom a policy, a quota or a breaker keeps from the edit itself.
            if let Ok(path) = repo.relative(&cwd, &path)
                && let Ok(board) = fleet.board(&cwd, now())
                && let Some(first) = edits_first(&board, &path, now())
                && let Ok(file) = repo.read(&path)
            {
                models.warm(&first, &path, &file.text);
            }
        });
    }
}
