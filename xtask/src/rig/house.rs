//! The product in a home of its own, a repository made for it, and a fake model that answers.

use super::client::Client;
use super::fake::Fake;
use super::terminal::{Terminal, Window};
use anyhow::{Context, bail};
use portable_pty::CommandBuilder;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use tempfile::TempDir;

/// What is measured.
#[derive(Debug, Clone)]
pub(crate) struct Programs {
    /// The release binary of the product.
    pub(crate) brisk: PathBuf,
    /// The fake model.
    pub(crate) fake: PathBuf,
}

impl Programs {
    /// These, or those of a release build.
    pub(crate) fn find(brisk: Option<&Path>, fake: Option<&Path>) -> anyhow::Result<Programs> {
        let release = crate::root()?.join("target/release");
        let program = |given: Option<&Path>, name: &str, package: &str| -> anyhow::Result<PathBuf> {
            let path = match given {
                Some(path) => std::path::absolute(path)?,
                None => release.join(name),
            };
            if !path.is_file() {
                bail!(
                    "{} is not there; build it with `cargo build --release -p {package}`",
                    path.display()
                );
            }
            Ok(path)
        };
        Ok(Programs {
            brisk: program(brisk, "brisk", "brisk")?,
            fake: program(fake, "brisk-fake-model", "brisk-testkit --bins")?,
        })
    }
}

/// A file of the repository, and what the fake makes of its function `subtotal`.
pub(crate) const FILE: &str = "shop.py";
/// The file before.
pub(crate) const BEFORE: &str = "def subtotal(items):\n    total = 0\n    for item in items:\n        total += item[\"price\"]\n    return total\n\n\ndef names(items):\n    return [item[\"name\"] for item in items]\n";
/// The function up to its changed line, that line, and what follows.
pub(crate) const ANSWER: [&str; 3] = [
    "def subtotal(items):\n    total = 0\n    for item in items:\n",
    "        total += item[\"price\"] * item[\"quantity\"]\n",
    "    return total\n",
];
/// What names the function.
pub(crate) const TARGET: &str = "shop.py:subtotal";
/// What is asked of it.
pub(crate) const REQUEST: &str = "multiply by the quantity";

/// The file after the edit.
pub(crate) fn after() -> String {
    BEFORE.replace("item[\"price\"]\n", "item[\"price\"] * item[\"quantity\"]\n")
}

/// A home, a repository, a fake model; the daemon and the fake end when this is dropped.
#[derive(Debug)]
pub(crate) struct House {
    brisk: PathBuf,
    home: TempDir,
    repo: TempDir,
    pub(crate) fake: Fake,
}

impl House {
    /// `acts` is what the fake answers, `files` what the repository holds.
    pub(crate) fn new(programs: &Programs, acts: &Value, files: &[(&str, &str)]) -> anyhow::Result<House> {
        House::scripted(programs, &json!({"otherwise": {"acts": acts}}), files)
    }

    /// With an answer for each request, see [`Fake::start`].
    pub(crate) fn scripted(
        programs: &Programs,
        script: &Value,
        files: &[(&str, &str)],
    ) -> anyhow::Result<House> {
        // The socket lies in here, and its path must be short.
        let home = tempfile::Builder::new().prefix("bm").tempdir()?;
        let fake = Fake::start(&programs.fake, &home.path().join("script.json"), script)?;
        let repo = repository(files)?;
        let house = House {
            brisk: programs.brisk.clone(),
            home,
            repo,
            fake,
        };
        house.configure(&house.fake.url, "region")?;
        Ok(house)
    }

    /// The house of most measurements.
    pub(crate) fn shop(programs: &Programs, acts: &Value) -> anyhow::Result<House> {
        House::new(programs, acts, &[(FILE, BEFORE)])
    }

    /// Writes the configuration; the daemon reads it when it starts.
    pub(crate) fn configure(&self, url: &str, format: &str) -> anyhow::Result<()> {
        // Should this program be killed, its daemon goes by itself after a minute.
        let config = format!(
            "[models.fake]\nbase_url = \"{url}/v1\"\nmodel = \"fake\"\nformat = \"{format}\"\nprefill = true\n\n\
             [daemon]\nidle_s = 60\n"
        );
        Ok(std::fs::write(self.home.path().join("config.toml"), config)?)
    }

    /// Gives the product one more model, on a server of its own; `how`: more of its configuration. Before the daemon
    /// starts.
    pub(crate) fn with_model(
        &self,
        programs: &Programs,
        name: &str,
        how: &str,
        script: &Value,
    ) -> anyhow::Result<Fake> {
        let file = self.home.path().join(format!("{name}.json"));
        let fake = Fake::start(&programs.fake, &file, script)?;
        let url = &fake.url;
        self.configure_more(&format!(
            "\n[models.{name}]\nbase_url = \"{url}/v1\"\nmodel = \"{name}\"\n{how}\n"
        ))?;
        Ok(fake)
    }

