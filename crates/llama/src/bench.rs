//! Measures an engine through the port, as its users see it.
//!
//! Ratios are taken from runs that alternate, so that other work on the machine hits both sides.

mod beside;
mod line;

use crate::Engine;
use crate::bench_tasks::{COPY, SYSTEM, TASKS, Task};
use brisk_domain::ModelId;
use brisk_domain::port::{
    Closeness, Finish, GenerateRequest, Message, Model, ModelEvent, Priority, Role, Running, Sink, Usage,
};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

pub use line::{BenchLine, Same};

/// A part of the bench.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BenchPart {
    /// Load time and memory.
    Load,
    /// Prefill and plain decoding.
    Speed,
    /// Drafting from the text that is edited, against plain decoding.
    Edits,
    /// First token with and without a known prefix.
    Prefix,
    /// From the drop of a handle to the engine's next request.
    Cancel,
    /// First token of a person's request beside background work.
    Beside,
}

/// All parts, in the order of [`bench`].
pub const BENCH_PARTS: [BenchPart; 6] = [
    BenchPart::Load,
    BenchPart::Speed,
    BenchPart::Edits,
    BenchPart::Prefix,
    BenchPart::Cancel,
    BenchPart::Beside,
];

/// Runs every part; each line goes to `on` as soon as it is known.
pub fn bench(engine: &Engine, on: &mut dyn FnMut(BenchLine)) {
    for part in BENCH_PARTS {
        bench_part(engine, part, on);
    }
}

/// Runs one part.
pub fn bench_part(engine: &Engine, part: BenchPart, on: &mut dyn FnMut(BenchLine)) {
    let result = match part {
        BenchPart::Load => {
            let info = engine.info();
            let mapped = info.memory.weights;
            let own = info.memory.total() - mapped;
            on(BenchLine::Load {
                ms: info.load_us as f64 / 1000.0,
                mapped,
                own,
            });
            Ok(())
        }
        BenchPart::Speed => speed(engine, on),
        BenchPart::Edits => edits(engine, on),
        BenchPart::Prefix => prefix(engine, on),
        BenchPart::Cancel => cancel(engine, on),
        BenchPart::Beside => beside::measure(engine, on),
    };
    if let Err(message) = result {
        on(BenchLine::Fault { message });
    }
}

/// A finished run.
struct Ran {
    answer: String,
    usage: Usage,
    finish: Finish,
    first: Duration,
    whole: Duration,
}

fn run(engine: &Engine, request: GenerateRequest) -> Result<Ran, String> {
    outcome(&|sink| engine.generate(request.clone(), sink))
}

/// What comes of an answer that is begun so.
fn outcome(begin: &dyn Fn(Sink) -> Box<dyn Running>) -> Result<Ran, String> {
    let (tell, told) = mpsc::channel();
    let start = Instant::now();
    let _running = begin(Arc::new(move |event| drop(tell.send((event, Instant::now())))));
    let mut answer = String::new();
    let mut first = None;
    for (event, at) in told {
        match event {
            ModelEvent::Sent => {}
            ModelEvent::Text { text } => {
                first.get_or_insert(at - start);
                answer.push_str(&text);
            }
            ModelEvent::Done { finish, usage } => {
                let whole = at - start;
                return Ok(Ran {
                    answer,
                    usage,
                    finish,
                    first: first.unwrap_or(whole),
                    whole,
                });
            }
            ModelEvent::Failed { fault } => return Err(fault.message),
        }
    }
    Err("the engine said nothing more".into())
}

fn request(engine: &Engine, key: u64, user: String) -> GenerateRequest {
    request_of(engine.id().clone(), key, user)
}

fn request_of(model: ModelId, key: u64, user: String) -> GenerateRequest {
    let message = |role, text: &str| Message {
        role,
        text: text.into(),
    };
    GenerateRequest {
        model,
        messages: vec![message(Role::System, SYSTEM), message(Role::User, &user)],
        answer_prefix: String::new(),
        stop: Vec::new(),
        prediction: None,
        differ: None,
        closeness: Closeness::Free,
        max_tokens: 64,
        cache_key: key,
        priority: Priority::Interactive,
    }
}

