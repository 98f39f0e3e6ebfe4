//! What a repository would have run because somebody looks at it: by names that are no words, by what is not there,
//! and by what lies further in.

use crate::house::{House, RIGHT, git_in, said};
use crate::server::executable;
use std::path::{Path, PathBuf};

/// A program that leaves a mark and passes on what it gets.
fn marking(house: &House) -> (PathBuf, PathBuf) {
    let (mark, script) = (house.home.path().join("ran"), house.home.path().join("script"));
    executable(
        &script,
        &format!("#!/bin/sh\necho \"$0 $*\" >> {}\nexec cat\n", mark.display()),
    );
    (mark, script)
}

#[track_caller]
fn unmarked(mark: &Path, what: &str) {
    let ran = std::fs::read_to_string(mark).unwrap_or_default();
    assert!(ran.is_empty(), "{what} ran {ran}");
}

fn append(path: &Path, bytes: &[u8]) {
    let mut all = std::fs::read(path).unwrap_or_default();
    all.extend_from_slice(bytes);
    std::fs::write(path, all).unwrap();
}

#[test]
fn a_filter_is_not_run_whatever_it_is_called() {
    for (name, told) in [
        (&b"a=b"[..], "a=b"),
        (b"x\xff", "x\u{fffd}"),
        (b"y)", "y)"),
        (b"c.d", "c.d"),
        (b"e.clean=f", "e.clean=f"),
        (b"", ""),
    ] {
        let house = House::new();
        let (mark, script) = marking(&house);
        let config = [
            b"[filter \"",
            name,
            b"\"]\n\tclean = ",
            script.to_str().unwrap().as_bytes(),
            b"\n\trequired = true\n",
        ];
        append(&house.repo.join(".git/config"), &config.concat());
        let attributes = [b"*.m filter=", name, b"\n*.l filter=other\n"];
        append(&house.repo.join(".gitattributes"), &attributes.concat());
        house.write("a.m", "text\n");
        house.write("a.l", "text\n");
        house.write("shop.py", RIGHT);
        house.ends(0, &["verify"]);
        unmarked(&mark, told);
        let said = house.ends(24, &["ship", "commit", "-m", "x"]);
        let why = format!("the filter {told} is not one of yours");
        assert!(
            said.contains(&why) && said.contains("a.m") && !said.contains("a.l"),
            "{told}: {said}"
        );
        unmarked(&mark, told);
    }
}

/// A tree that is not there, and a remote that has promised it.
#[test]
fn nothing_is_fetched_by_who_looks() {
    let house = House::new();
    house.write(".gitattributes", "*.txt text\n");
    house.write("a.txt", "one\n");
    house.git(&["add", "-A"]);
    house.git(&["commit", "-qm", "second"]);
    house.ends(0, &["verify"]);
    let (mark, script) = marking(&house);
    // It hears nothing and has nothing to say.
    executable(
        &script,
        &format!("#!/bin/sh\necho \"$*\" >> {}\nexit 1\n", mark.display()),
    );
    for (name, value) in [
        ("core.repositoryFormatVersion", "1"),
        ("extensions.partialClone", "origin"),
        ("remote.origin.url", "ssh://nowhere/x"),
        ("remote.origin.promisor", "true"),
        ("core.sshCommand", script.to_str().unwrap()),
    ] {
        house.git(&["config", name, value]);
    }
    let tree = house.git(&["rev-parse", "HEAD^{tree}"]);
    let (folder, name) = tree.trim().split_at(2);
    let object = house.repo.join(".git/objects").join(folder).join(name);
    for args in [
        &["verify"][..],
        &["verify", "--accept"],
        &["gate", "show"],
        &["gate", "show", "HEAD"],
        &["ship", "commit", "-m", "x"],
        &["ship", "patch"],
    ] {
        // Whoever stages the same files makes it anew.
        let _ = std::fs::remove_file(&object);
        let out = house.brisk(args);
        unmarked(&mark, &format!("{args:?} ({})", said(&out)));
    }
    // Whoever asks git himself has it fetch.
    let _ = std::fs::remove_file(&object);
    let mut git = std::process::Command::new("git");
    let asked = git.args(["cat-file", "-t", tree.trim()]);
    assert!(!asked.current_dir(&house.repo).output().unwrap().status.success());
    assert!(mark.exists());
}

/// A repository in this one, recorded, at a path that git would quote.
fn with_submodule(house: &House, path: &str) -> PathBuf {
    let sub = house.repo.join(path);
    std::fs::create_dir(&sub).unwrap();
    git_in(&sub, &["init", "-q"]);
    std::fs::write(sub.join("lib.py"), "x = 1\n").unwrap();
    git_in(&sub, &["add", "-A"]);
    let identity = ["-c", "user.name=A", "-c", "user.email=a@b.c"];
    git_in(&sub, &[&identity[..], &["commit", "-qm", "lib"]].concat());
    house.git(&["add", path]);
    house.git(&["commit", "-qm", "with a submodule"]);
    sub
}

#[test]
fn nothing_of_a_submodule_runs_whatever_its_path_is() {
    for path in ["a\"b", "a\tb", "é"] {
        let house = House::new();
        let sub = with_submodule(&house, path);
        let (mark, script) = marking(&house);
        git_in(&sub, &["config", "filter.evil.clean", script.to_str().unwrap()]);
        git_in(&sub, &["config", "core.fsmonitor", script.to_str().unwrap()]);
        std::fs::write(sub.join(".gitattributes"), "* filter=evil\n").unwrap();
        std::fs::write(sub.join("lib.py"), "x = 2\n").unwrap();
        house.write("shop.py", RIGHT);
        house.ends(0, &["verify"]);
        unmarked(&mark, path);
        let said = house.ends(24, &["ship", "commit", "-m", "x"]);
        assert!(said.contains("changes of their own"), "{said}");
        unmarked(&mark, path);
    }
}

/// Its files look younger than its index says, so that git would write that anew, and there is a hook for it.
#[test]
fn a_submodule_is_left_as_it_was_by_who_ships() {
    let house = House::new();
    let sub = with_submodule(&house, "sub");
    let (mark, script) = marking(&house);
    let git = sub.join(".git");
    std::fs::create_dir_all(git.join("hooks")).unwrap();
    std::fs::copy(&script, git.join("hooks/post-index-change")).unwrap();
    house.write("shop.py", RIGHT);
    house.ends(0, &["verify"]);
    let index = std::fs::read(git.join("index")).unwrap();
    let later = std::time::SystemTime::now() + std::time::Duration::from_secs(60);
    let lib = std::fs::File::options().write(true).open(sub.join("lib.py"));
    lib.unwrap().set_modified(later).unwrap();
    for way in [&["ship", "patch"][..], &["ship", "branch", "b"]] {
        house.ends(0, way);
        unmarked(&mark, &format!("{way:?}"));
        assert_eq!(std::fs::read(git.join("index")).unwrap(), index, "{way:?}");
    }
}

/// The variable with which git runs the hooks of one repository, while somebody looks at another.
#[test]
fn another_repository_is_not_asked_instead() {
    let house = House::new();
    let other = House::raw(&[("other.py", "x = 1\n")]);
    house.write("shop.py", RIGHT);
    house.ends(0, &["verify"]);
    let out = house
        .command(&["verify"])
        .env("GIT_DIR", other.repo.join(".git"))
        .output()
        .unwrap();
    assert_eq!(out.status.code(), Some(0), "{}", said(&out));
}
