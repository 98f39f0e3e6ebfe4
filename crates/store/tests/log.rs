//! The log from outside: numbers, resuming, damage, threads, and a writer that is killed.
#![allow(clippy::unwrap_used)]

use brisk_domain::{Event, SessionId, TurnId};
use brisk_store::{EventLog, Seq, StoreError};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, Stdio};

fn event(text: &str) -> Event {
    Event::Prose {
        turn: TurnId(1),
        text: text.to_owned(),
    }
}

/// Events of one moment.
fn at(us: u64, events: Vec<Event>) -> Vec<(u64, Event)> {
    events.into_iter().map(|e| (us, e)).collect()
}

fn events(count: usize) -> Vec<Event> {
    (0..count).map(|n| event(&format!("line {n}"))).collect()
}

/// Every number from 1 to the last, once, in order.
fn check_gapless(log: &EventLog, session: SessionId) -> usize {
    let all = log.read_from(session, Seq(0), usize::MAX).unwrap();
    for (logged, expected) in all.iter().zip(1..) {
        assert_eq!(logged.seq, Seq(expected));
    }
    assert_eq!(log.last(session).unwrap(), Seq(all.len() as u64));
    all.len()
}

#[test]
fn what_was_appended_is_read_from_any_place() {
    let dir = tempfile::tempdir().unwrap();
    let mut log = EventLog::open(dir.path()).unwrap();
    let session = log.create_session(Path::new("/repo")).unwrap();
    let other = log.create_session(Path::new("/other")).unwrap();
    assert_eq!(log.last(session).unwrap(), Seq(0));
    assert_eq!(log.append(session, &[]).unwrap(), []);
    assert_eq!(
        log.append(session, &at(10, events(3))).unwrap(),
        [Seq(1), Seq(2), Seq(3)]
    );
    assert_eq!(log.append(other, &at(11, events(1))).unwrap(), [Seq(1)]);
    assert_eq!(log.append(session, &at(12, events(2))).unwrap(), [Seq(4), Seq(5)]);

    for (from, limit, expected) in [
        (0, 9, vec![1, 2, 3, 4, 5]),
        (1, 2, vec![1, 2]),
        (3, 9, vec![3, 4, 5]),
        (5, 9, vec![5]),
        (6, 9, vec![]),
        (u64::MAX, 9, vec![]),
        (1, 0, vec![]),
    ] {
        let read = log.read_from(session, Seq(from), limit).unwrap();
        assert_eq!(
            read.iter().map(|logged| logged.seq.0).collect::<Vec<_>>(),
            expected,
            "from {from}"
        );
    }
    let fourth = &log.read_from(session, Seq(4), 1).unwrap()[0];
    assert_eq!((fourth.at_us, &fourth.event), (12, &event("line 0")));

    let missing = SessionId(999);
    assert!(matches!(
        log.append(missing, &at(1, events(1))),
        Err(StoreError::NoSession { .. })
    ));
    assert!(matches!(log.last(missing), Err(StoreError::NoSession { .. })));
    assert!(log.read_from(missing, Seq(1), 9).unwrap().is_empty());
}

#[test]
fn sessions_survive_reopening_and_their_numbers_never_come_again() {
    let dir = tempfile::tempdir().unwrap();
    let odd = Path::new(std::ffi::OsStr::from_encoded(b"/re\xffpo"));
    let first = {
        let mut log = EventLog::open(dir.path()).unwrap();
        let first = log.create_session(odd).unwrap();
        log.append(first, &at(1, events(4))).unwrap();
        log.set_title(first, "add a header").unwrap();
        assert!(matches!(
            log.set_title(SessionId(77), "x"),
            Err(StoreError::NoSession { .. })
        ));
        first
    };
    let mut log = EventLog::open(dir.path()).unwrap();
    assert_eq!(log.set_aside(), None);
    let second = log.create_session(Path::new("/b")).unwrap();
    assert!(second > first);
    let sessions = log.sessions().unwrap();
    assert_eq!(sessions.iter().map(|s| s.id).collect::<Vec<_>>(), [first, second]);
    assert_eq!(
        (
            sessions[0].root.as_path(),
            &sessions[0].title[..],
            sessions[0].last
        ),
        (odd, "add a header", Seq(4))
    );
    assert_eq!(log.append(first, &at(2, events(1))).unwrap(), [Seq(5)]);
    assert_eq!(check_gapless(&log, first), 5);
}

trait FromEncoded {
    fn from_encoded(bytes: &'static [u8]) -> &'static std::ffi::OsStr;
}

impl FromEncoded for std::ffi::OsStr {
    fn from_encoded(bytes: &'static [u8]) -> &'static std::ffi::OsStr {
        std::os::unix::ffi::OsStrExt::from_bytes(bytes)
    }
}

#[test]
fn threads_that_append_at_once_leave_no_gap() {
    let dir = tempfile::tempdir().unwrap();
    let session = EventLog::open(dir.path())
        .unwrap()
        .create_session(Path::new("/r"))
        .unwrap();
    let mut given: Vec<Seq> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    let mut log = EventLog::open(dir.path()).unwrap();
                    (1..=40)
                        .flat_map(|n| log.append(session, &at(1, events(n % 5))).unwrap())
                        .collect::<Vec<_>>()
                })
            })
            .collect();
        threads
            .into_iter()
            .flat_map(|thread| thread.join().unwrap())
            .collect()
    });
    given.sort();
    assert_eq!(given, (1..=4 * 80).map(Seq).collect::<Vec<_>>());
    assert_eq!(
        check_gapless(&EventLog::open(dir.path()).unwrap(), session),
        4 * 80
    );
}

