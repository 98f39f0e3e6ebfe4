//! Outputs of test runners, honest and not, and what is read from them.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

use brisk_gate::Parse;
use brisk_gate::report::{Before, Outcome, read};
use proptest::prelude::*;

/// Gives `+passed -skipped !failed` names, or the error.
fn said(parse: Parse, output: &str) -> String {
    match read(parse, output, None) {
        Err(why) => format!("? {why}"),
        Ok(report) => {
            let mark = |o: &Outcome| match o {
                Outcome::Passed => '+',
                Outcome::Failed => '!',
                Outcome::Skipped => '-',
            };
            let names: Vec<String> = report
                .tests
                .iter()
                .map(|(n, o)| format!("{}{n}", mark(o)))
                .collect();
            format!("{}: {}", report.format, names.join(" | "))
        }
    }
}

const LIBTEST: &str = "     Running unittests src/lib.rs (target/debug/deps/a-1)\n\nrunning 3 tests\ntest t::a ... ok\ntest t::b - should panic ... ok\ntest t::c ... ignored, slow\n\ntest result: ok. 2 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s\n\n   Doc-tests a\n\nrunning 1 test\ntest src/lib.rs - f (line 12) ... ok\n\ntest result: ok. 1 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.10s\n";
const NEXTEST: &str = "    Starting 3 tests across 2 binaries (1 test skipped)\n        PASS [   0.004s] (1/3) a t::a\n        SLOW [> 60.000s] (2/3) a t::b\n        PASS [  61.004s] (2/3) a t::b\n  FLAKY 2/3 [   0.004s] (3/3) a::it c\n────────────\n     Summary [   0.020s] 3 tests run: 3 passed (1 slow, 1 flaky), 1 skipped\n";
const PYTEST: &str = "============================= test session starts ==============================\ncollecting ... collected 4 items\n\ntests/test_a.py::test_x PASSED                                           [ 25%]\ntests/test_a.py::test_y[a b] PASSED                                      [ 50%]\ntests/test_a.py::test_s SKIPPED (no)                                     [ 75%]\ntests/test_a.py::test_f XFAIL                                            [100%]\n\n=================== 2 passed, 1 skipped, 1 xfailed in 0.02s ====================\n";
const UNITTEST: &str = "test_a (test_shop.T.test_a) ... ok\ntest_b (test_shop.T.test_b)\nSays b. ... ok\ntest_c (test_shop.T.test_c) ... skipped 'no'\n\n----------------------------------------------------------------------\nRan 3 tests in 0.001s\n\nOK (skipped=1)\n";
const NODE_TAP: &str = "TAP version 13\n# Subtest: adds\nok 1 - adds\n  ---\n  duration_ms: 0.5\n  ...\n# Subtest: outer\n    # Subtest: inner\n    ok 1 - inner # SKIP\n      ---\n      duration_ms: 0.1\n      ...\n    1..1\nok 2 - outer\n  ---\n  duration_ms: 1\n  type: 'suite'\n  ...\n1..2\n# tests 2\n# suites 1\n# pass 1\n# fail 0\n# cancelled 0\n# skipped 1\n# todo 0\n# duration_ms 50\n";
const NODE_SPEC: &str = "✔ adds (0.5ms)\n▶ outer\n  ✔ inner (0.1ms)\n✔ outer (1ms)\nℹ tests 2\nℹ suites 1\nℹ pass 2\nℹ fail 0\nℹ cancelled 0\nℹ skipped 0\nℹ todo 0\nℹ duration_ms 50\n";
const GO: &str = "=== RUN   TestA\n--- PASS: TestA (0.00s)\n=== RUN   TestB\n=== RUN   TestB/x\n--- PASS: TestB (0.00s)\n    --- SKIP: TestB/x (0.00s)\nPASS\nok  \texample.com/a\t0.002s\n?   \texample.com/b\t[no test files]\n";
const GO_JSON: &str = "{\"Action\":\"run\",\"Package\":\"p\",\"Test\":\"TestA\"}\n{\"Action\":\"pass\",\"Package\":\"p\",\"Test\":\"TestA\",\"Elapsed\":0}\n{\"Action\":\"pass\",\"Package\":\"p\",\"Elapsed\":0}\n";
const TAP: &str = "TAP version 14\n1..3\nok 1 - a\nok 2 - b # SKIP no\nok 3 c\n";

