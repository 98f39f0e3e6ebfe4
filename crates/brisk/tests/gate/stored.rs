//! Repositories whose files git stores otherwise than they lie on disk: line ends, filters, submodules. What is tested is
//! what git stores, and nothing that a repository names is run to find out.

use crate::house::{House, RIGHT, SHOP, TESTS, WRONG, git_in, said};
use crate::server::executable;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

const COMMIT: [&str; 4] = ["ship", "commit", "-m", "x"];

/// Bytes of a file of HEAD.
fn stored(house: &House, path: &str) -> Vec<u8> {
    let mut git = Command::new("git");
    git.args(["cat-file", "blob", &format!("HEAD:{path}")]);
    git.current_dir(&house.repo).output().unwrap().stdout
}

#[test]
fn attributes_and_settings_are_heeded_as_git_heeds_them() {
    verified_as_stored(&[
        (
            "an attribute",
            |h| h.write(".gitattributes", "*.txt text eol=crlf\n"),
            b"one\r\ntwo\r\n",
            b"one\ntwo\n",
        ),
        (
            "an attribute further down that nobody has added yet",
            |h| h.write("docs/.gitattributes", "*.txt text\n"),
            b"one\r\n",
            b"one\n",
        ),
        (
            "an attribute of this clone",
            |h| {
                std::fs::create_dir_all(h.repo.join(".git/info")).unwrap();
                h.write(".git/info/attributes", "*.txt text\n");
            },
            b"one\r\n",
            b"one\n",
        ),
        (
            "a setting of this clone",
            |h| drop(h.git(&["config", "core.autocrlf", "input"])),
            b"one\r\n",
            b"one\n",
        ),
        (
            "a file of attributes that a setting names",
            |h| {
                let file = h.home.path().join("attributes");
                std::fs::write(&file, "*.txt text\n").unwrap();
                h.git(&["config", "core.attributesFile", file.to_str().unwrap()]);
            },
            b"one\r\n",
            b"one\n",
        ),
    ]);
}

#[test]
fn what_git_converts_is_verified_as_git_stores_it() {
    verified_as_stored(&[
        (
            "what is no text",
            |h| drop(h.git(&["config", "core.autocrlf", "true"])),
            b"one\r\n\0two\r\n",
            b"one\r\n\0two\r\n",
        ),
        (
            "an encoding",
            |h| h.write(".gitattributes", "*.txt working-tree-encoding=UTF-16LE\n"),
            b"o\0n\0e\0\n\0",
            b"one\n",
        ),
        (
            "an id",
            |h| h.write(".gitattributes", "*.txt ident\n"),
            b"$Id: 0123 $\n",
            b"$Id$\n",
        ),
        (
            "modes that do not count",
            |h| {
                h.git(&["config", "core.fileMode", "false"]);
                let shop = h.repo.join("shop.py");
                std::fs::set_permissions(shop, std::fs::Permissions::from_mode(0o755)).unwrap();
            },
            b"one\n",
            b"one\n",
        ),
    ]);
}

/// What is set up, the bytes of a file on the disk, and those that git stores of it.
type Row<'a> = (&'a str, fn(&House), &'a [u8], &'a [u8]);

