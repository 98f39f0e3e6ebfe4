//! How many threads pay, one per physical core that this process may run on; whose CPU it is, and memory.
//!
//! Two hyper-threads share one matrix unit, and llama.cpp's threads wait for each other after every operation, so
//! a thread more than there are cores makes every step as slow as the slowest.

use std::collections::BTreeSet;
use std::fs;

/// Physical cores within this process's affinity; at least one.
pub(crate) fn physical() -> usize {
    // Respects affinity and cgroup quota.
    let usable = std::thread::available_parallelism().map_or(1, usize::from);
    let allowed = fs::read_to_string("/proc/self/status")
        .ok()
        .and_then(|status| {
            status
                .lines()
                .find_map(|line| line.strip_prefix("Cpus_allowed_list:").map(cpu_list))
        })
        .unwrap_or_default();
    let groups: BTreeSet<String> = allowed
        .iter()
        .filter_map(|cpu| {
            let path = format!("/sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list");
            fs::read_to_string(path).ok()
        })
        .collect();
    if groups.is_empty() {
        usable
    } else {
        groups.len().min(usable)
    }
    .max(1)
}

/// Reads a list of CPUs as the kernel writes it, for example `0-3,8`.
fn cpu_list(text: &str) -> Vec<usize> {
    let mut cpus = Vec::new();
    for part in text.trim().split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        if let (Ok(first), Ok(last)) = (first.parse::<usize>(), last.parse::<usize>()) {
            cpus.extend(first..=last.min(first + 4096));
        }
    }
    cpus
}

/// Whether the CPU is AMD's, as far as the system says.
pub(crate) fn is_amd() -> bool {
    fs::read_to_string("/proc/cpuinfo").is_ok_and(|text| names_amd(&text))
}

fn names_amd(cpuinfo: &str) -> bool {
    let vendor = |line: &str| {
        Some(
            line.strip_prefix("vendor_id")?
                .trim_start()
                .strip_prefix(':')?
                .trim()
                == "AuthenticAMD",
        )
    };
    cpuinfo.lines().find_map(vendor).unwrap_or(false)
}

/// Bytes of memory that can still be taken: what the kernel calls available, within the cgroup's limit.
/// `None` where the system does not say.
pub(crate) fn available_memory() -> Option<u64> {
    let meminfo = fs::read_to_string("/proc/meminfo").ok()?;
    let kilobytes: u64 = meminfo
        .lines()
        .find_map(|line| line.strip_prefix("MemAvailable:"))?
        .trim()
        .trim_end_matches("kB")
        .trim()
        .parse()
        .ok()?;
    let number = |path: &str| fs::read_to_string(path).ok()?.trim().parse::<u64>().ok();
    // Cached files count as used there, but give way.
    let cached = fs::read_to_string("/sys/fs/cgroup/memory.stat")
        .ok()
        .and_then(|stat| {
            stat.lines()
                .find_map(|line| line.strip_prefix("file ")?.parse::<u64>().ok())
        })
        .unwrap_or(0);
    let limit = number("/sys/fs/cgroup/memory.max")
        .zip(number("/sys/fs/cgroup/memory.current"))
        .map(|(max, current)| max.saturating_sub(current.saturating_sub(cached)));
    Some((kilobytes * 1024).min(limit.unwrap_or(u64::MAX)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_cpus() {
        let cases: [(&str, &[usize]); 5] = [
            ("0\n", &[0]),
            ("0-3", &[0, 1, 2, 3]),
            ("0-1,8,10-11", &[0, 1, 8, 10, 11]),
            ("", &[]),
            ("x-y", &[]),
        ];
        for (text, expected) in cases {
            assert_eq!(cpu_list(text), expected, "{text:?}");
        }
    }

    #[test]
    fn the_vendor_is_read() {
        let cases = [
            (
                "processor\t: 0\nvendor_id\t: AuthenticAMD\ncpu family\t: 25\n",
                true,
            ),
            (
                "processor\t: 0\nvendor_id\t: GenuineIntel\nmodel name\t: AuthenticAMD\n",
                false,
            ),
            ("processor\t: 0\nFeatures\t: fp asimd\n", false),
            ("", false),
        ];
        for (text, expected) in cases {
            assert_eq!(names_amd(text), expected, "{text:?}");
        }
    }

    #[test]
    fn at_least_one_core() {
        assert!(physical() >= 1);
    }
}
