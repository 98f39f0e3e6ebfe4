//! What clients are told of their repository without asking: its tree and where that stands by the ledger, and its jobs.
//! A repository that somebody has open has a thread of its own here, which sleeps until a file, the ledger or HEAD
//! changes. It looks only while no turn runs there: a key or a hunk never waits for the hash of a tree.

mod eyes;

use super::jobs::Jobs;
use super::mailbox::{Mailbox, News};
use super::note;
use crate::exit::CliError;
use crate::home::Home;
use crate::verify::{Gate, why};
use brisk_domain::evidence::Tree;
use brisk_protocol::gate::{TreeNews, TreeState, method};
use brisk_protocol::jobs::{JobsNews, method as jobs_method};
use brisk_protocol::notify_line;
use eyes::{Bell, Eyes, Woke};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

/// A change is looked at when nothing more has changed for so long: editors write in several steps.
const QUIET: Duration = Duration::from_millis(80);

/// Where things change all the time, they are looked at so often.
const PATIENCE: Duration = Duration::from_secs(1);

/// Where not all can be watched, or no tree could be taken, it is looked so often.
const AGAIN: Duration = Duration::from_secs(5);

/// News of jobs are told at most so often.
const JOBS_EVERY: Duration = Duration::from_millis(250);

/// Jobs that are told of.
const JOBS: usize = 20;

/// A repository that somebody has open.
struct Room {
    bell: Arc<Bell>,
    /// Whoever looks and tells holds it: what was seen later is told later.
    looking: Arc<Mutex<()>>,
    clients: Vec<Weak<Mailbox>>,
    /// What was said last of its tree, and of its jobs: whoever comes later is told the same.
    said: BTreeMap<&'static str, String>,
    /// Where it stood then.
    state: Option<TreeState>,
}

#[derive(Default)]
struct Floor {
    rooms: BTreeMap<PathBuf, Room>,
    /// Turns that run, by root.
    turns: BTreeMap<PathBuf, usize>,
}

/// See the module.
pub(crate) struct Standings {
    home: Home,
    jobs: Arc<Jobs>,
    floor: Mutex<Floor>,
}

/// A turn runs; dropping it is its end.
pub(crate) struct Busy {
    standings: Arc<Standings>,
    root: PathBuf,
}

impl Drop for Busy {
    fn drop(&mut self) {
        let mut floor = self.standings.floor();
        if let Some(turns) = floor.turns.get_mut(&self.root) {
            *turns = turns.saturating_sub(1);
        }
        floor.turns.retain(|_, turns| *turns > 0);
        floor.ring(&self.root);
    }
}

impl Floor {
    fn ring(&self, root: &Path) {
        if let Some(room) = self.rooms.get(root) {
            room.bell.ring();
        }
    }
}

impl Standings {
    pub(crate) fn new(home: Home, jobs: Arc<Jobs>) -> Arc<Standings> {
        Arc::new(Standings {
            home,
            jobs,
            floor: Mutex::default(),
        })
    }

    fn floor(&self) -> MutexGuard<'_, Floor> {
        // What a panic elsewhere leaves behind is whole: every change under this lock is one step.
        self.floor.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From here on this client is told of a repository.
    pub(crate) fn watch(self: &Arc<Standings>, root: &Path, mailbox: &Arc<Mailbox>) {
        let mut floor = self.floor();
        if let Some(room) = floor.rooms.get_mut(root) {
            if !room.clients.iter().any(|c| c.as_ptr() == Arc::as_ptr(mailbox)) {
                room.clients.push(Arc::downgrade(mailbox));
                for (method, line) in &room.said {
                    mailbox.news(about(method, root), line.clone());
                }
            }
            return;
        }
        let bell = match Bell::new() {
            Ok(bell) => Arc::new(bell),
            Err(e) => return note(&format!("{} is not watched: {e}", root.display())),
        };
        let room = Room {
            bell: Arc::clone(&bell),
            looking: Arc::default(),
            clients: vec![Arc::downgrade(mailbox)],
            said: BTreeMap::new(),
            state: None,
        };
        floor.rooms.insert(root.to_owned(), room);
        drop(floor);
        let (standings, root) = (Arc::clone(self), root.to_owned());
        std::thread::spawn(move || standings.keep(&root, &bell));
    }

    /// A client is gone.
    pub(crate) fn left(&self, mailbox: &Arc<Mailbox>) {
        for room in self.floor().rooms.values_mut() {
            room.clients.retain(|c| c.as_ptr() != Arc::as_ptr(mailbox));
            if room.clients.is_empty() {
                room.bell.ring();
            }
        }
    }

    /// Something has changed here, or may have.
    pub(crate) fn poke(&self, root: &Path) {
        self.floor().ring(root);
    }

    /// A turn begins here.
    pub(crate) fn turn(self: &Arc<Standings>, root: &Path) -> Busy {
        *self.floor().turns.entry(root.to_owned()).or_default() += 1;
        Busy {
            standings: Arc::clone(self),
            root: root.to_owned(),
        }
    }

    /// Looks at the tree and answers while nobody else does: news of it do not overtake the answer.
    pub(crate) fn alone<T>(&self, root: &Path, look: impl FnOnce() -> T) -> T {
        let looking = self.floor().rooms.get(root).map(|room| Arc::clone(&room.looking));
        let _held = looking
            .as_ref()
            .map(|l| l.lock().unwrap_or_else(PoisonError::into_inner));
        look()
    }

