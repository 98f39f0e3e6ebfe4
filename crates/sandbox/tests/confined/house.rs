//! A sandbox and folders to try it with.

use brisk_sandbox::{
    Accept, Confined, EnvRule, Exit, Level, Mechanism, Outcome, Pid, RunError, Sandbox, Stop, Stream,
};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{PidfdFlags, pidfd_open};
use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::OnceLock;

/// The sandbox of this machine, found out once; `None` is said aloud. Degraded is enough here: what a case needs it asks
/// for itself.
pub(crate) fn sandbox() -> Option<&'static Sandbox> {
    static FOUND: OnceLock<Option<Sandbox>> = OnceLock::new();
    let found = FOUND.get_or_init(|| {
        let helper = PathBuf::from(env!("CARGO_BIN_EXE_brisk-sandbox-enter"));
        match Sandbox::probe(helper, Accept::Degraded) {
            Ok(sandbox) => Some(sandbox),
            Err(error) => {
                println!("SKIPPED: {error}");
                None
            }
        }
    });
    found.as_ref()
}

/// A folder that the command may change, beside one that it does not see.
pub(crate) struct House {
    folder: tempfile::TempDir,
}

/// How a command ended, with what it wrote.
pub(crate) struct Ran {
    pub(crate) outcome: Outcome,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl House {
    pub(crate) fn new() -> House {
        let folder = tempfile::tempdir().unwrap();
        for name in ["work", "outside"] {
            std::fs::create_dir(folder.path().join(name)).unwrap();
        }
        std::fs::write(folder.path().join("outside/secret"), "the secret").unwrap();
        House { folder }
    }

    pub(crate) fn work(&self) -> PathBuf {
        self.folder.path().join("work")
    }

    pub(crate) fn outside(&self) -> PathBuf {
        self.folder.path().join("outside")
    }

    /// A shell script in the working folder, which it may change.
    pub(crate) fn script(&self, script: &str) -> Confined {
        self.command(&["/bin/sh", "-c", script])
    }

    pub(crate) fn command(&self, argv: &[&str]) -> Confined {
        Confined {
            read_only: Vec::new(),
            writable: vec![self.work()],
            env: vec![EnvRule::Set("PATH".into(), "/usr/local/bin:/usr/bin:/bin".into())],
            ..Confined::new(argv.iter().map(OsString::from).collect(), self.work())
        }
    }
}

/// Runs a command to its end.
pub(crate) async fn run(sandbox: &Sandbox, confined: Confined, stop: Option<&Stop>) -> Result<Ran, RunError> {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let outcome = sandbox
        .run(confined, stop, &mut |stream, bytes| match stream {
            Stream::Out => out.extend_from_slice(bytes),
            Stream::Err => err.extend_from_slice(bytes),
        })
        .await?;
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    let (out, err) = (text(out), text(err));
    Ok(Ran { outcome, out, err })
}

impl Ran {
    /// The command must have ended with code 0; its standard output.
    pub(crate) fn good(self) -> String {
        assert_eq!(self.outcome.exit, Exit::Code(0), "{} {}", self.out, self.err);
        self.out
    }
}

/// Runs a command that must start, to its end.
pub(crate) async fn ran(sandbox: &Sandbox, confined: Confined) -> Ran {
    run(sandbox, confined, None).await.unwrap()
}

/// The sandbox with both of its lists of files, and with each of them alone.
pub(crate) fn each_alone(sandbox: &Sandbox) -> Vec<(&'static str, Sandbox)> {
    let missing = match sandbox.level() {
        Level::Full => vec![],
        Level::Degraded(missing) => missing,
    };
    let mut all = vec![("as it is", sandbox.clone())];
    for (name, without, needs) in [
        ("mounts alone", Mechanism::Landlock, Mechanism::Mounts),
        ("landlock alone", Mechanism::Mounts, Mechanism::Landlock),
    ] {
        match missing.contains(&needs) {
            true => println!("SKIPPED: {name}, this machine has none"),
            false => all.push((name, sandbox.clone().without(without))),
        }
    }
    all
}

/// Whether there is a program that a case needs; said aloud if not.
pub(crate) fn has(program: &str) -> bool {
    let there = std::path::Path::new(program).exists();
    if !there {
        println!("SKIPPED: no {program}");
    }
    there
}

/// A mark in the environment by which processes are found again from outside.
pub(crate) struct Mark(String);

impl Mark {
    pub(crate) fn new(house: &House) -> Mark {
        Mark(format!("BRISK_TEST_MARK={}", house.folder.path().display()))
    }

    pub(crate) fn rule(&self) -> EnvRule {
        let (name, value) = self.0.split_once('=').unwrap();
        EnvRule::Set(name.into(), value.into())
    }

    /// Processes of this machine that have it.
    pub(crate) fn bearers(&self) -> Vec<Pid> {
        let mut found = Vec::new();
        for entry in std::fs::read_dir("/proc").unwrap().flatten() {
            let pid = entry.file_name().to_str().and_then(|name| name.parse().ok());
            let Some(pid) = pid.and_then(Pid::from_raw) else {
                continue;
            };
            let environ = std::fs::read(entry.path().join("environ")).unwrap_or_default();
            if environ
                .split(|byte| *byte == 0)
                .any(|one| one == self.0.as_bytes())
            {
                found.push(pid);
            }
        }
        found
    }
}

/// Returns when all these are gone.
pub(crate) fn wait_for_the_end_of(pids: &[Pid]) {
    for pid in pids {
        // One that is gone already cannot be opened.
        let Ok(process) = pidfd_open(*pid, PidfdFlags::empty()) else {
            continue;
        };
        let mut wanted = [PollFd::new(&process, PollFlags::IN)];
        rustix::io::retry_on_intr(|| poll(&mut wanted, None)).unwrap();
    }
}
