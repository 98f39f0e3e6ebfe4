//! Bare `brisk`: the shell around the live client. One thread polls keys, signals, workers and the socket; the person
//! comes first, and what the model says is taken in bounded batches between two looks at the keys.

mod dial;
mod keep;
mod lend;
mod raw;
mod source;
mod workers;

use crate::cli::connect::timespec;
use crate::cli::context::Context;
use crate::cli::link::Link;
use crate::cli::term::{self, Signals};
use crate::config::{self, Client, Config, Keys};
use crate::exit::{CliError, Exit};
use brisk_patch::visible::{Tabs, visible};
use brisk_protocol::domain::{Event, SessionId};
use brisk_tui::colour::Job;
use brisk_tui::{
    Act, App, Decoder, Input, Key, Line, Notify, Painter, Setup, Size, Told, Typed, Wire, frame,
};
use dial::Want;
use keep::Keep;
use raw::Raw;
use rustix::event::{PollFd, PollFlags, poll};
use source::Source;
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;
use workers::{Report, Workers};

/// Between two frames that no key asked for, microseconds: sixty a second.
const FRAME_US: u64 = 16_667;
/// Messages that are taken before the keys are looked at again.
const BATCH: usize = 256;
/// Ids of the client's requests begin after those of the greeting.
const FIRST_ID: i64 = 1_000;

/// What the command line asks for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wish {
    /// `--continue`.
    pub(crate) again: bool,
    /// `--session`.
    pub(crate) session: Option<u64>,
    /// `--plain`.
    pub(crate) plain: bool,
}

/// Opens the live client and stays until the person leaves.
pub(crate) fn run(context: &Context, wish: Wish) -> Result<Exit, CliError> {
    let streams = context.streams;
    if context.json {
        return Err(CliError::new(Exit::Usage, "--json goes with a command")
            .hint("`brisk edit --json TEXT` streams one event a line"));
    }
    if !(wish.plain || streams.input && streams.output) {
        return Err(CliError::new(
            Exit::Usage,
            "brisk alone is the live client, which needs a terminal",
        )
        .hint("`brisk edit TEXT` and `brisk --plain` work without one; `brisk help` lists the commands"));
    }
    // A file that cannot be used is the daemon's to complain about; the keys are then the usual ones.
    let wanted = Config::load(&context.home.config_file()).map_or_else(|_| Client::default(), |c| c.client);
    let plain = wish.plain || streams.dumb;
    let cwd = crate::cli::cwd()?;
    let (wake, bell) = UnixStream::pair().map_err(|e| CliError::new(Exit::Killed, e.to_string()))?;
    let failed = |e: io::Error| CliError::new(Exit::Killed, format!("the terminal cannot be used: {e}"));
    wake.set_nonblocking(true).map_err(failed)?;
    let (send, inbox) = channel();
    let workers = Workers { send, bell };
    let want = match (wish.session, wish.again) {
        (Some(id), _) => Want::Session(SessionId(id)),
        (None, true) => Want::Latest,
        (None, false) => Want::New,
    };
    // The daemon is called while the first frame is painted.
    workers.dial(context, &cwd, want, 0);
    let keep = Keep::open(context.home.state_dir(), &cwd);
    let size = size();
    let app = App::new(Setup {
        plain,
        vi: wanted.keys == Keys::Vi,
        notify: match wanted.notify {
            config::Notify::Never => Notify::Never,
            config::Notify::Bell => Notify::Bell,
            config::Notify::Message => Notify::Message,
        },
        history: keep.history(),
        draft: keep.draft(),
        rows: usize::from(size.rows),
        columns: usize::from(size.columns),
    });
    let raw = if plain {
        None
    } else {
        Some(Raw::take().map_err(failed)?)
    };
    let signals = Signals::take(!plain).map_err(failed)?;
    let jobs = workers.colours();
    let mut shell = Shell {
        context,
        cwd,
        want,
        dials: 0,
        source: match streams.input {
            true => Source::Terminal,
            false => Source::Pipe,
        },
        app,
        painter: Painter::new(context.colour()),
        size,
        decoder: Decoder::default(),
        raw,
        signals,
        wake,
        inbox,
        workers,
        jobs,
        wire: None,
        more: false,
        keep,
        above: Vec::new(),
        text: Vec::new(),
        dirty: true,
        painted_us: 0,
        over: None,
    };
    shell.run()
}

