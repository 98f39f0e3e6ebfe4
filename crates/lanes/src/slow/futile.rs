//! Answers that lead nowhere: what the model is told, and what people are where the attempt ends with them.

use super::words;

/// Answers in a row that lead nowhere before the attempt is given up.
const WASTED: u32 = 4;

/// Characters of an answer that people are shown.
const SHOWN: usize = 100;

/// Why an answer led nowhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Futile {
    /// It was given before. With it.
    Repeated(String),
    /// The checks are asked for, and there is no change.
    NothingChanged,
    /// They are asked for again.
    CheckedAlready,
    /// They are asked for beside an edit that was refused.
    RefusedEdit,
    /// It says what comes next, and does nothing.
    Planned,
    /// It asks for nothing.
    NoStep,
    /// The same, of a model that calls tools.
    NoCall,
    /// An edit names no file.
    NoEdit,
    /// Something was refused, in words that serve both.
    Refused(String),
}

impl Futile {
    /// For the model.
    pub(super) fn told(&self) -> &str {
        match self {
            Futile::Repeated(_) => words::REPEATED,
            Futile::NothingChanged => words::NOTHING_CHANGED,
            Futile::CheckedAlready => words::CHECKED_ALREADY,
            Futile::RefusedEdit => words::REFUSED_EDIT,
            Futile::Planned => words::PLANNED,
            Futile::NoStep => words::NO_STEP,
            Futile::NoCall => words::NO_CALL,
            Futile::NoEdit => words::NO_EDIT,
            Futile::Refused(why) => why,
        }
    }

    /// For people, in one line.
    fn why(&self) -> String {
        match self {
            Futile::Repeated(answer) => format!("the same again: {}", first_line(answer)),
            Futile::NothingChanged => "the checks were asked for, and nothing was changed".to_owned(),
            Futile::CheckedAlready => {
                "the checks were asked for again, and nothing was changed since they failed".to_owned()
            }
            Futile::RefusedEdit => "the checks were asked for beside an edit that was refused".to_owned(),
            Futile::Planned => "a plan, and no step of it".to_owned(),
            Futile::NoStep | Futile::NoCall => "it asks for nothing and edits nothing".to_owned(),
            Futile::NoEdit => "an edit that changes nothing".to_owned(),
            Futile::Refused(why) => first_line(why),
        }
    }
}

fn first_line(text: &str) -> String {
    let says = |l: &&str| !l.trim().is_empty() && !l.trim_start().starts_with("```");
    let line = text.lines().find(says).unwrap_or_default();
    short(line.trim().trim_end_matches('.'))
}

/// As many words as people are shown.
fn short(line: &str) -> String {
    let Some((end, _)) = line.char_indices().nth(SHOWN) else {
        return line.to_owned();
    };
    let kept = line.get(..end).unwrap_or_default();
    let whole = kept.rfind(char::is_whitespace).and_then(|at| kept.get(..at));
    format!("{}...", whole.unwrap_or(kept).trim_end())
}

/// The answers in a row, up to now, that led nowhere.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Wasted {
    count: u32,
    /// Why the last of them did that was no repetition: it is what a repetition stumbles over again.
    cause: Option<String>,
}

impl Wasted {
    /// One more. Gives why the attempt is given up, for people, if it is.
    pub(super) fn add(&mut self, futile: &Futile) -> Option<String> {
        self.count += 1;
        let why = match futile {
            Futile::Repeated(_) => match &self.cause {
                Some(cause) => format!("{cause}; then the same answer again"),
                None => futile.why(),
            },
            Futile::NothingChanged
            | Futile::CheckedAlready
            | Futile::RefusedEdit
            | Futile::Planned
            | Futile::NoStep
            | Futile::NoCall
            | Futile::NoEdit
            | Futile::Refused(_) => self.cause.insert(futile.why()).clone(),
        };
        (self.count >= WASTED).then(|| format!("{WASTED} answers in a row led nowhere; the last: {why}"))
    }

    /// Something led on: a new row begins.
    pub(super) fn forget(&mut self) {
        *self = Wasted::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// People hear what was wrong, and not what the model was told to do about it.
    #[test]
    fn the_reason_names_the_cause_also_behind_repetitions() {
        let again = || Futile::Repeated("```do\nread a.py\n```\n".into());
        let refused = |why: &str| Futile::Refused(format!("Not changed: {why}.\nand more\n"));
        for (row, want) in [
            (
                vec![refused("a: gone"), again(), again(), again()],
                "Not changed: a: gone; then the same answer again",
            ),
            (
                vec![again(), refused("a: gone"), again(), refused("b: gone")],
                "Not changed: b: gone",
            ),
            (
                vec![again(), again(), again(), again()],
                "the same again: read a.py",
            ),
            (
                vec![Futile::Refused(words::unknown("fly")), again(), again(), again()],
                "There is no request \"fly\"; then the same answer again",
            ),
            (
                vec![again(), Futile::NoCall, Futile::Planned, Futile::NothingChanged],
                "the checks were asked for, and nothing was changed",
            ),
        ] {
            let mut wasted = Wasted::default();
            let (last, first) = row.split_last().unwrap();
            assert!(first.iter().all(|f| wasted.add(f).is_none()), "{want}");
            let why = wasted.add(last).unwrap();
            assert_eq!(why, format!("4 answers in a row led nowhere; the last: {want}"));
            wasted.forget();
            assert_eq!(wasted.add(last), None, "a new row");
        }
    }

    #[test]
    fn a_long_line_is_cut_between_words_and_says_so() {
        let exactly = "a".repeat(SHOWN);
        for (line, want) in [
            (exactly.clone(), exactly.clone()),
            (format!("{exactly}."), exactly.clone()),
            (format!("{exactly}b"), format!("{exactly}...")),
            (format!("ä {}", "b".repeat(SHOWN)), "ä...".to_owned()),
            (
                format!("```\n\n  {}", "word ".repeat(30)),
                format!("{}...", "word ".repeat(20).trim_end()),
            ),
        ] {
            assert_eq!(first_line(&line), want);
        }
    }
}
