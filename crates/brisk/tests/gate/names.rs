//! Files whose names git would put into quotes: tabs, line ends, quotes, what is no text. They are files like others.

use crate::house::{House, WRONG, git_in};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::process::Command;

const COMMIT: [&str; 4] = ["ship", "commit", "-m", "x"];

/// One looks like an entry of an index, one like an answer about a path that is not in it.
const NAMES: [&[u8]; 8] = [
    b"tab\there",
    b"two\nlines",
    b"quote\"",
    b"back\\slash",
    b"no text \xff",
    b"160000 aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa 0\tshop.py",
    b"? shop.py",
    b":(exclude)shop.py",
];

fn path(house: &House, name: &[u8]) -> PathBuf {
    house.repo.join("odd").join(OsStr::from_bytes(name))
}

/// Names of HEAD's files in the folder of odd ones, sorted.
fn shipped(house: &House) -> Vec<Vec<u8>> {
    let mut git = Command::new("git");
    git.args(["ls-tree", "-r", "-z", "--name-only", "HEAD:odd"]);
    let out = git.current_dir(&house.repo).output().unwrap().stdout;
    let names = out.split(|b| *b == 0).filter(|n| !n.is_empty());
    names.map(<[u8]>::to_vec).collect()
}

#[test]
fn a_name_that_git_quotes_ships_like_any_other() {
    // With and without something that has git itself store the files; in the middle of a merge, and not.
    for (attributes, merge) in [
        ("", false),
        ("", true),
        ("*.md text\n", false),
        ("*.md text\n", true),
    ] {
        let house = House::new();
        std::fs::create_dir(house.repo.join("odd")).unwrap();
        if merge {
            house.git(&["checkout", "-q", "-b", "side"]);
            house.write("side.txt", "side\n");
            house.git(&["add", "-A"]);
            house.git(&["commit", "-qm", "side"]);
            house.git(&["checkout", "-q", "main"]);
            house.git(&["merge", "-q", "--no-commit", "--no-ff", "side"]);
        }
        house.write(".gitattributes", attributes);
        for name in NAMES {
            std::fs::write(path(&house, name), "one\n").unwrap();
        }
        // A repository of somebody else's, which is passed over.
        let inner = path(&house, b"in\tner");
        std::fs::create_dir(&inner).unwrap();
        git_in(&inner, &["init", "-q"]);
        std::fs::write(inner.join("file"), "x").unwrap();
        house.ends(0, &["verify"]);
        house.ends(0, &COMMIT);
        let mut want: Vec<Vec<u8>> = NAMES.iter().map(|n| n.to_vec()).collect();
        want.sort();
        assert_eq!(shipped(&house), want, "{attributes:?}, merge: {merge}");

        // Git is told not to look at some; they changed all the same.
        for name in NAMES {
            let mut git = Command::new("git");
            git.args(["update-index", "--assume-unchanged", "--"]);
            git.arg(path(&house, name));
            assert!(git.current_dir(&house.repo).status().unwrap().success());
            std::fs::write(path(&house, name), "two\n").unwrap();
        }
        house.ends(0, &["verify"]);
        house.ends(0, &["ship", "branch", "next"]);
        let kept = house.git(&["show", "next:odd/tab\there"]);
        assert_eq!(kept, "two\n", "{attributes:?}, merge: {merge}");
    }
}

#[test]
fn what_keeps_an_odd_name_from_shipping_is_told_by_that_name() {
    let house = House::new();
    std::fs::create_dir(house.repo.join("odd")).unwrap();
    std::fs::write(path(&house, NAMES[0]), "one\n").unwrap();
    house.ends(0, &["verify"]);
    house.ends(0, &COMMIT);
    // Tracked and left out of the worktree.
    for told in ["--skip-worktree", "--assume-unchanged"] {
        let mut git = Command::new("git");
        git.args(["update-index", told, "--"]).arg(path(&house, NAMES[0]));
        assert!(git.current_dir(&house.repo).status().unwrap().success());
    }
    house.write("more.txt", "more\n");
    house.ends(0, &["verify"]);
    let said = house.ends(24, &COMMIT);
    assert!(said.contains("not checked out: odd/tab"), "{said}");
}

#[test]
fn a_submodule_with_an_odd_name_is_one() {
    let house = House::new();
    let sub = path(&house, b"sub\tmodule\n");
    std::fs::create_dir_all(&sub).unwrap();
    git_in(&sub, &["init", "-q"]);
    std::fs::write(sub.join("file"), "one\n").unwrap();
    git_in(&sub, &["add", "-A"]);
    let identity = ["-c", "user.name=A", "-c", "user.email=a@b.c", "commit", "-qm"];
    git_in(&sub, &[&identity[..], &["one"]].concat());
    let first = git_in(&sub, &["rev-parse", "HEAD"]);
    // It is recorded, as somebody who wants it would.
    let mut git = Command::new("git");
    git.args(["-c", "advice.addEmbeddedRepo=false", "add", "--"])
        .arg(&sub);
    assert!(git.current_dir(&house.repo).status().unwrap().success());
    house.ends(0, &["verify"]);
    house.ends(0, &COMMIT);
    let recorded = |house: &House| house.git(&["ls-tree", "-z", "HEAD:odd"]);
    assert!(recorded(&house).starts_with(&format!("160000 commit {}\tsub\tmodule\n", first.trim())));

    std::fs::write(sub.join("file"), "two\n").unwrap();
    let said = house.ends(24, &["ship", "branch", "b"]);
    assert!(said.contains("changes of their own"), "{said}");
    git_in(&sub, &["add", "-A"]);
    git_in(&sub, &[&identity[..], &["two"]].concat());
    house.ends(19, &["ship", "branch", "b"]);
    house.ends(0, &["verify"]);
    house.ends(0, &COMMIT);
    let second = git_in(&sub, &["rev-parse", "HEAD"]);
    assert!(recorded(&house).contains(second.trim()), "{}", recorded(&house));
    house.write("shop.py", WRONG);
    house.ends(14, &["verify"]);
}
