//! What the session tells.

use super::review::GONE;
use super::{Act, App, Live, Stage, Wish};
use crate::colour::Job;
use crate::felt::Felt;
use crate::look;
use crate::prose::Prose;
use crate::wire::Call;
use brisk_protocol::Envelope;
use brisk_protocol::domain::{
    CancelReason, Event, Failure, HunkId, HunkState, LineKind, Settled, StopReason, TurnId,
};

/// A turn that took longer rings at its end, microseconds.
const BELL_AFTER: u64 = 15_000_000;

impl App {
    pub(super) fn envelope(&mut self, envelope: Envelope) {
        // After a new connection what was seen already may come once more.
        if envelope.seq <= self.seq {
            return;
        }
        if envelope.seq > self.past {
            self.seq = envelope.seq;
            self.present();
            self.track_event(&envelope.event);
            return self.event(envelope.event);
        }
        // While the last of them is taken it is still the past.
        self.seq = envelope.seq.min(self.past - 1);
        self.event(envelope.event);
        self.seq = envelope.seq;
        self.present();
        self.next_after_past();
    }

    fn event(&mut self, event: Event) {
        match event {
            Event::TurnStarted { turn, text } => self.started(turn, text),
            Event::PlaceFound {
                path,
                start,
                end,
                why,
                ..
            } => {
                let place = format!("{} ({why})", lines_of(&path, start, end));
                // Who named no place is to know where it goes, and still does when the hunk is decided.
                let unnamed = self
                    .live
                    .as_ref()
                    .is_some_and(|l| Wish::again(&l.written, &self.known).targets.is_empty());
                if self.plain || unnamed {
                    self.say(&format!("place: {place}"), look::DIM);
                }
                if !self.is_past() {
                    self.act(Act::Colour(Job::Warm { path }));
                }
                if let Some(live) = &mut self.live {
                    live.place = Some(place);
                }
            }
            Event::Routed { route, .. } => {
                if self.plain {
                    let text = format!("route: {}", crate::view::route(&route, true));
                    self.say(&text, look::DIM);
                }
                self.route = Some(route);
                self.stage(Stage::Reading);
            }
            Event::FirstToken { .. } => {
                let now = self.now;
                self.stage(Stage::Writing);
                if let Some(live) = &mut self.live {
                    live.felt.token.get_or_insert(now);
                }
            }
            Event::Prose { text, .. } => self.prose(&text),
            Event::Notice { text, .. } => self.say(&text, look::WARN),
            Event::BudgetReached { lines, max_lines, .. } => {
                self.stage(Stage::Budget(lines, max_lines));
                if self.plain {
                    let finished = if self.book.is_offering() {
                        "/keep, /reject or "
                    } else {
                        ""
                    };
                    let text = format!(
                        "the patch has {lines} changed lines, its budget is {max_lines}: /more goes on, {finished}/stop"
                    );
                    self.say(&text, look::WARN);
                }
            }
            // The queue is ours; another client's is its own matter.
            Event::Queued { .. } | Event::Unqueued { .. } => {}
            Event::TurnEnded { turn, settled } => self.ended(turn, &settled),
            event @ (Event::HunkOpened { .. }
            | Event::HunkLine { .. }
            | Event::HunkReady { .. }
            | Event::HunkDropped { .. }
            | Event::HunkChanged { .. }) => self.hunk(event),
        }
    }

    fn stage(&mut self, stage: Stage) {
        if let Some(live) = &mut self.live
            && live.stage != Stage::Stopping
        {
            live.stage = stage;
        }
    }