/// The request of an edit, as the fast lane makes it.
pub(crate) fn edit_request(model: ModelId, key: u64, task: &Task) -> GenerateRequest {
    let Task {
        language,
        instruction,
        region,
        ..
    } = task;
    let user =
        format!("File: src/example\n\nRegion:\n```{language}\n{region}```\n\nInstruction: {instruction}");
    GenerateRequest {
        answer_prefix: format!("```{language}\n"),
        stop: vec!["\n```".into()],
        max_tokens: 1024,
        ..request_of(model, key, user)
    }
}

/// A prompt of roughly `tokens` tokens that repeats nothing.
fn long_text(tokens: usize) -> String {
    // A line has about twelve tokens.
    (0..tokens / 12)
        .map(|n| format!("let value_{n} = compute(input[{}]);\n", n * 7 % 1000))
        .collect()
}

fn rate(tokens: usize, time: Duration) -> f64 {
    tokens as f64 / time.as_secs_f64().max(1e-9)
}

fn speed(engine: &Engine, on: &mut dyn FnMut(BenchLine)) -> Result<(), String> {
    let room = engine.info().context;
    for (key, tokens) in [(1, 512), (2, 2048)] {
        if tokens * 2 > room {
            continue;
        }
        let mut request = request(engine, key, long_text(tokens));
        request.max_tokens = 1;
        let ran = run(engine, request)?;
        let read = ran.usage.input - ran.usage.cached;
        on(BenchLine::Prefill {
            tokens: read,
            per_second: rate(read, ran.whole),
        });
    }
    let mut request = request(engine, 1, "Count from one to a hundred in words.".into());
    request.max_tokens = 1;
    run(engine, request.clone())?;
    request.max_tokens = 48;
    let ran = run(engine, request)?;
    on(BenchLine::Decode {
        per_second: rate(ran.usage.output, ran.whole),
    });
    Ok(())
}

/// So much rounding makes of the distance of two logits: the greatest difference between steps of one token and of many,
/// where the distance was less than 2 (72 of 9,900 tokens, by four sets of kernels; of all tokens 1 % differed by more than
/// 0.37).
pub(crate) const ROUNDING: f32 = 0.6;

/// One edit, plain and with drafts, one right after the other.
fn pair(engine: &Engine, key: u64, task: &Task) -> Result<(Ran, Ran, Same), String> {
    let plain_request = edit_request(engine.id().clone(), key, task);
    // Prefill is not what is measured here.
    run(
        engine,
        GenerateRequest {
            max_tokens: 1,
            ..plain_request.clone()
        },
    )?;
    let drafted_request = GenerateRequest {
        prediction: Some(task.region.to_owned()),
        ..plain_request.clone()
    };
    let plain = run(engine, plain_request.clone())?;
    let drafted = run(engine, drafted_request)?;
    let ended = |ran: &Ran| (ran.usage.output, ran.finish);
    let same = if plain.answer != drafted.answer {
        let close = GenerateRequest {
            prediction: Some(drafted.answer.clone()),
            ..plain_request
        };
        let again = outcome(&|sink| engine.generate_within(close.clone(), ROUNDING, sink))?;
        if again.answer == drafted.answer {
            Same::Tie
        } else {
            Same::No
        }
    } else if ended(&plain) == ended(&drafted) {
        Same::Yes
    } else {
        Same::No
    };
    Ok((plain, drafted, same))
}

