//! One answer of one model to one turn: its stream, and the hunks that it has produced so far.

mod growing;
mod rungs;
mod scope;

use crate::check::{self, Flaw};
use crate::io::Reach;
use crate::place::{Kind, Place};
use crate::prompt::Rung;
use brisk_domain::port::{ModelEvent, Usage};
use brisk_domain::{EditFormat, EffectId, Event, HunkId, LineKind, Now, TurnId};
use brisk_patch::{Budget, Change, LineSide, PatchStream, Spent, StreamEvent, Text, bare, repair_tail};
use brisk_router::live::{Leg, Plan};
use growing::Growing;
use scope::blanks;
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

/// What a turn works on: fixed once the files are read.
#[derive(Debug, Clone)]
pub(crate) struct Work {
    /// The file to change.
    pub(crate) path: String,
    /// Every text that the model is shown, as it was read.
    pub(crate) files: BTreeMap<String, Text>,
    /// Where in `path`.
    pub(crate) place: Place,
    /// The person's words.
    pub(crate) request: String,
}

impl Work {
    pub(crate) fn text(&self) -> Text {
        self.files.get(&self.path).cloned().unwrap_or_default()
    }
}

enum Reader {
    Words,
    Patch(Box<PatchStream>),
}

/// Hunks that a piece of answer brought, and what clients are told.
#[derive(Default)]
pub(crate) struct Brought {
    pub(crate) events: Vec<Event>,
    pub(crate) ready: Vec<(HunkId, Change)>,
    /// Set when the budget is used up: lines so far.
    pub(crate) over: Option<usize>,
}

pub(crate) struct Attempt {
    pub(crate) effect: EffectId,
    pub(crate) turn: TurnId,
    pub(crate) plan: Arc<Plan>,
    /// 0 is the route's choice, n its n-th fallback.
    pub(crate) candidate: usize,
    /// Candidates that failed in this turn.
    pub(crate) tried: Vec<usize>,
    pub(crate) rung: Rung,
    /// Bytes of the region where an answer that differs may not begin to.
    pub(crate) except: Vec<Range<usize>>,
    pub(crate) work: Work,
    pub(crate) partial: String,
    pub(crate) spoke: bool,
    pub(crate) heard: Now,
    /// Whether it is on the wire: from then on it costs.
    pub(crate) sent: bool,
    /// Size of the request.
    bytes: usize,
    /// Reports that came while the turn waits for a word about its budget.
    pub(crate) held: Option<Vec<ModelEvent>>,
    pub(crate) refusals: Vec<String>,
    reader: Reader,
    open: Option<Growing>,
    offered: Vec<(HunkId, Change)>,
    pending: Vec<(HunkId, Change)>,
    budget: Option<Budget>,
    spent: Spent,
    /// The answer is whole: what closes now waits for the judgement of the whole.
    whole: bool,
}

pub(crate) struct Begin {
    pub(crate) effect: EffectId,
    pub(crate) turn: TurnId,
    pub(crate) plan: Arc<Plan>,
    pub(crate) candidate: usize,
    pub(crate) tried: Vec<usize>,
    pub(crate) rung: Rung,
    pub(crate) except: Vec<Range<usize>>,
    pub(crate) work: Work,
    pub(crate) words: bool,
    pub(crate) budget: Budget,
    /// Size of the request.
    pub(crate) bytes: usize,
    pub(crate) now: Now,
}

/// The lines that an answer on this rung rewrites.
fn span(work: &Work, rung: Rung) -> Range<usize> {
    match rung {
        Rung::WholeFile => 0..work.text().len(),
        Rung::Region | Rung::Differ => work.place.span.clone(),
    }
}

/// Bytes of text that make a token, where nobody counted.
const BYTES_PER_TOKEN: usize = 4;

impl Attempt {
    pub(crate) fn new(b: Begin) -> Attempt {
        let leg = b.plan.legs.get(b.candidate);
        let format = leg.map_or(EditFormat::Region, |leg| leg.candidate.format);
        let text = b.work.text();
        let span = span(&b.work, b.rung);
        let blanks = blanks(&b.work.request);
        let reader = match format {
            _ if b.words => Reader::Words,
            EditFormat::Region => {
                Reader::Patch(Box::new(PatchStream::region(&b.work.path, &text, span, blanks)))
            }
            EditFormat::SearchReplace => {
                Reader::Patch(Box::new(PatchStream::search_replace(b.work.files.clone())))
            }
            EditFormat::ApplyPatch => Reader::Patch(Box::new(PatchStream::apply_patch(b.work.files.clone()))),
        };
        Attempt {
            effect: b.effect,
            turn: b.turn,
            plan: b.plan,
            candidate: b.candidate,
            tried: b.tried,
            rung: b.rung,
            except: b.except,
            work: b.work,
            partial: String::new(),
            spoke: false,
            heard: b.now,
            sent: false,
            bytes: b.bytes,
            held: None,
            refusals: Vec::new(),
            reader,
            open: None,
            offered: Vec::new(),
            pending: Vec::new(),
            budget: Some(b.budget),
            spent: Spent::default(),
            whole: false,
        }
    }

