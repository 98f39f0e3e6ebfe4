//! The client as one value: an input and a moment in, acts out. Everything that a person can do and everything that
//! the daemon can say is decided here; nothing here waits, reads or paints.

mod begin;
mod commands;
mod complete;
mod events;
mod gate;
mod hold;
mod jobs;
mod keys;
mod link;
mod prompt;
mod replies;
mod review;
mod tell;
mod track;

pub use commands::DELEGATE_OPTIONS;
pub(crate) use commands::KEYS;
pub(crate) use complete::Menu;
pub(crate) use gate::{Checks, style as state_style};
pub(crate) use hold::After;
pub use jobs::Notify;
pub use prompt::Draft;
pub(crate) use prompt::Wish;

use crate::book::Book;
use crate::colour::{Job, Painted};
use crate::composer::Composer;
use crate::felt::{self, Felt};
use crate::key::Typed;
use crate::look;
use crate::prose::Prose;
use crate::wire::{Call, Reply};
use brisk_protocol::domain::{HunkId, JobId, Lane, Latency, ModelId, Route, SessionId, TurnId};
use brisk_protocol::gate::{TreeNews, TreeState, Verifying};
use brisk_protocol::jobs::{JobBrief, JobsNews};
use brisk_protocol::{Envelope, Limits, QuotaReply, RepoStatus};
use ratatui_core::text::Line;
use review::Amending;
use std::collections::{BTreeSet, VecDeque};
use std::path::Path;
use track::Track;

/// A draft is saved when the person has not typed for this long, microseconds.
const DRAFT_AFTER: u64 = 400_000;
/// What is left of a quota is asked for again after this long, microseconds: its windows are minutes.
const QUOTA_AFTER: u64 = 60_000_000;
/// A second key within this long counts as "twice", microseconds.
const TWICE: u64 = 2_000_000;

/// What happens to the client.
#[derive(Debug, Clone, PartialEq)]
pub enum Input {
    /// The person's terminal said something.
    Typed(Typed),
    /// Plain mode: a whole line.
    Line(String),
    /// An event of the session.
    Event(Envelope),
    /// An answer.
    Reply(Reply),
    /// The tree, or where it stands, is another one.
    Tree(TreeNews),
    /// How far the checks are.
    Verifying(Verifying),
    /// The jobs of a repository.
    Jobs(JobsNews),
    /// A worker has coloured a hunk.
    Painted(Painted),
    /// The external editor is done; no text: it failed, with the reason.
    Edited(Purpose, Result<String, String>),
    /// The connection is there, with a session.
    Connected {
        /// Which.
        session: SessionId,
        /// Process of the daemon: another one has forgotten what ran.
        daemon: u32,
        /// Number of its last event; 0 for a new one.
        last: u64,
        /// The daemon holds it; else it comes from the log, and what ran or was on offer in it is gone.
        held: bool,
    },
    /// The connection is gone; it is being made again.
    Lost,
    /// It cannot be made again.
    Failed(String),
    /// The moment of [`App::due`] has come.
    Tick,
    /// Plain mode: no more lines come, and all of them are dealt with.
    Ended,
    /// The terminal goes, or a signal ends us.
    Hangup,
}

/// Why a text is in the external editor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// It is the prompt.
    Prompt,
    /// It is what a hunk adds.
    Hunk(HunkId),
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq)]
pub enum Act {
    /// Ask the daemon.
    Send(Call),
    /// Put lines into the terminal's scrollback.
    Print(Vec<Line<'static>>),
    /// Hand the terminal to the person's editor.
    Edit {
        /// What for.
        purpose: Purpose,
        /// The text to begin with.
        text: String,
        /// Name that the file ends with, so that the editor knows the language.
        suffix: String,
    },
    /// Let a worker do this.
    Colour(Job),
    /// Keep what is not sent, for the next start.
    Save(Draft),
    /// Keep this for the history of the next start.
    Remember(String),
    /// Paint everything anew.
    Redraw,
    /// Sleep (Ctrl-Z).
    Suspend,
    /// Ring.
    Bell,
    /// Let the terminal show a message of its own.
    Notify(String),
    /// Leave this session and begin another.
    New,
    /// Connect once more.
    Reconnect,
    /// Live or plain mode from now on.
    Plain(bool),
    /// End.
    Quit,
}

/// How things are with the daemon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Link {
    /// Being made.
    Connecting,
    /// There.
    Up,
    /// Gone, and being made again.
    Lost,
    /// Not to be had.
    Failed,
}

/// How far a turn is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// On its way to the daemon.
    Sent,
    /// The model reads.
    Reading,
    /// The model writes.
    Writing,
    /// The patch has reached its budget: lines, bound.
    Budget(usize, usize),
    /// Stop was asked for.
    Stopping,
}

