//! Jobs in words. Pure.

use super::parts;
use crate::cli::sanitize::clip;
use crate::cli::style::{Tone, count};
use brisk_domain::job::{Checked, End, Found, JobState, PatchSize, QUEUE, Step};
use brisk_domain::spending::Dollars;
use brisk_protocol::jobs::{AttemptView, JobView, StepView};

pub(super) type Line = (Tone, String);

/// Columns of a text that a line shows.
const SHOWN: usize = 100;

pub(super) fn first_line(text: &str) -> String {
    let line = text.lines().find(|l| !l.trim().is_empty()).unwrap_or_default();
    clip(line, SHOWN)
}

fn tone(state: &JobState) -> Tone {
    match state {
        JobState::Ready(_) | JobState::Merged { .. } => Tone::Good,
        JobState::Failed { .. } => Tone::Bad,
        JobState::Open => Tone::Plain,
        JobState::Cancelled | JobState::Dropped => Tone::Dim,
    }
}

fn size(size: PatchSize) -> String {
    format!("{} in {}", count(size.lines, "line"), count(size.files, "file"))
}

/// One line of `jobs list`.
pub(super) fn row(job: &JobView) -> Line {
    let over = job.attempts.iter().filter(|a| a.end.is_some()).count();
    let done = match &job.split {
        Some(split) => parts::joined(split),
        None => format!("{over}/{} over", job.attempts.len()),
    };
    let text = format!(
        "{:>5} {:<9} {done}  {}  ({})",
        job.job.to_string(),
        state(job),
        first_line(&job.text),
        spent(job)
    );
    (tone(&job.state), text)
}

/// The table of why: every attempt, what the checks say about it, and which one counts.
pub(super) fn table(job: &JobView) -> Vec<Line> {
    let head = format!("{} {}: {}", job.job, state(job), first_line(&job.text));
    let mut lines = vec![
        (tone(&job.state), head),
        (Tone::Dim, format!("  took {}", spent(job))),
    ];
    let winner = match &job.state {
        JobState::Ready(ready) | JobState::Merged { ready, .. } => Some(ready.winner),
        JobState::Open | JobState::Failed { .. } | JobState::Cancelled | JobState::Dropped => None,
    };
    lines.extend(job.split.iter().flat_map(parts::table));
    for attempt in &job.attempts {
        let mark = if winner == Some(attempt.number) { '*' } else { ' ' };
        let won = job.attempts.iter().find(|a| Some(a.number) == winner);
        let (tone, verdict) = verdict(job, attempt, won);
        let spent = format!("{}, {}", counted(attempt.rounds, "round"), cost(attempt));
        let strategy = match (attempt.part, attempt.strategy.as_str()) {
            (Some(part), _) => format!(" [part {part}]"),
            (None, "") => String::new(),
            (None, strategy) => format!(" [{}]", strategy.trim_end_matches('.')),
        };
        lines.push((
            tone,
            format!(
                "{mark} a{} {}{strategy}: {verdict} ({spent})",
                attempt.number, attempt.model
            ),
        ));
        let steps = attempt
            .plan
            .iter()
            .filter(|_| attempt.end.is_none() || job.attempts.len() == 1);
        lines.extend(steps.map(|step| (Tone::Dim, format!("     - {step}"))));
    }
    match &job.state {
        JobState::Ready(_) => lines.push((
            Tone::Dim,
            format!(
                "`brisk jobs diff {0}` shows it, `brisk jobs merge {0}` takes it",
                job.job
            ),
        )),
        JobState::Failed {
            best: Some((number, _)),
            ..
        } => lines.push((
            Tone::Dim,
            format!("the best that there was: `brisk jobs diff {} {number}`", job.job),
        )),
        JobState::Merged { .. } if job.undone => lines.push((
            Tone::Dim,
            format!("that was undone; `brisk jobs merge {}` brings it again", job.job),
        )),
        JobState::Merged { op: Some(op), .. } => lines.push((
            Tone::Dim,
            format!(
                "`brisk undo {op}` takes it back; where it is gone, `brisk jobs merge {}` brings it again",
                job.job
            ),
        )),
        JobState::Merged { op: None, .. } => {
            lines.push((
                Tone::Dim,
                "the worktree had all of it when it was merged".to_owned(),
            ));
        }
        JobState::Open | JobState::Failed { best: None, .. } | JobState::Cancelled | JobState::Dropped => {}
    }
    lines
}

fn counted(n: u64, what: &str) -> String {
    count(usize::try_from(n).unwrap_or(usize::MAX), what)
}

/// Where a job stands, in a word.
fn state(job: &JobView) -> &'static str {
    match (&job.state, job.paused) {
        (JobState::Open, true) => "paused",
        (JobState::Merged { .. }, _) if job.undone => "undone",
        (state, _) => state.name(),
    }
}

