//! Whether git might store anything else than what lies on disk, asked of its files and not of git: for most
//! repositories the answer is no, and costs a few reads.
//!
//! A setting that is overlooked here costs a refusal to ship, never a wrong tree: what git makes is compared.

use crate::walk::{self, Indexed};
use std::fs;
use std::path::{Path, PathBuf};

/// Words of an attribute that changes content on its way into git.
const WORDS: [&str; 7] = ["text", "eol", "crlf", "filter", "ident", "encoding", "binary"];

/// Settings of the repository's own that change what git stores, with spaces taken out.
const SETTINGS: [&str; 9] = [
    "autocrlf",
    "attributesfile",
    "excludesfile",
    "filemode=false",
    "symlinks=false",
    "ignorecase=true",
    "precomposeunicode=true",
    "[include",
    "worktree=",
];

/// The same of the person's own. What those ignore is known to whoever walks the worktree.
const OWN_SETTINGS: [&str; 3] = ["autocrlf", "attributesfile", "[include"];

/// Whether git might store something else. `attributes`: files of attributes that somebody saw, below `root`.
pub(super) fn converts(root: &Path, attributes: &[PathBuf]) -> bool {
    let attributes = attributes.iter().any(|p| names_one(&root.join(p)));
    attributes || names_one(&root.join(".gitattributes")) || of_index(root) || of_git(root) || of_person()
}

/// The person's index: submodules, files of attributes, and formats that only git reads.
fn of_index(root: &Path) -> bool {
    match walk::indexed(root) {
        Indexed::None => false,
        Indexed::Unreadable => true,
        Indexed::Read { links, attributes } => links || attributes.iter().any(|p| names_one(&root.join(p))),
    }
}

/// The repository's own configuration and attributes.
fn of_git(root: &Path) -> bool {
    let Some(git) = walk::git_folder(root) else {
        return true;
    };
    let common = walk::common_folder(&git);
    let files = [common.join("config"), git.join("config.worktree")];
    files.iter().any(|f| has(f, &SETTINGS)) || names_one(&common.join("info/attributes"))
}

/// The person's own configuration and attributes.
fn of_person() -> bool {
    let variable = |name: &str| {
        std::env::var_os(name)
            .filter(|v| !v.is_empty())
            .map(PathBuf::from)
    };
    if variable("GIT_CONFIG_COUNT").is_some() || variable("GIT_CONFIG_PARAMETERS").is_some() {
        return true;
    }
    let home = std::env::home_dir();
    let xdg = variable("XDG_CONFIG_HOME").or_else(|| Some(home.as_ref()?.join(".config")));
    let xdg = xdg.map(|d| d.join("git"));
    let global = match variable("GIT_CONFIG_GLOBAL") {
        Some(file) => vec![file],
        None => [
            home.map(|h| h.join(".gitconfig")),
            xdg.as_ref().map(|d| d.join("config")),
        ]
        .into_iter()
        .flatten()
        .collect(),
    };
    let system = variable("GIT_CONFIG_SYSTEM").unwrap_or_else(|| "/etc/gitconfig".into());
    let configs = global.into_iter().chain([system]);
    let attributes = xdg.map(|d| d.join("attributes")).into_iter();
    let attributes = attributes.chain(["/etc/gitattributes".into()]);
    configs.into_iter().any(|f| has(&f, &OWN_SETTINGS)) || attributes.into_iter().any(|f| names_one(&f))
}

fn has(file: &Path, settings: &[&str]) -> bool {
    let text = fs::read(file).unwrap_or_default();
    let text = String::from_utf8_lossy(&text).to_lowercase();
    let text: String = text.chars().filter(|c| *c != ' ' && *c != '\t').collect();
    settings.iter().any(|s| text.contains(s))
}

/// Whether a file of attributes names one that changes content.
fn names_one(file: &Path) -> bool {
    let text = fs::read(file).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines = text.lines().filter(|l| !l.trim_start().starts_with('#'));
    // The pattern is the first word; it names a file, whatever that is called.
    let mut attributes = lines.flat_map(|l| l.split_whitespace().skip(1));
    attributes.any(|a| WORDS.iter().any(|w| a.contains(w)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_changes_content_is_asked_of_git() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("attributes");
        for (text, want) in [
            ("", false),
            ("*.lock linguist-generated\n# *.txt text\n", false),
            ("text.md merge=union\n", false),
            ("*.txt text eol=crlf\n", true),
            ("* -crlf\n", true),
            ("*.bin filter=lfs diff=lfs merge=lfs -text\n", true),
            ("*.png binary\n", true),
            ("*.sql working-tree-encoding=UTF-16\n", true),
            ("*.c ident\n", true),
        ] {
            fs::write(&file, text).unwrap();
            assert_eq!(names_one(&file), want, "{text}");
        }
        for (text, want) in [
            ("[core]\n\tfilemode = true\n\tbare = false\n", false),
            ("[core]\n\tfileMode = false\n", true),
            ("[core]\n\tAutoCRLF = input\n", true),
            ("[include]\n\tpath = ../x\n", true),
            ("[core]\n\tworktree = /elsewhere\n", true),
            ("[core]\n\texcludesFile = x\n", true),
        ] {
            fs::write(&file, text).unwrap();
            assert_eq!(has(&file, &SETTINGS), want, "{text}");
        }
    }
}
