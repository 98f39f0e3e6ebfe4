//! What is lent to a check, what it leaves behind, and what is written down of it.

use crate::house::{House, POLICY, RIGHT, SHOP, TESTS, WRONG};
use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::sync::mpsc;
use std::time::Duration;

/// A house with this policy, confirmed.
fn with(policy: &str, files: &[(&str, &str)]) -> House {
    let own = [("shop.py", SHOP), ("test_shop.py", TESTS), ("brisk.toml", policy)];
    let house = House::raw(&[&own[..], files].concat());
    house.at_terminal(0, &["verify", "--accept"]);
    house
}

fn memory(house: &House, exit: i32) -> bool {
    house.lines(exit, "check", &["verify"])[0]["memory"] == true
}

#[test]
fn a_test_leaves_no_bytecode_for_the_next_tree() {
    let house = House::new();
    // Bytecode that is never compared with its source.
    let compile = "import importlib.util, py_compile\npy_compile.compile('shop.py', importlib.util.cache_from_source('shop.py'), invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH)\n";
    house.write("test_shop.py", &format!("{compile}{TESTS}"));
    house.ends(0, &["verify"]);
    house.write("test_shop.py", TESTS);
    house.write("shop.py", WRONG);
    house.ends(14, &["verify"]);
}

#[test]
fn what_a_draft_builds_is_for_no_other_draft() {
    let at = "import os\nplanted = os.path.join(os.environ['CARGO_TARGET_DIR'], 'planted')\n";
    let plant = format!(
        "{TESTS}\n{at}os.makedirs(os.path.dirname(planted), exist_ok=True)\nopen(planted, 'w').close()\n"
    );
    let house = House::new();
    house.write("test_shop.py", &plant);
    house.ends(0, &["verify"]);
    house.write(
        "test_shop.py",
        &format!("{TESTS}\n{at}assert not os.path.exists(planted)\n"),
    );
    house.ends(0, &["verify"]);
    // Once it is committed, the next draft begins with what it built.
    house.write("test_shop.py", &plant);
    house.ends(0, &["verify", "--again"]);
    house.git(&["commit", "-qam", "plant"]);
    house.write(
        "test_shop.py",
        &format!("{TESTS}\n{at}assert os.path.exists(planted)\n"),
    );
    house.ends(0, &["verify"]);
    // Asked to, it begins with nothing.
    house.ends(14, &["verify", "--fresh"]);
}

#[test]
fn a_draft_does_not_choose_what_it_is_lent() {
    let policy = format!("{POLICY}borrow = [\"node_modules\"]\n");
    for ignored in [false, true] {
        let house = with(&policy, &[]);
        let outside = house.home.path().join("other");
        fs::create_dir(&outside).unwrap();
        fs::write(outside.join("key"), "secret").unwrap();
        if ignored {
            house.write(".gitignore", "node_modules\n");
        }
        symlink(&outside, house.repo.join("node_modules")).unwrap();
        let look = format!(
            "{TESTS}\n    def test_key(self):\n        for path in ['node_modules/key', {:?}]:\n            with self.assertRaises(OSError):\n                open(path).read()\n",
            outside.join("key")
        );
        house.write("test_shop.py", &look);
        house.ends(0, &["verify"]);
    }
}

#[test]
fn what_is_lent_stands_in_the_tree() {
    let policy = format!("{POLICY}borrow = [\"deps\"]\n");
    let uses = format!(
        "import sys\nsys.path.insert(0, 'deps')\nfrom lent import five\nfrom own import shop as mine\n\n{TESTS}\n    def test_lent(self):\n        self.assertEqual(five(), 5)\n        self.assertEqual(mine.__name__, 'own.shop')\n"
    );
    let house = with(&policy, &[(".gitignore", "deps/\n")]);
    house.write("deps/lent.py", "def five():\n    return 5\n");
    // A link from what is lent into the worktree leads into the tree that is tested, as workspaces of npm have them.
    house.write("package/shop.py", RIGHT);
    symlink("../package", house.repo.join("deps/own")).unwrap();
    house.write("test_shop.py", &uses);
    house.ends(0, &["verify"]);
}

