//! A history that began without the gate: from where on it holds is said once, by a person, and nobody moves it.

use crate::house::{House, POLICY, RIGHT, SHOP, TESTS, WRONG, git_in};
use crate::receive::commit;
use crate::server::{Remote, push, remote};
use std::path::Path;

/// Three commits that nobody proved, and the key of whoever made them.
fn legacy() -> House {
    let house = House::raw(&[("shop.py", SHOP), ("test_shop.py", TESTS)]);
    house.write("brisk.toml", POLICY);
    for text in ["a", "b"] {
        house.write("notes", text);
        house.git(&["add", "-A"]);
        house.git(&["commit", "-q", "-m", text]);
    }
    house.at_terminal(0, &["verify", "--accept"]);
    house
}

/// RIGHT on top, proved and committed.
fn proved(house: &House) {
    house.write("shop.py", RIGHT);
    house.ends(0, &["verify"]);
    house.ends(0, &["ship", "commit", "-m", "right"]);
}

/// The ledger as a ref, as a push makes it.
fn attest(house: &House) -> String {
    let mut hook = house.command(&["gate", "pre-push"]);
    assert!(hook.output().unwrap().status.success());
    let refs = house.git(&["for-each-ref", "--format=%(refname)", "refs/brisk"]);
    refs.trim().to_owned()
}

#[track_caller]
fn check(house: &House, keys: &Path, exit: i32, args: &[&str], want: &str) {
    let all = [&["gate", "check"], args, &["--keys", keys.to_str().unwrap()]].concat();
    let said = house.ends(exit, &all);
    assert!(said.contains(want), "{args:?}: {said}, not {want}");
}

#[test]
fn a_whole_history_is_not_read_aloud() {
    let house = legacy();
    let Remote { keys, .. } = remote(&house);
    for n in 0..20 {
        house.write("notes", &n.to_string());
        house.git(&["commit", "-qam", "more"]);
    }
    let all = ["gate", "check", "HEAD~20..HEAD", "--keys", keys.to_str().unwrap()];
    let said = house.ends(25, &all);
    assert_eq!(
        said.lines().filter(|l| l.contains("no ledger")).count(),
        12,
        "{said}"
    );
    assert!(
        said.contains("more are refused") && said.contains("gate adopt"),
        "{said}"
    );
    assert_eq!(house.lines(25, "commit", &all).len(), 20);
}

#[test]
fn what_came_before_the_gate_is_not_asked_about() {
    let house = legacy();
    let Remote { keys, .. } = remote(&house);
    let from = house.head();
    proved(&house);
    // What it stands on was never proved on what that stood on.
    house.ends(20, &["ship", "push"]);
    // Only a person says so, and only with a yes.
    house.ends(23, &["gate", "adopt", &from]);
    house.answering(&house.repo, "n", 23, &["gate", "adopt", &from]);
    house.ends(20, &["ship", "push"]);
    let said = house.at_terminal(0, &["gate", "adopt", &from]);
    assert!(said.contains("3 commits"), "{said}");
    house.ends(0, &["ship", "push"]);
    // Once.
    let said = house.at_terminal(2, &["gate", "adopt", "HEAD"]);
    assert!(said.contains("cannot be moved"), "{said}");
    assert!(house.ends(0, &["gate", "log"]).contains("the gate holds from"));

    check(
        &house,
        &keys,
        0,
        &["HEAD", "HEAD~1", "HEAD~3"],
        "2 commits from before the gate",
    );
    check(&house, &keys, 25, &["HEAD~1", "--no-waivers"], "base moved");
    check(
        &house,
        &keys,
        0,
        &["HEAD~1", "--no-waivers", "--since", "HEAD~1"],
        "--since",
    );
    check(&house, &keys, 25, &["HEAD~1", "--since", "HEAD~2"], "base moved");
    check(
        &house,
        &keys,
        2,
        &["HEAD", "--since", "nowhere"],
        "names no commit",
    );
    // What comes after is asked about as ever.
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
    check(&house, &keys, 25, &["HEAD"], "draft");
}

