//! What is said between the attempt and its model, kept within the model's window.
//!
//! The rule: the instructions and the task always stay. Of the rest, once it does not fit any more, the older half
//! of the window goes, and a line says so with the names of the files that are changed by then; so the beginning stays
//! the same between most requests. A call and its result stay together or go together. What is shown at once has at
//! most a quarter of the window.

use super::words::{SYSTEM, SYSTEM_TOOLS, may_run, strategy};
use super::{Brief, Kit};
use brisk_domain::port::{Message, Role, Said};
use brisk_domain::tool::{Tool, ToolCall, ToolResult, Tooling, Turn};

/// Bytes of a token, on the safe side for code.
const BYTES_PER_TOKEN: usize = 3;

/// Paths that are named at the beginning.
const NAMED: usize = 60;

/// Bytes of what a tool of a server is said to do, where it is told in words.
const ABOUT: usize = 200;

/// Room for an answer, tokens.
pub(super) fn answer_tokens(context: usize) -> usize {
    (context / 4).clamp(256, 8_192)
}

#[derive(Debug, Clone)]
pub(super) struct Talk {
    /// Bytes.
    window: usize,
    system: &'static str,
    task: Said,
    turns: Vec<Turn>,
    /// The same in words, each with its text in common with every request that tells it.
    told: Vec<Message>,
    /// The first turn that is still told.
    from: usize,
}

impl Talk {
    /// `tools`: what is sent with every request.
    pub(super) fn new(brief: &Brief, kit: &Kit, tools: &[Tool]) -> Talk {
        let context = brief.model.context;
        let window = context
            .saturating_sub(answer_tokens(context))
            .saturating_mul(BYTES_PER_TOKEN)
            .saturating_sub(tools.iter().map(Tool::bytes).sum());
        let mut talk = Talk {
            window,
            system: match kit.tooling {
                Tooling::Words => SYSTEM,
                Tooling::Native => SYSTEM_TOOLS,
            },
            task: "".into(),
            turns: Vec::new(),
            told: Vec::new(),
            from: 0,
        };
        talk.task = talk.first(brief, kit).into();
        talk
    }

    /// The same task with other instructions.
    pub(super) fn instructed(self, system: &'static str) -> Talk {
        Talk { system, ..self }
    }

