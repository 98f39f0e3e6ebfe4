//! The way of a small model: code picks a place, the model rewrites it whole, the checks judge, and what they say goes
//! into the next try. It is not asked to plan or to quote, which small models cannot do.
//!
//! The rule, a hill climb: the checks run on the base first. A change that makes fewer tests fail becomes the ground of
//! the next; any other is taken back. Each place is tried, then tried again with what became of the first try, then the
//! next place. Places, prompt, reading and judgement of an answer are those of the live lane.

mod find;

use super::answer::Look;
use super::edits::Files;
use super::{Brief, words};
use crate::attempt::{self, Begin, Work};
use crate::limits::Limits;
use crate::place::Place;
use crate::prompt::{self, Rung};
use brisk_domain::job::Found;
use brisk_domain::parts::Scope;
use brisk_domain::port::{GenerateRequest, Priority};
use brisk_domain::{Candidate, EditFormat, EffectId, HunkId, Lane, Now, Route, TurnId};
use brisk_patch::{Budget, Change, Hunk, Text, bare};
use brisk_router::live::{Leg, Plan};
use brisk_router::quota::Amount;
use find::Sought;
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ops::Range;
use std::sync::Arc;

/// Answers in a row that change nothing which could be checked, before it is given up.
const STALLED: u32 = 8;

/// Files that are worked on.
const FILES: usize = 3;

/// Places of one file.
const PLACES: usize = 5;

/// Lines of an earlier change that are told.
const TOLD: usize = 24;

/// Bytes of a token, on the safe side for code.
const BYTES_PER_TOKEN: usize = 3;

/// What is to be done next.
pub(super) enum Next {
    Ask,
    Look(Vec<Look>),
    Check,
    /// There is nothing left to try.
    Spent(String),
}

#[derive(Debug, Clone)]
enum Stage {
    /// The checks run on the base.
    Base,
    /// It is searched for what the task may be about.
    Searching,
    /// Files are read, or places tried.
    Working,
}

/// What every try begins from, and what the checks say about it.
#[derive(Debug, Clone)]
struct Ground {
    files: Files,
    rank: (std::cmp::Reverse<u32>, u64),
    /// All of it, and the lines that count.
    said: String,
    short: String,
}

#[derive(Debug, Clone)]
struct Try {
    path: String,
    place: Place,
    rung: Rung,
    except: Vec<Range<usize>>,
    /// What was changed here before, and what the checks said to it.
    before: Option<(String, String)>,
}

#[derive(Debug, Clone)]
pub(super) struct Rewriter {
    model: Candidate,
    /// The person's words, with what they said since.
    request: String,
    strategy: usize,
    named: Vec<String>,
    /// All that it may change, if it is at one part of a task.
    only: Option<Vec<Scope>>,
    targets: Vec<String>,
    limits: Limits,
    max_lines: usize,
    stage: Stage,
    ground: Option<Ground>,
    /// The first is the one that is asked for.
    tries: VecDeque<Try>,
    /// Texts that were checked already.
    made: Vec<(String, Text)>,
    /// The change that is checked now, in words.
    change: String,
    stalled: u32,
    why: String,
}

impl Rewriter {
    /// `None`: the model speaks the protocol of requests and edits.
    pub(super) fn new(brief: &Brief) -> Option<Rewriter> {
        (brief.model.format == EditFormat::Region).then(|| Rewriter {
            model: brief.model.clone(),
            request: brief.text.clone(),
            strategy: brief.strategy,
            named: brief.files.iter().map(|(path, _)| path.clone()).collect(),
            only: brief.only.clone(),
            targets: Vec::new(),
            limits: Limits::default(),
            max_lines: brief.bounds.lines,
            stage: Stage::Base,
            ground: None,
            tries: VecDeque::new(),
            made: Vec::new(),
            change: String::new(),
            stalled: 0,
            why: match brief.only {
                None => "no place was found for it; name the file",
                Some(_) => {
                    "none of the files that this part may change is there, and a model that rewrites places (format \
                     `region`) makes no new ones"
                }
            }
            .to_owned(),
        })
    }

    /// The person said something more: the places are looked for anew.
    pub(super) fn steered(&mut self, text: &str) {
        self.request.push('\n');
        self.request.push_str(text);
        let files = self.ground.as_ref().map(|ground| ground.files.clone());
        if let (Some(files), false) = (files, self.tries.is_empty()) {
            self.plan(&files);
        }
    }

