//! A check that waits can be stopped.

use super::*;
use crate::home::Home;
use std::cell::RefCell;

#[test]
fn who_waits_for_the_slot_hears_a_stop() {
    let (home, repo) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let git = std::process::Command::new("git")
        .args(["init", "-q"])
        .current_dir(repo.path())
        .status();
    assert!(git.unwrap().success());
    fs::write(repo.path().join("a.txt"), "a\n").unwrap();
    let mut gate = Gate::open(&Home::under(home.path()), repo.path()).unwrap();
    let tree = gate.tree().unwrap();
    let stop = Stop::new().unwrap();
    let said = RefCell::new(Vec::new());
    let note = |text: &str| said.borrow_mut().push(text.to_owned());
    // Free: no stop is looked for, and nothing is said.
    let held = gate.slot(&tree, &[], Some(&stop), &note).unwrap();
    assert!(held.work().join("a.txt").exists() && said.borrow().is_empty());
    stop.stop();
    let error = gate.slot(&tree, &[], Some(&stop), &note).err().unwrap();
    assert_eq!(error.exit, Exit::Interrupted, "{}", error.message);
    assert_eq!(*said.borrow(), ["waits: another check of this repository runs"]);
    drop(held);
    gate.slot(&tree, &[], None, &note).unwrap();
}