    /// Whether the answer replaces lines of one known place, as opposed to placing its own changes.
    pub(crate) fn is_rewrite(&self) -> bool {
        self.leg()
            .is_some_and(|leg| leg.candidate.format == EditFormat::Region)
    }

    /// The model that was asked.
    pub(crate) fn leg(&self) -> Option<&Leg> {
        self.plan.legs.get(self.candidate)
    }

    /// Its name.
    pub(crate) fn model(&self) -> String {
        self.leg()
            .map_or_else(String::new, |leg| leg.candidate.model.to_string())
    }

    /// What it took as far as one can tell from outside: whoever is stopped before the end does not say.
    pub(crate) fn spent(&self) -> Usage {
        Usage {
            input: if self.sent {
                self.bytes.div_ceil(BYTES_PER_TOKEN)
            } else {
                0
            },
            output: self.partial.len().div_ceil(BYTES_PER_TOKEN),
            ..Usage::default()
        }
    }

    /// Who comes next when it failed: the first of the route that was not tried. In a race a later one may be the one that
    /// runs.
    pub(crate) fn next(&self, reach: Reach) -> Option<usize> {
        let pool = self.leg().map(|leg| leg.pool.as_str());
        let other = |leg: &Leg| reach == Reach::Model || Some(leg.pool.as_str()) != pool;
        let left = |n: usize| n != self.candidate && !self.tried.contains(&n);
        let mut legs = self.plan.legs.iter().enumerate();
        let next = legs.find(|(n, leg)| left(*n) && other(leg));
        next.map(|(n, _)| n).filter(|_| reach != Reach::Lane)
    }

    pub(crate) fn is_words(&self) -> bool {
        matches!(self.reader, Reader::Words)
    }

    /// Every change of this attempt that is or may yet be offered.
    pub(crate) fn changes(&self) -> Vec<Change> {
        self.offered
            .iter()
            .chain(&self.pending)
            .map(|(_, c)| c.clone())
            .collect()
    }

    /// The person lets the patch grow.
    pub(crate) fn lift_budget(&mut self) {
        self.budget = None;
    }

    pub(crate) fn push(&mut self, text: &str, hunks: &mut HunkId) -> Brought {
        self.partial.push_str(text);
        match &mut self.reader {
            Reader::Words => {
                let events = vec![Event::Prose {
                    turn: self.turn,
                    text: text.to_owned(),
                }];
                Brought {
                    events,
                    ..Brought::default()
                }
            }
            Reader::Patch(stream) => {
                let mut out = Vec::new();
                stream.push(text, &mut out);
                self.absorb(out, hunks)
            }
        }
    }

    /// The answer is whole: closes what is open.
    pub(crate) fn finish(&mut self, hunks: &mut HunkId) -> Brought {
        self.whole = true;
        match &mut self.reader {
            Reader::Words => Brought::default(),
            Reader::Patch(stream) => {
                let mut out = Vec::new();
                stream.finish(&mut out);
                self.absorb(out, hunks)
            }
        }
    }

    /// The answer is cut: the open hunk and those that do not parse alone are gone.
    pub(crate) fn abandon(&mut self) -> Vec<Event> {
        if let Reader::Patch(stream) = &mut self.reader {
            stream.abandon(&mut Vec::new());
        }
        let turn = self.turn;
        let gone = self
            .open
            .take()
            .into_iter()
            .map(|open| open.hunk)
            .chain(self.pending.drain(..).map(|(id, _)| id));
        gone.map(|hunk| Event::HunkDropped { turn, hunk }).collect()
    }

