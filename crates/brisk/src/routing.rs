//! What routing needs from this machine: policy files, the models that are configured, how fast they were. Reads, and
//! decides nothing.

use crate::config::Config;
use crate::daemon::{CONTEXT, embedded_files};
use crate::home::Home;
use brisk_domain::ModelId;
use brisk_protocol::Stage;
use brisk_router::breaker::Health;
use brisk_router::fleet::{Member, Price, Usable};
use brisk_router::policy::{Finding, Level, Policy, lint, read_person, read_repository};
use brisk_router::quota::Ledger;
use brisk_router::scale::{LANES, Set};
use brisk_router::speed::Track;
use brisk_store::FeltStore;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// A policy is a page of text; what is longer is something else.
const MAX_BYTES: u64 = 64 * 1024;

/// How good the embedded models are taken to be, 0 to 100: small ones do small edits.
const EMBEDDED_QUALITY: u8 = 25;

/// Turns that a model's speed is taken from; the track keeps the last of them.
const TURNS: usize = 500;

/// Whose file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Owner {
    /// The person.
    Person,
    /// The repository.
    Repository,
}

/// A policy file that was read, with everything that is wrong with it.
#[derive(Debug)]
pub(crate) struct Checked {
    pub(crate) path: PathBuf,
    pub(crate) findings: Vec<Finding>,
}

/// Why there is no policy to decide with.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PolicyError {
    /// It cannot be read.
    #[error("{path}: {source}", path = .path.display())]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It has errors. A policy that is half understood might allow what it means to forbid.
    #[error("{path}:{line}:{column}: {message}", path = .path.display(), line = .finding.line, column = .finding.column, message = .finding.message)]
    Wrong {
        /// Which.
        path: PathBuf,
        /// The first error.
        finding: Finding,
    },
}

/// The person's policy; it need not exist.
pub(crate) fn person_file(home: &Home) -> PathBuf {
    home.config_file().with_file_name("policy.toml")
}

/// The policy of the repository that a folder is in; it need not exist.
pub(crate) fn repository_file(cwd: &Path) -> Option<PathBuf> {
    let root = cwd.ancestors().find(|folder| folder.join(".git").exists())?;
    Some(root.join(".brisk").join("policy.toml"))
}

/// The text of a policy; none if there is no file. A person may keep theirs behind a link; a repository could point
/// one anywhere, and may not.
pub(crate) fn text(path: &Path, owner: Owner) -> Result<Option<String>, PolicyError> {
    let unreadable = |source| PolicyError::Unreadable {
        path: path.to_owned(),
        source,
    };
    let meta = match owner {
        Owner::Person => std::fs::metadata(path),
        Owner::Repository => std::fs::symlink_metadata(path),
    };
    let meta = match meta {
        Ok(meta) => meta,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(unreadable(e)),
    };
    if !meta.is_file() {
        return Err(unreadable(io::Error::other("it is not a regular file")));
    }
    let mut text = String::new();
    let file = std::fs::File::open(path).map_err(unreadable)?;
    let read = file.take(MAX_BYTES + 1).read_to_string(&mut text);
    if u64::try_from(read.map_err(unreadable)?).unwrap_or(u64::MAX) > MAX_BYTES {
        return Err(unreadable(io::Error::other("it has more than 64 KiB")));
    }
    Ok(Some(text))
}

/// Reads one file as a policy of this owner, and gives the policy with it.
pub(crate) fn check(
    base: Policy,
    path: &Path,
    text: &str,
    owner: Owner,
    known: &[&str],
) -> (Policy, Checked) {
    let (policy, mut findings) = match owner {
        Owner::Person => {
            let (file, mut findings) = read_person(text);
            findings.extend(lint(text, &file, known));
            (base.with(&file), findings)
        }
        Owner::Repository => {
            // It may name models that this person does not have: no mistake of theirs.
            let (less, findings) = read_repository(text, &base);
            (base.tighten(&less), findings)
        }
    };
    findings.sort_by_key(|f| (f.line, f.column));
    let path = path.to_owned();
    (policy, Checked { path, findings })
}

/// The policy that holds in a folder, all layers.
///
/// # Errors
/// [`PolicyError`] for the first file that cannot be used.
pub(crate) fn policy(home: &Home, cwd: &Path, known: &[&str]) -> Result<Policy, PolicyError> {
    let mut policy = Policy::built_in();
    let files = [
        (Some(person_file(home)), Owner::Person),
        (repository_file(cwd), Owner::Repository),
    ];
    for (path, owner) in files {
        let Some(path) = path else { continue };
        let Some(text) = text(&path, owner)? else { continue };
        let (next, checked) = check(policy, &path, &text, owner, known);
        if let Some(finding) = checked.findings.into_iter().find(|f| f.level == Level::Error) {
            return Err(PolicyError::Wrong { path, finding });
        }
        policy = next;
    }
    Ok(policy)
}

/// Every model that is configured, in the person's order, usable or not.
pub(crate) fn fleet(config: &Config, home: &Home) -> Vec<Member> {
    members(config, embedded_files(home))
}

