//! Which content a file had when it was last hashed, so that an untouched file is not read again.

use crate::walk::by_bytes;
use gix_hash::ObjectId;
use std::collections::HashMap;
use std::ffi::OsString;
use std::io::Write;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// What the file system says of a file. Equal values mean equal content, if `settled` when the content was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Print {
    size: u64,
    mtime_ns: i128,
    ctime_ns: i128,
    ino: u64,
    mode: u32,
}

impl Print {
    pub(crate) fn of(meta: &std::fs::Metadata) -> Print {
        let ns = |s: i64, n: i64| i128::from(s) * 1_000_000_000 + i128::from(n);
        Print {
            size: meta.size(),
            mtime_ns: ns(meta.mtime(), meta.mtime_nsec()),
            ctime_ns: ns(meta.ctime(), meta.ctime_nsec()),
            ino: meta.ino(),
            mode: meta.mode(),
        }
    }

    /// Whether the file was last changed so long ago that a further change must show in its times. Clocks of file
    /// systems tick every few milliseconds; some keep whole seconds only.
    fn settled(&self, now: SystemTime) -> bool {
        let latest = self.mtime_ns.max(self.ctime_ns);
        let tick = if latest % 1_000_000_000 == 0 {
            2_000_000_000
        } else {
            50_000_000
        };
        now.duration_since(UNIX_EPOCH)
            .is_ok_and(|n| n.as_nanos() as i128 - latest > tick)
    }
}

/// The cache of one repository. Losing it costs time only.
pub(crate) struct StatCache {
    path: PathBuf,
    entries: HashMap<PathBuf, (Print, ObjectId)>,
    dirty: bool,
}

const FORMAT: &str = "brisk-stat-1";

impl StatCache {
    /// Reads the cache. One from before a restart of the machine is not used: the objects that it names were not
    /// synced to disk.
    pub(crate) fn open(path: &Path) -> StatCache {
        let entries = std::fs::read(path)
            .ok()
            .and_then(|bytes| parse(&bytes))
            .unwrap_or_default();
        StatCache {
            path: path.to_owned(),
            entries,
            dirty: false,
        }
    }

    pub(crate) fn get(&self, path: &Path, print: &Print) -> Option<ObjectId> {
        self.entries
            .get(path)
            .filter(|(p, _)| p == print)
            .map(|(_, id)| *id)
    }

    /// Remembers a content that was read after `print` was taken, at `now`.
    pub(crate) fn put(&mut self, path: PathBuf, print: Print, id: ObjectId, now: SystemTime) {
        self.dirty = true;
        if print.settled(now) {
            self.entries.insert(path, (print, id));
        } else {
            self.entries.remove(&path);
        }
    }

    /// Forgets all but these (sorted) paths, and saves if anything changed.
    pub(crate) fn save(&mut self, paths: &[PathBuf]) -> std::io::Result<()> {
        if self.entries.len() > paths.len() {
            self.entries
                .retain(|p, _| paths.binary_search_by(|q| by_bytes(q, p)).is_ok());
            self.dirty = true;
        }
        if !self.dirty {
            return Ok(());
        }
        let mut out = Vec::new();
        write!(out, "{FORMAT} {}\0", boot())?;
        for (path, (p, id)) in &self.entries {
            write!(
                out,
                "{id} {} {} {} {} {} ",
                p.size, p.mtime_ns, p.ctime_ns, p.ino, p.mode
            )?;
            out.extend_from_slice(path.as_os_str().as_bytes());
            out.push(0);
        }
        let folder = self.path.parent().unwrap_or(Path::new("."));
        let mut prefix = OsString::from(".");
        prefix.push(self.path.file_name().unwrap_or_default());
        prefix.push(".");
        sweep(folder, &prefix);
        // A name of its own: the watch of the daemon and a command save at the same time.
        let mut fresh = tempfile::Builder::new().prefix(&prefix).tempfile_in(folder)?;
        fresh.write_all(&out)?;
        fresh.persist(&self.path)?;
        self.dirty = false;
        Ok(())
    }
}

/// How long a save may take. What is older was left behind by one that was killed.
const SAVE: Duration = Duration::from_secs(60);

fn sweep(folder: &Path, prefix: &OsString) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let ours = entry.file_name().as_bytes().starts_with(prefix.as_bytes());
        let written = entry.metadata().and_then(|m| m.modified());
        if ours && written.is_ok_and(|at| at.elapsed().is_ok_and(|age| age > SAVE)) {
            // Somebody else sweeps as well.
            let _ = std::fs::remove_file(entry.path());
        }
    }
}