    /// Judges a finished rewrite or patch as a whole.
    pub(crate) fn judge(&self) -> Result<(), Flaw> {
        let changes = self.changes();
        if changes.is_empty() {
            return Err(Flaw::Unchanged);
        }
        if let Reader::Patch(stream) = &self.reader
            && self.work.place.kind == Kind::Rewrite
            && let Some(outcome) = stream.outcome()
            && outcome.dropped_tail > 0
            && !check::excused(&self.work.request)
        {
            // A copy that stopped early is a copy: what it leaves out is not what is wrong with it.
            return Err(match self.merged().as_deref() == Some(&*self.region()) {
                true => Flaw::Unchanged,
                false => Flaw::Cut(outcome.dropped_tail),
            });
        }
        for (path, text) in &self.work.files {
            let of_path: Vec<Change> = changes.iter().filter(|c| c.path() == path).cloned().collect();
            if !of_path.is_empty() {
                let judged = check::judge(path, text, &of_path, &self.work.request);
                let part = self.is_rewrite() && self.rung != Rung::Differ && changes.iter().all(gap);
                if part && matches!(judged, Err(Flaw::Dropped(_))) {
                    // It wrote a part as it was, and nothing else: a copy, too.
                    return Err(Flaw::Unchanged);
                }
                judged?;
            }
        }
        Ok(())
    }

    /// The bytes of the region around the place where this answer left it, blank or sign in front included: a second
    /// choice that was no good is not made again.
    pub(crate) fn departure(&self) -> Range<usize> {
        let region = self.region();
        let same = region
            .bytes()
            .zip(unfenced(&self.partial).bytes())
            .take_while(|(a, b)| a == b)
            .count();
        let word = region.as_bytes()[..same]
            .iter()
            .rev()
            .take_while(|b| b.is_ascii_alphanumeric() || **b == b'_')
            .count();
        (same - word).saturating_sub(1)..same + 1
    }

    /// A finished rewrite that lost a part of the region, mended.
    pub(crate) fn repaired(&self) -> Option<Vec<Change>> {
        if self.is_words() || !self.is_rewrite() || self.work.place.kind != Kind::Rewrite {
            return None;
        }
        self.with_its_tail().or_else(|| self.without_deletions())
    }

    /// The changes of an answer that left out whole parts of the region, without those gaps.
    fn without_deletions(&self) -> Option<Vec<Change>> {
        let mut changes = self.changes();
        changes.retain(|c| !gap(c));
        let text = self.work.text();
        check::judge(&self.work.path, &text, &changes, &self.work.request)
            .ok()
            .map(|()| changes)
    }

    /// The lines that the answer was to rewrite.
    fn region(&self) -> String {
        self.work.text().lines()[span(&self.work, self.rung)].concat()
    }

    /// The answer with what it left out of the region.
    fn merged(&self) -> Option<String> {
        repair_tail(&self.region(), unfenced(&self.partial))
    }

    /// The changes of the answer merged with the rest of the region.
    fn with_its_tail(&self) -> Option<Vec<Change>> {
        let text = self.work.text();
        let merged = self.merged()?;
        let mut again = PatchStream::region(
            &self.work.path,
            &text,
            span(&self.work, self.rung),
            blanks(&self.work.request),
        );
        let mut out = Vec::new();
        again.push(&merged, &mut out);
        again.finish(&mut out);
        let changes: Vec<Change> = out
            .into_iter()
            .filter_map(|e| match e {
                StreamEvent::Closed { changes } => Some(changes),
                StreamEvent::Opened { .. }
                | StreamEvent::Line { .. }
                | StreamEvent::Refused { .. }
                | StreamEvent::Prose { .. } => None,
            })
            .flatten()
            .flat_map(|change| self.in_scope(change))
            .collect();
        check::judge(&self.work.path, &text, &changes, &self.work.request)
            .ok()
            .map(|()| changes)
    }

    /// Takes `changes` in place of everything that was offered; gives the hunks that are withdrawn and those that
    /// are new.
    pub(crate) fn replace(&mut self, changes: Vec<Change>, hunks: &mut HunkId) -> (Vec<HunkId>, Brought) {
        let mut events: Vec<Event> = self.abandon();
        let mut keep = Vec::new();
        let mut fresh = Vec::new();
        for change in changes {
            match self.offered.iter().position(|(_, c)| *c == change) {
                Some(i) => keep.push(self.offered.swap_remove(i)),
                None => fresh.push((hunks.take(), change)),
            }
        }
        let withdrawn = self.offered.drain(..).map(|(id, _)| id).collect();
        events.extend(fresh.iter().map(|(id, c)| ready_event(self.turn, *id, c)));
        self.offered = keep.into_iter().chain(fresh.iter().cloned()).collect();
        (
            withdrawn,
            Brought {
                events,
                ready: fresh,
                over: None,
            },
        )
    }

