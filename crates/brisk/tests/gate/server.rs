//! Where the client cannot be trusted: a bare remote with the pre-receive script, and a pre-push hook that is bypassed.

use crate::house::{House, RIGHT, SHOP, TESTS, WRONG, git_in, said};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

pub(crate) struct Remote {
    pub(crate) bare: PathBuf,
    pub(crate) keys: PathBuf,
}

pub(crate) fn executable(path: &Path, text: &str) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
}

/// A remote that trusts this house's key and receives only what is verified.
pub(crate) fn remote(house: &House) -> Remote {
    let bare = house.home.path().join("remote.git");
    git_in(
        house.home.path(),
        &["init", "-q", "--bare", "-b", "main", bare.to_str().unwrap()],
    );
    let keys = house.home.path().join("keys");
    std::fs::write(&keys, house.ends(0, &["gate", "key"])).unwrap();
    let brisk = env!("CARGO_BIN_EXE_brisk");
    let script = format!(
        "#!/bin/sh\nexport BRISK_HOME=/nonexistent\nexec {brisk} gate receive --keys {}\n",
        keys.display()
    );
    executable(&bare.join("hooks/pre-receive"), &script);
    house.git(&["remote", "add", "origin", bare.to_str().unwrap()]);
    Remote { bare, keys }
}

/// A push by git alone; whether it went through, and what was said.
pub(crate) fn push(house: &House, args: &[&str]) -> (bool, String) {
    let out = Command::new("git")
        .arg("push")
        .args(args)
        .current_dir(&house.repo)
        .env("BRISK_HOME", house.home.path())
        .output()
        .unwrap();
    (out.status.success(), said(&out))
}

#[test]
fn a_remote_takes_only_what_is_verified() {
    let house = House::new();
    let remote = remote(&house);
    let (ok, words) = push(&house, &["origin", "main"]);
    assert!(!ok && words.contains("no ledger came with it"), "{words}");
    house.ends(0, &["verify"]);
    house.ends(0, &["ship", "push"]);

    // A draft that was committed without the gate, with every client-side check bypassed.
    house.write("shop.py", WRONG);
    house.git(&["commit", "-q", "--no-verify", "-am", "unseen"]);
    house.ends(19, &["ship", "push"]);
    let all = [
        "--no-verify",
        "origin",
        "main",
        "refs/brisk/attestations/*:refs/brisk/attestations/*",
    ];
    let (ok, words) = push(&house, &all);
    assert!(!ok && words.contains("draft"), "{words}");
    house.ends(14, &["verify"]);
    house.ends(14, &["ship", "push"]);
    assert!(!push(&house, &all).0, "red");
    // Mended on top, the unseen commit is still below it.
    house.write("shop.py", RIGHT);
    house.ends(0, &["verify"]);
    house.ends(0, &["ship", "commit", "-m", "mended"]);
    house.ends(14, &["ship", "push"]);
    assert!(!push(&house, &all).0, "a red commit below");
    // As one change onto what the remote has.
    house.git(&["reset", "-q", "--soft", "origin/main"]);
    let said = house.ends(20, &["ship", "commit", "-m", "mended"]);
    assert!(said.contains("base moved"), "{said}");
    house.ends(0, &["verify"]);
    house.ends(0, &["ship", "commit", "-m", "mended"]);
    house.ends(0, &["ship", "push"]);
    assert_eq!(
        git_in(&remote.bare, &["log", "--format=%s", "main"]),
        "mended\nfirst\n"
    );

    // A byte more, then back: what was verified goes through without a run.
    house.write("shop.py", &format!("{RIGHT}\n"));
    house.git(&["commit", "-qam", "byte"]);
    assert!(!push(&house, &all).0, "one byte");
    house.git(&["reset", "-q", "--hard", "HEAD^"]);
    assert!(push(&house, &all).0, "{:?}", push(&house, &all));

    // For CI and reviewers, offline, without this machine's folder.
    let keys = remote.keys.to_str().unwrap();
    let said = house.ends(0, &["gate", "check", "HEAD", "HEAD^", "--keys", keys]);
    assert!(said.contains("verified"), "{said}");
    house.write("shop.py", SHOP);
    house.git(&["commit", "-qam", "later"]);
    house.ends(25, &["gate", "check", "HEAD^..HEAD", "--keys", keys]);
}

