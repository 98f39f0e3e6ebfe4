//! Ways around the pre-receive script, without any key.

use crate::house::{House, POLICY, RIGHT, SHOP, TESTS, WRONG, git_in, said};
use crate::server::{push, remote};

/// A commit with these files and parents, made beside index and worktree.
pub(crate) fn commit(house: &House, entries: &[(&str, &str)], parents: &[&str]) -> String {
    let index = house.home.path().join("x.index");
    let _ = std::fs::remove_file(&index);
    let git = |args: &[&str]| {
        let out = std::process::Command::new("git")
            .args(args)
            .current_dir(&house.repo)
            .env("GIT_INDEX_FILE", &index)
            .output()
            .unwrap();
        assert!(out.status.success(), "{args:?}: {}", said(&out));
        String::from_utf8(out.stdout).unwrap().trim().to_owned()
    };
    for (path, text) in entries {
        let file = house.home.path().join("x.blob");
        std::fs::write(&file, text).unwrap();
        let blob = git(&["hash-object", "-w", file.to_str().unwrap()]);
        git(&[
            "update-index",
            "--add",
            "--cacheinfo",
            &format!("100644,{blob},{path}"),
        ]);
    }
    let tree = git(&["write-tree"]);
    let mut args = vec!["commit-tree", &tree, "-m", "x"];
    args.extend(parents.iter().flat_map(|p| ["-p", p]));
    git(&args)
}

#[test]
fn nothing_comes_in_under_the_name_of_a_ledger() {
    let house = House::new();
    let remote = remote(&house);
    house.ends(0, &["verify"]);
    house.ends(0, &["ship", "push"]);
    let own = house.git(&["for-each-ref", "--format=%(refname)", "refs/brisk"]);
    let own = own.trim();
    let good = house.ledger();
    house.git(&["checkout", "-q", "-b", "evil"]);
    house.write("shop.py", WRONG);
    house.git(&["commit", "-qam", "evil"]);
    let evil = house.head();
    let old = house.git(&["rev-parse", own]);
    let old = old.trim();
    let zzz = "refs/brisk/attestations/zzz";
    let rows = [
        ("an empty ledger", commit(&house, &[("ledger", "")], &[]), zzz),
        (
            "an empty ledger on top of code",
            commit(&house, &[("ledger", "")], &[&evil]),
            zzz,
        ),
        ("another name", commit(&house, &[("ledger", &good)], &[]), zzz),
        (
            "code beside it",
            commit(&house, &[("ledger", &good), ("shop.py", WRONG)], &[old]),
            own,
        ),
        (
            "on top of code",
            commit(&house, &[("ledger", &good)], &[old, &evil]),
            own,
        ),
        ("code below", commit(&house, &[("ledger", &good)], &[&evil]), own),
    ];
    for (name, id, to) in &rows {
        let (ok, words) = push(
            &house,
            &["--no-verify", "--force", "origin", &format!("{id}:{to}")],
        );
        assert!(!ok, "{name} went through: {words}");
        let (ok, words) = push(&house, &["--no-verify", "origin", "evil:refs/heads/feature"]);
        assert!(!ok && words.contains("draft"), "{name}, then its code: {words}");
    }
    // As if an older script had let it in.
    let hidden = commit(&house, &[("ledger", "")], &[&evil]);
    let hook = remote.bare.join("hooks/pre-receive");
    let aside = remote.bare.join("hooks/aside");
    std::fs::rename(&hook, &aside).unwrap();
    assert!(push(&house, &["--no-verify", "origin", &format!("{hidden}:{zzz}")]).0);
    std::fs::rename(&aside, &hook).unwrap();
    let (ok, words) = push(&house, &["--no-verify", "origin", "evil:refs/heads/feature"]);
    assert!(!ok && words.contains("draft"), "{words}");
}

