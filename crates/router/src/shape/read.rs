//! From words and places to facts.

use super::lexicon::{Hit, Signal, hits};
use super::places::{
    GUARDED_PARTS, MIGRATION_PARTS, PRODUCTION, PROSE_ENDINGS, SENSITIVE_ENDINGS, SENSITIVE_PARTS,
    SETTING_ENDINGS, listed,
};
use super::scan::{is_path, is_symbol, pieces, words};
use super::{Evidence, Fact, Given, SAID, Shape, Site};
use crate::scale::{Ambiguity, Latency, Safety, Scope, Set, Task, Tool};
use brisk_domain::Intent;

/// Words that are evidence for one fact; more add nothing for whoever reads them.
const MAX_EVIDENCE: usize = 3;

/// Places that are taken from a text; more files than this are as many as there can be.
const MAX_SITES: usize = 64;

/// Reads the shape of a task. Looks at nothing but its arguments.
pub fn shape(text: &str, given: &Given) -> Shape {
    let words = words(text);
    let reader = Reader::new(text, given, hits(&words));
    let task = reader.task();
    let safety = reader.safety();
    let scope = reader.scope();
    let reversible = reader.reversible(&task);
    let wants_tests = reader.wants_tests();
    Shape {
        files: reader.files(&scope),
        lines: reader.lines(&task, &scope),
        context: match given.context_tokens {
            Some(tokens) => Fact::told(tokens, "size of the files"),
            None => Fact::unknown(),
        },
        answer: given.answer_tokens,
        ambiguity: reader.ambiguity(&task),
        tools: reader.tools(&wants_tests, &reversible),
        interactive: given
            .interactive
            .map_or_else(Fact::unknown, |yes| Fact::told(yes, "client")),
        latency: reader.latency(),
        trust: given
            .trust
            .map_or_else(Fact::unknown, |t| Fact::told(t, "trust store")),
        task,
        scope,
        reversible,
        safety,
        wants_tests,
        sites: reader.sites,
    }
}

struct Reader<'a> {
    given: &'a Given,
    hits: Vec<Hit>,
    /// Given places, then those of the text.
    sites: Vec<Site>,
    /// Names of code in the text.
    symbols: Vec<Evidence>,
}

