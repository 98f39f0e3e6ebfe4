//! Links in Markdown that point into the tree point at something.

use super::Finding;
use pulldown_cmark::{Event, Options, Parser, Tag};
use std::path::{Component, Path, PathBuf};

/// The links of `text`, a Markdown file at `path` below `root`, that lead nowhere.
pub(super) fn check(root: &Path, path: &str, text: &str) -> Vec<Finding> {
    let folder = Path::new(path).parent().unwrap_or(Path::new(""));
    let mut found = Vec::new();
    for (event, range) in Parser::new_ext(text, Options::all()).into_offset_iter() {
        let Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) = event else {
            continue;
        };
        let target = dest_url.split('#').next().unwrap_or_default();
        if target.is_empty() || target.starts_with("mailto:") || target.contains("://") {
            continue;
        }
        let wrong = match inside(folder, target) {
            None => "leads out of the repository",
            Some(file) if !root.join(&file).exists() => "leads to a file that is not there",
            Some(_) => continue,
        };
        let line = 1 + text.get(..range.start).unwrap_or_default().matches('\n').count();
        found.push(Finding::error(
            path,
            line,
            format!("the link `{dest_url}` {wrong}"),
        ));
    }
    found
}

/// `target` seen from `folder`, relative to the root; `None` where it climbs out of it.
fn inside(folder: &Path, target: &str) -> Option<PathBuf> {
    let mut file = PathBuf::new();
    for part in folder.join(target).components() {
        match part {
            Component::Normal(name) => file.push(name),
            Component::CurDir => {}
            Component::ParentDir => file.pop().then_some(())?,
            Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    Some(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("docs")).unwrap();
        std::fs::write(dir.path().join("docs/a.md"), "").unwrap();
        let cases = [
            ("[a](a.md) [b](a.md#x) [c](#x) [d](../docs)", None),
            ("<https://x.example/a.md> [m](mailto:a@b.example)", None),
            ("`[a](gone.md)`", None),
            ("```\n[a](gone.md)\n```", None),
            (
                "x\n\n![i](gone.png)",
                Some("docs/x.md:3: the link `gone.png` leads to a file"),
            ),
            ("[a][r]\n\n[r]: gone.md", Some("docs/x.md:1: the link `gone.md`")),
            ("[a](../../a.md)", Some("leads out of the repository")),
            ("[a](/docs/a.md)", Some("leads out of the repository")),
        ];
        for (text, want) in cases {
            let found: Vec<_> = check(dir.path(), "docs/x.md", text)
                .iter()
                .map(Finding::to_string)
                .collect();
            match want {
                None => assert_eq!(found, Vec::<String>::new(), "{text}"),
                Some(want) => assert!(found.len() == 1 && found[0].contains(want), "{text}: {found:?}"),
            }
        }
    }
}
