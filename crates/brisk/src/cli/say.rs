//! The only place where a command that is not a turn writes to its streams.

use crate::cli::context::Context;
use crate::cli::json;
use crate::cli::sanitize::{Tabs, visible};
use crate::cli::style::Tone;
use crate::exit::{CliError, Exit};
use serde::Serialize;
use std::io::{self, Write};

/// Writes text as it is to standard output.
pub(crate) fn raw(text: &str) -> Result<(), CliError> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())
        .and_then(|()| out.flush())
        .map_err(|e| CliError::new(Exit::Killed, format!("the output cannot be written: {e}")))
}

/// Writes lines for a person; what they hold is made visible.
pub(crate) fn lines(context: &Context, lines: &[(Tone, String)]) -> Result<(), CliError> {
    let mut text = String::new();
    for (tone, line) in lines {
        tone.write(&visible(line, Tabs::Expand), context.colour(), &mut text);
        text.push('\n');
    }
    raw(&text)
}

/// Writes one object.
pub(crate) fn object(context: &Context, kind: &str, fields: &impl Serialize) -> Result<(), CliError> {
    raw(&json::answer(kind, context.t_us(), fields))
}

/// Tells a failure: on standard error, or as the last object. Where that cannot be written, on standard error too.
pub(crate) fn failure(error: &CliError, json_at: Option<u64>) {
    if json_at.is_some_and(|t_us| raw(&json::error(error, t_us)).is_ok()) {
        return;
    }
    let mut text = String::new();
    for (i, line) in error.message.lines().enumerate() {
        let prefix = if i == 0 { "brisk: " } else { "       " };
        text.push_str(&format!("{prefix}{}\n", visible(line, Tabs::Expand)));
    }
    if let Some(hint) = &error.hint {
        text.push_str(&format!("hint: {}\n", visible(hint, Tabs::Expand)));
    }
    // A failure that cannot be told still has its exit code.
    let _ = io::stderr().lock().write_all(text.as_bytes());
}
