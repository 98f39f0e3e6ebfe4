//! `delegate` and `jobs`, as `clap` reads them.

use brisk_domain::spending::Allowance;
use brisk_protocol::jobs::PartWish;
use clap::{Args, Subcommand};

/// `delegate`.
#[derive(Debug, Args)]
pub(crate) struct DelegateArgs {
    /// What is to be done, in your words
    pub text: String,
    /// Files that it is about
    pub files: Vec<String>,
    /// How many attempts, side by side (default: one for each model that you name, else one)
    #[arg(short = 'n', long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=16))]
    pub attempts: Option<u32>,
    /// Who tries (`brisk model list`)
    #[arg(long, value_name = "A,B", value_delimiter = ',')]
    pub models: Vec<String>,
    /// Begin at this revision (default: HEAD)
    #[arg(long, value_name = "REV", conflicts_with = "with_draft")]
    pub base: Option<String>,
    /// Begin with your worktree as it is, with what is not committed
    #[arg(long)]
    pub with_draft: bool,
    /// What all attempts together may take: 20k-tokens, 0.50usd or 10min, or several with commas between
    #[arg(long, value_name = "BUDGET", conflicts_with = "minutes")]
    pub budget: Option<Allowance>,
    /// The first attempt that is proven ends the others (default: those end whose patch is larger than a proven one)
    #[arg(long)]
    pub first: bool,
    /// Let a model divide it into parts that are worked on side by side, joined, and checked as one
    #[arg(long, conflicts_with_all = ["attempts", "first"])]
    pub split: bool,
    /// One part of it, and with `@` each file or folder that it alone may change; give one for each part
    #[arg(long = "part", value_name = "TEXT @FILE", value_parser = part, conflicts_with_all = ["split", "attempts", "first"])]
    pub parts: Vec<PartWish>,
    /// How often the checks may run for each attempt
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub rounds: Option<u32>,
    /// Minutes until it ends
    #[arg(long, value_name = "M", value_parser = clap::value_parser!(u32).range(1..))]
    pub minutes: Option<u32>,
    /// Lines that the patch may add and remove
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub lines: Option<u32>,
    /// Settle for a sandbox without all of its parts; the evidence says so
    #[arg(long)]
    pub degraded: bool,
    /// Stay, and tell what happens until it is over
    #[arg(long)]
    pub wait: bool,
}

/// `jobs`.
#[derive(Debug, Subcommand)]
pub(crate) enum JobsCmd {
    /// Jobs of this repository, newest first
    List {
        /// Of every repository
        #[arg(long)]
        all: bool,
        /// At most so many
        #[arg(short = 'n', long, default_value_t = 20, value_parser = some)]
        limit: usize,
    },
    /// One job: every attempt, and why it counts or not
    Show {
        /// Which
        #[arg(value_parser = job)]
        job: u64,
    },
    /// Follow a job until it is over
    Watch {
        /// Which
        #[arg(value_parser = job)]
        job: u64,
    },
    /// Everything that attempts said and did
    Log {
        /// Which
        #[arg(value_parser = job)]
        job: u64,
        /// Of this attempt only
        #[arg(value_parser = attempt)]
        attempt: Option<Numbered>,
    },
    /// What a job changed: the attempt that won, else the best, or the one that you name
    Diff {
        /// Which
        #[arg(value_parser = job)]
        job: u64,
        /// Which attempt
        #[arg(value_parser = attempt)]
        attempt: Option<Numbered>,
    },
    /// Say something to every attempt that is not over; it hears it after its step
    Steer {
        /// Which
        #[arg(value_parser = job)]
        job: u64,
        /// Your words
        text: String,
    },
    /// Put a job aside where it is; also a restart does not go on with it
    Pause {
        /// Which
        #[arg(value_parser = job)]
        job: u64,
    },
    /// Let a job go on that was put aside
    Resume {
        /// Which
        #[arg(value_parser = job)]
        job: u64,
    },
    /// Stop a job
    Cancel {
        /// Which
        #[arg(value_parser = job)]
        job: u64,
    },
    /// Write what a job made into your worktree, once it is verified with what you have there
    Merge {
        /// Which
        #[arg(value_parser = job)]
        job: u64,
        /// Settle for a sandbox without all of its parts; the evidence says so
        #[arg(long)]
        degraded: bool,
    },
    /// Say that you do not want what a job made
    Drop {
        /// Which
        #[arg(value_parser = job)]
        job: u64,
    },
}