    /// Everything pending is offered: the answer as a whole passed its check.
    pub(crate) fn settle(&mut self) -> Brought {
        let ready: Vec<_> = self.pending.drain(..).collect();
        let events = ready
            .iter()
            .map(|(id, c)| ready_event(self.turn, *id, c))
            .collect();
        self.offered.extend(ready.iter().cloned());
        Brought {
            events,
            ready,
            over: None,
        }
    }

    fn absorb(&mut self, stream: Vec<StreamEvent>, hunks: &mut HunkId) -> Brought {
        let mut out = Brought::default();
        let turn = self.turn;
        for event in stream {
            match event {
                StreamEvent::Opened { path, at } => {
                    let hunk = hunks.take();
                    self.open = Some(Growing::new(hunk, at));
                    out.events.push(Event::HunkOpened { turn, hunk, path, at });
                }
                StreamEvent::Line { side, text } => {
                    if let Some(open) = &mut self.open {
                        let hunk = open.hunk;
                        let kind = match side {
                            LineSide::Removed => LineKind::Removed,
                            LineSide::Added => LineKind::Added,
                        };
                        open.take(kind, &text);
                        out.events.push(Event::HunkLine {
                            turn,
                            hunk,
                            kind,
                            text,
                        });
                        out.over = out.over.or(self.outgrown());
                    }
                }
                StreamEvent::Closed { changes } => self.closed(changes, hunks, &mut out),
                StreamEvent::Refused { refusal } => {
                    let text = refusal.to_string();
                    let gone = self.open.take().map(|open| open.hunk);
                    out.events
                        .extend(gone.map(|hunk| Event::HunkDropped { turn, hunk }));
                    out.events.push(Event::Notice {
                        turn,
                        text: text.clone(),
                    });
                    self.refusals.push(text);
                }
                StreamEvent::Prose { text } => out.events.push(Event::Prose { turn, text }),
            }
        }
        out
    }

    fn closed(&mut self, changes: Vec<Change>, hunks: &mut HunkId, out: &mut Brought) {
        let mut open = self.open.take().map(|open| open.hunk);
        for change in changes
            .into_iter()
            .flat_map(|c| self.in_scope(c))
            .collect::<Vec<_>>()
        {
            let id = open.take().unwrap_or_else(|| hunks.take());
            let charged = self.budget.as_ref().map(|b| self.spent.charge(b, &change));
            self.pending.push((id, change));
            if let Some(Err(_)) = charged {
                // The hunk that broke the budget waits unoffered until the person has said a word.
                out.over = Some(self.spent.lines());
            } else if !self.whole && self.pending_parses() {
                let settled = self.settle();
                out.events.extend(settled.events);
                out.ready.extend(settled.ready);
            }
        }
        let turn = self.turn;
        out.events
            .extend(open.map(|hunk| Event::HunkDropped { turn, hunk }));
    }

    fn pending_parses(&self) -> bool {
        let all = || self.offered.iter().chain(&self.pending).map(|(_, c)| c);
        self.work
            .files
            .iter()
            .all(|(path, text)| check::parses(path, text, all()).is_ok())
    }
}

/// The answer without the fence that a server may have repeated.
fn unfenced(answer: &str) -> &str {
    let body = match answer.split_once('\n') {
        Some((first, rest)) if first.starts_with("```") => rest,
        Some(_) | None => answer,
    };
    body.trim_end().strip_suffix("```").unwrap_or(body)
}

/// The event that offers a change.
pub(crate) fn ready_event(turn: TurnId, hunk: HunkId, change: &Change) -> Event {
    let strip = |lines: &[String]| lines.iter().map(|l| bare(l).to_owned()).collect::<Vec<_>>();
    let (at, removed, added) = match change {
        Change::Modify { hunk, .. } => (hunk.at, strip(&hunk.old), strip(&hunk.new)),
        Change::Create { text, .. } => (0, Vec::new(), strip(text.lines())),
        Change::Delete { old, .. } => (0, strip(old.lines()), Vec::new()),
    };
    Event::HunkReady {
        turn,
        hunk,
        path: change.path().to_owned(),
        at,
        removed,
        added,
    }
}

/// Whether a change takes lines away and puts none there.
fn gap(change: &Change) -> bool {
    matches!(change, Change::Modify { hunk, .. } if hunk.new.is_empty())
}
