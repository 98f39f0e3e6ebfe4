//! Every check on one tree, for delegated work: a proof, or what is in its way.

use crate::exit::{CliError, Exit};
use crate::verify::{Base, Gate, ledger, worktree};
use brisk_domain::evidence::{Digest, Tree};
use brisk_domain::job::{AttemptId, Checked, Proof};
use brisk_gate::{CheckState, Level, Policy, State, Verdict, flags};
use brisk_sandbox::Stop;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::time::Duration;

/// Bytes of what a check wrote that are told: its end.
const TOLD: u64 = 8 << 10;

impl Gate {
    /// From here on checks run in the folder of an attempt, and `stop` ends them.
    pub(crate) fn for_attempt(&mut self, id: AttemptId, stop: Stop) {
        self.attempt = Some((id.to_string(), stop));
    }

    /// Whether the checks of the attempt were ended: what they say then is nothing.
    pub(crate) fn stopped(&self) -> bool {
        self.attempt
            .as_ref()
            .is_some_and(|(_, stop)| stop.within(Duration::ZERO))
    }

    /// Runs the checks of the policy in force on a tree, up to the first that does not pass. What is known already is
    /// not run again. `base`: what the tree is compared with.
    pub(crate) fn prove(&mut self, tree: &Tree, base: &Base, degraded: bool) -> Result<Checked, CliError> {
        let policy = self.policy(base)?;
        let mut lines = Vec::new();
        let mut flagged = None;
        for (name, check) in policy.checks() {
            let environment = self.environment(check);
            let known = self
                .ledger()?
                .remembered(tree, &policy, name, &environment, base.tree.as_ref())
                .map_err(ledger)?;
            if known.is_none() {
                self.find_sandbox(degraded);
                if flagged.is_none() {
                    flagged = Some(self.looked_at(tree, base, &policy)?);
                }
                let flags = flagged.as_deref().unwrap_or_default();
                self.run_quietly(&policy, (tree, base), (name, check), flags, degraded)?;
            }
            let state = self
                .ledger()?
                .check_state(tree, &policy, name, base.tree.as_ref())
                .map_err(ledger)?;
            let (failed, said) = match state {
                CheckState::Ran {
                    line,
                    verdict: Verdict::Green,
                    ..
                } => {
                    lines.push(line);
                    continue;
                }
                CheckState::Ran { run, verdict, .. } => {
                    let failed = match &verdict {
                        Verdict::Red(brisk_gate::Red::Exit { failed, .. }) => *failed,
                        Verdict::Red(_) | Verdict::Flagged(_) | Verdict::Inconclusive(_) => 0,
                        Verdict::Green => 0,
                    };
                    let need = match &verdict {
                        Verdict::Flagged(_) => " (it passed, and a person would have to allow this first)",
                        Verdict::Red(_) | Verdict::Inconclusive(_) | Verdict::Green => "",
                    };
                    (
                        failed,
                        format!("{name}: {verdict}{need}\n{}", self.end_of_log(&run.log)),
                    )
                }
                CheckState::Never | CheckState::OtherBase { .. } => (0, format!("{name}: it did not run")),
            };
            return Ok(Checked::Unproven {
                tree: tree.clone(),
                passed: u32::try_from(lines.len()).unwrap_or(u32::MAX),
                failed,
                said,
            });
        }
        let none = || CliError::new(Exit::Policy, "the policy names no check");
        let proof = Proof::new(tree.clone(), lines).ok_or_else(none)?;
        Ok(Checked::Proven { proof })
    }

    /// Whether every check of the policy in force passed on a tree, by the ledger.
    pub(crate) fn proven(&mut self, tree: &Tree, base: &Base) -> Result<bool, CliError> {
        let policy = self.policy(base)?;
        let state = self
            .ledger()?
            .state(tree, &policy, base.tree.as_ref())
            .map_err(ledger)?;
        Ok(matches!(
            state,
            State::Verified {
                level: Level::Full,
                ..
            } | State::Shipped { waived: false, .. }
        ))
    }

    /// What about the change a person should see; nothing where there is no base to compare with.
    pub(super) fn looked_at(
        &mut self,
        tree: &Tree,
        base: &Base,
        policy: &Policy,
    ) -> Result<Vec<brisk_domain::evidence::Flag>, CliError> {
        let Some(before) = &base.tree else {
            return Ok(Vec::new());
        };
        self.take_over(&base.objects, before)?;
        let changes = self.shadow.changes(Some(before), tree).map_err(worktree)?;
        Ok(flags(&changes, policy))
    }

    pub(super) fn end_of_log(&self, log: &Digest) -> String {
        let read = || -> std::io::Result<Vec<u8>> {
            let mut file = File::open(self.dir().join("logs").join(log.as_str()))?;
            let size = file.metadata()?.len();
            file.seek(SeekFrom::Start(size.saturating_sub(TOLD)))?;
            let mut bytes = Vec::new();
            file.take(TOLD).read_to_end(&mut bytes)?;
            Ok(bytes)
        };
        // A log that is gone costs the model a hint, nothing else.
        String::from_utf8_lossy(&read().unwrap_or_default()).into_owned()
    }
}
