//! Bytes that others write: the checks that the fuzz targets run, on generated input.

use brisk_gate::checks;
use proptest::collection::vec;
use proptest::prelude::*;

/// Pieces that the readers of reports, ledgers and envelopes look for, so that generated input gets somewhere.
const PIECES: [&str; 44] = [
    "running 2 tests\n",
    "test a ... ok\n",
    "test b ... FAILED\n",
    "test result: ok. 1 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out\n",
    "    Starting 2 tests across 1 binary\n",
    "        PASS [   0.004s] a t::a\n",
    "     Summary [   0.020s] 2 tests run: 2 passed, 0 skipped\n",
    "= test session starts =\n",
    "a.py::x PASSED [ 50%]\n",
    "a.py::x SKIPPED (no) [ 99%]\n",
    "=== 1 passed, 1 skipped in 0.02s ===\n",
    "a (m.T.a) ... ok\n",
    "b (m.T.b)\nSays b. ... FAIL\n",
    "Ran 1 test in 0.1s\n\n",
    "OK (skipped=1)\n",
    "FAILED (failures=1)\n",
    "TAP version 13\n",
    "1..2\n",
    "ok 1 - a\n",
    "not ok 2 - b # Todo\n",
    "    ok 1 - inner # SKIP\n",
    "# tests 2\n# pass 1\n# fail 0\n# cancelled 0\n# skipped 1\n# todo 0\n",
    "\u{2714} adds (0.5ms)\n",
    "\u{2139} tests 1\n\u{2139} pass 1\n\u{2139} fail 0\n\u{2139} cancelled 0\n\u{2139} skipped 0\n\u{2139} todo 0\n",
    "=== RUN   TestA\n",
    "--- PASS: TestA (0.00s)\n",
    "ok  \tp\t0.1s\n",
    "{\"Action\":\"pass\",\"Package\":\"p\",\"Test\":\"TestA\"}\n",
    "{\"Action\":\"pass\",\"Package\":\"p\"}\n",
    "<testsuite tests=\"1\">",
    "<testcase classname=\"c\" name=\"a\"/>",
    "<testcase name=\"b&#10;+c\"><skipped/></testcase>",
    "</testsuite>",
    "<!DOCTYPE x [<!ENTITY a \"b\">]>",
    "\u{1b}[31m",
    "\u{1b}]0;x\u{7}",
    "\r",
    "\n",
    "99999999999999999999999",
    "{\"payloadType\":\"application/vnd.in-toto+json\",\"payload\":\"e30=\",\"signatures\":[",
    "{\"keyid\":\"5a\",\"sig\":\"AAAA\"}",
    "]}",
    "[verify.checks.a]\nrun = [\"x\"]\n",
    "ed25519 AAAA name\n",
];

fn text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        4 => (0..PIECES.len()).prop_map(|at| PIECES.get(at).copied().unwrap_or_default().to_owned()),
        1 => any::<String>(),
    ];
    vec(piece, 0..14).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn reports(output in text(), file in text()) {
        checks::report(&output, &file);
    }

    #[test]
    fn reports_of_any_bytes(output in vec(any::<u8>(), 0..400), file in vec(any::<u8>(), 0..400)) {
        checks::report(&String::from_utf8_lossy(&output), &String::from_utf8_lossy(&file));
    }

    #[test]
    fn ledgers(bytes in vec(any::<u8>(), 0..400), bodies in vec(text(), 0..4)) {
        checks::ledger(&bytes);
        checks::envelopes(&bodies);
    }

    #[test]
    fn statements_and_settings(payload in vec(any::<u8>(), 0..400), text in text()) {
        checks::statement(&payload);
        checks::statement(text.as_bytes());
        checks::settings(&text);
    }
}