    fn started(&mut self, turn: TurnId, text: String) {
        self.flush_prose();
        // A turn has more events than one, so its number stays below theirs, but for the first one of a daemon that
        // took the session over: its numbers go on from the last event. What the daemon before it offered is gone.
        if turn.0 >= self.seq {
            self.withdraw_all();
        }
        let at = self.sent.iter().position(|(_, w)| w.said() == text);
        let own = at.and_then(|at| self.sent.remove(at));
        let written = own.map_or_else(|| text.clone(), |(_, w)| w.written);
        let key = self
            .live
            .as_ref()
            .filter(|l| l.turn.is_none())
            .map(|l| l.felt.key);
        // The text of a large paste does not belong into the scrollback.
        let rows = text.lines().take(6).flat_map(|l| self.fitted(l, 2));
        let mut shown: Vec<_> = rows.map(|l| look::line(&l, look::OWN)).collect();
        if let Some(first) = shown.first_mut() {
            first.spans.insert(0, look::span("\u{203a} ", look::HEAD));
        }
        let more = text.lines().count().saturating_sub(6);
        // Room between turns; in plain mode an empty line would be read out.
        if !self.plain {
            shown.insert(0, Default::default());
        }
        if more > 0 {
            shown.push(look::line(
                &format!("  \u{2026} {}", look::count(more, "more line")),
                look::DIM,
            ));
        }
        self.print(shown);
        self.live = Some(Live {
            turn: Some(turn),
            text,
            written,
            stage: Stage::Reading,
            felt: Felt {
                key: key.unwrap_or(self.now),
                ..Felt::default()
            },
            place: None,
            prose: Prose::default(),
            said: false,
        });
        self.save_draft();
    }

    fn hunk(&mut self, event: Event) {
        let now = self.now;
        let first = matches!(event, Event::HunkLine { .. } | Event::HunkReady { .. });
        if first && let Some(live) = &mut self.live {
            live.felt.token.get_or_insert(now);
            live.felt.hunk.get_or_insert(now);
        }
        if self.plain && !self.is_past() {
            self.tell_hunk(&event);
        }
        let changed = self.book.on(event);
        if let Some(id) = changed.ready {
            // The daemon shows a hunk anew when it has taken another text for it.
            self.amending.take_if(|a| a.hunk == id);
            if let Some(live) = &mut self.live {
                live.said = true;
            }
            self.colour(id);
        }
        if let Some(over) = changed.over {
            let id = over.hunk.id;
            self.print_over(over);
            if self.amending.as_ref().is_some_and(|a| a.hunk == id) {
                self.rescue(GONE);
            }
        }
    }

    fn colour(&mut self, id: HunkId) {
        if self.is_past() || self.plain {
            return;
        }
        if let Some(hunk) = self.book.find(id) {
            let job = Job::Hunk {
                hunk: id,
                path: hunk.path.clone(),
                at: hunk.at,
                removed: hunk.removed.clone(),
                added: hunk.added.clone(),
            };
            self.act(Act::Colour(job));
        }
    }

    /// Plain mode: a hunk in words.
    fn tell_hunk(&mut self, event: &Event) {
        if let Event::HunkReady {
            path,
            at,
            removed,
            added,
            ..
        } = event
        {
            let n = self.book.offered().count() + 1;
            self.say(&format!("hunk {n}, {path} line {}", at + 1), look::HEAD);
            for (kind, lines) in [(LineKind::Removed, removed), (LineKind::Added, added)] {
                let (word, style) = match kind {
                    LineKind::Removed => ("goes: ", look::REMOVED),
                    LineKind::Added => ("comes: ", look::ADDED),
                };
                for line in lines {
                    self.say(&format!("{word}{line}"), style);
                }
            }
        }
    }

    /// Whole rows of an answer go into the scrollback, the begun one is shown in the pane.
    fn prose(&mut self, text: &str) {
        let now = self.now;
        let columns = (!self.plain).then_some(self.columns);
        let Some(live) = &mut self.live else { return };
        live.felt.token.get_or_insert(now);
        live.said = true;
        let rows = live.prose.push(text, columns);
        self.print_rows(&rows);
    }

    fn flush_prose(&mut self) {
        let last = self.live.as_mut().and_then(|l| l.prose.end());
        self.print_rows(last.as_slice());
    }

    fn print_rows(&mut self, rows: &[String]) {
        if !rows.is_empty() {
            self.print(rows.iter().map(|row| look::line(row, look::PLAIN)).collect());
        }
    }

