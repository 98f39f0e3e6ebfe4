//! The three places that refuse what is not verified: the client that ships, a server's pre-receive script, and CI.

use crate::house::{House, SHOP, TESTS, said};
use crate::server::{Remote, push, remote};

/// What somebody did, how `verify` may end, and what it says.
pub(crate) type Row<'a> = (&'a str, fn(&House), &'a [i32], &'a str);

/// A repository whose first commit is verified, and a remote that has it.
pub(crate) fn shipped(policy: &str) -> (House, Remote) {
    let house = House::raw(&[("shop.py", SHOP), ("test_shop.py", TESTS), ("brisk.toml", policy)]);
    house.at_terminal(0, &["verify", "--accept"]);
    let remote = remote(&house);
    house.ends(0, &["verify"]);
    house.ends(0, &["ship", "push"]);
    (house, remote)
}

/// The index, the worktree and the branch as they were at a commit; what was recorded stays.
pub(crate) fn back(house: &House, to: &str) {
    house.git(&["reset", "-q", "--hard", to]);
    house.git(&["clean", "-q", "-ffdx"]);
}

/// Every row on its own: `verify` ends so, and then it leaves nowhere.
#[track_caller]
pub(crate) fn check(policy: &str, rows: &[Row<'_>]) {
    let (house, remote) = shipped(policy);
    let first = house.head();
    for (name, change, exits, want) in rows {
        change(&house);
        let out = house.brisk(&["verify"]);
        let words = said(&out);
        let exit = out.status.code().unwrap_or(-1);
        assert!(exits.contains(&exit), "{name}: {exit} {words}");
        assert!(words.contains(want), "{name}: {words}, not {want:?}");
        refused_everywhere(name, &house, &remote, exit);
        back(&house, &first);
    }
}

/// What lies in the worktree is refused by `ship` with this exit code; committed and pushed around every check of the
/// client, by the server; and by CI.
#[track_caller]
pub(crate) fn refused_everywhere(name: &str, house: &House, remote: &Remote, exit: i32) {
    let head = house.head();
    for way in [
        &["ship", "commit", "-m", "x"][..],
        &["ship", "patch"],
        &["ship", "branch", "b"],
    ] {
        let out = house.brisk(way);
        assert_eq!(out.status.code(), Some(exit), "{name}: {way:?}: {}", said(&out));
    }
    assert_eq!(house.head(), head, "{name}");
    house.git(&["add", "--all"]);
    house.git(&["commit", "-q", "--no-verify", "-m", name]);
    refused_outside(name, house, remote);
}

/// HEAD is refused by the server and by CI, with all that this machine has recorded beside it.
#[track_caller]
pub(crate) fn refused_outside(name: &str, house: &House, remote: &Remote) {
    // Makes the ledger's ref, as a push by `ship` does.
    let _ = house.brisk(&["gate", "pre-push"]);
    let all = [
        "--no-verify",
        "--force",
        "origin",
        "HEAD:refs/heads/main",
        "refs/brisk/attestations/*:refs/brisk/attestations/*",
    ];
    let (through, words) = push(house, &all);
    assert!(!through, "{name}: the server took it: {words}");
    let keys = remote.keys.to_str().unwrap();
    let out = house.brisk(&["gate", "check", "HEAD", "--keys", keys]);
    assert_eq!(out.status.code(), Some(25), "{name}: CI: {}", said(&out));
}