/// What is left to do when nothing more is typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rest {
    /// Something is under way, or waits to be sent.
    Busy,
    /// Nothing; what waits for the person is in the draft.
    Done,
    /// Hunks are on offer, which only the person can decide about.
    Undecided,
    /// There is no daemon to do anything.
    Failed,
}

/// The turn under way.
#[derive(Debug)]
pub(crate) struct Live {
    pub(crate) turn: Option<TurnId>,
    pub(crate) text: String,
    /// As it was written, where that is known.
    pub(crate) written: String,
    pub(crate) stage: Stage,
    pub(crate) felt: Felt,
    /// Where it edits, and why there.
    pub(crate) place: Option<String>,
    /// The last row of an answer in words, not whole yet.
    pub(crate) prose: Prose,
    /// Words or hunks came.
    pub(crate) said: bool,
}

/// What a client begins with.
#[derive(Debug, Clone, Default)]
pub struct Setup {
    /// Every change of state is one line of text, and there is no pane.
    pub plain: bool,
    /// vi keys from the start.
    pub vi: bool,
    /// Earlier prompts, oldest first.
    pub history: Vec<String>,
    /// What an earlier client did not send.
    pub draft: Option<Draft>,
    /// How it is told that a job is done.
    pub notify: Notify,
    /// Lines that fit the terminal: an old session is shown from so far back.
    pub rows: usize,
    /// Columns of it: what is told is broken at spaces to fit. 0: nothing is broken.
    pub columns: usize,
}

/// The client.
#[derive(Debug)]
pub struct App {
    pub(crate) plain: bool,
    pub(crate) rows: usize,
    columns: usize,
    pub(crate) composer: Composer,
    pub(crate) link: Link,
    pub(crate) session: Option<SessionId>,
    daemon: Option<u32>,
    /// Number of the last event that was seen.
    seq: u64,
    /// Events up to here happened before we came.
    past: u64,
    /// When the past is over: what ran in it is gone.
    forget: bool,
    /// Lines of the past, the newest ones.
    tail: VecDeque<Line<'static>>,
    pub(crate) live: Option<Live>,
    pub(crate) book: Book,
    pub(crate) selected: usize,
    /// Prompts for later, oldest first.
    pub(crate) queue: VecDeque<Wish>,
    /// The queue waits for the person.
    pub(crate) held: bool,
    /// Prompts that were sent and whose turn has not begun.
    sent: VecDeque<(u64, Wish)>,
    prompts: u64,
    /// What was done last, and a letter can follow up.
    after: After,
    /// Something is being written, or was and is wiped: letters are letters.
    writing: bool,
    /// The text begins with a letter that may have been a key.
    opening: bool,
    /// The session was there before: what was kept in it can be taken back.
    resumed: bool,
    /// Letters type even though hunks are on offer.
    pub(crate) typing: bool,
    discard: bool,
    stopped_at: Option<u64>,
    quit_at: Option<u64>,
    /// What Ctrl-C wiped, until another key is pressed.
    wiped: Option<String>,
    pub(crate) menu: Option<Menu>,
    /// Places that were taken from the menu.
    known: BTreeSet<String>,
    pub(crate) help: bool,
    pub(crate) hint: Option<String>,
    pub(crate) model: Option<ModelId>,
    /// The lane and the patience that the person named for what comes next.
    pub(crate) lane: Option<Lane>,
    pub(crate) latency: Option<Latency>,
    /// Asked for with `/model`, and not known to be there yet.
    wanted: Option<ModelId>,
    /// What the editor began with, when it got a hunk.
    handed: String,
    /// What the person wrote for a hunk, until the daemon has it.
    amending: Option<Amending>,
    pub(crate) route: Option<Route>,
    pub(crate) repo: Option<RepoStatus>,
    /// What the ledger says of the files as they are.
    pub(crate) state: Option<TreeState>,
    /// Checks that this client asked for.
    pub(crate) checks: Option<Checks>,
    runs: u64,
    /// Jobs of this repository, once the daemon has told of them.
    pub(crate) jobs: Option<Vec<JobBrief>>,
    /// Jobs that were handed over from here.
    begun: BTreeSet<JobId>,
    /// Jobs that were over when the first news of them came.
    passed: BTreeSet<JobId>,
    /// On its way to the brain.
    handing: Option<jobs::Handing>,
    notify: Notify,
    /// What was asked last, as it was written.
    asked: Option<String>,
    pub(crate) quota: QuotaReply,
    quota_due: Option<u64>,
    pub(crate) limits: Option<Limits>,
    pub(crate) felt: Option<Felt>,
    pub(crate) felts: felt::Session,
    kept_lines: (usize, usize),
    /// The next answer about the tree is to be printed.
    tell_status: bool,
    /// The key that sent a new direction.
    steered_at: Option<u64>,
    /// Turns whose moments the daemon is told, oldest first; those that began, then those that were sent.
    tracks: VecDeque<Track>,
    /// Letters that may become text.
    pub(crate) letters: Option<hold::Held>,
    draft_due: Option<u64>,
    saved: Draft,
    now: u64,
    acts: Vec<Act>,
}