#[track_caller]
fn verified_as_stored(rows: &[Row<'_>]) {
    for (name, setup, disk, want) in rows {
        let house = House::new();
        setup(&house);
        std::fs::create_dir_all(house.repo.join("docs")).unwrap();
        std::fs::write(house.repo.join("docs/a.txt"), disk).unwrap();
        house.write("shop.py", RIGHT);
        let shown = house.ends(0, &["verify"]);
        assert!(shown.contains("verified"), "{name}: {shown}");
        // One byte more is another tree here, too.
        house.write("shop.py", &format!("{RIGHT}\n"));
        house.ends(19, &COMMIT);
        house.write("shop.py", RIGHT);
        house.ends(0, &COMMIT);
        assert_eq!(stored(&house, "docs/a.txt"), *want, "{name}");
        assert_eq!(house.git(&["status", "--porcelain"]), "", "{name}");
        assert!(house.state().contains("shipped"), "{name}: {}", house.state());
    }
}

#[test]
fn a_file_that_is_stored_with_carriage_returns_keeps_them() {
    let house = House::new();
    house.write("a.txt", "one\r\n");
    house.git(&["add", "a.txt"]);
    house.git(&["commit", "-qm", "as it is"]);
    house.git(&["config", "core.autocrlf", "true"]);
    house.write("a.txt", "one\r\ntwo\r\n");
    house.ends(0, &["verify"]);
    house.ends(0, &COMMIT);
    assert_eq!(stored(&house, "a.txt"), b"one\r\ntwo\r\n");
}

/// A daemon looks at the tree while commands verify it, and a kill leaves git's own lock behind.
#[test]
fn several_may_look_at_once_after_one_was_killed() {
    let house = House::new();
    house.write(".gitattributes", "* text=auto\n");
    house.write("docs/a.txt", "one\r\n");
    house.ends(0, &["verify"]);
    let lock = house.gate().with_file_name("tree.index.lock");
    std::fs::write(&lock, "").unwrap();
    let tree = |out: Output| {
        let text = said(&out);
        assert_eq!(out.status.code(), Some(0), "{text}");
        text.lines().find(|l| l.starts_with("tree ")).map(str::to_owned)
    };
    let all: Vec<_> = (0..4)
        .map(|_| house.command(&["verify"]).stdout(Stdio::piped()).spawn().unwrap())
        .collect();
    let trees: Vec<_> = all
        .into_iter()
        .map(|c| tree(c.wait_with_output().unwrap()))
        .collect();
    assert!(
        trees[0].is_some() && trees.iter().all(|t| *t == trees[0]),
        "{trees:?}"
    );
}

#[test]
fn what_is_tracked_and_ignored_ships_and_another_repository_is_passed_over() {
    let house = House::new();
    house.write(".gitignore", "*.gen\n");
    house.write("a.gen", "x");
    house.git(&["add", "-f", "a.gen"]);
    git_in(&house.repo, &["init", "-q", "inner"]);
    house.write("inner/file", "x");
    let identity = ["-c", "user.name=A", "-c", "user.email=a@b.c"];
    let inner = house.repo.join("inner");
    git_in(&inner, &["add", "file"]);
    git_in(&inner, &[&identity[..], &["commit", "-qm", "x"]].concat());
    for attributes in ["", "*.md text\n"] {
        house.write(".gitattributes", attributes);
        house.ends(0, &["verify"]);
        house.ends(0, &COMMIT);
        let files = house.git(&["ls-tree", "-r", "--name-only", "HEAD"]);
        assert!(files.contains("a.gen") && !files.contains("inner"), "{files}");
    }
}

/// A filter that leaves a trace, and the folder of a person whose own configuration names it or does not.
struct Filters {
    house: House,
    global: PathBuf,
    ran: PathBuf,
    script: PathBuf,
}

impl Filters {
    fn new() -> Filters {
        let house = House::new();
        let (ran, script) = (house.home.path().join("ran"), house.home.path().join("clean"));
        let text = format!(
            "#!/bin/sh\necho ran >> {}\nprintf 'pointer '\ncksum\n",
            ran.display()
        );
        executable(&script, &text);
        let global = house.home.path().join("gitconfig");
        std::fs::write(&global, "").unwrap();
        house.write(".gitattributes", "*.bin filter=lfs -text\n");
        Filters {
            house,
            global,
            ran,
            script,
        }
    }

    fn owned(&self) {
        let script = self.script.display();
        let text = format!("[filter \"lfs\"]\n\tclean = {script}\n\tsmudge = cat\n\trequired = true\n");
        std::fs::write(&self.global, text).unwrap();
    }

    fn brisk(&self, args: &[&str]) -> Output {
        let mut command = self.house.command(args);
        command.env("GIT_CONFIG_GLOBAL", &self.global).output().unwrap()
    }

    #[track_caller]
    fn ends(&self, exit: i32, args: &[&str]) -> String {
        let out = self.brisk(args);
        let said = said(&out);
        assert_eq!(out.status.code(), Some(exit), "{args:?}: {said}");
        said
    }
}

#[test]
fn the_persons_own_filter_makes_what_is_verified() {
    let f = Filters::new();
    f.owned();
    f.house.write("a.bin", "large");
    f.ends(0, &["verify"]);
    assert!(f.ran.exists());
    f.house.write("a.bin", "larger");
    f.ends(19, &COMMIT);
    f.house.write("a.bin", "large");
    f.ends(0, &COMMIT);
    let kept = stored(&f.house, "a.bin");
    assert!(kept.starts_with(b"pointer "), "{kept:?}");
}

#[test]
fn a_filter_of_the_repository_is_never_run() {
    type Row<'a> = (&'a str, fn(&Filters));
    let local = |f: &Filters| {
        let script = f.script.to_str().unwrap();
        f.house.git(&["config", "filter.lfs.clean", script]);
        f.house.git(&["config", "filter.lfs.required", "true"]);
    };
    let rows: [Row<'_>; 5] = [
        ("nobody knows it", |_| {}),
        ("the repository names it", local),
        ("both name it", |f| {
            f.owned();
            f.house
                .git(&["config", "filter.lfs.clean", f.script.to_str().unwrap()]);
        }),
        ("an included file names it", |f| {
            let text = format!("[filter \"lfs\"]\n\tprocess = {}\n", f.script.display());
            f.house.write("settings", &text);
            f.house.git(&["config", "include.path", "../settings"]);
        }),
        ("an extension of the person's filter", |f| {
            f.owned();
            f.house
                .git(&["config", "lfs.extension.x.clean", f.script.to_str().unwrap()]);
        }),
    ];
    for (name, setup) in rows {
        let f = Filters::new();
        setup(&f);
        f.house.write("a.bin", "large");
        f.ends(0, &["verify"]);
        let head = f.house.head();
        for way in [&COMMIT[..], &["ship", "branch", "b"], &["ship", "patch"]] {
            let said = f.ends(24, way);
            assert!(
                said.contains("the filter lfs") && said.contains("a.bin") && said.contains("git lfs install"),
                "{name}: {said}"
            );
        }
        assert_eq!(f.house.head(), head, "{name}");
        assert!(!f.ran.exists(), "{name}: it ran");
    }
}

