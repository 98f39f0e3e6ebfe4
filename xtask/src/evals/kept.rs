//! The records of whole runs, kept below `target/` under the digest of the binary, so that the table of figures can name
//! what they are of. A run that was cut off goes on; a whole one is made anew and takes the place of the one before.

use super::record::{Class, Record};
use super::report::percentile;
use anyhow::Context;
use jiff::civil::Date;
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

/// Where records are kept, below the workspace.
pub(crate) const FOLDER: &str = "target/evals";

/// Digits of a digest that tell builds apart.
const DIGITS: usize = 12;

/// What a run's records are kept as.
#[derive(Debug)]
pub(super) struct Shelf {
    dir: PathBuf,
    name: String,
}

impl Shelf {
    /// For runs of this binary; `model`: a file that takes the place of its own model.
    pub(super) fn new(dir: PathBuf, binary: &Path, model: Option<&OsStr>) -> anyhow::Result<Shelf> {
        let mut name = build(binary)?;
        if let Some(stem) = model.and_then(|file| Path::new(file).file_stem()) {
            let safe = |c: char| if c.is_ascii_alphanumeric() { c } else { '_' };
            name.push('-');
            name.extend(stem.to_string_lossy().chars().map(safe));
        }
        fs::create_dir_all(&dir).with_context(|| dir.display().to_string())?;
        Ok(Shelf { dir, name })
    }

    /// The file of a run that is not over.
    pub(super) fn part(&self) -> PathBuf {
        self.dir.join(format!("{}.part", self.name))
    }

    /// The run is over: its file is one of those that [`newest`] reads.
    pub(super) fn finish(&self) -> anyhow::Result<()> {
        let whole = self.dir.join(format!("{}.jsonl", self.name));
        fs::rename(self.part(), &whole).with_context(|| whole.display().to_string())
    }
}

/// What tells this build of a binary from every other one.
pub(crate) fn build(binary: &Path) -> anyhow::Result<String> {
    let bytes = fs::read(binary).with_context(|| binary.display().to_string())?;
    let digest = Sha256::digest(&bytes);
    let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(hex.chars().take(DIGITS).collect())
}

/// The figures of a whole run, all sets together.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Kept {
    /// As [`build`] says.
    pub(crate) build: String,
    /// When its last line was written.
    pub(crate) day: Date,
    /// Models that answered.
    pub(crate) models: BTreeSet<String>,
    pub(crate) tasks: usize,
    pub(crate) passed: usize,
    pub(crate) invalid: usize,
    /// Tasks that came to no judgement on the model.
    pub(crate) troubles: usize,
    /// Changed lines of kept edits over the reference's: median and 90th percentile.
    pub(crate) churn: Option<(f64, f64)>,
}

/// The newest whole run in a folder, of this build if there is one; `None` where there is none at all. A file that is
/// not called after a build is none of ours.
pub(crate) fn newest(dir: &Path, build: &str) -> anyhow::Result<Option<Kept>> {
    let files = match fs::read_dir(dir) {
        Ok(files) => files,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(e).with_context(|| dir.display().to_string()),
    };
    let mut newest = None;
    for file in files {
        let path = file?.path();
        if path.extension() == Some(OsStr::new("jsonl"))
            && let Some(of) = of_build(&path)
        {
            let written = path.metadata()?.modified()?;
            newest = newest.max(Some((of == build, written, path, of)));
        }
    }
    let Some((_, written, path, build)) = newest else {
        return Ok(None);
    };
    let mut records = BTreeMap::new();
    for line in fs::read_to_string(&path)?.lines() {
        let record: Record = serde_json::from_str(line).with_context(|| path.display().to_string())?;
        // A task that was tried again has two lines, and the last one counts.
        records.insert((record.set, record.id.clone()), record);
    }
    let of = |class| records.values().filter(|r| r.class == class).count();
    let mut churn: Vec<f64> = records.values().filter_map(Record::churn).collect();
    Ok((!records.is_empty()).then(|| Kept {
        build,
        day: jiff::Zoned::try_from(written).map_or(Date::ZERO, |at| at.date()),
        models: records.values().filter_map(|r| r.model.clone()).collect(),
        tasks: records.len(),
        passed: records.values().filter(|r| r.pass).count(),
        invalid: of(Class::Invalid),
        troubles: of(Class::Trouble),
        churn: percentile(&mut churn, 50).zip(percentile(&mut churn, 90)),
    }))
}

