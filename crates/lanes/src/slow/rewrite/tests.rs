//! A small model's way from the base to evidence, with a world whose checks pass once all is mended.

use crate::slow::{Attempt, Brief, Effect};
use brisk_domain::evidence::{Digest, Tree};
use brisk_domain::job::{AttemptId, Bounds, Checked, End, Found, Proof, Step};
use brisk_domain::parts::Scope;
use brisk_domain::port::{GenerateRequest, Priority, Usage};
use brisk_domain::{Candidate, EditFormat, JobId, ModelId};
use brisk_patch::Text;
use std::sync::Arc;

const SHOP: &str =
    "def total(items):\n    return sum(items) + 1\n\n\ndef first(items):\n    return items[1]\n";

/// Tests that fail for a text of the shop, in words of pytest.
fn failing(shop: &str) -> Vec<&'static str> {
    let mut out = Vec::new();
    if !shop.contains("return sum(items)\n") {
        out.push("test_shop.py:3: assert total([1, 2]) == 3\nAssertionError: 4 != 3");
    }
    if !shop.contains("items[0]") {
        out.push("test_shop.py:6: assert first([7, 8]) == 7\nAssertionError: 8 != 7");
    }
    out
}

struct World {
    attempt: Attempt,
    steps: Vec<Step>,
    checks: u32,
}

fn brief(strategy: usize, named: bool, bounds: Bounds) -> Brief {
    let text = Text::from_str_lossless(SHOP);
    Brief {
        id: AttemptId {
            job: JobId(1),
            number: 1,
        },
        text: "make the tests pass".into(),
        files: if named {
            vec![("shop.py".into(), text)]
        } else {
            vec![]
        },
        paths: Arc::new(["shop.py", "test_shop.py", "notes.txt"].map(String::from).into()),
        links: Arc::default(),
        instructions: None,
        model: Candidate {
            model: ModelId("small".into()),
            format: EditFormat::Region,
            context: 8_192,
        },
        bounds,
        strategy,
        only: None,
    }
}

impl World {
    fn new(named: bool, bounds: Bounds) -> World {
        World {
            attempt: Attempt::new(brief(0, named, bounds)),
            steps: vec![],
            checks: 0,
        }
    }

    fn take(&mut self, step: Step) {
        self.steps.push(step.clone());
        self.attempt.take(step);
    }

    /// What the model is asked, or how it ended.
    fn settle(&mut self) -> Result<GenerateRequest, End> {
        loop {
            let step = match self.attempt.next() {
                Effect::Ask(request) => return Ok(*request),
                Effect::Converse(request) => panic!("it has no tools: {request:?}"),
                Effect::Over(end) => return Err(end),
                Effect::Look(looks) => Step::Looked {
                    found: looks
                        .iter()
                        .map(|look| {
                            assert_eq!(look.to_string(), "read shop.py");
                            Found::File {
                                path: "shop.py".into(),
                                text: SHOP.into(),
                            }
                        })
                        .collect(),
                },
                Effect::Check => {
                    self.checks += 1;
                    Step::Checked(self.check())
                }
            };
            self.take(step);
        }
    }

    fn check(&self) -> Checked {
        let changed = self.attempt.changed();
        let shop = changed.get("shop.py").map_or(SHOP.to_owned(), Text::joined);
        let failing = failing(&shop);
        let tree = Tree::parse(&format!("{:040x}", shop.len())).unwrap();
        if failing.is_empty() {
            let line = Digest::parse(&"c".repeat(64)).unwrap();
            return Checked::Proven {
                proof: Proof::new(tree, vec![line]).unwrap(),
            };
        }
        Checked::Unproven {
            tree,
            passed: 0,
            failed: failing.len() as u64,
            said: format!("unit: {} tests failed\n{}", failing.len(), failing.join("\n")),
        }
    }

    fn say(&mut self, text: &str) {
        assert!(matches!(self.attempt.next(), Effect::Ask(_)));
        self.take(Step::Said {
            text: text.into(),
            usage: Usage::default(),
        });
    }
}

fn told(request: &GenerateRequest) -> String {
    request.messages.last().unwrap().text.to_string()
}

