//! The last row: what goes on, where it runs and why there, how fast it felt, how large it is, what state the tree is
//! in. Too little room drops the least important first; at twenty columns two words are left: what goes on, and where the tree stands.

use crate::app::{App, Link, Stage, state_style};
use crate::felt::Felt;
use crate::look;
use brisk_patch::visible::{clip, width};
use brisk_protocol::QuotaOf;
use brisk_protocol::domain::{Lane, Route};
use ratatui_core::style::Style;
use ratatui_core::text::Line;

/// A part and how soon it is dropped: the greatest goes first.
struct Part {
    text: String,
    style: Style,
    drop: u8,
    /// It goes on with what stands before it.
    more: bool,
}

pub(super) fn line(app: &App, columns: usize) -> Line<'static> {
    let mut parts = parts(app);
    parts.retain(|p| !p.text.is_empty());
    loop {
        let gap = |i: usize, p: &Part| match (i, p.more) {
            (0, _) => 0,
            (_, true) => 2,
            (_, false) => 3,
        };
        let wide: usize = parts
            .iter()
            .enumerate()
            .map(|(i, p)| width(&p.text) + gap(i, p))
            .sum();
        let least = parts.iter().map(|p| p.drop).max().unwrap_or(0);
        if wide <= columns || least == 0 {
            break;
        }
        if let Some(at) = parts.iter().rposition(|p| p.drop == least) {
            parts.remove(at);
        }
    }
    let mut out = Line::default();
    for (i, part) in parts.iter().enumerate() {
        match (i, part.more) {
            (0, _) => {}
            (_, true) => out.push_span(look::span(", ", look::DIM)),
            (_, false) => out.push_span(look::span(" \u{b7} ", look::DIM)),
        }
        out.push_span(look::span(&clip(&part.text, columns), part.style));
    }
    out
}

fn parts(app: &App) -> Vec<Part> {
    let part = |text: String, style, drop| Part {
        text,
        style,
        drop,
        more: false,
    };
    let (state, style) = state(app);
    let mut out = vec![part(state, style, 0)];
    if let Some(mode) = app.composer.vi() {
        out.push(part(mode.into(), look::DIM, 5));
    }
    if let Some(route_) = &app.route {
        out.push(part(route(route_, false), look::DIM, 3));
        out.push(part(route_.why(), look::DIM, 10));
    } else if let Some(model) = &app.model {
        out.push(part(model.0.clone(), look::DIM, 3));
    }
    let chosen = [
        app.lane.map(|l| format!("lane {l}")),
        app.latency.map(|l| l.name().to_owned()),
    ];
    let chosen: Vec<String> = chosen.into_iter().flatten().collect();
    out.push(part(chosen.join(", "), look::PLAIN, 4));
    let felt_ = app.live.as_ref().map(|l| l.felt).or(app.felt);
    if let Some(text) = felt_.and_then(|f| felt(&f)) {
        out.push(part(text, look::DIM, 7));
    }
    if let Some(p50) = app.felts.p50() {
        out.push(part(format!("usually {}", look::duration(p50)), look::DIM, 8));
    }
    let (added, removed) = app.book.size();
    if added + removed > 0 {
        let most = app
            .limits
            .map_or_else(String::new, |l| format!(" of {}", l.max_lines));
        out.push(part(format!("+{added} -{removed}{most}"), look::PLAIN, 1));
    }
    if let Some((state, word)) = app.state.as_ref().zip(app.standing()) {
        let edits = app.repo.as_ref().map_or(0, |r| r.undoable);
        out.push(part(word.to_owned(), state_style(state), 2));
        if edits > 0 {
            out.push(Part {
                more: true,
                ..part(look::count(edits, "edit"), look::DIM, 6)
            });
        }
    }
    let counts = app.job_counts();
    let ready = counts.iter().any(|(n, what)| *n > 0 && *what == "ready");
    let jobs: Vec<String> = counts
        .iter()
        .filter(|(n, _)| *n > 0)
        .map(|(n, what)| format!("{n} {what}"))
        .collect();
    if !jobs.is_empty() {
        let style = if ready { look::HEAD } else { look::DIM };
        out.push(part(format!("jobs: {}", jobs.join(", ")), style, 4));
    }
    if let Some(percent) = quota(app) {
        let style = if percent < 10 { look::WARN } else { look::DIM };
        out.push(part(format!("quota {percent} %"), style, 5));
    }
    out
}

/// What is left of the narrowest limit on what is asked next, percent; none where nothing is limited.
fn quota(app: &App) -> Option<u64> {
    let lane = app.lane.unwrap_or(Lane::Fast);
    let routed = app.route.as_ref().map(|r| &r.choice.model);
    let model = routed.or(app.model.as_ref());
    let ours = app.quota.left.iter().filter(|q| match &q.of {
        QuotaOf::Lane(of) => *of == lane,
        QuotaOf::Model(of) => Some(of) == model,
    });
    ours.map(|q| (q.left * 100).checked_div(q.limit).unwrap_or(0))
        .min()
}

fn state(app: &App) -> (String, Style) {
    match app.link {
        Link::Connecting => return ("connecting\u{2026}".into(), look::WARN),
        Link::Lost => return ("connecting again\u{2026}".into(), look::WARN),
        Link::Failed => return ("no daemon".into(), look::BAD),
        Link::Up => {}
    }
    let offered = app.book.offered().count();
    match app.live.as_ref().map(|l| l.stage) {
        Some(Stage::Sent) => ("sent\u{2026}".into(), look::WARN),
        Some(Stage::Reading) => ("reading\u{2026}".into(), look::WARN),
        Some(Stage::Writing) => ("writing\u{2026}".into(), look::WARN),
        Some(Stage::Budget(..)) => ("at the budget".into(), look::WARN),
        Some(Stage::Stopping) => ("stopping\u{2026}".into(), look::WARN),
        None if offered > 0 => (format!("{} on offer", look::count(offered, "hunk")), look::HEAD),
        // Not before the daemon has said so: what was kept is on disk only then.
        None if app.book.is_deciding() => ("deciding\u{2026}".into(), look::WARN),
        None if app.checks.is_some() => ("verifying\u{2026}".into(), look::WARN),
        None => ("ready".into(), look::ADDED),
    }
}

/// Lane and model, with the reasons if asked.
pub(crate) fn route(route: &Route, why: bool) -> String {
    let why = if why {
        format!(" ({})", route.why())
    } else {
        String::new()
    };
    format!("{} \u{b7} {}{why}", route.lane, route.choice.model)
}

/// `token 12 ms, hunk 30 ms, done 0.2 s`.
fn felt(felt: &Felt) -> Option<String> {
    let parts: Vec<String> = ["token", "hunk", "done"]
        .iter()
        .zip(felt.since_key())
        .filter_map(|(name, us)| Some(format!("{name} {}", look::duration(us?))))
        .collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}
