//! Policy files: TOML to types. Everything wrong is found at once, each with line and column; what cannot be read is
//! left out.

use super::patch::{BoundsPatch, ModelPatch, WeightsPatch, loosened, weights};
use super::values::{Place, Reader, Value};
use super::{Bounds, Deny, Finding, Layer, Level, Origin, Policy, Rule, Tightening, Weights};
use crate::hedge::Hedge;
use crate::quota::Limits;
use crate::scale::{LANES, Safety, Set, Tool, Trust, lane_named};
use brisk_domain::Lane;
use std::collections::BTreeMap;
use std::ops::Range;
use toml::de::DeTable;

/// Position of the fast lane in [`LANES`].
const FAST: usize = 0;

/// A person's file.
#[derive(Debug, Clone, Default)]
pub struct Person {
    pub(super) rules: Vec<Rule>,
    pub(super) denies: Vec<Deny>,
    pub(super) default: Option<Lane>,
    pub(super) lanes: [BoundsPatch; 2],
    pub(super) hedge: Option<Hedge>,
    pub(super) models: BTreeMap<String, ModelPatch>,
    pub(super) weights: WeightsPatch,
    /// Model names in places where they must exist.
    pub(super) named: Vec<(String, Range<usize>)>,
}

/// Reads a person's file. Findings of level error mean that it must not be used.
pub fn read_person(text: &str) -> (Person, Vec<Finding>) {
    read(text, Layer::Person)
}

/// Reads a repository's file. Whatever in it is not a tightening of `base` is a finding, and has no effect.
pub fn read_repository(text: &str, base: &Policy) -> (Tightening, Vec<Finding>) {
    let (said, mut findings) = read(text, Layer::Repository);
    let at = Place { text };
    let mut compare = |what: &str, patch: &BoundsPatch, own: &Bounds| {
        for key in loosened(patch, own) {
            let span = patch.places.get(key).cloned().unwrap_or_default();
            findings.push(at.finding(
                Level::Error,
                &span,
                format!(
                    "{what}.{key} is wider than what holds without it; a repository's file may only tighten"
                ),
            ));
        }
    };
    for ((lane, name), patch) in LANES.iter().zip(&said.lanes) {
        compare(&format!("lanes.{name}"), patch, base.lane(*lane));
    }
    for (name, patch) in &said.models {
        compare(&format!("models.{name}"), &patch.bounds, &base.model(name).bounds);
    }
    findings.sort_by_key(|f| (f.line, f.column));
    let [fast, slow] = &said.lanes;
    let less = Tightening {
        denies: said.denies,
        lanes: [fast.alone(), slow.alone()],
        models: said
            .models
            .iter()
            .map(|(n, m)| (n.clone(), m.bounds.alone()))
            .collect(),
    };
    (less, findings)
}

pub(super) fn read(text: &str, layer: Layer) -> (Person, Vec<Finding>) {
    let (table, errors) = DeTable::parse_recoverable(text);
    let mut reader = Reader {
        at: Place { text },
        layer,
        findings: Vec::new(),
        named: Vec::new(),
    };
    for error in errors {
        let span = error.span().unwrap_or_default();
        reader.error(&span, error.message().replace('\n', " "));
    }
    let mut person = reader.file(table.get_ref());
    person.named = std::mem::take(&mut reader.named);
    reader.findings.sort_by_key(|f| (f.line, f.column));
    (person, reader.findings)
}

