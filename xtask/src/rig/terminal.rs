//! A pseudo terminal: what a program writes, stamped when it could be read, and the screen that it makes.

use super::fake::LIMIT;
use super::lines::now_us;
use anyhow::{Context, bail};
use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};
use std::io::{Read, Write};
use std::num::NonZero;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

/// A window's size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Window {
    pub(crate) columns: u16,
    pub(crate) rows: u16,
}

/// A program on a terminal of its own. It is killed when this is dropped, unless it has ended.
pub(crate) struct Terminal {
    child: Box<dyn Child + Send + Sync>,
    keys: Box<dyn Write + Send>,
    pieces: Receiver<(u64, Vec<u8>)>,
    screen: vt100::Parser,
    updates: Updates,
    /// Kept: the terminal lives as long as its side here.
    _master: Box<dyn MasterPty + Send>,
    /// Before the program was started, microseconds.
    pub(crate) started_us: u64,
    /// When the newest piece could be read, microseconds.
    pub(crate) seen_us: u64,
    /// Bytes so far.
    pub(crate) bytes: usize,
}

impl Terminal {
    /// Starts a program on a terminal.
    pub(crate) fn open(command: CommandBuilder, window: Window) -> anyhow::Result<Terminal> {
        let size = PtySize {
            rows: window.rows,
            cols: window.columns,
            pixel_width: 0,
            pixel_height: 0,
        };
        let pair = native_pty_system().openpty(size)?;
        let mut reader = pair.master.try_clone_reader()?;
        let keys = pair.master.take_writer()?;
        let (tell, pieces) = channel();
        // A thread that only reads, so that working on the screen delays no stamp.
        thread::spawn(move || {
            let mut piece = [0; 64 * 1024];
            while let Ok(n @ 1..) = reader.read(&mut piece) {
                let t_us = now_us();
                let bytes = piece.get(..n).unwrap_or_default().to_vec();
                if tell.send((t_us, bytes)).is_err() {
                    break;
                }
            }
        });
        let number = |n| NonZero::new(n).context("a window has rows and columns");
        let screen = vt100::Parser::new(number(window.rows)?, number(window.columns)?, 0);
        let started_us = now_us();
        let child = pair
            .slave
            .spawn_command(command)
            .map_err(|e| anyhow::anyhow!("the program did not start: {e}"))?;
        // Else the end of the program would not end the reading.
        drop(pair.slave);
        Ok(Terminal {
            child,
            keys,
            pieces,
            screen,
            updates: Updates::default(),
            _master: pair.master,
            started_us,
            seen_us: started_us,
            bytes: 0,
        })
    }

    pub(crate) fn pid(&self) -> anyhow::Result<u32> {
        self.child.process_id().context("the program has a process")
    }

    /// Presses keys; gives the moment before.
    pub(crate) fn press(&mut self, keys: &str) -> anyhow::Result<u64> {
        let t_us = now_us();
        self.keys.write_all(keys.as_bytes())?;
        self.keys.flush()?;
        Ok(t_us)
    }

    /// Takes one piece of output, if one comes within that time: whether what is on the screen is whole, that is, no
    /// synchronized update is half through.
    pub(crate) fn read(&mut self, within: Duration) -> anyhow::Result<Option<bool>> {
        match self.pieces.recv_timeout(within) {
            Ok((t_us, bytes)) => {
                self.seen_us = t_us;
                self.bytes += bytes.len();
                self.screen.process(&bytes);
                self.updates.feed(&bytes);
                Ok(Some(!self.updates.begun))
            }
            Err(RecvTimeoutError::Timeout) => Ok(None),
            Err(RecvTimeoutError::Disconnected) => {
                bail!("the program has ended; the screen:\n{}", self.text())
            }
        }
    }

    /// Reads what comes until that moment.
    pub(crate) fn read_until(&mut self, t_us: u64) -> anyhow::Result<()> {
        loop {
            let left = t_us.saturating_sub(now_us());
            if left == 0 {
                return Ok(());
            }
            self.read(Duration::from_micros(left))?;
        }
    }

