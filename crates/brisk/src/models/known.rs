//! Every remote model that this person can name: those of their configuration, and those of vendors whose variable is
//! set or could be. Whether one is used is another question: those of vendors are asked by name only.

use super::provider::{Provider, ollama_url};
use super::remote::{Catalogue, Entry};
use super::worth::Quality;
use crate::config::{Config, ConfigError, Protocol, Upstream};
use crate::home::Home;
use brisk_domain::{Candidate, EditFormat, ModelId};
use brisk_providers::{BaseUrl, Probe, Secret, Timeouts};
use brisk_router::fleet::Price;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

/// How long Ollama may take to say what it has.
const INSTALLED: Duration = Duration::from_millis(300);

/// What an installed model is taken to hold, tokens: its list does not say, and Ollama cuts what is beyond its own
/// default without a word.
const INSTALLED_CONTEXT: usize = 4_096;

/// Who said that there is this model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    /// The person's `config.toml`.
    Config,
    /// The catalogue, or a list of what is installed.
    Preset(Provider),
}

/// A remote model with all that is needed to ask it.
#[derive(Debug, Clone)]
pub(crate) struct Remote {
    pub(crate) id: ModelId,
    pub(crate) origin: Origin,
    pub(crate) protocol: Protocol,
    pub(crate) base_url: String,
    pub(crate) allow_insecure: bool,
    /// Its name on the wire.
    pub(crate) model: String,
    pub(crate) key: Option<Secret>,
    /// Where the key comes from, for messages.
    pub(crate) key_name: String,
    pub(crate) format: EditFormat,
    /// Tokens.
    pub(crate) context: usize,
    pub(crate) prefill: bool,
    pub(crate) prediction: bool,
    pub(crate) temperature: bool,
    pub(crate) effort: Option<String>,
    /// It calls tools.
    pub(crate) tools: bool,
    pub(crate) timeouts: Timeouts,
    /// Longest answer, tokens, where it is known.
    pub(crate) max_output: Option<usize>,
    pub(crate) price: Option<Price>,
    /// How good it is, 0 to 100, where the person says so.
    pub(crate) quality: Option<u8>,
    /// Tokens a second that its vendor states.
    pub(crate) speed: Option<u32>,
    /// For people.
    pub(crate) capabilities: Vec<&'static str>,
    /// Why it cannot be asked now, for people.
    pub(crate) missing: Option<String>,
}

impl Remote {
    /// As it is routed to.
    pub(crate) fn candidate(&self) -> Candidate {
        Candidate {
            model: self.id.clone(),
            format: self.format,
            context: self.context,
        }
    }

    /// A look at its server.
    pub(crate) fn probe(&self) -> Probe {
        Probe {
            base_url: self.base_url.clone(),
            allow_insecure: self.allow_insecure,
            api_key: self.key.clone(),
            key_name: self.key_name.clone(),
            anthropic: self.protocol == Protocol::Messages,
        }
    }
}

/// A variable of the environment; an empty one counts as absent.
pub(crate) type Env<'a> = &'a dyn Fn(&str) -> Option<String>;

/// The person's own catalogue; it need not exist.
pub(crate) fn own_file(home: &Home) -> PathBuf {
    home.config_file().with_file_name("models.toml")
}

/// What there is now.
#[derive(Debug, Clone)]
pub(crate) struct Known {
    /// The configured ones by name, then those of vendors in the order of the catalogue, then what is installed.
    pub(crate) remotes: Vec<Remote>,
    /// Why nothing of an Ollama is among them.
    pub(crate) ollama: Result<(), String>,
    /// The day on which what comes with this program was read.
    pub(crate) as_of: String,
}

/// All of them, with this process's environment. Asks a local Ollama, if a variable names one.
///
/// # Errors
/// The person's catalogue has a mistake.
pub(crate) fn known(config: &Config, home: &Home) -> Result<Known, ConfigError> {
    let catalogue = Catalogue::load(&own_file(home))?;
    let (installed, ollama) = match installed(&env) {
        Ok(names) => (names, Ok(())),
        Err(why) => (Vec::new(), Err(why)),
    };
    Ok(Known {
        remotes: all(config, &catalogue, &installed, &env),
        ollama,
        as_of: catalogue.as_of().to_owned(),
    })
}

