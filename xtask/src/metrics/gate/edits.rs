//! What a person does to a worktree: honest changes, and things that change nothing.

use super::place::Place;
use anyhow::Context;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::PathBuf;

/// The folder that flows play in.
const PLAY: &str = "src";

/// A change of content: another tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Edit {
    Append,
    Rewrite,
    NewFile,
    OddName,
    Deep,
    Empty,
    Binary,
    LineEnds,
    Delete,
    Rename,
    Executable,
    Link,
    FileToFolder,
    Stage,
    StageThenChange,
    Ignore,
    NewTest,
}

/// All of them.
pub(super) const EDITS: [Edit; 17] = [
    Edit::Append,
    Edit::Rewrite,
    Edit::NewFile,
    Edit::OddName,
    Edit::Deep,
    Edit::Empty,
    Edit::Binary,
    Edit::LineEnds,
    Edit::Delete,
    Edit::Rename,
    Edit::Executable,
    Edit::Link,
    Edit::FileToFolder,
    Edit::Stage,
    Edit::StageThenChange,
    Edit::Ignore,
    Edit::NewTest,
];

/// Something between verifying and shipping that leaves the content as it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Idle {
    Nothing,
    Touch,
    SameAgain,
    NewInode,
    EditAndUndo,
    NewAndGone,
    ModeAndBack,
    Ignored,
    StageAll,
    Unstage,
    Status,
    Pack,
    Subfolder,
    VerifyAgain,
    RedAndBack,
}

/// All of them.
pub(super) const IDLES: [Idle; 15] = [
    Idle::Nothing,
    Idle::Touch,
    Idle::SameAgain,
    Idle::NewInode,
    Idle::EditAndUndo,
    Idle::NewAndGone,
    Idle::ModeAndBack,
    Idle::Ignored,
    Idle::StageAll,
    Idle::Unstage,
    Idle::Status,
    Idle::Pack,
    Idle::Subfolder,
    Idle::VerifyAgain,
    Idle::RedAndBack,
];

/// Plain files of the play folder, sorted.
fn files(place: &Place) -> anyhow::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut folders = vec![place.root().join(PLAY)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder)? {
            let entry = entry?;
            let kind = entry.file_type()?;
            if kind.is_dir() {
                folders.push(entry.path());
            } else if kind.is_file() {
                found.push(entry.path());
            }
        }
    }
    found.sort();
    Ok(found)
}

/// One of the files, never the last that is left.
fn one(place: &Place, random: &mut fastrand::Rng) -> anyhow::Result<PathBuf> {
    let all = files(place)?;
    all.get(random.usize(..all.len().max(1)))
        .cloned()
        .context("the play folder is empty")
}

fn few(place: &Place) -> anyhow::Result<bool> {
    Ok(files(place)?.len() < 4)
}

