//! Turns as OTLP/JSON with the names of OpenTelemetry's conventions for generative AI (development status, read in
//! 2026). Pure. Made by hand: the opentelemetry crates would bring a second HTTP and protobuf stack for two bodies.
//! Prompts and answers have attributes there, too; they are never filled.

use super::{Generation, GenerationEnd, TurnDone};
use brisk_domain::port::{FaultSource, Finish, Usage};
use serde_json::{Value, json};

/// Upper bounds of buckets, seconds, as the conventions give them for durations.
const SECONDS: [f64; 14] = [
    0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92,
];

/// Upper bounds of buckets, tokens, as the conventions give them.
const TOKENS: [f64; 14] = [
    1.0, 4.0, 16.0, 64.0, 256.0, 1024.0, 4096.0, 16384.0, 65536.0, 262144.0, 1048576.0, 4194304.0,
    16777216.0, 67108864.0,
];

const SPAN_KIND_INTERNAL: u8 = 1;
const SPAN_KIND_CLIENT: u8 = 3;
const STATUS_ERROR: u8 = 2;
const TEMPORALITY_DELTA: u8 = 1;

/// Random bytes for one turn's trace: its id, and where the ids of its spans count on from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TraceSeed {
    /// Not zero.
    pub(crate) trace: u128,
    /// Not zero.
    pub(crate) span: u64,
}

/// The body for `/v1/traces`: a span for the turn and below it one for each request to a model.
pub(crate) fn traces(done: &TurnDone, seed: TraceSeed) -> Value {
    let nanos = |us: u64| (done.over.wall_of(us) * 1_000).to_string();
    let trace = format!("{:032x}", seed.trace);
    let id = |n: u64| format!("{:016x}", seed.span.wrapping_add(n).max(1));
    let felt = &done.felt;
    let mut attributes = vec![
        text("gen_ai.conversation.id", &felt.session.to_string()),
        text("brisk.intent", &word(&felt.intent)),
        text("brisk.end", &felt.end.name()),
        int("brisk.hunks", felt.hunks.len() as u64),
        int("brisk.retries", felt.retries.len() as u64),
    ];
    attributes.extend(felt.lane.as_ref().map(|lane| text("brisk.lane", &word(lane))));
    let began = felt
        .stages
        .at(brisk_protocol::Stage::Acknowledged)
        .unwrap_or(done.over.now.0);
    let mut spans = vec![json!({
        "traceId": trace,
        "spanId": id(0),
        "name": "brisk.turn",
        "kind": SPAN_KIND_INTERNAL,
        "startTimeUnixNano": nanos(began),
        "endTimeUnixNano": nanos(done.over.now.0),
        "attributes": attributes,
        "status": {},
    })];
    for (n, generation) in (1..).zip(&done.generations) {
        let (ended_us, _) = end_of(generation);
        let failed = error_of(generation).is_some();
        let mut attributes = common(done, generation);
        attributes.push(text("gen_ai.output.type", "text"));
        attributes.push(json!({"key": "gen_ai.request.stream", "value": {"boolValue": true}}));
        attributes.extend(error_of(generation).map(|e| text("error.type", e)));
        attributes.extend(
            first_after(generation)
                .map(|s| json!({"key": "gen_ai.response.time_to_first_chunk", "value": {"doubleValue": s}})),
        );
        if let Some((finish, usage)) = usage_of(generation) {
            let finish = match finish {
                Finish::Stop => "stop",
                Finish::Length => "length",
            };
            attributes.push(json!({
                "key": "gen_ai.response.finish_reasons",
                "value": {"arrayValue": {"values": [{"stringValue": finish}]}},
            }));
            attributes.push(int("gen_ai.usage.input_tokens", usage.input as u64));
            attributes.push(int("gen_ai.usage.cache_read.input_tokens", usage.cached as u64));
            attributes.push(int("gen_ai.usage.output_tokens", usage.output as u64));
        }
        spans.push(json!({
            "traceId": trace,
            "spanId": id(n),
            "parentSpanId": id(0),
            "name": format!("chat {}", generation.model),
            "kind": SPAN_KIND_CLIENT,
            "startTimeUnixNano": nanos(generation.began_us),
            "endTimeUnixNano": nanos(ended_us),
            "attributes": attributes,
            "status": if failed { json!({"code": STATUS_ERROR}) } else { json!({}) },
        }));
    }
    json!({"resourceSpans": [{"resource": resource(), "scopeSpans": [{"scope": scope(), "spans": spans}]}]})
}

