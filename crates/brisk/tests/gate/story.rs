//! From a draft to something that left, with every turning on the way.

use crate::house::{House, POLICY, RIGHT, SHOP, TESTS, WRONG};

#[test]
fn a_draft_is_refused_then_red_then_green_then_shipped_and_every_byte_counts() {
    let house = House::new();
    house.write("shop.py", WRONG);
    let said = house.ends(18, &["ship", "commit", "-m", "x"]);
    assert!(
        said.contains("nothing was ever proved") && said.contains("`brisk verify`"),
        "{said}"
    );

    let said = house.ends(14, &["verify"]);
    assert!(
        said.contains("2 failed") && said.contains("AssertionError"),
        "{said}"
    );
    assert!(house.state().contains("failed"), "{}", house.state());
    house.ends(14, &["ship", "commit", "-m", "x"]);

    house.write("shop.py", RIGHT);
    let said = house.ends(0, &["verify"]);
    assert!(
        said.contains("2 passed, 0 failed") && said.contains("verified (1 check: unit)"),
        "{said}"
    );

    // One byte: another tree. Taken back: the tree that was verified, and nothing runs again.
    house.write("shop.py", &format!("{RIGHT}\n"));
    let said = house.ends(19, &["ship", "commit", "-m", "x"]);
    assert!(said.contains("something changed since"), "{said}");
    house.write("shop.py", RIGHT);
    let runs = house.ledger().lines().count();
    let before = house.head();
    let said = house.ends(0, &["ship", "commit", "-m", "Sum in steps"]);
    assert!(said.contains("verified"), "{said}");
    assert_eq!(
        house.ledger().lines().count(),
        runs + 1,
        "one line says that it shipped"
    );
    assert_eq!(
        house.git(&["log", "-1", "--format=%s %P"]).trim(),
        format!("Sum in steps {before}")
    );
    assert_eq!(house.git(&["status", "--porcelain"]), "");
    assert!(house.state().contains("shipped (commit)"));

    let said = house.ends(0, &["ship", "commit", "-m", "again"]);
    assert!(said.contains("nothing to do"), "{said}");
    // A byte changed after the shipment is a draft again.
    house.write("shop.py", &format!("\n{RIGHT}"));
    house.ends(19, &["ship", "commit", "-m", "x"]);
    house.write("shop.py", RIGHT);
    house.ends(0, &["ship", "commit", "-m", "x"]);
}

#[test]
fn the_same_question_is_answered_from_memory() {
    let house = House::new();
    house.write("shop.py", RIGHT);
    let first = house.lines(0, "check", &["verify"]);
    assert_eq!(first[0]["memory"], false);
    let again = house.lines(0, "check", &["verify"]);
    assert_eq!(
        (&again[0]["memory"], &again[0]["state"]),
        (&true.into(), &"passed".into())
    );
    let lines = house.ledger().lines().count();
    house.ends(0, &["verify", "--again"]);
    assert_eq!(house.ledger().lines().count(), lines + 1, "asked to run, it runs");
    // A red answer is remembered too.
    house.write("shop.py", WRONG);
    house.ends(14, &["verify"]);
    let red = house.lines(14, "check", &["verify"]);
    assert_eq!(
        (&red[0]["memory"], &red[0]["state"]),
        (&true.into(), &"failed".into())
    );
}

#[test]
fn a_policy_is_proposed_and_only_a_person_confirms_it() {
    let house = House::raw(&[("shop.py", SHOP), ("test_shop.py", TESTS)]);
    let said = house.ends(17, &["verify"]);
    assert!(
        said.contains("python3 -m unittest -v") && said.contains("--accept"),
        "{said}"
    );
    let said = house.ends(23, &["verify", "--accept"]);
    assert!(said.contains("no terminal"), "{said}");
    house.ends(17, &["ship", "commit", "-m", "x"]);
    house.at_terminal(0, &["verify", "--accept"]);
    house.ends(0, &["verify"]);
    assert_eq!(
        house.git(&["status", "--porcelain"]),
        "",
        "nothing was written below the root"
    );
}

#[test]
fn a_policy_that_head_changes_must_be_confirmed_anew() {
    let house = House::new();
    house.ends(0, &["verify"]);
    house.write("brisk.toml", &POLICY.replace("60", "61"));
    house.git(&["commit", "-qam", "policy"]);
    let said = house.ends(17, &["verify"]);
    assert!(said.contains("another brisk.toml"), "{said}");
    house.ends(17, &["ship", "commit", "-m", "x"]);
    house.at_terminal(0, &["verify", "--accept"]);
    house.ends(0, &["verify"]);
}

