//! An explanation as one object: `text`, `shape` (facts with `value` and `because`), `lane`, `reasons`, `model`,
//! `fallbacks`, `candidates` (each with `score` or `refused`), `nearest`, `trust` (where the repository stands), and
//! `live`: what an edit makes of it today (`why` is the line that it shows). Pure.

use super::explain::Told;
use super::text::reason;
use brisk_router::decide::{LaneReason, Ranked, grounds};
use serde_json::{Value, json};

/// The fields of the line.
pub(super) fn fields(told: &Told<'_>) -> Value {
    let (lane, reasons, ranked, barred) = match told.outcome {
        Ok(d) => (d.lane, &d.lane_reasons, d.ranked(), &d.barred),
        Err(r) => (r.lane, &r.lane_reasons, &[][..], &r.barred),
    };
    let reasons: Vec<Value> = reasons.iter().map(|r| ground(r, told)).collect();
    let mut candidates: Vec<Value> = ranked
        .iter()
        .map(|r| json!({"model": r.member.model, "score": r.score, "speed": r.member.speed, "same_pool": r.same_pool}))
        .collect();
    candidates.extend(
        barred
            .iter()
            .map(|b| json!({"model": b.member.model, "refused": b.bar, "why": b.bar.to_string()})),
    );
    let names =
        |ranked: &[Ranked<'_>]| -> Vec<Value> { ranked.iter().map(|r| json!(r.member.model)).collect() };
    json!({
        "text": told.text,
        "shape": told.question.shape,
        "lane": lane,
        "reasons": reasons,
        "model": ranked.first().map(|r| &r.member.model),
        "fallbacks": names(ranked.get(1..).unwrap_or_default()),
        "candidates": candidates,
        "nearest": told.nearest,
        "trust": told.standing.map(|standing| standing.word()),
        "live": match told.live {
            Ok(plan) => json!({
                "lane": plan.route.lane,
                "model": plan.route.choice.model,
                "reasons": plan.route.reasons,
                "why": plan.route.why(),
                "notices": plan.notices,
            }),
            Err(why) => json!({ "refused": why }),
        },
    })
}

fn ground(ground: &LaneReason, told: &Told<'_>) -> Value {
    let mut value = json!(ground);
    if let Value::Object(fields) = &mut value {
        fields.insert("words".to_owned(), json!(reason(ground, told)));
        if matches!(ground, LaneReason::Rule { .. }) {
            fields.insert(
                "facts".to_owned(),
                json!(grounds(ground, told.question.policy, told.question.shape)),
            );
        }
    }
    value
}