fn parse(bytes: &[u8]) -> Option<HashMap<PathBuf, (Print, ObjectId)>> {
    let mut lines = bytes.split(|b| *b == 0);
    let head = format!("{FORMAT} {}", boot());
    (lines.next()? == head.as_bytes()).then_some(())?;
    lines.filter(|l| !l.is_empty()).map(entry).collect()
}

fn entry(line: &[u8]) -> Option<(PathBuf, (Print, ObjectId))> {
    let mut parts = line.splitn(7, |b| *b == b' ');
    let id = ObjectId::from_hex(parts.next()?).ok()?;
    let mut number = || std::str::from_utf8(parts.next()?).ok()?.parse::<i128>().ok();
    let (size, mtime_ns, ctime_ns, ino, mode) = (number()?, number()?, number()?, number()?, number()?);
    let print = Print {
        size: size.try_into().ok()?,
        mtime_ns,
        ctime_ns,
        ino: ino.try_into().ok()?,
        mode: mode.try_into().ok()?,
    };
    Some((
        PathBuf::from(OsString::from_vec(parts.next()?.to_vec())),
        (print, id),
    ))
}

/// Names this run of the machine; where the system does not tell, no cache outlives the process.
fn boot() -> String {
    match std::fs::read_to_string("/proc/sys/kernel/random/boot_id") {
        Ok(id) => id.trim().to_owned(),
        Err(_) => format!("process {}", std::process::id()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cache_comes_back_and_a_fresh_change_is_never_trusted() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("with space\nand line");
        std::fs::write(&file, "x").unwrap();
        let print = Print::of(&file.symlink_metadata().unwrap());
        let changed = UNIX_EPOCH + Duration::from_nanos(print.ctime_ns as u64);
        let id = gix_object::compute_hash(gix_hash::Kind::Sha1, gix_object::Kind::Blob, b"x").unwrap();
        let at = dir.path().join("stat");
        for (later, trusted) in [(0, false), (10, false), (49, false), (3_000, true)] {
            let mut cache = StatCache::open(&at);
            cache.put(file.clone(), print, id, changed + Duration::from_millis(later));
            cache.save(std::slice::from_ref(&file)).unwrap();
            let got = StatCache::open(&at).get(&file, &print);
            assert_eq!(got, trusted.then_some(id), "{later} ms later");
        }
        let mut cache = StatCache::open(&at);
        assert_eq!(cache.get(&file, &Print { size: 2, ..print }), None);
        cache.save(&[]).unwrap();
        assert_eq!(
            StatCache::open(&at).get(&file, &print),
            None,
            "a file that is gone is forgotten"
        );

        let bytes = std::fs::read(&at).unwrap();
        std::fs::write(&at, [b"brisk-stat-1 another boot\0".as_slice(), &bytes].concat()).unwrap();
        assert!(StatCache::open(&at).entries.is_empty());
    }
    #[test]
    fn whoever_saves_at_the_same_time_disturbs_nobody() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("x");
        std::fs::write(&file, "x").unwrap();
        let print = Print::of(&file.symlink_metadata().unwrap());
        let id = gix_object::compute_hash(gix_hash::Kind::Sha1, gix_object::Kind::Blob, b"x").unwrap();
        let at = dir.path().join("stat");
        let later = UNIX_EPOCH + Duration::from_nanos(print.ctime_ns as u64) + Duration::from_secs(3);
        std::thread::scope(|s| {
            for _ in 0..4 {
                s.spawn(|| {
                    for _ in 0..200 {
                        let mut cache = StatCache::open(&at);
                        cache.put(file.clone(), print, id, later);
                        cache.dirty = true;
                        cache.save(std::slice::from_ref(&file)).unwrap();
                        assert_eq!(StatCache::open(&at).get(&file, &print), Some(id));
                    }
                });
            }
        });
        let count = || std::fs::read_dir(dir.path()).unwrap().count();
        assert_eq!(count(), 2);
        // Of one that was killed long ago, and of one that may still be at it.
        for (name, age) in [(".stat.old", 90), (".stat.new", 0)] {
            let left = std::fs::File::create(dir.path().join(name)).unwrap();
            left.set_modified(SystemTime::now() - Duration::from_secs(age))
                .unwrap();
        }
        let mut cache = StatCache::open(&at);
        cache.dirty = true;
        cache.save(std::slice::from_ref(&file)).unwrap();
        assert_eq!((count(), dir.path().join(".stat.new").exists()), (3, true));
    }
}
