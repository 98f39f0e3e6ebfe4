//! Repositories that are not plain, and what happens to them while a job runs.

use crate::house::{House, TESTS, WRONG, edit, requests, right};
use brisk_testkit::server::Script;
use brisk_testkit::{Act, Reply};

const POINTER: &str = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\nsize 12345\n";

#[test]
fn submodules_pointers_and_sparse_checkouts_are_left_as_they_are() {
    for odd in ["submodule", "pointer", "sparse", "case"] {
        let house = House::new(&["m"]);
        match odd {
            "submodule" => {
                let head = house.git(&["rev-parse", "HEAD"]);
                let entry = format!("160000,{},sub", head.trim());
                house.git(&["update-index", "--add", "--cacheinfo", &entry]);
                house.write(
                    ".gitmodules",
                    "[submodule \"sub\"]\n\tpath = sub\n\turl = ../sub\n",
                );
                house.git(&["add", ".gitmodules"]);
            }
            "pointer" => {
                house.write(".gitattributes", "*.bin filter=lfs diff=lfs merge=lfs -text\n");
                house.write("big.bin", POINTER);
                house.git(&["add", "-A"]);
            }
            "sparse" => {
                std::fs::create_dir(house.repo.join("notes")).unwrap();
                house.write("notes/a.txt", "a\n");
                house.git(&["add", "-A"]);
            }
            _ => {
                house.write("Readme.txt", "a\n");
                house.git(&["add", "-A"]);
                house.git(&["commit", "-q", "-m", "second"]);
                house.git(&["mv", "Readme.txt", "README.txt"]);
            }
        }
        house.git(&["commit", "-q", "-m", odd]);
        if odd == "sparse" {
            house.git(&["sparse-checkout", "set", "--no-cone", "/*", "!/notes/"]);
        }
        let status = house.git(&["status", "--porcelain"]);
        house.says(0, &right());
        let said = house.ends(0, &["delegate", "make the tests pass", "shop.py", "--wait"]);
        assert!(said.contains("j1 ready"), "{odd}: {said}");
        assert_eq!(house.git(&["status", "--porcelain"]), status, "{odd}");
        let said = house.ends(0, &["jobs", "merge", "j1"]);
        if odd == "sparse" {
            let want = "`brisk ship` would refuse: these files are tracked and not checked out: notes/a.txt";
            assert!(said.contains(want), "{said}");
        }
        let after = house.git(&["status", "--porcelain"]);
        let mut want: Vec<&str> = status.lines().chain([" M shop.py"]).collect();
        let mut found: Vec<&str> = after.lines().collect();
        want.sort_unstable();
        found.sort_unstable();
        assert_eq!(found, want, "{odd}");
        assert_eq!(house.file("shop.py"), WRONG.replace(" + 1", ""), "{odd}");
    }
}

#[test]
fn a_base_that_is_deleted_and_pruned_while_the_job_runs_is_still_there_for_it() {
    let house = House::new(&["m"]);
    let gated = vec![Act::gate("go"), Act::text(right()), Act::stop(), Act::Done];
    house.servers[0].reply(Reply::stream(gated));
    house.git(&["checkout", "-q", "-b", "gone"]);
    house.write("mine.txt", "only on that branch\n");
    house.git(&["add", "-A"]);
    house.git(&["commit", "-q", "-m", "on a branch"]);
    house.ends(0, &["delegate", "make the tests pass", "shop.py"]);
    house.servers[0].wait_request(1).unwrap();
    house.git(&["checkout", "-q", "main"]);
    house.git(&["branch", "-q", "-D", "gone"]);
    house.git(&["reflog", "expire", "--expire=now", "--all"]);
    house.git(&["gc", "-q", "--prune=now"]);
    house.servers[0].open("go");
    assert!(house.ends(0, &["jobs", "watch", "j1"]).contains("j1 ready"));
    house.ends(0, &["jobs", "merge", "j1"]);
    assert_eq!(house.file("shop.py"), WRONG.replace(" + 1", ""));
    assert!(
        !house.repo.join("mine.txt").exists(),
        "what the base held is not the job's change"
    );
}

