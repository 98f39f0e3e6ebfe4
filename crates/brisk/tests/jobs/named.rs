//! What a person names on the command line: files from where they stand, attempts as they are shown.

use crate::house::House;

#[test]
fn files_are_named_from_where_the_person_stands() {
    let house = House::new(&["m"]);
    house.write("sub/part.py", "x = 1\n");
    house.git(&["add", "-A"]);
    house.git(&["commit", "-q", "-m", "a folder"]);
    let from_sub = |args: &[&str]| {
        let mut command = house.command(args);
        let out = command.current_dir(house.repo.join("sub")).output().unwrap();
        let said = format!(
            "{}{}",
            String::from_utf8_lossy(&out.stdout),
            String::from_utf8_lossy(&out.stderr)
        );
        (out.status.code(), said)
    };
    let absolute = house.repo.canonicalize().unwrap().join("shop.py");
    let absolute = absolute.to_str().unwrap();
    for (args, exit, want) in [
        (&["delegate", "x", "../sub"][..], 4, "../sub is a folder"),
        (&["delegate", "x", "../../x.py"], 4, "outside of"),
        (
            &["delegate", "x", "../gone.py"],
            4,
            "gone.py is not in the commit",
        ),
        (
            &["delegate", "x", "--part", "a @../shop.py:1-2"],
            2,
            "whole files only",
        ),
    ] {
        let (code, said) = from_sub(args);
        assert!(
            code == Some(exit) && said.contains(want),
            "{args:?}: {code:?} {said}"
        );
    }
    house.hangs(0);
    let (code, said) = from_sub(&["delegate", "mend it", "../shop.py:1-2", "part.py", absolute]);
    assert_eq!(code, Some(0), "{said}");
    let asked = house.servers[0].wait_request(1).unwrap().body.to_string();
    assert!(
        asked.contains("mend it (shop.py:1-2)") && asked.contains("sub/part.py"),
        "{asked}"
    );
    let refused = house.ends(4, &["jobs", "drop", "j1"]);
    assert!(refused.contains("`brisk jobs cancel j1` stops it"), "{refused}");
    for args in [["jobs", "log", "j1", "77"], ["jobs", "diff", "j1", "a77"]] {
        let said = house.ends(4, &args);
        assert!(
            said.contains("j1 has no attempt a77") && said.contains("there are a1"),
            "{said}"
        );
    }
    house.ends(0, &["jobs", "log", "j1", "j1a1"]);
    for what in ["log", "diff"] {
        let said = house.ends(2, &["jobs", what, "j1", "j2a1"]);
        assert!(said.contains("j2a1 is no attempt at j1"), "{said}");
    }
    house.ends(2, &["jobs", "list", "-n", "0"]);
    house.ends(0, &["jobs", "cancel", "j1"]);
}

/// What a name means is for the commit to say that the work starts from, and not for what lies in the worktree.
#[test]
fn a_name_with_a_colon_and_a_file_of_the_base_are_found() {
    let house = House::new(&["m"]);
    for name in ["a:b.py", "gone.py"] {
        house.write(name, "x = 1\n");
    }
    house.git(&["add", "-A"]);
    house.git(&["commit", "-q", "-m", "names"]);
    house.git(&["rm", "-q", "gone.py"]);
    house.git(&["commit", "-q", "-m", "less"]);
    house.hangs(0);
    let args = ["delegate", "mend it", "--base=HEAD~1", "a:b.py", "gone.py:5-6"];
    house.ends(0, &args);
    let asked = house.servers[0].wait_request(1).unwrap().body.to_string();
    for want in ["a:b.py", "mend it (gone.py:5-6)"] {
        assert!(asked.contains(want), "{want}: {asked}");
    }
    house.ends(0, &["jobs", "cancel", "j1"]);
}

#[test]
fn a_part_names_files_with_spaces_and_a_slip_is_told() {
    let house = House::new(&["m"]);
    house.write("my file.py", "x = 1\n");
    house.git(&["add", "-A"]);
    house.git(&["commit", "-q", "-m", "a space"]);
    house.hangs(0);
    let said = house.ends(
        0,
        &["delegate", "x", "--part", "mend it @\"my file.py\" @nosuch.py"],
    );
    assert!(
        said.contains("part 1: nosuch.py is not in your worktree"),
        "{said}"
    );
    assert!(!said.contains("my file.py"), "{said}");
    let job = house.last(0, "job", &["jobs", "show", "j1"]);
    let part = &job["split"]["parts"][0];
    assert_eq!(part["text"], "mend it");
    assert_eq!(part["files"], serde_json::json!(["my file.py", "nosuch.py"]));
    house.ends(0, &["jobs", "cancel", "j1"]);
}
