//! What a daemon began with: the person's files and the variables that say which models there are. A daemon reads them
//! once; a client compares, so that a key that was set a moment ago works with the next command.
//!
//! Only marks are compared, never values: short, salted digests, from which no key can be told.

use super::provider::Provider;
use super::remote::Catalogue;
use crate::config::Config;
use crate::daemon::MODEL_ENV;
use crate::home::Home;
use crate::models::known;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;

/// Bytes of a digest that are kept: enough to see a change, too few to search for a value.
const KEPT: usize = 6;

/// The file of further authorities.
const AUTHORITIES: &str = "SSL_CERT_FILE";

/// Variables that say how servers are reached and whom to believe. Clients of servers read them when they are made.
const WAY: [&str; 8] = [
    AUTHORITIES,
    "SSL_CERT_DIR",
    "HTTPS_PROXY",
    "https_proxy",
    "ALL_PROXY",
    "all_proxy",
    "NO_PROXY",
    "no_proxy",
];

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
            .chain(program())
            .map(|(name, value)| {
                let mark = mark(&salt, &name, &value);
                (name, mark)
            })
            .collect();
        Some(Marks { salt, marks })
    }

    /// What is different in this process, by name: a variable that is new or has another value, a file that changed.
    /// A key that is missing here says nothing: another terminal may have it. An address that is missing here is a
    /// difference where this terminal has the key: what it sends is to go where it says. And the program, where the
    /// daemon's own was replaced: it could begin no sandbox any more.
    pub(crate) fn news(&self, home: &Home) -> Vec<String> {
        let mut news = self.compared(home, &now(home));
        news.extend(program().and_then(|ours| self.replaced(ours)));
        news
    }

    /// Another program at another place is no news: two that are installed would renew each other's daemon.
    fn replaced(&self, (path, now): (String, Vec<u8>)) -> Option<String> {
        let then = self.marks.get(&path)?;
        (*then != mark(&self.salt, &path, &now)).then_some(path)
    }

    /// Variables of the way to servers that are unset in this process and were not when the daemon began. They are no
    /// news: of two terminals of which one has them, each would renew the daemon of the other. So they are only told.
    pub(crate) fn unset(&self, home: &Home) -> Vec<&'static str> {
        self.lacking(&now(home))
    }

    fn lacking(&self, now: &BTreeMap<String, Vec<u8>>) -> Vec<&'static str> {
        let gone = |name: &&str| self.marks.contains_key(*name) && !now.contains_key(*name);
        WAY.into_iter().filter(gone).collect()
    }

    /// The variable by which a daemon that cannot be renewed would send what this process asks of these models, and a
    /// key with it, to another address than this process names.
    pub(crate) fn astray(&self, home: &Home, asks: Asks<'_>) -> Option<&'static str> {
        self.other_address(&now(home), |provider| asks.may_reach(home, provider))
    }

    fn other_address(
        &self,
        now: &BTreeMap<String, Vec<u8>>,
        asked: impl Fn(Provider) -> bool,
    ) -> Option<&'static str> {
        let mut all = Provider::ALL.into_iter().filter_map(|provider| {
            let facts = provider.facts();
            let address = facts.address?;
            let here = now.get(address).map(|value| mark(&self.salt, address, value));
            // Without a key of its own, or without its list, the daemon asks nobody there.
            let sends = self.marks.contains_key(facts.key.unwrap_or(address));
            (sends && self.marks.get(address) != here.as_ref() && asked(provider)).then_some(address)
        });
        all.next()
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
        let moved = Provider::ALL.into_iter().filter_map(|provider| {
            let facts = provider.facts();
            let address = facts.address?;
            let own_key = facts.key.is_none_or(|key| now.contains_key(key));
            (own_key && self.marks.contains_key(address) && !now.contains_key(address))
                .then(|| address.to_owned())
        });
        changed.chain(gone).chain(moved).collect()
    }
}

/// Which models a command may ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asks<'a> {
    /// This one.
    Named(&'a str),
    /// Those that are asked unasked.
    Listed,
    /// Any: it is said later.
    Any,
}

impl Asks<'_> {
    fn may_reach(self, home: &Home, provider: Provider) -> bool {
        let prefix = format!("{}/", provider.facts().id);
        let catalogue = Catalogue::load(&known::own_file(home)).unwrap_or_default();
        let of = |name: &str| {
            let mut entries = catalogue.entries().iter();
            let entry = entries.find(|entry| entry.name.as_str() == name);
            entry.map_or(name.starts_with(&prefix), |entry| entry.provider == provider)
        };
        match self {
            Asks::Named(name) => of(name),
            Asks::Listed => {
                let config = Config::load(&home.config_file()).unwrap_or_default();
                config.lanes.fast.candidates.iter().any(|name| of(name))
            }
            Asks::Any => true,
        }
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
    names.extend(WAY);
    names.extend(config.models.values().filter_map(|u| u.api_key_env.as_deref()));
    for name in names {
        if let Some(value) = std::env::var_os(name).filter(|v| !v.is_empty()) {
            let mut value = value.into_encoded_bytes();
            if name == AUTHORITIES {
                // Some may be added to it.
                value.extend(stamp(&value));
            }
            now.insert(name.to_owned(), value);
        }
    }
    now
}

