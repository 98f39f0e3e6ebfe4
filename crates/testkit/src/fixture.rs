//! Small repositories to work in, made without running git.

use std::fs;
use std::io;
use std::path::Path;
use tempfile::TempDir;

/// A small Python program: two functions and a class, four spaces, one bug-shaped place.
pub const PYTHON: &[(&str, &str)] = &[
    (
        "parser.py",
        "\"\"\"Reads headers.\"\"\"\n\nMAX_HEADERS = 100\n\n\ndef parse_header(line):\n    name, value = line.split(\":\")\n    return name.strip(), value.strip()\n\n\ndef parse_headers(lines):\n    headers = {}\n    for line in lines:\n        name, value = parse_header(line)\n        headers[name] = value\n    return headers\n\n\nclass Request:\n    def __init__(self, method, path):\n        self.method = method\n        self.path = path\n\n    def is_safe(self):\n        return self.method in (\"GET\", \"HEAD\")\n",
    ),
    ("README.md", "# headers\n\nReads HTTP headers.\n"),
];

/// A small Rust crate: a library with a struct, a method and a test.
pub const RUST: &[(&str, &str)] = &[
    (
        "Cargo.toml",
        "[package]\nname = \"counter\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\n[dependencies]\n\n[workspace]\n",
    ),
    (
        "src/lib.rs",
        "//! Counts words.\n\nuse std::collections::BTreeMap;\n\n/// Counts by word.\npub struct Counter {\n    counts: BTreeMap<String, usize>,\n}\n\nimpl Counter {\n    /// Counts the words of a text.\n    pub fn new(text: &str) -> Counter {\n        let mut counts = BTreeMap::new();\n        for word in text.split(' ') {\n            *counts.entry(word.to_owned()).or_insert(0) += 1;\n        }\n        Counter { counts }\n    }\n\n    /// How often a word came.\n    pub fn get(&self, word: &str) -> usize {\n        self.counts.get(word).copied().unwrap_or(0)\n    }\n}\n\n#[cfg(test)]\nmod tests {\n    use super::*;\n\n    #[test]\n    fn counts() {\n        assert_eq!(Counter::new(\"a b a\").get(\"a\"), 2);\n    }\n}\n",
    ),
];

/// Makes a git repository with one branch, `main`, no commit, and these files in its work tree. Paths are below the
/// root, `/` between components. The folder goes when the value is dropped.
///
/// # Errors
/// When the file system refuses.
pub fn repo(files: &[(&str, &str)]) -> io::Result<TempDir> {
    let root = tempfile::Builder::new().prefix("brisk-fixture-").tempdir()?;
    let git = root.path().join(".git");
    for folder in [
        "objects/info",
        "objects/pack",
        "refs/heads",
        "refs/tags",
        "info",
        "hooks",
    ] {
        fs::create_dir_all(git.join(folder))?;
    }
    fs::write(git.join("HEAD"), "ref: refs/heads/main\n")?;
    fs::write(
        git.join("config"),
        "[core]\n\trepositoryformatversion = 0\n\tfilemode = true\n\tbare = false\n\tlogallrefupdates = true\n",
    )?;
    for (path, content) in files {
        write(root.path(), path, content)?;
    }
    Ok(root)
}

/// Writes one file below a root, with the folders above it.
///
/// # Errors
/// When the file system refuses.
pub fn write(root: &Path, path: &str, content: &str) -> io::Result<()> {
    let file = root.join(path);
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(file, content)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    fn git(root: &Path, args: &[&str]) -> String {
        let out = Command::new("git")
            .arg("-C")
            .arg(root)
            .args(args)
            .output()
            .unwrap();
        assert!(
            out.status.success(),
            "git {args:?}: {}",
            String::from_utf8_lossy(&out.stderr)
        );
        String::from_utf8(out.stdout).unwrap()
    }

    #[test]
    fn git_accepts_the_repository() {
        for files in [PYTHON, RUST] {
            let root = repo(files).unwrap();
            git(root.path(), &["fsck", "--strict"]);
            let status = git(root.path(), &["status", "--porcelain", "-uall"]);
            let mut seen: Vec<String> = status.lines().map(|l| l.replacen("?? ", "", 1)).collect();
            seen.sort();
            let mut made: Vec<String> = files.iter().map(|(path, _)| (*path).to_owned()).collect();
            made.sort();
            assert_eq!(seen, made);
        }
    }
}