#[test]
fn what_the_pusher_brings_is_not_believed() {
    let house = House::new();
    let remote = remote(&house);
    house.ends(0, &["verify"]);
    house.ends(0, &["ship", "push"]);
    let own = house.git(&["for-each-ref", "--format=%(refname)", "refs/brisk"]);
    let own = own.trim();
    let all = [
        "--no-verify",
        "--force",
        "origin",
        "main",
        "refs/brisk/attestations/*:refs/brisk/attestations/*",
    ];
    let mut rows: Vec<(&str, bool, String)> = Vec::new();

    // Signed by a key that only the repository names.
    let stranger = House::new();
    stranger.git(&[
        "pull",
        "-q",
        "--no-rebase",
        "--allow-unrelated-histories",
        "-X",
        "theirs",
        remote.bare.to_str().unwrap(),
        "main",
    ]);
    stranger.git(&["reset", "-q", "--hard", "FETCH_HEAD"]);
    stranger.git(&["remote", "add", "origin", remote.bare.to_str().unwrap()]);
    stranger.write("shop.py", RIGHT);
    let key = stranger.ends(0, &["gate", "key"]);
    stranger.write(".brisk/keys", &key);
    stranger.write("keys", &key);
    stranger.ends(0, &["verify"]);
    stranger.ends(0, &["ship", "commit", "-m", "mine"]);
    stranger.git(&["update-ref", "refs/brisk/attestations/x", "HEAD"]);
    let out = stranger.brisk(&["ship", "push"]);
    rows.push(("a key from the repository", out.status.success(), said(&out)));

    // The ledger taken back to where it did not know of a failure.
    house.write("shop.py", WRONG);
    house.ends(14, &["verify"]);
    house.write("shop.py", RIGHT);
    house.ends(0, &["verify"]);
    house.ends(0, &["ship", "commit", "-m", "right"]);
    house.ends(0, &["ship", "push"]);
    let newest = house.git(&["rev-parse", own]);
    house.git(&["update-ref", own, &format!("{}^", newest.trim())]);
    let (ok, words) = push(&house, &all);
    rows.push(("a ledger that shrank", ok, words));
    house.git(&["update-ref", own, newest.trim()]);
    let (ok, words) = push(&house, &["--no-verify", "origin", &format!(":{own}")]);
    rows.push(("a ledger deleted", ok, words));
    // Somebody else's content under the ledger's name.
    house.git(&["update-ref", own, "HEAD"]);
    let (ok, words) = push(&house, &all);
    rows.push(("no ledger under its name", ok, words));
    house.git(&["update-ref", own, newest.trim()]);

    // Evidence for one tree, another tree pushed.
    house.write("test_shop.py", TESTS.split("\n    def test_none").next().unwrap());
    house.git(&["commit", "-qam", "fewer tests"]);
    let (ok, words) = push(&house, &all);
    rows.push(("replayed on another tree", ok, words));
    // The policy weakened in the change itself, and verified under the weak one.
    house.git(&["reset", "-q", "--hard", "HEAD^"]);
    house.write(
        "brisk.toml",
        "[verify.checks.unit]\nrun = [\"true\"]\nparse = \"exit\"\n",
    );
    house.write("shop.py", WRONG);
    house.git(&["commit", "-qam", "weak"]);
    house.at_terminal(0, &["verify", "--accept"]);
    house.brisk(&["verify"]);
    house.brisk(&["ship", "patch"]);
    let (ok, words) = push(&house, &all);
    rows.push(("a policy weakened in the same change", ok, words));
    house.git(&["reset", "-q", "--hard", "HEAD^"]);

    for (name, went_through, words) in rows {
        assert!(!went_through, "{name} went through: {words}");
    }
    // Nobody is trusted: nothing is verified.
    let nobody = house.home.path().join("nobody");
    std::fs::write(&nobody, "# none\n").unwrap();
    house.ends(25, &["gate", "check", "--keys", nobody.to_str().unwrap()]);
    house.ends(21, &["gate", "check", "--keys", "/nonexistent"]);
}

#[test]
fn the_pre_push_hook_says_that_it_can_be_bypassed_and_refuses_otherwise() {
    let house = House::new();
    let bare = house.home.path().join("plain.git");
    git_in(
        house.home.path(),
        &["init", "-q", "--bare", bare.to_str().unwrap()],
    );
    house.git(&["remote", "add", "origin", bare.to_str().unwrap()]);
    let said = house.ends(0, &["gate", "install"]);
    assert!(said.contains("can be bypassed"), "{said}");
    house.ends(0, &["gate", "install"]);
    // The hook calls `brisk` by name.
    let bin = Path::new(env!("CARGO_BIN_EXE_brisk")).parent().unwrap();
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
    let push = |args: &[&str]| {
        let mut git = Command::new("git");
        git.arg("push").args(args).current_dir(&house.repo);
        let out = git
            .env("PATH", &path)
            .env("BRISK_HOME", house.home.path())
            .output()
            .unwrap();
        (out.status.success(), crate::house::said(&out))
    };
    house.write("shop.py", RIGHT);
    house.git(&["commit", "-qam", "draft"]);
    let (ok, words) = push(&["origin", "main"]);
    assert!(!ok && words.contains("draft"), "{words}");
    house.ends(0, &["verify"]);
    house.git(&["checkout", "-q", "HEAD^"]);
    house.ends(0, &["verify"]);
    house.git(&["checkout", "-q", "main"]);
    let (ok, words) = push(&["origin", "main"]);
    assert!(ok, "{words}");
    house.write("shop.py", SHOP);
    house.git(&["commit", "-qam", "back"]);
    assert!(!push(&["origin", "main"]).0);
    assert!(
        push(&["--no-verify", "origin", "main"]).0,
        "bypassed, as it was said"
    );
    // A hook of the person's own stays.
    executable(&house.repo.join(".git/hooks/pre-push"), "#!/bin/sh\nexit 0\n");
    house.ends(24, &["gate", "install"]);
}
