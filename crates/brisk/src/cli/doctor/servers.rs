//! `doctor`'s look at the servers of remote models: all at once, each for two seconds at most. Nothing is generated, so
//! nothing is paid; keys go where they would go anyway, and are never shown.

use super::{Check, fail, ok, warn};
use crate::cli::context::Context;
use crate::cli::style::count;
use crate::config::Config;
use crate::models::known::{self, Origin, Remote};
use brisk_domain::port::Fault;
use brisk_providers::Probe;
use std::time::Duration;

/// How long a server may take, all in all.
const LIMIT: Duration = Duration::from_secs(2);

/// One address with one key, and the models that are asked for there.
struct Server {
    probe: Probe,
    /// Names on the wire.
    models: Vec<String>,
    /// A name that people know it by.
    name: String,
    configured: bool,
}

type Seen = Result<Option<Vec<String>>, Fault>;

pub(super) fn checks(context: &Context) -> Vec<Check> {
    // Mistakes in the files are told by the check of the configuration.
    let Ok(config) = Config::load(&context.home.config_file()) else {
        return Vec::new();
    };
    let Ok(known) = known::known(&config, &context.home) else {
        return Vec::new();
    };
    let mut checks: Vec<Check> = known.remotes.iter().filter_map(unusable).collect();
    let servers = servers(&known.remotes);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let seen = match runtime {
        Ok(runtime) => runtime.block_on(look(&servers)),
        Err(e) => {
            checks.push(warn("server", format!("servers cannot be looked at: {e}"), ""));
            return checks;
        }
    };
    checks.extend(servers.iter().zip(seen).map(|(server, seen)| judge(server, seen)));
    checks
}

/// A model of the configuration that lacks something. Vendors without a key are no fault of anybody.
fn unusable(remote: &Remote) -> Option<Check> {
    let why = remote.missing.as_ref()?;
    match remote.origin {
        Origin::Config => Some(warn(
            "server",
            format!("{}: {why}", remote.id),
            "set it; the next command sees it",
        )),
        Origin::Preset(_) if remote.key.is_some() => Some(warn(
            "server",
            format!("{}: {why}", remote.id),
            "correct the variable",
        )),
        Origin::Preset(_) => None,
    }
}

fn servers(remotes: &[Remote]) -> Vec<Server> {
    let mut servers: Vec<Server> = Vec::new();
    for remote in remotes.iter().filter(|r| r.missing.is_none()) {
        let probe = remote.probe();
        let configured = remote.origin == Origin::Config;
        let same = |s: &&mut Server| {
            let p = &s.probe;
            (&p.base_url, &p.api_key, p.anthropic) == (&probe.base_url, &probe.api_key, probe.anthropic)
        };
        match servers.iter_mut().find(same) {
            Some(server) => {
                server.models.push(remote.model.clone());
                server.configured |= configured;
            }
            // An Ollama that is not named by anybody is no server that is missed.
            None => servers.push(Server {
                probe,
                models: vec![remote.model.clone()],
                name: match remote.origin {
                    Origin::Config => remote.id.0.clone(),
                    Origin::Preset(provider) => provider.facts().id.to_owned(),
                },
                configured,
            }),
        }
    }
    servers
}

/// What each server says, in order.
async fn look(servers: &[Server]) -> Vec<Option<Seen>> {
    let mut running = tokio::task::JoinSet::new();
    for (place, server) in servers.iter().enumerate() {
        let probe = server.probe.clone();
        running.spawn(async move { (place, tokio::time::timeout(LIMIT, probe.list(LIMIT)).await.ok()) });
    }
    let mut seen: Vec<Option<Seen>> = servers.iter().map(|_| None).collect();
    while let Some(done) = running.join_next().await {
        if let Ok((place, said)) = done
            && let Some(slot) = seen.get_mut(place)
        {
            *slot = said;
        }
    }
    seen
}

