//! The newest events, as lines of a plain file: what clients were told and the database may not have yet. A line is
//! with the kernel when [`Tail::push`] returns, for a few microseconds instead of a transaction's time, so that a
//! killed daemon takes with it nothing that somebody has seen. Like the database it is not synced: a power cut may cost
//! the last lines.

use crate::error::StoreError;
use crate::log::{EventLog, Seq};
use brisk_domain::{Event, SessionId};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// The file is cut when it is longer than this and the database has all of it, bytes.
const LONG: u64 = 1 << 20;

/// Events that are put into the database in one transaction, when they are taken over.
const BATCH: usize = 1_000;

#[derive(Serialize)]
struct Said<'a> {
    session: SessionId,
    seq: u64,
    at_us: u64,
    event: &'a Event,
}

#[derive(Deserialize)]
struct Read {
    session: SessionId,
    seq: u64,
    at_us: u64,
    event: Event,
}

/// The file, for the one process that writes the log.
#[derive(Debug)]
pub struct Tail {
    file: File,
    bytes: u64,
    /// The last line may be a part of one.
    torn: bool,
    line: Vec<u8>,
}

impl Tail {
    /// Opens `events.tail` in `dir`, puts what it has beyond `log` into `log`, and empties it.
    ///
    /// # Errors
    /// [`StoreError`]; the file is as before then.
    pub fn open(dir: &Path, log: &mut EventLog) -> Result<Tail, StoreError> {
        let path = dir.join("events.tail");
        let failed = |source| StoreError::Io {
            path: path.clone(),
            source,
        };
        // Nobody else may read what the person says.
        let file = OpenOptions::new()
            .create(true)
            .read(true)
            .append(true)
            .mode(0o600)
            .open(&path)
            .map_err(failed)?;
        take_over(&file, log, failed)?;
        file.set_len(0).map_err(failed)?;
        Ok(Tail {
            file,
            bytes: 0,
            torn: false,
            line: Vec::new(),
        })
    }

    /// Adds one event. A process that is killed afterwards does not lose it.
    ///
    /// # Errors
    /// What the system says; the event is then not there.
    pub fn push(&mut self, session: SessionId, seq: Seq, at_us: u64, event: &Event) -> io::Result<()> {
        self.line.clear();
        if self.torn {
            self.line.push(b'\n');
        }
        let said = Said {
            session,
            seq: seq.0,
            at_us,
            event,
        };
        serde_json::to_writer(&mut self.line, &said)?;
        self.line.push(b'\n');
        self.torn = true;
        self.file.write_all(&self.line)?;
        self.torn = false;
        self.bytes += self.line.len() as u64;
        Ok(())
    }

    /// The database has everything that was pushed: a long file is emptied.
    ///
    /// # Errors
    /// What the system says; the lines are then still there, which costs only room.
    pub fn settled(&mut self) -> io::Result<()> {
        if self.bytes > LONG {
            self.file.set_len(0)?;
            self.bytes = 0;
        }
        Ok(())
    }
}

