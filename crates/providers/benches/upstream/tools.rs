//! The tool loop: 20 turns, each with 20 KB of new text, the history growing to 400 KB, the four paths turn by turn.

use super::fake::{Address, Fake, Sockets};
use super::paths::{PATHS, Path, ask, message, request};
use super::{Reach, percentile, tell, tell_times};
use brisk_domain::port::{Message, Role};
use brisk_providers::ResponsesModel;
use brisk_testkit::process_cpu_us;
use brisk_testkit::responses::{Say, Speech, SpeechScript};
use tokio::runtime::Handle;

const TURNS: usize = 20;

/// New text of a turn, bytes: what a tool gives back.
const NEWS: usize = 20_000;

/// Tokens of an answer, and how fast they come.
const TOKENS: usize = 40;
const RATE: f64 = 2_000.0;

fn answer() -> String {
    "word".repeat(TOKENS)
}

/// What one path came to at one round trip; one value for each turn.
#[derive(Default)]
struct Series {
    overhead: Vec<u64>,
    first: Vec<u64>,
    cpu: Vec<u64>,
    /// Of turn 2 and turn 20: bytes that were sent beside the new text.
    extra: [Vec<u64>; 2],
}

struct Lane {
    path: Path,
    model: ResponsesModel,
    series: Series,
}

pub(crate) fn measure(handle: &Handle, quick: bool) {
    let script = SpeechScript {
        speeches: Vec::new(),
        otherwise: Some(Speech::of(vec![
            Say::Rate {
                text: answer(),
                per_s: RATE,
            },
            Say::Complete,
        ])),
    };
    let fake = Fake::start(&script, Sockets::Good);
    for at in fake.addresses() {
        let paths = PATHS
            .into_iter()
            // Without TLS there is no session.
            .filter(|path| at.encrypted || *path != Path::B0Resumed);
        let mut lanes: Vec<Lane> = paths
            .map(|path| Lane {
                path,
                model: path.model(&at.url, handle),
                series: Series::default(),
            })
            .collect();
        let runs = match (quick, at.encrypted, at.trip) {
            (true, ..) => 3,
            // Ten minutes for a figure that repeats itself are too long.
            (false, true, 80..) => 10,
            (false, true, _) => 30,
            (false, false, 80..) => 5,
            (false, false, _) => 10,
        };
        for _ in 0..runs {
            // A conversation of its own each time, on connections that are kept.
            one(&fake, &at.url, handle, &mut lanes);
        }
        report(at, &lanes, runs);
    }
}

fn one(fake: &Fake, url: &str, handle: &Handle, lanes: &mut [Lane]) {
    let mut messages = vec![message(Role::System, "You are a careful engineer.")];
    for turn in 1..=TURNS {
        messages.push(message(Role::User, news(turn)));
        for lane in lanes.iter_mut() {
            if lane.path == Path::B0 {
                lane.model = lane.path.model(url, handle);
            }
            take(fake, lane, turn, &messages);
        }
        messages.push(message(Role::Assistant, answer()));
    }
}

fn news(turn: usize) -> String {
    let line = format!("{turn:03} the tool found one more line of text ");
    line.repeat(NEWS / line.len() + 1)[..NEWS].to_owned()
}

fn take(fake: &Fake, lane: &mut Lane, turn: usize, messages: &[Message]) {
    let all = messages.to_vec();
    let cpu = process_cpu_us();
    let asked = ask(&lane.model, request(all), 1);
    let first = asked.text();
    let end = asked.end();
    let cpu = process_cpu_us() - cpu;
    let (came, number, bytes, whole) = fake.request();
    let (ended, _) = fake.ended(number);
    let text: usize = messages.iter().map(|m| m.text.len()).sum();
    assert_eq!(whole, text, "the server knows another conversation");
    let model = ended.saturating_sub(came);
    let series = &mut lane.series;
    series.overhead.push((end - asked.at_us).saturating_sub(model));
    series.first.push(first - asked.at_us);
    series.cpu.push(cpu);
    if let Some(at) = [2, TURNS].iter().position(|t| *t == turn) {
        series.extra[at].push(bytes.saturating_sub(NEWS) as u64);
    }
    drop(asked);
}

fn report(address: &Address, lanes: &[Lane], runs: usize) {
    let trip = address.trip;
    let line = match address.encrypted {
        true => format!("TLS, {trip} ms"),
        false => format!("plain, {trip} ms"),
    };
    for lane in lanes {
        let at = |what: &str| format!("{line}, {}, {what}", lane.path.name());
        let series = &lane.series;
        tell_times(
            &at("round-trip overhead"),
            &series.overhead,
            Reach::Told,
            Reach::Told,
        );
        tell_times(
            &at("time to first token"),
            &series.first,
            Reach::Told,
            Reach::Told,
        );
        let us = percentile(&series.cpu, 50) / TOKENS as f64;
        tell(
            &at("client CPU a token, all of the turn: p50"),
            us,
            "us",
            Reach::Told,
        );
        let [second, last] = &series.extra;
        let bound = |socket: f64| match lane.path {
            Path::Socket => Reach::AtMost(socket),
            Path::B0 | Path::B0Resumed | Path::B1 | Path::B2 => Reach::Told,
        };
        if trip == 0 {
            let last_of = percentile(last, 100);
            tell(
                &at("bytes of turn 20 beside the new text"),
                last_of,
                "bytes",
                bound(2_048.0),
            );
            let grown = last_of - percentile(second, 100);
            tell(&at("of these, more than in turn 2"), grown, "bytes", bound(16.0));
        }
    }
    saved(address, &line, lanes, runs);
}

/// What the socket saves. A real server is only reached over TLS, so that only there something is promised.
fn saved(address: &Address, line: &str, lanes: &[Lane], runs: usize) {
    let trip_us = address.trip as f64 * 1e3;
    let Some(socket) = lanes.last() else { return };
    for base in lanes {
        let promised = match base.path {
            Path::B0 => address.encrypted,
            Path::B0Resumed => false,
            Path::B1 | Path::B2 | Path::Socket => continue,
        };
        let reach = |bound| match promised {
            true => Reach::AtLeast(bound),
            false => Reach::Told,
        };
        let saved = |of: fn(&Series) -> &Vec<u64>, less: f64| {
            let p50 = |lane: &Lane| percentile(of(&lane.series), 50) - less;
            100.0 * (1.0 - p50(socket) / p50(base))
        };
        let name = base.path.name().split_whitespace().next().unwrap_or_default();
        let at = |what: &str| format!("{line}, socket against {name}: {what}");
        tell(
            &at("round-trip overhead saved"),
            saved(|s| &s.overhead, 0.0),
            "%",
            reach(80.0),
        );
        if address.trip > 0 {
            tell(
                &at("round-trip overhead saved, beyond the one round trip that none avoids"),
                saved(|s| &s.overhead, trip_us),
                "%",
                reach(80.0),
            );
        }
        tell(&at("CPU a token saved"), saved(|s| &s.cpu, 0.0), "%", reach(30.0));
        let what = format!("time to first token saved ({runs} runs of {TURNS} turns)");
        tell(&at(&what), saved(|s| &s.first, 0.0), "%", reach(50.0));
    }
}
