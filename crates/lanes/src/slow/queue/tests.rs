use super::*;
use brisk_domain::evidence::Digest;
use brisk_domain::job::PatchSize;
use brisk_domain::parts::Scope;
use brisk_domain::port::Usage;
use proptest::prelude::*;

/// A tree in which part n has made what digit n says; 0: nothing.
fn tree(digits: &[u8]) -> Tree {
    let mut hex: String = digits.iter().map(|d| char::from(b'0' + d)).collect();
    hex.push_str(&"0".repeat(40 - digits.len()));
    Tree::parse(&hex).unwrap()
}

fn digits(tree: &Tree) -> Vec<u8> {
    tree.as_str().bytes().map(|b| b - b'0').collect()
}

fn proof(tree: &Tree) -> Proof {
    Proof::new(tree.clone(), vec![Digest::parse(&"a".repeat(64)).unwrap()]).unwrap()
}

fn parts(count: usize) -> Parts {
    let part = |n: usize| Part {
        text: format!("do {n}"),
        files: vec![Scope::new(&format!("f{n}")).unwrap()],
    };
    Parts::new((1..=count).map(part).collect()).unwrap()
}

fn queue(count: usize) -> Queue {
    Queue::new(&tree(&[]), &Division::Given(parts(count))).unwrap()
}

fn proven(made: &Tree) -> End {
    End::Proven {
        proof: proof(made),
        size: PatchSize { lines: 1, files: 1 },
    }
}

fn failed(made: Option<&Tree>) -> End {
    End::Failed {
        why: "red".into(),
        best: made.map(|tree| Partial {
            tree: tree.clone(),
            size: PatchSize { lines: 1, files: 1 },
            passed: 0,
            failed: 1,
            untested: false,
        }),
    }
}

/// What parts come to on top of what is joined.
fn merged(join: &Join) -> Tree {
    let mut all = digits(&join.onto);
    for made in &join.made {
        let (from, to) = (digits(&made.from), digits(&made.tree));
        for (n, digit) in to.iter().enumerate().filter(|(n, d)| from[*n] != **d) {
            all[n] = *digit;
        }
    }
    tree(&all)
}

fn joined(join: &Join) -> Step {
    Step::Joined {
        parts: join.parts.clone(),
        proof: proof(&merged(join)),
    }
}

fn put_back(join: &Join) -> Step {
    Step::PutBack {
        parts: join.parts.clone(),
        tree: Some(merged(join)),
        said: "unit: 1 test failed\nmore".into(),
    }
}

#[track_caller]
fn joins(queue: &Queue) -> Join {
    let Next::Join(join) = queue.next() else {
        panic!("{:?}", queue.next());
    };
    join
}

fn running(queue: &Queue) -> Vec<(u32, u32)> {
    queue.to_run().iter().map(|go| (go.number, go.part)).collect()
}

#[test]
fn parts_that_pass_are_joined_as_they_come_and_the_whole_is_what_was_checked() {
    let mut q = queue(2);
    assert_eq!((q.next(), running(&q)), (Next::Wait, vec![(1, 1), (2, 2)]));
    q.ended(2, proven(&tree(&[0, 1])));
    assert_eq!(q.standing(2), Standing::Proven);
    let join = joins(&q);
    assert_eq!((&join.parts, &join.onto), (&vec![2], &tree(&[])));
    q.take(joined(&join));
    assert_eq!((q.next(), q.standing(2)), (Next::Wait, Standing::Joined));
    q.ended(1, proven(&tree(&[1])));
    let join = joins(&q);
    assert_eq!((&join.parts, &join.onto), (&vec![1], &tree(&[0, 1])));
    q.take(joined(&join));
    assert_eq!(q.next(), Next::Over(Outcome::Whole(proof(&tree(&[1, 1])))));
}

