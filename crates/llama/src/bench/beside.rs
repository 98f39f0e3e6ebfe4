//! What background work costs whoever edits beside it: the first token on an open file, with eight requests that run
//! and wait, against none. Both in turns.

use super::{BenchLine, long_text, request, run, start};
use crate::Engine;
use brisk_domain::port::{ModelEvent, Priority};
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};

const JOBS: usize = 8;
const ROUNDS: u64 = 9;
/// Answers of the background are short, so that several of them have had their turn before the person asks.
const TOKENS: usize = 6;

pub(super) fn measure(engine: &Engine, on: &mut dyn FnMut(BenchLine)) -> Result<(), String> {
    let file = long_text(1000.min(engine.info().context / 4));
    let ask = |round: u64| {
        let mut request = request(engine, 400, format!("{file}\nInstruction: rename value_{round}."));
        request.max_tokens = 1;
        request
    };
    let first = |round| Ok::<_, String>(run(engine, ask(round))?.first.as_secs_f64() * 1e3);
    first(0)?;

    let (mut alone, mut beside, mut steps) = (Vec::new(), Vec::new(), Vec::new());
    for round in 1..=ROUNDS {
        alone.push(first(2 * round)?);
        let begun: Vec<_> = (500..)
            .take(JOBS)
            .map(|job| start(engine, background(engine, job)))
            .collect();
        // Two of them are through, and the third is at a different place each time.
        for (_, told) in &begun[..2] {
            steps.extend(paces(told));
        }
        let said = |event: &ModelEvent| matches!(event, ModelEvent::Text { .. });
        let reports = begun[2].1.iter().filter(said);
        let places = usize::try_from(round).unwrap_or(1) % (TOKENS - 2);
        if reports.take(1 + places).count() <= places {
            return Err("a background answer ended too early".into());
        }
        // Nothing ever comes here: a report would tie the moment to a step's end.
        let (_quiet, nothing) = mpsc::channel::<()>();
        let _ = nothing.recv_timeout(Duration::from_millis(7 * (round % 5)));
        beside.push(first(2 * round + 1)?);
    }
    for list in [&mut alone, &mut beside, &mut steps] {
        list.sort_by(f64::total_cmp);
    }
    let part = |list: &[f64], tenths: usize| list.get(list.len() * tenths / 10).copied().unwrap_or(f64::NAN);
    on(BenchLine::Beside {
        jobs: JOBS,
        alone: part(&alone, 5),
        beside: part(&beside, 5),
        p90: part(&beside, 9),
        step: part(&steps, 5),
    });
    Ok(())
}

/// A job of its own: nothing of it is known to the others.
fn background(engine: &Engine, job: u64) -> brisk_domain::port::GenerateRequest {
    let mut request = request(
        engine,
        job,
        format!("{job}. Count from one to a hundred in words."),
    );
    request.max_tokens = TOKENS;
    request.priority = Priority::Background;
    request
}

/// Milliseconds between the pieces of an answer, to its end.
fn paces(told: &Receiver<ModelEvent>) -> Vec<f64> {
    let mut last = None;
    let mut paces = Vec::new();
    for event in told {
        let now = Instant::now();
        match event {
            ModelEvent::Text { .. } => {
                paces.extend(last.replace(now).map(|last| (now - last).as_secs_f64() * 1e3));
            }
            ModelEvent::Done { .. } | ModelEvent::Failed { .. } => break,
            ModelEvent::Sent => {}
        }
    }
    paces
}
