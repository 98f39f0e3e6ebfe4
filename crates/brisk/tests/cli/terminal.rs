//! `brisk` on a pseudo terminal, and what a person would see of it.

use crate::fake::Home;
use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, waitid};
use std::io::{Read, Write};
use std::num::NonZero;
use std::path::Path;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

pub(crate) struct Terminal {
    master: Box<dyn MasterPty + Send>,
    child: Box<dyn Child + Send + Sync>,
    keys: Box<dyn Write + Send>,
    bytes: Receiver<Vec<u8>>,
    screen: vt100::Parser,
    found: String,
}

impl Terminal {
    pub(crate) fn spawn(home: &Home, columns: u16, rows: u16, args: &[&str]) -> Terminal {
        Terminal::spawn_with(home, columns, rows, args, &[])
    }

    pub(crate) fn spawn_with(
        home: &Home,
        columns: u16,
        rows: u16,
        args: &[&str],
        env: &[(&str, &str)],
    ) -> Terminal {
        Terminal::open(&home.path(), &home.path(), columns, rows, args, env)
    }

    pub(crate) fn open(
        home: &Path,
        cwd: &Path,
        columns: u16,
        rows: u16,
        args: &[&str],
        env: &[(&str, &str)],
    ) -> Terminal {
        let size = PtySize {
            rows,
            cols: columns,
            pixel_width: 0,
            pixel_height: 0,
        };
        let pair = native_pty_system().openpty(size).unwrap();
        let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_brisk"));
        command.args(args);
        command.cwd(cwd);
        command.env_clear();
        command.env("BRISK_HOME", home);
        command.env("TERM", "xterm-256color");
        for (name, value) in env {
            command.env(name, value);
        }
        let found = modes(&*pair.master);
        let child = pair.slave.spawn_command(command).unwrap();
        drop(pair.slave);
        let mut reader = pair.master.try_clone_reader().unwrap();
        let (send, bytes) = channel();
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(n @ 1..) = reader.read(&mut buffer) {
                if send.send(buffer[..n].to_vec()).is_err() {
                    break;
                }
            }
        });
        Terminal {
            keys: pair.master.take_writer().unwrap(),
            master: pair.master,
            child,
            bytes,
            screen: vt100::Parser::new(nonzero(rows), nonzero(columns), 1000),
            found,
        }
    }

    pub(crate) fn press(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).unwrap();
        self.keys.flush().unwrap();
    }

    pub(crate) fn resize(&mut self, columns: u16, rows: u16) {
        let size = PtySize {
            rows,
            cols: columns,
            pixel_width: 0,
            pixel_height: 0,
        };
        self.master.resize(size).unwrap();
        self.screen.screen_mut().set_size(nonzero(rows), nonzero(columns));
    }

    /// Waits until the screen is as wanted.
    #[track_caller]
    pub(crate) fn until(&mut self, what: &str, wanted: impl Fn(&str) -> bool) -> String {
        loop {
            let text = self.screen.screen().contents();
            if wanted(&text) {
                return text;
            }
            match self.bytes.recv_timeout(Duration::from_secs(20)) {
                Ok(bytes) => self.screen.process(&bytes),
                Err(e) => panic!("{what} did not come ({e}); the screen:\n{text}"),
            }
        }
    }

    #[track_caller]
    pub(crate) fn shows(&mut self, wanted: &str) -> String {
        self.until(wanted, |text| text.contains(wanted))
    }

    /// Waits for the end; the screen as it was left, and the exit code. The terminal must be as it was found.
    #[track_caller]
    pub(crate) fn ends(mut self) -> (String, u32) {
        let code = self.child.wait().unwrap().exit_code();
        // The terminal's side of the pair closes with the process, and the reader with that.
        while let Ok(bytes) = self.bytes.recv_timeout(Duration::from_secs(20)) {
            self.screen.process(&bytes);
        }
        assert_eq!(modes(&*self.master), self.found, "the terminal's modes");
        (self.screen.screen().contents(), code)
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(self.pid(), signal).unwrap();
    }

    /// Waits until the process sleeps (Ctrl-Z); the terminal must be as it was found.
    pub(crate) fn sleeps(&self) {
        let options = WaitIdOptions::STOPPED | WaitIdOptions::NOWAIT;
        waitid(WaitId::Pid(self.pid()), options).unwrap();
        assert_eq!(modes(&*self.master), self.found, "the terminal's modes");
    }

    fn pid(&self) -> Pid {
        let pid = self.child.process_id().unwrap();
        Pid::from_raw(pid.try_into().unwrap()).unwrap()
    }
}

fn nonzero(n: u16) -> NonZero<u16> {
    NonZero::new(n).unwrap()
}

fn modes(master: &dyn MasterPty) -> String {
    let t = master.get_termios().unwrap();
    format!("{:?} {:?} {:?}", t.local_flags, t.input_flags, t.output_flags)
}
