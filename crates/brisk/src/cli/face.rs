//! How a turn shows itself: live on a terminal, plain into a pipe, or as JSON. A face gathers bytes; the shell writes
//! them, all of one read in one go.

use crate::cli::book::{Book, Entry};
use crate::cli::json;
use crate::cli::outcome::Outcome;
use crate::cli::paint::{Painter, Size};
use crate::cli::sanitize::{Tabs, visible};
use crate::cli::screen::Screen;
use crate::cli::style::Tone;
use crate::cli::turn::Question;
use crate::cli::words;
use brisk_domain::{Event, HunkState};
use brisk_protocol::Envelope;

/// Bytes for the two streams.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Output {
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
}

/// One of the three.
#[derive(Debug)]
pub(crate) enum Face {
    /// Painted while it comes.
    Live(Live),
    /// Finished hunks as a unified diff on standard output, everything else on standard error.
    Plain(Plain),
    /// One object a line.
    Json(Json),
}

impl Face {
    /// Shows an event; `book` has taken it in already. `t_us`: microseconds since the command began.
    pub(crate) fn event(&mut self, envelope: &Envelope, book: &Book, t_us: u64) {
        match self {
            Face::Live(live) => {
                let paints = live.painter.on(&envelope.event, book);
                live.paints.extend(paints);
            }
            Face::Plain(plain) => plain.event(&envelope.event, book),
            Face::Json(json) => json.text.out.push_str(&json::event(envelope, t_us)),
        }
    }

    /// Shows what the person may do now.
    pub(crate) fn ask(&mut self, question: Option<&Question>) {
        match self {
            Face::Live(live) => live.question = question.cloned(),
            Face::Plain(plain) => plain.ask(question),
            Face::Json(_) => {}
        }
    }

    /// Shows how it ended.
    pub(crate) fn end(&mut self, outcome: &Outcome, t_us: u64) {
        match self {
            Face::Live(live) => {
                live.question = None;
                for (tone, line) in closing(outcome) {
                    let paints = live.painter.note(tone, &line);
                    live.paints.extend(paints);
                }
            }
            Face::Plain(plain) => {
                plain.close_line();
                for (tone, line) in closing(outcome) {
                    plain.aside(tone, &line);
                }
            }
            Face::Json(json) => json.text.out.push_str(&json::outcome(outcome, t_us)),
        }
    }

    /// The terminal has another size.
    pub(crate) fn resize(&mut self, size: Size) {
        if let Face::Live(live) = self {
            live.painter.resize(size);
        }
    }

    /// The terminal was somebody else's for a while (Ctrl-Z): what was painted is not touched again.
    pub(crate) fn resumed(&mut self, size: Size) {
        if let Face::Live(live) = self {
            live.painter.resize(size);
            live.screen = Screen::new(live.colour);
        }
    }

    /// Hands out what there is to write.
    pub(crate) fn take(&mut self) -> Output {
        match self {
            Face::Live(live) => live.take(),
            Face::Plain(plain) => std::mem::take(&mut plain.text),
            Face::Json(json) => std::mem::take(&mut json.text),
        }
    }
}

/// The last lines of a turn.
fn closing(outcome: &Outcome) -> Vec<(Tone, String)> {
    let mut lines = Vec::new();
    if outcome.kept > 0 {
        lines.push((Tone::Good, words::summary(outcome)));
    }
    if let Some(message) = &outcome.message {
        lines.push((Tone::Bad, format!("brisk: {message}")));
    }
    if let Some(hint) = &outcome.hint {
        lines.push((Tone::Dim, format!("hint: {hint}")));
    }
    lines
}

/// See [`Face::Live`].
#[derive(Debug)]
pub(crate) struct Live {
    painter: Painter,
    screen: Screen,
    colour: bool,
    paints: Vec<crate::cli::paint::Paint>,
    question: Option<Question>,
}

impl Live {
    /// An empty picture.
    pub(crate) fn new(size: Size, colour: bool) -> Live {
        Live {
            painter: Painter::new(size),
            screen: Screen::new(colour),
            colour,
            paints: Vec::new(),
            question: None,
        }
    }

    fn take(&mut self) -> Output {
        let footer = self
            .question
            .as_ref()
            .map(|q| self.painter.rows(Tone::Dim, &words::question(q)))
            .unwrap_or_default();
        self.painter.set_footer(footer.len());
        let mut out = String::new();
        self.screen.draw(&self.paints, &footer, &mut out);
        self.paints.clear();
        Output {
            out,
            err: String::new(),
        }
    }
}

/// See [`Face::Plain`].
#[derive(Debug)]
pub(crate) struct Plain {
    colour: bool,
    text: Output,
    path: Option<String>,
    asked: Option<Question>,
    /// The last piece of prose did not end its line.
    open_line: bool,
}

