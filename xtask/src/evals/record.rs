//! What came of one task.

use super::book::Entry;
use super::tasks::{Set, Task, changed_lines};
use super::turn::{Stop, Turn};
use serde::{Deserialize, Serialize};

/// How an edit ended, seen from the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Class {
    /// The file changed, and parses if it did before.
    Kept,
    /// The model saw nothing to change, or changed nothing.
    Unchanged,
    /// The model's work was unusable: a kept edit broke the file, or no answer passed the product's checks.
    Invalid,
    /// The patch grew beyond its budget and was not kept.
    OverBudget,
    /// It did not come to a judgement on the model: no place, no model, a stall, a crash, a time limit.
    Trouble,
}

/// Exit codes of `brisk` that matter here; `brisk help exit-codes` has all.
const NOTHING: i32 = 1;
const OVER_BUDGET: i32 = 12;

/// How `brisk` begins to say that every answer was a copy of the text. Another wording would count as invalid, which
/// is the side to err on.
const COPIED: &str = "the answer changes nothing";

/// What was seen of one edit.
#[derive(Debug)]
pub(super) struct Seen<'a> {
    pub(super) turn: &'a Turn,
    /// `None`: it did not end by itself.
    pub(super) exit: Option<i32>,
    pub(super) after: &'a str,
    /// It parsed before and does not parse now.
    pub(super) broke: bool,
}

/// Judges an edit; with the reason where it is not plain.
pub(super) fn classify(task: &Task, seen: &Seen<'_>) -> (Class, Option<String>) {
    let message = || seen.turn.message.clone();
    if seen.after != task.before {
        return if seen.broke {
            (Class::Invalid, Some("the kept edit does not parse".to_owned()))
        } else {
            (Class::Kept, None)
        };
    }
    match (seen.exit, seen.turn.stop) {
        (Some(NOTHING), Some(Stop::Failed)) if message().is_some_and(|m| m.starts_with(COPIED)) => {
            (Class::Unchanged, message())
        }
        (Some(NOTHING), Some(Stop::Failed)) => (Class::Invalid, message()),
        (Some(0 | NOTHING), Some(Stop::Done)) => (Class::Unchanged, message()),
        (Some(OVER_BUDGET), _) => (Class::OverBudget, message()),
        (Some(code), _) => {
            let why = message().unwrap_or_else(|| "no message".to_owned());
            (Class::Trouble, Some(format!("exit {code}: {why}")))
        }
        (None, _) => (Class::Trouble, Some("it did not end by itself".to_owned())),
    }
}

/// One line of the output. Times are microseconds since the command began.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Record {
    pub(super) set: Set,
    pub(super) id: String,
    /// What the whole run was asked for; results of different settings do not mix.
    pub(super) setting: String,
    pub(super) class: Class,
    pub(super) pass: bool,
    pub(super) why: Option<String>,
    /// First edit of a run: the daemon starts and the model loads in it.
    pub(super) cold: bool,
    pub(super) model: Option<String>,
    pub(super) exit: Option<i32>,
    pub(super) minimal_lines: usize,
    /// Added plus removed lines between the file before and after.
    pub(super) changed_lines: usize,
    pub(super) first_us: Option<u64>,
    pub(super) turn_us: Option<u64>,
    pub(super) input_tokens: u64,
    pub(super) cached_tokens: u64,
    pub(super) output_tokens: u64,
    pub(super) withdrawn: usize,
    pub(super) notices: Vec<String>,
    /// The file as the edit left it, where it changed.
    pub(super) after: Option<String>,
}

impl Record {
    /// The record of an edit; `pass` is not known yet.
    pub(super) fn new(task: &Task, setting: &str, cold: bool, seen: &Seen<'_>) -> Record {
        let (class, why) = classify(task, seen);
        let turn = seen.turn;
        let changed = seen.after != task.before;
        Record {
            set: task.set,
            id: task.id.clone(),
            setting: setting.to_owned(),
            class,
            pass: false,
            why,
            cold,
            model: turn.model.clone(),
            exit: seen.exit,
            minimal_lines: task.minimal,
            changed_lines: changed_lines(&task.before, seen.after),
            first_us: turn.first_us,
            turn_us: turn.turn_us,
            input_tokens: turn.input_tokens,
            cached_tokens: turn.cached_tokens,
            output_tokens: turn.output_tokens,
            withdrawn: turn.withdrawn,
            notices: turn.notices.clone(),
            after: changed.then(|| seen.after.to_owned()),
        }
    }

