//! What the steps of an attempt tell about whether each was done once.

use anyhow::bail;
use brisk_domain::job::Step;
use brisk_protocol::jobs::StepView;
use std::collections::BTreeSet;

/// What all attempts' steps come to.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Done {
    /// Answers that became a step.
    pub(super) said: usize,
    /// Steps by which an attempt was stopped because another one had won.
    pub(super) stopped: usize,
    /// Steps that stand there twice, or stand where another one is due.
    pub(super) doubled: usize,
    /// Steps that are missing between two.
    pub(super) lost: usize,
    texts: BTreeSet<String>,
}

impl Done {
    /// Takes in the steps of one attempt: answers and checks in turn, each answer another one.
    pub(super) fn take(&mut self, steps: &[StepView]) -> anyhow::Result<()> {
        let mut answered = false;
        for (seq, view) in (1..).zip(steps) {
            self.lost += usize::from(view.seq > seq);
            self.doubled += usize::from(view.seq < seq);
            if let Step::Said { text, .. } = &view.step {
                self.said += 1;
                let new = self.texts.insert(text.clone());
                self.doubled += usize::from(answered || !new);
                answered = true;
            } else if matches!(view.step, Step::Checked(_)) {
                self.doubled += usize::from(!answered);
                answered = false;
            } else if matches!(view.step, Step::Stopped { .. }) {
                self.stopped += 1;
            } else {
                bail!("{:?} is no step that was asked for", view.step);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use brisk_domain::CancelReason;
    use brisk_domain::evidence::Tree;
    use brisk_domain::job::Checked;
    use brisk_domain::port::Usage;

    fn steps(word: &str) -> Vec<StepView> {
        let step = |c| match c {
            'c' => Step::Checked(Checked::Unproven {
                tree: Tree::parse(&"1".repeat(40)).unwrap(),
                passed: 0,
                failed: 1,
                said: String::new(),
            }),
            's' => Step::Stopped {
                cause: CancelReason::Superseded,
            },
            'f' => Step::Faulted {
                message: "it went".into(),
            },
            text => Step::Said {
                text: text.into(),
                usage: Usage::default(),
            },
        };
        let view = |(seq, c)| StepView {
            seq,
            at_us: 0,
            step: step(c),
            refused: None,
        };
        (1..).zip(word.chars()).map(view).collect()
    }

    #[test]
    fn what_was_done_twice_or_is_missing_is_seen() {
        for (attempts, said, stopped, doubled) in [
            (&["1c2c"][..], 2, 0, 0),
            (&["1c", "2cs"], 2, 1, 0),
            (&["1c2"], 2, 0, 0),
            (&["1cc"], 1, 0, 1),
            (&["12c"], 2, 0, 1),
            (&["1c1c"], 2, 0, 1),
            (&["1c", "1c"], 2, 0, 1),
        ] {
            let mut done = Done::default();
            for word in attempts {
                done.take(&steps(word)).unwrap();
            }
            let got = (done.said, done.stopped, done.doubled, done.lost);
            assert_eq!(got, (said, stopped, doubled, 0), "{attempts:?}");
        }
        let mut gap = steps("1c2c");
        gap.remove(1);
        let mut done = Done::default();
        done.take(&gap).unwrap();
        assert!(done.lost > 0);
        assert!(Done::default().take(&steps("f")).is_err());
    }
}