/// Where this process's program lies, and which file that is.
fn program() -> Option<(String, Vec<u8>)> {
    let path = std::env::current_exe().ok()?;
    let inode = path.metadata().ok()?.ino();
    let which = [inode.to_le_bytes().to_vec(), stamp(path.as_os_str().as_bytes())];
    Some((path.to_str()?.to_owned(), which.concat()))
}

/// Size and time of change of a file that is named by these bytes.
fn stamp(name: &[u8]) -> Vec<u8> {
    let Ok(meta) = std::fs::metadata(OsStr::from_bytes(name)) else {
        return Vec::new();
    };
    format!("\0{} {}.{}", meta.len(), meta.mtime(), meta.mtime_nsec()).into_bytes()
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
        let cases: [(Values<'_>, Values<'_>, &[&str]); 10] = [
            (&[("A", "1")], &[("A", "1")], &[]),
            (&[("A", "1")], &[("A", "2")], &["A"]),
            (&[], &[("A", "1")], &["A"]),
            // Another terminal may have it.
            (&[("A", "1")], &[], &[]),
            (&[("config.toml", "x")], &[], &["config.toml"]),
            (&[], &[("models.toml", "x")], &["models.toml"]),
            // Whoever has the key says where it goes, by naming nothing, too.
            (&[(KEY, "k"), (URL, "u")], &[(KEY, "k")], &[URL]),
            (&[(KEY, "k"), (URL, "u")], &[(KEY, "k"), (URL, "u")], &[]),
            (&[(KEY, "k"), (URL, "u")], &[], &[]),
            (&[("OLLAMA_HOST", "h")], &[], &["OLLAMA_HOST"]),
        ];
        for (then, now, want) in cases {
            assert_eq!(marks(then).compared(&home, &of(now)), want, "{then:?} {now:?}");
        }
    }

    #[test]
    fn a_program_that_was_replaced_is_news_and_another_one_is_none() {
        let (ours, now) = program().unwrap();
        let then = |path: &str| marks(&[(path, "an older file")]);
        assert_eq!(
            then(&ours).replaced((ours.clone(), now.clone())),
            Some(ours.clone())
        );
        assert_eq!(then("/opt/brisk").replaced((ours.clone(), now)), None);
        let began = Marks::take(&Home::from_env().unwrap()).unwrap();
        assert_eq!(began.replaced(program().unwrap()), None);
        assert!(began.marks.contains_key(&ours));
    }

    #[test]
    fn tests_run_without_all_that_is_compared() {
        let models = Provider::ALL.into_iter().flat_map(Provider::variables);
        for name in models.chain([MODEL_ENV]).chain(WAY) {
            assert!(brisk_testkit::AMBIENT.contains(&name), "{name}");
        }
    }

    #[test]
    fn a_way_that_is_no_longer_named_is_told_and_no_news() {
        let home = Home::from_env().unwrap();
        let then = marks(&[("HTTPS_PROXY", "p"), ("SSL_CERT_FILE", "f"), ("A", "1")]);
        let now = of(&[("SSL_CERT_FILE", "g"), ("NO_PROXY", "n")]);
        assert_eq!(then.lacking(&now), ["HTTPS_PROXY"]);
        assert_eq!(then.compared(&home, &now), ["NO_PROXY", "SSL_CERT_FILE"]);
        assert_eq!(then.compared(&home, &of(&[("SSL_CERT_FILE", "f")])), [""; 0]);
    }

    const KEY: &str = "ANTHROPIC_API_KEY";
    const URL: &str = "ANTHROPIC_BASE_URL";

    #[test]
    fn an_address_that_differs_is_seen_where_something_would_go_there() {
        type Values<'a> = &'a [(&'a str, &'a str)];
        let cases: [(Values<'_>, Values<'_>, Option<&str>); 7] = [
            (&[(KEY, "k"), (URL, "u")], &[(KEY, "k")], Some(URL)),
            (&[(KEY, "k"), (URL, "u")], &[], Some(URL)),
            (&[(KEY, "k")], &[(KEY, "k"), (URL, "u")], Some(URL)),
            (&[(KEY, "k"), (URL, "u")], &[(URL, "v")], Some(URL)),
            (&[(KEY, "k"), (URL, "u")], &[(KEY, "k"), (URL, "u")], None),
            // It has no key: it says so itself.
            (&[(URL, "u")], &[(KEY, "k")], None),
            (&[], &[("OLLAMA_HOST", "h")], None),
        ];
        for (then, now, want) in cases {
            let marks = marks(then);
            assert_eq!(marks.other_address(&of(now), |_| true), want, "{then:?} {now:?}");
            let others = marks.other_address(&of(now), |p| p == Provider::Groq);
            assert_eq!(others, None, "{then:?} {now:?}");
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
