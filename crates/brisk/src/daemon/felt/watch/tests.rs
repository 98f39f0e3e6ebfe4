//! Scripts of effects and reports in, jobs out; then what is sent on of them.

use super::*;
use crate::daemon::felt::otlp::{TraceSeed, metrics, traces};
use brisk_domain::port::{Fault, FaultSource, Finish, GenerateRequest, Retry, Usage};
use brisk_domain::{
    CancelReason, Candidate, EditFormat, LineKind, Now, Prompt, Reason, Route, Settled, StopReason,
};
use brisk_router::quota::Amount;
use serde_json::{Value, json};

const TURN: TurnId = TurnId(2);
const WALL: u64 = 1_790_000_000_000_000;

enum Step {
    Does(Effect),
    Says(Input),
}

fn emit(event: Event) -> Step {
    Step::Does(Effect::Emit(event))
}

fn started(text: &str) -> Step {
    emit(Event::TurnStarted {
        turn: TURN,
        text: text.into(),
    })
}

fn gather(intent: Intent) -> Step {
    let prompt = Prompt {
        text: "secret words".into(),
        targets: vec![],
        intent,
        model: None,
        lane: None,
        latency: None,
        auto_keep: false,
    };
    Step::Does(Effect::Gather {
        id: EffectId(1),
        prompt,
        before: None,
    })
}

fn routed(model: &str) -> Step {
    let model = ModelId(model.into());
    emit(Event::Routed {
        turn: TURN,
        route: Route {
            lane: Lane::Fast,
            choice: Candidate {
                model: model.clone(),
                format: EditFormat::Region,
                context: 1,
            },
            fallbacks: vec![],
            reasons: vec![Reason::Best { model, of: 1 }],
            shape: BTreeMap::from([("intent".into(), "edit".into())]),
        },
    })
}

fn generate(id: u64, model: &str) -> Step {
    let request = json!({
        "model": model, "messages": [], "answer_prefix": "secret code", "stop": [], "max_tokens": 1, "closeness": "free",
        "cache_key": 0, "priority": "interactive",
    });
    let request: GenerateRequest = serde_json::from_value(request).unwrap();
    Step::Does(Effect::Generate {
        id: EffectId(id),
        request,
        estimate: Amount::default(),
    })
}

fn model(id: u64, event: ModelEvent) -> Step {
    Step::Says(Input::Model {
        effect: EffectId(id),
        event,
    })
}

fn text(id: u64) -> Step {
    let text = "secret code".into();
    model(id, ModelEvent::Text { text })
}

fn done(id: u64) -> Step {
    let usage = Usage {
        input: 300,
        cached: 200,
        output: 40,
        accepted: 0,
    };
    let finish = Finish::Stop;
    model(id, ModelEvent::Done { finish, usage })
}

fn ready(hunk: u64) -> Step {
    emit(Event::HunkReady {
        turn: TURN,
        hunk: HunkId(hunk),
        path: "secret.rs".into(),
        at: 0,
        removed: vec!["secret code".into()],
        added: vec!["secret code".into(), "more".into()],
    })
}

fn changed(hunk: u64, state: HunkState) -> Step {
    emit(Event::HunkChanged {
        hunk: HunkId(hunk),
        state,
    })
}

fn ended(stop: StopReason) -> Step {
    emit(Event::TurnEnded {
        turn: TURN,
        settled: Settled {
            stop,
            ready: 1,
            input_tokens: 300,
            cached_tokens: 200,
            output_tokens: 40,
        },
    })
}

/// One step every 10 µs, from 1,000 on.
fn run(steps: Vec<Step>) -> Vec<Job> {
    run_by(|us| WALL + us, steps)
}

/// `wall`: what the clock on the wall shows at a moment.
fn run_by(wall: impl Fn(u64) -> u64, steps: Vec<Step>) -> Vec<Job> {
    let mut watch = Watch::new(SessionId(5));
    let mut jobs = Vec::new();
    for (n, step) in (100_u64..).zip(steps) {
        let at = Moment {
            now: Now(n * 10),
            wall_us: wall(n * 10),
        };
        match step {
            Step::Does(effect) => jobs.extend(watch.effects(&[effect], at)),
            Step::Says(input) => watch.report(&input, at),
        }
    }
    jobs
}

fn turn(jobs: &[Job]) -> &TurnDone {
    let found = jobs.iter().find_map(|job| match job {
        Job::Turn(done) => Some(&**done),
        Job::Client(_) | Job::Outcome { .. } | Job::Undone { .. } | Job::LetGo { .. } | Job::End => None,
    });
    found.unwrap()
}

