//! What other benches print: the text core's throughput, and the embedded model's own figures.

use super::Measured;
use super::figure::{Part, Reach, Unit};
use anyhow::{Context, bail};
use serde_json::Value;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Parser, locator and minimiser on a file of 1 MB.
pub(super) fn patch(root: &Path) -> Measured {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let out = Command::new(cargo)
        .args(["bench", "--quiet", "-p", "brisk-patch", "--bench", "patch"])
        .current_dir(root)
        .output()?;
    if !out.status.success() {
        let said = String::from_utf8_lossy(&out.stderr);
        bail!(
            "`cargo bench -p brisk-patch` failed: {}",
            said.trim().lines().last().unwrap_or_default()
        );
    }
    let lines = bench_lines(&String::from_utf8_lossy(&out.stdout));
    let mut parts: Vec<Part> = lines
        .iter()
        .map(|l| Part::new(&l.name, l.mb_per_s, Unit::MbPerS, Reach::AtLeast(50.0)))
        .collect();
    let worst = lines.iter().map(|l| l.ratio).reduce(f64::max);
    let worst = worst.context("`cargo bench -p brisk-patch` printed no figure")?;
    parts.push(Part::new(
        "time for 2 MB over 1 MB, worst",
        worst,
        Unit::Times,
        Reach::AtMost(2.5),
    ));
    Ok((
        parts,
        "cargo bench -p brisk-patch --bench patch; linear is 2x".to_owned(),
    ))
}

#[derive(Debug, PartialEq)]
struct BenchLine {
    name: String,
    mb_per_s: f64,
    ratio: f64,
}

/// Lines such as `region   210.0 MB/s at 1 MB   205.1 MB/s at 2 MB  ratio 2.05`.
fn bench_lines(text: &str) -> Vec<BenchLine> {
    let line = |line: &str| {
        let (first, ratio) = line.split_once(" MB/s at 1 MB")?;
        let (name, rate) = first.rsplit_once(' ')?;
        Some(BenchLine {
            name: name.trim().to_owned(),
            mb_per_s: rate.parse().ok()?,
            ratio: ratio.rsplit_once("ratio ")?.1.trim().parse().ok()?,
        })
    };
    text.lines().filter_map(line).collect()
}

/// The file of the product's own model, if it is there.
pub(super) fn own_model(brisk: &Path) -> Option<OsString> {
    let out = Command::new(brisk).args(["model", "path"]).output().ok()?;
    let path = PathBuf::from(String::from_utf8(out.stdout).ok()?.trim());
    (out.status.success() && path.is_file()).then(|| path.into_os_string())
}

/// The embedded model, as `brisk model bench` measures it.
pub(super) fn embedded(brisk: &Path, model: &OsStr) -> Measured {
    // Whatever the person configured is left out of it.
    let home = tempfile::tempdir()?;
    let out = Command::new(brisk)
        .args(["model", "bench", "--json"])
        .arg(model)
        .env("BRISK_HOME", home.path())
        .output()?;
    if !out.status.success() {
        let said = String::from_utf8_lossy(&out.stderr);
        bail!("`brisk model bench` ended with {}: {}", out.status, said.trim());
    }
    let text = String::from_utf8_lossy(&out.stdout);
    let lines: Vec<Value> = text.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    embedded_parts(&lines)
}

/// Weights of a model that is at least the 1.5B; the reach of drafting is meant for it.
const BIG: f64 = 1.0e9;

/// Tokens that the engine reads at most before it looks up.
const MICRO_BATCH: f64 = 256.0;

