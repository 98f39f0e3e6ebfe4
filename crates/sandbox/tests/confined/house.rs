//! A sandbox and folders to try it with.

use brisk_sandbox::{Accept, Confined, EnvRule, Exit, Outcome, RunError, Sandbox, Stop, Stream};
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
