//! Single values of a policy file, and findings where they are not what is needed.

use super::{Finding, Layer, Level};
use crate::scale::Set;
use std::borrow::Cow;
use std::ops::Range;
// toml's own tree, whose keys and values keep their places; serde would stop at the first mistake.
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// A value with its place.
pub(super) type Value<'i> = Spanned<DeValue<'i>>;

/// Byte offsets to lines and columns.
pub(super) struct Place<'a> {
    pub(super) text: &'a str,
}

impl Place<'_> {
    pub(super) fn finding(&self, level: Level, span: &Range<usize>, message: String) -> Finding {
        let (line, column) = self.of(span.start);
        Finding {
            level,
            line,
            column,
            message,
        }
    }

    pub(super) fn of(&self, at: usize) -> (usize, usize) {
        let before = self.text.get(..at.min(self.text.len())).unwrap_or_default();
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().map_or(0, |l| l.chars().count()) + 1;
        (line, column)
    }
}

/// Reads one file.
pub(super) struct Reader<'a> {
    pub(super) at: Place<'a>,
    pub(super) layer: Layer,
    pub(super) findings: Vec<Finding>,
    pub(super) named: Vec<(String, Range<usize>)>,
}

impl Reader<'_> {
    pub(super) fn error(&mut self, span: &Range<usize>, message: impl Into<String>) {
        let finding = self.at.finding(Level::Error, span, message.into());
        self.findings.push(finding);
    }

    pub(super) fn unknown(&mut self, span: &Range<usize>, what: &str, name: &str, known: &[&str]) {
        self.error(
            span,
            format!("unknown {what} `{name}`; known: {}", known.join(", ")),
        );
    }

    pub(super) fn table<'v, 'i>(
        &mut self,
        value: &'v Value<'i>,
    ) -> Vec<(&'v Spanned<Cow<'i, str>>, &'v Value<'i>)> {
        match value.get_ref().as_table() {
            Some(table) => table.iter().collect(),
            None => {
                self.error(&value.span(), "a table is needed here");
                Vec::new()
            }
        }
    }

    pub(super) fn tables<'v, 'i>(&mut self, value: &'v Value<'i>) -> Vec<(&'v DeTable<'i>, Range<usize>)> {
        let Some(array) = value.get_ref().as_array() else {
            self.error(&value.span(), "write it in double brackets: one block for each");
            return Vec::new();
        };
        let mut out = Vec::new();
        for item in array.iter() {
            match item.get_ref().as_table() {
                Some(table) => out.push((table, item.span())),
                None => self.error(&item.span(), "a table is needed here"),
            }
        }
        out
    }

    pub(super) fn position(&mut self, what: &str, value: &Value<'_>, names: &[&str]) -> Option<u32> {
        let text = self.string(value)?;
        match names.iter().position(|n| *n == text) {
            Some(position) => u32::try_from(position).ok(),
            None => {
                self.unknown(&value.span(), &format!("value of {what}"), &text, names);
                None
            }
        }
    }

    /// One name or several.
    pub(super) fn names(&mut self, what: &str, value: &Value<'_>, names: &[&str]) -> Option<Set> {
        let items: Vec<&Value<'_>> = match value.get_ref().as_array() {
            Some(array) => array.iter().collect(),
            None => vec![value],
        };
        let before = self.findings.len();
        let positions: Vec<u32> = items
            .into_iter()
            .filter_map(|item| self.position(what, item, names))
            .collect();
        (self.findings.len() == before).then(|| Set::of(positions))
    }

    pub(super) fn list<'v, 'i>(&mut self, value: &'v Value<'i>) -> Vec<&'v Value<'i>> {
        match value.get_ref().as_array() {
            Some(array) => array.iter().collect(),
            None => {
                self.error(&value.span(), "a list is needed here");
                Vec::new()
            }
        }
    }

    pub(super) fn string(&mut self, value: &Value<'_>) -> Option<String> {
        let text = value.get_ref().as_str().map(str::to_owned);
        if text.is_none() {
            self.error(&value.span(), "a text in quotation marks is needed here");
        }
        text
    }

    pub(super) fn flag(&mut self, value: &Value<'_>) -> Option<bool> {
        let flag = value.get_ref().as_bool();
        if flag.is_none() {
            self.error(&value.span(), "true or false is needed here");
        }
        flag
    }

    pub(super) fn number(&mut self, value: &Value<'_>) -> Option<u32> {
        let number = value
            .get_ref()
            .as_integer()
            .and_then(|n| u32::from_str_radix(n.as_str(), n.radix()).ok());
        if number.is_none() {
            self.error(
                &value.span(),
                format!("a whole number from 0 to {} is needed here", u32::MAX),
            );
        }
        number
    }

    /// Dollars as micro-dollars.
    pub(super) fn dollars(&mut self, value: &Value<'_>) -> Option<u64> {
        let text = match value.get_ref() {
            DeValue::Float(f) => f.as_str(),
            DeValue::Integer(i) => i.as_str(),
            DeValue::String(_)
            | DeValue::Boolean(_)
            | DeValue::Datetime(_)
            | DeValue::Array(_)
            | DeValue::Table(_) => "",
        };
        let dollars = text.parse::<f64>().ok().filter(|d| (0.0..1e9).contains(d));
        if dollars.is_none() {
            self.error(&value.span(), "an amount in dollars, 0 or more, is needed here");
        }
        #[allow(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "checked above"
        )]
        dollars.map(|d| (d * 1e6).round() as u64)
    }
}
