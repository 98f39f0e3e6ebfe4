//! Git's own state that could have it, or the gate, see another worktree than the one that was tested. Each row: what
//! somebody did after a tree was verified. Whatever leaves is that tree, or nothing leaves.

use crate::house::{House, POLICY, RIGHT, SHOP, TESTS, WRONG, git_in, said};
use crate::server::remote;
use std::path::PathBuf;
use std::process::Command;

/// What is done, and the variables that the commands then run with.
type Trick = fn(&House) -> Vec<(&'static str, PathBuf)>;

/// Another repository with a worktree in which the code is wrong.
fn elsewhere(h: &House) -> PathBuf {
    let other = h.home.path().join("other");
    git_in(h.home.path(), &["clone", "-q", h.repo.to_str().unwrap(), "other"]);
    std::fs::write(other.join("shop.py"), WRONG).unwrap();
    git_in(&other, &["add", "-A"]);
    other
}

fn set(name: &str, value: &str) -> impl Fn(&House) {
    move |h| drop(h.git(&["config", name, value]))
}

fn nothing() -> Vec<(&'static str, PathBuf)> {
    Vec::new()
}

#[test]
fn variables_of_git_do_not_change_which_tree_leaves() {
    only_the_tree_that_was_tested_leaves(&[
        ("nothing", |_| nothing(), &[0]),
        ("GIT_DIR", |h| vec![("GIT_DIR", elsewhere(h).join(".git"))], &[0]),
        ("GIT_WORK_TREE", |h| vec![("GIT_WORK_TREE", elsewhere(h))], &[0]),
        (
            "GIT_DIR and GIT_WORK_TREE",
            |h| {
                let other = elsewhere(h);
                vec![("GIT_DIR", other.join(".git")), ("GIT_WORK_TREE", other)]
            },
            &[0],
        ),
        (
            "GIT_INDEX_FILE",
            |h| vec![("GIT_INDEX_FILE", elsewhere(h).join(".git/index"))],
            &[0],
        ),
        (
            "GIT_OBJECT_DIRECTORY",
            |h| vec![("GIT_OBJECT_DIRECTORY", elsewhere(h).join(".git/objects"))],
            &[0],
        ),
        (
            "pathspecs that are read otherwise",
            |_| vec![("GIT_LITERAL_PATHSPECS", "1".into())],
            &[0],
        ),
    ]);
}

#[test]
fn settings_of_git_do_not_change_which_tree_leaves() {
    only_the_tree_that_was_tested_leaves(&[
        (
            "core.worktree",
            |h| {
                set("core.worktree", elsewhere(h).to_str().unwrap())(h);
                nothing()
            },
            &[24],
        ),
        (
            "core.bare",
            |h| {
                set("core.bare", "true")(h);
                nothing()
            },
            &[24],
        ),
        (
            "an index that is not looked at",
            |h| {
                set("core.checkStat", "minimal")(h);
                set("core.trustctime", "false")(h);
                set("core.ignoreStat", "true")(h);
                nothing()
            },
            &[0],
        ),
        (
            "assume-unchanged",
            |h| {
                h.git(&["update-index", "--assume-unchanged", "shop.py"]);
                nothing()
            },
            &[0, 24],
        ),
        (
            "skip-worktree",
            |h| {
                h.git(&["update-index", "--skip-worktree", "shop.py"]);
                nothing()
            },
            &[24],
        ),
        (
            "a sparse checkout",
            |h| {
                h.git(&["sparse-checkout", "set", "--no-cone", "/shop.py", "/brisk.toml"]);
                nothing()
            },
            &[18, 19, 24],
        ),
        (
            "a worktree that git would ask a program about",
            |h| {
                set("core.fsmonitor", "true")(h);
                set("core.untrackedCache", "true")(h);
                set("core.splitIndex", "true")(h);
                h.git(&["update-index", "--split-index"]);
                nothing()
            },
            &[0],
        ),
        (
            "a file that the repository ignores from now on",
            |h| {
                std::fs::create_dir_all(h.repo.join(".git/info")).unwrap();
                h.write(".git/info/exclude", "shop.py\ntest_shop.py\n");
                nothing()
            },
            &[0],
        ),
        (
            "another commit in the place of HEAD",
            |h| {
                let other = elsewhere(h);
                let identity = ["-c", "user.name=A", "-c", "user.email=a@b.c"];
                git_in(&other, &[&identity[..], &["commit", "-qm", "wrong"]].concat());
                h.git(&["fetch", "-q", other.to_str().unwrap()]);
                h.git(&["replace", "HEAD", "FETCH_HEAD"]);
                nothing()
            },
            &[0],
        ),
        (
            "objects of somebody else",
            |h| {
                let objects = elsewhere(h).join(".git/objects");
                h.write(".git/objects/info/alternates", objects.to_str().unwrap());
                nothing()
            },
            &[0],
        ),
    ]);
}

/// Each row: a trick, what it is, and how `ship` may end then.
#[track_caller]
fn only_the_tree_that_was_tested_leaves(rows: &[(&str, Trick, &[i32])]) {
    for (name, trick, exits) in rows {
        let house = House::new();
        house.write("shop.py", RIGHT);
        let shown = house.lines(0, "verify", &["verify"]);
        let tree = shown[0]["tree"].as_str().unwrap().to_owned();
        let head = house.head();
        let env = trick(&house);
        let run = |args: &[&str]| {
            let mut command = house.command(args);
            command.envs(env.iter().map(|(n, v)| (*n, v.as_path())));
            command.output().unwrap()
        };
        for way in [
            &["ship", "branch", "b", "-m", "x"][..],
            &["ship", "commit", "-m", "x"],
        ] {
            let out = run(way);
            let code = out.status.code().unwrap();
            assert!(exits.contains(&code), "{name} {way:?}: {code} {}", said(&out));
        }
        // Whatever became a commit of this repository holds the tree that was tested.
        let git = |args: &[&str]| {
            let mut git = Command::new("git");
            git.args(["--no-replace-objects", "-c", "core.bare=false"])
                .args(args);
            let out = git.current_dir(&house.repo).output().unwrap();
            String::from_utf8(out.stdout).unwrap().trim().to_owned()
        };
        for rev in ["HEAD", "b"] {
            let commit = git(&["rev-parse", "--verify", "--quiet", rev]);
            if commit.is_empty() || commit == head {
                assert!(
                    !exits.starts_with(&[0]) || exits.len() > 1,
                    "{name}: {rev} did not ship"
                );
                continue;
            }
            assert_eq!(
                git(&["rev-parse", &format!("{commit}^{{tree}}")]),
                tree,
                "{name}: {rev}"
            );
        }
        // And nothing became one of another.
        let other = house.home.path().join("other");
        if other.exists() {
            let all = git_in(&other, &["log", "--all", "--format=%s"]);
            assert!(!all.lines().any(|l| l == "x"), "{name}: {all}");
        }
    }
}

/// What is ignored is no part of what is tested, wherever it is ignored.
#[test]
fn a_hidden_file_does_not_help_a_draft() {
    let rows: [(&str, Trick); 3] = [
        ("info/exclude", |h| {
            std::fs::create_dir_all(h.repo.join(".git/info")).unwrap();
            h.write(".git/info/exclude", "hidden.py\n");
            nothing()
        }),
        ("core.excludesFile", |h| {
            let file = h.home.path().join("ignored");
            std::fs::write(&file, "hidden.py\n").unwrap();
            set("core.excludesFile", file.to_str().unwrap())(h);
            nothing()
        }),
        ("the person's core.excludesFile", |h| {
            let file = h.home.path().join("ignored");
            std::fs::write(&file, "hidden.py\n").unwrap();
            let config = h.home.path().join("gitconfig");
            std::fs::write(&config, format!("[core]\n\texcludesFile = {}\n", file.display())).unwrap();
            vec![("GIT_CONFIG_GLOBAL", config)]
        }),
    ];
    for (name, trick) in rows {
        let house = House::new();
        let env = trick(&house);
        house.write("hidden.py", RIGHT);
        house.write("shop.py", "from hidden import total\n");
        let run = |args: &[&str]| {
            let mut command = house.command(args);
            command.envs(env.iter().map(|(n, v)| (*n, v.as_path())));
            command.output().unwrap()
        };
        let head = house.head();
        let verified = run(&["verify"]);
        let shipped = run(&["ship", "commit", "-m", "x"]);
        let code = shipped.status.code();
        assert!(
            code == Some(14) || code == Some(24),
            "{name}: {}{}",
            said(&verified),
            said(&shipped)
        );
        assert_eq!(house.head(), head, "{name}");
    }
}

/// Files of git that hide what leads to a commit hide nothing from the gate.
#[test]
fn a_commit_below_is_found_whatever_hides_it() {
    for (file, text) in [("info/grafts", "{top} {base}\n"), ("shallow", "{top}\n")] {
        let house = House::new();
        let _remote = remote(&house);
        house.ends(0, &["verify"]);
        house.ends(0, &["ship", "push"]);
        let base = house.head();
        house.write("shop.py", WRONG);
        house.git(&["commit", "-q", "--no-verify", "-am", "unseen"]);
        house.write("shop.py", RIGHT);
        house.ends(0, &["verify"]);
        house.ends(0, &["ship", "commit", "-m", "mended"]);
        let top = house.head();
        let text = text.replace("{top}", &top).replace("{base}", &base);
        let path = house.repo.join(".git").join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        // Its tests were run, as those of the base of what mends it.
        let said = house.ends(14, &["ship", "push"]);
        assert!(said.contains("not shipped"), "{file}: {said}");
        std::fs::remove_file(path).unwrap();
    }
}

/// An object whose content is not what its name says, as somebody with hands on a clone can leave one.
#[test]
fn no_object_lies_about_its_name() {
    let house = House::raw(&[("shop.py", SHOP), ("test_shop.py", TESTS), ("brisk.toml", POLICY)]);
    let weak = "[verify.checks.unit]\nrun = [\"true\"]\nparse = \"exit\"\n";
    let id = house.git(&["rev-parse", "HEAD:brisk.toml"]);
    let (folder, name) = id.trim().split_at(2);
    let object = house.repo.join(".git/objects").join(folder).join(name);
    let python = "import sys, zlib, os; d = sys.argv[2].encode(); os.chmod(sys.argv[1], 0o644); open(sys.argv[1], 'wb').write(zlib.compress(b'blob %d\\0' % len(d) + d))";
    let made = Command::new("python3")
        .args(["-c", python])
        .arg(&object)
        .arg(weak)
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", said(&made));
    let keys = house.home.path().join("keys");
    std::fs::write(&keys, house.ends(0, &["gate", "key"])).unwrap();
    house.git(&["commit", "-q", "--allow-empty", "-m", "on top"]);
    let out = house.brisk(&["gate", "check", "HEAD", "--keys", keys.to_str().unwrap()]);
    assert!(
        !out.status.success() && said(&out).contains("brisk.toml"),
        "{}",
        said(&out)
    );
    // Nor can it be confirmed.
    let said = house.at_terminal(17, &["verify", "--accept"]);
    assert!(said.contains("brisk.toml"), "{said}");
}
