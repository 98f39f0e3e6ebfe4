//! Repositories that are not plain, and what happens to them while a job runs.

use crate::house::{House, WRONG, right};
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
        house.ends(0, &["jobs", "merge", "j1"]);
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