/// What a job took, and what it may take.
fn spent(job: &JobView) -> String {
    let mut text = counted(job.spent.tokens, "token");
    if let Some(tokens) = job.budget.tokens {
        text.push_str(&format!(" of {tokens}"));
    }
    match job.budget.micros {
        Some(micros) => text.push_str(&format!(", {} of {}", Dollars(job.spent.micros), Dollars(micros))),
        None if job.spent.micros > 0 => text.push_str(&format!(", {}", Dollars(job.spent.micros))),
        None => {}
    }
    text
}

fn cost(attempt: &AttemptView) -> String {
    match attempt.micros {
        0 => counted(attempt.tokens, "token"),
        micros => format!("{}, {}", counted(attempt.tokens, "token"), Dollars(micros)),
    }
}

/// Why an attempt that was proven too is not the one that counts.
fn lost(mine: (PatchSize, &AttemptView), won: &AttemptView) -> &'static str {
    match &won.end {
        Some(End::Proven { size, .. }) if *size < mine.0 => "larger than the one that won",
        _ if (won.micros, won.tokens) < (mine.1.micros, mine.1.tokens) => {
            "as small as the one that won, and cost more"
        }
        _ => "as small as the one that won, which was named first",
    }
}

fn verdict(job: &JobView, attempt: &AttemptView, won: Option<&AttemptView>) -> (Tone, String) {
    match &attempt.end {
        Some(End::Proven { size: s, proof }) => {
            let text = format!("every check passes on {}, {}", proof.tree().short(), size(*s));
            match won {
                Some(w) if w.number == attempt.number => (Tone::Good, format!("won: {text}")),
                Some(w) => (Tone::Plain, format!("{text}, {}", lost((*s, attempt), w))),
                None => (Tone::Plain, text),
            }
        }
        Some(End::Failed { why, .. }) => (Tone::Bad, why.clone()),
        None if job.state != JobState::Open => (Tone::Dim, "stopped where it was".to_owned()),
        None if attempt.doing.is_empty() => (Tone::Dim, "waits".to_owned()),
        None => (Tone::Plain, attempt.doing.clone()),
    }
}

/// What is new since the last look.
pub(super) fn news(before: Option<&JobView>, now: &JobView) -> Vec<Line> {
    let old = |number| before.and_then(|job| job.attempts.iter().find(|a| a.number == number));
    let mut lines = Vec::new();
    match (before.is_some_and(|job| job.paused), now.paused) {
        (false, true) => lines.push((
            Tone::Warn,
            format!("put aside; `brisk jobs resume {}` lets it go on", now.job),
        )),
        (true, false) => lines.push((Tone::Plain, "it goes on".to_owned())),
        (false, false) | (true, true) => {}
    }
    if let Some(split) = &now.split {
        lines.extend(parts::news(before.and_then(|job| job.split.as_ref()), split));
    }
    for attempt in &now.attempts {
        let was = before.and_then(|job| Some(verdict(job, old(attempt.number)?, None)));
        let is = verdict(now, attempt, None);
        if was.as_ref() != Some(&is) && (was.is_some() || is.1 != "waits") {
            let cost = match attempt.tokens {
                0 => String::new(),
                _ => format!(" ({})", cost(attempt)),
            };
            lines.push((
                is.0,
                format!("a{} {}: {}{cost}", attempt.number, attempt.model, is.1),
            ));
        }
    }
    lines
}

/// One step of the log.
pub(super) fn step(attempt: u32, step: &StepView) -> Vec<Line> {
    let head = |what: &str| match attempt {
        QUEUE => format!("queue {:>3} {what}", step.seq),
        _ => format!("a{attempt} {:>3} {what}", step.seq),
    };
    let mut lines = Vec::new();
    let mut indented = |tone, text: &str| {
        lines.extend(text.lines().map(|l| (tone, format!("      {l}"))));
    };
    let first = match &step.step {
        Step::Said { text, usage } => {
            indented(Tone::Plain, text);
            (
                Tone::Head,
                head(&format!("the model said ({} tokens)", usage.input + usage.output)),
            )
        }
        Step::Called { text, calls, usage } => {
            indented(Tone::Plain, text);
            for call in calls {
                let with = call.arguments.repeated();
                indented(Tone::Plain, &format!("{} {with}", call.name));
            }
            (
                Tone::Head,
                head(&format!(
                    "the model called ({} tokens)",
                    usage.input + usage.output
                )),
            )
        }
        Step::Looked { found } => {
            for found in found {
                match found {
                    Found::File { path, text } => {
                        indented(Tone::Dim, &format!("{path}: {} lines", text.lines().count()))
                    }
                    Found::Words { text } => indented(Tone::Dim, text),
                    Found::Refused { text } => indented(Tone::Warn, text),
                }
            }
            (Tone::Head, head("the repository was looked at"))
        }
        Step::Checked(Checked::Proven { proof }) => (
            Tone::Good,
            head(&format!("every check passes on {}", proof.tree().short())),
        ),
        Step::Checked(Checked::Unproven { said, .. }) => {
            indented(Tone::Dim, said);
            (Tone::Bad, head("the checks did not pass"))
        }
        Step::Refused { said } => {
            indented(Tone::Warn, said);
            (Tone::Bad, head("that is no change that could be checked"))
        }
        Step::Untested { message, .. } => (Tone::Bad, head(message)),
        Step::Lacks { server, why } => (
            Tone::Warn,
            head(&format!("there are no tools of the server {server}: {why}")),
        ),
        Step::Steered { text } => (Tone::Head, head(&format!("you said: {text}"))),
        Step::Faulted { message } => (Tone::Bad, head(message)),
        Step::Stopped { cause } => (Tone::Warn, head(&format!("stopped: {cause:?}"))),
        Step::Divided { parts } => {
            indented(Tone::Plain, &parts::list(parts));
            (Tone::Head, head("these are the parts"))
        }
        Step::Joined { parts, proof } => {
            let passed = format!("every check passes on {}", proof.tree().short());
            (
                Tone::Good,
                head(&format!("{} joined: {passed}", parts::which(parts))),
            )
        }
        Step::PutBack { parts, tree, said } => {
            indented(Tone::Dim, said);
            let why = match tree {
                Some(_) => "the checks did not pass",
                None => "they stand in each other's way",
            };
            (
                Tone::Bad,
                head(&format!("{} put back: {why}", parts::which(parts))),
            )
        }
    };
    lines.insert(0, first);
    let refused = step.refused.iter().flat_map(|said| said.lines());
    lines.extend(refused.map(|l| (Tone::Warn, format!("      refused: {l}"))));
    lines
}

