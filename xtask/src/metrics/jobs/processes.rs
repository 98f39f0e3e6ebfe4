//! What the system says of the daemon and of what it started.

use anyhow::Context;
use rustix::process::{Pid, Signal, kill_process};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;

/// Every process below this one.
pub(super) fn below(root: i32) -> BTreeSet<i32> {
    let mut children: BTreeMap<i32, Vec<i32>> = BTreeMap::new();
    for pid in all() {
        // One that has just ended has no parent any more.
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        if let Some(parent) = parent(&stat) {
            children.entry(parent).or_default().push(pid);
        }
    }
    let mut found = BTreeSet::new();
    let mut look = vec![root];
    while let Some(pid) = look.pop() {
        for child in children.remove(&pid).unwrap_or_default() {
            found.insert(child);
            look.push(child);
        }
    }
    found
}

/// Processes whose command line or environment names this text.
pub(super) fn naming(text: &str) -> usize {
    let names = |pid: &i32| {
        ["cmdline", "environ"].iter().any(|file| {
            let bytes = fs::read(format!("/proc/{pid}/{file}")).unwrap_or_default();
            bytes.windows(text.len()).any(|window| window == text.as_bytes())
        })
    };
    all().filter(names).count()
}

/// Ends a process as a power cut does; `false`: it was not there any more.
pub(super) fn kill(pid: i32) -> bool {
    Pid::from_raw(pid).is_some_and(|pid| kill_process(pid, Signal::KILL).is_ok())
}

/// Resident memory of a process, bytes.
pub(super) fn memory(pid: i32) -> anyhow::Result<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    resident(&status).context("the system tells the memory of a process")
}

fn all() -> impl Iterator<Item = i32> {
    let entries = fs::read_dir("/proc").into_iter().flatten();
    entries.filter_map(|e| e.ok()?.file_name().to_str()?.parse().ok())
}

/// From `/proc/PID/stat`; the name may hold blanks and parentheses. What has ended and waits for its parent is gone.
fn parent(stat: &str) -> Option<i32> {
    let (_, after) = stat.rsplit_once(')')?;
    let mut fields = after.split_whitespace();
    let state = fields.next()?;
    let parent = fields.next()?.parse().ok()?;
    (!matches!(state, "Z" | "X")).then_some(parent)
}

fn resident(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|l| l.strip_prefix("VmRSS:"))?;
    let kb: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kb * 1_024)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::{Command, Stdio};

    #[test]
    fn lines_of_the_system_are_read() {
        let cases = [
            ("7 (sh) S 5 7 7", Some(5)),
            ("7 (a) b (c) R 6 7 7", Some(6)),
            ("7 (sh) Z 5 7 7", None),
            ("7 (sh) S", None),
            ("", None),
        ];
        for (stat, want) in cases {
            assert_eq!(parent(stat), want, "{stat}");
        }
        assert_eq!(resident("Name:\tx\nVmRSS:\t  3 kB\n"), Some(3 * 1_024));
        assert_eq!(resident("Name:\tx\n"), None);
    }

    #[test]
    fn a_child_is_below_and_found_by_its_words_until_it_is_killed() {
        let mark = format!("mark-of-{}", std::process::id());
        let mut child = Command::new("sh")
            .args(["-c", "read line", &mark])
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        let pid = i32::try_from(child.id()).unwrap();
        let own = i32::try_from(std::process::id()).unwrap();
        assert!(below(own).contains(&pid));
        assert_eq!(naming(&mark), 1);
        assert!(memory(pid).unwrap() > 0);
        assert!(kill(pid));
        child.wait().unwrap();
        assert!(!below(own).contains(&pid));
        assert_eq!(naming(&mark), 0);
    }
}