fn members(config: &Config, embedded: Vec<(ModelId, PathBuf)>) -> Vec<Member> {
    let mut fleet: Vec<Member> = Vec::new();
    for (name, upstream) in &config.models {
        let key = upstream.api_key_env.as_ref();
        let missing = key.filter(|var| std::env::var(var).map_or(true, |value| value.is_empty()));
        fleet.push(Member {
            // Models behind one address share its limits.
            pool: upstream.base_url.clone(),
            usable: match missing {
                Some(var) => Usable::Not(format!("the variable {var} holds no key")),
                None => Usable::As(Health::Ready),
            },
            ..Member::new(
                ModelId(name.clone()),
                u32::try_from(upstream.context).unwrap_or(u32::MAX),
            )
        });
    }
    for (id, path) in embedded {
        fleet.push(Member {
            price: Some(Price { input: 0, output: 0 }),
            quality: Some(EMBEDDED_QUALITY),
            usable: if path.is_file() {
                Usable::As(Health::Ready)
            } else {
                Usable::Not(format!("{} is not there", path.display()))
            },
            ..Member::new(id, u32::try_from(CONTEXT).unwrap_or(u32::MAX))
        });
    }
    let wanted = &config.lanes.fast.candidates;
    if !wanted.is_empty() {
        let place = |m: &Member| wanted.iter().position(|name| *name == m.model.0);
        // Who is not on the list of the fast lane is still there for the slow one, after the others.
        fleet.sort_by_key(|m| place(m).unwrap_or(usize::MAX));
        for member in fleet.iter_mut().filter(|m| place(m).is_none()) {
            member.lanes = Set::of([1]);
        }
    }
    fleet
}

/// Fills in how fast the models were on this machine, where turns were remembered. What cannot be read stays unknown.
pub(crate) fn measure(fleet: &mut [Member], home: &Home) {
    let dir = home.state_dir().join("events");
    if !FeltStore::path_in(&dir).exists() {
        return;
    }
    let Ok(turns) = FeltStore::open(&dir).and_then(|store| store.turns(0)) else {
        return;
    };
    let recent = turns.get(turns.len().saturating_sub(TURNS)..).unwrap_or_default();
    for member in fleet {
        let mut track = Track::default();
        // A turn that asked again says nothing about one answer.
        let own = recent
            .iter()
            .filter(|t| t.model.as_ref() == Some(&member.model) && t.retries.is_empty());
        for turn in own {
            let ttft = turn.stages.between(Stage::Request, Stage::FirstToken);
            let writing = turn.stages.between(Stage::FirstToken, Stage::Complete);
            if let (Some(ttft), Some(writing)) = (ttft, writing) {
                track.record(ttft, turn.tokens.output, writing);
            }
        }
        member.speed = track.speed();
    }
}

/// Accounts with the policy's bounds. They are empty: what other processes borrowed is not known here.
pub(crate) fn ledger(policy: &Policy, fleet: &[Member]) -> Ledger {
    let mut ledger = Ledger::default();
    for (lane, _) in LANES {
        ledger.limit_lane(lane, policy.lane(lane).limits);
    }
    for member in fleet {
        let name = &member.model.0;
        ledger.limit_model(name, policy.model(name).bounds.limits);
    }
    ledger
}

#[cfg(test)]
mod tests {
    use super::*;
    use brisk_router::scale::Tool;

    #[test]
    fn policies_are_small_regular_texts() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("policy.toml");
        let read = |owner| text(&path, owner).map_err(|e| e.to_string());
        assert_eq!(read(Owner::Person), Ok(None));
        std::fs::write(&path, "default = \"slow\"").unwrap();
        assert!(read(Owner::Repository).unwrap().is_some());
        std::fs::write(&path, [0xff; 9]).unwrap();
        assert!(read(Owner::Person).is_err());
        std::fs::write(&path, vec![b'#'; 65 * 1024]).unwrap();
        assert!(read(Owner::Person).unwrap_err().contains("64 KiB"));
        std::fs::remove_file(&path).unwrap();
        std::fs::create_dir(&path).unwrap();
        assert!(read(Owner::Person).unwrap_err().contains("regular file"));
        std::fs::remove_dir(&path).unwrap();
        let own = dir.path().join("own.toml");
        std::fs::write(&own, "").unwrap();
        std::os::unix::fs::symlink(&own, &path).unwrap();
        assert!(read(Owner::Repository).is_err());
        assert_eq!(read(Owner::Person), Ok(Some(String::new())));
    }

    #[test]
    fn the_order_of_the_fast_lane_is_the_order_of_the_fleet() {
        let model = |name: &str| {
            format!("[models.{name}]\nbase_url = \"http://127.0.0.1:1/v1\"\nmodel = \"m\"\ncontext = 9000\n")
        };
        let text = format!(
            "{}{}{}api_key_env = \"BRISK_TEST_NO_SUCH_KEY\"\n[lanes.fast]\ncandidates = [\"c\", \"a\"]\n",
            model("a"),
            model("b"),
            model("c"),
        );
        let config: Config = toml::from_str(&text).unwrap();
        let fleet = members(
            &config,
            vec![(ModelId("here".into()), PathBuf::from("/nonexistent.gguf"))],
        );
        let names: Vec<&str> = fleet.iter().map(|m| m.model.0.as_str()).collect();
        assert_eq!(names, ["c", "a", "b", "here"]);
        assert!(matches!(&fleet[3].usable, Usable::Not(_)));
        assert!(matches!(&fleet[0].usable, Usable::Not(why) if why.contains("BRISK_TEST_NO_SUCH_KEY")));
        assert_eq!((fleet[1].context, fleet[1].lanes), (9_000, Set::ALL));
        assert_eq!(fleet[2].lanes, Set::of([1]), "only for the slow lane");
        assert_eq!(fleet[1].pool, fleet[2].pool, "one address, one pool");
        assert!(fleet[1].tools.has(Tool::Run as u32));
    }
}
