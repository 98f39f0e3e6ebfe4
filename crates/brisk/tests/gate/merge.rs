//! A merge in progress, while something goes wrong.

use crate::house::{House, SHOP};
use crate::server::executable;

/// Somebody writes to the index between what was looked at and the commit, and git makes a commit of it. It is taken
/// back, and the merge is one again.
#[test]
fn a_commit_that_is_taken_back_leaves_the_merge_in_progress() {
    let house = House::new();
    house.git(&["checkout", "-q", "-b", "side"]);
    house.write("side.txt", "side\n");
    house.git(&["add", "-A"]);
    house.git(&["commit", "-qm", "side"]);
    let side = house.head();
    house.git(&["checkout", "-q", "main"]);
    house.write("main.txt", "main\n");
    house.git(&["add", "-A"]);
    house.git(&["commit", "-qm", "main"]);
    house.git(&["merge", "-q", "--no-commit", "--no-ff", "side"]);
    house.ends(0, &["verify"]);
    let head = house.head();
    let git_folder = house.repo.join(".git");
    let kept = |name: &str| std::fs::read(git_folder.join(name)).ok();
    let names = ["MERGE_HEAD", "MERGE_MSG", "MERGE_MODE"];
    let before = names.map(kept);
    let staged = house.git(&["ls-files", "--stage"]);

    // A `git` that slips a file into the index right before the commit.
    let real = std::env::split_paths(&std::env::var_os("PATH").unwrap())
        .map(|folder| folder.join("git"))
        .find(|git| git.is_file())
        .unwrap();
    let bin = house.home.path().join("bin");
    let real = real.display();
    let slip = format!(
        "#!/bin/sh\nfor word; do\n  if [ \"$word\" = commit ]; then\n    blob=$(echo slipped | {real} hash-object -w --stdin)\n    {real} update-index --add --cacheinfo 100644,$blob,slipped.txt\n  fi\ndone\nexec {real} \"$@\"\n"
    );
    executable(&bin.join("git"), &slip);
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
    let out = house
        .command(&["ship", "commit", "-m", "merged"])
        .env("PATH", path)
        .output()
        .unwrap();
    let said = crate::house::said(&out);
    assert_eq!(out.status.code(), Some(24), "{said}");
    assert!(said.contains("meanwhile"), "{said}");
    assert_eq!(house.head(), head, "the commit was taken back");
    assert_eq!(names.map(kept), before);
    assert_eq!(house.git(&["rev-parse", "MERGE_HEAD"]).trim(), side);
    assert_eq!(house.git(&["ls-files", "--stage"]), staged);

    house.ends(0, &["ship", "commit", "-m", "merged"]);
    assert_eq!(
        house.git(&["log", "-1", "--format=%P"]).trim(),
        format!("{head} {side}")
    );
    assert_eq!(house.git(&["show", "HEAD:shop.py"]), SHOP);
}
