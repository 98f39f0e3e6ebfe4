//! Merging over what the person did meanwhile: verified anew, or shown, never guessed.

use crate::house::{House, WRONG, edit, requests, right};
use std::process::Stdio;

fn ready() -> House {
    let house = House::new(&["m"]);
    house.says(0, &requests("read shop.py"));
    house.says(0, &right());
    house.ends(0, &["delegate", "make the tests pass", "shop.py", "--wait"]);
    house
}

#[test]
fn an_edit_elsewhere_is_kept_and_both_are_verified_together() {
    let house = ready();
    let mine = WRONG.replace("    return found\n", "    return list(found)\n");
    house.write("shop.py", &mine);
    let said = house.ends(0, &["jobs", "merge", "j1"]);
    assert!(said.contains("verifying what both come to"), "{said}");
    assert_eq!(house.file("shop.py"), mine.replace(" + 1", ""));
    assert!(house.ends(0, &["status"]).contains("verified"));
    house.ends(0, &["undo"]);
    assert_eq!(house.file("shop.py"), mine);
}

#[test]
fn a_repository_that_lost_trust_gets_nothing_until_it_is_trusted_again() {
    let house = ready();
    let stale = ".brisk/policy.toml";
    house.ends(0, &["trust", "remove"]);
    let never = house.ends(17, &["jobs", "merge", "j1"]);
    house.accept();
    house.write(stale, "[models.m]\nquality = 1\n");
    let changed = house.ends(17, &["jobs", "merge", "j1"]);
    for (said, want) in [
        (never, "nobody said that this repository is trusted"),
        (changed, ".brisk/policy.toml changed since"),
    ] {
        assert!(
            said.contains(want) && said.contains("`brisk trust add`") && said.contains("j1 stays ready"),
            "{said}"
        );
    }
    assert_eq!(house.file("shop.py"), WRONG);
    // As it was when it was trusted.
    std::fs::remove_file(house.repo.join(stale)).unwrap();
    house.ends(0, &["jobs", "merge", "j1"]);
    assert_eq!(house.file("shop.py"), WRONG.replace(" + 1", ""));
}

#[test]
fn the_same_lines_are_shown_and_nothing_is_written() {
    let house = ready();
    let mine = WRONG.replace("sum(items) + 1", "len(items)");
    house.write("shop.py", &mine);
    let said = house.ends(6, &["jobs", "merge", "j1"]);
    assert!(
        said.contains("shop.py") && said.contains("+    return sum(items)"),
        "{said}"
    );
    assert_eq!(house.file("shop.py"), mine);
    // With the person's own change taken back it still can be merged.
    house.write("shop.py", WRONG);
    house.ends(0, &["jobs", "merge", "j1"]);
}

/// Both sides are there to choose from, and what is told to be done next works, whether the person's side is committed or
/// not.
#[test]
fn a_conflict_shows_both_sides_and_what_fits_can_be_taken() {
    for committed in [false, true] {
        let house = House::new(&["m"]);
        let both = format!("{}{}", edit("notes.py", "", "NOTES = 1\n"), right());
        house.says(0, &requests("read shop.py"));
        house.says(0, &both);
        house.ends(0, &["delegate", "make the tests pass", "shop.py", "--wait"]);
        let mine = WRONG.replace("sum(items) + 1", "len(items)");
        house.write("shop.py", &mine);
        if committed {
            house.git(&["commit", "-qam", "mine"]);
        }
        let said = house.ends(6, &["jobs", "merge", "j1"]);
        for want in [
            "+    return sum(items)\n",
            "you have, from line 2:\n     return len(items)\n",
            "`brisk jobs diff j1 | git apply --reject`",
        ] {
            assert!(said.contains(want), "{want}: {said}");
        }
        assert!(!house.repo.join("notes.py").exists(), "nothing was written");
        let told = house.last(6, "conflicts", &["jobs", "merge", "j1"]);
        let clash = &told["conflicts"][0];
        assert_eq!(
            (
                clash["path"].as_str(),
                clash["line"].as_u64(),
                clash["here"].as_str()
            ),
            (Some("shop.py"), Some(2), Some("    return len(items)\n"))
        );

        let mut diff = house.command(&["jobs", "diff", "j1"]);
        let mut diff = diff.stdout(Stdio::piped()).spawn().unwrap();
        let applied = std::process::Command::new("git")
            .args(["apply", "--reject"])
            .current_dir(&house.repo)
            .stdin(diff.stdout.take().unwrap())
            .output()
            .unwrap();
        assert!(diff.wait().unwrap().success());
        assert_eq!(applied.status.code(), Some(1), "{applied:?}");
        assert_eq!(house.file("notes.py"), "NOTES = 1\n");
        assert!(house.file("shop.py.rej").contains("+    return sum(items)\n"));
        assert_eq!(house.file("shop.py"), mine);
    }
}