impl App {
    /// A client that is not connected yet.
    pub fn new(setup: Setup) -> App {
        let mut composer = Composer::new(setup.history);
        if setup.vi {
            composer.toggle_vi();
        }
        let mut app = App {
            plain: setup.plain,
            rows: setup.rows.max(5),
            columns: setup.columns,
            composer,
            link: Link::Connecting,
            session: None,
            daemon: None,
            seq: 0,
            past: 0,
            forget: false,
            tail: VecDeque::new(),
            live: None,
            book: Book::default(),
            selected: 0,
            queue: VecDeque::new(),
            held: false,
            sent: VecDeque::new(),
            prompts: 0,
            after: After::Nothing,
            writing: false,
            opening: false,
            resumed: false,
            typing: false,
            discard: false,
            stopped_at: None,
            quit_at: None,
            wiped: None,
            menu: None,
            known: BTreeSet::new(),
            help: false,
            hint: None,
            model: None,
            lane: None,
            latency: None,
            wanted: None,
            handed: String::new(),
            amending: None,
            route: None,
            repo: None,
            state: None,
            checks: None,
            runs: 0,
            jobs: None,
            begun: BTreeSet::new(),
            passed: BTreeSet::new(),
            handing: None,
            notify: setup.notify,
            asked: None,
            quota: QuotaReply::default(),
            quota_due: None,
            limits: None,
            felt: None,
            felts: felt::Session::default(),
            kept_lines: (0, 0),
            tell_status: false,
            steered_at: None,
            tracks: VecDeque::new(),
            letters: None,
            draft_due: None,
            saved: Draft::default(),
            now: 0,
            acts: Vec::new(),
        };
        if let Some(draft) = setup.draft {
            app.restore(draft);
        }
        app
    }

    /// The one door. `now_us`: microseconds of a clock that only rises.
    pub fn handle(&mut self, input: Input, now_us: u64) -> Vec<Act> {
        self.now = self.now.max(now_us);
        match input {
            Input::Typed(typed) => self.typed(typed),
            Input::Line(line) => self.line(&line),
            Input::Event(envelope) => self.envelope(envelope),
            Input::Reply(reply) => self.reply(reply),
            Input::Tree(news) => self.tree(news),
            Input::Verifying(news) => self.verifying(news),
            Input::Jobs(news) => self.jobs_news(news),
            Input::Painted(painted) => {
                if let Some(hunk) = self.book.find(painted.hunk) {
                    hunk.painted = Some(painted);
                }
            }
            Input::Edited(purpose, outcome) => self.edited(purpose, outcome),
            Input::Connected {
                session,
                daemon,
                last,
                held,
            } => self.connected(session, daemon, last, held),
            Input::Lost => self.lost(),
            Input::Failed(why) => {
                self.link = Link::Failed;
                self.unsent();
                self.say(&why, look::BAD);
                self.say("what you write is kept; /reconnect tries again", look::DIM);
            }
            Input::Tick => self.tick(),
            Input::Ended => self.quit(),
            Input::Hangup => {
                self.save_draft();
                self.act(Act::Quit);
            }
        }
        std::mem::take(&mut self.acts)
    }

    /// When [`Input::Tick`] is wanted, if at all: nothing ticks while nothing waits.
    pub fn due(&self) -> Option<u64> {
        let due = [self.draft_due, self.held_until(), self.quota_due];
        due.into_iter().flatten().min()
    }

    /// Root of the repository, once it is known.
    pub fn root(&self) -> Option<&Path> {
        self.repo.as_ref().map(|r| r.root.as_path())
    }

    /// The window has this many rows and columns now.
    pub fn resize(&mut self, rows: usize, columns: usize) {
        self.rows = rows.max(5);
        self.columns = columns;
    }

    fn act(&mut self, act: Act) {
        self.acts.push(act);
    }

    fn send(&mut self, call: Call) {
        if self.link == Link::Up {
            self.act(Act::Send(call));
        } else {
            self.hint = Some("there is no connection to the daemon yet".into());
        }
    }

    fn is_past(&self) -> bool {
        self.seq < self.past
    }

    fn tick(&mut self) {
        if self.draft_due.is_some_and(|at| at <= self.now) {
            self.save_draft();
        }
        if self.held_until().is_some_and(|at| at <= self.now) {
            self.settle_letters();
        }
        if self.quota_due.is_some_and(|at| at <= self.now) {
            self.ask_quota();
        }
    }

    /// Asks what is left, where limits are set.
    fn ask_quota(&mut self) {
        self.quota_due = None;
        if self.link == Link::Up && !self.quota.left.is_empty() {
            self.act(Act::Send(Call::Quota));
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