fn edits(engine: &Engine, on: &mut dyn FnMut(BenchLine)) -> Result<(), String> {
    let mut times = Vec::new();
    for (key, task) in (100..).zip(&TASKS) {
        let (plain, drafted, same) = pair(engine, key, task)?;
        times.push((task.one_line, plain.whole, drafted.whole, same));
        on(BenchLine::Edit {
            name: task.name,
            tokens: drafted.usage.output,
            accepted: drafted.usage.accepted,
            plain: rate(plain.usage.output, plain.whole),
            drafted: rate(drafted.usage.output, drafted.whole),
            same,
            answer: drafted.answer,
        });
    }
    for (name, only_one_line) in [
        ("one-line changes in 40-line regions", true),
        ("all edits", false),
    ] {
        let chosen: Vec<_> = times
            .iter()
            .filter(|(one_line, ..)| *one_line || !only_one_line)
            .collect();
        let plain: Duration = chosen.iter().map(|(_, plain, ..)| *plain).sum();
        let drafted: Duration = chosen.iter().map(|(_, _, drafted, _)| *drafted).sum();
        on(BenchLine::EditSet {
            name,
            tasks: chosen.len(),
            ratio: plain.as_secs_f64() / drafted.as_secs_f64().max(1e-9),
            same: chosen.iter().filter(|(.., same)| *same != Same::No).count(),
        });
    }
    let (plain, drafted, same) = pair(engine, 99, &COPY)?;
    on(BenchLine::EditSet {
        name: "nothing to change in 40 lines, the most that drafts can give here",
        tasks: 1,
        ratio: plain.whole.as_secs_f64() / drafted.whole.as_secs_f64().max(1e-9),
        same: usize::from(same != Same::No),
    });
    Ok(())
}

fn prefix(engine: &Engine, on: &mut dyn FnMut(BenchLine)) -> Result<(), String> {
    let file = long_text(2700.min(engine.info().context / 2));
    let ask = |what: &str| {
        let mut request = request(engine, 200, format!("{file}\nInstruction: {what}"));
        request.max_tokens = 4;
        request
    };
    let cold = run(engine, ask("Rename value_7 to first."))?;
    let warm = run(engine, ask("Explain the third line."))?;
    on(BenchLine::FirstToken {
        tokens: warm.usage.input,
        cold: cold.first.as_secs_f64() * 1e3,
        warm: warm.first.as_secs_f64() * 1e3,
    });
    Ok(())
}

/// Starts a request and gives what tells of its reports.
fn start(engine: &Engine, request: GenerateRequest) -> (Box<dyn Running>, mpsc::Receiver<ModelEvent>) {
    let (tell, told) = mpsc::channel();
    (
        engine.generate(request, Arc::new(move |event| drop(tell.send(event)))),
        told,
    )
}

fn cancel(engine: &Engine, on: &mut dyn FnMut(BenchLine)) -> Result<(), String> {
    const ROUNDS: u64 = 20;
    let long = long_text(3000.min(engine.info().context / 2));
    for phase in ["prefill", "decode"] {
        let mut waits = Vec::new();
        for round in 0..ROUNDS {
            let (running, told) = if phase == "prefill" {
                // Nothing of it is known: it differs from its first word on.
                start(engine, request(engine, 300, format!("Round {round}.\n{long}")))
            } else {
                let mut request = request(engine, 301, "Count from one to a hundred in words.".into());
                request.max_tokens = 400;
                start(engine, request)
            };
            // Begun, and then a different while each time.
            let begun = |event: &ModelEvent| match event {
                ModelEvent::Sent => phase == "prefill",
                ModelEvent::Text { .. } => true,
                ModelEvent::Done { .. } | ModelEvent::Failed { .. } => false,
            };
            if !told.iter().any(|event| begun(&event)) {
                return Err("a run ended before it could be cancelled".into());
            }
            // Nothing ever comes here: a report would tie the moment to a step's end.
            let (_quiet, nothing) = mpsc::channel::<()>();
            let _ = nothing.recv_timeout(Duration::from_millis(37 * (round % 9)));
            let mut next = request(engine, 302, "Say yes.".into());
            next.max_tokens = 1;
            let dropped = Instant::now();
            drop(running);
            let (_running, told) = start(engine, next);
            let mut taken = None;
            for event in told {
                match event {
                    ModelEvent::Sent => taken = Some(dropped.elapsed()),
                    ModelEvent::Done { .. } | ModelEvent::Failed { .. } => break,
                    ModelEvent::Text { .. } => {}
                }
            }
            waits.push(taken.ok_or("the engine took nothing more")?.as_secs_f64() * 1e3);
        }
        waits.sort_by(f64::total_cmp);
        on(BenchLine::Cancel {
            phase,
            median: waits[waits.len() / 2],
            p90: waits[waits.len() * 9 / 10],
        });
    }
    Ok(())
}