fn whole() -> Vec<Step> {
    vec![
        started("run the tests for secret words"),
        gather(Intent::Edit),
        routed("small"),
        generate(2, "small"),
        model(2, ModelEvent::Sent),
        text(2),
        emit(Event::FirstToken { turn: TURN }),
        emit(Event::HunkOpened {
            turn: TURN,
            hunk: HunkId(1),
            path: "secret.rs".into(),
            at: 0,
        }),
        emit(Event::HunkLine {
            turn: TURN,
            hunk: HunkId(1),
            kind: LineKind::Added,
            text: "secret code".into(),
        }),
        ready(1),
        done(2),
        changed(1, HunkState::Kept),
        ready(2),
        ended(StopReason::EndTurn),
        changed(2, HunkState::Rejected),
    ]
}

#[test]
fn a_clock_that_is_set_changes_no_figure() {
    let day = 86_400_000_000;
    let jumps: [fn(u64, u64) -> u64; 3] = [
        |us, day| if us < 1_050 { WALL } else { WALL + 400 * day },
        |us, day| if us < 1_050 { WALL } else { WALL - 400 * day },
        // Before 1970.
        |us, _| if us < 1_050 { WALL } else { 0 },
    ];
    let (want, steady) = (run(whole()), |us| WALL + us);
    for jump in jumps {
        let got = run_by(|us| jump(us, day), whole());
        let (want, got) = (&turn(&want).felt, &turn(&got).felt);
        assert_eq!((&got.stages, &got.hunks), (&want.stages, &want.hunks));
    }
    let at = |wall_us| Moment {
        now: Now(1_100),
        wall_us,
    };
    assert_eq!(at(steady(1_100)).wall_of(1_000), steady(1_000));
    assert_eq!(
        (at(0).wall_of(1_000), at(u64::MAX).wall_of(1_200)),
        (0, u64::MAX - 1_100)
    );
}

#[test]
fn a_whole_turn_is_counted() {
    let jobs = run(whole());
    let done = turn(&jobs);
    let felt = &done.felt;
    assert_eq!((felt.session, felt.turn), (SessionId(5), TURN));
    assert_eq!((felt.lane, felt.intent), (Some(Lane::Fast), Intent::Edit));
    assert_eq!(felt.model, Some(ModelId("small".into())));
    assert!(felt.asked_for_tests);
    assert_eq!(felt.end, TurnEnd::EndTurn);
    let moments: Vec<_> = Stage::ALL
        .iter()
        .filter_map(|s| Some((*s, felt.stages.at(*s)?)))
        .collect();
    let want = [
        (Stage::Acknowledged, 1_000),
        (Stage::Request, 1_040),
        (Stage::FirstToken, 1_060),
        (Stage::Place, 1_070),
        (Stage::FirstHunk, 1_090),
        (Stage::Complete, 1_130),
    ];
    assert_eq!(moments, want);
    let hunks: Vec<_> = felt
        .hunks
        .iter()
        .map(|h| (h.added, h.removed, h.outcome))
        .collect();
    let kept = Outcome::Kept { at_us: 1_110 };
    assert_eq!(hunks, [(2, 1, kept), (2, 1, Outcome::Undecided)]);
    assert_eq!(felt.tokens.cached, 200);
    assert_eq!(felt.shape["intent"], "edit");
    assert!(felt.retries.is_empty());
    // Decided after the turn: told on its own.
    assert!(matches!(
        jobs.as_slice(),
        [
            Job::Turn(_),
            Job::Outcome {
                hunk: HunkId(2),
                outcome: Outcome::Rejected,
                ..
            }
        ]
    ));
}

#[test]
fn retries_have_causes() {
    let fault = Fault {
        source: FaultSource::Quota,
        retry: Retry::Elsewhere,
        message: "secret words".into(),
    };
    let jobs = run(vec![
        started("x"),
        gather(Intent::Ask),
        routed("one"),
        generate(2, "one"),
        model(2, ModelEvent::Failed { fault }),
        generate(3, "two"),
        done(3),
        generate(4, "two"),
        text(4),
        generate(5, "three"),
        Step::Does(Effect::Stop {
            id: EffectId(4),
            cause: CancelReason::Stalled,
        }),
        // What a forgotten request still says changes nothing.
        done(2),
        ended(StopReason::Cancelled {
            cause: CancelReason::Interrupted,
        }),
    ]);
    let done = turn(&jobs);
    assert_eq!(
        done.felt.retries,
        [RetryCause::Quota, RetryCause::Unusable, RetryCause::Stalled]
    );
    assert_eq!(done.felt.intent, Intent::Ask);
    assert_eq!(done.felt.model, Some(ModelId("three".into())));
    assert_eq!(done.felt.end, TurnEnd::Cancelled(CancelReason::Interrupted));
    let ends: Vec<_> = done.generations.iter().map(|g| g.ended.unwrap().0).collect();
    assert_eq!(ends, [1_040, 1_060, 1_100, 1_120]);
}

