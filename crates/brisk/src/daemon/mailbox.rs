//! What waits to be written to one client. The session puts in and never waits; the client's writer takes out at
//! the client's pace. A slow client costs bounded memory: lines of one hunk merge, and beyond the cap the client is
//! marked as lagging and reads the rest from the log. Of news only the newest waits.

use brisk_domain::{Event, SessionId};
use brisk_protocol::Envelope;
use std::collections::{BTreeMap, VecDeque};
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

/// One thing to write.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Mail {
    /// An event.
    Event(Envelope),
    /// A ready line (an answer to a request).
    Line(String),
    /// A ready line that says how something is now: of those about the same thing only the newest waits.
    News(News, String),
    /// A ready line after which the daemon goes: it must be out first.
    Farewell(String),
}

/// What news are about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct News {
    /// Of which kind.
    pub(crate) method: &'static str,
    /// Root of the repository.
    pub(crate) root: PathBuf,
}

impl Mail {
    fn session(&self) -> Option<SessionId> {
        match self {
            Mail::Event(e) => Some(e.session_id),
            Mail::Line(_) | Mail::News(..) | Mail::Farewell(_) => None,
        }
    }
}

/// What the writer is to do next.
#[derive(Debug, PartialEq)]
pub(crate) enum Take {
    /// Write these.
    Batch(Vec<Mail>),
    /// Events of a session were dropped: read its log after this number, then go on.
    CatchUp {
        /// Which session.
        session: SessionId,
        /// Last number that was delivered.
        after: u64,
    },
    /// The connection is over.
    Closed,
}

/// How one session's events come to this client.
#[derive(Clone, Copy, PartialEq)]
enum Flow {
    /// Queued as they come.
    Live,
    /// Not queued: they are in the log, and the client will ask for them. `missed` is the first such event's number.
    Held { missed: Option<u64> },
    /// Not queued: the writer is to read the log.
    Lagging,
    /// The log is being read: what comes meanwhile is queued as it is, so that its numbers stay exact.
    Reading,
}

struct Track {
    flow: Flow,
    /// Number of the last event that the writer took.
    delivered: u64,
}

struct State {
    queue: VecDeque<Mail>,
    bytes: usize,
    tracks: BTreeMap<SessionId, Track>,
    closed: bool,
}

impl State {
    fn track(&mut self, session: SessionId) -> &mut Track {
        self.tracks.entry(session).or_insert(Track {
            flow: Flow::Live,
            delivered: 0,
        })
    }

    /// Too much waits: the queued events go, and their sessions are read from the log when the writer comes.
    fn overflow(&mut self, newest: SessionId) {
        let dropped: Vec<SessionId> = self
            .queue
            .iter()
            .filter_map(Mail::session)
            .chain([newest])
            .collect();
        self.queue.retain(|m| m.session().is_none());
        self.bytes = 0;
        dropped
            .into_iter()
            .for_each(|id| self.track(id).flow = Flow::Lagging);
    }
}

/// The queue of one client.
pub(crate) struct Mailbox {
    state: Mutex<State>,
    changed: Notify,
    /// Something was taken out.
    taken: Notify,
    cap: usize,
}

/// Bytes of text that an event carries; the rest of an envelope is small and constant.
fn weight(mail: &Mail) -> usize {
    const FRAME: usize = 96;
    FRAME
        + match mail {
            Mail::Line(line) | Mail::News(_, line) | Mail::Farewell(line) => line.len(),
            Mail::Event(envelope) => match &envelope.event {
                Event::HunkLine { text, .. } | Event::Prose { text, .. } | Event::Notice { text, .. } => {
                    text.len()
                }
                Event::HunkReady { removed, added, .. } => removed.iter().chain(added).map(String::len).sum(),
                Event::TurnStarted { .. }
                | Event::PlaceFound { .. }
                | Event::Routed { .. }
                | Event::FirstToken { .. }
                | Event::HunkOpened { .. }
                | Event::HunkDropped { .. }
                | Event::HunkChanged { .. }
                | Event::BudgetReached { .. }
                | Event::Queued { .. }
                | Event::Unqueued { .. }
                | Event::TurnEnded { .. } => 160,
            },
        }
}

