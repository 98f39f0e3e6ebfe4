//! A hermetic home, a repository, and a model that says what the test wants.

use brisk_domain::{Event, Intent, SessionId};
use brisk_protocol::{
    Envelope, Incoming, NoParams, PromptExtras, RequestId, gate, greeting, jobs, method, notify_line, parse,
    request_line,
};
use brisk_testkit::{AMBIENT, Act, FakeServer, Reply, fixture};
use serde::Serialize;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

pub(crate) const SHOP: &str = "def subtotal(items):\n    total = 0\n    for item in items:\n        total += item[\"price\"]\n    return total\n\n\ndef names(items):\n    return [item[\"name\"] for item in items]\n";
pub(crate) const REGION: &str = "def subtotal(items):\n    total = 0\n    for item in items:\n        total += item[\"price\"] * item[\"quantity\"]\n    return total\n";

/// A test that waits longer than this for a step has failed.
const LIMIT: Duration = Duration::from_secs(20);

pub(crate) struct House {
    pub(crate) home: TempDir,
    pub(crate) repo: TempDir,
    pub(crate) server: FakeServer,
}

/// An answer in the form that chat models give: fenced.
pub(crate) fn fenced(region: &str) -> String {
    format!("```python\n{region}```")
}

impl House {
    pub(crate) fn new() -> House {
        House::made("", "")
    }

    /// `more` is added to the configuration.
    pub(crate) fn with(more: &str) -> House {
        House::made("", more)
    }

    /// `model` is added to the fake model's configuration, `more` to the whole.
    pub(crate) fn made(model: &str, more: &str) -> House {
        let server = FakeServer::start().unwrap();
        let home = tempfile::Builder::new().prefix("bh").tempdir().unwrap();
        let config = format!(
            "[models.fake]\nbase_url = \"{}\"\nmodel = \"fake\"\nformat = \"region\"\n{model}\n\n{more}",
            server.url()
        );
        std::fs::write(home.path().join("config.toml"), config).unwrap();
        House {
            home,
            repo: fixture::repo(&[("shop.py", SHOP)]).unwrap(),
            server,
        }
    }

    pub(crate) fn file(&self, path: &str) -> String {
        std::fs::read_to_string(self.repo.path().join(path)).unwrap()
    }

    pub(crate) fn write(&self, path: &str, text: impl AsRef<[u8]>) {
        std::fs::write(self.repo.path().join(path), text).unwrap();
    }

    pub(crate) fn answers(&self, region: &str) {
        self.server.reply(Reply::text(&fenced(region)));
    }

