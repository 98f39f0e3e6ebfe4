//! Where Brisk keeps its things. `BRISK_HOME` makes a run hermetic; without it the XDG folders are used.

use crate::exit::{CliError, Exit};
use rustix::fs::{Mode, Stat};
use std::ffi::OsString;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

/// Longest path that fits `sockaddr_un.sun_path` with its final NUL, bytes.
const SUN_PATH_MAX: usize = 107;

/// The folders of one person on one machine. Making this touches no disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Home {
    config: PathBuf,
    state: PathBuf,
    models: PathBuf,
    run: PathBuf,
}

/// Why there is no home.
#[derive(Debug, thiserror::Error)]
pub enum HomeError {
    /// Neither `BRISK_HOME` nor `HOME`.
    #[error("neither BRISK_HOME nor HOME is set")]
    Homeless,
    /// The socket's path is longer than the system allows.
    #[error("the socket's path has {len} bytes, the system allows {SUN_PATH_MAX}: {}", .path.display())]
    LongPath {
        /// The path.
        path: PathBuf,
        /// Its length in bytes.
        len: usize,
    },
    /// A folder could not be made or read.
    #[error("{}: {source}", .path.display())]
    Folder {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The run folder is not the person's alone, so that another user could answer in the daemon's place.
    #[error("{} is not a folder of yours alone: {why}", .path.display())]
    Unsafe {
        /// Which.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
}

impl From<HomeError> for CliError {
    fn from(e: HomeError) -> CliError {
        let (exit, hint) = match &e {
            HomeError::Homeless => (
                Exit::Usage,
                "set HOME, or BRISK_HOME to a folder of your own".to_owned(),
            ),
            HomeError::LongPath { .. } => (Exit::Usage, "set BRISK_HOME to a shorter path".to_owned()),
            HomeError::Folder { .. } => (Exit::Disk, "check the permissions and the space there".to_owned()),
            HomeError::Unsafe { path, .. } => (
                Exit::Disk,
                format!(
                    "`chmod 700 {0}` if it is yours, else remove it, or set BRISK_HOME",
                    path.display()
                ),
            ),
        };
        CliError::new(exit, e.to_string()).hint(hint)
    }
}

impl Home {
    /// From the environment of this process.
    pub fn from_env() -> Result<Home, HomeError> {
        let home = Home::resolve(|name| std::env::var_os(name), rustix::process::getuid().as_raw())?;
        let socket = home.socket();
        let len = socket.as_os_str().len();
        if len > SUN_PATH_MAX {
            return Err(HomeError::LongPath { path: socket, len });
        }
        Ok(home)
    }

    /// Everything below one folder.
    #[cfg(test)]
    pub(crate) fn under(root: &Path) -> Home {
        Home {
            config: root.to_owned(),
            state: root.join("state"),
            models: root.join("models"),
            run: root.join("run"),
        }
    }

    /// From any environment. Empty variables count as absent; relative XDG folders too, as their standard says.
    fn resolve(env: impl Fn(&str) -> Option<OsString>, uid: u32) -> Result<Home, HomeError> {
        let set = |name: &str| env(name).filter(|v| !v.is_empty()).map(PathBuf::from);
        if let Some(root) = set("BRISK_HOME") {
            let root =
                std::path::absolute(&root).map_err(|source| HomeError::Folder { path: root, source })?;
            return Ok(Home {
                config: root.clone(),
                state: root.join("state"),
                models: root.join("models"),
                run: root.join("run"),
            });
        }
        let home = set("HOME").filter(|p| p.is_absolute());
        let xdg = |name: &str, default: &str| {
            set(name)
                .filter(|p| p.is_absolute())
                .or_else(|| home.as_ref().map(|h| h.join(default)))
                .map(|p| p.join("brisk"))
                .ok_or(HomeError::Homeless)
        };
        Ok(Home {
            config: xdg("XDG_CONFIG_HOME", ".config")?,
            state: xdg("XDG_STATE_HOME", ".local/state")?,
            models: xdg("XDG_DATA_HOME", ".local/share")?.join("models"),
            run: match set("XDG_RUNTIME_DIR").filter(|p| p.is_absolute()) {
                Some(p) => p.join("brisk"),
                None => PathBuf::from(format!("/tmp/brisk-{uid}")),
            },
        })
    }

    /// The configuration file; it need not exist.
    pub fn config_file(&self) -> PathBuf {
        self.config.join("config.toml")
    }

    /// Event log, snapshots, the daemon's log.
    pub fn state_dir(&self) -> &Path {
        &self.state
    }

    /// Model files.
    pub fn models_dir(&self) -> &Path {
        &self.models
    }

    /// Sockets and locks; emptied by a restart of the machine.
    pub fn run_dir(&self) -> &Path {
        &self.run
    }

    /// The daemon's socket.
    pub fn socket(&self) -> PathBuf {
        self.run.join("daemon.sock")
    }

    /// Locked by the running daemon for as long as it lives.
    pub fn daemon_lock(&self) -> PathBuf {
        self.run.join("daemon.lock")
    }

    /// Locked by the client that starts a daemon, so that only one does.
    pub fn start_lock(&self) -> PathBuf {
        self.run.join("daemon.start.lock")
    }

    /// What the daemon says.
    pub fn daemon_log(&self) -> PathBuf {
        self.state.join("daemon.log")
    }

    /// Makes the run and state folders where they are missing (0700), and refuses a run folder that others could
    /// use: under a shared /tmp its name is known to everyone.
    pub fn prepare(&self) -> Result<(), HomeError> {
        for path in [&self.run, &self.state] {
            make(path)?;
        }
        let stat = rustix::fs::lstat(&self.run).map_err(|e| HomeError::Folder {
            path: self.run.clone(),
            source: e.into(),
        })?;
        match safe(&stat, rustix::process::getuid().as_raw()) {
            Ok(()) => Ok(()),
            Err(why) => Err(HomeError::Unsafe {
                path: self.run.clone(),
                why,
            }),
        }
    }
}

fn make(path: &Path) -> Result<(), HomeError> {
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(|source| HomeError::Folder {
            path: path.to_owned(),
            source,
        })
}

fn safe(stat: &Stat, uid: u32) -> Result<(), String> {
    let mode = Mode::from_raw_mode(stat.st_mode).bits() & 0o777;
    if rustix::fs::FileType::from_raw_mode(stat.st_mode) != rustix::fs::FileType::Directory {
        Err("it is not a folder".into())
    } else if stat.st_uid != uid {
        Err(format!("it belongs to user {}", stat.st_uid))
    } else if mode & 0o077 != 0 {
        Err(format!("its mode is {mode:o}, others may use it"))
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn resolve(env: &[(&str, &str)]) -> Result<Home, HomeError> {
        Home::resolve(
            |name| {
                env.iter()
                    .find(|(n, _)| *n == name)
                    .map(|(_, v)| OsString::from(v))
            },
            42,
        )
    }

    #[test]
    fn folders_follow_the_environment() {
        // environment; socket, log, models, config
        type Env<'a> = &'a [(&'a str, &'a str)];
        let cases: &[(Env<'_>, [&str; 4])] = &[
            (
                &[("BRISK_HOME", "/b"), ("HOME", "/h"), ("XDG_RUNTIME_DIR", "/r")],
                [
                    "/b/run/daemon.sock",
                    "/b/state/daemon.log",
                    "/b/models",
                    "/b/config.toml",
                ],
            ),
            (
                &[("HOME", "/h"), ("BRISK_HOME", "")],
                [
                    "/tmp/brisk-42/daemon.sock",
                    "/h/.local/state/brisk/daemon.log",
                    "/h/.local/share/brisk/models",
                    "/h/.config/brisk/config.toml",
                ],
            ),
            (
                &[
                    ("HOME", "/h"),
                    ("XDG_RUNTIME_DIR", "/r"),
                    ("XDG_STATE_HOME", "/s"),
                    ("XDG_DATA_HOME", "relative"),
                    ("XDG_CONFIG_HOME", "/c"),
                ],
                [
                    "/r/brisk/daemon.sock",
                    "/s/brisk/daemon.log",
                    "/h/.local/share/brisk/models",
                    "/c/brisk/config.toml",
                ],
            ),
        ];
        for (env, want) in cases {
            let home = resolve(env).unwrap();
            let got = [
                home.socket(),
                home.daemon_log(),
                home.models_dir().to_owned(),
                home.config_file(),
            ];
            assert_eq!(
                got.map(|p| p.display().to_string()),
                want.map(str::to_owned),
                "{env:?}"
            );
        }
        assert!(matches!(resolve(&[]), Err(HomeError::Homeless)));
    }

    #[test]
    fn a_run_folder_open_to_others_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let home = resolve(&[("BRISK_HOME", dir.path().to_str().unwrap())]).unwrap();
        home.prepare().unwrap();
        home.prepare().unwrap();
        std::fs::set_permissions(home.run_dir(), std::fs::Permissions::from_mode(0o755)).unwrap();
        assert!(matches!(home.prepare(), Err(HomeError::Unsafe { .. })));
        std::fs::remove_dir(home.run_dir()).unwrap();
        std::os::unix::fs::symlink("/", home.run_dir()).unwrap();
        assert!(matches!(home.prepare(), Err(HomeError::Unsafe { .. })));
    }
}