    fn ended(&mut self, turn: TurnId, settled: &Settled) {
        self.flush_prose();
        // It died with its daemon: its prompt comes back when the past is told, or has come back already, since the next
        // daemon writes this end only when somebody asks for the session.
        let died = StopReason::Cancelled {
            cause: CancelReason::Shutdown,
        };
        let ours = self.live.as_ref().is_some_and(|l| l.turn == Some(turn));
        if (self.forget || !ours) && settled.stop == died {
            return;
        }
        self.book.ended(turn);
        let (mut felt, said, written) = self
            .live
            .take()
            .map_or_else(Default::default, |l| (l.felt, l.said, l.written));
        felt.settled = Some(self.now);
        if !self.is_past() {
            self.felts.add(&felt);
            self.felt = Some(felt);
            // Whoever waited that long is looking elsewhere.
            if self.now.saturating_sub(felt.key) > BELL_AFTER {
                self.act(Act::Bell);
            }
        }
        let well = settled.stop == StopReason::EndTurn;
        match &settled.stop {
            StopReason::EndTurn if settled.ready == 0 && !said => {
                self.say("nothing was changed", look::DIM);
            }
            StopReason::EndTurn => {}
            StopReason::Cancelled { cause } => self.say(cancelled(*cause), look::DIM),
            StopReason::Failed { message, failure } => {
                self.say(message, look::BAD);
                if *failure == Failure::Target && !self.plain && !self.is_past() {
                    self.hint = Some("name a place with @, as in @file or @file:symbol".into());
                }
            }
        }
        let offered = self.book.offered().count();
        if self.plain && offered > 0 && !self.is_past() {
            let text = format!(
                "{} on offer: Enter or /keep, /reject, /keep N, /reject N",
                look::count(offered, "hunk")
            );
            self.say(&text, look::PLAIN);
        }
        self.selected = 0;
        if self.is_past() {
            return;
        }
        self.ask_quota();
        // A request that came to nothing is there to be mended, unless a key would then mean the text and not a hunk.
        let failed = matches!(settled.stop, StopReason::Failed { .. });
        if failed
            && !said
            && offered == 0
            && self.sent.is_empty()
            && self.queue.is_empty()
            && self.composer.is_empty()
            && !self.plain
        {
            self.composer.set(&written);
            self.draft_changed();
        }
        if std::mem::take(&mut self.discard) && offered > 0 {
            self.reject_all();
        }
        // After a stop the queue waits for the person; after a failure too, since its next would likely fail as well.
        let steered = matches!(
            &settled.stop,
            StopReason::Cancelled {
                cause: CancelReason::Steered
            }
        );
        if !well && !steered && !self.queue.is_empty() {
            self.held = true;
        }
        self.tell_held();
        if self.sent.is_empty() {
            self.next_queued();
        } else {
            // A steer is on its way: its turn begins at once.
            self.expect_turn();
        }
    }

    fn expect_turn(&mut self) {
        if let Some((_, wish)) = self.sent.front() {
            self.live = Some(Live {
                turn: None,
                text: wish.said().to_owned(),
                written: wish.written.clone(),
                stage: Stage::Sent,
                felt: Felt {
                    key: self.steered_at.take().unwrap_or(self.now),
                    ..Felt::default()
                },
                place: None,
                prose: Prose::default(),
                said: false,
            });
        }
    }

    /// A hunk that was asked about and of which no word came is no longer on offer.
    pub(super) fn missing(&mut self, ids: &[HunkId]) {
        for id in ids {
            let why = "it is no longer on offer".to_owned();
            if let Some(over) = self.book.close(*id, HunkState::Withdrawn { why }) {
                self.print_over(over);
            }
        }
    }

    pub(super) fn refresh(&mut self) {
        self.send(Call::Status);
    }
}

/// `src/x.rs:10-32`; lines come 0-based with an exclusive end.
fn lines_of(path: &str, start: usize, end: usize) -> String {
    match end.saturating_sub(start) {
        0 | 1 => format!("{path}:{}", start + 1),
        _ => format!("{path}:{}-{end}", start + 1),
    }
}

fn cancelled(cause: CancelReason) -> &'static str {
    match cause {
        CancelReason::Superseded => "a better answer took its place",
        CancelReason::Steered => "redirected",
        CancelReason::Interrupted => "stopped",
        CancelReason::OverBudget => "stopped at the patch budget",
        CancelReason::Stalled => "the model went silent or repeated itself; it was stopped",
        CancelReason::ClientGone => "stopped: its client went away",
        CancelReason::Shutdown => "stopped: the daemon is going",
    }
}