fn embedded_parts(lines: &[Value]) -> Measured {
    let of = |kind: &'static str| lines.iter().filter(move |l| l["type"] == kind);
    let number = |line: &Value, name: &str| {
        line[name]
            .as_f64()
            .with_context(|| format!("no {name} in {line}"))
    };
    let engine = of("engine")
        .next()
        .context("`brisk model bench` names no engine")?;
    let big = number(engine, "parameters")? >= BIG;
    let mut parts = Vec::new();
    for set in of("edit_set") {
        let name = set["name"].as_str().unwrap_or_default();
        let reach = match name {
            _ if !big => Reach::Told,
            "one-line changes in 40-line regions" => Reach::AtLeast(4.0),
            "all edits" => Reach::AtLeast(3.0),
            _ => Reach::Told,
        };
        parts.push(Part::new(
            format!("drafted over plain, {name}"),
            number(set, "ratio")?,
            Unit::Times,
            reach,
        ));
    }
    let other = of("edit").filter(|edit| edit["same"] == "no").count();
    parts.push(Part::none_of("edits whose drafted output differs", other));
    let ties = of("edit").filter(|edit| edit["same"] == "tie").count();
    parts.push(Part::new(
        "edits that differ at a tie of two tokens",
        ties as f64,
        Unit::Count,
        Reach::Told,
    ));
    for first in of("first_token") {
        let (cold, warm) = (number(first, "cold_ms")?, number(first, "warm_ms")?);
        let label = format!(
            "first token on an open file over cold, {} tokens",
            first["tokens"]
        );
        parts.push(Part::new(
            label,
            100.0 * warm / cold,
            Unit::Percent,
            Reach::AtMost(5.0),
        ));
    }
    let step_ms = |kind: &'static str, tokens: f64| -> anyhow::Result<f64> {
        let rates = of(kind)
            .map(|line| number(line, "per_second"))
            .collect::<Result<Vec<_>, _>>()?;
        Ok(1_000.0 * tokens
            / rates
                .into_iter()
                .reduce(f64::min)
                .with_context(|| format!("no {kind}"))?)
    };
    for cancel in of("cancel") {
        let phase = cancel["phase"].as_str().unwrap_or_default();
        let step = match phase {
            "decode" => step_ms("decode", 1.0)?,
            _ => step_ms("prefill", MICRO_BATCH)?,
        };
        for (label, value, reach) in [
            ("p50", "median_ms", Reach::AtMost(step)),
            ("p90", "p90_ms", Reach::Told),
        ] {
            parts.push(Part::new(
                format!("stop in {phase}: {label}"),
                number(cancel, value)?,
                Unit::Ms,
                reach,
            ));
        }
    }
    for beside in of("beside") {
        let later = number(beside, "beside_ms")? - number(beside, "alone_ms")?;
        parts.push(Part::new(
            format!(
                "first token beside {} background requests, later by p50",
                beside["jobs"]
            ),
            later,
            Unit::Ms,
            Reach::AtMost(number(beside, "step_ms")?),
        ));
    }
    if let Some(fault) = of("fault").next() {
        bail!("the engine failed: {}", fault["message"]);
    }
    let id = engine["id"].as_str().unwrap_or_default();
    Ok((
        parts,
        format!(
            "brisk model bench, {id}; the reach of a stop, and of waiting for background work, is one step of this engine"
        ),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn bench_output_is_read() {
        let text = "region             210.5 MB/s at 1 MB    205.1 MB/s at 2 MB  ratio 2.05\n\
                    search/replace      61.0 MB/s at 1 MB     60.1 MB/s at 2 MB  ratio 2.10\nother words\n";
        let line = |name: &str, mb_per_s, ratio| BenchLine {
            name: name.to_owned(),
            mb_per_s,
            ratio,
        };
        assert_eq!(
            bench_lines(text),
            [line("region", 210.5, 2.05), line("search/replace", 61.0, 2.1)]
        );
    }

    #[test]
    fn the_model_bench_is_read() {
        let mut lines = vec![
            json!({"type": "engine", "id": "m", "parameters": 1_543_000_000u64}),
            json!({"type": "prefill", "tokens": 512, "per_second": 256.0}),
            json!({"type": "decode", "per_second": 20.0}),
            json!({"type": "edit", "same": "yes"}),
            json!({"type": "edit", "same": "tie"}),
            json!({"type": "edit", "same": "tie"}),
            json!({"type": "edit", "same": "no"}),
            json!({"type": "edit_set", "name": "one-line changes in 40-line regions", "ratio": 4.2}),
            json!({"type": "edit_set", "name": "all edits", "ratio": 2.9}),
            json!({"type": "edit_set", "name": "nothing to change", "ratio": 5.1}),
            json!({"type": "first_token", "tokens": 3000, "cold_ms": 1000.0, "warm_ms": 30.0}),
            json!({"type": "cancel", "phase": "decode", "median_ms": 20.0, "p90_ms": 40.0}),
            json!({"type": "cancel", "phase": "prefill", "median_ms": 900.0, "p90_ms": 950.0}),
            json!({"type": "beside", "jobs": 8, "alone_ms": 300.0, "beside_ms": 340.0, "p90_ms": 390.0, "step_ms": 70.0}),
        ];
        let (parts, how) = embedded_parts(&lines).unwrap();
        let values: Vec<(f64, Reach)> = parts.iter().map(|p| (p.value, p.reach)).collect();
        assert_eq!(
            values,
            [
                (4.2, Reach::AtLeast(4.0)),
                (2.9, Reach::AtLeast(3.0)),
                (5.1, Reach::Told),
                (1.0, Reach::AtMost(0.0)),
                (2.0, Reach::Told),
                (3.0, Reach::AtMost(5.0)),
                (20.0, Reach::AtMost(50.0)),
                (40.0, Reach::Told),
                (900.0, Reach::AtMost(1_000.0)),
                (950.0, Reach::Told),
                (40.0, Reach::AtMost(70.0)),
            ]
        );
        assert!(how.contains("bench, m"));
        lines.push(json!({"type": "fault", "message": "no"}));
        assert!(embedded_parts(&lines).is_err());
    }
}
