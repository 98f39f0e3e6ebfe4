//! Conditions over a closed set of facts. Three values: true, false, and unknown where a fact is.

use crate::scale::{Ambiguity, Latency, Safety, Scope, Set, Task, Tool, Trust};
use crate::shape::Shape;

/// A fact that a condition may name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FactName {
    /// Kind of work.
    Intent,
    /// How far it reaches.
    Scope,
    /// Files that it changes.
    Files,
    /// Lines that it changes.
    Lines,
    /// Size of the prompt, tokens.
    Context,
    /// An undo brings everything back.
    Reversible,
    /// How much is left open.
    Ambiguity,
    /// What a mistake would cost.
    Safety,
    /// Done when something passes.
    WantsTests,
    /// Tools that it needs.
    Tools,
    /// Somebody waits.
    Interactive,
    /// How much waiting matters.
    Latency,
    /// What the person said about the repository.
    Trust,
    /// Files that are named.
    Paths,
}

/// What the values of a fact are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Values {
    /// One of these names, in order.
    Scale(&'static [&'static str]),
    /// A whole number.
    Number,
    /// True or false.
    Flag,
    /// A set of these names.
    Names(&'static [&'static str]),
    /// Globs.
    Globs,
}

impl FactName {
    /// All of them with their names in policies.
    pub const ALL: &'static [(&'static str, FactName)] = &[
        ("ambiguity", FactName::Ambiguity),
        ("context", FactName::Context),
        ("files", FactName::Files),
        ("intent", FactName::Intent),
        ("interactive", FactName::Interactive),
        ("latency", FactName::Latency),
        ("lines", FactName::Lines),
        ("paths", FactName::Paths),
        ("reversible", FactName::Reversible),
        ("safety", FactName::Safety),
        ("scope", FactName::Scope),
        ("tools", FactName::Tools),
        ("trust", FactName::Trust),
        ("wants_tests", FactName::WantsTests),
    ];

    /// The name in policies.
    pub fn name(self) -> &'static str {
        FactName::ALL
            .iter()
            .find(|(_, fact)| *fact == self)
            .map_or("", |(name, _)| name)
    }

    /// The fact with this name.
    pub fn from_name(name: &str) -> Option<FactName> {
        FactName::ALL
            .iter()
            .find(|(n, _)| *n == name)
            .map(|(_, fact)| *fact)
    }

    pub(crate) fn values(self) -> Values {
        match self {
            FactName::Intent => Values::Scale(Task::NAMES),
            FactName::Scope => Values::Scale(Scope::NAMES),
            FactName::Ambiguity => Values::Scale(Ambiguity::NAMES),
            FactName::Safety => Values::Scale(Safety::NAMES),
            FactName::Latency => Values::Scale(Latency::NAMES),
            FactName::Trust => Values::Scale(Trust::NAMES),
            FactName::Files | FactName::Lines | FactName::Context => Values::Number,
            FactName::Reversible | FactName::WantsTests | FactName::Interactive => Values::Flag,
            FactName::Tools => Values::Names(Tool::NAMES),
            FactName::Paths => Values::Globs,
        }
    }

    /// The value as a number: position in its scale, 0 or 1, or the number itself.
    pub(crate) fn of(self, shape: &Shape) -> Option<u32> {
        match self {
            FactName::Intent => shape.task.value.map(|v| v as u32),
            FactName::Scope => shape.scope.value.map(|v| v as u32),
            FactName::Files => shape.files.value,
            FactName::Lines => shape.lines.value,
            FactName::Context => shape.context.value,
            FactName::Reversible => shape.reversible.value.map(u32::from),
            FactName::Ambiguity => shape.ambiguity.value.map(|v| v as u32),
            FactName::Safety => shape.safety.value.map(|v| v as u32),
            FactName::WantsTests => shape.wants_tests.value.map(u32::from),
            FactName::Interactive => shape.interactive.value.map(u32::from),
            FactName::Latency => shape.latency.value.map(|v| v as u32),
            FactName::Trust => shape.trust.value.map(|v| v as u32),
            FactName::Tools | FactName::Paths => None,
        }
    }
}

/// One comparison.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Test {
    /// The fact is one of these positions of its scale.
    In {
        /// Which fact.
        fact: FactName,
        /// Positions.
        set: Set,
    },
    /// The number lies between, both ends included.
    Between {
        /// Which fact.
        fact: FactName,
        /// Least.
        min: u32,
        /// Most.
        max: u32,
    },
    /// At least one of these tools is needed.
    Needs(Set),
    /// At least one place matches at least one glob.
    Paths(Vec<String>),
}

impl Test {
    /// The fact that is looked at.
    pub fn fact(&self) -> FactName {
        match self {
            Test::In { fact, .. } | Test::Between { fact, .. } => *fact,
            Test::Needs(_) => FactName::Tools,
            Test::Paths(_) => FactName::Paths,
        }
    }

    fn holds(&self, shape: &Shape) -> Option<bool> {
        match self {
            Test::In { fact, set } => fact.of(shape).map(|v| set.has(v)),
            Test::Between { fact, min, max } => fact.of(shape).map(|v| (*min..=*max).contains(&v)),
            Test::Needs(set) => shape.tools.value.map(|needs| !needs.and(*set).is_empty()),
            Test::Paths(_) if shape.sites.is_empty() => None,
            Test::Paths(globs) => Some(
                shape
                    .sites
                    .iter()
                    .any(|site| globs.iter().any(|glob| glob_match(glob, &site.path))),
            ),
        }
    }
}

/// Whether a glob takes a path; a leading `./` of the path does not count.
fn glob_match(glob: &str, path: &str) -> bool {
    let path = path.strip_prefix("./").unwrap_or(path);
    fast_glob::glob_match(glob, path)
}

/// A condition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum When {
    /// All of them; of none: true.
    All(Vec<When>),
    /// One of them; of none: false.
    Any(Vec<When>),
    /// This.
    Is(Test),
}

impl When {
    /// Whether it holds; `None` where it hangs on something unknown.
    pub fn holds(&self, shape: &Shape) -> Option<bool> {
        match self {
            When::Is(test) => test.holds(shape),
            When::All(parts) => fold(parts, shape, false),
            When::Any(parts) => fold(parts, shape, true),
        }
    }

    /// The facts that it looks at and that nobody knows.
    pub fn unknown(&self, shape: &Shape, out: &mut Vec<FactName>) {
        match self {
            When::Is(test) if test.holds(shape).is_none() => {
                if !out.contains(&test.fact()) {
                    out.push(test.fact());
                }
            }
            When::Is(_) => {}
            When::All(parts) | When::Any(parts) => parts.iter().for_each(|part| part.unknown(shape, out)),
        }
    }

    /// The tests that make it true.
    pub fn grounds<'a>(&'a self, shape: &Shape, out: &mut Vec<&'a Test>) {
        match self {
            When::Is(test) if test.holds(shape) == Some(true) => out.push(test),
            When::Is(_) => {}
            When::All(parts) | When::Any(parts) => parts.iter().for_each(|part| part.grounds(shape, out)),
        }
    }
}

/// All or any: `decisive` settles it at once, unknown leaves it open, else the other.
fn fold(parts: &[When], shape: &Shape, decisive: bool) -> Option<bool> {
    let mut open = false;
    for part in parts {
        match part.holds(shape) {
            Some(value) if value == decisive => return Some(decisive),
            Some(_) => {}
            None => open = true,
        }
    }
    (!open).then_some(!decisive)
}