/// Appends what the database lacks, session by session and as far as the numbers go on without a gap. A line that is
/// none, and a session that the database does not know, are passed over.
fn take_over(
    file: &File,
    log: &mut EventLog,
    failed: impl Fn(io::Error) -> StoreError,
) -> Result<(), StoreError> {
    let mut lasts: BTreeMap<SessionId, u64> = log.sessions()?.into_iter().map(|s| (s.id, s.last.0)).collect();
    let mut missing: BTreeMap<SessionId, Vec<(u64, Event)>> = BTreeMap::new();
    for line in BufReader::new(file).split(b'\n') {
        let line = line.map_err(&failed)?;
        let Ok(read) = serde_json::from_slice::<Read>(&line) else {
            continue;
        };
        if let Some(last) = lasts.get_mut(&read.session)
            && read.seq == *last + 1
        {
            *last = read.seq;
            let events = missing.entry(read.session).or_default();
            events.push((read.at_us, read.event));
        }
    }
    for (session, events) in missing {
        for batch in events.chunks(BATCH) {
            log.append(session, batch)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use brisk_domain::TurnId;

    fn event(n: u64) -> Event {
        Event::FirstToken { turn: TurnId(n) }
    }

    fn numbers(log: &EventLog, session: SessionId) -> Vec<(u64, Event)> {
        let events = log.read_from(session, Seq(1), 5_000).unwrap();
        events.into_iter().map(|e| (e.seq.0, e.event)).collect()
    }

    #[test]
    fn what_the_database_lacks_is_taken_over_once_and_in_order() {
        let dir = tempfile::tempdir().unwrap();
        let mut log = EventLog::open(dir.path()).unwrap();
        let (one, two) = (
            log.create_session(Path::new("/r")).unwrap(),
            log.create_session(Path::new("/r")).unwrap(),
        );
        let mut tail = Tail::open(dir.path(), &mut log).unwrap();
        let many = BATCH as u64 + 3;
        for n in 1..=many {
            tail.push(one, Seq(n), n, &event(n)).unwrap();
        }
        tail.push(two, Seq(1), 1, &event(1)).unwrap();
        tail.push(SessionId(99), Seq(1), 1, &event(1)).unwrap();
        // The daemon was killed after it had written the first two.
        log.append(one, &[(1, event(1)), (2, event(2))]).unwrap();
        drop(tail);
        for round in ["first", "again"] {
            Tail::open(dir.path(), &mut log).unwrap();
            let want: Vec<_> = (1..=many).map(|n| (n, event(n))).collect();
            assert_eq!(numbers(&log, one), want, "{round}");
            assert_eq!(numbers(&log, two), [(1, event(1))], "{round}");
        }
    }

    #[test]
    fn a_gap_and_a_torn_line_end_what_is_taken_over() {
        let line = |n: u64| {
            let said = Said {
                session: SessionId(1),
                seq: n,
                at_us: n,
                event: &event(n),
            };
            serde_json::to_string(&said).unwrap()
        };
        let cases = [
            (format!("{}\n{}\n{}\n", line(1), line(2), line(4)), 2),
            (format!("{}\n{}\n\n{}\n", line(1), &line(2)[..20], line(3)), 1),
            (format!("{}\n{}", line(1), &line(2)[..20]), 1),
            (format!("{}\n{}\n{}\n", line(1), line(1), line(2)), 2),
            (String::new(), 0),
        ];
        for (text, want) in cases {
            let dir = tempfile::tempdir().unwrap();
            let mut log = EventLog::open(dir.path()).unwrap();
            log.create_session(Path::new("/r")).unwrap();
            std::fs::write(dir.path().join("events.tail"), &text).unwrap();
            Tail::open(dir.path(), &mut log).unwrap();
            assert_eq!(numbers(&log, SessionId(1)).len(), want, "{text}");
        }
    }

    #[test]
    fn a_long_file_is_emptied_when_the_database_has_it_all() {
        let dir = tempfile::tempdir().unwrap();
        let mut log = EventLog::open(dir.path()).unwrap();
        let session = log.create_session(Path::new("/r")).unwrap();
        let mut tail = Tail::open(dir.path(), &mut log).unwrap();
        let size = || std::fs::metadata(dir.path().join("events.tail")).unwrap().len();
        tail.push(session, Seq(1), 1, &event(1)).unwrap();
        tail.settled().unwrap();
        assert!(
            size() > 0,
            "a short one stays: emptying it costs more than it brings"
        );
        let text = "x".repeat(usize::try_from(LONG).unwrap());
        tail.push(session, Seq(2), 2, &Event::Queued { text }).unwrap();
        tail.settled().unwrap();
        assert_eq!(size(), 0);
        tail.push(session, Seq(3), 3, &event(3)).unwrap();
        assert!(size() > 0);
    }
}
