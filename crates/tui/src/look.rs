//! How things look: styles by meaning, in the terminal's own sixteen colours. Pure.

use brisk_patch::visible::{Tabs, visible};
use ratatui_core::style::{Color, Modifier, Style};
use ratatui_core::text::{Line, Span};

/// Ordinary text.
pub(crate) const PLAIN: Style = Style::new();
/// Beside the matter.
pub(crate) const DIM: Style = Style::new().add_modifier(Modifier::DIM);
/// The person's own words.
pub(crate) const OWN: Style = Style::new().add_modifier(Modifier::BOLD);
/// Where something is.
pub(crate) const HEAD: Style = Style::new().fg(Color::Cyan);
/// Comes.
pub(crate) const ADDED: Style = Style::new().fg(Color::Green);
/// Goes.
pub(crate) const REMOVED: Style = Style::new().fg(Color::Red);
/// Look here.
pub(crate) const WARN: Style = Style::new().fg(Color::Yellow);
/// Failed.
pub(crate) const BAD: Style = Style::new().fg(Color::Red).add_modifier(Modifier::BOLD);
/// Chosen in a list.
pub(crate) const CHOSEN: Style = Style::new().add_modifier(Modifier::REVERSED);
/// Words that differ between two lines.
pub(crate) const EMPHASIS: Modifier = Modifier::BOLD.union(Modifier::UNDERLINED);

/// Text of models, files and people as a span that no terminal obeys.
pub(crate) fn span(text: &str, style: Style) -> Span<'static> {
    Span::styled(visible(text, Tabs::Expand).into_owned(), style)
}

/// A line of one style.
pub(crate) fn line(text: &str, style: Style) -> Line<'static> {
    Line::from(span(text, style))
}

/// Microseconds as a person says them: `38 ms`, `1.9 s`, `2 min`.
pub(crate) fn duration(us: u64) -> String {
    match us {
        0..1_000 => "<1 ms".into(),
        1_000..1_000_000 => format!("{} ms", us / 1_000),
        1_000_000..60_000_000 => format!("{:.1} s", us as f64 / 1e6),
        _ => format!("{} min", us / 60_000_000),
    }
}

/// `1 hunk`, `2 hunks`.
pub(crate) fn count(n: usize, noun: &str) -> String {
    format!("{n} {noun}{}", if n == 1 { "" } else { "s" })
}
