//! The connection comes, breaks and is left: what of the turn, the hunks and the prompts outlives that.

use super::{Act, After, App, Link, Rest, Wish};
use crate::book::Book;
use crate::look;
use crate::wire::Call;
use brisk_protocol::domain::SessionId;

impl App {
    /// What is left to do when nothing more is typed.
    pub fn rest(&self) -> Rest {
        let idle = self.link == Link::Up
            && self.live.is_none()
            && self.sent.is_empty()
            && (self.held || self.queue.is_empty())
            && self.book.offered().count() == self.book.hunks.len();
        match (self.link, idle) {
            (Link::Failed, _) => Rest::Failed,
            (_, false) => Rest::Busy,
            (_, true) if self.book.is_offering() => Rest::Undecided,
            (_, true) => Rest::Done,
        }
    }

    pub(super) fn connected(&mut self, session: SessionId, daemon: u32, last: u64, held: bool) {
        let again = self.link == Link::Lost;
        self.link = Link::Up;
        self.tracks.clear();
        if self.session.is_some_and(|s| s != session) {
            self.leave_session();
        }
        self.session = Some(session);
        let other = self.daemon.is_some_and(|d| d != daemon);
        self.daemon = Some(daemon);
        self.forget = other || (!held && last > 0);
        if again {
            self.say("connected again", look::DIM);
        }
        if last > 0 {
            if self.seq == 0 {
                self.resumed = true;
                // Only the end of a long past is asked for; a line of it is rarely less than an event.
                let window = (self.rows as u64 * 20).max(1_000);
                self.seq = last.saturating_sub(window);
            }
            self.past = last;
            let from = self.seq + 1;
            self.send(Call::Resume { from });
        }
        self.present();
        self.send(Call::Status);
        self.send(Call::Limits);
        self.send(Call::Quota);
        self.next_after_past();
    }

    /// The queue goes on when it is known how things are: while the past is told a turn may still turn up in it.
    pub(super) fn next_after_past(&mut self) {
        if !self.is_past() {
            self.next_queued();
        }
    }

    /// `/new`: what belonged to the old session goes; what is not sent stays.
    fn leave_session(&mut self) {
        (self.seq, self.past) = (0, 0);
        self.tail.clear();
        self.unsent();
        self.live = None;
        self.book = Book::default();
        self.after = After::Nothing;
        self.say("a new session", look::DIM);
    }

    /// Where the past has come to its end.
    pub(super) fn present(&mut self) {
        if self.is_past() {
            return;
        }
        let tail: Vec<_> = self.tail.drain(..).collect();
        if !tail.is_empty() {
            self.act(Act::Print(tail));
        }
        if std::mem::take(&mut self.forget) {
            self.forgotten();
        }
    }

    pub(super) fn lost(&mut self) {
        if self.link != Link::Lost {
            self.say(
                "the connection to the daemon is lost; connecting again",
                look::WARN,
            );
        }
        self.link = Link::Lost;
        self.checks_are_gone();
        self.not_handed();
        self.unsent();
    }

    /// What was on its way may not have arrived: prompts go back to the person, before what is queued, and decisions
    /// are to be made again.
    pub(super) fn unsent(&mut self) {
        if self.live.as_ref().is_some_and(|l| l.turn.is_none()) {
            self.live = None;
        }
        let back = !self.sent.is_empty();
        while let Some((_, wish)) = self.sent.pop_back() {
            self.give_back(wish);
        }
        if back {
            self.held = !self.queue.is_empty();
        }
        self.book.undecided();
        self.rescue("it may not have arrived");
    }

    /// Another daemon: the turn that ran and the hunks on offer died with the old one.
    fn forgotten(&mut self) {
        if let Some(live) = self.live.take() {
            self.say(
                "the turn ended with the daemon; its prompt is back, Enter sends it again",
                look::WARN,
            );
            let wish = Wish::again(&live.written, &self.known);
            self.give_back(wish);
            self.held = !self.queue.is_empty();
        }
        self.withdraw_all();
    }
}