#[test]
fn a_damaged_file_is_set_aside_and_kept() {
    type Damage = fn(&mut Vec<u8>);
    let damages: &[(&str, Damage)] = &[
        ("not a database", |bytes| bytes[..100].fill(b'x')),
        ("a page is torn", |bytes| {
            let middle = bytes.len() / 2;
            bytes[middle..middle + 6000].fill(0xff);
        }),
        ("cut in the middle", |bytes| bytes.truncate(bytes.len() / 2 + 100)),
    ];
    for (name, damage) in damages {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("events.db");
        let old = {
            let mut log = EventLog::open(dir.path()).unwrap();
            let session = log.create_session(Path::new("/r")).unwrap();
            log.append(session, &at(1, events(2000))).unwrap();
            session
        };
        let mut bytes = std::fs::read(&file).unwrap();
        damage(&mut bytes);
        std::fs::write(&file, &bytes).unwrap();

        let mut log = EventLog::open(dir.path()).unwrap();
        let aside = log
            .set_aside()
            .unwrap_or_else(|| panic!("{name}: nothing was set aside"))
            .clone();
        assert_eq!(std::fs::read(&aside.path).unwrap(), bytes, "{name}");
        assert!(!aside.why.is_empty());
        assert!(log.sessions().unwrap().is_empty(), "{name}");
        assert!(
            log.create_session(Path::new("/r")).unwrap() > old,
            "{name}: an old number came again"
        );
        drop(log);
        assert_eq!(
            EventLog::open(dir.path()).unwrap().set_aside(),
            None,
            "{name}: once is enough"
        );
    }
}

#[test]
fn a_damaged_file_in_use_is_not_moved() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("events.db");
    // Closed once, so that the journal is empty and the holder reads the file itself.
    drop(EventLog::open(dir.path()).unwrap());
    let holder = EventLog::open(dir.path()).unwrap();
    std::fs::write(&file, vec![b'x'; 8192]).unwrap();
    let error = EventLog::open(dir.path()).unwrap_err();
    assert!(matches!(error, StoreError::Corrupt { .. }), "{error}");
    assert!(error.to_string().contains("another process"), "{error}");
    assert!(file.exists());
    drop(holder);
}

#[test]
fn damage_met_while_reading_is_told_with_the_next_step() {
    let dir = tempfile::tempdir().unwrap();
    let mut log = EventLog::open(dir.path()).unwrap();
    let session = log.create_session(Path::new("/r")).unwrap();
    // More than SQLite keeps in memory.
    log.append(session, &at(1, vec![event(&"x".repeat(1000)); 5_000]))
        .unwrap();
    drop(log);
    let log = EventLog::open(dir.path()).unwrap();
    let file = dir.path().join("events.db");
    let mut bytes = std::fs::read(&file).unwrap();
    bytes[8192..].fill(0xff);
    std::fs::write(&file, &bytes).unwrap();
    let error = log.read_from(session, Seq(1), usize::MAX).map(drop).unwrap_err();
    assert!(matches!(error, StoreError::Corrupt { .. }), "{error}");
    assert!(error.to_string().contains("brisk daemon stop"), "{error}");
    drop(log);
    assert!(EventLog::open(dir.path()).unwrap().set_aside().is_some());
}

#[test]
fn a_folder_that_cannot_be_used_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let blocked = dir.path().join("file");
    std::fs::write(&blocked, "").unwrap();
    let error = EventLog::open(&blocked.join("state")).unwrap_err();
    assert!(error.to_string().contains("file/state"), "{error}");
}

const CHILD: &str = "BRISK_STORE_TEST_WRITER";
const BATCH: usize = 7;

/// Not a test by itself: the writer that the test below starts and kills.
#[test]
fn writer_that_will_be_killed() {
    let Some(dir) = std::env::var_os(CHILD) else {
        return;
    };
    let mut log = EventLog::open(Path::new(&dir)).unwrap();
    let session = log.sessions().unwrap()[0].id;
    let mut out = std::io::stdout();
    // Bounded, should nobody kill it.
    for _ in 0..2_000 {
        let numbers = log.append(session, &at(1, events(BATCH))).unwrap();
        writeln!(out, "logged {}", numbers[BATCH - 1].0).unwrap();
        out.flush().unwrap();
    }
}

#[test]
fn a_killed_writer_leaves_whole_batches() {
    let dir = tempfile::tempdir().unwrap();
    let session = EventLog::open(dir.path())
        .unwrap()
        .create_session(Path::new("/r"))
        .unwrap();
    for round in 0..12 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "writer_that_will_be_killed", "--nocapture"])
            .env(CHILD, dir.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut told = 0;
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        for _ in 0..=round * 3 {
            // The harness writes a line of its own before, without ending it.
            let number = lines.by_ref().find_map(|line| {
                line.unwrap()
                    .split_once("logged ")
                    .map(|(_, number)| number.parse::<usize>().unwrap())
            });
            told = number.unwrap();
        }
        child.kill().unwrap();
        assert_eq!(child.wait().unwrap().signal(), Some(9), "round {round}");

        let log = EventLog::open(dir.path()).unwrap();
        assert_eq!(log.set_aside(), None);
        let logged = check_gapless(&log, session);
        assert!(
            logged >= told,
            "round {round}: {told} were told, {logged} are there"
        );
        assert_eq!(logged % BATCH, 0, "round {round}: a batch is torn");
    }
}
