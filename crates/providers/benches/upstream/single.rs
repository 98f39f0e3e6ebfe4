//! Figures of single streams: tokens, prompts, interrupts, failed sockets.

use super::fake::{Fake, Sockets};
use super::paths::{PATHS, Path, ask, message, request};
use super::{Reach, percentile, tell, tell_times};
use brisk_domain::ModelId;
use brisk_domain::port::{GenerateRequest, Model, Role};
use brisk_providers::{ResponsesConfig, ResponsesModel};
use brisk_testkit::process_cpu_us;
use brisk_testkit::responses::{Say, Speech, SpeechScript};
use tokio::runtime::Handle;

pub(crate) fn always(says: Vec<Say>) -> SpeechScript {
    SpeechScript {
        speeches: Vec::new(),
        otherwise: Some(Speech::of(says)),
    }
}

pub(crate) fn prompt(text: &str) -> GenerateRequest {
    request(vec![
        message(Role::System, "You are a careful engineer."),
        message(Role::User, text),
    ])
}

/// What a token costs while a stream runs, without the request before it.
pub(crate) fn tokens(handle: &Handle, quick: bool) {
    const TOKENS: usize = 2_000;
    let runs = if quick { 5 } else { 30 };
    let text = "word".repeat(TOKENS);
    let fake = Fake::start(
        &always(vec![Say::Rate { text, per_s: 5_000.0 }, Say::Complete]),
        Sockets::Good,
    );
    let ways = PATHS.map(|path| (path, path.model(fake.url(), handle)));
    let mut cpu: [Vec<u64>; PATHS.len()] = Default::default();
    let mut bytes = [0; PATHS.len()];
    for _ in 0..runs {
        for (at, (_, model)) in ways.iter().enumerate() {
            let asked = ask(model, prompt("tell a long story"), 1);
            asked.text();
            let before = process_cpu_us();
            asked.end();
            cpu[at].push((process_cpu_us() - before) * 1_000 / TOKENS as u64);
            let (_, number, ..) = fake.request();
            bytes[at] = fake.ended(number).1;
        }
    }
    for (at, (path, _)) in ways.iter().enumerate() {
        if matches!(path, Path::B1 | Path::Socket) {
            let name = path.name();
            let us = percentile(&cpu[at], 50) / 1e3;
            tell(
                &format!("stream of {TOKENS} tokens, {name}: client CPU a token: p50"),
                us,
                "us",
                Reach::Told,
            );
            let each = bytes[at] as f64 / TOKENS as f64;
            tell(
                &format!("stream of {TOKENS} tokens, {name}: bytes a token"),
                each,
                "bytes",
                Reach::Told,
            );
        }
    }
}

/// Prompt to its last byte at the server, on a socket that is warm.
pub(crate) fn prompts(handle: &Handle, quick: bool) {
    let runs = if quick { 100 } else { 1_000 };
    let fake = Fake::start(&always(vec![Say::text("ok"), Say::Complete]), Sockets::Good);
    let model = Path::Socket.model(fake.url(), handle);
    let mut wire = Vec::new();
    for _ in 0..runs {
        model.warm(prompt("the file"));
        fake.warmed();
        let mut all = prompt("the file");
        all.messages.push(message(Role::User, "rename it"));
        let asked = ask(&model, all, 1);
        wire.push(fake.request().0.saturating_sub(asked.at_us));
        asked.end();
        // Another conversation, so that the next warm-up is one.
        let asked = ask(&model, prompt("other"), 1);
        asked.end();
        fake.request();
    }
    let label = format!("warm prompt to its last byte at the server ({runs})");
    tell_times(&label, &wire, Reach::AtMost(1.0), Reach::Told);
}

/// Drop of the handle to the server's knowledge of it, and to the request that steers.
pub(crate) fn interrupts(handle: &Handle, quick: bool) {
    let runs = if quick { 100 } else { 1_000 };
    let text = "word".repeat(20_000);
    let fake = Fake::start(
        &always(vec![Say::Rate { text, per_s: 1_000.0 }, Say::Complete]),
        Sockets::Good,
    );
    let model = Path::Socket.model(fake.url(), handle);
    let (mut told, mut steered, mut missed) = (Vec::new(), Vec::new(), 0);
    let mut asked = ask(&model, prompt("begin"), usize::MAX);
    let (_, mut number, ..) = fake.request();
    for run in 0..runs {
        // At changing moments of the stream.
        for _ in 0..=run % 7 {
            asked.text();
        }
        let at = asked.stop();
        let mut next = prompt("begin");
        next.messages.push(message(Role::User, format!("no: {run}")));
        asked = ask(&model, next, usize::MAX);
        match fake.over(number) {
            Some(t_us) => told.push(t_us.saturating_sub(at)),
            None => missed += 1,
        }
        let (came, new, ..) = fake.request();
        number = new;
        steered.push(came.saturating_sub(at));
    }
    asked.stop();
    let label = format!("interrupt to the server's knowledge of it ({runs})");
    tell_times(&label, &told, Reach::Told, Reach::AtMost(10.0));
    tell(
        "interrupts that did not reach the server",
        f64::from(missed),
        "count",
        Reach::AtMost(0.0),
    );
    let label = format!("steer in mid-answer to the new request at the server ({runs})");
    tell_times(&label, &steered, Reach::Told, Reach::AtMost(20.0));
}

/// A socket that fails to the first token over HTTP.
pub(crate) fn failures(handle: &Handle, quick: bool) {
    let runs = if quick { 50 } else { 300 };
    for (sockets, what) in [
        (Sockets::Dying, "socket died on the request"),
        (Sockets::Refused, "upgrade refused (426), from the prompt"),
    ] {
        let fake = Fake::start(&always(vec![Say::text("ok"), Say::Complete]), sockets);
        let mut late = Vec::new();
        for _ in 0..runs {
            // Nothing is remembered of the last failure.
            let config = ResponsesConfig::new(ModelId("fake".to_owned()), fake.url(), "fake");
            let model = ResponsesModel::new(config, handle.clone()).unwrap();
            let asked = ask(&model, prompt("hello"), 1);
            let first = asked.text();
            let from = match sockets {
                Sockets::Dying => fake.socket_request(),
                Sockets::Refused | Sockets::Good => asked.at_us,
            };
            late.push(first.saturating_sub(from));
            asked.end();
        }
        let label = format!("{what}, to the first token over HTTP ({runs})");
        tell_times(&label, &late, Reach::Told, Reach::AtMost(300.0));
    }
}
