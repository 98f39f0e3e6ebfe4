//! The whole way in one repository: a model drafts, nothing leaves unproved, by the person's own commands or around them.

use crate::house::{House, RIGHT, WRONG, git_in, said};
use crate::server::remote;
use brisk_testkit::{FakeServer, Reply};
use std::path::Path;
use std::process::Command;

const COMMIT: [&str; 4] = ["ship", "commit", "-m", "Sum in steps"];
const LEDGERS: &str = "refs/brisk/attestations/*:refs/brisk/attestations/*";

/// The fast lane drafts this in place of the two lines that are there.
fn draft(house: &House, server: &FakeServer, text: &str) {
    server.reply(Reply::text(&format!("```python\n{text}```")));
    house.ends(0, &["edit", "sum in steps", "shop.py:1-2", "--yes"]);
    assert_eq!(std::fs::read_to_string(house.repo.join("shop.py")).unwrap(), text);
}

/// A push by git, with the client's hook where `args` leave it; whether it went through, and what was said.
fn push(house: &House, args: &[&str]) -> (bool, String) {
    // The hook calls `brisk` by name.
    let bin = Path::new(env!("CARGO_BIN_EXE_brisk")).parent().unwrap();
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
    let mut git = Command::new("git");
    git.arg("push").args(args).current_dir(&house.repo);
    let out = git
        .env("PATH", path)
        .env("BRISK_HOME", house.home.path())
        .output()
        .unwrap();
    (out.status.success(), said(&out))
}

#[test]
fn from_a_draft_to_what_a_server_takes() {
    let server = FakeServer::start().unwrap();
    let house = House::new();
    let config = format!(
        "[models.fake]\nbase_url = \"{}\"\nmodel = \"fake\"\nformat = \"region\"\n",
        server.url()
    );
    std::fs::write(house.home.path().join("config.toml"), config).unwrap();
    let remote = remote(&house);
    house.ends(0, &["gate", "install"]);
    house.ends(0, &["verify"]);
    // Makes the ledger's ref, as `ship push` does.
    let attest = || drop(house.ends(0, &["gate", "pre-push"]));
    attest();
    let (ok, words) = push(&house, &["origin", "main", LEDGERS]);
    assert!(ok, "{words}");
    let bypassed = ["--no-verify", "--force", "origin", "main", LEDGERS];
    let on_server = || git_in(&remote.bare, &["log", "--format=%s", "main"]);

    draft(&house, &server, WRONG);
    let before = house.head();
    // What the server has was proved; this is something else.
    let refused = house.ends(19, &COMMIT);
    assert!(
        refused.contains("is a draft") && refused.contains("`brisk verify`"),
        "{refused}"
    );
    // Around all of it: a commit and a push by git alone.
    house.git(&["commit", "-q", "--no-verify", "-am", "unseen"]);
    let (ok, words) = push(&house, &["origin", "main"]);
    assert!(!ok && words.contains("draft"), "the client's hook: {words}");
    let (ok, words) = push(&house, &bypassed);
    assert!(
        !ok && words.contains("remote: ") && words.contains("draft"),
        "the server: {words}"
    );
    house.git(&["reset", "-q", "--soft", &before]);

    house.ends(14, &["verify"]);
    house.ends(14, &COMMIT);
    draft(&house, &server, RIGHT);
    house.ends(19, &["ship", "branch", "b"]);
    house.ends(0, &["verify"]);

    // One byte, and back: what was proved holds again, and nothing runs.
    let lines = house.ledger().lines().count();
    house.write("shop.py", &format!("{RIGHT}\n"));
    house.ends(19, &COMMIT);
    house.git(&["commit", "-q", "--no-verify", "-am", "one byte"]);
    attest();
    let (ok, words) = push(&house, &bypassed);
    assert!(!ok && words.contains("something changed since"), "{words}");
    house.write("shop.py", RIGHT);
    house.git(&["commit", "-q", "--no-verify", "-a", "--amend", "-m", "by hand"]);
    let (ok, words) = push(&house, &bypassed);
    assert!(ok, "{words}");
    assert_eq!(on_server(), "by hand\nfirst\n");
    assert_eq!(
        house.ledger().lines().count(),
        lines,
        "nothing ran, and nothing was recorded"
    );
    // The same by the person's own command.
    house.git(&["reset", "-q", "--soft", &before]);
    house.ends(0, &COMMIT);
    assert_eq!(
        house.ledger().lines().count(),
        lines + 1,
        "one line says that it shipped"
    );
    let (ok, words) = push(&house, &bypassed);
    assert!(ok, "{words}");
    assert_eq!(on_server(), "Sum in steps\nfirst\n");
}

/// Two changes, each of them proved: what they come to together was proved by nobody.
#[test]
fn a_merge_needs_evidence_of_its_own() {
    let house = House::new();
    let remote = remote(&house);
    house.ends(0, &["verify"]);
    house.ends(0, &["ship", "push"]);
    house.git(&["checkout", "-q", "-b", "side"]);
    house.write("notes.txt", "one");
    house.ends(0, &["verify"]);
    house.ends(0, &["ship", "commit", "-m", "notes"]);
    house.git(&["checkout", "-q", "main"]);
    house.write("shop.py", RIGHT);
    house.ends(0, &["verify"]);
    house.ends(0, &["ship", "commit", "-m", "right"]);
    house.ends(0, &["ship", "push"]);
    house.git(&["merge", "-q", "--no-edit", "side"]);
    let refused = house.ends(19, &["ship", "push"]);
    assert!(refused.contains("not shipped"), "{refused}");
    house.ends(0, &["gate", "pre-push"]);
    let (ok, words) = push(&house, &["--no-verify", "origin", "main", LEDGERS]);
    assert!(!ok && words.contains("draft"), "{words}");
    house.ends(0, &["verify"]);
    house.ends(0, &["ship", "push"]);
    let there = git_in(&remote.bare, &["rev-parse", "main^2"]);
    assert_eq!(there, house.git(&["rev-parse", "side"]));
}
