//! Searching a large repository, as an attempt at delegated work does it.

use super::figure::{Part, Reach};
use super::{Measured, series};
use anyhow::{Context, bail};
use serde::Deserialize;
use std::path::Path;
use std::process::Command;

/// Milliseconds to the lines that a model is told.
const WANTED: Reach = Reach::AtMost(50.0);

#[derive(Debug, Deserialize, PartialEq)]
struct Line {
    what: String,
    us: Vec<u64>,
}

pub(super) fn repository(root: &Path) -> Measured {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let out = Command::new(cargo)
        .args(["bench", "--quiet", "-p", "brisk-worktree", "--bench", "search"])
        .current_dir(root)
        .output()?;
    if !out.status.success() {
        let said = String::from_utf8_lossy(&out.stderr);
        bail!(
            "`cargo bench -p brisk-worktree` failed: {}",
            said.trim().lines().last().unwrap_or_default()
        );
    }
    let mut parts = Vec::new();
    for line in lines(&String::from_utf8_lossy(&out.stdout))? {
        let label = format!("{} ", line.what);
        let all = series(line.us)?;
        parts.extend(match line.what.starts_with("cold") {
            true => Part::times(&label, &all, &[(50, Reach::Told)]),
            false => Part::times(&label, &all, &[(50, WANTED), (95, Reach::Told)]),
        });
    }
    let how = "cargo bench -p brisk-worktree --bench search; 100,000 files, until 40 lines are found or all is read";
    Ok((parts, how.to_owned()))
}

fn lines(text: &str) -> anyhow::Result<Vec<Line>> {
    let read: Vec<Line> = text
        .lines()
        .filter(|l| l.starts_with('{'))
        .map(|l| serde_json::from_str(l).with_context(|| format!("the bench printed {l}")))
        .collect::<Result<_, _>>()?;
    match read.is_empty() {
        true => bail!("the bench printed no figure"),
        false => Ok(read),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_the_bench_are_read() {
        let text = "warming\n{\"what\":\"a word\",\"us\":[3,1]}\n";
        let want = Line {
            what: "a word".into(),
            us: vec![3, 1],
        };
        assert_eq!(lines(text).unwrap(), [want]);
        assert!(lines("nothing").is_err());
        assert!(lines("{\"what\":1}").is_err());
    }
}