    /// Reads until the screen is as wanted: when the piece that made it so could be read.
    pub(crate) fn until(&mut self, what: &str, wanted: impl Fn(&str) -> bool) -> anyhow::Result<u64> {
        let limit = now_us() + LIMIT.as_micros() as u64;
        let mut whole = !self.updates.begun;
        while !(whole && wanted(&self.text())) {
            let left = Duration::from_micros(limit.saturating_sub(now_us()));
            match self.read(left)? {
                Some(now) => whole = now,
                None => bail!("{what} did not come; the screen:\n{}", self.text()),
            }
        }
        Ok(self.seen_us)
    }

    /// Reads until a text is on the screen.
    pub(crate) fn shows(&mut self, text: &str) -> anyhow::Result<u64> {
        self.until(&format!("{text:?}"), |screen| screen.contains(text))
    }

    /// Reads until nothing has come for so long; when the last piece came.
    pub(crate) fn quiet(&mut self, silence: Duration) -> anyhow::Result<u64> {
        while self.read(silence)?.is_some() {}
        Ok(self.seen_us)
    }

    /// Reads until nothing has come for so long, or the program has ended.
    pub(crate) fn still(&mut self, silence: Duration) -> anyhow::Result<()> {
        let mut ended = false;
        while !ended {
            match self.pieces.recv_timeout(silence) {
                Ok((_, bytes)) => self.screen.process(&bytes),
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => ended = true,
            }
        }
        Ok(())
    }

    /// The program leaves by itself: reads on to its end, and gives its exit code.
    pub(crate) fn ended(&mut self) -> anyhow::Result<u32> {
        loop {
            match self.pieces.recv_timeout(LIMIT) {
                Ok((t_us, bytes)) => {
                    self.seen_us = t_us;
                    self.screen.process(&bytes);
                }
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => bail!("the program goes on; the screen:\n{}", self.text()),
            }
        }
        Ok(self.child.wait()?.exit_code())
    }

    pub(crate) fn text(&self) -> String {
        self.screen.screen().contents()
    }

    pub(crate) fn screen(&self) -> &vt100::Screen {
        self.screen.screen()
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            drop(self.child.kill());
            drop(self.child.wait());
        }
    }
}

/// Whether a synchronized update (`ESC [ ? 2026 h` to `l`) is half through. A terminal shows one at its end.
#[derive(Debug, Default)]
struct Updates {
    begun: bool,
    /// How much of the sequence has come.
    matched: usize,
}

impl Updates {
    const HEAD: &[u8] = b"\x1b[?2026";

    fn feed(&mut self, bytes: &[u8]) {
        for byte in bytes {
            if self.matched == Updates::HEAD.len() {
                match byte {
                    b'h' => self.begun = true,
                    b'l' => self.begun = false,
                    _ => {}
                }
                self.matched = 0;
            }
            self.matched = match Updates::HEAD.get(self.matched) {
                Some(wanted) if wanted == byte => self.matched + 1,
                _ => usize::from(*byte == 0x1b),
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_update_is_whole_at_its_end_however_it_is_cut() {
        let cases: &[(&[&[u8]], bool)] = &[
            (&[b""], false),
            (&[b"\x1b[?2026h"], true),
            (&[b"\x1b[?2026hx\x1b[?25l"], true),
            (&[b"\x1b[?2026hx\x1b[?2026l"], false),
            (&[b"\x1b[?20", b"26", b"h"], true),
            (&[b"\x1b[?2026h\x1b[?2026", b"l"], false),
            (&[b"\x1b\x1b[?2026h"], true),
            (&[b"\x1b[?2026\x1b[?2026h"], true),
            (&[b"\x1b[?2004h"], false),
        ];
        for (pieces, want) in cases {
            let mut updates = Updates::default();
            pieces.iter().for_each(|piece| updates.feed(piece));
            assert_eq!(updates.begun, *want, "{pieces:?}");
        }
    }

    #[test]
    fn a_program_is_read_and_answered() {
        let mut command = CommandBuilder::new("sh");
        command.args(["-c", "stty raw -echo; echo up; head -c 3; exit 7"]);
        let mut terminal = Terminal::open(command, Window { columns: 20, rows: 4 }).unwrap();
        let up = terminal.shows("up").unwrap();
        let key = terminal.press("abc").unwrap();
        let echo = terminal.shows("abc").unwrap();
        assert!(terminal.started_us <= up && up <= key && key <= echo);
        assert_eq!(terminal.ended().unwrap(), 7);
    }
}
