//! What is known of models that vendors serve: bundled, and overridden by the person's `models.toml`. Data, no keys and
//! no hosts: a file that is copied from somewhere cannot send code anywhere.

use super::provider::Provider;
use super::worth::{Dollars, Quality};
use crate::config::{ConfigError, located};
use brisk_domain::EditFormat;
use brisk_router::fleet::Price;
use serde::Deserialize;
use std::collections::BTreeSet;
use std::num::NonZeroUsize;
use std::path::Path;
use toml::Spanned;

const BUNDLED: &str = include_str!("remote.toml");

/// One model of a vendor.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Entry {
    /// Name in configuration and on the command line.
    pub(crate) name: Name,
    /// Who serves it.
    pub(crate) provider: Provider,
    /// Its name on the wire.
    pub(crate) model: Name,
    /// Context window, tokens.
    pub(crate) context: NonZeroUsize,
    /// Longest answer, tokens, where it is known.
    #[serde(default)]
    pub(crate) max_output: Option<NonZeroUsize>,
    /// What it costs, where it is known.
    #[serde(default)]
    price: Option<Dollars>,
    /// How good it is, where the person says so.
    #[serde(default)]
    pub(crate) quality: Option<Quality>,
    /// Tokens a second that its vendor states.
    #[serde(default)]
    pub(crate) speed: Option<u32>,
    /// How it writes edits.
    pub(crate) format: EditFormat,
    /// It can call tools.
    #[serde(default)]
    pub(crate) tools: bool,
    /// It takes a text that its answer will mostly repeat.
    #[serde(default)]
    pub(crate) prediction: bool,
    /// It continues a begun answer.
    #[serde(default)]
    pub(crate) prefill: bool,
    /// Its vendor keeps the beginning of a prompt for the next one.
    #[serde(default)]
    pub(crate) caching: bool,
    /// It takes a temperature.
    #[serde(default = "yes")]
    pub(crate) temperature: bool,
    /// How much it is asked to think first.
    #[serde(default)]
    pub(crate) effort: Option<String>,
}

fn yes() -> bool {
    true
}

impl Entry {
    /// What it costs, where it is known.
    pub(crate) fn price(&self) -> Option<Price> {
        self.price.map(Price::from)
    }

    /// What it can do, for people.
    pub(crate) fn capabilities(&self) -> Vec<&'static str> {
        let all = [
            (self.tools, "tools"),
            (self.prediction, "prediction"),
            (self.prefill, "prefill"),
            (self.caching, "caching"),
        ];
        all.into_iter()
            .filter_map(|(has, name)| has.then_some(name))
            .collect()
    }
}

/// A name that can be typed and shown.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Name(String);

impl Name {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Name {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Name, &'static str> {
        if text.is_empty() || text.len() > 200 || text.chars().any(|c| c.is_whitespace() || c.is_control()) {
            return Err("a name has 1 to 200 letters and no spaces");
        }
        Ok(Name(text))
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    /// When the figures were read; for people.
    #[serde(default)]
    as_of: String,
    #[serde(default)]
    model: Vec<Spanned<Entry>>,
}

/// All entries, in the order of the files.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Catalogue {
    as_of: String,
    entries: Vec<Entry>,
}

impl Catalogue {
    /// The bundled entries, and over them those of the person's file, which need not exist.
    ///
    /// # Errors
    /// The file cannot be read, or does not parse; with line and column.
    pub(crate) fn load(own: &Path) -> Result<Catalogue, ConfigError> {
        let bundled = Catalogue::bundled();
        match std::fs::read_to_string(own) {
            Ok(text) => Ok(bundled.with(Catalogue::parse(&text, own)?)),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(bundled),
            Err(source) => Err(ConfigError::Unreadable {
                path: own.to_owned(),
                source,
            }),
        }
    }

    /// What comes with this program; a test holds that it parses.
    pub(crate) fn bundled() -> Catalogue {
        Catalogue::parse(BUNDLED, Path::new("remote.toml")).unwrap_or_default()
    }