impl Reader<'_> {
    /// Only a person may say this.
    fn mine(&mut self, span: &Range<usize>, key: &str) -> bool {
        if self.layer == Layer::Repository {
            self.error(
                span,
                format!("`{key}` is the person's to say; a repository's file may only tighten, for example with [[deny]]"),
            );
            return false;
        }
        true
    }

    fn origin(&self, span: &Range<usize>) -> Origin {
        let (line, column) = self.at.of(span.start);
        Origin {
            layer: self.layer,
            line,
            column,
        }
    }

    fn file(&mut self, table: &DeTable<'_>) -> Person {
        let mut out = Person::default();
        for (key, value) in table {
            let span = key.span();
            match key.get_ref().as_ref() {
                "default" if self.mine(&span, "default") => out.default = self.lane(value),
                "rule" if self.mine(&span, "rule") => {
                    for (table, span) in self.tables(value) {
                        out.rules.extend(self.rule(table, &span));
                    }
                }
                "score" if self.mine(&span, "score") => out.weights = self.score(value),
                "default" | "rule" | "score" => {}
                "deny" => {
                    for (table, span) in self.tables(value) {
                        out.denies.extend(self.deny(table, &span));
                    }
                }
                "lanes" => {
                    for (key, value) in self.table(value) {
                        match LANES.iter().position(|(_, n)| *n == key.get_ref().as_ref()) {
                            Some(index) => {
                                let patch = self.bounds(value, Of::Lane);
                                match patch.hedge {
                                    Some((hedge, _)) if index == FAST => out.hedge = Some(hedge),
                                    Some((_, span)) => self.error(
                                        &span,
                                        "only in the fast lane is a second model asked; nobody waits in the other",
                                    ),
                                    None => {}
                                }
                                if let Some(slot) = out.lanes.get_mut(index) {
                                    *slot = patch.bounds;
                                }
                            }
                            None => self.unknown(&key.span(), "lane", key.get_ref(), &LANES.map(|(_, n)| n)),
                        }
                    }
                }
                "models" => {
                    for (key, value) in self.table(value) {
                        self.named.push((key.get_ref().to_string(), key.span()));
                        let patch = self.bounds(value, Of::Model);
                        out.models.insert(key.get_ref().to_string(), patch);
                    }
                }
                other => self.unknown(
                    &span,
                    "key",
                    other,
                    &["default", "deny", "lanes", "models", "rule", "score"],
                ),
            }
        }
        // Tables are sorted by name, not by place: rules are an array and keep theirs.
        out
    }

    fn rule(&mut self, table: &DeTable<'_>, span: &Range<usize>) -> Option<Rule> {
        let (mut when, mut lane) = (None, None);
        for (key, value) in table {
            match key.get_ref().as_ref() {
                "when" => when = Some((self.when(value), value.span())),
                "lane" => lane = self.lane(value),
                other => self.unknown(&key.span(), "key", other, &["lane", "when"]),
            }
        }
        let Some((when, at)) = when else {
            self.error(span, "a rule needs `when`; `when = {}` takes everything");
            return None;
        };
        if !table.contains_key("lane") {
            self.error(span, "a rule needs `lane`");
        }
        Some(Rule {
            when: when?,
            lane: lane?,
            origin: self.origin(&at),
        })
    }

    fn deny(&mut self, table: &DeTable<'_>, span: &Range<usize>) -> Option<Deny> {
        let (mut when, mut lanes, mut models, mut sound) = (None, Set::ALL, None, true);
        for (key, value) in table {
            match key.get_ref().as_ref() {
                "when" => when = Some((self.when(value), value.span())),
                "lane" => match self.lane(value) {
                    Some(lane) => {
                        lanes = Set::of(
                            LANES
                                .iter()
                                .position(|(l, _)| *l == lane)
                                .and_then(|p| u32::try_from(p).ok()),
                        )
                    }
                    None => sound = false,
                },
                "models" => {
                    let none =
                        "a list of no models denies nothing; name them, or leave it out for every model";
                    models = self.models(value, Some(none));
                }
                other => {
                    sound = false;
                    self.unknown(&key.span(), "key", other, &["lane", "models", "when"]);
                }
            }
        }
        let Some((when, at)) = when else {
            self.error(span, "a deny needs `when`; `when = {}` is always");
            return None;
        };
        sound.then_some(())?;
        Some(Deny {
            when: when?,
            lanes,
            models,
            origin: self.origin(&at),
        })
    }

    fn lane(&mut self, value: &Value<'_>) -> Option<Lane> {
        let text = self.string(value)?;
        let lane = lane_named(&text);
        if lane.is_none() {
            self.unknown(&value.span(), "lane", &text, &LANES.map(|(_, n)| n));
        }
        lane
    }

    /// Names of models. `none`: why the list is not empty, where it must not be.
    fn models(&mut self, value: &Value<'_>, none: Option<&str>) -> Option<Vec<String>> {
        let before = self.findings.len();
        let items = self.list(value);
        if let (true, Some(why)) = (items.is_empty() && self.findings.len() == before, none) {
            self.error(&value.span(), why);
        }
        let mut out = Vec::new();
        for item in items {
            if let Some(name) = self.string(item) {
                self.named.push((name.clone(), item.span()));
                out.push(name);
            }
        }
        Some(out)
    }

    fn score(&mut self, value: &Value<'_>) -> WeightsPatch {
        let mut scratch = Weights::default();
        let mut out = Vec::new();
        for (key, value) in self.table(value) {
            let known = weights(&mut scratch).map(|(n, _)| n);
            match known.into_iter().find(|n| *n == key.get_ref().as_ref()) {
                Some(name) => out.extend(self.number(value).map(|v| (name, v))),
                None => self.unknown(&key.span(), "weight", key.get_ref(), &known),
            }
        }
        WeightsPatch(out)
    }

    fn bounds(&mut self, value: &Value<'_>, of: Of) -> ModelPatch {
        let mut out = ModelPatch::default();
        for (key, value) in self.table(value) {
            let span = key.span();
            let bounds = &mut out.bounds;
            let place = match (key.get_ref().as_ref(), of) {
                ("enabled", _) => {
                    bounds.enabled = self.flag(value);
                    "enabled"
                }
                ("tools", _) => {
                    bounds.tools = self.names("tools", value, Tool::NAMES);
                    "tools"
                }
                ("trust", _) => {
                    let ends = self.ends("trust", value, |r, v| r.position("trust", v, Trust::NAMES));
                    let (min, max) = ends.unwrap_or_default();
                    if max.is_some() {
                        self.error(
                            &span,
                            "trust has a least value here, `trust.min`; [[deny]] can say more",
                        );
                    }
                    bounds.trust = min
                        .and_then(|p| Trust::ALL.get(usize::try_from(p).ok()?))
                        .copied();
                    "trust"
                }
                ("safety", _) => {
                    let ends = self.ends("safety", value, |r, v| r.position("safety", v, Safety::NAMES));
                    let (min, max) = ends.unwrap_or_default();
                    if min.is_some() {
                        self.error(
                            &span,
                            "safety has a greatest value here, `safety.max`; [[deny]] can say more",
                        );
                    }
                    bounds.safety = max
                        .and_then(|p| Safety::ALL.get(usize::try_from(p).ok()?))
                        .copied();
                    "safety"
                }
                ("quota", _) => {
                    bounds.limits = self.limits(value, of);
                    "quota"
                }
                ("hedge", Of::Lane) if self.mine(&span, "hedge") => {
                    out.hedge = self.hedge(value).map(|hedge| (hedge, span.clone()));
                    "hedge"
                }
                ("hedge", Of::Lane) => continue,
                ("candidates", Of::Lane) => {
                    let none = "a list of no models lets nobody work; leave it out for every model, or say `enabled = false`";
                    // A repository may shut a lane so.
                    let none = (self.layer == Layer::Person).then_some(none);
                    bounds.candidates = self.models(value, none);
                    "candidates"
                }
                ("lanes", Of::Model) => {
                    bounds.lanes = self.names("lanes", value, &LANES.map(|(_, n)| n));
                    "lanes"
                }
                ("price", Of::Model) if self.mine(&span, "price") => {
                    for (key, value) in self.table(value) {
                        match key.get_ref().as_ref() {
                            "input" => out.input_price = self.dollars(value),
                            "output" => out.output_price = self.dollars(value),
                            other => self.unknown(&key.span(), "price", other, &["input", "output"]),
                        }
                    }
                    "price"
                }
                ("quality", Of::Model) if self.mine(&span, "quality") => {
                    match self.number(value).map(u8::try_from) {
                        Some(Ok(quality @ 0..=100)) => out.quality = Some(quality),
                        Some(_) => self.error(&value.span(), "quality goes from 0 to 100"),
                        None => {}
                    }
                    "quality"
                }
                ("pool", Of::Model) if self.mine(&span, "pool") => {
                    out.pool = self.string(value);
                    "pool"
                }
                ("price" | "quality" | "pool", Of::Model) => continue,
                (other, Of::Lane) => {
                    let known = [
                        "candidates",
                        "enabled",
                        "hedge",
                        "quota",
                        "safety",
                        "tools",
                        "trust",
                    ];
                    self.unknown(&span, "key of a lane", other, &known);
                    continue;
                }
                (other, Of::Model) => {
                    let known = [
                        "enabled", "lanes", "pool", "price", "quality", "quota", "safety", "tools", "trust",
                    ];
                    self.unknown(&span, "key of a model", other, &known);
                    continue;
                }
            };
            out.bounds.places.insert(place, span);
        }
        out
    }

    /// `true`, `false`, or `{ after_ms = N }`.
    fn hedge(&mut self, value: &Value<'_>) -> Option<Hedge> {
        if value.get_ref().as_table().is_none() {
            return Some(match self.flag(value)? {
                true => Hedge::Habit,
                false => Hedge::Never,
            });
        }
        let mut after = None;
        for (key, value) in self.table(value) {
            match key.get_ref().as_ref() {
                "after_ms" => after = self.number(value).map(|ms| (ms, value.span())),
                other => self.unknown(&key.span(), "key of hedge", other, &["after_ms"]),
            }
        }
        match after {
            Some((0, span)) => {
                self.error(
                    &span,
                    "after_ms is 1 or more; `hedge = false` asks no second model",
                );
                None
            }
            Some((ms, _)) => Some(Hedge::After(u64::from(ms) * 1_000)),
            None => {
                self.error(&value.span(), "hedge is true, false, or { after_ms = N }");
                None
            }
        }
    }

    fn limits(&mut self, value: &Value<'_>, of: Of) -> Limits {
        let mut limits = Limits::default();
        for (key, value) in self.table(value) {
            match (key.get_ref().as_ref(), of) {
                ("concurrent", _) => limits.concurrent = self.number(value).map(u64::from),
                ("requests_per_min", _) => limits.requests = self.number(value).map(u64::from),
                ("tokens_per_min", _) => limits.tokens = self.number(value).map(u64::from),
                ("dollars_per_day", _) => limits.money = self.dollars(value),
                ("reserve_percent", Of::Lane) if self.mine(&key.span(), "reserve_percent") => {
                    match self.number(value) {
                        Some(percent @ 0..=100) => limits.reserve_percent = Some(percent),
                        Some(_) => self.error(&value.span(), "a share goes from 0 to 100"),
                        None => {}
                    }
                }
                ("reserve_percent", Of::Lane) => {}
                (other, _) => {
                    let known = [
                        "concurrent",
                        "dollars_per_day",
                        "requests_per_min",
                        "reserve_percent",
                        "tokens_per_min",
                    ];
                    self.unknown(&key.span(), "quota", other, &known);
                }
            }
        }
        limits
    }
}

/// Whose bounds are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Of {
    Lane,
    Model,
}