/// The remotes of [`known`], with the bundled catalogue where the person's has a mistake (whoever reads it says so).
pub(crate) fn usable(config: &Config, home: &Home) -> Vec<Remote> {
    let catalogue = Catalogue::load(&own_file(home)).unwrap_or_else(|_| Catalogue::bundled());
    let installed = installed(&env).unwrap_or_default();
    all(config, &catalogue, &installed, &env)
}

/// A variable of this process.
fn env(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.trim().is_empty())
}

/// Of these files, this list and this environment; the order is the one of [`Known`].
pub(crate) fn all(config: &Config, catalogue: &Catalogue, installed: &[String], env: Env<'_>) -> Vec<Remote> {
    let mut remotes: Vec<Remote> = config
        .models
        .iter()
        .map(|(name, upstream)| configured(name, upstream, env))
        .collect();
    let presets = catalogue.entries().iter().map(|entry| preset(entry, env));
    let found = installed.iter().map(|name| installed_one(name, env));
    for remote in presets.chain(found) {
        // The person's own words win, and so do the catalogue's over a list.
        if !remotes.iter().any(|r| r.id == remote.id) {
            remotes.push(remote);
        }
    }
    remotes
}

fn configured(name: &str, upstream: &Upstream, env: Env<'_>) -> Remote {
    let (key, key_name, missing) = match &upstream.api_key_env {
        Some(var) => {
            let key = env(var).as_deref().and_then(Secret::new);
            let missing = key.is_none().then(|| format!("the variable {var} holds no key"));
            (key, format!("the variable {var}"), missing)
        }
        None => {
            let name = format!("a variable, and name it with api_key_env in [models.{name}] of config.toml");
            (None, name, None)
        }
    };
    Remote {
        id: ModelId(name.to_owned()),
        origin: Origin::Config,
        protocol: upstream.protocol,
        base_url: upstream.base_url.clone(),
        allow_insecure: upstream.allow_insecure,
        model: upstream.model.clone(),
        key,
        key_name,
        format: upstream.format,
        context: upstream.context,
        prefill: upstream.prefill,
        prediction: upstream.prediction,
        temperature: upstream
            .temperature
            .unwrap_or(upstream.protocol == Protocol::Chat),
        effort: upstream.effort.clone(),
        timeouts: upstream.timeouts.timeouts(),
        tools: upstream.tools,
        max_output: None,
        price: upstream.price.map(Price::from),
        quality: upstream.quality.map(Quality::get),
        speed: None,
        capabilities: Vec::new(),
        missing,
    }
}

/// Where a vendor is reached, with its key.
fn reached(provider: Provider, env: Env<'_>) -> Remote {
    let facts = provider.facts();
    let named = facts.address.and_then(|var| env(var).map(|value| (var, value)));
    let base_url = match (&named, provider) {
        (Some((_, value)), Provider::Ollama) => ollama_url(value),
        (Some((_, value)), _) => value.clone(),
        (None, _) => facts.url.to_owned(),
    };
    let key = facts.key.and_then(env).as_deref().and_then(Secret::new);
    let wrong = BaseUrl::parse(&base_url, false).err().map(|bad| match &named {
        Some((var, _)) => format!("{var}: {bad}"),
        None => bad.to_string(),
    });
    let missing = match facts.key {
        Some(var) if key.is_none() => Some(format!("{var} is not set")),
        Some(_) | None => wrong,
    };
    Remote {
        id: ModelId(String::new()),
        origin: Origin::Preset(provider),
        // Other servers behind the vendor's variable mostly speak the oldest protocol only.
        protocol: match facts.protocol {
            Protocol::Responses if named.is_some() => Protocol::Chat,
            own @ (Protocol::Chat | Protocol::Responses | Protocol::Messages) => own,
        },
        base_url,
        allow_insecure: false,
        model: String::new(),
        key,
        key_name: facts
            .key
            .map_or_else(String::new, |var| format!("the variable {var}")),
        format: EditFormat::SearchReplace,
        context: INSTALLED_CONTEXT,
        prefill: false,
        prediction: false,
        temperature: true,
        effort: None,
        tools: false,
        timeouts: Timeouts::default(),
        max_output: None,
        price: None,
        quality: None,
        speed: None,
        capabilities: Vec::new(),
        missing,
    }
}

