//! What a ledger says about a tree, and what it says after somebody had their hands on it.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

use brisk_domain::evidence::{Asked, Build, Counts, Ended, Flag, Run, Summary, Tree};
use brisk_gate::{Act, Head, Keyring, Ledger, Level, Policy, Refusal, SigningKey, State, Trust, Why, digest};

const POLICY: &str = "[verify.checks.test]\nrun = [\"cargo\", \"test\"]\n[verify.checks.lint]\nrun = [\"make\", \"lint\"]\nparse = \"exit\"\n";

fn key() -> SigningKey {
    SigningKey::from_seed([3; 32])
}

fn ring() -> Keyring {
    Keyring::of(key().public(), "me")
}

fn tree(c: char) -> Tree {
    Tree::parse(&c.to_string().repeat(40)).unwrap()
}

fn policy() -> Policy {
    Policy::parse(POLICY).unwrap()
}

/// A run that passed, for the closure to change.
fn run(of: char, check: &str, change: impl FnOnce(&mut Run)) -> Act {
    let mut run = Run {
        tree: tree(of),
        base: Some(tree('0')),
        policy: policy().digest().clone(),
        check: check.into(),
        argv: vec!["cargo".into(), "test".into()],
        ended: Ended::Exited { code: 0 },
        summary: if check == "lint" {
            Summary::ExitOnly
        } else {
            Summary::Tests {
                format: "libtest".into(),
                counts: Counts {
                    passed: 2,
                    failed: 0,
                    skipped: 0,
                },
                passed: digest(b"+a\n+b\n"),
                missing: vec![],
                missing_count: 0,
                newly_skipped: vec![],
            }
        },
        flags: vec![],
        changed: vec![],
        environment: digest(b"env"),
        log: digest(b"log"),
        sandbox: "test".into(),
        build: Build::Fresh,
        asked: Asked::CommandLine {
            user: "ann".into(),
            terminal: true,
        },
        origin: None,
        began_ms: 1_000,
        ended_ms: 2_000,
    };
    change(&mut run);
    Act::Ran(Box::new(run))
}

fn ledger(acts: Vec<Act>) -> (Ledger, String) {
    let mut ledger = Ledger::empty(ring());
    let text = acts
        .into_iter()
        .map(|a| ledger.append(a, &key()).unwrap())
        .collect();
    (ledger, text)
}

fn green(of: char) -> Vec<Act> {
    vec![run(of, "test", |_| ()), run(of, "lint", |_| ())]
}

fn why(ledger: &Ledger, of: char, base: char) -> Why {
    ledger
        .promote(&tree(of), &policy(), Some(&tree(base)))
        .map(|p| p.tree().clone())
        .unwrap_err()
        .why
}

#[test]
fn a_tree_goes_its_way() {
    let red = |r: &mut Run| r.ended = Ended::Exited { code: 101 };
    let state = |l: &Ledger, c| l.state(&tree(c), &policy(), Some(&tree('0'))).unwrap();
    let (l, _) = ledger(vec![]);
    assert_eq!(state(&l, 'a'), State::Draft);
    assert_eq!(why(&l, 'a', '0'), Why::Unverified);

    let (l, _) = ledger(vec![run('a', "test", red)]);
    assert!(matches!(state(&l, 'a'), State::Failed { check, .. } if check == "test"));
    assert!(matches!(why(&l, 'a', '0'), Why::Failed { .. }));

    let (l, _) = ledger(vec![run('b', "test", |_| ())]);
    let part = Level::Part {
        missing: vec!["lint".into()],
    };
    assert_eq!(
        state(&l, 'b'),
        State::Verified {
            level: part,
            scope: vec!["test".into()],
            flaky: vec![]
        }
    );
    assert_eq!(
        why(&l, 'b', '0'),
        Why::Part {
            missing: vec!["lint".into()]
        }
    );

    let (l, _) = ledger(green('b'));
    assert!(matches!(
        state(&l, 'b'),
        State::Verified {
            level: Level::Full,
            ..
        }
    ));
    let leave = l.promote(&tree('b'), &policy(), Some(&tree('0'))).unwrap();
    assert_eq!(
        (leave.tree(), leave.receipts().len(), leave.waived()),
        (&tree('b'), 2, false)
    );
    // One byte more is another tree; taking it back is the tree that was verified.
    assert_eq!(why(&l, 'c', '0'), Why::Stale { verified: tree('b') });
    assert!(
        l.promote(&tree('b'), &policy(), Some(&tree('b'))).is_ok(),
        "a base with this very content"
    );
    assert_eq!(
        why(&l, 'b', '9'),
        Why::BaseMoved {
            was: Some(tree('0')),
            is: Some(tree('9'))
        }
    );

    let l = l.while_running(tree('b'), "test".into());
    assert_eq!(state(&l, 'b'), State::Verifying { check: "test".into() });
    assert!(matches!(why(&l, 'b', '0'), Why::Verifying { .. }));

    let mut acts = green('b');
    let policy_digest = Some(policy().digest().clone());
    acts.push(Act::Shipped {
        tree: tree('b'),
        policy: policy_digest,
        how: "commit".into(),
        commit: None,
        waived: false,
    });
    let (l, _) = ledger(acts.clone());
    assert!(matches!(state(&l, 'b'), State::Shipped { waived: false, .. }));
    acts.push(run('b', "test", red));
    let (l, _) = ledger(acts);
    assert!(
        matches!(state(&l, 'b'), State::Failed { .. }),
        "a later failure is not hidden by a shipment"
    );
}

