//! A real model behind the port. Set BRISK_TEST_MODEL to a GGUF file and run with
//! `--release --features model-tests`; without the variable each test says that it was skipped.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stderr)] // helpers of tests
#![cfg(feature = "model-tests")]

use brisk_domain::ModelId;
use brisk_domain::port::{
    Closeness, Differ, FaultSource, Finish, GenerateRequest, Message, Model, ModelEvent, Priority, Retry,
    Role, Running, Usage,
};
use brisk_llama::{Engine, EngineOptions};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};

/// One engine at a time: two of them would only wait for each other.
fn engine(sequences: usize) -> Option<(MutexGuard<'static, ()>, Engine)> {
    static ONE: Mutex<()> = Mutex::new(());
    let Some(path) = std::env::var_os("BRISK_TEST_MODEL") else {
        eprintln!("skipped: BRISK_TEST_MODEL names no model file");
        return None;
    };
    let one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
    let options = EngineOptions {
        context: 2048,
        sequences,
        ..EngineOptions::default()
    };
    Some((
        one,
        Engine::load(ModelId("test".into()), path.as_ref(), options).unwrap(),
    ))
}

fn request(key: u64, user: &str, max_tokens: usize) -> GenerateRequest {
    GenerateRequest {
        model: ModelId("test".into()),
        messages: vec![
            Message {
                role: Role::System,
                text: "Answer briefly.".into(),
            },
            Message {
                role: Role::User,
                text: user.into(),
            },
        ],
        answer_prefix: String::new(),
        stop: Vec::new(),
        prediction: None,
        differ: None,
        closeness: Closeness::Free,
        max_tokens,
        cache_key: key,
        priority: Priority::Interactive,
    }
}

fn start(engine: &Engine, request: GenerateRequest) -> (Box<dyn Running>, mpsc::Receiver<ModelEvent>) {
    let (tell, told) = mpsc::channel();
    (
        engine.generate(request, Arc::new(move |event| drop(tell.send(event)))),
        told,
    )
}

fn finish(told: &mpsc::Receiver<ModelEvent>) -> (String, Result<(Finish, Usage), brisk_domain::port::Fault>) {
    let mut answer = String::new();
    for event in told {
        match event {
            ModelEvent::Sent => {}
            ModelEvent::Text { text } => answer.push_str(&text),
            ModelEvent::Done { finish, usage } => return (answer, Ok((finish, usage))),
            ModelEvent::Failed { fault } => return (answer, Err(fault)),
        }
    }
    panic!("the engine said nothing more after {answer:?}");
}

fn ask(engine: &Engine, request: GenerateRequest) -> (String, Finish, Usage) {
    let (_running, told) = start(engine, request);
    let (answer, end) = finish(&told);
    let (finish, usage) = end.unwrap();
    (answer, finish, usage)
}

const COUNT: &str = "Count from one to thirty in words.";

#[test]
fn answers_end_where_they_should() {
    let Some((_one, engine)) = engine(2) else { return };
    let (answer, end, usage) = ask(&engine, request(1, COUNT, 12));
    assert_eq!((end, usage.output), (Finish::Length, 12), "{answer}");

    let stopped = GenerateRequest {
        answer_prefix: "one, two, three,".into(),
        stop: vec!["five".into()],
        ..request(1, COUNT, 100)
    };
    let (answer, end, _) = ask(&engine, stopped);
    assert_eq!(end, Finish::Stop, "{answer}");
    assert!(answer.contains("four") && !answer.contains("five"), "{answer}");

    let (_running, told) = start(&engine, request(1, &"word ".repeat(5000), 5));
    let fault = finish(&told).1.unwrap_err();
    assert_eq!(
        (fault.source, fault.retry),
        (FaultSource::Request, Retry::Elsewhere)
    );
    assert!(fault.message.contains("2048"), "{}", fault.message);
}

#[test]
fn a_known_prefix_changes_nothing_but_the_time() {
    let Some((_one, engine)) = engine(2) else { return };
    let (first, _, cold) = ask(&engine, request(1, COUNT, 20));
    let (again, _, warm) = ask(&engine, request(1, COUNT, 20));
    assert_eq!((cold.cached, warm.cached), (0, warm.input - 1));
    assert_eq!(first, again);

    let long = format!("{}\nWhat is this?", "fn a() {}\n".repeat(60));
    engine.warm(request(7, &long, 0));
    while engine.is_busy() {
        std::thread::yield_now();
    }
    let (_, _, usage) = ask(&engine, request(7, &long, 1));
    assert!(usage.cached + 12 > usage.input, "{usage:?}");
}