    /// The checks ran: on the base, or on a try. `verdict`: checks that passed and tests that failed; none: all is well.
    pub(super) fn judged(&mut self, files: &mut Files, verdict: Option<(u32, u64)>, said: &str) -> Next {
        let unknown = |failed| if failed == 0 { u64::MAX } else { failed };
        let (passed, failed) = verdict.map_or((u32::MAX, 0), |(passed, failed)| (passed, unknown(failed)));
        let ground = |files: &Files| Ground {
            files: files.clone(),
            rank: (std::cmp::Reverse(passed), failed),
            said: said.to_owned(),
            short: find::short(said),
        };
        match &self.ground {
            None => {
                self.ground = Some(ground(files));
                self.seek(files, said)
            }
            Some(old) if ground(files).rank < old.rank => {
                self.ground = Some(ground(files));
                self.plan(files);
                self.next()
            }
            Some(old) => {
                *files = old.files.clone();
                if let Some(tried) = self.tries.pop_front()
                    && tried.before.is_none()
                {
                    let change = std::mem::take(&mut self.change);
                    self.tries.push_front(Try {
                        rung: Rung::Region,
                        except: Vec::new(),
                        before: Some((change, find::short(said))),
                        ..tried
                    });
                }
                self.next()
            }
        }
    }

    /// The files that it is about: named, spoken of by the checks, found by the words of the task, or all of a few.
    fn seek(&mut self, files: &Files, said: &str) -> Next {
        let paths = self.paths(files);
        if paths.is_empty() {
            return Next::Spent(self.why.clone());
        }
        let sought = find::seek(&paths, &self.named, said, &self.request);
        match sought {
            Sought::Files(paths) => self.read(files, paths),
            Sought::Words(words) => {
                self.stage = Stage::Searching;
                Next::Look(words.into_iter().map(|text| Look::Search { text }).collect())
            }
            Sought::Nothing => Next::Spent(self.why.clone()),
        }
    }

