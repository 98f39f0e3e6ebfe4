//! `doctor`: everything that Brisk needs, checked one by one, each with the next step.

mod servers;
mod tools;

use crate::cli::context::Context;
use crate::cli::style::{Tone, bytes, count};
use crate::cli::{connect, cwd, json, say, term, trust};
use crate::config::Config;
use crate::exit::{CORRECT, CliError, Exit};
use crate::home::Home;
use crate::models::catalogue;
use crate::models::known::{self, Origin, Remote};
use crate::models::remote::Catalogue;
use crate::models::verify::{self, Status};
use crate::trust::{Standing, Trusts, root_of};
use brisk_protocol::{DaemonStatus, NoParams, method};
use rustix::fs::{Access, access, statvfs};
use serde::Serialize;
use std::path::{Path, PathBuf};

/// How a check went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Level {
    Ok,
    Warn,
    Fail,
}

/// One check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Check {
    level: Level,
    what: &'static str,
    text: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

fn ok(what: &'static str, text: impl Into<String>) -> Check {
    Check {
        level: Level::Ok,
        what,
        text: text.into(),
        next: None,
    }
}

fn warn(what: &'static str, text: impl Into<String>, next: impl Into<String>) -> Check {
    Check {
        level: Level::Warn,
        what,
        text: text.into(),
        next: Some(next.into()),
    }
}

fn fail(what: &'static str, text: impl Into<String>, next: impl Into<String>) -> Check {
    Check {
        level: Level::Fail,
        ..warn(what, text, next)
    }
}

fn failed(what: &'static str, error: &CliError) -> Check {
    fail(what, &error.message, error.hint.clone().unwrap_or_default())
}

/// Runs every check and tells them as they come.
pub(crate) fn run(context: &Context) -> Result<Exit, CliError> {
    let mut worst = Exit::Done;
    let checks: [fn(&Context) -> Vec<Check>; 11] = [
        repository,
        trusted,
        configuration,
        folders,
        models,
        servers::checks,
        tools::checks,
        daemon,
        processor,
        memory,
        terminal,
    ];
    for check in checks.into_iter().flat_map(|check| check(context)) {
        if check.level == Level::Fail {
            worst = Exit::Check;
        }
        tell(context, &check)?;
    }
    Ok(worst)
}

fn tell(context: &Context, check: &Check) -> Result<(), CliError> {
    if context.json {
        return say::raw(&json::answer("check", context.t_us(), check));
    }
    let (tone, word) = match check.level {
        Level::Ok => (Tone::Good, "ok  "),
        Level::Warn => (Tone::Warn, "warn"),
        Level::Fail => (Tone::Bad, "fail"),
    };
    let mut lines = vec![(tone, format!("{word} {}: {}", check.what, check.text))];
    if let Some(next) = check.next.as_ref().filter(|n| !n.is_empty()) {
        lines.push((Tone::Plain, format!("     next: {next}")));
    }
    say::lines(context, &lines)
}

fn repository(_: &Context) -> Vec<Check> {
    let Ok(cwd) = cwd() else {
        return vec![fail(
            "repository",
            "the working folder cannot be read",
            "cd to a folder that exists",
        )];
    };
    let found = cwd
        .canonicalize()
        .ok()
        .and_then(|cwd| brisk_worktree::find_root(&cwd));
    vec![match found {
        Some(root) if access(&root, Access::WRITE_OK).is_ok() => ok("repository", root.display().to_string()),
        Some(root) => warn(
            "repository",
            format!("{} cannot be written", root.display()),
            "edits can be shown there, not kept",
        ),
        None => warn(
            "repository",
            format!("{} is in no git repository", cwd.display()),
            "cd to one, or `git init`: edits need one",
        ),
    }]
}

/// What the person said about the repository; nothing outside of one.
fn trusted(context: &Context) -> Vec<Check> {
    let Some(root) = cwd().ok().and_then(|cwd| root_of(&cwd)) else {
        return Vec::new();
    };
    let standing = Trusts::of(&context.home).standing(&root);
    let (_, line) = trust::line(&standing);
    vec![match standing {
        Standing::Is(..) | Standing::Unknown => ok("trust", line),
        Standing::Stale { .. } => warn("trust", line, "brisk trust show"),
        Standing::Unreadable(_) => fail("trust", line, "move trust.db in the state folder away"),
    }]
}

fn configuration(context: &Context) -> Vec<Check> {
    let file = context.home.config_file();
    let own = known::own_file(&context.home);
    if let Err(e) = Catalogue::load(&own) {
        return vec![fail("configuration", e.to_string(), CORRECT)];
    }
    vec![match Config::load(&file) {
        Ok(config) if file.exists() => ok(
            "configuration",
            format!("{}, {}", file.display(), count(config.models.len(), "server")),
        ),
        Ok(_) => ok("configuration", format!("none ({})", file.display())),
        Err(e) => fail("configuration", e.to_string(), CORRECT),
    }]
}