#[test]
fn a_change_that_helps_is_kept_one_that_does_not_is_taken_back_and_told() {
    for named in [true, false] {
        let mut world = World::new(named, Bounds::default());
        let first = world.settle().unwrap();
        assert_eq!(first.priority, Priority::Background);
        assert!(told(&first).contains("def total"), "{}", told(&first));
        assert!(
            told(&first).contains("The tests fail now:\nunit: 2 tests failed\ntest_shop.py:3: assert total"),
            "{}",
            told(&first)
        );
        assert_eq!(first.prediction.as_deref(), Some(SHOP), "the place is the draft");

        // Wrong: taken back, and told with what the checks said.
        world.say(&SHOP.replace("sum(items) + 1", "sum(items) + 2"));
        let second = world.settle().unwrap();
        let words = told(&second);
        assert!(
            words.contains("+     return sum(items) + 2\n") && words.contains("Do it another way"),
            "{words}"
        );
        assert!(world.attempt.changed().is_empty());

        // Half of it: that is the ground of the next try.
        world.say(&SHOP.replace(" + 1", ""));
        let third = world.settle().unwrap();
        assert_eq!(third.prediction.as_deref(), Some(&*SHOP.replace(" + 1", "")));
        assert!(!told(&third).contains("assert total"), "{}", told(&third));
        world.say(&SHOP.replace(" + 1", "").replace("items[1]", "items[0]"));
        let Err(End::Proven { size, .. }) = world.settle() else {
            panic!("not proven");
        };
        assert_eq!((size.lines, world.checks), (4, 4));
    }
}

#[test]
fn a_small_model_that_does_not_do_its_work_comes_to_an_end() {
    let lost = "def first(items):\n    return items[1]\n";
    let broken = SHOP.replace("sum(items) + 1", "sum((items");
    let again = SHOP.replace("+ 1", "+ 2");
    for (name, answer, checks) in [
        ("copies", SHOP, 1),
        ("claims success", "All tests pass now!\n", 1),
        ("drops a symbol", lost, 1),
        ("breaks the syntax", &broken, 1),
        // One check of the base, and one of what it made; the same once more is not checked again.
        ("says the same wrong thing again and again", &again, 2),
    ] {
        let mut world = World::new(true, Bounds::default());
        let mut answers = 0;
        let end = loop {
            match world.settle() {
                Ok(_) => world.say(answer),
                Err(end) => break end,
            }
            answers += 1;
            assert!(answers < 20, "{name}");
        };
        let End::Failed { why, .. } = end else {
            panic!("{name}: {end:?}");
        };
        assert!(
            why.contains("every place was tried") || why.contains("answers in a row changed nothing"),
            "{name}: {why}"
        );
        assert_eq!(
            (world.checks, world.attempt.changed().len()),
            (checks, 0),
            "{name}"
        );
    }
}

#[test]
fn rounds_bound_it_and_the_best_is_kept() {
    let bounds = Bounds {
        rounds: 2,
        ..Bounds::default()
    };
    let mut world = World::new(true, bounds);
    for text in [
        SHOP.replace(" + 1", ""),
        SHOP.replace(" + 1", "").replace("[1]", "[2]"),
    ] {
        world.settle().unwrap();
        world.say(&text);
    }
    let Err(End::Failed {
        why,
        best: Some(best),
    }) = world.settle()
    else {
        panic!("it goes on");
    };
    assert!(why.contains("after 2 rounds"), "{why}");
    assert_eq!((best.failed, best.size.lines), (1, 2));
}

#[test]
fn the_same_steps_lead_to_the_same_place_and_steering_is_heard() {
    let mut world = World::new(true, Bounds::default());
    world.settle().unwrap();
    world.take(Step::Steered {
        text: "keep it short".into(),
    });
    assert!(told(&world.settle().unwrap()).contains("make the tests pass\nkeep it short"));
    world.say(&SHOP.replace("+ 1", "+ 2"));
    world.settle().unwrap();
    world.say(&SHOP.replace(" + 1", ""));
    world.settle().unwrap();
    let mut again = Attempt::new(brief(0, true, Bounds::default()));
    world.steps.iter().for_each(|step| again.take(step.clone()));
    assert_eq!(again.next(), world.attempt.next());
    // Another attempt of the same model is sent about it in another way.
    let mut other = Attempt::new(brief(1, true, Bounds::default()));
    other.take(world.steps.first().unwrap().clone());
    let (Effect::Ask(a), Effect::Ask(b)) = (other.next(), {
        let mut first = Attempt::new(brief(0, true, Bounds::default()));
        first.take(world.steps.first().unwrap().clone());
        first.next()
    }) else {
        panic!("nothing is asked");
    };
    assert_ne!(told(&a), told(&b));
}

/// It tries nothing that its part may not change, and says so where that leaves nothing.
#[test]
fn a_part_without_a_file_that_is_there_is_not_tried_elsewhere() {
    for (scope, asks) in [("new.py", false), ("shop.py", true)] {
        let mut world = World::new(false, Bounds::default());
        world.attempt = Attempt::new(Brief {
            only: Some(vec![Scope::new(scope).unwrap()]),
            ..brief(0, false, Bounds::default())
        });
        match world.settle() {
            Ok(_) => assert!(asks, "{scope}"),
            Err(End::Failed { why, best: None }) => {
                assert!(
                    !asks && why.contains("none of the files that this part may change"),
                    "{why}"
                );
            }
            Err(end) => panic!("{end:?}"),
        }
    }
}