/// Joins two consecutive lines of the same side of the same hunk into one event; gives the bytes that this added.
fn merge(last: &mut Envelope, next: &Envelope) -> Option<usize> {
    let added = match (&mut last.event, &next.event) {
        (
            Event::HunkLine {
                hunk: a,
                kind: x,
                text,
                ..
            },
            Event::HunkLine {
                hunk: b,
                kind: y,
                text: more,
                ..
            },
        ) if a == b && x == y => {
            text.push('\n');
            text.push_str(more);
            more.len() + 1
        }
        (Event::Prose { turn: a, text }, Event::Prose { turn: b, text: more }) if a == b => {
            text.push_str(more);
            more.len()
        }
        _ => return None,
    };
    last.seq = next.seq;
    Some(added)
}

impl Mailbox {
    /// At most about `cap` bytes of events wait; answers to requests are never dropped.
    pub(crate) fn new(cap: usize) -> Mailbox {
        let state = State {
            queue: VecDeque::new(),
            bytes: 0,
            tracks: BTreeMap::new(),
            closed: false,
        };
        Mailbox {
            state: Mutex::new(state),
            changed: Notify::new(),
            taken: Notify::new(),
            cap,
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // The state is a plain queue: a panic elsewhere cannot leave it half changed.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts an event in. Never waits.
    pub(crate) fn event(&self, envelope: &Envelope) {
        let mut state = self.lock();
        let track = state.track(envelope.session_id);
        if let Flow::Held { missed } = &mut track.flow {
            missed.get_or_insert(envelope.seq);
            return;
        }
        let flow = track.flow;
        // An event is in the log a moment before it comes here: the writer may have read it there meanwhile.
        let told = envelope.seq <= track.delivered;
        if state.closed || told || flow == Flow::Lagging {
            return;
        }
        let merged = match state.queue.back_mut() {
            Some(Mail::Event(last)) if flow == Flow::Live && last.session_id == envelope.session_id => {
                merge(last, envelope)
            }
            Some(_) | None => None,
        };
        let mail = Mail::Event(envelope.clone());
        let weight = merged.unwrap_or_else(|| weight(&mail));
        if state.bytes + weight > self.cap {
            state.overflow(envelope.session_id);
        } else {
            state.bytes += weight;
            if merged.is_none() {
                state.queue.push_back(mail);
            }
        }
        drop(state);
        self.changed.notify_one();
    }

    /// Puts an answer in. Never waits.
    pub(crate) fn line(&self, line: String) {
        self.answer(Mail::Line(line));
    }

    /// Puts news in, in the place of those that still wait. Never waits.
    pub(crate) fn news(&self, about: News, line: String) {
        let older = |m: &Mail| matches!(m, Mail::News(a, _) if *a == about);
        self.lock().queue.retain(|m| !older(m));
        self.answer(Mail::News(about, line));
    }

    /// Puts the last answer in.
    pub(crate) fn farewell(&self, line: String) {
        self.answer(Mail::Farewell(line));
    }

    fn answer(&self, mail: Mail) {
        let mut state = self.lock();
        if !state.closed {
            state.queue.push_back(mail);
        }
        drop(state);
        self.changed.notify_one();
    }

    /// Events of a session wait in the log until [`Mailbox::replay`] or [`Mailbox::release`].
    pub(crate) fn hold(&self, session: SessionId) {
        let mut state = self.lock();
        let track = state.track(session);
        let missed = match track.flow {
            Flow::Live => None,
            Flow::Held { missed } => missed,
            // What it still had to read, and what comes until it has.
            Flow::Lagging | Flow::Reading => Some(track.delivered + 1),
        };
        track.flow = Flow::Held { missed };
    }

    /// A session that was held is told as before: the client asked for its events, and could not have them.
    pub(crate) fn release(&self, session: SessionId) {
        let mut state = self.lock();
        let track = state.track(session);
        if let Flow::Held { missed } = track.flow {
            track.flow = match missed {
                None => Flow::Live,
                Some(first) => {
                    track.delivered = track.delivered.max(first.saturating_sub(1));
                    Flow::Lagging
                }
            };
        }
        drop(state);
        self.changed.notify_one();
        self.taken.notify_waiters();
    }

    /// The writer is to send a session's events from number `from` on, out of the log.
    pub(crate) fn replay(&self, session: SessionId, from: u64) {
        let mut state = self.lock();
        *state.track(session) = Track {
            flow: Flow::Lagging,
            delivered: from.saturating_sub(1),
        };
        drop(state);
        self.changed.notify_one();
    }

    /// From here on events are queued again; the writer now reads the log and then calls [`Mailbox::read_up_to`].
    pub(crate) fn start_reading(&self, session: SessionId) {
        self.lock().track(session).flow = Flow::Reading;
    }

    /// The log was read and written up to `seq`: what is queued of it is dropped.
    pub(crate) fn read_up_to(&self, session: SessionId, seq: u64) {
        let mut state = self.lock();
        let track = state.track(session);
        track.delivered = track.delivered.max(seq);
        // An overflow while reading has made the session lag anew; the writer comes back for it.
        if track.flow == Flow::Reading {
            track.flow = Flow::Live;
        }
        state.queue.retain(|m| match m {
            Mail::Event(e) => e.session_id != session || e.seq > seq,
            Mail::Line(_) | Mail::News(..) | Mail::Farewell(_) => true,
        });
        drop(state);
        self.taken.notify_waiters();
    }

    /// Nothing more is taken or put in.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_one();
        self.taken.notify_waiters();
    }

    /// Waits until the writer has a session's events up to `seq`: a line that is put in then comes after them, and
    /// also after what had to be read from the log. Ends, too, when nothing of them is on the way any more.
    pub(crate) async fn caught_up(&self, session: SessionId, seq: u64) {
        loop {
            let waiting = self.taken.notified();
            {
                let mut state = self.lock();
                let Track { flow, delivered } = *state.track(session);
                let queued = || state.queue.iter().any(|m| m.session() == Some(session));
                if state.closed || (flow == Flow::Live && (delivered >= seq || !queued())) {
                    return;
                }
            }
            waiting.await;
        }
    }

    /// Waits for something to write. Only the client's own writer calls this.
    pub(crate) async fn take(&self) -> Take {
        loop {
            let waiting = self.changed.notified();
            {
                let mut state = self.lock();
                if !state.queue.is_empty() {
                    let batch: Vec<Mail> = state.queue.drain(..).collect();
                    state.bytes = 0;
                    for mail in &batch {
                        if let Mail::Event(e) = mail {
                            state.track(e.session_id).delivered = e.seq;
                        }
                    }
                    drop(state);
                    self.taken.notify_waiters();
                    return Take::Batch(batch);
                }
                if state.closed {
                    return Take::Closed;
                }
                let lagging = state.tracks.iter().find(|(_, t)| t.flow == Flow::Lagging);
                if let Some((session, track)) = lagging {
                    return Take::CatchUp {
                        session: *session,
                        after: track.delivered,
                    };
                }
            }
            waiting.await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use brisk_domain::{HunkId, LineKind, TurnId};

    fn line(seq: u64, hunk: u64, text: &str) -> Envelope {
        let event = Event::HunkLine {
            turn: TurnId(1),
            hunk: HunkId(hunk),
            kind: LineKind::Added,
            text: text.into(),
        };
        Envelope {
            session_id: SessionId(1),
            seq,
            at_us: 0,
            event,
        }
    }

    #[tokio::test]
    async fn lines_of_one_hunk_merge_and_those_of_two_do_not() {
        let mailbox = Mailbox::new(10_000);
        mailbox.event(&line(1, 1, "a"));
        mailbox.event(&line(2, 1, "b"));
        mailbox.event(&line(3, 2, "c"));
        let want = vec![Mail::Event(line(2, 1, "a\nb")), Mail::Event(line(3, 2, "c"))];
        assert_eq!(mailbox.take().await, Take::Batch(want));
    }

    #[tokio::test]
    async fn of_news_about_one_thing_only_the_newest_waits() {
        let about = |root: &str| News {
            method: "_brisk/state",
            root: root.into(),
        };
        let mailbox = Mailbox::new(400);
        for n in 0..1_000 {
            mailbox.news(about("/a"), format!("a{n}"));
            mailbox.news(about("/b"), format!("b{n}"));
        }
        mailbox.line("answer".into());
        // It does not overtake what came before it.
        mailbox.news(about("/a"), "a".into());
        let want = vec![
            Mail::News(about("/b"), "b999".into()),
            Mail::Line("answer".into()),
            Mail::News(about("/a"), "a".into()),
        ];
        assert_eq!(mailbox.take().await, Take::Batch(want));
    }

    async fn at_once(future: impl Future<Output = ()>) -> bool {
        tokio::time::timeout(std::time::Duration::ZERO, future)
            .await
            .is_ok()
    }

    #[tokio::test]
    async fn a_line_can_wait_for_the_events_before_it() {
        let mailbox = Mailbox::new(400);
        mailbox.event(&line(1, 1, "a"));
        let waiting = mailbox.caught_up(SessionId(1), 1);
        tokio::pin!(waiting);
        assert!(!at_once(waiting.as_mut()).await);
        assert!(matches!(mailbox.take().await, Take::Batch(_)));
        assert!(at_once(waiting.as_mut()).await);
        // Too much for the queue: then for the log.
        mailbox.event(&line(2, 1, &"x".repeat(500)));
        let waiting = mailbox.caught_up(SessionId(1), 2);
        tokio::pin!(waiting);
        assert!(matches!(mailbox.take().await, Take::CatchUp { .. }));
        mailbox.start_reading(SessionId(1));
        assert!(!at_once(waiting.as_mut()).await);
        mailbox.read_up_to(SessionId(1), 2);
        assert!(at_once(waiting.as_mut()).await);
    }

    #[tokio::test]
    async fn what_was_read_from_the_log_before_it_came_is_told_once() {
        let session = SessionId(1);
        let mailbox = Mailbox::new(400);
        mailbox.replay(session, 1);
        mailbox.start_reading(session);
        mailbox.event(&line(4, 1, "a"));
        mailbox.read_up_to(session, 5);
        for (seq, hunk) in [(5, 2), (6, 3)] {
            mailbox.event(&line(seq, hunk, "b"));
        }
        assert_eq!(
            mailbox.take().await,
            Take::Batch(vec![Mail::Event(line(6, 3, "b"))])
        );
    }

    #[tokio::test]
    async fn a_hold_that_is_released_loses_nothing_and_tells_nothing_twice() {
        let session = SessionId(1);
        let mailbox = Mailbox::new(400);
        // Nothing came meanwhile: it goes on as it was.
        mailbox.event(&line(7, 1, "a"));
        mailbox.hold(session);
        mailbox.release(session);
        mailbox.event(&line(8, 2, "b"));
        let want = vec![Mail::Event(line(7, 1, "a")), Mail::Event(line(8, 2, "b"))];
        assert_eq!(mailbox.take().await, Take::Batch(want));
        assert!(at_once(mailbox.caught_up(session, 8)).await);
        // What came meanwhile is in the log; what was queued before it is not read there again.
        mailbox.event(&line(9, 3, "c"));
        mailbox.hold(session);
        mailbox.event(&line(10, 4, "d"));
        mailbox.event(&line(11, 5, "e"));
        mailbox.hold(session);
        mailbox.release(session);
        assert_eq!(
            mailbox.take().await,
            Take::Batch(vec![Mail::Event(line(9, 3, "c"))])
        );
        assert_eq!(mailbox.take().await, Take::CatchUp { session, after: 9 });
        // One that was to read the log still is.
        mailbox.hold(session);
        mailbox.release(session);
        assert_eq!(mailbox.take().await, Take::CatchUp { session, after: 9 });
        mailbox.start_reading(session);
        mailbox.hold(session);
        mailbox.read_up_to(session, 11);
        mailbox.release(session);
        assert_eq!(mailbox.take().await, Take::CatchUp { session, after: 11 });
        // What is not held stays as it is.
        mailbox.start_reading(session);
        mailbox.read_up_to(session, 11);
        mailbox.release(session);
        assert!(at_once(mailbox.caught_up(session, 11)).await);
    }

    #[tokio::test]
    async fn beyond_the_cap_the_client_catches_up_from_what_it_has() {
        let mailbox = Mailbox::new(400);
        mailbox.event(&line(1, 1, "a"));
        assert!(matches!(mailbox.take().await, Take::Batch(_)));
        for i in 2..20 {
            mailbox.event(&line(i, i, &"x".repeat(50)));
        }
        mailbox.line("answer".into());
        assert_eq!(
            mailbox.take().await,
            Take::Batch(vec![Mail::Line("answer".into())])
        );
        let session = SessionId(1);
        assert_eq!(mailbox.take().await, Take::CatchUp { session, after: 1 });
        mailbox.start_reading(session);
        mailbox.event(&line(19, 19, "in the log already"));
        mailbox.event(&line(20, 1, "b"));
        mailbox.read_up_to(session, 19);
        assert_eq!(
            mailbox.take().await,
            Take::Batch(vec![Mail::Event(line(20, 1, "b"))])
        );
    }

    #[tokio::test]
    async fn closing_ends_the_writer_after_what_is_queued() {
        let mailbox = Mailbox::new(400);
        mailbox.line("last".into());
        mailbox.close();
        assert_eq!(mailbox.take().await, Take::Batch(vec![Mail::Line("last".into())]));
        assert_eq!(mailbox.take().await, Take::Closed);
    }
}