fn find<'a>(attributes: &'a Value, key: &str) -> &'a Value {
    let list = attributes.as_array().unwrap();
    let found = list.iter().find(|a| a["key"] == key);
    found.map_or(&Value::Null, |a| &a["value"])
}

#[test]
fn a_turn_is_sent_on_under_the_conventions_names() {
    let jobs = run(whole());
    let done = turn(&jobs);
    let seed = TraceSeed {
        trace: 0xabc,
        span: 7,
    };
    let body = traces(done, seed);
    let spans = &body["resourceSpans"][0]["scopeSpans"][0]["spans"];
    let (root, chat) = (&spans[0], &spans[1]);
    assert_eq!(root["traceId"].as_str().unwrap().len(), 32);
    assert_eq!(chat["parentSpanId"], root["spanId"]);
    assert_eq!(chat["name"], "chat small");
    assert_eq!(chat["startTimeUnixNano"], ((WALL + 1_030) * 1_000).to_string());
    assert_eq!(chat["endTimeUnixNano"], ((WALL + 1_100) * 1_000).to_string());
    let cases = [
        ("gen_ai.operation.name", json!({"stringValue": "chat"})),
        ("gen_ai.request.model", json!({"stringValue": "small"})),
        ("gen_ai.conversation.id", json!({"stringValue": "s5"})),
        ("gen_ai.usage.input_tokens", json!({"intValue": "300"})),
        ("gen_ai.usage.cache_read.input_tokens", json!({"intValue": "200"})),
        ("gen_ai.usage.output_tokens", json!({"intValue": "40"})),
        (
            "gen_ai.response.time_to_first_chunk",
            json!({"doubleValue": 0.000_02}),
        ),
    ];
    for (key, want) in cases {
        assert_eq!(find(&chat["attributes"], key), &want, "{key}");
    }

    let metrics = metrics(done).unwrap();
    let list = metrics["resourceMetrics"][0]["scopeMetrics"][0]["metrics"]
        .as_array()
        .unwrap();
    let names: Vec<_> = list.iter().map(|m| m["name"].as_str().unwrap()).collect();
    assert_eq!(
        names,
        [
            "gen_ai.client.operation.duration",
            "gen_ai.client.operation.time_to_first_chunk",
            "gen_ai.client.token.usage"
        ]
    );
    let tokens = &list[2]["histogram"]["dataPoints"];
    assert_eq!(
        find(&tokens[0]["attributes"], "gen_ai.token.type"),
        &json!({"stringValue": "input"})
    );
    assert_eq!(tokens[0]["sum"], 300.0);
    // 300 lies between 256 and 1024.
    let counts = tokens[0]["bucketCounts"].as_array().unwrap();
    assert_eq!(counts.iter().position(|c| c == "1"), Some(5));
    assert_eq!(
        counts.len(),
        tokens[0]["explicitBounds"].as_array().unwrap().len() + 1
    );
}

#[test]
fn a_failed_request_is_an_error_and_a_stop_is_none() {
    let fault = Fault {
        source: FaultSource::Network,
        retry: Retry::Elsewhere,
        message: "secret words".into(),
    };
    let jobs = run(vec![
        started("x"),
        generate(2, "one"),
        model(2, ModelEvent::Failed { fault }),
        generate(3, "two"),
        ended(StopReason::Cancelled {
            cause: CancelReason::Interrupted,
        }),
    ]);
    let body = traces(turn(&jobs), TraceSeed { trace: 1, span: 1 });
    let spans = &body["resourceSpans"][0]["scopeSpans"][0]["spans"];
    assert_eq!(spans[1]["status"], json!({"code": 2}));
    assert_eq!(
        find(&spans[1]["attributes"], "error.type"),
        &json!({"stringValue": "network"})
    );
    assert_eq!(spans[2]["status"], json!({}));
    assert!(find(&spans[2]["attributes"], "gen_ai.usage.input_tokens").is_null());
    // A turn that asked no model has no metric.
    let jobs = run(vec![started("x"), ended(StopReason::EndTurn)]);
    assert!(metrics(turn(&jobs)).is_none());
}

#[test]
fn no_word_of_the_person_and_no_code_comes_along() {
    let jobs = run(whole());
    let done = turn(&jobs);
    let seed = TraceSeed { trace: 1, span: 1 };
    let told = format!("{jobs:?}{}{}", traces(done, seed), metrics(done).unwrap());
    assert!(!told.contains("secret"), "{told}");
}
