//! What `ship` does with a person's repository: the settings, hooks and half-done work that people have.

use crate::house::{House, RIGHT, WRONG, git_in, said};
use std::os::unix::fs::PermissionsExt;

fn script(house: &House, path: &str, text: &str) {
    house.write(path, &format!("#!/bin/sh\n{text}\n"));
    std::fs::set_permissions(house.repo.join(path), std::fs::Permissions::from_mode(0o755)).unwrap();
}

/// A house with RIGHT in its worktree, verified.
fn verified() -> House {
    let house = House::new();
    house.write("shop.py", RIGHT);
    house.ends(0, &["verify"]);
    house
}

const COMMIT: [&str; 4] = ["ship", "commit", "-m", "x"];

#[test]
fn a_refused_commit_leaves_what_was_staged() {
    let rows = [
        ("pre-commit", "exit 1", ""),
        (
            "pre-commit",
            "echo more >> shop.py; git add shop.py; exit 0",
            "a hook changed it",
        ),
        ("pre-commit", "echo more >> shop.py", "a hook changed it"),
        ("commit-msg", "exit 1", ""),
    ];
    for (hook, text, want) in rows {
        let house = House::new();
        house.write("shop.py", WRONG);
        house.git(&["add", "shop.py"]);
        house.write("shop.py", RIGHT);
        house.write("new", "x");
        house.ends(0, &["verify"]);
        let before = (house.head(), house.git(&["ls-files", "--stage"]));
        script(&house, &format!(".git/hooks/{hook}"), text);
        let said = house.ends(24, &COMMIT);
        assert!(said.contains(want), "{hook} {text}: {said}");
        let after = (house.head(), house.git(&["ls-files", "--stage"]));
        assert_eq!(after, before, "{hook} {text}");
        // No commit was ever made, not even one that was taken back.
        assert_eq!(house.git(&["reflog"]).lines().count(), 1, "{hook} {text}");
    }
    // Git itself refuses: it cannot sign.
    let house = verified();
    house.git(&["config", "commit.gpgSign", "true"]);
    house.git(&["config", "gpg.program", "false"]);
    let before = house.git(&["status", "--porcelain"]);
    house.ends(24, &COMMIT);
    assert_eq!(house.git(&["status", "--porcelain"]), before);
}

#[test]
fn hooks_run_once_in_order_and_shape_the_message() {
    let house = verified();
    for hook in ["pre-commit", "prepare-commit-msg", "commit-msg", "post-commit"] {
        script(
            &house,
            &format!(".git/hooks/{hook}"),
            &format!("echo {hook} >> .git/ran"),
        );
    }
    script(
        &house,
        ".git/hooks/prepare-commit-msg",
        "echo prepare-commit-msg >> .git/ran\necho T-1 >> \"$1\"",
    );
    house.ends(0, &COMMIT);
    assert_eq!(house.git(&["log", "-1", "--format=%B"]).trim(), "x\nT-1");
    let ran = std::fs::read_to_string(house.repo.join(".git/ran")).unwrap();
    assert_eq!(ran, "pre-commit\nprepare-commit-msg\ncommit-msg\npost-commit\n");
    assert_eq!(house.git(&["status", "--porcelain"]), "");
    // A branch without a checkout hears the same hooks, and is signed as the person wants.
    house.write("new", "x");
    house.ends(0, &["verify"]);
    house.git(&["config", "commit.gpgSign", "true"]);
    script(
        &house,
        ".git/sign",
        "cat > /dev/null\nprintf '[GNUPG:] SIG_CREATED x\\n' >&2\nprintf -- '-----BEGIN PGP SIGNATURE-----\\nx\\n-----END PGP SIGNATURE-----\\n'",
    );
    let sign = house.repo.join(".git/sign");
    house.git(&["config", "gpg.program", sign.to_str().unwrap()]);
    house.ends(0, &["ship", "branch", "b", "-m", "y"]);
    let commit = house.git(&["cat-file", "commit", "b"]);
    assert!(
        commit.contains("gpgsig") && commit.trim_end().ends_with("y\nT-1"),
        "{commit}"
    );
    script(&house, ".git/hooks/commit-msg", "echo no such words; exit 1");
    let said = house.ends(24, &["ship", "branch", "c", "-m", "y"]);
    assert!(said.contains("no such words"), "{said}");
}