fn preset(entry: &Entry, env: Env<'_>) -> Remote {
    Remote {
        id: ModelId(entry.name.as_str().to_owned()),
        model: entry.model.as_str().to_owned(),
        format: entry.format,
        context: entry.context.get(),
        prefill: entry.prefill,
        prediction: entry.prediction,
        temperature: entry.temperature,
        effort: entry.effort.clone(),
        tools: entry.tools,
        max_output: entry.max_output.map(usize::from),
        price: entry.price(),
        quality: entry.quality.map(Quality::get),
        speed: entry.speed,
        capabilities: entry.capabilities(),
        ..reached(entry.provider, env)
    }
}

fn installed_one(name: &str, env: Env<'_>) -> Remote {
    Remote {
        id: ModelId(format!("ollama/{name}")),
        model: name.to_owned(),
        // What fits a person's machine is mostly small.
        format: EditFormat::Region,
        price: Some(Price { input: 0, output: 0 }),
        ..reached(Provider::Ollama, env)
    }
}

/// Why no model of an Ollama with this name can be known, where its variable says that already; asks nobody.
pub(crate) fn no_ollama(name: &str) -> Option<String> {
    no_ollama_of(name, &env)
}

fn no_ollama_of(name: &str, env: Env<'_>) -> Option<String> {
    let vendor = Provider::Ollama.facts().id;
    name.strip_prefix(vendor)?.strip_prefix('/')?;
    askable(env).err()
}

/// The Ollama that a variable names, if it is one that may be asked for its list.
fn askable(env: Env<'_>) -> Result<Remote, String> {
    if !Provider::Ollama.variables().any(|var| env(var).is_some()) {
        return Err("OLLAMA_HOST is not set".to_owned());
    }
    let ollama = reached(Provider::Ollama, env);
    let url = &ollama.base_url;
    if let Some(why) = ollama.missing {
        return Err(why);
    }
    if !is_here(url) {
        return Err(format!(
            "{url} is another machine; name its models in config.toml"
        ));
    }
    Ok(ollama)
}

/// What a local Ollama has, or why nothing is known of it.
fn installed(env: Env<'_>) -> Result<Vec<String>, String> {
    let ollama = askable(env)?;
    let url = &ollama.base_url;
    let late = || format!("{url} did not answer within {} ms", INSTALLED.as_millis());
    let probe = ollama.probe();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|e| e.to_string())?;
    let listed = runtime.block_on(async { tokio::time::timeout(INSTALLED, probe.list(INSTALLED)).await });
    let names = listed.map_err(|_| late())?.map_err(|fault| fault.message)?;
    Ok(names
        .unwrap_or_default()
        .into_iter()
        .filter(|name| is_name(name))
        .collect())
}

/// A name that can be typed and shown.
fn is_name(name: &str) -> bool {
    !name.is_empty() && name.len() <= 200 && !name.chars().any(|c| c.is_whitespace() || c.is_control())
}

