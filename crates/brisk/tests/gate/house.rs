//! A repository with a policy that its person has confirmed, and a home of its own.

use brisk_testkit::AMBIENT;
use portable_pty::{CommandBuilder, PtySize, native_pty_system};
use serde_json::Value;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use tempfile::TempDir;

pub(crate) const POLICY: &str = "[verify.checks.unit]\nrun = [\"python3\", \"-m\", \"unittest\", \"-v\"]\nparse = \"unittest\"\ntimeout_s = 60\n";
pub(crate) const SHOP: &str = "def total(items):\n    return sum(items)\n";
pub(crate) const WRONG: &str = "def total(items):\n    return sum(items) + 1\n";
pub(crate) const RIGHT: &str = "def total(items):\n    result = sum(items)\n    return result\n";
pub(crate) const TESTS: &str = "import unittest\nfrom shop import total\n\n\nclass T(unittest.TestCase):\n    def test_total(self):\n        self.assertEqual(total([1, 2]), 3)\n\n    def test_none(self):\n        self.assertEqual(total([]), 0)\n";

pub(crate) struct House {
    pub(crate) home: TempDir,
    pub(crate) repo: PathBuf,
    _dir: TempDir,
}

impl Drop for House {
    fn drop(&mut self) {
        brisk_testkit::end_daemon(self.command(&[]));
    }
}

impl House {
    /// Two tests, committed, and a policy that nobody has confirmed.
    pub(crate) fn raw(files: &[(&str, &str)]) -> House {
        let dir = tempfile::Builder::new().prefix("bg").tempdir().unwrap();
        let repo = dir.path().join("repo");
        std::fs::create_dir(&repo).unwrap();
        let house = House {
            home: tempfile::Builder::new().prefix("bh").tempdir().unwrap(),
            repo,
            _dir: dir,
        };
        house.git(&["init", "-q", "-b", "main"]);
        house.git(&["config", "user.name", "Ann"]);
        house.git(&["config", "user.email", "ann@example.com"]);
        for (path, text) in files {
            house.write(path, text);
        }
        house.git(&["add", "-A"]);
        house.git(&["commit", "-q", "-m", "first"]);
        house
    }

    /// The same with the policy confirmed.
    pub(crate) fn new() -> House {
        let house = House::raw(&[("shop.py", SHOP), ("test_shop.py", TESTS), ("brisk.toml", POLICY)]);
        house.at_terminal(0, &["verify", "--accept"]);
        house
    }

    pub(crate) fn write(&self, path: &str, text: &str) {
        let full = self.repo.join(path);
        std::fs::create_dir_all(full.parent().unwrap()).unwrap();
        std::fs::write(full, text).unwrap();
    }

    pub(crate) fn git(&self, args: &[&str]) -> String {
        git_in(&self.repo, args)
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

    pub(crate) fn brisk(&self, args: &[&str]) -> Output {
        self.command(args).output().unwrap()
    }

    /// Runs a command and checks how it ends; gives what it said.
    #[track_caller]
    pub(crate) fn ends(&self, exit: i32, args: &[&str]) -> String {
        let out = self.brisk(args);
        let said = said(&out);
        assert_eq!(out.status.code(), Some(exit), "{args:?}: {said}");
        said
    }

    /// The lines of `--json`, of this type.
    #[track_caller]
    pub(crate) fn lines(&self, exit: i32, kind: &str, args: &[&str]) -> Vec<Value> {
        let args: Vec<&str> = args.iter().copied().chain(["--json"]).collect();
        let said = self.ends(exit, &args);
        let values = said.lines().filter_map(|l| serde_json::from_str::<Value>(l).ok());
        values.filter(|v| v["type"] == kind).collect()
    }

    /// The same with a terminal, as a person has one who says yes.
    #[track_caller]
    pub(crate) fn at_terminal(&self, exit: u32, args: &[&str]) -> String {
        self.at_terminal_in(&self.repo, exit, args)
    }

    #[track_caller]
    pub(crate) fn at_terminal_in(&self, dir: &Path, exit: u32, args: &[&str]) -> String {
        self.answering(dir, "y", exit, args)
    }

    /// With a person who answers this.
    #[track_caller]
    pub(crate) fn answering(&self, dir: &Path, answer: &str, exit: u32, args: &[&str]) -> String {
        self.answering_with(&[], dir, answer, exit, args)
    }

    /// With further variables.
    #[track_caller]
    pub(crate) fn answering_with(
        &self,
        env: &[(&str, &Path)],
        dir: &Path,
        answer: &str,
        exit: u32,
        args: &[&str],
    ) -> String {
        let size = PtySize {
            rows: 40,
            cols: 200,
            pixel_width: 0,
            pixel_height: 0,
        };
        let pair = native_pty_system().openpty(size).unwrap();
        let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_brisk"));
        for name in AMBIENT {
            command.env_remove(name);
        }
        command.args(args);
        command.cwd(dir);
        command.env("BRISK_HOME", self.home.path());
        command.env("NO_COLOR", "1");
        for (name, value) in env {
            command.env(name, value);
        }
        let mut child = pair.slave.spawn_command(command).unwrap();
        drop(pair.slave);
        let mut writer = pair.master.take_writer().unwrap();
        // A command that asks nothing may be gone already.
        let _ = writer.write_all(format!("{answer}\n").as_bytes());
        let mut reader = pair.master.try_clone_reader().unwrap();
        let mut bytes = Vec::new();
        // The other side's end is an error here.
        let _ = reader.read_to_end(&mut bytes);
        let ended = child.wait().unwrap();
        let said = String::from_utf8_lossy(&bytes).into_owned();
        assert_eq!(ended.exit_code(), exit, "{args:?}: {said}");
        said
    }

    /// The gate's own folder.
    pub(crate) fn gate(&self) -> PathBuf {
        let repos = self.home.path().join("state/repos");
        let only = std::fs::read_dir(repos).unwrap().next().unwrap().unwrap();
        only.path().join("gate")
    }

    pub(crate) fn ledger(&self) -> String {
        std::fs::read_to_string(self.gate().join("ledger")).unwrap_or_default()
    }

    /// What the ledger says of the worktree.
    pub(crate) fn state(&self) -> String {
        let said = self.ends(0, &["gate", "show"]);
        said.lines().next().unwrap_or_default().to_owned()
    }

    pub(crate) fn head(&self) -> String {
        self.git(&["rev-parse", "HEAD"]).trim().to_owned()
    }
}

pub(crate) fn git_in(dir: &Path, args: &[&str]) -> String {
    let out = Command::new("git")
        .args(args)
        .current_dir(dir)
        .env_remove("GIT_DIR")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_SYSTEM", "/dev/null")
        .output()
        .unwrap();
    assert!(out.status.success(), "git {args:?}: {}", said(&out));
    String::from_utf8_lossy(&out.stdout).into_owned()
}

pub(crate) fn said(out: &Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&out.stdout),
        String::from_utf8_lossy(&out.stderr)
    )
}
