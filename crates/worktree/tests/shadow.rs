//! Trees for the gate are the ones that git itself would make, and a slot holds exactly one of them.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

use brisk_domain::evidence::Tree;
use brisk_worktree::{Git, GitSaid, Shadow, WorktreeError, take};
use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;
use std::process::{Command, Stdio};
use tempfile::TempDir;

/// Of its folder. Lists of folders have colons between them.
const NAME: &str = "re:\"po\"";

struct World {
    dir: TempDir,
    shadow: Shadow,
}

fn git(root: &Path, args: &[&str]) -> String {
    let out = Command::new("git")
        .args([
            "-c",
            "user.name=a",
            "-c",
            "user.email=a@b",
            "-c",
            "core.autocrlf=false",
        ])
        .args(args)
        .current_dir(root)
        .output()
        .unwrap();
    assert!(
        out.status.success(),
        "{args:?}: {}",
        String::from_utf8_lossy(&out.stderr)
    );
    String::from_utf8_lossy(&out.stdout).trim().to_owned()
}

/// The git program, as the binary lends it.
struct Lent(std::path::PathBuf);

impl Lent {
    fn command(&self, args: &[OsString], env: &[(&str, OsString)]) -> Command {
        let mut command = Command::new("git");
        command.arg("-C").arg(&self.0).args(args);
        command.envs(env.iter().map(|(name, value)| (name, value)));
        command
    }
}

impl Git for Lent {
    fn run(&mut self, args: &[OsString], env: &[(&str, OsString)]) -> Result<GitSaid, String> {
        let out = self.command(args, env).output().unwrap();
        Ok(GitSaid {
            code: out.status.code().unwrap(),
            out: String::from_utf8(out.stdout).unwrap(),
            err: String::from_utf8(out.stderr).unwrap(),
        })
    }

    fn bytes(&mut self, args: &[OsString], env: &[(&str, OsString)]) -> Result<Vec<u8>, String> {
        Ok(self.command(args, env).output().unwrap().stdout)
    }

    fn fed(&mut self, args: &[OsString], env: &[(&str, OsString)], input: &[u8]) -> Result<(), String> {
        let mut list = tempfile::tempfile().unwrap();
        std::io::Write::write_all(&mut list, input).unwrap();
        std::io::Seek::rewind(&mut list).unwrap();
        let out = self.command(args, env).stdin(Stdio::from(list)).output().unwrap();
        match out.status.success() {
            true => Ok(()),
            false => Err(String::from_utf8(out.stderr).unwrap()),
        }
    }
}

impl World {
    /// Takes a tree of the person's own objects over.
    fn take(&mut self, tree: &Tree) -> Result<(), WorktreeError> {
        let root = self.root();
        take(
            &mut self.shadow,
            &mut Lent(root.clone()),
            &root.join(".git/objects"),
            tree,
        )
    }

    fn new() -> World {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join(NAME);
        fs::create_dir(&root).unwrap();
        git(&root, &["init", "-q", "-b", "main"]);
        let shadow = Shadow::open(&root, &dir.path().join("state")).unwrap();
        let world = World { dir, shadow };
        for (path, text) in [
            (".gitignore", "*.log\nbuilt/\n"),
            ("a.txt", "a\r\n"),
            ("src/b.txt", "b"),
            ("src/deep/c d.txt", ""),
            ("x.log", "ignored"),
            ("built/y", "ignored"),
        ] {
            world.write(path, text);
        }
        world.write("run.sh", "#!/bin/sh\n");
        fs::set_permissions(world.root().join("run.sh"), fs::Permissions::from_mode(0o755)).unwrap();
        symlink("a.txt", world.root().join("link")).unwrap();
        world
    }

    fn root(&self) -> std::path::PathBuf {
        self.dir.path().join(NAME).canonicalize().unwrap()
    }

    fn write(&self, path: &str, text: &str) {
        let full = self.dir.path().join(NAME).join(path);
        fs::create_dir_all(full.parent().unwrap()).unwrap();
        fs::write(full, text).unwrap();
    }
}