#[test]
fn what_is_lent_is_a_part_of_the_question() {
    let policy = format!("{POLICY}borrow = [\"deps\"]\n");
    let house = with(&policy, &[(".gitignore", "deps/\n")]);
    house.write("deps/sub/x.py", "1");
    house.ends(0, &["verify"]);
    assert!(memory(&house, 0));
    let deep = house.repo.join("deps/sub/x.py");
    let times = fs::metadata(&deep).unwrap().modified().unwrap();
    fs::write(&deep, "2").unwrap();
    fs::File::options()
        .write(true)
        .open(&deep)
        .unwrap()
        .set_modified(times)
        .unwrap();
    assert!(!memory(&house, 0), "another content, same size and time");
}

#[test]
fn the_script_that_a_check_runs_cannot_be_gutted_unseen() {
    let policy = "[verify.checks.all]\nrun = [\"./test.sh\"]\nparse = \"exit\"\n";
    let house = House::raw(&[("test.sh", "#!/bin/sh\nexit 1\n"), ("brisk.toml", policy)]);
    let script = house.repo.join("test.sh");
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
    house.git(&["commit", "-qam", "executable"]);
    house.at_terminal(0, &["verify", "--accept"]);
    house.write("test.sh", "#!/bin/sh\nexit 0\n");
    let said = house.ends(16, &["verify"]);
    assert!(said.contains("test.sh: is what a check runs"), "{said}");
    house.ends(16, &["ship", "commit", "-m", "x"]);
}

#[test]
fn a_report_that_was_there_before_is_no_report() {
    let report = "<testsuite tests=\"1\" failures=\"0\" errors=\"0\" skipped=\"0\"><testcase classname=\"a\" name=\"b\"/></testsuite>\n";
    for (name, file) in [("junit.xml", "junit.xml"), ("out/junit.xml", "real/junit.xml")] {
        let policy =
            format!("[verify.checks.all]\nrun = [\"true\"]\nparse = \"junit\"\nreport = \"{name}\"\n");
        let house = with(&policy, &[(file, report)]);
        symlink("real", house.repo.join("out")).unwrap();
        house.git(&["add", "-A"]);
        house.git(&["commit", "-qm", "report"]);
        house.write("shop.py", WRONG);
        house.ends(15, &["verify"]);
        house.ends(15, &["ship", "commit", "-m", "x"]);
    }
}

#[test]
fn a_run_that_served_as_a_base_proves_nothing() {
    let house = House::new();
    house.write("test_shop.py", TESTS.split("\n    def test_none").next().unwrap());
    house.git(&["commit", "-qam", "fewer tests"]);
    house.write("shop.py", RIGHT);
    // Runs on HEAD first, to know its tests.
    house.ends(0, &["verify"]);
    house.write("shop.py", SHOP);
    assert!(!house.state().contains("verified"), "{}", house.state());
    let of_head = house.ends(0, &["gate", "show", "HEAD"]);
    assert!(!of_head.lines().next().unwrap().contains("verified"), "{of_head}");
    house.ends(16, &["verify"]);
}

#[test]
fn a_large_change_leaves_a_small_line() {
    let names: Vec<String> = (0..700)
        .map(|n| format!("part{n}/test_{}.py", "x".repeat(60)))
        .collect();
    let files: Vec<(&str, &str)> = names.iter().map(|n| (n.as_str(), "assert 1\n")).collect();
    let house = with(
        "[verify.checks.all]\nrun = [\"true\"]\nparse = \"exit\"\n",
        &files,
    );
    for n in &names {
        fs::remove_file(house.repo.join(n)).unwrap();
    }
    let said = house.ends(16, &["verify"]);
    assert!(said.contains("660 more such changes"), "{said}");
    house.at_terminal(0, &["verify", "--acknowledge", "they are old"]);
    let longest = house.ledger().lines().map(str::len).max().unwrap();
    assert!(longest < 32 << 10, "{longest}");
    house.ends(0, &["ship", "commit", "-m", "x"]);
}

#[test]
fn a_disk_that_is_full_at_the_first_line_costs_no_ledger() {
    let house = House::new();
    let in_the_way = house.gate().join("head.tmp");
    fs::create_dir(&in_the_way).unwrap();
    let out = house.brisk(&["verify"]);
    assert_ne!(out.status.code(), Some(0), "{}", crate::house::said(&out));
    fs::remove_dir(&in_the_way).unwrap();
    house.ends(0, &["gate", "log"]);
    house.ends(0, &["verify"]);
}

