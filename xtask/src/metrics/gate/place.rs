//! A repository with a policy that its person has confirmed at a terminal, made for one measurement.

use crate::rig::house::Programs;
use crate::rig::terminal::{Terminal, Window};
use anyhow::bail;
use portable_pty::CommandBuilder;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use tempfile::TempDir;

/// What runs as the check, in the sandbox and without it: names of tests on standard output, as TAP.
pub(super) const CHECK: [&str; 2] = ["sh", "check.sh"];

const POLICY: &str = "[verify.checks.all]\nrun = [\"sh\", \"check.sh\"]\nparse = \"tap\"\ntimeout_s = 120\n";

/// A repository, and a home of the product's that belongs to it.
pub(super) struct Place {
    brisk: PathBuf,
    home: TempDir,
    root: TempDir,
}

impl Place {
    /// Commits these files beside the policy, and confirms that.
    pub(super) fn new(programs: &Programs, files: &[(String, String)]) -> anyhow::Result<Place> {
        let place = Place {
            brisk: programs.brisk.clone(),
            home: tempfile::Builder::new().prefix("bm").tempdir()?,
            root: tempfile::Builder::new().prefix("bm-repo-").tempdir()?,
        };
        place.git(&["init", "-q", "--template=", "-b", "main"])?;
        place.git(&["config", "user.name", "Ann"])?;
        place.git(&["config", "user.email", "ann@example.com"])?;
        place.write("brisk.toml", POLICY)?;
        for (path, text) in files {
            place.write(path, text)?;
        }
        place.git(&["add", "--all"])?;
        place.git(&["commit", "-q", "-m", "first"])?;
        place.accept()?;
        Ok(place)
    }

    pub(super) fn root(&self) -> &Path {
        self.root.path()
    }

    /// Brisk's own folder.
    pub(super) fn home(&self) -> &Path {
        self.home.path()
    }

    pub(super) fn write(&self, path: &str, text: impl AsRef<[u8]>) -> anyhow::Result<()> {
        let full = self.root().join(path);
        if let Some(folder) = full.parent() {
            std::fs::create_dir_all(folder)?;
        }
        Ok(std::fs::write(full, text)?)
    }

    /// Git without the person's own settings; it must end well.
    pub(super) fn git(&self, args: &[&str]) -> anyhow::Result<String> {
        self.git_with(&[], args)
    }

    /// The same with these variables.
    pub(super) fn git_with(&self, env: &[(&str, &str)], args: &[&str]) -> anyhow::Result<String> {
        let out = Command::new("git")
            .args(args)
            .envs(env.iter().copied())
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_CONFIG_SYSTEM", "/dev/null")
            .current_dir(self.root())
            .output()?;
        match out.status.success() {
            true => Ok(String::from_utf8_lossy(&out.stdout).into_owned()),
            false => bail!("git {args:?}: {}", String::from_utf8_lossy(&out.stderr).trim()),
        }
    }

    pub(super) fn brisk(&self, args: &[&str]) -> anyhow::Result<Output> {
        let mut command = Command::new(&self.brisk);
        command
            .args(args)
            .current_dir(self.root())
            .env("BRISK_HOME", self.home.path())
            .env("NO_COLOR", "1")
            // A repository's own remote and hooks call git, too.
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_CONFIG_SYSTEM", "/dev/null")
            .stdin(Stdio::null());
        Ok(command.output()?)
    }

    /// The same with `--json`, which must end so: its lines.
    pub(super) fn lines(&self, exit: i32, args: &[&str]) -> anyhow::Result<Vec<Value>> {
        let args: Vec<&str> = args.iter().copied().chain(["--json"]).collect();
        let out = self.brisk(&args)?;
        let text = String::from_utf8_lossy(&out.stdout).into_owned();
        if out.status.code() != Some(exit) {
            let said = String::from_utf8_lossy(&out.stderr);
            bail!(
                "`brisk {}` ended with {}: {text}{said}",
                args.join(" "),
                out.status
            );
        }
        Ok(text
            .lines()
            .filter_map(|l| serde_json::from_str(l).ok())
            .collect())
    }

    /// The person reads the policy and says yes.
    fn accept(&self) -> anyhow::Result<()> {
        let mut command = CommandBuilder::new(&self.brisk);
        command.args(["verify", "--accept"]);
        command.cwd(self.root());
        command.env("BRISK_HOME", self.home.path());
        let window = Window {
            columns: 100,
            rows: 40,
        };
        let mut terminal = Terminal::open(command, window)?;
        terminal.shows("[y/N]")?;
        terminal.press("y\n")?;
        match terminal.ended()? {
            0 => Ok(()),
            code => bail!("the policy was not confirmed ({code}): {}", terminal.text()),
        }
    }
}