/// A file that git ignores is in no tree. One that the person has there is not written over, nor said to be.
#[test]
fn an_ignored_file_is_kept_or_told_apart() {
    let house = House::new(&["m"]);
    house.write(".gitignore", "build/\n");
    house.git(&["add", "-A"]);
    house.git(&["commit", "-q", "-m", "ignore"]);
    let both = format!("{}{}", edit("build/out.py", "", "THEIRS = 1\n"), right());
    house.says(0, &requests("read shop.py"));
    house.says(0, &both);
    house.ends(0, &["delegate", "make the tests pass", "shop.py", "--wait"]);
    house.write("build/out.py", "MINE = 1\n");
    let said = house.ends(6, &["jobs", "merge", "j1"]);
    let in_the_way = "what j1 made does not fit what is here now";
    for want in [
        "build/out.py: it was made here meanwhile",
        "+THEIRS = 1",
        in_the_way,
    ] {
        assert!(said.contains(want), "{want}: {said}");
    }
    assert_eq!(
        (
            house.file("build/out.py").as_str(),
            house.file("shop.py").as_str()
        ),
        ("MINE = 1\n", WRONG)
    );
    std::fs::remove_file(house.repo.join("build/out.py")).unwrap();

    let merged = house.last(0, "merged", &["jobs", "merge", "j1"]);
    assert_eq!(merged["ignored"], serde_json::json!(["build/out.py"]), "{merged}");
    assert_eq!(merged["verified"], true, "{merged}");
    assert_eq!(house.file("build/out.py"), "THEIRS = 1\n");
    assert!(house.ends(0, &["status"]).contains("verified"));
}

/// What a job says is to be ignored holds for what it makes: what counts are the rules as they are after the merge.
#[test]
fn rules_that_a_job_changes_hold_for_its_own_files() {
    for (rules, new, ignored) in [("build/\n", "out/\n", false), ("out/\n", "build/\n", true)] {
        let house = House::new(&["m"]);
        house.write(".gitignore", rules);
        house.git(&["add", "-A"]);
        house.git(&["commit", "-q", "-m", "ignore"]);
        let made = [
            edit(".gitignore", rules, new),
            edit("build/out.py", "", "X = 1\n"),
            right(),
        ];
        house.says(0, &requests("read shop.py\nread .gitignore"));
        house.says(0, &made.concat());
        house.ends(0, &["delegate", "make the tests pass", "shop.py", "--wait"]);
        let merged = house.last(0, "merged", &["jobs", "merge", "j1"]);
        assert_eq!(merged["verified"], true, "{merged}");
        assert_eq!(merged["ignored"].is_array(), ignored, "{merged}");
        assert_eq!(house.git(&["status", "--porcelain", "build"]).is_empty(), ignored);
        assert!(house.ends(0, &["status"]).contains("verified"));
    }
}

/// Where what git ignores is needed, the person is told what no check could see.
#[test]
fn an_ignored_file_that_is_needed_is_named() {
    let house = House::new(&["m"]);
    house.write(".gitignore", "build/\n");
    house.git(&["add", "-A"]);
    house.git(&["commit", "-q", "-m", "ignore"]);
    let needed = edit(
        "shop.py",
        "    return sum(items) + 1\n",
        "    from build.out import EXTRA\n    return sum(items) + EXTRA\n",
    );
    house.says(0, &requests("read shop.py"));
    house.says(0, &format!("{}{needed}", edit("build/out.py", "", "EXTRA = 0\n")));
    house.ends(0, &["delegate", "make the tests pass", "shop.py", "--wait"]);
    let said = house.ends(14, &["jobs", "merge", "j1"]);
    assert!(
        said.contains("because git ignores it here: build/out.py"),
        "{said}"
    );
    assert_eq!(house.file("shop.py"), WRONG);
}

