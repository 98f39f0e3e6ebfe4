//! The felt store from outside: what was written is read, joined, counted exactly, and gone when it is deleted.
#![allow(clippy::unwrap_used)]

use brisk_domain::{CancelReason, HunkId, Intent, Lane, ModelId, SessionId, TurnId};
use brisk_protocol::{ClientKind, FeltRecord, Stage, Stages, StopFelt};
use brisk_store::felt::{
    By, Figures, HunkFelt, Interval, Outcome, RetryCause, Share, Spread, Tokens, TurnEnd, TurnFelt,
    UNDO_WINDOW_US, figures_by,
};
use brisk_store::{EventLog, FeltStore};

const SESSION: SessionId = SessionId(4);
const HOUR: u64 = 3_600_000_000;
/// Some noon, microseconds since 1970.
const NOON: u64 = 1_790_000_000_000_000;

fn stages(moments: &[(Stage, u64)]) -> Stages {
    let mut stages = Stages::default();
    moments.iter().for_each(|(stage, us)| stages.mark(*stage, *us));
    stages
}

fn hunk(hunk: u64, outcome: Outcome) -> HunkFelt {
    HunkFelt {
        hunk: HunkId(hunk),
        added: 2,
        removed: 1,
        outcome,
    }
}

fn turn(turn: u64, began_us: u64) -> TurnFelt {
    TurnFelt {
        session: SESSION,
        turn: TurnId(turn),
        began_us,
        lane: Some(Lane::Fast),
        model: Some(ModelId("tiny".into())),
        intent: Intent::Edit,
        asked_for_tests: turn == 1,
        end: TurnEnd::EndTurn,
        stages: stages(&[
            (Stage::Acknowledged, 1_010),
            (Stage::Request, 1_020),
            (Stage::FirstToken, 1_100),
            (Stage::Complete, 1_300),
        ]),
        tokens: Tokens {
            input: 100,
            cached: 60,
            output: 20,
        },
        shape: [("intent".to_owned(), "edit".to_owned())].into(),
        hunks: vec![],
        retries: vec![],
    }
}

fn felt(turn: u64, key: u64) -> FeltRecord {
    FeltRecord {
        session_id: SESSION,
        turn: TurnId(turn),
        client: ClientKind::Cli,
        stages: stages(&[
            (Stage::Key, key),
            (Stage::FirstLine, 1_150),
            (Stage::Complete, 1_400),
        ]),
        stop: None,
    }
}

#[test]
fn both_sides_of_a_turn_are_read_as_one() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = FeltStore::open(dir.path()).unwrap();
    // Only a turn that the daemon knows can be felt.
    assert!(!store.client(&felt(1, 1_000)).unwrap());
    let mut made = turn(1, NOON);
    made.end = TurnEnd::Cancelled(CancelReason::Interrupted);
    made.hunks = vec![
        hunk(1, Outcome::Undecided),
        hunk(2, Outcome::Kept { at_us: NOON }),
    ];
    made.retries = vec![RetryCause::Stalled, RetryCause::Unusable];
    store.turn(&made).unwrap();
    // Told twice is told once.
    store.turn(&turn(1, NOON + HOUR)).unwrap();
    let mut record = felt(1, 1_000);
    record.stop = Some(StopFelt {
        key: 1_200,
        silent_after: Some(9),
    });
    assert!(store.client(&record).unwrap());
    assert!(!store.client(&felt(1, 1)).unwrap(), "the first record counts");
    store.stopped(SESSION, TurnId(1), 1_250).unwrap();
    store.stopped(SESSION, TurnId(1), 1_240).unwrap();
    store.outcome(SESSION, HunkId(1), Outcome::Rejected).unwrap();
    store.undone(SESSION, HunkId(1), NOON + 7).unwrap();
    store.undone(SESSION, HunkId(2), NOON + 5).unwrap();
    store.undone(SESSION, HunkId(2), NOON + 6).unwrap();
    drop(store);

    let read = FeltStore::open(dir.path()).unwrap().turns(0).unwrap();
    assert_eq!(read.len(), 1);
    let read = &read[0];
    assert_eq!(
        (read.session, read.turn, read.client),
        (SESSION, TurnId(1), ClientKind::Cli)
    );
    assert_eq!((read.lane, read.intent), (Some(Lane::Fast), Some(Intent::Edit)));
    assert_eq!(read.end, "cancelled:interrupted");
    let want = stages(&[
        (Stage::Key, 1_000),
        (Stage::Acknowledged, 1_010),
        (Stage::Request, 1_020),
        (Stage::FirstToken, 1_100),
        (Stage::FirstLine, 1_150),
        (Stage::Complete, 1_400),
    ]);
    assert_eq!(read.stages, want);
    assert_eq!((read.stop, read.model_stopped_after), (record.stop, Some(50)));
    assert_eq!(read.retries, made.retries);
    assert_eq!(read.tokens, made.tokens);
    let outcomes: Vec<_> = read
        .hunks
        .iter()
        .map(|h| (h.outcome, h.undone_after_us))
        .collect();
    assert_eq!(
        outcomes,
        [
            (Outcome::Rejected, None),
            (Outcome::Kept { at_us: NOON }, Some(5))
        ]
    );
}

