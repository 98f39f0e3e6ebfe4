//! What a daemon began with: the person's files and the variables that say which models there are. A daemon reads them
//! once; a client compares, so that a key that was set a moment ago works with the next command.
//!
//! Only marks are compared, never values: short, salted digests, from which no key can be told.

use super::provider::Provider;
use crate::config::Config;
use crate::daemon::MODEL_ENV;
use crate::home::Home;
use crate::models::known;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};

/// Bytes of a digest that are kept: enough to see a change, too few to search for a value.
const KEPT: usize = 6;

/// The marks of one daemon.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Marks {
    salt: String,
    marks: BTreeMap<String, String>,
}

impl Marks {
    /// Of this process's environment and the files as they are. `None` without a source of chance: then nobody
    /// compares.
    pub(crate) fn take(home: &Home) -> Option<Marks> {
        let mut salt = [0; 16];
        getrandom::fill(&mut salt).ok()?;
        let salt = hex(&salt);
        let marks = now(home)
            .into_iter()
            .map(|(name, value)| {
                let mark = mark(&salt, &name, &value);
                (name, mark)
            })
            .collect();
        Some(Marks { salt, marks })
    }

    /// What is different in this process, by name: a variable that is new or has another value, a file that changed.
    /// A variable that is missing here says nothing: another terminal may have it.
    pub(crate) fn news(&self, home: &Home) -> Vec<String> {
        self.compared(home, &now(home))
    }

    fn compared(&self, home: &Home, now: &BTreeMap<String, Vec<u8>>) -> Vec<String> {
        let changed = now
            .iter()
            .filter(|(name, value)| self.marks.get(*name) != Some(&mark(&self.salt, name, value)))
            .map(|(name, _)| name.clone());
        let gone = files(home)
            .into_iter()
            .map(|(name, _)| name)
            .filter(|name| self.marks.contains_key(*name) && !now.contains_key(*name))
            .map(str::to_owned);
        changed.chain(gone).collect()
    }
}

fn files(home: &Home) -> [(&'static str, std::path::PathBuf); 2] {
    [
        ("config.toml", home.config_file()),
        ("models.toml", known::own_file(home)),
    ]
}

/// What there is, by name.
fn now(home: &Home) -> BTreeMap<String, Vec<u8>> {
    let mut now: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    for (name, path) in files(home) {
        if let Ok(text) = std::fs::read(&path) {
            now.insert(name.to_owned(), text);
        }
    }
    // Names in a configuration that does not parse are not known; whoever reads it says so.
    let config = Config::load(&home.config_file()).unwrap_or_default();
    let mut names: BTreeSet<&str> = Provider::ALL.into_iter().flat_map(Provider::variables).collect();
    names.insert(MODEL_ENV);
    names.extend(config.models.values().filter_map(|u| u.api_key_env.as_deref()));
    for name in names {
        if let Some(value) = std::env::var_os(name).filter(|v| !v.is_empty()) {
            now.insert(name.to_owned(), value.into_encoded_bytes());
        }
    }
    now
}

fn mark(salt: &str, name: &str, value: &[u8]) -> String {
    let mut digest = Sha256::new();
    for part in [salt.as_bytes(), name.as_bytes(), value] {
        digest.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_le_bytes());
        digest.update(part);
    }
    hex(digest.finalize().get(..KEPT).unwrap_or_default())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(values: &[(&str, &str)]) -> BTreeMap<String, Vec<u8>> {
        values
            .iter()
            .map(|(n, v)| ((*n).to_owned(), v.as_bytes().to_vec()))
            .collect()
    }

    fn marks(values: &[(&str, &str)]) -> Marks {
        let salt = "00".to_owned();
        let marks = of(values)
            .iter()
            .map(|(n, v)| (n.clone(), mark(&salt, n, v)))
            .collect();
        Marks { salt, marks }
    }

    #[test]
    fn what_is_new_is_named() {
        let home = Home::from_env().unwrap();
        type Values<'a> = &'a [(&'a str, &'a str)];
        let cases: [(Values<'_>, Values<'_>, &[&str]); 6] = [
            (&[("A", "1")], &[("A", "1")], &[]),
            (&[("A", "1")], &[("A", "2")], &["A"]),
            (&[], &[("A", "1")], &["A"]),
            // Another terminal may have it.
            (&[("A", "1")], &[], &[]),
            (&[("config.toml", "x")], &[], &["config.toml"]),
            (&[], &[("models.toml", "x")], &["models.toml"]),
        ];
        for (then, now, want) in cases {
            assert_eq!(marks(then).compared(&home, &of(now)), want, "{then:?} {now:?}");
        }
    }

    #[test]
    fn a_mark_tells_no_value() {
        let text = serde_json::to_string(&marks(&[("A", "sk-secret")])).unwrap();
        assert!(!text.contains("sk-secret") && text.len() < 80, "{text}");
        assert_ne!(mark("1", "A", b"x"), mark("2", "A", b"x"), "the salt counts");
        assert_ne!(mark("1", "A", b"x"), mark("1", "B", b"x"), "the name counts");
    }
}
