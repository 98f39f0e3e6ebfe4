//! The person's configuration: one TOML file in their own folder. A repository's file names no host and no key.

mod timeouts;

use crate::models::worth::{Dollars, Quality};
use brisk_domain::EditFormat;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
pub use timeouts::TimeoutSettings;

/// The whole file. Unknown keys are errors: a typing mistake must not silently change where code is sent.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Remote models by name.
    #[serde(default, deserialize_with = "named")]
    pub models: BTreeMap<String, Upstream>,
    /// Bounds and candidates by lane.
    #[serde(default)]
    pub lanes: Lanes,
    /// The daemon itself.
    #[serde(default)]
    pub daemon: Daemon,
    /// What is remembered of turns, and where it is sent.
    #[serde(default)]
    pub telemetry: Telemetry,
    /// The live client.
    #[serde(default)]
    pub client: Client,
    /// Servers of tools for delegated work, by name (MCP over standard input and output). They are the person's: a
    /// repository names none.
    #[serde(default)]
    pub mcp: BTreeMap<String, ToolServer>,
}

/// A server of tools.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ToolServer {
    /// Program and arguments. It runs with the person's rights, outside of any repository, and is not confined.
    pub command: Vec<String>,
    /// Variables of the environment that it gets beside the usual ones, by name.
    #[serde(default)]
    pub pass: Vec<String>,
    /// It is cut when it does not answer for so long, 1 to 3,600 s.
    #[serde(default = "tool_timeout", deserialize_with = "within_an_hour")]
    pub timeout_s: u64,
}

fn tool_timeout() -> u64 {
    30
}

fn within_an_hour<'de, D: serde::Deserializer<'de>>(from: D) -> Result<u64, D::Error> {
    // Signed, so that a number below zero is named as any other that is out of bounds.
    let value = i64::deserialize(from)?;
    match u64::try_from(value) {
        Ok(seconds) if (1..=3_600).contains(&seconds) => Ok(seconds),
        Ok(_) | Err(_) => Err(serde::de::Error::custom(format!(
            "{value} is out of bounds; write seconds from 1 to 3600"
        ))),
    }
}

/// What a server speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// Chat Completions: nearly every server.
    #[default]
    Chat,
    /// OpenAI Responses, over a WebSocket where there is one.
    Responses,
    /// Anthropic Messages.
    Messages,
}

impl Protocol {
    /// The name in configuration.
    pub fn name(self) -> &'static str {
        match self {
            Protocol::Chat => "chat",
            Protocol::Responses => "responses",
            Protocol::Messages => "messages",
        }
    }
}

/// A model on a server.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Upstream {
    /// For example `http://127.0.0.1:11434/v1`.
    pub base_url: String,
    /// The model's name there.
    pub model: String,
    /// What the server speaks.
    #[serde(default)]
    pub protocol: Protocol,
    /// Environment variable that holds the key.
    #[serde(default, deserialize_with = "variable")]
    pub api_key_env: Option<String>,
    /// `region` (small models), `search_replace` or `apply_patch`.
    #[serde(default = "search_replace")]
    pub format: EditFormat,
    /// Context window, tokens.
    #[serde(default = "context", deserialize_with = "window")]
    pub context: usize,
    /// Plain http to another machine is allowed.
    #[serde(default)]
    pub allow_insecure: bool,
    /// The server continues a begun answer (a trailing assistant message).
    #[serde(default)]
    pub prefill: bool,
    /// The server takes `prediction`.
    #[serde(default)]
    pub prediction: bool,
    /// The model takes a temperature. Without a word: with `chat` it does, with the others it does not.
    pub temperature: Option<bool>,
    /// Dollars for a million tokens, `{ input = 1.5, output = 6 }`. Without a word it is not known.
    pub price: Option<Dollars>,
    /// How good it is, 0 to 100. Without a word it is not known.
    pub quality: Option<Quality>,
    /// How much the model is asked to think before it answers: `none` to `max`. Without a word: as it does by itself.
    pub effort: Option<String>,
    /// When the server is given up.
    #[serde(default)]
    pub timeouts: TimeoutSettings,
    /// The model calls tools: delegated work asks it that way, and not in words.
    #[serde(default)]
    pub tools: bool,
}