/// A branch `side` and `main`, both with a commit of their own.
fn fork(side: (&str, &str), main: (&str, &str)) -> House {
    let house = House::new();
    house.git(&["checkout", "-q", "-b", "side"]);
    house.write(side.0, side.1);
    house.git(&["add", "-A"]);
    house.git(&["commit", "-q", "-m", "side"]);
    house.git(&["checkout", "-q", "main"]);
    house.write(main.0, main.1);
    house.git(&["add", "-A"]);
    house.git(&["commit", "-q", "-m", "main"]);
    house
}

#[test]
fn a_merge_stays_one_until_it_is_shipped() {
    let house = fork(("a", "a"), ("b", "b"));
    house.git(&["merge", "-q", "--no-commit", "side"]);
    house.ends(0, &["verify"]);
    let side = house.git(&["rev-parse", "side"]);
    for (hook, text) in [
        ("pre-commit", "echo '#' >> shop.py; git add shop.py"),
        ("commit-msg", "exit 1"),
    ] {
        script(&house, &format!(".git/hooks/{hook}"), text);
        house.ends(24, &COMMIT);
        std::fs::remove_file(house.repo.join(".git/hooks").join(hook)).unwrap();
        house.git(&["checkout", "-q", "--", "shop.py"]);
        assert_eq!(house.git(&["rev-parse", "MERGE_HEAD"]), side, "{hook}");
    }
    // Refused by git itself, in the middle of it.
    house.git(&["config", "commit.gpgSign", "true"]);
    house.git(&["config", "gpg.program", "false"]);
    house.ends(24, &COMMIT);
    house.git(&["config", "commit.gpgSign", "false"]);
    assert_eq!(house.git(&["rev-parse", "MERGE_HEAD"]), side);
    house.ends(0, &COMMIT);
    assert_eq!(house.git(&["rev-parse", "HEAD^2"]), side);
    assert!(!house.repo.join(".git/MERGE_HEAD").exists());
}

#[test]
fn conflicts_are_the_persons_to_settle() {
    let house = fork(("notes.txt", "a\n"), ("notes.txt", "b\n"));
    let out = house.command(&["--version"]).output().unwrap();
    assert!(out.status.success());
    let merge = std::process::Command::new("git")
        .args(["merge", "side"])
        .current_dir(&house.repo)
        .output()
        .unwrap();
    assert!(!merge.status.success());
    house.ends(0, &["verify"]);
    let before = house.git(&["ls-files", "--unmerged"]);
    for way in [&COMMIT[..], &["ship", "branch", "b"], &["ship", "patch"]] {
        let said = house.ends(24, way);
        assert!(said.contains("conflicts to settle first: notes.txt"), "{said}");
    }
    assert_eq!(house.git(&["ls-files", "--unmerged"]), before);
    house.write("notes.txt", "c\n");
    house.git(&["add", "notes.txt"]);
    house.ends(0, &["verify"]);
    house.ends(0, &COMMIT);
}