/// A diff for a terminal.
pub(super) fn diff(text: &str) -> Vec<Line> {
    let line = |l: &str| {
        let tone = match l.chars().next() {
            Some('+') if !l.starts_with("+++ ") => Tone::Added,
            Some('-') if !l.starts_with("--- ") => Tone::Removed,
            Some('@') => Tone::Dim,
            Some(' ') => Tone::Plain,
            _ => Tone::Head,
        };
        (tone, l.to_owned())
    };
    text.lines().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use brisk_domain::evidence::{Digest, Tree};
    use brisk_domain::job::{Proof, Ready};
    use brisk_domain::spending::{Budget, Spent};
    use brisk_domain::{JobId, ModelId};

    #[test]
    fn the_table_says_why() {
        let proof = |c: &str| {
            Proof::new(
                Tree::parse(&c.repeat(40)).unwrap(),
                vec![Digest::parse(&"b".repeat(64)).unwrap()],
            )
            .unwrap()
        };
        let attempt = |number, model: &str, end| AttemptView {
            number,
            part: None,
            model: ModelId(model.into()),
            doing: String::new(),
            steps: 3,
            rounds: 1,
            tokens: 10,
            micros: if number == 2 { 40_000 } else { 0 },
            strategy: if number == 2 {
                "Look for the smallest change.".into()
            } else {
                String::new()
            },
            plan: vec!["mend it".into()],
            end: Some(end),
        };
        let won = PatchSize { lines: 2, files: 1 };
        let job = JobView {
            job: JobId(4),
            split: None,
            root: "/r".into(),
            text: "fix it\nplease".into(),
            base: Tree::parse(&"1".repeat(40)).unwrap(),
            made_us: 0,
            paused: false,
            undone: false,
            budget: Budget {
                tokens: Some(20_000),
                micros: None,
            },
            spent: Spent {
                tokens: 30,
                micros: 40_000,
            },
            state: JobState::Ready(Ready {
                winner: 3,
                proof: proof("a"),
                size: won,
            }),
            attempts: vec![
                attempt(
                    1,
                    "liar",
                    End::Failed {
                        why: "4 answers in a row led nowhere".into(),
                        best: None,
                    },
                ),
                attempt(
                    2,
                    "broom",
                    End::Proven {
                        proof: proof("c"),
                        size: PatchSize { lines: 90, files: 2 },
                    },
                ),
                attempt(
                    3,
                    "right",
                    End::Proven {
                        proof: proof("a"),
                        size: won,
                    },
                ),
            ],
        };
        let lines: Vec<String> = table(&job).into_iter().map(|(_, l)| l).collect();
        assert_eq!(
            lines,
            [
                "j4 ready: fix it",
                "  took 30 tokens of 20000, $0.04",
                "  a1 liar: 4 answers in a row led nowhere (1 round, 10 tokens)",
                "  a2 broom [Look for the smallest change]: every check passes on cccccccccccc, 90 lines in 2 files, larger than the one that won (1 round, 10 tokens, $0.04)",
                "* a3 right: won: every check passes on aaaaaaaaaaaa, 2 lines in 1 file (1 round, 10 tokens)",
                "`brisk jobs diff j4` shows it, `brisk jobs merge j4` takes it",
            ]
        );
        assert_eq!(
            row(&job).1,
            "   j4 ready     3/3 over  fix it  (30 tokens of 20000, $0.04)"
        );
    }
}
