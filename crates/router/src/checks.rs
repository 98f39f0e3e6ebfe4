//! What must hold for every policy file and every prompt. Property tests and fuzz targets call these; each asserts.

use crate::policy::{Finding, Policy, lint, read_person, read_repository};
use crate::scale::LANES;
use crate::shape::{Evidence, Given, Shape, Site, shape};
use brisk_domain::Intent;

/// Two files, each whatever it is: every finding has a place in its file, and a repository's words widen nothing.
pub fn policies(person: &str, repository: &str) {
    let (file, mut found) = read_person(person);
    found.extend(lint(person, &file, &["a", "b"]));
    placed(person, &found);
    let base = Policy::built_in().with(&file);
    let (less, found) = read_repository(repository, &base);
    placed(repository, &found);
    let with = base.clone().tighten(&less);
    for (lane, name) in LANES {
        let (own, was) = (with.lane(lane), base.lane(lane));
        assert_eq!(&own.meet(was), own, "the lane {name} is within what it was");
    }
    for model in ["a", "b", "c"] {
        let (own, was) = (with.model(model), base.model(model));
        assert_eq!(
            own.bounds.meet(&was.bounds),
            own.bounds,
            "{model} is within what it was"
        );
        assert_eq!(
            (own.input_price, own.quality, &own.pool),
            (was.input_price, was.quality, &was.pool)
        );
    }
    assert_eq!((with.rules(), with.weights()), (base.rules(), base.weights()));
    assert_eq!(
        (with.default_lane(), with.hedge()),
        (base.default_lane(), base.hedge())
    );
    assert!(
        with.denies().starts_with(base.denies()),
        "nothing that was denied is allowed"
    );
}

fn placed(text: &str, found: &[Finding]) {
    let lines = text.matches('\n').count() + 1;
    for f in found {
        assert!((1..=lines).contains(&f.line), "line {} of {lines}", f.line);
        let line = text.split('\n').nth(f.line - 1).map_or(0, |l| l.chars().count());
        assert!(
            (1..=line + 1).contains(&f.column),
            "column {} of {line}",
            f.column
        );
        assert!(
            !f.message.is_empty() && !f.message.contains('\n'),
            "one line each"
        );
    }
}

/// A prompt about these places: its shape is the same each time, its evidence lies in the words, and what is written down
/// of it is read back.
pub fn prompt(text: &str, targets: &[&str], ask: bool) {
    let given = Given {
        sites: targets.iter().map(|t| Site::parse(t)).collect(),
        ..Given::only(if ask { Intent::Ask } else { Intent::Edit })
    };
    let read = shape(text, &given);
    assert_eq!(read, shape(text, &given));
    let all = [
        &read.task.because,
        &read.scope.because,
        &read.safety.because,
        &read.ambiguity.because,
        &read.reversible.because,
        &read.wants_tests.because,
        &read.tools.because,
    ];
    for evidence in all.into_iter().flatten() {
        match evidence {
            Evidence::Words { start, end } => {
                assert!(text.get(*start..*end).is_some(), "words of the prompt")
            }
            Evidence::Place { index } => assert!(*index < read.sites.len(), "a place of the prompt"),
            Evidence::Told { .. } | Evidence::Silence => {}
        }
    }
    assert_eq!(Shape::of_facts(&read.facts()).facts(), read.facts());
}
