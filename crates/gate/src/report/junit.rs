//! JUnit XML.

use super::{Outcome, Report, Tests};
use brisk_domain::evidence::Counts;
use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

pub(super) fn read(text: &str) -> Result<Report, String> {
    let mut reader = Reader::from_str(text);
    let mut tests = Tests::default();
    let mut told = Counts::default();
    let mut open: Option<(String, Outcome)> = None;
    let mut announced: Option<u64> = None;
    let mut suites = 0u64;
    let mut depth = 0usize;
    loop {
        let bad = |e: quick_xml::Error| format!("its JUnit report cannot be read: {e}");
        match reader.read_event().map_err(bad)? {
            Event::Start(tag) => {
                depth += 1;
                begin(&tag, &mut open, &mut announced, &mut suites);
            }
            Event::Empty(tag) => {
                begin(&tag, &mut open, &mut announced, &mut suites);
                if tag.local_name().as_ref() == "testcase" {
                    close(&mut open, &mut tests, &mut told);
                }
            }
            Event::End(tag) => {
                depth = depth.saturating_sub(1);
                if tag.local_name().as_ref() == "testcase" {
                    close(&mut open, &mut tests, &mut told);
                }
            }
            Event::Eof => break,
            Event::Text(_)
            | Event::CData(_)
            | Event::Comment(_)
            | Event::Decl(_)
            | Event::PI(_)
            | Event::DocType(_)
            | Event::GeneralRef(_) => {}
        }
    }
    if depth > 0 {
        return Err("its JUnit report is cut off".to_owned());
    }
    if suites == 0 {
        return Err("its report is no JUnit report".to_owned());
    }
    let came = told.passed + told.failed + told.skipped;
    match announced {
        Some(n) if n != came => Err(format!("its JUnit report announces {n} tests and names {came}")),
        _ => tests.agree("junit", told),
    }
}

fn begin(
    tag: &BytesStart<'_>,
    open: &mut Option<(String, Outcome)>,
    announced: &mut Option<u64>,
    suites: &mut u64,
) {
    match tag.local_name().as_ref() {
        "testsuites" => *suites += 1,
        "testsuite" => {
            *suites += 1;
            if let Some(n) = attribute(tag, "tests").and_then(|n| n.parse::<u64>().ok()) {
                *announced = Some(announced.unwrap_or(0) + n);
            }
        }
        "testcase" => {
            let class = attribute(tag, "classname").unwrap_or_default();
            let name = attribute(tag, "name").unwrap_or_default();
            *open = Some((format!("{class} {name}").trim().to_owned(), Outcome::Passed));
        }
        "failure" | "error" => mark(open, Outcome::Failed),
        "skipped" => mark(open, Outcome::Skipped),
        _ => {}
    }
}

fn mark(open: &mut Option<(String, Outcome)>, to: Outcome) {
    if let Some((_, outcome)) = open {
        *outcome = to;
    }
}

fn close(open: &mut Option<(String, Outcome)>, tests: &mut Tests, told: &mut Counts) {
    if let Some((name, outcome)) = open.take() {
        match outcome {
            Outcome::Passed => told.passed += 1,
            Outcome::Failed => told.failed += 1,
            Outcome::Skipped => told.skipped += 1,
        }
        tests.add(&name, outcome);
    }
}

fn attribute(tag: &BytesStart<'_>, name: &str) -> Option<String> {
    let found = tag.try_get_attribute(name).ok()??;
    Some(found.value.into_owned())
}
