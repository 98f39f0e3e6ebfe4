//! The bound on the number of processes, where limits of the kernel's own do not hold: a cgroup.

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// A place below which groups can be made, with the means to bound what is in them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Groups {
    folder: PathBuf,
    kind: Kind,
}

/// How a process gets into a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// cgroup v2: it is moved. For that the kernel holds up every fork of the machine and waits until all have noticed,
    /// 10 to 20 ms on some. `memory`: whether the memory of all together can be bounded.
    Moved { memory: bool },
    /// cgroup v1, where a thread may stand elsewhere than its process: who starts it goes in first and out again, which
    /// holds up nobody.
    Born,
}

/// A group of one sandbox. Removed when dropped, by then it must be empty.
#[derive(Debug)]
pub(crate) struct Bound {
    folder: PathBuf,
    kind: Kind,
}

/// The calling thread stands in a group, and what it starts does too. Dropped, it is back where it was.
#[derive(Debug)]
#[must_use]
pub(crate) struct Within {
    back: PathBuf,
}

/// Names of our groups begin like this.
const PREFIX: &str = "brisk-sandbox-";

impl Groups {
    /// The nearest place that we may use, if there is one. Groups that a crash left behind are removed there.
    pub(crate) fn find() -> Option<Groups> {
        let mounts = fs::read_to_string("/proc/self/mountinfo").ok()?;
        let own = fs::read_to_string("/proc/self/cgroup").ok()?;
        let groups = places(&mounts, &own)
            .into_iter()
            .find_map(|place| place.usable())?;
        groups.sweep();
        Some(groups)
    }

    /// A new group.
    pub(crate) fn bound(&self, processes: u64, memory: Option<u64>) -> io::Result<Bound> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let folder = self
            .folder
            .join(format!("{PREFIX}{}-{number}", std::process::id()));
        fs::create_dir(&folder)?;
        let bound = Bound {
            folder,
            kind: self.kind,
        };
        // Bubblewrap, which waits outside, is in it from its start.
        let outside = u64::from(self.kind == Kind::Born);
        bound.write("pids.max", &processes.saturating_add(outside).to_string())?;
        if let Some(memory) = memory.filter(|_| self.kind == Kind::Moved { memory: true }) {
            bound.write("memory.max", &memory.to_string())?;
        }
        Ok(bound)
    }

    /// Removes the groups of processes that are gone, with whoever is left in them: bubblewrap cannot be told to end with
    /// its parent before it has begun, and one whose parent is killed in that moment would wait for ever.
    fn sweep(&self) {
        let Ok(entries) = fs::read_dir(&self.folder) else {
            return;
        };
        for entry in entries.flatten() {
            let name = entry.file_name();
            let owner = name
                .to_str()
                .and_then(|name| name.strip_prefix(PREFIX)?.split_once('-'));
            if owner.is_some_and(|(pid, _)| !Path::new("/proc").join(pid).exists()) {
                let left = Bound {
                    folder: entry.path(),
                    kind: self.kind,
                };
                left.end_all();
            }
        }
    }
}

impl Bound {
    /// Takes the calling thread in, where that is the way for what it starts to get in.
    pub(crate) fn enter(&self) -> io::Result<Option<Within>> {
        match (self.kind, self.folder.parent()) {
            (Kind::Moved { .. }, _) | (_, None) => Ok(None),
            (Kind::Born, Some(above)) => {
                self.write("tasks", SELF)?;
                let back = above.to_owned();
                Ok(Some(Within { back }))
            }
        }
    }

    /// Moves a process into the group that was not started there; what it starts from then on is in it too.
    pub(crate) fn take_in(&self, pid: Pid) -> io::Result<()> {
        match self.kind {
            Kind::Moved { .. } => self.write("cgroup.procs", &pid.as_raw_nonzero().to_string()),
            Kind::Born => Ok(()),
        }
    }

    /// Kills everything in the group, where the kernel can do that (cgroup v2, Linux 5.14).
    pub(crate) fn kill(&self) {
        // Where it cannot, the PID namespace does the same.
        let _ = self.write("cgroup.kill", "1");
    }

    /// Ends everything that is in it, one after the other.
    fn end_all(&self) {
        let all = || fs::read_to_string(self.folder.join("cgroup.procs")).unwrap_or_default();
        for line in all().lines() {
            let Some(pid) = line.parse().ok().and_then(Pid::from_raw) else {
                continue;
            };
            // A number may be given to somebody else meanwhile; what is held now is who is in the group still.
            if let Ok(held) = pidfd_open(pid, PidfdFlags::empty())
                && all().lines().any(|again| again == line)
            {
                // It fails only for one that is gone.
                let _ = pidfd_send_signal(&held, Signal::KILL);
                let _ = poll(&mut [PollFd::new(&held, PollFlags::IN)], Some(&GOING));
            }
        }
    }

    fn write(&self, file: &str, value: &str) -> io::Result<()> {
        write(&self.folder.join(file), value)
    }
}

/// How long a killed process is waited for, so that its group can be removed at once.
const GOING: Timespec = Timespec {
    tv_sec: 1,
    tv_nsec: 0,
};