/// Each row: a word about where the gate holds that must not count.
#[test]
fn nobody_moves_where_the_gate_holds() {
    let house = legacy();
    let remote = remote(&house);
    let from = house.head();
    house.at_terminal(0, &["gate", "adopt", &from]);
    proved(&house);
    house.ends(0, &["ship", "push"]);
    let own = attest(&house);

    // Somebody whose key is trusted, with a commit that nobody proved and a word that it is from before.
    let other = House::raw(&[("x", "x")]);
    let url = remote.bare.to_str().unwrap();
    other.git(&["remote", "add", "origin", url]);
    other.git(&["fetch", "-q", "origin"]);
    other.git(&["reset", "-q", "--hard", "origin/main"]);
    let line = other.ends(0, &["gate", "key"]);
    let trusted = std::fs::read_to_string(&remote.keys).unwrap() + &line;
    other.write("shop.py", WRONG);
    other.git(&["commit", "-q", "-am", "unseen"]);
    other.at_terminal(0, &["gate", "adopt", "HEAD"]);
    let theirs = attest(&other);
    let both = ["--no-verify", "origin", "main", &theirs];
    let alone = ["--no-verify", "origin", &theirs];
    // A key that is not trusted, though the repository names it.
    other.write(".brisk/keys", &line);
    for args in [&both[..], &alone] {
        let (ok, words) = push(&other, args);
        assert!(!ok && words.contains("not trusted"), "{words}");
    }
    std::fs::write(&remote.keys, &trusted).unwrap();
    for args in [&both[..], &alone] {
        let (ok, words) = push(&other, args);
        assert!(!ok && words.contains("never received here"), "{words}");
    }
    // In CI, where both are known: the later word takes nothing away from the earlier one.
    house.git(&[
        "fetch",
        "-q",
        other.repo.to_str().unwrap(),
        "main",
        &format!("{theirs}:{theirs}"),
    ]);
    house.git(&["update-ref", "refs/heads/unseen", "FETCH_HEAD"]);
    check(&house, &remote.keys, 25, &["unseen"], "draft");
    check(&house, &remote.keys, 0, &[&from], "before the gate");

    // Words without a signature, or with one of something else.
    let ledger = std::fs::read_to_string(house.gate().join("ledger")).unwrap();
    let first = ledger.lines().next().unwrap();
    let body = first.splitn(3, ' ').nth(2).unwrap();
    let envelope: serde_json::Value = serde_json::from_str(body).unwrap();
    let mut unsigned = envelope.clone();
    unsigned["signatures"] = serde_json::json!([]);
    let mut forged = envelope;
    // Another commit in the place of the one that was said.
    let unseen = house.git(&["rev-parse", "unseen"]);
    use_payload(&mut forged, |text| text.replace(&from, unseen.trim()));
    for (name, envelope, want) in [
        ("unsigned", unsigned, "no signature"),
        ("forged", forged, "does not fit"),
    ] {
        let line = format!("{} {envelope}\n", &first[..first.len() - body.len() - 1]);
        let id = commit(&house, &[("ledger", &line)], &[]);
        house.git(&["update-ref", &own, &id]);
        house.git(&["update-ref", "-d", &theirs]);
        check(&house, &remote.keys, 25, &["unseen"], want);
        let (ok, words) = push(&house, &["--no-verify", "--force", "origin", &own]);
        assert!(!ok, "{name}: {words}");
    }
    let heads = git_in(&remote.bare, &["for-each-ref", "refs/heads"]);
    assert_eq!(heads.lines().count(), 1, "{heads}");
}

fn use_payload(envelope: &mut serde_json::Value, change: impl Fn(String) -> String) {
    let python = "import sys,base64; d=base64.b64decode(sys.argv[1]); sys.stdout.write(d.decode())";
    let read = run(python, envelope["payload"].as_str().unwrap());
    let python = "import sys,base64; sys.stdout.write(base64.b64encode(sys.argv[1].encode()).decode())";
    envelope["payload"] = run(python, &change(read)).into();
}

fn run(python: &str, arg: &str) -> String {
    let out = std::process::Command::new("python3")
        .args(["-c", python, arg])
        .output()
        .unwrap();
    String::from_utf8(out.stdout).unwrap()
}
