//! When a server is given up, by model: `timeouts = { open_ms = 3000, first_text_ms = 600000, silence_ms = 120000 }`.

use brisk_providers::Timeouts;
use serde::de::Error;
use serde::{Deserialize, Deserializer};
use std::time::Duration;

/// A time within bounds, milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Millis<const MIN: u64, const MAX: u64>(u64);

impl<'de, const MIN: u64, const MAX: u64> Deserialize<'de> for Millis<MIN, MAX> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        // Signed, so that a number below zero is named as any other that is out of bounds.
        let value = i64::deserialize(from)?;
        match u64::try_from(value) {
            Ok(ms) if (MIN..=MAX).contains(&ms) => Ok(Millis(ms)),
            Ok(_) | Err(_) => Err(D::Error::custom(format!(
                "{value} is out of bounds; write milliseconds from {MIN} to {MAX}"
            ))),
        }
    }
}

impl<const MIN: u64, const MAX: u64> From<Millis<MIN, MAX>> for Duration {
    fn from(millis: Millis<MIN, MAX>) -> Duration {
        Duration::from_millis(millis.0)
    }
}

/// When a server is given up. What is not named is as usual; whoever waits has a clock of its own beside these.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TimeoutSettings {
    /// Until a connection is open: name, TCP, proxy, TLS. 3 s.
    pub open_ms: Option<Millis<50, 60_000>>,
    /// Silence before the first text: queues, reading the prompt, thinking. 10 minutes.
    pub first_text_ms: Option<Millis<100, 3_600_000>>,
    /// Silence after the first text. 2 minutes.
    pub silence_ms: Option<Millis<100, 3_600_000>>,
}

impl TimeoutSettings {
    /// For a client of the server.
    pub fn timeouts(self) -> Timeouts {
        let usual = Timeouts::default();
        Timeouts {
            connect: self.open_ms.map_or(usual.connect, Duration::from),
            first_text: self.first_text_ms.map_or(usual.first_text, Duration::from),
            stall: self.silence_ms.map_or(usual.stall, Duration::from),
            aside: usual.aside,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    fn load(line: &str) -> Result<Timeouts, String> {
        let text = format!("[models.a]\nbase_url = \"http://127.0.0.1:1\"\nmodel = \"m\"\n{line}\n");
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("config.toml");
        std::fs::write(&path, text).unwrap();
        match Config::load(&path) {
            Ok(config) => Ok(config.models["a"].timeouts.timeouts()),
            Err(error) => Err(error.to_string()),
        }
    }

    #[test]
    fn a_model_has_timeouts_of_its_own() {
        let usual = Timeouts::default();
        let ms = Duration::from_millis;
        for (line, want) in [
            ("", usual),
            ("timeouts = {}", usual),
            (
                "timeouts = { open_ms = 50, first_text_ms = 100, silence_ms = 3600000 }",
                Timeouts {
                    connect: ms(50),
                    first_text: ms(100),
                    stall: ms(3_600_000),
                    ..usual
                },
            ),
            (
                "timeouts.silence_ms = 5000",
                Timeouts {
                    stall: ms(5_000),
                    ..usual
                },
            ),
        ] {
            assert_eq!(load(line).unwrap(), want, "{line}");
        }
    }

    #[test]
    fn a_time_that_makes_no_sense_is_named_with_its_place() {
        for (line, says) in [
            (
                "timeouts = { open_ms = 49 }",
                &["line 4, column 24", "49", "from 50 to 60000"][..],
            ),
            ("timeouts = { open_ms = 60001 }", &["line 4, column 24", "60001"]),
            (
                "timeouts = { first_text_ms = 0 }",
                &["line 4, column 30", "from 100 to 3600000"],
            ),
            ("timeouts = { silence_ms = -5 }", &["line 4, column 27", "-5"]),
            ("timeouts = { silence_ms = \"2m\" }", &["line 4, column 27"]),
            (
                "timeouts = { silence_ms = 99999999999999999999 }",
                &["line 4, column"],
            ),
            ("timeouts = { stall_ms = 5 }", &["line 4, column 14", "stall_ms"]),
        ] {
            let error = load(line).unwrap_err();
            for word in says {
                assert!(error.contains(word), "`{word}` in {error}");
            }
        }
    }
}
