//! Ways around the pre-receive script, without any key.

use crate::house::{House, RIGHT, WRONG};
use crate::server::{push, remote};

/// A commit with these files and parents, made beside index and worktree.
fn commit(house: &House, entries: &[(&str, &str)], parents: &[&str]) -> String {
    let index = house.home.path().join("x.index");
    let _ = std::fs::remove_file(&index);
    let git = |args: &[&str]| {
        let out = std::process::Command::new("git")
            .args(args)
            .current_dir(&house.repo)
            .env("GIT_INDEX_FILE", &index)
            .output()
            .unwrap();
        assert!(out.status.success(), "{args:?}: {}", crate::house::said(&out));
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