#[test]
fn runs_that_prove_nothing_never_ship() {
    type Change = fn(&mut Run);
    let cases: &[(&str, Change)] = &[
        ("its time was up", |r| r.ended = Ended::TimedOut),
        ("no test passed", |r| {
            set_counts(
                r,
                Counts {
                    passed: 0,
                    failed: 0,
                    skipped: 9,
                },
            )
        }),
        ("no test passed", |r| set_counts(r, Counts::default())),
        ("told of 1 failed", |r| {
            set_counts(
                r,
                Counts {
                    passed: 1,
                    failed: 1,
                    skipped: 0,
                },
            )
        }),
        ("no summary", |r| {
            r.summary = Summary::Unreadable {
                why: "no summary".into(),
            }
        }),
        ("changed the files", |r| r.changed = vec!["a.rs".into()]),
        ("wrote more", |r| {
            r.ended = Ended::Limited {
                what: brisk_domain::evidence::Limit::Output,
            }
        }),
        ("was stopped", |r| {
            r.ended = Ended::Limited {
                what: brisk_domain::evidence::Limit::Stopped,
            }
        }),
        ("failed on tree", |r| r.ended = Ended::Exited { code: 1 }),
        ("signal 9", |r| r.ended = Ended::Signalled { signal: 9 }),
        ("has to see", |r| r.flags = vec![Flag::PolicyChanged]),
        ("has to see", |r| {
            r.flags = vec![Flag::TestsDeleted { path: "t".into() }]
        }),
        ("has to see", |r| set_missing(r, &["a"])),
        ("has to see", |r| set_skipped(r, &["a"])),
        ("not run on tree", |r| r.policy = digest(b"another policy")),
        ("not run on tree", |r| r.check = "other".into()),
        ("the base moved", |r| r.base = None),
    ];
    for (want, change) in cases {
        let (l, _) = ledger(vec![run('a', "test", change)]);
        // A policy with this check alone.
        let one = Policy::parse(POLICY).unwrap();
        let refusal = l.promote(&tree('a'), &one, Some(&tree('0'))).unwrap_err();
        let acts = {
            let mut all = green('a');
            all.remove(0);
            all.insert(0, run('a', "test", change));
            ledger(all).0
        };
        let whole = acts.promote(&tree('a'), &one, Some(&tree('0'))).unwrap_err();
        assert!(
            whole.to_string().contains(want) || refusal.to_string().contains(want),
            "{want}: {whole}; {refusal}"
        );
        assert!(!whole.next().is_empty());
    }
}

fn set_counts(run: &mut Run, to: Counts) {
    if let Summary::Tests { counts, .. } = &mut run.summary {
        *counts = to;
    }
}

fn set_missing(run: &mut Run, names: &[&str]) {
    if let Summary::Tests {
        missing,
        missing_count,
        ..
    } = &mut run.summary
    {
        *missing = names.iter().map(|n| (*n).to_owned()).collect();
        *missing_count = names.len() as u64;
    }
}

fn set_skipped(run: &mut Run, names: &[&str]) {
    if let Summary::Tests { newly_skipped, .. } = &mut run.summary {
        *newly_skipped = names.iter().map(|n| (*n).to_owned()).collect();
    }
}

