//! `model bench`: the embedded engine measured in this process, without a daemon in between.

use crate::cli::context::Context;
use crate::exit::{CliError, Exit};
use brisk_domain::ModelId;
use brisk_llama::{Engine, EngineOptions, Kernels};
use std::path::Path;

/// Loads the model and prints one line a figure, each as soon as it is known.
pub(crate) fn run(context: &Context, id: &str, path: &Path) -> Result<Exit, CliError> {
    let options = EngineOptions {
        kernels: kernels(context, path)?,
        ..EngineOptions::default()
    };
    let engine = Engine::load(ModelId(id.to_owned()), path, options)
        .map_err(|e| CliError::new(Exit::NoModel, e.to_string()))?;
    measure(context, &engine)
}

/// Times the kernels that there are and remembers the fastest for every later load of this file.
#[cfg(feature = "embedded")]
fn kernels(context: &Context, path: &Path) -> Result<Option<Kernels>, CliError> {
    use crate::cli::say;
    use crate::cli::style::Tone;
    use crate::models::kernels::Choices;

    let mut told = Ok(());
    let fastest = brisk_llama::measure_kernels(path, &mut |time| {
        let said = if context.json {
            let fields = serde_json::json!({
                "flash_attention": time.kernels.flash_attention,
                "repacked": time.kernels.repacked,
                "turn_ms": time.turn_ms,
            });
            say::object(context, "kernels", &fields)
        } else {
            let text = format!(
                "a turn that reads 1,024 tokens and checks 8 drafts of 32: {:.1} s with {}",
                time.turn_ms / 1e3,
                in_words(time.kernels)
            );
            say::lines(context, &[(Tone::Plain, text)])
        };
        if told.is_ok() {
            told = said;
        }
    })
    .map_err(|e| CliError::new(Exit::NoModel, e.to_string()))?;
    told?;
    Choices::below(context.home.state_dir())
        .remember(path, fastest)
        .map_err(|e| CliError::new(Exit::Disk, format!("the choice of kernels cannot be kept: {e}")))?;
    Ok(Some(fastest))
}

#[cfg(feature = "embedded")]
fn in_words(kernels: Kernels) -> String {
    let attention = if kernels.flash_attention { "flash" } else { "plain" };
    let weights = if kernels.repacked {
        "repacked"
    } else {
        "as in the file"
    };
    format!("{attention} attention, weights {weights}")
}

#[cfg(not(feature = "embedded"))]
fn kernels(_: &Context, _: &Path) -> Result<Option<Kernels>, CliError> {
    Ok(None)
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
        "{}: {} with {} M weights, {} threads, context {}, {} from now on",
        engine.id(),
        info.architecture,
        info.parameters / 1_000_000,
        info.threads,
        info.context,
        in_words(info.kernels),
    );
    if context.json {
        let fields = serde_json::json!({
            "id": engine.id(),
            "architecture": info.architecture,
            "parameters": info.parameters,
            "threads": info.threads,
            "context": info.context,
            "flash_attention": info.kernels.flash_attention,
            "repacked": info.kernels.repacked,
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
