//! What routing needs from this machine: policy files, the models that are configured, how fast they were. Reads, and
//! decides nothing.

use crate::config::Config;
use crate::daemon::{CONTEXT, embedded_files};
use crate::home::Home;
use crate::models::known::{self, Origin, Remote};
use brisk_domain::ModelId;
use brisk_protocol::Stage;
use brisk_providers::BaseUrl;
use brisk_router::breaker::Health;
use brisk_router::fleet::{Member, Price, Usable};
use brisk_router::policy::{Finding, Level, Policy, lint, read_person, read_repository};
use brisk_router::quota::Ledger;
use brisk_router::scale::{LANES, Set};
use brisk_router::speed::Track;
use brisk_store::FeltStore;
use std::collections::BTreeMap;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// A policy is a page of text; what is longer is something else.
const MAX_BYTES: u64 = 64 * 1024;

/// How good the embedded models are taken to be, 0 to 100: small ones do small edits.
const EMBEDDED_QUALITY: u8 = 25;

/// The pool of everything that runs here.
const EMBEDDED_POOL: &str = "this machine";

/// Requests that a server is taken to run at once without slowing down.
const REMOTE_SLOTS: u32 = 4;

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

/// The policy files that hold in a folder, as they are now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Texts(Vec<(PathBuf, Owner, String)>);

impl Texts {
    /// Reads those that are there.
    ///
    /// # Errors
    /// [`PolicyError::Unreadable`] for the first that cannot be read.
    pub(crate) fn read(home: &Home, cwd: &Path) -> Result<Texts, PolicyError> {
        let files = [
            (Some(person_file(home)), Owner::Person),
            (repository_file(cwd), Owner::Repository),
        ];
        let mut texts = Vec::new();
        for (path, owner) in files {
            let Some(path) = path else { continue };
            if let Some(text) = text(&path, owner)? {
                texts.push((path, owner, text));
            }
        }
        Ok(Texts(texts))
    }

    /// The policy, all layers.
    ///
    /// # Errors
    /// [`PolicyError::Wrong`] for the first that has an error.
    pub(crate) fn policy(&self, known: &[&str]) -> Result<Policy, PolicyError> {
        let mut policy = Policy::built_in();
        for (path, owner, text) in &self.0 {
            let (next, checked) = check(policy, path, text, *owner, known);
            if let Some(finding) = checked.findings.into_iter().find(|f| f.level == Level::Error) {
                let path = path.clone();
                return Err(PolicyError::Wrong { path, finding });
            }
            policy = next;
        }
        Ok(policy)
    }
}

/// The policy that holds in a folder, all layers.
///
/// # Errors
/// [`PolicyError`] for the first file that cannot be used.
pub(crate) fn policy(home: &Home, cwd: &Path, known: &[&str]) -> Result<Policy, PolicyError> {
    Texts::read(home, cwd)?.policy(known)
}

/// Every model that is configured, in the person's order, usable or not; after them those of vendors, which are asked
/// by name only. A mistake in the person's catalogue leaves the bundled one.
pub(crate) fn fleet(config: &Config, home: &Home) -> Vec<Member> {
    members(config, known::usable(config, home), embedded_files(home))
}

/// The same, of what is known already.
pub(crate) fn members(
    config: &Config,
    remotes: Vec<Remote>,
    embedded: Vec<(ModelId, PathBuf)>,
) -> Vec<Member> {
    let (configured, presets): (Vec<Remote>, Vec<Remote>) = remotes
        .into_iter()
        .partition(|remote| remote.origin == Origin::Config);
    let mut fleet: Vec<Member> = configured.into_iter().map(member).collect();
    for (id, path) in embedded {
        fleet.push(Member {
            price: Some(Price { input: 0, output: 0 }),
            quality: Some(EMBEDDED_QUALITY),
            // They share this machine: one that is late does not get faster beside another one.
            pool: EMBEDDED_POOL.to_owned(),
            usable: if path.is_file() {
                Usable::As(Health::Ready)
            } else {
                Usable::Not(format!("{} is not there", path.display()))
            },
            ..Member::new(id, u32::try_from(CONTEXT).unwrap_or(u32::MAX))
        });
    }
    let wanted = &config.lanes.fast.candidates;
    for remote in presets {
        let by_name = !wanted.contains(&remote.id.0);
        // What cannot be asked anyway would be noise in every refusal.
        if !by_name || remote.missing.is_none() {
            fleet.push(Member {
                by_name,
                ..member(remote)
            });
        }
    }
    if !wanted.is_empty() {
        let place = |m: &Member| wanted.iter().position(|name| *name == m.model.0);
        // Who is not on the list of the fast lane is still there for the slow one, after the others.
        fleet.sort_by_key(|m| place(m).unwrap_or(usize::MAX));
        for member in fleet.iter_mut().filter(|m| place(m).is_none() && !m.by_name) {
            member.lanes = Set::of([1]);
        }
    }
    fleet
}