fn is_here(url: &str) -> bool {
    let authority = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = authority.split('/').next().unwrap_or_default();
    let host = match authority.strip_prefix('[') {
        Some(v6) => v6.split(']').next().unwrap_or_default(),
        None => authority.rsplit_once(':').map_or(authority, |(host, _)| host),
    };
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    fn known(config: &str, installed: &[&str], env: &[(&str, &str)]) -> Vec<Remote> {
        let config: Config = toml::from_str(config).unwrap();
        let catalogue = Catalogue::load(Path::new("/nonexistent/models.toml")).unwrap();
        let installed: Vec<String> = installed.iter().map(|s| (*s).to_owned()).collect();
        all(&config, &catalogue, &installed, &|name| {
            env.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).to_owned())
        })
    }

    fn find<'a>(all: &'a [Remote], id: &str) -> &'a Remote {
        all.iter().find(|r| r.id.0 == id).unwrap()
    }

    #[test]
    fn a_variable_makes_a_vendors_models_usable_and_no_others() {
        for (var, vendor) in [
            ("OPENAI_API_KEY", "openai/"),
            ("ANTHROPIC_API_KEY", "anthropic/"),
            ("CEREBRAS_API_KEY", "cerebras/"),
            ("GROQ_API_KEY", "groq/"),
            ("OPENROUTER_API_KEY", "openrouter/"),
        ] {
            for remote in known("", &[], &[(var, "sk-1")]) {
                let own = remote.id.0.starts_with(vendor);
                assert_eq!(remote.missing.is_none(), own, "{var}: {remote:?}");
                assert_eq!(remote.key.is_some(), own, "a key goes to its own vendor only");
            }
        }
        let none = known("", &[], &[]);
        let why = find(&none, "groq/gpt-oss-20b").missing.as_deref();
        assert_eq!(why, Some("GROQ_API_KEY is not set"));
    }

    #[test]
    fn an_address_of_ones_own_is_checked_like_any_other() {
        let key = ("ANTHROPIC_API_KEY", "sk-1");
        for (address, want, says) in [
            ("http://127.0.0.1:9/", "http://127.0.0.1:9/", None),
            (
                "https://proxy.example/anthropic",
                "https://proxy.example/anthropic",
                None,
            ),
            (
                "http://proxy.example",
                "http://proxy.example",
                Some("not encrypted"),
            ),
            (
                "https://me:pw@proxy.example",
                "https://me:pw@proxy.example",
                Some("name or password"),
            ),
            ("proxy.example", "proxy.example", Some("http://")),
        ] {
            let all = known("", &[], &[key, ("ANTHROPIC_BASE_URL", address)]);
            let remote = find(&all, "anthropic/claude-haiku-4-5");
            assert_eq!(remote.base_url, want);
            match (says, &remote.missing) {
                (None, None) => {}
                (Some(says), Some(why)) => {
                    assert!(
                        why.starts_with("ANTHROPIC_BASE_URL: ") && why.contains(says),
                        "{why}"
                    );
                    assert!(!why.contains("pw"), "{why}");
                }
                (says, why) => panic!("{address}: {says:?}, {why:?}"),
            }
        }
    }

    #[test]
    fn what_is_configured_wins_over_what_is_known() {
        let own = "[models.\"groq/gpt-oss-20b\"]\nbase_url = \"http://127.0.0.1:1\"\nmodel = \"m\"\n";
        let all = known(own, &[], &[("GROQ_API_KEY", "sk-1")]);
        let remote = find(&all, "groq/gpt-oss-20b");
        assert_eq!((remote.origin, remote.model.as_str()), (Origin::Config, "m"));
        assert!(
            remote.key.is_none(),
            "no key goes where the person did not send it"
        );
    }

    #[test]
    fn what_ollama_has_is_usable_by_name() {
        let all = known("", &["qwen2.5-coder:7b"], &[("OLLAMA_HOST", "0.0.0.0:8080")]);
        let remote = find(&all, "ollama/qwen2.5-coder:7b");
        assert_eq!(remote.base_url, "http://127.0.0.1:8080");
        assert_eq!(remote.missing, None);
        for (url, here) in [
            ("http://127.0.0.1:1/x", true),
            ("http://localhost", true),
            ("http://[::1]:1", true),
            ("https://box.example:1", false),
            ("http://127.0.0.1.example", false),
        ] {
            assert_eq!(is_here(url), here, "{url}");
        }
    }

    #[test]
    fn keys_are_in_no_debug_text() {
        let all = known("", &[], &[("OPENAI_API_KEY", "sk-secret")]);
        assert!(!format!("{all:?}").contains("sk-secret"));
    }
}
