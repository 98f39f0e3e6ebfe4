//! `model list`: every model that can be named, and whether it can be asked now. Connects to nothing but a local Ollama
//! that a variable names.

use crate::cli::context::Context;
use crate::cli::style::{Tone, bytes};
use crate::cli::{json, say};
use crate::config::Config;
use crate::exit::{CliError, Exit};
use crate::models::catalogue::{self, Entry};
use crate::models::known::{self, Origin, Remote};
use crate::models::verify::{self, Status};
use brisk_domain::EditFormat;
use brisk_router::fleet::Price;
use serde_json::json;

/// What a line may take for a name before the columns move.
const NAME: usize = 28;

pub(crate) fn run(context: &Context) -> Result<Exit, CliError> {
    let config = Config::load(&context.home.config_file())?;
    let known = known::known(&config, &context.home)?;
    let mut lines = vec![(Tone::Dim, "on this machine".to_owned())];
    for entry in catalogue::ENTRIES {
        embedded(context, entry, &mut lines)?;
    }
    let mut heading = None;
    for remote in &known.remotes {
        let here = match remote.origin {
            Origin::Config => "in config.toml",
            Origin::Preset(_) => "of vendors: used when you name them (--model, or lanes.fast.candidates)",
        };
        if heading != Some(here) {
            heading = Some(here);
            lines.push((Tone::Dim, here.to_owned()));
        }
        if context.json {
            say::raw(&json::line("model", context.t_us(), fields(&config, remote)))?;
        }
        lines.push(line(remote));
    }
    if let Err(why) = &known.ollama {
        let name = format!("{:<NAME$}", "ollama/...");
        lines.push((Tone::Dim, format!("{name} {why}")));
        if context.json {
            let fields = json!({"id": "ollama/...", "origin": "preset", "provider": "ollama", "state": "missing",
                                "why": why});
            say::raw(&json::line("model", context.t_us(), fields))?;
        }
    }
    let note = format!(
        "$: dollars for a million tokens read / written, as published on {}; the vendor's bill is what counts",
        known.as_of
    );
    lines.push((Tone::Dim, note));
    if !context.json {
        say::lines(context, &lines)?;
    }
    Ok(Exit::Done)
}

fn embedded(context: &Context, entry: &Entry, lines: &mut Vec<(Tone, String)>) -> Result<(), CliError> {
    let dir = context.home.models_dir();
    let status = verify::status(entry, dir);
    let (word, tone, words) = state(&status, entry);
    let is_default = entry == catalogue::DEFAULT;
    if context.json {
        let fields = json!({
            "id": entry.id,
            "title": entry.title,
            "source": "embedded",
            "origin": "embedded",
            "state": word,
            "bytes": entry.bytes,
            "licence": entry.licence,
            "path": verify::path(entry, dir),
            "default": is_default,
            "context": crate::daemon::CONTEXT,
            "format": format_name(entry.format),
            "by_name": false,
        });
        say::raw(&json::line("model", context.t_us(), fields))?;
    }
    let default = if is_default { ", default" } else { "" };
    let size = bytes(entry.bytes);
    let licence = entry.licence;
    lines.push((
        tone,
        format!("{:<NAME$} {size:>10}  {words} ({licence}{default})", entry.id),
    ));
    Ok(())
}

fn state(status: &Status, entry: &Entry) -> (&'static str, Tone, String) {
    match status {
        Status::Present => ("present", Tone::Good, "here, checked".into()),
        Status::Missing => (
            "missing",
            Tone::Dim,
            format!("not fetched: brisk model pull {}", entry.id),
        ),
        Status::Partial { bytes: have } => (
            "partial",
            Tone::Warn,
            format!(
                "{} of it here: brisk model pull {} goes on",
                bytes(*have),
                entry.id
            ),
        ),
        Status::Corrupt { why } => (
            "corrupt",
            Tone::Bad,
            format!("damaged ({why}): brisk model pull {} fetches it again", entry.id),
        ),
    }
}

fn line(remote: &Remote) -> (Tone, String) {
    let (tone, state) = match (&remote.missing, remote.origin) {
        (Some(why), _) => (Tone::Dim, why.clone()),
        (None, Origin::Config) => (Tone::Plain, format!("{} at {}", remote.model, remote.base_url)),
        (None, Origin::Preset(_)) => (Tone::Good, format!("ready, at {}", remote.base_url)),
    };
    let price = remote.price.map_or_else(|| "$ ?".to_owned(), price);
    let quality = remote
        .quality
        .map_or_else(String::new, |q| format!(", quality {q}"));
    let text = format!(
        "{:<NAME$} {:>5} {price:<13} {:<14} {state}{quality}",
        remote.id.0,
        tokens(remote.context),
        format_name(remote.format),
    );
    (tone, text)
}

fn fields(config: &Config, remote: &Remote) -> serde_json::Value {
    let (origin, provider) = match remote.origin {
        Origin::Config => ("config", None),
        Origin::Preset(provider) => ("preset", Some(provider.facts().id)),
    };
    let state = match (&remote.missing, remote.origin) {
        (Some(_), _) => "missing",
        (None, Origin::Config) => "configured",
        (None, Origin::Preset(_)) => "ready",
    };
    let listed = config.lanes.fast.candidates.contains(&remote.id.0);
    json!({
        "id": remote.id,
        "source": remote.base_url,
        "origin": origin,
        "provider": provider,
        "state": state,
        "why": remote.missing,
        "model": remote.model,
        "protocol": remote.protocol.name(),
        "context": remote.context,
        "max_output": remote.max_output,
        "quality": remote.quality,
        "dollars_per_million": remote.price.map(|p| json!({"input": dollars(p.input), "output": dollars(p.output)})),
        "format": format_name(remote.format),
        "capabilities": remote.capabilities,
        "stated_tokens_per_s": remote.speed,
        "by_name": matches!(remote.origin, Origin::Preset(_)) && !listed,
    })
}

fn format_name(format: EditFormat) -> &'static str {
    match format {
        EditFormat::Region => "region",
        EditFormat::SearchReplace => "search_replace",
        EditFormat::ApplyPatch => "apply_patch",
    }
}

/// Micro-dollars as dollars.
fn dollars(micros: u64) -> f64 {
    micros as f64 / 1e6
}

fn price(price: Price) -> String {
    match (price.input, price.output) {
        (0, 0) => "free".to_owned(),
        (input, output) => format!("${}/{}", dollars(input), dollars(output)),
    }
}

/// A window for people: `8k`, `131k`, `1.05M`.
fn tokens(n: usize) -> String {
    match n {
        1_000_000.. => {
            let text = format!("{:.2}", n as f64 / 1e6);
            format!("{}M", text.trim_end_matches('0').trim_end_matches('.'))
        }
        1_000.. => format!("{}k", n / 1_000),
        _ => n.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_short() {
        for (n, want) in [
            (500, "500"),
            (8_192, "8k"),
            (131_072, "131k"),
            (1_000_000, "1M"),
            (1_050_000, "1.05M"),
        ] {
            assert_eq!(tokens(n), want);
        }
        let of = |input, output| price(Price { input, output });
        assert_eq!(of(75_000, 300_000), "$0.075/0.3");
        assert_eq!(of(2_000_000, 10_000_000), "$2/10");
        assert_eq!(of(0, 0), "free");
    }
}
