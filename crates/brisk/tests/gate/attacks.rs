//! Drafts that want to look verified. Each row: what somebody did, how `verify` ends, what it says; nothing of it ships.

use crate::house::{House, POLICY, RIGHT, SHOP, TESTS, WRONG};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

type Row<'a> = (&'a str, fn(&House), i32, &'a str);

/// Every row in a house of its own: verify ends so, and then nothing ships.
fn check(rows: &[Row<'_>]) {
    for (name, change, exit, want) in rows {
        let house = House::new();
        change(&house);
        let head = house.head();
        let out = house.brisk(&["verify"]);
        let said = crate::house::said(&out);
        assert_eq!(out.status.code(), Some(*exit), "{name}: {said}");
        assert!(said.contains(want), "{name}: {said}, not {want:?}");
        for way in [
            &["ship", "commit", "-m", "x"][..],
            &["ship", "patch"],
            &["ship", "branch", "b"],
        ] {
            let out = house.brisk(way);
            assert_ne!(
                out.status.code(),
                Some(0),
                "{name} shipped by {way:?}: {}",
                crate::house::said(&out)
            );
        }
        assert_eq!(house.head(), head, "{name}");
    }
}

#[test]
fn runs_that_end_well_and_prove_nothing() {
    check(&[
        (
            "exit before the summary",
            |h| h.write("shop.py", "import os\nos._exit(0)\n"),
            15,
            "no summary",
        ),
        (
            "sys.exit while loading",
            |h| h.write("shop.py", "import sys\nsys.exit(0)\n"),
            14,
            "",
        ),
        (
            "exit in a test",
            |h| {
                h.write(
                    "test_shop.py",
                    &TESTS.replace("self.assertEqual(total([]), 0)", "import os; os._exit(0)"),
                )
            },
            15,
            "no summary",
        ),
        (
            "everything skipped",
            |h| {
                h.write(
                    "test_shop.py",
                    &TESTS.replace("class T", "@unittest.skip('later')\nclass T"),
                )
            },
            15,
            "no test passed",
        ),
        (
            "every failure expected",
            |h| {
                h.write("shop.py", "def total(items):\n    return -1\n");
                h.write(
                    "test_shop.py",
                    &TESTS.replace("    def test", "    @unittest.expectedFailure\n    def test"),
                );
            },
            15,
            "no test passed",
        ),
        (
            "no tests left",
            |h| h.write("test_shop.py", "import unittest\n"),
            15,
            "",
        ),
        (
            "a loader that loads nothing",
            |h| {
                h.write("test_shop.py", &format!("{TESTS}\n\ndef load_tests(loader, tests, pattern):\n    return unittest.TestSuite()\n"))
            },
            15,
            "",
        ),
        (
            "a second summary",
            |h| {
                h.write(
                    "shop.py",
                    &format!("import sys\nsys.stderr.write('Ran 9 tests in 0.1s\\n\\nOK\\n')\n{SHOP}"),
                )
            },
            15,
            "several summaries",
        ),
        (
            "a summary without tests, then gone",
            |h| {
                h.write("shop.py", "import sys, os\nsys.stderr.write('Ran 2 tests in 0.1s\\n\\nOK\\n')\nsys.stderr.flush()\nos._exit(0)\n")
            },
            15,
            "names no test",
        ),
        (
            "a test that mends what it tests",
            |h| {
                h.write("shop.py", WRONG);
                h.write(
                    "test_shop.py",
                    &format!("open('shop.py', 'w').write({SHOP:?})\n{TESTS}"),
                );
            },
            15,
            "changed the files that it tested: shop.py",
        ),
        (
            "a flood",
            |h| {
                h.write(
                    "test_shop.py",
                    &format!("{TESTS}\nwhile True:\n    print('x' * 65536)\n"),
                )
            },
            15,
            "wrote more than is read",
        ),
    ]);
}

#[test]
fn changes_that_somebody_has_to_see() {
    check(&[
        (
            "a test deleted",
            |h| h.write("test_shop.py", TESTS.split("\n    def test_none").next().unwrap()),
            16,
            "1 of the tests that passed before did not now: test_none",
        ),
        (
            "a test renamed",
            |h| h.write("test_shop.py", &TESTS.replace("test_none", "test_empty")),
            16,
            "test_none",
        ),
        (
            "a test skipped",
            |h| {
                h.write(
                    "test_shop.py",
                    &TESTS.replace("    def test_none", "    @unittest.skip('x')\n    def test_none"),
                )
            },
            16,
            "newly skipped: test_none",
        ),
        (
            "a test gutted",
            |h| {
                h.write(
                    "test_shop.py",
                    &TESTS.replace("self.assertEqual(total([]), 0)", "total([])"),
                )
            },
            16,
            "2 assertions became 1",
        ),
        (
            "sitecustomize",
            |h| h.write("sitecustomize.py", "x = 1\n"),
            16,
            "sitecustomize.py",
        ),
        (
            "conftest",
            |h| h.write("sub/conftest.py", "def pytest_runtest_makereport(): pass\n"),
            16,
            "sub/conftest.py",
        ),
        (
            "settings of pytest",
            |h| h.write("pytest.ini", "[pytest]\naddopts = --co\n"),
            16,
            "pytest.ini",
        ),
        (
            "a cargo runner",
            |h| {
                h.write(
                    ".cargo/config.toml",
                    "[target.x86_64-unknown-linux-gnu]\nrunner = \"true\"\n",
                )
            },
            16,
            ".cargo/config.toml",
        ),
        (
            "scripts",
            |h| h.write("package.json", "{\"scripts\":{\"test\":\"true\"}}"),
            16,
            "package.json",
        ),
        (
            "a Makefile",
            |h| h.write("Makefile", "test:\n\ttrue\n"),
            16,
            "Makefile",
        ),
        (
            "the policy weakened",
            |h| {
                h.write(
                    "brisk.toml",
                    &POLICY.replace("\"python3\", \"-m\", \"unittest\", \"-v\"", "\"true\""),
                )
            },
            16,
            "brisk.toml differs",
        ),
        (
            "the policy gone",
            |h| std::fs::remove_file(h.repo.join("brisk.toml")).unwrap(),
            16,
            "brisk.toml differs",
        ),
        (
            "the policy a link",
            |h| {
                std::fs::remove_file(h.repo.join("brisk.toml")).unwrap();
                symlink("/dev/null", h.repo.join("brisk.toml")).unwrap();
            },
            16,
            "brisk.toml differs",
        ),
    ]);
}

#[test]
fn ways_around_the_files() {
    check(&[
        (
            "a link to what only this machine has",
            |h| {
                let outside = h.home.path().join("outside.py");
                std::fs::write(&outside, RIGHT).unwrap();
                std::fs::remove_file(h.repo.join("shop.py")).unwrap();
                symlink(outside, h.repo.join("shop.py")).unwrap();
            },
            14,
            "failed",
        ),
        (
            "an ignored file that tests would need",
            |h| {
                h.write(".gitignore", "hidden.py\n");
                h.write("hidden.py", "def total(items):\n    return sum(items)\n");
                h.write("shop.py", "from hidden import total\n");
            },
            14,
            "failed",
        ),
        (
            "a module beside the root",
            |h| {
                std::fs::write(h.repo.parent().unwrap().join("helper.py"), RIGHT).unwrap();
                h.write(
                    "shop.py",
                    "import sys\nsys.path.append('..')\nfrom helper import total\n",
                );
            },
            14,
            "failed",
        ),
    ]);
}

/// Changes after the evidence that leave as few traces as they can.
#[test]
fn evidence_is_for_the_bytes() {
    let keep_times = |path: &Path, text: &str| {
        let times = std::fs::metadata(path).unwrap().modified().unwrap();
        std::fs::write(path, text).unwrap();
        std::fs::File::options()
            .write(true)
            .open(path)
            .unwrap()
            .set_modified(times)
            .unwrap();
    };
    let same_size = RIGHT.replace("sum", "max");
    let house = House::new();
    house.write("shop.py", RIGHT);
    let path = house.repo.join("shop.py");
    let outside = house.home.path().join("twin");
    std::fs::hard_link(&path, &outside).unwrap();
    house.ends(0, &["verify"]);
    let refused = |what: &str| {
        let out = house.brisk(&["ship", "commit", "-m", "x"]);
        assert_eq!(
            out.status.code(),
            Some(19),
            "{what}: {}",
            crate::house::said(&out)
        );
    };
    keep_times(&path, &same_size);
    refused("same size, same time");
    house.write("shop.py", RIGHT);
    keep_times(&outside, &same_size);
    refused("through another name");
    std::fs::write(&outside, RIGHT).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    refused("made executable");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    house.write("more.txt", "");
    refused("an empty file more");
    std::fs::remove_file(house.repo.join("more.txt")).unwrap();
    std::fs::rename(&path, house.repo.join("shop2.py")).unwrap();
    refused("renamed");
    std::fs::rename(house.repo.join("shop2.py"), &path).unwrap();
    std::fs::remove_file(&path).unwrap();
    symlink("twin", &path).unwrap();
    refused("a link in its place");
    std::fs::remove_file(&path).unwrap();
    house.write("shop.py", RIGHT);
    house.ends(0, &["ship", "commit", "-m", "x"]);
}

/// Somebody at the ledger. Each must end with 21, save what a crash leaves.
#[test]
fn hands_on_the_ledger() {
    let house = House::new();
    house.write("shop.py", RIGHT);
    house.ends(0, &["verify"]);
    house.write("shop.py", WRONG);
    house.ends(14, &["verify"]);
    let (path, head) = (house.gate().join("ledger"), house.gate().join("head"));
    let text = house.ledger();
    let said_head = std::fs::read_to_string(&head).unwrap();
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let all_but_last: String = lines[..lines.len() - 1].concat();
    let other = House::new();
    other.write("shop.py", RIGHT);
    other.ends(0, &["verify"]);
    let cases: &[(&str, String)] = &[
        ("the red end cut off", all_but_last.clone()),
        ("all of it gone", String::new()),
        ("its beginning gone", lines[1..].concat()),
        ("a line taken out", format!("{}{}", lines[0], lines[2..].concat())),
        ("a line twice", format!("{text}{}", lines[lines.len() - 1])),
        (
            "two lines swapped",
            format!("{}{}{}", lines[1], lines[0], lines[2..].concat()),
        ),
        ("a byte of a payload", text.replacen("eyJ", "eyK", 1)),
        (
            "a signature stripped",
            text.replacen("\"signatures\":[{", "\"signatures\":[],\"x\":[{", 1),
        ),
        ("the last signature stripped", {
            let at = lines[lines.len() - 1].find("\"signatures\"").unwrap();
            format!(
                "{all_but_last}{}\"signatures\":[]}}\n",
                &lines[lines.len() - 1][..at]
            )
        }),
        ("that of another repository", other.ledger()),
        ("lines of another repository", format!("{text}{}", other.ledger())),
    ];
    for (name, bytes) in cases {
        std::fs::write(&path, bytes).unwrap();
        for command in [&["ship", "commit", "-m", "x"][..], &["verify"], &["gate", "log"]] {
            let out = house.brisk(command);
            assert_eq!(
                out.status.code(),
                Some(21),
                "{name}: {command:?}: {}",
                crate::house::said(&out)
            );
        }
    }
    std::fs::write(&path, &text).unwrap();
    std::fs::remove_file(&head).unwrap();
    house.ends(21, &["verify"]);
    std::fs::write(&head, "{}").unwrap();
    house.ends(21, &["verify"]);
    std::fs::write(&head, &said_head).unwrap();
    // What a crash leaves: the beginning of a line.
    std::fs::write(&path, format!("{text}{}", &lines[0][..40])).unwrap();
    house.ends(14, &["verify"]);
    house.write("shop.py", RIGHT);
    house.ends(0, &["ship", "commit", "-m", "x"]);
    // Another key than the one that signed.
    std::fs::write(house.gate().join("key"), [7; 32]).unwrap();
    house.ends(21, &["gate", "log"]);
}

/// What a check may not reach. The checks say so themselves: they pass only if they fail to get there.
#[test]
fn checks_reach_nothing_of_the_gate() {
    let house = House::new();
    house.ends(0, &["verify"]);
    let key = house.gate().join("key");
    let test = format!(
        "import os, socket, unittest\n\n\nclass T(unittest.TestCase):\n    def test_total(self):\n        for path in [{key:?}, {ledger:?}, {home:?} + '/config.toml', {repo:?} + '/shop.py', {repo:?} + '/.git/config']:\n            with self.assertRaises(OSError):\n                open(path).read()\n        with self.assertRaises(OSError):\n            open({gate:?} + '/planted', 'w')\n\n    def test_none(self):\n        self.assertNotIn('SHOP_TOKEN', os.environ)\n        self.assertNotIn('BRISK_HOME', os.environ)\n        with self.assertRaises(OSError):\n            socket.create_connection(('192.0.2.1', 80), 1)\n",
        ledger = house.gate().join("ledger"),
        home = house.home.path(),
        repo = house.repo,
        gate = house.gate(),
    );
    house.write("test_shop.py", &test);
    let out = house
        .command(&["verify"])
        .env("SHOP_TOKEN", "x")
        .output()
        .unwrap();
    let said = crate::house::said(&out);
    assert!(
        said.contains("unit: ") && said.contains("2 passed, 0 failed"),
        "{said}"
    );
    assert!(!house.gate().join("planted").exists());
}

/// Nothing that a repository brings is run by the gate itself, and no program is taken for the sandbox that is none.
#[test]
fn nothing_of_the_repository_runs_outside_of_the_sandbox() {
    let house = House::new();
    let marker = house.home.path().join("ran");
    let script = house.home.path().join("script");
    std::fs::write(
        &script,
        format!("#!/bin/sh\ntouch {}\nexit 0\n", marker.display()),
    )
    .unwrap();
    std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).unwrap();
    let path = script.to_str().unwrap();
    house.git(&["config", "core.fsmonitor", path]);
    house.git(&["config", "filter.evil.clean", path]);
    house.git(&["config", "diff.external", path]);
    house.write(".gitattributes", "*.md filter=evil diff=evil\n");
    house.write("a.md", "text\n");
    // A repository inside of this one, with hooks.
    house.write("inner/.git/HEAD", "ref: refs/heads/main\n");
    house.write("inner/.git/hooks/post-checkout", "#!/bin/sh\n");
    house.write("inner/file", "x");
    house.write("shop.py", RIGHT);
    // A `bwrap` that confines nothing, first in PATH.
    let bin = house.home.path().join("bin");
    std::fs::create_dir(&bin).unwrap();
    std::fs::copy(&script, bin.join("bwrap")).unwrap();
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
    let out = house.command(&["verify"]).env("PATH", path).output().unwrap();
    let said = crate::house::said(&out);
    assert_eq!(out.status.code(), Some(0), "{said}");
    house.ends(0, &["gate", "show"]);
    assert!(!marker.exists(), "something ran");
    // What git would store is not what was verified, and is not shipped.
    house.ends(24, &["ship", "commit", "-m", "x"]);
}