#[test]
fn honest_outputs() {
    let cases = [
        (
            Parse::Libtest,
            LIBTEST,
            "libtest: +src/lib.rs - f | +t::a | +t::b | -t::c",
        ),
        (Parse::Nextest, NEXTEST, "nextest: +a t::a | +a t::b | +a::it c"),
        (
            Parse::Pytest,
            PYTEST,
            "pytest: -tests/test_a.py::test_f | -tests/test_a.py::test_s | +tests/test_a.py::test_x | +tests/test_a.py::test_y[a b]",
        ),
        (
            Parse::Unittest,
            UNITTEST,
            "unittest: +test_a (test_shop.T.test_a) | +test_b (test_shop.T.test_b) | -test_c (test_shop.T.test_c)",
        ),
        (
            Parse::Unittest,
            "test_a (m.T.test_a) ... expected failure\ntest_b (m.T.test_b) ... ok\n\nRan 2 tests in 0.000s\n\nOK (expected failures=1)\n",
            "unittest: -test_a (m.T.test_a) | +test_b (m.T.test_b)",
        ),
        (
            // Tests that write while they run, as warnings do.
            Parse::Unittest,
            "test_a (m.T.test_a) ... m.py:3: ResourceWarning: unclosed\n  at x\nok\ntest_b (m.T.test_b)\nSays b. ... hello\nskipped 'no'\ntest_c (m.T.test_c) ... FAIL\n\nRan 3 tests in 0.000s\n\nFAILED (failures=1, skipped=1)\n",
            "unittest: +test_a (m.T.test_a) | -test_b (m.T.test_b) | !test_c (m.T.test_c)",
        ),
        (Parse::Node, NODE_TAP, "node: +adds | -outer > inner"),
        (Parse::Node, NODE_SPEC, "node: +adds | +outer > inner"),
        (
            Parse::Go,
            GO,
            "go: +example.com/a TestA | +example.com/a TestB | -example.com/a TestB/x",
        ),
        (Parse::Go, GO_JSON, "go: +p TestA"),
        (Parse::Tap, TAP, "tap: +a | -b | +c"),
    ];
    for (parse, output, want) in cases {
        assert_eq!(said(parse, output), want);
        assert_eq!(said(Parse::Auto, output), want, "recognised by itself");
        let painted: String = output
            .lines()
            .map(|l| format!("\u{1b}[32m{l}\u{1b}[0m\r\n"))
            .collect();
        assert_eq!(said(Parse::Auto, &painted), want, "in colour");
    }
}