#[test]
fn files_that_did_not_change_need_no_filter() {
    let f = Filters::new();
    f.house.write("a.bin", "pointer\n");
    f.house.git(&["add", "-A"]);
    f.house.git(&["commit", "-qm", "pointers"]);
    f.house
        .git(&["config", "filter.lfs.clean", f.script.to_str().unwrap()]);
    f.house.write("shop.py", RIGHT);
    f.ends(0, &["verify"]);
    f.ends(0, &COMMIT);
    assert_eq!(stored(&f.house, "a.bin"), b"pointer\n");
    assert!(!f.ran.exists(), "it ran");
}

const IDENTITY: [&str; 4] = ["-c", "user.name=A", "-c", "user.email=a@b.c"];

fn commit_all(dir: &Path, message: &str) -> String {
    git_in(dir, &["add", "-A"]);
    git_in(dir, &[&IDENTITY[..], &["commit", "-qm", message]].concat());
    git_in(dir, &["rev-parse", "HEAD"]).trim().to_owned()
}

/// A house whose code needs a submodule, recorded and committed.
fn with_submodule() -> House {
    let house = House::new();
    let origin = house.home.path().join("origin");
    git_in(house.home.path(), &["init", "-q", "origin"]);
    std::fs::write(origin.join("lib.py"), "def plus(items):\n    return sum(items)\n").unwrap();
    commit_all(&origin, "lib");
    let add = ["-c", "protocol.file.allow=always", "submodule", "--quiet", "add"];
    house.git(&[&add[..], &[origin.to_str().unwrap(), "sub"]].concat());
    house.write("shop.py", "from sub.lib import plus as total\n");
    house
}