#[test]
fn what_a_check_leaves_behind_does_not_count_for_the_next() {
    let house = House::new();
    house.write(
        "test_shop.py",
        &format!(
            "{TESTS}\n\nopen('planted.py', 'w').write('def total(items):\\n    return sum(items)\\n')\n"
        ),
    );
    house.ends(0, &["verify"]);
    house.write("test_shop.py", TESTS);
    house.write("shop.py", "from planted import total\n");
    let said = house.ends(14, &["verify"]);
    assert!(said.contains("planted"), "{said}");
}

#[test]
fn only_a_person_acknowledges_and_only_what_is_there() {
    let house = House::new();
    house.write("test_shop.py", &TESTS.replace("test_none", "test_empty"));
    house.ends(16, &["verify"]);
    house.ends(16, &["ship", "commit", "-m", "x"]);
    house.ends(23, &["verify", "--acknowledge", "renamed"]);
    house.at_terminal(0, &["verify", "--acknowledge", "renamed"]);
    // Another change on top is another tree: seen is only what was seen.
    house.write("shop.py", RIGHT);
    house.ends(19, &["ship", "commit", "-m", "x"]);
    house.write("shop.py", SHOP);
    house.ends(0, &["ship", "commit", "-m", "Say what is empty"]);
}

#[test]
fn committing_first_goes_around_nothing() {
    let house = House::new();
    house.write("test_shop.py", TESTS.split("\n    def test_none").next().unwrap());
    house.git(&["commit", "-qam", "fewer tests"]);
    let said = house.ends(16, &["verify"]);
    assert!(said.contains("test_none"), "{said}");
    house.ends(16, &["ship", "push", "origin"]);
    // Verified on one base, shipped onto another.
    let house = House::new();
    house.write("shop.py", RIGHT);
    house.ends(0, &["verify"]);
    house.git(&["commit", "-q", "--allow-empty", "-m", "nothing"]);
    house.ends(0, &["ship", "patch"]);
    house.git(&["stash", "-q"]);
    house.write("other.txt", "x");
    house.git(&["add", "-A"]);
    house.git(&["commit", "-qm", "base"]);
    house.git(&["rm", "-q", "other.txt"]);
    house.git(&["stash", "pop", "-q"]);
    house.ends(20, &["ship", "patch"]);
    house.ends(0, &["verify"]);
    house.ends(0, &["ship", "patch"]);
}