/// Outputs that prove nothing, and the reason that is told.
#[test]
fn outputs_that_are_not_believed() {
    let twice = |s: &str| format!("{s}{s}");
    let cases: &[(Parse, String, &str)] = &[
        (Parse::Auto, String::new(), "no summary"),
        (Parse::Auto, "all good, 100 tests passed".into(), "no summary"),
        (Parse::Libtest, "Finished `test` profile\n".into(), "no summary"),
        // `process::exit(0)` inside of a test.
        (Parse::Libtest, "running 3 tests\ntest t::a ... ok\n".into(), "ended without its result"),
        (Parse::Libtest, "running 3 tests\nrunning 1 test\n".into(), "ended without its result"),
        // A printed line that looks like a test.
        (Parse::Libtest, LIBTEST.replacen("test t::a ... ok\n", "test t::a ... ok\ntest forged ... ok\n", 1), "3 tests were announced, 4 named"),
        (Parse::Libtest, LIBTEST.replacen("2 passed", "9 passed", 1), "were announced"),
        (Parse::Libtest, format!("test result: ok. 1 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out\n{LIBTEST}"), "nothing had announced"),
        // Quiet output names nothing.
        (Parse::Libtest, "running 2 tests\n..\ntest result: ok. 2 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out\n".into(), "0 named"),
        (Parse::Nextest, "    Starting 3 tests across 2 binaries\n        PASS [   0.004s] a t::a\n".into(), "without its summary"),
        (Parse::Nextest, twice(NEXTEST), "several summaries"),
        (Parse::Nextest, NEXTEST.replace("3 passed", "4 passed"), "4 passed tests and names 3"),
        // `os._exit(0)`.
        (Parse::Pytest, PYTEST.lines().take(5).map(|l| format!("{l}\n")).collect(), "without its summary"),
        (Parse::Pytest, format!("{PYTEST}=== 9 passed in 0.1s ===\n"), "several summaries"),
        (Parse::Pytest, PYTEST.replace("2 passed", "3 passed"), "3 passed tests and names 2"),
        (Parse::Pytest, "= test session starts =\na.py ..\n=== 2 passed in 0.1s ===\n".into(), "add -v"),
        (Parse::Unittest, UNITTEST.lines().take(3).map(|l| format!("{l}\n")).collect(), "without its summary"),
        (Parse::Unittest, UNITTEST.replace("\nOK (skipped=1)\n", ""), "without its verdict"),
        (Parse::Unittest, UNITTEST.replace("Ran 3", "Ran 5"), "4 passed tests and names 2"),
        (Parse::Unittest, "...\n---\nRan 3 tests in 0.001s\n\nOK\n".into(), "add -v"),
        (Parse::Node, NODE_TAP.replace("# pass 1", "# pass 2"), "do not add up"),
        (Parse::Node, format!("# tests 5\n{NODE_TAP}"), "several summaries"),
        (Parse::Node, NODE_TAP.lines().take(10).map(|l| format!("{l}\n")).collect(), "no summary"),
        (Parse::Go, "=== RUN   TestA\n".to_owned() + "ok  \tp\t0.1s\n", "began and did not end"),
        (Parse::Go, "--- PASS: TestA (0.00s)\n".into(), "without its result"),
        (Parse::Go, "ok  \tp\t0.1s\n".into(), "add -v"),
        (Parse::Go, GO_JSON.lines().take(1).map(|l| format!("{l}\n")).collect(), "without its result"),
        (Parse::Tap, "1..3\nok 1 - a\n".into(), "3 tests were planned and 1 came"),
        (Parse::Tap, "1..1\nok 1\nok 2\n".into(), "1 tests were planned and 2 came"),
        (Parse::Tap, "1..2\nok 1\nBail out! disk\nok 2\n".into(), "bailed out"),
        (Parse::Tap, "1..1\nok 1\n1..1\n".into(), "several plans"),
        (Parse::Tap, "TAP version 13\nok 1\n".into(), "no plan"),
        (Parse::Auto, format!("{LIBTEST}{PYTEST}"), "several runners"),
        (Parse::Pytest, LIBTEST.into(), "no summary"),
        (Parse::Junit, LIBTEST.into(), "wrote no report"),
    ];
    for (parse, output, want) in cases {
        let got = said(*parse, output);
        assert!(
            got.starts_with("? ") && got.contains(want),
            "{parse:?}: {got}, not {want}\n{output}"
        );
    }
}

