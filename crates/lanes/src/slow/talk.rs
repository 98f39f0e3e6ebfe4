//! What is said between the attempt and its model, kept within the model's window.
//!
//! The rule: the instructions and the task always stay. Of the rest, once it does not fit any more, the older half
//! of the window goes, and a line says so with the names of the files that are changed by then; so the beginning stays
//! the same between most requests. What is shown at once has at most a quarter of the window.

use super::Brief;
use super::words::{SYSTEM, strategy};
use brisk_domain::port::{Message, Role};

/// Bytes of a token, on the safe side for code.
const BYTES_PER_TOKEN: usize = 3;

/// Paths that are named at the beginning.
const NAMED: usize = 60;

/// Room for an answer, tokens.
pub(super) fn answer_tokens(context: usize) -> usize {
    (context / 4).clamp(256, 8_192)
}

#[derive(Debug, Clone)]
pub(super) struct Talk {
    /// Bytes.
    window: usize,
    task: String,
    turns: Vec<(Role, String)>,
    /// The first turn that is still told.
    from: usize,
}

impl Talk {
    pub(super) fn new(brief: &Brief) -> Talk {
        let context = brief.model.context;
        let window = context
            .saturating_sub(answer_tokens(context))
            .saturating_mul(BYTES_PER_TOKEN);
        let mut talk = Talk {
            window,
            task: String::new(),
            turns: Vec::new(),
            from: 0,
        };
        talk.task = talk.first(brief);
        talk
    }

    fn first(&self, brief: &Brief) -> String {
        let mut out = format!("The task: {}\n{}", brief.text, strategy(brief.strategy));
        if let Some(instructions) = &brief.instructions {
            let cut = cut(instructions, self.window / 8);
            out.push_str(&format!(
                "\nWhat the repository says about itself (AGENTS.md):\n{cut}\n"
            ));
        }
        let mut room = self.window / 3;
        for (path, text) in &brief.files {
            let shown = cut(&text.joined(), room.min(self.window / 4));
            room = room.saturating_sub(shown.len());
            out.push_str(&format!("\n{path}:\n{shown}\n"));
        }
        let paths: Vec<&str> = brief.paths.iter().take(NAMED).map(String::as_str).collect();
        let more = brief.paths.len().saturating_sub(NAMED);
        out.push_str(&format!(
            "\nFiles of the repository:\n{}\n",
            cut(&paths.join("\n"), self.window / 8)
        ));
        if more > 0 {
            out.push_str(&format!("(and {more} more; `list` and `search` find them)\n"));
        }
        out
    }

    pub(super) fn assistant(&mut self, text: &str) {
        self.push(Role::Assistant, text);
    }

    pub(super) fn user(&mut self, text: &str) {
        self.push(Role::User, text);
    }

    fn push(&mut self, role: Role, text: &str) {
        let text = cut(text, self.window / 2);
        match self.turns.last_mut() {
            Some((last, before)) if *last == role => before.push_str(&text),
            _ => self.turns.push((role, text)),
        }
        let room = self.window.saturating_sub(SYSTEM.len() + self.task.len());
        let size = |from: usize| self.turns.iter().skip(from).map(|(_, t)| t.len()).sum::<usize>();
        if size(self.from) > room {
            // The last turn stays, whatever its size; it is bounded by itself.
            while self.from + 1 < self.turns.len() && size(self.from) > room / 2 {
                self.from += 1;
            }
        }
    }

    /// What a request consists of: roles in turn, beginning with the task.
    pub(super) fn messages(&self, changed: &[String]) -> Vec<Message> {
        let mut task = self.task.clone();
        if self.from > 0 {
            let changed = match changed.is_empty() {
                true => "no file".to_owned(),
                false => changed.join(", "),
            };
            task.push_str(&format!(
                "\n({} earlier messages are left out. Changed by now: {changed}. Read again what you need.)\n",
                self.from
            ));
        }
        let message = |role, text| Message { role, text };
        let mut out = vec![
            message(Role::System, SYSTEM.to_owned()),
            message(Role::User, task),
        ];
        for (role, text) in self.turns.iter().skip(self.from) {
            match out.last_mut() {
                Some(last) if last.role == *role => last.text.push_str(text),
                _ => out.push(message(*role, text.clone())),
            }
        }
        out
    }

    /// As much of a text as may be shown at once: its beginning.
    pub(super) fn cut(&self, text: &str) -> String {
        cut(text, self.window / 4)
    }

    /// As much of a text as may be shown at once: its end, where checks say what matters.
    pub(super) fn cut_head(&self, text: &str) -> String {
        let max = self.window / 6;
        let mut from = text.len().saturating_sub(max);
        while !text.is_char_boundary(from) {
            from += 1;
        }
        match from {
            0 => text.to_owned(),
            _ => format!(
                "(the beginning is left out)\n{}",
                text.get(from..).unwrap_or_default()
            ),
        }
    }
}

fn cut(text: &str, max: usize) -> String {
    if text.len() <= max {
        return text.to_owned();
    }
    let mut end = max;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let kept = text.get(..end).unwrap_or_default();
    let lines = (kept.lines().count(), text.lines().count());
    format!(
        "{kept}\n(cut after line {} of {}; `read PATH A-B` shows other lines)",
        lines.0, lines.1
    )
}