#[test]
fn a_clean_submodule_ships_by_its_commit() {
    let house = with_submodule();
    // The check sees what the submodule holds.
    house.ends(0, &["verify"]);
    house.ends(0, &COMMIT);
    let sub = house.repo.join("sub");
    let first = git_in(&sub, &["rev-parse", "HEAD"]);
    assert_eq!(house.git(&["rev-parse", "HEAD:sub"]), first);
    assert_eq!(house.git(&["status", "--porcelain"]), "");
    // Another commit of it is another tree.
    std::fs::write(
        sub.join("lib.py"),
        "def plus(items):\n    return sum(items) + 1\n",
    )
    .unwrap();
    let broken = commit_all(&sub, "broken");
    house.ends(19, &COMMIT);
    house.ends(14, &["verify"]);
    house.ends(14, &COMMIT);
    std::fs::write(
        sub.join("lib.py"),
        "def plus(items):\n    return sum(list(items))\n",
    )
    .unwrap();
    let mended = commit_all(&sub, "mended");
    assert_ne!(broken, mended);
    house.ends(0, &["verify"]);
    house.ends(0, &COMMIT);
    assert_eq!(house.git(&["rev-parse", "HEAD:sub"]).trim(), mended);
}

#[test]
fn a_submodule_with_changes_of_its_own_is_named() {
    let house = with_submodule();
    let marker = house.home.path().join("ran");
    let script = house.home.path().join("script");
    executable(&script, &format!("#!/bin/sh\ntouch {}\ncat\n", marker.display()));
    let sub = house.repo.join("sub");
    house.ends(0, &["verify"]);
    let lib = std::fs::read_to_string(sub.join("lib.py")).unwrap();
    let changes: [fn(&Path); 2] = [
        |sub| std::fs::write(sub.join("lib.py"), WRONG).unwrap(),
        |sub| std::fs::write(sub.join("more.py"), "x").unwrap(),
    ];
    for change in changes {
        change(&sub);
        // Nothing that the submodule names is run to find out.
        git_in(&sub, &["config", "core.fsmonitor", script.to_str().unwrap()]);
        git_in(&sub, &["config", "filter.evil.clean", script.to_str().unwrap()]);
        std::fs::write(sub.join(".gitattributes"), "*.py filter=evil\n").unwrap();
        for way in [&COMMIT[..], &["ship", "branch", "b"], &["ship", "patch"]] {
            let said = house.ends(24, way);
            assert!(
                said.contains("changes of their own") && said.contains("sub"),
                "{said}"
            );
        }
        std::fs::remove_file(sub.join(".gitattributes")).unwrap();
        std::fs::write(sub.join("lib.py"), &lib).unwrap();
        let _ = std::fs::remove_file(sub.join("more.py"));
    }
    assert!(!marker.exists(), "something ran");
    house.ends(0, &COMMIT);
}

#[test]
fn a_submodule_that_is_not_there_is_not_made_up() {
    let house = with_submodule();
    house.ends(0, &["verify"]);
    house.ends(0, &COMMIT);
    house.git(&["submodule", "--quiet", "deinit", "-f", "sub"]);
    house.write("shop.py", SHOP);
    house.write("test_shop.py", TESTS);
    house.ends(0, &["verify"]);
    house.ends(0, &COMMIT);
    assert!(house.git(&["ls-tree", "HEAD", "sub"]).starts_with("160000"));
}
