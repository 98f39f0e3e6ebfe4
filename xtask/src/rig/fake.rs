//! The program `brisk-fake-model`: what it is told to answer, and what it notes.

use super::lines::{Lines, now_us};
use anyhow::{Context, bail};
use serde::Deserialize;
use serde_json::{Value, json};
use std::io::Write;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::Duration;

/// Nothing in these measurements takes longer.
pub(crate) const LIMIT: Duration = Duration::from_secs(30);

/// What the fake noted; `t_us` is of the clock that all processes share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(crate) enum Note {
    Request { t_us: u64, request: usize },
    Chunk { t_us: u64, request: usize, chunk: usize },
    Ended { t_us: u64, request: usize },
    Gone { t_us: u64, request: usize },
}

/// The running program. It ends when it is dropped.
#[derive(Debug)]
pub(crate) struct Fake {
    child: Child,
    stdin: Option<ChildStdin>,
    notes: Lines,
    pub(crate) url: String,
}

impl Fake {
    /// Starts it with a script (`brisk_testkit::server::Script`), which is written to `file`.
    pub(crate) fn start(program: &Path, file: &Path, script: &Value) -> anyhow::Result<Fake> {
        std::fs::write(file, script.to_string())?;
        let mut child = Command::new(program)
            .arg(file)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| program.display().to_string())?;
        let stdin = child.stdin.take();
        let notes = Lines::of(child.stdout.take().context("the fake has an output")?);
        let mut fake = Fake {
            child,
            stdin,
            notes,
            url: String::new(),
        };
        let (_, first) = fake.notes.next(LIMIT)?.context("the fake model says nothing")?;
        let first: Value = serde_json::from_str(&first)?;
        fake.url = first["url"]
            .as_str()
            .context("the fake model names no address")?
            .to_owned();
        Ok(fake)
    }

    /// Opens a gate for good.
    pub(crate) fn open(&self, gate: &str) -> anyhow::Result<()> {
        let mut stdin = self.stdin.as_ref().context("the fake model has ended")?;
        Ok(writeln!(stdin, "open {gate}")?)
    }

    /// The next note, if one comes within that time.
    pub(crate) fn note(&self, within: Duration) -> anyhow::Result<Option<Note>> {
        match self.notes.next(within)? {
            Some((_, line)) => Ok(Some(serde_json::from_str(&line).with_context(|| line)?)),
            None => Ok(None),
        }
    }

    /// Reads on to the next request: when it came, and its number.
    pub(crate) fn request(&self) -> anyhow::Result<(u64, usize)> {
        self.find("a request", |note| match note {
            Note::Request { t_us, request } => Some((t_us, request)),
            Note::Chunk { .. } | Note::Ended { .. } | Note::Gone { .. } => None,
        })
    }

    /// Reads on until the answer to this request is over: when its client went, or `None` if it was not interrupted.
    pub(crate) fn over(&self, wanted: usize) -> anyhow::Result<Option<u64>> {
        self.find("an end", |note| match note {
            Note::Gone { t_us, request } if request == wanted => Some(Some(t_us)),
            Note::Ended { request, .. } if request == wanted => Some(None),
            Note::Gone { .. } | Note::Ended { .. } | Note::Request { .. } | Note::Chunk { .. } => None,
        })
    }

    /// Reads on until the answer to this request is over; when each of its frames went out.
    pub(crate) fn chunks(&self, wanted: usize) -> anyhow::Result<Vec<u64>> {
        let mut sent = Vec::new();
        self.find("an end", |note| match note {
            Note::Chunk { t_us, request, chunk } if request == wanted => {
                // They are noted in order.
                debug_assert_eq!(chunk, sent.len());
                sent.push(t_us);
                None
            }
            Note::Ended { request, .. } | Note::Gone { request, .. } if request == wanted => Some(()),
            Note::Chunk { .. } | Note::Ended { .. } | Note::Gone { .. } | Note::Request { .. } => None,
        })?;
        Ok(sent)
    }

    fn find<T>(&self, what: &str, mut wanted: impl FnMut(Note) -> Option<T>) -> anyhow::Result<T> {
        let until = now_us() + LIMIT.as_micros() as u64;
        while now_us() < until {
            if let Some(found) = self.note(LIMIT)?.and_then(&mut wanted) {
                return Ok(found);
            }
        }
        bail!("the fake model saw no {what} within {} s", LIMIT.as_secs())
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        // The end of its input ends it.
        drop(self.stdin.take());
        drop(self.child.wait());
    }
}

/// The steps of an answer that ends well.
pub(crate) fn answer(steps: &[Value]) -> Value {
    let end = [json!({"act": "finish", "reason": "stop"}), json!({"act": "done"})];
    steps.iter().cloned().chain(end).collect()
}

/// A text in frames of about four bytes, at a rate.
pub(crate) fn rate(text: &str, per_s: f64) -> Value {
    json!({"act": "rate", "text": text, "per_s": per_s})
}

/// A text in one frame.
pub(crate) fn whole(text: &str) -> Value {
    json!({"act": "text", "text": text})
}

/// In how many frames the fake sends an ASCII text at a rate.
pub(crate) fn frames(text: &str) -> usize {
    text.len().div_ceil(FRAME)
}

/// Bytes of an ASCII text in one frame.
pub(crate) const FRAME: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_are_read() {
        let cases = [
            (
                r#"{"type":"request","t_us":5,"request":1,"connection":1,"bytes":9}"#,
                Note::Request { t_us: 5, request: 1 },
            ),
            (
                r#"{"type":"chunk","t_us":6,"request":1,"chunk":0,"bytes":9}"#,
                Note::Chunk {
                    t_us: 6,
                    request: 1,
                    chunk: 0,
                },
            ),
            (
                r#"{"type":"ended","t_us":7,"request":1}"#,
                Note::Ended { t_us: 7, request: 1 },
            ),
            (
                r#"{"type":"gone","t_us":7,"request":1}"#,
                Note::Gone { t_us: 7, request: 1 },
            ),
        ];
        for (line, want) in cases {
            assert_eq!(serde_json::from_str::<Note>(line).unwrap(), want);
        }
    }
}
