//! What the ledger says of the files as they are, and the checks that the person asks for. No word of a model comes
//! here.

use super::{After, App};
use crate::look;
use crate::wire::Call;
use brisk_protocol::gate::{
    CheckReport, Level, Outcome, TreeNews, TreeState, Verified, VerifyStep, Verifying,
};
use ratatui_core::style::Style;

/// Lines of a check that did not pass that are shown; its log has all of them.
const TAIL: usize = 12;

/// Checks that run because this client asked for them.
#[derive(Debug)]
pub(crate) struct Checks {
    run: u64,
    /// The one that runs now.
    pub(crate) check: Option<String>,
}

impl App {
    /// `/verify`, or its key.
    pub(super) fn verify(&mut self, checks: Vec<String>) {
        if self.checks.is_some() {
            self.hint = Some("the checks run already; Esc stops them".into());
            return;
        }
        if self.link == super::Link::Up {
            self.runs += 1;
            self.checks = Some(Checks {
                run: self.runs,
                check: None,
            });
        }
        let run = self.runs;
        self.send(Call::Verify { run, checks });
    }

    /// Esc while nothing else is to be stopped; false: no check runs.
    pub(super) fn stop_checks(&mut self) -> bool {
        let Some(Checks { run, .. }) = self.checks.take() else {
            return false;
        };
        self.send(Call::StopVerify { run });
        self.say("the checks were stopped", look::DIM);
        true
    }

    /// The daemon that ran them is gone, or ended them with the connection.
    pub(super) fn checks_are_gone(&mut self) {
        if self.checks.take().is_some() {
            self.say("the checks ended with the connection", look::WARN);
        }
    }

    pub(super) fn verifying(&mut self, news: Verifying) {
        let Some(checks) = self.checks.as_mut().filter(|c| c.run == news.run) else {
            return;
        };
        match news.step {
            VerifyStep::Started { check, argv } => {
                let text = format!("{check}: {}", argv.join(" "));
                checks.check = Some(check);
                if self.plain {
                    self.say(&text, look::DIM);
                }
            }
            VerifyStep::Note { check, text } => self.say(&format!("{check}: {text}"), look::DIM),
            VerifyStep::Ended(report) => {
                checks.check = None;
                self.report(&report);
            }
        }
    }

    fn report(&mut self, report: &CheckReport) {
        let style = match report.outcome {
            Outcome::Passed => look::ADDED,
            Outcome::Flagged | Outcome::Inconclusive => look::WARN,
            Outcome::Failed => look::BAD,
        };
        let from = report.tail.len().saturating_sub(TAIL);
        for line in report.tail.iter().skip(from) {
            self.say(&format!("  {line}"), look::DIM);
        }
        if !report.tail.is_empty() {
            self.say(&format!("  all of it: {}", report.log.display()), look::DIM);
        }
        self.say(&report.to_string(), style);
        if !report.why.is_empty() {
            self.say(&format!("  {}", report.why), style);
        }
        if report.flaky {
            let text = format!(
                "  {} is flaky: it both passed and failed on this very tree",
                report.check
            );
            self.say(&text, look::WARN);
        }
    }

    pub(super) fn verified(&mut self, run: u64, outcome: Result<Verified, String>) {
        if self.checks.take_if(|c| c.run == run).is_none() {
            return;
        }
        match outcome {
            Err(why) => self.say(&why, look::WARN),
            Ok(done) => {
                let short = done.tree.get(..12).unwrap_or(&done.tree);
                self.say(&format!("tree {short}: {}", done.state), style(&done.state));
                if matches!(done.state, TreeState::Flagged { .. }) {
                    let next = "next: look at it, then `brisk verify --acknowledge REASON`";
                    self.say(next, look::PLAIN);
                }
            }
        }
    }

    /// The ledger's word on the files as they are.
    pub(super) fn tree(&mut self, news: TreeNews) {
        if self.repo.as_ref().is_none_or(|r| r.root == news.root) {
            self.state = Some(news.state);
        }
    }

    /// Something was written: whatever was proved is not proved of this. The daemon says so too, a moment later.
    pub(super) fn drafted(&mut self) {
        if let Some(state) = &mut self.state {
            let policy = !matches!(state, TreeState::Draft { policy: false });
            *state = TreeState::Draft { policy };
        }
    }

    /// Where the tree stands, in a word or two; none while that is not known. Where nothing was drafted, and nothing
    /// could be verified yet, that is no draft.
    pub(crate) fn standing(&self) -> Option<&'static str> {
        let state = self.state.as_ref()?;
        let open = matches!(state, TreeState::Draft { policy: false }) && self.after != After::Kept;
        match open && self.repo.as_ref()?.undoable == 0 {
            true => Some("not verified"),
            false => Some(state.word()),
        }
    }

    /// A policy is confirmed, so that there is something to run.
    pub(crate) fn can_verify(&self) -> bool {
        match &self.state {
            None | Some(TreeState::Draft { policy: false } | TreeState::Unknown { .. }) => false,
            Some(
                TreeState::Draft { policy: true }
                | TreeState::Verifying { .. }
                | TreeState::Verified { .. }
                | TreeState::Failed { .. }
                | TreeState::Inconclusive { .. }
                | TreeState::Flagged { .. }
                | TreeState::Shipped { .. },
            ) => true,
        }
    }
}

/// How a state looks, wherever it stands.
pub(crate) fn style(state: &TreeState) -> Style {
    match state {
        TreeState::Draft { .. } | TreeState::Verifying { .. } => look::DIM,
        TreeState::Verified {
            level: Level::Full, ..
        }
        | TreeState::Shipped { waived: false, .. } => look::ADDED,
        TreeState::Verified { .. }
        | TreeState::Inconclusive { .. }
        | TreeState::Flagged { .. }
        | TreeState::Shipped { waived: true, .. }
        | TreeState::Unknown { .. } => look::WARN,
        TreeState::Failed { .. } => look::BAD,
    }
}
