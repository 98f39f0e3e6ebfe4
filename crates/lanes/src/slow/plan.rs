//! Dividing a task: what a model is asked, and how its answer is read. The form is small and read strictly, because what
//! follows from it costs much more than to ask once more.

use super::talk::{Talk, answer_tokens};
use super::{Brief, Kit};
use brisk_domain::parts::{MAX_PARTS, NoParts, Part, Parts, Scope};
use brisk_domain::port::{Closeness, GenerateRequest, Priority};

/// How the answer is to be written.
const SYSTEM: &str = "\
You divide a task into parts that can be done at the same time by people who do not talk to each other. Answer with one \
block like this, and nothing else:
```parts
part: Round prices half up
files: src/money.rs, tests/money/
part: Print totals with two digits
files: src/print.rs
```
Every part has one line `part:` that says all that its worker has to know, and one line `files:` with the files and \
folders that it may change; they may be new. No file belongs to two parts. Parts must not need each other's changes. \
As few parts as make sense, 8 at most; a task that cannot be divided is one part.";

/// What was said while a task is divided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Said {
    /// By the model.
    Answer(String),
    /// To the model.
    Word(String),
}

/// What the model is asked now.
pub(super) fn request(brief: &Brief, said: &[Said]) -> GenerateRequest {
    let mut talk = Talk::new(brief, &Kit::default(), &[]).instructed(SYSTEM);
    for said in said {
        match said {
            Said::Answer(text) => talk.assistant(text),
            Said::Word(text) => talk.user(text),
        }
    }
    GenerateRequest {
        model: brief.model.model.clone(),
        messages: talk.messages(&[]),
        answer_prefix: String::new(),
        stop: Vec::new(),
        prediction: None,
        differ: None,
        closeness: Closeness::Free,
        max_tokens: answer_tokens(brief.model.context),
        cache_key: brief.id.job.0 << 8,
        priority: Priority::Background,
    }
}

/// What a model is told whose plan is none.
pub(super) fn refused(why: &str) -> String {
    format!("That is no plan: {why}. Answer with one block that begins with ```parts, as you were told.\n")
}

/// Reads a plan: one block that begins with ` ```parts `, in it `part:` and `files:` in turn, a line each. What stands
/// around the block does not count.
///
/// # Errors
/// What is wrong with it, for the model and for people.
pub fn read(answer: &str) -> Result<Parts, String> {
    let mut lines = answer.lines().map(str::trim);
    if !lines.any(|line| line == "```parts") {
        return Err("there is no block that begins with ```parts".to_owned());
    }
    let mut parts: Vec<Part> = Vec::new();
    let mut open: Option<&str> = None;
    loop {
        let line = lines.next().ok_or("its block does not end with ```")?;
        match (line, open) {
            ("```", None) => break,
            ("", _) => {}
            ("```", Some(_)) => return Err("its last part has no line `files:`".to_owned()),
            (line, None) => {
                let text = line.strip_prefix("part:");
                let text = text.ok_or_else(|| format!("{line:?} stands where a line `part:` has to be"))?;
                open = Some(text.trim());
            }
            (line, Some(text)) => {
                let files = line.strip_prefix("files:");
                let files =
                    files.ok_or_else(|| format!("{line:?} stands where a line `files:` has to be"))?;
                let text = text.to_owned();
                let files = scopes(files).map_err(|e| e.to_string())?;
                parts.push(Part { text, files });
                open = None;
            }
        }
        if parts.len() > MAX_PARTS {
            return Err(NoParts::Count { count: parts.len() }.to_string());
        }
    }
    if lines.any(|line| line == "```parts") {
        return Err("there is more than one block that begins with ```parts".to_owned());
    }
    Parts::new(parts).map_err(|e| e.to_string())
}

fn scopes(files: &str) -> Result<Vec<Scope>, NoParts> {
    let named = files.split(',').map(str::trim).filter(|path| !path.is_empty());
    let scope = |path: &str| {
        let bad = || NoParts::BadPath {
            path: path.to_owned(),
        };
        Scope::new(path).ok_or_else(bad)
    };
    named.map(scope).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_is_read_strictly() {
        let two =
            "Here:\n```parts\npart: a\nfiles: a.py, ./tests/a/\n\n part: b\n files: b.py\n```\nGood luck.";
        let parts = read(two).unwrap();
        let told: Vec<String> = parts
            .list()
            .iter()
            .map(|p| {
                let files: Vec<&str> = p.files.iter().map(Scope::as_str).collect();
                format!("{}: {}", p.text, files.join(" "))
            })
            .collect();
        assert_eq!(told, ["a: a.py tests/a", "b: b.py"]);
        for (answer, why) in [
            ("", "there is no block"),
            ("part: a\nfiles: a.py", "there is no block"),
            ("```parts\npart: a\nfiles: a.py", "does not end"),
            ("```parts\n```", "there are 0 parts"),
            ("```parts\npart: a\n```", "its last part has no line `files:`"),
            (
                "```parts\nfiles: a\n```",
                "\"files: a\" stands where a line `part:`",
            ),
            (
                "```parts\npart: a\nfirst\n```",
                "\"first\" stands where a line `files:`",
            ),
            ("```parts\npart:\nfiles: a\n```", "part 1 has to say what"),
            ("```parts\npart: a\nfiles: ,\n```", "part 1 names 0 files"),
            (
                "```parts\npart: a\nfiles: ../x\n```",
                "\"../x\" is no path inside",
            ),
            (
                "```parts\npart: a\nfiles: a\npart: b\nfiles: a/b\n```",
                "parts 1 and 2 may both change a/b",
            ),
            (
                "```parts\npart: a\nfiles: a\n```\n```parts\n```",
                "more than one block",
            ),
        ] {
            let said = read(answer).unwrap_err();
            assert!(said.contains(why), "{answer:?}: {said}");
        }
        let many: String = (0..99).map(|n| format!("part: p\nfiles: f{n}\n")).collect();
        assert!(
            read(&format!("```parts\n{many}```"))
                .unwrap_err()
                .contains("parts; 1 to 8")
        );
    }
}