fn folders(context: &Context) -> Vec<Check> {
    let home = &context.home;
    let mut checks = vec![match home.prepare() {
        Ok(()) => ok(
            "folders",
            format!(
                "run {}, state {}",
                home.run_dir().display(),
                home.state_dir().display()
            ),
        ),
        Err(e) => failed("folders", &e.into()),
    }];
    let models = nearest(home.models_dir());
    if access(&models, Access::WRITE_OK).is_err() {
        checks.push(warn(
            "folders",
            format!("{} cannot be written", models.display()),
            "models cannot be fetched; check its permissions, or set BRISK_HOME",
        ));
    }
    checks.push(disk(free_at(&nearest(home.state_dir())), home));
    checks
}

/// The folder itself, or the closest one above it that exists.
fn nearest(path: &Path) -> PathBuf {
    path.ancestors()
        .find(|p| p.exists())
        .unwrap_or(Path::new("/"))
        .to_owned()
}

fn free_at(path: &Path) -> Option<u64> {
    let fs = statvfs(path).ok()?;
    Some(fs.f_bavail.saturating_mul(fs.f_frsize))
}

/// Space for snapshots and logs.
const LITTLE_DISK: u64 = 1 << 30;

fn disk(free: Option<u64>, home: &Home) -> Check {
    match free {
        Some(free) if free >= LITTLE_DISK => ok("disk", format!("{} free", bytes(free))),
        Some(free) => warn(
            "disk",
            format!("only {} free at {}", bytes(free), home.state_dir().display()),
            "make room: snapshots of your files are kept there",
        ),
        None => warn("disk", "free space is unknown", ""),
    }
}

fn models(context: &Context) -> Vec<Check> {
    let config = Config::load(&context.home.config_file()).unwrap_or_default();
    let servers = config.models.len();
    // Mistakes in the person's catalogue are told by the check of the configuration.
    let remotes = known::known(&config, &context.home).map_or_else(|_| Vec::new(), |known| known.remotes);
    let ready = |mine: bool| {
        let of = |r: &&Remote| (r.origin == Origin::Config) == mine && r.missing.is_none();
        remotes.iter().filter(of).count()
    };
    let own = std::env::var_os("BRISK_MODEL").map(PathBuf::from);
    let mut checks = Vec::new();
    let mut usable = ready(true);
    if !cfg!(feature = "embedded") {
        let next = "build with the `embedded` feature, or name servers in config.toml";
        checks.push(warn("model", "this build runs no models itself", next));
    }
    if let Some(path) = own {
        checks.push(match std::fs::File::open(&path) {
            Ok(_) => {
                usable += usize::from(cfg!(feature = "embedded"));
                ok("model", format!("BRISK_MODEL={}", path.display()))
            }
            Err(e) => fail(
                "model",
                format!("BRISK_MODEL={}: {e}", path.display()),
                "name a GGUF file that exists, or unset it",
            ),
        });
    }
    for entry in catalogue::ENTRIES {
        let again = format!("brisk model pull {}", entry.id);
        match verify::status(entry, context.home.models_dir()) {
            Status::Present => {
                usable += usize::from(cfg!(feature = "embedded"));
                checks.push(ok(
                    "model",
                    format!("{}, {}, checked", entry.id, bytes(entry.bytes)),
                ));
            }
            Status::Missing => {}
            Status::Partial { bytes: have } => {
                checks.push(warn(
                    "model",
                    format!("{}: only {} of it here", entry.id, bytes(have)),
                    again,
                ));
            }
            Status::Corrupt { why } => {
                checks.push(fail("model", format!("{} is damaged: {why}", entry.id), again));
            }
        }
    }
    if servers > 0 {
        checks.push(ok(
            "model",
            format!("{} in the configuration", count(servers, "server")),
        ));
    }
    let vendors = ready(false);
    if vendors > 0 {
        let text = format!(
            "{} of vendors can be named (`brisk model list`)",
            count(vendors, "model")
        );
        checks.push(ok("model", text));
    }
    if usable == 0 && vendors == 0 {
        let size = bytes(catalogue::DEFAULT.bytes);
        let pull = format!("brisk model pull ({size}, once)");
        checks.push(match servers {
            0 => fail("model", "there is none", pull),
            _ => fail(
                "model",
                "none can be used",
                format!("`brisk model list` says what each is missing; or {pull}"),
            ),
        });
    }
    checks
}

fn daemon(context: &Context) -> Vec<Check> {
    let asked = connect::ask::<DaemonStatus>(&context.home, method::DAEMON, &NoParams {});
    let began = connect::began(&context.home).ok().flatten();
    let mut checks = vec![match asked {
        Ok(status) => ok(
            "daemon",
            format!(
                "version {}, process {}, {} of memory",
                status.version,
                status.pid,
                bytes(status.rss)
            ),
        ),
        Err(e) => failed("daemon", &e),
    }];
    let home = &context.home;
    checks.extend(
        began
            .iter()
            .flat_map(|began| differs(&began.news(home), &began.unset(home))),
    );
    checks
}