    /// Changed lines over the reference's, for edits that were kept.
    pub(super) fn churn(&self) -> Option<f64> {
        (self.class == Class::Kept).then(|| self.changed_lines as f64 / self.minimal_lines as f64)
    }
}

impl Entry for Record {
    fn task(&self) -> (Set, &str) {
        (self.set, &self.id)
    }

    fn setting(&self) -> &str {
        &self.setting
    }

    fn judged(&self) -> bool {
        self.class != Class::Trouble
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::book::Book;
    use super::*;

    pub(crate) fn task() -> Task {
        Task {
            set: Set::FixPython,
            id: "Python/1".into(),
            file: "f.py".into(),
            before: "a\nb\n".into(),
            reference: "a\nc\n".into(),
            beside: Vec::new(),
            instruction: "Fix f.".into(),
            symbol: Some("f".into()),
            minimal: 2,
        }
    }

    #[test]
    fn classes() {
        let cases = [
            ("a\nc\n", Some(0), Some(Stop::Done), false, Class::Kept),
            ("a\n((\n", Some(0), Some(Stop::Done), true, Class::Invalid),
            // Written, although the command then failed: what is on disk counts.
            ("a\nc\n", Some(6), Some(Stop::Done), false, Class::Kept),
            ("a\nb\n", Some(1), Some(Stop::Done), false, Class::Unchanged),
            ("a\nb\n", Some(0), Some(Stop::Done), false, Class::Unchanged),
            ("a\nb\n", Some(1), Some(Stop::Failed), false, Class::Invalid),
            (
                "a\nb\n",
                Some(12),
                Some(Stop::Cancelled),
                false,
                Class::OverBudget,
            ),
            ("a\nb\n", Some(7), Some(Stop::Failed), false, Class::Trouble),
            ("a\nb\n", Some(5), None, false, Class::Trouble),
            ("a\nb\n", Some(1), None, false, Class::Trouble),
            ("a\nb\n", None, None, false, Class::Trouble),
        ];
        for (after, exit, stop, broke, want) in cases {
            let turn = Turn {
                stop,
                ..Turn::default()
            };
            let seen = Seen {
                turn: &turn,
                exit,
                after,
                broke,
            };
            assert_eq!(classify(&task(), &seen).0, want, "{seen:?}");
        }
    }

    #[test]
    fn a_copy_of_the_text_is_no_invalid_edit() {
        for (message, want) in [
            ("the answer changes nothing. Name the lines", Class::Unchanged),
            ("the answer would break the file's syntax", Class::Invalid),
        ] {
            let turn = Turn {
                stop: Some(Stop::Failed),
                message: Some(message.into()),
                ..Turn::default()
            };
            let seen = Seen {
                turn: &turn,
                exit: Some(1),
                after: "a\nb\n",
                broke: false,
            };
            assert_eq!(classify(&task(), &seen), (want, Some(message.into())));
        }
    }

    #[test]
    fn a_book_goes_on_where_it_was_torn() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("out.jsonl");
        let turn = Turn::default();
        let record = |id: &str, exit, stop| {
            let turn = Turn { stop, ..turn.clone() };
            let seen = Seen {
                turn: &turn,
                exit: Some(exit),
                after: "a\nb\n",
                broke: false,
            };
            let task = Task {
                id: id.into(),
                ..task()
            };
            Record::new(&task, "s", false, &seen)
        };
        let has = |book: &Book<Record>, id: &str| {
            book.has(&Task {
                id: id.into(),
                ..task()
            })
        };

        let mut book = Book::<Record>::open(Some(&path), "s").unwrap();
        book.add(record("1", 1, Some(Stop::Done))).unwrap();
        book.add(record("2", 7, None)).unwrap();
        drop(book);
        let mut text = std::fs::read_to_string(&path).unwrap();
        text.push_str("{\"set\":\"human");
        std::fs::write(&path, text).unwrap();

        let mut book = Book::<Record>::open(Some(&path), "s").unwrap();
        assert!(has(&book, "1") && !has(&book, "2") && !has(&book, "3"));
        book.add(record("2", 1, Some(Stop::Done))).unwrap();
        let again = Book::<Record>::open(Some(&path), "s").unwrap();
        assert_eq!(again.entries(), book.entries());
        assert_eq!(again.entries().len(), 2);
        let error = Book::<Record>::open(Some(&path), "other")
            .unwrap_err()
            .to_string();
        assert!(error.contains("another setting"), "{error}");
    }
}