    /// Answers with one gate in the middle: after `first`, before `then`.
    pub(crate) fn answers_in_two(&self, first: &str, then: &str) {
        let acts = vec![
            Act::text(format!("```python\n{first}")),
            Act::gate("more"),
            Act::text(format!("{then}```")),
            Act::stop(),
            Act::Done,
        ];
        self.server.reply(Reply::stream(acts));
    }

    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_brisk"));
        for name in AMBIENT {
            command.env_remove(name);
        }
        command
            .args(args)
            .current_dir(self.repo.path())
            .env("BRISK_HOME", self.home.path())
            .env("NO_COLOR", "1")
            .stdin(Stdio::null());
        command
    }

    pub(crate) fn brisk(&self, args: &[&str]) -> Output {
        self.command(args).output().unwrap()
    }

    /// Runs a command and checks how it ends; gives what it said.
    pub(crate) fn ends(&self, exit: i32, args: &[&str]) -> String {
        let out = self.brisk(args);
        let said = format!(
            "{}{}",
            String::from_utf8_lossy(&out.stdout),
            String::from_utf8_lossy(&out.stderr)
        );
        assert_eq!(out.status.code(), Some(exit), "{args:?}: {said}");
        said
    }

    /// Starts a command whose lines the test reads as they come.
    pub(crate) fn start(&self, args: &[&str]) -> Running {
        let mut child = self
            .command(args)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap());
        Running { child, lines }
    }

    /// Waits until the lock of a daemon that was killed is free.
    pub(crate) fn wait_for_no_daemon(&self) {
        let locks = std::fs::File::open(self.home.path().join("run/daemon.lock")).unwrap();
        rustix::fs::flock(&locks, rustix::fs::FlockOperation::LockExclusive).unwrap();
    }

    pub(crate) fn daemon_pid(&self) -> i32 {
        let said = self.ends(0, &["daemon", "status", "--json"]);
        let status: Value = serde_json::from_str(&said).unwrap();
        i32::try_from(status["pid"].as_i64().unwrap()).unwrap()
    }

    pub(crate) fn client(&self) -> Client {
        let stream = UnixStream::connect(self.socket()).unwrap_or_else(|_| {
            self.ends(0, &["daemon", "start"]);
            UnixStream::connect(self.socket()).unwrap()
        });
        Client::over(stream)
    }

    /// Waits until nobody is connected to the daemon, which runs: it sees a little later than we do that a command has
    /// ended, and is renewed only where nobody uses it.
    pub(crate) fn wait_for_no_client(&self) {
        let mut client = Client::over(UnixStream::connect(self.socket()).unwrap());
        let until = Instant::now() + LIMIT;
        while client.ask(method::DAEMON, &NoParams {}).unwrap()["clients"] != 1 {
            assert!(Instant::now() < until, "somebody stays connected");
        }
        client.leave();
    }

    fn socket(&self) -> PathBuf {
        self.home.path().join("run/daemon.sock")
    }

    /// Names in the repository that no person put there.
    pub(crate) fn leftovers(&self) -> Vec<String> {
        let names = std::fs::read_dir(self.repo.path())
            .unwrap()
            .map(|e| e.unwrap().file_name().into_string().unwrap());
        names
            .filter(|n| n.contains("brisk") || n.contains("tmp"))
            .collect()
    }
}

impl Drop for House {
    fn drop(&mut self) {
        brisk_testkit::end_daemon(self.command(&[]));
    }
}

pub(crate) struct Running {
    child: Child,
    lines: BufReader<std::process::ChildStdout>,
}

impl Running {
    /// Reads `--json` lines up to the first of this type.
    pub(crate) fn until(&mut self, kind: &str) -> Value {
        let mut seen = String::new();
        loop {
            let mut line = String::new();
            assert_ne!(
                self.lines.read_line(&mut line).unwrap(),
                0,
                "no {kind} came; seen:\n{seen}"
            );
            let value: Value = serde_json::from_str(&line).unwrap();
            if value["type"] == kind {
                return value;
            }
            seen.push_str(&line);
        }
    }

    pub(crate) fn pid(&self) -> i32 {
        i32::try_from(self.child.id()).unwrap()
    }

    /// Waits for its end; gives the exit code and what it wrote to standard error.
    pub(crate) fn finish(self) -> (Option<i32>, String) {
        let Running { child, lines } = self;
        // What is left is read, so that the command never waits for its reader.
        let rest = std::thread::spawn(move || lines.lines().map_while(Result::ok).count());
        let out = child.wait_with_output().unwrap();
        rest.join().unwrap();
        (
            out.status.code(),
            String::from_utf8_lossy(&out.stderr).into_owned(),
        )
    }
}

/// A client that speaks the protocol itself.
pub(crate) struct Client {
    write: UnixStream,
    read: BufReader<UnixStream>,
    next: i64,
    pub(crate) events: Vec<Envelope>,
    answers: Vec<(RequestId, Result<Value, String>)>,
}

impl Client {
    fn over(write: UnixStream) -> Client {
        write.set_read_timeout(Some(LIMIT)).unwrap();
        write.set_write_timeout(Some(LIMIT)).unwrap();
        let read = BufReader::new(write.try_clone().unwrap());
        let mut client = Client {
            write,
            read,
            next: 0,
            events: vec![],
            answers: vec![],
        };
        client.ask("initialize", &greeting("test", "")).unwrap();
        client
    }