#[test]
fn no_object_stands_in_for_another() {
    let house = House::new();
    let _remote = remote(&house);
    house.write("shop.py", RIGHT);
    house.ends(0, &["verify"]);
    house.ends(0, &["ship", "branch", "good"]);
    house.git(&["checkout", "-q", "--force", "good"]);
    house.git(&["checkout", "-q", "HEAD^"]);
    house.ends(0, &["verify"]);
    house.git(&["checkout", "-q", "good"]);
    house.ends(0, &["ship", "push"]);
    let good = house.head();
    house.write("shop.py", WRONG);
    house.git(&["commit", "-qam", "evil"]);
    let evil = house.head();
    // Allowed: it is a commit that is verified. It must not be asked in the other one's place.
    assert!(
        push(
            &house,
            &["--no-verify", "origin", &format!("{good}:refs/replace/{evil}")]
        )
        .0
    );
    let (ok, words) = push(
        &house,
        &["--no-verify", "origin", &format!("{evil}:refs/heads/evil")],
    );
    assert!(!ok && words.contains("draft"), "{words}");
}

/// Makes the ledger's ref, as a push does.
fn attest(house: &House) {
    house.ends(0, &["gate", "pre-push"]);
}

fn keys(house: &House) -> String {
    let path = house.home.path().join("own-keys");
    std::fs::write(&path, house.ends(0, &["gate", "key"])).unwrap();
    path.to_str().unwrap().to_owned()
}

const WAIVE: [&str; 7] = [
    "ship",
    "commit",
    "-m",
    "late",
    "--unverified",
    "--reason",
    "it burns",
];

#[test]
fn a_word_is_good_for_one_commit_and_until_it_fails() {
    let house = House::new();
    house.ends(0, &["verify"]);
    let keys = keys(&house);
    let check = |exit: i32, rev: &str, more: &[&str], want: &str| {
        attest(&house);
        let args = [&["gate", "check", rev, "--keys", &keys], more].concat();
        let said = house.ends(exit, &args);
        assert!(said.contains(want), "{said}, not {want}");
    };
    // Given, and refused by a hook: nothing was shipped on it.
    house.write("shop.py", WRONG);
    let hook = house.repo.join(".git/hooks/pre-commit");
    crate::server::executable(&hook, "#!/bin/sh\nexit 1\n");
    house.at_terminal(24, &WAIVE);
    house.git(&["commit", "-q", "--no-verify", "-am", "by hand"]);
    check(25, "HEAD", &[], "draft");
    house.git(&["reset", "-q", "HEAD^"]);
    std::fs::remove_file(&hook).unwrap();

    house.at_terminal(0, &WAIVE);
    let shipped = house.head();
    check(0, "HEAD", &[], "waived");
    check(25, "HEAD", &["--no-waivers"], "draft");
    // The same content by another commit.
    house.git(&["commit", "-q", "--amend", "-m", "another"]);
    check(25, "HEAD", &[], "draft");
    house.git(&["reset", "-q", "--hard", &shipped]);
    check(0, "HEAD", &[], "waived");
    // It was looked at after all, and it is red.
    house.ends(14, &["verify"]);
    check(25, "HEAD", &[], "failed");
}

#[test]
fn a_word_for_a_push_is_for_its_commit_and_may_be_long() {
    let house = House::new();
    let _remote = remote(&house);
    house.ends(0, &["verify"]);
    house.ends(0, &["ship", "push"]);
    house.write("shop.py", WRONG);
    house.git(&["commit", "-qam", "late"]);
    // Longer than any line that is read as text.
    let long = "it burns ".repeat(9_000);
    house.at_terminal(0, &["ship", "push", "--unverified", "--reason", &long]);
    house.git(&["commit", "-q", "--amend", "-m", "another"]);
    let (ok, words) = push(&house, &["--force", "--no-verify", "origin", "main"]);
    assert!(!ok && words.contains("draft"), "{words}");
    house.git(&["reset", "-q", "--hard", "origin/main^"]);
    house.write("shop.py", RIGHT);
    house.ends(0, &["verify"]);
    house.ends(0, &["ship", "branch", "right"]);
    house.git(&["checkout", "-q", "--force", "right"]);
    house.ends(0, &["ship", "push"]);
}