#[test]
fn a_tree_is_the_one_that_git_would_make() {
    let mut world = World::new();
    let root = world.root();
    // Tracked although a rule ignores it.
    git(&root, &["add", "-f", "x.log"]);
    let tree = world.shadow.tree().unwrap();
    git(&root, &["add", "-A"]);
    assert_eq!(tree.as_str(), git(&root, &["write-tree"]));
    assert_eq!(
        Shadow::id_of("b").unwrap().as_str(),
        git(&root, &["hash-object", "src/b.txt"])
    );
}

#[test]
fn a_tree_of_the_persons_own_objects_is_taken_over_also_from_a_pack() {
    let mut world = World::new();
    let root = world.root();
    git(&root, &["add", "-A"]);
    git(&root, &["commit", "-q", "-m", "one"]);
    git(&root, &["gc", "-q", "--prune=now"]);
    let head = Tree::parse(&git(&root, &["rev-parse", "HEAD^{tree}"])).unwrap();
    world.write("a.txt", "changed");
    fs::remove_file(root.join("run.sh")).unwrap();
    world.take(&head).unwrap();
    let now = world.shadow.tree().unwrap();
    let changes = world.shadow.changes(Some(&head), &now).unwrap();
    let told: Vec<(&str, bool, bool)> = changes
        .iter()
        .map(|c| (c.path.as_str(), c.before.is_some(), c.after.is_some()))
        .collect();
    assert_eq!(told, [("a.txt", true, true), ("run.sh", true, false)]);
    let nowhere = Tree::parse(&"1".repeat(40)).unwrap();
    assert!(world.take(&nowhere).is_err());
    assert!(world.shadow.changes(None, &nowhere).is_err());
}

#[test]
fn a_slot_holds_the_tree_and_nothing_else_and_keeps_what_is_right() {
    let mut world = World::new();
    let tree = world.shadow.tree().unwrap();
    let slot = world.shadow.slot(&tree, &[]).unwrap().unwrap();
    let (work, build) = (slot.work().to_owned(), slot.build().to_owned());
    assert!(world.shadow.slot(&tree, &[]).unwrap().is_none(), "nobody waits");
    assert!(!work.starts_with(world.root()));
    assert_eq!(fs::read_to_string(work.join("src/b.txt")).unwrap(), "b");
    assert_eq!(fs::read_link(work.join("link")).unwrap(), Path::new("a.txt"));
    assert!(!work.join("x.log").exists() && !work.join("built").exists() && !work.join(".git").exists());
    assert_eq!(fs::metadata(work.join("run.sh")).unwrap().mode() & 0o777, 0o755);
    drop(slot);

    // As a check may leave it: files more, files less, a folder that leads out, a file with a second name.
    let outside = world.dir.path().join("outside");
    fs::create_dir(&outside).unwrap();
    fs::write(outside.join("b.txt"), "outside").unwrap();
    let untouched = fs::metadata(work.join("a.txt")).unwrap();
    fs::write(build.join("kept"), "x").unwrap();
    fs::create_dir_all(work.join("left/behind")).unwrap();
    fs::set_permissions(work.join("left"), fs::Permissions::from_mode(0o000)).unwrap();
    fs::remove_dir_all(work.join("src")).unwrap();
    symlink(&outside, work.join("src")).unwrap();
    fs::remove_file(work.join("run.sh")).unwrap();
    fs::write(outside.join("twin"), "twin").unwrap();
    fs::hard_link(outside.join("twin"), work.join("run.sh")).unwrap();
    let mut slot = world.shadow.slot(&tree, &[]).unwrap().unwrap();
    assert_eq!(
        world.shadow.changed(&mut slot, &tree).unwrap(),
        Vec::<String>::new()
    );
    assert!(!work.join("left").exists());
    assert!(work.join("src").symlink_metadata().unwrap().is_dir());
    assert_eq!(
        fs::read_to_string(outside.join("b.txt")).unwrap(),
        "outside",
        "no link was followed"
    );
    assert_eq!(
        fs::read_to_string(outside.join("twin")).unwrap(),
        "twin",
        "no other name was written to"
    );
    let again = fs::metadata(work.join("a.txt")).unwrap();
    assert_eq!(
        (again.ino(), again.mtime_nsec()),
        (untouched.ino(), untouched.mtime_nsec())
    );
    assert!(build.join("kept").exists() && !slot.fresh());

    fs::write(work.join("a.txt"), "b\r\n").unwrap();
    fs::remove_file(work.join("link")).unwrap();
    assert_eq!(world.shadow.changed(&mut slot, &tree).unwrap(), ["a.txt", "link"]);
    slot.empty_build().unwrap();
    assert!(slot.fresh() && !build.join("kept").exists());
}

