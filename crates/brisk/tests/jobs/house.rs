//! A repository with a failing test and a confirmed policy, and one scripted server for each model.

use brisk_testkit::{AMBIENT, Act, FakeServer, Reply};
use portable_pty::{CommandBuilder, PtySize, native_pty_system};
use serde_json::Value;
use std::io::{BufRead, BufReader, Lines, Read, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Stdio};
use tempfile::TempDir;

const POLICY: &str = "[verify.checks.unit]\nrun = [\"python3\", \"-m\", \"unittest\", \"-v\"]\nparse = \"unittest\"\ntimeout_s = 60\n";
pub(crate) const WRONG: &str = "def total(items):\n    return sum(items) + 1\n\n\ndef names(items):\n    found = []\n    for item in items:\n        found.append(item)\n    return found\n";
pub(crate) const TESTS: &str = "import unittest\nfrom shop import names, total\n\n\nclass T(unittest.TestCase):\n    def test_total(self):\n        self.assertEqual(total([1, 2]), 3)\n\n    def test_names(self):\n        self.assertEqual(names([\"a\"]), [\"a\"])\n";

pub(crate) struct House {
    pub(crate) home: TempDir,
    pub(crate) repo: PathBuf,
    pub(crate) servers: Vec<FakeServer>,
    _dir: TempDir,
}

pub(crate) fn requests(lines: &str) -> String {
    format!("I look first.\n```do\n{lines}\n```\n")
}

pub(crate) fn edit(path: &str, old: &str, new: &str) -> String {
    format!("{path}\n<<<<<<< SEARCH\n{old}=======\n{new}>>>>>>> REPLACE\n")
}

/// The change that mends it.
pub(crate) fn right() -> String {
    edit(
        "shop.py",
        "    return sum(items) + 1\n",
        "    return sum(items)\n",
    )
}

impl House {
    /// These models, by name.
    pub(crate) fn new(models: &[&str]) -> House {
        let house = House::raw(models);
        house.accept();
        house
    }

    /// Without a confirmed policy.
    pub(crate) fn raw(models: &[&str]) -> House {
        let dir = tempfile::Builder::new().prefix("bj").tempdir().unwrap();
        let repo = dir.path().join("repo");
        std::fs::create_dir(&repo).unwrap();
        let servers: Vec<FakeServer> = models.iter().map(|_| FakeServer::start().unwrap()).collect();
        let home = tempfile::Builder::new().prefix("bh").tempdir().unwrap();
        let config: String = models
            .iter()
            .zip(&servers)
            .map(|(name, server)| {
                let url = server.url();
                format!(
                    "[models.{name}]\nbase_url = \"{url}\"\nmodel = \"{name}\"\nformat = \"search_replace\"\n"
                )
            })
            .collect();
        std::fs::write(home.path().join("config.toml"), config).unwrap();
        let house = House {
            home,
            repo,
            servers,
            _dir: dir,
        };
        house.git(&["init", "-q", "-b", "main"]);
        house.git(&["config", "user.name", "Ann"]);
        house.git(&["config", "user.email", "ann@example.com"]);
        for (path, text) in [
            ("shop.py", WRONG),
            ("test_shop.py", TESTS),
            ("brisk.toml", POLICY),
        ] {
            house.write(path, text);
        }
        house.git(&["add", "-A"]);
        house.git(&["commit", "-q", "-m", "first"]);
        house
    }

    pub(crate) fn write(&self, path: &str, text: &str) {
        let path = self.repo.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    pub(crate) fn file(&self, path: &str) -> String {
        std::fs::read_to_string(self.repo.join(path)).unwrap()
    }

    pub(crate) fn git(&self, args: &[&str]) -> String {
        let out = Command::new("git")
            .arg("-C")
            .arg(&self.repo)
            .args(args)
            .output()
            .unwrap();
        assert!(
            out.status.success(),
            "git {args:?}: {}",
            String::from_utf8_lossy(&out.stderr)
        );
        String::from_utf8_lossy(&out.stdout).into_owned()
    }

    /// Everything of the person's that delegated work must leave alone.
    pub(crate) fn persons(&self) -> Vec<String> {
        let index = std::fs::read(self.repo.join(".git/index")).unwrap();
        vec![
            self.git(&["rev-parse", "HEAD"]),
            self.git(&["stash", "list"]),
            self.git(&["worktree", "list"]),
            self.git(&["for-each-ref"]),
            format!("{index:?}"),
            self.file("shop.py"),
            self.file("test_shop.py"),
            format!("{:?}", std::fs::read_dir(&self.repo).unwrap().count()),
        ]
    }

    /// What the model with this number says next.
    pub(crate) fn says(&self, model: usize, text: &str) {
        self.servers[model].reply(Reply::text(text));
    }

    /// It begins to answer and waits at a gate.
    pub(crate) fn hangs(&self, model: usize) {
        let acts = vec![Act::text("I"), Act::gate("never")];
        self.servers[model].reply(Reply::stream(acts));
    }

    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_brisk"));
        for name in AMBIENT {
            command.env_remove(name);
        }
        command
            .args(args)
            .current_dir(&self.repo)
            .env("BRISK_HOME", self.home.path())
            .env("NO_COLOR", "1")
            .stdin(Stdio::null());
        command
    }