#[test]
fn failures_are_named() {
    let cases = [
        (
            LIBTEST.replacen("t::a ... ok", "t::a ... FAILED", 1).replacen(
                "2 passed; 0 failed",
                "1 passed; 1 failed",
                1,
            ),
            "!t::a",
        ),
        (
            PYTEST
                .replacen("test_x PASSED", "test_x FAILED", 1)
                .replace("2 passed", "1 failed, 1 passed"),
            "!tests/test_a.py::test_x",
        ),
        (
            UNITTEST
                .replacen("test_a) ... ok", "test_a) ... FAIL", 1)
                .replace("OK (skipped=1)", "FAILED (failures=1, skipped=1)"),
            "!test_a (",
        ),
        (
            NEXTEST
                .replacen("PASS [   0.004s] (1/3)", "FAIL [   0.004s] (1/3)", 1)
                .replace("3 passed", "2 passed, 1 failed"),
            "!a t::a",
        ),
        (
            GO.replacen("--- PASS: TestA", "--- FAIL: TestA", 1),
            "!example.com/a TestA",
        ),
        (TAP.replace("ok 3 c", "not ok 3 c"), "!c"),
    ];
    for (output, want) in cases {
        let got = said(Parse::Auto, &output);
        assert!(got.contains(want), "{got}, not {want}");
    }
}

#[test]
fn junit_files() {
    let of = |text: &str| match read(Parse::Junit, "", Some(text)) {
        Ok(r) => r.list(),
        Err(e) => e,
    };
    let good = "<?xml version=\"1.0\"?><testsuites><testsuite tests=\"3\"><testcase classname=\"c\" name=\"a\"/><testcase classname=\"c\" name=\"b\"><skipped/></testcase><testcase name=\"f\"><failure>no</failure></testcase></testsuite></testsuites>";
    assert_eq!(of(good), "+c a\n-c b\n");
    assert!(of(&good.replace("tests=\"3\"", "tests=\"4\"")).contains("announces 4 tests and names 3"));
    assert!(of(good.strip_suffix("</testsuites>").unwrap()).contains("JUnit report"));
    assert!(of("<html></html>").contains("no JUnit report"));
    assert!(of("").contains("no JUnit report"));
}

#[test]
fn tests_that_are_gone_or_skipped_are_missed() {
    let then = Before::parse(&read(Parse::Auto, LIBTEST, None).unwrap().list());
    let summary = |output: &str| serde_json_of(&read(Parse::Auto, output, None).unwrap().summary(&then));
    let gone = "running 1 test\ntest t::b ... ok\ntest result: ok. 1 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out\n";
    assert!(summary(gone).contains("missing: [\"src/lib.rs - f\", \"t::a\"]"));
    let skipped = LIBTEST.replacen("t::a ... ok", "t::a ... ignored", 1).replacen(
        "2 passed; 0 failed; 1 ignored",
        "1 passed; 0 failed; 2 ignored",
        1,
    );
    assert!(
        summary(&skipped).contains("newly_skipped: [\"t::a\"]"),
        "{}",
        summary(&skipped)
    );
    assert!(summary(LIBTEST).contains("missing_count: 0"));
    // Renamed: the old name is missed.
    assert!(summary(&LIBTEST.replace("t::a", "t::z")).contains("missing: [\"t::a\"]"));
}

fn serde_json_of(summary: &brisk_domain::evidence::Summary) -> String {
    format!("{summary:?}")
}

proptest! {
    /// Whatever a program writes, reading it ends and does not fail.
    #[test]
    fn any_output_is_read(output in "[ -~\\n]{0,200}", at in 0usize..9, cut in 0usize..2000) {
        let texts = [LIBTEST, NEXTEST, PYTEST, UNITTEST, NODE_TAP, NODE_SPEC, GO, GO_JSON, TAP];
        let whole = texts[at];
        let cut = whole.char_indices().map(|(i, _)| i).take_while(|i| *i <= cut).last().unwrap_or(0);
        let mixed = format!("{}{output}{}", &whole[..cut], &whole[cut..]);
        for parse in [Parse::Auto, Parse::Libtest, Parse::Nextest, Parse::Pytest, Parse::Unittest, Parse::Node, Parse::Go, Parse::Tap] {
            let _ = read(parse, &mixed, None);
        }
        let _ = read(Parse::Junit, "", Some(&output));
    }
}
