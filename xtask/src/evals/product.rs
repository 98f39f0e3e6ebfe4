//! The product under test: the built binary in a home of its own.

use super::grade::put;
use super::process::{Called, argv, call};
use super::tasks::Task;
use super::turn::Turn;
use anyhow::{Context, bail};
use brisk_sandbox::End;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Names a GGUF file, as the product reads it.
const MODEL_ENV: &str = "BRISK_MODEL";
const HOME_ENV: &str = "BRISK_HOME";

/// For commands that only look or stop something.
pub(super) const SHORT: Duration = Duration::from_secs(30);

/// How the edits of a run are asked for.
#[derive(Debug)]
pub(super) struct How {
    pub(super) binary: PathBuf,
    /// Model by name; the product's choice when `None`.
    pub(super) model: Option<String>,
    /// Name the function, where the set knows it.
    pub(super) by_symbol: bool,
    /// One edit may take this long.
    pub(super) limit: Duration,
}

/// What one edit left behind.
#[derive(Debug)]
pub(super) struct Edited {
    pub(super) turn: Turn,
    /// `None`: it did not end by itself.
    pub(super) exit: Option<i32>,
    pub(super) after: String,
}

/// The binary with a hermetic home. [`Product::stop`] ends its daemon; nothing does so on drop.
#[derive(Debug)]
pub(super) struct Product {
    pub(super) how: How,
    home: tempfile::TempDir,
    pub(super) env: Vec<(&'static str, OsString)>,
}

impl Product {
    /// Makes the home: a link to the folder with the models, a copy of the configuration.
    pub(super) async fn new(
        how: How,
        models: Option<&Path>,
        config: Option<&Path>,
    ) -> anyhow::Result<Product> {
        if !how.binary.is_file() {
            bail!(
                "{} is not there; build it with `cargo build --release -p brisk`, or name another with --binary",
                how.binary.display()
            );
        }
        // The socket lies in here, and its path must be short.
        let home = tempfile::Builder::new().prefix("brisk-evals-").tempdir()?;
        let mut env = vec![(HOME_ENV, home.path().into())];
        if let Some(file) = std::env::var_os(MODEL_ENV).filter(|file| !file.is_empty()) {
            // Absolute: the daemon's working folder is another.
            env.push((MODEL_ENV, std::path::absolute(file)?.into()));
        }
        let models = match models {
            Some(folder) => Some(std::path::absolute(folder)?),
            None => own_models(&how.binary).await?,
        };
        if let Some(folder) = models {
            std::os::unix::fs::symlink(folder, home.path().join("models"))?;
        }
        if let Some(file) = config {
            std::fs::copy(file, home.path().join("config.toml"))
                .with_context(|| file.display().to_string())?;
        }
        Ok(Product { how, home, env })
    }

    /// What results depend on, in words.
    pub(super) fn setting(&self) -> String {
        let model = self.how.model.as_deref().unwrap_or("default");
        let target = if self.how.by_symbol { "symbol" } else { "file" };
        format!("model {model}, target {target}")
    }

    /// The file that takes the place of the product's own model.
    pub(super) fn model_file(&self) -> Option<&OsStr> {
        let named = self.env.iter().find(|(name, _)| *name == MODEL_ENV);
        named.map(|(_, file)| file.as_os_str())
    }

    /// What a task is pointed at.
    pub(super) fn target(&self, task: &Task) -> String {
        match &task.symbol {
            Some(symbol) if self.how.by_symbol => format!("{}:{symbol}", task.file),
            Some(_) | None => task.file.clone(),
        }
    }

    /// Asks for one edit, in a repository made for it.
    pub(super) async fn edit(&self, task: &Task) -> anyhow::Result<Edited> {
        let dir = tempfile::Builder::new().prefix("brisk-task-").tempdir()?;
        let file = put(dir.path(), &task.file, &task.before)?;
        for (path, text) in &task.beside {
            put(dir.path(), path, text)?;
        }
        self.git(dir.path()).await?;

        let target = self.target(task);
        let mut argv = argv![&self.how.binary, "edit", "--json", "--yes"].to_vec();
        if let Some(model) = &self.how.model {
            argv.extend(argv!["--model", model]);
        }
        argv.extend(argv!["--", &task.instruction, target]);
        let called = call(&argv, dir.path(), &self.env, self.how.limit).await?;
        let exit = match called.end {
            End::Exited(code) => Some(code),
            End::Signalled(_) | End::TimedOut => None,
        };
        let turn = match Turn::read(&called.out) {
            Ok(turn) => turn,
            // A line may be torn where the command was.
            Err(_) if exit.is_none() => Turn::default(),
            Err(error) => bail!("{} wrote what is not JSON: {error}", self.how.binary.display()),
        };
        let after = std::fs::read(&file).with_context(|| file.display().to_string())?;
        Ok(Edited {
            turn,
            exit,
            after: String::from_utf8_lossy(&after).into_owned(),
        })
    }

    /// One commit with everything in it, whatever the person's own git is told to do.
    pub(super) async fn git(&self, dir: &Path) -> anyhow::Result<()> {
        let env = [
            ("GIT_CONFIG_GLOBAL", "/dev/null".into()),
            ("GIT_CONFIG_SYSTEM", "/dev/null".into()),
        ];
        let who = ["-c", "user.name=evals", "-c", "user.email=evals@localhost"];
        for step in [
            &["init", "-q"][..],
            &["add", "-A"],
            &["commit", "-q", "-m", "The task"],
        ] {
            let argv: Vec<OsString> = ["git"]
                .iter()
                .chain(&who)
                .chain(step)
                .map(OsString::from)
                .collect();
            let called = call(&argv, dir, &env, SHORT).await?;
            if !called.success() {
                bail!("git {}: {}", step.join(" "), called.complaint());
            }
        }
        Ok(())
    }

    /// Ends the daemon of the home. None running is as good.
    pub(super) async fn stop(&self) -> anyhow::Result<()> {
        let argv = argv![&self.how.binary, "daemon", "stop"];
        let called: Called = call(&argv, self.home.path(), &self.env, SHORT).await?;
        if !called.success() {
            bail!("`brisk daemon stop` failed: {}", called.complaint());
        }
        Ok(())
    }
}

/// The folder where the person's models are, if the product knows one that exists.
async fn own_models(binary: &Path) -> anyhow::Result<Option<PathBuf>> {
    let here = std::env::current_dir()?;
    let called = call(&argv![binary, "model", "path"], &here, &[], SHORT).await?;
    let folder = Path::new(called.out.trim()).parent().map(Path::to_owned);
    Ok(folder.filter(|folder| called.success() && folder.is_absolute() && folder.is_dir()))
}
