//! What an attempt looks at: its files, a search, one check alone, a tool of the person's servers. Whatever is found is
//! a step of the attempt, so it is looked for once.

use super::again::again;
use super::attempt::{Halted, Worker};
use crate::daemon::mcp::{Called, Servers};
use crate::exit::CliError;
use crate::verify::{Alone, Base, Gate};
use brisk_domain::evidence::Tree;
use brisk_domain::job::Found;
use brisk_domain::tool::Tooling;
use brisk_lanes::slow::{Kit, Look};
use brisk_worktree::Needle;

/// Lines that a search finds.
const HITS: usize = 40;

/// What an attempt may use beside its files.
pub(super) fn kit(gate: &mut Gate, base: &Tree, tooling: Tooling, servers: &Servers) -> Kit {
    Kit {
        tooling,
        checks: gate.check_names(base),
        tools: servers.tools(),
    }
}

impl Worker<'_> {
    pub(super) fn looks(&mut self, looks: &[Look]) -> Result<Vec<Found>, Halted> {
        looks.iter().map(|look| self.look(look)).collect()
    }

    fn look(&mut self, look: &Look) -> Result<Found, Halted> {
        Ok(match look {
            Look::Read { path, .. } | Look::Outline { path } => {
                self.line.doing("reads");
                match self.gate.shadow.file(&self.files, path) {
                    Some(text) => Found::File {
                        path: path.clone(),
                        text: text.joined(),
                    },
                    None => refused(format!("{path} is no text that can be shown")),
                }
            }
            Look::List { path } => refused(format!("there is no folder {path}")),
            Look::Search { text } => self.search(look, Needle::text(text), ""),
            Look::Grep { pattern, below } => self.search(look, Needle::pattern(pattern), below),
            Look::Run { check } => self.run(check)?,
            Look::Tool { name, arguments } => {
                self.line.doing(&format!("calls {name}"));
                let held = self.line.held;
                match self.servers.call(name, arguments, &|| !held.halted()) {
                    // What a stop cut off says nothing.
                    _ if held.halted() => return Err(Halted),
                    Called::Answered(text) => words(format!("{name}:\n{text}")),
                    Called::Refused(why) => refused(why),
                }
            }
        })
    }

    fn search(&self, look: &Look, needle: Result<Needle, String>, below: &str) -> Found {
        self.line.doing("searches");
        let needle = match needle {
            Ok(needle) => needle,
            Err(why) => return refused(format!("{look}: {why}")),
        };
        let changed = self.attempt.changed();
        let hits = self
            .gate
            .shadow
            .search(&self.files, &changed, &needle, below, HITS);
        let lines = hits.lines.join("\n");
        let found = match hits.lines.len() {
            0 => format!("{look}: nothing"),
            n if n == HITS => format!("{look}: the first {n}:\n{lines}"),
            _ => format!("{look}:\n{lines}"),
        };
        words(match hits.left_out {
            None => found,
            Some(why) => format!("{found}\n(not everything was searched: {why})"),
        })
    }

    /// Takes its turn as every check does.
    fn run(&mut self, check: &str) -> Result<Found, Halted> {
        self.line.doing("waits for its turn to check");
        let turn = self.line.jobs.turns.take(|| !self.line.held.halted());
        let Some(_turn) = turn else {
            return Err(Halted);
        };
        self.line.doing(&format!("runs {check}"));
        match again(|| self.run_alone(check)) {
            _ if self.line.held.halted() => Err(Halted),
            Ok(Alone::Ran(said)) => Ok(words(format!("run {said}"))),
            Ok(Alone::NoCheck(names)) => Ok(refused(format!(
                "there is no check {check:?} in the policy; there are: {}",
                names.join(", ")
            ))),
            Err(e) => Ok(refused(format!("run {check}: {}", e.message))),
        }
    }

    fn run_alone(&mut self, check: &str) -> Result<Alone, CliError> {
        let changed = self.attempt.changed();
        let made = self.gate.shadow.with_texts(&self.files, &changed);
        let tree = made.map_err(crate::verify::worktree)?;
        let base = Base {
            tree: Some(self.line.row.task.base.clone()),
            ..self.gate.base(&tree)?
        };
        // A run on the base itself is compared with nothing.
        let base = match tree == self.line.row.task.base {
            true => Base { tree: None, ..base },
            false => {
                self.based(&base)?;
                base
            }
        };
        self.gate
            .prove_one(&tree, &base, check, self.line.row.task.degraded)
    }
}

fn words(text: String) -> Found {
    Found::Words { text }
}

fn refused(text: String) -> Found {
    Found::Refused { text }
}
