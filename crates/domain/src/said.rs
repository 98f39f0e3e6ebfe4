//! The text of a message, shared between the requests of one conversation.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

/// Text that is cheap to copy. To compare it with a copy of itself is cheap as well: a request repeats all that was
/// said before, and whoever sends only news must know that it is the same.
#[derive(Clone, Eq, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub struct Said(Arc<str>);

impl Said {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl PartialEq for Said {
    fn eq(&self, other: &Said) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.0 == other.0
    }
}

impl Deref for Said {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl From<String> for Said {
    fn from(text: String) -> Said {
        Said(text.into())
    }
}

impl From<&str> for Said {
    fn from(text: &str) -> Said {
        Said(text.into())
    }
}

impl From<Said> for String {
    fn from(said: Said) -> String {
        said.as_str().to_owned()
    }
}

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self)
    }
}

impl fmt::Debug for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_its_text_whoever_holds_it() {
        let said = Said::from("é\n");
        for (other, same) in [
            (said.clone(), true),
            ("é\n".to_owned().into(), true),
            ("é".into(), false),
        ] {
            assert_eq!(said == other, same, "{other:?}");
        }
        let json = serde_json::to_string(&said).unwrap();
        assert_eq!(json, r#""é\n""#);
        assert_eq!(serde_json::from_str::<Said>(&json).unwrap(), said);
        assert_eq!(format!("{said}{said:?}"), "é\n\"é\\n\"");
    }
}