/// Words, and among them files with `@` before their names; a name with spaces in quotes, `@"my file.py"`.
fn part(text: &str) -> Result<PartWish, String> {
    let (mut words, mut files) = (String::new(), Vec::new());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let begins = words.is_empty() || words.ends_with(char::is_whitespace);
        if let Some(name) = rest.strip_prefix('@').filter(|_| begins)
            && let Some((name, after)) = name_of(name)?
        {
            files.push(name.to_owned());
            // The space before it is enough for what follows.
            rest = after.strip_prefix(' ').unwrap_or(after);
            continue;
        }
        words.push(first);
        rest = rest.get(first.len_utf8()..).unwrap_or_default();
    }
    let words = words.trim();
    match files.is_empty() || words.is_empty() {
        true => Err("say what is to be done and which files it may change, for example \"round half up @money.py @tests/\"".to_owned()),
        false => Ok(PartWish {
            text: words.to_owned(),
            files,
        }),
    }
}

/// The name at the beginning, and what follows it. None where there is none.
fn name_of(text: &str) -> Result<Option<(&str, &str)>, String> {
    let (name, rest) = match text.strip_prefix('"') {
        Some(quoted) => quoted
            .split_once('"')
            .ok_or_else(|| format!("the quotes of @\"{quoted} do not end"))?,
        None => text.split_at(text.find(char::is_whitespace).unwrap_or(text.len())),
    };
    Ok((!name.is_empty()).then_some((name, rest)))
}

/// A number above zero.
fn some(text: &str) -> Result<usize, String> {
    let number = text.parse().ok().filter(|n| *n > 0);
    number.ok_or_else(|| "a number above 0 is needed".to_owned())
}

/// An attempt as a person names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Numbered {
    /// The job that was named with it.
    pub job: Option<u64>,
    pub number: u32,
}

/// An attempt's number, also as it is shown: `a2`, `j1a2`.
fn attempt(text: &str) -> Result<Numbered, String> {
    let shown = text.strip_prefix('j').and_then(|t| {
        let (job, rest) = t.split_at(t.find(|c: char| !c.is_ascii_digit())?);
        Some((Some(job.parse::<u64>().ok()?), rest))
    });
    let (job, number) = shown.unwrap_or((None, text));
    let number = number.strip_prefix('a').unwrap_or(number).parse();
    number
        .map(|number| Numbered { job, number })
        .map_err(|_| "an attempt's number is needed, for example 2, or a2".to_owned())
}

/// A job's number; its letter (`j3`) may stay.
fn job(text: &str) -> Result<u64, String> {
    let number = text.strip_prefix('j').unwrap_or(text);
    number
        .parse()
        .map_err(|_| "a number is needed, for example j3".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_words_and_files() {
        let wish = |text: &str, files: &[&str]| {
            Some(PartWish {
                text: text.into(),
                files: files.iter().map(|f| (*f).to_owned()).collect(),
            })
        };
        let cases = [
            (
                "round half up @money.py @tests/",
                wish("round half up", &["money.py", "tests/"]),
            ),
            ("@money.py round half up", wish("round half up", &["money.py"])),
            ("fix @money.py so that", wish("fix so that", &["money.py"])),
            (
                "fix @\"my file.py\" and more",
                wish("fix and more", &["my file.py"]),
            ),
            ("two\n  lines @a.py", wish("two\n  lines", &["a.py"])),
            (
                "mail me@example.org, @ noon @a.py",
                wish("mail me@example.org, @ noon", &["a.py"]),
            ),
            ("fix @\"my file.py", None),
            ("no file", None),
            ("@a.py", None),
        ];
        for (text, want) in cases {
            assert_eq!(part(text).ok(), want, "{text}");
        }
    }

    #[test]
    fn numbers_as_people_and_brisk_write_them() {
        for (text, want) in [
            ("2", Some((None, 2))),
            ("a2", Some((None, 2))),
            ("j1a2", Some((Some(1), 2))),
            ("j1", None),
            ("ja2", None),
            ("x", None),
            ("-1", None),
        ] {
            let read = attempt(text).ok().map(|a| (a.job, a.number));
            assert_eq!(read, want, "{text}");
        }
        assert_eq!((some("0").ok(), some("3").ok()), (None, Some(3)));
        assert_eq!(
            (job("j3").ok(), job("3").ok(), job("x").ok()),
            (Some(3), Some(3), None)
        );
    }
}