impl Plain {
    /// A face that paints nothing over.
    pub(crate) fn new(colour: bool) -> Plain {
        Plain {
            colour,
            text: Output::default(),
            path: None,
            asked: None,
            open_line: false,
        }
    }

    fn event(&mut self, event: &Event, book: &Book) {
        match event {
            Event::PlaceFound {
                path,
                start,
                end,
                why,
                ..
            } => self.aside(Tone::Plain, &words::place(path, *start, *end, why)),
            Event::Routed { route, .. } => self.aside(Tone::Dim, &words::route(route)),
            Event::HunkReady { hunk, .. } => {
                if let Some(entry) = book.find(*hunk) {
                    self.piece(entry, book);
                }
            }
            Event::HunkChanged { hunk, state } => {
                let (HunkState::Withdrawn { why } | HunkState::Conflicted { why }) = state else {
                    return;
                };
                if let Some(e) = book.find(*hunk) {
                    self.line(
                        Tone::Warn,
                        &format!("# {}:{} does not count: {why}", e.path, e.at + 1),
                    );
                }
            }
            Event::Prose { text, .. } => self.prose(text),
            Event::Notice { text, .. } => self.aside(Tone::Warn, text),
            Event::BudgetReached { lines, max_lines, .. } => {
                self.aside(Tone::Warn, &words::budget(*lines, *max_lines))
            }
            Event::Queued { text } => self.aside(Tone::Dim, &format!("queued: {text}")),
            Event::Unqueued { text, why } => self.aside(Tone::Dim, &format!("not run, {why}: {text}")),
            Event::TurnStarted { .. }
            | Event::FirstToken { .. }
            | Event::HunkOpened { .. }
            | Event::HunkLine { .. }
            | Event::HunkDropped { .. }
            | Event::TurnEnded { .. } => {}
        }
    }

    /// Only what waits for a key is told: a dumb terminal cannot wipe a footer.
    fn ask(&mut self, question: Option<&Question>) {
        if self.asked.as_ref() == question {
            return;
        }
        self.asked = question.cloned();
        match question {
            Some(q @ (Question::Budget(_) | Question::Review(_) | Question::Step(_))) => {
                self.aside(Tone::Dim, &words::question(q));
            }
            Some(Question::Streaming(_) | Question::Stopping | Question::Writing) | None => {}
        }
    }

    /// A hunk as one piece of a unified diff without context.
    fn piece(&mut self, entry: &Entry, book: &Book) {
        if self.path.as_deref() != Some(&entry.path) {
            self.path = Some(entry.path.clone());
            self.line(Tone::Head, &format!("--- a/{}", entry.path));
            self.line(Tone::Head, &format!("+++ b/{}", entry.path));
        }
        let (gone, come) = (entry.removed.len(), entry.added.len());
        let shift: isize = book
            .entries()
            .iter()
            .filter(|e| e.path == entry.path && e.at < entry.at && (e.is_ready() || e.is_kept()))
            .map(|e| e.added.len() as isize - e.removed.len() as isize)
            .sum();
        // In a unified diff an empty side names the line before it.
        let old = entry.at + usize::from(gone > 0);
        let new = entry.at.saturating_add_signed(shift) + usize::from(come > 0);
        self.line(Tone::Head, &format!("@@ -{old},{gone} +{new},{come} @@"));
        for text in &entry.removed {
            self.line(Tone::Removed, &format!("-{text}"));
        }
        for text in &entry.added {
            self.line(Tone::Added, &format!("+{text}"));
        }
    }

    fn close_line(&mut self) {
        if std::mem::take(&mut self.open_line) {
            self.text.out.push('\n');
        }
    }

    fn line(&mut self, tone: Tone, text: &str) {
        self.close_line();
        tone.write(&visible(text, Tabs::Stay), self.colour, &mut self.text.out);
        self.text.out.push('\n');
    }

    fn aside(&mut self, tone: Tone, text: &str) {
        self.close_line();
        for line in text.lines() {
            tone.write(&visible(line, Tabs::Stay), self.colour, &mut self.text.err);
            self.text.err.push('\n');
        }
    }

    fn prose(&mut self, piece: &str) {
        for (i, part) in piece.split('\n').enumerate() {
            if i > 0 {
                self.text.out.push('\n');
            }
            self.text.out.push_str(&visible(part, Tabs::Stay));
        }
        if let Some(last) = piece.chars().last() {
            self.open_line = last != '\n';
        }
    }
}

/// See [`Face::Json`].
#[derive(Debug, Default)]
pub(crate) struct Json {
    text: Output,
}

impl Json {
    /// Begins with `started`.
    pub(crate) fn new(started: String) -> Json {
        Json {
            text: Output {
                out: started,
                err: String::new(),
            },
        }
    }
}