    fn parse(text: &str, path: &Path) -> Result<Catalogue, ConfigError> {
        let wrong = |message| ConfigError::Wrong {
            path: path.to_owned(),
            message,
        };
        let file: File =
            toml::from_str(text).map_err(|e| wrong(located(text, e.span().map(|s| s.start), e.message())))?;
        let mut seen = BTreeSet::new();
        for entry in &file.model {
            let name = &entry.get_ref().name;
            if !seen.insert(name.clone()) {
                let message = format!("there are two models {}", name.as_str());
                return Err(wrong(located(text, Some(entry.span().start), &message)));
            }
        }
        Ok(Catalogue {
            as_of: file.as_of,
            entries: file.model.into_iter().map(Spanned::into_inner).collect(),
        })
    }

    fn with(mut self, own: Catalogue) -> Catalogue {
        for entry in own.entries {
            match self.entries.iter_mut().find(|e| e.name == entry.name) {
                Some(old) => *old = entry,
                None => self.entries.push(entry),
            }
        }
        self
    }

    pub(crate) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The day on which the bundled figures were read.
    pub(crate) fn as_of(&self) -> &str {
        &self.as_of
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(own: &str) -> Result<Catalogue, String> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("models.toml");
        std::fs::write(&path, own).unwrap();
        Catalogue::load(&path).map_err(|e| e.to_string())
    }

    const MINE: &str = "[[model]]\nname = \"groq/mine\"\nprovider = \"groq\"\nmodel = \"m\"\ncontext = 9000\nformat = \"region\"\n";

    #[test]
    fn what_is_bundled_is_sound() {
        let all = Catalogue::load(Path::new("/nonexistent/models.toml")).unwrap();
        assert!((10..=20).contains(&all.entries().len()));
        for entry in all.entries() {
            let vendor = entry.provider.facts().id;
            let name = entry.name.as_str();
            assert!(name.starts_with(&format!("{vendor}/")), "{name}");
            assert!(entry.max_output.is_none_or(|max| max <= entry.context), "{name}");
        }
        let sonnet = all
            .entries
            .iter()
            .find(|e| e.name.as_str() == "anthropic/claude-sonnet-5-5");
        let price = sonnet.unwrap().price().unwrap();
        assert_eq!((price.input, price.output), (2_000_000, 10_000_000));
    }

    #[test]
    fn entries_of_ones_own_replace_and_add() {
        let before = load("").unwrap().entries().len();
        assert_eq!(load(MINE).unwrap().entries().len(), before + 1);
        let cheaper = load(&MINE.replace("groq/mine", "groq/gpt-oss-20b")).unwrap();
        assert_eq!(cheaper.entries().len(), before);
        let entry = cheaper
            .entries()
            .iter()
            .find(|e| e.name.as_str() == "groq/gpt-oss-20b");
        assert_eq!(entry.unwrap().context.get(), 9_000);
        assert_eq!(entry.unwrap().price(), None);
    }

    #[test]
    fn mistakes_name_line_and_column() {
        let cases = [
            (
                MINE.replace("\"groq\"", "\"grok\""),
                "line 3, column 12: unknown variant `grok`",
            ),
            (MINE.replace("9000", "0"), "line 5, column 11: "),
            (MINE.replace("9000", "-1"), "line 5, column 11: "),
            (MINE.replace("\"region\"", "\"json\""), "line 6, column 10: "),
            (MINE.replace("\"m\"", "\"a b\""), "line 4, column 9: a name has"),
            (MINE.replace("\"m\"", "\"\""), "line 4, column 9: a name has"),
            (
                format!("{MINE}price = {{ input = -1.0, output = 1.0 }}\n"),
                "line 7, column 19: a price is",
            ),
            (
                format!("{MINE}price = {{ input = nan, output = 1.0 }}\n"),
                "line 7, column 19: a price is",
            ),
            (
                format!("{MINE}price = {{ input = 1.0 }}\n"),
                "line 7, column 9: missing field `output`",
            ),
            (
                format!("{MINE}base_url = \"http://x\"\n"),
                "line 7, column 1: unknown field `base_url`",
            ),
            (
                format!("{MINE}api_key = \"sk-1\"\n"),
                "line 7, column 1: unknown field `api_key`",
            ),
            (
                format!("{MINE}{MINE}"),
                "line 7, column 1: there are two models groq/mine",
            ),
            ("[[model]]\nname = \"x\n".to_owned(), "line 2, column "),
            (
                "[models.x]\n".to_owned(),
                "line 1, column 2: unknown field `models`",
            ),
        ];
        for (text, want) in cases {
            let error = load(&text).unwrap_err();
            assert!(
                error.contains("models.toml: ") && error.contains(want),
                "{want}: {error}"
            );
        }
    }
}
