//! Screens of the live client: the real binary is driven through stories against a fake model, and what a person would
//! see is kept as text and as pictures.

mod picture;
mod stories;
mod story;
mod text;

use crate::rig::house::Programs;
use anyhow::Context;
use clap::builder::PossibleValuesParser;
use picture::Fonts;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use stories::STORIES;
use story::Kept;

/// Options of `cargo xtask screens`.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Write nothing; fail where a screen is another than the one that is kept
    #[arg(long)]
    check: bool,
    /// Only this story; may be given several times
    #[arg(long, value_name = "NAME", value_parser = names())]
    only: Vec<String>,
    /// The built product [default: target/release/brisk]
    #[arg(long, value_name = "PATH")]
    binary: Option<PathBuf>,
    /// The built fake model [default: target/release/brisk-fake-model]
    #[arg(long, value_name = "PATH")]
    fake: Option<PathBuf>,
    /// A monospaced TrueType font [default: one of the system]
    #[arg(long, value_name = "FILE")]
    font: Option<PathBuf>,
}

fn names() -> PossibleValuesParser {
    PossibleValuesParser::new(STORIES.iter().map(|story| story.name))
}

/// Plays the stories and keeps, or compares, their screens.
pub(crate) fn run(options: Options) -> anyhow::Result<ExitCode> {
    let programs = Programs::find(options.binary.as_deref(), options.fake.as_deref())?;
    let folder = crate::root()?.join("docs/screens");
    let fonts = match options.check {
        true => None,
        false => Some(Fonts::find(options.font.as_deref())?),
    };
    let mut out = io::stdout().lock();
    let mut other = 0;
    for story in STORIES {
        if !options.only.is_empty() && !options.only.iter().any(|name| name == story.name) {
            continue;
        }
        for kept in story.play(&programs)? {
            let now = text::text(&kept.screen);
            let before = fs::read_to_string(file(&folder, &kept, "txt")).unwrap_or_default();
            let same = now == before;
            other += usize::from(!same);
            writeln!(out, "{} {}", if same { "same   " } else { "changed" }, kept.name)?;
            match &fonts {
                Some(fonts) => keep(&folder, &kept, &now, same, fonts)?,
                None if same => {}
                None => write!(out, "{}", differences(&before, &now))?,
            }
        }
    }
    Ok(if options.check && other > 0 {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

/// Writes text and picture. A picture is made anew only where the text is another, since the figures in it differ at
/// every run; delete it to have it made.
fn keep(folder: &Path, kept: &Kept, now: &str, same: bool, fonts: &Fonts) -> anyhow::Result<()> {
    fs::create_dir_all(folder)?;
    fs::write(file(folder, kept, "txt"), now)?;
    let path = file(folder, kept, "png");
    if !same || !path.is_file() {
        let picture = picture::picture(&kept.screen, fonts).with_context(|| kept.name.clone())?;
        fs::write(path, picture)?;
    }
    Ok(())
}

fn file(folder: &Path, kept: &Kept, ending: &str) -> PathBuf {
    folder.join(format!("{}.{ending}", kept.name))
}

/// Rows that differ.
fn differences(before: &str, now: &str) -> String {
    similar::TextDiff::from_lines(before, now)
        .unified_diff()
        .context_radius(1)
        .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn docs() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs")
    }

    #[test]
    fn every_screen_is_kept_and_none_is_left_over() {
        let endings = ["png", "txt"];
        let wanted: BTreeSet<String> = STORIES
            .iter()
            .flat_map(|story| story.names())
            .flat_map(|name| endings.map(|ending| format!("{name}.{ending}")))
            .collect();
        let found: BTreeSet<String> = fs::read_dir(docs().join("screens"))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        assert_eq!(found, wanted);
    }

    #[test]
    fn the_page_shows_every_picture_and_each_is_small() {
        let page = fs::read_to_string(docs().join("client.md")).unwrap();
        for name in STORIES.iter().flat_map(|story| story.names()) {
            let link = format!("(screens/{name}.png)");
            assert!(page.contains(&link), "docs/client.md has no {link}");
            let size = fs::metadata(docs().join(format!("screens/{name}.png")))
                .unwrap()
                .len();
            assert!(size <= 60_000, "{name}.png has {size} bytes");
        }
    }

    #[test]
    fn a_row_that_differs_is_shown() {
        let diff = differences("a\nb\nc\n", "a\nB\nc\n");
        assert!(diff.contains("-b\n+B\n"), "{diff}");
        assert_eq!(differences("a\n", "a\n"), "");
    }
}