impl<'a> Reader<'a> {
    fn new(text: &str, given: &'a Given, hits: Vec<Hit>) -> Reader<'a> {
        let mut sites = given.sites.clone();
        let mut symbols = Vec::new();
        for (start, piece) in pieces(text) {
            let before = text.get(..start).and_then(|s| s.chars().next_back());
            if is_path(piece) {
                if sites.len() < MAX_SITES && !sites.iter().any(|s| s.path == piece) {
                    sites.push(Site::parse(piece));
                }
            } else if is_symbol(piece, before) {
                let end = start + piece.len();
                symbols.push(Evidence::Words { start, end });
            }
        }
        for site in &given.found {
            if sites.len() < MAX_SITES && !sites.iter().any(|s| s.path == site.path) {
                sites.push(site.clone());
            }
        }
        // The words within a name of code say what is there, not what is to be done; what is delicate stays delicate.
        let within = |hit: &Hit| {
            symbols.iter().any(|symbol| {
                matches!(symbol, Evidence::Words { start, end } if *start <= hit.start && hit.end <= *end)
            })
        };
        let hits = hits
            .into_iter()
            .filter(|hit| hit.signal == Signal::Sensitive || !within(hit))
            .collect();
        Reader {
            given,
            hits,
            sites,
            symbols,
        }
    }

    /// Words for a signal.
    fn said(&self, signal: Signal) -> Vec<Evidence> {
        let mut out = Vec::new();
        for hit in self.hits.iter().filter(|hit| hit.signal == signal) {
            note(&mut out, (hit.start, hit.end));
        }
        out
    }

    fn has(&self, signal: Signal) -> bool {
        self.hits.iter().any(|hit| hit.signal == signal)
    }

    /// Places whose path holds a listed part.
    fn places(&self, is: impl Fn(&Path<'_>) -> bool) -> Vec<Evidence> {
        let found = self
            .sites
            .iter()
            .enumerate()
            .filter(|(_, site)| is(&Path::of(&site.path)));
        found
            .map(|(index, _)| Evidence::Place { index })
            .take(MAX_EVIDENCE)
            .collect()
    }

    /// Places that are named as folders.
    fn folders(&self) -> Vec<Evidence> {
        let found = self.sites.iter().enumerate();
        found
            .filter(|(_, site)| site.path.ends_with('/') || matches!(site.path.as_str(), "." | ".."))
            .map(|(index, _)| Evidence::Place { index })
            .take(MAX_EVIDENCE)
            .collect()
    }

    /// All places are prose.
    fn prose(&self) -> bool {
        !self.sites.is_empty() && self.sites.iter().all(|s| Path::of(&s.path).is_prose())
    }

    fn task(&self) -> Fact<Task> {
        if self.given.intent == Intent::Ask {
            return Fact::told(Task::Explain, "a question");
        }
        // The heavier kind wins: whoever asks to rename and to deploy asks to deploy.
        let order = [
            (Signal::Operate, Task::Operate),
            (Signal::Migrate, Task::Migrate),
            (Signal::Hunt, Task::Debug),
            (Signal::Build, Task::Build),
            (Signal::Rename, Task::Rename),
            (Signal::WriteTest, Task::Test),
            (Signal::Refactor, Task::Refactor),
            (Signal::Document, Task::Document),
            (Signal::Edit, Task::Edit),
        ];
        for (signal, task) in order {
            // In prose, words like "migration" and "release" are what the text is about.
            if self.prose() && matches!(task, Task::Migrate | Task::Build | Task::Debug) {
                continue;
            }
            let because = self.said(signal);
            if !because.is_empty() {
                return Fact {
                    value: Some(task),
                    because,
                };
            }
        }
        let because = self.said(Signal::Explain);
        if because.is_empty() {
            return Fact::unknown();
        }
        Fact {
            // Prose that is to be described is written, not answered.
            value: Some(if self.prose() {
                Task::Document
            } else {
                Task::Explain
            }),
            because,
        }
    }

    fn scope(&self) -> Fact<Scope> {
        let cross = self.said(Signal::Cross);
        // A file may stand for the same one in other repositories; lines and symbols do not.
        let within = self.given.sites.iter().any(|s| s.lines.is_some() || s.symbol);
        let narrow = within && self.narrow();
        if !cross.is_empty() && !narrow {
            return Fact {
                value: Some(Scope::CrossRepository),
                because: cross,
            };
        }
        let wide = self.said(Signal::Wide);
        if !wide.is_empty() && !self.narrow() {
            return Fact {
                value: Some(Scope::Repository),
                because: wide,
            };
        }
        // A folder stands for everything in it.
        let folders = self.folders();
        if !folders.is_empty() {
            return Fact {
                value: Some(Scope::Repository),
                because: folders,
            };
        }
        match self.sites.as_slice() {
            [] if !self.symbols.is_empty() => Fact {
                value: Some(Scope::File),
                because: self.symbols.iter().copied().take(MAX_EVIDENCE).collect(),
            },
            [] => Fact::unknown(),
            [site] => Fact::new(
                if site.lines.is_some() || site.symbol {
                    Scope::Selection
                } else {
                    Scope::File
                },
                Evidence::Place { index: 0 },
            ),
            many => Fact {
                value: Some(Scope::Files),
                because: (0..many.len().min(MAX_EVIDENCE))
                    .map(|index| Evidence::Place { index })
                    .collect(),
            },
        }
    }

    /// The person named lines or a symbol, or said "here": words like "all" and "every" are about what is in there.
    fn narrow(&self) -> bool {
        let named = !self.given.sites.is_empty() && self.given.sites.len() <= 2;
        let strong = self
            .hits
            .iter()
            .any(|hit| matches!(hit.signal, Signal::Migrate | Signal::Build | Signal::Operate));
        !strong && (named || self.has(Signal::Here))
    }

    /// The person named lines or a symbol: whatever the verb, the change stays in there.
    fn in_place(&self) -> bool {
        matches!(self.given.sites.as_slice(), [site] if site.lines.is_some() || site.symbol)
    }

    fn files(&self, scope: &Fact<Scope>) -> Fact<u32> {
        match scope.value {
            Some(Scope::Selection | Scope::File) => Fact {
                value: Some(1),
                because: scope.because.clone(),
            },
            Some(Scope::Files) => Fact {
                value: u32::try_from(self.sites.len()).ok(),
                because: scope.because.clone(),
            },
            Some(Scope::Repository | Scope::CrossRepository) | None => Fact::unknown(),
        }
    }

    fn lines(&self, task: &Fact<Task>, scope: &Fact<Scope>) -> Fact<u32> {
        let sum = self
            .sites
            .iter()
            .filter_map(|s| s.lines)
            .fold(0, u32::saturating_add);
        if sum > 0 {
            return Fact::told(sum, "lines that were named");
        }
        // Medians by kind, from what such edits usually take in one place.
        let usual = match task.value {
            Some(Task::Explain) => 0,
            Some(Task::Rename | Task::Document | Task::Edit) => 8,
            Some(Task::Refactor | Task::Test) => 30,
            Some(Task::Debug | Task::Build | Task::Migrate | Task::Operate) | None => return Fact::unknown(),
        };
        match scope.value {
            Some(Scope::Selection | Scope::File | Scope::Files) => Fact::told(usual, "kind of work"),
            Some(Scope::Repository | Scope::CrossRepository) | None => Fact::unknown(),
        }
    }

    fn reversible(&self, task: &Fact<Task>) -> Fact<bool> {
        if self.given.intent == Intent::Ask {
            return Fact::told(true, "a question");
        }
        let mut because = self.said(Signal::Operate);
        because.extend(self.places(|path| path.is_migration()));
        if !because.is_empty() {
            return Fact {
                value: Some(false),
                because,
            };
        }
        if task.value.is_none() && !self.in_place() {
            return Fact::unknown();
        }
        Fact::new(true, Evidence::Silence)
    }

    fn ambiguity(&self, task: &Fact<Task>) -> Fact<Ambiguity> {
        if self.given.intent == Intent::Ask {
            return Fact::told(Ambiguity::Clear, "a question");
        }
        let mut vague = self.said(Signal::Vague);
        if self.sites.is_empty() && self.symbols.is_empty() {
            vague.extend(self.said(Signal::Bug));
        }
        if !vague.is_empty() {
            return Fact {
                value: Some(Ambiguity::Vague),
                because: vague,
            };
        }
        let concrete = task
            .value
            .is_some_and(|t| !matches!(t, Task::Debug | Task::Build));
        let place = if self.sites.is_empty() {
            self.symbols.first().copied()
        } else {
            Some(Evidence::Place { index: 0 })
        };
        match (concrete, place) {
            (true, Some(place)) => Fact::new(Ambiguity::Clear, place),
            // A place in a file says what an unknown verb leaves open.
            (false, Some(place)) if task.value.is_none() && self.hits.is_empty() => {
                Fact::new(Ambiguity::Open, place)
            }
            (true, None) => Fact {
                value: Some(Ambiguity::Open),
                because: task.because.clone(),
            },
            (false, _) => Fact::unknown(),
        }
    }

    fn safety(&self) -> Fact<Safety> {
        let mut because = self.said(Signal::Sensitive);
        because.extend(self.places(|path| path.is_sensitive()));
        if !because.is_empty() {
            return Fact {
                value: Some(Safety::Sensitive),
                because,
            };
        }
        let guarded = self.places(|path| path.is_guarded());
        if !guarded.is_empty() {
            return Fact {
                value: Some(Safety::Guarded),
                because: guarded,
            };
        }
        Fact::new(Safety::Normal, Evidence::Silence)
    }

    fn wants_tests(&self) -> Fact<bool> {
        if self.given.intent == Intent::Ask {
            return Fact::told(false, "a question");
        }
        let because = self.said(Signal::Validate);
        if because.is_empty() {
            return Fact::new(false, Evidence::Silence);
        }
        Fact {
            value: Some(true),
            because,
        }
    }

    fn tools(&self, wants_tests: &Fact<bool>, reversible: &Fact<bool>) -> Fact<Set> {
        let read = Set::of([Tool::Read as u32]);
        if self.given.intent == Intent::Ask {
            return Fact::told(read, "a question");
        }
        let mut set = read.with(Tool::Edit as u32);
        let mut because = Vec::new();
        for (signal, tool) in [(Signal::Run, Tool::Run), (Signal::Network, Tool::Network)] {
            let said = self.said(signal);
            if !said.is_empty() {
                set = set.with(tool as u32);
                both(&mut because, &said);
            }
        }
        if wants_tests.value == Some(true) {
            set = set.with(Tool::Run as u32);
            both(&mut because, wants_tests.because.get(..1).unwrap_or_default());
        }
        if because.is_empty() {
            because.push(match reversible.because.first() {
                Some(first) if reversible.value == Some(false) => *first,
                Some(_) | None => Evidence::Silence,
            });
        }
        because.truncate(MAX_EVIDENCE);
        Fact {
            value: Some(set),
            because,
        }
    }

    fn latency(&self) -> Fact<Latency> {
        if let Some(latency) = self.given.latency {
            return Fact::new(latency, SAID);
        }
        let later = self.said(Signal::Later);
        if !later.is_empty() {
            return Fact {
                value: Some(Latency::Relaxed),
                because: later,
            };
        }
        match self.given.interactive {
            Some(true) => Fact::told(Latency::Instant, "client"),
            Some(false) => Fact::told(Latency::Relaxed, "client"),
            None => Fact::unknown(),
        }
    }
}

/// Adds words to what says a fact; of words within others only the longer ones stay.
fn note(because: &mut Vec<Evidence>, (start, end): (usize, usize)) {
    for known in because.iter_mut() {
        if let Evidence::Words { start: a, end: b } = known {
            if *a <= start && end <= *b {
                return;
            }
            if start <= *a && *b <= end {
                (*a, *b) = (start, end);
                return;
            }
        }
    }
    if because.len() < MAX_EVIDENCE {
        because.push(Evidence::Words { start, end });
    }
}

fn both(because: &mut Vec<Evidence>, more: &[Evidence]) {
    for evidence in more {
        match evidence {
            Evidence::Words { start, end } => note(because, (*start, *end)),
            Evidence::Place { .. } | Evidence::Told { .. } | Evidence::Silence => because.push(*evidence),
        }
    }
}

/// A path in parts, for the lists.
struct Path<'a> {
    parts: Vec<&'a str>,
}

impl<'a> Path<'a> {
    fn of(path: &'a str) -> Path<'a> {
        Path {
            parts: path.split('/').filter(|p| !p.is_empty() && *p != ".").collect(),
        }
    }

    fn ending(&self) -> &str {
        self.parts
            .last()
            .and_then(|name| name.rsplit_once('.'))
            .map_or("", |(_, ending)| ending)
    }

    fn is_prose(&self) -> bool {
        listed(self.ending(), PROSE_ENDINGS)
    }

    /// Whether a folder, the file's stem, or a word of either is listed.
    fn holds(&self, list: &[&str]) -> bool {
        self.parts.iter().any(|part| {
            // The dot of a hidden file or folder begins no ending.
            let part = part.trim_start_matches('.');
            let stem = part.split_once('.').map_or(part, |(stem, _)| stem);
            let stem = stem.to_ascii_lowercase();
            listed(&stem, list)
                || stem
                    .split(['_', '-'])
                    .any(|word| !word.is_empty() && listed(word, list))
        })
    }

    fn is_sensitive(&self) -> bool {
        listed(self.ending(), SENSITIVE_ENDINGS)
            || self.parts.last().is_some_and(|name| name.starts_with(".env"))
            || !self.is_prose()
                && (self.is_production() || self.holds(SENSITIVE_PARTS) || self.parts.contains(&"workflows"))
    }

    /// Whether a folder or a part of the file's name is production: `prod/`, `values-prod.yaml`, `production.rb`. In names of
    /// code, `prod_` is often a product.
    fn is_production(&self) -> bool {
        let settings = listed(self.ending(), SETTING_ENDINGS);
        self.parts.iter().any(|part| {
            part.split(|c| matches!(c, '.' | '-') || settings && c == '_')
                .any(|word| PRODUCTION.iter().any(|name| word.eq_ignore_ascii_case(name)))
        })
    }

    fn is_guarded(&self) -> bool {
        self.holds(GUARDED_PARTS)
    }

    fn is_migration(&self) -> bool {
        !self.is_prose() && self.holds(MIGRATION_PARTS)
    }
}