/// Makes a change. `number`: of this change, for names that are new.
pub(super) fn edit(
    place: &Place,
    what: Edit,
    number: usize,
    random: &mut fastrand::Rng,
) -> anyhow::Result<()> {
    let new = |name: String, bytes: &[u8]| place.write(&format!("{PLAY}/{name}"), bytes);
    let text = format!("written by change {number}\n");
    match what {
        Edit::Append => {
            let file = one(place, random)?;
            let mut bytes = fs::read(&file)?;
            bytes.extend_from_slice(text.as_bytes());
            fs::write(file, bytes)?;
        }
        Edit::Rewrite => fs::write(one(place, random)?, text)?,
        Edit::NewFile => new(format!("file{number}.txt"), text.as_bytes())?,
        Edit::OddName => {
            let names = [
                "two words",
                "-dash",
                "quote\"",
                "umlaut \u{e4}",
                "back\\slash",
                "#hash",
                "tab\there",
            ];
            let name = names
                .get(random.usize(..names.len()))
                .copied()
                .unwrap_or_default();
            new(format!("{name} {number}"), text.as_bytes())?;
        }
        Edit::Deep => new(format!("a/b{number}/c/d/e.txt"), text.as_bytes())?,
        Edit::Empty => new(format!("empty{number}"), b"")?,
        Edit::Binary => {
            let bytes: Vec<u8> = (0..random.usize(1..5_000)).map(|_| random.u8(..)).collect();
            new(format!("bytes{number}.bin"), &bytes)?;
        }
        Edit::LineEnds => new(format!("ends{number}.txt"), b"one\r\ntwo\nthree\r\n")?,
        Edit::Delete if few(place)? => new(format!("file{number}.txt"), text.as_bytes())?,
        Edit::Delete => fs::remove_file(one(place, random)?)?,
        Edit::Rename => {
            let file = one(place, random)?;
            fs::rename(&file, file.with_file_name(format!("renamed{number}")))?;
        }
        Edit::Executable => {
            let file = one(place, random)?;
            let mode = fs::metadata(&file)?.permissions().mode();
            fs::set_permissions(file, fs::Permissions::from_mode(mode ^ 0o111))?;
        }
        Edit::Link => symlink(
            "../check.sh",
            place.root().join(PLAY).join(format!("link{number}")),
        )?,
        Edit::FileToFolder => {
            let file = one(place, random)?;
            fs::remove_file(&file)?;
            fs::create_dir(&file)?;
            fs::write(file.join("inner"), text)?;
        }
        Edit::Stage => {
            new(format!("staged{number}.txt"), text.as_bytes())?;
            place.git(&["add", "--", PLAY])?;
        }
        Edit::StageThenChange => {
            let name = format!("both{number}.txt");
            new(name.clone(), b"staged\n")?;
            place.git(&["add", "--", PLAY])?;
            new(name, text.as_bytes())?;
        }
        Edit::Ignore => {
            let ignored = fs::read_to_string(place.root().join(".gitignore"))?;
            place.write(".gitignore", format!("{ignored}*.tmp{number}\n"))?;
            new(format!("x.tmp{number}"), text.as_bytes())?;
        }
        Edit::NewTest => place.write(&format!("t/more{number}.sh"), "true\n")?,
    }
    Ok(())
}

/// Does something that leaves the content as it was.
pub(super) fn idle(place: &Place, what: Idle, random: &mut fastrand::Rng) -> anyhow::Result<()> {
    let file = one(place, random)?;
    let (bytes, mode) = (fs::read(&file)?, fs::metadata(&file)?.permissions());
    match what {
        Idle::Nothing | Idle::VerifyAgain | Idle::RedAndBack => {}
        Idle::Touch => fs::File::options()
            .write(true)
            .open(&file)?
            .set_modified(std::time::SystemTime::now())?,
        Idle::SameAgain => fs::write(&file, &bytes)?,
        Idle::NewInode => {
            let beside = file.with_extension("new");
            fs::write(&beside, &bytes)?;
            fs::set_permissions(&beside, mode)?;
            fs::rename(beside, &file)?;
        }
        Idle::EditAndUndo => {
            fs::write(&file, "something else\n")?;
            fs::write(&file, &bytes)?;
        }
        Idle::NewAndGone => {
            place.write("scratch.txt", "x")?;
            fs::remove_file(place.root().join("scratch.txt"))?;
        }
        Idle::ModeAndBack => {
            fs::set_permissions(&file, fs::Permissions::from_mode(mode.mode() ^ 0o111))?;
            fs::set_permissions(&file, mode)?;
        }
        Idle::Ignored => {
            place.write("build/out.o", &bytes)?;
            place.write("a.log", &bytes)?;
        }
        Idle::StageAll => drop(place.git(&["add", "--all"])?),
        Idle::Unstage => drop(place.git(&["reset", "-q"])?),
        Idle::Status => drop(place.git(&["status", "--porcelain"])?),
        Idle::Pack => drop(place.git(&["gc", "-q"])?),
        Idle::Subfolder => fs::create_dir_all(place.root().join("nothing/in/it"))?,
    }
    Ok(())
}