#[test]
fn a_part_that_breaks_the_others_gets_one_more_go_at_what_they_come_to() {
    let mut q = queue(2);
    q.ended(1, proven(&tree(&[1])));
    q.ended(2, proven(&tree(&[0, 1])));
    q.take(joined(&joins(&q)));
    q.take(put_back(&joins(&q)));
    assert!(
        matches!(q.standing(2), Standing::PutBack { why } if why == "with the other parts: unit: 1 test failed")
    );
    let goes = q.to_run();
    assert_eq!(
        (goes[0].number, goes[0].part, &goes[0].from),
        (3, 2, &tree(&[1, 1]))
    );
    assert!(goes[0].text.contains("unit: 1 test failed\nmore") && goes[0].text.contains("only: f2."));
    let mut mended = q.clone();
    mended.ended(3, proven(&tree(&[1, 2])));
    assert_eq!(mended.next(), Next::Over(Outcome::Whole(proof(&tree(&[1, 2])))));
    assert_eq!(mended.standing(2), Standing::Joined);
    q.ended(3, failed(None));
    let Next::Over(Outcome::Short { why, best }) = q.next() else {
        panic!("{:?}", q.next());
    };
    assert_eq!(why, "part 2: with the other parts: unit: 1 test failed");
    assert_eq!(
        best,
        Some((0, Best::Joined(proof(&tree(&[1]))))),
        "what passes together"
    );
    assert!(matches!(q.standing(2), Standing::LeftOut { .. }));
}

#[test]
fn parts_that_pass_only_together_are_checked_together() {
    let mut q = queue(3);
    q.ended(1, failed(Some(&tree(&[1]))));
    q.ended(2, proven(&tree(&[0, 1])));
    q.take(joined(&joins(&q)));
    assert_eq!(q.next(), Next::Wait);
    q.ended(3, failed(Some(&tree(&[0, 0, 1]))));
    assert_eq!(q.standing(3), Standing::Unproven);
    let join = joins(&q);
    assert_eq!((&join.parts, merged(&join)), (&vec![1, 3], tree(&[1, 1, 1])));
    let mut red = q.clone();
    q.take(joined(&join));
    assert_eq!(q.next(), Next::Over(Outcome::Whole(proof(&tree(&[1, 1, 1])))));
    // Red together: one after the other is asked to mend it.
    red.take(put_back(&join));
    assert_eq!(running(&red), [(4, 1)]);
    red.ended(4, failed(None));
    assert_eq!(running(&red), [(5, 3)]);
    red.ended(5, failed(None));
    assert!(matches!(red.next(), Next::Over(Outcome::Short { .. })));
}

#[test]
fn a_part_that_made_nothing_leaves_the_job_short() {
    let mut q = queue(2);
    q.ended(1, failed(None));
    q.ended(2, failed(Some(&tree(&[0, 1]))));
    let Next::Over(Outcome::Short { why, best }) = q.next() else {
        panic!("{:?}", q.next());
    };
    assert_eq!(why, "part 1: red; part 2: red");
    assert!(matches!(best, Some((2, Best::Part(_)))));
}

/// An attempt that ends with the base it began at has made nothing, whatever it calls that.
#[test]
fn what_is_still_the_base_is_joined_nowhere() {
    let base = tree(&[]);
    let mut q = queue(2);
    q.ended(1, proven(&tree(&[1])));
    q.take(joined(&joins(&q)));
    q.ended(2, failed(Some(&base)));
    assert_eq!(
        q.next(),
        Next::Over(Outcome::Short {
            why: "part 2: red".into(),
            best: Some((0, Best::Joined(proof(&tree(&[1])))))
        })
    );
    let mut alone = queue(1);
    alone.ended(1, failed(Some(&base)));
    let want = Outcome::Short {
        why: "part 1: red".into(),
        best: None,
    };
    assert_eq!(alone.next(), Next::Over(want));
}

