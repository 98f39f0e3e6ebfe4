//! Prints what a batch of 1,000 events costs: `cargo bench -p brisk-store`.
#![allow(clippy::print_stdout, clippy::unwrap_used)]

use brisk_domain::{Event, HunkId, LineKind, TurnId};
use brisk_store::{EventLog, Seq, Tail};
use std::path::Path;
use std::time::Instant;

const ROUNDS: usize = 50;
const BATCH: usize = 1_000;

fn main() {
    let dir = tempfile::tempdir().unwrap();
    let mut log = EventLog::open(dir.path()).unwrap();
    let session = log.create_session(Path::new("/repo")).unwrap();
    let line = Event::HunkLine {
        turn: TurnId(1),
        hunk: HunkId(1),
        kind: LineKind::Added,
        text: "    let header = parse_header(&input)?;".to_owned(),
    };
    let batch = vec![(1, line); BATCH];

    let measure = |work: &mut dyn FnMut()| {
        let mut times: Vec<_> = (0..ROUNDS)
            .map(|_| {
                let start = Instant::now();
                work();
                start.elapsed()
            })
            .collect();
        times.sort();
        (times[ROUNDS / 2], times[ROUNDS - 1])
    };
    let (median, worst) = measure(&mut || drop(log.append(session, &batch).unwrap()));
    println!("append of {BATCH} events, one transaction: median {median:?}, worst {worst:?}");
    let (median, worst) = measure(&mut || drop(log.append(session, &batch[..1]).unwrap()));
    println!("append of 1 event:                         median {median:?}, worst {worst:?}");
    let folder = tempfile::tempdir().unwrap();
    let mut tail = Tail::open(folder.path(), &mut log).unwrap();
    let mut seq = 0;
    let (median, worst) = measure(&mut || {
        for (at, event) in &batch {
            seq += 1;
            tail.push(session, Seq(seq), *at, event).unwrap();
        }
    });
    let one = |all: std::time::Duration| all / u32::try_from(BATCH).unwrap();
    println!(
        "1 event handed to the kernel:              median {:?}, worst {:?} (means of {BATCH})",
        one(median),
        one(worst)
    );
    let (median, worst) = measure(&mut || drop(log.read_from(session, Seq(20_000), BATCH).unwrap()));
    println!("read of {BATCH} events from the middle:     median {median:?}, worst {worst:?}");
}
