//! What a repository asks for: the files whose words would count for something, as they lie there now.

use sha2::{Digest, Sha256};
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

/// All of them. `brisk.toml` names commands that `brisk verify` and delegated work run, confined; the policy narrows where
/// work goes. No file of a repository names hosts, keys, servers or hooks: there is nothing that would read them.
const FILES: [&str; 2] = ["brisk.toml", ".brisk/policy.toml"];

/// Told to models as text, and no more than told: it is shown, and not pinned.
const TOLD: &str = "AGENTS.md";

/// Longer ones are something else than configuration.
const MAX_BYTES: u64 = 1 << 20;

/// What is in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Content {
    /// A text, with its SHA-256.
    Text {
        /// The text.
        text: String,
        /// Of its bytes, in hexadecimal.
        digest: String,
    },
    /// Something that nobody can be shown; why.
    Unusable(String),
}

/// The files that are there.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Asks {
    files: Vec<(&'static str, Content)>,
    told: bool,
}

impl Asks {
    /// Of the repository with this root.
    pub(crate) fn of(root: &Path) -> Asks {
        let read = |name: &'static str| Some((name, content(&root.join(name))?));
        Asks {
            files: FILES.into_iter().filter_map(read).collect(),
            told: root.join(TOLD).is_file(),
        }
    }

    /// Those that are there, by path.
    pub(crate) fn files(&self) -> &[(&'static str, Content)] {
        &self.files
    }

    /// What models are told of the repository's own words.
    pub(crate) fn told(&self) -> Option<&'static str> {
        self.told.then_some(TOLD)
    }

    /// The text of one.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.files.iter().find_map(|(path, content)| match content {
            Content::Text { text, .. } if *path == name => Some(text.as_str()),
            Content::Text { .. } | Content::Unusable(_) => None,
        })
    }

    /// Path and digest of each, to be pinned; nothing where one of them cannot be shown.
    pub(crate) fn pins(&self) -> Option<Vec<(String, String)>> {
        let pin = |(path, content): &(&'static str, Content)| match content {
            Content::Text { digest, .. } => Some(((*path).to_owned(), digest.clone())),
            Content::Unusable(_) => None,
        };
        self.files.iter().map(pin).collect()
    }

    /// Paths of those that cannot be shown.
    pub(crate) fn unusable(&self) -> Vec<String> {
        let all = self.files.iter();
        all.filter(|(_, content)| matches!(content, Content::Unusable(_)))
            .map(|(path, _)| (*path).to_owned())
            .collect()
    }
}

/// One digest of all that is pinned.
pub(crate) fn digest(pins: &[(String, String)]) -> String {
    let mut all = Sha256::new();
    for (path, content) in pins {
        all.update(path.as_bytes());
        all.update([0]);
        all.update(content.as_bytes());
        all.update([b'\n']);
    }
    hex(&all.finalize())
}

/// SHA-256 of a text.
pub(crate) fn of_text(text: &str) -> String {
    hex(&Sha256::digest(text.as_bytes()))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

/// What is there; nothing where nothing is. A link could lead anywhere, also out of the repository.
fn content(path: &Path) -> Option<Content> {
    let unusable = |why: String| Some(Content::Unusable(why));
    let folder = path.parent().map(fs::symlink_metadata);
    if let Some(Ok(folder)) = folder
        && !folder.is_dir()
    {
        return unusable("its folder is a link".to_owned());
    }
    let meta = match fs::symlink_metadata(path) {
        Ok(meta) => meta,
        Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => return None,
        Err(e) => return unusable(e.to_string()),
    };
    if !meta.is_file() {
        return unusable("it is not a regular file".to_owned());
    }
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(MAX_BYTES + 1).read_to_end(&mut bytes));
    match (read, String::from_utf8(bytes)) {
        (Err(e), _) => unusable(e.to_string()),
        (Ok(n), _) if n as u64 > MAX_BYTES => unusable("it has more than 1 MiB".to_owned()),
        (Ok(_), Err(_)) => unusable("it is no text".to_owned()),
        (Ok(_), Ok(text)) => Some(Content::Text {
            digest: of_text(&text),
            text,
        }),
    }
}