#[test]
fn the_rest_is_checked_together_also_where_one_part_made_nothing() {
    let mut q = queue(4);
    q.ended(1, failed(None));
    q.ended(2, failed(Some(&tree(&[0, 1]))));
    q.ended(3, failed(Some(&tree(&[0, 0, 1]))));
    q.ended(4, proven(&tree(&[0, 0, 0, 1])));
    let alone = joins(&q);
    assert_eq!(alone.parts, [4]);
    q.take(put_back(&alone));
    let rest = joins(&q);
    assert_eq!(rest.parts, [2, 3, 4]);
    let mut red = q.clone();
    q.take(joined(&rest));
    let want = Best::Joined(proof(&tree(&[0, 1, 1, 1])));
    assert!(matches!(q.next(), Next::Over(Outcome::Short { best: Some((0, best)), .. }) if best == want));
    assert!(matches!(q.standing(1), Standing::LeftOut { why } if why == "red"));
    assert_eq!(q.standing(3), Standing::Joined);
    // Nobody is asked to mend what cannot become whole.
    red.take(put_back(&rest));
    assert_eq!(running(&red), []);
    assert!(matches!(red.next(), Next::Over(Outcome::Short { .. })));
}

#[test]
fn what_passes_alone_is_not_lost_where_nothing_can_be_joined() {
    let mut q = queue(2);
    q.ended(1, failed(Some(&tree(&[1]))));
    q.ended(2, proven(&tree(&[0, 1])));
    q.take(Step::Faulted {
        message: "nothing can be checked".into(),
    });
    let Next::Over(Outcome::Short { best: Some(best), .. }) = q.next() else {
        panic!("{:?}", q.next());
    };
    let whole = Best::passing(&proof(&tree(&[0, 1])), PatchSize { lines: 1, files: 1 });
    assert_eq!(best, (2, Best::Part(whole)));
}

#[test]
fn what_the_person_says_reaches_every_attempt_that_follows() {
    let said = |text: &str| Step::Said {
        text: text.into(),
        usage: Usage::default(),
    };
    let mut q = Queue::new(&tree(&[]), &Division::Asked).unwrap();
    assert_eq!(q.hearers(), [0]);
    // Said while the plan was asked for: no request hears it, but every part does.
    q.take(said(
        "```parts\npart: do 1\nfiles: f1\npart: do 2\nfiles: f2\n```",
    ));
    q.take(Step::Divided { parts: parts(2) });
    q.take(Step::Steered {
        text: "no tabs".into(),
    });
    assert!(
        q.to_run()
            .iter()
            .all(|go| go.text.ends_with("The person says: no tabs\n"))
    );
    // Those that work, and those that may have to mend what all come to.
    assert_eq!((q.hearers(), q.only_joins()), (vec![1, 2, 3, 4], false));
    q.ended(1, proven(&tree(&[1])));
    q.ended(2, proven(&tree(&[0, 1])));
    assert_eq!(
        (q.hearers(), q.only_joins()),
        (vec![3, 4], true),
        "while a joined tree is checked"
    );
    q.take(joined(&joins(&q)));
    q.take(put_back(&joins(&q)));
    assert_eq!(q.hearers(), [3]);
    assert!(q.to_run()[0].text.contains("The person says: no tabs\n"));
    assert!(!q.only_joins(), "somebody mends it");
    q.ended(3, failed(None));
    assert!(q.hearers().is_empty());

    // Where a part made nothing, nobody is asked to mend the rest.
    let mut q = queue(2);
    q.ended(2, failed(None));
    assert_eq!(q.hearers(), [1]);
    q.ended(1, proven(&tree(&[1])));
    assert_eq!((joins(&q).parts, q.hearers()), (vec![1], vec![]));
}

#[test]
fn parts_in_each_others_way_are_left_out() {
    let mut q = queue(1);
    q.ended(1, proven(&tree(&[1])));
    q.take(Step::PutBack {
        parts: vec![1],
        tree: None,
        said: "f1: changed twice".into(),
    });
    assert!(matches!(q.next(), Next::Over(Outcome::Short { why, .. }) if why.contains("changed twice")));
}