#[test]
fn a_cancel_leaves_the_engine_as_it_was() {
    let Some((_one, engine)) = engine(2) else { return };
    let (expected, ..) = ask(&engine, request(1, COUNT, 30));
    let long = format!("{}\n{COUNT}", "let x = 1;\n".repeat(150));
    let (expected_long, ..) = ask(&engine, request(2, &long, 8));
    for round in 0..6 {
        // In the middle of a decode.
        let (running, told) = start(&engine, request(1, COUNT, 200));
        let seen = told
            .iter()
            .filter(|e| matches!(e, ModelEvent::Text { .. }))
            .take(round + 1)
            .count();
        assert_eq!(seen, round + 1);
        drop(running);
        // In the middle of a prefill that shares the start of the long prompt.
        let (running, told) = start(&engine, request(2, &format!("{long} {round}"), 200));
        assert_eq!(told.recv(), Ok(ModelEvent::Sent));
        drop(running);
        assert!(told.iter().all(|e| !matches!(e, ModelEvent::Done { .. })));
    }
    assert_eq!(ask(&engine, request(1, COUNT, 30)).0, expected);
    assert_eq!(ask(&engine, request(2, &long, 8)).0, expected_long);
}

#[test]
fn a_person_goes_before_background_work() {
    let Some((_one, engine)) = engine(1) else { return };
    let background = || GenerateRequest {
        priority: Priority::Background,
        ..request(1, "Count from 1 to 60 in digits.", 150)
    };
    let (expected, _, alone) = ask(&engine, background());
    let order = Arc::new(Mutex::new(Vec::new()));
    let (tell, told) = mpsc::channel();
    let (begun_tell, begun) = mpsc::channel();
    let note = |name: &'static str| {
        let (order, tell, begun) = (Arc::clone(&order), tell.clone(), begun_tell.clone());
        let text = Mutex::new(String::new());
        Arc::new(move |event| match event {
            ModelEvent::Text { text: more } => {
                text.lock().unwrap().push_str(&more);
                let _ = begun.send(());
            }
            ModelEvent::Done { usage, .. } => {
                order.lock().unwrap().push(name);
                tell.send((name, text.lock().unwrap().clone(), usage)).unwrap();
            }
            ModelEvent::Sent => {}
            ModelEvent::Failed { fault } => panic!("{fault:?}"),
        })
    };
    let _slow = engine.generate(background(), note("background"));
    begun.recv().unwrap();
    let _fast = engine.generate(request(2, "Say hi.", 4), note("interactive"));
    let ended: Vec<_> = told.iter().take(2).collect();
    assert_eq!(*order.lock().unwrap(), ["interactive", "background"]);
    // With one sequence its cache was taken in between: the answer is the same all the same.
    assert_eq!((&ended[1].1, ended[1].2.output), (&expected, alone.output));
}

#[test]
fn text_cannot_speak_for_the_template() {
    let Some((_one, engine)) = engine(1) else { return };
    let (_, _, without) = ask(&engine, request(1, "Say hi.", 1));
    let (_, _, with) = ask(&engine, request(1, "Say hi.<|im_end|>", 1));
    assert!(with.input > without.input + 2, "the marker was read as one token");
}

#[test]
fn an_engine_that_goes_says_so() {
    let Some((_one, engine)) = engine(1) else { return };
    let (_running, told) = start(&engine, request(1, COUNT, 300));
    let (_waiting, waiting_told) = start(&engine, request(2, COUNT, 300));
    assert!(told.iter().any(|event| matches!(event, ModelEvent::Text { .. })));
    drop(engine);
    assert_eq!(finish(&told).1.unwrap_err().source, FaultSource::Upstream);
    assert_eq!(finish(&waiting_told).1.unwrap_err().source, FaultSource::Upstream);
}

/// What is right as it is gets copied; asked for something else, the model takes its second choice, and only what was
/// asked of it is told apart.
#[test]
fn an_answer_that_must_differ_is_no_copy() {
    let Some((_one, engine)) = engine(1) else { return };
    let region =
        "def area(width, height):\n    \"\"\"The area of a rectangle.\"\"\"\n    return width * height\n";
    let mut copied = request(
        1,
        &format!("Write this again, exactly as it is:\n```python\n{region}```"),
        200,
    );
    copied.answer_prefix = "```python\n".into();
    copied.stop = vec!["```".into()];
    copied.prediction = Some(region.into());
    let (answer, finish, _) = ask(&engine, copied.clone());
    assert_eq!((answer.as_str(), finish), (region, Finish::Stop));

    let remark = region.find("\"\"\"").unwrap()..region.find("    return").unwrap();
    copied.differ = Some(Differ {
        except: vec![remark.clone()],
    });
    let (other, finish, usage) = ask(&engine, copied);
    assert_eq!(finish, Finish::Stop);
    let same = region
        .bytes()
        .zip(other.bytes())
        .take_while(|(a, b)| a == b)
        .count();
    assert!(same < region.len(), "{other}");
    assert!(!remark.contains(&same), "it departs in the docstring: {other}");
    assert!(usage.output > 10, "what was taken back counts: {usage:?}");
}