/// The name by which editors ask for no model in particular.
pub(crate) const NO_MODEL: &str = "auto";

fn named<'de, D: serde::Deserializer<'de>>(from: D) -> Result<BTreeMap<String, Upstream>, D::Error> {
    let models = BTreeMap::<String, Upstream>::deserialize(from)?;
    match models.contains_key(NO_MODEL) {
        true => Err(serde::de::Error::custom(format!(
            "`{NO_MODEL}` means that no model is named; give it another name"
        ))),
        false => Ok(models),
    }
}

/// Tokens without which no edit fits.
const SMALLEST: i64 = 512;

fn window<'de, D: serde::Deserializer<'de>>(from: D) -> Result<usize, D::Error> {
    let value = i64::deserialize(from)?;
    match usize::try_from(value) {
        Ok(tokens) if value >= SMALLEST => Ok(tokens),
        Ok(_) | Err(_) => Err(serde::de::Error::custom(format!(
            "{value} is out of bounds; write the model's window in tokens, {SMALLEST} at least"
        ))),
    }
}

/// The name of a variable. Whoever pastes the key itself there is told so, and the key is repeated nowhere.
fn variable<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    let name = String::deserialize(from)?;
    match no_name(&name, |name| std::env::var_os(name).is_some()) {
        Some(why) => Err(serde::de::Error::custom(why)),
        None => Ok(Some(name)),
    }
}

/// Why this is no name of a variable, or does not look like one. `is_set`: whether there is such a variable.
fn no_name(name: &str, is_set: impl Fn(&str) -> bool) -> Option<&'static str> {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if !name.chars().all(plain) || !name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') {
        return Some(
            "this is not the name of a variable; write the name of the one that holds the key, and never the key itself",
        );
    }
    // Keys made of letters and digits are long, and hardly divided into words.
    let words = name.matches('_').count() + 1;
    let key = name.len() >= 20
        && name.len() / words >= 10
        && name.contains(|c: char| c.is_ascii_lowercase())
        && name.contains(|c: char| c.is_ascii_digit());
    ((key || name.len() > 100) && !is_set(name)).then_some(
        "this looks like a key; write the name of the variable that holds it, and if this is its name, rename it",
    )
}

fn search_replace() -> EditFormat {
    EditFormat::SearchReplace
}

fn context() -> usize {
    32_768
}

/// Per-lane settings.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lanes {
    /// The live lane.
    #[serde(default)]
    pub fast: Fast,
}

/// The live lane.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fast {
    /// Models in order of preference. Empty: the configured ones by name, then the embedded ones. Those of vendors are
    /// used only when they are named here or asked for by name.
    #[serde(default)]
    pub candidates: Vec<String>,
    /// Patch budget of a turn.
    pub max_patch: Option<MaxPatch>,
    /// How long a model may be silent.
    pub deadline: Option<Deadline>,
}

/// Patch budget.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MaxPatch {
    /// Files.
    pub files: usize,
    /// Added plus removed lines.
    pub lines: usize,
}

/// Bounds of silence, milliseconds.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Deadline {
    /// Before the first token.
    pub first_token_ms: u64,
    /// Between tokens.
    pub stall_ms: u64,
}

/// The daemon.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Daemon {
    /// Seconds without a client or a turn before it goes.
    #[serde(default = "idle_s")]
    pub idle_s: u64,
}

fn idle_s() -> u64 {
    1_800
}

impl Default for Daemon {
    fn default() -> Daemon {
        Daemon { idle_s: idle_s() }
    }
}

/// The live client.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Client {
    /// `emacs` or `vi`.
    #[serde(default)]
    pub keys: Keys,
    /// How it is told, beside a line, that delegated work is done.
    #[serde(default)]
    pub notify: Notify,
}