    /// Those that it may change.
    fn paths<'a>(&self, files: &'a Files) -> Cow<'a, BTreeSet<String>> {
        match &self.only {
            None => Cow::Borrowed(files.paths()),
            Some(only) => {
                let own = |path: &&String| only.iter().any(|scope| scope.covers(path));
                Cow::Owned(files.paths().iter().filter(own).cloned().collect())
            }
        }
    }

    fn read(&mut self, files: &Files, mut paths: Vec<String>) -> Next {
        paths.truncate(FILES);
        self.stage = Stage::Working;
        self.targets = paths;
        let unread: Vec<Look> = self
            .targets
            .iter()
            .filter(|path| files.text(path).is_none())
            .map(|path| Look::whole(path.clone()))
            .collect();
        if unread.is_empty() {
            self.plan(files);
            return self.next();
        }
        Next::Look(unread)
    }

    /// What a search or a reading found; files are known already.
    pub(super) fn looked(&mut self, files: &Files, found: &[Found]) -> Next {
        match self.stage {
            Stage::Searching => {
                let said = found.iter().filter_map(|found| {
                    if let Found::Words { text } = found {
                        return Some(text.as_str());
                    }
                    None
                });
                let paths = find::hits(&self.paths(files), said);
                match paths.is_empty() {
                    true => Next::Spent(self.why.clone()),
                    false => self.read(files, paths),
                }
            }
            Stage::Base | Stage::Working => {
                // What was read belongs to the ground, too.
                if let Some(ground) = &mut self.ground {
                    ground.files = files.clone();
                }
                self.plan(files);
                self.next()
            }
        }
    }

    fn plan(&mut self, files: &Files) {
        let said = self.ground.as_ref().map_or("", |ground| ground.said.as_str());
        let mut each: Vec<VecDeque<Place>> = Vec::new();
        for path in &self.targets {
            let places = files.text(path).map(|text| {
                let mut places = find::places(path, text, &self.request, said, &self.limits);
                // Another attempt of the same model begins elsewhere.
                let len = places.len().max(1);
                places.rotate_left(self.strategy % len);
                places.truncate(PLACES);
                places
            });
            each.push(places.unwrap_or_default().into());
        }
        self.tries.clear();
        // The first place of each file, then the second of each.
        while each.iter().any(|places| !places.is_empty()) {
            for (path, places) in self.targets.iter().zip(&mut each) {
                self.tries.extend(places.pop_front().map(|place| Try {
                    path: path.clone(),
                    place,
                    rung: Rung::Region,
                    except: Vec::new(),
                    before: None,
                }));
            }
        }
        self.stage = Stage::Working;
    }

    /// The first try that fits into the model's window.
    fn next(&mut self) -> Next {
        while let Some(ground) = &self.ground
            && let Some(first) = self.tries.front()
        {
            let request = self.asks(first, &ground.files);
            let bytes: usize = request.messages.iter().map(|m| m.text.len()).sum();
            if bytes / BYTES_PER_TOKEN + request.max_tokens <= self.model.context {
                return Next::Ask;
            }
            "the places do not fit into the model's window".clone_into(&mut self.why);
            self.tries.pop_front();
        }
        Next::Spent(self.why.clone())
    }

    /// What the model is asked; nothing before the places are known.
    pub(super) fn request(&self, cache_key: u64) -> Option<GenerateRequest> {
        let request = self.asks(self.tries.front()?, &self.ground.as_ref()?.files);
        Some(GenerateRequest {
            cache_key,
            priority: Priority::Background,
            ..request
        })
    }

    fn asks(&self, tried: &Try, files: &Files) -> GenerateRequest {
        let said = self.ground.as_ref().map_or("", |ground| ground.short.as_str());
        let full = words::rewrite(&self.request, self.strategy, said, tried.before.as_ref());
        let ask = prompt::Ask {
            model: &self.model.model,
            request: &full,
            earlier: &[],
            limits: &self.limits,
        };
        let text = files.text(&tried.path).cloned().unwrap_or_default();
        prompt::region(&ask, &tried.path, &text, &tried.place, tried.rung, &tried.except)
    }

    /// The model answered.
    pub(super) fn said(&mut self, files: &mut Files, answer: &str) -> Next {
        let Some(mut tried) = self.tries.pop_front() else {
            return Next::Spent(self.why.clone());
        };
        let text = files.text(&tried.path).cloned().unwrap_or_default();
        let mut reading = self.reading(&tried, &text);
        let mut hunks = HunkId(1);
        reading.push(answer, &mut hunks);
        reading.finish(&mut hunks);
        let judged = reading.judge().map(|()| reading.changes());
        let changes = judged.or_else(|flaw| reading.repaired().ok_or(flaw));
        let why = match changes {
            Ok(changes) => match self.put(files, &tried.path, changes) {
                Ok(()) => {
                    self.stalled = 0;
                    self.tries.push_front(tried);
                    return Next::Check;
                }
                Err(why) => why,
            },
            Err(flaw) => {
                if tried.rung == Rung::Differ {
                    tried.except.push(reading.departure());
                }
                if let Some(rung) = reading.next_rung(&flaw, self.limits.max_whole_file) {
                    tried.rung = rung;
                    self.tries.push_front(tried);
                }
                flaw.sentence()
            }
        };
        self.stalled += 1;
        if self.stalled >= STALLED {
            return Next::Spent(format!(
                "{STALLED} answers in a row changed nothing that could be checked; the last: {why}"
            ));
        }
        self.why = format!("every place was tried; the last: {why}");
        self.next()
    }

    /// Takes a change in, unless it was checked before.
    fn put(&mut self, files: &mut Files, path: &str, changes: Vec<Change>) -> Result<(), String> {
        let hunks = changes.into_iter().filter_map(|change| match change {
            Change::Modify { hunk, .. } => Some(hunk),
            Change::Create { .. } | Change::Delete { .. } => None,
        });
        let hunks: Vec<Hunk> = hunks.collect();
        let before = files.clone();
        files.rewrite(path, &hunks, self.max_lines)?;
        let now = (path.to_owned(), files.text(path).cloned().unwrap_or_default());
        if self.made.contains(&now) {
            *files = before;
            return Err("the same change as before".to_owned());
        }
        self.made.push(now);
        self.change = in_words(&hunks);
        Ok(())
    }

    fn reading(&self, tried: &Try, text: &Text) -> attempt::Attempt {
        let leg = Leg {
            candidate: self.model.clone(),
            pool: String::new(),
            late_us: None,
            estimate: Amount::default(),
        };
        let route = Route {
            lane: Lane::Slow,
            choice: self.model.clone(),
            fallbacks: Vec::new(),
            reasons: Vec::new(),
            shape: BTreeMap::new(),
        };
        let plan = Plan {
            route,
            legs: vec![leg],
            notices: Vec::new(),
        };
        attempt::Attempt::new(Begin {
            effect: EffectId(0),
            turn: TurnId(0),
            plan: Arc::new(plan),
            candidate: 0,
            tried: Vec::new(),
            rung: tried.rung,
            except: tried.except.clone(),
            work: Work {
                path: tried.path.clone(),
                files: BTreeMap::from([(tried.path.clone(), text.clone())]),
                place: tried.place.clone(),
                // The person's words alone: what checks say excuses no symbol that is lost.
                request: self.request.clone(),
            },
            words: false,
            // The whole patch has a bound of its own.
            budget: Budget {
                max_lines: usize::MAX,
                max_files: usize::MAX,
            },
            bytes: 0,
            now: Now(0),
        })
    }
}

/// A change as a model is told of it.
fn in_words(hunks: &[Hunk]) -> String {
    let sides = hunks.iter().flat_map(|hunk| {
        let old = hunk.old.iter().map(|line| format!("- {}\n", bare(line)));
        old.chain(hunk.new.iter().map(|line| format!("+ {}\n", bare(line))))
    });
    sides.take(TOLD).collect()
}

#[cfg(test)]
mod tests;