/// What was taken back can be had again, and what nobody has to write counts as merged.
#[test]
fn what_was_undone_or_thrown_away_is_merged_again() {
    let house = ready();
    let done = WRONG.replace(" + 1", "");
    house.ends(0, &["jobs", "merge", "j1"]);
    let said = house.ends(4, &["jobs", "merge", "j1"]);
    assert!(
        said.contains("j1 is merged, and the worktree has all of it"),
        "{said}"
    );
    house.ends(0, &["undo"]);
    let shown = house.ends(0, &["jobs", "show", "j1"]);
    assert!(
        shown.contains("j1 undone") && shown.contains("`brisk jobs merge j1` brings it again"),
        "{shown}"
    );
    assert!(house.ends(0, &["jobs", "list"]).contains("undone"));
    house.ends(0, &["jobs", "merge", "j1"]);
    assert_eq!(house.file("shop.py"), done);
    assert!(house.ends(0, &["jobs", "show", "j1"]).contains("j1 merged"));
    house.git(&["checkout", "-q", "shop.py"]);
    house.ends(0, &["jobs", "merge", "j1"]);
    assert_eq!(house.file("shop.py"), done);
    // What is in the worktree is wanted, as long as it is there. Another daemon knows of it, and opens nothing.
    let said = house.ends(4, &["jobs", "drop", "j1"]);
    assert!(
        said.contains("j1 is merged; take that back first with `brisk undo "),
        "{said}"
    );
    house.ends(0, &["undo"]);
    house.ends(0, &["daemon", "stop"]);
    let root = house.repo.with_extension("away");
    std::fs::rename(&house.repo, &root).unwrap();
    std::fs::create_dir(&house.repo).unwrap();
    assert!(house.ends(0, &["jobs", "list", "--all"]).contains("undone"));
    house.ends(0, &["jobs", "drop", "j1"]);
    assert!(house.ends(0, &["jobs", "list", "--all"]).contains("dropped"));

    // Made by hand.
    let house = ready();
    house.write("shop.py", &done);
    let said = house.ends(0, &["jobs", "merge", "j1"]);
    assert!(said.contains("has all of it already"), "{said}");
    let shown = house.ends(0, &["jobs", "show", "j1"]);
    assert!(
        shown.contains("j1 merged") && !shown.contains("brisk undo"),
        "{shown}"
    );
}

/// Git stores other line ends than lie on disk.
#[test]
fn line_ends_stay_as_they_are_on_disk() {
    let house = House::new(&["m"]);
    house.write(".gitattributes", "shop.py text eol=crlf\n");
    house.git(&["add", "-A"]);
    house.git(&["commit", "-q", "-m", "line ends"]);
    let crlf = |text: &str| text.replace('\n', "\r\n");
    house.write("shop.py", &crlf(WRONG));
    house.git(&["add", "-A"]);
    house.says(0, &requests("read shop.py"));
    house.says(0, &right());
    house.ends(0, &["delegate", "make the tests pass", "shop.py", "--wait"]);
    let merged = house.last(0, "merged", &["jobs", "merge", "j1"]);
    assert_eq!(merged["verified"], true, "{merged}");
    assert_eq!(house.file("shop.py"), crlf(&WRONG.replace(" + 1", "")));
    house.ends(0, &["undo"]);
    assert_eq!(house.file("shop.py"), crlf(WRONG));
}

#[test]
fn a_draft_with_conflicts_of_git_is_not_handed_over() {
    let house = House::new(&["m"]);
    for (branch, word) in [("theirs", "len"), ("main", "max")] {
        house.git(&[
            "checkout",
            "-q",
            "-B",
            branch,
            if branch == "main" { "main" } else { "HEAD" },
        ]);
        house.write("shop.py", &WRONG.replace("sum", word));
        house.git(&["commit", "-qam", branch]);
    }
    let merging = std::process::Command::new("git")
        .args(["merge", "-q", "theirs"])
        .current_dir(&house.repo)
        .output()
        .unwrap();
    assert!(!merging.status.success());
    let said = house.ends(24, &["delegate", "make the tests pass", "--with-draft"]);
    assert!(
        said.contains("git has conflicts to settle first: shop.py"),
        "{said}"
    );
}

#[test]
fn what_does_not_pass_together_is_not_merged() {
    let house = ready();
    let mine = WRONG.replace("    return found\n", "    return []\n");
    house.write("shop.py", &mine);
    let said = house.ends(14, &["jobs", "merge", "j1"]);
    assert!(
        said.contains("with what you have here it does not pass"),
        "{said}"
    );
    assert_eq!(house.file("shop.py"), mine);
}

#[test]
fn work_on_a_draft_begins_with_what_is_not_committed_and_only_then() {
    for (with, flag) in [(true, "--with-draft"), (false, "--base=HEAD")] {
        let house = House::new(&["m"]);
        house.write("shop.py", &format!("# mine\n{WRONG}"));
        house.says(0, &requests("read shop.py"));
        house.says(0, &right());
        house.ends(0, &["delegate", "make the tests pass", "--wait", flag]);
        let second = house.servers[0].wait_request(2).unwrap().body.to_string();
        assert_eq!(second.contains("# mine"), with, "{second}");
        house.ends(0, &["jobs", "merge", "j1"]);
        assert_eq!(
            house.file("shop.py"),
            format!("# mine\n{}", WRONG.replace(" + 1", ""))
        );
    }
}