/// The body for `/v1/metrics`: one point a request, as a delta; none for a turn that asked no model.
pub(crate) fn metrics(done: &TurnDone) -> Option<Value> {
    let mut durations = Vec::new();
    let mut first_chunks = Vec::new();
    let mut tokens = Vec::new();
    for generation in &done.generations {
        let (ended_us, _) = end_of(generation);
        let at = |us: u64| (done.over.wall_of(us) * 1_000).to_string();
        let point = |value: f64, bounds: &[f64], more: Option<Value>| {
            let mut attributes = common(done, generation);
            // Sessions are not a dimension of a metric.
            attributes.retain(|a| a["key"] != "gen_ai.conversation.id");
            attributes.extend(more);
            json!({
                "startTimeUnixNano": at(generation.began_us),
                "timeUnixNano": at(ended_us),
                "count": "1",
                "sum": value,
                "bucketCounts": buckets(value, bounds),
                "explicitBounds": bounds,
                "attributes": attributes,
            })
        };
        let seconds = ended_us.saturating_sub(generation.began_us) as f64 / 1e6;
        let error = error_of(generation).map(|e| text("error.type", e));
        durations.push(point(seconds, &SECONDS, error));
        first_chunks.extend(first_after(generation).map(|s| point(s, &SECONDS, None)));
        if let Some((_, usage)) = usage_of(generation) {
            for (kind, n) in [("input", usage.input), ("output", usage.output)] {
                tokens.push(point(n as f64, &TOKENS, Some(text("gen_ai.token.type", kind))));
            }
        }
    }
    if durations.is_empty() {
        return None;
    }
    let metric = |name: &str, unit: &str, points: Vec<Value>| {
        let histogram = json!({"aggregationTemporality": TEMPORALITY_DELTA, "dataPoints": points});
        json!({"name": name, "unit": unit, "histogram": histogram})
    };
    let metrics: Vec<Value> = [
        ("gen_ai.client.operation.duration", "s", durations),
        ("gen_ai.client.operation.time_to_first_chunk", "s", first_chunks),
        ("gen_ai.client.token.usage", "{token}", tokens),
    ]
    .into_iter()
    .filter(|(_, _, points)| !points.is_empty())
    .map(|(name, unit, points)| metric(name, unit, points))
    .collect();
    let scoped = json!([{"scope": scope(), "metrics": metrics}]);
    Some(json!({"resourceMetrics": [{"resource": resource(), "scopeMetrics": scoped}]}))
}

/// Attributes that spans and metrics share.
fn common(done: &TurnDone, generation: &Generation) -> Vec<Value> {
    vec![
        text("gen_ai.operation.name", "chat"),
        // Whoever stands behind the model, Brisk is what was asked and what knows the figures.
        text("gen_ai.provider.name", "brisk"),
        text("gen_ai.request.model", &generation.model.0),
        text("gen_ai.conversation.id", &done.felt.session.to_string()),
    ]
}

/// The number of values in each bucket: one value, so a one.
fn buckets(value: f64, bounds: &[f64]) -> Vec<&'static str> {
    let at = bounds.iter().position(|b| value <= *b).unwrap_or(bounds.len());
    (0..=bounds.len())
        .map(|n| if n == at { "1" } else { "0" })
        .collect()
}

fn end_of(generation: &Generation) -> (u64, GenerationEnd) {
    generation
        .ended
        .unwrap_or((generation.began_us, GenerationEnd::Stopped))
}

fn usage_of(generation: &Generation) -> Option<(Finish, Usage)> {
    match end_of(generation).1 {
        GenerationEnd::Done(finish, usage) => Some((finish, usage)),
        GenerationEnd::Failed(_) | GenerationEnd::Stopped => None,
    }
}

/// A stop by the person is no error.
fn error_of(generation: &Generation) -> Option<&'static str> {
    match end_of(generation).1 {
        GenerationEnd::Failed(FaultSource::Network) => Some("network"),
        GenerationEnd::Failed(FaultSource::Upstream) => Some("upstream"),
        GenerationEnd::Failed(FaultSource::Quota) => Some("quota"),
        GenerationEnd::Failed(FaultSource::Setup) => Some("setup"),
        GenerationEnd::Failed(FaultSource::Request) => Some("request"),
        GenerationEnd::Done(..) | GenerationEnd::Stopped => None,
    }
}

/// Seconds.
fn first_after(generation: &Generation) -> Option<f64> {
    let us = generation.first_us?.saturating_sub(generation.began_us);
    Some(us as f64 / 1e6)
}

fn resource() -> Value {
    json!({"attributes": [text("service.name", "brisk"), text("service.version", env!("CARGO_PKG_VERSION"))]})
}

fn scope() -> Value {
    json!({"name": "brisk", "version": env!("CARGO_PKG_VERSION")})
}

fn text(key: &str, value: &str) -> Value {
    json!({"key": key, "value": {"stringValue": value}})
}

/// 64-bit numbers are texts in OTLP's JSON.
fn int(key: &str, value: u64) -> Value {
    json!({"key": key, "value": {"intValue": value.to_string()}})
}

fn word(value: &impl serde::Serialize) -> String {
    serde_json::to_value(value)
        .ok()
        .and_then(|v| v.as_str().map(str::to_owned))
        .unwrap_or_default()
}