#[test]
fn a_plan_that_is_none_is_asked_for_again_and_given_up() {
    let said = |text: &str| Step::Said {
        text: text.into(),
        usage: Usage::default(),
    };
    let mut q = Queue::new(&tree(&[]), &Division::Asked).unwrap();
    for _ in 0..PLANS {
        assert_eq!(q.next(), Next::Plan);
        q.take(said("I would rather not."));
    }
    let Next::Over(Outcome::Short { why, .. }) = q.next() else {
        panic!("{:?}", q.next());
    };
    assert!(
        why.contains("3 answers in a row were no plan; the last: there is no block"),
        "{why}"
    );
    let mut q = Queue::new(&tree(&[]), &Division::Asked).unwrap();
    q.take(said("nonsense"));
    q.take(said("```parts\npart: do 1\nfiles: f1\n```"));
    let Next::Divide(found) = q.next() else {
        panic!("{:?}", q.next());
    };
    assert_eq!(found, parts(1));
    assert_eq!(q.goes(), [], "nothing begins before the parts are written down");
    q.take(Step::Divided { parts: found });
    assert_eq!(running(&q), [(1, 1)]);
}

/// What happened, in the order in which it was written down.
#[derive(Debug, Clone)]
enum Written {
    Step(Step),
    End(u32, End),
}

/// As a daemon finds it after a kill: all ends first, then the steps.
fn again(count: usize, written: &[Written]) -> Queue {
    let mut q = queue(count);
    for w in written {
        if let Written::End(number, end) = w {
            q.ended(*number, end.clone());
        }
    }
    for w in written {
        if let Written::Step(step) = w {
            q.take(step.clone());
        }
    }
    q
}

proptest! {
    /// Whatever attempts make or take back, and whatever checks say: it ends, only evidence about every part makes it whole, and a kill
    /// at any point changes nothing.
    #[test]
    fn it_ends_whole_only_by_evidence_about_every_part(
        count in 1usize..5,
        ends in prop::collection::vec(0u8..5, 12),
        greens in prop::collection::vec(any::<bool>(), 24),
        order in prop::collection::vec(any::<prop::sample::Index>(), 12),
    ) {
        let mut q = queue(count);
        let mut written = Vec::new();
        let mut greens = greens.into_iter().cycle();
        let (mut began, mut order) = (0, order.into_iter());
        for turns in 0.. {
            prop_assert!(turns < 6 * count + 6, "it does not end");
            let after_a_kill = again(count, &written);
            prop_assert_eq!(after_a_kill.next(), q.next());
            prop_assert_eq!(after_a_kill.to_run(), q.to_run());
            match q.next() {
                Next::Over(Outcome::Whole(proof)) => {
                    prop_assert!(digits(proof.tree())[..count].iter().all(|d| *d > 0));
                    prop_assert!(q.parts().unwrap().numbers().all(|p| q.standing(p) == Standing::Joined));
                    break;
                }
                Next::Over(Outcome::Short { .. }) => {
                    let out = |p| matches!(q.standing(p), Standing::LeftOut { .. });
                    prop_assert!(q.parts().unwrap().numbers().any(out));
                    break;
                }
                Next::Wait => {
                    let runs = q.to_run();
                    let go = &runs[order.next().map_or(0, |i| i.index(runs.len()))];
                    let mut all = digits(&go.from);
                    let end = match ends[began % ends.len()] {
                        0 => failed(None),
                        // Taken back: there was no change that could be checked.
                        4 => {
                            all[go.part as usize - 1] = 0;
                            let differ = (1..).zip(&all).filter(|(_, d)| **d > 0);
                            let differ: Vec<String> = differ.map(|(n, _): (u32, _)| format!("f{n}")).collect();
                            let part = q.parts().unwrap().get(go.part).unwrap();
                            match keeps(&part.files, differ.iter().map(String::as_str)) {
                                true => proven(&tree(&all)),
                                false => failed(None),
                            }
                        }
                        more => {
                            all[go.part as usize - 1] += 1;
                            match more {
                                1 => failed(Some(&tree(&all))),
                                _ => proven(&tree(&all)),
                            }
                        }
                    };
                    began += 1;
                    written.push(Written::End(go.number, end.clone()));
                    q.ended(go.number, end);
                }
                Next::Join(join) => {
                    let step = match greens.next().unwrap() {
                        true => joined(&join),
                        false => put_back(&join),
                    };
                    written.push(Written::Step(step.clone()));
                    q.take(step);
                }
                Next::Plan | Next::Divide(_) => prop_assert!(false, "the parts are given"),
            }
        }
    }
}
