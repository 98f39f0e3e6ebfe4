//! Conditions of a policy file.

use super::globs;
use super::values::{Reader, Value};
use super::when::{FactName, Test, Values, When};
use crate::scale::Set;
use std::ops::Range;

impl Reader<'_> {
    pub(super) fn when(&mut self, value: &Value<'_>) -> Option<When> {
        let Some(table) = value.get_ref().as_table() else {
            self.error(
                &value.span(),
                "a condition is a table, for example { files.max = 2 }",
            );
            return None;
        };
        let before = self.findings.len();
        let mut parts = Vec::new();
        for (key, value) in table {
            let name = key.get_ref().as_ref();
            match name {
                "any" | "all" => {
                    let inner: Vec<When> = self
                        .list(value)
                        .iter()
                        .filter_map(|item| self.when(item))
                        .collect();
                    if inner.is_empty() {
                        self.error(
                            &key.span(),
                            format!("`{name}` of nothing; write at least one condition"),
                        );
                    }
                    parts.push(if name == "any" {
                        When::Any(inner)
                    } else {
                        When::All(inner)
                    });
                }
                _ => match FactName::from_name(name) {
                    Some(fact) => parts.extend(self.test(fact, &key.span(), value).map(When::Is)),
                    None => {
                        let mut known: Vec<&str> = FactName::ALL.iter().map(|(n, _)| *n).collect();
                        known.extend(["any", "all"]);
                        self.unknown(&key.span(), "fact", name, &known);
                    }
                },
            }
        }
        // A condition that lost a part would take more than was meant.
        (self.findings.len() == before).then_some(When::All(parts))
    }

    pub(super) fn test(&mut self, fact: FactName, at: &Range<usize>, value: &Value<'_>) -> Option<Test> {
        let name = fact.name();
        match fact.values() {
            Values::Scale(names) => {
                let set = match value.get_ref().as_table() {
                    Some(_) => {
                        let (min, max) = self.ends(name, value, |r, v| r.position(name, v, names))?;
                        let last = u32::try_from(names.len()).unwrap_or(0).saturating_sub(1);
                        self.ordered(at, name, min, max, Some(names))?;
                        Set::between(min.unwrap_or(0), max.unwrap_or(last))
                    }
                    None => self.names(name, value, names)?,
                };
                Some(Test::In { fact, set })
            }
            Values::Number => {
                let (min, max) = match value.get_ref().as_table() {
                    Some(_) => self.ends(name, value, Reader::number)?,
                    None => {
                        let exact = self.number(value)?;
                        (Some(exact), Some(exact))
                    }
                };
                self.ordered(at, name, min, max, None)?;
                Some(Test::Between {
                    fact,
                    min: min.unwrap_or(0),
                    max: max.unwrap_or(u32::MAX),
                })
            }
            Values::Flag => self.flag(value).map(|flag| Test::In {
                fact,
                set: Set::of([u32::from(flag)]),
            }),
            Values::Names(names) => self.names(name, value, names).map(Test::Needs),
            Values::Globs => self.globs(value).map(Test::Paths),
        }
    }

    /// Patterns of paths; one that can match nothing would protect nothing, and is an error.
    fn globs(&mut self, value: &Value<'_>) -> Option<Vec<String>> {
        let before = self.findings.len();
        let items = self.list(value);
        if items.is_empty() && self.findings.len() == before {
            self.error(&value.span(), "`paths` of nothing; write at least one pattern");
        }
        let mut out = Vec::new();
        for item in items {
            let Some(text) = self.string(item) else { continue };
            match globs::read(&text) {
                Ok(globs) => out.extend(globs),
                Err(wrong) => self.error(&item.span(), format!("`{text}` {wrong}")),
            }
        }
        (self.findings.len() == before).then_some(out)
    }

    pub(super) fn ordered(
        &mut self,
        at: &Range<usize>,
        name: &str,
        min: Option<u32>,
        max: Option<u32>,
        names: Option<&[&str]>,
    ) -> Option<()> {
        if let (Some(min), Some(max)) = (min, max)
            && min > max
        {
            let word = |v: u32| match names.and_then(|n| n.get(usize::try_from(v).ok()?)) {
                Some(name) => (*name).to_owned(),
                None => v.to_string(),
            };
            self.error(
                at,
                format!(
                    "{name} cannot be at least {} and at most {}",
                    word(min),
                    word(max)
                ),
            );
            return None;
        }
        Some(())
    }

    pub(super) fn ends(
        &mut self,
        fact: &str,
        value: &Value<'_>,
        mut read: impl FnMut(&mut Self, &Value<'_>) -> Option<u32>,
    ) -> Option<(Option<u32>, Option<u32>)> {
        let (mut min, mut max) = (None, None);
        let before = self.findings.len();
        for (key, value) in self.table(value) {
            match key.get_ref().as_ref() {
                "min" => min = read(self, value),
                "max" => max = read(self, value),
                other => self.unknown(&key.span(), &format!("bound of {fact}"), other, &["min", "max"]),
            }
        }
        (self.findings.len() == before).then_some((min, max))
    }
}