#[test]
fn old_turns_go_and_nothing_of_them_stays() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = FeltStore::open(dir.path()).unwrap();
    for (n, began) in [(1, NOON - 100 * 24 * HOUR), (2, NOON - 48 * HOUR), (3, NOON)] {
        let mut made = turn(n, began);
        made.model = Some(ModelId(format!("model-number-{n}")));
        made.hunks = vec![hunk(n, Outcome::Undecided)];
        made.retries = vec![RetryCause::Quota];
        store.turn(&made).unwrap();
    }
    assert_eq!(store.delete_before(NOON - 90 * 24 * HOUR).unwrap(), 1);
    let left = store.turns(0).unwrap();
    assert_eq!(left.len(), 2);
    assert_eq!(store.turns(NOON).unwrap().len(), 1);

    // A day is the person's own, as it was written down.
    assert_eq!(store.delete_days(Some("no day")).unwrap(), 0);
    assert_eq!(store.delete_days(Some(&left[1].day)).unwrap(), 1);
    let left = store.turns(0).unwrap();
    assert_eq!((left.len(), left[0].turn, left[0].hunks.len()), (1, TurnId(3), 1));
    assert_eq!(store.delete_days(None).unwrap(), 1);
    assert!(store.turns(0).unwrap().is_empty());
    // The file and its journal hold none of it, while the store is still open.
    for entry in std::fs::read_dir(dir.path()).unwrap() {
        let path = entry.unwrap().path();
        let bytes = std::fs::read(&path).unwrap();
        let found = bytes.windows(12).any(|w| w == b"model-number");
        assert!(!found, "{}", path.display());
    }
    // The number of a deleted turn may be written again.
    store.turn(&turn(1, NOON)).unwrap();
    assert_eq!(store.turns(0).unwrap().len(), 1);
}

#[test]
fn the_store_is_the_persons_own_and_no_part_of_the_log() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    let _log = EventLog::open(dir.path()).unwrap();
    let _store = FeltStore::open(dir.path()).unwrap();
    let path = FeltStore::path_in(dir.path());
    assert_eq!(
        std::fs::metadata(&path).unwrap().permissions().mode() & 0o777,
        0o600
    );
    drop(_store);
    std::fs::write(&path, vec![7; 9_000]).unwrap();
    let store = FeltStore::open(dir.path()).unwrap();
    assert!(store.set_aside().is_some_and(|aside| aside.path.exists()));
}