    /// Runs a command and checks how it ends; gives what it said.
    #[track_caller]
    pub(crate) fn ends(&self, exit: i32, args: &[&str]) -> String {
        let out = self.command(args).output().unwrap();
        let said = format!(
            "{}{}",
            String::from_utf8_lossy(&out.stdout),
            String::from_utf8_lossy(&out.stderr)
        );
        assert_eq!(out.status.code(), Some(exit), "{args:?}: {said}");
        said
    }

    /// The last line of `--json` of this type.
    #[track_caller]
    pub(crate) fn last(&self, exit: i32, kind: &str, args: &[&str]) -> Value {
        let all: Vec<&str> = args.iter().copied().chain(["--json"]).collect();
        let said = self.ends(exit, &all);
        let mut values = said
            .lines()
            .rev()
            .filter_map(|l| serde_json::from_str::<Value>(l).ok());
        values
            .find(|v| v["type"] == kind)
            .unwrap_or_else(|| panic!("no {kind}: {said}"))
    }

    /// Starts a command whose lines the test reads as they come.
    pub(crate) fn start(&self, args: &[&str]) -> Running {
        let mut child = self.command(args).stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Running { child, lines }
    }

    /// As a person does it: at a terminal.
    pub(crate) fn accept(&self) {
        let pair = native_pty_system().openpty(PtySize::default()).unwrap();
        let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_brisk"));
        for name in AMBIENT {
            command.env_remove(name);
        }
        command.args(["verify", "--accept"]);
        command.cwd(&self.repo);
        command.env("BRISK_HOME", self.home.path());
        let mut child = pair.slave.spawn_command(command).unwrap();
        drop(pair.slave);
        let mut writer = pair.master.take_writer().unwrap();
        writer.write_all(b"y\n").unwrap();
        let mut said = Vec::new();
        // The other side's end is an error here.
        let _ = pair.master.try_clone_reader().unwrap().read_to_end(&mut said);
        assert!(
            child.wait().unwrap().success(),
            "{}",
            String::from_utf8_lossy(&said)
        );
    }

    /// `false`: none was there.
    pub(crate) fn kill_daemon(&self) -> bool {
        let out = self.command(&["daemon", "status", "--json"]).output().unwrap();
        let status: Value = serde_json::from_slice(&out.stdout).unwrap();
        let Some(pid) = status["pid"].as_i64() else {
            return false;
        };
        let pid = i32::try_from(pid).unwrap();
        let pid = rustix::process::Pid::from_raw(pid).unwrap();
        // One that was just going is gone.
        rustix::process::kill_process(pid, rustix::process::Signal::KILL).is_ok()
    }

    /// Folders of attempts that are there.
    pub(crate) fn folders(&self) -> usize {
        let repos = std::fs::read_dir(self.home.path().join("state/repos")).unwrap();
        let attempts = repos.map(|r| r.unwrap().path().join("attempts"));
        attempts
            .filter_map(|a| std::fs::read_dir(a).ok())
            .flatten()
            .count()
    }
}

pub(crate) struct Running {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Running {
    /// The next line of `--json` of this type.
    #[track_caller]
    pub(crate) fn next(&mut self, kind: &str) -> Value {
        loop {
            let line = self.lines.next().unwrap().unwrap();
            let value: Value = serde_json::from_str(&line).unwrap();
            assert_ne!(value["type"], "error", "{value}");
            if value["type"] == kind {
                return value;
            }
        }
    }

    pub(crate) fn finish(mut self) -> Option<i32> {
        self.child.wait().unwrap().code()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Where the test has failed: it would start a daemon again. One that has ended is not there to be killed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for House {
    fn drop(&mut self) {
        brisk_testkit::end_daemon(self.command(&[]));
    }
}