    fn first(&self, brief: &Brief, kit: &Kit) -> String {
        let mut out = format!("The task: {}\n{}", brief.text, strategy(brief.strategy));
        if let Some(instructions) = &brief.instructions {
            let cut = cut(instructions, self.window / 8);
            out.push_str(&format!(
                "\nWhat the repository says about itself (AGENTS.md):\n{cut}\n"
            ));
        }
        if kit.tooling == Tooling::Words {
            let about = |t: &Tool| {
                let line: String = t.about.chars().take_while(|c| *c != '\n').take(ABOUT).collect();
                (t.name.to_string(), line)
            };
            let tools: Vec<(String, String)> = kit.tools.iter().map(about).collect();
            out.push_str(&cut(&may_run(&kit.checks, &tools), self.window / 8));
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
        let text = cut(text, self.window / 2);
        self.push(Turn::Assistant {
            text,
            calls: Vec::new(),
        });
    }

    /// The model's answer with its calls. Their results follow next.
    pub(super) fn called(&mut self, text: &str, calls: &[ToolCall]) {
        let text = cut(text, self.window / 4);
        let calls = calls.to_vec();
        self.push(Turn::Assistant { text, calls });
    }

    pub(super) fn results(&mut self, mut results: Vec<ToolResult>) {
        let each = self.window / 2 / results.len().max(1);
        for result in &mut results {
            result.text = cut(&result.text, each);
        }
        self.push(Turn::Results { results });
    }

    pub(super) fn user(&mut self, text: &str) {
        let text = cut(text, self.window / 2);
        self.push(Turn::User { text });
    }

    fn push(&mut self, turn: Turn) {
        match (self.turns.last_mut(), turn) {
            (Some(Turn::User { text: before }), Turn::User { text }) => {
                before.push_str(&text);
                self.told.pop();
            }
            (_, turn) => self.turns.push(turn),
        }
        self.told.extend(self.turns.last().map(in_words));
        let room = self.window.saturating_sub(self.system.len() + self.task.len());
        let size = |from: usize| self.turns.iter().skip(from).map(bytes).sum::<usize>();
        if size(self.from) > room {
            // The last turn stays, whatever its size; it is bounded by itself. So do the calls that it answers.
            while let Some(next) = self.turn_after(self.from)
                && size(self.from) > room / 2
            {
                self.from = next;
            }
        }
    }

    /// Where the conversation may begin after this turn: not with results whose calls are gone.
    fn turn_after(&self, from: usize) -> Option<usize> {
        let open = |at: usize| matches!(self.turns.get(at), Some(Turn::Results { .. }));
        (from + 1..self.turns.len()).find(|at| !open(*at))
    }

    /// Instructions and task, with what of the conversation was lost.
    pub(super) fn opening(&self, changed: &[String]) -> Vec<Message> {
        let task = match self.from {
            0 => self.task.clone(),
            from => {
                let changed = match changed.is_empty() {
                    true => "no file".to_owned(),
                    false => changed.join(", "),
                };
                let lost = format!(
                    "\n({from} earlier messages are left out. Changed by now: {changed}. Read again what you need.)\n"
                );
                joined(&self.task, &lost)
            }
        };
        let message = |role, text| Message { role, text };
        vec![
            message(Role::System, self.system.into()),
            message(Role::User, task),
        ]
    }

    /// What was said since, as far as it is still told.
    pub(super) fn turns(&self) -> Vec<Turn> {
        self.turns.iter().skip(self.from).cloned().collect()
    }

    /// What a request in plain text consists of: roles in turn, beginning with the task.
    pub(super) fn messages(&self, changed: &[String]) -> Vec<Message> {
        let mut out = self.opening(changed);
        for told in self.told.iter().skip(self.from) {
            match out.last_mut() {
                Some(last) if last.role == told.role => last.text = joined(&last.text, &told.text),
                _ => out.push(told.clone()),
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

fn bytes(turn: &Turn) -> usize {
    match turn {
        Turn::User { text } => text.len(),
        Turn::Assistant { text, calls } => {
            let call = |c: &ToolCall| c.name.len() + c.arguments.repeated().len();
            text.len() + calls.iter().map(call).sum::<usize>()
        }
        Turn::Results { results } => results.iter().map(|r| r.text.len()).sum(),
    }
}

/// A turn for a model without tools: it may have had them when the attempt began.
fn in_words(turn: &Turn) -> Message {
    let (role, text) = match turn {
        Turn::User { text } => (Role::User, text.as_str().into()),
        Turn::Assistant { text, calls } => {
            let calls = calls
                .iter()
                .map(|c| format!("\n{} {}", c.name, c.arguments.repeated()));
            let all: String = std::iter::once(text.clone()).chain(calls).collect();
            (Role::Assistant, all.into())
        }
        Turn::Results { results } => {
            let texts: String = results.iter().map(|r| format!("{}\n", r.text)).collect();
            (Role::User, texts.into())
        }
    };
    Message { role, text }
}

fn joined(one: &str, other: &str) -> Said {
    format!("{one}{other}").into()
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

#[cfg(test)]
mod tests {
    use super::*;

    fn user(text: &str) -> Turn {
        Turn::User {
            text: text.to_owned(),
        }
    }

    fn answer(calls: usize, bytes: usize) -> Turn {
        let call = |n| ToolCall {
            id: format!("c{n}"),
            name: "read".into(),
            arguments: brisk_domain::tool::Arguments::read("{}"),
        };
        Turn::Assistant {
            text: "x".repeat(bytes),
            calls: (0..calls).map(call).collect(),
        }
    }

    fn results(bytes: usize) -> Turn {
        let text = "r".repeat(bytes);
        Turn::Results {
            results: vec![ToolResult {
                id: "c0".into(),
                text,
                failed: false,
            }],
        }
    }

    #[test]
    fn what_was_said_is_the_same_text_in_every_request() {
        let mut talk = Talk {
            window: 1_000,
            system: "",
            task: "task".into(),
            turns: Vec::new(),
            told: Vec::new(),
            from: 0,
        };
        let texts = |talk: &Talk| -> Vec<Said> { talk.messages(&[]).into_iter().map(|m| m.text).collect() };
        for turn in [
            answer(1, 2),
            results(1),
            user("more"),
            user(" and more"),
            answer(0, 1),
        ] {
            talk.push(turn);
        }
        let before = texts(&talk);
        assert_eq!(
            before,
            ["", "task", "xx\nread {}", "r\nmore and more", "x"].map(Said::from)
        );
        talk.user("next");
        let after = texts(&talk);
        assert_eq!(after.len(), 6);
        // Only what was put together of two turns is not.
        for at in [1, 2, 4] {
            assert!(std::ptr::eq(before[at].as_str(), after[at].as_str()), "{at}");
        }
    }

    /// Room for 100 bytes: which turns are told, once these were said.
    #[test]
    fn the_older_half_goes_and_no_result_without_its_call() {
        let cases: Vec<(&str, Vec<Turn>, usize)> = vec![
            ("all fits", vec![answer(0, 40), user(&"u".repeat(60))], 0),
            ("one byte too many", vec![answer(0, 40), user(&"u".repeat(61))], 1),
            (
                "down to half of the room",
                vec![
                    answer(0, 30),
                    user(&"u".repeat(30)),
                    answer(0, 30),
                    user(&"u".repeat(30)),
                ],
                3,
            ),
            (
                "a result goes with its call",
                vec![answer(1, 20), results(70), answer(1, 5), results(20)],
                2,
            ),
            (
                "the last pair stays, however large",
                vec![answer(1, 90), results(90)],
                0,
            ),
            (
                "and nothing stays but it",
                vec![user("a"), answer(1, 90), results(90), answer(1, 9), results(200)],
                3,
            ),
        ];
        for (name, turns, from) in cases {
            let mut talk = Talk {
                window: 100,
                system: "",
                task: "".into(),
                turns: Vec::new(),
                told: Vec::new(),
                from: 0,
            };
            turns.into_iter().for_each(|turn| talk.push(turn));
            assert_eq!(talk.from, from, "{name}");
            let said = talk.opening(&["a.py".to_owned()])[1].text.clone();
            let lost = format!("({from} earlier messages are left out. Changed by now: a.py.");
            assert_eq!(said.contains(&lost), from > 0, "{name}: {said}");
        }
    }

    #[test]
    fn a_cut_says_so_and_falls_between_characters() {
        for (text, max, kept) in [
            ("abc", 3, "abc"),
            ("a\nbcd\n", 3, "a\nb"),
            ("aé", 2, "a"),
            ("éé", 1, ""),
        ] {
            let cut = cut(text, max);
            assert!(cut.starts_with(kept), "{text} {max}: {cut}");
            assert_eq!(cut.contains("(cut after line"), text.len() > max, "{text} {max}");
        }
    }
}