/// How somebody who may look elsewhere is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Notify {
    /// Not at all.
    #[default]
    Never,
    /// The terminal rings.
    Bell,
    /// The terminal shows a message of its own (OSC 9), where it can.
    Message,
}

/// Keys of the text that a person writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Keys {
    /// As in a shell.
    #[default]
    Emacs,
    /// With a normal and an insert mode.
    Vi,
}

/// Figures of turns: how long they took and what became of their hunks.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Telemetry {
    /// Days after which they are deleted; 0: none are kept.
    #[serde(default = "keep_days")]
    pub keep_days: u32,
    /// An OpenTelemetry collector (OTLP over HTTP). None: nothing is sent, unless the environment names one.
    #[serde(default)]
    pub endpoint: Option<String>,
}

fn keep_days() -> u32 {
    90
}

impl Default for Telemetry {
    fn default() -> Telemetry {
        Telemetry {
            keep_days: keep_days(),
            endpoint: None,
        }
    }
}

/// A configuration that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// It cannot be read.
    #[error("{path}: {source}", path = .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It does not parse, or says something unknown. The message names line and column.
    #[error("{path}: {message}", path = .path.display())]
    Wrong {
        /// The file.
        path: PathBuf,
        /// Where and what.
        message: String,
    },
}

impl Config {
    /// Reads the file; a missing one is the default.
    pub fn load(path: &Path) -> Result<Config, ConfigError> {
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Config::default()),
            Err(source) => {
                return Err(ConfigError::Unreadable {
                    path: path.into(),
                    source,
                });
            }
        };
        toml::from_str(&text).map_err(|e: toml::de::Error| ConfigError::Wrong {
            path: path.into(),
            message: located(&text, e.span().map(|s| s.start), e.message()),
        })
    }
}

