//! Routing policy: what may be, where work goes, and what counts how much, in three layers.
//!
//! Built in, then the person's file, then the repository's. The person's words replace what is built in. A
//! repository's file is read into a [`Tightening`], which has no field for a rule, a price or a weight, and which
//! [`Policy::tighten`] only ever intersects: there is no way for it to widen anything.

mod boxes;
mod condition;
mod globs;
mod lint;
mod patch;
mod read;
mod values;
mod when;

use crate::hedge::Hedge;
use crate::quota::Limits;
use crate::scale::{Safety, Set, Trust};
use brisk_domain::Lane;
pub use lint::{lint, unpriced};
pub use read::{Person, read_person, read_repository};
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::LazyLock;
pub use when::{FactName, Test, When};

/// Whose words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Layer {
    /// Brisk's own.
    BuiltIn,
    /// The person's file.
    Person,
    /// The repository's file.
    Repository,
}

/// Where something in a policy stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Origin {
    /// Whose.
    pub layer: Layer,
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
}

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// The file is not used.
    Error,
    /// It is used, and a part of it does nothing.
    Warning,
}

/// Something wrong with a policy file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// How bad.
    pub level: Level,
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// What, and what to do.
    pub message: String,
}

/// Sends work to a lane.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// When.
    pub when: When,
    /// Where to.
    pub lane: Lane,
    /// Where it stands.
    pub origin: Origin,
}

/// Forbids lanes or models for some work. What hangs on an unknown fact is forbidden too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deny {
    /// When.
    pub when: When,
    /// In these lanes, by position of `LANES`.
    pub lanes: Set,
    /// These models; `None`: every one.
    pub models: Option<Vec<String>>,
    /// Where it stands.
    pub origin: Origin,
}

/// What a lane or a model may take. Fields hold the widest value where nothing is said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bounds {
    /// It is used at all.
    pub enabled: bool,
    /// Tools that it may be given.
    pub tools: Set,
    /// Lanes that a model may serve, by position of `LANES`.
    pub lanes: Set,
    /// Models that a lane may use, in no order; `None`: all.
    pub candidates: Option<Vec<String>>,
    /// The repository is trusted so far at least; `None`: it need not even be known.
    pub trust: Option<Trust>,
    /// Nothing more delicate than this; `None`: anything, also what nobody knows.
    pub safety: Option<Safety>,
    /// How much of it.
    pub limits: Limits,
}

impl Default for Bounds {
    fn default() -> Bounds {
        Bounds {
            enabled: true,
            tools: Set::ALL,
            lanes: Set::ALL,
            candidates: None,
            trust: None,
            safety: None,
            limits: Limits::default(),
        }
    }
}

impl Bounds {
    /// The narrower of both in everything.
    #[must_use]
    pub fn meet(&self, other: &Bounds) -> Bounds {
        Bounds {
            enabled: self.enabled && other.enabled,
            tools: self.tools.and(other.tools),
            lanes: self.lanes.and(other.lanes),
            candidates: match (&self.candidates, &other.candidates) {
                (Some(a), Some(b)) => Some(a.iter().filter(|m| b.contains(m)).cloned().collect()),
                (one, None) | (None, one) => one.clone(),
            },
            // `None` is the least of an `Option`, and the widest here.
            trust: self.trust.max(other.trust),
            safety: least(self.safety, other.safety),
            limits: self.limits.meet(&other.limits),
        }
    }

    /// Whether a lane with these bounds may use a model of this name.
    pub fn names(&self, model: &str) -> bool {
        self.candidates
            .as_ref()
            .is_none_or(|list| list.iter().any(|m| m == model))
    }
}

pub(crate) fn least<T: Ord>(a: Option<T>, b: Option<T>) -> Option<T> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (one, None) | (None, one) => one,
    }
}

/// What a person says about one model.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ModelPolicy {
    /// What it may take.
    pub bounds: Bounds,
    /// Micro-dollars per million tokens read.
    pub input_price: Option<u64>,
    /// Micro-dollars per million tokens written.
    pub output_price: Option<u64>,
    /// How good it is, 0 to 100.
    pub quality: Option<u8>,
    /// Models of one pool share their vendor's limits.
    pub pool: Option<String>,
}

