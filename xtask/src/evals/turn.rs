//! What `brisk edit --json` told about one turn.

use serde_json::Value;

/// How the turn ended, as `turn_ended` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stop {
    Done,
    Cancelled,
    Failed,
}

/// The figures of a turn. Times are microseconds since the command began.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Turn {
    /// The model that was asked first.
    pub(super) model: Option<String>,
    /// `None`: there was no turn, or its end was not told.
    pub(super) stop: Option<Stop>,
    /// Hunks that were taken back before anybody decided.
    pub(super) withdrawn: usize,
    /// Fallbacks and rungs of the ladder, in the product's words.
    pub(super) notices: Vec<String>,
    /// Why it ended badly.
    pub(super) message: Option<String>,
    pub(super) input_tokens: u64,
    pub(super) cached_tokens: u64,
    pub(super) output_tokens: u64,
    pub(super) first_us: Option<u64>,
    pub(super) turn_us: Option<u64>,
}

impl Turn {
    /// Reads the lines.
    ///
    /// # Errors
    /// The first line that is not a JSON object.
    pub(super) fn read(lines: &str) -> Result<Turn, String> {
        let mut turn = Turn::default();
        for line in lines.lines() {
            let value: Value = serde_json::from_str(line).map_err(|e| format!("{e}: {line}"))?;
            turn.take(&value);
        }
        Ok(turn)
    }

    fn take(&mut self, line: &Value) {
        let text = |name: &str| line.get(name).and_then(Value::as_str).map(str::to_owned);
        let number = |name: &str| line.get(name).and_then(Value::as_u64);
        match line.get("type").and_then(Value::as_str).unwrap_or_default() {
            "route" => self.model = text("model"),
            "hunk_changed" if text("state").as_deref() == Some("withdrawn") => self.withdrawn += 1,
            "notice" => self.notices.extend(text("text")),
            "turn_ended" => {
                self.stop = match text("reason").as_deref() {
                    Some("end_turn") => Some(Stop::Done),
                    Some("cancelled") => Some(Stop::Cancelled),
                    Some("failed") => Some(Stop::Failed),
                    Some(_) | None => None,
                };
                self.message = text("message");
                self.input_tokens = number("input_tokens").unwrap_or_default();
                self.cached_tokens = number("cached_tokens").unwrap_or_default();
                self.output_tokens = number("output_tokens").unwrap_or_default();
            }
            "kept" | "done" | "error" => {
                self.message = text("message").or(self.message.take());
                self.first_us = number("first_us");
                self.turn_us = number("turn_us");
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kept_turn() {
        let lines = concat!(
            r#"{"type":"started","t_us":1,"version":"0"}"#,
            "\n",
            r#"{"type":"route","t_us":2,"model":"m","lane":"fast"}"#,
            "\n",
            r#"{"type":"hunk_changed","t_us":3,"hunk":1,"state":"withdrawn","why":"w"}"#,
            "\n",
            r#"{"type":"notice","t_us":3,"text":"the whole file is tried"}"#,
            "\n",
            r#"{"type":"turn_ended","t_us":4,"reason":"end_turn","input_tokens":9,"cached_tokens":5,"output_tokens":3}"#,
            "\n",
            r#"{"type":"kept","t_us":5,"exit":0,"hunks":1,"first_us":2,"turn_us":4}"#,
            "\n",
        );
        let want = Turn {
            model: Some("m".into()),
            stop: Some(Stop::Done),
            withdrawn: 1,
            notices: vec!["the whole file is tried".into()],
            message: None,
            input_tokens: 9,
            cached_tokens: 5,
            output_tokens: 3,
            first_us: Some(2),
            turn_us: Some(4),
        };
        assert_eq!(Turn::read(lines), Ok(want));
    }

    #[test]
    fn the_last_word_on_a_failure_is_kept() {
        let ended = r#"{"type":"turn_ended","reason":"failed","message":"inner"}"#;
        let check = |last: &str, want: &str| {
            let turn = Turn::read(&format!("{ended}\n{last}\n")).unwrap();
            assert_eq!(turn.stop, Some(Stop::Failed));
            assert_eq!(turn.message.as_deref(), Some(want));
        };
        check(r#"{"type":"error","exit":1,"message":"outer"}"#, "outer");
        check(r#"{"type":"error","exit":1}"#, "inner");
        assert!(Turn::read("{\"type\"\n").unwrap_err().contains("{\"type\""));
    }
}