#[test]
fn a_clone_without_its_past_judges_nothing() {
    let house = House::new();
    let remote = remote(&house);
    house.ends(0, &["verify"]);
    house.write("shop.py", RIGHT);
    house.ends(0, &["verify"]);
    house.ends(0, &["ship", "commit", "-m", "right"]);
    house.git(&["checkout", "-q", "HEAD^"]);
    house.ends(0, &["verify"]);
    house.git(&["checkout", "-q", "main"]);
    house.ends(0, &["ship", "push"]);
    let clone = house.home.path().join("clone");
    let url = format!("file://{}", remote.bare.display());
    let all = "refs/brisk/attestations/*:refs/brisk/attestations/*";
    git_in(
        house.home.path(),
        &["clone", "-q", "--depth", "1", &url, clone.to_str().unwrap()],
    );
    git_in(&clone, &["fetch", "-q", "--depth", "1", "origin", all]);
    let check = |exit: i32, want: &str| {
        let keys = remote.keys.to_str().unwrap();
        let mut command = house.command(&["gate", "check", "--keys", keys]);
        let out = command.current_dir(&clone).output().unwrap();
        let said = said(&out);
        assert_eq!(out.status.code(), Some(exit), "{said}");
        assert!(said.contains(want), "{said}");
    };
    check(25, "shallow clone");
    // Nor is it enough to hide that it is one.
    let list = clone.join(".git/shallow");
    let kept = std::fs::read(&list).unwrap();
    std::fs::remove_file(&list).unwrap();
    check(25, "its parent is not here");
    std::fs::write(&list, kept).unwrap();
    git_in(&clone, &["fetch", "-q", "--unshallow", "origin"]);
    check(0, "verified");
}

#[test]
fn what_another_remote_has_is_not_known_to_this_one() {
    let house = House::new();
    for name in ["origin", "other"] {
        let bare = house.home.path().join(name);
        git_in(
            house.home.path(),
            &["init", "-q", "--bare", bare.to_str().unwrap()],
        );
        house.git(&["remote", "add", name, bare.to_str().unwrap()]);
    }
    house.ends(0, &["gate", "install"]);
    let bin = std::path::Path::new(env!("CARGO_BIN_EXE_brisk"))
        .parent()
        .unwrap();
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
    let push = |args: &[&str]| {
        let mut git = std::process::Command::new("git");
        git.arg("push").args(args).current_dir(&house.repo);
        let home = house.home.path();
        let out = git.env("PATH", &path).env("BRISK_HOME", home).output().unwrap();
        (out.status.success(), said(&out))
    };
    // Bypassed once; it is known to one remote only.
    assert!(push(&["--no-verify", "origin", "main"]).0);
    assert!(push(&["origin", "main:again"]).0);
    let (ok, words) = push(&["other", "main"]);
    assert!(!ok && words.contains("draft"), "{words}");
    let url = house.home.path().join("other");
    assert!(!push(&[url.to_str().unwrap(), "main"]).0);
    house.ends(0, &["verify"]);
    assert!(push(&["other", "main"]).0);
}

#[test]
fn commits_from_before_the_policy_was_a_file_are_judged_by_the_confirmed_one() {
    let house = House::raw(&[("shop.py", SHOP), ("test_shop.py", TESTS)]);
    let bare = house.home.path().join("bare");
    git_in(
        house.home.path(),
        &["init", "-q", "--bare", bare.to_str().unwrap()],
    );
    house.git(&["remote", "add", "origin", bare.to_str().unwrap()]);
    house.at_terminal(0, &["verify", "--accept"]);
    house.ends(0, &["verify"]);
    house.write("shop.py", RIGHT);
    house.ends(0, &["verify"]);
    house.ends(0, &["ship", "commit", "-m", "right"]);
    house.write("brisk.toml", POLICY);
    house.at_terminal(0, &["verify", "--accept"]);
    house.ends(0, &["verify"]);
    house.ends(0, &["ship", "commit", "-m", "policy"]);
    house.ends(0, &["ship", "push"]);
    // A draft among them is found all the same.
    house.git(&["checkout", "-q", "-b", "old", "HEAD~2"]);
    house.write("shop.py", WRONG);
    house.git(&["commit", "-qam", "unseen"]);
    house.git(&["checkout", "-q", "main", "--", "brisk.toml", "shop.py"]);
    house.git(&["commit", "-qm", "with the policy"]);
    house.brisk(&["verify"]);
    assert_ne!(house.brisk(&["ship", "push"]).status.code(), Some(0));
}