/// What the person chose not to have on disk, and what belongs to another repository.
#[test]
fn what_is_not_laid_out_is_not_guessed_at() {
    // A file that the checkout leaves out: the job may change it, and whoever merges is told.
    let house = House::new(&["m"]);
    house.write("notes/a.txt", "a\n");
    house.git(&["add", "-A"]);
    house.git(&["commit", "-q", "-m", "notes"]);
    house.git(&["sparse-checkout", "set", "--no-cone", "/*", "!/notes/"]);
    let both = format!("{}{}", edit("notes/a.txt", "a\n", "b\n"), right());
    house.says(0, &requests("read notes/a.txt"));
    house.says(0, &both);
    house.ends(0, &["delegate", "make the tests pass", "shop.py", "--wait"]);
    let said = house.ends(6, &["jobs", "merge", "j1"]);
    assert!(
        said.contains("notes/a.txt: it is not there any more") && said.contains("nothing was written"),
        "{said}"
    );
    assert_eq!(house.file("shop.py"), WRONG);
    assert_eq!(house.git(&["status", "--porcelain"]), "");

    // A file of a submodule: nothing of this repository.
    let house = House::new(&["m"]);
    let head = house.git(&["rev-parse", "HEAD"]);
    let entry = format!("160000,{},sub", head.trim());
    house.git(&["update-index", "--add", "--cacheinfo", &entry]);
    house.git(&["commit", "-q", "-m", "a submodule"]);
    let status = house.git(&["status", "--porcelain"]);
    house.servers[0].script(Script {
        replies: vec![Reply::text(&format!(
            "{}{}",
            edit("sub/x.py", "", "b\n"),
            right()
        ))],
        otherwise: Some(Reply::text("I give up.")),
    });
    let args = [
        "delegate",
        "make the tests pass",
        "shop.py",
        "--rounds",
        "1",
        "--wait",
    ];
    let said = house.ends(26, &args);
    assert!(said.contains("led nowhere"), "{said}");
    let told = house.servers[0].wait_request(2).unwrap().body.to_string();
    assert!(told.contains("sub is a link or another repository"), "{told}");
    assert_eq!(house.git(&["status", "--porcelain"]), status);
    assert!(!house.repo.join("sub/x.py").exists());
}

const NEEDS: &str = "    def test_other(self):\n        self.assertTrue(os.path.exists(\"other/x.py\"))\n";

/// The checks need a file that another repository holds, or that is not checked out.
fn needs_other(house: &House) {
    let tests = format!("import os\n{TESTS}\n{NEEDS}");
    house.write("test_shop.py", &tests);
    house.git(&["add", "-A"]);
    house.git(&["commit", "-q", "-m", "another file"]);
}

/// A house with a submodule that is checked out and clean.
fn with_submodule() -> House {
    let house = House::new(&["m"]);
    let source = house.repo.with_file_name("source");
    std::fs::create_dir(&source).unwrap();
    std::fs::write(source.join("x.py"), "X = 1\n").unwrap();
    let at = source.to_str().unwrap();
    for args in [
        &["init", "-q", "-b", "main"][..],
        &["add", "-A"],
        &[
            "-c",
            "user.name=A",
            "-c",
            "user.email=a@b.c",
            "commit",
            "-q",
            "-m",
            "x",
        ],
    ] {
        house.git(&[&["-C", at], args].concat());
    }
    let allow = ["-c", "protocol.file.allow=always", "submodule", "--quiet", "add"];
    house.git(&[&allow[..], &[at, "other"]].concat());
    needs_other(&house);
    house
}

#[test]
fn checks_of_a_merge_and_of_a_draft_see_submodules() {
    let house = with_submodule();
    house.says(0, &requests("read shop.py"));
    house.says(0, &right());
    house.ends(0, &["delegate", "make the tests pass", "shop.py", "--wait"]);
    let merged = house.last(0, "merged", &["jobs", "merge", "j1"]);
    assert_eq!(
        (&merged["verified"], merged.get("withheld")),
        (&true.into(), None),
        "{merged}"
    );
    assert!(house.ends(0, &["status"]).contains("verified"));
    house.ends(0, &["undo"]);

    // The person has something of their own: both are checked, and the draft is one with the submodule.
    let mine = format!("# mine\n{WRONG}");
    house.write("shop.py", &mine);
    house.says(0, &requests("read shop.py"));
    house.says(0, &right());
    house.ends(0, &["delegate", "make the tests pass", "--with-draft", "--wait"]);
    house.ends(0, &["jobs", "merge", "j1"]);
    assert_eq!(house.file("shop.py"), mine.replace(" + 1", ""));
    house.ends(0, &["undo"]);

    // What lies in it and is not committed there, no check sees, and no word says that it may ship.
    house.write("other/x.py", "X = 2\n");
    let said = house.ends(0, &["jobs", "merge", "j2"]);
    let want =
        "`brisk ship` would refuse: these submodules have changes of their own, which no check saw: other";
    assert!(said.contains(want), "{said}");
    house.ends(24, &["ship", "commit", "-m", "x"]);
}

#[test]
fn a_merge_that_fails_for_files_that_are_not_checked_out_names_them() {
    let house = House::new(&["m"]);
    house.write("other/x.py", "X = 1\n");
    needs_other(&house);
    house.git(&["sparse-checkout", "set", "--no-cone", "/*", "!/other/"]);
    house.says(0, &requests("read shop.py"));
    house.says(0, &right());
    house.ends(0, &["delegate", "make the tests pass", "shop.py", "--wait"]);
    let said = house.ends(14, &["jobs", "merge", "j1"]);
    assert!(
        said.contains("these files are tracked and not checked out: other/x.py"),
        "{said}"
    );
    assert_eq!(house.file("shop.py"), WRONG);
}