#[test]
fn figures_are_exact() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = FeltStore::open(dir.path()).unwrap();
    for n in 1..=10 {
        let mut made = turn(n, NOON + n);
        made.model = Some(ModelId(if n <= 4 { "a" } else { "b" }.into()));
        made.hunks = match n {
            1 => vec![
                hunk(1, Outcome::Kept { at_us: NOON }),
                hunk(2, Outcome::Kept { at_us: NOON }),
                hunk(3, Outcome::Rejected),
            ],
            2 => vec![hunk(4, Outcome::Kept { at_us: NOON })],
            _ => vec![],
        };
        made.retries = vec![RetryCause::Network; usize::from(n == 3) * 2];
        store.turn(&made).unwrap();
        store.client(&felt(n, 1_000 - n * 10)).unwrap();
    }
    store.undone(SESSION, HunkId(1), NOON + UNDO_WINDOW_US).unwrap();
    store
        .undone(SESSION, HunkId(2), NOON + UNDO_WINDOW_US + 1)
        .unwrap();

    let turns = store.turns(0).unwrap();
    let all = Figures::of(&turns);
    assert_eq!(all.turns, 10);
    let spread = |figures: &Figures, wanted| {
        let found = figures.intervals.iter().find(|(i, _)| *i == wanted);
        found.map(|(_, spread)| *spread)
    };
    // 20, 30, ... 110 after keys at 990, 980, ... 900.
    let acknowledged = spread(&all, Interval::Key(Stage::Acknowledged));
    let want = Spread {
        n: 10,
        p50: 60,
        p90: 100,
        p99: 110,
    };
    assert_eq!(acknowledged, Some(want));
    assert_eq!(spread(&all, Interval::Model).map(|s| s.p50), Some(80));
    assert_eq!(spread(&all, Interval::Silence), None);
    assert_eq!(spread(&all, Interval::Key(Stage::FirstHunk)), None);
    assert_eq!(all.outcomes[0], ("kept", Share { n: 3, of: 4 }));
    assert_eq!(all.outcomes[1], ("rejected", Share { n: 1, of: 4 }));
    assert_eq!(all.undone, Share { n: 1, of: 3 });
    assert_eq!(all.asked_for_tests, Share { n: 1, of: 10 });
    assert_eq!(all.retried, Share { n: 1, of: 10 });
    assert_eq!(all.retries, [("network".to_owned(), 2)].into());
    assert_eq!(all.ends, [("end_turn".to_owned(), 10)].into());
    assert_eq!(
        (all.lines.map(|s| (s.n, s.p99)), all.kept_lines),
        (Some((2, 9)), 9)
    );
    assert_eq!(all.tokens.input, 1_000);

    let models = figures_by(&turns, By::Model);
    let sizes: Vec<_> = models.iter().map(|(name, f)| (name.as_str(), f.turns)).collect();
    assert_eq!(sizes, [("a", 4), ("b", 6)]);
    assert_eq!(figures_by(&turns, By::Lane).keys().collect::<Vec<_>>(), ["fast"]);
    assert_eq!(figures_by(&turns, By::Day).len(), 1);
}

#[test]
fn percentiles_are_values_that_occurred() {
    let check = |values: &[u64], want: Option<[u64; 3]>| {
        let spread = Spread::of(values.to_vec());
        assert_eq!(spread.map(|s| [s.p50, s.p90, s.p99]), want, "{values:?}");
    };
    check(&[], None);
    check(&[7], Some([7, 7, 7]));
    check(&[9, 1], Some([1, 9, 9]));
    check(&[3, 1, 2], Some([2, 3, 3]));
    let hundred = Spread::of((1..=100).rev().collect()).unwrap();
    assert_eq!((hundred.p50, hundred.p90, hundred.p99), (50, 90, 99));
}

#[test]
fn a_store_of_the_first_form_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = FeltStore::open(dir.path()).unwrap();
    store.turn(&turn(1, NOON)).unwrap();
    drop(store);
    let db = rusqlite::Connection::open(FeltStore::path_in(dir.path())).unwrap();
    db.execute_batch("ALTER TABLE turns DROP COLUMN shape; PRAGMA user_version = 1;")
        .unwrap();
    drop(db);
    let mut store = FeltStore::open(dir.path()).unwrap();
    assert!(store.set_aside().is_none());
    store.turn(&turn(2, NOON + HOUR)).unwrap();
    let shapes: Vec<usize> = store.turns(0).unwrap().iter().map(|t| t.shape.len()).collect();
    assert_eq!(shapes, [0, 1], "what was not written down is not there");
}