fn member(remote: Remote) -> Member {
    // Models behind one address share its limits, however it is written.
    let pool = BaseUrl::parse(&remote.base_url, true).map_or(remote.base_url, |url| url.to_string());
    Member {
        pool,
        usable: match remote.missing {
            Some(why) => Usable::Not(why),
            None => Usable::As(Health::Ready),
        },
        format: remote.format,
        slots: REMOTE_SLOTS,
        price: remote.price,
        quality: remote.quality,
        ..Member::new(remote.id, u32::try_from(remote.context).unwrap_or(u32::MAX))
    }
}

/// Fills in the pools that the person named in the policy.
pub(crate) fn pools(fleet: &mut [Member], policy: &Policy) {
    for member in fleet {
        if let Some(pool) = &policy.model(&member.model.0).pool {
            member.pool.clone_from(pool);
        }
    }
}

/// Fills in how fast the models were on this machine, where turns were remembered. What cannot be read stays unknown.
pub(crate) fn measure(fleet: &mut [Member], home: &Home) {
    let tracks = tracks(home);
    for member in fleet {
        member.speed = tracks.get(&member.model).and_then(Track::speed);
    }
}

/// How fast every model was lately, from the turns that were remembered.
pub(crate) fn tracks(home: &Home) -> BTreeMap<ModelId, Track> {
    let mut tracks: BTreeMap<ModelId, Track> = BTreeMap::new();
    let dir = home.state_dir().join("events");
    if !FeltStore::path_in(&dir).exists() {
        return tracks;
    }
    let Ok(turns) = FeltStore::open(&dir).and_then(|store| store.turns(0)) else {
        return tracks;
    };
    let recent = turns.get(turns.len().saturating_sub(TURNS)..).unwrap_or_default();
    // A turn that asked again says nothing about one answer.
    for turn in recent.iter().filter(|t| t.retries.is_empty()) {
        let ttft = turn.stages.between(Stage::Request, Stage::FirstToken);
        let writing = turn.stages.between(Stage::FirstToken, Stage::Complete);
        if let (Some(model), Some(ttft), Some(writing)) = (&turn.model, ttft, writing) {
            let track = tracks.entry(model.clone()).or_default();
            track.record(ttft, turn.tokens.output, writing);
        }
    }
    tracks
}

/// Accounts with the policy's bounds. They are empty: what other processes borrowed is not known here.
pub(crate) fn ledger(policy: &Policy, fleet: &[Member]) -> Ledger {
    let mut ledger = Ledger::default();
    limit(&mut ledger, policy, fleet);
    ledger
}

/// Sets the bounds of the lanes and of these models. What is borrowed stays borrowed.
pub(crate) fn limit(ledger: &mut Ledger, policy: &Policy, fleet: &[Member]) {
    for (lane, _) in LANES {
        ledger.limit_lane(lane, policy.lane(lane).limits);
    }
    for member in fleet {
        let name = &member.model.0;
        ledger.limit_model(name, policy.model(name).bounds.limits);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::remote::Catalogue;
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
            // One address, written in two ways.
            let end = if name == "a" { "/v1/" } else { "" };
            format!(
                "[models.{name}]\nbase_url = \"http://127.0.0.1:1{end}\"\nmodel = \"m\"\ncontext = 9000\n"
            )
        };
        let text = format!(
            "{}{}{}api_key_env = \"BRISK_TEST_NO_SUCH_KEY\"\n[lanes.fast]\ncandidates = [\"c\", \"a\"]\n",
            model("a"),
            model("b"),
            model("c"),
        );
        let config: Config = toml::from_str(&text).unwrap();
        let remotes = known::all(&config, &Catalogue::bundled(), &[], &|_| None);
        let fleet = members(
            &config,
            remotes,
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

    #[test]
    fn vendors_are_asked_by_name_unless_the_person_listed_them() {
        let key = |name: &str| (name == "GROQ_API_KEY").then(|| "sk-1".to_owned());
        let fleet = |config: &str| {
            let config: Config = toml::from_str(config).unwrap();
            let remotes = known::all(&config, &Catalogue::bundled(), &[], &key);
            let here = (ModelId("here".into()), PathBuf::from("/nonexistent.gguf"));
            members(&config, remotes, vec![here])
        };
        let names = |fleet: &[Member]| -> Vec<(String, bool)> {
            fleet.iter().map(|m| (m.model.0.clone(), m.by_name)).collect()
        };
        let unasked = names(&fleet(""));
        assert_eq!(
            unasked[0],
            ("here".to_owned(), false),
            "the embedded one is first"
        );
        let rest = &unasked[1..];
        assert!(
            rest.len() >= 2
                && rest
                    .iter()
                    .all(|(name, by_name)| *by_name && name.starts_with("groq/"))
        );
        let listed =
            fleet("[lanes.fast]\ncandidates = [\"here\", \"groq/gpt-oss-20b\", \"openai/gpt-6-luna\"]\n");
        assert_eq!(
            names(&listed)[..3],
            ["here", "groq/gpt-oss-20b", "openai/gpt-6-luna"].map(|name| (name.to_owned(), false))
        );
        assert_eq!(listed[1].price.map(|p| p.output), Some(300_000));
        assert!(matches!(&listed[2].usable, Usable::Not(why) if why.contains("OPENAI_API_KEY")));
    }
}