    /// Gives the product a second model, which is asked when the first one fails. Before the daemon starts.
    pub(crate) fn with_fallback(&self, programs: &Programs, script: &Value) -> anyhow::Result<Fake> {
        let second = self.with_model(programs, "second", "format = \"region\"\nprefill = true", script)?;
        self.configure_more("\n[lanes.fast]\ncandidates = [\"fake\", \"second\"]\n")?;
        Ok(second)
    }

    /// Adds to the configuration. Before the daemon starts.
    pub(crate) fn configure_more(&self, more: &str) -> anyhow::Result<()> {
        let file = self.home.path().join("config.toml");
        Ok(std::fs::write(&file, std::fs::read_to_string(&file)? + more)?)
    }

    /// The product's own folder.
    pub(crate) fn home(&self) -> &Path {
        self.home.path()
    }

    pub(crate) fn root(&self) -> &Path {
        self.repo.path()
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.home.path().join("run/daemon.sock")
    }

    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(&self.brisk);
        command
            .args(args)
            .current_dir(self.repo.path())
            .env("BRISK_HOME", self.home.path())
            .env_remove("BRISK_MODEL")
            .env("NO_COLOR", "1")
            .stdin(Stdio::null());
        command
    }

    /// Opens `brisk` on a terminal of its own. The daemon is started if it does not run.
    pub(crate) fn terminal(&self, args: &[&str], window: Window) -> anyhow::Result<Terminal> {
        let mut command = CommandBuilder::new(&self.brisk);
        command.args(args);
        command.cwd(self.repo.path());
        // Nothing of the person's own settings.
        command.env_clear();
        command.env("BRISK_HOME", self.home.path());
        command.env("PATH", "/usr/local/bin:/usr/bin:/bin");
        command.env("TERM", "xterm-256color");
        command.env("LANG", "C.UTF-8");
        Terminal::open(command, window)
    }

    /// Runs a command to its end; it must end well. Gives what it wrote.
    pub(crate) fn run(&self, args: &[&str]) -> anyhow::Result<String> {
        let out = self.command(args).output()?;
        if !out.status.success() {
            let said = String::from_utf8_lossy(&out.stderr);
            bail!(
                "`brisk {}` ended with {}: {}",
                args.join(" "),
                out.status,
                said.trim()
            );
        }
        Ok(String::from_utf8_lossy(&out.stdout).into_owned())
    }

    /// A client of the daemon, which is started if it does not run.
    pub(crate) fn client(&self) -> anyhow::Result<Client> {
        self.run(&["daemon", "start"])?;
        Client::connect(&self.socket())
    }

    /// The daemon about itself.
    pub(crate) fn daemon(&self) -> anyhow::Result<Value> {
        Ok(serde_json::from_str(&self.run(&["daemon", "status", "--json"])?)?)
    }

    pub(crate) fn file(&self) -> anyhow::Result<String> {
        std::fs::read_to_string(self.repo.path().join(FILE)).context(FILE)
    }

    /// Puts the file back, as its person would.
    pub(crate) fn reset(&self) -> anyhow::Result<()> {
        Ok(std::fs::write(self.repo.path().join(FILE), BEFORE)?)
    }

    /// Every path below the repository's root, git's own included.
    pub(crate) fn paths(&self) -> anyhow::Result<BTreeSet<PathBuf>> {
        let mut found = BTreeSet::new();
        let mut folders = vec![self.repo.path().to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(&folder)? {
                let entry = entry?;
                if entry.file_type()?.is_dir() {
                    folders.push(entry.path());
                }
                found.insert(entry.path());
            }
        }
        Ok(found)
    }
}

impl Drop for House {
    fn drop(&mut self) {
        // None running is as good.
        drop(self.command(&["daemon", "stop"]).output());
    }
}

/// A git repository, whatever the person's own git is told to do.
fn repository(files: &[(&str, &str)]) -> anyhow::Result<TempDir> {
    let root = tempfile::Builder::new().prefix("bm-repo-").tempdir()?;
    let status = Command::new("git")
        .args(["init", "-q", "--template="])
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_SYSTEM", "/dev/null")
        .current_dir(root.path())
        .status()
        .context("git")?;
    if !status.success() {
        bail!("git init ended with {status}");
    }
    for (path, text) in files {
        std::fs::write(root.path().join(path), text)?;
    }
    Ok(root)
}
