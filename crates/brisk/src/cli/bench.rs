//! `model bench`: the embedded engine measured in this process, without a daemon in between.

use crate::cli::context::Context;
use crate::exit::{CliError, Exit};
use brisk_domain::ModelId;
use brisk_llama::{Engine, EngineOptions, FlashAttention};
use std::path::Path;

/// Loads the model and prints one line a figure, each as soon as it is known.
pub(crate) fn run(context: &Context, id: &str, path: &Path) -> Result<Exit, CliError> {
    let options = EngineOptions {
        flash_attention: attention(context, path)?,
        ..EngineOptions::default()
    };
    let engine = Engine::load(ModelId(id.to_owned()), path, options)
        .map_err(|e| CliError::new(Exit::NoModel, e.to_string()))?;
    measure(context, &engine)
}

/// Times both attention kernels and remembers the faster one for every later load of this file.
#[cfg(feature = "embedded")]
fn attention(context: &Context, path: &Path) -> Result<FlashAttention, CliError> {
    use crate::cli::say;
    use crate::cli::style::Tone;
    use crate::models::attention::Choices;

    let times =
        brisk_llama::measure_attention(path).map_err(|e| CliError::new(Exit::NoModel, e.to_string()))?;
    let choice = times.choice();
    let on = choice == FlashAttention::On;
    Choices::below(context.home.state_dir())
        .remember(path, choice)
        .map_err(|e| CliError::new(Exit::Disk, format!("the choice of a kernel cannot be kept: {e}")))?;
    if context.json {
        let fields = serde_json::json!({"plain_ms": times.plain_ms, "fused_ms": times.fused_ms, "flash_attention": on});
        say::object(context, "attention", &fields)?;
    } else {
        let text = format!(
            "draft check of 16 tokens behind 1,024: plain attention {:.0} ms, flash attention {:.0} ms; {} from now on",
            times.plain_ms,
            times.fused_ms,
            if on { "flash" } else { "plain" },
        );
        say::lines(context, &[(Tone::Plain, text)])?;
    }
    Ok(choice)
}

#[cfg(not(feature = "embedded"))]
fn attention(_: &Context, _: &Path) -> Result<FlashAttention, CliError> {
    Ok(FlashAttention::Fitting)
}

#[cfg(not(feature = "embedded"))]
fn measure(_: &Context, engine: &Engine) -> Result<Exit, CliError> {
    // Never reached: in this build no engine can be loaded.
    Err(CliError::new(
        Exit::NoModel,
        format!("{} cannot be measured", engine.id()),
    ))
}

#[cfg(feature = "embedded")]
fn measure(context: &Context, engine: &Engine) -> Result<Exit, CliError> {
    use crate::cli::say;
    use crate::cli::style::Tone;

    let info = engine.info();
    let about = format!(
        "{}: {} with {} M weights, {} threads, context {}, flash attention {}",
        engine.id(),
        info.architecture,
        info.parameters / 1_000_000,
        info.threads,
        info.context,
        if info.flash_attention { "on" } else { "off" },
    );
    if context.json {
        let fields = serde_json::json!({
            "id": engine.id(),
            "architecture": info.architecture,
            "parameters": info.parameters,
            "threads": info.threads,
            "context": info.context,
            "flash_attention": info.flash_attention,
        });
        say::object(context, "engine", &fields)?;
    } else {
        say::lines(context, &[(Tone::Plain, about)])?;
    }
    let mut exit = Ok(Exit::Done);
    brisk_llama::bench(engine, &mut |line| {
        if matches!(line, brisk_llama::BenchLine::Fault { .. }) && exit.is_ok() {
            exit = Ok(Exit::Upstream);
        }
        let told = if context.json {
            let (kind, fields) = figures(&line);
            say::object(context, kind, &fields)
        } else {
            say::lines(context, &[(Tone::Plain, line.to_string())])
        };
        if let Err(e) = told {
            exit = Err(e);
        }
    });
    exit
}

#[cfg(feature = "embedded")]
fn figures(line: &brisk_llama::BenchLine) -> (&'static str, serde_json::Value) {
    use brisk_llama::{BenchLine as L, Same};
    use serde_json::json;
    match line {
        L::Load { ms, mapped, own } => ("load", json!({"ms": ms, "mapped": mapped, "own": own})),
        L::Prefill { tokens, per_second } => ("prefill", json!({"tokens": tokens, "per_second": per_second})),
        L::Decode { per_second } => ("decode", json!({"per_second": per_second})),
        L::Edit {
            name,
            tokens,
            accepted,
            plain,
            drafted,
            same,
            answer,
        } => (
            "edit",
            json!({
                "name": name, "tokens": tokens, "accepted": accepted, "plain": plain, "drafted": drafted,
                "same": match same {
                    Same::Yes => "yes",
                    Same::Tie => "tie",
                    Same::No => "no",
                },
                "answer": answer,
            }),
        ),
        L::EditSet {
            name,
            tasks,
            ratio,
            same,
        } => (
            "edit_set",
            json!({"name": name, "tasks": tasks, "ratio": ratio, "same": same}),
        ),
        L::FirstToken { tokens, cold, warm } => (
            "first_token",
            json!({"tokens": tokens, "cold_ms": cold, "warm_ms": warm}),
        ),
        L::Cancel { phase, median, p90 } => (
            "cancel",
            json!({"phase": phase, "median_ms": median, "p90_ms": p90}),
        ),
        L::Beside {
            jobs,
            alone,
            beside,
            p90,
            step,
        } => (
            "beside",
            json!({"jobs": jobs, "alone_ms": alone, "beside_ms": beside, "p90_ms": p90, "step_ms": step}),
        ),
        L::Fault { message } => ("fault", json!({"message": message})),
    }
}
