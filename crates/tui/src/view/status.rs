//! The last row: what goes on, where it runs and why there, how fast it felt, how large it is, what state the tree is
//! in. Too little room drops the least important first; at twenty columns the first word is left.

use crate::app::{App, Link, Stage};
use crate::felt::Felt;
use crate::look;
use brisk_patch::visible::{clip, width};
use brisk_protocol::domain::Route;
use ratatui_core::style::Style;
use ratatui_core::text::Line;

/// A part and how soon it is dropped: the greatest goes first.
struct Part {
    text: String,
    style: Style,
    drop: u8,
}

pub(super) fn line(app: &App, columns: usize) -> Line<'static> {
    let mut parts = parts(app);
    parts.retain(|p| !p.text.is_empty());
    let gap = 3;
    loop {
        let wide: usize = parts
            .iter()
            .map(|p| width(&p.text) + gap)
            .sum::<usize>()
            .saturating_sub(gap);
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
        if i > 0 {
            out.push_span(look::span(" \u{b7} ", look::DIM));
        }
        out.push_span(look::span(&clip(&part.text, columns), part.style));
    }
    out
}

fn parts(app: &App) -> Vec<Part> {
    let part = |text: String, style, drop| Part { text, style, drop };
    let (state, style) = state(app);
    let mut out = vec![part(state, style, 0)];
    if let Some(mode) = app.composer.vi() {
        out.push(part(mode.into(), look::DIM, 3));
    }
    if let Some(route_) = &app.route {
        out.push(part(route(route_, false), look::DIM, 2));
        out.push(part(route_.why(), look::DIM, 7));
    } else if let Some(model) = &app.model {
        out.push(part(model.0.clone(), look::DIM, 2));
    }
    let felt_ = app.live.as_ref().map(|l| l.felt).or(app.felt);
    if let Some(text) = felt_.and_then(|f| felt(&f)) {
        out.push(part(text, look::DIM, 5));
    }
    if let Some(p50) = app.felts.p50() {
        out.push(part(format!("usually {}", look::duration(p50)), look::DIM, 6));
    }
    let (added, removed) = app.book.size();
    if added + removed > 0 {
        let most = app
            .limits
            .map_or_else(String::new, |l| format!(" of {}", l.max_lines));
        out.push(part(format!("+{added} -{removed}{most}"), look::PLAIN, 1));
    }
    if let Some(repo) = &app.repo {
        let edits = match repo.undoable {
            0 => String::new(),
            n => format!(", {}", look::count(n, "edit")),
        };
        out.push(part(format!("{}{edits}", repo.state), look::DIM, 4));
    }
    out
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