/// The build that a file is called after.
fn of_build(path: &Path) -> Option<String> {
    let first = path.file_stem()?.to_str()?.split('-').next()?;
    (first.len() == DIGITS && first.bytes().all(|b| b.is_ascii_hexdigit())).then(|| first.to_owned())
}

#[cfg(test)]
pub(crate) mod tests {
    use super::super::record::Seen;
    use super::super::record::tests::task;
    use super::super::tasks::Task;
    use super::super::turn::{Stop, Turn};
    use super::*;

    /// The line of a task: what its edit left in the file, and whether that passed.
    fn line(id: &str, after: &str, pass: bool) -> String {
        let turn = Turn {
            stop: Some(Stop::Done),
            model: Some("tiny".into()),
            ..Turn::default()
        };
        let seen = Seen {
            turn: &turn,
            exit: Some(0),
            after,
            broke: after.contains("(("),
        };
        let task = Task {
            id: id.into(),
            ..task()
        };
        let mut record = Record::new(&task, "s", false, &seen);
        record.pass = pass;
        serde_json::to_string(&record).unwrap() + "\n"
    }

    /// Records of a run: one passes, one is wordy, one broke its file, one changed nothing at the second time.
    pub(crate) fn records() -> String {
        [
            line("1", "a\nc\n", true),
            line("2", "a\nc\nd\ne\n", false),
            line("3", "((\n", false),
            line("4", "((\n", false),
            line("4", "a\nb\n", false),
        ]
        .concat()
    }

    #[test]
    fn a_run_is_read_once_it_is_whole() {
        let dir = tempfile::tempdir().unwrap();
        let binary = dir.path().join("brisk");
        fs::write(&binary, "a build").unwrap();
        let folder = dir.path().join("evals");
        let own = build(&binary).unwrap();
        assert_eq!(newest(&folder, &own).unwrap(), None);
        let shelf = Shelf::new(folder.clone(), &binary, Some(OsStr::new("/m/my model.gguf"))).unwrap();
        assert_eq!(newest(&folder, &own).unwrap(), None);
        fs::write(shelf.part(), records()).unwrap();
        assert_eq!(newest(&folder, &own).unwrap(), None, "it is not over");
        shelf.finish().unwrap();
        let kept = newest(&folder, &own).unwrap().unwrap();
        assert!(folder.join(format!("{own}-my_model.jsonl")).is_file());
        let counts = (kept.tasks, kept.passed, kept.invalid, kept.troubles);
        assert_eq!(counts, (4, 1, 1, 0));
        assert_eq!((kept.churn, &kept.build), (Some((1.0, 2.0)), &own));
        assert_eq!(kept.models, BTreeSet::from(["tiny".to_owned()]));
        fs::write(&binary, "another build").unwrap();
        assert_ne!(build(&binary).unwrap(), own);
        for (stem, named) in [
            ("0123456789ab", true),
            ("0123456789ab-m", true),
            ("edits-1", false),
        ] {
            assert_eq!(of_build(Path::new(stem)).is_some(), named, "{stem}");
        }
        // One of another build does not hide it, however new it is.
        fs::write(folder.join("0123456789ab.jsonl"), records()).unwrap();
        let builds = ["0123456789ab", &own].map(|build| newest(&folder, build).unwrap().unwrap().build);
        assert_eq!(builds, ["0123456789ab", &own]);
        // What somebody else put there is no run of all tasks.
        let elsewhere = dir.path().join("elsewhere");
        fs::create_dir(&elsewhere).unwrap();
        for name in ["edits-1.jsonl", "0123456789ab.part", "notes.jsonl"] {
            fs::write(elsewhere.join(name), records()).unwrap();
        }
        assert_eq!(newest(&elsewhere, "0123456789ab").unwrap(), None);
    }
}