fn judge(server: &Server, seen: Option<Seen>) -> Check {
    let (name, url) = (&server.name, &server.probe.base_url);
    // Whoever configured a server needs it; a vendor's is there for those who name it.
    let bad = if server.configured { fail } else { warn };
    match seen {
        None => bad(
            "server",
            format!("{name}: {url} did not answer within {} s", LIMIT.as_secs()),
            "check the network, and that the server runs".to_owned(),
        ),
        // The message ends with the next step.
        Some(Err(fault)) => match fault.message.rsplit_once("; ") {
            Some((what, next)) => bad("server", format!("{name}: {what}"), next.to_owned()),
            None => bad("server", format!("{name}: {}", fault.message), String::new()),
        },
        Some(Ok(None)) => ok(
            "server",
            format!("{name}: {url} answers, without a list of models"),
        ),
        Some(Ok(Some(list))) => {
            let lacks: Vec<&str> = server
                .models
                .iter()
                .map(String::as_str)
                .filter(|model| !has(&list, model))
                .collect();
            let answers = format!("{name}: {url} answers, {}", count(list.len(), "model"));
            match lacks.as_slice() {
                [] => ok("server", answers),
                lacks => warn(
                    "server",
                    format!("{answers}, not among them: {}", lacks.join(", ")),
                    "check the names; a vendor may have renamed or retired a model".to_owned(),
                ),
            }
        }
    }
}

/// Whether a server's list has a model. Servers leave out or add `:latest`, and some list only dated names.
fn has(list: &[String], model: &str) -> bool {
    let bare = |name: &str| {
        name.trim_end_matches(":latest")
            .trim_start_matches('~')
            .to_owned()
    };
    let model = bare(model);
    list.is_empty()
        || list.iter().any(|name| {
            let name = bare(name);
            name == model
                || name
                    .strip_prefix(&model)
                    .is_some_and(|rest| rest.starts_with("-20"))
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::doctor::Level;
    use brisk_domain::port::{FaultSource, Retry};

    fn server(configured: bool) -> Server {
        Server {
            probe: Probe {
                base_url: "https://api.example.com/v1".into(),
                allow_insecure: false,
                api_key: None,
                key_name: String::new(),
                anthropic: false,
            },
            models: vec!["a".into(), "b".into()],
            name: "coder".into(),
            configured,
        }
    }

    #[test]
    fn what_servers_say_is_judged() {
        let list = |names: &[&str]| Some(Ok(Some(names.iter().map(|n| (*n).to_owned()).collect())));
        let fault = |message: &str| {
            Some(Err(Fault {
                source: FaultSource::Setup,
                retry: Retry::Elsewhere,
                message: message.into(),
            }))
        };
        let cases = [
            (true, list(&["a", "b:latest"]), Level::Ok, "2 models", None),
            (true, list(&["a-20260101", "b"]), Level::Ok, "2 models", None),
            (
                true,
                list(&["a"]),
                Level::Warn,
                "not among them: b",
                Some("names"),
            ),
            (true, list(&[]), Level::Ok, "0 models", None),
            (true, Some(Ok(None)), Level::Ok, "without a list", None),
            (true, None, Level::Fail, "within 2 s", Some("network")),
            (false, None, Level::Warn, "within 2 s", Some("network")),
            (
                true,
                fault("it refused; check the key"),
                Level::Fail,
                "it refused",
                Some("check the key"),
            ),
            (
                false,
                fault("it refused; check the key"),
                Level::Warn,
                "it refused",
                Some("check the key"),
            ),
        ];
        for (configured, seen, level, says, next) in cases {
            let check = judge(&server(configured), seen);
            assert_eq!(check.level, level, "{check:?}");
            assert!(check.text.contains(says), "{check:?}");
            let has = check
                .next
                .as_deref()
                .zip(next)
                .is_some_and(|(is, want)| is.contains(want));
            assert_eq!(has, next.is_some(), "{check:?}");
        }
    }
}