struct Shell<'a> {
    context: &'a Context,
    cwd: PathBuf,
    want: Want,
    /// Number of the newest call to the daemon. An older one that ends late is of no use.
    dials: u64,
    source: Source,
    app: App,
    painter: Painter,
    /// The window, as it was last painted for.
    size: Size,
    decoder: Decoder,
    /// The terminal in raw mode; none in plain mode.
    raw: Option<Raw>,
    signals: Signals,
    wake: UnixStream,
    inbox: Receiver<Report>,
    workers: Workers,
    jobs: Sender<(PathBuf, Job)>,
    wire: Option<(Link, Wire)>,
    /// Messages were read and not taken yet.
    more: bool,
    keep: Keep,
    /// Lines for the scrollback.
    above: Vec<Line<'static>>,
    /// Plain mode: a begun line.
    text: Vec<u8>,
    dirty: bool,
    painted_us: u64,
    over: Option<Exit>,
}

/// What has something to say.
struct Woken {
    keys: bool,
    signals: bool,
    workers: bool,
    socket: bool,
}

impl Shell<'_> {
    fn run(&mut self) -> Result<Exit, CliError> {
        loop {
            if self.paint(false).is_err() {
                self.input(Input::Hangup);
                self.over = Some(Exit::Killed);
            }
            if let Some(exit) = self.over {
                self.leave();
                return Ok(exit);
            }
            let woken = self.wait()?;
            if woken.signals {
                self.told();
            }
            if woken.keys {
                self.keys();
                // What the person does is seen before anything that the model says.
                if self.paint(true).is_err() {
                    self.input(Input::Hangup);
                    self.over = Some(Exit::Killed);
                }
            }
            if self.app.due().is_some_and(|at| at <= self.context.now_us()) {
                self.input(Input::Tick);
            }
            if woken.workers {
                self.reports();
            }
            if woken.socket || self.more {
                self.messages(woken.socket);
            }
            self.rest();
        }
    }

    fn wait(&self) -> Result<Woken, CliError> {
        let now = self.context.now_us();
        let mut until = self.app.due();
        if self.dirty {
            let frame = self.painted_us + FRAME_US;
            until = Some(until.map_or(frame, |u| u.min(frame)));
        }
        if self.more {
            until = Some(now);
        }
        let timeout = until.map(|at| timespec(Duration::from_micros(at.saturating_sub(now))));
        let stdin = io::stdin();
        let mut fds = vec![
            PollFd::from_borrowed_fd(self.signals.as_fd(), PollFlags::IN),
            PollFd::from_borrowed_fd(self.wake.as_fd(), PollFlags::IN),
        ];
        let mut keys = None;
        if self.listens() {
            keys = Some(fds.len());
            fds.push(PollFd::new(&stdin, PollFlags::IN));
        }
        let mut socket = None;
        if let Some((link, _)) = &self.wire {
            socket = Some(fds.len());
            fds.push(PollFd::from_borrowed_fd(link.as_fd(), PollFlags::IN));
        }
        match poll(&mut fds, timeout.as_ref()) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(e) => return Err(CliError::new(Exit::Killed, format!("poll: {e}"))),
        }
        let ready = |i: usize| fds.get(i).is_some_and(|fd| !fd.revents().is_empty());
        Ok(Woken {
            keys: keys.is_some_and(ready),
            signals: ready(0),
            workers: ready(1),
            socket: socket.is_some_and(ready),
        })
    }

    fn told(&mut self) {
        let told = self.signals.told();
        self.heed(told);
    }

    fn heed(&mut self, told: term::Told) {
        if told.end {
            self.input(Input::Hangup);
            self.over = Some(Exit::Killed);
        }
        if told.interrupt {
            self.input(Input::Typed(Typed::Key(Key::Ctrl('c'))));
        }
        if told.suspend {
            self.suspend();
        }
        self.dirty |= told.resized;
    }

    fn reports(&mut self) {
        let mut bell = [0; 64];
        while matches!(self.wake.read(&mut bell), Ok(n) if n > 0) {}
        while let Ok(report) = self.inbox.try_recv() {
            match report {
                Report::Painted(painted) => self.input(Input::Painted(painted)),
                Report::Dialled(number, _) if number != self.dials => {}
                Report::Dialled(_, Err(error)) => {
                    let hint = error.hint.map_or_else(String::new, |h| format!("; {h}"));
                    self.input(Input::Failed(format!("{}{hint}", error.message)));
                }
                Report::Dialled(_, Ok(opened)) => {
                    self.want = Want::Session(opened.session);
                    let wire = Wire::new(self.cwd.clone(), opened.session, FIRST_ID);
                    self.wire = Some((opened.link, wire));
                    self.input(Input::Connected {
                        session: opened.session,
                        daemon: opened.daemon,
                        last: opened.last,
                        held: opened.held,
                    });
                    // What came together with the answers.
                    self.more = true;
                }
            }
        }
    }

    /// Takes a batch of what the daemon says. `fill`: the socket has something.
    fn messages(&mut self, fill: bool) {
        let Some((link, _)) = &mut self.wire else { return };
        if fill && !self.more && !matches!(link.fill(), Ok(true)) {
            return self.lost();
        }
        self.more = false;
        for n in 0.. {
            let Some((link, wire)) = &mut self.wire else {
                return;
            };
            if n == BATCH {
                self.more = true;
                return;
            }
            let told = match link.next() {
                Some(Ok(message)) => wire.read(message),
                Some(Err(_)) => return self.lost(),
                None => return,
            };
            match told {
                Some(Told::Event(envelope)) => {
                    if matches!(envelope.event, Event::TurnEnded { .. }) {
                        // Seen at once, also right after the frame that answered the Esc.
                        self.painted_us = 0;
                    }
                    self.input(Input::Event(envelope));
                }
                Some(Told::Reply(reply)) => self.input(Input::Reply(reply)),
                Some(Told::Tree(news)) => self.input(Input::Tree(news)),
                Some(Told::Verifying(news)) => self.input(Input::Verifying(news)),
                Some(Told::Jobs(news)) => self.input(Input::Jobs(news)),
                None => {}
            }
        }
    }

    fn lost(&mut self) {
        self.wire = None;
        self.more = false;
        self.input(Input::Lost);
        self.dial();
    }

    fn dial(&mut self) {
        self.dials += 1;
        self.workers.dial(self.context, &self.cwd, self.want, self.dials);
    }

    fn input(&mut self, input: Input) {
        let acts = self.app.handle(input, self.context.now_us());
        self.dirty = true;
        for act in acts {
            self.act(act);
        }
    }

    fn act(&mut self, act: Act) {
        match act {
            Act::Send(call) => {
                let sent = self.wire.as_mut().map(|(link, wire)| {
                    let line = wire.line(call);
                    link.send(&line)
                });
                if matches!(sent, Some(Err(_))) {
                    self.lost();
                }
            }
            Act::Print(lines) => self.above.extend(lines),
            Act::Edit {
                purpose,
                text,
                suffix,
            } => self.edit(purpose, &text, &suffix),
            Act::Colour(job) => {
                let root = self.app.root().unwrap_or(&self.cwd).to_owned();
                let _ = self.jobs.send((root, job));
            }
            Act::Save(draft) => self.keep.save(&draft),
            Act::Remember(text) => self.keep.remember(&text),
            Act::Redraw => {
                self.fit();
                let _ = write(&self.painter.fresh(self.size));
            }
            Act::Suspend => self.suspend(),
            Act::Bell => drop(write("\x07")),
            Act::Notify(text) => {
                // In plain mode the line is all that a screen reader needs.
                if self.raw.is_some() {
                    let text = visible(&text, Tabs::Expand);
                    let _ = write(&format!("\x1b]9;{text}\x07"));
                }
            }
            Act::New => {
                self.wire = None;
                self.want = Want::New;
                self.dial();
            }
            Act::Reconnect => {
                self.wire = None;
                self.dial();
            }
            Act::Plain(plain) => self.switch(plain),
            Act::Quit => {
                self.over.get_or_insert(Exit::Done);
            }
        }
    }

    /// Paints when there is something, not more often than sixty times a second unless `now`.
    fn paint(&mut self, now: bool) -> io::Result<()> {
        let t = self.context.now_us();
        if !self.dirty || !(now || t >= self.painted_us + FRAME_US || self.painted_us == 0) {
            return Ok(());
        }
        self.dirty = false;
        self.painted_us = t;
        let above = std::mem::take(&mut self.above);
        if self.raw.is_none() {
            let mut text = String::new();
            for line in above {
                text.extend(line.spans.iter().map(|s| s.content.as_ref()));
                text.push('\n');
            }
            write(&text)?;
            self.told_painted();
            return Ok(());
        }
        self.fit();
        let frame = frame(&self.app, self.size);
        write(&self.painter.draw(&above, frame))?;
        self.told_painted();
        Ok(())
    }

    /// Asks for the window's size. Its signal may come after a frame that is made for it already, and several of them
    /// before one, so that it is asked for right before anything is painted.
    fn fit(&mut self) {
        let size = size();
        if size != self.size {
            self.size = size;
            self.painter.resized(size);
            self.app.resize(usize::from(size.rows), usize::from(size.columns));
        }
    }

    fn told_painted(&mut self) {
        for act in self.app.painted(self.context.now_us()) {
            self.act(act);
        }
    }

    fn leave(&mut self) {
        let _ = self.paint(true);
        if self.raw.is_some() {
            let _ = write(&self.painter.clear());
        }
        self.raw = None;
    }
}

fn size() -> Size {
    let size = term::size();
    let number = |n: usize| u16::try_from(n).unwrap_or(u16::MAX);
    Size {
        columns: number(size.columns),
        rows: number(size.rows),
    }
}

fn write(text: &str) -> io::Result<()> {
    if text.is_empty() {
        return Ok(());
    }
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()
}