#[test]
fn borrowed_folders_are_real_and_never_replace_what_is_in_the_tree() {
    let mut world = World::new();
    let tree = world.shadow.tree().unwrap();
    symlink("built", world.root().join("linked.log")).unwrap();
    let borrow = [
        "built",
        "built/deep",
        "src",
        "src/deep",
        "nowhere",
        "linked.log",
        "linked.log/deep",
        "a.txt",
    ];
    let borrow = borrow.map(str::to_owned);
    fs::create_dir(world.root().join("built/deep")).unwrap();
    let lent = world.shadow.lendable(&tree, &borrow).unwrap();
    assert_eq!(
        lent,
        ["built", "built/deep"],
        "real folders that the tree does not have"
    );
    let slot = world.shadow.slot(&tree, &borrow[..1]).unwrap().unwrap();
    let place = slot.work().join("built");
    assert!(
        place.symlink_metadata().unwrap().is_dir(),
        "a place to show it in"
    );
    assert!(fs::read_dir(place).unwrap().next().is_none());
    assert!(
        slot.work().join("src").symlink_metadata().unwrap().is_dir(),
        "the tree's own folder stays"
    );
    assert_eq!(fs::read_to_string(slot.work().join("src/b.txt")).unwrap(), "b");
}

/// A tree that no git made, as bytes: of files with these names, all with this content.
fn crafted(root: &Path, names: &[(&str, &str)], blob: &str, folder: &str) -> String {
    let raw = |id: &str| -> Vec<u8> {
        let digits = (0..20).map(|i| u8::from_str_radix(&id[2 * i..2 * i + 2], 16).unwrap());
        digits.collect()
    };
    let mut bytes = Vec::new();
    for (mode, name) in names {
        bytes.extend_from_slice(format!("{mode} {name}\0").as_bytes());
        bytes.extend(raw(if *mode == "40000" { folder } else { blob }));
    }
    fs::write(root.join("raw"), bytes).unwrap();
    let tree = git(root, &["hash-object", "-t", "tree", "-w", "--literally", "raw"]);
    fs::remove_file(root.join("raw")).unwrap();
    tree
}

#[test]
fn no_name_in_a_submodule_leads_out_of_it() {
    let rows: [(&[(&str, &str)], bool); 7] = [
        (&[("100644", "a"), ("40000", "d")], true),
        (&[("40000", "..")], false),
        (&[("40000", ".")], false),
        (&[("100644", "../../../planted")], false),
        (&[("120000", "d"), ("40000", "d")], false),
        (&[("120000", "d"), ("100644", "d-x"), ("40000", "d")], false),
        (&[("40000", ".git")], false),
    ];
    for (names, fits) in rows {
        let mut world = World::new();
        let sub = world.root().join("sub");
        fs::create_dir(&sub).unwrap();
        git(&sub, &["init", "-q"]);
        // Where the link leads, if it is one.
        let outside = world.dir.path().join("outside");
        fs::create_dir(&outside).unwrap();
        fs::write(sub.join("text"), outside.to_str().unwrap()).unwrap();
        let blob = git(&sub, &["hash-object", "-w", "text"]);
        let folder = crafted(&sub, &[("100644", "planted")], &blob, "");
        let tree = crafted(&sub, names, &blob, &folder);
        let commit = git(&sub, &["commit-tree", &tree, "-m", "x"]);
        let root = world.root();
        let entry = format!("160000,{commit},sub");
        git(&root, &["update-index", "--add", "--cacheinfo", &entry]);
        let tree = Tree::parse(&git(&root, &["write-tree"])).unwrap();
        world.take(&tree).unwrap();
        let laid = world.shadow.slot(&tree, &[]);
        assert_eq!(laid.is_ok(), fits, "{names:?}");
        assert_eq!(fs::read_dir(&outside).unwrap().count(), 0, "{names:?}");
    }
}

