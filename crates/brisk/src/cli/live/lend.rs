//! The terminal goes to somebody else for a while, the shell or an editor, and comes back.

use super::raw::Raw;
use super::{Shell, write};
use crate::cli::term::Told;
use brisk_tui::{Input, Purpose};
use std::ffi::OsString;

impl Shell<'_> {
    /// Plain mode and back.
    pub(super) fn switch(&mut self, plain: bool) {
        if plain {
            self.fit();
            let _ = write(&self.painter.clear());
            self.raw = None;
        } else {
            self.painter.forget();
            self.raw = Raw::take().ok();
        }
    }

    pub(super) fn suspend(&mut self) {
        let Some(raw) = self.raw.take() else { return };
        self.fit();
        let _ = write(&self.painter.clear());
        drop(raw);
        let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::STOP);
        self.raw = Raw::take().ok();
        self.painter.forget();
        self.dirty = true;
    }

    /// Hands the terminal to the person's editor.
    pub(super) fn edit(&mut self, purpose: Purpose, text: &str, suffix: &str) {
        let held = self.raw.take().is_some();
        self.fit();
        let _ = write(&self.painter.clear());
        let outcome = self.keep.edited(text, suffix, |file| {
            let mut argv = editor();
            argv.push(file.into());
            brisk_sandbox::foreground(&argv)
        });
        if held {
            self.raw = Raw::take().ok();
        }
        self.painter.forget();
        self.input(Input::Edited(purpose, outcome));
        // Keys that went to the editor as signals were not meant for us; all else was.
        let told = self.signals.told();
        self.heed(Told {
            interrupt: false,
            suspend: false,
            ..told
        });
    }
}

/// `VISUAL`, else `EDITOR`, else vi; with its own arguments.
fn editor() -> Vec<OsString> {
    let set = |name| std::env::var(name).ok().filter(|v: &String| !v.trim().is_empty());
    let line = set("VISUAL")
        .or_else(|| set("EDITOR"))
        .unwrap_or_else(|| "vi".into());
    line.split_whitespace().map(OsString::from).collect()
}