    /// Somebody who asked was told where the tree stands. Where that is something else than was said last, the next look
    /// is told in any case: what it finds may be what was said before, and whoever asked would never hear of it.
    pub(crate) fn answered(&self, root: &Path, state: &TreeState) {
        if let Some(room) = self.floor().rooms.get_mut(root)
            && room.state.as_ref() != Some(state)
        {
            room.said.remove(method::STATE);
        }
    }

    fn rests(&self, root: &Path) -> bool {
        !self.floor().turns.contains_key(root)
    }

    /// Closes the room if nobody is in it.
    fn is_left(&self, root: &Path) -> bool {
        let mut floor = self.floor();
        let left = floor
            .rooms
            .get_mut(root)
            .is_none_or(|room| room.clients.iter().all(|c| c.strong_count() == 0));
        if left {
            floor.rooms.remove(root);
        }
        left
    }

    /// Tells all clients of a room, if it is something new.
    fn tell(&self, root: &Path, method: &'static str, line: String) {
        if let Some(room) = self.floor().rooms.get_mut(root)
            && room.said.get(method) != Some(&line)
        {
            for mailbox in room.clients.iter().filter_map(Weak::upgrade) {
                mailbox.news(about(method, root), line.clone());
            }
            room.said.insert(method, line);
        }
    }

    fn tell_tree(&self, root: &Path, tree: String, state: TreeState) {
        let news = TreeNews {
            root: root.to_owned(),
            tree,
            state,
        };
        self.tell(root, method::STATE, notify_line(method::STATE, &news));
        if let Some(room) = self.floor().rooms.get_mut(root) {
            room.state = Some(news.state);
        }
    }

    /// A file has changed while nobody may look: what was proved is not claimed of it until somebody has.
    fn may_be_another(&self, root: &Path) {
        let proved = self.floor().rooms.get(root).and_then(|room| room.state.clone());
        match proved {
            None | Some(TreeState::Draft { .. } | TreeState::Unknown { .. }) => {}
            Some(
                TreeState::Verifying { .. }
                | TreeState::Verified { .. }
                | TreeState::Failed { .. }
                | TreeState::Flagged { .. }
                | TreeState::Inconclusive { .. }
                | TreeState::Shipped { .. },
            ) => self.tell_tree(root, String::new(), TreeState::Draft { policy: true }),
        }
    }

    fn tell_jobs(&self, root: &Path) {
        match self.jobs.brief(root, JOBS) {
            Ok(jobs) => {
                let news = JobsNews {
                    root: root.to_owned(),
                    jobs,
                };
                self.tell(root, jobs_method::NEWS, notify_line(jobs_method::NEWS, &news));
            }
            Err(e) => note(&format!(
                "jobs of {} cannot be told: {}",
                root.display(),
                e.message
            )),
        }
    }

    /// Tells of jobs whenever one has changed, for as long as the daemon lives.
    pub(crate) async fn follow_jobs(self: Arc<Standings>) {
        let mut seen = 0;
        let mut pace = tokio::time::interval(JOBS_EVERY);
        pace.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        pace.tick().await;
        loop {
            seen = self.jobs.news(seen).await;
            let standings = Arc::clone(&self);
            let told = tokio::task::spawn_blocking(move || {
                let roots: Vec<PathBuf> = standings.floor().rooms.keys().cloned().collect();
                roots.iter().for_each(|root| standings.tell_jobs(root));
            });
            if told.await.is_err() {
                return;
            }
            pace.tick().await;
        }
    }

    fn keep(&self, root: &Path, bell: &Bell) {
        let mut eyes = Eyes::open(root);
        self.tell_jobs(root);
        while !self.is_left(root) {
            let known = self.alone(root, || {
                let (tree, state) = match self.look(root, &mut eyes) {
                    Ok((tree, state)) => (tree.to_string(), state),
                    Err(e) => (String::new(), TreeState::Unknown { why: why(&e) }),
                };
                let known = !matches!(state, TreeState::Unknown { .. });
                self.tell_tree(root, tree, state);
                known
            });
            eyes.on_index(!known);
            let limit = (eyes.are_blind() || !known).then_some(AGAIN);
            let mut woke = eyes.wait(bell, limit);
            let until = Instant::now() + PATIENCE;
            while Instant::now() < until {
                match eyes.wait(bell, Some(QUIET)) {
                    Woke::Late => break,
                    more @ (Woke::Other | Woke::Files) => woke = woke.max(more),
                }
            }
            // The end of a turn rings.
            while !self.rests(root) {
                if woke == Woke::Files {
                    self.may_be_another(root);
                }
                woke = eyes.wait(bell, None);
            }
        }
    }

    fn look(&self, root: &Path, eyes: &mut Eyes) -> Result<(Tree, TreeState), CliError> {
        // Before anything that may fail, and before the tree is taken: what changes from here on wakes.
        eyes.on_files(root);
        let mut gate = Gate::open(&self.home, root)?;
        loop {
            eyes.on_gate(&folders(&gate));
            let standing = gate.standing()?;
            // The first look may make a ledger's folder; what was written there before it was watched is read now.
            if !eyes.on_gate(&folders(&gate)) {
                return Ok(standing);
            }
        }
    }
}

fn about(method: &'static str, root: &Path) -> News {
    News {
        method,
        root: root.to_owned(),
    }
}

/// Where what the gate knows changes.
fn folders(gate: &Gate) -> Vec<PathBuf> {
    let mut all = vec![gate.dir().to_owned(), gate.shadow.shared().join("gate")];
    // Another key has a ledger of its own.
    all.extend(gate.ledger_path().parent().map(Path::to_owned));
    all
}