/// A mistake at a byte of a text as one line: where, then what.
pub(crate) fn located(text: &str, at: Option<usize>, message: &str) -> String {
    let at = at.unwrap_or(0).min(text.len());
    let before = text.get(..at).unwrap_or_default();
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().map_or(0, |l| l.chars().count()) + 1;
    format!("line {line}, column {column}: {}", message.replace('\n', " "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(text: &str) -> Result<Config, String> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("config.toml");
        std::fs::write(&path, text).unwrap();
        Config::load(&path).map_err(|e| e.to_string())
    }

    #[test]
    fn a_full_file_is_read() {
        let config = load(
            "[models.local]\nbase_url = \"http://127.0.0.1:1/v1\"\nmodel = \"m\"\nformat = \"region\"\n\n[lanes.fast]\ncandidates = [\"local\"]\nmax_patch = { files = 1, lines = 10 }\n",
        )
        .unwrap();
        assert_eq!(config.models["local"].format, EditFormat::Region);
        assert_eq!(config.lanes.fast.max_patch.unwrap().lines, 10);
    }

    #[test]
    fn mistakes_name_their_line() {
        let error = load("[lanes.fast]\ncandidate = []\n").unwrap_err();
        assert!(error.contains("line 2") && error.contains("candidate"), "{error}");
    }

    #[test]
    fn a_server_of_tools_has_an_hour_at_most() {
        let server = |more: &str| load(&format!("[mcp.a]\ncommand = [\"a\"]\n{more}\n"));
        for (more, want) in [("", 30), ("timeout_s = 1", 1), ("timeout_s = 3600", 3_600)] {
            assert_eq!(server(more).unwrap().mcp["a"].timeout_s, want, "{more}");
        }
        for bad in [
            "0",
            "-1",
            "3601",
            "9223372036854775807",
            "18446744073709551615",
            "\"1h\"",
        ] {
            let error = server(&format!("timeout_s = {bad}")).unwrap_err();
            assert!(error.contains("line 3, column 13"), "{bad}: {error}");
        }
    }

    #[test]
    fn the_keys_of_the_client_are_chosen() {
        let cases = [
            ("", Some((Keys::Emacs, Notify::Never))),
            ("[client]\nkeys = \"vi\"\n", Some((Keys::Vi, Notify::Never))),
            ("[client]\nkeys = \"vim\"\n", None),
            ("[client]\nnotify = \"bell\"\n", Some((Keys::Emacs, Notify::Bell))),
            (
                "[client]\nnotify = \"message\"\n",
                Some((Keys::Emacs, Notify::Message)),
            ),
            ("[client]\nnotify = true\n", None),
        ];
        for (text, want) in cases {
            let client = load(text).ok().map(|c| (c.client.keys, c.client.notify));
            assert_eq!(client, want, "{text}");
        }
    }

    #[test]
    fn what_a_model_costs_and_is_worth_is_said_in_bounds() {
        let model = |more: &str| {
            load(&format!(
                "[models.m]\nbase_url = \"http://127.0.0.1:1\"\nmodel = \"m\"\n{more}\n"
            ))
        };
        let config = model("price = { input = 0.25, output = 2 }\nquality = 60").unwrap();
        let own = &config.models["m"];
        assert_eq!(own.quality.unwrap().get(), 60);
        let price = brisk_router::fleet::Price::from(own.price.unwrap());
        assert_eq!((price.input, price.output), (250_000, 2_000_000));
        assert!(model("").unwrap().models["m"].price.is_none());
        for (more, place) in [
            (
                "price = { input = -1, output = 2 }",
                "line 4, column 19: a price is",
            ),
            (
                "price = { input = 1 }",
                "line 4, column 9: missing field `output`",
            ),
            ("price = 3", "line 4, column 9: invalid type"),
            ("quality = 101", "line 4, column 11: quality goes from 0 to 100"),
            ("quality = \"good\"", "line 4, column 11: invalid type"),
            ("context = 0", "line 4, column 11: 0 is out of bounds"),
            ("context = -1", "line 4, column 11: -1 is out of bounds"),
        ] {
            let error = model(more).unwrap_err();
            assert!(error.contains(place), "{more}: {error}");
        }
    }

    #[test]
    fn a_model_is_not_called_as_none() {
        let error = load("[models.auto]\nbase_url = \"http://127.0.0.1:1\"\nmodel = \"m\"\n").unwrap_err();
        assert!(error.contains("`auto`"), "{error}");
    }

    #[test]
    fn a_pasted_key_is_refused_and_not_repeated() {
        let named = |name: &str| {
            load(&format!(
                "[models.m]\nbase_url = \"http://127.0.0.1:1\"\nmodel = \"m\"\napi_key_env = \"{name}\"\n"
            ))
        };
        for name in [
            "OPENAI_API_KEY",
            "_K",
            "key2",
            "my_key_for_the_big_server",
            "azure_openai_gpt4_key",
        ] {
            let config = named(name).unwrap();
            assert_eq!(config.models["m"].api_key_env.as_deref(), Some(name));
        }
        for key in [
            "sk-proj-REALKEY-123456",
            "gsk_abcdefghijklmnop0123456789",
            "AIzaSyA0123456789abcdefghij",
            "github_pat_11ABCDEFG0abcdefghijkl_mnopqrstuvwxyz0123456789",
            "$OPENAI_API_KEY",
            "OPENAI_API_KEY=x",
            "2b",
            "",
        ] {
            let error = named(key).unwrap_err();
            assert!(
                error.contains("line 4, column 15") && error.contains("variable"),
                "{error}"
            );
            assert!(key.is_empty() || !error.contains(key), "{error}");
        }
        // Whatever it looks like, there is a variable of that name.
        let long = "productionserver2apikey";
        assert!(no_name(long, |_| false).is_some_and(|why| why.contains("looks like a key")));
        assert_eq!(no_name(long, |name| name == long), None);
    }

    #[test]
    fn no_file_is_the_default() {
        assert_eq!(
            Config::load(Path::new("/nonexistent/config.toml"))
                .unwrap()
                .daemon
                .idle_s,
            1_800
        );
    }
}