#[test]
fn an_acknowledgement_covers_what_was_seen_and_nothing_else() {
    let flagged = |names: &'static [&'static str]| run('a', "test", move |r| set_missing(r, names));
    let concern = "1 of the tests that passed before did not now: a".to_owned();
    let ack = |c: char, concerns: Vec<String>| Act::Acknowledged {
        tree: tree(c),
        policy: policy().digest().clone(),
        concerns,
        reason: "r".into(),
        who: "ann".into(),
    };
    let lint = || run('a', "lint", |_| ());
    let ships = |acts: Vec<Act>| {
        ledger(acts)
            .0
            .promote(&tree('a'), &policy(), Some(&tree('0')))
            .is_ok()
    };
    assert!(!ships(vec![flagged(&["a"]), lint()]));
    assert!(ships(vec![
        flagged(&["a"]),
        lint(),
        ack('a', vec![concern.clone()])
    ]));
    assert!(
        !ships(vec![flagged(&["b"]), lint(), ack('a', vec![concern.clone()])]),
        "another test"
    );
    assert!(
        !ships(vec![flagged(&["a"]), lint(), ack('b', vec![concern])]),
        "another tree"
    );
    assert!(!ships(vec![flagged(&["a"]), lint(), ack('a', vec![])]));
}

#[test]
fn a_check_that_passes_and_fails_on_one_tree_says_so() {
    let red = |r: &mut Run| r.ended = Ended::Exited { code: 1 };
    let acts = vec![
        run('a', "test", red),
        run('a', "test", |_| ()),
        run('a', "lint", |_| ()),
    ];
    let state = ledger(acts)
        .0
        .state(&tree('a'), &policy(), Some(&tree('0')))
        .unwrap();
    assert!(matches!(state, State::Verified { flaky, .. } if flaky == ["test"]));
    // The clock has no say in which run is the newest.
    let early = |r: &mut Run| {
        r.ended = Ended::Exited { code: 1 };
        r.began_ms = 0;
        r.ended_ms = 1;
    };
    let acts = vec![
        run('a', "test", |_| ()),
        run('a', "lint", |_| ()),
        run('a', "test", early),
    ];
    assert!(matches!(
        ledger(acts)
            .0
            .state(&tree('a'), &policy(), Some(&tree('0')))
            .unwrap(),
        State::Failed { .. }
    ));
}

#[test]
fn the_same_question_is_answered_from_memory_and_another_one_is_not() {
    let (l, _) = ledger(vec![run('a', "test", |_| ())]);
    let base = tree('0');
    let ask = |t: char, check: &str, env: &[u8], base: Option<&Tree>| {
        l.remembered(&tree(t), &policy(), check, &digest(env), base)
            .unwrap()
            .is_some()
    };
    assert!(ask('a', "test", b"env", Some(&base)));
    assert!(ask('a', "test", b"env", Some(&tree('a'))));
    assert!(!ask('b', "test", b"env", Some(&base)));
    assert!(!ask('a', "lint", b"env", Some(&base)));
    assert!(!ask('a', "test", b"other", Some(&base)));
    assert!(!ask('a', "test", b"env", Some(&tree('9'))));
    let (l, _) = ledger(vec![run('a', "test", |r| r.ended = Ended::TimedOut)]);
    let again = l.remembered(&tree('a'), &policy(), "test", &digest(b"env"), Some(&base));
    assert!(again.unwrap().is_none(), "a run that proved nothing is run again");
}

#[test]
fn a_waiver_is_good_for_one_tree_and_once() {
    let waived = |c: char| Act::Waived {
        tree: tree(c),
        how: "commit".into(),
        reason: "r".into(),
        who: "ann".into(),
    };
    let (mut l, _) = ledger(vec![waived('a')]);
    assert!(l.waiver(&tree('b')).is_err());
    let leave = l.waiver(&tree('a')).unwrap();
    assert!(leave.waived() && leave.policy().is_none());
    l.append(
        Act::Shipped {
            tree: tree('a'),
            policy: None,
            how: "commit".into(),
            commit: None,
            waived: true,
        },
        &key(),
    )
    .unwrap();
    assert!(l.waiver(&tree('a')).is_err(), "used");
    assert!(matches!(
        l.state(&tree('a'), &policy(), Some(&tree('0'))).unwrap(),
        State::Draft | State::Shipped { waived: true, .. }
    ));
}

