//! Drafts that want to look verified. Each row: what somebody did, how `verify` ends, what it says; nothing of it leaves
//! on any of the three ways out.

use crate::house::{House, POLICY, RIGHT, SHOP, TESTS, WRONG};
use crate::surfaces::check;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

#[test]
fn runs_that_end_before_they_have_told_all() {
    check(
        POLICY,
        &[
            (
                "exit before the summary",
                |h| h.write("shop.py", "import os\nos._exit(0)\n"),
                &[15],
                "no summary",
            ),
            (
                "sys.exit while loading",
                |h| h.write("shop.py", "import sys\nsys.exit(0)\n"),
                &[14],
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
                &[15],
                "no summary",
            ),
            (
                "a summary without tests, then gone",
                |h| {
                    h.write("shop.py", "import sys, os\nsys.stderr.write('Ran 2 tests in 0.1s\\n\\nOK\\n')\nsys.stderr.flush()\nos._exit(0)\n")
                },
                &[15],
                "names no test",
            ),
            (
                "an exit from a function that is called last",
                |h| {
                    h.write(
                        "shop.py",
                        &format!("import atexit, os\natexit.register(os._exit, 0)\n{WRONG}"),
                    )
                },
                &[15],
                "told of 2 failed tests",
            ),
            (
                "an exit while a child goes on",
                |h| {
                    h.write(
                        "shop.py",
                        &format!("import os\nif os.fork():\n    os._exit(0)\n{WRONG}"),
                    )
                },
                &[14, 15],
                "",
            ),
        ],
    );
}

#[test]
fn runs_that_nobody_hears_to_the_end() {
    check(
        POLICY,
        &[
            (
                "both outputs closed",
                |h| {
                    h.write(
                        "shop.py",
                        &format!("import os\nos.close(1)\nos.close(2)\n{WRONG}"),
                    )
                },
                &[14, 15],
                "",
            ),
            (
                "killed by its own hand",
                |h| h.write("shop.py", "import os\nos.kill(os.getpid(), 9)\n"),
                &[14],
                "signal 9",
            ),
            (
                "whoever waits for it killed, then gone",
                |h| {
                    h.write(
                        "shop.py",
                        "import os\nos.kill(1, 9)\nos.kill(os.getppid(), 9)\nos._exit(0)\n",
                    )
                },
                &[14, 15],
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
                &[15],
                "several summaries",
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
                &[15],
                "changed the files that it tested: shop.py",
            ),
        ],
    );
}

#[test]
fn runs_that_end_well_and_prove_nothing() {
    check(
        POLICY,
        &[
            (
                "everything skipped",
                |h| {
                    h.write(
                        "test_shop.py",
                        &TESTS.replace("class T", "@unittest.skip('later')\nclass T"),
                    )
                },
                &[15],
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
                &[15],
                "no test passed",
            ),
            (
                "no tests left",
                |h| h.write("test_shop.py", "import unittest\n"),
                &[15],
                "",
            ),
            (
                "a loader that loads nothing",
                |h| {
                    h.write("test_shop.py", &format!("{TESTS}\n\ndef load_tests(loader, tests, pattern):\n    return unittest.TestSuite()\n"))
                },
                &[15],
                "",
            ),
            (
                "failures that are not counted",
                |h| {
                    h.write(
                        "shop.py",
                        &format!(
                            "import unittest\nunittest.TextTestResult.addFailure = lambda *all: None\n{WRONG}"
                        ),
                    )
                },
                &[15],
                "",
            ),
            (
                "a runner that stops at once",
                |h| {
                    h.write(
                    "shop.py",
                    &format!("import unittest\nunittest.TestSuite.run = lambda self, result, debug=False: result\n{WRONG}"),
                )
                },
                &[14, 15],
                "",
            ),
        ],
    );
}

#[test]
fn ways_around_the_files() {
    check(
        POLICY,
        &[
            (
                "a link to what only this machine has",
                |h| {
                    let outside = h.home.path().join("outside.py");
                    std::fs::write(&outside, RIGHT).unwrap();
                    std::fs::remove_file(h.repo.join("shop.py")).unwrap();
                    symlink(outside, h.repo.join("shop.py")).unwrap();
                },
                &[14],
                "failed",
            ),
            (
                "a link into the gate's own folder",
                |h| {
                    symlink(h.gate(), h.repo.join("gate")).unwrap();
                    h.write("shop.py", &format!("open('gate/key', 'rb').read()\n{SHOP}"));
                },
                &[14],
                "failed",
            ),
            (
                "a link that goes in a circle",
                |h| {
                    std::fs::remove_file(h.repo.join("shop.py")).unwrap();
                    symlink("shop.py", h.repo.join("shop.py")).unwrap();
                },
                &[14],
                "failed",
            ),
            (
                "another content under the same name",
                |h| {
                    h.write("shop.py", &format!("import os\nos.rename('shop.py', 'gone.py')\nopen('shop.py', 'w').write('x = 1\\n')\n{SHOP}"));
                },
                &[15],
                "changed the files that it tested: shop.py",
            ),
            (
                "an ignored file that tests would need",
                |h| {
                    h.write(".gitignore", "hidden.py\n");
                    h.write("hidden.py", "def total(items):\n    return sum(items)\n");
                    h.write("shop.py", "from hidden import total\n");
                },
                &[14],
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
                &[14],
                "failed",
            ),
        ],
    );
}

/// All that is read of it is kept and hashed, which takes longer than all else here.
#[test]
fn a_flood_proves_nothing() {
    check(
        POLICY,
        &[(
            "a flood",
            |h| {
                h.write(
                    "test_shop.py",
                    &format!("{TESTS}\nwhile True:\n    print('x' * 65536)\n"),
                )
            },
            &[15],
            "wrote more than is read",
        )],
    );
}

/// What is asked for by name is not there any more.
#[test]
fn a_filter_that_matches_nothing_proves_nothing() {
    let policy = POLICY.replace("\"-v\"", "\"-v\", \"-k\", \"total\"");
    check(
        &policy,
        &[
            (
                "every test renamed",
                |h| h.write("test_shop.py", &TESTS.replace("test_total", "test_sum")),
                &[14, 15, 16],
                "",
            ),
            (
                "the test commented out",
                |h| {
                    h.write("shop.py", WRONG);
                    h.write(
                        "test_shop.py",
                        &TESTS.replace(
                            "    def test_total(self):\n        self.assertEqual(total([1, 2]), 3)\n",
                            "",
                        ),
                    );
                },
                &[14, 15, 16],
                "",
            ),
        ],
    );
}

/// Nobody waits for whoever might write into it.
#[test]
fn a_pipe_in_place_of_a_file_is_no_content() {
    let house = House::new();
    let path = house.repo.join("shop.py");
    std::fs::remove_file(&path).unwrap();
    let made = std::process::Command::new("mkfifo").arg(&path).status();
    assert!(made.unwrap().success());
    house.ends(14, &["verify"]);
    house.ends(14, &["ship", "patch"]);
}

/// A check that never ends proves nothing, and nothing of it stays.
#[test]
fn a_check_that_waits_for_ever_is_ended() {
    let policy = POLICY.replace("timeout_s = 60", "timeout_s = 2");
    check(
        &policy,
        &[(
            "a test that sleeps",
            |h| h.write("shop.py", &format!("import time\ntime.sleep(600)\n{SHOP}")),
            &[15],
            "",
        )],
    );
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
