//! One check alone, for an attempt that asks for it.

use crate::exit::CliError;
use crate::verify::{Base, Gate};
use brisk_domain::evidence::Tree;
use brisk_gate::CheckState;

/// What came of asking for one check.
pub(crate) enum Alone {
    /// It ran: its verdict, and the end of what it wrote.
    Ran(String),
    /// The policy names no such check; these it names.
    NoCheck(Vec<String>),
}

impl Gate {
    /// Runs one check of the policy in force on a tree, confined as ever. What it says goes into the ledger as any run
    /// does; a proof needs all of them.
    pub(crate) fn prove_one(
        &mut self,
        tree: &Tree,
        base: &Base,
        name: &str,
        degraded: bool,
    ) -> Result<Alone, CliError> {
        let policy = self.policy(base)?;
        let Some(check) = policy.check(name) else {
            return Ok(Alone::NoCheck(policy.checks().keys().cloned().collect()));
        };
        let flags = self.looked_at(tree, base, &policy)?;
        let run = self.run_quietly(&policy, (tree, base), (name, check), &flags, degraded)?;
        let state = self
            .ledger()?
            .check_state(tree, &policy, name, base.tree.as_ref())
            .map_err(super::ledger)?;
        let verdict = match state {
            CheckState::Ran { verdict, .. } => verdict.to_string(),
            CheckState::Never | CheckState::OtherBase { .. } => "it did not run".to_owned(),
        };
        Ok(Alone::Ran(format!(
            "{name}: {verdict}\n{}",
            self.end_of_log(&run.log)
        )))
    }

    /// Names of the checks that may be run, by the policy in force; none without one.
    pub(crate) fn check_names(&mut self, tree: &Tree) -> Vec<String> {
        let policy = self.base(tree).and_then(|base| self.policy(&base));
        policy.map_or_else(|_| Vec::new(), |p| p.checks().keys().cloned().collect())
    }
}