/// Somebody without the key, at the file. Each row must be refused.
#[test]
fn hands_on_the_file() {
    let (l, text) = ledger(green('a'));
    let head = l.head();
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let stranger = SigningKey::from_seed([9; 32]);
    let forged = {
        let mut l = Ledger::empty(Keyring::of(stranger.public(), "x"));
        green('a')
            .into_iter()
            .map(|a| l.append(a, &stranger).unwrap())
            .collect::<String>()
    };
    let own_chain = |first: &str| {
        // The second statement, chained anew without the first.
        let body = first.splitn(3, ' ').nth(2).unwrap();
        let origin = lines[0].split(' ').next().unwrap();
        format!("{origin} {} {body}", "a".repeat(40))
    };
    let swap = |from: &str, to: &str| text.replacen(from, to, 1);
    let cases: Vec<(&str, String, Option<Head>)> = vec![
        ("cut off", lines[0].to_owned(), Some(head.clone())),
        ("cut off", String::new(), Some(head.clone())),
        ("does not follow", lines[1].to_owned(), None),
        ("does not follow", format!("{}{}", lines[1], lines[0]), None),
        (
            "does not follow",
            format!("{}{}{}", lines[0], lines[0], lines[1]),
            None,
        ),
        ("was signed for another place", own_chain(lines[1]), None),
        ("not trusted", forged.clone(), None),
        ("rewritten", forged, Some(head.clone())),
        ("does not follow", swap("payloadType", "payloadtype"), None),
        ("damaged", swap("\n", "\n\n"), None),
    ];
    for (want, bytes, head) in cases {
        let error = Ledger::read(bytes.as_bytes(), head.as_ref(), ring(), Trust::Every).unwrap_err();
        assert!(error.to_string().contains(want), "{error}, not {want}");
    }
    // The last line alone: nothing chains after it, so its own envelope must be opened.
    let last = lines[1].replacen("payloadType", "payloadtype", 1);
    for trust in [Trust::Tip, Trust::Every] {
        let bytes = format!("{}{last}", lines[0]);
        assert!(Ledger::read(bytes.as_bytes(), None, ring(), trust).is_err());
    }
    // Replayed on another tree: the prefix says `b`, the signature says `a`.
    let replay = text.replace(&format!(" {} ", tree('a')), &format!(" {} ", tree('b')));
    assert!(Ledger::read(replay.as_bytes(), None, ring(), Trust::Every).is_err());

    let (torn, tail) =
        Ledger::read(format!("{text}abc").as_bytes(), Some(&head), ring(), Trust::Tip).unwrap();
    assert_eq!(tail, brisk_gate::Tail::Torn { bytes: 3 });
    assert_eq!(torn.head(), head);
    assert!(
        Ledger::read(text.as_bytes(), Some(&head), Keyring::default(), Trust::Tip).is_err(),
        "nobody is trusted"
    );
}

#[test]
fn the_gate_holds_from_where_the_first_word_says() {
    let adopted = |c: char, who: &str| Act::Adopted {
        tree: tree(c),
        commit: tree(c),
        who: who.into(),
    };
    let (l, _) = ledger(green('a'));
    assert_eq!(l.adopted().unwrap(), None);
    let acts = [green('a'), vec![adopted('b', "ann"), adopted('c', "eve")]].concat();
    let (l, text) = ledger(acts);
    let first = l.adopted().unwrap().unwrap();
    assert_eq!(
        (first.commit, first.who.as_str()),
        (tree('b'), "ann"),
        "a later word moves nothing"
    );
    // It proves nothing about its tree.
    assert_eq!(why(&l, 'b', '0'), Why::Stale { verified: tree('a') });
    // Somebody else's word is none.
    let stranger = Keyring::of(SigningKey::from_seed([9; 32]).public(), "x");
    assert!(Ledger::read(text.as_bytes(), None, stranger, Trust::Every).is_err());
}

#[test]
fn a_later_ledger_goes_on_from_the_earlier_one() {
    let (old, _) = ledger(green('a'));
    let (mut new, _) = ledger(green('a'));
    new.append(run('b', "test", |_| ()), &key()).unwrap();
    let (other, _) = ledger(green('b'));
    assert!(new.goes_on_from(&old).is_ok() && old.goes_on_from(&old).is_ok());
    assert!(old.goes_on_from(&new).is_err() && other.goes_on_from(&old).is_err());
}

#[test]
fn every_refusal_names_one_command() {
    let (l, _) = ledger(vec![]);
    let Refusal { .. } = l.promote(&tree('a'), &policy(), None).map(drop).unwrap_err();
    let next = l
        .promote(&tree('a'), &policy(), None)
        .map(drop)
        .unwrap_err()
        .next();
    assert_eq!(next, "brisk verify");
}
