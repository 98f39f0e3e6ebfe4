//! Whether an interrupt is worth sending. Pure: the moment is given.
//!
//! Only a server's own word says that it takes none, and that is asked again after minutes. Silence may be the line:
//! it counts when it comes twice.

use std::time::{Duration, Instant};

/// How long a refusal is remembered.
const REFUSED: Duration = Duration::from_secs(5 * 60);

/// So many silences in a row are a refusal.
const SILENCES: u32 = 2;

/// What is known of a server.
#[derive(Debug, Default)]
pub(crate) struct Interrupts {
    /// It has taken one: whatever else it says, it can.
    taken: bool,
    silent: u32,
    refused_until: Option<Instant>,
}

impl Interrupts {
    /// Whether to ask; else the end of the socket stops the answer.
    pub(crate) fn worth(&self, now: Instant) -> bool {
        self.refused_until.is_none_or(|until| now >= until)
    }

    pub(crate) fn was_taken(&mut self) {
        *self = Interrupts {
            taken: true,
            ..Interrupts::default()
        };
    }

    pub(crate) fn was_refused(&mut self, now: Instant) {
        if !self.taken {
            self.refused_until = Some(now + REFUSED);
            self.silent = 0;
        }
    }

    pub(crate) fn was_not_answered(&mut self, now: Instant) {
        self.silent += 1;
        if self.silent >= SILENCES {
            self.was_refused(now);
        }
    }
}

/// How long to wait for each step of an interrupt, at least as configured, on a line whose socket took that long to
/// open: two round trips at least.
pub(crate) fn patience(least: Duration, opened_in: Duration) -> Duration {
    least.max(opened_in * 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_the_servers_word_or_two_silences_and_ends() {
        let start = Instant::now();
        // `t`aken, `r`efused, `s`ilent; then seconds until the next one.
        for (past, after_s, want) in [
            ("", 0, true),
            ("r", 0, false),
            ("r", 299, false),
            ("r", 300, true),
            ("s", 0, true),
            ("ss", 0, false),
            ("ss", 300, true),
            ("sts", 0, true),
            ("rt", 0, true),
            // It was too late, or the line was slow.
            ("tr", 0, true),
            ("tss", 0, true),
        ] {
            let mut interrupts = Interrupts::default();
            for what in past.chars() {
                match what {
                    't' => interrupts.was_taken(),
                    'r' => interrupts.was_refused(start),
                    _ => interrupts.was_not_answered(start),
                }
            }
            let worth = interrupts.worth(start + Duration::from_secs(after_s));
            assert_eq!(worth, want, "{past} {after_s}");
        }
    }

    #[test]
    fn a_slow_line_is_given_its_time() {
        for (opened_ms, want_ms) in [(0, 250), (100, 250), (600, 1200)] {
            let want = Duration::from_millis(want_ms);
            let least = Duration::from_millis(250);
            assert_eq!(patience(least, Duration::from_millis(opened_ms)), want);
        }
    }
}
