//! Tones of text and what a terminal makes of them. Pure.

use clap::ValueEnum;

/// What a piece of text is, not how it looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tone {
    /// Ordinary text.
    Plain,
    /// Beside the matter: route, hints.
    Dim,
    /// Where a hunk is.
    Head,
    /// A line that comes.
    Added,
    /// A line that goes.
    Removed,
    /// Good news.
    Good,
    /// Something to look at.
    Warn,
    /// Something that failed.
    Bad,
}

impl Tone {
    fn sgr(self) -> &'static str {
        match self {
            Tone::Plain => "",
            Tone::Dim => "\x1b[2m",
            Tone::Head => "\x1b[36m",
            Tone::Added | Tone::Good => "\x1b[32m",
            Tone::Removed | Tone::Bad => "\x1b[31m",
            Tone::Warn => "\x1b[33m",
        }
    }

    /// Appends `text`, which must be visible text already, in this tone.
    pub(crate) fn write(self, text: &str, colour: bool, out: &mut String) {
        let sgr = if colour { self.sgr() } else { "" };
        out.push_str(sgr);
        out.push_str(text);
        if !sgr.is_empty() {
            out.push_str("\x1b[0m");
        }
    }
}

/// `--color`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum ColourChoice {
    /// On a terminal that is not dumb, unless NO_COLOR is set.
    #[default]
    Auto,
    /// Even into a pipe.
    Always,
    /// Not at all.
    Never,
}

impl ColourChoice {
    /// Whether to colour a stream. `no_color` and `dumb`: the environment's NO_COLOR and TERM=dumb.
    pub(crate) fn decide(self, terminal: bool, no_color: bool, dumb: bool) -> bool {
        match self {
            ColourChoice::Always => true,
            ColourChoice::Never => false,
            ColourChoice::Auto => terminal && !no_color && !dumb,
        }
    }
}

/// Microseconds as a person says them: `38 ms`, `1.9 s`, `2 min 5 s`.
pub(crate) fn duration(us: u64) -> String {
    match us {
        0..1_000 => "under 1 ms".into(),
        1_000..1_000_000 => format!("{} ms", us / 1_000),
        1_000_000..60_000_000 => format!("{:.1} s", us as f64 / 1e6),
        _ => format!("{} min {} s", us / 60_000_000, us / 1_000_000 % 60),
    }
}

/// Bytes as a person says them, in powers of 1024.
pub(crate) fn bytes(n: u64) -> String {
    let units = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut value = n as f64;
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < units.len() {
        value /= 1024.0;
        unit += 1;
    }
    if unit == 0 {
        format!("{n} B")
    } else {
        format!("{value:.1} {}", units[unit])
    }
}

/// `1 hunk`, `2 hunks`.
pub(crate) fn count(n: usize, noun: &str) -> String {
    format!("{n} {noun}{}", if n == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_read_like_words() {
        let cases = [
            (10, "under 1 ms"),
            (38_200, "38 ms"),
            (1_940_000, "1.9 s"),
            (125_000_000, "2 min 5 s"),
        ];
        for (us, want) in cases {
            assert_eq!(duration(us), want);
        }
        assert_eq!(bytes(1023), "1023 B");
        assert_eq!(bytes(1_117_320_768), "1.0 GiB");
        assert_eq!(count(1, "hunk"), "1 hunk");
        assert_eq!(count(0, "hunk"), "0 hunks");
    }

    #[test]
    fn colour_follows_choice_then_terminal() {
        use ColourChoice::{Always, Auto, Never};
        let cases = [
            (Auto, true, false, false, true),
            (Auto, true, true, false, false),
            (Auto, true, false, true, false),
            (Auto, false, false, false, false),
            (Always, false, true, true, true),
            (Never, true, false, false, false),
        ];
        for (choice, terminal, no_color, dumb, want) in cases {
            assert_eq!(choice.decide(terminal, no_color, dumb), want, "{choice:?}");
        }
    }
}