#[test]
fn that_a_check_runs_is_told_by_its_lock() {
    let house = House::new();
    let state = house.state();
    assert!(state.contains(": draft"), "{state}");
    let tree = house.git(&["rev-parse", "HEAD^{tree}"]);
    let path = house.gate().join("running");
    // What a check leaves that was killed, whoever has its process id by now.
    for text in [format!("1 {} unit", tree.trim()), format!("{} unit", tree.trim())] {
        fs::write(&path, &text).unwrap();
        assert_eq!(house.state(), state);
    }
    let held = fs::File::open(&path).unwrap();
    held.lock().unwrap();
    assert!(
        house.state().contains("verifying (unit runs)"),
        "{}",
        house.state()
    );
    drop(held);
    assert_eq!(house.state(), state);
    assert!(Path::new(&path).exists());
}

#[test]
fn a_policy_is_confirmed_word_by_word() {
    let house = House::raw(&[("shop.py", SHOP), ("test_shop.py", TESTS), ("brisk.toml", POLICY)]);
    let said = house.answering(&house.repo, "n", 17, &["verify", "--accept"]);
    assert!(said.contains("nothing was confirmed"), "{said}");
    house.ends(17, &["verify"]);
    house.at_terminal(0, &["verify", "--accept"]);
    house.ends(0, &["verify"]);
    // What a name and a command do not show.
    let wider = format!("{POLICY}pass = [\"SHOP_TOKEN\"]\nborrow = [\"deps\"]\n")
        .replace("\"unittest\"\n", "\"exit\"\n");
    house.write("brisk.toml", &wider);
    house.git(&["commit", "-qam", "policy"]);
    let said = house.answering(&house.repo, "", 17, &["verify", "--accept"]);
    for line in [
        "  - parse = \"unittest\"",
        "  + parse = \"exit\"",
        "  + pass = [\"SHOP_TOKEN\"]",
        "  + borrow = [\"deps\"]",
        "    timeout_s = 60",
    ] {
        assert!(said.contains(line), "{line}: {said}");
    }
    house.ends(17, &["verify"]);
    house.at_terminal(0, &["verify", "--accept"]);
    house.ends(0, &["verify"]);
}

#[test]
fn what_is_otherwise_than_in_a_shell_is_told() {
    let house = House::raw(&[
        ("shop.py", SHOP),
        ("test_shop.py", TESTS),
        (".gitignore", ".venv/\n"),
    ]);
    // A virtual environment, active.
    let bin = house.repo.join(".venv/bin");
    fs::create_dir_all(&bin).unwrap();
    fs::write(
        house.repo.join(".venv/pyvenv.cfg"),
        "home = /usr/bin\ninclude-system-site-packages = true\n",
    )
    .unwrap();
    symlink("/usr/bin/python3", bin.join("python")).unwrap();
    symlink("python", bin.join("python3")).unwrap();
    house.write("brisk.toml", POLICY);
    house.at_terminal(0, &["verify", "--accept"]);
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
    let verify = |args: &[&str]| {
        let out = house.command(args).env("PATH", &path).output().unwrap();
        crate::house::said(&out)
    };
    let said = verify(&["verify"]);
    let told = format!("no check sees {}", bin.join("python3").display());
    assert!(said.contains(&told) && said.contains("it gets /"), "{said}");
    assert!(said.contains("runs on the base"), "{said}");
    // Nobody named anything: the environment is what is proposed, and it is what runs.
    fs::remove_file(house.repo.join("brisk.toml")).unwrap();
    house.at_terminal(0, &["verify", "--accept"]);
    let said = verify(&["verify"]);
    assert!(
        said.contains(".venv/bin/python -m unittest")
            && said.contains("2 passed")
            && !said.contains("no check sees"),
        "{said}"
    );
}

#[test]
fn who_waits_is_told_why() {
    let house = House::new();
    house.ends(0, &["verify"]);
    let repos = fs::read_dir(house.home.path().join("state/repos")).unwrap();
    let lock = repos.last().unwrap().unwrap().path().join("slot/lock");
    let held = fs::File::options().write(true).open(lock).unwrap();
    held.lock().unwrap();
    let mut child = house
        .command(&["verify", "--again"])
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let (send, told) = mpsc::channel();
    std::thread::spawn(move || lines.map_while(Result::ok).try_for_each(|l| send.send(l)));
    // Without a word it would wait for ever.
    let waits = || {
        let line = told.recv_timeout(Duration::from_secs(60)).ok();
        line.map(|l| l.contains("waits: another check"))
    };
    let mut waited = false;
    while !waited {
        let Some(says) = waits() else { break };
        waited = says;
    }
    drop(held);
    assert!(waited && child.wait().unwrap().success());
}