/// A large tree comes as a pack, and what a pack says of its objects is not believed.
#[test]
fn a_large_tree_is_taken_over_as_one_pack_and_laid_out_whole() {
    const FILES: usize = 10_000;
    let mut world = World::new();
    let root = world.root();
    let mut stream = String::from("commit refs/heads/main\ncommitter a <a@b> 1700000000 +0000\ndata 1\nx\n");
    for i in 0..FILES {
        let text = format!("number {i}\n");
        let place = format!("d{}/e{}/f{i}.txt", i % 20, i / 20 % 20);
        stream += &format!("M 100644 inline {place}\ndata {}\n{text}\n", text.len());
    }
    let mut lent = Lent(root.clone());
    lent.fed(&["fast-import".into(), "--quiet".into()], &[], stream.as_bytes())
        .unwrap();
    let tree = Tree::parse(&git(&root, &["rev-parse", "main^{tree}"])).unwrap();
    // A file that comes or goes there changes the time of its folder.
    let theirs = fs::File::open(root.join(".git/objects/pack")).unwrap();
    let then = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_700_000_000);
    theirs.set_modified(then).unwrap();
    world.take(&tree).unwrap();
    assert_eq!(theirs.metadata().unwrap().modified().unwrap(), then, "only read");
    let objects = world.shadow.state().join("shadow.git/objects");
    let count = |folder: &Path| fs::read_dir(folder).unwrap().count();
    let packs = fs::read_dir(objects.join("pack")).unwrap();
    let packs = packs.filter(|p| {
        p.as_ref()
            .unwrap()
            .path()
            .extension()
            .is_some_and(|e| e == "pack")
    });
    assert_eq!(packs.count(), 1);
    assert!(count(&objects) <= 3, "no file for each object");

    // It does not need the person's objects any more, nor does who opens it next.
    fs::remove_dir_all(root.join(".git/objects/pack")).unwrap();
    let mut later = Shadow::open(&root, &world.dir.path().join("state")).unwrap();
    for shadow in [&mut world.shadow, &mut later] {
        let mut slot = shadow.slot(&tree, &[]).unwrap().unwrap();
        for i in [0, 7_777, FILES - 1] {
            let place = format!("d{}/e{}/f{i}.txt", i % 20, i / 20 % 20);
            let laid = fs::read_to_string(slot.work().join(place)).unwrap();
            assert_eq!(laid, format!("number {i}\n"));
        }
        assert_eq!(shadow.changed(&mut slot, &tree).unwrap(), Vec::<String>::new());
        fs::write(slot.work().join("d1/e0/f1.txt"), "another").unwrap();
        fs::remove_file(slot.work().join("d2/e0/f2.txt")).unwrap();
        let changed = shadow.changed(&mut slot, &tree).unwrap();
        assert_eq!(changed, ["d1/e0/f1.txt", "d2/e0/f2.txt"]);
    }

    // An index that gives an object the name of another one: two of its last four places change sides.
    let packs = fs::read_dir(objects.join("pack")).unwrap();
    let index = packs
        .map(|p| p.unwrap().path())
        .find(|p| p.extension().is_some_and(|e| e == "idx"));
    let index = index.unwrap();
    let mut bytes = fs::read(&index).unwrap();
    let places = bytes.len() - 40 - 8;
    bytes[places..places + 8].rotate_left(4);
    fs::remove_file(&index).unwrap();
    fs::write(&index, bytes).unwrap();
    let mut misled = Shadow::open(&root, &world.dir.path().join("state")).unwrap();
    fs::remove_dir_all(misled.state().join("slot")).unwrap();
    assert!(misled.slot(&tree, &[]).is_err());
}