/// The calling thread, in the language of `tasks`. By its number it would be looked for, and that holds up all forks.
const SELF: &str = "0";

fn write(file: &Path, value: &str) -> io::Result<()> {
    // Never made: a file that is not there is a thing that this kernel cannot do.
    use std::io::Write;
    let mut file = fs::OpenOptions::new().write(true).open(file)?;
    file.write_all(value.as_bytes())
}

impl Drop for Within {
    fn drop(&mut self) {
        // A thread that stays in it ends with its sandbox.
        let _ = write(&self.back.join("tasks"), SELF);
    }
}

impl Drop for Bound {
    fn drop(&mut self) {
        // An ended process may be counted for a moment; the next `find` sweeps.
        let _ = fs::remove_dir(&self.folder);
    }
}

/// A place where a group could be made.
#[derive(Debug, PartialEq, Eq)]
enum Place {
    /// cgroup v2: needs the controller switched on for children.
    Unified(PathBuf),
    /// cgroup v1: the hierarchy that counts processes.
    Pids(PathBuf),
}

impl Place {
    fn usable(self) -> Option<Groups> {
        let (folder, kind) = match self {
            Place::Pids(folder) => (folder, Kind::Born),
            Place::Unified(folder) => {
                let on = fs::read_to_string(folder.join("cgroup.subtree_control")).ok()?;
                let has = |wanted| on.split_whitespace().any(|name| name == wanted);
                if !has("pids") {
                    return None;
                }
                let memory = has("memory");
                (folder, Kind::Moved { memory })
            }
        };
        let groups = Groups { folder, kind };
        // The only way to know is to try.
        groups.bound(1, None).ok().map(|_tried| groups)
    }
}

/// Places for groups, best first: those of cgroup v2 from our own group upwards, then v1.
fn places(mounts: &str, own: &str) -> Vec<Place> {
    let mount = |kind: &str, option: &str| {
        mounts.lines().find_map(|line| {
            let (left, right) = line.split_once(" - ")?;
            let mut right = right.split(' ');
            let found = right.next() == Some(kind);
            let options = right.nth(1).unwrap_or_default();
            let fits = found && (option.is_empty() || options.split(',').any(|o| o == option));
            let folder = left.split(' ').nth(4)?;
            fits.then(|| PathBuf::from(folder))
        })
    };
    let path = |controller: &str| {
        own.lines().find_map(|line| {
            let mut parts = line.splitn(3, ':').skip(1);
            let names = parts.next()?;
            let path = parts.next()?;
            let fits = names.split(',').any(|name| name == controller);
            fits.then(|| path.trim_start_matches('/').to_owned())
        })
    };
    let mut all = Vec::new();
    if let Some((root, path)) = mount("cgroup2", "").zip(path("")) {
        let own = root.join(path);
        let up = own.ancestors().take_while(|folder| folder.starts_with(&root));
        all.extend(up.map(|folder| Place::Unified(folder.to_owned())));
    }
    if let Some((root, path)) = mount("cgroup", "pids").zip(path("pids")) {
        all.push(Place::Pids(root.join(path)));
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_read_from_what_the_system_says() {
        let unified = "31 24 0:27 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate\n";
        let hybrid = "40 30 0:33 / /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids\n\
                      41 30 0:34 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n\
                      42 30 0:35 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n";
        let v2 = |path: &str| Place::Unified(path.into());
        let v1 = |path: &str| Place::Pids(path.into());
        let cases: &[(&str, &str, Vec<Place>)] = &[
            (
                unified,
                "0::/user.slice/app.scope\n",
                vec![
                    v2("/sys/fs/cgroup/user.slice/app.scope"),
                    v2("/sys/fs/cgroup/user.slice"),
                    v2("/sys/fs/cgroup"),
                ],
            ),
            (
                hybrid,
                "8:pids:/\n1:cpu:/\n0::/\n",
                vec![v2("/sys/fs/cgroup/unified"), v1("/sys/fs/cgroup/pids")],
            ),
            (hybrid, "8:pids:/a\n", vec![v1("/sys/fs/cgroup/pids/a")]),
            ("", "0::/\n", vec![]),
            ("nonsense", "", vec![]),
        ];
        for (mounts, own, want) in cases {
            assert_eq!(&places(mounts, own), want, "{own}");
        }
    }

    #[test]
    fn what_a_killed_owner_left_in_its_group_is_ended() {
        let Some(groups) = Groups::find() else {
            println!("SKIPPED: no groups can be made here");
            return;
        };
        // Numbers of processes end well below this one.
        let folder = groups.folder.join(format!("{PREFIX}999999999-0"));
        fs::create_dir(&folder).unwrap();
        let left = Bound {
            folder: folder.clone(),
            kind: groups.kind,
        };
        let within = left.enter().unwrap();
        let mut child = std::process::Command::new("sleep").arg("600").spawn().unwrap();
        drop(within);
        left.take_in(Pid::from_child(&child)).unwrap();
        std::mem::forget(left);
        groups.sweep();
        assert!(!child.wait().unwrap().success());
        groups.sweep();
        assert!(!folder.exists());
    }
}