    /// Goes, and waits until the daemon has seen that: whoever comes now comes after it.
    pub(crate) fn leave(mut self) {
        self.write.shutdown(Shutdown::Write).unwrap();
        let mut rest = Vec::new();
        self.read.read_to_end(&mut rest).unwrap();
    }

    pub(crate) fn send(&mut self, name: &str, params: &impl Serialize) -> RequestId {
        self.next += 1;
        let id = RequestId::Number(self.next);
        self.write
            .write_all(request_line(&id, name, params).as_bytes())
            .unwrap();
        id
    }

    pub(crate) fn tell(&mut self, name: &str, params: &impl Serialize) {
        self.write
            .write_all(notify_line(name, params).as_bytes())
            .unwrap();
    }

    /// Writes a line that has no end, until nobody takes it any more.
    pub(crate) fn say_more_than(&mut self, bytes: usize) {
        let chunk = [b'x'; 1 << 16];
        // It is taken up to the bound; what is beyond may find the connection closed.
        for at in 0..bytes / chunk.len() + 2 {
            if self.write.write_all(&chunk).is_err() {
                assert!(at >= bytes / chunk.len(), "{at}");
            }
        }
    }

    /// The line that comes before the connection ends.
    pub(crate) fn last_words(&mut self) -> String {
        let mut line = String::new();
        self.read.read_line(&mut line).unwrap();
        line
    }

    fn read(&mut self) {
        let mut line = String::new();
        assert_ne!(
            self.read.read_line(&mut line).unwrap(),
            0,
            "the daemon closed the connection"
        );
        match parse(&line).unwrap() {
            // Told whenever it changes, whatever the test is about.
            Incoming::Notification { method, .. }
                if [gate::method::STATE, jobs::method::NEWS].contains(&&*method) => {}
            Incoming::Notification { method, params } => {
                assert_eq!(method, method::EVENT);
                self.events.push(serde_json::from_str(params.get()).unwrap());
            }
            Incoming::Response { id, outcome } => {
                let outcome = outcome
                    .map(|r| serde_json::from_str(r.get()).unwrap())
                    .map_err(|e| e.message);
                self.answers.push((id, outcome));
            }
            Incoming::Request { method, .. } => panic!("unexpected {method}"),
        }
    }

    pub(crate) fn answer(&mut self, id: &RequestId) -> Result<Value, String> {
        loop {
            if let Some(at) = self.answers.iter().position(|(i, _)| i == id) {
                return self.answers.swap_remove(at).1;
            }
            self.read();
        }
    }

    pub(crate) fn ask(&mut self, name: &str, params: &impl Serialize) -> Result<Value, String> {
        let id = self.send(name, params);
        self.answer(&id)
    }

    pub(crate) fn session(&mut self, cwd: &Path) -> SessionId {
        let opened = self
            .ask("session/new", &json!({"cwd": cwd, "mcpServers": []}))
            .unwrap();
        let text = opened["sessionId"].as_str().unwrap();
        SessionId(text[1..].parse().unwrap())
    }

    pub(crate) fn prompt(&mut self, session: SessionId, text: &str, target: &str) -> RequestId {
        let extras = PromptExtras {
            targets: vec![target.into()],
            intent: Intent::Edit,
            model: None,
            lane: None,
            latency: None,
            auto_keep: false,
        };
        let params = json!({
            "sessionId": session.to_string(),
            "prompt": [{"type": "text", "text": text}],
            "_meta": {"brisk": extras},
        });
        self.send("session/prompt", &params)
    }

    /// Reads until an event of this kind has come; gives the newest.
    pub(crate) fn until(&mut self, what: impl Fn(&Event) -> bool) -> Event {
        let mut from = 0;
        loop {
            if let Some(found) = self.events[from..].iter().find(|e| what(&e.event)) {
                return found.event.clone();
            }
            from = self.events.len();
            self.read();
        }
    }
}