#[test]
fn a_waiver_needs_a_person_and_is_written_down() {
    let house = House::new();
    house.write("shop.py", WRONG);
    let waive = [
        "ship",
        "commit",
        "-m",
        "late",
        "--unverified",
        "--reason",
        "the shop burns",
    ];
    let before = house.head();
    let said = house.ends(23, &waive);
    assert!(said.contains("no terminal"), "{said}");
    assert_eq!(house.head(), before);
    let said = house.at_terminal(0, &waive);
    assert!(said.contains("without evidence"), "{said}");
    assert_ne!(house.head(), before);
    let log = house.ends(0, &["gate", "log"]);
    assert!(
        log.contains("waived commit: the shop burns") && log.contains("shipped without evidence"),
        "{log}"
    );
    assert!(house.state().contains("shipped without evidence"));
}

#[test]
fn other_ways_out_ask_the_same_question() {
    let house = House::new();
    house.write("shop.py", WRONG);
    for way in [&["ship", "branch", "fix"][..], &["ship", "patch"]] {
        house.ends(18, way);
    }
    house.write("shop.py", RIGHT);
    house.write("new file.txt", "x");
    house.ends(0, &["verify"]);
    let head = house.head();
    let status = house.git(&["status", "--porcelain"]);

    let patch = house.ends(0, &["ship", "patch"]);
    assert!(
        patch.contains("+    result = sum(items)") && patch.contains("new file.txt"),
        "{patch}"
    );
    let file = house.home.path().join("out.patch");
    house.ends(0, &["ship", "patch", "-o", file.to_str().unwrap()]);
    assert_eq!(std::fs::read_to_string(&file).unwrap(), patch);

    house.ends(0, &["ship", "branch", "fix", "-m", "Fix"]);
    assert_eq!(
        house.git(&["log", "-1", "--format=%s %P", "fix"]).trim(),
        format!("Fix {head}")
    );
    assert_eq!(
        (house.head(), house.git(&["status", "--porcelain"])),
        (head, status),
        "index and HEAD stay"
    );
    house.ends(24, &["ship", "branch", "fix"]);
}

#[test]
fn the_persons_hooks_run_and_what_they_change_is_not_shipped_unseen() {
    let house = House::new();
    let hook = |text: &str| {
        use std::os::unix::fs::PermissionsExt;
        let path = house.repo.join(".git/hooks/pre-commit");
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    };
    house.write("shop.py", RIGHT);
    house.ends(0, &["verify"]);
    let before = house.head();
    hook("echo house rules say no; exit 1");
    let said = house.ends(24, &["ship", "commit", "-m", "x"]);
    assert!(said.contains("house rules say no"), "{said}");
    hook("echo more >> shop.py; git add shop.py");
    let said = house.ends(24, &["ship", "commit", "-m", "x"]);
    assert!(said.contains("a hook changed it"), "{said}");
    assert_eq!(house.head(), before, "the commit is taken back");
    house.write("shop.py", RIGHT);
    hook("exit 0");
    house.ends(0, &["ship", "commit", "-m", "x"]);
}

#[test]
fn checks_are_chosen_by_name_and_by_what_changed() {
    let policy = format!(
        "{POLICY}scope = [\"*.py\"]\n\n[verify.checks.docs]\nrun = [\"true\"]\nparse = \"exit\"\nscope = [\"docs/**\"]\n"
    );
    let house = House::raw(&[
        ("shop.py", SHOP),
        ("test_shop.py", TESTS),
        ("brisk.toml", &policy),
    ]);
    house.at_terminal(0, &["verify", "--accept"]);
    house.write("shop.py", RIGHT);
    let said = house.ends(0, &["verify", "--affected"]);
    assert!(
        said.contains("unit: passed") && !said.contains("docs: passed"),
        "{said}"
    );
    assert!(said.contains("verified in part"), "{said}");
    let said = house.ends(18, &["ship", "commit", "-m", "x"]);
    assert!(said.contains("`brisk verify docs`"), "{said}");
    house.ends(0, &["verify", "docs"]);
    house.ends(0, &["ship", "commit", "-m", "x"]);
    house.ends(2, &["verify", "nope"]);
}