/// How much each part of the score counts. See [`crate::score`] for the formula.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Weights {
    /// Millipoints for each point of quality.
    pub quality: u32,
    /// Millipoints for each second of waiting, before sensitivity.
    pub latency: u32,
    /// Millipoints for each cent.
    pub cost: u32,
    /// Millipoints for a warm prefix.
    pub cache: u32,
    /// Millipoints for a lane whose slots are all taken.
    pub load: u32,
    /// Millipoints for each place down the configured order.
    pub order: u32,
}

impl Default for Weights {
    fn default() -> Weights {
        Weights {
            quality: 1_000,
            latency: 4_000,
            cost: 1_500,
            cache: 5_000,
            load: 10_000,
            order: 2_000,
        }
    }
}

/// All layers in one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    rules: Vec<Rule>,
    denies: Vec<Deny>,
    default: Lane,
    lanes: [Bounds; 2],
    hedge: Hedge,
    models: BTreeMap<String, ModelPolicy>,
    anyone: ModelPolicy,
    weights: Weights,
}

/// What a repository may say: less.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tightening {
    pub(crate) denies: Vec<Deny>,
    pub(crate) lanes: [Bounds; 2],
    pub(crate) models: BTreeMap<String, Bounds>,
}

/// The text of the built-in layer.
pub const BUILT_IN: &str = include_str!("built_in.toml");

static FIRST: LazyLock<Policy> = LazyLock::new(|| {
    let bare = Policy {
        rules: Vec::new(),
        denies: Vec::new(),
        default: Lane::Slow,
        lanes: [Bounds::default(), Bounds::default()],
        hedge: Hedge::default(),
        models: BTreeMap::new(),
        anyone: ModelPolicy::default(),
        weights: Weights::default(),
    };
    // A test reads it without a finding; a part that cannot be read would be left out, and the default is slow.
    let (layer, _) = read::read(BUILT_IN, Layer::BuiltIn);
    bare.with(&layer)
});

impl Policy {
    /// The built-in layer alone.
    pub fn built_in() -> Policy {
        FIRST.clone()
    }

    /// With the person's words over it: their rules come first, their values replace.
    #[must_use]
    pub fn with(mut self, person: &Person) -> Policy {
        self.rules.splice(0..0, person.rules.iter().cloned());
        self.denies.extend(person.denies.iter().cloned());
        self.default = person.default.unwrap_or(self.default);
        for (own, said) in self.lanes.iter_mut().zip(&person.lanes) {
            said.over(own);
        }
        self.hedge = person.hedge.unwrap_or(self.hedge);
        for (name, said) in &person.models {
            said.over(self.models.entry(name.clone()).or_default());
        }
        person.weights.over(&mut self.weights);
        self
    }

    /// With a repository's words: whatever they are, nothing gets wider.
    #[must_use]
    pub fn tighten(mut self, less: &Tightening) -> Policy {
        self.denies.extend(less.denies.iter().cloned());
        for (own, said) in self.lanes.iter_mut().zip(&less.lanes) {
            *own = own.meet(said);
        }
        for (name, said) in &less.models {
            let own = self.models.entry(name.clone()).or_default();
            own.bounds = own.bounds.meet(said);
        }
        self
    }

    /// Rules in the order in which they are tried.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// Everything that is forbidden.
    pub fn denies(&self) -> &[Deny] {
        &self.denies
    }

    /// Where work goes that no rule takes.
    pub fn default_lane(&self) -> Lane {
        self.default
    }

    /// The bounds of a lane.
    pub fn lane(&self, lane: Lane) -> &Bounds {
        let [fast, slow] = &self.lanes;
        match lane {
            Lane::Fast => fast,
            Lane::Slow => slow,
        }
    }

    /// When the fast lane asks a second model beside a silent one.
    pub fn hedge(&self) -> Hedge {
        self.hedge
    }

    /// What is said about a model.
    pub fn model(&self, name: &str) -> &ModelPolicy {
        self.models.get(name).unwrap_or(&self.anyone)
    }

    /// What counts how much.
    pub fn weights(&self) -> &Weights {
        &self.weights
    }
}
