//! Children: each is run to its end or its time limit, and nothing of its process group outlives the call.

use brisk_sandbox::{End, EnvRule, Line, RunOptions, Runner, Stream};
use std::ffi::OsString;
use std::path::Path;
use std::time::Duration;

/// A child that is over.
#[derive(Debug)]
pub(super) struct Called {
    pub(super) end: End,
    pub(super) out: String,
    pub(super) err: String,
}

impl Called {
    /// It ended by itself with 0.
    pub(super) fn success(&self) -> bool {
        self.end == End::Exited(0)
    }

    /// What it complained about, for an error message.
    pub(super) fn complaint(&self) -> String {
        let said = if self.err.trim().is_empty() {
            &self.out
        } else {
            &self.err
        };
        let last = said.trim().lines().last().unwrap_or("it said nothing");
        format!("{:?}: {last}", self.end)
    }
}

/// Runs `argv` in `cwd` with our environment and `env` on top.
pub(super) async fn call(
    argv: &[OsString],
    cwd: &Path,
    env: &[(&str, OsString)],
    limit: Duration,
) -> anyhow::Result<Called> {
    let mut rules = vec![EnvRule::PassPrefix(String::new())];
    rules.extend(
        env.iter()
            .map(|(name, value)| EnvRule::Set(name.into(), value.clone())),
    );
    let options = RunOptions {
        cwd: Some(cwd.to_owned()),
        env: rules,
        timeout: Some(limit),
        ..RunOptions::default()
    };
    let (mut out, mut err) = (String::new(), String::new());
    let finished = Runner::plain()
        .run(argv, options, &mut |Line { stream, text }| {
            let to = match stream {
                Stream::Out => &mut out,
                Stream::Err => &mut err,
            };
            to.push_str(text);
            to.push('\n');
        })
        .await?;
    Ok(Called {
        end: finished.end,
        out,
        err,
    })
}

/// An argument list of things that are text or paths.
macro_rules! argv {
    ($($arg:expr),* $(,)?) => {
        [$(std::ffi::OsString::from($arg)),*]
    };
}
pub(super) use argv;