#[test]
fn what_git_would_not_ship_is_said_before_anybody_gives_their_word() {
    type Row = (fn(&House), &'static str);
    let rows: [Row; 2] = [
        (
            |h| {
                h.write(".gitattributes", "*.txt filter=odd\n");
                h.git(&["config", "filter.odd.clean", "cat"]);
                h.write("a.txt", "one");
            },
            "filter odd is not one of yours, so it was not run, and git would store these files without it: a.txt",
        ),
        (
            |h| {
                h.git(&["update-index", "--skip-worktree", "test_shop.py"]);
                std::fs::remove_file(h.repo.join("test_shop.py")).unwrap();
            },
            "tracked and not checked out: test_shop.py",
        ),
    ];
    for (change, want) in rows {
        let house = House::new();
        change(&house);
        let waive = [&COMMIT[..], &["--unverified", "--reason", "it burns"]].concat();
        let said = house.at_terminal(24, &waive);
        assert!(said.replace("\r\n", "\n").contains(want), "{said}, not {want}");
        assert_eq!(house.ledger(), "", "{want}");
    }
}

#[test]
fn a_file_that_git_assumes_unchanged_is_named() {
    let house = House::new();
    house.git(&["update-index", "--assume-unchanged", "shop.py"]);
    house.write("shop.py", RIGHT);
    house.write("new", "x");
    house.ends(0, &["verify"]);
    let said = house.ends(24, &COMMIT);
    assert!(said.contains("never change: shop.py"), "{said}");
    assert_eq!(house.git(&["ls-files", "new"]), "", "nothing is staged");
    house.git(&["update-index", "--no-assume-unchanged", "shop.py"]);
    house.ends(0, &COMMIT);
}

#[test]
fn words_of_git_are_names_and_messages_too() {
    let house = verified();
    let said = house.at_terminal(0, &["ship", "branch", "push", "-m", "commit"]);
    assert!(
        !said.lines().any(|l| l.trim() == "push"),
        "git's own words: {said}"
    );
    house.at_terminal(0, &["ship", "branch", "hook", "-m", "push"]);
    house.at_terminal(0, &["ship", "commit", "-m", "commit"]);
    assert_eq!(house.git(&["log", "--format=%s", "-1", "push"]), "commit\n");
    assert_eq!(house.git(&["log", "--format=%s", "-1", "hook"]), "push\n");
    assert_eq!(house.git(&["log", "--format=%s", "-1"]), "commit\n");
}

#[test]
fn a_patch_does_not_depend_on_settings() {
    let house = verified();
    let plain = house.ends(0, &["ship", "patch"]);
    for (name, value) in [
        ("diff.noprefix", "true"),
        ("diff.mnemonicPrefix", "true"),
        ("color.ui", "always"),
        ("diff.relative", "true"),
    ] {
        house.git(&["config", name, value]);
        assert_eq!(house.ends(0, &["ship", "patch"]), plain, "{name}");
    }
}

#[test]
fn exactly_the_commit_that_was_judged_is_pushed() {
    let house = verified();
    let bare = house.home.path().join("plain.git");
    git_in(
        house.home.path(),
        &["init", "-q", "--bare", bare.to_str().unwrap()],
    );
    house.git(&["remote", "add", "origin", bare.to_str().unwrap()]);
    house.git(&["push", "-q", "origin", "main"]);
    house.ends(0, &COMMIT);
    let judged = house.head();
    // A git that is slow to push, and somebody who commits meanwhile.
    let bin = house.home.path().join("bin");
    std::fs::create_dir(&bin).unwrap();
    let fake = "#!/bin/sh\nPATH=${PATH#*:}\ncase \" $* \" in *' push '*) git commit -q --no-verify --allow-empty -m late;; esac\nexec git \"$@\"\n";
    std::fs::write(bin.join("git"), fake).unwrap();
    std::fs::set_permissions(bin.join("git"), std::fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
    let out = house
        .command(&["ship", "push"])
        .env("PATH", path)
        .output()
        .unwrap();
    assert!(out.status.success(), "{}", said(&out));
    assert_eq!(house.git(&["log", "-1", "--format=%s"]), "late\n");
    assert_eq!(git_in(&bare, &["rev-parse", "main"]).trim(), judged);

    house.git(&["checkout", "-q", "--detach"]);
    let said = house.ends(24, &["ship", "push"]);
    assert!(said.contains("no branch is checked out"), "{said}");
}

#[test]
fn all_worktrees_of_a_repository_have_one_key_and_ledger() {
    let house = verified();
    let key = house.ends(0, &["gate", "key"]);
    let linked = house.home.path().join("linked");
    house.git(&["worktree", "add", "-q", "-b", "side", linked.to_str().unwrap()]);
    let there = |exit: i32, args: &[&str]| {
        let out = house.command(args).current_dir(&linked).output().unwrap();
        let said = said(&out);
        assert_eq!(out.status.code(), Some(exit), "{args:?}: {said}");
        said
    };
    assert_eq!(there(0, &["gate", "key"]), key);
    // A policy is confirmed for each: their HEADs may have different ones.
    there(17, &["verify"]);
    house.at_terminal_in(&linked, 0, &["verify", "--accept"]);
    // What was verified in one ships from the other.
    std::fs::write(linked.join("shop.py"), RIGHT).unwrap();
    there(0, &COMMIT);
    // Only who is known to the repository is one of its worktrees.
    let stranger = house.home.path().join("stranger");
    std::fs::create_dir(&stranger).unwrap();
    std::fs::copy(linked.join(".git"), stranger.join(".git")).unwrap();
    let out = house
        .command(&["gate", "key"])
        .current_dir(&stranger)
        .output()
        .unwrap();
    assert_ne!(said(&out), key);
}
