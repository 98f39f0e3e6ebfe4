//! The terminal in raw mode: every key is a byte, Ctrl-C and Ctrl-Z too. Given back on every way out, a panic included.

use rustix::termios::{OptionalActions, Termios, tcgetattr, tcsetattr};
use std::io::{self, Write};
use std::sync::{Mutex, PoisonError};

/// Bracketed paste on.
const ENTER: &str = "\x1b[?2004h";
/// Bracketed paste off, cursor shown, no begun update.
const LEAVE: &str = "\x1b[?2026l\x1b[?25h\x1b[?2004l";

/// How the terminal was found, for the panic hook; none while it is as it was.
static FOUND: Mutex<Option<Termios>> = Mutex::new(None);

/// Dropping it gives the terminal back.
#[derive(Debug)]
pub(super) struct Raw(());

impl Raw {
    /// Takes the terminal on standard input.
    pub(super) fn take() -> io::Result<Raw> {
        let found = tcgetattr(io::stdin())?;
        let mut ours = found.clone();
        ours.make_raw();
        tcsetattr(io::stdin(), OptionalActions::Now, &ours)?;
        let before = FOUND
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .replace(found);
        if before.is_none() {
            guard();
        }
        say(ENTER);
        Ok(Raw(()))
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        restore();
    }
}

fn restore() {
    let found = FOUND.lock().unwrap_or_else(PoisonError::into_inner).take();
    if let Some(found) = found {
        say(LEAVE);
        let _ = tcsetattr(io::stdin(), OptionalActions::Now, &found);
    }
}

/// A panic's message is for a terminal that breaks lines as usual.
fn guard() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            restore();
            before(info);
        }));
    });
}

fn say(text: &str) {
    let mut out = io::stdout().lock();
    let _ = out.write_all(text.as_bytes());
    let _ = out.flush();
}
