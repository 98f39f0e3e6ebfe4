//! Drafts that pass, and change what says so: tests, the runner, the policy. Rows as in `attacks`.

use crate::house::{POLICY, TESTS, WRONG};
use crate::surfaces::check;
use std::os::unix::fs::symlink;

#[test]
fn changes_of_tests_that_somebody_has_to_see() {
    check(
        POLICY,
        &[
            (
                "a test deleted",
                |h| h.write("test_shop.py", TESTS.split("\n    def test_none").next().unwrap()),
                &[16],
                "1 of the tests that passed before did not now: test_none",
            ),
            (
                "a test renamed",
                |h| h.write("test_shop.py", &TESTS.replace("test_none", "test_empty")),
                &[16],
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
                &[16],
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
                &[16],
                "2 assertions became 1",
            ),
            (
                "a file of tests deleted",
                |h| {
                    std::fs::remove_file(h.repo.join("test_shop.py")).unwrap();
                    h.write("test_other.py", &TESTS.replace("test_total", "test_other"));
                },
                &[16],
                "test_total",
            ),
            (
                "a file of tests that leads elsewhere",
                |h| {
                    h.write("other.py", "import unittest\n\n\nclass T(unittest.TestCase):\n    def test_total(self):\n        pass\n\n    def test_none(self):\n        pass\n");
                    std::fs::remove_file(h.repo.join("test_shop.py")).unwrap();
                    symlink("other.py", h.repo.join("test_shop.py")).unwrap();
                },
                &[16],
                "test_shop.py",
            ),
            (
                "every assertion gone",
                |h| {
                    h.write(
                        "test_shop.py",
                        &TESTS
                            .replace("self.assertEqual(", "str((")
                            .replace(", 3)", "))")
                            .replace(", 0)", "))"),
                    )
                },
                &[16],
                "assertions became 0",
            ),
        ],
    );
}

#[test]
fn changes_of_the_runner_that_somebody_has_to_see() {
    check(
        POLICY,
        &[
            (
                "sitecustomize",
                |h| h.write("sitecustomize.py", "x = 1\n"),
                &[16],
                "sitecustomize.py",
            ),
            (
                "conftest",
                |h| h.write("sub/conftest.py", "def pytest_runtest_makereport(): pass\n"),
                &[16],
                "sub/conftest.py",
            ),
            (
                "settings of pytest",
                |h| h.write("pytest.ini", "[pytest]\naddopts = --co\n"),
                &[16],
                "pytest.ini",
            ),
            (
                "settings of pytest in its own language",
                |h| h.write("pytest.toml", "[pytest]\naddopts = [\"--co\"]\n"),
                &[16],
                "pytest.toml",
            ),
            (
                "settings of pytest in a shared file",
                |h| {
                    h.write(
                        "pyproject.toml",
                        "[tool.pytest.ini_options]\naddopts = \"--co\"\n",
                    )
                },
                &[16],
                "pyproject.toml",
            ),
            (
                "a module in the runner's place",
                |h| h.write("unittest.py", "print('Ran 2 tests in 0.1s\\n\\nOK')\n"),
                &[14, 15, 16],
                "",
            ),
            (
                "a package in the runner's place",
                |h| {
                    let all = "import sys\nfor t in ('test_total', 'test_none'):\n    print(t, '(test_shop.T.' + t + ') ... ok')\nprint('\\n' + '-' * 70 + '\\nRan 2 tests in 0.1s\\n\\nOK')\nsys.exit(0)\n";
                    h.write("unittest/__init__.py", all);
                    h.write("unittest/__main__.py", all);
                    h.write("shop.py", WRONG);
                },
                &[14, 15, 16],
                "",
            ),
        ],
    );
}

#[test]
fn changes_of_what_is_run_that_somebody_has_to_see() {
    check(
        POLICY,
        &[
            (
                "a cargo runner",
                |h| {
                    h.write(
                        ".cargo/config.toml",
                        "[target.x86_64-unknown-linux-gnu]\nrunner = \"true\"\n",
                    )
                },
                &[16],
                ".cargo/config.toml",
            ),
            (
                "scripts",
                |h| h.write("package.json", "{\"scripts\":{\"test\":\"true\"}}"),
                &[16],
                "package.json",
            ),
            (
                "a Makefile",
                |h| h.write("Makefile", "test:\n\ttrue\n"),
                &[16],
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
                &[16],
                "brisk.toml differs",
            ),
            (
                "the policy gone",
                |h| std::fs::remove_file(h.repo.join("brisk.toml")).unwrap(),
                &[16],
                "brisk.toml differs",
            ),
            (
                "the policy a link",
                |h| {
                    std::fs::remove_file(h.repo.join("brisk.toml")).unwrap();
                    symlink("/dev/null", h.repo.join("brisk.toml")).unwrap();
                },
                &[16],
                "brisk.toml differs",
            ),
        ],
    );
}