/// What is not here as it was when the daemon began, by name: what is new, and what is unset.
fn differs(unseen: &[String], unset: &[&str]) -> Vec<Check> {
    let mut checks = Vec::new();
    let mut tell = |text: String| checks.push(warn("daemon", text, "`brisk daemon stop`, then again"));
    if !unseen.is_empty() {
        tell(format!("it is in use and has not seen: {}", unseen.join(", ")));
    }
    if !unset.is_empty() {
        tell(format!(
            "it goes by variables that are not set here: {}",
            unset.join(", ")
        ));
    }
    checks
}

fn processor(_: &Context) -> Vec<Check> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    vec![judge_processor(cores, &features())]
}

#[cfg(target_arch = "x86_64")]
fn features() -> Vec<(&'static str, bool)> {
    vec![
        ("avx2", std::arch::is_x86_feature_detected!("avx2")),
        ("fma", std::arch::is_x86_feature_detected!("fma")),
        ("f16c", std::arch::is_x86_feature_detected!("f16c")),
    ]
}

#[cfg(not(target_arch = "x86_64"))]
fn features() -> Vec<(&'static str, bool)> {
    Vec::new()
}

fn judge_processor(cores: usize, features: &[(&str, bool)]) -> Check {
    let missing: Vec<&str> = features
        .iter()
        .filter(|(_, has)| !has)
        .map(|(name, _)| *name)
        .collect();
    let names: Vec<&str> = features.iter().map(|(name, _)| *name).collect();
    if missing.is_empty() {
        ok(
            "processor",
            format!("{} {}", count(cores, "core"), names.join(" ")).trim_end(),
        )
    } else {
        warn(
            "processor",
            format!("{}, without {}", count(cores, "core"), missing.join(", ")),
            "the embedded model needs these: name a server in config.toml",
        )
    }
}

fn memory(_: &Context) -> Vec<Check> {
    let text = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    vec![judge_memory(available(&text))]
}

/// `MemAvailable` of /proc/meminfo, bytes.
fn available(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|l| l.strip_prefix("MemAvailable:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}

/// What the default model takes at its context of 8,192 tokens, with something left for others.
const ENOUGH_MEMORY: u64 = 5 << 29;

fn judge_memory(available: Option<u64>) -> Check {
    match available {
        Some(free) if free >= ENOUGH_MEMORY => ok("memory", format!("{} available", bytes(free))),
        Some(free) => warn(
            "memory",
            format!(
                "{} available, the default model wants {}",
                bytes(free),
                bytes(ENOUGH_MEMORY)
            ),
            "use the smaller model (`brisk model list`) or a server",
        ),
        None => warn("memory", "what is available is unknown", ""),
    }
}

fn terminal(context: &Context) -> Vec<Check> {
    let streams = context.streams;
    vec![if !(streams.input && streams.output) {
        ok(
            "terminal",
            "none: hunks are shown as a diff, and kept with --yes only",
        )
    } else if streams.dumb {
        warn(
            "terminal",
            "TERM is dumb or not set: hunks are shown when they are finished",
            "set TERM to what your terminal is, for example xterm-256color",
        )
    } else {
        let size = term::size();
        let colour = if context.colour() { "colours" } else { "no colours" };
        ok("terminal", format!("{}x{}, {colour}", size.columns, size.rows))
    }]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_judged() {
        let meminfo = "MemTotal: 8000 kB\nMemAvailable:    4096000 kB\n";
        assert_eq!(available(meminfo), Some(4_194_304_000));
        assert_eq!(available("MemAvailable: x kB"), None);
        let cases = [
            (judge_memory(Some(4 << 30)), Level::Ok),
            (judge_memory(Some(1 << 30)), Level::Warn),
            (judge_memory(None), Level::Warn),
            (judge_processor(2, &[("avx2", true)]), Level::Ok),
            (judge_processor(2, &[("avx2", true), ("fma", false)]), Level::Warn),
            (judge_processor(8, &[]), Level::Ok),
        ];
        for (check, level) in cases {
            assert_eq!(check.level, level, "{check:?}");
        }
    }

    #[test]
    fn a_daemon_that_began_with_other_variables_is_told() {
        let told = |unseen: &[&str], unset: &[&str]| {
            let unseen: Vec<String> = unseen.iter().map(|name| (*name).to_owned()).collect();
            let checks = differs(&unseen, unset);
            assert!(checks.iter().all(|check| check.level == Level::Warn));
            checks.into_iter().map(|check| check.text).collect::<Vec<_>>()
        };
        let (seen, set) = (
            "it is in use and has not seen: A",
            "it goes by variables that are not set here: HTTPS_PROXY, no_proxy",
        );
        assert_eq!(told(&[], &[]), [""; 0]);
        assert_eq!(told(&["A"], &[]), [seen]);
        assert_eq!(told(&["A"], &["HTTPS_PROXY", "no_proxy"]), [seen, set]);
    }
}
