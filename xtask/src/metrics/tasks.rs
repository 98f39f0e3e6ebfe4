//! Edits of the embedded model on the tasks: a run takes hours, so that the records of the last one are told.

use super::figure::{Outcome, Part, Reach, Unit};
use crate::evals::kept::{self, Kept};
use std::path::Path;

/// The newest whole run that is kept in a folder, told as what it is of. `brisk`: the binary that the other figures
/// are of.
pub(super) fn edits(dir: &Path, brisk: &Path) -> anyhow::Result<Outcome> {
    let build = kept::build(brisk)?;
    let Some(kept) = kept::newest(dir, &build)? else {
        let why = "there are no records of a whole run; run `cargo xtask evals` first";
        return Ok(Outcome::Skipped(why.to_owned()));
    };
    let same = kept.build == build;
    Ok(Outcome::Measured {
        parts: parts(&kept, same),
        how: how(&kept, same),
    })
}

/// Nothing is wanted of another build's figures: they are no verdict on this one.
fn parts(kept: &Kept, same: bool) -> Vec<Part> {
    let wanted = |bound| if same { Reach::AtMost(bound) } else { Reach::Told };
    let share = |count: usize| 100.0 * count as f64 / kept.tasks as f64;
    let count = |label: &str, n: usize| Part::new(label, n as f64, Unit::Count, Reach::Told);
    let mut parts = vec![
        count("tasks", kept.tasks),
        Part::new("pass rate", share(kept.passed), Unit::Percent, Reach::Told),
        Part::new("invalid edits", share(kept.invalid), Unit::Percent, wanted(2.0)),
    ];
    if let Some((median, p90)) = kept.churn {
        parts.push(Part::new("churn p50", median, Unit::Times, Reach::Told));
        parts.push(Part::new("churn p90", p90, Unit::Times, wanted(1.5)));
    }
    if kept.troubles > 0 {
        parts.push(count("tasks without a judgement on the model", kept.troubles));
    }
    parts
}

fn how(kept: &Kept, same: bool) -> String {
    let models: Vec<&str> = kept.models.iter().map(String::as_str).collect();
    let build = match same {
        true => "of this build".to_owned(),
        false => format!("of ANOTHER BUILD ({}): run it again for this one", kept.build),
    };
    format!(
        "cargo xtask evals, {}, {}, {build}",
        models.join(" and "),
        kept.day
    )
}

#[cfg(test)]
mod tests {
    use super::super::figure::Figure;
    use super::*;
    use crate::evals::kept::tests::records;
    use std::fs;

    #[test]
    fn the_newest_records_are_told_as_what_they_are_of() {
        let dir = tempfile::tempdir().unwrap();
        let (brisk, folder) = (dir.path().join("brisk"), dir.path().join("evals"));
        fs::write(&brisk, "a build").unwrap();
        fs::create_dir(&folder).unwrap();
        let told = || {
            let figure = Figure {
                name: "evals".into(),
                what: "edits",
                outcome: edits(&folder, &brisk).unwrap(),
            };
            (figure.verdict(), figure.text())
        };
        let (verdict, text) = told();
        assert!(
            verdict == "skipped" && text.contains("run `cargo xtask evals` first"),
            "{text}"
        );
        let own = kept::build(&brisk).unwrap();
        for (name, want, word) in [
            ("0123456789ab", "told", "ANOTHER BUILD (0123456789ab)"),
            (own.as_str(), "miss", "of this build"),
        ] {
            let file = folder.join(format!("{name}.jsonl"));
            fs::write(&file, records()).unwrap();
            let (verdict, text) = told();
            assert_eq!(verdict, want, "{text}");
            let has = |wanted: &str| {
                text.lines().any(|l| {
                    l.split_whitespace()
                        .collect::<Vec<_>>()
                        .join(" ")
                        .starts_with(wanted)
                })
            };
            for row in [
                "tasks 4",
                "pass rate 25.0 %",
                "invalid edits 25.0 %",
                "churn p50 1.00x",
                "churn p90 2.00x",
            ] {
                assert!(has(row), "{row}: {text}");
            }
            assert!(text.contains(word) && text.contains("tiny"), "{text}");
            fs::remove_file(file).unwrap();
        }
    }
}
