//! The sandbox of a gate: found out once, while the tree is looked at and laid out, and then used for every check.

use crate::exit::{CliError, Exit};
use crate::verify::Gate;
use brisk_sandbox::{Accept, Sandbox, Unavailable};
use std::io;
use std::path::PathBuf;
use std::thread::{self, JoinHandle};

/// How far a gate is with its sandbox.
pub(super) enum Probing {
    /// Somebody tries it.
    Asked {
        degraded: bool,
        trial: JoinHandle<io::Result<Result<Sandbox, Unavailable>>>,
    },
    /// It works.
    Found { degraded: bool, sandbox: Sandbox },
}

impl Probing {
    fn degraded(&self) -> bool {
        match self {
            Probing::Asked { degraded, .. } | Probing::Found { degraded, .. } => *degraded,
        }
    }
}

/// The program that enters a sandbox: our own.
fn own_program() -> io::Result<PathBuf> {
    let exe = std::env::current_exe()?;
    match exe.try_exists()? {
        true => Ok(exe),
        false => Err(io::Error::other(
            "it was replaced since this process began; `brisk daemon stop` ends an old daemon",
        )),
    }
}

impl Gate {
    /// A check will run: tries the sandbox meanwhile, unless that was done. `degraded`: settle for one without all of
    /// its parts.
    pub(super) fn find_sandbox(&mut self, degraded: bool) {
        if self.probing.as_ref().is_some_and(|p| p.degraded() == degraded) {
            return;
        }
        let accept = match degraded {
            true => Accept::Degraded,
            false => Accept::Full,
        };
        let trial = thread::Builder::new()
            .name("probe".into())
            .spawn(move || Ok(Sandbox::probe(own_program()?, accept)));
        // Without a thread it is asked for once more, and the answer told, when it is needed.
        self.probing = trial.ok().map(|trial| Probing::Asked { degraded, trial });
    }

    /// The sandbox, once it is known to work. Nothing is run without.
    pub(super) fn sandbox(&mut self, degraded: bool) -> Result<Sandbox, CliError> {
        self.find_sandbox(degraded);
        let lost =
            |why: String| CliError::new(Exit::Confinement, format!("the sandbox cannot be tried: {why}"));
        let sandbox = match self.probing.take() {
            Some(Probing::Found { sandbox, .. }) => sandbox,
            Some(Probing::Asked { trial, .. }) => trial
                .join()
                .map_err(|_| lost("the trial broke off".to_owned()))?
                .map_err(|e| lost(format!("our own program cannot be found: {e}")))?
                .map_err(|e| {
                    let hint = match e {
                        Unavailable::Degraded { .. } => {
                            "`brisk verify --degraded` settles for it; the evidence says so"
                        }
                        Unavailable::NoBubblewrap(_) | Unavailable::Broken(_) => {
                            "nothing is run without a sandbox"
                        }
                    };
                    CliError::new(Exit::Confinement, e.to_string()).hint(hint)
                })?,
            None => return Err(lost("there is no thread for it".to_owned())),
        };
        self.probing = Some(Probing::Found {
            degraded,
            sandbox: sandbox.clone(),
        });
        Ok(sandbox)
    }
}
