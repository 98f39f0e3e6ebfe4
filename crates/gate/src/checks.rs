//! What must hold for every input that others write. Property tests and fuzz targets call these; each asserts.

use crate::chain;
use crate::keys::{Keyring, SigningKey};
use crate::ledger::{Ledger, Trust};
use crate::policy::{Parse, Policy};
use crate::report::{Before, Outcome, read};
use crate::statement::Statement;
use brisk_domain::evidence::{Summary, Tree};

/// Every way to read a report.
const PARSERS: [Parse; 9] = [
    Parse::Auto,
    Parse::Libtest,
    Parse::Nextest,
    Parse::Pytest,
    Parse::Unittest,
    Parse::Node,
    Parse::Go,
    Parse::Tap,
    Parse::Junit,
];

/// What a program wrote, and the file that it left: a report whose names and counts agree, or none. A report that is
/// kept and read again is the same one, and nothing is missing from it.
pub fn report(output: &str, file: &str) {
    for parse in PARSERS {
        let Ok(report) = read(parse, output, Some(file)) else {
            continue;
        };
        let counts = report.counts();
        let before = Before::parse(&report.list());
        let of = |outcome| report.tests.values().filter(|o| **o == outcome).count();
        assert_eq!(before.passed.len(), of(Outcome::Passed), "{parse:?}");
        assert_eq!(before.skipped.len(), of(Outcome::Skipped), "{parse:?}");
        assert_eq!(
            counts.passed + counts.failed + counts.skipped,
            report.tests.len() as u64,
            "{parse:?}"
        );
        let Summary::Tests {
            missing_count,
            newly_skipped,
            ..
        } = report.summary(&before)
        else {
            continue;
        };
        assert_eq!((missing_count, newly_skipped.len()), (0, 0), "{parse:?}");
    }
}

/// A ledger that nobody signed: whatever its bytes are, nothing in it is believed.
pub fn ledger(bytes: &[u8]) {
    for trust in [Trust::Tip, Trust::Every] {
        if let Ok((found, _)) = Ledger::read(bytes, None, stranger(), trust) {
            assert!(found.is_empty(), "{trust:?}");
        }
    }
}

/// The same where every line follows the one before it, so that envelopes are reached.
pub fn envelopes(bodies: &[String]) {
    let Some(tree) = Tree::parse(&"a".repeat(40)) else {
        return;
    };
    let mut prev = chain::origin();
    let mut text = String::new();
    for body in bodies.iter().filter(|b| !b.contains('\n')) {
        let link = chain::forge(&prev, &tree, body);
        text.push_str(&link.line());
        prev = link.hash;
    }
    ledger(text.as_bytes());
}

/// The payload of an envelope: a statement about one tree that is written again as the same one, or none.
pub fn statement(payload: &[u8]) {
    if let Ok(found) = Statement::decode(payload) {
        assert_eq!(Statement::decode(&found.encode()), Ok(found));
    }
}

/// A policy, or a file of keys, that somebody wrote: read or refused, and read the same way twice.
pub fn settings(text: &str) {
    let of = |text| Policy::parse(text).ok().map(|p| p.digest().clone());
    assert_eq!(of(text), of(text));
    assert_eq!(Keyring::parse(text).is_ok(), Keyring::parse(text).is_ok());
}

/// Believes one key, which has signed nothing.
fn stranger() -> Keyring {
    Keyring::of(SigningKey::from_seed([0x5a; 32]).public(), "nobody")
}
