//! The kept path to a remote model: what its own bench prints. docs/upstream.md has the definitions.

use super::Measured;
use super::figure::{Part, Reach, Unit};
use anyhow::{Context, bail};
use serde::Deserialize;
use std::path::Path;
use std::process::Command;

/// One line of the bench.
#[derive(Deserialize)]
struct Line {
    label: String,
    value: f64,
    unit: String,
    reach: Option<Bound>,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Bound {
    AtMost(f64),
    AtLeast(f64),
}

/// The four paths over the tool loop, and single streams on the kept one.
pub(super) fn paths(root: &Path, quick: bool) -> Measured {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let out = Command::new(cargo)
        .args(["bench", "--quiet", "-p", "brisk-providers", "--bench", "upstream"])
        .args(quick.then_some(["--", "--quick"]).into_iter().flatten())
        .current_dir(root)
        .output()?;
    if !out.status.success() {
        let said = String::from_utf8_lossy(&out.stderr);
        bail!(
            "`cargo bench -p brisk-providers` failed: {}",
            said.trim().lines().last().unwrap_or_default()
        );
    }
    let parts = parts(&String::from_utf8_lossy(&out.stdout))?;
    let how = "cargo bench -p brisk-providers --bench upstream; a fake server in a process of its own, the paths turn by \
               turn, round trips by a delaying relay on loopback; definitions in docs/upstream.md";
    Ok((parts, how.to_owned()))
}

/// The figures that a bench prints, one object a line.
pub(super) fn parts(text: &str) -> anyhow::Result<Vec<Part>> {
    let part = |line: &str| {
        let line: Line = serde_json::from_str(line).with_context(|| line.to_owned())?;
        let unit = match line.unit.as_str() {
            "ms" => Unit::Ms,
            "us" => Unit::Us,
            "bytes" => Unit::Bytes,
            "%" => Unit::Percent,
            "count" => Unit::Count,
            other => bail!("the bench counts in `{other}`"),
        };
        let reach = match line.reach {
            Some(Bound::AtMost(bound)) => Reach::AtMost(bound),
            Some(Bound::AtLeast(bound)) => Reach::AtLeast(bound),
            None => Reach::Told,
        };
        Ok(Part::new(line.label, line.value, unit, reach))
    };
    let parts: Vec<Part> = text
        .lines()
        .filter(|line| line.starts_with('{'))
        .map(part)
        .collect::<anyhow::Result<_>>()?;
    match parts.is_empty() {
        true => bail!("the bench printed no figure"),
        false => Ok(parts),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_the_bench_are_figures() {
        let text = "some words\n\
                    {\"label\":\"a\",\"value\":1.5,\"unit\":\"ms\",\"reach\":{\"at_most\":2.0}}\n\
                    {\"label\":\"b\",\"value\":7.0,\"unit\":\"%\",\"reach\":{\"at_least\":30.0}}\n\
                    {\"label\":\"c\",\"value\":9.0,\"unit\":\"bytes\",\"reach\":null}\n";
        let want = [
            Part::new("a", 1.5, Unit::Ms, Reach::AtMost(2.0)),
            Part::new("b", 7.0, Unit::Percent, Reach::AtLeast(30.0)),
            Part::new("c", 9.0, Unit::Bytes, Reach::Told),
        ];
        assert_eq!(parts(text).unwrap(), want);
        for bad in [
            "",
            "words",
            "{}",
            "{\"label\":\"a\",\"value\":1,\"unit\":\"miles\",\"reach\":null}",
        ] {
            assert!(parts(bad).is_err(), "{bad}");
        }
    }
}
